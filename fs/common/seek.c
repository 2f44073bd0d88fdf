/* SPDX-License-Identifier: MIT */
#include "seek.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct seek {
    struct seeks *seeks;
    linfsp_request *request;
    uint64_t inode;
    seek_find *find;
    void *file;
    uint64_t offset;
    bool hole;
};

/* What is found, and the hole by which it is so: from *ret_hole to *ret_end, which are equal where there is none. */
static int64_t look(const struct seek *seek, uint64_t *ret_hole, uint64_t *ret_end) {
    uint64_t size;
    int64_t found = seek->find(seek->file, seek->offset, seek->hole, &size);
    uint64_t start = seek->hole && found >= 0 ? (uint64_t)found : seek->offset;
    int64_t data = start < size ? seek->find(seek->file, start, false, &size) : -ENXIO;
    *ret_hole = start;
    *ret_end = start >= size ? start : data < 0 ? size : (uint64_t)data;
    return found;
}

/* A hole is looked at again once it was written back, and is one if it is still there. */
static int64_t look_behind_mappings(const struct seek *seek) {
    uint64_t written_back = seek->offset, hole, end;
    for (;;) {
        int64_t found = look(seek, &hole, &end);
        if (hole == end || end <= written_back)
            return found;
        (void)linfsp_notify_inode(linfsp_request_volume(seek->request), seek->inode, (off_t)hole, (off_t)(end - hole));
        written_back = end;
    }
}

static int answer(linfsp_request *request, int64_t found) {
    return found < 0 ? (int)found : (linfsp_reply_offset(request, found), 0);
}

static void *seek_apart(void *userdata) {
    struct seek *seek = userdata;
    struct seeks *seeks = seek->seeks;
    int r = answer(seek->request, look_behind_mappings(seek));
    if (r < 0)
        linfsp_reply_error(seek->request, r);
    free(seek);
    pthread_mutex_lock(&seeks->lock);
    if (--seeks->count == 0)
        pthread_cond_signal(&seeks->done);
    pthread_mutex_unlock(&seeks->lock);
    return NULL;
}

static int go_apart(struct seek *seek) {
    struct seeks *seeks = seek->seeks;
    pthread_t thread;
    pthread_mutex_lock(&seeks->lock);
    int r = -pthread_create(&thread, NULL, seek_apart, seek);
    if (r == 0) {
        seeks->count++;
        pthread_detach(thread);
    }
    pthread_mutex_unlock(&seeks->lock);
    return r;
}

int seek_answer(struct seeks *seeks, linfsp_request *request, uint64_t inode, seek_find *find, void *file, off_t offset,
                int whence) {
    if (whence != SEEK_DATA && whence != SEEK_HOLE)
        return -EINVAL;
    if (offset < 0)
        return -ENXIO;
    struct seek seek = {seeks, request, inode, find, file, (uint64_t)offset, whence == SEEK_HOLE};
    uint64_t hole, end;
    int64_t found = look(&seek, &hole, &end);
    if (hole == end)
        return answer(request, found);
    struct seek *apart = malloc(sizeof *apart);
    if (!apart)
        return -ENOMEM;
    *apart = seek;
    int r = go_apart(apart);
    if (r < 0)
        free(apart);
    return r;
}

void seek_finish(struct seeks *seeks) {
    pthread_mutex_lock(&seeks->lock);
    while (seeks->count > 0)
        pthread_cond_wait(&seeks->done, &seeks->lock);
    pthread_mutex_unlock(&seeks->lock);
}
