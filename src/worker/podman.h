/* SPDX-License-Identifier: MIT */
/* What podman has of a container in its database, which is SQLite's since podman 4.8, and bbolt's before. */
#ifndef LINFSP_WORKER_PODMAN_H
#define LINFSP_WORKER_PODMAN_H

#include "worker/job.h"

/*
 * Adds the container's labels to description, whose id is set. bundle: the folder of its OCI bundle, as podman lays it,
 * ROOT/DRIVER-containers/ID/userdata. Nothing is added where the database, or the image's own labels, cannot be read.
 */
void podman_labels(const char *bundle, struct job_description *description);

#endif
