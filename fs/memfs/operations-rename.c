/* SPDX-License-Identifier: MIT */
/*
 * Rename, in all its forms.
 *
 * Model. Up to four directories take part: the two that names are in, and those that are moved or replaced, when they
 * are directories. Who they are is known only after looking; so look, take references, lock all directories by
 * ascending slot, look again, and start over where something else is there now. Whatever can fail comes before the
 * first change.
 *
 * A name that is replaced stays where it is in the order of listing and gets the spelling asked for. An entry moved to
 * a name that was free keeps its place within its directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "operations.h"
#include "spelling.h"
#include "util/cleanup.h"

struct move {
    struct volume *volume;
    struct node *from, *to; /* directories */
    const char *name, *new_name;
    uint32_t flags;
    struct node *node, *target; /* with references; target is NULL where new_name is free */
    struct node *whiteout; /* what takes name's place, NULL for nothing */
    struct entry *entry, *target_entry; /* once locked */
    bool other_spelling[2]; /* named otherwise than it is stored */
    char stored[2][DIRECTORY_NAME_MAX + 1]; /* how that is, of a file; else empty */
};

/* ---- looking and locking --------------------------------------------------------------------------------------- */

static struct entry *look(struct volume *volume, struct node *directory, const char *name) {
    return directory_find(directory->directory, &volume->names, name, strlen(name));
}

static struct node *look_and_hold(struct volume *volume, struct node *directory, const char *name) {
    lock_shared(&directory->directory->lock);
    struct entry *entry = look(volume, directory, name);
    struct node *node = entry ? node_hold(entry->node) : NULL;
    unlock_shared(&directory->directory->lock);
    return node;
}

/* The directories that take part, each once, by ascending slot. Returns how many. */
static int participants(const struct move *move, struct node *ret_sorted[4]) {
    struct node *all[4] = {move->from, move->to, move->node, move->target};
    int count = 0;
    for (int i = 0; i < 4; i++) {
        if (!all[i] || !S_ISDIR(all[i]->type))
            continue;
        int at = 0;
        while (at < count && ret_sorted[at]->index < all[i]->index)
            at++;
        if (at < count && ret_sorted[at] == all[i])
            continue;
        memmove(ret_sorted + at + 1, ret_sorted + at,
                (size_t)(count - at) * sizeof(struct node *)); // NOLINT(bugprone-sizeof-expression)
        ret_sorted[at] = all[i];
        count++;
    }
    return count;
}

/* ---- checking -------------------------------------------------------------------------------------------------- */

/* Whether it is only another spelling of the same name. */
static bool is_respelling(const struct move *move) {
    return move->entry == move->target_entry;
}

static int check_replacing(const struct node *node, const struct node *target) {
    bool is_directory = S_ISDIR(node->type);
    if (is_directory && !S_ISDIR(target->type))
        return -ENOTDIR;
    if (!is_directory && S_ISDIR(target->type))
        return -EISDIR;
    return is_directory && target->directory->count > 0 ? -ENOTEMPTY : 0;
}

/* True when name is not as stored; ret_stored is how it is, of a file. */
static bool note_spelling(const struct entry *entry, const char *name, char *ret_stored) {
    *ret_stored = '\0';
    if (!entry || strcmp(entry->name, name) == 0)
        return false;
    if (!S_ISDIR(entry->node->type))
        memcpy(ret_stored, entry->name, (size_t)entry->name_size + 1);
    return true;
}

/* 1: others are there now. */
static int check(struct move *move) {
    move->entry = look(move->volume, move->from, move->name);
    move->target_entry = look(move->volume, move->to, move->new_name);
    const struct node *node = move->entry ? move->entry->node : NULL;
    const struct node *target = move->target_entry ? move->target_entry->node : NULL;
    if (!node || node != move->node || target != move->target)
        return 1;
    if (move->to->directory->removed)
        return -ENOENT;
    move->other_spelling[0] = note_spelling(move->entry, move->name, move->stored[0]);
    move->other_spelling[1] =
        note_spelling(!target || is_respelling(move) ? NULL : move->target_entry, move->new_name, move->stored[1]);
    if (is_respelling(move))
        return 0;
    if (!target)
        return move->flags & RENAME_EXCHANGE ? -ENOENT : 0;
    if (move->flags & RENAME_NOREPLACE)
        return -EEXIST;
    return move->flags & RENAME_EXCHANGE || node == target ? 0 : check_replacing(node, target);
}

/* ---- changing -------------------------------------------------------------------------------------------------- */

static void touch(struct node *node, unsigned which) {
    lock_exclusive(&node->lock);
    node_touch(node, which);
    unlock_exclusive(&node->lock);
}

static void set_parent(struct node *node, struct node *parent) {
    if (S_ISDIR(node->type))
        node->directory->parent = parent;
}

static int respell(struct move *move) {
    if (strcmp(move->entry->name, move->new_name) == 0)
        return 0;
    int r = directory_rename(move->to->directory, &move->volume->names, move->entry, move->new_name,
                             strlen(move->new_name), NULL);
    if (r < 0)
        return -ENOSPC;
    changed_directory(move->to, 0, 0);
    touch(move->node, CTIME);
    return 0;
}

