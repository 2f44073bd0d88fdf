/* SPDX-License-Identifier: MIT */
/*
 * `linfsp wine`: runs a Windows program in Wine, in a prefix of its own.
 *
 * Model. The verb stays the program's parent until it ends: it passes on what it is told by signals, reaps what Wine
 * leaves behind (in a container it may be process 1), and removes the prefix. A program that serves a volume ends by
 * itself when it gets SIGTERM: winfsp-x64.dll sees to that.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/process.h"
#include "cli/wine.h"

#define FAILED 125 /* as `linfsp run` */
#define PATIENCE_S 8 /* after SIGTERM; Docker's own is 10 */
#define ENDING_TRIES 50
#define ENDING_WAIT_US 100000

/* ---- the program ----------------------------------------------------------------------------------------------- */

/* Where a program of the search path is; others are as Wine finds them: in the current folder, or its own. */
static const char *program_of(const char *name, char *buffer, size_t size) {
    if (strpbrk(name, "/\\") || access(name, F_OK) == 0 || program_find(name, buffer, size) < 0)
        return name;
    return buffer;
}

static pid_t start(const struct wine *wine, const char *prefix, char **command, const sigset_t *mask) {
    char found[PATH_MAX];
    size_t n = 0;
    while (command[n])
        n++;
    const char **arguments = calloc(n + 2, sizeof *arguments);
    if (!arguments)
        return -1;
    arguments[0] = wine->loader;
    arguments[1] = program_of(command[0], found, sizeof found);
    for (size_t i = 1; i < n; i++)
        arguments[i + 1] = command[i];
    pid_t child = fork();
    if (child == 0) {
        sigprocmask(SIG_SETMASK, mask, NULL);
        wine_set_environment(prefix);
        execv(wine->loader, (char *const *)(uintptr_t)arguments);
        fprintf(stderr, "linfsp wine: cannot run %s: %s\n", wine->loader, strerror(errno));
        _exit(127);
    }
    free(arguments);
    return child;
}

/* Reaps all that has ended. True: child was among them, and this is its status. */
static bool reap(pid_t child, int *ret_status) {
    bool ended = false;
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        if (pid == child) {
            *ret_status = status;
            ended = true;
        }
    return ended;
}

/* A terminal's Ctrl-C goes to the program as well, of itself. */
static bool to_be_passed_on(const siginfo_t *info) {
    return info->si_signo != SIGCHLD && !(info->si_signo == SIGINT && info->si_code == SI_KERNEL);
}

static int wait_for(pid_t child, const sigset_t *signals) {
    siginfo_t info;
    int status = 0;
    bool told = false;
    const struct timespec patience = {.tv_sec = PATIENCE_S};
    while (!reap(child, &status)) {
        int signal = sigtimedwait(signals, &info, told ? &patience : NULL);
        if (signal < 0 && errno == EAGAIN)
            kill(child, SIGKILL);
        else if (signal > 0 && to_be_passed_on(&info)) {
            kill(child, SIGTERM);
            told = true;
        }
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run_in(const struct verb *verb, const struct wine *wine, const char *prefix, char **command) {
    sigset_t signals, before;
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, &before);
    pid_t child = start(wine, prefix, command, &before);
    int status = child < 0 ? verb_fail(verb, "cannot start Wine: %s", strerror(errno)),
        FAILED             : wait_for(child, &signals);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return status;
}

/* What Wine leaves behind becomes our child, and ends once its server has. */
static void reap_the_rest(void) {
    for (int i = 0; i < ENDING_TRIES; i++) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid < 0)
            return;
        if (pid == 0)
            usleep(ENDING_WAIT_US);
    }
}

/* ---- `linfsp wine` --------------------------------------------------------------------------------------------- */

static int make_private(const struct verb *verb, char *ret_prefix, size_t size) {
    const char *named = getenv("TMPDIR");
    const char *const places[] = {named ? named : "/tmp", "/dev/shm", "/tmp"};
    for (size_t i = 0; i < ARRAY_SIZE(places); i++)
        if ((size_t)snprintf(ret_prefix, size, "%s/linfsp-wine.XXXXXX", places[i]) < size && mkdtemp(ret_prefix))
            return 0;
    return verb_fail(verb, "there is no folder for a prefix, /tmp and /dev/shm cannot be written: %s", strerror(errno)),
           -1;
}

