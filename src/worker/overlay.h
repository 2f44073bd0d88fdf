/* SPDX-License-Identifier: MIT */
/*
 * The upper layer of an overlayfs that a silo's root is. In a worker.
 *
 * A mount point that the service makes in a silo's root must not come into the layer, where `docker diff`, commit and
 * build would find it. So the worker makes the folder through the overlayfs, opens it, and removes it from the upper
 * layer, on the host. The overlayfs goes on with the folder that it knows, for as long as something is mounted on it or
 * has it open. Its list of the parent does not show the folder. When the container ends, in whatever way, nothing is
 * left that somebody would have to remove.
 *
 * After the last unmount the overlayfs still knows the folder. overlay_forget has it look again.
 */
#ifndef LINFSP_WORKER_OVERLAY_H
#define LINFSP_WORKER_OVERLAY_H

#include <sys/stat.h>

#include "util/mount-table.h"
#include "worker/jobs.h"

struct overlay {
    int upper; /* the upper layer; -1: there is none, or it cannot be reached */
    int beside; /* the folder in which the upper layer lies: an engine removes it with the layer */
    int around; /* the folder around that, where it is of the same mount; else beside once more */
    char path[WIRE_PATH_MAX]; /* of the upper layer, on the host */
};

#define OVERLAY_NONE                                                                                                   \
    (struct overlay) {                                                                                                 \
        .upper = -1, .beside = -1, .around = -1                                                                        \
    }

/* Finds the upper layer of the overlayfs that fd, of a silo, lies on, by the mount table of that process; 0: the
 * worker's own. -EOPNOTSUPP: it is no overlayfs as a whole, or its upper layer cannot be reached from the host. */
int overlay_open(const struct job_base *base, pid_t pid, int fd, struct overlay *ret_overlay);
/* The same by the path of the upper layer. */
int overlay_open_layer(const struct job_base *base, const char *path, struct overlay *ret_overlay);
void overlay_close(struct overlay *overlay);
/* The path of the upper layer on the host, of a mount that is an overlayfs as a whole; else -EOPNOTSUPP. */
int overlay_read_upper(const struct mount_line *mount, char *ret_path, size_t size);
/* Opens a folder of the upper layer; path "": the layer itself. */
int overlay_open_folder(const struct overlay *overlay, const char *path, int flags);
/* Whether the upper layer has an entry of that name: a file, a folder, or the mark of one that was removed. */
bool overlay_has(const struct overlay *overlay, const char *name);
/* Removes an empty folder from the upper layer: `name` in the layer's folder `path`, which was made just now. entry:
 * the folder, opened in the silo. The layer's folder gets `times` back, as it had them before. */
int overlay_hide(const struct overlay *overlay, const char *path, const char *name, int entry,
                 const struct stat *times);
/* Whether entry, a folder that was opened in the silo, is the one of that name: overlayfs tells the times of that. */
bool overlay_is_same(int folder, const char *name, int entry);
/* Whether a folder of the silo's is one that overlay_hide removed. */
bool overlay_is_hidden(int entry);
/* Has the overlayfs with this root look again for what was removed and is used by nobody. */
void overlay_forget(int root);

#endif
