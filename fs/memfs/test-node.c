/* SPDX-License-Identifier: MIT */
/* Nodes: their slots, their lives, the volume's limits; from several threads. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node.h"

static struct volume volume;

static int set_up(void **state) {
    return volume_init(&volume, false, UINT64_C(1) << 40, 1 << 20);
}

static int tear_down(void **state) {
    assert_int_equal(space_used(&volume.nodes), 1);
    assert_int_equal(space_used(&volume.space), 0);
    volume_free(&volume);
    return 0;
}

static struct node *make(mode_t mode) {
    struct node *node;
    assert_int_equal(node_new(&volume, mode, 1, 2, &node), 0);
    return node;
}

static void test_root(void **state) {
    struct stat status;
    assert_int_equal(node_inode(volume.root), LINFSP_ROOT_INODE);
    assert_ptr_equal(node_of(&volume, LINFSP_ROOT_INODE), volume.root);
    node_stat(&volume, volume.root, &status);
    assert_int_equal(status.st_mode, S_IFDIR | 0777);
    assert_int_equal(status.st_nlink, 2);
}

static void test_attributes(void **state) {
    struct stat status;
    struct node *node = make(S_IFREG | 06755);
    assert_int_equal(data_write(&node->data, &volume.space, 0, "x", 1), 1);
    node_stat(&volume, node, &status);
    assert_int_equal(status.st_mode, S_IFREG | 06755);
    assert_int_equal(status.st_uid, 1);
    assert_int_equal(status.st_gid, 2);
    assert_int_equal(status.st_size, 1);
    assert_int_equal(status.st_blocks, 8);
    assert_int_equal(status.st_ino, node->number);
    const struct linfsp_caller member = {.uid = 77, .gid = 2};
    assert_true(node_kill_privileges(&volume, node, 2, &member));
    assert_int_equal(node->permissions, 0755);
    assert_false(node_kill_privileges(&volume, node, 2, &member));
    node->permissions = S_ISGID | 0644; /* a mark for locking, not for executing */
    assert_false(node_changed_content(&volume, node, &member));
    assert_int_equal(node->permissions, S_ISGID | 0644);
    node->permissions = 06755;
    assert_false(node_changed_content(&volume, node, NULL));
    assert_int_equal(node->permissions, 06755);
    node->permissions = 0755;
    assert_true(node_needs_atime(node));
    node->atime = node->mtime + 1;
    assert_false(node_needs_atime(node));
    node->atime = node->mtime = node->ctime = 1000;
    node->atime_ns = 1;
    node->mtime_ns = node->ctime_ns = 0;
    assert_true(node_needs_atime(node)); /* of long ago */
    node_drop(&volume, node, 1);
}

/* By its inode alone, as a file handle has it. */
static void test_found_by_inode(void **state) {
    struct node *node = make(S_IFREG | 0644);
    uint64_t inode = node_inode(node);
    assert_ptr_equal(node_find(&volume, inode), node);
    node_drop(&volume, node, 1);
    assert_ptr_equal(node_find(&volume, LINFSP_ROOT_INODE), volume.root);
    node_drop(&volume, volume.root, 1);
    assert_null(node_find(&volume, 0));
    assert_null(node_find(&volume, inode + 1));
    assert_null(node_find(&volume, UINT64_MAX));
    assert_null(node_find(&volume, UINT64_C(1) << 40));
    node_drop(&volume, node, 1);
    assert_null(node_find(&volume, inode));
    node = make(S_IFREG | 0644); /* in the same place, under another number */
    struct node *found = node_find(&volume, inode);
    assert_ptr_equal(found, node);
    node_drop(&volume, found, 1);
    node_drop(&volume, node, 1);
}

/* What a node has goes with it. */
static void test_all_is_given_back(void **state) {
    char bytes[100000] = "content";
    struct node *file = make(S_IFREG | 0644), *link = make(S_IFLNK | 0777), *directory = make(S_IFDIR | 0755);
    assert_int_equal(data_write(&file->data, &volume.space, 0, bytes, sizeof bytes), sizeof bytes);
    assert_int_equal(xattr_set(&file->xattrs, &volume.space, "user.a", bytes, 1000, 0), 0);
    link->target = strdup("somewhere");
    assert_true(space_used(&volume.space) > sizeof bytes + 1000);
    assert_int_equal(space_used(&volume.nodes), 4);
    node_hold(file);
    node_drop(&volume, file, 1);
    assert_int_equal(space_used(&volume.nodes), 4);
    node_drop(&volume, file, 1);
    node_drop(&volume, link, 1);
    node_drop(&volume, directory, 1);
}

