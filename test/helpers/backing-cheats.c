/* SPDX-License-Identifier: MIT */
/*
 * What a server must not get by having a file registered for pass-through, tried from inside a container: a file system
 * of one file, "file", whose content is a backing file.
 *
 *     backing-cheats refused MOUNT-POINT FOLDER
 *         Tries what must be refused, and prints "NAME: ERROR" for each. Its files are in FOLDER; "append" and
 * "immutable" are to become that when "opened" is there. backing-cheats many MOUNT-POINT FOLDER Registers one file
 * until that is refused, and prints how often it was not. backing-cheats late MOUNT-POINT FOLDER Sends the service more
 * than it can answer before it reads the answers; exits with 0 when all came. backing-cheats serve MOUNT-POINT FILE
 *         Serves FILE, and prints "serving".
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linfsp/linfsp.h>

#include "lib/volume.h"

#define FILE_INODE 2

struct served {
    int fd; /* the backing file */
    int backing_id;
};

static int cheat_getattr(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    const struct served *served = linfsp_request_context(request);
    struct stat status = {.st_ino = inode, .st_nlink = 1, .st_mode = S_IFDIR | 0777};
    (void)file;
    if (inode == FILE_INODE && fstat(served->fd, &status) < 0)
        return -errno;
    /* writing "file" is not to be refused, nor to clear anything, for its own sake */
    if (inode == FILE_INODE)
        status.st_mode = S_IFREG | 0666;
    return linfsp_reply_attributes(request, &status, 0);
}

static int cheat_lookup(linfsp_request *request, uint64_t parent, const char *name) {
    const struct served *served = linfsp_request_context(request);
    struct linfsp_entry entry = {0};
    if (parent == LINFSP_ROOT_INODE && strcmp(name, "file") == 0) {
        entry.inode = FILE_INODE;
        if (fstat(served->fd, &entry.attributes) < 0)
            return -errno;
        entry.attributes.st_mode = S_IFREG | 0666;
    }
    return linfsp_reply_entry(request, &entry);
}

static int cheat_open(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    const struct served *served = linfsp_request_context(request);
    (void)inode;
    file->open_flags = LINFSP_OPEN_PASSTHROUGH;
    file->backing_id = served->backing_id;
    return linfsp_reply_open(request, file);
}

static const struct linfsp_operations operations = {
    .size = sizeof operations, .lookup = cheat_lookup, .getattr = cheat_getattr, .open = cheat_open};

static linfsp_volume *volume;

static void *run(void *unused) {
    (void)unused;
    (void)linfsp_volume_run(volume);
    return NULL;
}

static void report(const char *name, int r) {
    printf("%s: %s\n", name, r > 0 ? "REGISTERED" : r == 0 ? "nothing" : strerror(-r));
}

/* Of a file in the folder, or any other by its whole path. */
static void try_file(const char *name, const char *folder, const char *file, int flags) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s%s%s", *file == '/' ? "" : folder, *file == '/' ? "" : "/", file);
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd < 0)
        printf("%s: cannot be opened: %s\n", name, strerror(errno));
    else
        report(name, linfsp_backing_open(volume, fd));
    close(fd);
}

/* With something else in the place of the volume's own descriptor. */
static void try_connection(const char *name, int instead, int file) {
    int own = volume->session.fds[0];
    volume->session.fds[0] = instead; /* linfsp_backing_open looks there */
    report(name, linfsp_backing_open(volume, file));
    volume->session.fds[0] = own;
    close(instead);
}

/* Opened before it became what the flag says: it is waited for. */
static void try_changed(const char *name, int fd, uint64_t flag) {
    struct statx status = {0};
    for (int i = 0; i < 100 && !(status.stx_attributes & flag); i++) {
        usleep(50 * 1000);
        (void)statx(fd, "", AT_EMPTY_PATH, 0, &status);
    }
    if (status.stx_attributes & flag)
        report(name, linfsp_backing_open(volume, fd));
    else
        printf("%s: it did not change\n", name);
    close(fd);
}

static int open_in(const char *folder, const char *name) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        err(1, "%s", path);
    return fd;
}

