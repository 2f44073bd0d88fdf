/* SPDX-License-Identifier: MIT */
/* The kernel, asked rather than guessed by its version: a FUSE file system is made (and never mounted anywhere) to see
 * what FUSE_INIT offers, and events of processes are listened to. */
#include <errno.h>
#include <fcntl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/mount.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "cli/doctor.h"
#include "cli/process.h"
#include "fuse/fuse-abi.h"

#define OLDEST_MAJOR 5
#define OLDEST_MINOR 15
#define NEWER_KERNEL "a newer kernel"

static bool parse_release(const char *release, int *ret_major, int *ret_minor) {
    return sscanf(release, "%d.%d", ret_major, ret_minor) == 2;
}

static bool at_least(int major, int minor, int wanted_major, int wanted_minor) {
    return major > wanted_major || (major == wanted_major && minor >= wanted_minor);
}

static void check_release(struct doctor *doctor) {
    struct utsname name;
    int major, minor;
    if (uname(&name) < 0 || !parse_release(name.release, &major, &minor))
        return;
    if (at_least(major, minor, OLDEST_MAJOR, OLDEST_MINOR))
        finding(doctor, LEVEL_OK, "kernel", NULL, NULL, "Linux %s", name.release);
    else
        finding(doctor, LEVEL_PROBLEM, "kernel", "mounting inside containers does not work", NEWER_KERNEL,
                "Linux %s is older than %d.%d", name.release, OLDEST_MAJOR, OLDEST_MINOR);
}

static void check_mount_calls(struct doctor *doctor) {
    bool missing = syscall(SYS_move_mount, -1, "", -1, "", 0) < 0 && errno == ENOSYS;
    missing |= syscall(SYS_mount_setattr, -1, "", 0, NULL, 0) < 0 && errno == ENOSYS;
    missing |= syscall(SYS_open_tree, -1, "", 0) < 0 && errno == ENOSYS;
    if (missing)
        finding(doctor, LEVEL_PROBLEM, "kernel", "the service cannot mount into containers", "a kernel from 5.15 on",
                "fsopen, move_mount, open_tree or mount_setattr is missing");
    else
        finding(doctor, LEVEL_OK, "kernel", NULL, NULL, "the mount calls are there");
}

static int open_fuse(struct doctor *doctor) {
    int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0)
        return fd;
    if (errno == EACCES || errno == EPERM)
        finding(doctor, doctor->root ? LEVEL_PROBLEM : LEVEL_NOTE, "fuse",
                "what the kernel's FUSE can do was not found out",
                doctor->root ? "ls -l /dev/fuse; a cgroup or security module refuses it" : "sudo linfsp doctor",
                "/dev/fuse may not be opened");
    else
        finding(doctor, LEVEL_PROBLEM, "fuse", "no file system can be mounted", "modprobe fuse", "/dev/fuse: %s",
                strerror(errno));
    return -errno;
}

/* The kernel's FUSE_INIT, from a file system that is made and dropped. */
static int ask_fuse_init(int fuse, struct fuse_init_in *ret_init) {
    char text[16];
    _cleanup_close_ int context = (int)syscall(SYS_fsopen, "fuse", 1 /* FSOPEN_CLOEXEC */);
    if (context < 0)
        return -errno;
    snprintf(text, sizeof text, "%d", fuse);
    if (syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "fd", text, 0) < 0 ||
        syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "rootmode", "40000", 0) < 0 ||
        syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "user_id", "0", 0) < 0 ||
        syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "group_id", "0", 0) < 0 ||
        syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    _cleanup_free_ char *buffer = malloc(FUSE_MIN_READ_BUFFER * 2);
    struct pollfd wait = {.fd = fuse, .events = POLLIN};
    if (!buffer || poll(&wait, 1, 1000) != 1)
        return -ETIMEDOUT;
    ssize_t size = read(fuse, buffer, FUSE_MIN_READ_BUFFER * 2);
    if (size < 0)
        return -errno;
    struct fuse_in_header header;
    memcpy(&header, buffer, sizeof header);
    struct fuse_init_in init = {0};
    size_t given = (size_t)size - sizeof header;
    if (header.opcode != FUSE_INIT)
        return -EPROTO;
    memcpy(&init, buffer + sizeof header, given < sizeof init ? given : sizeof init);
    *ret_init = init;
    return 0;
}

