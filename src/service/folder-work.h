/* SPDX-License-Identifier: MIT */
/* What the files of folders share: folder.c, folder-idle.c, folder-start.c. */
#ifndef LINFSP_SERVICE_FOLDER_WORK_H
#define LINFSP_SERVICE_FOLDER_WORK_H

#include "service/folder.h"
#include "service/lane.h"
#include "service/worker.h"

/* A worker's job on that name of the folder; "": on the folder. */
struct job folder_job(const struct folder *folder, enum folder_action action, const char *text);
struct lane folder_lane(const struct folder *folder, uid_t uid, enum lane_kind kind);
/* With a file for the worker; -1: without one. */
int folder_submit(struct folder *folder, const struct job *job, int fd, struct lane lane, job_done done, uint64_t key);
/* For jobs whose end changes nothing. */
void folder_done_nothing(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds);
/* A file of the names in that state, each with its NUL, for a worker. With NAME_HIDING: of all in another state. */
int folder_write_names(const struct folder *folder, enum name_state state);
/* A worker has done with the name: what was put off for so long follows. */
void name_after_work(struct name *name);
/* A volume is open at the name from now on: it is unmounted there when it is idle. */
void name_watch_idle(struct name *name);
/* The same for all that the service before this one may have left open in the folder. */
void folder_watch_idle(struct folder *folder);
/* Its pipe was lost, and nobody hears who waits at the other end. To take the folder up again lets them go. */
void folder_take_up_again(struct folder *folder);

/* Into the tables. NULL: there is no memory, or no room. */
struct folder *folder_enter(struct service *service, struct silo *silo, uint64_t id, const char *path);
/* NULL: there is none. */
struct name *name_find(struct service *service, uint64_t id);
struct name *name_enter(struct folder *folder, uint64_t id, const char *text);
void name_set_volume(struct name *name, struct volume *volume);
/* Volume: what was mounted on it; it may have been the last. */
void name_free(struct name *name);
/*
 * Nothing leads to the folder any more. A container may have been given it (-v /unc/nas:/media): it is to find there
 * what is served later. So the host's folders are kept, the latest of them.
 */
void folder_keep(struct folder *folder);

#endif
