/* SPDX-License-Identifier: MIT */
/* A volume's state: what is written is what is read; what is cut off, changed or made up is refused. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "data-file.h"
#include "pass.h"
#include "state.h"
#include "util/cleanup.h"

#define MOST (UINT64_C(1) << 40)

static struct volume volume, other;
static struct pass pass, other_pass;

/* What is written, and how far it was read. */
static struct bytes {
    unsigned char *data;
    size_t size, capacity, at;
    int fds[8];
    unsigned n_fds, fd_at;
} bytes;

static int write_bytes(void *context, const void *data, size_t size) {
    while (bytes.size + size > bytes.capacity) {
        bytes.capacity = bytes.capacity ? 2 * bytes.capacity : 65536;
        bytes.data = realloc(bytes.data, bytes.capacity);
    }
    memcpy(bytes.data + bytes.size, data, size);
    bytes.size += size;
    return 0;
}

static int write_fd(void *context, int fd) {
    bytes.fds[bytes.n_fds++] = fd;
    return 0;
}

static int read_bytes(void *context, void *ret_data, size_t size) {
    if (size > bytes.size - bytes.at)
        return -ECONNRESET;
    memcpy(ret_data, bytes.data + bytes.at, size);
    bytes.at += size;
    return 0;
}

static int read_fd(void *context, int *ret_fd) {
    if (bytes.fd_at == bytes.n_fds)
        return -EPROTO;
    *ret_fd = fcntl(bytes.fds[bytes.fd_at++], F_DUPFD_CLOEXEC, 3);
    return *ret_fd < 0 ? -errno : 0;
}

static const struct state_pipe pipe_of_bytes = {
    .write = write_bytes, .write_fd = write_fd, .read = read_bytes, .read_fd = read_fd};

static void make_other(void) {
    assert_int_equal(volume_init(&other, false, 1, 1), 0);
    memset(&other_pass, 0, sizeof other_pass);
    other.pass = &other_pass;
}

static int set_up(void **state) {
    bytes.size = bytes.at = 0;
    bytes.n_fds = bytes.fd_at = 0;
    memset(&pass, 0, sizeof pass);
    make_other();
    return volume_init(&volume, false, UINT64_C(1) << 40, 1 << 20);
}

static int tear_down(void **state) {
    volume_free(&volume);
    volume_free(&other);
    pass_free(&pass);
    pass_free(&other_pass);
    return 0;
}

/* A node with a name, as the operations make it. */
static struct node *make(struct node *parent, const char *name, mode_t mode) {
    struct node *node;
    assert_int_equal(node_new(&volume, mode, 11, 12, &node), 0);
    assert_int_equal(directory_insert(parent->directory, &volume.names, name, strlen(name), node, NULL), 0);
    node->links = S_ISDIR(mode) ? 2 : 1;
    parent->entries++;
    parent->links += S_ISDIR(mode);
    if (S_ISDIR(mode))
        node->directory->parent = parent;
    return node;
}

static void fill(struct node *node, uint64_t offset, size_t size, int byte) {
    _cleanup_free_ char *data = malloc(size);
    memset(data, byte, size);
    assert_int_equal(data_write(&node->data, &volume.space, offset, data, size), size);
}

/* Reads what was written into the other volume. */
static int hand_over(void) {
    bytes.at = bytes.fd_at = 0;
    assert_int_equal(state_write(&volume, &pipe_of_bytes), 0);
    int r = state_read(&other, &pipe_of_bytes, MOST);
    if (r == 0)
        assert_int_equal(bytes.at, bytes.size);
    return r;
}

static struct node *named(const struct node *directory, const char *name) {
    struct entry *entry = directory_find(directory->directory, &other.names, name, strlen(name));
    return entry ? entry->node : NULL;
}

static void assert_same(const struct node *node) {
    struct stat a, b;
    struct node *same = node_at(&other, node->index);
    assert_non_null(same);
    node_stat(&volume, (struct node *)(uintptr_t)node, &a);
    node_stat(&other, same, &b);
    assert_memory_equal(&a, &b, sizeof a);
    assert_int_equal(node->references, same->references);
    assert_int_equal(node->opens, same->opens);
}

static char byte_at(const struct node *node, uint64_t offset) {
    struct iovec pieces[DATA_PIECES(1)];
    assert_int_equal(data_read(&node->data, offset, 1, pieces), 1);
    return *(char *)pieces[0].iov_base;
}

/* A tree with one of everything. */
static void make_tree(void) {
    struct node *folder = make(volume.root, "folder", S_IFDIR | 0755), *node;
    make(folder, "inner", S_IFDIR | 01777);
    node = make(folder, "small", S_IFREG | 04711);
    fill(node, 0, 10, 's');
    assert_int_equal(xattr_set(&node->xattrs, &volume.space, "user.a", "value", 5, 0), 0);
    assert_int_equal(xattr_set(&node->xattrs, &volume.space, "user.empty", "", 0, 0), 0);
    node->atime = -1;
    node->mtime_ns = 999999999;
    make(folder, "empty", S_IFREG | 0600);
    node = make(folder, "large", S_IFREG | 0644);
    fill(node, 5000, 700000, 'l');
    fill(node, UINT64_C(1) << 40, 1, 'e');
    assert_int_equal(data_reserve(&node->data, &volume.space, UINT64_C(2) << 40, 100000), 0);
    node = make(folder, "link", S_IFLNK | 0777);
    node->target = strdup("../somewhere");
    node->target_size = strlen(node->target);
    node = make(folder, "device", S_IFCHR | 0600);
    node->device = 0x105;
    make(folder, "fifo", S_IFIFO | 0600);
}

