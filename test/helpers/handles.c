/* SPDX-License-Identifier: MIT */
/*
 * File handles, as an NFS server has them: good for as long as their file is there, also when the kernel has forgotten
 * it.
 *
 *     handles FOLDER        as root, on the host: it empties the kernel's cache of names
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct handle {
    struct file_handle head;
    unsigned char bytes[128];
};

static int folder, bad;

static struct handle handle_of(const char *name) {
    struct handle handle = {.head.handle_bytes = sizeof handle.bytes};
    int mount;
    if (name_to_handle_at(folder, name, &handle.head, &mount, 0) < 0)
        err(1, "handle of %s", name);
    return handle;
}

static void forget(void) {
    sync();
    int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "2", 1) != 1)
        err(1, "drop_caches");
    close(fd);
}

/* error: what opening it must say; content: what it holds, of a regular file. */
static void check(const char *what, struct handle handle, int error, const char *content) {
    char text[64] = "";
    int fd = open_by_handle_at(folder, &handle.head, O_RDONLY | O_CLOEXEC), is = fd < 0 ? errno : 0;
    if (fd >= 0 && content && read(fd, text, sizeof text - 1) < 0)
        is = errno;
    bool right = is == error && (!content || strcmp(text, content) == 0);
    printf("%s: %s%s%s\n", what, strerror(is), text, right ? "" : " WRONG");
    bad |= !right;
    if (fd >= 0)
        close(fd);
}

static void put(const char *name, const char *content) {
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, content, strlen(content)) != (ssize_t)strlen(content))
        err(1, "%s", name);
    close(fd);
}

int main(int argc, char **argv) {
    if (argc != 2 || (folder = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        errx(2, "usage: handles FOLDER");
    put("file", "hello");
    if (mkdirat(folder, "d", 0755) < 0 || mkdirat(folder, "d/e", 0755) < 0)
        err(1, "d");
    put("d/e/deep", "deep");
    put("renamed", "renamed");
    put("gone", "gone");
    struct handle file = handle_of("file"), directory = handle_of("d/e"), deep = handle_of("d/e/deep"),
                  renamed = handle_of("renamed"), gone = handle_of("gone"), root = handle_of(".");
    if (renameat(folder, "renamed", folder, "d/other") < 0 || unlinkat(folder, "gone", 0) < 0)
        err(1, "rename");
    put("another", "another"); /* perhaps in its place */
    check("at once", file, 0, "hello");
    for (int turn = 0; turn < 2; turn++) {
        forget();
        check("file", file, 0, "hello");
        check("directory", directory, 0, NULL);
        check("deep", deep, 0, "deep");
        check("renamed", renamed, 0, "renamed");
        check("gone", gone, ESTALE, NULL);
        check("root", root, 0, NULL);
    }
    forget();
    int fd = open_by_handle_at(folder, &directory.head, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char path[4096] = "", self[64];
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    if (fd < 0 || readlink(self, path, sizeof path - 1) < 0 || !strstr(path, "/d/e"))
        printf("a directory has its path: %s WRONG\n", path), bad = 1;
    return bad;
}
