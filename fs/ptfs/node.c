/* SPDX-License-Identifier: MIT */
#include "node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "linfsp/linfsp.h"
#include "util/cleanup.h"

#define ROOM 64 /* how many are let go of when descriptors have run out */
#define DEPTH_MAX 500 /* whatever is deeper is not let go of: opening it again is recursive */
#define CONSIDERED_MAX 256 /* at a time: who waits for it has a file to open */

/* ---- the ring of those with a descriptor. All under the table's lock ------------------------------------------- */

static void ring_add(struct node_table *table, struct node *node) {
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

static void ring_remove(struct node_table *table, struct node *node) {
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

static bool is_open(struct node *node) {
    pthread_mutex_lock(&node->lock);
    bool open = node->opens > 0;
    pthread_mutex_unlock(&node->lock);
    return open;
}

/* True: one was let go of. */
static bool consider(struct node_table *table) {
    struct node *node = table->hand;
    table->hand = node->next;
    if (node->used || node->kept || node->uses > 0 || node->pinned_below > 0 || is_open(node)) {
        node->used = false;
        return false;
    }
    if (!is_found_again(node)) {
        node->kept = true;
        return false;
    }
    ring_remove(table, node);
    close_fd(&node->fd);
    table->let_go++;
    return true;
}

static size_t let_go(struct node_table *table, size_t wanted) {
    size_t done = 0;
    for (size_t i = 0; table->hand && done < wanted && i < 2 * table->pinned && i < CONSIDERED_MAX + 2 * wanted; i++)
        done += consider(table);
    return done;
}

bool node_make_room(struct node_table *table) {
    pthread_mutex_lock(&table->lock);
    size_t done = 0, turns = table->pinned / CONSIDERED_MAX + 2;
    while (done == 0 && turns-- > 0)
        done = let_go(table, ROOM);
    pthread_mutex_unlock(&table->lock);
    return done > 0;
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

int node_table_init(struct node_table *table, int root, size_t pinned_max) {
    struct stat status;
    if (fstat(root, &status) < 0)
        return -errno;
    *table = (struct node_table){
        .root = {.fd = root, .lookups = 1, .type = S_IFDIR, .hashed = true}, .pinned_max = pinned_max, .inotify = -1};
    table->root.key = (struct node_key){status.st_dev, status.st_ino};
    pthread_mutex_init(&table->lock, NULL);
    pthread_mutex_init(&table->root.lock, NULL);
    HASH_ADD(hash, table->nodes, key, sizeof table->root.key, &table->root);
    return 0;
}

static void stop_watching(struct node_table *table, struct node *node) {
    if (node->watch == 0)
        return;
    HASH_DELETE(by_watch, table->watched, node);
    if (table->inotify >= 0)
        (void)inotify_rm_watch(table->inotify, node->watch);
    node->watch = 0;
}

static void node_free(struct node_table *table, struct node *node) {
    stop_watching(table, node);
    if (node->hashed)
        HASH_DELETE(hash, table->nodes, node); // NOLINT(clang-analyzer-unix.Malloc)
    if (node->next)
        ring_remove(table, node);
    else if (node->fd < 0)
        table->let_go--;
    close_fd(&node->fd);
    free(node->name);
    pthread_mutex_destroy(&node->lock);
    if (node != &table->root)
        free(node);
}

void node_table_close(struct node_table *table) {
    struct node *node, *next;
    HASH_ITER (hash, table->nodes, node, next)
        node->parent = NULL; /* which may be freed first */
    HASH_ITER (hash, table->nodes, node, next)
        node_free(table, node);
    pthread_mutex_destroy(&table->lock);
}

/* It may have become superfluous, and with it those above. */
static void settle(struct node_table *table, struct node *node) {
    while (node && node != &table->root && node->lookups == 0 && node->uses == 0 && node->below == 0) {
        struct node *parent = node->parent;
        node_free(table, node);
        if (parent)
            parent->below--;
        node = parent;
    }
}

struct node *node_of(struct node_table *table, uint64_t inode) {
    return inode == LINFSP_ROOT_INODE ? &table->root : (struct node *)(uintptr_t)inode;
}

uint64_t node_number(const struct node_table *table, const struct node *node) {
    return node == &table->root ? LINFSP_ROOT_INODE : (uint64_t)(uintptr_t)node;
}

static bool is_above(const struct node *node, const struct node *other) {
    while (other && other != node)
        other = other->parent;
    return other;
}

/* Notes where it is. Without memory for the name it keeps its descriptor, and so it does where its folder was below it
 * before both were moved behind our back. */
static void set_place(struct node_table *table, struct node *node, struct node *parent, const char *name) {
    node->astray = !parent;
    if (node == &table->root || !parent || (node->parent == parent && node->name && strcmp(node->name, name) == 0))
        return;
    char *copy = S_ISDIR(node->type) && is_above(node, parent) ? NULL : strdup(name);
    if (!copy) {
        node->kept = true;
        return;
    }
    struct node *before = node->parent;
    parent->below++;
    free(node->name);
    node->name = copy;
    node->parent = parent;
    node->depth = parent->depth + 1;
    node->kept = false;
    if (node->next)
        parent->pinned_below++;
    if (before) {
        before->pinned_below -= node->next != NULL;
        before->below--;
        settle(table, before);
    }
}

static struct node *find(struct node_table *table, const struct stat *status) {
    struct node_key key = {status->st_dev, status->st_ino};
    struct node *node;
    HASH_FIND(hash, table->nodes, &key, sizeof key, node); // NOLINT(clang-analyzer-core.UndefinedBinaryOperatorResult)
    return node;
}

/* Takes fd over. */
static void take_fd(struct node_table *table, struct node *node, int fd) {
    if (node->fd >= 0) {
        close(fd);
        return;
    }
    node->fd = fd;
    table->let_go--;
    ring_add(table, node);
}

static struct node *make(struct node_table *table, int fd, const struct stat *status) {
    struct node *node = calloc(1, sizeof *node);
    if (!node)
        return NULL;
    node->key = (struct node_key){status->st_dev, status->st_ino};
    node->type = status->st_mode & S_IFMT;
    node->fd = fd;
    node->hashed = true;
    pthread_mutex_init(&node->lock, NULL);
    HASH_ADD(hash, table->nodes, key, sizeof node->key, node);
    ring_add(table, node);
    return node;
}

int node_get(struct node_table *table, int fd, const struct stat *status, struct node *parent, const char *name,
             struct node **ret_node) {
    pthread_mutex_lock(&table->lock);
    struct node *node = find(table, status);
    if (node && node->type != (status->st_mode & S_IFMT)) { /* that file has gone, unseen, while it had no descriptor */
        HASH_DELETE(hash, table->nodes, node);
        node->hashed = false;
        node = NULL;
    }
    if (node) {
        take_fd(table, node, fd);
    } else if (!(node = make(table, fd, status))) {
        close(fd);
        pthread_mutex_unlock(&table->lock);
        return -ENOMEM;
    }
    node->lookups++;
    set_place(table, node, parent, name);
    if (table->pinned > table->pinned_max)
        let_go(table, 1 + (table->pinned - table->pinned_max));
    pthread_mutex_unlock(&table->lock);
    *ret_node = node;
    return 0;
}

void node_put(struct node_table *table, struct node *node, uint64_t count) {
    if (node == &table->root)
        return;
    pthread_mutex_lock(&table->lock);
    node->lookups -= count < node->lookups ? count : node->lookups;
    settle(table, node);
    pthread_mutex_unlock(&table->lock);
}

/* ---- the descriptor of a node ---------------------------------------------------------------------------------- */

static int hold(struct node_table *table, struct node *node, struct pin *ret_pin) {
    node->uses++;
    node->used = true;
    *ret_pin = (struct pin){table, node, node->fd};
    return 0;
}

static int open_child(struct node_table *table, int parent, const char *name) {
    int fd;
    while ((fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC)) < 0 && errno == EMFILE && node_make_room(table))
        continue;
    return fd < 0 ? -errno : fd;
}

/* One that was let go of. Without the table's lock. */
static int open_again(struct node_table *table, struct node *node, struct node *parent, const char *name,
                      struct pin *ret_pin) {
    _cleanup_pin_ struct pin above = PIN_NONE;
    struct stat status;
    int r = node_pin(table, parent, &above);
    if (r < 0)
        return r;
    _cleanup_close_ int fd = open_child(table, above.fd, name);
    if (fd < 0)
        return fd == -ENOENT ? -ESTALE : fd;
    if (fstat(fd, &status) < 0 || !has_key(&status, node))
        return -ESTALE;
    pthread_mutex_lock(&table->lock);
    take_fd(table, node, steal_fd(&fd));
    r = hold(table, node, ret_pin);
    if (table->pinned > table->pinned_max)
        let_go(table, 1);
    pthread_mutex_unlock(&table->lock);
    return r;
}

int node_pin(struct node_table *table, struct node *node, struct pin *ret_pin) {
    pthread_mutex_lock(&table->lock);
    if (node->fd >= 0) {
        hold(table, node, ret_pin);
        pthread_mutex_unlock(&table->lock);
        return 0;
    }
    _cleanup_free_ char *name = node->name ? strdup(node->name) : NULL;
    struct node *parent = node->parent;
    if (!name || !parent) {
        pthread_mutex_unlock(&table->lock);
        return name ? -ESTALE : -ENOMEM;
    }
    parent->uses++; /* it is not to go meanwhile */
    node->uses++;
    pthread_mutex_unlock(&table->lock);
    int r = open_again(table, node, parent, name, ret_pin);
    pthread_mutex_lock(&table->lock);
    node->uses--;
    settle(table, node);
    parent->uses--;
    settle(table, parent);
    pthread_mutex_unlock(&table->lock);
    return r;
}

void node_let(struct pin *pin) {
    if (!pin->node)
        return;
    pthread_mutex_lock(&pin->table->lock);
    pin->node->uses--;
    settle(pin->table, pin->node);
    pthread_mutex_unlock(&pin->table->lock);
    pin->node = NULL;
}

/* ---- names that change ----------------------------------------------------------------------------------------- */

void node_keep(struct node_table *table, const struct pin *parent, const char *name) {
    struct stat status;
    pthread_mutex_lock(&table->lock);
    bool all_pinned = table->let_go == 0;
    pthread_mutex_unlock(&table->lock);
    if (all_pinned) /* and when one of them is considered, it is seen that its name has gone */
        return;
    _cleanup_close_ int fd = open_child(table, parent->fd, name);
    if (fd < 0 || fstat(fd, &status) < 0)
        return;
    pthread_mutex_lock(&table->lock);
    struct node *node = find(table, &status);
    if (node && node->fd < 0)
        take_fd(table, node, steal_fd(&fd));
    if (node && node->parent == parent->node && node->name && strcmp(node->name, name) == 0)
        node->kept = true;
    pthread_mutex_unlock(&table->lock);
}

void node_moved(struct node_table *table, const struct pin *parent, const char *name) {
    struct stat status;
    if (fstatat(parent->fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    pthread_mutex_lock(&table->lock);
    struct node *node = find(table, &status);
    if (node)
        set_place(table, node, parent->node, name);
    pthread_mutex_unlock(&table->lock);
}

/* ---- directories that are watched ------------------------------------------------------------------------------ */

static struct node *find_watched(struct node_table *table, int watch) {
    struct node *node;
    HASH_FIND(by_watch, table->watched, &watch, sizeof watch, node);
    return node;
}

static void add_watch(struct node_table *table, struct node *node, uint32_t mask) {
    char path[48];
    snprintf(path, sizeof path, "/proc/self/fd/%d", node->fd);
    int watch = inotify_add_watch(table->inotify, path, mask);
    if (watch <= 0 || find_watched(table, watch))
        return;
    node->watch = watch;
    HASH_ADD(by_watch, table->watched, watch, sizeof node->watch, node);
}

bool node_watch(struct node_table *table, struct node *node, uint32_t mask, size_t max, struct stat *status) {
    pthread_mutex_lock(&table->lock);
    if (node->watch == 0 && node->fd >= 0 && HASH_CNT(by_watch, table->watched) < max)
        add_watch(table, node, mask);
    bool watched = node->watch > 0 && node->fd >= 0 && fstat(node->fd, status) == 0;
    pthread_mutex_unlock(&table->lock);
    return watched;
}

void node_unwatched(struct node_table *table, int watch) {
    pthread_mutex_lock(&table->lock);
    struct node *node = find_watched(table, watch);
    if (node) {
        HASH_DELETE(by_watch, table->watched, node);
        node->watch = 0;
    }
    pthread_mutex_unlock(&table->lock);
}

bool node_is_watched(struct node_table *table, const struct node *node) {
    pthread_mutex_lock(&table->lock);
    bool watched = node->watch > 0;
    pthread_mutex_unlock(&table->lock);
    return watched;
}

bool node_is_seen(struct node_table *table, const struct node *node) {
    pthread_mutex_lock(&table->lock);
    bool seen = S_ISDIR(node->type) ? node->watch > 0 : node->parent && !node->astray && node->parent->watch > 0;
    pthread_mutex_unlock(&table->lock);
    return seen;
}

int node_pin_watched(struct node_table *table, int watch, struct pin *ret_pin) {
    pthread_mutex_lock(&table->lock);
    struct node *node = find_watched(table, watch);
    if (node)
        node->uses++; /* it is not to go meanwhile */
    pthread_mutex_unlock(&table->lock);
    if (!node)
        return -ENOENT;
    int r = node_pin(table, node, ret_pin);
    node_release(table, node);
    return r;
}

void node_told(struct node_table *table, struct node *node, uint64_t ctime, uint64_t size) {
    pthread_mutex_lock(&table->lock);
    node->told_ctime = ctime;
    node->told_size = size;
    pthread_mutex_unlock(&table->lock);
}

int node_knows(struct node_table *table, const struct node *node, uint64_t ctime, uint64_t size) {
    pthread_mutex_lock(&table->lock);
    int knows = node->changing > 0 ? -EBUSY : node->told_ctime == ctime && node->told_size == size;
    pthread_mutex_unlock(&table->lock);
    return knows;
}

void node_changing(struct node_table *table, struct node *node, int by) {
    pthread_mutex_lock(&table->lock);
    node->changing += (unsigned)by;
    pthread_mutex_unlock(&table->lock);
}

struct node *node_hold(struct node_table *table, const struct stat *status, const struct node *directory,
                       const char *name, bool *ret_in_place) {
    pthread_mutex_lock(&table->lock);
    struct node *node = find(table, status);
    *ret_in_place = node && node->fd >= 0 && node->parent == directory && node->name && strcmp(node->name, name) == 0;
    if (node) {
        node->uses++;
        node->astray |= !*ret_in_place;
    }
    pthread_mutex_unlock(&table->lock);
    return node;
}

void node_release(struct node_table *table, struct node *node) {
    pthread_mutex_lock(&table->lock);
    node->uses--;
    settle(table, node);
    pthread_mutex_unlock(&table->lock);
}

size_t node_places(struct node_table *table, struct node_place **ret_places) {
    struct node *node, *next;
    size_t count = 0;
    pthread_mutex_lock(&table->lock);
    struct node_place *places = calloc(HASH_CNT(hash, table->nodes) + 1, sizeof *places);
    if (places) {
        HASH_ITER (hash, table->nodes, node, next) {
            struct node_place *place = &places[count++];
            place->inode = node_number(table, node);
            place->parent = node->parent ? node_number(table, node->parent) : 0;
            place->name = node->parent && node->name ? strdup(node->name) : NULL;
        }
    }
    pthread_mutex_unlock(&table->lock);
    *ret_places = places;
    return count;
}
