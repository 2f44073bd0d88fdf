/* SPDX-License-Identifier: MIT */
#include "node.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <unistd.h>

#include "linfsp/linfsp.h"
#include "util/cleanup.h"

#define BY_NUMBER_SIZE (STATE_NODES_MAX * sizeof(void *))
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

/* ---- numbers and notes, with a state. All under the table's lock ----------------------------------------------- */

static struct state_node *note_of(struct node_table *table, const struct node *node) {
    return table->state && node != &table->root ? state_node(table->state, node->number) : NULL;
}

/* When the file was made; 0 where that is not known. */
static uint64_t born_at(int fd) {
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

static void attic_name(uint64_t number, char name[24]) {
    snprintf(name, 24, "%llu", (unsigned long long)number);
}

static bool note_node(struct node_table *table, struct node *node) {
    if (!table->state)
        return true;
    node->number = take_number(table);
    if (!node->number)
        return false;
    table->by_number[node->number - STATE_NUMBER_MIN] = node;
    state_put_node(note_of(table, node), node->key.device, node->key.inode, born_at(node->fd), node->type);
    return true;
}

static void forget_note(struct node_table *table, struct node *node) {
    struct state_node *note = note_of(table, node);
    char name[24];
    if (!note || !note->used)
        return;
    attic_name(node->number, name);
    if (note->in_attic && table->attic >= 0)
        (void)unlinkat(table->attic, name, 0);
    state_drop_node(note);
    table->by_number[node->number - STATE_NUMBER_MIN] = NULL;
    give_number(table, node->number);
}

static void note_lookups(struct node_table *table, const struct node *node) {
    struct state_node *note = note_of(table, node);
    if (note)
        note->lookups = node->lookups;
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

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
    if (!table->closing)
        forget_note(table, node);
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
    struct state_node *note = note_of(table, node);
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
    if (note && !table->taking_up)
        state_set_place(note, node_number(table, parent), name);
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
    if (!note_node(table, node)) {
        free(node);
        return NULL;
    }
    HASH_ADD(hash, table->nodes, key, sizeof node->key, node);
    node->hashed = node->hash.tbl != NULL;
    if (!node->hashed) {
        forget_note(table, node);
        free(node);
        return NULL;
    }
    pthread_mutex_init(&node->lock, NULL);
    ring_add(table, node);
    return node;
}

int node_get(struct node_table *table, int fd, const struct stat *status, struct node *parent, const char *name,
             struct node **ret_node) {
    pthread_mutex_lock(&table->lock);
    struct node *node = find(table, status);
    if (node && (node->type != (status->st_mode & S_IFMT) || (node->born && node->born != born_at(fd)))) {
        /* that file has gone, unseen, while it had no descriptor */
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
    node->born = 0;
    note_lookups(table, node);
    set_place(table, node, parent, name);
    if (table->pinned > table->pinned_max)
        let_go(table, 1 + (table->pinned - table->pinned_max));
    pthread_mutex_unlock(&table->lock);
    *ret_node = node;
    return 0;
}

void node_put(struct node_table *table, struct node *node, uint64_t count) {
    if (!node || node == &table->root)
        return;
    pthread_mutex_lock(&table->lock);
    node->lookups -= count < node->lookups ? count : node->lookups;
    note_lookups(table, node);
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

/* A descriptor of that node's file, by its name in a directory. */
static int open_there(struct node_table *table, const struct node *node, int parent, const char *name) {
    struct stat status;
    _cleanup_close_ int fd = open_child(table, parent, name);
    if (fd < 0)
        return fd == -ENOENT ? -ESTALE : fd;
    if (fstat(fd, &status) < 0 || !has_key(&status, node) || (node->born && node->born != born_at(fd)))
        return -ESTALE;
    return steal_fd(&fd);
}

static int open_in_attic(struct node_table *table, const struct node *node) {
    char name[24];
    attic_name(node->number, name);
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
    take_fd(table, node, steal_fd(&fd));
    r = hold(table, node, ret_pin);
    if (table->pinned > table->pinned_max)
        let_go(table, 1);
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
    settle(table, node);
    if (parent) {
        parent->uses--;
        settle(table, parent);
    }
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

/* ---- for another process --------------------------------------------------------------------------------------- */

/* The node that stands under a name, if the kernel knows of it. Under the table's lock. */
static struct node *find_name(struct node_table *table, const struct pin *parent, const char *name) {
    struct stat status;
    return fstatat(parent->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 ? find(table, &status) : NULL;
}

void node_intend(struct node_table *table, const struct pin *parent, const char *name, const struct pin *new_parent,
                 const char *new_name) {
    if (!table->state)
        return;
    pthread_mutex_lock(&table->lock);
    struct node *node = find_name(table, parent, name);
    struct state_node *note = node ? note_of(table, node) : NULL;
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
    struct state_node *note = note_of(table, node);
    char own[24];
    if (!note || note->in_attic || S_ISDIR(node->type) || open_attic(table) < 0)
        return;
    attic_name(node->number, own);
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
    if (node && is_open(node))
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
    const struct state_node *note = note_of(table, node);
    if (note && note->in_attic && status->st_nlink > 0)
        status->st_nlink--;
}

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
    if (!find(table, &status)) {
        HASH_ADD(hash, table->nodes, key, sizeof node->key, node);
        node->hashed = node->hash.tbl != NULL;
    }
    table->let_go++;
    table->by_number[number - STATE_NUMBER_MIN] = node;
    return node;
}

/* Puts a node where the notes say that it is, or may be. The notes may hold anything. */
static void place_again(struct node_table *table, struct node *node, bool other) {
    const struct state_place *place = state_place(note_of(table, node), other);
    struct state_place copy;
    memcpy(&copy, place, sizeof copy);
    struct node *parent = node_of(table, copy.parent);
    if (parent && parent != node && S_ISDIR(parent->type) && memchr(copy.name, 0, sizeof copy.name) && copy.name[0] &&
        !strchr(copy.name, '/') && strcmp(copy.name, "..") != 0 && !is_above(node, parent))
        set_place(table, node, parent, copy.name);
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
        settle(table, node_of(table, number));
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
