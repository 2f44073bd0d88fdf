/* SPDX-License-Identifier: MIT */
/* The device nodes of unmodified FUSE programs' volumes: who has one open is served still (fusermount.c has the model).
 */
#ifndef LINFSP_SERVICE_FUSERMOUNT_H
#define LINFSP_SERVICE_FUSERMOUNT_H

#include <stdbool.h>

struct service;
struct volume;

/* Makes the node through which the volume's descriptor will be opened. Returns an O_PATH fd of it, or a negative errno.
 */
int fusermount_make_node(struct volume *volume);
/* Has closed called when nobody has the volume's descriptor any more; not certain: events were lost, and it may be so.
 */
int fusermount_watch(struct volume *volume, void (*closed)(struct volume *volume, bool certain));
void fusermount_forget(struct volume *volume);
/* When the journal has been read: removes the nodes of volumes that ended while no service ran. */
void fusermount_sweep(struct service *service);

#endif