static void exchange(const struct move *move) {
    struct node *node = move->entry->node, *target = move->target_entry->node;
    int moved_links = move->from == move->to ? 0 : S_ISDIR(node->type) - S_ISDIR(target->type);
    move->entry->node = target;
    move->target_entry->node = node;
    set_parent(node, move->to);
    set_parent(target, move->from);
    changed_directory(move->from, 0, -moved_links);
    changed_directory(move->to, 0, moved_links);
    touch(node, CTIME);
    touch(target, CTIME);
}

/* The target's entry becomes node's, in the spelling asked for. */
static int take_entry(struct move *move) {
    if (strcmp(move->target_entry->name, move->new_name) != 0) {
        int r = directory_rename(move->to->directory, &move->volume->names, move->target_entry, move->new_name,
                                 strlen(move->new_name), &move->target_entry);
        if (r < 0)
            return -ENOSPC;
    }
    move->target_entry->node = move->node;
    return 0;
}

/* The old name goes, or becomes the whiteout. */
static void leave_entry(struct move *move) {
    if (move->whiteout)
        move->entry->node = node_hold(move->whiteout);
    else
        directory_remove(move->from->directory, move->entry);
}

/* The name's reference is dropped by the caller, when nothing is locked. */
static void replaced(struct move *move) {
    if (!S_ISDIR(move->target->type)) {
        lost_name(move->volume, move->target);
        return;
    }
    move->target->directory->removed = true;
    move->target->directory->parent = NULL;
    changed_directory(move->target, 0, -2);
}

static int move_entry(struct move *move) {
    bool is_directory = S_ISDIR(move->node->type),
         in_place = move->from == move->to && !move->target && !move->whiteout;
    size_t size = strlen(move->new_name);
    int r;
    if (in_place)
        r = directory_rename(move->from->directory, &move->volume->names, move->entry, move->new_name, size, NULL);
    else if (move->target)
        r = take_entry(move);
    else
        r = directory_insert(move->to->directory, &move->volume->names, move->new_name, size, move->node, NULL);
    if (r < 0)
        return -ENOSPC;
    if (!in_place)
        leave_entry(move);
    if (move->target)
        replaced(move);
    set_parent(move->node, move->to);
    changed_directory(move->from, move->whiteout ? 0 : -1, -is_directory);
    changed_directory(move->to, move->target ? 0 : 1, is_directory - (move->target && S_ISDIR(move->target->type)));
    touch(move->node, CTIME);
    return 0;
}

static int change(struct move *move) {
    if (is_respelling(move))
        return move->flags & RENAME_EXCHANGE ? 0 : respell(move);
    if (move->flags & RENAME_EXCHANGE) {
        exchange(move);
        return 0;
    }
    if (move->node == move->target) /* two names of one file: nothing is to be done */
        return 0;
    return move_entry(move);
}

/* What the kernel may still know by the names as they were stored. */
static void forget_spellings(const struct move *move) {
    struct spellings *spellings = move->volume->spellings;
    if (move->stored[0][0])
        spellings_removed(spellings, move->from, move->node, move->stored[0]);
    if (move->stored[1][0])
        spellings_removed(spellings, move->to, move->target, move->stored[1]);
    if (!(move->flags & RENAME_EXCHANGE))
        return;
    /* now the kernel knows each by the spelling that the other, be it a directory, was asked for by */
    if (move->other_spelling[0] && !S_ISDIR(move->target->type))
        spellings_shown(spellings, move->from, move->target, move->name);
    if (move->other_spelling[1] && !S_ISDIR(move->node->type))
        spellings_shown(spellings, move->to, move->node, move->new_name);
}

/* One try. 1: again. */
static int try_rename(struct move *move) {
    struct node *locked[4];
    move->node = look_and_hold(move->volume, move->from, move->name);
    if (!move->node)
        return -ENOENT;
    move->target = look_and_hold(move->volume, move->to, move->new_name);
    int count = participants(move, locked);
    for (int i = 0; i < count; i++)
        lock_exclusive(&locked[i]->directory->lock);
    int r = check(move);
    bool gone = r == 0 && !is_respelling(move) && move->target && move->target != move->node &&
                !(move->flags & RENAME_EXCHANGE);
    if (r == 0)
        r = change(move);
    for (int i = count - 1; i >= 0; i--)
        unlock_exclusive(&locked[i]->directory->lock);
    if (r == 0)
        forget_spellings(move);
    node_drop(move->volume, move->node, 1);
    if (move->target)
        node_drop(move->volume, move->target, gone && r == 0 ? 2 : 1);
    return r;
}

int memfs_rename(linfsp_request *request, uint64_t parent, const char *name, uint64_t new_parent, const char *new_name,
                 uint32_t flags) {
    struct volume *volume = volume_of(request);
    struct move move = {
        .volume = volume,
        .from = directory_node_of(volume, parent),
        .to = directory_node_of(volume, new_parent),
        .name = name,
        .new_name = new_name,
        .flags = flags,
    };
    int r;
    if (!move.from || !move.to)
        return -ENOTDIR;
    if ((flags & ~(uint32_t)(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)) ||
        ((flags & RENAME_EXCHANGE) && (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT))))
        return -EINVAL;
    if (flags & RENAME_WHITEOUT && (r = make_whiteout(request, move.from, &move.whiteout)) < 0)
        return r;
    do
        r = try_rename(&move);
    while (r == 1);
    if (move.whiteout)
        node_drop(volume, move.whiteout, 1);
    if (r == 0)
        linfsp_reply_done(request);
    return r;
}
