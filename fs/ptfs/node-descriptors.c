/* SPDX-License-Identifier: MIT */
/* Which nodes have a descriptor. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node-parts.h"
#include "util/cleanup.h"

#define ROOM 64 /* how many are let go of when descriptors have run out */
#define DEPTH_MAX 500 /* whatever is deeper is not let go of: opening it again is recursive */
#define CONSIDERED_MAX 256 /* at a time: who waits for it has a file to open */

/* ---- the ring of those with a descriptor. All under the table's lock ------------------------------------------- */

void node_ring_add(struct node_table *table, struct node *node) {
    if (!table->hand) {
        table->hand = node->next = node->previous = node;
    } else { /* behind the hand: considered last */
        node->next = table->hand;
        node->previous = table->hand->previous;
        node->previous->next = node->next->previous = node;
    }
    table->pinned++;
    if (node->parent)
        node->parent->pinned_below++;
}

void node_ring_remove(struct node_table *table, struct node *node) {
    if (table->hand == node)
        table->hand = node->next == node ? NULL : node->next;
    node->previous->next = node->next;
    node->next->previous = node->previous;
    node->next = node->previous = NULL;
    table->pinned--;
    if (node->parent)
        node->parent->pinned_below--;
}

static bool has_key(const struct stat *status, const struct node *node) {
    return status->st_dev == node->key.device && status->st_ino == node->key.inode &&
           (status->st_mode & S_IFMT) == node->type;
}

/* Whether it could be opened again. */
static bool is_found_again(const struct node *node) {
    struct stat status;
    return node->hashed && node->parent && node->depth < DEPTH_MAX && node->name &&
           fstatat(node->parent->fd, node->name, &status, AT_SYMLINK_NOFOLLOW) == 0 && has_key(&status, node);
}

bool node_is_open(struct node *node) {
    pthread_mutex_lock(&node->lock);
    bool open = node->opens > 0;
    pthread_mutex_unlock(&node->lock);
    return open;
}

/* True: one was let go of. */
static bool consider(struct node_table *table) {
    struct node *node = table->hand;
    table->hand = node->next;
    if (node->used || node->kept || node->uses > 0 || node->pinned_below > 0 || node_is_open(node)) {
        node->used = false;
        return false;
    }
    if (!is_found_again(node)) {
        node->kept = true;
        return false;
    }
    node_ring_remove(table, node);
    close_fd(&node->fd);
    table->let_go++;
    return true;
}

size_t node_let_go(struct node_table *table, size_t wanted) {
    size_t done = 0;
    for (size_t i = 0; table->hand && done < wanted && i < 2 * table->pinned && i < CONSIDERED_MAX + 2 * wanted; i++)
        done += consider(table);
    return done;
}

bool node_make_room(struct node_table *table) {
    pthread_mutex_lock(&table->lock);
    size_t done = 0, turns = table->pinned / CONSIDERED_MAX + 2;
    while (done == 0 && turns-- > 0)
        done = node_let_go(table, ROOM);
    pthread_mutex_unlock(&table->lock);
    return done > 0;
}

void node_take_fd(struct node_table *table, struct node *node, int fd) {
    if (node->fd >= 0) {
        close(fd);
        return;
    }
    node->fd = fd;
    table->let_go--;
    node_ring_add(table, node);
}

/* ---- the descriptor of a node ---------------------------------------------------------------------------------- */

static int hold(struct node_table *table, struct node *node, struct pin *ret_pin) {
    node->uses++;
    node->used = true;
    *ret_pin = (struct pin){table, node, node->fd};
    return 0;
}

int node_open_child(struct node_table *table, int parent, const char *name) {
    int fd;
    while ((fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC)) < 0 && errno == EMFILE && node_make_room(table))
        continue;
    return fd < 0 ? -errno : fd;
}

/* A descriptor of that node's file, by its name in a directory. */
static int open_there(struct node_table *table, const struct node *node, int parent, const char *name) {
    struct stat status;
    _cleanup_close_ int fd = node_open_child(table, parent, name);
    if (fd < 0)
        return fd == -ENOENT ? -ESTALE : fd;
    if (fstat(fd, &status) < 0 || !has_key(&status, node) || (node->born && node->born != node_born_at(fd)))
        return -ESTALE;
    return steal_fd(&fd);
}

static int open_in_attic(struct node_table *table, const struct node *node) {
    char name[24];
    node_attic_name(node->number, name);
    return table->attic < 0 ? -ESTALE : open_there(table, node, table->attic, name);
}

/* above: where its directory is held. */
static int open_in_folder(struct node_table *table, const struct node *node, struct node *parent, const char *name,
                          struct pin *above) {
    if (!parent)
        return -ESTALE;
    int r = node_pin(table, parent, above);
    return r < 0 ? r : open_there(table, node, above->fd, name);
}

/* One that was let go of. Without the table's lock. */
static int open_again(struct node_table *table, struct node *node, struct node *parent, const char *name,
                      struct pin *ret_pin) {
    _cleanup_pin_ struct pin above = PIN_NONE;
    _cleanup_close_ int fd = open_in_folder(table, node, parent, name, &above);
    if (fd < 0 && table->state)
        fd = open_in_attic(table, node);
    if (fd < 0)
        return fd;
    int r;
    pthread_mutex_lock(&table->lock);
    node->born = 0;
    node_take_fd(table, node, steal_fd(&fd));
    r = hold(table, node, ret_pin);
    if (table->pinned > table->pinned_max)
        node_let_go(table, 1);
    pthread_mutex_unlock(&table->lock);
    return r;
}

int node_pin(struct node_table *table, struct node *node, struct pin *ret_pin) {
    if (!node)
        return -ESTALE;
    pthread_mutex_lock(&table->lock);
    if (node->fd >= 0) {
        hold(table, node, ret_pin);
        pthread_mutex_unlock(&table->lock);
        return 0;
    }
    _cleanup_free_ char *name = node->name ? strdup(node->name) : NULL;
    struct node *parent = node->parent;
    if ((node->name && !name) || (!parent && !table->state)) {
        pthread_mutex_unlock(&table->lock);
        return parent ? -ENOMEM : -ESTALE;
    }
    if (parent)
        parent->uses++; /* it is not to go meanwhile */
    node->uses++;
    pthread_mutex_unlock(&table->lock);
    int r = open_again(table, node, parent, name, ret_pin);
    pthread_mutex_lock(&table->lock);
    node->uses--;
    node_settle(table, node);
    if (parent) {
        parent->uses--;
        node_settle(table, parent);
    }
    pthread_mutex_unlock(&table->lock);
    return r;
}

void node_let(struct pin *pin) {
    if (!pin->node)
        return;
    pthread_mutex_lock(&pin->table->lock);
    pin->node->uses--;
    node_settle(pin->table, pin->node);
    pthread_mutex_unlock(&pin->table->lock);
    pin->node = NULL;
}
