/* SPDX-License-Identifier: MIT */
/**
 * Options of FUSE programs: taking a command line apart by a table of templates.
 *
 * A template is "-x", "--long" or, for what follows -o, "name"; with "=%s", "=%u" and so on behind it (or " %s": the
 * next argument) it takes a parameter. Where a template's offset is not -1 the parameter, or else value, is stored at
 * that offset of data; where it is -1 the function proc is called with value as its key. proc returns 1 to keep the
 * argument, 0 to drop it, -1 for an error.
 */
#ifndef WINFSP_FUSE_FUSE_OPT_H
#define WINFSP_FUSE_FUSE_OPT_H

#include "winfsp_fuse.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FUSE_OPT_KEY(templ, key)                                                                                       \
    { templ, -1U, key }
#define FUSE_OPT_END                                                                                                   \
    { NULL, 0, 0 }

#define FUSE_OPT_KEY_OPT -1 /* proc's key for an option that no template matches */
#define FUSE_OPT_KEY_NONOPT -2 /* for what is no option */
#define FUSE_OPT_KEY_KEEP -3 /* a template's: keep the argument, without asking proc */
#define FUSE_OPT_KEY_DISCARD -4

#define FUSE_ARGS_INIT(argc, argv)                                                                                     \
    { argc, argv, 0 }

struct fuse_opt {
    const char *templ;
    unsigned int offset;
    int value;
};

struct fuse_args {
    int argc;
    char **argv;
    int allocated;
};

typedef int(FSP_FUSE_CALL *fuse_opt_proc_t)(void *data, const char *arg, int key, struct fuse_args *outargs);

/* All return 0, or -1 after a message on standard error, but match: 1 or 0. */
FSP_FUSE_API int FSP_FUSE_CALL fsp_fuse_opt_parse(struct fsp_fuse_env *env, struct fuse_args *args, void *data,
                                                  const struct fuse_opt opts[], fuse_opt_proc_t proc);
FSP_FUSE_API int FSP_FUSE_CALL fsp_fuse_opt_add_arg(struct fsp_fuse_env *env, struct fuse_args *args, const char *arg);
FSP_FUSE_API int FSP_FUSE_CALL fsp_fuse_opt_insert_arg(struct fsp_fuse_env *env, struct fuse_args *args, int pos,
                                                       const char *arg);
FSP_FUSE_API void FSP_FUSE_CALL fsp_fuse_opt_free_args(struct fsp_fuse_env *env, struct fuse_args *args);
FSP_FUSE_API int FSP_FUSE_CALL fsp_fuse_opt_add_opt(struct fsp_fuse_env *env, char **opts, const char *opt);
FSP_FUSE_API int FSP_FUSE_CALL fsp_fuse_opt_add_opt_escaped(struct fsp_fuse_env *env, char **opts, const char *opt);
FSP_FUSE_API int FSP_FUSE_CALL fsp_fuse_opt_match(struct fsp_fuse_env *env, const struct fuse_opt opts[],
                                                  const char *opt);

#ifndef WINFSP_DLL_INTERNAL

static inline int fuse_opt_parse(struct fuse_args *args, void *data, const struct fuse_opt opts[],
                                 fuse_opt_proc_t proc) {
    return fsp_fuse_opt_parse(fsp_fuse_env(), args, data, opts, proc);
}

static inline int fuse_opt_add_arg(struct fuse_args *args, const char *arg) {
    return fsp_fuse_opt_add_arg(fsp_fuse_env(), args, arg);
}

static inline int fuse_opt_insert_arg(struct fuse_args *args, int pos, const char *arg) {
    return fsp_fuse_opt_insert_arg(fsp_fuse_env(), args, pos, arg);
}

static inline void fuse_opt_free_args(struct fuse_args *args) {
    fsp_fuse_opt_free_args(fsp_fuse_env(), args);
}

static inline int fuse_opt_add_opt(char **opts, const char *opt) {
    return fsp_fuse_opt_add_opt(fsp_fuse_env(), opts, opt);
}

static inline int fuse_opt_add_opt_escaped(char **opts, const char *opt) {
    return fsp_fuse_opt_add_opt_escaped(fsp_fuse_env(), opts, opt);
}

static inline int fuse_opt_match(const struct fuse_opt opts[], const char *opt) {
    return fsp_fuse_opt_match(fsp_fuse_env(), opts, opt);
}

#endif

#ifdef __cplusplus
}
#endif

#endif
