/* SPDX-License-Identifier: MIT */
/*
 * An attacker that asks for much, without end:
 *
 *     loud lists SOCKET CONNECTIONS      lists volumes over so many connections, as fast as answers come
 *     loud refused SOCKET                asks for what is refused, as fast as it is refused
 *     loud names NAME                    names itself NAME (prctl(2)), and something else, in a loop
 *     loud lease FILE                    takes a write lease on a file, and keeps it
 *
 * Prints "ready" before it begins; "refused: ..." and status 3 when it is refused. Ends with SIGTERM.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "wire/protocol.h"

static int connect_to(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        err(1, "%s", path);
    return fd;
}

static void say_ready(void) {
    puts("ready");
    fflush(stdout);
}

static void ask(int fd, uint16_t type) {
    struct wire_plain message = {
        .header = {.magic = WIRE_MAGIC, .version = WIRE_VERSION, .type = type, .size = sizeof message}};
    if (send(fd, &message, sizeof message, MSG_NOSIGNAL) < 0)
        err(1, "send");
}

static void lists(const char *path, int count) {
    struct pollfd *fds = calloc((size_t)count, sizeof *fds);
    static union {
        struct wire_header header;
        char room[32768];
    } answer;
    for (int i = 0; i < count; i++) {
        fds[i] = (struct pollfd){.fd = connect_to(path), .events = POLLIN};
        ask(fds[i].fd, WIRE_LIST_VOLUMES);
    }
    say_ready();
    while (poll(fds, (nfds_t)count, -1) > 0)
        for (int i = 0; i < count; i++) {
            if (!(fds[i].revents & POLLIN) || recv(fds[i].fd, &answer, sizeof answer, MSG_DONTWAIT) <= 0)
                continue;
            if (answer.header.type != WIRE_VOLUME)
                ask(fds[i].fd, WIRE_LIST_VOLUMES);
        }
}

static void refused(const char *path) {
    struct wire_create_volume request = {
        .header = {.magic = WIRE_MAGIC, .version = WIRE_VERSION, .type = WIRE_CREATE_VOLUME, .size = sizeof request}};
    static char answer[32768];
    snprintf(request.file_system_name, sizeof request.file_system_name, "no such name, please");
    snprintf(request.letter, sizeof request.letter, "q");
    int fd = connect_to(path);
    say_ready();
    for (;;)
        if (send(fd, &request, sizeof request, MSG_NOSIGNAL) < 0 || recv(fd, answer, sizeof answer, 0) <= 0) {
            close(fd);
            fd = connect_to(path);
        }
}

static void names(const char *name) {
    say_ready();
    for (;;) {
        prctl(PR_SET_NAME, name);
        prctl(PR_SET_NAME, "else");
    }
}

static int lease(const char *path) {
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        err(1, "%s", path);
    signal(SIGIO, SIG_IGN);
    if (fcntl(fd, F_SETLEASE, F_WRLCK) < 0) {
        printf("refused: %s\n", strerror(errno));
        return 3;
    }
    say_ready();
    pause();
    return 0;
}

int main(int argc, char **argv) {
    const char *verb = argc > 2 ? argv[1] : "";
    if (strcmp(verb, "lists") == 0 && argc > 3)
        lists(argv[2], atoi(argv[3]));
    else if (strcmp(verb, "refused") == 0)
        refused(argv[2]);
    else if (strcmp(verb, "names") == 0)
        names(argv[2]);
    else if (strcmp(verb, "lease") == 0)
        return lease(argv[2]);
    else
        errx(2, "usage: loud VERB ...: see the top of test/helpers/attacks/loud.c");
    return 0;
}
