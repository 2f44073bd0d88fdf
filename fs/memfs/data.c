/* SPDX-License-Identifier: MIT */
#include "data.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data-file.h"
#include "state.h"
#include "util/cleanup.h"

#define SMALL_MAX PAGE_BYTES
#define POPULATE_MIN 8 /* pages */
#define OFFSET_END (UINT64_C(1) << 63) /* where no file goes on */

struct leaf {
    uint64_t held;
    uint64_t charged;
    uint64_t touched; /* of the memory: pages that may hold old bytes; held ones are among them */
    char *memory; /* NULL until something is held */
};

/* What holes are read from; never written. */
static char zeros[BLOCK_BYTES];

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* The pages first to last of a leaf, both included. */
static uint64_t page_set(unsigned first, unsigned last) {
    return (~UINT64_C(0) << first) & (~UINT64_C(0) >> (BLOCK_PAGES - 1 - last));
}

static unsigned set_size(uint64_t set) {
    return (unsigned)__builtin_popcountll(set);
}

/* A part of one leaf: where a range, given from front to back, meets the next leaf. */
struct part {
    uint64_t number; /* of the leaf */
    size_t at, length; /* within it */
    uint64_t pages; /* touched in part at least */
};

static struct part part_of(uint64_t offset, uint64_t length) {
    struct part part = {.number = offset >> BLOCK_SHIFT, .at = offset & (BLOCK_BYTES - 1)};
    part.length = least(length, BLOCK_BYTES - part.at);
    part.pages = page_set((unsigned)(part.at >> PAGE_SHIFT), (unsigned)((part.at + part.length - 1) >> PAGE_SHIFT));
    return part;
}

/* ---- leaves ---------------------------------------------------------------------------------------------------- */

static struct leaf *leaf_get(const struct data *data, uint64_t number) {
    return tree_get(&data->leaves, number);
}

static struct leaf *leaf_make(struct data *data, uint64_t number) {
    struct leaf *leaf = leaf_get(data, number);
    if (leaf)
        return leaf;
    leaf = calloc(1, sizeof *leaf);
    if (leaf && tree_set(&data->leaves, number, leaf) < 0) {
        free(leaf);
        leaf = NULL;
    }
    return leaf;
}

static void leaf_free(struct leaf *leaf) {
    if (leaf->memory)
        blocks_put(leaf->memory, leaf->touched);
    free(leaf);
}

static int leaf_reserve_memory(struct leaf *leaf) {
    if (!leaf->memory)
        leaf->memory = blocks_get(&leaf->touched);
    return leaf->memory ? 0 : -ENOSPC;
}

static void uncharge(struct data *data, struct space *space, struct leaf *leaf, uint64_t pages) {
    unsigned count = set_size(leaf->charged & pages);
    leaf->charged &= ~pages;
    data->pages -= count;
    space_give(space, count * PAGE_BYTES);
}

/* Charges pages, in order, as far as there is room. */
static void charge(struct data *data, struct space *space, struct leaf *leaf, uint64_t pages) {
    uint64_t missing = pages & ~leaf->charged;
    if (!missing)
        return;
    if (!space_take(space, set_size(missing) * PAGE_BYTES)) {
        uint64_t left = missing;
        while (left && space_take(space, PAGE_BYTES))
            left &= left - 1;
        missing &= ~left;
    }
    leaf->charged |= missing;
    data->pages += set_size(missing);
}

/* Takes a leaf out that holds nothing any more. */
static void drop_if_empty(struct data *data, struct leaf *leaf, uint64_t number) {
    if (!leaf->charged)
        leaf_free(tree_remove(&data->leaves, number));
}

/* ---- small and large ------------------------------------------------------------------------------------------- */