static void check_passthrough(struct doctor *doctor, uint64_t flags) {
    if (flags & FUSE_PASSTHROUGH)
        finding(doctor, LEVEL_OK, "fuse", NULL, NULL, "pass-through of reads and writes is there");
    else
        finding(doctor, LEVEL_NOTE, "fuse",
                "reads and writes of large files go through the file system: 10 to 30 times slower",
                "a kernel from 6.9 on with CONFIG_FUSE_PASSTHROUGH", "there is no pass-through");
}

static void check_io_uring(struct doctor *doctor, bool known, uint64_t flags) {
    char enabled[8], disabled[8];
    read_line("/sys/module/fuse/parameters/enable_uring", enabled, sizeof enabled);
    read_line("/proc/sys/kernel/io_uring_disabled", disabled, sizeof disabled);
    static const char *const costs = "the read and write loop is used: metadata operations are up to 2 times slower";
    if (!enabled[0])
        finding(doctor, LEVEL_NOTE, "io_uring", costs, "a kernel from 6.14 on with CONFIG_FUSE_IO_URING",
                "the kernel has no FUSE over io_uring");
    else if (enabled[0] != 'Y')
        finding(doctor, LEVEL_NOTE, "io_uring", costs,
                "echo Y > /sys/module/fuse/parameters/enable_uring; to keep it: echo options fuse enable_uring=Y > "
                "/etc/modprobe.d/fuse.conf",
                "FUSE over io_uring is switched off");
    else if (disabled[0] == '2' || disabled[0] == '1')
        finding(doctor, LEVEL_NOTE, "io_uring", costs, "sysctl kernel.io_uring_disabled=0",
                "io_uring is switched off for %s", disabled[0] == '2' ? "all" : "unprivileged programs");
    else if (known && !(flags & FUSE_OVER_IO_URING))
        finding(doctor, LEVEL_NOTE, "io_uring", costs, NEWER_KERNEL,
                "it is switched on, but the kernel does not offer it");
    else
        finding(doctor, LEVEL_OK, "io_uring", NULL, NULL, "FUSE over io_uring is switched on");
}

/* Programs that come by fusermount3 answer FUSE_INIT themselves: only the kernel's default is a time-out for them. */
static void check_default_time_out(struct doctor *doctor) {
    char seconds[32];
    read_line("/proc/sys/fs/fuse/default_request_timeout", seconds, sizeof seconds);
    if (strcmp(seconds, "0") == 0)
        finding(
            doctor, LEVEL_NOTE, "fuse",
            "who uses a share of an unmodified FUSE program (-o unc=, linfsp share) that hangs waits until somebody "
            "unmounts it: linfsp umount --force TARGET",
            "sysctl fs.fuse.default_request_timeout=300, which goes for all FUSE file systems of this host that are "
            "mounted from then on",
            "there is no request time-out for programs that set none");
}

static void check_time_outs(struct doctor *doctor, uint64_t flags) {
    char most[32];
    if (flags & FUSE_REQUEST_TIMEOUT)
        check_default_time_out(doctor);
    read_line("/proc/sys/fs/fuse/max_request_timeout", most, sizeof most);
    if (!(flags & FUSE_REQUEST_TIMEOUT))
        finding(doctor, LEVEL_NOTE, "fuse",
                "who uses a network volume whose program hangs (and does not die) waits until somebody unmounts it",
                "a kernel from 6.15 on; until then: linfsp umount --force TARGET", "there are no request time-outs");
    else if (most[0] && strcmp(most, "0") != 0)
        finding(doctor, LEVEL_OK, "fuse", NULL, NULL, "request time-outs are there, of at most %s s", most);
    else
        finding(doctor, LEVEL_OK, "fuse", NULL, NULL, "request time-outs are there");
}

