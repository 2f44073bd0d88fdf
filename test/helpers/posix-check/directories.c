/* SPDX-License-Identifier: MIT */
/* Directories: making and removing, names, listings under change, threads side by side. */
#include "posix-check.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

static void directory_make_and_remove(void) {
    OK(mkdir("d", 0755));
    EQUAL(stat_of("d").st_mode, S_IFDIR | 0755);
    EQUAL(stat_of("d").st_nlink, 2);
    FAILS(EEXIST, mkdir("d", 0755));
    FAILS(ENOENT, mkdir("x/y", 0755));
    put_file("d/f", "x");
    FAILS(ENOTDIR, mkdir("d/f/g", 0755));
    FAILS(ENOTEMPTY, rmdir("d"));
    FAILS(ENOTDIR, rmdir("d/f"));
    FAILS(EISDIR, unlink("d"));
    OK(unlink("d/f"));
    FAILS(ENOENT, unlink("d/f"));
    FAILS(EINVAL, rmdir("d/."));
    FAILS(ENOTEMPTY, rmdir("d/.."));
    OK(rmdir("d"));
    FAILS(ENOENT, rmdir("d"));
    expect_absent("d");
}

static void directory_link_counts(void) {
    OK(mkdir("d", 0755));
    OK(mkdir("d/a", 0755));
    OK(mkdir("d/b", 0755));
    put_file("d/f", "x");
    EQUAL(stat_of("d").st_nlink, 4);
    OK(rmdir("d/a"));
    EQUAL(stat_of("d").st_nlink, 3);
    OK(mkdir("e", 0755));
    OK(rename("d/b", "e/b"));
    EQUAL(stat_of("d").st_nlink, 2);
    EQUAL(stat_of("e").st_nlink, 3);
    EQUAL(stat_of("e/b/..").st_ino, stat_of("e").st_ino);
}

static void directory_removed_but_open(void) {
    OK(mkdir("d", 0755));
    int fd = (int)OK(open("d", O_RDONLY | O_DIRECTORY));
    OK(rmdir("d"));
    FAILS(ENOENT, openat(fd, "f", O_CREAT | O_WRONLY, 0666));
    FAILS(ENOENT, mkdirat(fd, "e", 0777));
    struct stat status;
    OK(fstat(fd, &status));
    EQUAL(status.st_nlink, 0);
    DIR *listing = fdopendir(fd);
    EXPECT(listing);
    while (readdir(listing))
        ;
    closedir(listing);
    OK(mkdir("d", 0755));
    put_file("d/f", "another");
}

static void directory_names(void) {
    char name[258];
    memset(name, 'n', sizeof name);
    name[256] = '\0';
    FAILS(ENAMETOOLONG, open(name, O_CREAT | O_WRONLY, 0666));
    FAILS(ENAMETOOLONG, mkdir(name, 0777));
    name[255] = '\0';
    put_file(name, "long");
    expect_file(name, "long");
    static const char *odd[] = {" ", "a b", "a\nb", "\xff\xfe", "-", "~", "*", "\\", ":", "ä", "a\"b", "...", "\x01"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        put_file(odd[i], odd[i]);
        expect_file(odd[i], odd[i]);
    }
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        OK(unlink(odd[i]));
    FAILS(ENOENT, open("", O_RDONLY));
}

/* How often each file "0" to "count-1" is listed. */
static void count_entries(DIR *listing, int *counts, int count) {
    struct dirent *entry;
    errno = 0;
    while ((entry = readdir(listing))) {
        char *end;
        long i = strtol(entry->d_name, &end, 10);
        if (end != entry->d_name && !*end && i < count)
            counts[i]++;
    }
    EQUAL(errno, 0);
}

static void make_many(int from, int to) {
    char name[16];
    for (int i = from; i < to; i++) {
        snprintf(name, sizeof name, "%d", i);
        OK(mknod(name, S_IFREG | 0644, 0));
    }
}

static void remove_many(int from, int to) {
    char name[16];
    for (int i = from; i < to; i++) {
        snprintf(name, sizeof name, "%d", i);
        OK(unlink(name));
    }
}

/* The volume may have room for so many nodes only. */
static void need_nodes(int count) {
    char name[32];
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "need-%d", i);
        if (mknod(name, S_IFREG | 0644, 0) < 0 && errno == ENOSPC) {
            while (--i >= 0) {
                snprintf(name, sizeof name, "need-%d", i);
                OK(unlink(name));
            }
            skip("the volume was made for fewer files (memfs -n)");
        }
    }
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "need-%d", i);
        OK(unlink(name));
    }
}

/* A server may keep a listing only if the directory has not changed for a moment, as ptfs does. */
static void let_settle(void) {
    usleep(30000);
}

