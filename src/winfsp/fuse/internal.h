/* SPDX-License-Identifier: MIT */
/* What the files that implement the API's functions share: the API's own headers, without the inline functions that
 * programs get. */
#ifndef LINFSP_WINFSP_FUSE_INTERNAL_H
#define LINFSP_WINFSP_FUSE_INTERNAL_H

#include <stdbool.h>

#include "winfsp/fuse/flavour.h"
#include "winfsp/fuse/fuse_opt.h"
#include "winfsp/fuse/platform.h"
#include "winfsp/fuse/volume.h"

/* Memory that the program frees. NULL: none. */
char *fsp_env_strndup(struct fsp_fuse_env *env, const char *text, size_t length);
/* An env for callers that have none. */
struct fsp_fuse_env *fsp_env_own(void);

/* What a command line says that is about the whole program. */
struct fsp_command_line {
    char *mount_point; /* NULL: none; of env's memory */
    int single_thread, foreground, debug, help, version;
};
/* Takes it out of args. -1 after a message. */
int fsp_command_line_parse(struct fsp_fuse_env *env, struct fuse_args *args, struct fsp_command_line *ret_line);

/* fuse_main: parses, makes, serves, frees. An exit status. */
int fsp_fuse_main(struct fsp_fuse_env *env, int argc, char *argv[], const struct fsp_calls *calls, const void *ops,
                  size_t size, void *data);
/* fuse_new, of either version. */
struct fsp_fuse *fsp_fuse_new_of(struct fuse_args *args, const struct fsp_calls *calls, const void *ops, size_t size,
                                 void *data);

extern const struct fsp_calls fsp_calls2, fsp_calls3;

#endif
