/* SPDX-License-Identifier: MIT */
/* The functions of FUSE 3: fsp_fuse3_... with the caller's env, and fuse3_... without. */
#include "winfsp/fuse3/fuse.h"

#include <errno.h>

#include "winfsp/fuse/internal.h"

static struct fsp_fuse *mine(struct fuse3 *f) {
    return (struct fsp_fuse *)(void *)f;
}

struct fuse3_conn_info_opts *FSP_FUSE_CALL fsp_fuse3_parse_conn_info_opts(struct fsp_fuse_env *env,
                                                                          struct fuse_args *args) {
    static char none;
    (void)env;
    (void)args;
    return (struct fuse3_conn_info_opts *)(void *)&none;
}

void FSP_FUSE_CALL fsp_fuse3_apply_conn_info_opts(struct fsp_fuse_env *env, struct fuse3_conn_info_opts *opts,
                                                  struct fuse3_conn_info *conn) {
    (void)env;
    (void)opts;
    (void)conn;
}

int FSP_FUSE_CALL fsp_fuse3_version(struct fsp_fuse_env *env) {
    (void)env;
    return FUSE_VERSION;
}

const char *FSP_FUSE_CALL fsp_fuse3_pkgversion(struct fsp_fuse_env *env) {
    (void)env;
    return "3.2";
}

int FSP_FUSE_CALL fsp_fuse3_main_real(struct fsp_fuse_env *env, int argc, char *argv[],
                                      const struct fuse3_operations *ops, size_t opsize, void *data) {
    return fsp_fuse_main(env, argc, argv, &fsp_calls3, ops, opsize, data);
}

void FSP_FUSE_CALL fsp_fuse3_lib_help(struct fsp_fuse_env *env, struct fuse_args *args) {
    (void)env;
    (void)args;
    fsp_options_help();
}

struct fuse3 *FSP_FUSE_CALL fsp_fuse3_new(struct fsp_fuse_env *env, struct fuse_args *args,
                                          const struct fuse3_operations *ops, size_t opsize, void *data) {
    (void)env;
    return (struct fuse3 *)(void *)fsp_fuse_new_of(args, &fsp_calls3, ops, opsize, data);
}

struct fuse3 *FSP_FUSE_CALL fsp_fuse3_new_30(struct fsp_fuse_env *env, struct fuse_args *args,
                                             const struct fuse3_operations *ops, size_t opsize, void *data) {
    return fsp_fuse3_new(env, args, ops, opsize, data);
}

void FSP_FUSE_CALL fsp_fuse3_destroy(struct fsp_fuse_env *env, struct fuse3 *f) {
    (void)env;
    fsp_fuse_free(mine(f));
}

int FSP_FUSE_CALL fsp_fuse3_mount(struct fsp_fuse_env *env, struct fuse3 *f, const char *mountpoint) {
    (void)env;
    return !f || fsp_fuse_set_mount_point(mine(f), mountpoint) < 0 ? -1 : 0;
}

void FSP_FUSE_CALL fsp_fuse3_unmount(struct fsp_fuse_env *env, struct fuse3 *f) {
    (void)env;
    fsp_fuse_stop(mine(f));
}

int FSP_FUSE_CALL fsp_fuse3_loop(struct fsp_fuse_env *env, struct fuse3 *f) {
    (void)env;
    return fsp_fuse_run(mine(f), 1, NULL, NULL) < 0 ? -1 : 0;
}

int FSP_FUSE_CALL fsp_fuse3_loop_mt(struct fsp_fuse_env *env, struct fuse3 *f, struct fuse3_loop_config *config) {
    (void)env;
    (void)config;
    return fsp_fuse_run(mine(f), 0, NULL, NULL) < 0 ? -1 : 0;
}

int FSP_FUSE_CALL fsp_fuse3_loop_mt_31(struct fsp_fuse_env *env, struct fuse3 *f, int clone_fd) {
    (void)clone_fd;
    return fsp_fuse3_loop_mt(env, f, NULL);
}

void FSP_FUSE_CALL fsp_fuse3_exit(struct fsp_fuse_env *env, struct fuse3 *f) {
    (void)env;
    fsp_fuse_stop(mine(f));
}

struct fuse3_context *FSP_FUSE_CALL fsp_fuse3_get_context(struct fsp_fuse_env *env) {
    (void)env;
    return (struct fuse3_context *)(void *)fsp_fuse_context();
}

/* ---- without env ----------------------------------------------------------------------------------------------- */

#define EXPORTED FSP_FUSE_API

EXPORTED int FSP_FUSE_CALL fuse3_main_real(int argc, char *argv[], const struct fuse3_operations *ops, size_t opsize,
                                           void *data);