static void directory_of_many(void) {
    enum { COUNT = 20000 };
    static int counts[COUNT];
    need_nodes(COUNT);
    make_many(0, COUNT);
    let_settle();
    DIR *listing = opendir(".");
    count_entries(listing, counts, COUNT);
    for (int i = 0; i < COUNT; i++)
        EQUAL(counts[i], 1);
    rewinddir(listing);
    count_entries(listing, counts, COUNT);
    for (int i = 0; i < COUNT; i++)
        EQUAL(counts[i], 2);
    closedir(listing);
    remove_many(0, COUNT);
    FAILS(ENOENT, open("17", O_RDONLY));
}

static void directory_entries(void) {
    struct dirent *entry;
    int seen = 0;
    put_file("file", "");
    OK(mkdir("directory", 0777));
    OK(symlink("x", "link"));
    OK(mkfifo("fifo", 0666));
    DIR *listing = opendir(".");
    EXPECT(listing);
    while ((entry = readdir(listing))) {
        bool is_dot = entry->d_name[0] == '.';
        if (!is_dot)
            EQUAL(entry->d_ino, stat_of(entry->d_name).st_ino);
        int type = entry->d_type;
        seen += 1 << (is_dot && type == DT_DIR                                ? 0
                      : !strcmp(entry->d_name, "file") && type == DT_REG      ? 4
                      : !strcmp(entry->d_name, "directory") && type == DT_DIR ? 8
                      : !strcmp(entry->d_name, "link") && type == DT_LNK      ? 12
                      : !strcmp(entry->d_name, "fifo") && type == DT_FIFO     ? 16
                                                                              : 24);
    }
    EQUAL(seen, 0x11112); /* each once, and both dots */
    closedir(listing);
}

/* What is there all the while is seen exactly once, while other entries come and go around it. */
static void directory_stable_under_change(void) {
    enum { STABLE = 400, LOOSE = 2000 };
    static int counts[STABLE];
    need_nodes(STABLE + LOOSE);
    for (int i = 0; i < STABLE; i++) { /* mixed with those that will go */
        make_many(i, i + 1);
        make_many(STABLE + i * (LOOSE / STABLE), STABLE + (i + 1) * (LOOSE / STABLE));
    }
    char buffer[1024], name[16];
    let_settle();
    int fd = (int)OK(open(".", O_RDONLY | O_DIRECTORY)), gone = 0, made = 0;
    for (long size; (size = OK(syscall(SYS_getdents64, fd, buffer, sizeof buffer))) > 0;) {
        for (long at = 0; at < size;) {
            struct dirent64 *entry = (struct dirent64 *)(void *)(buffer + at);
            long i = atol(entry->d_name);
            if (entry->d_name[0] != '.' && entry->d_name[0] != 'm' && i < STABLE)
                counts[i]++;
            at += entry->d_reclen;
        }
        for (int i = 0; i < 40; i++) {
            if (gone < LOOSE)
                remove_many(STABLE + gone, STABLE + gone + 1), gone++;
            snprintf(name, sizeof name, "m%d", made++);
            OK(mknod(name, S_IFREG | 0644, 0));
            if (i % 2) {
                OK(unlink(name));
            }
        }
        EXPECT(made < 100000); /* a listing ends, though it makes entries itself */
    }
    for (int i = 0; i < STABLE; i++)
        EQUAL(counts[i], 1);
}

static void directory_remove_while_listing(void) {
    enum { COUNT = 3000 };
    struct dirent *entry;
    int removed = 0;
    need_nodes(COUNT);
    make_many(0, COUNT);
    let_settle();
    DIR *listing = opendir(".");
    while ((entry = readdir(listing)))
        if (entry->d_name[0] != '.') {
            OK(unlink(entry->d_name));
            removed++;
        }
    EQUAL(removed, COUNT);
    rewinddir(listing);
    make_many(7, 8);
    int found = 0;
    while ((entry = readdir(listing)))
        found += entry->d_name[0] == '7';
    EQUAL(found, 1);
    closedir(listing);
}

/* Reads one piece of a listing: counts the files in it, and says which was the last. */
static bool list_piece(int fd, int *counts, int count, char *ret_last) {
    char buffer[500];
    long n = OK(syscall(SYS_getdents64, fd, buffer, sizeof buffer));
    for (long at = 0; at < n;) {
        struct dirent64 *entry = (struct dirent64 *)(void *)(buffer + at);
        char *end;
        long i = strtol(entry->d_name, &end, 10);
        if (end != entry->d_name && !*end && i < count)
            counts[i]++;
        if (ret_last)
            strcpy(ret_last, entry->d_name);
        at += entry->d_reclen;
    }
    return n > 0;
}

/* A listing is under way while the file that it has come to is removed, and others list the same directory: wholly, or
 * only its beginning; whether or not it was listed before. None that is there all the while is missed. */
