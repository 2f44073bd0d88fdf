/* SPDX-License-Identifier: MIT */
/* What a table with a state notes of its nodes for another process, and takes up of an earlier one's. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "node-parts.h"
#include "util/cleanup.h"

/* ---- numbers and notes. All under the table's lock ------------------------------------------------------------- */

struct state_node *node_note(struct node_table *table, const struct node *node) {
    return table->state && node != &table->root ? state_node(table->state, node->number) : NULL;
}

uint64_t node_born_at(int fd) {
    struct statx status;
    if (statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_BTIME, &status) < 0 ||
        !(status.stx_mask & STATX_BTIME))
        return 0;
    return (uint64_t)status.stx_btime.tv_sec * 1000000000u + status.stx_btime.tv_nsec;
}

/* 0: there is none left. */
static uint64_t take_number(struct node_table *table) {
    if (table->n_free_numbers > 0)
        return table->free_numbers[--table->n_free_numbers];
    return table->state->nodes_end < STATE_NUMBER_MIN + STATE_NODES_MAX ? table->state->nodes_end++ : 0;
}

/* Without memory it is not used again. */
static void give_number(struct node_table *table, uint64_t number) {
    if (table->n_free_numbers == table->free_numbers_capacity) {
        size_t capacity = table->free_numbers_capacity ? 2 * table->free_numbers_capacity : 64;
        uint64_t *numbers = realloc(table->free_numbers, capacity * sizeof *numbers);
        if (!numbers)
            return;
        table->free_numbers = numbers;
        table->free_numbers_capacity = capacity;
    }
    table->free_numbers[table->n_free_numbers++] = number;
}

void node_attic_name(uint64_t number, char name[24]) {
    snprintf(name, 24, "%llu", (unsigned long long)number);
}

bool node_note_begin(struct node_table *table, struct node *node) {
    if (!table->state)
        return true;
    node->number = take_number(table);
    if (!node->number)
        return false;
    table->by_number[node->number - STATE_NUMBER_MIN] = node;
    state_put_node(node_note(table, node), node->key.device, node->key.inode, node_born_at(node->fd), node->type);
    return true;
}

void node_note_end(struct node_table *table, struct node *node) {
    struct state_node *note = node_note(table, node);
    char name[24];
    if (!note || !note->used)
        return;
    node_attic_name(node->number, name);
    if (note->in_attic && table->attic >= 0)
        (void)unlinkat(table->attic, name, 0);
    state_drop_node(note);
    table->by_number[node->number - STATE_NUMBER_MIN] = NULL;
    give_number(table, node->number);
}

void node_note_lookups(struct node_table *table, const struct node *node) {
    struct state_node *note = node_note(table, node);
    if (note)
        note->lookups = node->lookups;
}

/* ---- files that are moved --------------------------------------------------------------------------------------- */

