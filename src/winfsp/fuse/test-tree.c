/* SPDX-License-Identifier: MIT */
/* The tree of names: paths, look-ups that are given back, names that change under those who hold them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "linfsp/linfsp.h"
#include "winfsp/fuse/tree.h"

static struct fsp_tree tree;

static int set_up(void **state) {
    return fsp_tree_init(&tree);
}

static int tear_down(void **state) {
    fsp_tree_destroy(&tree);
    return 0;
}

static void is_path(struct fsp_node *node, const char *name, const char *expected) {
    char *path = NULL;
    assert_int_equal(fsp_tree_hold(&tree, node, name, &path), 0);
    assert_string_equal(path, expected);
    free(path);
    fsp_tree_release(&tree, node);
}

static void test_paths(void **state) {
    struct fsp_node *root = fsp_tree_node(&tree, LINFSP_ROOT_INODE);
    struct fsp_node *a = fsp_tree_enter(&tree, root, "a"), *b = fsp_tree_enter(&tree, a, "b");
    assert_int_equal(fsp_tree_inode(&tree, root), LINFSP_ROOT_INODE);
    assert_ptr_equal(fsp_tree_node(&tree, fsp_tree_inode(&tree, b)), b);
    is_path(root, NULL, "/");
    is_path(root, "new", "/new");
    is_path(b, NULL, "/a/b");
    is_path(b, "c", "/a/b/c");
    assert_ptr_equal(fsp_tree_enter(&tree, a, "b"), b);
    assert_ptr_equal(fsp_tree_find(&tree, a, "b"), b);
    assert_null(fsp_tree_find(&tree, root, "b"));
}

/* A node goes with its last look-up, and a directory with the last node in it. */
static void test_forget(void **state) {
    struct fsp_node *root = &tree.root;
    struct fsp_node *a = fsp_tree_enter(&tree, root, "a"), *b = fsp_tree_enter(&tree, a, "b");
    fsp_tree_enter(&tree, a, "b");
    fsp_tree_forget(&tree, a, 1);
    assert_int_equal(tree.n_nodes, 2); /* b is in it */
    fsp_tree_forget(&tree, b, 1);
    assert_int_equal(tree.n_nodes, 2);
    fsp_tree_open(&tree, b);
    fsp_tree_forget(&tree, b, 1);
    assert_int_equal(tree.n_nodes, 2); /* it is open */
    assert_false(fsp_tree_close(&tree, b));
    assert_int_equal(tree.n_nodes, 0);
    fsp_tree_forget(&tree, root, 100);
    is_path(root, NULL, "/");
}

static void test_many(void **state) {
    enum { COUNT = 5000 };
    static struct fsp_node *nodes[COUNT];
    char name[16], path[17];
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "%d", i);
        nodes[i] = fsp_tree_enter(&tree, &tree.root, name);
    }
    for (int i = 0; i < COUNT; i++) {
        snprintf(path, sizeof path, "/%d", i);
        is_path(nodes[i], NULL, path);
        assert_ptr_equal(fsp_tree_find(&tree, &tree.root, path + 1), nodes[i]);
        fsp_tree_forget(&tree, nodes[i], 1);
    }
    assert_int_equal(tree.n_nodes, 0);
}

static void test_rename(void **state) {
    struct fsp_taken taken[2];
    struct fsp_node *a = fsp_tree_enter(&tree, &tree.root, "a"), *b = fsp_tree_enter(&tree, &tree.root, "b");
    struct fsp_node *file = fsp_tree_enter(&tree, a, "file"), *target = fsp_tree_enter(&tree, b, "target");
    char *path;
    assert_int_equal(fsp_tree_take_two(&tree, a, "file", b, "target", taken), 0);
    assert_string_equal(taken[0].path, "/a/file");
    assert_string_equal(taken[1].path, "/b/target");
    assert_ptr_equal(taken[0].node, file);
    assert_ptr_equal(taken[1].node, target);
    assert_int_equal(fsp_tree_move(&tree, file, b, "target"), 0);
    fsp_tree_give_back(&tree, taken, 2);
    is_path(file, NULL, "/b/target");
    assert_int_equal(fsp_tree_hold(&tree, target, NULL, &path), -ENOENT);
    fsp_tree_forget(&tree, target, 1);
    fsp_tree_forget(&tree, a, 1);
    assert_int_equal(tree.n_nodes, 2);
}