static void test_round_trip(void **state) {
    make_tree();
    assert_int_equal(hand_over(), 0);
    for (struct node *node = node_next(&volume, 0); node; node = node_next(&volume, (uint64_t)node->index + 1))
        assert_same(node);
    struct node *folder = named(other.root, "folder");
    struct node *small = named(folder, "small"), *large = named(folder, "large"), *link = named(folder, "link");
    assert_ptr_equal(folder->directory->parent, other.root);
    assert_ptr_equal(named(folder, "inner")->directory->parent, folder);
    assert_int_equal(byte_at(small, 9), 's');
    assert_int_equal(byte_at(large, 4999), 0);
    assert_int_equal(byte_at(large, 5000), 'l');
    assert_int_equal(byte_at(large, 704999), 'l');
    assert_int_equal(byte_at(large, 705000), 0);
    assert_int_equal(byte_at(large, UINT64_C(1) << 40), 'e');
    assert_string_equal(link->target, "../somewhere");
    struct xattr *xattr = xattr_find(small->xattrs, "user.a");
    assert_non_null(xattr);
    assert_memory_equal(xattr_value(xattr), "value", 5);
    assert_non_null(xattr_find(small->xattrs, "user.empty"));
    assert_int_equal(space_used(&volume.space), space_used(&other.space));
    assert_int_equal(space_used(&volume.nodes), space_used(&other.nodes));
    assert_int_equal(other.space.limit, volume.space.limit);
    assert_null(other.pass);
}

static void test_goes_on(void **state) {
    make_tree();
    uint64_t next = volume.table.next_number;
    assert_int_equal(hand_over(), 0);
    struct node *node;
    for (unsigned i = 0; i < 3000; i++) { /* more than a chunk's slots: none may be taken twice */
        assert_int_equal(node_new(&other, S_IFREG | 0600, 0, 0, &node), 0);
        assert_int_equal(node->number, next + i);
        assert_null(node_at(&volume, node->index));
    }
}

static void test_free_slots_are_used_again(void **state) {
    struct node *nodes[2500];
    for (unsigned i = 0; i < 2500; i++)
        assert_int_equal(node_new(&volume, S_IFREG, 0, 0, &nodes[i]), 0);
    for (unsigned i = 0; i < 2500; i++) /* a whole chunk among them */
        if (i % 3 || (i > 1000 && i < 2200))
            node_drop(&volume, nodes[i], 1);
    assert_int_equal(hand_over(), 0);
    uint32_t used = other.table.used;
    for (unsigned i = 0; i < 2000; i++)
        assert_int_equal(node_new(&other, S_IFREG, 0, 0, &nodes[i]), 0);
    assert_true(other.table.used <= used + NODE_POOLS);
}

static void test_listings(void **state) {
    make_tree();
    struct listing *first = listing_new(&volume.listings, node_hold(volume.root));
    struct listing *second = listing_new(&volume.listings, node_hold(volume.root));
    struct listing *third = listing_new(&volume.listings, node_hold(volume.root));
    second->end = 77;
    third->cached = true;
    atomic_store(&volume.root->directory->cached, true);
    uint64_t handle = first->handle;
    node_drop(&volume, volume.root, 1);
    listing_free(&volume.listings, first);
    struct node *folder = directory_find(volume.root->directory, &volume.names, "folder", 6)->node;
    uint64_t end = directory_end(folder->directory);
    directory_remove(folder->directory, directory_find(folder->directory, &volume.names, "fifo", 4));
    folder->entries--;
    assert_int_equal(hand_over(), -EPROTO); /* a node of one link that has no name */
    make_other();
    bytes.size = 0;
    struct node *gone = node_next(&volume, 0);
    while (gone->type != S_IFIFO)
        gone = node_next(&volume, (uint64_t)gone->index + 1);
    node_drop(&volume, gone, 1);
    assert_int_equal(hand_over(), 0);
    assert_null(listing_of(&other.listings, handle));
    assert_int_equal(listing_of(&other.listings, second->handle)->end, 77);
    assert_true(listing_of(&other.listings, third->handle)->cached);
    assert_true(other.root->directory->cached);
    assert_int_equal(listing_new(&other.listings, node_hold(other.root))->handle, handle);
    struct node *same = named(other.root, "folder");
    assert_int_equal(directory_end(same->directory), end); /* an offset is never used twice */
    uint64_t cookie = 0;
    for (struct entry *entry = directory_next(folder->directory, 0); entry;
         entry = directory_next(folder->directory, cookie)) {
        struct entry *there = directory_next(same->directory, cookie);
        assert_string_equal(there->name, entry->name);
        assert_int_equal(there->cookie, entry->cookie);
        cookie = entry->cookie;
    }
    assert_null(directory_next(same->directory, cookie));
}

