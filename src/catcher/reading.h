/* SPDX-License-Identifier: MIT */
/*
 * Reads what a process executes a program with, in a process of its own.
 *
 * The arguments are in the memory of whoever executes, and that may never come: a page of a file of its own FUSE
 * server, say. The path that umount is called with may lead over links that never answer. Whoever looks there waits
 * until the server's connection ends, and no signal ends that. And whoever reads a mount table may be the last to hold
 * its mount namespace, and has to end the file systems in there. So a reader does it. When it does not answer in time
 * it is left to itself, and another one takes its place. The catcher, which can fork no more, has them from the
 * starter, a process that looks nowhere.
 *
 * A silo that has kept a reader waiting is not looked at any more, and one that is slow only seldom (tables.h).
 */
#ifndef LINFSP_CATCHER_READING_H
#define LINFSP_CATCHER_READING_H

#include <stdbool.h>
#include <sys/types.h>

#include "catcher/called.h"
#include "catcher/machine.h"
#include "catcher/protocol.h"

#define READING_LIMIT_MS 200

/* Starts the starter, before there is anything that a hung reader must not keep. Readers keep these capabilities at
 * most, and call shut_cage first; the starter calls keep_capabilities. Returns 0 or a negative errno. */
int reading_make(int (*keep_capabilities)(void), int (*shut_cage)(void));
/* As called_look, for a thread that is served. Returns false where nothing is known, or it is none of ours. */
bool reading_look(pid_t thread, enum catcher_kind kind, struct called *ret_called);
/* As arguments_are_unmount, for a process that is stopped, in a silo. -EAGAIN: nothing is known. */
int reading_look_at_umount(const struct machine *machine, unsigned *ret_skip);
/* As mount_namespace_find_folder. 0 also where nothing is known. */
uint64_t reading_find_folder(pid_t process, unsigned major, unsigned minor);

#endif
