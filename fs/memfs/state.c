/* SPDX-License-Identifier: MIT */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data-file.h"
#include "pass.h"
#include "util/cleanup.h"

#define MAGIC UINT64_C(0x7374617473666d65)
#define XATTRS_MAX 65536
#define TARGET_MAX 4096

enum { STATE_FOLD = 1, STATE_PURGE = 2, STATE_PASS = 4 };

struct state_head {
    uint64_t magic;
    uint32_t version;
    uint32_t flags;
    uint64_t file_size_max, timeout;
    uint64_t size; /* shown */
    uint64_t space_limit, node_limit;
    uint64_t space_used;
    uint64_t pass_from;
    uint64_t next_number;
    uint64_t nodes, directories, listings; /* how many follow */
};

struct state_node {
    uint64_t references, number;
    int64_t atime, mtime, ctime;
    uint64_t size; /* of a directory: entries; of a device: which */
    uint64_t next_cookie; /* of a directory */
    uint32_t atime_ns, mtime_ns, ctime_ns;
    uint32_t index;
    uint32_t uid, gid, links, opens, writers;
    uint32_t xattrs; /* how many follow */
    int32_t backing_id;
    uint16_t type, permissions;
    uint8_t passing, removed;
    uint8_t reserved[2];
};

struct state_xattr {
    uint32_t value_size;
    uint32_t name_size;
};

struct state_directory {
    uint32_t index;
    uint32_t reserved;
    uint64_t entries; /* how many follow */
};

struct state_entry {
    uint64_t cookie;
    uint32_t index; /* of the node */
    uint32_t name_size;
};

struct state_listing {
    uint64_t handle, end;
    uint32_t index;
    uint32_t cached;
};

/* ---- writing --------------------------------------------------------------------------------------------------- */

static int put(const struct state_pipe *pipe, const void *data, size_t size) {
    return size > 0 ? pipe->write(pipe->context, data, size) : 0;
}

static int put_head(struct volume *volume, const struct state_pipe *pipe) {
    struct state_head head = {
        .magic = MAGIC,
        .version = STATE_VERSION,
        .flags =
            (volume->names.fold ? STATE_FOLD : 0) | (volume->purge ? STATE_PURGE : 0) | (volume->pass ? STATE_PASS : 0),
        .file_size_max = volume->file_size_max,
        .timeout = volume->timeout,
        .size = volume->size,
        .space_limit = volume->space.limit,
        .node_limit = volume->nodes.limit,
        .space_used = space_used(&volume->space),
        .pass_from = volume->pass ? volume->pass->from : 0,
        .next_number = atomic_load(&volume->table.next_number),
    };
    for (struct node *node = node_next(volume, 0); node; node = node_next(volume, (uint64_t)node->index + 1)) {
        head.nodes++;
        head.directories += S_ISDIR(node->type);
    }
    for (uint32_t i = 0; i < volume->listings.used; i++)
        head.listings += volume->listings.slots[i] != NULL;
    return put(pipe, &head, sizeof head);
}

static int put_xattrs(const struct node *node, const struct state_pipe *pipe) {
    int r = 0;
    for (const struct xattr *xattr = node->xattrs; xattr && r == 0; xattr = xattr->next) {
        struct state_xattr head = {.value_size = xattr->value_size, .name_size = xattr->name_size};
        r = put(pipe, &head, sizeof head);
        if (r == 0)
            r = put(pipe, xattr->bytes, (size_t)xattr->name_size + 1 + xattr->value_size);
    }
    return r;
}

