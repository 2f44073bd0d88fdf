/* SPDX-License-Identifier: MIT */
/*
 * Many open files that are closed at once: by the end of the process that has them.
 *
 *     many-open FOLDER COUNT BYTES keep|remove
 *
 * Opens COUNT files in FOLDER for reading and writing, puts BYTES bytes into each, removes them where asked to, and
 * ends without closing one.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc != 5)
        errx(2, "usage: many-open FOLDER COUNT BYTES keep|remove");
    struct rlimit limit = {(rlim_t)atoi(argv[2]) + 64, (rlim_t)atoi(argv[2]) + 64};
    size_t size = (size_t)atol(argv[3]);
    char *bytes = calloc(1, size + 1), path[4096];
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || !bytes)
        err(1, "limit of open files");
    /* those with content are passed through from their second opening on: made first, opened then */
    for (int turn = 0; turn < 2; turn++)
        for (int i = 0; i < atoi(argv[2]); i++) {
            snprintf(path, sizeof path, "%s/%d", argv[1], i);
            int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
            if (fd < 0 || (turn == 0 && write(fd, bytes, size) != (ssize_t)size))
                err(1, "%s", path);
            if (turn == 0)
                close(fd);
            else if (strcmp(argv[4], "remove") == 0 && unlink(path) < 0)
                err(1, "removing %s", path);
        }
    _exit(0);
}
