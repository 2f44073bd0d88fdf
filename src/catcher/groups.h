/* SPDX-License-Identifier: MIT */
/*
 * The catcher's fanotify groups, by which the kernel asks.
 *
 * Reading a question opens the file that it is about. A file on an overlayfs that an ordinary user mounted may be on
 * the user's own FUSE file system below, whose server never answers: whoever reads such a question waits, and cannot be
 * killed. So such files have groups of their own, a few for all users, each of which is read by a process of its own,
 * the reader. What hangs there holds up nobody but the users of that group. Group 0 is read by the catcher itself.
 *
 * All functions are the catcher's; a question is known by the descriptor of its file.
 */
#ifndef LINFSP_CATCHER_GROUPS_H
#define LINFSP_CATCHER_GROUPS_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/fanotify.h>

#include "catcher/protocol.h"

/* Makes the groups and starts the readers, which call shut_cage first. Returns 0 or a negative errno. */
int groups_make(int (*shut_cage)(void));
/* Descriptors to wait for: CATCHER_GROUPS of them. */
void groups_poll(struct pollfd *ret_wait);
/* Calls on_question for what has come, given what poll said. Returns false if a reader has ended. */
bool groups_read(const struct pollfd *waited, void (*on_question)(const struct fanotify_event_metadata *question));
/* Returns 0 or a negative errno. */
int groups_mark(uint32_t group, uint64_t mask, const char *path);
void groups_unmark(uint64_t mask, const char *path);
/* Lets the question's process go on and closes the file. Returns a negative errno where the kernel takes no answer. */
int groups_answer(int file);
/* Closes a file that was no question. */
void groups_close(int file);
/* No more questions. */
void groups_end(void);

#endif
