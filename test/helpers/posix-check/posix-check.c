/* SPDX-License-Identifier: MIT */
#include "posix-check.h"

#include <ftw.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>

#define SKIPPED 77
#define FAILED 1
#define TIME_LIMIT 60 /* s a check */
#define SLOW 2.0 /* s: is said */
#define JOBS_MAX 16
#define CHECKS_MAX 256
#define TMPFS_MAGIC 0x01021994

static int report = -1; /* a check's last words */

/* ---- what checks use ------------------------------------------------------------------------------------------- */

static void say(const char *format, va_list arguments) {
    char text[512];
    int length = vsnprintf(text, sizeof text, format, arguments);
    if (length > (int)sizeof text - 1)
        length = (int)sizeof text - 1;
    for (int i = 0; i < length; i++)
        if (text[i] == '\n' || text[i] == '#')
            text[i] = ' ';
    if (write(report, text, (size_t)length) < 0)
        abort();
}

void fail_at(const char *file, int line, const char *format, ...) {
    char text[512], place[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const char *base = strrchr(file, '/');
    snprintf(place, sizeof place, "%s:%d: %s", base ? base + 1 : file, line, text);
    if (write(report, place, strlen(place)) < 0)
        abort();
    _exit(FAILED);
}

void skip(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    _exit(SKIPPED);
}

void put_file(const char *path, const char *text) {
    int fd = (int)OK(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    EQUAL(write(fd, text, strlen(text)), strlen(text));
    OK(close(fd));
}

void expect_file(const char *path, const char *text) {
    char got[4096];
    int fd = (int)OK(open(path, O_RDONLY | O_CLOEXEC));
    ssize_t size = OK(read(fd, got, sizeof got));
    close(fd);
    if ((size_t)size != strlen(text) || memcmp(got, text, (size_t)size) != 0)
        fail_at(__FILE__, __LINE__, "%s holds \"%.*s\", not \"%s\"", path, (int)size, got, text);
}

void expect_absent(const char *path) {
    struct stat status;
    FAILS(ENOENT, lstat(path, &status));
}

struct stat stat_of(const char *path) {
    struct stat status;
    if (lstat(path, &status) < 0)
        fail_at(__FILE__, __LINE__, "lstat %s: %s", path, strerror(errno));
    return status;
}

int open_new(const char *path) {
    return (int)OK(open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
}

void in_child(void (*function)(void)) {
    int status;
    pid_t child = (pid_t)OK(fork());
    if (child == 0) {
        function();
        _exit(0);
    }
    OK(waitpid(child, &status, 0));
    if (!WIFEXITED(status))
        fail_at(__FILE__, __LINE__, "a child ended by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        _exit(WEXITSTATUS(status)); /* it has said why */
}

static struct {
    uid_t uid;
    gid_t gid;
    void (*function)(void);
} other;

static void become_other(void) {
    OK(setgroups(0, NULL));
    OK(setresgid(other.gid, other.gid, other.gid));
    OK(setresuid(other.uid, other.uid, other.uid));
    other.function();
}

void as_user(uid_t uid, gid_t gid, void (*function)(void)) {
    other.uid = uid;
    other.gid = gid;
    other.function = function;
    in_child(become_other);
}

void need_root(void) {
    if (geteuid() != 0)
        skip("needs root");
}

bool on_tmpfs(void) {
    struct statfs status;
    OK(statfs(".", &status));
    return status.f_type == TMPFS_MAGIC;
}

uint64_t draw(uint64_t below) {
    static uint64_t seed = 88172645463325252;
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

void let_time_pass(void) {
    struct timespec wait = {0, 12000000};
    nanosleep(&wait, NULL);
}

bool is_before(struct timespec a, struct timespec b) {
    return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec);
}

/* ---- running --------------------------------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where) {
    (void)status;
    (void)type;
    return where->level == 0 ? 0 : remove(path);
}

/* What a failed check left behind. */
static void clean_up(const char *path) {
    nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS);
}

static void run_in_child(const struct check *check, int end) {
    report = end;
    setpgid(0, 0);
    umask(022);
    OK(mkdir(check->name, 0777));
    OK(chdir(check->name));
    check->run();
    _exit(0);
}

/* A check under way. */
struct job {
    const struct check *check;
    pid_t child;
    int end; /* of the pipe that its last words come through */
    struct timespec started;
};

static double seconds_since(struct timespec then) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - then.tv_sec) + (double)(now.tv_nsec - then.tv_nsec) / 1e9;
}

static void start(const struct check *check, struct job *ret_job) {
    int ends[2];
    OK(pipe2(ends, O_CLOEXEC));
    fflush(stdout);
    clock_gettime(CLOCK_MONOTONIC, &ret_job->started);
    ret_job->check = check;
    ret_job->end = ends[0];
    ret_job->child = (pid_t)OK(fork());
    if (ret_job->child == 0)
        run_in_child(check, ends[1]);
    close(ends[1]);
}

static bool print_result(const struct job *job, int number, int status) {
    char text[1024] = "";
    fcntl(job->end, F_SETFL, O_NONBLOCK);
    ssize_t length = read(job->end, text, sizeof text - 1);
    text[length > 0 ? length : 0] = '\0';
    bool skipped = status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED;
    bool holds = skipped || (status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    printf("%s %d - %s%s%s\n", holds ? "ok" : "not ok", number, job->check->name, skipped ? " # SKIP " : "",
           skipped ? text : "");
    if (!holds && status == -1)
        printf("# took longer than %d s %s\n", TIME_LIMIT, text);
    else if (!holds && WIFSIGNALED(status))
        printf("# ended by signal %d %s\n", WTERMSIG(status), text);
    else if (!holds)
        printf("# %s\n", text);
    if (seconds_since(job->started) > SLOW)
        printf("# %s: %.1f s\n", job->check->name, seconds_since(job->started));
    return holds;
}

/* Whether it has ended, or been ended by the time limit; whatever it started goes with it. What it left is removed. */
static bool try_finish(struct job *job, int number, int *failed) {
    int status = -1;
    bool late = seconds_since(job->started) > TIME_LIMIT;
    if (waitpid(job->child, &status, WNOHANG) != job->child) {
        if (!late)
            return false;
        kill(-job->child, SIGKILL);
        waitpid(job->child, &status, 0);
        status = -1;
    }
    kill(-job->child, SIGKILL);
    *failed += !print_result(job, number, status);
    close(job->end);
    chmod(job->check->name, 0777);
    clean_up(job->check->name);
    if (rmdir(job->check->name) < 0)
        printf("# %s: left behind: %s\n", job->check->name, strerror(errno));
    return true;
}

/* Up to jobs of them side by side. Returns how many failed. */
static int run_checks(const struct check *const *checks, int count, int jobs, int *number) {
    struct job running[JOBS_MAX];
    int under_way = 0, failed = 0;
    for (int next = 0; next < count || under_way > 0;) {
        while (next < count && under_way < jobs)
            start(checks[next++], &running[under_way++]);
        for (int i = 0; i < under_way; i++)
            if (try_finish(&running[i], *number + 1, &failed)) {
                ++*number;
                running[i--] = running[--under_way];
            }
        struct timespec wait = {0, 2000000};
        nanosleep(&wait, NULL);
    }
    return failed;
}

/* "name" chooses a check, "!name" all others. */
static bool is_chosen(const struct check *check, char **names) {
    bool chosen = !*names || **names == '!';
    for (; *names; names++)
        if (!strcmp(*names, check->name))
            chosen = true;
        else if (**names == '!' && !strcmp(*names + 1, check->name))
            return false;
    return chosen;
}

int main(int argc, char **argv) {
    const struct check *groups[] = {
        file_checks, range_checks, directory_checks, rename_checks, link_checks, attribute_checks,
        acl_checks,  lock_checks,  volume_checks,    NULL,          NULL};
    const size_t count_of_groups = sizeof groups / sizeof *groups;
    bool list = false;
    int at = 1, count = 0, number = 0, failed = 0, jobs = 1, waiting = 0;
    const struct check *together[CHECKS_MAX];
    for (; at < argc && !strncmp(argv[at], "--", 2); at++) {
        if (!strcmp(argv[at], "--list"))
            list = true;
        else if (!strncmp(argv[at], "--jobs=", 7))
            jobs = atoi(argv[at] + 7);
        else if (!strcmp(argv[at], "--ignore-case"))
            groups[count_of_groups - 2] = case_checks;
        else
            at = argc;
    }
    if ((at >= argc && !list) || jobs < 1 || jobs > JOBS_MAX) {
        fprintf(stderr, "usage: posix-check [--list] [--ignore-case] [--jobs=N] DIRECTORY [CHECK | !CHECK...]\n");
        return 2;
    }
    if (!list && chdir(argv[at++]) < 0) {
        perror(argv[at - 1]);
        return 2;
    }
    for (size_t i = 0; groups[i]; i++)
        for (const struct check *check = groups[i]; check->name; check++)
            if (list)
                puts(check->name);
            else
                count += is_chosen(check, argv + at);
    if (list)
        return 0;
    printf("1..%d\n", count);
    for (size_t i = 0; groups[i]; i++) {
        const struct check *chosen[CHECKS_MAX];
        int n = 0;
        for (const struct check *check = groups[i]; check->name; check++)
            if (is_chosen(check, argv + at))
                chosen[n++] = check;
        if (groups[i] == volume_checks) { /* what others take would be seen */
            failed += run_checks(together, waiting, jobs, &number);
            waiting = 0;
            failed += run_checks(chosen, n, 1, &number);
        } else {
            memcpy(together + waiting, chosen, (size_t)n * sizeof *chosen);
            waiting += n;
        }
    }
    failed += run_checks(together, waiting, jobs, &number);
    return failed > 0;
}