static void directory_listings_side_by_side(void) {
    enum { COUNT = 400 };
    make_many(0, COUNT);
    for (int variant = 0; variant < 4; variant++) {
        int counts[COUNT] = {0}, others[COUNT];
        char last[256] = "";
        let_settle();
        int before = (int)OK(open(".", O_RDONLY | O_DIRECTORY));
        while (variant & 1 && list_piece(before, others, COUNT, NULL))
            ;
        OK(close(before));
        int ours = (int)OK(open(".", O_RDONLY | O_DIRECTORY));
        for (int i = 0; i < 3; i++)
            list_piece(ours, counts, COUNT, last);
        OK(unlink(last));
        let_settle();
        int other = (int)OK(open(".", O_RDONLY | O_DIRECTORY));
        while (list_piece(other, others, COUNT, NULL) && variant & 2)
            ;
        while (list_piece(ours, counts, COUNT, NULL))
            ;
        OK(close(other));
        OK(close(ours));
        for (int i = 0; i < COUNT; i++)
            if (counts[i] != 1)
                fail_at(__FILE__, __LINE__, "variant %d: %d was listed %d times", variant, i, counts[i]);
        put_file(last, "");
    }
}

static void directory_tell_and_seek(void) {
    enum { COUNT = 500 };
    long positions[COUNT + 2];
    static char names[COUNT + 2][256];
    int count = 0;
    struct dirent *entry;
    need_nodes(COUNT);
    make_many(0, COUNT);
    let_settle();
    DIR *listing = opendir(".");
    for (;; count++) {
        long position = telldir(listing);
        if (!(entry = readdir(listing)))
            break;
        positions[count] = position;
        snprintf(names[count], sizeof *names, "%s", entry->d_name);
    }
    EQUAL(count, COUNT + 2);
    for (int i = 0; i < 100; i++) {
        int at = (int)draw((uint64_t)count);
        seekdir(listing, positions[at]);
        entry = readdir(listing);
        EXPECT(entry && strcmp(entry->d_name, names[at]) == 0);
    }
    closedir(listing);
}

static atomic_int threads_failed;

/* Makes, renames, lists, links and removes names that other threads do so too. */
static void *disturb(void *argument) {
    uint64_t seed = (uint64_t)(uintptr_t)argument * 2654435761u + 1;
    char a[16], b[16];
    for (int step = 0; step < 3000; step++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        snprintf(a, sizeof a, "%s%d", seed >> 60 & 1 ? "sub/" : "", (int)(seed >> 33 & 15));
        snprintf(b, sizeof b, "%s%d", seed >> 61 & 1 ? "sub/" : "", (int)(seed >> 43 & 15));
        int r = 0, fd;
        switch (seed >> 50 & 7) {
        case 0:
        case 1:
            r = fd = open(a, O_CREAT | O_WRONLY, 0666);
            if (fd >= 0 && (write(fd, a, 1) != 1 || close(fd) < 0))
                atomic_fetch_add(&threads_failed, 1);
            break;
        case 2:
            r = rename(a, b);
            break;
        case 3:
            r = unlink(a);
            break;
        case 4:
            r = link(a, b);
            break;
        case 5:
            r = renameat2(AT_FDCWD, a, AT_FDCWD, b, 2 /* RENAME_EXCHANGE */);
            break;
        case 6:
            r = mkdir(a, 0777);
            break;
        default:
            r = rmdir(a);
        }
        if (r < 0 && errno != ENOENT && errno != EEXIST && errno != ENOTEMPTY && errno != EISDIR && errno != ENOTDIR &&
            errno != EINVAL && errno != EPERM)
            atomic_fetch_add(&threads_failed, 1);
    }
    return NULL;
}

static int count_names(const char *path, int *ret_directories) {
    struct dirent *entry;
    char inner[300];
    int count = 0;
    *ret_directories = 0;
    DIR *listing = opendir(path);
    EXPECT(listing);
    while ((entry = readdir(listing))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        *ret_directories += S_ISDIR(stat_of(inner).st_mode);
        count++;
    }
    closedir(listing);
    return count;
}

static void directory_threads(void) {
    enum { THREADS = 6 };
    pthread_t threads[THREADS];
    int directories;
    OK(mkdir("sub", 0777));
    for (uintptr_t i = 0; i < THREADS; i++)
        EXPECT(pthread_create(&threads[i], NULL, disturb, (void *)i) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    EQUAL(threads_failed, 0);
    count_names(".", &directories);
    EQUAL(stat_of(".").st_nlink, directories + 2);
    count_names("sub", &directories);
    EQUAL(stat_of("sub").st_nlink, directories + 2);
}

const struct check directory_checks[] = {
    CHECK(directory_make_and_remove),
    CHECK(directory_link_counts),
    CHECK(directory_removed_but_open),
    CHECK(directory_names),
    CHECK(directory_of_many),
    CHECK(directory_entries),
    CHECK(directory_stable_under_change),
    CHECK(directory_remove_while_listing),
    CHECK(directory_listings_side_by_side),
    CHECK(directory_tell_and_seek),
    CHECK(directory_threads),
    CHECKS_END,
};
