/* SPDX-License-Identifier: MIT */
/*
 * A file system whose end waits, and a mount namespace with it that somebody else is the last to hold:
 *
 *     last FOLDER NODE NAME        FOLDER: an empty folder of the user's; NODE: the FUSE device
 *     last FOLDER NODE /PROGRAM
 *
 * The file system's server writes a FUSE_NOTIFY_STORE out of a page of a second one, which is never read. Meanwhile the
 * kernel holds a lock that the first one's end needs. It is mounted in a mount namespace of one process only. That
 * calls itself NAME (as runc's init does: its mount table is watched), and ends; or it executes PROGRAM in a root of
 * its own, with a long mount table, and is killed some milliseconds later, while somebody reads that: eight such
 * processes. Prints "ready" then.
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
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "../user-namespace.h"

enum { ROOT = 1, FILE_INODE, SIZE = 4096, MOUNTS = 2000, PROCESSES = 8 };

static int device; /* of the file system whose end waits */
static const char *what; /* NAME or PROGRAM */
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
    int fuse = (int)(intptr_t)of;
    for (;;) {
        ssize_t size = read(fuse, request, sizeof request);
        if (size >= (ssize_t)sizeof(struct fuse_in_header))
            on_request(fuse, (const void *)request);
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
        serve((void *)(intptr_t)fuse);
        _exit(0);
    }
    close(fuse);
    int file = open("page/file", O_RDWR | O_CLOEXEC);
    page = file < 0 ? MAP_FAILED : mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    if (page == MAP_FAILED)
        err(1, "page/file");
}

static void *store(void *of) {
    struct fuse_notify_store_out out = {.nodeid = FILE_INODE, .size = SIZE};
    struct fuse_out_header header = {.error = FUSE_NOTIFY_STORE,
                                     .len = (uint32_t)(sizeof header + sizeof out) + out.size};
    const struct iovec parts[] = {{&header, sizeof header}, {&out, sizeof out}, {page, SIZE}};
    (void)!writev((int)(intptr_t)of, parts, 3);
    return NULL;
}

/* ---- the mount namespace --------------------------------------------------------------------------------------- */

static void make_long_table(void) {
    char folder[32];
    for (int i = 0; i < MOUNTS; i++) {
        snprintf(folder, sizeof folder, "many.%d", i);
        if ((mkdir(folder, 0755) < 0 && errno != EEXIST) || mount("none", folder, "tmpfs", 0, NULL) < 0)
            err(1, "%s", folder);
    }
}

/* Without what is mounted in the old one. */
static void change_root(void) {
    if (mount("/bin", "bin", NULL, MS_BIND, NULL) < 0 || syscall(SYS_pivot_root, ".", "old") < 0 || chdir("/") < 0 ||
        umount2("old", MNT_DETACH) < 0)
        err(1, "root");
}

static void end_in_own_namespace(int told, int go) {
    struct stat status;
    char byte;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (unshare(CLONE_NEWNS) < 0)
        err(1, "unshare");
    if (what[0] == '/') {
        change_root();
        make_long_table();
    }
    mount_fuse(device, "end");
    close(device);
    if (stat("end/file", &status) < 0 || write(told, "", 1) != 1 || read(go, &byte, 1) != 1)
        err(1, "end");
    if (what[0] == '/')
        execl(what, what, "--version", NULL);
    prctl(PR_SET_NAME, what);
    sleep(1);
    _exit(0);
}

static void start(void *(*what)(void *), void *of) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, what, of) != 0)
        errx(1, "thread");
}

/* limit: ms that the process may live for; 0: until it ends. */
static void try_it(const char *node, unsigned limit) {
    int told[2], go[2];
    char byte;
    if (pipe(told) < 0 || pipe(go) < 0)
        err(1, "pipe");
    device = open_device(node);
    pid_t pid = fork();
    if (pid == 0)
        end_in_own_namespace(told[1], go[0]);
    start(serve, (void *)(intptr_t)device);
    if (read(told[0], &byte, 1) != 1)
        err(1, "no file system");
    start(store, (void *)(intptr_t)device);
    usleep(300000);
    if (write(go[1], "", 1) != 1)
        err(1, "end");
    if (!limit) {
        (void)waitpid(pid, NULL, 0);
        return;
    }
    usleep(limit * 1000);
    (void)kill(pid, SIGKILL); /* it may wait for its own end for ever */
}

int main(int argc, char **argv) {
    static const char *const folders[] = {"page", "end", "bin", "old"};
    if (argc != 4)
        errx(2, "usage: last FOLDER NODE NAME|/PROGRAM");
    what = argv[3];
    enter_user_namespace();
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("none", argv[1], "tmpfs", 0, NULL) < 0 ||
        chdir(argv[1]) < 0)
        err(1, "%s", argv[1]);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (mkdir(folders[i], 0755) < 0)
            err(1, "%s", folders[i]);
    make_page(argv[2]);
    for (unsigned i = 1; i <= (what[0] == '/' ? PROCESSES : 1); i++)
        try_it(argv[2], what[0] == '/' ? i : 0);
    puts("ready");
    fflush(stdout);
    pause();
}
