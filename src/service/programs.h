/* SPDX-License-Identifier: MIT */
/* Noticing programs that are installed in a container after it was set up: the stand-in for fusermount3 makes room for
 * them. */
#ifndef LINFSP_SERVICE_PROGRAMS_H
#define LINFSP_SERVICE_PROGRAMS_H

struct programs;
struct service;
struct silo;

int programs_new(struct service *service, struct programs **ret_programs);
void programs_free(struct programs *programs);
/* The inotify instance, to which workers add folders of silos (job_base.programs). Borrowed. */
int programs_descriptor(const struct programs *programs);
/* A worker has added the silo's folder, as this number. */
void programs_watch(struct silo *silo, int number);
/* The silo goes. */
void programs_forget(struct silo *silo);

#endif