EXPORTED void FSP_FUSE_CALL fuse3_lib_help(struct fuse_args *args);
EXPORTED struct fuse3 *FSP_FUSE_CALL fuse3_new(struct fuse_args *args, const struct fuse3_operations *ops,
                                               size_t opsize, void *data);
EXPORTED struct fuse3 *FSP_FUSE_CALL fuse3_new_30(struct fuse_args *args, const struct fuse3_operations *ops,
                                                  size_t opsize, void *data);
EXPORTED void FSP_FUSE_CALL fuse3_destroy(struct fuse3 *f);
EXPORTED int FSP_FUSE_CALL fuse3_mount(struct fuse3 *f, const char *mountpoint);
EXPORTED void FSP_FUSE_CALL fuse3_unmount(struct fuse3 *f);
EXPORTED int FSP_FUSE_CALL fuse3_loop(struct fuse3 *f);
EXPORTED int FSP_FUSE_CALL fuse3_loop_mt(struct fuse3 *f, struct fuse3_loop_config *config);
EXPORTED int FSP_FUSE_CALL fuse3_loop_mt_31(struct fuse3 *f, int clone_fd);
EXPORTED void FSP_FUSE_CALL fuse3_exit(struct fuse3 *f);
EXPORTED struct fuse3_context *FSP_FUSE_CALL fuse3_get_context(void);
EXPORTED struct fuse3_conn_info_opts *FSP_FUSE_CALL fuse3_parse_conn_info_opts(struct fuse_args *args);
EXPORTED void FSP_FUSE_CALL fuse3_apply_conn_info_opts(struct fuse3_conn_info_opts *opts, struct fuse3_conn_info *conn);
EXPORTED int FSP_FUSE_CALL fuse3_version(void);
EXPORTED const char *FSP_FUSE_CALL fuse3_pkgversion(void);

int FSP_FUSE_CALL fuse3_main_real(int argc, char *argv[], const struct fuse3_operations *ops, size_t opsize,
                                  void *data) {
    return fsp_fuse3_main_real(fsp_env_own(), argc, argv, ops, opsize, data);
}

void FSP_FUSE_CALL fuse3_lib_help(struct fuse_args *args) {
    fsp_fuse3_lib_help(fsp_env_own(), args);
}

struct fuse3 *FSP_FUSE_CALL fuse3_new(struct fuse_args *args, const struct fuse3_operations *ops, size_t opsize,
                                      void *data) {
    return fsp_fuse3_new(fsp_env_own(), args, ops, opsize, data);
}

struct fuse3 *FSP_FUSE_CALL fuse3_new_30(struct fuse_args *args, const struct fuse3_operations *ops, size_t opsize,
                                         void *data) {
    return fsp_fuse3_new_30(fsp_env_own(), args, ops, opsize, data);
}

void FSP_FUSE_CALL fuse3_destroy(struct fuse3 *f) {
    fsp_fuse3_destroy(fsp_env_own(), f);
}

int FSP_FUSE_CALL fuse3_mount(struct fuse3 *f, const char *mountpoint) {
    return fsp_fuse3_mount(fsp_env_own(), f, mountpoint);
}

void FSP_FUSE_CALL fuse3_unmount(struct fuse3 *f) {
    fsp_fuse3_unmount(fsp_env_own(), f);
}

int FSP_FUSE_CALL fuse3_loop(struct fuse3 *f) {
    return fsp_fuse3_loop(fsp_env_own(), f);
}

int FSP_FUSE_CALL fuse3_loop_mt(struct fuse3 *f, struct fuse3_loop_config *config) {
    return fsp_fuse3_loop_mt(fsp_env_own(), f, config);
}

int FSP_FUSE_CALL fuse3_loop_mt_31(struct fuse3 *f, int clone_fd) {
    return fsp_fuse3_loop_mt_31(fsp_env_own(), f, clone_fd);
}

void FSP_FUSE_CALL fuse3_exit(struct fuse3 *f) {
    fsp_fuse3_exit(fsp_env_own(), f);
}

struct fuse3_context *FSP_FUSE_CALL fuse3_get_context(void) {
    return fsp_fuse3_get_context(fsp_env_own());
}

struct fuse3_conn_info_opts *FSP_FUSE_CALL fuse3_parse_conn_info_opts(struct fuse_args *args) {
    return fsp_fuse3_parse_conn_info_opts(fsp_env_own(), args);
}

void FSP_FUSE_CALL fuse3_apply_conn_info_opts(struct fuse3_conn_info_opts *opts, struct fuse3_conn_info *conn) {
    fsp_fuse3_apply_conn_info_opts(fsp_env_own(), opts, conn);
}

int FSP_FUSE_CALL fuse3_version(void) {
    return FUSE_VERSION;
}

const char *FSP_FUSE_CALL fuse3_pkgversion(void) {
    return fsp_fuse3_pkgversion(fsp_env_own());
}
