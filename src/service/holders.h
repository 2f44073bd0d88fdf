/* SPDX-License-Identifier: MIT */
/* Raw volumes whose server may have gone, or may hang: a worker looks which process has their descriptor. */
#ifndef LINFSP_SERVICE_HOLDERS_H
#define LINFSP_SERVICE_HOLDERS_H

struct silo;

/* Looks for the holders of the silo's raw volumes. Volumes that nobody holds end. */
void holders_look(struct silo *silo);

#endif
