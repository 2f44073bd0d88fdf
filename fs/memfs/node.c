/* SPDX-License-Identifier: MIT */
#include "node.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "acl.h"
#include "data-file.h"
#include "pass.h"
#include "util/cleanup.h"

#define CHUNK_SHIFT 10
#define CHUNK_NODES (1u << CHUNK_SHIFT)
#define TRIM_MIN 4096 /* nodes: below that it is not worth it */
#define CHUNKS_MAX (UINT32_C(1) << (32 - CHUNK_SHIFT))

/* Free slots are a list through node->index, by position + 1. */
struct node_chunk {
    struct node_chunk *next, *previous; /* in pool->open, while it has free slots */
    struct node_pool *pool;
    uint32_t number;
    uint32_t used; /* slots in use */
    uint32_t free; /* first free slot that was used before, + 1 */
    uint32_t fresh; /* slots from here on were never used */
    struct node nodes[CHUNK_NODES];
};

static_assert(sizeof(struct node) == 128, "a node is two cache lines");

/* ---- slots ----------------------------------------------------------------------------------------------------- */

static int table_init(struct node_table *table) {
    size_t size = CHUNKS_MAX * sizeof *table->chunks;
    void *chunks = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (chunks == MAP_FAILED)
        return -ENOMEM;
    *table = (struct node_table){.chunks = chunks, .next_number = 1};
    return 0;
}

static struct node_chunk *chunk_of(const struct node *node) {
    size_t slot = node->index & (CHUNK_NODES - 1);
    return (struct node_chunk *)(void *)((char *)(uintptr_t)(node - slot) - offsetof(struct node_chunk, nodes));
}

/* A chunk number that is not in use; CHUNKS_MAX where there is none. */
static uint32_t take_number(struct node_table *table) {
    lock_exclusive(&table->lock);
    uint32_t number = table->free_count > 0 ? table->free[--table->free_count] : CHUNKS_MAX;
    if (number == CHUNKS_MAX && table->used < CHUNKS_MAX)
        number = table->used++;
    unlock_exclusive(&table->lock);
    return number;
}

/* Without memory for the list the number is not used again: there are millions. */
static void give_number(struct node_table *table, uint32_t number) {
    lock_exclusive(&table->lock);
    if (table->free_count == table->free_capacity) {
        uint32_t capacity = table->free_capacity ? 2 * table->free_capacity : 64;
        uint32_t *list = realloc(table->free, capacity * sizeof *list);
        if (list) {
            table->free = list;
            table->free_capacity = capacity;
        }
    }
    if (table->free_count < table->free_capacity)
        table->free[table->free_count++] = number;
    unlock_exclusive(&table->lock);
}

static void open_chunk(struct node_pool *pool, struct node_chunk *chunk) {
    chunk->previous = NULL;
    chunk->next = pool->open;
    if (chunk->next)
        chunk->next->previous = chunk;
    pool->open = chunk;
}

static void close_chunk(struct node_pool *pool, struct node_chunk *chunk) {
    if (chunk->next)
        chunk->next->previous = chunk->previous;
    if (chunk->previous)
        chunk->previous->next = chunk->next;
    else
        pool->open = chunk->next;
}

static int add_chunk(struct node_table *table, struct node_pool *pool) {
    uint32_t number = take_number(table);
    if (number == CHUNKS_MAX)
        return -ENOSPC;
    struct node_chunk *chunk = mmap(NULL, sizeof *chunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (chunk == MAP_FAILED) {
        give_number(table, number);
        return -ENOSPC;
    }
    chunk->pool = pool;
    chunk->number = number;
    open_chunk(pool, chunk);
    atomic_store_explicit(&table->chunks[number], chunk, memory_order_release);
    return 0;
}

static struct node_pool *own_pool(struct node_table *table) {
    static _Atomic unsigned threads;
    static _Thread_local unsigned mine;
    if (mine == 0)
        mine = 1 + atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) % NODE_POOLS;
    return &table->pools[mine - 1];
}

