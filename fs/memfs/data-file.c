/* SPDX-License-Identifier: MIT */
#include "data-file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/cleanup.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

#define COPY_STEP ((size_t)256 << 10)

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* ---- building one ---------------------------------------------------------------------------------------------- */

/* Our own reading is not to count as the volume's: O_NOATIME. */
int data_file_new(void) {
    int fd = memfd_create("memfs", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
        fd = memfd_create("memfs", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    (void)fcntl(fd, F_SETFL, O_NOATIME);
    return fd;
}

int data_file_take(int fd, uint64_t offset, uint64_t length) {
    return fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)length) < 0 ? -ENOSPC : 0;
}

/* As much of it as there is memory for. */
static size_t put(int fd, uint64_t offset, const char *bytes, size_t size) {
    size_t done = 0;
    while (done < size) {
        ssize_t n = pwrite(fd, bytes + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done;
}

int data_file_fill(int fd, uint64_t offset, struct iovec *pieces, int count) {
    for (int i = 0; i < count; i++) {
        if (!data_is_hole(&pieces[i]) && put(fd, offset, pieces[i].iov_base, pieces[i].iov_len) < pieces[i].iov_len)
            return -ENOSPC;
        offset += pieces[i].iov_len;
    }
    return 0;
}

/* Takes over what the file has now. Of its new pages room for so many has been taken already; what is too much of that
 * is given back. */
static void look(struct data *data, struct space *space, uint64_t taken, struct stat *ret_status) {
    if (fstat(data->file.fd, ret_status) < 0)
        return; /* of a memory file that is open it does not fail */
    uint64_t pages = (uint64_t)ret_status->st_blocks / (PAGE_BYTES / 512), had = data->pages + taken;
    if (pages > had)
        space_overdraw(space, (pages - had) * PAGE_BYTES);
    else
        space_give(space, (had - pages) * PAGE_BYTES);
    data->pages = pages & ((UINT64_C(1) << 56) - 1);
    data->size = (uint64_t)ret_status->st_size;
}

static void look_again(struct data *data, struct space *space, uint64_t taken) {
    struct stat status;
    look(data, space, taken, &status);
}

void data_file_adopt(struct data *data, struct space *space, int fd) {
    *data = (struct data){.filed = 1, .file = {.fd = fd}};
    look_again(data, space, 0);
}

/* ---- as data.h has it ------------------------------------------------------------------------------------------ */

void data_file_free(struct data *data, struct space *space) {
    space_give(space, data->pages * PAGE_BYTES);
    if (data->file.backing_id > 0)
        (void)ftruncate(data->file.fd, 0); /* the kernel may keep the file for a while: its memory goes now */
    close(data->file.fd);
}

static uint64_t pages_of(uint64_t offset, uint64_t length) {
    return ((offset + length - 1) >> PAGE_SHIFT) - (offset >> PAGE_SHIFT) + 1;
}

/* Whether a page may be written: it is there already, or there is room for it, which is charged then. */
static bool take_page(struct data *data, struct space *space, uint64_t page) {
    uint64_t before = data->pages;
    if (data_file_take(data->file.fd, page, PAGE_BYTES) < 0)
        return false;
    look_again(data, space, 0);
    if (data->pages <= before || space_used(space) <= space->limit)
        return true;
    if (data_file_seek(data, page, false) != (int64_t)page) /* nobody has written it meanwhile */
        data_file_punch(data, space, page, PAGE_BYTES);
    return false;
}

/* In a volume that is nearly full: page by page, as far as it goes. */
static size_t put_sparingly(struct data *data, struct space *space, uint64_t offset, const char *bytes, size_t size) {
    size_t done = 0;
    while (done < size) {
        uint64_t at = offset + done, page = at & ~(PAGE_BYTES - 1);
        size_t length = least(size - done, page + PAGE_BYTES - at);
        if (!take_page(data, space, page))
            break;
        size_t written = put(data->file.fd, at, bytes + done, length);
        done += written;
        if (written < length)
            break;
    }
    look_again(data, space, 0);
    return done;
}

int64_t data_file_write(struct data *data, struct space *space, uint64_t offset, const char *bytes, size_t size) {
    uint64_t most = pages_of(offset, size);
    size_t written;
    if (space_take(space, most * PAGE_BYTES)) {
        written = put(data->file.fd, offset, bytes, size);
        look_again(data, space, most);
    } else {
        written = put_sparingly(data, space, offset, bytes, size);
    }
    return written > 0 ? (int64_t)written : -ENOSPC;
}

void data_file_set_size(struct data *data, struct space *space, uint64_t size) {
    (void)!ftruncate(data->file.fd, (off_t)size); /* which takes no memory */
    look_again(data, space, 0);
}

/* How many pages of a range hold nothing. Among them may be some that room was taken for. */
static uint64_t count_holes(const struct data *data, uint64_t offset, uint64_t end) {
    uint64_t holes = pages_of(offset, end - offset);
    for (uint64_t at = offset & ~(PAGE_BYTES - 1); at < end;) {
        int64_t from = data_file_seek(data, at, false);
        if (from < 0 || (uint64_t)from >= end)
            break;
        int64_t to = data_file_seek(data, (uint64_t)from, true);
        if (to <= from)
            break;
        at = ((uint64_t)to + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
        holes -= pages_of((uint64_t)from, least(at, end) - (uint64_t)from);
    }
    return holes;
}

int data_file_reserve(struct data *data, struct space *space, uint64_t offset, uint64_t length) {
    uint64_t most = count_holes(data, offset, offset + length);
    if (most > 0 && (most > space->limit / PAGE_BYTES || !space_take(space, most * PAGE_BYTES)))
        return -ENOSPC;
    int r = data_file_take(data->file.fd, offset, length);
    look_again(data, space, most);
    return r;
}

void data_file_punch(struct data *data, struct space *space, uint64_t offset, uint64_t length) {
    if (offset + length > INT64_MAX)
        length = INT64_MAX - offset;
    (void)fallocate(data->file.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)length);
    look_again(data, space, 0);
}

int data_file_clear(struct data *data, struct space *space, uint64_t offset, uint64_t length) {
    data_file_punch(data, space, offset, length);
    int r = data_file_take(data->file.fd, offset, length);
    look_again(data, space, 0);
    return r;
}

int64_t data_file_seek(const struct data *data, uint64_t offset, bool hole) {
    off_t found = offset > INT64_MAX ? -1 : lseek(data->file.fd, (off_t)offset, hole ? SEEK_HOLE : SEEK_DATA);
    return found < 0 ? -ENXIO : found;
}

/* ---- copying --------------------------------------------------------------------------------------------------- */

static int64_t read_any(const struct data *from, uint64_t offset, char *ret_bytes, size_t size) {
    struct iovec pieces[DATA_PIECES(COPY_STEP)];
    if (from->filed)
        return data_file_read(from, offset, ret_bytes, size);
    int64_t length = 0;
    int count = data_read(from, offset, size, pieces);
    for (int i = 0; i < count; i++) {
        memcpy(ret_bytes + length, pieces[i].iov_base, pieces[i].iov_len);
        length += (int64_t)pieces[i].iov_len;
    }
    return length;
}

static void copy_hole(struct data *to, struct space *space, uint64_t offset, uint64_t length) {
    data_punch(to, space, offset, length);
    if (offset + length > to->size)
        data_set_size(to, space, offset + length);
}

/* The next stretch of data, or of a hole. How much it was; 0: the source has ended. */
static int64_t copy_next(struct data *to, struct space *space, uint64_t to_offset, const struct data *from,
                         uint64_t from_offset, uint64_t length, char *buffer) {
    if (from_offset >= from->size)
        return 0;
    length = least(length, from->size - from_offset);
    int64_t start = data_seek(from, from_offset, false);
    uint64_t hole = start < 0 ? length : least(length, (uint64_t)start - from_offset);
    if (hole > 0) {
        copy_hole(to, space, to_offset, hole);
        return (int64_t)hole;
    }
    int64_t end = data_seek(from, from_offset, true);
    if (end > (int64_t)from_offset)
        length = least(length, (uint64_t)end - from_offset);
    int64_t size = read_any(from, from_offset, buffer, least(length, COPY_STEP));
    return size <= 0 ? size : data_write(to, space, to_offset, buffer, (size_t)size);
}

int64_t data_file_copy(struct data *to, struct space *space, uint64_t to_offset, const struct data *from,
                       uint64_t from_offset, uint64_t length) {
    _cleanup_free_ char *buffer = malloc(COPY_STEP);
    uint64_t copied = 0;
    if (!buffer)
        return -ENOSPC;
    while (copied < length) {
        int64_t n = copy_next(to, space, to_offset + copied, from, from_offset + copied, length - copied, buffer);
        if (n < 0 && copied == 0)
            return n;
        if (n <= 0)
            break;
        copied += (uint64_t)n;
    }
    return (int64_t)copied;
}

/* ---- more ------------------------------------------------------------------------------------------------------ */

int64_t data_file_read(const struct data *data, uint64_t offset, void *ret_bytes, size_t size) {
    size_t done = 0;
    while (done < size) {
        ssize_t n = pread(data->file.fd, (char *)ret_bytes + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return (int64_t)done;
}

void data_file_look(struct data *data, struct space *space, struct stat *ret_status) {
    look(data, space, 0, ret_status);
}

void data_file_stamp(const struct data *data, const struct timespec times[2]) {
    (void)futimens(data->file.fd, times);
}
