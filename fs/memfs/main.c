/* SPDX-License-Identifier: MIT */
/*
 * The program memfs.
 *
 * Model. Options become a struct volume, which is mounted and then served until a signal stops it or it is unmounted.
 * With -b a child does all that, and its parent waits for the child's word that it is mounted.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "delay.h"
#include "memory.h"
#include "operations.h"
#include "options.h"
#include "pass.h"
#include "sddl.h"
#include "spelling.h"
#include "util/cleanup.h"
#include "util/help.h"

static linfsp_volume *running;

static void stop(int signal_number _unused_) {
    linfsp_volume_stop(running);
}

static void catch_signals(void) {
    struct sigaction action = {.sa_handler = stop, .sa_flags = SA_RESTART}, before;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN) /* nohup */
        sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* our own limit of a file's size is the volume's: ENOSPC */
}

/* One line at once, from whichever thread. */
static void print_trace(void *context _unused_, const char *line) {
    fprintf(stderr, "%s\n", line);
}

static int make_volume(const struct options *options, struct volume *ret_volume) {
    uint64_t size = options_volume_size(options), memory = memory_available();
    uint64_t nodes = options->nodes_max < NODES_MAX ? options->nodes_max : NODES_MAX;
    uint64_t most = memory - memory / 8; /* the rest is for names and nodes, and for others */
    if (size == OPTIONS_UNLIMITED)
        size = memory / 2; /* as tmpfs has it */
    int r = volume_init(ret_volume, options->case_insensitive, size < most ? size : most, nodes);
    if (r < 0)
        return r;
    ret_volume->size = size;
    ret_volume->timeout = options->timeout;
    ret_volume->purge = options->purge;
    if (options->file_size_max < ret_volume->file_size_max)
        ret_volume->file_size_max = options->file_size_max;
    return 0;
}

static void set_root(struct volume *volume, const struct options *options) {
    struct sddl sddl = {.mode = 0777};
    struct sddl_error error;
    if (options->root_sddl)
        sddl_parse(options->root_sddl, &sddl, &error); /* which options_parse has seen to be right */
    volume->root->uid = sddl.has_owner ? sddl.owner : linfsp_volume_owner_uid(volume->mounted);
    volume->root->gid = sddl.has_group ? sddl.group : linfsp_volume_owner_gid(volume->mounted);
    volume->root->permissions = sddl.mode & 0777;
}

static int mount_volume(struct volume *volume, const struct options *options, struct linfsp_error *ret_error) {
    struct linfsp_volume_options mount = {
        .size = sizeof mount,
        .file_system_name = options->file_system_name,
        .mount_point = options->mount_point,
        .prefix = options->prefix,
        .want = operations_want(volume),
        .flags = options->take_over ? LINFSP_VOLUME_TAKE_OVER : 0,
        .root_mode = 0777,
        .trace = options->trace ? print_trace : NULL,
    };
    int r = linfsp_volume_create(&mount, &memfs_operations, volume, &volume->mounted, ret_error);
    if (r < 0)
        return r;
    if (options->take_over)
        return 0;
    set_root(volume, options);
    if (volume->pass && !(linfsp_volume_granted(volume->mounted) & LINFSP_WANT_PASSTHROUGH))
        fputs("memfs: --pass-through: this kernel cannot (it takes Linux 6.9); files are read and written by memfs\n",
              stderr);
    return 0;
}

/* What is mounted where, in a line. */
static void announce(const struct volume *volume, const struct options *options) {
    const char *mount_point = linfsp_volume_mount_point(volume->mounted);
    const char *unc = linfsp_volume_unc_path(volume->mounted);
    printf("memfs: %s on ", options->file_system_name);
    if (mount_point)
        fputs(mount_point, stdout);
    if (mount_point && unc)
        fputs(" and ", stdout);
    if (unc)
        fputs(unc, stdout);
    putchar('\n');
    fflush(stdout);
}

