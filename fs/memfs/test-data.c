/* SPDX-License-Identifier: MIT */
/* Random operations on a file's content against a flat array, with the rooms taken checked against the pages each time;
 * also where it is moved into a memory file in between, which someone else writes, too. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "data-file.h"

enum { SPAN = 1200 * 1024 };

struct model {
    uint64_t size;
    unsigned char bytes[SPAN]; /* zero behind size */
};

static uint64_t seed = 7;

static uint64_t draw(uint64_t below) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

/* Offsets near pages' and leaves' borders more often than not. */
static uint64_t draw_offset(uint64_t span) {
    switch (draw(4)) {
    case 0:
        return draw(span);
    case 1:
        return draw(span >> PAGE_SHIFT) << PAGE_SHIFT;
    case 2:
        return draw(span < 5000 ? span : 5000);
    default: {
        uint64_t offset = (draw((span >> BLOCK_SHIFT) + 1) << BLOCK_SHIFT) + draw(9) - 4;
        return offset < span ? offset : 0;
    }
    }
}

static void read_all(const struct data *data, uint64_t offset, size_t size, unsigned char *to, size_t *ret_size) {
    struct iovec pieces[DATA_PIECES(SPAN)];
    if (data->filed) {
        *ret_size = (size_t)data_file_read(data, offset, to, size);
        return;
    }
    int count = data_read(data, offset, size, pieces);
    assert_true(count <= (int)DATA_PIECES(size));
    size_t used = 0;
    for (int i = 0; i < count; i++) {
        memcpy(to + used, pieces[i].iov_base, pieces[i].iov_len);
        used += pieces[i].iov_len;
    }
    *ret_size = used;
}

static void check_range(const struct data *data, const struct model *model, uint64_t offset, size_t size) {
    static unsigned char got[SPAN];
    size_t used, expected = offset >= model->size ? 0 : size < model->size - offset ? size : model->size - offset;
    assert_int_equal(data->size, model->size);
    read_all(data, offset, size, got, &used);
    assert_int_equal(used, expected);
    assert_memory_equal(got, model->bytes + offset, used);
}

/* Every byte that is not zero is in data; every byte of a hole is zero; the two alternate. */
static void check_seeking(const struct data *data, const struct model *model) {
    int64_t at = 0;
    while ((uint64_t)at < model->size) {
        int64_t begin = data_seek(data, (uint64_t)at, false);
        uint64_t hole_end = begin == -ENXIO ? model->size : (uint64_t)begin;
        for (uint64_t i = (uint64_t)at; i < hole_end; i++)
            assert_int_equal(model->bytes[i], 0);
        if (begin == -ENXIO)
            break;
        at = data_seek(data, (uint64_t)begin, true);
        assert_true(at > begin && (uint64_t)at <= model->size);
    }
    assert_int_equal(data_seek(data, model->size, false), -ENXIO);
    assert_int_equal(data_seek(data, model->size, true), -ENXIO);
}

static void step_write(struct data *data, struct space *space, struct model *model) {
    static unsigned char bytes[SPAN];
    uint64_t offset = draw_offset(SPAN);
    size_t size = draw(draw(5) == 0 ? 400000 : 9000);
    if (size > SPAN - offset)
        size = SPAN - offset;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(1 + draw(255));
    int64_t written = data_write(data, space, offset, bytes, size);
    if (written < 0) {
        assert_int_equal(written, -ENOSPC);
        return;
    }
    assert_true(written > 0 || size == 0);
    memcpy(model->bytes + offset, bytes, (size_t)written);
    if (written > 0 && offset + (uint64_t)written > model->size)
        model->size = offset + (uint64_t)written;
}

static void step_copy(struct data *data, struct space *space, struct model *model) {
    uint64_t from = draw_offset(SPAN), to = draw_offset(SPAN), apart = from > to ? from - to : to - from;
    uint64_t length = apart > 0 ? draw(apart) : 0;
    if (length > SPAN - to)
        length = SPAN - to;
    int64_t copied = data_copy(data, space, to, data, from, length);
    if (copied == -ENOSPC)
        return;
    assert_true(copied >= 0 && (uint64_t)copied <= length);
    memmove(model->bytes + to, model->bytes + from, (size_t)copied);
    if (copied > 0 && to + (uint64_t)copied > model->size)
        model->size = to + (uint64_t)copied;
}