static void try_all(const char *folder, int file) {
    int pair[2];
    char own[PATH_MAX];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        err(1, "socketpair");
    snprintf(own, sizeof own, "%s/file", linfsp_volume_mount_point(volume));
    int append = open_in(folder, "append"), immutable = open_in(folder, "immutable");
    close(open_in(folder, "opened"));
    try_file("read-only", folder, "plain", O_RDONLY);
    try_file("write-only", folder, "plain", O_WRONLY);
    try_file("name only", folder, "plain", O_PATH);
    try_file("appending", folder, "plain", O_RDWR | O_APPEND);
    try_file("folder", folder, "/", O_RDONLY | O_DIRECTORY);
    try_file("device", folder, "/dev/null", O_RDWR);
    try_file("process", folder, "/proc/self/comm", O_RDWR);
    try_file("file of the volume itself", folder, own, O_RDWR);
    report("socket", linfsp_backing_open(volume, pair[0]));
    try_connection("no connection", open("/dev/null", O_RDWR | O_CLOEXEC), file);
    try_connection("a file as connection", dup(file), file);
    try_connection("a socket as connection", pair[1], file);
    report("none that is registered, dropped", linfsp_backing_close(volume, 12345));
    close(pair[0]);
    try_changed("append-only", append, STATX_ATTR_APPEND);
    try_changed("immutable", immutable, STATX_ATTR_IMMUTABLE);
}

static int count_registrations(int file) {
    int count = 0, r;
    while ((r = linfsp_backing_open(volume, file)) > 0)
        count++;
    printf("%d: %s\n", count, strerror(-r));
    return 0;
}

/* Sends requests until the service takes no more, and only then reads what it answered: five times. */
static int reply_late(void) {
    union wire_message message;
    struct wire_plain request;
    unsigned sent = 0, answered = 0;
    int fds[WIRE_FDS_MAX], socket = volume->lifeline.socket;
    size_t n_fds;
    pthread_mutex_lock(&volume->lifeline.lock); /* the library does not read either */
    for (int turn = 0; turn < 5; turn++) {
        wire_begin(&request, WIRE_GET_STATUS, 1000);
        for (int idle = 0; idle < 50; usleep(10 * 1000), idle++)
            while (wire_send(socket, &request, NULL, 0) == 0) {
                sent++;
                idle = 0;
            }
        for (int idle = 0; answered < sent && idle < 500; usleep(10 * 1000), idle++)
            while (wire_receive(socket, &message, fds, &n_fds, NULL) > 0) {
                answered += message.header.type == WIRE_STATUS;
                idle = 0;
            }
    }
    pthread_mutex_unlock(&volume->lifeline.lock);
    char path[PATH_MAX];
    struct stat status;
    snprintf(path, sizeof path, "%s/file", linfsp_volume_mount_point(volume));
    printf("%u sent, %u answered; %s\n", sent, answered, strerror(stat(path, &status) < 0 ? errno : 0));
    return sent > 500 && answered == sent ? 0 : 1;
}

int main(int argc, char **argv) {
    struct linfsp_volume_options options = {
        .size = sizeof options, .file_system_name = "cheat", .want = LINFSP_WANT_PASSTHROUGH, .threads = 2};
    struct served served;
    struct linfsp_error error;
    pthread_t thread;
    char path[PATH_MAX];
    if (argc != 4)
        errx(2, "usage: backing-cheats refused|many|late|serve MOUNT-POINT FOLDER-OR-FILE");
    bool serve = strcmp(argv[1], "serve") == 0;
    snprintf(path, sizeof path, serve ? "%s" : "%s/plain", argv[3]);
    served.fd = open(path, O_RDWR | (serve ? 0 : O_CREAT) | O_CLOEXEC, 0600);
    if (served.fd < 0)
        err(1, "%s", path);
    options.mount_point = argv[2];
    if (linfsp_volume_create(&options, &operations, &served, &volume, &error) < 0)
        errx(1, "%s", error.message);
    if (!(linfsp_volume_granted(volume) & LINFSP_WANT_PASSTHROUGH))
        errx(3, "this kernel has no pass-through: Linux 6.9");
    served.backing_id = linfsp_backing_open(volume, served.fd);
    if (served.backing_id <= 0)
        errx(1, "a plain file is refused: %s", strerror(-served.backing_id));
    if (pthread_create(&thread, NULL, run, NULL) != 0)
        errx(1, "no thread");
    if (serve) {
        printf("serving\n");
        fflush(stdout);
        pause();
    } else if (strcmp(argv[1], "many") == 0) {
        count_registrations(served.fd);
    } else if (strcmp(argv[1], "late") == 0) {
        if (reply_late())
            return 1;
    } else {
        try_all(argv[3], served.fd);
    }
    linfsp_volume_stop(volume);
    pthread_join(thread, NULL);
    linfsp_volume_destroy(volume);
    return 0;
}
