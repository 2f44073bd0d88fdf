/* SPDX-License-Identifier: MIT */
/*
 * Notifications: a file system tells that files changed by themselves.
 *
 * Model. Each record drops what the kernel remembers: the name in its directory, the file's attributes and pages, the
 * directory's attributes. A thread of its own does that, because the kernel may make it wait for an operation under
 * way, and notifications come from within operations. Between NotifyBegin and NotifyEnd no rename runs.
 */
#ifndef WINFSP_NOTIFY_H
#define WINFSP_NOTIFY_H

#include "winfsp/volume.h"

int fsp_notifier_init(struct fsp_volume *volume);
/* What is queued still is done first; none may be queued any more. */
void fsp_notifier_stop(struct fsp_volume *volume);
/* Takes a volume that has none. */
void fsp_notifier_destroy(struct fsp_volume *volume);
/* A rename begins: waits until no notification holds it back. */
void fsp_notifier_rename_begin(struct fsp_volume *volume);
void fsp_notifier_rename_end(struct fsp_volume *volume);

#endif