static void clear_model(struct model *model, uint64_t offset, uint64_t length) {
    for (uint64_t i = offset; i < offset + length && i < SPAN; i++)
        model->bytes[i] = 0;
}

static void step(struct data *data, struct space *space, struct model *model) {
    uint64_t offset = draw_offset(SPAN), length = 1 + draw(draw(3) == 0 ? 600000 : 20000);
    uint64_t missing;
    switch (draw(8)) {
    case 0:
        data_set_size(data, space, offset);
        if (offset < model->size)
            clear_model(model, offset, model->size - offset);
        model->size = offset;
        return;
    case 1:
        data_punch(data, space, offset, length);
        clear_model(model, offset, length);
        return;
    case 2:
        if (data_zero(data, space, offset, length) == 0)
            clear_model(model, offset, length);
        return;
    case 3:
        missing = space_used(space) < space->limit ? space->limit - space_used(space) : 0;
        if (data_reserve(data, space, offset, length) < 0)
            assert_true(missing < length + 2 * PAGE_BYTES);
        return;
    case 4:
        step_copy(data, space, model);
        return;
    default:
        step_write(data, space, model);
    }
}

/* As the kernel does with what it was given. */
static void step_behind_our_back(struct data *data, struct space *space, struct model *model) {
    uint64_t offset = draw_offset(SPAN - 8);
    struct stat status;
    memset(model->bytes + offset, 7, 8);
    if (offset + 8 > model->size)
        model->size = offset + 8;
    assert_int_equal(pwrite(data->file.fd, model->bytes + offset, 8, (off_t)offset), 8);
    data_file_look(data, space, &status);
}

static void run_model(uint64_t limit, int steps, bool filed) {
    struct space space = {.limit = limit};
    struct data data = {.size = 0};
    struct model *model = calloc(1, sizeof *model);
    for (int i = 0; i < steps; i++) {
        if (filed && !data.filed && draw(20) == 0)
            assert_int_equal(data_to_file(&data, &space), 0);
        if (data.filed && draw(10) == 0)
            step_behind_our_back(&data, &space, model);
        else
            step(&data, &space, model);
        assert_int_equal(space_used(&space), (uint64_t)data.pages * PAGE_BYTES);
        check_range(&data, model, draw_offset(SPAN), 1 + draw(60000));
        if (i % 64 == 0) {
            check_range(&data, model, 0, SPAN);
            check_seeking(&data, model);
        }
        if (draw(300) == 0) {
            data_free(&data, &space);
            assert_int_equal(space_used(&space), 0);
            memset(model, 0, sizeof *model);
        }
    }
    data_free(&data, &space);
    assert_int_equal(space_used(&space), 0);
    free(model);
}

static void test_model(void **state) {
    run_model(UINT64_MAX, 6000, false);
}

static void test_model_when_full(void **state) {
    run_model(300 * 1024, 6000, false);
}

static void test_model_filed(void **state) {
    run_model(UINT64_MAX, 6000, true);
}

static void test_model_filed_when_full(void **state) {
    run_model(300 * 1024, 6000, true);
}

/* What room was taken for in advance has it in the memory file, too; nothing else has. */
static void test_to_file(void **state) {
    struct space space = {.limit = 64 * PAGE_BYTES};
    struct data data = {.size = 0};
    assert_int_equal(data_write(&data, &space, 100 * PAGE_BYTES + 1, "data", 4), 4);
    assert_int_equal(data_reserve(&data, &space, 8 * PAGE_BYTES, 62 * PAGE_BYTES), 0);
    assert_int_equal(data_to_file(&data, &space), 0);
    assert_int_equal(data.filed, 1);
    assert_int_equal(data.size, 100 * PAGE_BYTES + 5);
    assert_int_equal(data.pages, 63);
    assert_int_equal(data_seek(&data, 0, false), 100 * PAGE_BYTES);
    assert_int_equal(data_write(&data, &space, 8 * PAGE_BYTES, "reserved", 8), 8);
    assert_int_equal(data_write(&data, &space, 200 * PAGE_BYTES, "the last", 8), 8);
    assert_int_equal(data_write(&data, &space, 300 * PAGE_BYTES, "x", 1), -ENOSPC);
    assert_int_equal(data_write(&data, &space, 9 * PAGE_BYTES, "also reserved", 13), 13);
    assert_int_equal(data_write(&data, &space, 201 * PAGE_BYTES - 2, "last", 4), 2);
    assert_int_equal(data.pages, 64);
    data_free(&data, &space);
    assert_int_equal(space_used(&space), 0);
}

