/* SPDX-License-Identifier: MIT */
/*
 * What a ptfs with --fail-over notes for the ptfs that comes after it.
 *
 * The notes stand in memory that the service keeps (linfsp_volume_state): the files that the kernel knows of, with the
 * place where each was last seen, and the handles of what is open. A note is made before the kernel learns of what it
 * is about. ptfs may be killed between any two stores: whatever has several parts is written beside what holds, and
 * then one store makes it hold.
 *
 * A number stands for a file here, as long as the kernel knows of it. Pointers mean nothing to another process.
 *
 * A file that is open and loses its last name would be lost with ptfs. So it gets a name in a directory of the folder
 * that nobody sees in the volume, the attic, until it is closed.
 */
#ifndef PTFS_STATE_H
#define PTFS_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATE_NODES_MAX (UINT64_C(1) << 22)
#define STATE_HANDLES_MAX (UINT64_C(1) << 18)
#define STATE_NUMBER_MIN UINT64_C(2) /* 1 is the root */

/* Where a file was seen. */
struct state_place {
    uint64_t parent; /* a number; 0: nowhere */
    char name[256];
};

struct state_node {
    uint64_t device, inode;
    uint64_t born; /* ns; inode numbers are used again. 0: the folder's file system does not say */
    uint64_t lookups;
    uint32_t type; /* S_IFMT */
    uint32_t used; /* 1: this is a file; written last */
    uint32_t current; /* which of the places holds */
    uint32_t intended; /* 1: the file may be at the other place already */
    uint32_t in_attic;
    uint32_t reserved;
    struct state_place places[2];
};

struct state_handle {
    uint64_t node;
    uint32_t flags; /* of open(2) */
    uint32_t directory;
    uint32_t used; /* written last */
    uint32_t reserved;
};

struct state {
    uint64_t magic; /* written last */
    uint64_t device, inode; /* of the folder */
    char attic[32]; /* its name in the folder */
    uint64_t nodes_end; /* from this number on none has been used */
    uint64_t handles_end;
    unsigned char reserved[4096 - 72];
    struct state_handle handles[STATE_HANDLES_MAX];
    struct state_node nodes[STATE_NODES_MAX]; /* the first is number STATE_NUMBER_MIN */
};

/* Begins to use that memory for the folder with this device and inode number. Returns 1 if an earlier ptfs has used it
 * for the folder, 0 if it is new; -ESTALE where it was for another folder, -EPROTO where it was for something else. */
int state_open(struct state *state, size_t size, uint64_t device, uint64_t inode);

/* NULL: there is no such number. */
struct state_node *state_node(struct state *state, uint64_t number);
void state_put_node(struct state_node *node, uint64_t device, uint64_t inode, uint64_t born, uint32_t type);
void state_drop_node(struct state_node *node);
/* The file is there now. */
void state_set_place(struct state_node *node, uint64_t parent, const char *name);
/* The file is about to be moved there. */
void state_intend(struct state_node *node, uint64_t parent, const char *name);
const struct state_place *state_place(const struct state_node *node, bool other);

#endif