/* A slot's node: all zero, but for its index. */
static struct node *take_slot(struct node_table *table) {
    struct node_pool *pool = own_pool(table);
    struct node *node = NULL;
    lock_exclusive(&pool->lock);
    if (pool->open || add_chunk(table, pool) == 0) {
        struct node_chunk *chunk = pool->open;
        uint32_t slot = chunk->free ? chunk->free - 1 : chunk->fresh++;
        node = &chunk->nodes[slot];
        if (chunk->free)
            chunk->free = node->index;
        if (++chunk->used == CHUNK_NODES)
            close_chunk(pool, chunk);
        memset(node, 0, sizeof *node);
        node->index = chunk->number << CHUNK_SHIFT | slot;
    }
    unlock_exclusive(&pool->lock);
    return node;
}

/* A chunk that has become empty goes back to the kernel, unless it is the pool's only one with room. */
static void give_slot(struct node_table *table, struct node *node) {
    struct node_chunk *chunk = chunk_of(node);
    struct node_pool *pool = chunk->pool;
    lock_exclusive(&pool->lock);
    uint32_t slot = node->index & (CHUNK_NODES - 1);
    node->index = chunk->free;
    chunk->free = slot + 1;
    if (chunk->used-- == CHUNK_NODES)
        open_chunk(pool, chunk);
    bool drop = chunk->used == 0 && (pool->open != chunk || chunk->next) && chunk->number != 0;
    if (drop)
        close_chunk(pool, chunk);
    unlock_exclusive(&pool->lock);
    if (!drop)
        return;
    uint32_t number = chunk->number;
    lock_exclusive(&table->lock); /* node_find may look at it */
    atomic_store_explicit(&table->chunks[number], NULL, memory_order_relaxed);
    munmap(chunk, sizeof *chunk);
    unlock_exclusive(&table->lock);
    give_number(table, number);
}

struct node *node_of(struct volume *volume, uint64_t inode) {
    uint64_t index = inode - 1;
    struct node_chunk *chunk = atomic_load_explicit(&volume->table.chunks[index >> CHUNK_SHIFT], memory_order_acquire);
    return &chunk->nodes[index & (CHUNK_NODES - 1)];
}

/* One that has no reference is free, or is not made yet. */
static bool hold_used(struct node *node) {
    uint64_t references = atomic_load_explicit(&node->references, memory_order_acquire);
    while (references > 0)
        if (atomic_compare_exchange_weak_explicit(&node->references, &references, references + 1, memory_order_acquire,
                                                  memory_order_acquire))
            return true;
    return false;
}

struct node *node_find(struct volume *volume, uint64_t inode) {
    struct node_table *table = &volume->table;
    uint64_t index = inode - 1;
    struct node *node = NULL;
    if (inode == 0 || index >> CHUNK_SHIFT >= CHUNKS_MAX)
        return NULL;
    lock_shared(&table->lock);
    struct node_chunk *chunk = atomic_load_explicit(&table->chunks[index >> CHUNK_SHIFT], memory_order_acquire);
    if (chunk && hold_used(&chunk->nodes[index & (CHUNK_NODES - 1)]))
        node = &chunk->nodes[index & (CHUNK_NODES - 1)];
    unlock_shared(&table->lock);
    return node;
}

/* ---- another memfs's nodes ------------------------------------------------------------------------------------- */

static struct node_chunk *chunk_at(const struct volume *volume, uint64_t index) {
    return index >> CHUNK_SHIFT < CHUNKS_MAX ? atomic_load(&volume->table.chunks[index >> CHUNK_SHIFT]) : NULL;
}

struct node *node_at(const struct volume *volume, uint32_t index) {
    struct node_chunk *chunk = chunk_at(volume, index);
    struct node *node = chunk ? &chunk->nodes[index & (CHUNK_NODES - 1)] : NULL;
    return node && atomic_load(&node->references) > 0 ? node : NULL;
}

struct node *node_next(const struct volume *volume, uint64_t index) {
    while (index >> CHUNK_SHIFT < volume->table.used) {
        struct node_chunk *chunk = chunk_at(volume, index);
        if (!chunk) {
            index = ((index >> CHUNK_SHIFT) + 1) << CHUNK_SHIFT;
            continue;
        }
        struct node *node = &chunk->nodes[index & (CHUNK_NODES - 1)];
        if (atomic_load(&node->references) > 0)
            return node;
        index++;
    }
    return NULL;
}

