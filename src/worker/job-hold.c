/* SPDX-License-Identifier: MIT */
/*
 * Checks what the service is to keep of a volume: its fuse descriptors, and its state.
 *
 * The service closes these in its own main thread, so to close them must never wait for anybody. A FUSE device is such
 * a file, and so is a memory file. What the client sends as the state has to be a memory file that a service has made:
 * its seals fix its size, so that a server that maps it is never killed by another one that cuts it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "worker/jobs.h"

#define SEALS (F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

static int make_state(uint64_t size) {
    _cleanup_close_ int fd = memfd_create("linfsp-state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)size) < 0 || fcntl(fd, F_ADD_SEALS, SEALS) < 0)
        return -errno;
    return steal_fd(&fd);
}

static bool is_state(int fd, uint64_t size) {
    struct statfs file_system;
    struct statx status;
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && !(flags & O_PATH) && (flags & O_ACCMODE) == O_RDWR && fcntl(fd, F_GET_SEALS) == SEALS &&
           fstatfs(fd, &file_system) == 0 && file_system.f_type == TMPFS_MAGIC &&
           statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_SIZE, &status) == 0 && status.stx_size == size;
}

void job_hold(const struct job_base *base, const struct job *job, struct job_fds *fds, struct job_result *result) {
    size_t fuse = fds->n_in - job->hold.has_state;
    for (size_t i = 0; i < fuse; i++)
        if (job_check_fuse(fds->in[i], result) < 0)
            return;
    int state = job->hold.has_state ? fds->in[fuse] : make_state(job->hold.state_size);
    if (state < 0) {
        job_fail(result, state, "the volume's state cannot be made: %s", strerror(-state));
        return;
    }
    if (job->hold.has_state && !is_state(state, job->hold.state_size)) {
        job_fail(result, -EINVAL, "what came as the volume's state is not one that the service has made");
        return;
    }
    result->made_state = !job->hold.has_state;
    for (size_t i = 0; i < fuse; i++)
        fds->out[fds->n_out++] = steal_fd(&fds->in[i]);
    fds->out[fds->n_out++] = state;
    if (job->hold.has_state)
        fds->in[fuse] = -1;
}