static int put_node(const struct node *node, const struct state_pipe *pipe) {
    struct state_node out = {
        .references = atomic_load(&node->references),
        .number = node->number,
        .atime = node->atime,
        .mtime = node->mtime,
        .ctime = node->ctime,
        .atime_ns = node->atime_ns,
        .mtime_ns = node->mtime_ns,
        .ctime_ns = node->ctime_ns,
        .index = node->index,
        .uid = node->uid,
        .gid = node->gid,
        .links = node->links,
        .opens = atomic_load(&node->opens),
        .writers = node->writers,
        .type = node->type,
        .permissions = node->permissions,
        .passing = node->passing,
    };
    for (const struct xattr *xattr = node->xattrs; xattr; xattr = xattr->next)
        out.xattrs++;
    if (S_ISDIR(node->type)) {
        out.size = node->entries;
        out.next_cookie = node->directory->next_cookie;
        out.removed = node->directory->removed;
    } else if (S_ISLNK(node->type))
        out.size = node->target_size;
    else if (!S_ISREG(node->type))
        out.size = node->device;
    else if (node->data.filed)
        out.backing_id = node->data.file.backing_id;
    int r = put(pipe, &out, sizeof out);
    if (r == 0)
        r = put_xattrs(node, pipe);
    if (r == 0 && S_ISLNK(node->type))
        r = put(pipe, node->target, node->target_size);
    return r == 0 && S_ISREG(node->type) ? data_put(&node->data, pipe) : r;
}

static int put_entries(const struct node *node, const struct state_pipe *pipe) {
    struct state_directory head = {.index = node->index, .entries = node->directory->count};
    int r = put(pipe, &head, sizeof head);
    for (const struct entry *entry = directory_next(node->directory, 0); entry && r == 0;
         entry = directory_next(node->directory, entry->cookie)) {
        struct state_entry out = {.cookie = entry->cookie, .index = entry->node->index, .name_size = entry->name_size};
        r = put(pipe, &out, sizeof out);
        if (r == 0)
            r = put(pipe, entry->name, entry->name_size);
    }
    return r;
}

static int put_listings(const struct listings *listings, const struct state_pipe *pipe) {
    int r = 0;
    for (uint32_t i = 0; i < listings->used && r == 0; i++) {
        const struct listing *listing = listings->slots[i];
        if (!listing)
            continue;
        struct state_listing out = {.handle = listing->handle,
                                    .end = atomic_load(&listing->end),
                                    .index = listing->node->index,
                                    .cached = listing->cached};
        r = put(pipe, &out, sizeof out);
    }
    return r;
}

