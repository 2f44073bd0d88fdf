/* SPDX-License-Identifier: MIT */
/*
 * `linfsp start`: by systemd where it has the unit, else by running linfspd in the background. The service says over a
 * pipe that it listens, or why it could not; only then does the verb end.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/process.h"
#include "util/clock.h"
#include "util/paths.h"
#include "wire/connect.h"

#define LOG_FILE "/var/log/linfspd.log"
#define LOG_SIZE_MAX (1 << 20)
#define READY_TIMEOUT_MS 10000
#define UNIT "linfspd.service"

/* Beside the command, where it was built to be, or in PATH. */
static int look_for_service(char *ret_path, size_t size) {
    const char *given = getenv("LINFSPD");
    if (given && given[0]) {
        snprintf(ret_path, size, "%s", given);
        return access(ret_path, X_OK) == 0 ? 0 : -errno;
    }
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash) {
        *slash = '\0';
        static const char *const beside[] = {"../sbin/linfspd", "linfspd", "../service/linfspd" /* a build folder */};
        for (size_t i = 0; i < ARRAY_SIZE(beside); i++)
            if ((size_t)snprintf(ret_path, size, "%s/%s", self, beside[i]) < size && access(ret_path, X_OK) == 0)
                return 0;
    }
    snprintf(ret_path, size, "%s", LINFSP_SBINDIR "/linfspd");
    if (access(ret_path, X_OK) == 0)
        return 0;
    return program_find("linfspd", ret_path, size);
}

/* Returns 0, or the verb's exit status. */
static int find_service(const struct verb *verb, char *ret_path, size_t size) {
    int result = look_for_service(ret_path, size);
    const char *named = getenv("LINFSPD");
    if (result == 0)
        return 0;
    if (named && *named)
        return verb_fail(verb, "LINFSPD=%s: %s", named, strerror(-result));
    return verb_fail(verb,
                     "linfspd was not found: neither beside this command, nor in %s or PATH. Install LinFsp as a "
                     "whole, or say where it is: LINFSPD=PATH linfsp %s",
                     LINFSP_SBINDIR, verb->name);
}

/* A log that has become large is kept under another name, once. */
static void rotate_log(void) {
    struct stat status;
    if (lstat(LOG_FILE, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > LOG_SIZE_MAX)
        (void)rename(LOG_FILE, LOG_FILE ".1");
}

/* In the child: becomes the service. ready_fd is the write end of the pipe. */
static void become_service(const char *path, int ready_fd, char **arguments) {
    int null = open("/dev/null", O_RDWR);
    int log = open(LOG_FILE, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0640);
    if (null < 0 || log < 0) {
        dprintf(ready_fd, "cannot open %s: %s", null < 0 ? "/dev/null" : LOG_FILE, strerror(errno));
        _exit(1);
    }
    setsid();
    umask(022);
    if (chdir("/") < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0 || dup2(ready_fd, 3) < 0)
        _exit(1);
    close_range(4, ~0u, 0);
    char *argv[64] = {(char *)(uintptr_t)path, "--ready-fd=3"};
    for (size_t i = 2; *arguments && i + 1 < ARRAY_SIZE(argv); i++)
        argv[i] = *arguments++;
    execv(path, argv);
    dprintf(3, "cannot run %s: %s", path, strerror(errno));
    _exit(1);
}

/* Reads what the service has to say. Returns 1 when it is ready, 0 when it is not (ret_text then says why, or is
 * empty), -ETIMEDOUT. */
static int await_ready(int fd, char *ret_text, size_t size) {
    int64_t end = clock_ms() + READY_TIMEOUT_MS;
    size_t used = 0;
    for (;;) {
        int64_t left = end - clock_ms();
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int ready = left > 0 ? poll(&wait, 1, (int)left) : 0;
        if (ready == 0)
            return -ETIMEDOUT;
        if (ready < 0)
            continue;
        ssize_t got = read(fd, ret_text + used, size - 1 - used);
        if (got > 0)
            used += (size_t)got;
        ret_text[used] = '\0';
        if (strstr(ret_text, "READY\n"))
            return 1;
        if (got <= 0) {
            ret_text[strcspn(ret_text, "\n")] = '\0';
            return 0;
        }
    }
}

/* What the service logged since, at the end of which stands why it did not start. */
static void show_log_since(off_t offset) {
    _cleanup_close_ int fd = open(LOG_FILE, O_RDONLY | O_CLOEXEC);
    char text[4096];
    off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    off_t from = end - offset > (off_t)sizeof text ? end - (off_t)sizeof text : offset;
    ssize_t size = end > from ? pread(fd, text, sizeof text, from) : 0;
    if (size > 0 && write(STDERR_FILENO, text, (size_t)size) < 0)
        return; /* then the exit status has to do */
}

static off_t log_size(void) {
    struct stat status;
    return stat(LOG_FILE, &status) == 0 ? status.st_size : 0;
}

static int start_in_background(const struct verb *verb, const char *path, char **arguments) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return verb_fail(verb, "cannot make a pipe: %s", strerror(errno));
    _cleanup_close_ int read_end = ends[0];
    _cleanup_close_ int write_end = ends[1];
    rotate_log();
    off_t logged = log_size();
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        return verb_fail(verb, "cannot fork: %s", strerror(errno));
    if (pid == 0)
        become_service(path, write_end, arguments);
    close_fd(&write_end);
    char text[1024] = "";
    int result = await_ready(read_end, text, sizeof text);
    if (result == 1) {
        printf("linfspd %s started, pid %d; its log is %s\n", LINFSP_VERSION, pid, LOG_FILE);
        return 0;
    }
    show_log_since(logged);
    if (result < 0) {
        kill(pid, SIGTERM);
        return verb_fail(verb, "linfspd was not ready within %d s and was ended; see %s", READY_TIMEOUT_MS / 1000,
                         LOG_FILE);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    if (text[0])
        return verb_fail(verb, "linfspd could not start: %s", text);
    return verb_fail(verb, "linfspd ended (%s %d) before it was ready; see %s",
                     WIFSIGNALED(status) ? "signal" : "status",
                     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), LOG_FILE);
}