static int run_command(const struct verb *verb, const char *given, char **command) {
    struct wine wine;
    char prefix[PATH_MAX];
    if (wine_find(verb, &wine) < 0)
        return FAILED;
    if (given && !realpath(given, prefix) && (errno != ENOENT || mkdir(given, 0700) < 0 || !realpath(given, prefix)))
        return verb_fail(verb, "--prefix '%s': %s", given, strerror(errno)), FAILED;
    if (!given && make_private(verb, prefix, sizeof prefix) < 0)
        return FAILED;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    int r = 0;
    if (!wine_prefix_exists(prefix))
        r = wine_prefix_make(verb, &wine, prefix);
    else if (!wine_prefix_prepared(&wine, prefix))
        r = wine_prefix_prepare(verb, &wine, prefix);
    int status = r < 0 ? FAILED : run_in(verb, &wine, prefix, command);
    if (!given) {
        wine_prefix_end(&wine, prefix);
        reap_the_rest();
        wine_prefix_remove(prefix);
    }
    return status;
}

static int run_wine(const struct verb *verb, int argc, char **argv) {
    enum { PREFIX = 256 };
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'}, {"prefix", required_argument, NULL, PREFIX}, {0}};
    const char *prefix = NULL;
    for (int c; (c = getopt_long(argc, argv, "+h", options, NULL)) != -1;) {
        if (c == 'h')
            return verb_show_help(verb);
        if (c != PREFIX)
            return verb_usage(verb), FAILED;
        prefix = optarg;
    }
    if (optind >= argc) {
        verb_fail(verb, "it takes a Windows program to run");
        return verb_usage(verb), FAILED;
    }
    return run_command(verb, prefix, argv + optind);
}

const struct verb verb_wine = {
    .name = "wine",
    .summary = "run a Windows file system in Wine",
    .help = "usage: linfsp wine [OPTION...] [--] PROGRAM [ARGUMENT...]\n\n"
            "Runs a Windows program in Wine, in a prefix of its own, where it finds LinFsp's\n"
            "winfsp-x64.dll as it would find WinFsp's: Windows file systems run unmodified.\n"
            "The prefix is made for this run and removed afterwards; it has links to Wine's\n"
            "files. D: to Z: are the volumes /mnt/d to /mnt/z, B: is the root, and\n"
            "\\\\server\\share is /unc/server/share. SIGTERM ends the program. The exit status\n"
            "is the program's, 125 where it was not run.\n\n"
            "      --prefix DIR   a prefix that is kept; made where it does not exist\n\n"
            "examples:\n"
            "  linfsp wine memfs-x64.exe -i -F NTFS -m Z:\n"
            "  linfsp wine cmd /c 'dir Z:\\'\n",
    .run = run_wine,
};

/* ---- `linfsp wine-setup` --------------------------------------------------------------------------------------- */

static int run_setup(const struct verb *verb, int argc, char **argv) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
    struct wine wine;
    char prefix[PATH_MAX];
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;)
        return c == 'h' ? verb_show_help(verb) : verb_usage(verb);
    if (argc - optind != 1) {
        verb_fail(verb, "it takes one folder");
        return verb_usage(verb);
    }
    if (wine_find(verb, &wine) < 0)
        return EXIT_FAILURE;
    if (!realpath(argv[optind], prefix) && (mkdir(argv[optind], 0700) < 0 || !realpath(argv[optind], prefix)))
        return verb_fail(verb, "'%s': %s", argv[optind], strerror(errno));
    int r =
        wine_prefix_exists(prefix) ? wine_prefix_prepare(verb, &wine, prefix) : wine_prefix_make(verb, &wine, prefix);
    return r < 0 ? EXIT_FAILURE : 0;
}

const struct verb verb_wine_setup = {
    .name = "wine-setup",
    .summary = "prepare a Wine prefix for Windows file systems",
    .help = "usage: linfsp wine-setup PREFIX\n\n"
            "Prepares a folder for Windows file systems in Wine: the DLL winfsp-x64.dll, the\n"
            "registry entry by which programs find it, the drives D: to Z: for /mnt/d to\n"
            "/mnt/z, and \\\\server\\share. A prefix that Wine has made keeps what it has, but\n"
            "that Z:, where it was the machine's root, becomes B:. A folder that does not exist\n"
            "becomes a small prefix, of links to Wine's files.\n\n"
            "examples:\n"
            "  linfsp wine-setup ~/.wine\n"
            "  linfsp wine-setup /srv/prefix && WINEPREFIX=/srv/prefix wine rclone.exe ...\n",
    .run = run_setup,
};
