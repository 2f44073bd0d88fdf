/* SPDX-License-Identifier: MIT */
/* Many processes at once, and what must hold when they are done. */
#include "twins.h"

#include <dirent.h>
#include <signal.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>

#define LIMIT 150 /* s: after that they hang */
#define SETTLE_MS 5000 /* what is deleted may be freed a little later */
#define STABLE 100 /* files that nobody touches: every listing has to show each of them once */
#define LIST_EVERY 16

static int failures;

static void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("  ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    failures++;
}

/* ---- meanwhile ------------------------------------------------------------------------------------------------- */

static void make_stable(const struct world *world) {
    for (int i = 0; i < STABLE; i++) {
        char name[32];
        snprintf(name, sizeof name, "stable-%d", i);
        if (mknodat(world->root, name, S_IFREG | 0444, 0) < 0)
            give_up("%s: %s", name, strerror(errno));
    }
}

/* In pieces, going back once to where a piece began. */
static void check_listing(const struct world *world) {
    char buffer[700];
    int seen[STABLE] = {0}, number, again = 3;
    off_t position = 0;
    long n;
    int fd = openat(world->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while ((n = syscall(SYS_getdents64, fd, buffer, sizeof buffer)) > 0) {
        if (--again == 0) { /* what has just been listed is listed again */
            lseek(fd, position, SEEK_SET);
            continue;
        }
        for (long at = 0; at < n;) {
            struct dirent64 *entry = (struct dirent64 *)(void *)(buffer + at);
            if (sscanf(entry->d_name, "stable-%d", &number) == 1 && number >= 0 && number < STABLE)
                seen[number]++;
            position = entry->d_off;
            at += entry->d_reclen;
        }
    }
    close(fd);
    for (int i = 0; i < STABLE; i++)
        if (seen[i] != 1)
            fail("stable-%d was listed %d times", i, seen[i]);
}

static int run_job(const struct storm *storm, const char *path, int job) {
    struct chance chance = {storm->seed * 1000 + (uint64_t)job};
    struct world world;
    world_open(path, storm->ignores_case, &world);
    for (uint64_t i = 0; i < storm->steps && failures == 0; i++) {
        struct step step;
        struct result result;
        step_draw(&chance, false, storm->ignores_case, &step);
        step_run(&world, &step, &result);
        if (result.error == EIO || result.error == EUCLEAN || result.error == ENOTCONN) {
            step_print(stderr, &step);
            fail("%s", strerror(result.error));
        }
        if (one_in(&chance, LIST_EVERY))
            check_listing(&world);
    }
    world_close(&world);
    return failures > 0;
}

/* True when all have ended well and in time. */
static bool wait_for(const pid_t *jobs, int count) {
    time_t end = time(NULL) + LIMIT;
    bool well = true;
    for (int i = 0; i < count; i++) {
        int status = 0;
        while (waitpid(jobs[i], &status, WNOHANG) == 0 && time(NULL) < end)
            nanosleep(&(struct timespec){0, 20000000}, NULL);
        if (time(NULL) >= end) {
            fail("process %d has not ended within %d s", (int)jobs[i], LIMIT);
            kill(jobs[i], SIGKILL);
            return false;
        }
        well &= status == 0;
        if (WIFSIGNALED(status))
            fail("a process was ended by signal %d", WTERMSIG(status));
    }
    return well;
}

/* ---- when all is quiet ----------------------------------------------------------------------------------------- */

struct usage {
    uint64_t bytes, files;
};

static struct usage usage_of(const struct world *world) {
    struct statvfs all;
    if (fstatvfs(world->root, &all) < 0)
        give_up("statvfs: %s", strerror(errno));
    return (struct usage){(all.f_blocks - all.f_bfree) * all.f_frsize, all.f_files - all.f_ffree};
}

/* What the kernel remembers of a file is what the file system says. */
static void check_remembered(const struct world *world, const struct item *item) {
    struct statx fresh;
    const struct stat *status = &item->status;
    if (statx(world->root, item->real, AT_SYMLINK_NOFOLLOW | AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &fresh) < 0)
        fail("%s: statx: %s", item->path, strerror(errno));
    else if (fresh.stx_mode != status->st_mode || fresh.stx_nlink != status->st_nlink ||
             fresh.stx_uid != status->st_uid || fresh.stx_gid != status->st_gid ||
             fresh.stx_size != (uint64_t)status->st_size || fresh.stx_blocks != (uint64_t)status->st_blocks ||
             fresh.stx_mtime.tv_sec != status->st_mtim.tv_sec || fresh.stx_mtime.tv_nsec != status->st_mtim.tv_nsec ||
             fresh.stx_ctime.tv_sec != status->st_ctim.tv_sec || fresh.stx_ctime.tv_nsec != status->st_ctim.tv_nsec)
        fail("%s: remembered mode %o links %d size %lld blocks %lld, really %o %d %lld %lld, or times differ",
             item->path, status->st_mode, (int)status->st_nlink, (long long)status->st_size,
             (long long)status->st_blocks, fresh.stx_mode, (int)fresh.stx_nlink, (long long)fresh.stx_size,
             (long long)fresh.stx_blocks);
}

static uint64_t hash_contents(int fd) {
    static char bytes[1 << 16];
    uint64_t sum = 0;
    for (off_t at = 0; (at = lseek(fd, at, SEEK_DATA)) >= 0;) {
        ssize_t n = pread(fd, bytes, sizeof bytes, at &= ~(off_t)4095);
        if (n <= 0)
            break;
        for (ssize_t from = 0; from < n; from += 4096) /* by page: zeros may be holes or data */
            for (ssize_t i = from; i < n && i < from + 4096; i++)
                sum = sum * 31 + (unsigned char)bytes[i];
        at += n;
    }
    return sum;
}

/* What the kernel keeps of a file is what the file system has. */
static void check_contents(const struct world *world, const struct item *item) {
    int fd = openat(world->root, item->real, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    uint64_t kept = hash_contents(fd);
    if (fsync(fd) < 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
        fail("%s: fsync: %s", item->path, strerror(errno));
    if (hash_contents(fd) != kept)
        fail("%s: the kernel had other contents than the file system", item->path);
    close(fd);
}

static bool is_below(const char *path, const char *directory) {
    size_t size = strlen(directory);
    return !strncmp(path, directory, size) && path[size] == '/' && !strchr(path + size + 1, '/');
}

static void check_links(const struct tree *tree, const struct item *item) {
    uint64_t links = S_ISDIR(item->status.st_mode) ? 2 : 0;
    for (size_t i = 0; i < tree->count; i++) {
        const struct item *other = &tree->items[i];
        links += S_ISDIR(item->status.st_mode) ? S_ISDIR(other->status.st_mode) && is_below(other->path, item->path)
                                               : other->status.st_ino == item->status.st_ino;
    }
    if (links != item->status.st_nlink)
        fail("%s: %d links are counted, there are %d", item->path, (int)item->status.st_nlink, (int)links);
}

static uint64_t size_of_attributes(const struct world *world, const struct item *item) {
    char path[4200], names[8192];
    uint64_t bytes = 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d/%s", world->root, item->real);
    ssize_t size = llistxattr(path, names, sizeof names);
    for (ssize_t at = 0; at < size; at += (ssize_t)strlen(names + at) + 1) {
        ssize_t n = lgetxattr(path, names + at, NULL, 0);
        bytes += strlen(names + at) + (uint64_t)(n < 0 ? 0 : n) + 64;
    }
    return bytes;
}

static void wait_a_little(void) {
    nanosleep(&(struct timespec){0, 50000000}, NULL);
}

/* The volume counts what is in it; extended attributes as it likes. */
static void check_usage(const struct world *world, const struct tree *tree, struct usage before) {
    struct usage now = usage_of(world);
    uint64_t bytes = 0, attributes = 0, files = 0, names = tree->count - 1;
    for (size_t i = 1; i < tree->count; i++) {
        bool again = false;
        for (size_t j = 1; j < i && !again; j++)
            again = tree->items[j].status.st_ino == tree->items[i].status.st_ino;
        if (again)
            continue;
        files++;
        bytes += (uint64_t)tree->items[i].status.st_blocks * 512;
        attributes += size_of_attributes(world, &tree->items[i]);
    }
    attributes += size_of_attributes(world, &tree->items[0]);
    for (int ms = 0; ms < SETTLE_MS && now.files - before.files > names; ms += 50, now = usage_of(world))
        wait_a_little();
    if (now.bytes - before.bytes + 4096 < bytes || now.bytes - before.bytes > bytes + attributes + 2 * 4096)
        fail("the volume counts %llu bytes, its files have %llu, and %llu of attributes",
             (unsigned long long)(now.bytes - before.bytes), (unsigned long long)bytes, (unsigned long long)attributes);
    if (now.files - before.files < files || now.files - before.files > names)
        fail("the volume counts %llu files, there are %llu with %llu names",
             (unsigned long long)(now.files - before.files), (unsigned long long)files, (unsigned long long)names);
}

static void check_quiet(const struct world *world, struct usage before) {
    struct tree tree;
    tree_take(world, &tree);
    for (size_t i = 0; i < tree.count; i++) {
        check_remembered(world, &tree.items[i]);
        check_links(&tree, &tree.items[i]);
    }
    check_usage(world, &tree, before);
    for (size_t i = 0; i < tree.count; i++)
        if (S_ISREG(tree.items[i].status.st_mode))
            check_contents(world, &tree.items[i]);
    printf("  %zu names\n", tree.count - 1);
    tree_free(&tree);
}

/* All goes, from the deepest name up; then the volume is as before. */
static void check_empty(const struct world *world, struct usage before) {
    struct tree tree;
    struct usage now;
    tree_take(world, &tree);
    before.bytes += (size_of_attributes(world, &tree.items[0]) + 4095) / 4096 * 4096; /* which stays */
    for (size_t i = tree.count; i-- > 1;)
        if (unlinkat(world->root, tree.items[i].real, S_ISDIR(tree.items[i].status.st_mode) ? AT_REMOVEDIR : 0) < 0)
            fail("cannot remove %s: %s", tree.items[i].path, strerror(errno));
    tree_free(&tree);
    for (int ms = 0; ms < SETTLE_MS; ms += 50) {
        now = usage_of(world);
        if (now.bytes <= before.bytes && now.files == before.files)
            return;
        wait_a_little();
    }
    fail("empty, the volume counts %lld bytes and %lld files more than before", (long long)(now.bytes - before.bytes),
         (long long)(now.files - before.files));
}

int storm_run(const struct storm *storm) {
    char path[PATH_SIZE];
    pid_t jobs[64];
    struct world world;
    int count = storm->jobs < 64 ? storm->jobs : 64;
    snprintf(path, sizeof path, "%s/storm-%llu", storm->directory, (unsigned long long)storm->seed);
    if (mkdir(path, 0777) < 0 || chmod(path, 0777) < 0)
        give_up("%s: %s", path, strerror(errno));
    world_open(path, storm->ignores_case, &world);
    struct usage before = usage_of(&world);
    make_stable(&world);
    fflush(stdout);
    for (int i = 0; i < count; i++)
        if ((jobs[i] = fork()) == 0)
            _exit(run_job(storm, path, i));
    if (!wait_for(jobs, count))
        failures++;
    else
        check_quiet(&world, before);
    if (failures == 0)
        check_empty(&world, before);
    printf("storm of %d x %llu steps, seed %llu: %s\n", count, (unsigned long long)storm->steps,
           (unsigned long long)storm->seed, failures ? "does not hold" : "holds");
    return failures > 0;
}
