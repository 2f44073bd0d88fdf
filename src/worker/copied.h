/* SPDX-License-Identifier: MIT */
/*
 * Folders that overlayfs has copied into a silo's upper layer because something of the service's was made in them. In a
 * worker.
 *
 * A letter's folder is taken out of the upper layer (overlay.h), but overlayfs has copied /mnt, the folder around it,
 * to the layer, where it stays: docker diff does not show it, since it is unchanged, but a commit has it. So the worker
 * notes each folder that was not in the layer before, with its attributes, in a file of the service's tmpfs. When what
 * was made in it is gone, or the silo is, an empty copy whose attributes are the same still is removed from the layer.
 *
 * The overlayfs must not have that copy in use then: its folder would be dead for the container. So the worker moves
 * the copy out of the layer, has the overlayfs look again (overlay_forget), and looks whether it sees the lower
 * layer's folder now. If not, the copy goes back.
 *
 * While the letter is there the overlayfs does have the copy in use, wherever it lies. So when somebody lists the
 * layer, who may be about to make an image of it, the copy lies out of the layer for that long: the catcher is asked
 * (CATCHER_LAYER).
 */
#ifndef LINFSP_WORKER_COPIED_H
#define LINFSP_WORKER_COPIED_H

#include "worker/overlay.h"

/* Opens the notes of a silo, to be written to, and has the catcher tell of who lists the layer. Before the worker
 * enters a user namespace. */
int copied_open_notes(const struct job_base *base, uint64_t silo, const struct overlay *overlay);
/* Notes a folder of the layer (a relative path) that was not in it before. */
void copied_note(int notes, const struct overlay *overlay, const char *path);
/* Removes what has been noted and is not needed any more. root: the silo's, in whose mount namespace the worker is.
 * Returns whether nothing is left. */
bool copied_remove(const struct job_base *base, uint64_t silo, int root);
/* The silo has ended: the same, on the host. The notes go. Returns 0, or a negative errno: they are there still. */
int copied_remove_at_end(const struct job_base *base, uint64_t silo);
/* On the host: puts what has been noted, and the container has not changed, out of the layer. */
void copied_hide(const struct job_base *base, uint64_t silo);
/* On the host: puts it back. */
void copied_show(const struct job_base *base, uint64_t silo);
/* Another catcher is to tell of it. On the host. */
void copied_watch_again(const struct job_base *base, uint64_t silo);

#endif