static void test_small(void **state) {
    struct space space = {.limit = UINT64_MAX};
    struct data data = {.size = 0};
    assert_int_equal(data_write(&data, &space, 0, "hello", 5), 5);
    assert_int_equal(data.large, 0);
    assert_int_equal(data.small.capacity, 64);
    assert_int_equal(data.pages, 1);
    data_set_size(&data, &space, UINT64_C(1) << 40);
    assert_int_equal(data.large, 0);
    assert_int_equal(data_seek(&data, 0, true), 4096);
    assert_int_equal(data_seek(&data, 4096, false), -ENXIO);
    data_set_size(&data, &space, 0);
    assert_int_equal(data.pages, 0);
    data_free(&data, &space);
}

/* At the far end of what an offset can say, in a file that is otherwise a hole. */
static void test_sparse(void **state) {
    struct space space = {.limit = 1 << 20};
    struct data data = {.size = 0};
    const uint64_t far = (uint64_t)INT64_MAX - 4095;
    assert_int_equal(data_write(&data, &space, far, "end", 3), 3);
    assert_int_equal(data_write(&data, &space, UINT64_C(5) << 30, "five", 4), 4);
    assert_int_equal(data.size, far + 3);
    assert_int_equal(data.pages, 2);
    assert_int_equal(data_seek(&data, 0, false), INT64_C(5) << 30);
    assert_int_equal(data_seek(&data, (UINT64_C(5) << 30) + 4096, false), far & ~UINT64_C(4095));
    unsigned char got[8];
    size_t size;
    read_all(&data, far, sizeof got, got, &size);
    assert_int_equal(size, 3);
    assert_memory_equal(got, "end", 3);
    data_punch(&data, &space, 0, far);
    assert_int_equal(data.pages, 1);
    data_set_size(&data, &space, 10);
    assert_int_equal(data.pages, 0);
    data_free(&data, &space);
}

static void test_reserve(void **state) {
    struct space space = {.limit = 1 << 20};
    struct data data = {.size = 0};
    assert_int_equal(data_reserve(&data, &space, 0, 1 << 20), 0);
    assert_int_equal(data.pages, 256);
    assert_int_equal(data_reserve(&data, &space, 1 << 20, 1), -ENOSPC);
    assert_int_equal(data.pages, 256);
    assert_int_equal(data_write(&data, &space, (1 << 20) - 4, "last", 4), 4); /* was reserved */
    assert_int_equal(data_write(&data, &space, 1 << 20, "x", 1), -ENOSPC);
    assert_int_equal(data_write(&data, &space, (1 << 20) - 2, "last", 4), 2);
    data_punch(&data, &space, 4096, 1 << 19);
    assert_int_equal(data.pages, 128);
    assert_int_equal(data_reserve(&data, &space, UINT64_C(1) << 40, UINT64_C(1) << 40), -ENOSPC);
    data_free(&data, &space);
    assert_int_equal(space_used(&space), 0);
}

/* Setting the size that it has gives back what is reserved behind the end. */
static void test_reserved_behind_the_end(void **state) {
    struct space space = {.limit = 1 << 20};
    struct data data = {.size = 0};
    for (uint64_t length = 10; length < 1 << 20; length *= 1000) {
        assert_int_equal(data_reserve(&data, &space, 0, length), 0);
        assert_true(data.pages > 0);
        data_set_size(&data, &space, 0);
        assert_int_equal(data.pages, 0);
        assert_int_equal(space_used(&space), 0);
    }
    data_free(&data, &space);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_sparse),
        cmocka_unit_test(test_reserve),
        cmocka_unit_test(test_reserved_behind_the_end),
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_model_when_full),
        cmocka_unit_test(test_to_file),
        cmocka_unit_test(test_model_filed),
        cmocka_unit_test(test_model_filed_when_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
