/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tree.h"

static uint64_t seed = 3;

static uint64_t draw(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void *item(uint64_t i) {
    return (void *)(uintptr_t)(2 * i + 2);
}

static int ascending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Keys of all sizes, close together and far apart. */
static void test_model(void **state) {
    enum { KEYS = 400 };
    uint64_t keys[KEYS];
    bool present[KEYS] = {false};
    struct tree tree = {NULL, 0};
    for (int i = 0; i < KEYS; i++)
        keys[i] = i < 40 ? (uint64_t)i : i == 40 ? UINT64_MAX : draw() >> (draw() % 64);
    qsort(keys, KEYS, sizeof *keys, ascending);
    for (int step = 0; step < 200000; step++) {
        size_t i = draw() % KEYS;
        while (i > 0 && keys[i] == keys[i - 1])
            i--;
        if (draw() % 3 == 0) {
            assert_ptr_equal(tree_remove(&tree, keys[i]), present[i] ? item(i) : NULL);
            present[i] = false;
        } else if (draw() % 2 == 0) {
            assert_int_equal(tree_set(&tree, keys[i], item(i)), 0);
            present[i] = true;
        } else {
            uint64_t key;
            size_t next = i;
            while (next < KEYS && !present[next])
                next++;
            void *found = tree_next(&tree, keys[i], &key);
            assert_ptr_equal(found, next < KEYS ? item(next) : NULL);
            if (found)
                assert_int_equal(key, keys[next]);
        }
        assert_ptr_equal(tree_get(&tree, keys[i]), present[i] ? item(i) : NULL);
    }
    for (size_t i = 0; i < KEYS; i++)
        if (present[i])
            assert_ptr_equal(tree_remove(&tree, keys[i]), item(i));
    assert_null(tree.root);
    assert_int_equal(tree.height, 0);
}

static void test_key_zero_costs_nothing(void **state) {
    struct tree tree = {NULL, 0};
    uint64_t key;
    assert_int_equal(tree_set(&tree, 0, item(1)), 0);
    assert_ptr_equal(tree.root, item(1));
    assert_ptr_equal(tree_next(&tree, 0, &key), item(1));
    assert_null(tree_next(&tree, 1, &key));
    assert_ptr_equal(tree_remove(&tree, 0), item(1));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_model), cmocka_unit_test(test_key_zero_costs_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