/* Whether a service runs already; then says so. One that was killed just now may take a moment to be gone; one that
 * does not answer in the time of a whole request hangs. */
static bool runs_already(const struct verb *verb, int *ret_status) {
    static union wire_message status;
    int result = 0;
    for (int attempt = 0; attempt < 10 && result != -ETIMEDOUT; attempt++) {
        _cleanup_close_ int socket = -1;
        if (client_open_quietly(&socket) < 0)
            return false;
        result = client_status(socket, &status);
        if (result == 0) {
            printf("linfspd %s runs already, pid %" PRIu32 "\n", status.status.version, status.status.pid);
            *ret_status = 0;
            return true;
        }
        usleep(100000);
    }
    *ret_status = result == -ETIMEDOUT
                      ? verb_fail(verb, "a linfspd runs and does not answer: kill -KILL \"$(pgrep -ox linfspd)\", then "
                                        "start again; volumes go on")
                      : verb_fail(verb, "a service is there, but: %s", status.error.message);
    return true;
}

/* what: start or restart */
static int ask_systemd(const struct verb *verb, char *what) {
    char path[4096];
    if (program_find("systemctl", path, sizeof path) < 0)
        return verb_fail(verb, "systemctl is not to be found");
    int status = program_run((char *[]){path, what, UNIT, NULL});
    if (status != 0)
        return verb_fail(verb, "systemd could not %s it; see: journalctl -u linfspd", what);
    printf("linfspd %sed by systemd; its log: journalctl -u linfspd\n", what);
    return 0;
}

static int run(const struct verb *verb, int argc, char **argv) {
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'}, {"foreground", no_argument, NULL, 'f'}, {0}};
    bool foreground = false;
    for (int c; (c = getopt_long(argc, argv, "+hf", options, NULL)) != -1;) {
        if (c == 'h')
            return verb_show_help(verb);
        if (c != 'f')
            return verb_usage(verb);
        foreground = true;
    }
    bool ended = optind > 1 && strcmp(argv[optind - 1], "--") == 0;
    if (optind < argc && !ended) {
        verb_fail(verb, "unexpected argument '%s'", argv[optind]);
        return verb_usage(verb);
    }
    if (wire_in_container())
        return verb_fail(verb, "this is a container; the LinFsp service is started on the host, as root, by: %s",
                         LINFSP_START_COMMAND);
    int status;
    if (runs_already(verb, &status))
        return status;
    if (geteuid() != 0)
        return verb_fail(verb, "the service is started by root: sudo %s", LINFSP_START_COMMAND);
    if (!foreground && optind == argc && systemd_has_unit(UNIT) && !getenv("LINFSPD"))
        return ask_systemd(verb, "start");
    char path[4096];
    status = find_service(verb, path, sizeof path);
    if (status != 0)
        return status;
    if (!foreground)
        return start_in_background(verb, path, argv + optind);
    argv[optind - 1] = path;
    execv(path, argv + optind - 1);
    return verb_fail(verb, "cannot run %s: %s", path, strerror(errno));
}

