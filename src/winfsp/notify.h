/* SPDX-License-Identifier: MIT */
#ifndef WINFSP_NOTIFY_H
#define WINFSP_NOTIFY_H

#include "winfsp/volume.h"

int fsp_notifier_init(struct fsp_volume *volume);
void fsp_notifier_destroy(struct fsp_volume *volume);
/* A rename begins, unless notifications hold it back: waits until it may. */
void fsp_notifier_rename_begin(struct fsp_volume *volume);
void fsp_notifier_rename_end(struct fsp_volume *volume);

#endif
