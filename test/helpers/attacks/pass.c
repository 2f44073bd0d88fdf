/* SPDX-License-Identifier: MIT */
/*
 * Attackers that pass on what is theirs, to a process of another container or of another user:
 *
 *     pass take MEETING FOLDER           waits at the socket MEETING for a descriptor. A connection to the service:
 * asks over it for a mount on FOLDER, its own, then for the letter Q, and waits for the connection's end. A FUSE
 * connection: waits for its end pass give SOCKET MEETING           connects to the service, gives the connection away,
 * and waits pass disk SOCKET MEETING           makes a disk, gives its FUSE descriptor away, and waits pass raw SOCKET
 * MEETING FOLDER     the same, as a program that came through fusermount3 does, on FOLDER pass lend SOCKET UID FOLDER
 * connects as that user; root then asks over this connection for a mount on FOLDER
 *
 * Each says what came of it. Ends with SIGTERM.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "client.h"

static int open_folder(const char *path) {
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? (err(1, "%s", path), -1) : fd;
}

static int listen_at(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || chmod(path, 0777) < 0 ||
        listen(fd, 1) < 0)
        err(1, "%s", path);
    return fd;
}

static int wait_for_end(int fd) {
    static char request[1 << 20];
    ssize_t size;
    while ((size = read(fd, request, sizeof request)) > 0 || (size < 0 && (errno == EINTR || errno == EAGAIN)))
        if (size < 0)
            (void)poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, -1);
    puts("ended");
    return 0;
}

static int take(const char *meeting, const char *folder) {
    int listener = listen_at(meeting), fd = -1;
    struct stat status;
    char byte;
    say_ready();
    int peer = accept(listener, NULL, NULL);
    if (peer < 0 || receive_fd(peer, &byte, 1, &fd, NULL) <= 0 || fd < 0 || fstat(fd, &status) < 0)
        err(1, "%s", meeting);
    if (!S_ISSOCK(status.st_mode)) {
        puts("taken");
        fflush(stdout);
        return wait_for_end(fd);
    }
    const struct wire_fusermount mount = fusermount_request(folder);
    struct wire_create_volume create = create_request();
    strcpy(create.letter, "q");
    int one = ask_and_tell(fd, &mount, sizeof mount, open_folder(folder));
    int two = ask_and_tell(fd, &create, sizeof create, -1);
    wait_for_end(fd);
    close(one);
    close(two);
    return 0;
}

static int give_away(const char *meeting, int fd) {
    int peer = connect_to(meeting);
    if (send_fds(peer, "", 1, &fd, 1) < 0)
        err(1, "%s", meeting);
    say_ready();
    pause();
    return 0;
}

static int disk(const char *path, const char *meeting) {
    struct wire_create_volume create = create_request();
    strcpy(create.letter, "q");
    return give_away(meeting, ask_and_tell(connect_to(path), &create, sizeof create, -1));
}

static int raw(const char *path, const char *meeting, const char *folder) {
    const struct wire_fusermount mount = fusermount_request(folder);
    return give_away(meeting, ask_and_tell(connect_to(path), &mount, sizeof mount, open_folder(folder)));
}

static int lend(const char *path, unsigned uid, const char *folder) {
    const struct wire_fusermount mount = fusermount_request(folder);
    int place = open_folder(folder), fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), status = 0;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    pid_t child = fork();
    if (child == 0)
        _exit(setgid(uid) < 0 || setuid(uid) < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0);
    if (waitpid(child, &status, 0) < 0 || status != 0)
        errx(1, "%s: not connected", path);
    return ask_and_tell(fd, &mount, sizeof mount, place) >= 0;
}

int main(int argc, char **argv) {
    const char *verb = argc > 3 ? argv[1] : "";
    if (strcmp(verb, "take") == 0)
        return take(argv[2], argv[3]);
    if (strcmp(verb, "give") == 0)
        return give_away(argv[3], connect_to(argv[2]));
    if (strcmp(verb, "disk") == 0)
        return disk(argv[2], argv[3]);
    if (strcmp(verb, "raw") == 0 && argc > 4)
        return raw(argv[2], argv[3], argv[4]);
    if (strcmp(verb, "lend") == 0 && argc > 4)
        return lend(argv[2], (unsigned)atoi(argv[3]), argv[4]);
    errx(2, "usage: pass VERB ...: see the top of test/helpers/attacks/pass.c");
}
