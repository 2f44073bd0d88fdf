/* SPDX-License-Identifier: MIT */
/*
 * The catcher's fanotify groups, by which the kernel asks.
 *
 * Reading a question opens the file that it is about. A file on an overlayfs that was mounted in a user namespace, by a
 * user or by root of a container, may be on a FUSE file system below, whose server never answers: whoever reads such a
 * question waits, and cannot be killed; and so does whoever looks at such a file, reads it, closes it or has it
 * watched. So such files have groups of their own, a few for all users, each of which has a process of its own, the
 * reader, which does all of that and hands on what it has found, not the file. What hangs there holds up nobody but the
 * users of that group. Group 0 is read by the catcher itself.
 *
 * All functions are the catcher's; a question is known by its number.
 */
#ifndef LINFSP_CATCHER_GROUPS_H
#define LINFSP_CATCHER_GROUPS_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/fanotify.h>

#include "catcher/protocol.h"
#include "catcher/tables.h"

/* Makes the groups and starts the readers, which call shut_cage first. Returns 0 or a negative errno. */
int groups_make(int (*shut_cage)(void));
/* Descriptors to wait for: CATCHER_GROUPS of them. */
void groups_poll(struct pollfd *ret_wait);

/* What the kernel asks, or tells. */
struct asked {
    int number; /* of group 0: the descriptor of its file */
    pid_t thread;
    uint64_t mask;
    enum catcher_kind kind;
    bool has_key;
    struct file_key key; /* the file's */
    bool concerns; /* see groups_concerns */
};

typedef void groups_handler(const struct asked *asked);
/* Calls on_question for what has come, given what poll said. Returns false if a reader has ended. */
bool groups_read(const struct pollfd *waited, groups_handler *on_question);
/* Whether a file that is executed is of a kind that its process is to be looked at for. */
bool groups_concerns(const struct asked *asked);
/* Does what MARK or UNMARK says of that file. */
void groups_mark(const struct catcher_message *message, int file);
/* Lets the question's process go on and closes the file. Returns a negative errno where the kernel takes no answer. */
int groups_answer(int number);
/* Closes the file of what was no question. */
void groups_close(int number);
/* No more questions. */
void groups_end(void);

#endif
