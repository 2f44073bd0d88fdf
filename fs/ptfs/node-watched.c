/* SPDX-License-Identifier: MIT */
/* Nodes whose changes behind our back are told of. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "node-parts.h"

void node_watch_end(struct node_table *table, struct node *node) {
    if (node->watch == 0)
        return;
    HASH_DELETE(by_watch, table->watched, node);
    if (table->inotify >= 0)
        (void)inotify_rm_watch(table->inotify, node->watch);
    node->watch = 0;
}

static struct node *find_watched(struct node_table *table, int watch) {
    struct node *node;
    HASH_FIND(by_watch, table->watched, &watch, sizeof watch, node);
    return node;
}

static void add_watch(struct node_table *table, struct node *node, uint32_t mask, size_t max) {
    char path[48];
    if (node->watch > 0 || node->fd < 0 || HASH_CNT(by_watch, table->watched) >= max)
        return;
    snprintf(path, sizeof path, "/proc/self/fd/%d", node->fd);
    int watch = inotify_add_watch(table->inotify, path, mask);
    if (watch <= 0 || find_watched(table, watch))
        return;
    node->watch = watch;
    HASH_ADD(by_watch, table->watched, watch, sizeof node->watch, node);
    if (!node->by_watch.tbl) {
        (void)inotify_rm_watch(table->inotify, watch);
        node->watch = 0;
    }
}

bool node_watch(struct node_table *table, struct node *node, uint32_t mask, size_t max, struct stat *status) {
    pthread_mutex_lock(&table->lock);
    add_watch(table, node, mask, max);
    bool watched = node->watch > 0 && node->fd >= 0 && fstat(node->fd, status) == 0;
    pthread_mutex_unlock(&table->lock);
    return watched;
}

void node_watch_all(struct node_table *table, uint32_t mask, size_t max) {
    struct node *node, *next;
    pthread_mutex_lock(&table->lock);
    HASH_ITER (hash, table->nodes, node, next)
        if (S_ISDIR(node->type))
            add_watch(table, node, mask, max);
    pthread_mutex_unlock(&table->lock);
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
    struct node *node = node_find(table, status);
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
    node_settle(table, node);
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
