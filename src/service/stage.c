/* SPDX-License-Identifier: MIT */
#include "service/stage.h"

#include <fcntl.h>
#include <linux/auto_fs.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "util/cleanup.h"
#include "util/log.h"
#include "util/paths.h"

#define STAGE LINFSP_RUN_DIR "/private/stage"
#define PLACE LINFSP_RUN_DIR "/private" /* any folder will do: in the stage it is its root */
#define AUTOFS_MAJOR 10
#define AUTOFS_MINOR 235

/* ---- making it ------------------------------------------------------------------------------------------------- */

/* In a child: gives itself a mount namespace with an empty tmpfs, and nothing of the host's, in it. */
static int become_stage(void) {
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("linfsp-stage", PLACE, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0700") < 0 || chdir(PLACE) < 0 ||
        syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0)
        return -errno;
    if (mkdir("/volumes", 0700) < 0 || mkdir("/folders", 0700) < 0 ||
        mknod("/autofs", S_IFCHR | 0600, makedev(AUTOFS_MAJOR, AUTOFS_MINOR)) < 0)
        return -errno;
    return 0;
}

/* Moves to the CPU of this number, from 0 on, of those that are allowed. Returns whether there is one. */
static bool move_to_cpu(unsigned number) {
    cpu_set_t allowed, one;
    if (sched_getaffinity(0, sizeof allowed, &allowed) < 0)
        return false;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed) || number-- > 0)
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        return sched_setaffinity(0, sizeof one, &one) == 0;
    }
    return false;
}

_Noreturn static void stage_child(int socket, unsigned cpu) {
    int error = move_to_cpu(cpu) ? become_stage() : -ESRCH;
    if (write(socket, &error, sizeof error) == sizeof error && error == 0)
        (void)read(socket, &error, sizeof error); /* until the service has hold of it */
    _exit(0);
}

/* A file on which the namespace is mounted keeps it, whoever lives. */
static int keep(pid_t child) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)child);
    int fd = open(STAGE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    close(fd);
    return mount(path, STAGE, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

/* cpu: by its number among those that are allowed. -ESRCH: there is none of that number. */
static int make_stage_on(unsigned cpu) {
    int pair[2], error = -EIO;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    pid_t child = fork();
    if (child == 0) {
        close(pair[0]);
        stage_child(pair[1], cpu);
    }
    int r = child < 0 ? -errno : 0;
    close(pair[1]);
    if (r == 0 && read(pair[0], &error, sizeof error) != sizeof error)
        r = -EIO;
    if (r == 0 && (r = error) == 0)
        r = keep(child);
    close(pair[0]);
    if (child > 0)
        (void)waitpid(child, NULL, 0);
    return r;
}

/* A mount namespace can be mounted only where the namespace's id is smaller, and the kernel (6.18) takes ids from a
 * stock of each CPU's own. Where ours was made there are larger ones. */
static int make_stage(void) {
    int r = -EINVAL, made;
    for (unsigned cpu = 0; r == -EINVAL && (made = make_stage_on(cpu)) != -ESRCH; cpu++)
        r = made;
    return r;
}

/* -ENOENT when there is none. */
static int open_stage(void) {
    _cleanup_close_ int fd = open(STAGE, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int type = ioctl(fd, NS_GET_NSTYPE);
    return type == CLONE_NEWNS ? steal_fd(&fd) : -ENOENT;
}

int stage_open(void) {
    int fd = open_stage();
    if (fd != -ENOENT)
        return fd;
    int r = make_stage();
    return r < 0 ? r : open_stage();
}

/* ---- its guard ------------------------------------------------------------------------------------------------- */

static void refuse_all(int stage) {
    DIR *folders = setns(stage, CLONE_NEWNS) == 0 ? opendir("/folders") : NULL;
    struct dirent *entry;
    while (folders && (entry = readdir(folders))) {
        int folder = openat(dirfd(folders), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (entry->d_name[0] != '.' && folder >= 0)
            (void)ioctl(folder, AUTOFS_IOC_CATATONIC, 0);
        if (folder >= 0)
            close(folder);
    }
}

/* Waits for the service to say that the guard is not needed any more. Returns false: it ended without. */
static bool is_told(void) {
    struct pollfd wait[] = {{.fd = 3, .events = POLLIN}, {.fd = 5, .events = POLLIN}};
    char word;
    while (poll(wait, 2, -1) < 0 && errno == EINTR) {
    }
    return recv(5, &word, sizeof word, MSG_DONTWAIT) == sizeof word;
}

_Noreturn static void guard_main(int service, int stage, int socket) {
    prctl(PR_SET_NAME, "linfspd-guard");
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGXCPU, SIG_IGN); /* its work is done once, at the end */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(service, 3) < 0 || dup2(stage, 4) < 0 || dup2(socket, 5) < 0)
        _exit(1);
    (void)close_range(6, ~0u, 0);
    if (!is_told())
        refuse_all(4);
    _exit(0);
}

int stage_guard(int stage) {
    int pair[2];
    _cleanup_close_ int service = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (service < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0) {
        /* above the numbers that they are given */
        int from = fcntl(service, F_DUPFD, 16), to = fcntl(stage, F_DUPFD, 16), socket = fcntl(pair[1], F_DUPFD, 16);
        guard_main(from, to, socket);
    }
    int error = -errno;
    close(pair[1]);
    if (pid < 0)
        close(pair[0]);
    return pid < 0 ? error : pair[0];
}

void stage_unguard(int guard) {
    if (guard < 0)
        return;
    (void)send(guard, "", 1, MSG_NOSIGNAL); /* it may have ended */
    close(guard);
}
