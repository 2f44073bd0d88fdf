/* SPDX-License-Identifier: MIT */
/*
 * What apk (Alpine's package manager, which Debian has not) does to files, system call by system call, for a package of
 * three: `apk add FOLDER` installs or upgrades what lies in FOLDER, `apk fix` sets modes and owners again, `apk del`
 * removes. New files are written beside the old ones under names of apk's own, get their owner, mode and times there,
 * and all are renamed at the end. A configuration file that was changed stays, and the new one lies beside it.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct entry {
    const char *folder, *name, *link;
    mode_t mode;
    bool configuration;
} entries[] = {{"usr/bin", "fusermount3", NULL, 04755, false},
               {"usr/bin", "fusermount", "fusermount3", 0, false},
               {"etc", "fuse.conf", NULL, 0644, true}};
#define N_ENTRIES (sizeof entries / sizeof *entries)

static void check(bool good, const char *what) {
    if (good)
        return;
    printf("ERROR: %s: %m\n", what);
    exit(1);
}

static int open_folder(const struct entry *entry) {
    int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int folder = openat(root, entry->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    check(folder >= 0, entry->folder);
    close(root);
    return folder;
}

static void temporary_name(const struct entry *entry, char name[64]) {
    snprintf(name, 64, ".apk.%016zx", (size_t)(entry - entries) + 0xfeed);
}

static void copy(int from, int to) {
    static char buffer[65536];
    ssize_t n;
    while ((n = read(from, buffer, sizeof buffer)) > 0)
        check(write(to, buffer, (size_t)n) == n, "write");
}

static void extract(const char *source, const struct entry *entry) {
    char name[64], path[4096];
    int folder = open_folder(entry);
    temporary_name(entry, name);
    if (entry->link) {
        check(symlinkat(entry->link, folder, name) == 0, "symlink");
    } else {
        snprintf(path, sizeof path, "%s/%s/%s", source, entry->folder, entry->name);
        int from = open(path, O_RDONLY | O_CLOEXEC);
        int to = openat(folder, name, O_RDWR | O_CREAT | O_TRUNC | O_EXCL | O_CLOEXEC, entry->mode);
        check(from >= 0 && to >= 0, path);
        copy(from, to);
        check(fsync(to) == 0, "fsync");
        close(from);
        close(to);
    }
    check(fchownat(folder, name, 0, 0, AT_SYMLINK_NOFOLLOW) == 0, "chown");
    check(entry->link || fchmodat(folder, name, entry->mode, 0) == 0, "chmod");
    const struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    check(utimensat(folder, name, times, AT_SYMLINK_NOFOLLOW) == 0, "times");
    close(folder);
}

static void take_over(const struct entry *entry) {
    char name[64], beside[64];
    struct stat status;
    int folder = open_folder(entry);
    temporary_name(entry, name);
    bool there = fstatat(folder, entry->name, &status, AT_SYMLINK_NOFOLLOW) == 0;
    snprintf(beside, sizeof beside, "%s.apk-new", entry->name);
    const char *to = entry->configuration && there ? beside : entry->name;
    check(renameat(folder, name, folder, to) == 0, to);
    close(folder);
}

static void fix(const struct entry *entry) {
    int folder = open_folder(entry);
    check(fchownat(folder, entry->name, 0, 0, AT_SYMLINK_NOFOLLOW) == 0, "chown");
    check(entry->link || fchmodat(folder, entry->name, entry->mode, 0) == 0, "chmod");
    close(folder);
}

static void delete (const struct entry *entry) {
    int folder = open_folder(entry);
    check(unlinkat(folder, entry->name, 0) == 0, entry->name);
    close(folder);
}

int main(int argc, char **argv) {
    check(argc > 1, "usage: apk add FOLDER | fix | del");
    umask(0);
    for (size_t i = 0; i < N_ENTRIES; i++)
        if (strcmp(argv[1], "add") == 0 && argc > 2)
            extract(argv[2], &entries[i]);
        else if (strcmp(argv[1], "fix") == 0)
            fix(&entries[i]);
        else
            delete (&entries[i]);
    for (size_t i = 0; i < N_ENTRIES && strcmp(argv[1], "add") == 0; i++)
        take_over(&entries[i]);
    printf("OK\n");
    return 0;
}
