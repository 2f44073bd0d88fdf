/* SPDX-License-Identifier: MIT */
/*
 * The handles of open files and directories, as the kernel knows them.
 *
 * Without a state a handle is the descriptor itself, or the address of a struct directory. With a state it is the
 * number of a note (state.h), and a table says what this process has for that. Thread-safe.
 */
#ifndef PTFS_HANDLES_H
#define PTFS_HANDLES_H

#include <pthread.h>
#include <stdint.h>

#include "state.h"

struct directory;

struct handles {
    struct state *state; /* NULL: none */
    pthread_mutex_t lock; /* all below */
    struct open_file {
        int fd; /* of a file, plus one; 0: none */
        struct directory *directory;
    } * open; /* STATE_HANDLES_MAX of them */
    uint64_t hint; /* where to look for a free one */
};

int handles_init(struct handles *handles, struct state *state);
void handles_close(struct handles *handles);
/* The handle of what was opened. -ENFILE. */
int handles_add(struct handles *handles, uint64_t node, uint32_t flags, int fd, struct directory *directory,
                uint64_t *ret_handle);
/* What this process has for the handle of an earlier one. */
void handles_restore(struct handles *handles, uint64_t handle, int fd, struct directory *directory);
/* -1, NULL: there is nothing. */
int handles_fd(const struct handles *handles, uint64_t handle);
struct directory *handles_directory(const struct handles *handles, uint64_t handle);
void handles_remove(struct handles *handles, uint64_t handle);

#endif