static int make_large(struct data *data) {
    if (data->large)
        return 0;
    struct leaf *leaf = NULL;
    struct tree leaves = {NULL, 0};
    if (data->small.bytes) {
        leaf = calloc(1, sizeof *leaf);
        if (!leaf || leaf_reserve_memory(leaf) < 0 || tree_set(&leaves, 0, leaf) < 0) {
            free(leaf);
            return -ENOSPC;
        }
        memcpy(leaf->memory, data->small.bytes, data->small.capacity);
        memset(leaf->memory + data->small.capacity, 0, PAGE_BYTES - data->small.capacity);
        leaf->held = leaf->charged = 1;
        leaf->touched |= 1;
        free(data->small.bytes);
    }
    data->large = 1;
    data->leaves = leaves;
    return 0;
}

/* Gives the buffer room for end bytes. */
static int small_reserve(struct data *data, struct space *space, uint64_t end) {
    if (data->small.bytes && end <= data->small.capacity)
        return 0;
    uint32_t capacity = 64;
    while (capacity < end)
        capacity *= 2;
    if (!data->small.bytes && !space_take(space, PAGE_BYTES))
        return -ENOSPC;
    char *bytes = realloc(data->small.bytes, capacity);
    if (!bytes) {
        if (!data->small.bytes)
            space_give(space, PAGE_BYTES);
        return -ENOSPC;
    }
    uint32_t known = data->small.bytes ? data->small.capacity : 0;
    memset(bytes + known, 0, capacity - known);
    data->small.bytes = bytes;
    data->small.capacity = capacity;
    data->pages = 1;
    return 0;
}

static void small_free(struct data *data, struct space *space) {
    if (data->small.bytes)
        space_give(space, PAGE_BYTES);
    free(data->small.bytes);
    data->small.bytes = NULL;
    data->small.capacity = 0;
    data->pages = 0;
}

static void small_clear(struct data *data, uint64_t offset, uint64_t end) {
    if (data->small.bytes && offset < data->small.capacity)
        memset(data->small.bytes + offset, 0, least(end, data->small.capacity) - offset);
}

/* Cuts off everything from offset on, room included; what is left of its last page is zero behind offset. */

static void cut(struct data *data, struct space *space, uint64_t offset) {
    data_punch(data, space, offset, OFFSET_END - offset);
}

