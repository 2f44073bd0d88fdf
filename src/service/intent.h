/* SPDX-License-Identifier: MIT */
/*
 * What a worker is about to mount, written down before it does it: a file beside the journal's, with a line for each
 * thing that would have to be undone. It lasts until the volume stands in the journal or has failed. A worker or a
 * service that dies in between has then left nothing that the service, or the next one, does not find.
 */
#ifndef LINFSP_SERVICE_INTENT_H
#define LINFSP_SERVICE_INTENT_H

#include <stdio.h>

#include "service/job.h"

struct service;
struct volume;

/* In a worker. Each returns 0 or a negative errno: then the thing must not be done. intent_begin returns a descriptor;
 * it is opened before a user namespace is entered, and what is noted first is the mount. */
int intent_begin(const struct job_base *base, const struct job *job);
int intent_mount(int fd, const struct job *job, uint32_t fuse_device, uint64_t mount_id);
/* The tmpfs over a read-only /mnt. */
int intent_letters(int fd, uint64_t mount_id);
/* A folder that is made for the volume: /mnt itself, or a letter in it. */
int intent_letters_folder(int fd);
int intent_letter(int fd, const char *name);

/* In the service. Fills in what there is to undo of a volume whose worker died. */
void intent_read(struct volume *volume);
void intent_drop(uint64_t volume);
/* Ends a volume that was being made when the service before this one died, unless it stands in the journal. */
void intent_replay(struct service *service, uint64_t id, FILE *file);

#endif
