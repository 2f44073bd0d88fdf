/* SPDX-License-Identifier: MIT */
/* The functions of FUSE 2: fsp_fuse_... with the caller's env, and the same without, for callers who have none. */
#include "winfsp/fuse/fuse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "winfsp/fuse/internal.h"
#include "winfsp/status.h"

/* A struct fuse is a struct fsp_fuse. */
static struct fsp_fuse *mine(struct fuse *f) {
    return (struct fsp_fuse *)(void *)f;
}

struct fuse_chan {
    char *mount_point;
};

int FSP_FUSE_CALL fsp_fuse_version(struct fsp_fuse_env *env) {
    (void)env;
    return FUSE_VERSION;
}

struct fuse_chan *FSP_FUSE_CALL fsp_fuse_mount(struct fsp_fuse_env *env, const char *mountpoint,
                                               struct fuse_args *args) {
    struct fuse_chan *channel = calloc(1, sizeof *channel);
    (void)env;
    (void)args;
    if (channel && mountpoint)
        channel->mount_point = strdup(mountpoint);
    return channel;
}

void FSP_FUSE_CALL fsp_fuse_unmount(struct fsp_fuse_env *env, const char *mountpoint, struct fuse_chan *ch) {
    (void)env;
    (void)mountpoint;
    if (ch)
        free(ch->mount_point);
    free(ch);
}

int FSP_FUSE_CALL fsp_fuse_parse_cmdline(struct fsp_fuse_env *env, struct fuse_args *args, char **mountpoint,
                                         int *multithreaded, int *foreground) {
    struct fsp_command_line line;
    if (fsp_command_line_parse(env, args, &line) < 0)
        return -1;
    if (line.help || line.version) {
        if (line.mount_point)
            env->memfree(line.mount_point);
        fsp_options_help();
        return -1;
    }
    if (mountpoint)
        *mountpoint = line.mount_point;
    else if (line.mount_point)
        env->memfree(line.mount_point);
    if (multithreaded)
        *multithreaded = !line.single_thread;
    if (foreground)
        *foreground = line.foreground;
    return 0;
}

int32_t FSP_FUSE_CALL fsp_fuse_ntstatus_from_errno(struct fsp_fuse_env *env, int err) {
    (void)env;
    return fsp_status_from_errno(fsp_flavour_result(-err));
}

int FSP_FUSE_CALL fsp_fuse_main_real(struct fsp_fuse_env *env, int argc, char *argv[],
                                     const struct fuse_operations *ops, size_t opsize, void *data) {
    return fsp_fuse_main(env, argc, argv, &fsp_calls2, ops, opsize, data);
}

int FSP_FUSE_CALL fsp_fuse_is_lib_option(struct fsp_fuse_env *env, const char *opt) {
    (void)env;
    return fsp_options_known(opt);
}

struct fuse *FSP_FUSE_CALL fsp_fuse_new(struct fsp_fuse_env *env, struct fuse_chan *ch, struct fuse_args *args,
                                        const struct fuse_operations *ops, size_t opsize, void *data) {
    (void)env;
    struct fsp_fuse *fuse = fsp_fuse_new_of(args, &fsp_calls2, ops, opsize, data);
    if (fuse && fsp_fuse_set_mount_point(fuse, ch ? ch->mount_point : NULL) < 0) {
        fsp_fuse_free(fuse);
        return NULL;
    }
    return (struct fuse *)(void *)fuse;
}

void FSP_FUSE_CALL fsp_fuse_destroy(struct fsp_fuse_env *env, struct fuse *f) {
    (void)env;
    fsp_fuse_free(mine(f));
}

int FSP_FUSE_CALL fsp_fuse_loop(struct fsp_fuse_env *env, struct fuse *f) {
    (void)env;
    return fsp_fuse_run(mine(f), 1, NULL, NULL) < 0 ? -1 : 0;
}

