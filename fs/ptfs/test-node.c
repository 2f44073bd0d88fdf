/* SPDX-License-Identifier: MIT */
/* Nodes: more of them than descriptors, found again, moved, removed, replaced. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "linfsp/linfsp.h"
#include "node.h"
#include "util/cleanup.h"

enum { PINNED_MAX = 20, FILES = 300 };

static char folder[] = "/tmp/test-node.XXXXXX";
static struct node_table table;
static int root;
static struct state *notes; /* NULL: none */

static int set_up(void **state) {
    strcpy(folder, "/tmp/test-node.XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    root = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return node_table_init(&table, open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC), PINNED_MAX);
}

static int tear_down(void **state) {
    char command[64];
    node_table_close(&table);
    if (notes)
        munmap(notes, sizeof *notes);
    notes = NULL;
    close(root);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void make_file(const char *path) {
    int fd = openat(root, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    close(fd);
}

/* As a look-up does it. */
static struct node *look_up(struct node *parent, const char *name) {
    struct pin pin = PIN_NONE;
    struct stat status;
    struct node *node;
    assert_int_equal(node_pin(&table, parent, &pin), 0);
    int fd = openat(pin.fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    assert_true(fd >= 0 && fstat(fd, &status) == 0);
    assert_int_equal(node_get(&table, fd, &status, pin.node, name, &node), 0);
    node_let(&pin);
    return node;
}

static int pin_result(struct node *node) {
    struct pin pin = PIN_NONE;
    struct stat status;
    int r = node_pin(&table, node, &pin);
    if (r == 0) {
        assert_int_equal(fstat(pin.fd, &status), 0);
        assert_int_equal(status.st_ino, node->key.inode);
    }
    node_let(&pin);
    return r;
}

static void let_go_of_all(void) {
    for (int i = 0; i < 300; i++)
        (void)node_make_room(&table);
}

static struct node *files[FILES];

static void look_up_all(void) {
    char name[32];
    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "%d", i);
        make_file(name);
        files[i] = look_up(&table.root, name);
    }
}

static void test_more_than_descriptors(void **state) {
    look_up_all();
    assert_in_range(table.pinned, 1, PINNED_MAX);
    assert_int_equal(table.pinned + table.let_go, FILES);
    for (int turn = 0; turn < 2; turn++)
        for (int i = 0; i < FILES; i++)
            assert_int_equal(pin_result(files[i]), 0);
    assert_in_range(table.pinned, 1, PINNED_MAX + 1);
    assert_ptr_equal(look_up(&table.root, "7"), files[7]);
    node_put(&table, files[7], 1);
    for (int i = 0; i < FILES; i++)
        node_put(&table, files[i], 1);
    assert_int_equal(HASH_CNT(hash, table.nodes), 1);
    assert_int_equal(table.pinned + table.let_go, 0);
    assert_null(table.hand);
}

static void test_those_in_use_stay(void **state) {
    struct pin pins[FILES];
    look_up_all();
    for (int i = 0; i < 100; i++)
        assert_int_equal(node_pin(&table, files[i], &pins[i]), 0);
    let_go_of_all();
    for (int i = 0; i < 100; i++) {
        struct stat status;
        assert_int_equal(fstat(pins[i].fd, &status), 0);
        assert_int_equal(status.st_ino, files[i]->key.inode);
    }
    assert_false(node_make_room(&table));
    for (int i = 0; i < 100; i++)
        node_let(&pins[i]);
    assert_true(node_make_room(&table));
    files[5]->opens = 1;
    assert_int_equal(pin_result(files[5]), 0);
    let_go_of_all();
    assert_true(files[5]->fd >= 0);
    files[5]->opens = 0;
}

static void test_directories(void **state) {
    struct node *node = &table.root, *nodes[200];
    char path[1024] = "";
    for (int i = 0; i < 200; i++) {
        strcat(path, i ? "/d" : "d");
        assert_int_equal(mkdirat(root, path, 0755), 0);
        nodes[i] = node = look_up(node, "d");
    }
    let_go_of_all();
    assert_int_equal(table.pinned, 0);
    assert_int_equal(pin_result(nodes[199]), 0);
    for (int i = 0; i < 200; i++) /* as the kernel may, though it should not: those above first */
        node_put(&table, nodes[i], 1);
    assert_int_equal(HASH_CNT(hash, table.nodes), 1);
}

static void test_moved(void **state) {
    struct pin from = PIN_NONE;
    make_file("a");
    assert_int_equal(mkdirat(root, "d", 0755), 0);
    struct node *file = look_up(&table.root, "a"), *directory = look_up(&table.root, "d");
    let_go_of_all();
    assert_int_equal(file->fd, -1);
    assert_int_equal(renameat(root, "a", root, "d/b"), 0);
    assert_int_equal(pin_result(file), -ESTALE); /* behind our back */
    assert_int_equal(node_pin(&table, directory, &from), 0);
    node_moved(&table, &from, "b");
    node_let(&from);
    assert_int_equal(pin_result(file), 0);
    let_go_of_all();
    assert_int_equal(renameat(root, "d", root, "e"), 0);
    assert_int_equal(pin_result(file), -ESTALE);
    assert_ptr_equal(look_up(&table.root, "e"), directory); /* found again with all that is below it */
    assert_int_equal(pin_result(file), 0);
}

/* Folders that were turned inside out behind our back do not make a circle. */
static void test_no_circle(void **state) {
    assert_int_equal(mkdirat(root, "a", 0755), 0);
    assert_int_equal(mkdirat(root, "a/b", 0755), 0);
    struct node *a = look_up(&table.root, "a"), *b = look_up(a, "b");
    assert_int_equal(renameat(root, "a/b", root, "b"), 0);
    assert_int_equal(renameat(root, "a", root, "b/a"), 0);
    assert_ptr_equal(look_up(b, "a"), a);
    let_go_of_all();
    assert_int_equal(pin_result(a), 0);
    assert_ptr_equal(look_up(&table.root, "b"), b);
    assert_ptr_equal(look_up(b, "a"), a);
    let_go_of_all();
    assert_int_equal(pin_result(a), 0);
    node_put(&table, a, 3);
    node_put(&table, b, 2);
    assert_int_equal(HASH_CNT(hash, table.nodes), 1);
}

static void test_removed(void **state) {
    struct pin pin = PIN_NONE;
    make_file("a");
    make_file("c");
    struct node *a = look_up(&table.root, "a"), *c = look_up(&table.root, "c");
    let_go_of_all();
    assert_int_equal(c->fd, -1);
    assert_int_equal(node_pin(&table, &table.root, &pin), 0);
    node_keep(&table, &pin, "a"); /* while it is let go of */
    assert_int_equal(unlinkat(root, "a", 0), 0);
    assert_int_equal(pin_result(c), 0);
    node_keep(&table, &pin, "c"); /* while it is not */
    assert_int_equal(unlinkat(root, "c", 0), 0);
    node_let(&pin);
    let_go_of_all();
    assert_int_equal(pin_result(a), 0);
    assert_int_equal(pin_result(c), 0);
}

static void test_replaced(void **state) {
    make_file("a");
    struct node *a = look_up(&table.root, "a");
    let_go_of_all();
    assert_int_equal(unlinkat(root, "a", 0), 0);
    assert_int_equal(pin_result(a), -ESTALE);
    assert_int_equal(mkdirat(root, "a", 0755), 0);
    assert_int_equal(pin_result(a), -ESTALE);
    struct node *other = look_up(&table.root, "a");
    assert_ptr_not_equal(other, a); /* even where it has the same inode number */
    assert_int_equal(pin_result(other), 0);
    node_put(&table, a, 1);
    node_put(&table, other, 1);
    assert_int_equal(HASH_CNT(hash, table.nodes), 1);
}

static void test_watched(void **state) {
    struct stat status;
    struct pin pin = PIN_NONE;
    table.inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    assert_true(table.inotify >= 0);
    assert_int_equal(mkdirat(root, "a", 0755), 0);
    assert_int_equal(mkdirat(root, "b", 0755), 0);
    make_file("a/f");
    struct node *a = look_up(&table.root, "a"), *b = look_up(&table.root, "b"), *f = look_up(a, "f");
    assert_false(node_is_seen(&table, f));
    assert_true(node_watch(&table, a, IN_CREATE, 1, &status));
    assert_int_equal(status.st_ino, a->key.inode);
    assert_true(node_watch(&table, a, IN_CREATE, 1, &status)); /* once is enough */
    assert_false(node_watch(&table, b, IN_CREATE, 1, &status)); /* one too many */
    assert_true(node_is_watched(&table, a) && node_is_seen(&table, a) && node_is_seen(&table, f));
    assert_int_equal(node_pin_watched(&table, a->watch, &pin), 0);
    assert_ptr_equal(pin.node, a);
    node_let(&pin);
    assert_int_equal(node_pin_watched(&table, a->watch + 1, &pin), -ENOENT);
    int watch = a->watch;
    node_put(&table, f, 1);
    node_put(&table, a, 1); /* its watch goes with it */
    assert_int_equal(node_pin_watched(&table, watch, &pin), -ENOENT);
    assert_int_equal(inotify_rm_watch(table.inotify, watch), -1);
    assert_true(node_watch(&table, b, IN_CREATE, 1, &status));
    node_unwatched(&table, b->watch);
    assert_false(node_is_watched(&table, b));
    node_put(&table, b, 1);
    close_fd(&table.inotify);
}

static void test_told(void **state) {
    struct stat status;
    struct node_place *places;
    bool in_place;
    make_file("a");
    struct node *a = look_up(&table.root, "a");
    assert_int_equal(node_knows(&table, a, 5, 6), 0);
    node_told(&table, a, 5, 6);
    assert_int_equal(node_knows(&table, a, 5, 6), 1);
    assert_int_equal(node_knows(&table, a, 5, 7), 0);
    node_changing(&table, a, 1);
    assert_int_equal(node_knows(&table, a, 5, 6), -EBUSY);
    node_changing(&table, a, -1);
    assert_int_equal(node_knows(&table, a, 5, 6), 1);

    assert_int_equal(fstatat(root, "a", &status, 0), 0);
    assert_ptr_equal(node_hold(&table, &status, &table.root, "a", &in_place), a);
    assert_true(in_place && !a->astray);
    node_release(&table, a);
    assert_ptr_equal(node_hold(&table, &status, &table.root, "elsewhere", &in_place), a);
    assert_true(!in_place && a->astray);
    assert_int_equal(node_places(&table, &places), 2);
    const struct node_place *place = places[0].name ? &places[0] : &places[1];
    assert_string_equal(place->name, "a");
    assert_int_equal(place->inode, node_number(&table, a));
    assert_int_equal(place->parent, LINFSP_ROOT_INODE);
    free(place->name);
    free(places);
    node_put(&table, a, 1);
    assert_int_equal(HASH_CNT(hash, table.nodes), 2); /* it is held */
    node_release(&table, a);
    assert_int_equal(HASH_CNT(hash, table.nodes), 1);
}

/* ---- for another process --------------------------------------------------------------------------------------- */

static void use_notes(bool earlier) {
    struct stat status;
    if (!earlier) {
        notes = mmap(NULL, sizeof *notes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        assert_true(notes != MAP_FAILED);
    }
    assert_int_equal(fstat(root, &status), 0);
    assert_int_equal(state_open(notes, sizeof *notes, status.st_dev, status.st_ino), earlier);
    assert_int_equal(node_table_use_state(&table, notes, earlier), 0);
}

/* The process is killed, and another one begins. */
static void next_process(void) {
    node_table_close(&table);
    assert_int_equal(node_table_init(&table, open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC), PINNED_MAX), 0);
    use_notes(true);
}

static uint64_t number_of(struct node *parent, const char *name) {
    return node_number(&table, look_up(parent, name));
}

static void test_another_process(void **state) {
    use_notes(false);
    assert_int_equal(mkdirat(root, "d", 0755), 0);
    make_file("d/a");
    make_file("b");
    uint64_t d = number_of(&table.root, "d"), a = number_of(node_of(&table, d), "a"), b = number_of(&table.root, "b");
    assert_int_equal(number_of(&table.root, "b"), b);
    node_put(&table, node_of(&table, d), 1); /* the kernel forgets it first */
    next_process();
    assert_int_equal(pin_result(node_of(&table, a)), 0);
    assert_int_equal(pin_result(node_of(&table, b)), 0);
    assert_int_equal(number_of(&table.root, "b"), b);
    assert_int_equal(node_of(&table, b)->lookups, 3);
    node_put(&table, node_of(&table, b), 3);
    node_put(&table, node_of(&table, a), 1);
    assert_null(node_of(&table, a));
    assert_null(node_of(&table, d));
    assert_int_equal(HASH_CNT(hash, table.nodes), 1);
    next_process();
    assert_int_equal(HASH_CNT(hash, table.nodes), 1);
    make_file("c");
    assert_in_range(number_of(&table.root, "c"), STATE_NUMBER_MIN, STATE_NUMBER_MIN + 2); /* numbers are used again */
}

/* Killed on both sides of a rename, for a file and for a folder with a file in it. */
static void test_killed_while_moving(void **state) {
    struct pin top = PIN_NONE;
    use_notes(false);
    assert_int_equal(mkdirat(root, "d", 0755), 0);
    make_file("d/a");
    make_file("b");
    uint64_t d = number_of(&table.root, "d"), a = number_of(node_of(&table, d), "a"), b = number_of(&table.root, "b");
    for (int done = 0; done < 2; done++) {
        const char *from[] = {"d", "b"}, *to[] = {"e", "c"};
        assert_int_equal(node_pin(&table, &table.root, &top), 0);
        for (int i = 0; i < 2; i++) {
            node_intend(&table, &top, from[i], &top, to[i]);
            assert_true(!done || renameat(root, from[i], root, to[i]) == 0);
        }
        node_let(&top);
        next_process();
        assert_int_equal(pin_result(node_of(&table, b)), 0);
        assert_int_equal(pin_result(node_of(&table, a)), 0);
        assert_int_equal(node_of(&table, b)->was_moved, done);
        assert_int_equal(number_of(&table.root, done ? "e" : "d"), d);
    }
    next_process();
    assert_int_equal(pin_result(node_of(&table, a)), 0);
}

static void test_attic(void **state) {
    struct pin top = PIN_NONE;
    struct stat status;
    use_notes(false);
    make_file("open");
    make_file("closed");
    uint64_t open = number_of(&table.root, "open"), closed = number_of(&table.root, "closed");
    node_of(&table, open)->opens = 1;
    assert_int_equal(node_pin(&table, &table.root, &top), 0);
    node_save(&table, &top, "open");
    node_save(&table, &top, "closed");
    node_let(&top);
    assert_int_equal(unlinkat(root, "open", 0), 0);
    assert_int_equal(unlinkat(root, "closed", 0), 0);
    next_process();
    assert_int_equal(pin_result(node_of(&table, open)), 0);
    assert_int_equal(pin_result(node_of(&table, closed)), -ESTALE);
    assert_int_equal(fstat(node_of(&table, open)->fd, &status), 0);
    assert_int_equal(status.st_nlink, 1);
    node_correct(&table, node_of(&table, open), &status);
    assert_int_equal(status.st_nlink, 0);
    assert_int_equal(fstatat(root, notes->attic, &status, 0), 0);
    node_put(&table, node_of(&table, open), 1);
    node_table_leave(&table);
    assert_int_equal(fstatat(root, notes->attic, &status, 0), -1);
}

/* The same inode number, another file: an earlier process knew one that has gone. */
static void test_inode_number_used_again(void **state) {
    use_notes(false);
    make_file("a");
    uint64_t a = number_of(&table.root, "a");
    state_node(notes, a)->born--; /* of the one that has gone */
    next_process();
    assert_int_equal(pin_result(node_of(&table, a)), -ESTALE);
    uint64_t other = number_of(&table.root, "a");
    assert_int_not_equal(other, a);
    assert_int_equal(pin_result(node_of(&table, other)), 0);
}

/* Notes that make no sense are survived. */
static void test_garbage(void **state) {
    unsigned seed = 1;
    use_notes(false);
    look_up_all();
    for (int turn = 0; turn < 200; turn++) {
        for (uint64_t n = 0; n < 40; n++) {
            struct state_node *note = &notes->nodes[(uint64_t)rand_r(&seed) % FILES];
            unsigned char *bytes = (unsigned char *)note;
            bytes[(size_t)rand_r(&seed) % sizeof *note] = (unsigned char)rand_r(&seed);
            note->places[rand_r(&seed) % 2].parent = (uint64_t)rand_r(&seed) % (FILES + 2);
            note->type = rand_r(&seed) % 2 ? S_IFDIR : S_IFREG;
        }
        next_process();
        for (uint64_t number = STATE_NUMBER_MIN; number < notes->nodes_end; number++) {
            struct pin pin = PIN_NONE;
            (void)node_pin(&table, node_of(&table, number), &pin);
            node_let(&pin);
        }
    }
    assert_null(node_of(&table, 0));
    assert_null(node_of(&table, UINT64_MAX));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_more_than_descriptors),
        TEST(test_those_in_use_stay),
        TEST(test_directories),
        TEST(test_moved),
        TEST(test_no_circle),
        TEST(test_removed),
        TEST(test_replaced),
        TEST(test_watched),
        TEST(test_told),
        TEST(test_another_process),
        TEST(test_killed_while_moving),
        TEST(test_attic),
        TEST(test_inode_number_used_again),
        TEST(test_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
