/* SPDX-License-Identifier: MIT */
#include "worker/sqlite.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"

#define MAGIC "SQLite format 3"
#define HEADER_SIZE 100 /* of the database, on page 1 */
#define INTERIOR 0x05 /* types of a page of a table */
#define LEAF 0x0d
#define DEPTH_MAX 16
#define VALUE_MAX (1u << 20)
#define COLUMNS_MAX 16
#define PAGES_MAX 65536 /* that are looked at for one row */

struct database {
    int fd;
    size_t page_size, usable;
    uint32_t changes;
    unsigned pages_left;
};

struct bytes {
    const unsigned char *data;
    size_t size;
};

/* A row as it lies in its leaf; the rest of a long one is in a chain of pages. */
struct row {
    struct bytes local;
    size_t size; /* of all of it */
    uint32_t overflow; /* the first page of the rest */
};

struct column {
    size_t at, size; /* in the row */
    uint64_t type;
};

/* What is done with a row of a table: true ends the walk. */
typedef bool (*row_function)(struct database *database, const struct row *row, void *context);

static unsigned number(const unsigned char *bytes, unsigned count) {
    unsigned value = 0;
    while (count--)
        value = value << 8 | *bytes++;
    return value;
}

/* 7 bits a byte, the highest first; the ninth byte has 8. Returns how many bytes it has, or 0. */
static size_t read_varint(struct bytes from, size_t at, uint64_t *ret_value) {
    uint64_t value = 0;
    for (size_t n = 0; n < 9 && at + n < from.size; n++) {
        unsigned char byte = from.data[at + n];
        value = n == 8 ? value << 8 | byte : value << 7 | (byte & 0x7f);
        if (n == 8 || !(byte & 0x80)) {
            *ret_value = value;
            return n + 1;
        }
    }
    return 0;
}

static bool read_header(struct database *database) {
    unsigned char header[HEADER_SIZE];
    if (pread(database->fd, header, sizeof header, 0) != sizeof header || memcmp(header, MAGIC, sizeof MAGIC) != 0 ||
        header[18] != 1 || header[19] != 1)
        return false;
    database->page_size = number(header + 16, 2);
    if (database->page_size == 1)
        database->page_size = 65536;
    database->usable = database->page_size - header[20];
    database->changes = number(header + 24, 4);
    return database->page_size >= 512 && database->usable >= 480;
}

static unsigned char *read_page(struct database *database, uint32_t page) {
    if (page == 0 || database->pages_left == 0)
        return NULL;
    database->pages_left--;
    _cleanup_free_ unsigned char *data = malloc(database->page_size);
    off_t at = (off_t)(page - 1) * (off_t)database->page_size;
    return data && pread(database->fd, data, database->page_size, at) == (ssize_t)database->page_size
               ? steal_pointer(data)
               : NULL;
}

/* ---- rows ------------------------------------------------------------------------------------------------------ */

/* How much of a row of this size is in its leaf: the format's own formula. */
static size_t local_size(const struct database *database, uint64_t size) {
    size_t most = database->usable - 35, least = (database->usable - 12) * 32 / 255 - 23;
    if (size <= most)
        return (size_t)size;
    size_t fitting = least + (size_t)((size - least) % (database->usable - 4));
    return fitting <= most ? fitting : least;
}

static bool row_at(const struct database *database, struct bytes page, size_t at, struct row *ret_row) {
    uint64_t size, id;
    size_t n = read_varint(page, at, &size), m = n ? read_varint(page, at + n, &id) : 0;
    if (!m || size > INT32_MAX)
        return false;
    size_t local = local_size(database, size), begin = at + n + m;
    bool more = local < size;
    if (begin + local + (more ? 4 : 0) > page.size)
        return false;
    *ret_row = (struct row){.local = {.data = page.data + begin, .size = local},
                            .size = (size_t)size,
                            .overflow = more ? number(page.data + begin + local, 4) : 0};
    return true;
}

static size_t size_of_type(uint64_t type) {
    static const unsigned char sizes[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};
    return type < sizeof sizes ? sizes[type] : (size_t)(type - 12) / 2; /* blobs even, texts odd */
}

