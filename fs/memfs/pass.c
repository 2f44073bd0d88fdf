/* SPDX-License-Identifier: MIT */
#include "pass.h"

#include <fcntl.h>
#include <stdlib.h>

#include "util/cleanup.h"

void pass_begin(struct pass *pass, linfsp_volume *mounted, int (*open)(linfsp_volume *, int),
                int (*close)(linfsp_volume *, int)) {
    pass->mounted = mounted;
    pass->open = open;
    pass->close = close;
}

void pass_end(struct pass *pass) {
    if (pass)
        pass->open = NULL;
}

void pass_free(struct pass *pass) {
    if (pass)
        free(pass->nodes);
}

void pass_grow(struct volume *volume, struct node *node, uint64_t size) {
    if (volume->pass && volume->pass->open && size >= volume->pass->from && !node->data.filed &&
        data_to_file(&node->data, &volume->space) == 0)
        node_settle(node);
}

/* ---- which are passed through ---------------------------------------------------------------------------------- */

/* Without memory for it a file is not found by pass_refresh, that is all. */
static void list(struct pass *pass, struct node *node) {
    lock_exclusive(&pass->lock);
    if (pass->count == pass->capacity) {
        uint32_t capacity = pass->capacity ? 2 * pass->capacity : 64;
        struct node **nodes = realloc(pass->nodes, capacity * sizeof(struct node *));
        if (nodes) {
            pass->nodes = nodes;
            pass->capacity = capacity;
        }
    }
    if (pass->count < pass->capacity) {
        pass->nodes[pass->count++] = node;
        node->data.file.listed = pass->count;
    }
    unlock_exclusive(&pass->lock);
}

void pass_restore(struct pass *pass, struct node *node) {
    list(pass, node);
}

static void unlist(struct pass *pass, struct node *node) {
    lock_exclusive(&pass->lock);
    if (node->data.file.listed) {
        struct node *last = pass->nodes[--pass->count];
        pass->nodes[node->data.file.listed - 1] = last;
        last->data.file.listed = node->data.file.listed;
        node->data.file.listed = 0;
    }
    unlock_exclusive(&pass->lock);
}

void pass_refresh(struct volume *volume) {
    struct pass *pass = volume->pass;
    if (!pass)
        return;
    lock_shared(&pass->lock);
    uint32_t count = pass->count;
    _cleanup_free_ struct node **nodes = count > 0 ? malloc(count * sizeof(struct node *)) : NULL;
    for (uint32_t i = 0; nodes && i < count; i++)
        nodes[i] = node_hold(pass->nodes[i]);
    unlock_shared(&pass->lock);
    for (uint32_t i = 0; nodes && i < count; i++) {
        lock_exclusive(&nodes[i]->lock);
        node_refresh(volume, nodes[i]);
        unlock_exclusive(&nodes[i]->lock);
        node_drop(volume, nodes[i], 1);
    }
}

/* ---- opening and closing --------------------------------------------------------------------------------------- */

/* Whether the kernel can be given a file's content, which it has from then on. */
static bool start(struct volume *volume, struct node *node) {
    struct pass *pass = volume->pass;
    pass_grow(volume, node, node->data.size);
    if (!pass->open || !node->data.filed)
        return false;
    if (node->data.file.backing_id <= 0) {
        int id = pass->open(pass->mounted, node->data.file.fd);
        node->data.file.backing_id = id > 0 ? id : 0;
    }
    return node->data.file.backing_id > 0;
}

/* Whether writing it has to be left to us. */
static bool is_to_be_watched(struct volume *volume, const struct node *node) {
    return volume->file_size_max < INT64_MAX || space_used(&volume->space) >= volume->space.limit ||
           (node->permissions & (S_ISUID | S_ISGID)) || xattr_find(node->xattrs, XATTR_CAPABILITY);
}

void pass_open(struct volume *volume, struct node *node, struct linfsp_file *file) {
    bool writes = (file->flags & O_ACCMODE) != O_RDONLY;
    lock_exclusive(&node->lock);
    node->writers += writes;
    if (atomic_fetch_add_explicit(&node->opens, 1, memory_order_relaxed) == 0 && (node->passing = start(volume, node)))
        list(volume->pass, node);
    if (node->passing) {
        file->open_flags = LINFSP_OPEN_NOFLUSH | LINFSP_OPEN_PASSTHROUGH;
        if (writes && is_to_be_watched(volume, node))
            file->open_flags |= LINFSP_OPEN_DIRECT_IO;
        file->backing_id = node->data.file.backing_id;
    }
    unlock_exclusive(&node->lock);
}

bool pass_close(struct volume *volume, struct node *node, const struct linfsp_file *file) {
    lock_exclusive(&node->lock);
    node->writers -= (file->flags & O_ACCMODE) != O_RDONLY;
    bool last = atomic_fetch_sub_explicit(&node->opens, 1, memory_order_relaxed) == 1;
    if (node->passing) {
        node_refresh(volume, node);
        if (last)
            unlist(volume->pass, node);
        node->passing = !last;
    }
    unlock_exclusive(&node->lock);
    return last;
}

void pass_forget(struct pass *pass, const struct data *data) {
    if (pass && pass->open && data->filed && data->file.backing_id > 0)
        pass->close(pass->mounted, data->file.backing_id);
}
