/* SPDX-License-Identifier: MIT */
/* Handing the volume over to another memfs, and taking it over from one. state.h has what is handed over. */
#include <errno.h>

#include "memory.h"
#include "operations.h"
#include "spelling.h"
#include "state.h"

static int write_to(void *context, const void *data, size_t size) {
    return linfsp_stream_write(context, data, size);
}

static int write_fd_to(void *context, int fd) {
    return linfsp_stream_send_fd(context, fd);
}

static int read_from(void *context, void *ret_data, size_t size) {
    return linfsp_stream_read(context, ret_data, size);
}

static int read_fd_from(void *context, int *ret_fd) {
    return linfsp_stream_receive_fd(context, ret_fd);
}

static struct state_pipe pipe_of(linfsp_stream *stream) {
    return (struct state_pipe){
        .context = stream, .write = write_to, .write_fd = write_fd_to, .read = read_from, .read_fd = read_fd_from};
}

/* What slow I/O has answered may not have let go of its node yet. A spelling that waits to be dropped has a reference.
 */
int memfs_hand_over(void *context, linfsp_stream *stream) {
    struct volume *volume = context;
    struct state_pipe pipe = pipe_of(stream);
    if (volume->delay)
        return -EOPNOTSUPP;
    if (!spellings_idle(volume->spellings))
        return -EBUSY;
    return state_write(volume, &pipe);
}

/* Content is here twice for a while: what the other memfs has of it is used already. */
int memfs_take_over(void *context, linfsp_stream *stream) {
    struct volume *volume = context;
    struct state_pipe pipe = pipe_of(stream);
    uint64_t memory = memory_available();
    return state_read(volume, &pipe, memory - memory / 8);
}
