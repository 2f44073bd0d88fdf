/* SPDX-License-Identifier: MIT */
/*
 * Pass-through: the kernel reads and writes large files by itself, at the speed of tmpfs.
 *
 * Model. A file of `from` bytes and more has its content in a memory file, which is registered with the kernel when the
 * file is opened. The kernel wants all open files of one inode alike, so whether it is passed through is settled when
 * the first is opened and stands until the last is closed: what grows while it is open is passed through from the next
 * time on. Its pages are dropped then, so nothing is kept that could grow old.
 *
 * What the kernel writes by itself we cannot refuse. So a file that is open for writing is written through us all the
 * same (and mapped and read through other descriptors by the kernel) where there is something to be refused or done:
 * where files have a greatest size, where the volume is full, and where writing takes away setuid, setgid or file
 * capabilities. A volume's limit can so be exceeded by what is written to files that were opened before it was reached.
 */
#ifndef MEMFS_PASS_H
#define MEMFS_PASS_H

#include "linfsp/linfsp.h"
#include "node.h"

struct pass {
    uint64_t from;
    linfsp_volume *mounted;
    int (*open)(linfsp_volume *mounted, int fd); /* linfsp_backing_open; NULL: there is no pass-through */
    int (*close)(linfsp_volume *mounted, int backing_id);
    struct lock lock; /* of what follows; nodes' locks come before it */
    struct node **nodes; /* that are passed through now */
    uint32_t count, capacity;
};

/* Before that, and after its end, nothing is passed through. */
void pass_begin(struct pass *pass, linfsp_volume *mounted, int (*open)(linfsp_volume *, int),
                int (*close)(linfsp_volume *, int));
void pass_end(struct pass *pass);
void pass_free(struct pass *pass);

/* A file is about to reach that size. Where there is no memory file to be had it stays as it
 * is. Lock held exclusively. */
void pass_grow(struct volume *volume, struct node *node, uint64_t size);
/* A regular file is opened: says how. Takes its lock. */
void pass_open(struct volume *volume, struct node *node, struct linfsp_file *file);
/* It is closed. Whether that was the last time it was open. */
bool pass_close(struct volume *volume, struct node *node, const struct linfsp_file *file);
/* A node of another memfs's (state.h) is passed through since before. */
void pass_restore(struct pass *pass, struct node *node);
/* What the kernel has written to open files counts from here on. */
void pass_refresh(struct volume *volume);
/* Content goes. pass may be NULL. */
void pass_forget(struct pass *pass, const struct data *data);

#endif