/* What only a privileged probe can tell is left out without privilege, rather than guessed. */
static void check_fuse(struct doctor *doctor) {
    struct fuse_init_in init = {0};
    _cleanup_close_ int fuse = open_fuse(doctor);
    int result = fuse < 0 || !doctor->root ? -EPERM : ask_fuse_init(fuse, &init);
    if (result == -ENODEV)
        finding(doctor, LEVEL_PROBLEM, "fuse", "no file system can be mounted", "modprobe fuse",
                "the kernel has no FUSE");
    else if (result < 0 && doctor->root && fuse >= 0)
        finding(doctor, LEVEL_PROBLEM, "fuse", "no file system can be mounted",
                "run it on the host itself, with CAP_SYS_ADMIN", "a FUSE file system could not be made: %s",
                strerror(-result));
    uint64_t flags = init.flags;
    if (init.flags & FUSE_INIT_EXT)
        flags |= (uint64_t)init.flags2 << 32;
    check_io_uring(doctor, result == 0, flags);
    if (result < 0)
        return;
    finding(doctor, LEVEL_OK, "fuse", NULL, NULL, "/dev/fuse speaks protocol %u.%u", init.major, init.minor);
    check_passthrough(doctor, flags);
    check_time_outs(doctor, flags);
    if (!(flags & FUSE_HAS_RESEND))
        finding(doctor, LEVEL_NOTE, "fuse", "when a file system's program is replaced, requests under way fail",
                "a kernel from 6.9 on", "requests cannot be sent again");
}

static int subscribe(void) {
    _cleanup_close_ int fd = socket(PF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR);
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return -errno;
    char request[NLMSG_LENGTH(sizeof(struct cn_msg) + sizeof(enum proc_cn_mcast_op))];
    struct nlmsghdr header = {.nlmsg_len = sizeof request, .nlmsg_type = NLMSG_DONE};
    struct cn_msg message = {.id = {.idx = CN_IDX_PROC, .val = CN_VAL_PROC}, .len = sizeof(enum proc_cn_mcast_op)};
    enum proc_cn_mcast_op operation = PROC_CN_MCAST_LISTEN;
    memcpy(request, &header, sizeof header);
    memcpy(request + NLMSG_HDRLEN, &message, sizeof message);
    memcpy(request + NLMSG_HDRLEN + sizeof message, &operation, sizeof operation);
    if (send(fd, request, sizeof request, 0) < 0)
        return -errno;
    return steal_fd(&fd);
}

/* Subscribes, makes a process, and sees whether that is told. */
static int hear_of_a_process(void) {
    _cleanup_close_ int fd = subscribe();
    if (fd < 0)
        return fd;
    int result = -ETIMEDOUT;
    for (int attempt = 0; attempt < 5 && result < 0; attempt++) {
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        if (child > 0)
            waitpid(child, NULL, 0);
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (poll(&wait, 1, 100) != 1)
            continue;
        char event[1024];
        if (recv(fd, event, sizeof event, 0) > (ssize_t)sizeof(struct nlmsghdr))
            result = 0;
    }
    return result;
}

static void check_process_events(struct doctor *doctor) {
    if (!doctor->root)
        return;
    int result = hear_of_a_process();
    if (result == 0)
        finding(doctor, LEVEL_OK, "containers", NULL, NULL, "the kernel tells of new processes (proc connector)");
    else
        finding(doctor, LEVEL_NOTE, "containers",
                "containers are found by looking through /proc: later, and at the cost of CPU time",
                "a kernel with CONFIG_PROC_EVENTS=y, and the service in the host's own network namespace",
                "the kernel does not tell of new processes: %s", strerror(-result));
}

void doctor_kernel(struct doctor *doctor) {
    check_release(doctor);
    if (doctor->in_container)
        return;
    check_mount_calls(doctor);
    check_fuse(doctor);
    check_process_events(doctor);
}