static void test_exchange(void **state) {
    struct fsp_node *a = fsp_tree_enter(&tree, &tree.root, "a"), *b = fsp_tree_enter(&tree, &tree.root, "b");
    struct fsp_node *inner = fsp_tree_enter(&tree, a, "inner");
    fsp_tree_exchange(&tree, a, b);
    is_path(inner, NULL, "/b/inner");
    is_path(b, NULL, "/a");
    fsp_tree_exchange(&tree, a, NULL);
    assert_null(fsp_tree_find(&tree, &tree.root, "b"));
}

/* A removed file keeps its node for as long as it is open; what is below a removed directory has no path. */
static void test_detach(void **state) {
    struct fsp_taken taken;
    struct fsp_node *a = fsp_tree_enter(&tree, &tree.root, "a"), *b = fsp_tree_enter(&tree, a, "b");
    char *path;
    assert_int_equal(fsp_tree_take(&tree, &tree.root, "a", &taken), 0);
    fsp_tree_detach(&tree, a);
    fsp_tree_give_back(&tree, &taken, 1);
    assert_int_equal(fsp_tree_hold(&tree, b, NULL, &path), -ENOENT);
    assert_int_equal(fsp_tree_take(&tree, a, "b", &taken), -ENOENT);
    struct fsp_node *other = fsp_tree_enter(&tree, &tree.root, "a");
    assert_ptr_not_equal(other, a);
    is_path(other, "x", "/a/x");
    fsp_tree_forget(&tree, a, 1);
    fsp_tree_forget(&tree, b, 1);
    assert_int_equal(tree.n_nodes, 1);
}

static void test_hidden(void **state) {
    char one[64], two[64];
    fsp_tree_hidden_name(&tree, one, sizeof one);
    fsp_tree_hidden_name(&tree, two, sizeof two);
    assert_string_not_equal(one, two);
    struct fsp_node *node = fsp_tree_enter(&tree, &tree.root, one);
    fsp_tree_open(&tree, node);
    fsp_tree_open(&tree, node);
    node->hidden = true;
    assert_false(fsp_tree_close(&tree, node));
    assert_true(fsp_tree_close(&tree, node)); /* now it is to be removed */
}

struct taker {
    struct fsp_node *parent;
    atomic_bool has;
};

static void *take_name(void *argument) {
    struct taker *taker = argument;
    struct fsp_taken taken;
    assert_int_equal(fsp_tree_take(&tree, taker->parent, "b", &taken), 0);
    atomic_store(&taker->has, true);
    fsp_tree_give_back(&tree, &taken, 1);
    return NULL;
}

/* Whoever takes a name away waits for those who hold it, in it and below it. */
static void test_waits_for_holders(void **state) {
    struct fsp_node *a = fsp_tree_enter(&tree, &tree.root, "a"), *b = fsp_tree_enter(&tree, a, "b");
    struct fsp_node *c = fsp_tree_enter(&tree, b, "c");
    struct taker taker = {.parent = a};
    pthread_t thread;
    char *path, *other;
    assert_int_equal(fsp_tree_hold(&tree, c, NULL, &path), 0);
    pthread_create(&thread, NULL, take_name, &taker);
    usleep(50000);
    assert_false(atomic_load(&taker.has));
    assert_int_equal(fsp_tree_hold(&tree, a, NULL, &other), 0); /* its parent is no matter */
    fsp_tree_release(&tree, c);
    pthread_join(thread, NULL);
    assert_true(atomic_load(&taker.has));
    fsp_tree_release(&tree, a);
    free(path);
    free(other);
}

static void *hold_name(void *argument) {
    struct taker *taker = argument;
    char *path;
    assert_int_equal(fsp_tree_hold(&tree, taker->parent, NULL, &path), 0);
    atomic_store(&taker->has, true);
    assert_string_equal(path, "/x");
    free(path);
    fsp_tree_release(&tree, taker->parent);
    return NULL;
}

/* Whoever wants a path waits while it changes, and gets the new one. */
static void test_waits_for_taker(void **state) {
    struct fsp_node *b = fsp_tree_enter(&tree, &tree.root, "b");
    struct taker holder = {.parent = b};
    struct fsp_taken taken;
    pthread_t thread;
    assert_int_equal(fsp_tree_take(&tree, &tree.root, "b", &taken), 0);
    pthread_create(&thread, NULL, hold_name, &holder);
    usleep(50000);
    assert_false(atomic_load(&holder.has));
    assert_int_equal(fsp_tree_move(&tree, b, &tree.root, "x"), 0);
    fsp_tree_give_back(&tree, &taken, 1);
    pthread_join(thread, NULL);
    assert_true(atomic_load(&holder.has));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_paths),           TEST(test_forget), TEST(test_many),   TEST(test_rename),
        TEST(test_exchange),        TEST(test_detach), TEST(test_hidden), TEST(test_waits_for_holders),
        TEST(test_waits_for_taker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
