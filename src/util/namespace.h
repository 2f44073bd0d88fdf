/* SPDX-License-Identifier: MIT */
/*
 * Knowing a mount namespace.
 *
 * Its inode number, the one in /proc/PID/ns/mnt, is free for another namespace as soon as this one ends. From Linux
 * 6.11 on the kernel also gives each mount namespace an id of 64 bits, which it never uses again. Where the kernel has
 * no such id, a process proves that it is in a silo's namespace by the mount that the service made there: a folder of
 * the service's own file system, which no other namespace has.
 */
#ifndef LINFSP_UTIL_NAMESPACE_H
#define LINFSP_UTIL_NAMESPACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct mount_namespace {
    uint64_t inode;
    uint64_t id; /* 0: this kernel has none */
};

/* Reads the mount namespace of a process. */
int mount_namespace_of(pid_t pid, struct mount_namespace *ret_namespace);
/* The id of an open mount namespace; 0 where the kernel has none. */
int mount_namespace_id(int fd, uint64_t *ret_id);
/* Whether a process sees, at /dev/linfsp, that folder (its name under silos/) of the file system with this device
 * number. The number is the kernel's word; a container cannot forge it. */
bool mount_namespace_has_folder(pid_t pid, unsigned major, unsigned minor, uint64_t folder);
/* Which it sees there; 0: none. */
uint64_t mount_namespace_find_folder(pid_t pid, unsigned major, unsigned minor);
/* The same for one line of a mountinfo file. */
bool mountinfo_line_is_folder(const char *line, unsigned major, unsigned minor, uint64_t folder);

#endif
