/* SPDX-License-Identifier: MIT */
/*
 * A volume: an FSP_FILE_SYSTEM that the Linux kernel asks.
 *
 * Model. The kernel asks by inode, WinFsp's operations take paths and contexts of open files. A struct fsp_node stands
 * for an inode: it knows its name and parent, and so its path. Each request of the kernel becomes one or more
 * transactions (transaction.h): a request structure is filled in, handed to FSP_FILE_SYSTEM.Operations[kind], and its
 * response is read. What the kernel asks without an open file (stat, chmod, readlink, ...) opens the file, does it, and
 * closes it again, as WinFsp's driver does.
 *
 * Locks. names: shared by whatever uses a path, held by a rename. node->lock: shared by reads of a file, held by what
 * changes it. table: the nodes' hash table and counters; nothing is called under it.
 */
#ifndef WINFSP_VOLUME_H
#define WINFSP_VOLUME_H

#include <linfsp/linfsp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <winfsp/winfsp.h>

#include "winfsp/lock.h"
#include "winfsp/platform.h"

#define FSP_PATH_UNITS (FSP_FSCTL_TRANSACT_PATH_SIZEMAX / sizeof(WCHAR)) /* with the NUL */

struct fsp_volume;

struct fsp_timeouts {
    uint64_t file_info, volume_info, directory, security, stream, ea; /* ms, or LINFSP_TIMEOUT_INFINITE */
};

/* What an operation that was not answered at once waits with (pending.c). */
struct fsp_pending_table {
    pthread_mutex_t lock;
    struct fsp_pending *first;
};

struct fsp_node_table {
    pthread_mutex_t lock;
    struct fsp_node **buckets;
    size_t bucket_count, count;
};

struct fsp_notifier;

struct fsp_volume {
    FSP_FILE_SYSTEM fs; /* what the program has; first */
    FSP_FSCTL_VOLUME_PARAMS params;
    struct fsp_timeouts timeouts;
    bool network;
    char *prefix; /* "\server\share"; NULL: a disk */
    char *file_system_name;
    char *mount_point_text; /* as given, in UTF-8; NULL: none */
    linfsp_volume *mounted;
    bool case_blind;
    bool streams_in_names; /* "file:stream" opens a stream */
    bool names_can_be_dropped; /* linfsp_notify_names works */
    uid_t owner_uid;
    gid_t owner_gid;

    struct fsp_volume *next_live; /* of live.c, as is */
    unsigned handle_uses;

    pthread_mutex_t lock; /* of what follows */
    struct fsp_thread *thread;
    bool started;
    atomic_bool ended; /* served no more */

    struct fsp_lock names;
    struct fsp_node *root;
    struct fsp_node_table table;
    struct fsp_pending_table pending;
    struct fsp_notifier *notifier;
    _Atomic uint64_t next_hint;
    _Atomic uint64_t next_index;
};

static inline struct fsp_volume *fsp_volume_of(FSP_FILE_SYSTEM *fs) {
    return (struct fsp_volume *)(void *)fs;
}

/* WinFsp.Disk or WinFsp.Net, in any of its spellings. -ENODEV: neither. */
int fsp_check_device(PCWSTR path, bool *ret_network);

/* The operations for liblinfsp (serve*.c). */
extern const struct linfsp_operations fsp_serve_operations;
uint64_t fsp_serve_want(const struct fsp_volume *volume);

#endif
