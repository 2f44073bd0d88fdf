/* SPDX-License-Identifier: MIT */
/* What a file system tells the kernel, and backing files, of its own accord rather than in answer to a request. */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/volume.h"

static int notify(struct linfsp_volume *volume, enum fuse_notify_code code, const void *head, size_t head_size,
                  const char *name) {
    size_t name_size = name ? strlen(name) + 1 : 0;
    struct fuse_out_header header = {
        .len = (uint32_t)(sizeof header + head_size + name_size),
        .error = (int32_t)code,
    };
    struct iovec vector[3] = {
        {&header, sizeof header},
        {(void *)(uintptr_t)head, head_size},
        {(void *)(uintptr_t)name, name_size},
    };
    if (name_size > FSP_NAME_MAX + 1)
        return -ENAMETOOLONG;
    fsp_uring_flush(); /* what the kernel does now may wait for somebody whom this operation has answered already */
    ssize_t n = writev(volume->session.fds[0], vector, name ? 3 : 2);
    return n < 0 ? -errno : 0;
}

int linfsp_notify_inode(linfsp_volume *volume, uint64_t inode, off_t offset, off_t length) {
    struct fuse_notify_inval_inode_out out = {.ino = inode, .off = offset, .len = length};
    return notify(volume, FUSE_NOTIFY_INVAL_INODE, &out, sizeof out, NULL);
}

int linfsp_notify_entry(linfsp_volume *volume, uint64_t parent, const char *name) {
    struct fuse_notify_inval_entry_out out = {.parent = parent, .namelen = (uint32_t)strlen(name)};
    return notify(volume, FUSE_NOTIFY_INVAL_ENTRY, &out, sizeof out, name);
}

int linfsp_notify_delete(linfsp_volume *volume, uint64_t parent, uint64_t child, const char *name) {
    struct fuse_notify_delete_out out = {.parent = parent, .child = child, .namelen = (uint32_t)strlen(name)};
    return notify(volume, FUSE_NOTIFY_DELETE, &out, sizeof out, name);
}

int linfsp_notify_names(linfsp_volume *volume) {
    int r = notify(volume, FUSE_NOTIFY_INC_EPOCH, NULL, 0, NULL);
    return r == -EINVAL ? -EOPNOTSUPP : r; /* a kernel that does not know the code */
}

int linfsp_backing_open(linfsp_volume *volume, int fd) {
    struct wire_open_backing request;
    union wire_message answer;
    if (!(volume->session.granted & LINFSP_WANT_PASSTHROUGH))
        return -EOPNOTSUPP;
    wire_begin(&request, WIRE_OPEN_BACKING, 0);
    request.volume = volume->lifeline.volume;
    /* whoever holds the connection's own descriptor may have files registered with it */
    const int fds[] = {volume->session.fds[0], fd};
    int r = fsp_lifeline_ask(&volume->lifeline, &request, fds, 2, &answer);
    if (r < 0)
        return r;
    if (answer.header.type != WIRE_BACKING_OPENED || answer.backing_opened.backing_id <= 0)
        return -EPROTO;
    return answer.backing_opened.backing_id;
}

int linfsp_backing_close(linfsp_volume *volume, int backing_id) {
    return backing_id > 0 ? fsp_lifeline_close_backing(&volume->lifeline, backing_id) : -EINVAL;
}