/* The node that stands under a name, if the kernel knows of it. Under the table's lock. */
static struct node *find_name(struct node_table *table, const struct pin *parent, const char *name) {
    struct stat status;
    return fstatat(parent->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 ? node_find(table, &status) : NULL;
}

void node_intend(struct node_table *table, const struct pin *parent, const char *name, const struct pin *new_parent,
                 const char *new_name) {
    if (!table->state)
        return;
    pthread_mutex_lock(&table->lock);
    struct node *node = find_name(table, parent, name);
    struct state_node *note = node ? node_note(table, node) : NULL;
    if (note)
        state_intend(note, node_number(table, new_parent->node), new_name);
    pthread_mutex_unlock(&table->lock);
}

bool node_was_moved(struct node_table *table, const struct pin *parent, const char *name) {
    pthread_mutex_lock(&table->lock);
    const struct node *node = find_name(table, parent, name);
    bool moved = node && node->was_moved;
    pthread_mutex_unlock(&table->lock);
    return moved;
}

/* ---- files that lose their name -------------------------------------------------------------------------------- */

static int open_attic(struct node_table *table) {
    const char *name = table->state->attic;
    if (table->attic < 0)
        (void)mkdirat(table->root.fd, name, 0700);
    if (table->attic < 0)
        table->attic = openat(table->root.fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return table->attic;
}

/* Under the table's lock. */
static void put_into_attic(struct node_table *table, struct node *node, int parent, const char *name, int flags) {
    struct state_node *note = node_note(table, node);
    char own[24];
    if (!note || note->in_attic || S_ISDIR(node->type) || open_attic(table) < 0)
        return;
    node_attic_name(node->number, own);
    int r = linkat(parent, name, table->attic, own, flags);
    if (r < 0 && errno == EEXIST) { /* of a process that was killed here: it may be another file's */
        (void)unlinkat(table->attic, own, 0);
        r = linkat(parent, name, table->attic, own, flags);
    }
    if (r == 0)
        note->in_attic = 1;
}

void node_save(struct node_table *table, const struct pin *parent, const char *name) {
    if (!table->state)
        return;
    pthread_mutex_lock(&table->lock);
    struct node *node = find_name(table, parent, name);
    if (node && node_is_open(node))
        put_into_attic(table, node, parent->fd, name, 0);
    pthread_mutex_unlock(&table->lock);
}

void node_save_unnamed(struct node_table *table, struct node *node, int fd) {
    char path[48];
    if (!table->state)
        return;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    pthread_mutex_lock(&table->lock);
    put_into_attic(table, node, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
    pthread_mutex_unlock(&table->lock);
}

void node_correct(struct node_table *table, const struct node *node, struct stat *status) {
    const struct state_node *note = node_note(table, node);
    if (note && note->in_attic && status->st_nlink > 0)
        status->st_nlink--;
}

/* ---- what an earlier process has noted ------------------------------------------------------------------------- */

static struct node *make_again(struct node_table *table, uint64_t number) {
    const struct state_node *note = state_node(table->state, number);
    struct node *node = calloc(1, sizeof *node);
    if (!node)
        return NULL;
    *node = (struct node){.key = {note->device, note->inode},
                          .number = number,
                          .born = note->born,
                          .type = note->type & S_IFMT,
                          .fd = -1,
                          .lookups = note->lookups,
                          .intended = note->intended};
    pthread_mutex_init(&node->lock, NULL);
    struct stat status = {.st_dev = node->key.device, .st_ino = node->key.inode};
    if (!node_find(table, &status)) {
        HASH_ADD(hash, table->nodes, key, sizeof node->key, node);
        node->hashed = node->hash.tbl != NULL;
    }
    table->let_go++;
    table->by_number[number - STATE_NUMBER_MIN] = node;
    return node;
}

/* Puts a node where the notes say that it is, or may be. The notes may hold anything. */
static void place_again(struct node_table *table, struct node *node, bool other) {
    const struct state_place *place = state_place(node_note(table, node), other);
    struct state_place copy;
    memcpy(&copy, place, sizeof copy);
    struct node *parent = node_of(table, copy.parent);
    if (parent && parent != node && S_ISDIR(parent->type) && memchr(copy.name, 0, sizeof copy.name) && copy.name[0] &&
        !strchr(copy.name, '/') && strcmp(copy.name, "..") != 0 && !node_is_above(node, parent))
        node_set_place(table, node, parent, copy.name);
}

static void set_depth(struct node *node) {
    node->depth = 0;
    for (const struct node *above = node->parent; above; above = above->parent)
        node->depth++;
}

/* A node that was about to be moved: is it there? */
static void settle_intention(struct node_table *table, struct node *node) {
    struct pin pin = PIN_NONE;
    if (node_pin(table, node, &pin) < 0) {
        place_again(table, node, true);
        set_depth(node);
        node->was_moved = node_pin(table, node, &pin) == 0;
    }
    state_node(table->state, node->number)->intended = 0;
    node_let(&pin);
}

static int take_up_nodes(struct node_table *table) {
    for (uint64_t number = STATE_NUMBER_MIN; number < table->state->nodes_end; number++)
        if (!state_node(table->state, number)->used)
            give_number(table, number);
        else if (!make_again(table, number))
            return -ENOMEM;
    return 0;
}

static int take_up(struct node_table *table) {
    uint64_t end = table->state->nodes_end;
    int r = take_up_nodes(table);
    table->taking_up = true;
    for (int pass = 0; r == 0 && pass < 3; pass++)
        for (uint64_t number = STATE_NUMBER_MIN; number < end; number++) {
            struct node *node = node_of(table, number);
            table->taking_up = pass < 2;
            if (node && pass == 0)
                place_again(table, node, false);
            else if (node && pass == 1)
                set_depth(node);
            else if (node && node->intended)
                settle_intention(table, node);
        }
    table->taking_up = false;
    for (uint64_t number = STATE_NUMBER_MIN; r == 0 && number < end; number++)
        node_settle(table, node_of(table, number));
    return r;
}

int node_table_use_state(struct node_table *table, struct state *state, bool earlier) {
    void *memory =
        mmap(NULL, BY_NUMBER_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return -ENOMEM;
    table->by_number = memory;
    table->state = state;
    if (!earlier)
        return 0;
    table->attic = openat(table->root.fd, state->attic, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return take_up(table);
}

void node_table_leave(struct node_table *table) {
    int fd = table->attic < 0 ? -1 : openat(table->attic, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *attic = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    while (attic && (entry = readdir(attic)))
        if (entry->d_name[0] != '.')
            (void)unlinkat(table->attic, entry->d_name, 0);
    if (table->attic >= 0)
        (void)unlinkat(table->root.fd, table->state->attic, AT_REMOVEDIR);
}
