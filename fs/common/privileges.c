/* SPDX-License-Identifier: MIT */
#include "privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"

#define STATUS_SIZE ((size_t)64 << 10) /* there may be 65,536 groups; who has more than fit here is a stranger */

/* ---- who asks -------------------------------------------------------------------------------------------------- */

/* What stands behind a name at the start of a line; NULL: there is none. */
static const char *find_line(const char *text, const char *name) {
    const char *at = text;
    while ((at = strstr(at, name)) && at != text && at[-1] != '\n')
        at++; /* in the process's own name */
    return at ? at + strlen(name) : NULL;
}

bool privileges_status_has_group(const char *text, gid_t group) {
    const char *at = find_line(text, "Groups:");
    if (!at)
        return false;
    while (*at && *at != '\n') {
        char *end;
        unsigned long id = strtoul(at, &end, 10);
        if (end == at)
            break;
        if (id == group)
            return true;
        at = end;
        while (*at == ' ' || *at == '\t')
            at++;
    }
    return false;
}

bool privileges_status_has_fsetid(const char *text) {
    const char *at = find_line(text, "CapEff:");
    return at && (strtoull(at, NULL, 16) & CAP_TO_MASK(CAP_FSETID));
}

/* A process of another pid namespace has a number that is another's here: what is read must have the caller's ids. */
static bool has_ids(const char *text, const struct linfsp_caller *caller) {
    const char *uid = find_line(text, "Uid:"), *gid = find_line(text, "Gid:");
    unsigned fs_uid, fs_gid;
    return uid && gid && sscanf(uid, "%*u %*u %*u %u", &fs_uid) == 1 && sscanf(gid, "%*u %*u %*u %u", &fs_gid) == 1 &&
           fs_uid == caller->uid && fs_gid == caller->gid;
}

/* /proc/PID/status, or NULL. To be freed. */
static char *read_status(const struct linfsp_caller *caller) {
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/status", caller->pid);
    _cleanup_close_ int fd = caller->pid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    _cleanup_free_ char *text = fd < 0 ? NULL : malloc(STATUS_SIZE);
    size_t size = 0;
    while (text && size < STATUS_SIZE - 1) {
        ssize_t n = read(fd, text + size, STATUS_SIZE - 1 - size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        size += (size_t)n;
    }
    if (!text)
        return NULL;
    text[size] = 0;
    return has_ids(text, caller) ? steal_pointer(text) : NULL;
}

static bool is_member(const struct linfsp_caller *caller, gid_t group) {
    if (caller->gid == group)
        return true;
    _cleanup_free_ char *status = read_status(caller);
    if (!status)
        return caller->uid == 0;
    return privileges_status_has_group(status, group) || privileges_status_has_fsetid(status);
}

/* ---- what goes ------------------------------------------------------------------------------------------------- */

mode_t privileges_left(mode_t mode, gid_t group, const struct linfsp_caller *caller) {
    mode &= ~(mode_t)S_ISUID;
    if ((mode & S_ISGID) && ((mode & S_IXGRP) || !is_member(caller, group)))
        mode &= ~(mode_t)S_ISGID;
    return mode;
}

/* ---- a SETATTR that sets nothing ------------------------------------------------------------------------------- */

static void note(struct privileges_note *note, uint64_t inode, const struct linfsp_caller *caller) {
    atomic_store(&note->pid, caller->pid);
    atomic_store(&note->inode, inode);
}

/* Whether that stands there; it does no longer then. */
static bool take(struct privileges_note *note, uint64_t inode, const struct linfsp_caller *caller) {
    if (atomic_load(&note->inode) != inode || atomic_load(&note->pid) != caller->pid || caller->pid == 0)
        return false;
    atomic_store(&note->inode, 0);
    return true;
}

static struct privileges_note *pending_of(struct privileges *privileges, uint64_t inode) {
    return &privileges->pending[(inode ^ inode >> 10) % PRIVILEGES_NOTES]; /* a number, or an address */
}

void privileges_note_removal(struct privileges *privileges, uint64_t inode, const struct linfsp_caller *caller) {
    note(&privileges->removed, inode, caller);
}

bool privileges_are_due(struct privileges *privileges, uint64_t inode, const struct linfsp_caller *caller) {
    return take(pending_of(privileges, inode), inode, caller);
}

static bool writes_with_fsetid(struct privileges *privileges, uint64_t inode, const struct linfsp_caller *caller) {
    if (!take(&privileges->removed, inode, caller))
        return false;
    _cleanup_free_ char *status = read_status(caller);
    return status ? privileges_status_has_fsetid(status) : caller->uid == 0;
}

enum privileges_verdict privileges_judge(struct privileges *privileges, uint64_t inode, const struct stat *status,
                                         enum privileges_open open, const struct linfsp_caller *caller) {
    if (S_ISDIR(status->st_mode) || !(status->st_mode & (S_ISUID | S_ISGID)))
        return PRIVILEGES_STAY;
    if (caller->uid == status->st_uid || caller->uid == 0)
        return writes_with_fsetid(privileges, inode, caller) ? PRIVILEGES_STAY : PRIVILEGES_GO;
    mode_t mode = status->st_mode & 07777;
    if (open == PRIVILEGES_NOBODY_WRITES)
        return privileges_left(mode, status->st_gid, caller) == mode ? PRIVILEGES_STAY : PRIVILEGES_REFUSED;
    if (open == PRIVILEGES_PASSED_THROUGH)
        return PRIVILEGES_GO;
    note(pending_of(privileges, inode), inode, caller);
    return PRIVILEGES_LATER;
}
