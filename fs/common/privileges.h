/* SPDX-License-Identifier: MIT */
/*
 * When a file loses set-user-ID, set-group-ID and its capabilities, for file systems that were granted
 * LINFSP_WANT_HANDLE_KILLPRIV: when it would on tmpfs and ext4.
 *
 * The kernel decides by the caller's capabilities whether a change takes bits away, and the file system by the file's
 * mode which ones. The kernel tells in three ways:
 *   - by a flag of WRITE, OPEN and SETATTR (LINFSP_WRITE_KILL_SUIDGID and the like);
 *   - by a SETATTR that sets nothing, ahead of a write, an fallocate or a copy_file_range by somebody without
 * CAP_FSETID;
 *   - by the same SETATTR for chown(2) with -1 for both ids, which takes the bits away whoever asks for it, and which
 *     only the owner and root may ask for.
 * Where the last two cannot be told apart, because the caller is somebody else and may have the file open for writing,
 * nothing is done for the SETATTR, and the bits go with the request that follows it.
 *
 * When root, with CAP_FSETID, writes to a file that has capabilities, that SETATTR comes too, right behind the
 * REMOVEXATTR of the capabilities, and there means nothing.
 *
 * Set-group-ID of a file that its group may not execute goes only if the caller is not in that group. The caller's
 * further groups are read from /proc. A caller that is not seen there counts as a stranger, and root as a member.
 */
#ifndef FS_COMMON_PRIVILEGES_H
#define FS_COMMON_PRIVILEGES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "linfsp/linfsp.h"

/* An inode, and the process that did something to it. */
struct privileges_note {
    _Atomic uint64_t inode;
    _Atomic pid_t pid;
};

#define PRIVILEGES_NOTES 64

/* Of a volume. Zeroed: nothing has happened. */
struct privileges {
    struct privileges_note removed; /* whose capabilities were removed last, and by whom */
    struct privileges_note
        pending[PRIVILEGES_NOTES]; /* SETATTRs that set nothing, before what they stand for is known */
};

/* What is known of those who have a file open. */
enum privileges_open {
    PRIVILEGES_NOBODY_WRITES, /* nobody has it open for writing */
    PRIVILEGES_UNKNOWN,
    PRIVILEGES_PASSED_THROUGH, /* what is written to it does not come to the file system */
};

enum privileges_verdict {
    PRIVILEGES_GO,
    PRIVILEGES_STAY,
    PRIVILEGES_LATER, /* leave all as it is, ctime too */
    PRIVILEGES_REFUSED, /* -EPERM */
};

/* What is left of the permission bits when the caller's change takes privileges away. group: the file's, before the
 * change. */
mode_t privileges_left(mode_t mode, gid_t group, const struct linfsp_caller *caller);

/* What a SETATTR that sets nothing means. status: the file's mode and owner. */
enum privileges_verdict privileges_judge(struct privileges *privileges, uint64_t inode, const struct stat *status,
                                         enum privileges_open open, const struct linfsp_caller *caller);
/* Whether an fallocate or copy_file_range takes privileges away: it follows a SETATTR that was put off. */
bool privileges_are_due(struct privileges *privileges, uint64_t inode, const struct linfsp_caller *caller);
/* security.capability of that inode was removed. */
void privileges_note_removal(struct privileges *privileges, uint64_t inode, const struct linfsp_caller *caller);

/* The caller's part that is read from /proc/PID/status; text is that file. For tests. */
bool privileges_status_has_group(const char *text, gid_t group);
bool privileges_status_has_fsetid(const char *text);

#endif
