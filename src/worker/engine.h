/* SPDX-License-Identifier: MIT */
/* The process that made a container, and what it knows of it. */
#ifndef LINFSP_WORKER_ENGINE_H
#define LINFSP_WORKER_ENGINE_H

#include "worker/jobs.h"

/* Reads /proc/PID/ENTRY into text, which then ends with NUL. Returns its length, or less than 1. */
ssize_t engine_read_entry(pid_t pid, const char *entry, char *text, size_t size);
/* Whether that is the process's name (comm). */
bool engine_is_named(pid_t pid, const char *name);
/* Whether root of the host started it on the host: all its ids are 0, and it is in the host's mount namespace. */
bool engine_is_hosts_own(const struct job_base *base, pid_t pid);
/* The text of a file of at most 1 MiB: the caller's to free. NULL where it cannot be read. */
char *engine_read_file(const char *path);
/* The same for the config.json of the bundle in which a runtime works. */
char *engine_read_bundle(pid_t runtime);

/*
 * Fills in of a container whose id, engine and name are found: labels, image, LINFSP=off and group from its OCI bundle,
 * its cgroup, and whether all that is certain. It is where the parent of its first process is a process of the host's
 * root, in the host's mount namespace, and is an engine's own that names this very container.
 */
void engine_look_closer(const struct job_base *base, const struct job *job, struct job_description *description);

#endif
