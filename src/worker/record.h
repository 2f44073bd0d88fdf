/* SPDX-License-Identifier: MIT */
/*
 * What an engine has written down of a container: Docker's own record (config.v2.json), or the OCI bundle
 * (config.json). Only reads texts that it is given; whose they are, the caller has to see to.
 */
#ifndef LINFSP_WORKER_RECORD_H
#define LINFSP_WORKER_RECORD_H

#include <stdbool.h>

#include "worker/job.h"

/*
 * Each fills in what the text tells, and leaves the rest as it is. description->engine is set. Returns 0, or -EBADMSG
 * for a text that is none.
 */

/*
 * image_json: the configuration of the container's image, which tells whose labels the container's are: without it,
 * NULL, none are taken.
 */
int record_from_docker(const char *json, const char *image_json, struct job_description *description);
int record_from_podman(const char *json, const char *image_json, struct job_description *description);
int record_from_bundle(const char *json, struct job_description *description);
/* What the bundle of a pod's sandbox tells of the pod's containers: its labels, by CRI-O. */
int record_from_sandbox(const char *json, struct job_description *description);

/* Where the configuration of a container's image is. Each returns 0, or a negative errno. */

/* In Docker's own store: a path below its data root. */
int record_image_of_docker(const char *json, char *ret_path, size_t size);
/* In containerd's, where Docker 29 keeps images: the digest of the image's manifest, then of its configuration there.
 */
int record_manifest_of_docker(const char *json, char *ret_digest, size_t size);
int record_image_of_manifest(const char *json, char *ret_digest, size_t size);
/* In podman's: the image's id, or "" where the container has none (--rootfs). */
int record_image_of_podman(const char *json, char *ret_id, size_t size);

/* Whether Docker's records, config.v2.json and hostconfig.json, are of a step of a build by its own builder. */
bool record_is_build_step(const char *json, const char *host_json);

#endif
