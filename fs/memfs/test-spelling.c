/* SPDX-License-Identifier: MIT */
/* Which look-ups belong to a rename that changes the case only, and what the kernel is told. The library is stood in
 * for. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "spelling.h"

struct fixture {
    struct volume volume;
    struct spellings *spellings;
    struct node *file, *directory;
    struct entry *file_entry, *other_entry, *directory_entry;
};

static struct fixture f;
static int kernel_answer;
static _Atomic int names_notified, entries_notified;

int linfsp_notify_names(linfsp_volume *volume) {
    atomic_fetch_add(&names_notified, 1);
    return kernel_answer;
}

int linfsp_notify_entry(linfsp_volume *volume, uint64_t parent, const char *name) {
    assert_true(parent == LINFSP_ROOT_INODE || parent == node_inode(f.directory));
    assert_int_equal(strcasecmp(name, "FOO"), 0);
    atomic_fetch_add(&entries_notified, 1);
    return 0;
}

static void insert(const char *name, struct node *node, struct entry **ret_entry) {
    assert_int_equal(directory_insert(f.volume.root->directory, &f.volume.names, name, strlen(name), node, ret_entry),
                     0);
}

static int set_up(void **state) {
    memset(&f, 0, sizeof f);
    assert_int_equal(volume_init(&f.volume, true, 1 << 20, 100), 0);
    f.volume.spellings = f.spellings = spellings_new(&f.volume);
    assert_int_equal(node_new(&f.volume, S_IFREG, 0, 0, &f.file), 0);
    assert_int_equal(node_new(&f.volume, S_IFDIR, 0, 0, &f.directory), 0);
    f.file->links = 2;
    insert("foo", f.file, &f.file_entry);
    insert("bar", f.file, &f.other_entry);
    insert("dir", f.directory, &f.directory_entry);
    kernel_answer = 0;
    names_notified = entries_notified = 0;
    return 0;
}

static int tear_down(void **state) {
    spellings_end(f.spellings);
    spellings_free(f.spellings);
    volume_free(&f.volume);
    return 0;
}

static enum spelling_answer ask(pid_t task, const char *name) {
    struct entry *entry = directory_find(f.volume.root->directory, &f.volume.names, name, strlen(name));
    assert_non_null(entry);
    return spellings_answer(f.spellings, task, f.volume.root, entry, name);
}

static void test_stat(void **state) {
    assert_int_equal(ask(10, "foo"), SPELLING_EXISTS);
    assert_int_equal(ask(10, "FOO"), SPELLING_ASK_AGAIN);
    assert_int_equal(ask(10, "FOO"), SPELLING_EXISTS); /* repeated */
    assert_int_equal(ask(10, "BAR"), SPELLING_EXISTS); /* maybe of the same call: it is not repeated twice */
    assert_int_equal(ask(10, "Foo"), SPELLING_EXISTS);
    assert_int_equal(ask(11, "FOO"), SPELLING_ASK_AGAIN); /* another task */
}

static void test_rename(void **state) {
    assert_int_equal(ask(10, "FOO"), SPELLING_ASK_AGAIN);
    assert_int_equal(ask(10, "foo"), SPELLING_EXISTS); /* repeated: first the old name, asked for anew */
    assert_int_equal(ask(10, "FOO"), SPELLING_ABSENT);
    assert_int_equal(ask(10, "FOO"), SPELLING_EXISTS); /* only once */
}

static void test_rename_is_told_from_others(void **state) {
    assert_int_equal(ask(10, "FOO"), SPELLING_ASK_AGAIN);
    assert_int_equal(ask(11, "foo"), SPELLING_EXISTS); /* not by that task */
    assert_int_equal(ask(10, "FOO"), SPELLING_EXISTS);
    assert_int_equal(ask(12, "FOO"), SPELLING_ASK_AGAIN);
    assert_int_equal(ask(12, "bar"), SPELLING_EXISTS); /* another name */
    assert_int_equal(ask(12, "FOO"), SPELLING_EXISTS);
}

static void test_directories_and_strangers(void **state) {
    assert_int_equal(ask(10, "DIR"), SPELLING_EXISTS);
    assert_int_equal(ask(10, "dir"), SPELLING_EXISTS);
    assert_int_equal(ask(0, "FOO"), SPELLING_EXISTS); /* whose id is not visible */
}

