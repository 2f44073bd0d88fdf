/* SPDX-License-Identifier: MIT */
/* In a worker: entering a silo, and handling its files without being led astray. */
#ifndef LINFSP_WORKER_ENTER_H
#define LINFSP_WORKER_ENTER_H

#include <stdio.h>

#include "util/mount-table.h"
#include "worker/jobs.h"

/* Opens the silo's mount namespace, the user namespace that this belongs to where it is not the host's (else -1), and
 * its init's root (O_PATH). The pidfd proves that they belong to the process meant. -ESRCH: the silo is gone;
 * any other error: it may be there. */
int enter_open(const struct job_base *base, const struct job_target *target, int pidfd, int *ret_mount_namespace,
               int *ret_user_namespace, int *ret_root);
/* Becomes root of that user namespace, or where it has no user 0 the client itself, with all capabilities there. uid
 * and gid are the client's, as the host counts; ret_uid and ret_gid the same, as that namespace does. There is no way
 * back: the worker is spent. -EOVERFLOW: it does not know the client. */
int enter_user_namespace(int user_namespace, uid_t uid, gid_t gid, uid_t *ret_uid, gid_t *ret_gid);
/*
 * For what is to be mounted in a silo whose mounts belong to a user namespace of its own: enters that, and replaces
 * each tree (a detached mount) by a copy whose flags its root cannot take off again. The kernel locks flags only where
 * mounts are copied from one user namespace into another, not where they are moved: so the trees are mounted in the
 * worker's scratch mount namespace (scratch.h), and that is copied. At most SCRATCH_TREES_MAX trees. Also as
 * enter_user_namespace: the worker is spent.
 */
int enter_user_namespace_with(const struct job_base *base, int user_namespace, uid_t uid, gid_t gid, int *trees,
                              size_t n_trees, uid_t *ret_uid, gid_t *ret_gid);
/* Makes the worker a visitor: that mount namespace, root as its root and working directory. */
int enter_mount_namespace(int mount_namespace, int root);
/* All of it at once, where nothing is to be carried in: enters the mount namespace at the init's root, an O_PATH fd of
 * which is returned. */
int enter_silo(const struct job_base *base, const struct job_target *target, int pidfd, int *ret_root);
/* Back to the host, from a silo whose user namespace was not entered. */
int enter_host(const struct job_base *base);

/* Files made from now on belong to the silo's root. */
void enter_act_as(uid_t uid, gid_t gid);
void enter_act_as_self(void);

/* Opens a path below root (relative, O_PATH | flags), following no symbolic link at all. */
int enter_open_path(int root, const char *path, int flags);
/* Opens a path below root, following symbolic links, which lead nowhere out of root. */
int enter_open_inside(int root, const char *path, int flags);
/* Opens an entry of a process's folder in the host's /proc, "ns/mnt" for instance. */
int enter_open_process(const struct job_base *base, pid_t pid, const char *entry, int flags);
/* The mount table of the namespace that the worker is in, by its own /proc; NULL: errno says why. */
FILE *enter_open_table(const struct job_base *base);
/* The same of another process; 0: the worker's own. */
FILE *enter_open_table_of(const struct job_base *base, pid_t pid);

/* 1 when fd is the root of a mount, 0 when not. Asks nobody's server. */
int fd_is_mount_root(int fd);
/* Identity of what fd is on: mount id and device, without asking a server. */
int fd_mount_id(int fd, uint64_t *ret_mount_id);
int fd_device(int fd, uint32_t *ret_major, uint32_t *ret_minor);

/* Lazily unmounts the mount whose root fd is. */
int unmount_fd(const struct job_base *base, int fd);
/* Where the mount with this id is, as seen from the current root: an O_PATH fd of its root. It is looked for at
 * `likely` first: the table of a silo's mounts has all the host's shares in it. -ENOENT when it is not here, -EAGAIN
 * when it is covered by another, or moved about all the time. */
int open_mount_by_id(const struct job_base *base, uint64_t mount_id, const char *likely, int *ret_fd);
/* The first mount here of the FUSE connection with that number, as above. */
int open_mount_of_device(const struct job_base *base, uint32_t fuse_device, int *ret_fd);
/* A mount's line in the mount table of the mount namespace that this process is in. *ret_text is the caller's to free,
 * in any case, and the line's texts are in it. Returns false if there is none. */
bool mount_line_of(const struct job_base *base, uint64_t mount_id, char **ret_text, struct mount_line *ret_mount);
/* Whether what is mounted there comes from this source (the first column of mount(8)). */
bool mount_has_source(const struct job_base *base, uint64_t mount_id, const char *source);
/* The path of fd as seen from the current root; "" where it has none here. */
int fd_path(const struct job_base *base, int fd, char *ret_path, size_t size);

/* Which mounts are the silo's own: that of its root (known since it was entered) and of its /dev, unless that is the
 * host's. */
void enter_own_mounts(const struct job_base *base, int root, int dev);
/* And the tmpfs that the service has put over a read-only /mnt. */
void enter_own_letters(uint64_t mount_id);
/* A writable clone, which nobody else sees, of the read-only mount that directory is on. Fails where the mount was
 * locked so, and with -EROFS where it is not the silo's own: what the silo was given of others' folders, to read, is
 * not written to for its sake; nor is its root, where that is a folder of the host's disk that was mounted read-only.
 */
int open_writable_clone(int directory);
/* Makes a folder, a link or a node, or removes a name, through such a clone: also where the mount is read-only, and
 * without being a writer on it, which would keep a runtime from making it read-only just then. Where the kernel allows
 * no clone (locked mounts below it), on the mount itself. Fails where the file system itself is read-only. */
int make_folder_through_clone(int directory, const char *name);
int make_link_through_clone(int directory, const char *name, const char *target);
int make_node_through_clone(int directory, const char *name, mode_t mode, dev_t device);
int remove_through_clone(int directory, const char *name, int flags);

/* Whether the open directory has no entries. Negative errno. */
int directory_is_empty(int fd);

#endif
