/* SPDX-License-Identifier: MIT */
/* What the catcher knows: which mount namespaces are served, and what the watched files are. */
#ifndef LINFSP_CATCHER_TABLES_H
#define LINFSP_CATCHER_TABLES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "catcher/protocol.h"

/* What finds the silo's folder (util/namespace.h) in a mount table, instead of mount_namespace_find_folder: who reads a
 * mount table holds its mount namespace, and may be the last, and that may wait (service/reaper.h). */
typedef uint64_t table_find_folder(pid_t pid, unsigned major, unsigned minor);
void table_finds_folder_by(table_find_folder *find);

/* From a message that says SERVE or FORGET. */
void table_serve(const struct catcher_message *message);
/* Whether a process is served. */
enum served_kind {
    SERVED_NOT,
    SERVED, /* its mount namespace is a silo's */
    SERVED_NESTED, /* its mount namespace was made in a silo: the silo's folder is mounted there */
};
enum served_kind table_serves(pid_t pid);
/* The number of the mount namespace of its silo; 0: it is in none that is served. */
uint64_t table_silo_namespace(pid_t pid);
/* Its silo's number; 0: none. */
uint64_t table_silo(pid_t pid);
/* Whether another process of the same silo may be followed now: so many a second. */
bool table_may_follow(pid_t pid);
/* Whether we may do now what a silo's processes can make us wait for. That may take so long in so many seconds
 * (tables.c): everybody waits for that. mount_namespace: the silo's. */
bool table_may_wait(uint64_t mount_namespace);
/* It was done, and took so long. */
void table_has_waited(uint64_t mount_namespace, int64_t milliseconds);
/* The same for reading the memory of a silo's processes. Where that was not answered it is not read again. */
bool table_may_read(uint64_t mount_namespace);
void table_has_read(uint64_t mount_namespace, int64_t milliseconds, bool answered);
/* Whether a file is on the service's file system. */
bool table_is_ours(int file);

/*
 * Files are known by what the kernel knows of them by itself: a server below an overlayfs is not asked, which may never
 * answer. of_user: the file is on an overlayfs that was mounted in a user namespace, so that nothing else is asked
 * either.
 */
struct file_key {
    uint64_t device, inode; /* as struct stat has them */
};
bool file_key_of(int file, struct file_key *ret_key);
/* Whether the same file, as an overlayfs has it or as its layer has it, is a library that is marked there. An overlayfs
 * shows the layer's inode numbers. */
bool table_has_other_layer(int file, bool of_user);
void table_unmark(int file);
/* silo: whose it is; 0: several may have it. */
void table_mark(int file, enum catcher_kind kind, uint64_t silo, bool of_user);
/* CATCHER_HELPER for a file that is not known any more. */
enum catcher_kind table_kind(int file);
/* The silo that a file was marked for; 0: none. */
uint64_t table_silo_of_file(int file);

#endif