int state_write(struct volume *volume, const struct state_pipe *pipe) {
    const uint64_t magic = MAGIC;
    struct node *node;
    int r = put_head(volume, pipe);
    for (node = node_next(volume, 0); node && r == 0; node = node_next(volume, (uint64_t)node->index + 1))
        r = put_node(node, pipe);
    for (node = node_next(volume, 0); node && r == 0; node = node_next(volume, (uint64_t)node->index + 1))
        if (S_ISDIR(node->type))
            r = put_entries(node, pipe);
    if (r == 0)
        r = put_listings(&volume->listings, pipe);
    return r == 0 ? put(pipe, &magic, sizeof magic) : r;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static int get(const struct state_pipe *pipe, void *ret_data, size_t size) {
    return size > 0 ? pipe->read(pipe->context, ret_data, size) : 0;
}

static int get_head(struct volume *volume, const struct state_pipe *pipe, uint64_t most, struct state_head *ret_head) {
    int r = get(pipe, ret_head, sizeof *ret_head);
    if (r < 0)
        return r;
    if (ret_head->magic != MAGIC || ret_head->version != STATE_VERSION || ret_head->flags & ~7u ||
        ((ret_head->flags & STATE_PASS) && !volume->pass) || ret_head->nodes == 0 ||
        ret_head->directories > ret_head->nodes)
        return -EPROTO;
    if (ret_head->space_used > most)
        return -ENOMEM;
    r = names_init(&volume->names, ret_head->flags & STATE_FOLD);
    if (r < 0)
        return r;
    volume->purge = ret_head->flags & STATE_PURGE;
    volume->file_size_max = ret_head->file_size_max;
    volume->timeout = ret_head->timeout;
    volume->size = ret_head->size;
    if (ret_head->flags & STATE_PASS)
        volume->pass->from = ret_head->pass_from;
    else
        volume->pass = NULL;
    /* the real limits come last: pages that the kernel wrote by itself may be beyond them */
    volume->space.limit = volume->nodes.limit = UINT64_MAX;
    return 0;
}

static int get_xattr(struct volume *volume, struct node *node, const struct state_pipe *pipe, char *buffer) {
    struct state_xattr head;
    int r = get(pipe, &head, sizeof head);
    if (r < 0)
        return r;
    if (head.name_size == 0 || head.name_size > UINT8_MAX || head.value_size > XATTRS_MAX)
        return -EPROTO;
    r = get(pipe, buffer, (size_t)head.name_size + 1 + head.value_size);
    if (r < 0)
        return r;
    if (strnlen(buffer, (size_t)head.name_size + 1) != head.name_size || xattr_find(node->xattrs, buffer))
        return -EPROTO;
    r = xattr_set(&node->xattrs, &volume->space, buffer, buffer + head.name_size + 1, head.value_size, 0);
    return r == -ENOSPC ? -ENOMEM : r == -E2BIG ? -EPROTO : r;
}

static int get_xattrs(struct volume *volume, struct node *node, const struct state_pipe *pipe, uint32_t count) {
    if (count == 0)
        return 0;
    _cleanup_free_ char *buffer = malloc(UINT8_MAX + 1 + XATTRS_MAX);
    int r = buffer ? 0 : -ENOMEM;
    for (uint32_t i = 0; i < count && r == 0; i++)
        r = get_xattr(volume, node, pipe, buffer);
    return r;
}

static int get_directory(struct node *node, const struct state_node *in) {
    node->directory = directory_new(NULL);
    if (!node->directory)
        return -ENOMEM;
    if (in->next_cookie < DIRECTORY_FIRST_COOKIE || in->next_cookie >= INT64_MAX)
        return -EPROTO;
    node->entries = in->size;
    node->directory->next_cookie = in->next_cookie;
    node->directory->removed = in->removed;
    return 0;
}

static int get_target(struct node *node, const struct state_node *in, const struct state_pipe *pipe) {
    if (in->size == 0 || in->size > TARGET_MAX)
        return -EPROTO;
    node->target = calloc(1, in->size + 1);
    if (!node->target)
        return -ENOMEM;
    node->target_size = in->size;
    return get(pipe, node->target, in->size);
}

static int get_content(struct volume *volume, struct node *node, const struct state_node *in,
                       const struct state_pipe *pipe) {
    switch (in->type) {
    case S_IFREG:
        return data_get(&node->data, &volume->space, pipe, volume->pass != NULL, in->backing_id);
    case S_IFDIR:
        return get_directory(node, in);
    case S_IFLNK:
        return get_target(node, in, pipe);
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK:
        node->device = in->size;
        return 0;
    default:
        return -EPROTO;
    }
}

static bool is_time(uint32_t ns) {
    return ns < 1000000000;
}

static int get_node(struct volume *volume, const struct state_pipe *pipe, uint64_t *next) {
    struct state_node in;
    int r = get(pipe, &in, sizeof in);
    if (r < 0)
        return r;
    if (in.index < *next || in.references == 0 || in.references > INT64_MAX || in.permissions & ~07777u ||
        !is_time(in.atime_ns) || !is_time(in.mtime_ns) || !is_time(in.ctime_ns) || in.passing > 1 || in.removed > 1 ||
        in.opens > INT32_MAX || in.writers > in.opens || in.links > UINT32_MAX / 2 ||
        !(S_ISREG(in.type) || S_ISDIR(in.type) || S_ISLNK(in.type) || S_ISCHR(in.type) || S_ISBLK(in.type) ||
          S_ISFIFO(in.type) || S_ISSOCK(in.type)) ||
        (in.type & ~(unsigned)S_IFMT))
        return -EPROTO;
    struct node *node = node_restore(volume, in.index);
    if (!node)
        return -ENOMEM;
    *next = (uint64_t)in.index + 1;
    node->type = in.type;
    node->number = in.number;
    node->permissions = in.permissions;
    node->uid = in.uid;
    node->gid = in.gid;
    node->links = in.links;
    atomic_store(&node->opens, in.opens);
    node->writers = in.writers & INT32_MAX;
    node->atime = in.atime;
    node->mtime = in.mtime;
    node->ctime = in.ctime;
    node->atime_ns = in.atime_ns;
    node->mtime_ns = in.mtime_ns;
    node->ctime_ns = in.ctime_ns;
    atomic_store(&node->references, in.references); /* from here on it is freed with the volume */
    space_overdraw(&volume->nodes, 1);
    r = get_xattrs(volume, node, pipe, in.xattrs);
    if (r == 0)
        r = get_content(volume, node, &in, pipe);
    if (r == 0 && in.passing) {
        if (!S_ISREG(in.type) || !node->data.filed || in.opens == 0)
            return -EPROTO;
        node->passing = 1;
        pass_restore(volume->pass, node);
    }
    return r;
}

/* While a volume is read, spelling_shown counts a node's names. */
static int get_entry(struct volume *volume, struct node *node, const struct state_pipe *pipe) {
    struct state_entry in;
    char name[DIRECTORY_NAME_MAX + 1];
    struct directory *directory = node->directory;
    int r = get(pipe, &in, sizeof in);
    if (r < 0)
        return r;
    struct node *named = node_at(volume, in.index);
    if (in.name_size == 0 || in.name_size > DIRECTORY_NAME_MAX || in.cookie < directory->next_cookie ||
        in.cookie >= INT64_MAX || !named || named == volume->root)
        return -EPROTO;
    r = get(pipe, name, in.name_size);
    if (r < 0)
        return r;
    name[in.name_size] = 0;
    if (memchr(name, 0, in.name_size) || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, "..") ||
        directory_find(directory, &volume->names, name, in.name_size))
        return -EPROTO;
    if (S_ISDIR(named->type)) {
        if (named->directory->removed || named->directory->parent)
            return -EPROTO; /* a second name */
        named->directory->parent = node;
    }
    directory->next_cookie = in.cookie;
    atomic_fetch_add(&named->spelling_shown, 1);
    return directory_insert(directory, &volume->names, name, in.name_size, named, NULL);
}

