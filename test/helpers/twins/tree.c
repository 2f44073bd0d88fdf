/* SPDX-License-Identifier: MIT */
/* What is in a world, and how two differ. */
#include "twins.h"

#include <dirent.h>
#include <sys/xattr.h>

#define STEP 65536
#define LIST_MAX 65536

/* ---- taking ---------------------------------------------------------------------------------------------------- */

void path_fold(char *path) {
    for (unsigned char *at = (unsigned char *)path; *at; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at = (unsigned char)(*at - 'A' + 'a');
        else if (at[0] == 0xc3 && at[1] == 0x84)
            at[1] = 0xa4;
}

static void add(struct tree *tree, const struct world *world, const char *path, const struct stat *status) {
    tree->items = realloc(tree->items, (tree->count + 1) * sizeof *tree->items);
    if (!tree->items)
        give_up("no memory");
    struct item *item = &tree->items[tree->count++];
    *item = (struct item){.path = strdup(path), .real = strdup(path), .status = *status};
    if (!item->path || !item->real)
        give_up("no memory");
    if (world->ignores_case)
        path_fold(item->path);
}

static void take(const struct world *world, const char *path, struct tree *tree) {
    int fd =
        openat(world->root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | (getuid() == 0 ? O_NOATIME : 0));
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    if (!directory)
        give_up("cannot list %s: %s", path, strerror(errno));
    while ((entry = readdir(directory))) {
        char below[4096];
        struct stat status;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        if (fstatat(world->root, below, &status, AT_SYMLINK_NOFOLLOW) < 0)
            give_up("%s is listed, but: %s", below, strerror(errno));
        if (status.st_ino != entry->d_ino)
            give_up("%s is listed with another inode number", below);
        add(tree, world, below, &status);
        if (S_ISDIR(status.st_mode))
            take(world, below, tree);
    }
    closedir(directory);
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct item *)a)->path, ((const struct item *)b)->path);
}

void tree_take(const struct world *world, struct tree *ret_tree) {
    struct stat status;
    *ret_tree = (struct tree){NULL, 0};
    if (fstat(world->root, &status) < 0)
        give_up("fstat: %s", strerror(errno));
    add(ret_tree, world, ".", &status);
    take(world, ".", ret_tree);
    qsort(ret_tree->items, ret_tree->count, sizeof *ret_tree->items, by_path);
}

void tree_free(struct tree *tree) {
    for (size_t i = 0; i < tree->count; i++) {
        free(tree->items[i].path);
        free(tree->items[i].real);
    }
    free(tree->items);
    *tree = (struct tree){NULL, 0};
}

/* ---- contents -------------------------------------------------------------------------------------------------- */

/* Reads what at least one of them calls data: what is a hole in both is not read, so data missing in one is seen, and
 * what one has reserved and the other not makes no difference. */
static bool contents_differ(int a, int b, off_t size) {
    static char in_a[STEP], in_b[STEP];
    for (off_t at = 0; at < size;) {
        off_t data_a = lseek(a, at, SEEK_DATA), data_b = lseek(b, at, SEEK_DATA);
        off_t next = data_a < 0 ? size : data_a;
        if (data_b >= 0 && data_b < next)
            next = data_b;
        if (next >= size)
            return false;
        if (next - at > STEP)
            at = next & ~(off_t)(STEP - 1);
        ssize_t n = pread(a, in_a, STEP, at), m = pread(b, in_b, STEP, at);
        if (n <= 0 || n != m || memcmp(in_a, in_b, (size_t)n) != 0)
            return true;
        at += n;
    }
    return false;
}

static bool files_differ(const struct world *a, const struct item *in_a, const struct world *b,
                         const struct item *in_b) {
    int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | (getuid() == 0 ? O_NOATIME : 0);
    int one = openat(a->root, in_a->real, flags), two = openat(b->root, in_b->real, flags);
    bool differ = (one < 0) != (two < 0);
    if (one >= 0 && two >= 0) {
        differ = contents_differ(one, two, in_a->status.st_size);
        if (differ)
            fprintf(stderr, "  %s: contents differ\n", in_a->path);
    }
    close(one);
    close(two);
    return differ;
}

/* A sum over all attributes and their values: their order is free. */
static uint64_t hash_attributes(const struct world *world, const struct item *item, unsigned how) {
    static char names[LIST_MAX], value[LIST_MAX];
    char path[4200];
    uint64_t sum = 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d/%s", world->root, item->real);
    ssize_t size = llistxattr(path, names, sizeof names);
    for (ssize_t at = 0; at < size; at += (ssize_t)strlen(names + at) + 1) {
        if (!(how & COMPARE_PRIVILEGES) && !strcmp(names + at, "security.capability"))
            continue;
        ssize_t n = lgetxattr(path, names + at, value, sizeof value);
        sum +=
            hash_bytes(names + at, strlen(names + at)) ^ (n < 0 ? (uint64_t)-errno : hash_bytes(value, (size_t)n) * 31);
    }
    return size < 0 ? (uint64_t)-errno : sum;
}

static bool links_differ(const struct world *a, const struct item *in_a, const struct world *b,
                         const struct item *in_b) {
    char one[4096] = "", two[4096] = "";
    ssize_t n = readlinkat(a->root, in_a->real, one, sizeof one), m = readlinkat(b->root, in_b->real, two, sizeof two);
    return n != m || memcmp(one, two, n < 0 ? 0 : (size_t)n) != 0;
}

