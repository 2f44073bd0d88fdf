/* SPDX-License-Identifier: MIT */
/*
 * A worker writes down what it is about to mount before it does it: a file in the service's tmpfs, with a line for each
 * thing that would have to be undone. The service reads it where the worker died (service/intent.h).
 */
#ifndef LINFSP_WORKER_INTENT_H
#define LINFSP_WORKER_INTENT_H

#include "worker/jobs.h"

/* Each returns 0 or a negative errno: then the thing must not be done. intent_begin returns a descriptor;
 * it is opened before a user namespace is entered, and what is noted first is the mount. */
int intent_begin(const struct job_base *base, const struct job *job);
int intent_mount(int fd, const struct job *job, uint32_t fuse_device, uint64_t mount_id);
/* In which namespace nested in the silo the mount will be (nested.h). */
int intent_nested(int fd, const struct mount_namespace *mount_namespace);
/* The tmpfs over a read-only /mnt. */
int intent_letters(int fd, uint64_t mount_id);
/* A folder that is made for the volume: /mnt itself, or a letter in it. */
int intent_letters_folder(int fd);
int intent_letter(int fd, const char *name);
/* A letter's folder that is there already. */
int intent_found_letter(int fd, const char *name);

#endif
