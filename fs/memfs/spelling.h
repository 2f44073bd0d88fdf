/* SPDX-License-Identifier: MIT */
/*
 * Spellings: how a volume that ignores case (-i) lives with a kernel that does not.
 *
 * Model. To the kernel each spelling is a name of its own. It asks for one again each time unless it was told to
 * remember it, and of several spellings of one file, removing or renaming one tells it nothing about the others. So:
 *
 * Spellings other than the stored one are never to be remembered, nor is that a name does not exist.
 *
 * The stored spelling of a file is, where the kernel can be made to ask for all names anew (Linux 6.16): that is done
 * when a file is removed or renamed by another spelling. On older kernels it is not remembered either. A directory has
 * one name in the kernel's cache at any time, which moves from spelling to spelling, so it needs none of this.
 *
 * rename("foo", "FOO") would never reach us: the kernel looks both up, finds one file, and has nothing to do. Of files
 * it can be recognized, though. A look-up answered ESTALE makes the kernel repeat the whole system call once, asking
 * for every name. Only one that takes two names asks for "foo" and then for "FOO" again; "FOO" is then said not to
 * exist, and the rename arrives. A system call is repeated only once, however many spellings it uses, so a task is
 * answered so once in RETRY_WINDOW_MS. For that the kernel must not have "FOO" in its cache already: a spelling of a
 * file that was answered is dropped from there soon after, when the file is not known to be open (the name of an open
 * one would be shown as deleted in /proc).
 *
 * Why not of directories: mkdir, symlink and link are not repeated but fail with ESTALE, and mkdir of what is there
 * already is too common. What is missed of files is only that such a rename has no effect: when the same thread has
 * just used another spelling, when its id is not visible here, or when the file is open under the new spelling.
 */
#ifndef MEMFS_SPELLING_H
#define MEMFS_SPELLING_H

#include "node.h"

struct spellings;

struct spellings *spellings_new(struct volume *volume);
/* The volume is about to be served: finds out what the kernel can do, and starts dropping. */
void spellings_begin(struct spellings *spellings);
/* Nothing is served any more. Takes NULL, as the next. */
void spellings_end(struct spellings *spellings);
void spellings_free(struct spellings *spellings);

/* Whether nothing waits to be dropped any more: waits a moment for that. Takes NULL. */
bool spellings_idle(struct spellings *spellings);

/* Whether the stored spelling of a file may be remembered. */
bool spellings_remembered(const struct spellings *spellings);

enum spelling_answer {
    SPELLING_EXISTS,
    SPELLING_ABSENT, /* it is the new name of a file that only changes its spelling */
    SPELLING_ASK_AGAIN, /* -ESTALE */
};

/* How task's look-up of name in directory is to be answered; entry is what it found. Call with directory->lock held. */
enum spelling_answer spellings_answer(struct spellings *spellings, pid_t task, const struct node *directory,
                                      const struct entry *entry, const char *name);
/* The kernel now knows node, no directory, by a name other than the stored one. */
void spellings_shown(struct spellings *spellings, const struct node *directory, struct node *node, const char *name);
/* A file that the kernel may know by its stored name was removed or renamed by another one. Call before the answer,
 * with nothing locked. */
void spellings_removed(struct spellings *spellings, const struct node *directory, struct node *node,
                       const char *stored);

#endif
