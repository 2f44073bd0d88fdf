/* SPDX-License-Identifier: MIT */
/*
 * A process is held by its folder in /proc: all that is opened below that is of this one process, and nothing of
 * another that has its pid later. The process itself may go from one namespace of its own to another meanwhile. It can
 * only come to those that are its own in any case: the namespace that was opened is checked, not the process.
 */
#include "worker/nested.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/open-at.h"
#include "worker/enter.h"

#define DEPTH_MAX 33 /* of user namespaces, as the kernel has it */

void nested_close(struct nested *nested) {
    close_fd(&nested->fd);
    close_fd(&nested->user_namespace);
    close_fd(&nested->root);
}

static int open_process(const struct job_base *base, pid_t pid) {
    char path[32];
    snprintf(path, sizeof path, "../%d", (int)pid);
    int fd = openat(base->proc_self, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static uint64_t inode_of(int fd) {
    struct stat status;
    return fstat(fd, &status) < 0 ? 0 : status.st_ino;
}

/* Whether it sees the silo's folder at /dev/linfsp. */
static bool has_folder(const struct job_base *base, int process, uint64_t silo) {
    uint32_t major, minor;
    _cleanup_fclose_ FILE *table = open_file_at(process, "mountinfo");
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    if (fd_device(base->run_dir, &major, &minor) < 0)
        return false;
    while (table && getline(&line, &size, table) > 0)
        if (mountinfo_line_is_folder(line, major, minor, silo))
            return true;
    return false;
}

/* Whether one is a user namespace inside the other. */
static bool is_inside(int one, int other) {
    _cleanup_close_ int now = fcntl(one, F_DUPFD_CLOEXEC, 3);
    uint64_t outer = inode_of(other);
    for (int i = 0; i < DEPTH_MAX && now >= 0 && outer; i++) {
        int parent = ioctl(now, NS_GET_PARENT);
        if (parent < 0)
            return false;
        close(now);
        now = parent;
        if (inode_of(now) == outer)
            return true;
    }
    return false;
}

/* What id 0 of the process's user namespace is on the host. */
static bool read_root(int process, const char *map, unsigned *ret_id) {
    _cleanup_fclose_ FILE *file = open_file_at(process, map);
    unsigned inside, outside, count;
    while (file && fscanf(file, "%u %u %u", &inside, &outside, &count) == 3)
        if (inside == 0) {
            *ret_id = outside;
            return true;
        }
    return false;
}

/* The maps are read first: a process that is in that user namespace afterwards was there before, since none comes back
 * to one around its own. */
static void find_root(int process, struct nested *nested) {
    unsigned uid, gid;
    bool known = read_root(process, "uid_map", &uid) && read_root(process, "gid_map", &gid);
    _cleanup_close_ int own = openat(process, "ns/user", O_RDONLY | O_CLOEXEC);
    known = known && own >= 0 && inode_of(own) == inode_of(nested->user_namespace);
    nested->root_uid = known ? uid : (uid_t)-1;
    nested->root_gid = known ? gid : (gid_t)-1;
}

int nested_open(const struct job_base *base, const struct job_target *target, int silo_namespace, pid_t pid,
                struct nested *ret_nested) {
    _cleanup_(nested_close) struct nested nested = NESTED_NONE;
    _cleanup_close_ int process = open_process(base, pid);
    if (process < 0)
        return 0;
    nested.fd = openat(process, "ns/mnt", O_RDONLY | O_CLOEXEC);
    if (nested.fd < 0 || inode_of(nested.fd) == inode_of(silo_namespace))
        return 0;
    nested.root = openat(process, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    nested.user_namespace = ioctl(nested.fd, NS_GET_USERNS);
    _cleanup_close_ int of_silo = ioctl(silo_namespace, NS_GET_USERNS);
    if (nested.root < 0 || nested.user_namespace < 0 || of_silo < 0 || !is_inside(nested.user_namespace, of_silo) ||
        !has_folder(base, process, target->silo))
        return 0;
    find_root(process, &nested);
    nested.mount_namespace.inode = inode_of(nested.fd);
    int r = mount_namespace_id(nested.fd, &nested.mount_namespace.id);
    if (r < 0)
        return r;
    *ret_nested = nested;
    nested = NESTED_NONE;
    return 1;
}

/* Enters the mount namespace by this process, if that is there. */
static int enter_by(const struct job_base *base, const struct job_target *target,
                    const struct mount_namespace *mount_namespace, pid_t pid, int *ret_root) {
    _cleanup_close_ int process = pid > 1 ? open_process(base, pid) : -1;
    _cleanup_close_ int fd = process < 0 ? -1 : openat(process, "ns/mnt", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || inode_of(fd) != mount_namespace->inode)
        return -ESRCH;
    uint64_t id;
    int r = mount_namespace_id(fd, &id);
    if (r < 0)
        return r;
    if (id != mount_namespace->id || !has_folder(base, process, target->silo))
        return -ESRCH;
    _cleanup_close_ int root = openat(process, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return -ESRCH;
    r = enter_mount_namespace(fd, root);
    if (r == 0)
        *ret_root = steal_fd(&root);
    return r;
}

int nested_enter(const struct job_base *base, const struct job_target *target,
                 const struct mount_namespace *mount_namespace, pid_t likely, int *ret_root) {
    int r = enter_by(base, target, mount_namespace, likely, ret_root);
    if (r != -ESRCH)
        return r;
    _cleanup_closedir_ DIR *processes = open_directory_at(base->proc_self, "..");
    char wanted[32], path[300], target_text[32];
    snprintf(wanted, sizeof wanted, "mnt:[%llu]", (unsigned long long)mount_namespace->inode);
    struct dirent *entry;
    while (processes && (entry = readdir(processes))) {
        snprintf(path, sizeof path, "%s/ns/mnt", entry->d_name);
        ssize_t length = readlinkat(dirfd(processes), path, target_text, sizeof target_text - 1);
        if (length <= 0)
            continue;
        target_text[length] = 0;
        if (strcmp(target_text, wanted) != 0)
            continue;
        r = enter_by(base, target, mount_namespace, (pid_t)strtol(entry->d_name, NULL, 10), ret_root);
        if (r != -ESRCH)
            return r;
    }
    return -ESRCH;
}