/* A task that looks and then renames, when the kernel has had to forget what it saw. */
static void test_again_later(void **state) {
    assert_int_equal(ask(10, "FOO"), SPELLING_ASK_AGAIN);
    assert_int_equal(ask(10, "FOO"), SPELLING_EXISTS);
    usleep(30000);
    assert_int_equal(ask(10, "FOO"), SPELLING_ASK_AGAIN);
    assert_int_equal(ask(10, "foo"), SPELLING_EXISTS);
    assert_int_equal(ask(10, "FOO"), SPELLING_ABSENT);
}

static void test_many_tasks(void **state) {
    for (pid_t task = 1; task <= 10000; task++) {
        bool refused = ask(task, "FOO") == SPELLING_ASK_AGAIN;
        assert_false(refused && ask(task, "FOO") == SPELLING_ASK_AGAIN); /* never twice */
    }
}

static void wait_for_entries(int count) {
    for (int i = 0; i < 200 && entries_notified < count; i++)
        usleep(5000);
    assert_int_equal(entries_notified, count);
}

static void test_dropping(void **state) {
    spellings_begin(f.spellings);
    spellings_shown(f.spellings, f.volume.root, f.file, "FOO");
    spellings_shown(f.spellings, f.volume.root, f.file, "FOO"); /* once is enough */
    wait_for_entries(1);
    atomic_store(&f.file->opens, 1);
    spellings_shown(f.spellings, f.volume.root, f.file, "FOO");
    usleep(50000);
    assert_int_equal(entries_notified, 1); /* it is open */
    atomic_store(&f.file->opens, 0);
    wait_for_entries(2); /* once it is closed */
    spellings_end(f.spellings);
    spellings_shown(f.spellings, f.volume.root, f.file, "FOO");
    assert_int_equal(entries_notified, 2);
    assert_int_equal(f.file->references, 1);
}

static void test_dropping_what_keeps_the_file(void **state) {
    spellings_begin(f.spellings);
    spellings_shown(f.spellings, f.volume.root, f.file, "FOO");
    spellings_shown(f.spellings, f.volume.root, f.file, "Foo");
    spellings_shown(f.spellings, f.volume.root, f.file, "fOO");
    wait_for_entries(3); /* each */
    atomic_store(&f.file->opens, 1);
    f.file->links = 0;
    spellings_removed(f.spellings, f.volume.root, f.file, "foo");
    wait_for_entries(4); /* although it is open: it is deleted */
    spellings_end(f.spellings);
    assert_int_equal(f.file->references, 1);
}

/* The same spelling of one file in two directories is two names. */
static void test_dropping_hard_links(void **state) {
    spellings_begin(f.spellings);
    spellings_shown(f.spellings, f.volume.root, f.file, "FOO");
    spellings_shown(f.spellings, f.directory, f.file, "FOO");
    wait_for_entries(2);
    spellings_end(f.spellings);
}

/* A volume that is handed over does not wait for files to be closed. */
static void test_idle_with_open_files(void **state) {
    spellings_begin(f.spellings);
    atomic_store(&f.file->opens, 1);
    spellings_shown(f.spellings, f.volume.root, f.file, "FOO");
    usleep(50000);
    assert_int_equal(entries_notified, 0);
    assert_true(spellings_idle(f.spellings));
    assert_int_equal(entries_notified, 1);
    assert_int_equal(f.file->references, 1);
    spellings_shown(f.spellings, f.volume.root, f.file, "FOO"); /* and all goes on as before */
    usleep(50000);
    assert_int_equal(entries_notified, 1);
    atomic_store(&f.file->opens, 0);
    spellings_end(f.spellings);
    assert_int_equal(f.file->references, 1);
}

static void test_kernels(void **state) {
    spellings_begin(f.spellings);
    assert_true(spellings_remembered(f.spellings));
    int before = names_notified;
    spellings_removed(f.spellings, f.volume.root, f.file, "foo");
    assert_int_equal(names_notified, before + 1);
    wait_for_entries(1); /* else the kernel would keep the file, by a name that nobody asks for any more */
    spellings_end(f.spellings);
    kernel_answer = -EOPNOTSUPP;
    spellings_begin(f.spellings);
    assert_false(spellings_remembered(f.spellings));
    before = names_notified;
    spellings_removed(f.spellings, f.volume.root, f.file, "foo");
    assert_int_equal(names_notified, before);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_stat),
        TEST(test_rename),
        TEST(test_rename_is_told_from_others),
        TEST(test_directories_and_strangers),
        TEST(test_again_later),
        TEST(test_many_tasks),
        TEST(test_dropping),
        TEST(test_dropping_what_keeps_the_file),
        TEST(test_dropping_hard_links),
        TEST(test_idle_with_open_files),
        TEST(test_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
