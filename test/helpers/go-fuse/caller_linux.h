/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>
#define WINFSP_DLL_INTERNAL /* the functions are those that the library exports, not the header's inline ones */
#include <fuse.h>

/* Loads the library. NULL, or what is wrong. */
const char *caller_load(void);

/* The library's fuse_main_real, with the operations that Go exports. */
int caller_main(int argc, char *argv[]);

const struct fuse_context *caller_context(void);

/* As the function fuse_fill_dir_t. */
int caller_fill(void *fill, void *buffer, const char *name, const struct fuse_stat *stat);
