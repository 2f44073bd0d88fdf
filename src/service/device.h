/* SPDX-License-Identifier: MIT */
/*
 * A silo's folder and the two sockets in it.
 *
 * The service makes the folder of a new silo itself: nobody can reach it yet. Afterwards a process of the silo may hold
 * the folder's lock as long as it likes (getdents(2) into memory that never comes), so a worker does what is to be done
 * there: it binds the sockets anew after a restart of the service, and removes the folder in the end.
 */
#ifndef LINFSP_SERVICE_DEVICE_H
#define LINFSP_SERVICE_DEVICE_H

struct service;
struct silo;

/* Makes a new silo's folder, with all that it is to hold. The host's may be there already: its sockets are bound anew.
 */
int device_make(struct silo *silo);
/* Has the sockets of a silo that was there before us bound anew. Until then it has none. */
void device_rebind(struct silo *silo);
/* Has the folder removed. The silo may go meanwhile. */
void device_remove(struct silo *silo);
/* Has all folders removed that are no silo's. */
void device_sweep(struct service *service);

#endif
