/* SPDX-License-Identifier: MIT */
#include "worker/bolt.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"

#define MAGIC 0xED0CDAEDu
#define VERSION 2
#define BRANCH 1 /* flags of a page */
#define LEAF 2
#define BUCKET 1 /* flag of a leaf's element: its value is a bucket */
#define DEPTH_MAX 16
#define SIZE_MAX_READ (1u << 20)

struct page_header {
    uint64_t id;
    uint16_t flags, count;
    uint32_t overflow; /* so many pages more belong to it */
};

struct meta {
    uint32_t magic, version, page_size, flags;
    uint64_t root, sequence, freelist, pages, transaction, checksum;
};

struct branch_element {
    uint32_t position, key_size; /* position: of the key, from this element on */
    uint64_t page;
};

struct leaf_element {
    uint32_t flags, position, key_size, value_size; /* the value follows the key */
};

struct bucket {
    uint64_t root, sequence; /* root 0: its only page follows */
};

struct bytes {
    char *data; /* freed by whoever owns the page that it points into */
    size_t size;
};

static void free_bytes(struct bytes *bytes) {
    free(bytes->data);
}

struct database {
    int fd;
    struct meta meta;
};

static uint64_t checksum(const struct meta *meta) {
    uint64_t sum = 14695981039346656037u; /* FNV-1a */
    const unsigned char *byte = (const unsigned char *)meta;
    for (size_t i = 0; i < offsetof(struct meta, checksum); i++)
        sum = (sum ^ byte[i]) * 1099511628211u;
    return sum;
}

static bool read_meta(int fd, off_t at, struct meta *ret_meta) {
    return pread(fd, ret_meta, sizeof *ret_meta, at + (off_t)sizeof(struct page_header)) == sizeof *ret_meta &&
           ret_meta->magic == MAGIC && ret_meta->version == VERSION && ret_meta->page_size >= 512 &&
           ret_meta->page_size <= 65536 && ret_meta->checksum == checksum(ret_meta);
}

/* The second meta page is where the first one's page size says; one of them may be half written. */
static bool read_metas(int fd, struct meta *ret_meta) {
    struct meta first, second;
    bool has_first = read_meta(fd, 0, &first);
    bool has_second = read_meta(fd, has_first ? (off_t)first.page_size : (off_t)sysconf(_SC_PAGESIZE), &second);
    if (has_second && (!has_first || second.transaction > first.transaction))
        *ret_meta = second;
    else if (has_first)
        *ret_meta = first;
    return has_first || has_second;
}

static bool read_page(const struct database *database, uint64_t id, struct bytes *ret_page) {
    struct page_header header;
    size_t size = database->meta.page_size;
    off_t at = (off_t)(id * size);
    if (id >= database->meta.pages || id > INT32_MAX ||
        pread(database->fd, &header, sizeof header, at) != sizeof header || header.overflow > SIZE_MAX_READ / size)
        return false;
    size *= header.overflow + 1;
    _cleanup_free_ char *data = malloc(size);
    if (!data || pread(database->fd, data, size, at) != (ssize_t)size)
        return false;
    *ret_page = (struct bytes){.data = steal_pointer(data), .size = size};
    return true;
}

/* The bytes of an element that begin position bytes behind it. */
static bool bytes_of(struct bytes page, size_t element, uint32_t position, uint32_t size, struct bytes *ret_bytes) {
    if (position > page.size - element || size > page.size - element - position)
        return false;
    *ret_bytes = (struct bytes){.data = page.data + element + position, .size = size};
    return true;
}

static int compare(struct bytes key, const char *with) {
    size_t size = strlen(with);
    int order = memcmp(key.data, with, key.size < size ? key.size : size);
    return order ? order : (key.size > size) - (key.size < size);
}

static bool element_at(struct bytes page, unsigned index, void *ret_element, size_t *ret_at) {
    *ret_at = sizeof(struct page_header) + index * sizeof(struct leaf_element);
    if (*ret_at + sizeof(struct leaf_element) > page.size)
        return false;
    memcpy(ret_element, page.data + *ret_at, sizeof(struct leaf_element));
    return true;
}
_Static_assert(sizeof(struct leaf_element) == sizeof(struct branch_element), "element_at reads both");

