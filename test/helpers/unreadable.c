/* SPDX-License-Identifier: MIT */
/*
 * A container's engine, by its name, whose command line cannot be read: `unreadable FOLDER`
 *
 * A file system of its own at FOLDER never answers a write. Mapping a file of it for direct I/O, while a page of it is
 * dirty, waits for that write with the process's memory map locked, and so does whoever reads /proc/PID/cmdline. A
 * child is the container: a mount namespace with a root of its own.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linfsp/linfsp.h>

#include "user-namespace.h"

enum { ROOT = 1, FILE_INODE, SIZE = 4096 };

static struct stat attributes_of(uint64_t inode) {
    struct stat status = {
        .st_ino = inode, .st_nlink = 1, .st_uid = getuid(), .st_gid = getgid(), .st_mode = S_IFREG | 0600};
    if (inode == ROOT)
        status.st_mode = S_IFDIR | 0700;
    else
        status.st_size = SIZE;
    return status;
}

static int do_lookup(linfsp_request *request, uint64_t parent, const char *name) {
    struct linfsp_entry entry = {.inode = FILE_INODE,
                                 .attributes = attributes_of(FILE_INODE),
                                 .attributes_timeout = LINFSP_TIMEOUT_INFINITE,
                                 .entry_timeout = LINFSP_TIMEOUT_INFINITE};
    return strcmp(name, "file") == 0 ? linfsp_reply_entry(request, &entry) : -ENOENT;
}

static int do_getattr(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    struct stat status = attributes_of(inode);
    return linfsp_reply_attributes(request, &status, LINFSP_TIMEOUT_INFINITE);
}

static int do_open(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    static int opened;
    file->open_flags = LINFSP_OPEN_KEEP_CACHE | (opened++ ? LINFSP_OPEN_DIRECT_IO : 0);
    return linfsp_reply_open(request, file);
}

static int do_read(linfsp_request *request, uint64_t inode, struct linfsp_file *file, size_t size, off_t offset) {
    static const char zeros[SIZE];
    return linfsp_reply_data(request, zeros, offset < SIZE ? SIZE - (size_t)offset : 0);
}

static int do_write(linfsp_request *request, uint64_t inode, struct linfsp_file *file, const void *data, size_t size,
                    off_t offset, uint32_t flags) {
    return 0; /* "answered later" */
}

static int serve(const char *folder, int ready) {
    struct linfsp_operations operations = {.size = sizeof operations,
                                           .lookup = do_lookup,
                                           .getattr = do_getattr,
                                           .open = do_open,
                                           .read = do_read,
                                           .write = do_write};
    struct linfsp_volume_options options = {
        .size = sizeof options, .file_system_name = "unreadable", .mount_point = folder};
    struct linfsp_error error;
    linfsp_volume *volume;
    if (linfsp_volume_create(&options, &operations, NULL, &volume, &error) < 0)
        errx(1, "%s", error.message);
    if (write(ready, "", 1) != 1)
        err(1, "pipe");
    return linfsp_volume_run(volume) < 0;
}

static void be_container(const char *root) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sleep(1); /* until the other one waits */
    enter_user_namespace();
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("none", root, "tmpfs", 0, NULL) < 0 ||
        chdir(root) < 0 || mkdir("dev", 0755) < 0 || mount("none", "dev", "tmpfs", 0, NULL) < 0 ||
        mkdir("bin", 0755) < 0 || mount("/bin", "bin", NULL, MS_BIND | MS_REC, NULL) < 0 || chroot(".") < 0)
        err(1, "container");
    execl("/bin/busybox", "busybox", "sleep", "60", NULL);
    err(1, "/bin/busybox");
}

int main(int argc, char **argv) {
    int ready[2];
    char byte, path[4096], root[4096];
    if (argc != 2 || pipe(ready) < 0)
        errx(2, "usage: unreadable FOLDER");
    snprintf(path, sizeof path, "%s/file", argv[1]);
    snprintf(root, sizeof root, "%s.root", argv[1]);
    if (fork() == 0)
        return serve(argv[1], ready[1]);
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1 || mkdir(root, 0755) < 0)
        err(1, "%s", root);
    prctl(PR_SET_NAME, "bwrap");
    if (fork() == 0)
        be_container(root);
    int cached = open(path, O_RDWR), direct = open(path, O_RDWR);
    char *map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, cached, 0);
    if (direct < 0 || map == MAP_FAILED)
        err(1, "%s", path);
    map[0] = 1;
    puts("locked");
    fflush(stdout);
    mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, direct, 0);
    puts("passed: this kernel does not wait");
    pause();
}
