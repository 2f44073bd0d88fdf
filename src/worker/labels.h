/* SPDX-License-Identifier: MIT */
/*
 * Labels of a container, as rules compare them: "key=value" strings. An engine writes down labels and annotations of
 * several authors: its own, its caller's, the pod's, the image's. Only labels whose author is known are taken.
 *
 * Pods are told by Kubernetes's own keys, whichever the runtime is: io.kubernetes.pod.namespace, io.kubernetes.pod.name
 * and io.kubernetes.container.name. A pod may have annotations of any key, and CRI-O hands all of them on: keys of
 * Kubernetes that this runtime does not set itself are left out.
 */
#ifndef LINFSP_WORKER_LABELS_H
#define LINFSP_WORKER_LABELS_H

#include <json-c/json.h>

#include "worker/job.h"

/*
 * Each adds the strings of a JSON object to description->labels; of an object that is NULL or no object, none. Labels
 * for which there is no room are left out, those that tell the group and the pod last. description->engine is set.
 */

/* Of Docker's or podman's record. What the image brought, and nobody gave the container, is left out. of_image may be
 * NULL. */
void labels_from_docker(json_object *labels, json_object *of_image, struct job_description *description);
/* Annotations of an OCI bundle. */
void labels_from_bundle(json_object *annotations, struct job_description *description);
/* A pod's labels, from the annotations of its sandbox's bundle. */
void labels_from_sandbox(json_object *annotations, struct job_description *description);

/* The value of a label, or NULL. It is description's. */
const char *labels_find(const struct job_description *description, const char *key);
/* What containers of the same Compose project or pod have in common: "compose:NAME", "pod:ID"; else "". */
void labels_group(const struct job_description *description, char *ret_group, size_t size);

#endif