/* Where key may be, below a branch: the last element that is not behind it. */
static bool child_for(struct bytes page, unsigned count, const char *key, uint64_t *ret_child) {
    struct branch_element element;
    struct bytes found;
    size_t at;
    for (unsigned i = 0; i < count; i++) {
        if (!element_at(page, i, &element, &at) || !bytes_of(page, at, element.position, element.key_size, &found))
            return false;
        if (i > 0 && compare(found, key) > 0)
            break;
        *ret_child = element.page;
    }
    return count > 0;
}

static bool value_in(struct bytes page, unsigned count, const char *key, bool bucket, struct bytes *ret_value) {
    struct leaf_element element;
    struct bytes found;
    size_t at;
    for (unsigned i = 0; i < count; i++) {
        if (!element_at(page, i, &element, &at) || !bytes_of(page, at, element.position, element.key_size, &found))
            return false;
        if (compare(found, key) == 0 && (element.flags & BUCKET) == bucket)
            return bytes_of(page, at + element.position, element.key_size, element.value_size, ret_value);
    }
    return false;
}

static bool copy_of(struct bytes value, struct bytes *ret_copy) {
    char *data = value.size < SIZE_MAX_READ ? malloc(value.size + 1) : NULL;
    if (!data)
        return false;
    memcpy(data, value.data, value.size);
    data[value.size] = 0;
    *ret_copy = (struct bytes){.data = data, .size = value.size};
    return true;
}

/* Looks key up in a tree whose root page is given; a copy of its value, which is the caller's. */
static bool look_up(const struct database *database, struct bytes root, const char *key, bool bucket,
                    struct bytes *ret_value) {
    _cleanup_(free_bytes) struct bytes page = {0};
    struct bytes now = root, value;
    for (int depth = 0; depth < DEPTH_MAX; depth++) {
        struct page_header header;
        uint64_t child = 0;
        if (now.size < sizeof header)
            return false;
        memcpy(&header, now.data, sizeof header);
        if (header.flags & LEAF)
            return value_in(now, header.count, key, bucket, &value) && copy_of(value, ret_value);
        struct bytes next;
        if (!(header.flags & BRANCH) || !child_for(now, header.count, key, &child) ||
            !read_page(database, child, &next))
            return false;
        free_bytes(&page);
        page = now = next;
    }
    return false;
}

/* The root page of a bucket, whose value is given. Uses up value. */
static bool enter(const struct database *database, struct bytes *value, struct bytes *ret_root) {
    struct bucket bucket;
    if (value->size < sizeof bucket)
        return false;
    memcpy(&bucket, value->data, sizeof bucket);
    if (bucket.root)
        return read_page(database, bucket.root, ret_root);
    memmove(value->data, value->data + sizeof bucket, value->size - sizeof bucket);
    *ret_root = (struct bytes){.data = value->data, .size = value->size - sizeof bucket};
    value->data = NULL;
    return true;
}

char *bolt_read(int fd, const char *const *keys, size_t count) {
    struct database database = {.fd = fd};
    struct meta after;
    _cleanup_(free_bytes) struct bytes root = {0}, value = {0};
    if (count == 0 || !read_metas(fd, &database.meta) || !read_page(&database, database.meta.root, &root))
        return NULL;
    for (size_t i = 0; i < count; i++) {
        struct bytes next;
        if (!look_up(&database, root, keys[i], i + 1 < count, &value))
            return NULL;
        if (i + 1 == count)
            break;
        bool entered = enter(&database, &value, &next);
        free_bytes(&value);
        value = (struct bytes){0};
        if (!entered)
            return NULL;
        free_bytes(&root);
        root = next;
    }
    if (!read_metas(fd, &after) || after.transaction != database.meta.transaction)
        return NULL;
    return steal_pointer(value.data);
}
