/* SPDX-License-Identifier: MIT */
/* Raw volumes whose server may have gone, or may hang: a worker looks which process has their descriptor. */
#ifndef LINFSP_SERVICE_HOLDERS_H
#define LINFSP_SERVICE_HOLDERS_H

struct service;
struct silo;

/* Looks for the holders of the silo's raw volumes, of those first that may have none. Volumes that nobody holds end. */
void holders_look(struct silo *silo);
/* Looks for holders in each silo that has volumes for which looks are left: also where a worker died over one. */
void holders_look_again(struct service *service);

#endif