/* A row's head has the type of each column. */
static bool column_of(const struct row *row, unsigned index, struct column *ret_column) {
    uint64_t head, type;
    size_t at = read_varint(row->local, 0, &head), value = (size_t)head;
    if (!at || head > row->local.size || index >= COLUMNS_MAX)
        return false;
    for (unsigned i = 0; at < head; i++) {
        size_t n = read_varint(row->local, at, &type);
        if (!n || type > INT32_MAX || value > row->size || size_of_type(type) > row->size - value)
            return false;
        if (i == index) {
            *ret_column = (struct column){.at = value, .size = size_of_type(type), .type = type};
            return true;
        }
        value += size_of_type(type);
        at += n;
    }
    return false;
}

static bool column_is(const struct row *row, unsigned index, const char *text) {
    struct column column;
    return column_of(row, index, &column) && column.type >= 12 && column.size == strlen(text) &&
           column.at + column.size <= row->local.size && memcmp(row->local.data + column.at, text, column.size) == 0;
}

/* A copy of a column, from the leaf and the chain of pages behind it. */
static char *copy_of(struct database *database, const struct row *row, const struct column *column) {
    if (column->type < 12 || column->size >= VALUE_MAX || row->size >= 2 * VALUE_MAX)
        return NULL;
    _cleanup_free_ char *whole = malloc(row->size + 1);
    if (!whole)
        return NULL;
    memcpy(whole, row->local.data, row->local.size);
    uint32_t next = row->overflow;
    for (size_t at = row->local.size; at < row->size;) {
        _cleanup_free_ unsigned char *page = read_page(database, next);
        size_t piece = row->size - at < database->usable - 4 ? row->size - at : database->usable - 4;
        if (!page)
            return NULL;
        memcpy(whole + at, page + 4, piece);
        next = number(page, 4);
        at += piece;
    }
    memmove(whole, whole + column->at, column->size);
    whole[column->size] = 0;
    return steal_pointer(whole);
}

/* ---- tables ---------------------------------------------------------------------------------------------------- */

static bool walk(struct database *database, uint32_t root, unsigned depth, row_function function, void *context) {
    _cleanup_free_ unsigned char *data = depth < DEPTH_MAX ? read_page(database, root) : NULL;
    if (!data)
        return false;
    struct bytes page = {.data = data, .size = database->usable};
    const unsigned char *header = data + (root == 1 ? HEADER_SIZE : 0);
    size_t cells = (size_t)(header - data) + (header[0] == INTERIOR ? 12 : 8);
    unsigned count = number(header + 3, 2);
    if ((header[0] != INTERIOR && header[0] != LEAF) || cells + 2 * (size_t)count > page.size)
        return false;
    for (unsigned i = 0; i < count; i++) {
        size_t at = number(data + cells + 2 * i, 2);
        struct row row;
        if (at + 4 > page.size)
            return false;
        if (header[0] == INTERIOR ? walk(database, number(data + at, 4), depth + 1, function, context)
                                  : row_at(database, page, at, &row) && function(database, &row, context))
            return true;
    }
    return header[0] == INTERIOR && walk(database, number(header + 8, 4), depth + 1, function, context);
}

struct search {
    const char *key;
    unsigned column;
    uint32_t root; /* of the table */
    char *value;
};

/* type, name, tbl_name, rootpage, sql */
static bool find_table(struct database *database, const struct row *row, void *context) {
    struct search *search = context;
    struct column column;
    if (!column_is(row, 0, "table") || !column_is(row, 1, search->key) || !column_of(row, 3, &column) ||
        column.type < 1 || column.type > 4 || column.at + column.size > row->local.size)
        return false;
    search->root = number(row->local.data + column.at, (unsigned)column.size);
    return true;
}

static bool find_row(struct database *database, const struct row *row, void *context) {
    struct search *search = context;
    struct column column;
    if (!column_is(row, 0, search->key))
        return false;
    if (column_of(row, search->column, &column))
        search->value = copy_of(database, row, &column);
    return true;
}

static bool has_journal(const char *path) {
    char journal[PATH_MAX];
    struct stat status;
    return snprintf(journal, sizeof journal, "%s-journal", path) >= (int)sizeof journal || stat(journal, &status) == 0;
}

char *sqlite_read(const char *path, const char *table, const char *key, unsigned column) {
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct database database = {.fd = fd, .pages_left = PAGES_MAX}, after = {.fd = fd};
    struct search search = {.key = table};
    if (fd < 0 || has_journal(path) || !read_header(&database) || !walk(&database, 1, 0, find_table, &search))
        return NULL;
    search.key = key;
    search.column = column;
    (void)walk(&database, search.root, 0, find_row, &search);
    if (!has_journal(path) && read_header(&after) && after.changes == database.changes)
        return search.value;
    free(search.value);
    return NULL;
}
