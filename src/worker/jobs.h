/* SPDX-License-Identifier: MIT */
/*
 * The jobs of a worker: each is a function in a file of its own, job-NAME.c.
 *
 * A job gets the service's question and the descriptors that came with it, and fills in the result and the descriptors
 * that go back. It may be killed at any point. It leaves the worker in whatever namespaces it entered: main.c brings
 * the worker back to the host, unless result->spent says that there is no way back.
 */
#ifndef LINFSP_WORKER_JOBS_H
#define LINFSP_WORKER_JOBS_H

#include "worker/job.h"

/* Descriptors that a worker keeps all its life. */
struct job_base {
    int fuse_device; /* O_PATH of our own node for /dev/fuse, which any user namespace may open */
    int run_dir; /* /run/linfsp, ours */
    int catcher; /* the catcher's socket (catcher/protocol.h) */
    int programs; /* the inotify instance for folders of programs (service/programs.h) */
    int stage; /* the mount namespace (stage.h) */
    int proc_self; /* the worker's own /proc/self, of the host's proc */
    int host_root; /* / */
    int host_mount_namespace;
    int scratch; /* the empty mount namespace (scratch.h), or a negative errno */
};

/* Descriptors of one job. in: the pidfd of the silo's init comes first, unless target.host. Both are closed by main.c.
 */
struct job_fds {
    int in[JOB_FDS_MAX], out[JOB_FDS_MAX];
    size_t n_in, n_out;
    struct groups *groups; /* of the client's process when it connected, where a client's connection came along */
};

typedef void job_function(const struct job_base *base, const struct job *job, struct job_fds *fds,
                          struct job_result *result);

job_function job_backing, job_chroot, job_describe, job_discard, job_eject, job_folder, job_device_bind,
    job_device_remove, job_fuse_device, job_helpers, job_hold, job_inject, job_layer, job_mount, job_phantom, job_share,
    job_root_unc, job_survivor, job_unmount, job_waiting, job_holders;

/* The function of a job's type; one that fails with -EINVAL for a type that is not known. Never NULL. */
job_function *job_find(uint32_t type);
/* Whether a client's descriptor is of a FUSE connection, and could be read from: 0, or an error in the result. */
int job_check_fuse(int fd, struct job_result *result);
/* Puts an outcome into a result: a negative errno and a sentence. Returns error. */
int job_fail(struct job_result *result, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
