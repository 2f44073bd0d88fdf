/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "directory.h"

#define NODE(i) ((struct node *)(uintptr_t)((i)*16 + 16))

static uint64_t seed = 42;

static uint64_t draw(uint64_t below) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

static struct names plain(void) {
    struct names names;
    assert_int_equal(names_init(&names, false), 0);
    return names;
}

static void insert(struct directory *directory, const struct names *names, unsigned i) {
    char name[32];
    size_t size = (size_t)snprintf(name, sizeof name, "entry-%u", i);
    assert_null(directory_find(directory, names, name, size));
    assert_int_equal(directory_insert(directory, names, name, size, NODE(i), NULL), 0);
}

static struct entry *find(struct directory *directory, const struct names *names, unsigned i) {
    char name[32];
    size_t size = (size_t)snprintf(name, sizeof name, "entry-%u", i);
    return directory_find(directory, names, name, size);
}

static void test_empty(void **state) {
    struct names names = plain();
    struct directory *directory = directory_new(NULL);
    assert_null(directory_find(directory, &names, "a", 1));
    assert_null(directory_next(directory, 0));
    directory_free(directory);
    directory_free(NULL);
}

/* Random insertion, removal and renaming against an array of flags. */
static void test_model(void **state) {
    enum { NAMES = 3000, STEPS = 200000 };
    struct names names = plain();
    struct directory *directory = directory_new(NULL);
    static bool present[NAMES];
    size_t count = 0;
    for (int step = 0; step < STEPS; step++) {
        unsigned i = (unsigned)draw(step / (STEPS / 4) % 2 ? 40 : NAMES), j = (unsigned)draw(NAMES);
        struct entry *entry = find(directory, &names, i);
        assert_int_equal(entry != NULL, present[i]);
        if (!entry) {
            insert(directory, &names, i);
            present[i] = true;
            count++;
        } else if (draw(3) == 0 && !present[j]) {
            char name[32];
            uint64_t cookie = entry->cookie;
            size_t size = (size_t)snprintf(name, sizeof name, "entry-%u", j);
            assert_int_equal(directory_rename(directory, &names, entry, name, size, &entry), 0);
            assert_int_equal(entry->cookie, cookie);
            entry->node = NODE(j);
            present[i] = false;
            present[j] = true;
        } else {
            assert_ptr_equal(entry->node, NODE(i));
            directory_remove(directory, entry);
            present[i] = false;
            count--;
        }
        assert_int_equal(directory->count, count);
    }
    uint64_t cookie = 0;
    size_t seen = 0;
    for (struct entry *entry; (entry = directory_next(directory, cookie)); cookie = entry->cookie, seen++) {
        assert_true(entry->cookie > cookie);
        assert_true(present[atoi(entry->name + strlen("entry-"))]);
    }
    assert_int_equal(seen, count);
    directory_free(directory);
}

/* What is there all the while is listed once, however much comes and goes during the listing, and the listing ends. */
static void test_listing_is_stable(void **state) {
    enum { STABLE = 1000, LOOSE = 3000 };
    struct names names = plain();
    struct directory *directory = directory_new(NULL);
    for (unsigned i = 0; i < STABLE + LOOSE; i++)
        insert(directory, &names, i);
    static int seen[STABLE];
    memset(seen, 0, sizeof seen);
    uint64_t cookie = 0, end = directory_end(directory);
    unsigned made = STABLE + LOOSE;
    for (struct entry *entry; (entry = directory_next(directory, cookie)) && entry->cookie < end;) {
        cookie = entry->cookie;
        int i = atoi(entry->name + strlen("entry-"));
        if (i < STABLE)
            seen[i]++;
        for (int change = 0; change < 3; change++) {
            struct entry *victim = find(directory, &names, STABLE + (unsigned)draw(LOOSE));
            if (victim)
                directory_remove(directory, victim); /* also the one that cookie is of */
            insert(directory, &names, made++);
        }
    }
    for (int i = 0; i < STABLE; i++)
        assert_int_equal(seen[i], 1);
    directory_free(directory);
}

/* A million entries, gone again first to last: memory shrinks with them. */
static void test_grows_and_shrinks(void **state) {
    enum { COUNT = 300000 };
    struct names names = plain();
    struct directory *directory = directory_new(NULL);
    for (unsigned i = 0; i < COUNT; i++)
        insert(directory, &names, i);
    assert_true(directory->bucket_count >= COUNT / 2);
    for (unsigned i = 0; i < COUNT; i++)
        assert_non_null(find(directory, &names, i));
    for (unsigned i = 0; i < COUNT; i++)
        directory_remove(directory, find(directory, &names, i));
    assert_int_equal(directory->count, 0);
    assert_true(directory->bucket_count <= 8);
    assert_true(directory->bucket_capacity <= 64);
    assert_null(directory->order.root);
    directory_free(directory);
}

static void test_case_is_kept(void **state) {
    struct names names;
    assert_int_equal(names_init(&names, true), 0);
    struct directory *directory = directory_new(NULL);
    struct entry *entry;
    assert_int_equal(directory_insert(directory, &names, "Straße", strlen("Straße"), NODE(1), &entry), 0);
    assert_ptr_equal(directory_find(directory, &names, "STRAßE", strlen("STRAßE")), entry);
    assert_null(directory_find(directory, &names, "Strasse", 7)); /* simple folding: ß stays one character */
    assert_string_equal(entry->name, "Straße");
    assert_int_equal(directory_rename(directory, &names, entry, "straße", strlen("straße"), &entry), 0);
    assert_string_equal(entry->name, "straße");
    assert_ptr_equal(directory_find(directory, &names, "Straße", strlen("Straße")), entry);
    assert_int_equal(directory->count, 1);
    directory_free(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_listing_is_stable),
        cmocka_unit_test(test_grows_and_shrinks),
        cmocka_unit_test(test_case_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