static void test_slots_are_used_again(void **state) {
    enum { COUNT = 5000 };
    static struct node *nodes[COUNT];
    uint64_t last = 0;
    for (int i = 0; i < COUNT; i++) {
        nodes[i] = make(S_IFIFO | 0600);
        assert_ptr_equal(node_of(&volume, node_inode(nodes[i])), nodes[i]);
        assert_true(nodes[i]->number > last); /* never used twice */
        last = nodes[i]->number;
    }
    uint32_t chunks = volume.table.used;
    for (int round = 0; round < 5; round++) {
        for (int i = round % 2; i < COUNT; i += 2) {
            node_drop(&volume, nodes[i], 1);
            nodes[i] = NULL;
        }
        for (int i = round % 2; i < COUNT; i += 2) {
            nodes[i] = make(S_IFIFO | 0600);
            assert_true(nodes[i]->number > last);
            last = nodes[i]->number;
        }
        assert_int_equal(volume.table.used, chunks);
    }
    for (int i = 0; i < COUNT; i++)
        node_drop(&volume, nodes[i], 1);
    uint32_t left = 0;
    for (uint32_t i = 0; i < volume.table.used; i++)
        left += volume.table.chunks[i] != NULL;
    assert_true(left <= 2); /* the root's, and one in reserve */
}

static void test_limit(void **state) {
    struct node *node;
    uint64_t limit = volume.nodes.limit;
    volume.nodes.limit = 3;
    struct node *a = make(S_IFREG), *b = make(S_IFREG);
    assert_int_equal(node_new(&volume, S_IFREG, 0, 0, &node), -ENOSPC);
    node_drop(&volume, a, 1);
    a = make(S_IFREG);
    node_drop(&volume, a, 1);
    node_drop(&volume, b, 1);
    volume.nodes.limit = limit;
}

/* Makes and drops nodes that others find by their inode at the same time. */
static void *churn(void *argument) {
    enum { KEPT = 64, STEPS = 20000 };
    struct node *kept[KEPT] = {NULL};
    uint64_t seed = (uintptr_t)argument + 1;
    for (int step = 0; step < STEPS; step++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        struct node **at = &kept[seed >> 58];
        if (*at) {
            struct stat status;
            if (node_of(&volume, node_inode(*at)) != *at)
                return "a node is not found by its inode";
            node_stat(&volume, volume.root, &status);
            node_hold(*at);
            node_drop(&volume, *at, 2);
            *at = NULL;
        } else if (node_new(&volume, seed & 1 ? S_IFREG : S_IFDIR, 0, 0, at) < 0) {
            return "no node";
        }
    }
    for (int i = 0; i < KEPT; i++)
        if (kept[i])
            node_drop(&volume, kept[i], 1);
    return NULL;
}

static void test_threads(void **state) {
    enum { THREADS = 6 };
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, (void *)i), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failure;
        pthread_join(threads[i], &failure);
        if (failure)
            fail_msg("%s", (char *)failure);
    }
}

/* ---- the lock -------------------------------------------------------------------------------------------------- */

static struct lock lock;
static uint64_t guarded[2];

static void *take_turns(void *argument) {
    uint64_t seed = (uintptr_t)argument;
    for (int step = 0; step < 30000; step++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        if (seed >> 62) {
            lock_shared(&lock);
            bool equal = guarded[0] == guarded[1];
            unlock_shared(&lock);
            if (!equal)
                return "a reader saw half a change";
        } else {
            lock_exclusive(&lock);
            guarded[0]++;
            guarded[1]++;
            unlock_exclusive(&lock);
        }
    }
    return NULL;
}

static void test_lock(void **state) {
    enum { THREADS = 6 };
    pthread_t threads[THREADS];
    assert_true(lock_try(&lock, false));
    assert_true(lock_try(&lock, false));
    assert_false(lock_try(&lock, true));
    unlock_shared(&lock);
    unlock_shared(&lock);
    assert_true(lock_try(&lock, true));
    assert_false(lock_try(&lock, false));
    unlock_exclusive(&lock);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_turns, (void *)(i + 1)), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failure;
        pthread_join(threads[i], &failure);
        if (failure)
            fail_msg("%s", (char *)failure);
    }
    assert_true(guarded[0] > 0 && guarded[0] == guarded[1]);
    assert_int_equal(lock.state, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_root, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_attributes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_all_is_given_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_slots_are_used_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_found_by_inode, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_threads, set_up, tear_down),
        cmocka_unit_test(test_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
