/* SPDX-License-Identifier: MIT */
/*
 * mount-peer: what root does on the host, without any service: fsopen, fsconfig, fsmount, move_mount, and a server that
 * knows nothing but its root folder. The peer of volume-create and, with --serve, of memfs.
 *
 *     mount-peer [--count=N] MOUNTPOINT      mounts, asks for the root, unmounts; a line of JSON each time
 *     mount-peer --serve MOUNTPOINT          mounts and serves until SIGTERM
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/clock.h"

/* ---- the server ------------------------------------------------------------------------------------------------ */

struct answer {
    struct fuse_out_header header;
    union {
        struct fuse_init_out init;
        struct fuse_attr_out attributes;
    };
};

static void answer(int fd, const struct fuse_in_header *request) {
    struct answer answer = {.header = {.len = sizeof answer.header, .unique = request->unique}};
    if (request->opcode == FUSE_INIT) {
        answer.init = (struct fuse_init_out){
            .major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_write = 4096, .max_background = 16};
        answer.header.len += sizeof answer.init;
    } else if (request->opcode == FUSE_GETATTR) {
        answer.attributes.attr = (struct fuse_attr){.ino = FUSE_ROOT_ID, .mode = S_IFDIR | 0755, .nlink = 2};
        answer.header.len += sizeof answer.attributes;
    } else {
        answer.header.error = -ENOSYS;
    }
    if (write(fd, &answer, answer.header.len) < 0)
        warn("an answer was refused");
}

static void *serve(void *argument) {
    int fd = *(int *)argument;
    static _Alignas(8) char request[FUSE_MIN_READ_BUFFER];
    for (;;) {
        ssize_t size = read(fd, request, sizeof request);
        const struct fuse_in_header *header = (void *)request;
        if (size < 0 && errno == ENODEV)
            return NULL; /* unmounted */
        if (size > 0 && header->opcode != FUSE_FORGET && header->opcode != FUSE_BATCH_FORGET)
            answer(fd, header);
    }
}

/* ---- the mount ------------------------------------------------------------------------------------------------- */

static int check(int r, const char *what) {
    if (r < 0)
        err(1, "%s", what);
    return r;
}

static int set_text(int context, const char *key, const char *value) {
    return fsconfig(context, FSCONFIG_SET_STRING, key, value, 0);
}

/* Returns the fuse fd. */
static int mount_on(const char *path) {
    char text[16];
    int fd = check(open("/dev/fuse", O_RDWR | O_CLOEXEC), "/dev/fuse");
    int context = check(fsopen("fuse", FSOPEN_CLOEXEC), "fsopen");
    snprintf(text, sizeof text, "%d", fd);
    check(set_text(context, "source", "mount-peer"), "source");
    check(set_text(context, "subtype", "mount-peer"), "subtype");
    check(set_text(context, "fd", text), "fd");
    check(set_text(context, "rootmode", "40000"), "rootmode");
    check(set_text(context, "user_id", "0"), "user_id");
    check(set_text(context, "group_id", "0"), "group_id");
    check(fsconfig(context, FSCONFIG_SET_FLAG, "allow_other", NULL, 0), "allow_other");
    check(fsconfig(context, FSCONFIG_SET_FLAG, "default_permissions", NULL, 0), "default_permissions");
    check(fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0), "create");
    int mount = check(fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV), "fsmount");
    check(move_mount(mount, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH), "move_mount");
    close(mount);
    close(context);
    return fd;
}

static void once(const char *path) {
    struct stat attributes;
    pthread_t thread;
    uint64_t begin = clock_ns();
    int fd = mount_on(path);
    uint64_t mounted = clock_ns();
    errno = pthread_create(&thread, NULL, serve, &fd);
    check(-errno, "pthread_create");
    check(stat(path, &attributes), path);
    uint64_t seen = clock_ns();
    check(umount2(path, MNT_DETACH), "umount");
    pthread_join(thread, NULL);
    close(fd);
    uint64_t gone = clock_ns();
    printf("{\"create_us\": %.1f, \"first_stat_us\": %.1f, \"destroy_us\": %.1f}\n", (double)(mounted - begin) / 1000,
           (double)(seen - begin) / 1000, (double)(gone - seen) / 1000);
    fflush(stdout);
}

static void serve_until_ended(const char *path) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    pthread_t thread;
    int fd = mount_on(path), ignored;
    errno = pthread_create(&thread, NULL, serve, &fd);
    check(-errno, "pthread_create");
    sigwait(&signals, &ignored);
    check(umount2(path, MNT_DETACH), "umount");
}

int main(int argc, char **argv) {
    static const struct option known[] = {
        {"count", required_argument, NULL, 'c'}, {"serve", no_argument, NULL, 's'}, {0}};
    long count = 1;
    bool stay = false;
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (c == 'c')
            count = strtol(optarg, NULL, 10);
        else if (c == 's')
            stay = true;
        else
            return 2;
    }
    if (optind + 1 != argc)
        errx(2, "usage: mount-peer [--count=N | --serve] MOUNTPOINT");
    if (stay)
        serve_until_ended(argv[optind]);
    for (; !stay && count > 0; count--)
        once(argv[optind]);
    return 0;
}
