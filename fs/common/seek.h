/* SPDX-License-Identifier: MIT */
/*
 * lseek(2)'s SEEK_DATA and SEEK_HOLE, for file systems that keep holes.
 *
 * What a program writes into a hole through a shared mapping is in the kernel's page cache alone until that writes it
 * back, which it does not do for lseek(2): cp(1), asking where the data is, would copy a hole. So before a hole is told
 * of, the kernel is made to write back what it may keep of it. It writes to the file system, but not through the thread
 * that waits for it: a seek that comes upon a hole goes on in a thread of its own.
 */
#ifndef FS_COMMON_SEEK_H
#define FS_COMMON_SEEK_H

#include <pthread.h>

#include "linfsp/linfsp.h"

/* The seeks of a volume that are under way in threads of their own. */
struct seeks {
    pthread_mutex_t lock;
    pthread_cond_t done;
    unsigned count;
};

#define SEEKS_NONE                                                                                                     \
    { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 }

/* Where the file system has data, or a hole, at or behind offset: as lseek(2), -ENXIO included. ret_size is the file's,
 * and set in any case. From any thread. */
typedef int64_t seek_find(void *file, uint64_t offset, bool hole, uint64_t *ret_size);

/* Answers the request, now or later, or returns a negative errno. file stays as long as the request is not answered. */
int seek_answer(struct seeks *seeks, linfsp_request *request, uint64_t inode, seek_find *find, void *file, off_t offset,
                int whence);
/* Waits until none is under way: for the operation "destroy". Nothing that they wait for is there any more then. */
void seek_finish(struct seeks *seeks);

#endif
