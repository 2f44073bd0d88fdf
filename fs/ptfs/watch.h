/* SPDX-License-Identifier: MIT */
/*
 * Changes of the folder that are made behind ptfs's back, seen by inotify(7).
 *
 * While a directory is watched the kernel may remember its names, and the attributes of what is in it, for LASTING ms:
 * of a change it is told within some milliseconds. What cannot be watched is remembered for the short time only:
 * directories beyond the limit, files with several names (the other may be in a directory that is not watched), and
 * file systems that others change elsewhere, such as NFS.
 *
 * Our own changes are reported too. They are told from others' by what the kernel was last told: if the folder is as
 * the kernel knows it, nothing has to be said.
 */
#ifndef PTFS_WATCH_H
#define PTFS_WATCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct node;
struct pin;
struct ptfs;

struct watches {
    int fd; /* inotify; -1: nothing is watched */
    int stop; /* eventfd */
    pthread_t thread;
    bool running;
    size_t max; /* directories */
    _Atomic uint64_t turn; /* counts the readings of events */
};
#define WATCHES_NONE                                                                                                   \
    { .fd = -1, .stop = -1 }

/* What has to be known before a file is looked at, if its attributes are to be remembered for long. */
struct watch_mark {
    uint64_t turn;
    bool watched;
};

/* Begins to watch, if the folder is of a kind that can be: -EOPNOTSUPP otherwise, and errors of inotify_init1(2).
 * Before the first request. */
int watch_start(struct ptfs *ptfs);
void watch_stop(struct ptfs *ptfs);

/* Watches a directory that the kernel is going to know. True: it is watched, and status is what it was since. */
bool watch_directory(struct ptfs *ptfs, struct node *node, struct stat *status);

/* Of names in directory, before one is looked up. */
struct watch_mark watch_names(struct ptfs *ptfs, struct node *directory);
/* Of a node's attributes, before they are read. */
struct watch_mark watch_node(struct ptfs *ptfs, struct node *node);
/* For how many ms a name may be remembered that was looked up since. */
uint64_t watch_names_timeout(struct ptfs *ptfs, struct watch_mark mark);
/* For how many ms attributes may be remembered that were read since; notes that the kernel is told them. */
uint64_t watch_attributes_timeout(struct ptfs *ptfs, struct node *node, const struct stat *status,
                                  struct watch_mark mark);

/* Whether the kernel may keep a directory's listing that it reads from now on, status being what the directory is now.
 */
bool watch_listing(struct ptfs *ptfs, struct node *directory, const struct stat *status);

/*
 * What we change by setting an ACL the kernel knows to have changed, and asks for when it needs the mode. Were it told
 * of the event meanwhile, it would drop the answer and judge by the old mode (Linux 6.18: fuse_change_attributes). So
 * such an operation begins and ends here; made: it changed the file.
 */
struct watch_change {
    struct ptfs *ptfs; /* NULL: nothing is watched */
    struct node *node;
    int fd;
    bool known, made;
};
void watch_change_begin(struct ptfs *ptfs, const struct pin *file, struct watch_change *ret_change);
void watch_change_end(struct watch_change *change);
#define _cleanup_change_ __attribute__((cleanup(watch_change_end)))

#endif
