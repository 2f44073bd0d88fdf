/* SPDX-License-Identifier: MIT */
/* As what a file with many commands in it, such as busybox, is executed. */
#ifndef LINFSP_CATCHER_CALLED_H
#define LINFSP_CATCHER_CALLED_H

#include <stdbool.h>
#include <sys/types.h>

#include "catcher/protocol.h"

struct called {
    enum catcher_kind kind;
    bool ours;
    bool changes_helpers; /* it may change a helper's file */
};

/*
 * Looks at the arguments of a thread that waits in execve for our word. It is not stopped for that, so the many other
 * commands of such a file cost next to nothing. Who changes them meanwhile gets what it has changed them to. Their
 * memory may never come: reading.h calls this in a process that can be spared.
 * kind: the file's. Of CATCHER_MANY, what is called is said to be ours if it is umount (CATCHER_UNMOUNTER), chroot
 * (CATCHER_CHROOT), CATCHER_PACKAGES, or CATCHER_TOOL; a file of another kind is. A package manager changes helpers,
 * and so does a tool if an argument names a helper or a folder that helpers are in, or if the tool unpacks in such a
 * folder.
 */
void called_look(pid_t thread, enum catcher_kind kind, struct called *ret_called);

#endif