/* ---- differing ------------------------------------------------------------------------------------------------- */

static bool status_differs(const struct item *a, const struct item *b, unsigned how) {
    struct stat copy[2] = {a->status, b->status};
    const struct stat *one = &copy[0], *two = &copy[1];
    bool differ = false;
    for (int i = 0; i < 2 && !(how & COMPARE_PRIVILEGES); i++)
        copy[i].st_mode &= S_ISREG(copy[i].st_mode) ? ~(mode_t)(S_ISUID | S_ISGID) : ~(mode_t)0;
#define SAME(member, format)                                                                                           \
    if (one->member != two->member) {                                                                                  \
        fprintf(stderr, "  %s: " #member " is " format ", and " format "\n", a->path, (unsigned long long)one->member, \
                (unsigned long long)two->member);                                                                      \
        differ = true;                                                                                                 \
    }
    SAME(st_mode, "%llo")
    SAME(st_nlink, "%llu")
    SAME(st_uid, "%llu")
    SAME(st_gid, "%llu")
    SAME(st_rdev, "%llx")
    if (!S_ISDIR(one->st_mode))
        SAME(st_size, "%llu")
    if ((how & COMPARE_BLOCKS) && S_ISREG(one->st_mode))
        SAME(st_blocks, "%llu")
#undef SAME
    return differ;
}

static bool items_differ(const struct world *a, const struct item *in_a, const struct world *b, const struct item *in_b,
                         bool contents, unsigned how) {
    if (status_differs(in_a, in_b, how))
        return true;
    if (!contents)
        return false;
    if (hash_attributes(a, in_a, how) != hash_attributes(b, in_b, how)) {
        fprintf(stderr, "  %s: extended attributes differ\n", in_a->path);
        return true;
    }
    if (S_ISLNK(in_a->status.st_mode) && links_differ(a, in_a, b, in_b)) {
        fprintf(stderr, "  %s: where the link points differs\n", in_a->path);
        return true;
    }
    return S_ISREG(in_a->status.st_mode) && files_differ(a, in_a, b, in_b);
}

bool trees_differ(const struct world *a, const struct tree *in_a, const struct world *b, const struct tree *in_b,
                  bool contents, unsigned how) {
    bool differ = false;
    for (size_t i = 0, j = 0; i < in_a->count || j < in_b->count;) {
        int order = i == in_a->count ? 1 : j == in_b->count ? -1 : strcmp(in_a->items[i].path, in_b->items[j].path);
        if (order != 0) {
            fprintf(stderr, "  %s: only in the %s\n", order < 0 ? in_a->items[i].path : in_b->items[j].path,
                    order < 0 ? "first" : "second");
            differ = true;
            i += order < 0;
            j += order > 0;
            continue;
        }
        differ |= items_differ(a, &in_a->items[i++], b, &in_b->items[j++], contents, how);
    }
    return differ;
}

/* ---- times ----------------------------------------------------------------------------------------------------- */

static const struct item *find_inode(const struct tree *tree, ino_t inode) {
    for (size_t i = 0; i < tree->count; i++)
        if (tree->items[i].status.st_ino == inode)
            return &tree->items[i];
    return NULL;
}

static bool is_not_after(struct timespec a, struct timespec b) {
    return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec <= b.tv_nsec);
}

/* Whether reading it is to change its atime. */
static bool needs_atime(const struct stat *status) {
    return is_not_after(status->st_atim, status->st_mtim) || is_not_after(status->st_atim, status->st_ctim);
}

static bool is_same(struct timespec a, struct timespec b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static unsigned changed_times(const struct stat *before, const struct stat *after) {
    return (is_same(before->st_atim, after->st_atim) ? 0 : 4) | (is_same(before->st_mtim, after->st_mtim) ? 0 : 2) |
           (is_same(before->st_ctim, after->st_ctim) ? 0 : 1);
}

static void print_times(const char *path, const char *which, unsigned times) {
    fprintf(stderr, "  %s: changed in the %s:%s%s%s\n", path, which, times & 4 ? " atime" : "",
            times & 2 ? " mtime" : "", times & 1 ? " ctime" : "");
}

bool times_differ(const struct tree *a_before, const struct tree *a_after, const struct tree *b_before,
                  const struct tree *b_after, bool cached) {
    bool differ = false;
    for (size_t i = 0; i < a_after->count && i < b_after->count; i++) {
        const struct item *a = &a_after->items[i], *b = &b_after->items[i];
        const struct item *a_was = find_inode(a_before, a->status.st_ino),
                          *b_was = find_inode(b_before, b->status.st_ino);
        if (strcmp(a->path, b->path) != 0 || !a_was != !b_was)
            return true;
        if (!a_was)
            continue;
        unsigned in_a = changed_times(&a_was->status, &a->status), in_b = changed_times(&b_was->status, &b->status);
        /* the kernel keeps where links point */
        unsigned mask =
            cached || S_ISLNK(a->status.st_mode) || needs_atime(&a_was->status) != needs_atime(&b_was->status) ? 3 : 7;
        if ((in_a & mask) == (in_b & mask))
            continue;
        print_times(a->path, "first", in_a);
        print_times(b->path, "second", in_b);
        differ = true;
    }
    return differ;
}
