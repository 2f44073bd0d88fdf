/* SPDX-License-Identifier: MIT */
/*
 * Content in a memory file (memfd), for pass-through: the kernel then reads and writes it without telling us.
 *
 * Model. The memory file is the truth of size, pages and bytes; struct data has what it was when last looked at. Each
 * function here that changes it looks at it again, and data_file_look does nothing else. Pages that turned up meanwhile
 * are charged to the volume even where it is full by then: they exist. What we are asked to add ourselves has to fit,
 * exactly as elsewhere.
 *
 * The file is closed only with what it holds: what was mapped of it stays mapped when the file of the volume is closed,
 * which nobody tells us.
 */
#ifndef MEMFS_DATA_FILE_H
#define MEMFS_DATA_FILE_H

#include <sys/stat.h>

#include "data.h"

/* ---- building one (data_to_file) ------------------------------------------------------------------------------- */

/* An empty memory file, or -errno. */
int data_file_new(void);
/* Takes room in it without looking at a volume's. */
int data_file_take(int fd, uint64_t offset, uint64_t length);
int data_file_fill(int fd, uint64_t offset, struct iovec *pieces, int count);
/* An empty data is the file's from here on; fd is taken over. */
void data_file_adopt(struct data *data, struct space *space, int fd);

/* ---- what data.h has, for what is filed ------------------------------------------------------------------------ */

void data_file_free(struct data *data, struct space *space);
int64_t data_file_write(struct data *data, struct space *space, uint64_t offset, const char *bytes, size_t size);
void data_file_set_size(struct data *data, struct space *space, uint64_t size);
int data_file_reserve(struct data *data, struct space *space, uint64_t offset, uint64_t length);
void data_file_punch(struct data *data, struct space *space, uint64_t offset, uint64_t length);
/* Zeros for a range for which there is room. */
int data_file_clear(struct data *data, struct space *space, uint64_t offset, uint64_t length);
int64_t data_file_seek(const struct data *data, uint64_t offset, bool hole);
/* Where one of them is filed at least. */
int64_t data_file_copy(struct data *to, struct space *space, uint64_t to_offset, const struct data *from,
                       uint64_t from_offset, uint64_t length);

/* ---- more ------------------------------------------------------------------------------------------------------ */

/* Returns how much there was, up to size bytes. */
int64_t data_file_read(const struct data *data, uint64_t offset, void *ret_bytes, size_t size);
/* Takes over its size and pages. ret_status: its times. */
void data_file_look(struct data *data, struct space *space, struct stat *ret_status);
/* The times that it is to show from here on, until the kernel reads or writes it. */
void data_file_stamp(const struct data *data, const struct timespec times[2]);

#endif
