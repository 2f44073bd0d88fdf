/* SPDX-License-Identifier: MIT */
/*
 * When there is no memory: each allocation fails at random, and what was refused must not have changed anything. The
 * program is linked with --wrap for the functions below.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "node.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);

static bool scarce;
static uint64_t seed = 5, refused;

static uint64_t draw(uint64_t below) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

static bool refuses(void) {
    if (!scarce || draw(4) != 0)
        return false;
    refused++;
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t size) {
    return refuses() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return refuses() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size) {
    return refuses() ? NULL : __real_realloc(memory, size);
}

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
    return refuses() ? MAP_FAILED : __real_mmap(address, size, protection, flags, fd, offset);
}

/* Runs a statement while memory is scarce. */
#define SCARCE(statement)                                                                                              \
    do {                                                                                                               \
        scarce = true;                                                                                                 \
        statement;                                                                                                     \
        scarce = false;                                                                                                \
    } while (0)

static void test_directory(void **state) {
    enum { NAMES = 500 };
    static bool present[NAMES];
    struct names names;
    struct node *nobody = (struct node *)(uintptr_t)16;
    size_t count = 0;
    assert_int_equal(names_init(&names, false), 0);
    struct directory *directory = directory_new(NULL);
    for (int step = 0; step < 40000; step++) {
        char name[32], other[32];
        unsigned i = (unsigned)draw(NAMES), j = (unsigned)draw(NAMES);
        size_t size = (size_t)snprintf(name, sizeof name, "name-%u", i);
        size_t other_size = (size_t)snprintf(other, sizeof other, "name-%u", j);
        struct entry *entry = directory_find(directory, &names, name, size);
        int r = 0;
        assert_int_equal(entry != NULL, present[i]);
        if (!entry) {
            SCARCE(r = directory_insert(directory, &names, name, size, nobody, NULL));
            present[i] = r == 0;
            count += r == 0;
        } else if (draw(2) == 0 && !present[j]) {
            SCARCE(r = directory_rename(directory, &names, entry, other, other_size, NULL));
            present[r == 0 ? i : j] = false;
            present[r == 0 ? j : i] = true;
        } else {
            SCARCE(directory_remove(directory, entry)); /* cannot fail */
            present[i] = false;
            count--;
        }
        assert_true(r == 0 || r == -ENOMEM);
        assert_int_equal(directory->count, count);
    }
    size_t seen = 0;
    uint64_t cookie = 0;
    for (struct entry *entry; (entry = directory_next(directory, cookie)); cookie = entry->cookie)
        seen++;
    assert_int_equal(seen, count);
    directory_free(directory);
}

enum { SPAN = 2000000 };
static char model[SPAN], bytes[SPAN];

static void check_content(const struct data *data, uint64_t size) {
    static struct iovec pieces[DATA_PIECES(SPAN)];
    assert_int_equal(data->size, size);
    int count = data_read(data, 0, SPAN, pieces);
    size_t at = 0;
    for (int i = 0; i < count; at += pieces[i++].iov_len)
        assert_memory_equal(pieces[i].iov_base, model + at, pieces[i].iov_len);
    assert_int_equal(at, size);
}

static void test_content(void **state) {
    struct space space = {.limit = UINT64_MAX};
    struct data data = {.size = 0};
    uint64_t size = 0;
    for (int step = 0; step < 3000; step++) {
        uint64_t offset = draw(SPAN), length = 1 + draw(draw(3) ? 8000 : SPAN);
        int64_t r = 0;
        if (length > SPAN - offset)
            length = SPAN - offset;
        memset(bytes, (int)draw(256), length);
        switch (draw(5)) {
        case 0:
            SCARCE(r = data_reserve(&data, &space, offset, length));
            break;
        case 1:
            SCARCE(r = data_zero(&data, &space, offset, length));
            if (r == 0)
                memset(model + offset, 0, length);
            break;
        case 2:
            SCARCE(data_punch(&data, &space, offset, length));
            memset(model + offset, 0, length);
            break;
        case 3:
            SCARCE(data_set_size(&data, &space, offset));
            if (offset < size)
                memset(model + offset, 0, size - offset);
            size = offset;
            break;
        default:
            SCARCE(r = data_write(&data, &space, offset, bytes, length));
            if (r > 0) {
                memcpy(model + offset, bytes, (size_t)r);
                size = offset + (uint64_t)r > size ? offset + (uint64_t)r : size;
            }
        }
        assert_true(r >= 0 || r == -ENOSPC);
        assert_int_equal(space_used(&space), (uint64_t)data.pages * PAGE_BYTES);
        check_content(&data, size);
    }
    data_free(&data, &space);
    assert_int_equal(space_used(&space), 0);
}

static void test_nodes(void **state) {
    enum { KEPT = 3000 };
    static struct node *kept[KEPT];
    struct volume volume;
    int r;
    do
        SCARCE(r = volume_init(&volume, true, 1 << 30, 1 << 20));
    while (r < 0);
    for (int step = 0; step < 50000; step++) {
        struct node **at = &kept[draw(KEPT)];
        if (*at) {
            SCARCE(node_drop(&volume, *at, 1));
            *at = NULL;
            continue;
        }
        SCARCE(r = node_new(&volume, draw(2) ? S_IFDIR : S_IFREG, 0, 0, at));
        assert_true(r == 0 || (r == -ENOSPC && !*at));
        if (*at)
            SCARCE(r = xattr_set(&(*at)->xattrs, &volume.space, "user.a", "value", 5, 0));
        assert_true(r == 0 || r == -ENOSPC);
    }
    for (int i = 0; i < KEPT; i++)
        if (kept[i])
            node_drop(&volume, kept[i], 1);
    assert_int_equal(space_used(&volume.nodes), 1);
    assert_int_equal(space_used(&volume.space), 0);
    volume_free(&volume);
}

static void test_something_was_refused(void **state) {
    assert_true(refused > 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_directory), cmocka_unit_test(test_content),
                                       cmocka_unit_test(test_nodes), cmocka_unit_test(test_something_was_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