int FSP_FUSE_CALL fsp_fuse_loop_mt(struct fsp_fuse_env *env, struct fuse *f) {
    (void)env;
    return fsp_fuse_run(mine(f), 0, NULL, NULL) < 0 ? -1 : 0;
}

void FSP_FUSE_CALL fsp_fuse_exit(struct fsp_fuse_env *env, struct fuse *f) {
    (void)env;
    fsp_fuse_stop(mine(f));
}

int FSP_FUSE_CALL fsp_fuse_exited(struct fsp_fuse_env *env, struct fuse *f) {
    (void)env;
    return !f || atomic_load(&mine(f)->exited);
}

int FSP_FUSE_CALL fsp_fuse_notify(struct fsp_fuse_env *env, struct fuse *f, const char *path, uint32_t action) {
    (void)env;
    (void)action;
    return fsp_flavour_error(fsp_fuse_changed(mine(f), path));
}

struct fuse_context *FSP_FUSE_CALL fsp_fuse_get_context(struct fsp_fuse_env *env) {
    (void)env;
    return (struct fuse_context *)(void *)fsp_fuse_context();
}

/* The library watches signals by itself while a loop runs. */
void FSP_FUSE_CALL fsp_fuse_signal_handler(int signal) {
    struct fsp_context *context = fsp_fuse_context();
    (void)signal;
    if (context->fuse)
        fsp_fuse_stop(context->fuse);
}

/* ---- without env ----------------------------------------------------------------------------------------------- */

#define EXPORTED FSP_FUSE_API

EXPORTED int FSP_FUSE_CALL fuse_version(void);
EXPORTED struct fuse_chan *FSP_FUSE_CALL fuse_mount(const char *mountpoint, struct fuse_args *args);
EXPORTED void FSP_FUSE_CALL fuse_unmount(const char *mountpoint, struct fuse_chan *ch);
EXPORTED int FSP_FUSE_CALL fuse_parse_cmdline(struct fuse_args *args, char **mountpoint, int *multithreaded,
                                              int *foreground);
EXPORTED int FSP_FUSE_CALL fuse_main_real(int argc, char *argv[], const struct fuse_operations *ops, size_t opsize,
                                          void *data);
EXPORTED int FSP_FUSE_CALL fuse_is_lib_option(const char *opt);
EXPORTED struct fuse *FSP_FUSE_CALL fuse_new(struct fuse_chan *ch, struct fuse_args *args,
                                             const struct fuse_operations *ops, size_t opsize, void *data);
EXPORTED void FSP_FUSE_CALL fuse_destroy(struct fuse *f);
EXPORTED int FSP_FUSE_CALL fuse_loop(struct fuse *f);
EXPORTED int FSP_FUSE_CALL fuse_loop_mt(struct fuse *f);
EXPORTED void FSP_FUSE_CALL fuse_exit(struct fuse *f);
EXPORTED int FSP_FUSE_CALL fuse_exited(struct fuse *f);
EXPORTED int FSP_FUSE_CALL fuse_notify(struct fuse *f, const char *path, uint32_t action);
EXPORTED struct fuse_context *FSP_FUSE_CALL fuse_get_context(void);
EXPORTED int FSP_FUSE_CALL fuse_opt_parse(struct fuse_args *args, void *data, const struct fuse_opt opts[],
                                          fuse_opt_proc_t proc);
EXPORTED int FSP_FUSE_CALL fuse_opt_add_arg(struct fuse_args *args, const char *arg);
EXPORTED int FSP_FUSE_CALL fuse_opt_insert_arg(struct fuse_args *args, int pos, const char *arg);
EXPORTED void FSP_FUSE_CALL fuse_opt_free_args(struct fuse_args *args);
EXPORTED int FSP_FUSE_CALL fuse_opt_add_opt(char **opts, const char *opt);
EXPORTED int FSP_FUSE_CALL fuse_opt_add_opt_escaped(char **opts, const char *opt);
EXPORTED int FSP_FUSE_CALL fuse_opt_match(const struct fuse_opt opts[], const char *opt);

