/* SPDX-License-Identifier: MIT */
/*
 * linfspd-worker: does for the service what may block, one job at a time.
 *
 * The service starts it with a socket as descriptor 3 and nothing else but the log (2). The first packet is a
 * struct job_welcome; each packet after that is a struct job, which is answered by a struct job_result. The worker ends
 * when the socket does, with the service, and after a job that entered a user namespace, because nothing leads out of
 * one.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "cage/cage.h"
#include "util/cleanup.h"
#include "util/proc.h"
#include "util/sockets.h"
#include "util/urgency.h"
#include "wire/codec.h"
#include "worker/client-access.h"
#include "worker/enter.h"
#include "worker/guard.h"
#include "worker/helpers.h"
#include "worker/jobs.h"
#include "worker/scratch.h"

#define SOCKET 3

static void close_all(int *fds, size_t n_fds) {
    for (size_t i = 0; i < n_fds; i++)
        close_fd(&fds[i]);
}

/* Replaces the client's connection, the last descriptor, by those that its message carries. */
static void receive_from_client(const struct job *job, struct job_fds *fds, struct job_result *result) {
    static union wire_message message;
    static struct groups groups;
    int received[WIRE_FDS_MAX];
    size_t n = 0;
    _cleanup_close_ int client = fds->in[--fds->n_in];
    fds->groups = &groups;
    client_access_groups(client, &groups);
    int r = wire_receive(client, &message, received, &n, NULL);
    if (r > 0 && n == job->client_fds && fds->n_in + n <= JOB_FDS_MAX) {
        memcpy(fds->in + fds->n_in, received, n * sizeof *received);
        fds->n_in += n;
        return;
    }
    if (r > 0)
        close_all(received, n);
    if (job->type != JOB_DISCARD)
        job_fail(result, -EINVAL, "the request's descriptors are not those it announces");
}

/* A result of no job (job.h). */
static int say_ready(void) {
    static const struct job_result ready;
    return socket_send(SOCKET, &ready, sizeof ready, NULL, 0);
}

/* Returns whether another job can follow. */
static bool work_once(const struct job_base *base) {
    static struct job job;
    static struct job_result result;
    struct job_fds fds = {0};
    ssize_t size = socket_receive(SOCKET, &job, sizeof job, fds.in, JOB_FDS_MAX, &fds.n_in);
    if (size != sizeof job)
        return false;
    memset(&result, 0, sizeof result);
    result.ticket = job.ticket;
    if ((job.type == JOB_DISCARD || job.client_fds) && fds.n_in)
        receive_from_client(&job, &fds, &result);
    helpers_begin(&job.target);
    if (result.error == 0)
        job_find(job.type)(base, &job, &fds, &result);
    close_all(fds.in, fds.n_in);
    int r = socket_send(SOCKET, &result, sizeof result, fds.out, fds.n_out);
    close_all(fds.out, fds.n_out);
    /* the way back takes its time, and nobody has to wait for it; who fails on it has no other job yet */
    return r == 0 && !result.spent && enter_host(base) == 0 && say_ready() == 0;
}

/* A service of another version, or none: returns -EPROTO. */
static int be_welcomed(struct job_base *ret_base) {
    struct job_welcome welcome;
    int fds[JOB_WELCOME_FDS];
    size_t n_fds = 0;
    ssize_t size = socket_receive(SOCKET, &welcome, sizeof welcome, fds, JOB_WELCOME_FDS, &n_fds);
    if (size < 0)
        return (int)size;
    if (size != sizeof welcome || welcome.size != sizeof(struct job) || n_fds != JOB_WELCOME_FDS)
        return -EPROTO;
    guard_begin(welcome.service);
    ret_base->run_dir = fds[0];
    ret_base->fuse_device = fds[1];
    ret_base->programs = fds[2];
    ret_base->stage = fds[3];
    ret_base->catcher = fds[4];
    proc_use(fds[5]);
    return 0;
}

static int open_host(struct job_base *ret_base) {
    ret_base->proc_self = proc_open(O_PATH | O_DIRECTORY, "self");
    ret_base->host_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    ret_base->host_mount_namespace = proc_open(O_RDONLY, "self/ns/mnt");
    if (ret_base->proc_self < 0 || ret_base->host_root < 0 || ret_base->host_mount_namespace < 0)
        return -errno;
    ret_base->scratch = scratch_make(ret_base->proc_self);
    return enter_host(ret_base);
}

static void prepare(void) {
    prctl(PR_SET_NAME, "linfspd-worker"); /* it was started by descriptor, which has no name */
    prctl(PR_SET_DUMPABLE, 0); /* containers that share the host's processes have nothing to look for in it */
    /* sent to all of the service's processes, it is for the service: it needs us to the end */
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    urgency_lower_by_signal();
    sigprocmask(SIG_SETMASK, &none, NULL);
    umask(0);
    (void)setgroups(0, NULL); /* where it started as root these are root's */
    (void)fcntl(SOCKET, F_SETFD, FD_CLOEXEC);
}

static int shut_cage(void) {
    int r = cage_keep_capabilities(cage_worker_capabilities, cage_n_worker_capabilities);
    if (r < 0)
        return r;
    r = cage_filter_worker();
    return r == -EINVAL ? 0 : r; /* a kernel without seccomp */
}

int main(void) {
    struct job_base base;
    prepare();
    int r = be_welcomed(&base);
    if (r == 0)
        r = open_host(&base);
    if (r == 0)
        r = shut_cage();
    if (r == 0)
        r = say_ready();
    if (r < 0) {
        fprintf(stderr, "linfspd-worker is started by linfspd, of the same version: %s\n", strerror(-r));
        return 1;
    }
    while (work_once(&base)) {
    }
    return 0;
}
