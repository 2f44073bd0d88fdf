/* SPDX-License-Identifier: MIT */
/*
 * What the tests of jobs stand on: a host, containers, a worker; real namespaces and real mounts, without a service.
 *
 * A test runs in a mount namespace of its own whose root is a tmpfs: with the machine's folders in it, and a /run and
 * /unc that are nobody else's. A container is a child with a mount namespace, or also a user namespace. The worker is
 * seen as the service sees it: through its socket.
 *
 * A linfspd that runs on the same machine would take this namespace and these containers for silos of its own. So the
 * tests run with LINFSP=off in their environment (meson.build), which has it leave them alone.
 */
#ifndef LINFSP_WORKER_TEST_HOST_H
#define LINFSP_WORKER_TEST_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/paths.h"
#include "util/sockets.h"
#include "worker/job.h"

#define FOLDER LINFSP_RUN_DIR "/silos/1"
#define USER 100000 /* whose the user namespace's ids are */

extern const char *why_not; /* the machine lacks something: tests are skipped */
extern int run_dir, fuse_device, watches, stage, proc;
extern int catcher[2]; /* what workers say to it, and their end */

#define NEEDS_A_HOST()                                                                                                 \
    do {                                                                                                               \
        if (why_not)                                                                                                   \
            skip();                                                                                                    \
    } while (0)

/* Before all tests. worker_program: its path; NULL: where the build folder has it. Returns 0, or -1. */
int open_worker_program(const char *path);
int make_all(void **state);

/* ---- containers -------------------------------------------------------------------------------------------------- */

struct container {
    pid_t pid;
    int pidfd;
    struct job_target target;
};

struct container container_start(bool user_namespace);
void container_end(struct container *container);
int open_in(const struct container *container, const char *path); /* O_PATH */
bool exists_in(const struct container *container, const char *path);
/* container NULL: in the host. part: of the mount's line in mountinfo. */
void assert_mounted(const struct container *container, const char *path, const char *part);
void assert_not_mounted(const struct container *container, const char *path);

/* What the next container's root is: a tmpfs, or an overlayfs of layers that lie in LAYERS. */
#define LAYERS "/run/layers"
extern bool layered;
bool make_layers(bool with_mnt);
/* The upper layer's first file or folder below path; "": there is none. */
void layer_has(const char *path, const char *wanted);
void remove_tree(const char *path);

/* ---- the worker -------------------------------------------------------------------------------------------------- */

struct worker {
    pid_t pid;
    int pidfd, socket;
};

extern int fds_back[JOB_FDS_MAX]; /* of the last result */
extern size_t n_fds_back;

struct worker worker_start(void); /* not welcomed yet */
struct worker worker_new(void);
/* Waits for its end, and returns its exit status. */
int worker_end(struct worker *worker);
void close_back(void);
/* Has it do a job with these descriptors. The result is good until the next job. */
const struct job_result *work(const struct worker *worker, struct job *job, const int *fds, size_t n_fds);
struct job job_for(uint32_t type, const struct container *container);
const struct job_result *inject(const struct worker *worker, const struct container *container, bool early);
/* Jobs that mount and unmount a disk. */
struct job disk_for(const struct container *container, const char *letter);
struct job unmount_of(const struct container *container, const struct job_result *mounted);

#endif