const struct verb verb_start = {
    .name = "start",
    .summary = "start the service, on the host",
    .help = "usage: linfsp start [--foreground] [-- OPTION-OF-LINFSPD...]\n\n"
            "Starts the host service linfspd and returns when it is ready. Containers that\n"
            "run already get LinFsp too. Where systemd has the unit linfspd.service, it is\n"
            "started by it. A service that runs already is left alone. In a container this\n"
            "verb fails: there is one service, and it runs on the host.\n\n"
            "  -f, --foreground  do not go into the background, log to this terminal\n\n"
            "examples:\n"
            "  sudo linfsp start\n"
            "  sudo linfsp start --foreground\n"
            "  linfsp start && docker run --rm debian /dev/linfsp/bin/linfsp status\n",
    .run = run,
};

/* Ends the service alone: volumes stay. Returns 0 when its process is gone, 1 when none runs, or a negative errno. */
static int end_service_alone(const struct verb *verb) {
    static union wire_message status;
    _cleanup_close_ int socket = -1;
    if (client_open_quietly(&socket) < 0)
        return 1;
    if (client_status(socket, &status) < 0) {
        verb_note(verb, "%s", status.error.message);
        return -EIO;
    }
    _cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, status.status.pid, 0);
    if (pidfd < 0 || syscall(SYS_pidfd_send_signal, pidfd, SIGUSR1, NULL, 0) < 0)
        return errno == ESRCH ? 0 : -errno;
    struct pollfd wait = {.fd = pidfd, .events = POLLIN};
    int ready;
    do
        ready = poll(&wait, 1, READY_TIMEOUT_MS);
    while (ready < 0 && errno == EINTR);
    return ready > 0 ? 0 : -ETIMEDOUT;
}

static bool systemd_runs_it(void) {
    char path[4096], text[256];
    return systemd_has_unit(UNIT) && program_find("systemctl", path, sizeof path) == 0 &&
           program_ask((char *[]){path, "is-active", "--quiet", UNIT, NULL}, CLIENT_TIMEOUT_MS, text, sizeof text) == 0;
}

/* As the new service will read it, with its options. Else ret_text says what is wrong. */
static bool configuration_is_right(char *path, char **arguments, char *ret_text, size_t size) {
    char *command[64] = {path, (char *)(uintptr_t) "--check"};
    for (size_t i = 2; *arguments && i + 1 < ARRAY_SIZE(command); i++)
        command[i] = *arguments++;
    return program_ask(command, CLIENT_TIMEOUT_MS, ret_text, size) == 0;
}

static int run_restart(const struct verb *verb, int argc, char **argv) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
    for (int c; (c = getopt_long(argc, argv, "+h", options, NULL)) != -1;)
        return c == 'h' ? verb_show_help(verb) : verb_usage(verb);
    if (optind < argc && strcmp(argv[optind - 1], "--") != 0) {
        verb_fail(verb, "unexpected argument '%s'", argv[optind]);
        return verb_usage(verb);
    }
    if (wire_in_container())
        return verb_fail(verb, "this is a container; the LinFsp service is restarted on the host, as root");
    if (geteuid() != 0)
        return verb_fail(verb, "the service is restarted by root: sudo linfsp restart");
    char path[4096], text[4096] = "";
    int status = find_service(verb, path, sizeof path);
    if (status != 0)
        return status;
    if (!configuration_is_right(path, argv + optind, text, sizeof text))
        return verb_fail(verb, "nothing was restarted: the configuration is wrong: %s", text);
    if (optind == argc && systemd_runs_it())
        return ask_systemd(verb, "restart");
    int result = end_service_alone(verb);
    if (result < 0)
        return verb_fail(verb, "the service that runs does not end: %s", strerror(-result));
    return start_in_background(verb, path, argv + optind);
}

const struct verb verb_restart = {
    .name = "restart",
    .summary = "replace the service by the installed one; volumes go on",
    .help = "usage: linfsp restart [-- OPTION-OF-LINFSPD...]\n\n"
            "Ends the service and starts the one that is installed, as after an upgrade.\n"
            "Volumes and open files go on meanwhile, and the new service takes them over.\n"
            "Containers that start in between get LinFsp from the new service. Where systemd\n"
            "runs the service, systemd restarts it. With a wrong configuration nothing is\n"
            "restarted.\n\n"
            "examples:\n"
            "  sudo linfsp restart\n",
    .run = run_restart,
};
