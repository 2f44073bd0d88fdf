/* SPDX-License-Identifier: MIT */
/* Ownership by scope: a variable marked _cleanup_... is destroyed when its scope is left, unless it was stolen. */
#ifndef LINFSP_UTIL_CLEANUP_H
#define LINFSP_UTIL_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))
#define _printf_(text, first) __attribute__((format(printf, text, first)))
#define _unused_ __attribute__((unused))

/* Closes *fd if it is open and makes it -1. Keeps errno. */
static inline void close_fd(int *fd) {
    if (*fd >= 0) {
        int saved = errno;
        close(*fd);
        errno = saved;
        *fd = -1;
    }
}

static inline int steal_fd(int *fd) {
    int stolen = *fd;
    *fd = -1;
    return stolen;
}

static inline void free_pointer(void *pointer) {
    free(*(void **)pointer);
    *(void **)pointer = NULL;
}

#define steal_pointer(pointer)                                                                                         \
    ({                                                                                                                 \
        __typeof__(pointer) *from_ = &(pointer);                                                                       \
        __typeof__(pointer) stolen_ = *from_;                                                                          \
        *from_ = NULL;                                                                                                 \
        stolen_;                                                                                                       \
    })

static inline void close_dir(DIR **dir) {
    if (*dir)
        closedir(*dir);
    *dir = NULL;
}

static inline void close_file(FILE **file) {
    if (*file)
        fclose(*file);
    *file = NULL;
}

#define _cleanup_close_ _cleanup_(close_fd)
#define _cleanup_free_ _cleanup_(free_pointer)
#define _cleanup_closedir_ _cleanup_(close_dir)
#define _cleanup_fclose_ _cleanup_(close_file)

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
