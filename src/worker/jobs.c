/* SPDX-License-Identifier: MIT */
#include "worker/jobs.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "util/cleanup.h"

static job_function *const jobs[] = {
    [JOB_INJECT] = job_inject,
    [JOB_EJECT] = job_eject,
    [JOB_ROOT_UNC] = job_root_unc,
    [JOB_FUSE_DEVICE] = job_fuse_device,
    [JOB_CHROOT] = job_chroot,
    [JOB_HELPERS] = job_helpers,
    [JOB_PHANTOM] = job_phantom,
    [JOB_MOUNT] = job_mount,
    [JOB_BACKING] = job_backing,
    [JOB_HOLD] = job_hold,
    [JOB_DISCARD] = job_discard,
    [JOB_DESCRIBE] = job_describe,
    [JOB_SHARE] = job_share,
    [JOB_UNMOUNT] = job_unmount,
    [JOB_SURVIVOR] = job_survivor,
    [JOB_WAITING] = job_waiting,
    [JOB_HOLDERS] = job_holders,
    [JOB_DEVICE_BIND] = job_device_bind,
    [JOB_DEVICE_REMOVE] = job_device_remove,
    [JOB_FOLDER] = job_folder,
    [JOB_LAYER] = job_layer,
};

static void job_unknown(const struct job_base *base, const struct job *job, struct job_fds *fds,
                        struct job_result *result) {
    job_fail(result, -EINVAL, "unknown job");
}

/* The client's message was received, and with it all there is to do. */
void job_discard(const struct job_base *base, const struct job *job, struct job_fds *fds, struct job_result *result) {
}

job_function *job_find(uint32_t type) {
    return type < ARRAY_SIZE(jobs) && jobs[type] ? jobs[type] : job_unknown;
}

int job_fail(struct job_result *result, int error, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(result->message, sizeof result->message, format, arguments);
    va_end(arguments);
    result->error = error;
    return error;
}
