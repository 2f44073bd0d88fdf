/* SPDX-License-Identifier: MIT */
/*
 * One call's answer. This process belongs to that call alone, so it may block: on the caller's memory, on its file
 * system. The notifier kills it after a while.
 *
 * What is read of the caller's memory may change at any time. That is harmless: the call that goes on in the kernel is
 * judged there anew, and the one that is made here is made with what was read here.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/notify.h"
#include "util/cleanup.h"

#define COMM_FD 3
#define OPTIONS_MAX 4096

enum call { CALL_OTHER, CALL_MOUNT, CALL_UMOUNT };

/* The calls' numbers on the architectures that we are built for, and on the 32-bit one beside. */
static enum call call_of(const struct seccomp_data *data, bool *ret_old) {
    static const struct {
        unsigned arch;
        int mount, umount2, umount;
    } known[] = {
#ifdef AUDIT_ARCH_X86_64
        {AUDIT_ARCH_X86_64, 165, 166, -1},
        {AUDIT_ARCH_I386, 21, 52, 22},
#endif
#ifdef AUDIT_ARCH_AARCH64
        {AUDIT_ARCH_AARCH64, 40, 39, -1},
        {AUDIT_ARCH_ARM, 21, 52, -1},
#endif
    };
    *ret_old = false;
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (data->arch != known[i].arch)
            continue;
        *ret_old = data->nr == known[i].umount && data->nr >= 0;
        return data->nr == known[i].mount                 ? CALL_MOUNT
               : data->nr == known[i].umount2 || *ret_old ? CALL_UMOUNT
                                                          : CALL_OTHER;
    }
    return CALL_OTHER;
}

/* A string of the caller's. NULL pointers are "". False: there is none, or it is too long. */
static bool read_text(pid_t pid, uint64_t address, char *ret_text, size_t size) {
    size_t got = 0, page = 4096;
    ret_text[0] = 0;
    while (address && got < size) { /* page by page: what follows may not be there */
        size_t part = page - (address + got) % page;
        struct iovec local = {ret_text + got, part < size - got ? part : size - got};
        struct iovec remote = {(void *)(uintptr_t)(address + got), local.iov_len}; // NOLINT(performance-no-int-to-ptr)
        ssize_t n = process_vm_readv(pid, &local, 1, &remote, 1, 0);
        if (n <= 0)
            return false;
        if (memchr(ret_text + got, 0, (size_t)n))
            return true;
        got += (size_t)n;
    }
    return address == 0;
}

/* ---- as the caller --------------------------------------------------------------------------------------------- */

struct ids {
    uid_t uid;
    gid_t gid;
    gid_t groups[NGROUPS_MAX > 1024 ? 1024 : NGROUPS_MAX];
    size_t n_groups;
};

/* As this process's user namespace counts: so it is read after that was entered. */
static bool read_ids(int process, struct ids *ret) {
    _cleanup_close_ int fd = openat(process, "status", O_RDONLY | O_CLOEXEC);
    char text[16384];
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (length <= 0)
        return false;
    text[length] = 0;
    const char *uid = strstr(text, "\nUid:"), *gid = strstr(text, "\nGid:"), *groups = strstr(text, "\nGroups:");
    if (!uid || !gid || !groups || sscanf(uid, "\nUid: %*u %u", &ret->uid) != 1 ||
        sscanf(gid, "\nGid: %*u %u", &ret->gid) != 1)
        return false;
    ret->n_groups = 0;
    char *at = (char *)groups + strlen("\nGroups:"), *end;
    for (;;) {
        at += strspn(at, " \t");
        unsigned long group = strtoul(at, &end, 10);
        if (end == at || ret->n_groups == ARRAY_SIZE(ret->groups))
            return true;
        ret->groups[ret->n_groups++] = (gid_t)group;
        at = end;
    }
}

