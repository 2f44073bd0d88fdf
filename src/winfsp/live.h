/* SPDX-License-Identifier: MIT */
/*
 * The volumes that there are. FspFsctlStop and its like are given a handle that may be anything: it is looked up here,
 * and never looked into before.
 */
#ifndef WINFSP_LIVE_H
#define WINFSP_LIVE_H

#include "winfsp/volume.h"

void fsp_live_add(struct fsp_volume *volume);
/* Waits until nobody uses the volume any more who got it by its handle. */
void fsp_live_remove(struct fsp_volume *volume);

/* The volume with this handle, which stays until fsp_live_release. NULL: there is none. */
struct fsp_volume *fsp_live_use(HANDLE handle);
void fsp_live_release(struct fsp_volume *volume);

#endif
