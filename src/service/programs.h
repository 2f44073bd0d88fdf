/* SPDX-License-Identifier: MIT */
/* Noticing helpers that are installed in a container after it was set up: they are looked for again. */
#ifndef LINFSP_SERVICE_PROGRAMS_H
#define LINFSP_SERVICE_PROGRAMS_H

struct job_result;
struct programs;
struct service;
struct silo;

int programs_new(struct service *service, struct programs **ret_programs);
void programs_free(struct programs *programs);
/* The inotify instance, to which workers add folders of silos (job_base.programs). Borrowed. */
int programs_descriptor(const struct programs *programs);
/* A worker has looked for helpers, and added the silo's folders. */
void programs_watch(struct silo *silo, const struct job_result *result);
/* Has a worker look for the silo's helpers. One job at a time, however often this is called. */
void programs_look(struct silo *silo);
/* A volume is about to be mounted there: umount(8) and its like are of interest, until its last volume has ended. */
void programs_expect_unmounts(struct silo *silo);
/* The silo goes. */
void programs_forget(struct silo *silo);

#endif