int FSP_FUSE_CALL fuse_version(void) {
    return FUSE_VERSION;
}

struct fuse_chan *FSP_FUSE_CALL fuse_mount(const char *mountpoint, struct fuse_args *args) {
    return fsp_fuse_mount(fsp_env_own(), mountpoint, args);
}

void FSP_FUSE_CALL fuse_unmount(const char *mountpoint, struct fuse_chan *ch) {
    fsp_fuse_unmount(fsp_env_own(), mountpoint, ch);
}

int FSP_FUSE_CALL fuse_parse_cmdline(struct fuse_args *args, char **mountpoint, int *multithreaded, int *foreground) {
    return fsp_fuse_parse_cmdline(fsp_env_own(), args, mountpoint, multithreaded, foreground);
}

int FSP_FUSE_CALL fuse_main_real(int argc, char *argv[], const struct fuse_operations *ops, size_t opsize, void *data) {
    return fsp_fuse_main_real(fsp_env_own(), argc, argv, ops, opsize, data);
}

int FSP_FUSE_CALL fuse_is_lib_option(const char *opt) {
    return fsp_fuse_is_lib_option(fsp_env_own(), opt);
}

struct fuse *FSP_FUSE_CALL fuse_new(struct fuse_chan *ch, struct fuse_args *args, const struct fuse_operations *ops,
                                    size_t opsize, void *data) {
    return fsp_fuse_new(fsp_env_own(), ch, args, ops, opsize, data);
}

void FSP_FUSE_CALL fuse_destroy(struct fuse *f) {
    fsp_fuse_destroy(fsp_env_own(), f);
}

int FSP_FUSE_CALL fuse_loop(struct fuse *f) {
    return fsp_fuse_loop(fsp_env_own(), f);
}

int FSP_FUSE_CALL fuse_loop_mt(struct fuse *f) {
    return fsp_fuse_loop_mt(fsp_env_own(), f);
}

void FSP_FUSE_CALL fuse_exit(struct fuse *f) {
    fsp_fuse_exit(fsp_env_own(), f);
}

int FSP_FUSE_CALL fuse_exited(struct fuse *f) {
    return fsp_fuse_exited(fsp_env_own(), f);
}

int FSP_FUSE_CALL fuse_notify(struct fuse *f, const char *path, uint32_t action) {
    return fsp_fuse_notify(fsp_env_own(), f, path, action);
}

struct fuse_context *FSP_FUSE_CALL fuse_get_context(void) {
    return fsp_fuse_get_context(fsp_env_own());
}

int FSP_FUSE_CALL fuse_opt_parse(struct fuse_args *args, void *data, const struct fuse_opt opts[],
                                 fuse_opt_proc_t proc) {
    return fsp_fuse_opt_parse(fsp_env_own(), args, data, opts, proc);
}

int FSP_FUSE_CALL fuse_opt_add_arg(struct fuse_args *args, const char *arg) {
    return fsp_fuse_opt_add_arg(fsp_env_own(), args, arg);
}

int FSP_FUSE_CALL fuse_opt_insert_arg(struct fuse_args *args, int pos, const char *arg) {
    return fsp_fuse_opt_insert_arg(fsp_env_own(), args, pos, arg);
}

void FSP_FUSE_CALL fuse_opt_free_args(struct fuse_args *args) {
    fsp_fuse_opt_free_args(fsp_env_own(), args);
}

int FSP_FUSE_CALL fuse_opt_add_opt(char **opts, const char *opt) {
    return fsp_fuse_opt_add_opt(fsp_env_own(), opts, opt);
}

int FSP_FUSE_CALL fuse_opt_add_opt_escaped(char **opts, const char *opt) {
    return fsp_fuse_opt_add_opt_escaped(fsp_env_own(), opts, opt);
}

int FSP_FUSE_CALL fuse_opt_match(const struct fuse_opt opts[], const char *opt) {
    return fsp_fuse_opt_match(fsp_env_own(), opts, opt);
}
