/* SPDX-License-Identifier: MIT */
/* What the functions of FUSE 2 and FUSE 3 share: the command line, fuse_main, fuse_new. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "winfsp/fuse/internal.h"

static void *FSP_FUSE_CALL own_allocate(size_t size) {
    return malloc(size);
}

static void FSP_FUSE_CALL own_free(void *memory) {
    free(memory);
}

static int FSP_FUSE_CALL own_nothing(int foreground) {
    (void)foreground;
    return 0;
}

static int FSP_FUSE_CALL own_no_handlers(void *session) {
    (void)session;
    return 0;
}

struct fsp_fuse_env *fsp_env_own(void) {
    static struct fsp_fuse_env env = {.environment = FSP_FUSE_ENVIRONMENT,
                                      .memalloc = own_allocate,
                                      .memfree = own_free,
                                      .daemonize = own_nothing,
                                      .set_signal_handlers = own_no_handlers};
    return &env;
}

/* ---- the command line ------------------------------------------------------------------------------------------ */

struct parsing {
    struct fsp_fuse_env *env;
    struct fsp_command_line line;
};

enum { KEY_DEBUG = 1 };

#define LINE(template, member)                                                                                         \
    { template, offsetof(struct parsing, line.member), 1 }

static const struct fuse_opt line_templates[] = {
    LINE("-s", single_thread),
    LINE("-f", foreground),
    LINE("-h", help),
    LINE("--help", help),
    LINE("-V", version),
    LINE("--version", version),
    FUSE_OPT_KEY("-d", KEY_DEBUG),
    FUSE_OPT_KEY("debug", KEY_DEBUG),
    FUSE_OPT_END,
};

static int FSP_FUSE_CALL take_line(void *data, const char *arg, int key, struct fuse_args *outargs) {
    struct parsing *parsing = data;
    (void)outargs;
    if (key == KEY_DEBUG) {
        parsing->line.debug = parsing->line.foreground = 1;
        return 1; /* the volume's options have it, too */
    }
    if (key != FUSE_OPT_KEY_NONOPT)
        return 1;
    if (parsing->line.mount_point) {
        fprintf(stderr, "fuse: invalid argument `%s'\n", arg);
        return -1;
    }
    parsing->line.mount_point = fsp_env_strndup(parsing->env, arg, strlen(arg));
    return parsing->line.mount_point ? 0 : -1;
}

int fsp_command_line_parse(struct fsp_fuse_env *env, struct fuse_args *args, struct fsp_command_line *ret_line) {
    struct parsing parsing = {.env = env};
    if (fsp_fuse_opt_parse(env, args, &parsing, line_templates, take_line) < 0) {
        if (parsing.line.mount_point)
            env->memfree(parsing.line.mount_point);
        return -1;
    }
    *ret_line = parsing.line;
    return 0;
}

/* ---- making and serving ---------------------------------------------------------------------------------------- */

struct fsp_fuse *fsp_fuse_new_of(struct fuse_args *args, const struct fsp_calls *calls, const void *ops, size_t size,
                                 void *data) {
    struct fsp_options options;
    if (fsp_options_parse(args, &options) < 0)
        return NULL;
    if (options.help) {
        fsp_options_help();
        fsp_options_clear(&options);
        return NULL;
    }
    struct fsp_fuse *fuse = fsp_fuse_make(calls, ops, size, data, &options);
    if (!fuse) {
        fprintf(stderr, "fuse: out of memory\n");
        fsp_options_clear(&options);
    }
    return fuse;
}

static void usage(const char *program) {
    fprintf(stderr,
            "usage: %s [OPTION...] MOUNTPOINT\n"
            "MOUNTPOINT is Z: (/mnt/z), * (the first letter that is free) or a directory\n"
            "    -o OPTION[,OPTION...]      options, below\n"
            "    -f, -s, -d                 in the foreground; one thread; show requests\n"
            "    -h, -V\n",
            program ? program : "program");
    fsp_options_help();
}

static void mounted(void *argument) {
    (void)argument;
    fsp_platform_background_ready(0);
}

static int serve(const struct fsp_command_line *line, struct fuse_args *args, const struct fsp_calls *calls,
                 const void *ops, size_t size, void *data) {
    struct fsp_fuse *fuse = fsp_fuse_new_of(args, calls, ops, size, data);
    if (!fuse)
        return 1;
    int r = fsp_fuse_set_mount_point(fuse, line->mount_point);
    if (r == 0 && !fuse->mount_point && !fuse->options.prefix) {
        fprintf(stderr, "fuse: missing mount point; %s -h tells what it may be\n", args->argc ? args->argv[0] : "");
        r = -EINVAL;
    }
    if (r == 0 && !line->foreground)
        r = fsp_platform_background();
    if (r == 0)
        r = fsp_fuse_run(fuse, line->single_thread ? 1 : 0, mounted, NULL);
    fsp_platform_background_ready(r < 0);
    fsp_fuse_free(fuse);
    return r < 0;
}

int fsp_fuse_main(struct fsp_fuse_env *env, int argc, char *argv[], const struct fsp_calls *calls, const void *ops,
                  size_t size, void *data) {
    struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
    struct fsp_command_line line;
    int status = 1;
    if (fsp_command_line_parse(env, &args, &line) < 0)
        return 1;
    if (line.help)
        usage(args.argc ? args.argv[0] : NULL);
    else if (line.version) {
        fprintf(stderr, "LinFsp %s, FUSE API of WinFsp 2.2\n", linfsp_version());
        status = 0;
    } else
        status = serve(&line, &args, calls, ops, size, data);
    if (line.mount_point)
        env->memfree(line.mount_point);
    fsp_fuse_opt_free_args(env, &args);
    return status;
}
