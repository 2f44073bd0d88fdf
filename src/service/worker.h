/* SPDX-License-Identifier: MIT */
/*
 * Workers: processes that do what may block.
 *
 * A worker runs a program of its own (src/worker), has none of the service's descriptors, and takes one job at a time
 * over a socketpair. Spare ones are started ahead, so that a job does not wait for that, and are kept for some seconds
 * after a rush. A worker that entered a user namespace ends after its job; one that does not answer in time
 * (patience.h) is killed and counted against the silo that it worked for, and the job fails with -ETIMEDOUT. A silo has
 * at most two jobs at work, and none once too many of its workers were lost, so that it can hold up nobody but itself.
 */
#ifndef LINFSP_SERVICE_WORKER_H
#define LINFSP_SERVICE_WORKER_H

#include <systemd/sd-event.h>

#include "service/lane.h"
#include "worker/job.h"

struct reaper;
struct workers;

/* Called once for each submitted job. Whoever keeps one of fds puts -1 in its place; the others are closed afterwards.
 */
typedef void (*job_done)(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds);

/* program: linfspd-worker, O_PATH. All descriptors are borrowed. */
int workers_new(sd_event *event, struct reaper *reaper, int program, int run_dir, int fuse_device, int programs,
                int stage, int catcher, struct workers **ret_workers);
void workers_free(struct workers *workers);

/* fds are duplicated. done is called later with context and key, never from within. lane: whose jobs run at most two at
 * a time (lane.h). */
int workers_submit(struct workers *workers, const struct job *job, const int *fds, size_t n_fds, struct lane lane,
                   job_done done, void *context, uint64_t key);
/* Calls back each time that a worker is given up. */
void workers_when_overdue(struct workers *workers, void (*overdue)(void *context), void *context);
/* The silo is gone: what was lost for it no longer counts. */
void workers_forget_silo(struct workers *workers, uint64_t silo);
/* Whether no job is queued or at work. */
int workers_idle(const struct workers *workers);

#endif
