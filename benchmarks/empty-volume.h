/* SPDX-License-Identifier: MIT */
/* A file system that knows nothing but its root folder: a server with nothing behind it. */
#ifndef LINFSP_BENCHMARKS_EMPTY_VOLUME_H
#define LINFSP_BENCHMARKS_EMPTY_VOLUME_H

#include <sys/stat.h>

#include <linfsp/linfsp.h>

static inline int empty_getattr(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    struct stat attributes = {.st_ino = inode, .st_mode = S_IFDIR | 0755, .st_nlink = 2};
    return linfsp_reply_attributes(request, &attributes, 0);
}

static const struct linfsp_operations empty_operations = {.size = sizeof empty_operations, .getattr = empty_getattr};

/* A thread that serves the linfsp_volume argument. */
static inline void *empty_serve(void *argument) {
    linfsp_volume_run(argument);
    return NULL;
}

#endif