static struct node_chunk *restore_chunk(struct node_table *table, uint32_t number) {
    struct node_chunk *chunk = mmap(NULL, sizeof *chunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (chunk == MAP_FAILED)
        return NULL;
    chunk->number = number;
    chunk->pool = &table->pools[number % NODE_POOLS];
    atomic_store(&table->chunks[number], chunk);
    if (number >= table->used)
        table->used = number + 1;
    return chunk;
}

struct node *node_restore(struct volume *volume, uint32_t index) {
    uint32_t number = index >> CHUNK_SHIFT, slot = index & (CHUNK_NODES - 1);
    struct node_chunk *chunk = chunk_at(volume, index);
    if (index >= NODES_MAX || (!chunk && !(chunk = restore_chunk(&volume->table, number))))
        return NULL;
    struct node *node = &chunk->nodes[slot];
    if (atomic_load(&node->references) > 0)
        return NULL;
    node->index = index;
    chunk->used++;
    if (slot >= chunk->fresh)
        chunk->fresh = slot + 1;
    return node;
}

void nodes_restored(struct volume *volume) {
    struct node_table *table = &volume->table;
    for (uint32_t number = 0; number < table->used; number++) {
        struct node_chunk *chunk = atomic_load(&table->chunks[number]);
        if (!chunk) {
            give_number(table, number);
            continue;
        }
        for (uint32_t slot = 0; slot < chunk->fresh; slot++)
            if (atomic_load(&chunk->nodes[slot].references) == 0) {
                chunk->nodes[slot].index = chunk->free;
                chunk->free = slot + 1;
            }
        if (chunk->used < CHUNK_NODES)
            open_chunk(chunk->pool, chunk);
    }
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

int node_new(struct volume *volume, mode_t mode, uid_t uid, gid_t gid, struct node **ret_node) {
    if (!space_take(&volume->nodes, 1))
        return -ENOSPC;
    struct node *node = take_slot(&volume->table);
    if (!node) {
        space_give(&volume->nodes, 1);
        return -ENOSPC;
    }
    uint64_t used = space_used(&volume->nodes);
    if (used > atomic_load_explicit(&volume->most_nodes, memory_order_relaxed))
        atomic_store_explicit(&volume->most_nodes, used, memory_order_relaxed);
    node->number = atomic_fetch_add_explicit(&volume->table.next_number, 1, memory_order_relaxed);
    node->type = mode & S_IFMT;
    node->permissions = mode & 07777;
    node->uid = uid;
    node->gid = gid;
    node_touch(node, ATIME | MTIME | CTIME);
    atomic_store_explicit(&node->references, 1, memory_order_release); /* now node_find may find it */
    if (S_ISDIR(mode) && !(node->directory = directory_new(NULL))) {
        node_drop(volume, node, 1);
        return -ENOSPC;
    }
    *ret_node = node;
    return 0;
}

static void free_content(struct volume *volume, struct node *node) {
    if (S_ISREG(node->type)) {
        pass_forget(volume->pass, &node->data);
        data_free(&node->data, &volume->space);
    } else if (S_ISDIR(node->type))
        directory_free(node->directory);
    else if (S_ISLNK(node->type))
        free(node->target);
    xattr_free(&node->xattrs, &volume->space);
}

/* The C library keeps what was freed; when half of many nodes have gone, with their names, it is to give that back. */
static void trim(struct volume *volume) {
    uint64_t used = space_used(&volume->nodes), most = atomic_load_explicit(&volume->most_nodes, memory_order_relaxed);
    if (used < most / 2 && most > TRIM_MIN && atomic_compare_exchange_strong(&volume->most_nodes, &most, used))
        malloc_trim(0);
}

void node_drop(struct volume *volume, struct node *node, uint64_t count) {
    if (atomic_fetch_sub_explicit(&node->references, count, memory_order_acq_rel) != count)
        return;
    free_content(volume, node);
    give_slot(&volume->table, node);
    space_give(&volume->nodes, 1);
    trim(volume);
}

/* ---- volume ---------------------------------------------------------------------------------------------------- */

int volume_init(struct volume *volume, bool fold, uint64_t space_limit, uint64_t node_limit) {
    *volume = (struct volume){
        .file_size_max = INT64_MAX,
        .timeout = LINFSP_TIMEOUT_INFINITE,
        .size = space_limit,
        .space = {.limit = space_limit},
        .nodes = {.limit = node_limit},
        .seeks = SEEKS_NONE,
    };
    int r = names_init(&volume->names, fold);
    if (r == 0)
        r = table_init(&volume->table);
    if (r == 0)
        r = node_new(volume, S_IFDIR | 0777, 0, 0, &volume->root);
    if (r < 0) {
        volume_free(volume);
        return r;
    }
    volume->root->links = 2;
    volume->root->directory->parent = volume->root;
    return 0;
}

static void free_nodes(struct volume *volume) {
    struct node_table *table = &volume->table;
    for (uint32_t i = 0; i < table->used; i++) {
        struct node_chunk *chunk = atomic_load(&table->chunks[i]);
        for (uint32_t slot = 0; chunk && slot < chunk->fresh; slot++)
            if (atomic_load(&chunk->nodes[slot].references) > 0)
                free_content(volume, &chunk->nodes[slot]);
        if (chunk)
            munmap(chunk, sizeof *chunk);
    }
    free(table->free);
    if (table->chunks)
        munmap((void *)table->chunks, CHUNKS_MAX * sizeof *table->chunks);
    *table = (struct node_table){.chunks = NULL};
}

int nodes_clear(struct volume *volume) {
    free_nodes(volume);
    volume->root = NULL;
    atomic_store(&volume->nodes.used, 0);
    return table_init(&volume->table);
}

void volume_free(struct volume *volume) {
    free_nodes(volume);
    listings_free(&volume->listings);
}

/* ---- attributes ------------------------------------------------------------------------------------------------ */

void node_touch(struct node *node, unsigned which) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (which & ATIME) {
        node->atime = now.tv_sec;
        node->atime_ns = (uint32_t)now.tv_nsec;
    }
    if (which & MTIME) {
        node->mtime = now.tv_sec;
        node->mtime_ns = (uint32_t)now.tv_nsec;
    }
    if (which & CTIME) {
        node->ctime = now.tv_sec;
        node->ctime_ns = (uint32_t)now.tv_nsec;
    }
}

static bool is_before(int64_t a, uint32_t a_ns, int64_t b, uint32_t b_ns) {
    return a < b || (a == b && a_ns <= b_ns);
}

bool node_needs_atime(const struct node *node) {
    return is_before(node->atime, node->atime_ns, node->mtime, node->mtime_ns) ||
           is_before(node->atime, node->atime_ns, node->ctime, node->ctime_ns) ||
           node->atime < time(NULL) - 24 * 60 * 60;
}

/* An entry is shown as 32 bytes of a directory's size. */
static uint64_t shown_size(const struct node *node) {
    switch (node->type) {
    case S_IFREG:
        return node->data.size;
    case S_IFDIR:
        return node->entries * 32;
    case S_IFLNK:
        return node->target_size;
    default:
        return 0;
    }
}

static bool is_same(struct timespec time, int64_t seconds, uint32_t ns) {
    return time.tv_sec == seconds && time.tv_nsec == ns;
}

/* Whether a time of the kernel's is before one of ours by no more than its clock is coarse. */
static bool is_just_before(struct timespec time, int64_t seconds, uint32_t ns) {
    const int64_t tick = 10000000; /* ns, at 100 Hz */
    if (seconds < time.tv_sec || (uint64_t)seconds - (uint64_t)time.tv_sec > 1)
        return false; /* a time may be any number */
    int64_t behind = (seconds - time.tv_sec) * 1000000000 + ns - time.tv_nsec;
    return behind > 0 && behind <= tick;
}

/* The kernel has written it. What that took away of the mode it has asked for already (privileges.h). */
static void was_written(struct node *node, struct timespec when) {
    if (!is_just_before(when, node->mtime, node->mtime_ns)) {
        node->mtime = when.tv_sec;
        node->mtime_ns = (uint32_t)when.tv_nsec;
    }
    if (is_before(node->ctime, node->ctime_ns, when.tv_sec, (uint32_t)when.tv_nsec)) {
        node->ctime = when.tv_sec;
        node->ctime_ns = (uint32_t)when.tv_nsec;
    }
}

void node_refresh(struct volume *volume, struct node *node) {
    struct stat status;
    if (!S_ISREG(node->type) || !node->data.filed)
        return;
    data_file_look(&node->data, &volume->space, &status);
    bool written = !is_same(status.st_mtim, node->mtime, node->mtime_ns);
    if (written)
        was_written(node, status.st_mtim);
    if (!is_same(status.st_atim, node->atime, node->atime_ns) && node_needs_atime(node) &&
        is_before(node->atime, node->atime_ns, status.st_atim.tv_sec, (uint32_t)status.st_atim.tv_nsec)) {
        node->atime = status.st_atim.tv_sec;
        node->atime_ns = (uint32_t)status.st_atim.tv_nsec;
    }
    if (written && !is_same(status.st_mtim, node->mtime, node->mtime_ns))
        node_settle(node);
}

void node_settle(const struct node *node) {
    if (S_ISREG(node->type) && node->data.filed)
        data_file_stamp(&node->data, (struct timespec[2]){{.tv_sec = node->atime, .tv_nsec = node->atime_ns},
                                                          {.tv_sec = node->mtime, .tv_nsec = node->mtime_ns}});
}

/* Locks it, as it is now. Returns whether exclusively. */
static bool lock_fresh(struct volume *volume, struct node *node) {
    lock_shared(&node->lock);
    if (!S_ISREG(node->type) || !node->data.filed)
        return false;
    unlock_shared(&node->lock);
    lock_exclusive(&node->lock);
    node_refresh(volume, node);
    return true;
}

void node_stat(struct volume *volume, struct node *node, struct stat *ret_stat) {
    bool exclusive = lock_fresh(volume, node);
    *ret_stat = (struct stat){
        .st_ino = node->number,
        .st_mode = (mode_t)node->type | node->permissions,
        .st_nlink = node->links,
        .st_uid = node->uid,
        .st_gid = node->gid,
        .st_rdev = S_ISCHR(node->type) || S_ISBLK(node->type) ? node->device : 0,
        .st_size = (off_t)shown_size(node),
        .st_blksize = PAGE_BYTES,
        .st_blocks = S_ISREG(node->type) ? (blkcnt_t)node->data.pages * (blkcnt_t)(PAGE_BYTES / 512) : 0,
        .st_atim = {node->atime, node->atime_ns},
        .st_mtim = {node->mtime, node->mtime_ns},
        .st_ctim = {node->ctime, node->ctime_ns},
    };
    if (exclusive)
        unlock_exclusive(&node->lock);
    else
        unlock_shared(&node->lock);
}

bool node_kill_privileges(struct volume *volume, struct node *node, gid_t group, const struct linfsp_caller *caller) {
    uint16_t before = node->permissions;
    if (S_ISDIR(node->type))
        return false;
    if (before & (S_ISUID | S_ISGID))
        node->permissions = (uint16_t)privileges_left(before, group, caller);
    if (node->xattrs)
        xattr_remove(&node->xattrs, &volume->space, XATTR_CAPABILITY);
    return node->permissions != before;
}

bool node_changed_content(struct volume *volume, struct node *node, const struct linfsp_caller *kill) {
    bool changed = kill && node_kill_privileges(volume, node, node->gid, kill);
    if (!kill && node->xattrs)
        xattr_remove(&node->xattrs, &volume->space, XATTR_CAPABILITY);
    node_touch(node, MTIME | CTIME);
    return changed;
}

void node_set_permissions(struct node *node, mode_t mode) {
    node->permissions = mode & 07777;
    struct xattr *acl = xattr_find(node->xattrs, XATTR_ACL_ACCESS);
    if (acl)
        acl_set_mode(acl->bytes + acl->name_size + 1, acl->value_size, mode);
}
