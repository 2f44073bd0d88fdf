/* SPDX-License-Identifier: MIT */
/*
 * A volume's state, written by one memfs and read by the next, which goes on with it.
 *
 * Model. What the kernel knows of the volume must mean the same to the next memfs: indexes of nodes, with their counts
 * of references, st_ino and generation, handles of open directories, offsets in listings. So all that is written as it
 * is. What only memory addresses say, or can be made anew (hash tables, the key of names' hashes), is not.
 *
 * The state is a sequence of structs and bytes: the head, with magic and version; each node with its extended
 * attributes and content; the entries of each directory; the open directories; the magic once more. It is in the
 * machine's own form: both run on one kernel. A change of any of it takes a new STATE_VERSION, and a reader refuses
 * what it does not know.
 *
 * The reader believes nothing: what contradicts itself is refused (-EPROTO), so that a memfs that begins to serve is
 * whole.
 */
#ifndef MEMFS_STATE_H
#define MEMFS_STATE_H

#include "node.h"

#define STATE_VERSION 1

/* Where the state goes to, or comes from. Each function returns 0 or a negative errno. */
struct state_pipe {
    void *context;
    int (*write)(void *context, const void *data, size_t size);
    int (*write_fd)(void *context, int fd);
    int (*read)(void *context, void *ret_data, size_t size);
    int (*read_fd)(void *context, int *ret_fd);
};

/* Nothing may change the volume meanwhile. */
int state_write(struct volume *volume, const struct state_pipe *pipe);
/* Into a volume that volume_init has made, and that nobody uses yet. most: bytes that content may take here. Its limits
 * and options become those of the state; volume->pass goes where the other one had none. -EPROTO: it is no state, or
 * one of another version; -ENOMEM. On failure the volume is empty, and of use for volume_free only. */
int state_read(struct volume *volume, const struct state_pipe *pipe, uint64_t most);

#endif
