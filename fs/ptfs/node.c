/* SPDX-License-Identifier: MIT */
/* The nodes of a table, and where they stand. */
#include "node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "linfsp/linfsp.h"
#include "node-parts.h"
#include "util/cleanup.h"

int node_table_init(struct node_table *table, int root, size_t pinned_max) {
    struct stat status;
    if (fstat(root, &status) < 0)
        return -errno;
    *table = (struct node_table){.root = {.fd = root, .lookups = 1, .type = S_IFDIR, .hashed = true},
                                 .pinned_max = pinned_max,
                                 .inotify = -1,
                                 .attic = -1};
    table->root.key = (struct node_key){status.st_dev, status.st_ino};
    pthread_mutex_init(&table->lock, NULL);
    pthread_mutex_init(&table->root.lock, NULL);
    HASH_ADD(hash, table->nodes, key, sizeof table->root.key, &table->root);
    return table->root.hash.tbl ? 0 : -ENOMEM;
}

static void node_free(struct node_table *table, struct node *node) {
    node_watch_end(table, node);
    if (!table->closing)
        node_note_end(table, node);
    if (node->hashed)
        HASH_DELETE(hash, table->nodes, node); // NOLINT(clang-analyzer-unix.Malloc)
    if (node->next)
        node_ring_remove(table, node);
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
    table->closing = true;
    for (uint64_t number = STATE_NUMBER_MIN; table->state && number < table->state->nodes_end; number++)
        if ((node = node_of(table, number)) && !node->hashed) {
            node->parent = NULL;
            node_free(table, node);
        }
    HASH_ITER (hash, table->nodes, node, next)
        node->parent = NULL; /* which may be freed first */
    HASH_ITER (hash, table->nodes, node, next)
        node_free(table, node);
    if (table->by_number)
        munmap(table->by_number, BY_NUMBER_SIZE);
    free(table->free_numbers);
    close_fd(&table->attic);
    pthread_mutex_destroy(&table->lock);
}

void node_settle(struct node_table *table, struct node *node) {
    while (node && node != &table->root && node->lookups == 0 && node->uses == 0 && node->below == 0) {
        struct node *parent = node->parent;
        node_free(table, node);
        if (parent)
            parent->below--;
        node = parent;
    }
}

struct node *node_of(struct node_table *table, uint64_t inode) {
    if (inode == LINFSP_ROOT_INODE)
        return &table->root;
    if (!table->state)
        return (struct node *)(uintptr_t)inode;
    return state_node(table->state, inode) ? table->by_number[inode - STATE_NUMBER_MIN] : NULL;
}

uint64_t node_number(const struct node_table *table, const struct node *node) {
    if (node == &table->root)
        return LINFSP_ROOT_INODE;
    return table->state ? node->number : (uint64_t)(uintptr_t)node;
}

bool node_is_above(const struct node *node, const struct node *other) {
    while (other && other != node)
        other = other->parent;
    return other;
}

void node_set_place(struct node_table *table, struct node *node, struct node *parent, const char *name) {
    node->astray = !parent;
    if (node == &table->root || !parent || (node->parent == parent && node->name && strcmp(node->name, name) == 0))
        return;
    struct state_node *note = node_note(table, node);
    char *copy = S_ISDIR(node->type) && node_is_above(node, parent) ? NULL : strdup(name);
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
    if (note && !table->taking_up)
        state_set_place(note, node_number(table, parent), name);
    if (node->next)
        parent->pinned_below++;
    if (before) {
        before->pinned_below -= node->next != NULL;
        before->below--;
        node_settle(table, before);
    }
}

struct node *node_find(struct node_table *table, const struct stat *status) {
    struct node_key key = {status->st_dev, status->st_ino};
    struct node *node;
    HASH_FIND(hash, table->nodes, &key, sizeof key, node); // NOLINT(clang-analyzer-core.UndefinedBinaryOperatorResult)
    return node;
}

static struct node *make(struct node_table *table, int fd, const struct stat *status) {
    struct node *node = calloc(1, sizeof *node);
    if (!node)
        return NULL;
    node->key = (struct node_key){status->st_dev, status->st_ino};
    node->type = status->st_mode & S_IFMT;
    node->fd = fd;
    if (!node_note_begin(table, node)) {
        free(node);
        return NULL;
    }
    HASH_ADD(hash, table->nodes, key, sizeof node->key, node);
    node->hashed = node->hash.tbl != NULL;
    if (!node->hashed) {
        node_note_end(table, node);
        free(node);
        return NULL;
    }
    pthread_mutex_init(&node->lock, NULL);
    node_ring_add(table, node);
    return node;
}

int node_get(struct node_table *table, int fd, const struct stat *status, struct node *parent, const char *name,
             struct node **ret_node) {
    pthread_mutex_lock(&table->lock);
    struct node *node = node_find(table, status);
    if (node && (node->type != (status->st_mode & S_IFMT) || (node->born && node->born != node_born_at(fd)))) {
        /* that file has gone, unseen, while it had no descriptor */
        HASH_DELETE(hash, table->nodes, node);
        node->hashed = false;
        node = NULL;
    }
    if (node) {
        node_take_fd(table, node, fd);
    } else if (!(node = make(table, fd, status))) {
        close(fd);
        pthread_mutex_unlock(&table->lock);
        return -ENOMEM;
    }
    node->lookups++;
    node->born = 0;
    node_note_lookups(table, node);
    node_set_place(table, node, parent, name);
    if (table->pinned > table->pinned_max)
        node_let_go(table, 1 + (table->pinned - table->pinned_max));
    pthread_mutex_unlock(&table->lock);
    *ret_node = node;
    return 0;
}

void node_put(struct node_table *table, struct node *node, uint64_t count) {
    if (!node || node == &table->root)
        return;
    pthread_mutex_lock(&table->lock);
    node->lookups -= count < node->lookups ? count : node->lookups;
    node_note_lookups(table, node);
    node_settle(table, node);
    pthread_mutex_unlock(&table->lock);
}

/* ---- names that change ----------------------------------------------------------------------------------------- */

void node_keep(struct node_table *table, const struct pin *parent, const char *name) {
    struct stat status;
    pthread_mutex_lock(&table->lock);
    bool all_pinned = table->let_go == 0;
    pthread_mutex_unlock(&table->lock);
    if (all_pinned) /* and when one of them is considered, it is seen that its name has gone */
        return;
    _cleanup_close_ int fd = node_open_child(table, parent->fd, name);
    if (fd < 0 || fstat(fd, &status) < 0)
        return;
    pthread_mutex_lock(&table->lock);
    struct node *node = node_find(table, &status);
    if (node && node->fd < 0)
        node_take_fd(table, node, steal_fd(&fd));
    if (node && node->parent == parent->node && node->name && strcmp(node->name, name) == 0)
        node->kept = true;
    pthread_mutex_unlock(&table->lock);
}

void node_moved(struct node_table *table, const struct pin *parent, const char *name) {
    struct stat status;
    if (fstatat(parent->fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    pthread_mutex_lock(&table->lock);
    struct node *node = node_find(table, &status);
    if (node)
        node_set_place(table, node, parent->node, name);
    pthread_mutex_unlock(&table->lock);
}