void data_free(struct data *data, struct space *space) {
    if (data->filed)
        data_file_free(data, space);
    else if (data->large)
        cut(data, space, 0);
    else
        small_free(data, space);
    *data = (struct data){.size = 0};
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

bool data_is_hole(const struct iovec *piece) {
    return piece->iov_base == (void *)zeros;
}

/* Adds length bytes at bytes (NULL: zeros), to the last piece where they follow it. */
static int add_piece(struct iovec *pieces, int count, const char *bytes, size_t length) {
    struct iovec *last = count > 0 ? &pieces[count - 1] : NULL;
    bool follows = last && (bytes ? (char *)last->iov_base + last->iov_len == bytes && !data_is_hole(last)
                                  : data_is_hole(last) && last->iov_len + length <= sizeof zeros);
    if (follows) {
        last->iov_len += length;
        return count;
    }
    pieces[count] = (struct iovec){(void *)(uintptr_t)(bytes ? bytes : zeros), length};
    return count + 1;
}

static int read_leaf(const struct leaf *leaf, struct part part, struct iovec *pieces, int count) {
    if (!leaf || !(leaf->held & part.pages))
        return add_piece(pieces, count, NULL, part.length);
    if ((leaf->held & part.pages) == part.pages)
        return add_piece(pieces, count, leaf->memory + part.at, part.length);
    for (size_t end = part.at + part.length; part.at < end;) {
        size_t length = least(end - part.at, PAGE_BYTES - (part.at & (PAGE_BYTES - 1)));
        bool held = leaf->held >> (part.at >> PAGE_SHIFT) & 1;
        count = add_piece(pieces, count, held ? leaf->memory + part.at : NULL, length);
        part.at += length;
    }
    return count;
}

static int read_small(const struct data *data, uint64_t offset, size_t size, struct iovec *pieces) {
    int count = 0;
    if (data->small.bytes && offset < data->small.capacity) {
        size_t length = least(size, data->small.capacity - offset);
        count = add_piece(pieces, count, data->small.bytes + offset, length);
        size -= length;
    }
    for (size_t length; size > 0; size -= length) {
        length = least(size, sizeof zeros);
        count = add_piece(pieces, count, NULL, length);
    }
    return count;
}

int data_read(const struct data *data, uint64_t offset, size_t size, struct iovec *ret_pieces) {
    if (offset >= data->size)
        return 0;
    size = least(size, data->size - offset);
    if (!data->large)
        return read_small(data, offset, size, ret_pieces);
    int count = 0;
    while (size > 0) {
        struct part part = part_of(offset, size);
        count = read_leaf(leaf_get(data, part.number), part, ret_pieces, count);
        offset += part.length;
        size -= part.length;
    }
    return count;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

/* Makes pages held that were not: their bytes outside [at, end) become zero, those inside are about to be written. */
static void hold(struct leaf *leaf, uint64_t pages, size_t at, size_t end) {
    uint64_t fresh = pages & ~leaf->held;
    size_t first = at >> PAGE_SHIFT, last = (end - 1) >> PAGE_SHIFT;
    if (fresh >> first & leaf->touched >> first & 1)
        memset(leaf->memory + first * PAGE_BYTES, 0, at - first * PAGE_BYTES);
    if (fresh >> last & leaf->touched >> last & 1)
        memset(leaf->memory + end, 0, (last + 1) * PAGE_BYTES - end);
    leaf->held |= pages;
    leaf->touched |= pages;
}

/* Memory for pages that are about to be written. Few of them are touched as they are written. */
static int leaf_reserve_pages(struct leaf *leaf, uint64_t pages) {
    if (leaf_reserve_memory(leaf) < 0)
        return -ENOSPC;
    uint64_t fresh = pages & ~leaf->touched;
    if (set_size(fresh) < POPULATE_MIN)
        return 0;
    unsigned first = (unsigned)__builtin_ctzll(fresh), last = BLOCK_PAGES - 1 - (unsigned)__builtin_clzll(fresh);
    return blocks_populate(leaf->memory, first, last) < 0 ? -ENOSPC : 0;
}

/* Writes one leaf's part, as far as there is room for it. Returns how much. */
static size_t write_leaf(struct data *data, struct space *space, struct part part, const char *bytes) {
    struct leaf *leaf = leaf_make(data, part.number);
    if (!leaf)
        return 0;
    uint64_t was_charged = leaf->charged;
    charge(data, space, leaf, part.pages);
    size_t end = part.at + part.length;
    uint64_t missing = part.pages & ~leaf->charged;
    if (missing)
        end = (size_t)__builtin_ctzll(missing) << PAGE_SHIFT;
    uint64_t pages = end > part.at ? part_of(part.at, end - part.at).pages : 0;
    if (!pages || leaf_reserve_pages(leaf, pages) < 0) {
        uncharge(data, space, leaf, ~was_charged);
        drop_if_empty(data, leaf, part.number);
        return 0;
    }
    hold(leaf, pages, part.at, end);
    memcpy(leaf->memory + part.at, bytes, end - part.at);
    return end - part.at;
}

static int64_t write_large(struct data *data, struct space *space, uint64_t offset, const char *bytes, size_t size) {
    if (make_large(data) < 0)
        return -ENOSPC;
    size_t written = 0;
    while (written < size) {
        struct part part = part_of(offset + written, size - written);
        size_t length = write_leaf(data, space, part, bytes + written);
        written += length;
        if (length < part.length)
            break;
    }
    return written > 0 ? (int64_t)written : -ENOSPC;
}

int64_t data_write(struct data *data, struct space *space, uint64_t offset, const void *bytes, size_t size) {
    int64_t written = (int64_t)size;
    if (size == 0)
        return 0;
    if (data->filed)
        return data_file_write(data, space, offset, bytes, size);
    if (data->large || offset + size > SMALL_MAX) {
        written = write_large(data, space, offset, bytes, size);
    } else {
        if (small_reserve(data, space, offset + size) < 0)
            return -ENOSPC;
        memcpy(data->small.bytes + offset, bytes, size);
    }
    if (written > 0 && offset + (uint64_t)written > data->size)
        data->size = offset + (uint64_t)written;
    return written;
}

void data_set_size(struct data *data, struct space *space, uint64_t size) {
    if (data->filed) {
        data_file_set_size(data, space, size);
        return;
    }
    if (size <= data->size) /* at the size that it has, too: what was reserved behind that goes */
        cut(data, space, size);
    data->size = size;
}

/* ---- ranges ---------------------------------------------------------------------------------------------------- */

/* Makes zero what a part holds of pages that lie in it only partly. Returns those that lie wholly in it. */
static uint64_t clear_edges(struct leaf *leaf, struct part part) {
    size_t end = part.at + part.length, first = (part.at + PAGE_BYTES - 1) >> PAGE_SHIFT, behind = end >> PAGE_SHIFT;
    uint64_t whole = behind > first ? page_set((unsigned)first, (unsigned)behind - 1) : 0;
    for (uint64_t left = part.pages & leaf->held & ~whole; left; left &= left - 1) {
        size_t page = (size_t)__builtin_ctzll(left) << PAGE_SHIFT;
        size_t from = part.at > page ? part.at : page;
        memset(leaf->memory + from, 0, least(end, page + PAGE_BYTES) - from);
    }
    return whole;
}

static void unhold(struct leaf *leaf, uint64_t pages) {
    pages &= leaf->touched;
    if (pages && leaf->memory)
        blocks_discard(leaf->memory, pages);
    leaf->held &= ~pages;
    leaf->touched &= ~pages;
}

/* Goes from leaf to leaf that is there: a hole of any size costs nothing. */
static void punch_large(struct data *data, struct space *space, uint64_t offset, uint64_t end) {
    uint64_t number = offset >> BLOCK_SHIFT;
    struct leaf *leaf;
    while ((leaf = tree_next(&data->leaves, number, &number)) && number << BLOCK_SHIFT < end) {
        uint64_t from = number << BLOCK_SHIFT > offset ? number << BLOCK_SHIFT : offset;
        struct part part = part_of(from, end - from);
        uint64_t whole = clear_edges(leaf, part);
        uncharge(data, space, leaf, whole);
        if (leaf->charged)
            unhold(leaf, whole);
        drop_if_empty(data, leaf, number);
        number++;
    }
}

void data_punch(struct data *data, struct space *space, uint64_t offset, uint64_t length) {
    uint64_t end = length > OFFSET_END - offset ? OFFSET_END : offset + length;
    /* the page that the file ends in goes too when all that counts of it does */
    if (end >= data->size)
        end = (end + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    if (length == 0)
        return;
    if (data->filed)
        data_file_punch(data, space, offset, end - offset);
    else if (data->large)
        punch_large(data, space, offset, end);
    else if (offset == 0 && end >= SMALL_MAX)
        small_free(data, space);
    else
        small_clear(data, offset, end);
}

/* How many pages of a range are not charged yet. */
static uint64_t count_missing(const struct data *data, uint64_t offset, uint64_t end) {
    uint64_t missing = ((end - 1) >> PAGE_SHIFT) - (offset >> PAGE_SHIFT) + 1, number = offset >> BLOCK_SHIFT;
    struct leaf *leaf;
    while ((leaf = tree_next(&data->leaves, number, &number)) && number << BLOCK_SHIFT < end) {
        uint64_t from = number << BLOCK_SHIFT > offset ? number << BLOCK_SHIFT : offset;
        missing -= set_size(leaf->charged & part_of(from, end - from).pages);
        number++;
    }
    return missing;
}

/* Makes the leaves of a range, so that nothing can fail afterwards. */
static int make_leaves(struct data *data, uint64_t offset, uint64_t end) {
    for (uint64_t number = offset >> BLOCK_SHIFT; number <= (end - 1) >> BLOCK_SHIFT; number++) {
        if (leaf_make(data, number))
            continue;
        for (uint64_t made = offset >> BLOCK_SHIFT; made < number; made++)
            drop_if_empty(data, leaf_get(data, made), made);
        return -ENOSPC;
    }
    return 0;
}

int data_reserve(struct data *data, struct space *space, uint64_t offset, uint64_t length) {
    uint64_t end = offset + length;
    if (length == 0)
        return 0;
    if (data->filed)
        return data_file_reserve(data, space, offset, length);
    if (!data->large && end <= SMALL_MAX)
        return small_reserve(data, space, end);
    if (make_large(data) < 0)
        return -ENOSPC;
    uint64_t missing = count_missing(data, offset, end);
    if (missing > space->limit / PAGE_BYTES || !space_take(space, missing * PAGE_BYTES))
        return -ENOSPC;
    if (make_leaves(data, offset, end) < 0) {
        space_give(space, missing * PAGE_BYTES);
        return -ENOSPC;
    }
    for (uint64_t at = offset; at < end;) {
        struct part part = part_of(at, end - at);
        leaf_get(data, part.number)->charged |= part.pages;
        at += part.length;
    }
    data->pages += missing;
    return 0;
}

int data_zero(struct data *data, struct space *space, uint64_t offset, uint64_t length) {
    int r = data_reserve(data, space, offset, length);
    if (r < 0)
        return r;
    if (data->filed)
        return data_file_clear(data, space, offset, length);
    if (!data->large) {
        small_clear(data, offset, offset + length);
        return 0;
    }
    for (uint64_t at = offset, end = offset + length; at < end;) {
        struct part part = part_of(at, end - at);
        struct leaf *leaf = leaf_get(data, part.number);
        unhold(leaf, clear_edges(leaf, part));
        at += part.length;
    }
    return 0;
}

/* ---- seeking --------------------------------------------------------------------------------------------------- */

/* The first byte of a leaf at or behind at that is in a held page, or not; BLOCK_BYTES where there is none. */
static uint64_t seek_leaf(const struct leaf *leaf, uint64_t at, bool hole) {
    uint64_t set = (hole ? ~leaf->held : leaf->held) & page_set((unsigned)(at >> PAGE_SHIFT), BLOCK_PAGES - 1);
    if (!set)
        return BLOCK_BYTES;
    uint64_t found = (uint64_t)__builtin_ctzll(set) << PAGE_SHIFT;
    return found > at ? found : at;
}

static uint64_t seek_large(const struct data *data, uint64_t offset, bool hole) {
    while (offset < data->size) {
        uint64_t number = offset >> BLOCK_SHIFT, next;
        const struct leaf *leaf = hole ? leaf_get(data, number) : tree_next(&data->leaves, number, &next);
        if (!leaf)
            return hole ? offset : OFFSET_END;
        if (!hole && next > number)
            offset = next << BLOCK_SHIFT;
        uint64_t found = seek_leaf(leaf, offset & (BLOCK_BYTES - 1), hole);
        offset = (offset & ~(BLOCK_BYTES - 1)) + found;
        if (found < BLOCK_BYTES)
            return offset;
    }
    return offset;
}

static uint64_t seek_small(const struct data *data, uint64_t offset, bool hole) {
    bool held = data->small.bytes && offset < SMALL_MAX;
    if (held)
        return hole ? SMALL_MAX : offset;
    return hole ? offset : OFFSET_END;
}

int64_t data_seek(const struct data *data, uint64_t offset, bool hole) {
    if (data->filed)
        return data_file_seek(data, offset, hole);
    if (offset >= data->size)
        return -ENXIO;
    uint64_t found = data->large ? seek_large(data, offset, hole) : seek_small(data, offset, hole);
    if (found < data->size)
        return (int64_t)found;
    return hole ? (int64_t)data->size : -ENXIO;
}

/* ---- copying --------------------------------------------------------------------------------------------------- */

/* Writes a piece, which may lie in the same file: a write can move what is small. */
static int64_t copy_piece(struct data *to, struct space *space, uint64_t offset, const struct iovec *piece,
                          bool within) {
    if (data_is_hole(piece)) {
        data_punch(to, space, offset, piece->iov_len);
        if (offset + piece->iov_len > to->size)
            to->size = offset + piece->iov_len;
        return (int64_t)piece->iov_len;
    }
    if (!within || to->large)
        return data_write(to, space, offset, piece->iov_base, piece->iov_len);
    char copy[SMALL_MAX];
    size_t length = least(piece->iov_len, sizeof copy);
    memcpy(copy, piece->iov_base, length);
    return data_write(to, space, offset, copy, length);
}

int64_t data_copy(struct data *to, struct space *space, uint64_t to_offset, const struct data *from,
                  uint64_t from_offset, uint64_t length) {
    enum { STEP = 64 * 1024 };
    struct iovec pieces[DATA_PIECES(STEP)];
    uint64_t copied = 0;
    if (to->filed || from->filed)
        return data_file_copy(to, space, to_offset, from, from_offset, length);
    while (copied < length) {
        int count = data_read(from, from_offset + copied, least(length - copied, STEP), pieces);
        if (count == 0)
            break;
        /* one piece at a time: what is written may change where the others are */
        int64_t written = copy_piece(to, space, to_offset + copied, &pieces[0], to == from);
        if (written < 0)
            return copied > 0 ? (int64_t)copied : written;
        copied += (uint64_t)written;
        if ((size_t)written < pieces[0].iov_len)
            break;
    }
    return (int64_t)copied;
}

/* ---- into a memory file ---------------------------------------------------------------------------------------- */

/* Pages that room was taken for without holding anything keep it. */
static int reserve_in_file(const struct data *data, int fd) {
    uint64_t number = 0;
    struct leaf *leaf;
    if (!data->large)
        return data->small.bytes ? data_file_take(fd, 0, PAGE_BYTES) : 0;
    for (; (leaf = tree_next(&data->leaves, number, &number)); number++)
        for (uint64_t left = leaf->charged & ~leaf->held; left; left &= left - 1) {
            uint64_t page = (number << BLOCK_SHIFT) + ((uint64_t)__builtin_ctzll(left) << PAGE_SHIFT);
            if (data_file_take(fd, page, PAGE_BYTES) < 0)
                return -ENOSPC;
        }
    return 0;
}

int data_to_file(struct data *data, struct space *space) {
    enum { STEP = 64 * 1024 };
    struct iovec pieces[DATA_PIECES(STEP)];
    if (data->filed)
        return 0;
    _cleanup_close_ int fd = data_file_new();
    int r = fd < 0 ? fd : reserve_in_file(data, fd);
    if (r == 0 && ftruncate(fd, (off_t)data->size) < 0)
        r = -errno;
    int64_t at = 0, end;
    while (r == 0 && (at = data_seek(data, (uint64_t)at, false)) >= 0) {
        end = data_seek(data, (uint64_t)at, true);
        for (; r == 0 && at < end; at += STEP) {
            int count = data_read(data, (uint64_t)at, least((uint64_t)(end - at), STEP), pieces);
            r = data_file_fill(fd, (uint64_t)at, pieces, count);
        }
        at = end;
    }
    if (r < 0)
        return r;
    data_free(data, space);
    data_file_adopt(data, space, steal_fd(&fd));
    return 0;
}

/* ---- another memfs's ------------------------------------------------------------------------------------------- */

enum { STATE_SMALL, STATE_LARGE, STATE_FILED };

struct state_data {
    uint64_t size;
    uint64_t leaves; /* LARGE: how many follow */
    uint32_t kind;
    uint32_t capacity; /* SMALL: how many bytes follow */
};

struct state_leaf {
    uint64_t number, held, charged; /* the held pages follow */
};

static int put_leaf(const struct leaf *leaf, uint64_t number, const struct state_pipe *pipe) {
    struct state_leaf out = {.number = number, .held = leaf->held, .charged = leaf->charged};
    int r = pipe->write(pipe->context, &out, sizeof out);
    for (uint64_t left = leaf->held; left && r == 0; left &= left - 1)
        r = pipe->write(pipe->context, leaf->memory + ((size_t)__builtin_ctzll(left) << PAGE_SHIFT), PAGE_BYTES);
    return r;
}

int data_put(const struct data *data, const struct state_pipe *pipe) {
    struct state_data out = {.size = data->size};
    const struct leaf *leaf;
    uint64_t number;
    if (data->filed)
        out.kind = STATE_FILED;
    else if (data->large) {
        out.kind = STATE_LARGE;
        for (leaf = tree_next(&data->leaves, 0, &number); leaf; leaf = tree_next(&data->leaves, number + 1, &number))
            out.leaves++;
    } else if (data->small.bytes)
        out.capacity = data->small.capacity;
    int r = pipe->write(pipe->context, &out, sizeof out);
    if (r < 0)
        return r;
    if (data->filed)
        return pipe->write_fd(pipe->context, data->file.fd);
    if (!data->large)
        return out.capacity ? pipe->write(pipe->context, data->small.bytes, out.capacity) : 0;
    for (leaf = tree_next(&data->leaves, 0, &number); leaf && r == 0;
         leaf = tree_next(&data->leaves, number + 1, &number))
        r = put_leaf(leaf, number, pipe);
    return r;
}

static int get_small(struct data *data, struct space *space, const struct state_pipe *pipe, uint32_t capacity) {
    if (capacity > SMALL_MAX)
        return -EPROTO;
    if (capacity == 0)
        return 0;
    if (small_reserve(data, space, capacity) < 0)
        return -ENOMEM;
    return pipe->read(pipe->context, data->small.bytes, capacity);
}

static int get_leaf(struct data *data, struct space *space, const struct state_pipe *pipe, uint64_t *next) {
    struct state_leaf in;
    int r = pipe->read(pipe->context, &in, sizeof in);
    if (r < 0)
        return r;
    if (in.number < *next || in.number >= OFFSET_END >> BLOCK_SHIFT || !in.charged || (in.held & ~in.charged))
        return -EPROTO;
    *next = in.number + 1;
    struct leaf *leaf = leaf_make(data, in.number);
    if (!leaf)
        return -ENOMEM;
    charge(data, space, leaf, in.charged);
    if (in.held && leaf_reserve_pages(leaf, in.held) < 0)
        return -ENOMEM;
    for (uint64_t left = in.held; left && r == 0; left &= left - 1) {
        unsigned page = (unsigned)__builtin_ctzll(left);
        leaf->held |= UINT64_C(1) << page;
        leaf->touched |= UINT64_C(1) << page;
        r = pipe->read(pipe->context, leaf->memory + ((size_t)page << PAGE_SHIFT), PAGE_BYTES);
    }
    return r;
}

static int get_file(struct data *data, struct space *space, const struct state_pipe *pipe, int32_t backing_id) {
    int fd = -1;
    int r = pipe->read_fd(pipe->context, &fd);
    if (r < 0)
        return r;
    if (backing_id < 0 || fcntl(fd, F_GET_SEALS) < 0) { /* it is no memory file */
        close(fd);
        return -EPROTO;
    }
    data_file_adopt(data, space, fd);
    data->file.backing_id = backing_id;
    return 0;
}

int data_get(struct data *data, struct space *space, const struct state_pipe *pipe, bool filed, int32_t backing_id) {
    struct state_data in;
    uint64_t next = 0;
    int r = pipe->read(pipe->context, &in, sizeof in);
    if (r < 0)
        return r;
    if (in.size >= OFFSET_END || (in.kind == STATE_FILED && !filed) || in.kind > STATE_FILED)
        return -EPROTO;
    if (in.kind == STATE_FILED)
        return get_file(data, space, pipe, backing_id);
    if (in.kind == STATE_SMALL)
        r = get_small(data, space, pipe, in.capacity);
    else
        data->large = 1;
    for (uint64_t i = 0; in.kind == STATE_LARGE && i < in.leaves && r == 0; i++)
        r = get_leaf(data, space, pipe, &next);
    data->size = in.size;
    return r;
}
