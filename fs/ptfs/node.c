/* SPDX-License-Identifier: MIT */
#include "node.h"

#include <errno.h>

#include "linfsp/linfsp.h"
#include "util/cleanup.h"

int node_table_init(struct node_table *table, int root) {
    struct stat status;
    if (fstat(root, &status) < 0)
        return -errno;
    *table = (struct node_table){.root = {.fd = root, .lookups = 1}};
    table->root.key = (struct node_key){status.st_dev, status.st_ino};
    pthread_mutex_init(&table->lock, NULL);
    pthread_mutex_init(&table->root.lock, NULL);
    HASH_ADD(hash, table->nodes, key, sizeof table->root.key, &table->root);
    return 0;
}

static void node_free(struct node_table *table, struct node *node) {
    HASH_DELETE(hash, table->nodes, node); // NOLINT(clang-analyzer-unix.Malloc)
    close_fd(&node->fd);
    pthread_mutex_destroy(&node->lock);
    if (node != &table->root)
        free(node);
}

void node_table_close(struct node_table *table) {
    struct node *node, *next;
    HASH_ITER (hash, table->nodes, node, next)
        node_free(table, node);
    pthread_mutex_destroy(&table->lock);
}

struct node *node_of(struct node_table *table, uint64_t inode) {
    return inode == LINFSP_ROOT_INODE ? &table->root : (struct node *)(uintptr_t)inode;
}

uint64_t node_number(const struct node_table *table, const struct node *node) {
    return node == &table->root ? LINFSP_ROOT_INODE : (uint64_t)(uintptr_t)node;
}

int node_get(struct node_table *table, int fd, const struct stat *status, struct node **ret_node) {
    struct node_key key = {status->st_dev, status->st_ino};
    struct node *node;
    pthread_mutex_lock(&table->lock);
    HASH_FIND(hash, table->nodes, &key, sizeof key, node); // NOLINT(clang-analyzer-core.UndefinedBinaryOperatorResult)
    if (node) { // NOLINT(bugprone-branch-clone)
        close(fd);
    } else if ((node = calloc(1, sizeof *node))) {
        node->key = key;
        node->fd = fd;
        pthread_mutex_init(&node->lock, NULL);
        HASH_ADD(hash, table->nodes, key, sizeof node->key, node);
    } else {
        close(fd);
    }
    if (node)
        node->lookups++;
    pthread_mutex_unlock(&table->lock);
    if (!node)
        return -ENOMEM;
    *ret_node = node;
    return 0;
}

void node_put(struct node_table *table, struct node *node, uint64_t count) {
    if (node == &table->root)
        return;
    pthread_mutex_lock(&table->lock);
    node->lookups -= count < node->lookups ? count : node->lookups;
    if (node->lookups == 0)
        node_free(table, node);
    pthread_mutex_unlock(&table->lock);
}
