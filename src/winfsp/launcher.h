/* SPDX-License-Identifier: MIT */
/*
 * What libwinfsp and the launcher agree on: the launcher's socket, and the folder of records.
 *
 * A request is one packet of UTF-16: the command, then each argument with its NUL. So is the answer: '$' and what was
 * asked for, or '!' and a Win32 error in decimal. Root's launcher listens at one place, each other user's at another; a
 * client asks its own user's first, then root's.
 */
#ifndef WINFSP_LAUNCHER_H
#define WINFSP_LAUNCHER_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/un.h>

#include <winfsp/launch.h>

#define LAUNCH_MESSAGE_UNITS 8192
#define LAUNCH_FOLDER "/etc/linfsp-launch.d"
#define LAUNCH_NAME_MAX 128 /* units of a class or an instance */

/* Where that user's launcher listens. */
void launch_address(uid_t uid, struct sockaddr_un *ret_address);
/* The folder of records: LINFSP_LAUNCH_D of the environment, or LAUNCH_FOLDER. */
const char *launch_folder(void);
/* A class is a file's name: no slash, no dot at its beginning. */
bool launch_class_valid(const char *name);

#endif