static int get_entries(struct volume *volume, const struct state_pipe *pipe, uint64_t *next) {
    struct state_directory head;
    int r = get(pipe, &head, sizeof head);
    if (r < 0)
        return r;
    struct node *node = head.index < *next ? NULL : node_at(volume, head.index);
    if (!node || !S_ISDIR(node->type) || head.entries != node->entries ||
        (node->directory->removed && head.entries > 0))
        return -EPROTO;
    *next = (uint64_t)head.index + 1;
    uint64_t end = directory_end(node->directory);
    node->directory->next_cookie = DIRECTORY_FIRST_COOKIE;
    for (uint64_t i = 0; i < head.entries && r == 0; i++)
        r = get_entry(volume, node, pipe);
    if (r == 0 && node->directory->next_cookie > end)
        r = -EPROTO;
    node->directory->next_cookie = end;
    return r;
}

static int get_listing(struct volume *volume, const struct state_pipe *pipe) {
    struct state_listing in;
    int r = get(pipe, &in, sizeof in);
    if (r < 0)
        return r;
    struct node *node = node_at(volume, in.index);
    if (!node || !S_ISDIR(node->type) || in.cached > 1 || (in.cached && atomic_load(&node->directory->cached)))
        return -EPROTO;
    struct listing *listing = listing_restore(&volume->listings, node, in.handle);
    if (!listing)
        return listing_of(&volume->listings, in.handle) ? -EPROTO : -ENOMEM;
    atomic_store(&listing->end, in.end);
    listing->cached = in.cached;
    if (in.cached)
        atomic_store(&node->directory->cached, true);
    atomic_fetch_add(&node->opens, 1); /* until is_whole has looked at it */
    return 0;
}