static void test_unnamed(void **state) {
    struct node *file = make(volume.root, "file", S_IFREG | 0600), *folder = make(volume.root, "x", S_IFDIR | 0700);
    fill(file, 0, 100000, 'u');
    directory_remove(volume.root->directory, directory_find(volume.root->directory, &volume.names, "file", 4));
    directory_remove(volume.root->directory, directory_find(volume.root->directory, &volume.names, "x", 1));
    volume.root->entries -= 2;
    volume.root->links--;
    file->links = 0; /* its reference is the kernel's now */
    folder->links = 0;
    folder->directory->removed = true;
    folder->directory->parent = NULL;
    assert_int_equal(hand_over(), 0);
    struct node *same = node_at(&other, file->index);
    assert_int_equal(byte_at(same, 99999), 'u');
    node_drop(&other, same, 1);
    assert_null(node_at(&other, file->index));
    node_drop(&other, node_at(&other, folder->index), 1);
    assert_int_equal(space_used(&other.space), 0);
    assert_int_equal(space_used(&other.nodes), 1);
}

static void test_options_and_folding(void **state) {
    volume_free(&volume);
    assert_int_equal(volume_init(&volume, true, 12345 * PAGE_BYTES, 77), 0);
    volume.timeout = 5;
    volume.purge = true;
    volume.file_size_max = 999;
    volume.size = 888;
    make(volume.root, "Name", S_IFREG | 0600);
    assert_int_equal(hand_over(), 0);
    assert_non_null(named(other.root, "nAME"));
    assert_true(other.purge);
    assert_int_equal(other.timeout, 5);
    assert_int_equal(other.file_size_max, 999);
    assert_int_equal(other.size, 888);
    assert_int_equal(other.nodes.limit, 77);
    assert_int_equal(other.space.limit, 12345 * PAGE_BYTES);
}

static void test_memory_files(void **state) {
    struct node *node = make(volume.root, "filed", S_IFREG | 0600);
    volume.pass = &pass;
    pass.from = 4096;
    fill(node, 0, 100000, 'f');
    assert_int_equal(data_to_file(&node->data, &volume.space), 0);
    node->data.file.backing_id = 5;
    node->passing = 1;
    node->opens = node->writers = 1;
    node_hold(node);
    pass_restore(&pass, node);
    assert_int_equal(hand_over(), 0);
    struct node *same = named(other.root, "filed");
    char byte;
    assert_true(same->passing && same->writers == 1 && same->data.file.listed == 1);
    assert_int_equal(same->data.file.backing_id, 5);
    assert_int_equal(other.pass->from, 4096);
    assert_int_equal(pwrite(node->data.file.fd, "g", 1, 50000), 1); /* the kernel has it as ever */
    assert_int_equal(data_file_read(&same->data, 50000, &byte, 1), 1);
    assert_int_equal(byte, 'g');
    assert_int_equal(space_used(&volume.space), space_used(&other.space));
    node->data.file.backing_id = same->data.file.backing_id = 0; /* so that freeing one does not empty the other */
}

/* At each length, and with each bit of the first bytes of it changed: refused, or a volume that can be freed. */
static void test_garbage(void **state) {
    make_tree();
    assert_int_equal(state_write(&volume, &pipe_of_bytes), 0);
    size_t size = bytes.size;
    for (size_t length = 0; length < size; length += length < 3000 ? 1 : 997) {
        bytes.size = length;
        bytes.at = 0;
        assert_true(state_read(&other, &pipe_of_bytes, MOST) < 0);
        assert_null(other.root);
    }
    bytes.size = size;
    unsigned refused = 0;
    for (size_t bit = 0; bit < (size_t)8 * 3000; bit++) {
        bytes.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        bytes.at = bytes.fd_at = 0;
        other.pass = &other_pass;
        refused += state_read(&other, &pipe_of_bytes, MOST) < 0;
        volume_free(&other);
        bytes.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    assert_true(refused > 1000);
}

static void test_another_version(void **state) {
    assert_int_equal(state_write(&volume, &pipe_of_bytes), 0);
    bytes.data[8]++;
    assert_int_equal(state_read(&other, &pipe_of_bytes, MOST), -EPROTO);
}

static void test_no_memory(void **state) {
    make_tree();
    assert_int_equal(state_write(&volume, &pipe_of_bytes), 0);
    assert_int_equal(state_read(&other, &pipe_of_bytes, space_used(&volume.space) - 1), -ENOMEM);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip),   TEST(test_goes_on), TEST(test_free_slots_are_used_again),
        TEST(test_listings),     TEST(test_unnamed), TEST(test_options_and_folding),
        TEST(test_memory_files), TEST(test_garbage), TEST(test_another_version),
        TEST(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
