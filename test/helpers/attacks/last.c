/* SPDX-License-Identifier: MIT */
/*
 * A file system whose end waits, and a mount namespace with it that somebody else is the last to hold:
 *
 *     last FOLDER NODE     FOLDER: an empty folder of the user's; NODE: the FUSE device
 *
 * The file system's server writes a FUSE_NOTIFY_STORE out of a page of a second one, which is never read. Meanwhile the
 * kernel holds a lock that the first one's end needs. It is mounted in a mount namespace of one process only. That
 * calls itself as runc's init does, so that its mount table is watched, and ends. Prints "ready" then.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "../user-namespace.h"

enum { ROOT = 1, FILE_INODE, SIZE = 4096 };

static int device; /* of the file system whose end waits */
static void *page; /* of the other one */

/* ---- both file systems ----------------------------------------------------------------------------------------- */

static struct fuse_attr attributes_of(uint64_t inode) {
    return (struct fuse_attr){.ino = inode,
                              .mode = inode == ROOT ? S_IFDIR | 0755 : S_IFREG | 0755,
                              .nlink = 1,
                              .blksize = SIZE,
                              .size = inode == ROOT ? 0 : SIZE};
}

static void answer(int fuse, uint64_t unique, int error, const void *data, size_t size) {
    struct fuse_out_header header = {.len = (uint32_t)(sizeof header + size), .error = error, .unique = unique};
    const struct iovec parts[] = {{&header, sizeof header}, {(void *)data, size}};
    (void)!writev(fuse, parts, size ? 2 : 1);
}

static void on_request(int fuse, const struct fuse_in_header *in) {
    const struct fuse_init_out init = {.major = 7, .minor = 31, .max_readahead = SIZE, .max_write = SIZE};
    const struct fuse_attr_out attributes = {.attr_valid = 1000, .attr = attributes_of(in->nodeid)};
    const struct fuse_entry_out entry = {
        .nodeid = FILE_INODE, .entry_valid = 1000, .attr_valid = 1000, .attr = attributes_of(FILE_INODE)};
    const struct fuse_open_out opened = {.fh = 0};
    switch (in->opcode) {
    case FUSE_INIT:
        answer(fuse, in->unique, 0, &init, sizeof init);
        return;
    case FUSE_LOOKUP:
        answer(fuse, in->unique, 0, &entry, sizeof entry);
        return;
    case FUSE_GETATTR:
        answer(fuse, in->unique, 0, &attributes, sizeof attributes);
        return;
    case FUSE_OPEN:
        answer(fuse, in->unique, 0, &opened, sizeof opened);
        return;
    case FUSE_READ: /* never */
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
        return;
    default:
        answer(fuse, in->unique, -ENOSYS, NULL, 0);
    }
}

static void *serve(void *of) {
    static _Thread_local char request[1 << 16];
    for (;;) {
        ssize_t size = read(*(int *)of, request, sizeof request);
        if (size >= (ssize_t)sizeof(struct fuse_in_header))
            on_request(*(int *)of, (const void *)request);
        else if (errno == EPERM) /* it is not mounted yet */
            usleep(1000);
        else if (errno == ENODEV)
            return NULL;
    }
}

static int open_device(const char *node) {
    int fuse = open(node, O_RDWR | O_CLOEXEC);
    if (fuse < 0)
        err(1, "%s", node);
    return fuse;
}

static void mount_fuse(int fuse, const char *where) {
    char options[128];
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
    if (mount("last", where, "fuse", MS_NOSUID | MS_NODEV, options) < 0)
        err(1, "%s", where);
}

/* ---- the page -------------------------------------------------------------------------------------------------- */

/* Its server has nothing else open, so that all ends with it. */
static void make_page(const char *node) {
    int fuse = open_device(node);
    mount_fuse(fuse, "page");
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(&fuse);
        _exit(0);
    }
    close(fuse);
    int file = open("page/file", O_RDWR | O_CLOEXEC);
    page = file < 0 ? MAP_FAILED : mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    if (page == MAP_FAILED)
        err(1, "page/file");
}

static void *store(void *unused) {
    struct fuse_notify_store_out out = {.nodeid = FILE_INODE, .size = SIZE};
    struct fuse_out_header header = {.error = FUSE_NOTIFY_STORE,
                                     .len = (uint32_t)(sizeof header + sizeof out) + out.size};
    const struct iovec parts[] = {{&header, sizeof header}, {&out, sizeof out}, {page, SIZE}};
    (void)!writev(device, parts, 3);
    return NULL;
}

/* ---- the mount namespace --------------------------------------------------------------------------------------- */

static void end_in_own_namespace(int told, int go) {
    struct stat status;
    char byte;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (unshare(CLONE_NEWNS) < 0)
        err(1, "unshare");
    mount_fuse(device, "end");
    close(device);
    if (stat("end/file", &status) < 0 || write(told, "", 1) != 1 || read(go, &byte, 1) != 1)
        err(1, "end");
    prctl(PR_SET_NAME, "runc:[2:INIT]");
    sleep(1);
    _exit(0);
}

static void start(void *(*what)(void *), void *of) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, what, of) != 0)
        errx(1, "thread");
}

int main(int argc, char **argv) {
    int told[2], go[2];
    char byte;
    if (argc != 3)
        errx(2, "usage: last FOLDER NODE");
    enter_user_namespace();
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("none", argv[1], "tmpfs", 0, NULL) < 0 ||
        chdir(argv[1]) < 0 || mkdir("page", 0755) < 0 || mkdir("end", 0755) < 0 || pipe(told) < 0 || pipe(go) < 0)
        err(1, "%s", argv[1]);
    make_page(argv[2]);
    device = open_device(argv[2]);
    pid_t pid = fork();
    if (pid == 0)
        end_in_own_namespace(told[1], go[0]);
    start(serve, &device);
    if (read(told[0], &byte, 1) != 1)
        err(1, "no file system");
    start(store, NULL);
    usleep(300000);
    if (write(go[1], "", 1) != 1 || waitpid(pid, NULL, 0) < 0)
        err(1, "end");
    puts("ready");
    fflush(stdout);
    pause();
}