/* Files in memory are open files too, one day: as many as we may. */
static void raise_limits(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* ---- the background -------------------------------------------------------------------------------------------- */

/* In the child with the pipe's end to write to when mounted; the parent never returns. -1 in ret_ready without -b. */
static void go_to_background(const struct options *options, int *ret_ready) {
    int ends[2];
    char mounted;
    if (!options->background)
        return;
    pid_t child = pipe2(ends, O_CLOEXEC) == 0 ? fork() : -1;
    if (child < 0) {
        fprintf(stderr, "memfs: -b: %s\n", strerror(errno));
        _exit(EXIT_FAILURE);
    }
    if (child > 0) {
        close(ends[1]);
        if (read(ends[0], &mounted, 1) == 1)
            _exit(EXIT_SUCCESS);
        int status = 0; /* it has said why */
        waitpid(child, &status, 0);
        _exit(WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
    }
    close(ends[0]);
    setsid();
    *ret_ready = ends[1];
}

/* From here on nothing is left of the terminal, but standard error where it is the trace's. */
static void tell_parent(const struct options *options, int *ready) {
    if (*ready < 0)
        return;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        if (!options->trace)
            dup2(null, STDERR_FILENO);
        close(null);
    }
    if (chdir("/") == 0 && write(*ready, "", 1) == 1)
        close_fd(ready);
}

/* ---- running --------------------------------------------------------------------------------------------------- */

static int open_log(const char *name) {
    if (!name || !strcmp(name, "-"))
        return 0;
    _cleanup_close_ int log = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (log < 0 || dup2(log, STDERR_FILENO) < 0) {
        fprintf(stderr, "memfs: -D %s: %s\n", name, strerror(errno));
        return -1;
    }
    return 0;
}

/* 1: another memfs has it now, and with it the memory files. */
static int serve(struct volume *volume, const struct options *options, int *ready) {
    struct linfsp_error error = {.message = ""};
    int r = mount_volume(volume, options, &error);
    if (r < 0) {
        fprintf(stderr, "memfs: %s\n", error.message[0] ? error.message : strerror(-r));
        return r;
    }
    if (volume->names.fold && !volume->spellings && !(volume->spellings = spellings_new(volume))) {
        linfsp_volume_destroy(volume->mounted);
        return -ENOMEM;
    }
    running = volume->mounted;
    catch_signals();
    announce(volume, options);
    tell_parent(options, ready);
    r = linfsp_volume_run(volume->mounted);
    const char *why = linfsp_volume_end_reason(volume->mounted);
    if (r < 0)
        fprintf(stderr, "memfs: the volume ended: %s\n", why ? why : strerror(-r));
    bool handed_over = linfsp_volume_handed_over(volume->mounted);
    if (handed_over)
        fputs("memfs: another memfs has taken the volume over\n", stderr);
    running = NULL;
    spellings_end(volume->spellings);
    delay_finish(volume->delay);
    linfsp_volume_destroy(volume->mounted);
    return handed_over ? 1 : r;
}

static int run(const struct options *options) {
    static struct volume volume;
    static struct pass pass;
    pass.from = options->pass_from;
    _cleanup_close_ int ready = -1;
    if (open_log(options->log_file) < 0)
        return EXIT_FAILURE;
    raise_limits();
    go_to_background(options, &ready);
    int r = make_volume(options, &volume);
    if (options->pass_from != OPTIONS_UNLIMITED || options->take_over)
        volume.pass = &pass;
    if (r == 0 && options->case_insensitive && !options->take_over && !(volume.spellings = spellings_new(&volume)))
        r = -ENOMEM;
    if (r == 0 && options->delay_max > 0 &&
        !(volume.delay = delay_new(options->delay_max, options->delay_percent, options->delay_rarefy)))
        r = -ENOMEM;
    if (r < 0) {
        fprintf(stderr, "memfs: %s\n", strerror(-r));
        return EXIT_FAILURE;
    }
    r = serve(&volume, options, &ready);
    if (r > 0)
        return EXIT_SUCCESS;
    spellings_end(volume.spellings);
    spellings_free(volume.spellings);
    delay_finish(volume.delay);
    delay_free(volume.delay);
    volume_free(&volume);
    pass_free(&pass);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv) {
    struct options options;
    struct options_error error;
    if (options_parse(argc, argv, &options, &error) < 0) {
        fprintf(stderr, "memfs: %s\n", error.message);
        return 2;
    }
    switch (options.action) {
    case OPTIONS_HELP:
        help_print(stdout, options_help, terminal_width());
        return EXIT_SUCCESS;
    case OPTIONS_VERSION:
        printf("memfs (LinFsp) %s\n", linfsp_version());
        return EXIT_SUCCESS;
    default:
        return run(&options);
    }
}
