/* SPDX-License-Identifier: MIT */
/*
 * The content of a regular file.
 *
 * Model. A file begins as `small`: only its first page can hold data, in a heap buffer as long as needed. Whatever
 * reaches further makes it `large`: a tree of leaves, one for each 256 KiB that hold anything, by their number. A leaf
 * has two sets of pages: `held` (there are bytes) and `charged` (room is taken for them in the volume; held ones always
 * are, and those that fallocate reserved). What is not held reads as zero. Bytes of held pages behind the end of the
 * file are zero.
 *
 * Or it is `filed`: in a memory file (memfd), which the kernel can be given to read and write by itself. Then what is
 * here of its size and pages is what it last was seen to have (data-file.h).
 *
 * Nothing here locks: callers hold the node's lock, exclusively for what changes.
 */
#ifndef MEMFS_DATA_H
#define MEMFS_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "blocks.h"
#include "space.h"
#include "tree.h"

struct state_pipe;

struct data {
    uint64_t size;
    uint64_t pages : 56; /* charged */
    uint64_t large : 1;
    uint64_t filed : 1;
    union {
        struct {
            char *bytes; /* NULL: a hole */
            uint32_t capacity;
        } small;
        struct tree leaves;
        struct {
            int fd;
            int32_t backing_id; /* 0: the kernel has not been given it */
            uint32_t listed; /* pass.c: its place among those that the kernel reads and writes, + 1 */
        } file;
    };
};

/* Pieces that data_read may make of a read of that many bytes. */
#define DATA_PIECES(size) ((size) / PAGE_BYTES + 2)

/* Makes it empty and gives all room back. */
void data_free(struct data *data, struct space *space);
/* Not for what is filed (data_file_read). Where the bytes from offset are, size of them or up to the end of the file:
 * ret_pieces has room for DATA_PIECES(size). They stay there until the data is changed. Returns how many pieces. */
int data_read(const struct data *data, uint64_t offset, size_t size, struct iovec *ret_pieces);
/* Whether a piece is a hole's zeros. */
bool data_is_hole(const struct iovec *piece);
/* Returns how much was written (less than size when the volume is full meanwhile), -ENOSPC where nothing was. */
int64_t data_write(struct data *data, struct space *space, uint64_t offset, const void *bytes, size_t size);
/* Never fails: growing makes a hole. */
void data_set_size(struct data *data, struct space *space, uint64_t size);
/* Takes room for a range: writing there later cannot fail for want of it. The size stays.
 * -ENOSPC: nothing was taken. */
int data_reserve(struct data *data, struct space *space, uint64_t offset, uint64_t length);
/* Makes a range a hole. The size stays. */
void data_punch(struct data *data, struct space *space, uint64_t offset, uint64_t length);
/* Makes a range zeros with room taken for them. The size stays. */
int data_zero(struct data *data, struct space *space, uint64_t offset, uint64_t length);
/* The first byte at or behind offset that is data, or not: a hole begins behind each file's end. -ENXIO as lseek(2). */
int64_t data_seek(const struct data *data, uint64_t offset, bool hole);
/* Copies a range of from, which may be to itself if the ranges are apart; holes stay holes. As data_write. */
int64_t data_copy(struct data *to, struct space *space, uint64_t to_offset, const struct data *from,
                  uint64_t from_offset, uint64_t length);
/* Writes all of it, and reads it into one that is empty (state.h). filed: it may be in a memory file, which then comes
 * along, and the kernel has that as backing_id. -EPROTO; -ENOMEM. What is half read is whole enough for data_free. */
int data_put(const struct data *data, const struct state_pipe *pipe);
int data_get(struct data *data, struct space *space, const struct state_pipe *pipe, bool filed, int32_t backing_id);
/* Moves all of it into a memory file. -errno: nothing changed. */
int data_to_file(struct data *data, struct space *space);

#endif
