/* SPDX-License-Identifier: MIT */
/*
 * The files of the folder that the kernel knows of.
 *
 * A node stands for one file, found by device and inode number, and pins it by an O_PATH descriptor: whatever is
 * renamed or replaced by a link meanwhile, an operation on a node reaches that file and no other. The inode number that
 * the kernel is given is the node's address; it lives as long as the kernel counts look-ups of it, an operation uses
 * it, or a node below it remembers where it is.
 *
 * A tree may have more files than a process may have descriptors. When there are too many, nodes that have not been
 * used for a while let go of theirs: those that are found again by their parent and the name they were last seen under.
 * An operation opens such a node again. Where another file has that name by then the operation gets ESTALE, and the
 * kernel looks the whole path up anew. Files that are open, and those that have lost their name, keep their descriptor,
 * and so does a directory as long as a node below it has one.
 *
 * A table with a state (state.h) notes its nodes there. They have numbers that another process can use, and are found
 * again by it as nodes that were let go of.
 *
 * Locks: table->lock guards all of a table and its nodes but what node->lock guards, and what is kept of listings.
 */
#ifndef PTFS_NODE_H
#define PTFS_NODE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#define HASH_NONFATAL_OOM 1 /* where memory is short a node's handle has no table after HASH_ADD, and nothing ends */
#include <uthash.h>

#include "state.h"

struct node_key {
    uint64_t device, inode;
};

struct node {
    struct node_key key;
    uint64_t number; /* with a state */
    uint64_t born; /* not 0: an earlier process saw it last, and it is to be checked by this */
    UT_hash_handle hash;
    int fd; /* O_PATH; -1: let go of */
    mode_t type;
    uint64_t lookups;
    unsigned uses; /* operations that have the descriptor in their hands */
    unsigned below, pinned_below; /* nodes whose parent it is; and those of them with a descriptor */
    unsigned depth; /* below the root */
    bool hashed; /* else its inode number is another file's by now */
    bool used; /* since it was last considered for letting go */
    bool intended; /* an earlier process was about to move it */
    bool was_moved; /* intended: and it had done so */
    bool kept; /* never let go of: it is not found by parent and name */
    struct node *parent; /* where it was last seen; NULL: not known */
    char *name;
    struct node *next, *previous; /* among those with a descriptor, a ring */

    /* Of watching (watch.h) */
    int watch; /* inotify's number of a directory that is watched; 0: it is not */
    UT_hash_handle by_watch;
    bool astray; /* it was moved or replaced behind our back: its directory does not tell of it */
    uint64_t told_ctime, told_size; /* what the kernel was told last; ctime in ns */
    unsigned changing; /* operations that change it and are going to note that the kernel knows of it */
    atomic_bool listing_cached; /* one who lists this directory uses what the kernel keeps of it, */
    struct timespec listed; /* and notes here the ctime that the directory had then */

    /* How its open files are served: all of them alike, or the kernel refuses the second. */
    pthread_mutex_t lock;
    unsigned opens, writers; /* how often it is open, and for writing */
    int backing_id; /* > 0 while opened with pass-through */
};

struct node_table {
    pthread_mutex_t lock;
    struct node *nodes; /* hash */
    struct node *hand; /* into the ring of nodes with a descriptor: the next to be considered; NULL: there is none */
    size_t pinned, pinned_max; /* nodes with a descriptor */
    size_t let_go; /* nodes without */
    int inotify; /* -1: nothing is watched */
    struct node *watched; /* hash of directories that are */
    struct state *state; /* NULL: none */
    struct node **by_number; /* with a state: STATE_NODES_MAX of them */
    uint64_t *free_numbers; /* which have been used */
    size_t n_free_numbers, free_numbers_capacity;
    bool taking_up; /* the notes are read, not written */
    bool closing; /* the notes stay as they are */
    int attic; /* the directory for files without names; -1: there is none yet */
    struct node root; /* in the hash, too; never freed, never let go of */
};

/* root: an O_PATH descriptor of the folder; taken over. pinned_max: how many nodes have a descriptor, where the others
 * can be let go of. */
int node_table_init(struct node_table *table, int root, size_t pinned_max);
void node_table_close(struct node_table *table);