static bool enter_namespace(int process, const char *name, int kind) {
    char path[32];
    struct stat ours, theirs;
    snprintf(path, sizeof path, "ns/%s", name);
    _cleanup_close_ int fd = openat(process, path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/ns/%s", name);
    if (fd < 0 || fstat(fd, &theirs) < 0)
        return false;
    /* a process cannot enter the user namespace that it is in */
    return (kind == CLONE_NEWUSER && stat(path, &ours) == 0 && ours.st_ino == theirs.st_ino) || setns(fd, kind) == 0;
}

static bool drop_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}, {0}};
    for (int capability = 0; capability <= 63; capability++)
        (void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    return syscall(SYS_capset, &header, none) == 0;
}

/* The caller's namespaces, root, working directory and ids, and no capability. */
static bool become(pid_t pid) {
    char path[32];
    struct ids ids;
    snprintf(path, sizeof path, "/proc/%d", (int)pid);
    _cleanup_close_ int process = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (process < 0 || !enter_namespace(process, "user", CLONE_NEWUSER))
        return false;
    _cleanup_close_ int root = openat(process, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int folder = openat(process, "cwd", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0 || folder < 0 || !read_ids(process, &ids) || !enter_namespace(process, "mnt", CLONE_NEWNS))
        return false;
    return fchdir(root) == 0 && chroot(".") == 0 && fchdir(folder) == 0 && setgroups(ids.n_groups, ids.groups) == 0 &&
           setresgid(ids.gid, ids.gid, ids.gid) == 0 && setresuid(ids.uid, ids.uid, ids.uid) == 0 &&
           drop_capabilities() && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

/* Runs the stand-in as the caller. comm: our end's other; -1: none. Returns its pid. */
static pid_t run_helper(pid_t caller, int helper, int comm, char *const arguments[]) {
    static char *const environment[] = {"_FUSE_COMMFD=3", NULL};
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    int program = fcntl(helper, F_DUPFD_CLOEXEC, 16), socket = comm < 0 ? -1 : fcntl(comm, F_DUPFD_CLOEXEC, 16);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (program >= 0 && become(caller) && dup2(null, 0) == 0 && dup2(null, 1) == 1 && dup2(null, 2) == 2 &&
        (comm < 0 || dup2(socket, COMM_FD) == COMM_FD))
        (void)syscall(SYS_execveat, program, "", arguments, environment, AT_EMPTY_PATH);
    _exit(127);
}

static bool succeeded(pid_t pid) {
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ---- mount ----------------------------------------------------------------------------------------------------- */

struct wish {
    char target[PATH_MAX], type[64], source[PATH_MAX], data[OPTIONS_MAX], options[2 * OPTIONS_MAX + PATH_MAX];
    int fd; /* of the caller's, open on /dev/fuse */
};

static void add_option(struct wish *wish, const char *name, const char *value) {
    size_t used = strlen(wish->options), room = sizeof wish->options - used;
    if ((size_t)snprintf(wish->options + used, room, "%s%s%s", used ? "," : "", name, value) >= room)
        wish->options[used] = 0;
}

/* A comma or a backslash of a value, as fusermount's options have it. */
static void add_escaped(struct wish *wish, const char *name, const char *value) {
    char text[2 * PATH_MAX];
    size_t used = 0;
    for (; *value && used + 3 < sizeof text; value++) {
        if (*value == ',' || *value == '\\')
            text[used++] = '\\';
        text[used++] = *value;
    }
    text[used] = 0;
    add_option(wish, name, text);
}

/* What the kernel takes and the helper finds out by itself is left out. */
static void take_data(struct wish *wish) {
    static const char *const own[] = {"fd=", "rootmode=", "user_id=", "group_id="};
    for (char *rest = wish->data, *option; (option = strsep(&rest, ","));) {
        bool left_out = !*option;
        for (size_t i = 0; i < ARRAY_SIZE(own); i++)
            left_out |= strncmp(option, own[i], strlen(own[i])) == 0;
        if (strncmp(option, "fd=", 3) == 0)
            wish->fd = atoi(option + 3);
        if (!left_out)
            add_option(wish, option, "");
    }
}

static bool is_fuse(const char *type) {
    return strcmp(type, "fuse") == 0 || strncmp(type, "fuse.", 5) == 0;
}

static bool read_wish(const struct seccomp_notif *call, struct wish *wish) {
    const __u64 *arguments = call->data.args;
    unsigned long flags = (unsigned long)arguments[3];
    pid_t pid = (pid_t)call->pid;
    *wish = (struct wish){.fd = -1};
    if ((flags & (MS_REMOUNT | MS_BIND | MS_MOVE | MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)) ||
        !read_text(pid, arguments[2], wish->type, sizeof wish->type) || !is_fuse(wish->type) ||
        !read_text(pid, arguments[1], wish->target, sizeof wish->target) || !wish->target[0] ||
        !read_text(pid, arguments[0], wish->source, sizeof wish->source) ||
        !read_text(pid, arguments[4], wish->data, sizeof wish->data))
        return false;
    add_option(wish, flags & MS_RDONLY ? "ro" : "rw", "");
    if (flags & MS_NOEXEC)
        add_option(wish, "noexec", "");
    if (flags & MS_NOATIME)
        add_option(wish, "noatime", "");
    take_data(wish);
    if (wish->type[4] == '.')
        add_escaped(wish, "subtype=", wish->type + 5);
    if (wish->source[0])
        add_escaped(wish, "fsname=", wish->source);
    return wish->fd >= 0;
}

static int receive_fd(int comm) {
    char byte;
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (recvmsg(comm, &message, MSG_CMSG_CLOEXEC) <= 0)
        return -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    int fd = -1;
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof fd))
        memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

/* The caller's descriptor becomes the connection. */
static bool hand_over(int listener, uint64_t id, int fuse, int as) {
    struct seccomp_notif_addfd addition = {.id = id,
                                           .flags = SECCOMP_ADDFD_FLAG_SETFD,
                                           .srcfd = (unsigned)fuse,
                                           .newfd = (unsigned)as,
                                           .newfd_flags = O_CLOEXEC};
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &addition) >= 0;
}

static bool mount_for(int listener, const struct seccomp_notif *call, int helper) {
    static struct wish wish;
    int comm[2];
    if (!read_wish(call, &wish) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, comm) < 0)
        return false;
    char *const arguments[] = {"fusermount3", "-o", wish.options, "--", wish.target, NULL};
    pid_t pid = run_helper((pid_t)call->pid, helper, comm[1], arguments);
    close(comm[1]);
    _cleanup_close_ int fuse = pid > 0 ? receive_fd(comm[0]) : -1;
    close(comm[0]);
    bool mounted = pid > 0 && succeeded(pid) && fuse >= 0;
    return mounted && hand_over(listener, call->id, fuse, wish.fd);
}

/* ---- umount ---------------------------------------------------------------------------------------------------- */

static bool unmount_for(const struct seccomp_notif *call, int helper, bool old) {
    char target[PATH_MAX];
    int flags = old ? 0 : (int)call->data.args[1];
    if (!read_text((pid_t)call->pid, call->data.args[0], target, sizeof target) || !target[0])
        return false;
    char *const lazily[] = {"fusermount3", "-u", "-q", "-z", "--", target, NULL};
    char *const plainly[] = {"fusermount3", "-u", "-q", "--", target, NULL};
    pid_t pid = run_helper((pid_t)call->pid, helper, -1, flags & (MNT_DETACH | MNT_FORCE) ? lazily : plainly);
    return pid > 0 && succeeded(pid);
}

void notify_answer(int listener, const struct seccomp_notif *call, int helper) {
    bool old, done = false;
    switch (call_of(&call->data, &old)) {
    case CALL_MOUNT:
        done = mount_for(listener, call, helper);
        break;
    case CALL_UMOUNT:
        done = unmount_for(call, helper, old);
        break;
    case CALL_OTHER:
        break;
    }
    struct seccomp_notif_resp answer = {.id = call->id, .flags = done ? 0 : SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    (void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}