/* Whether each directory that has a name is below the root. */
static bool is_below_root(const struct volume *volume, const struct node *node, uint64_t nodes) {
    for (uint64_t steps = 0; steps <= nodes; steps++) {
        if (node == volume->root)
            return true;
        node = node->directory->parent;
        if (!node)
            return false;
    }
    return false;
}

/* A node has as many references as it has names, openings and listings, or more: the kernel's look-ups. */
static bool is_whole(const struct volume *volume, struct node *node, uint64_t nodes) {
    uint64_t names = atomic_load(&node->spelling_shown), opens = atomic_load(&node->opens);
    if (atomic_load(&node->references) < names + opens + (node == volume->root))
        return false;
    if (!S_ISDIR(node->type))
        return node->links == names;
    if (node == volume->root)
        return true;
    return node->directory->removed ? names == 0 : names == 1 && is_below_root(volume, node, nodes);
}

static int finish(struct volume *volume, const struct state_head *head) {
    struct node *node;
    for (node = node_next(volume, 0); node; node = node_next(volume, (uint64_t)node->index + 1)) {
        if (!is_whole(volume, node, head->nodes) || node->number >= head->next_number)
            return -EPROTO;
        if (!S_ISDIR(node->type) && node->links > 1)
            space_overdraw(&volume->nodes, node->links - 1);
        atomic_store(&node->spelling_shown, 0);
    }
    for (uint32_t i = 0; i < volume->listings.used; i++)
        if (volume->listings.slots[i])
            atomic_fetch_sub(&volume->listings.slots[i]->node->opens, 1);
    listings_restored(&volume->listings);
    nodes_restored(volume);
    atomic_store(&volume->table.next_number, head->next_number);
    atomic_store(&volume->most_nodes, space_used(&volume->nodes));
    volume->space.limit = head->space_limit;
    volume->nodes.limit = head->node_limit;
    return 0;
}

static int get_all(struct volume *volume, const struct state_pipe *pipe, const struct state_head *head) {
    uint64_t next = 0, magic = 0, directories = 0;
    int r = 0;
    for (uint64_t i = 0; i < head->nodes && r == 0; i++)
        r = get_node(volume, pipe, &next);
    volume->root = r == 0 ? node_at(volume, 0) : NULL;
    if (r == 0 && (!volume->root || !S_ISDIR(volume->root->type) || volume->root->directory->removed))
        r = -EPROTO;
    if (r == 0)
        volume->root->directory->parent = volume->root;
    for (struct node *node = node_next(volume, 0); r == 0 && node; node = node_next(volume, (uint64_t)node->index + 1))
        directories += S_ISDIR(node->type);
    if (r == 0 && directories != head->directories)
        r = -EPROTO;
    next = 0;
    for (uint64_t i = 0; i < head->directories && r == 0; i++)
        r = get_entries(volume, pipe, &next);
    for (uint64_t i = 0; i < head->listings && r == 0; i++)
        r = get_listing(volume, pipe);
    if (r == 0)
        r = get(pipe, &magic, sizeof magic);
    if (r == 0 && magic != MAGIC)
        r = -EPROTO;
    return r == 0 ? finish(volume, head) : r;
}

int state_read(struct volume *volume, const struct state_pipe *pipe, uint64_t most) {
    struct state_head head;
    int r = nodes_clear(volume);
    if (r == 0)
        r = get_head(volume, pipe, most, &head);
    if (r == 0)
        r = get_all(volume, pipe, &head);
    if (r < 0) {
        volume_free(volume);
        atomic_store(&volume->nodes.used, 0);
        volume->root = NULL;
    }
    return r;
}