/* Notes all nodes in state from now on. earlier: takes up what stands there. The table has no nodes yet. -ENOMEM. */
int node_table_use_state(struct node_table *table, struct state *state, bool earlier);
/* No server follows: what was made in the folder for one goes. */
void node_table_leave(struct node_table *table);

/* The node of an inode number that the kernel gave. NULL: there is none, which happens with a state only. */
struct node *node_of(struct node_table *table, uint64_t inode);
uint64_t node_number(const struct node_table *table, const struct node *node);

/* Finds or makes the node of an O_PATH descriptor, which is taken over in any case, counting one look-up. parent and
 * name say where it was found; parent NULL: it has no name. -ENOMEM. */
int node_get(struct node_table *table, int fd, const struct stat *status, struct node *parent, const char *name,
             struct node **ret_node);
/* Gives look-ups back. */
void node_put(struct node_table *table, struct node *node, uint64_t count);

/* A node's descriptor for the time of an operation: fd stays open until node_let. -ESTALE: the file is not where it
 * was. -EMFILE and others of open(2). */
struct pin {
    struct node_table *table;
    struct node *node; /* NULL: nothing is held */
    int fd;
};
#define PIN_NONE                                                                                                       \
    { .fd = -1 }
int node_pin(struct node_table *table, struct node *node, struct pin *ret_pin);
/* Takes PIN_NONE. */
void node_let(struct pin *pin);
#define _cleanup_pin_ __attribute__((cleanup(node_let)))

/* Descriptors have run out (EMFILE): lets go of some. False: there is none to let go of. */
bool node_make_room(struct node_table *table);
/* parent's name is about to go, or to become another file's: what is known under it keeps its descriptor from now on.
 */
void node_keep(struct node_table *table, const struct pin *parent, const char *name);
/* With a state: parent's name is about to be moved there; or it is about to go, though it may be open. */
void node_intend(struct node_table *table, const struct pin *parent, const char *name, const struct pin *new_parent,
                 const char *new_name);
void node_save(struct node_table *table, const struct pin *parent, const char *name);
/* Whether an earlier process has moved what stands there to there, as it was about to. */
bool node_was_moved(struct node_table *table, const struct pin *parent, const char *name);
/* As node_save, for a file without a name. */
void node_save_unnamed(struct node_table *table, struct node *node, int fd);
/* Takes what we have made of it away from the attributes of a node's file. */
void node_correct(struct node_table *table, const struct node *node, struct stat *status);
/* Something was moved there. */
void node_moved(struct node_table *table, const struct pin *parent, const char *name);

/* ---- directories that are watched (watch.h) -------------------------------------------------------------------- */

/* Has a directory watched for the events of mask, if less than max are. True: it is, and status is what it was since.
 */
bool node_watch(struct node_table *table, struct node *node, uint32_t mask, size_t max, struct stat *status);
/* The same for all directories of the table. */
void node_watch_all(struct node_table *table, uint32_t mask, size_t max);
/* Inotify watches it no more. */
void node_unwatched(struct node_table *table, int watch);
bool node_is_watched(struct node_table *table, const struct node *node);
/* Whether changes of a node's attributes are told of: of a directory by itself, of others by the one they are in. */
bool node_is_seen(struct node_table *table, const struct node *node);
/* Pins the directory that has this watch. -ENOENT: none has. */
int node_pin_watched(struct node_table *table, int watch, struct pin *ret_pin);

/* Notes what the kernel is told of a node's attributes; whether it knows them so, or (-EBUSY) that is being noted.
 * ctime in ns. */
void node_told(struct node_table *table, struct node *node, uint64_t ctime, uint64_t size);
int node_knows(struct node_table *table, const struct node *node, uint64_t ctime, uint64_t size);
void node_changing(struct node_table *table, struct node *node, int by);

/* The node of a file that was found as name in a directory, kept until node_release; NULL: the kernel does not know the
 * file. ret_in_place: it was there when it was last seen; else it is astray until it is looked up anew. */
struct node *node_hold(struct node_table *table, const struct stat *status, const struct node *directory,
                       const char *name, bool *ret_in_place);
void node_release(struct node_table *table, struct node *node);

/* All that the kernel knows, as far as there is memory: how many; *ret_places and the names in it are the caller's. */
struct node_place {
    uint64_t inode, parent; /* numbers that the kernel has */
    char *name; /* NULL: not known */
};
size_t node_places(struct node_table *table, struct node_place **ret_places);

#endif
