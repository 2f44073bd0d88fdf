/* SPDX-License-Identifier: MIT */
#include "catcher/groups.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/sockets.h"

#define SERVICE_SOCKET 3
#define FILES_MAX 1024 /* that are open at once; the process whose file is beyond goes on at once */

/* Where a file came from: its group, and its number in the process that read the question. */
struct origin {
    uint32_t group;
    int number;
};

static int groups[CATCHER_GROUPS] = {-1, -1, -1, -1, -1};
static int readers[CATCHER_GROUPS] = {-1, -1, -1, -1, -1}; /* sockets; group 0 has no reader */
static struct origin origins[FILES_MAX];

/* ---- in a reader ----------------------------------------------------------------------------------------------- */

/* Hands on one question. The file stays open here until it was answered: its number is how the kernel knows it. */
static void hand_on(int group, int socket) {
    struct fanotify_event_metadata question;
    if (read(group, &question, sizeof question) != sizeof question || question.fd < 0)
        return;
    if (socket_send(socket, &question, sizeof question, &question.fd, 1) < 0)
        _exit(EXIT_FAILURE);
}

static _Noreturn void be_reader(uint32_t number, int socket, int (*shut_cage)(void)) {
    prctl(PR_SET_NAME, "linfspd-reader");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* a reader that hangs must keep nothing else alive */
    close(SERVICE_SOCKET);
    for (uint32_t i = 0; i < number; i++) {
        close_fd(&groups[i]);
        close_fd(&readers[i]);
    }
    if (shut_cage() < 0)
        _exit(EXIT_FAILURE);
    for (;;) {
        struct pollfd wait[] = {{.fd = socket, .events = POLLIN}, {.fd = groups[number], .events = POLLIN}};
        int answered;
        size_t n_fds = 0;
        if (poll(wait, 2, -1) < 0)
            continue;
        if (wait[0].revents) {
            if (socket_receive(socket, &answered, sizeof answered, NULL, 0, &n_fds) != sizeof answered)
                _exit(EXIT_SUCCESS);
            close(answered);
        }
        if (wait[1].revents)
            hand_on(groups[number], socket);
    }
}

/* ---- in the catcher -------------------------------------------------------------------------------------------- */

static int start_reader(uint32_t number, int (*shut_cage)(void)) {
    int pair[2];
    pid_t self = getpid();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]);
        if (getppid() != self)
            _exit(EXIT_FAILURE);
        be_reader(number, pair[1], shut_cage);
    }
    int r = pid < 0 || fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0; /* a reader that hangs takes nothing */
    close(pair[1]);
    if (r < 0)
        close(pair[0]); /* a reader that is there ends by that */
    else
        readers[number] = pair[0];
    return r;
}

int groups_make(int (*shut_cage)(void)) {
    for (uint32_t i = 0; i < CATCHER_GROUPS; i++) {
        groups[i] = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_TID |
                                      FAN_UNLIMITED_MARKS | FAN_UNLIMITED_QUEUE,
                                  O_RDONLY | O_LARGEFILE | O_CLOEXEC);
        int r = groups[i] < 0 ? -errno : i > 0 ? start_reader(i, shut_cage) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

void groups_poll(struct pollfd *ret_wait) {
    for (uint32_t i = 0; i < CATCHER_GROUPS; i++)
        ret_wait[i] = (struct pollfd){.fd = i > 0 ? readers[i] : groups[0], .events = POLLIN};
}

static void take(uint32_t group, const struct fanotify_event_metadata *question, int number,
                 void (*on_question)(const struct fanotify_event_metadata *question)) {
    if (question->fd >= FILES_MAX) {
        const struct fanotify_response response = {.fd = number, .response = FAN_ALLOW};
        (void)!write(groups[group], &response, sizeof response);
        if (group > 0)
            (void)socket_send(readers[group], &number, sizeof number, NULL, 0);
        close(question->fd);
        return;
    }
    origins[question->fd] = (struct origin){.group = group, .number = number};
    on_question(question);
}

static void read_own(void (*on_question)(const struct fanotify_event_metadata *question)) {
    char buffer[4096] __attribute__((aligned(8)));
    ssize_t size = read(groups[0], buffer, sizeof buffer);
    const struct fanotify_event_metadata *question = (const void *)buffer;
    for (; size > 0 && FAN_EVENT_OK(question, size); question = FAN_EVENT_NEXT(question, size))
        if (question->fd >= 0)
            take(0, question, question->fd, on_question);
}

static bool read_readers(uint32_t group, void (*on_question)(const struct fanotify_event_metadata *question)) {
    struct fanotify_event_metadata question;
    int file = -1;
    size_t n = 0;
    ssize_t size = socket_receive(readers[group], &question, sizeof question, &file, 1, &n);
    if (size != sizeof question || n != 1)
        return size == -EMFILE || size == -ENFILE;
    int number = question.fd;
    question.fd = file;
    take(group, &question, number, on_question);
    return true;
}

bool groups_read(const struct pollfd *waited, void (*on_question)(const struct fanotify_event_metadata *question)) {
    if (waited[0].revents)
        read_own(on_question);
    for (uint32_t i = 1; i < CATCHER_GROUPS; i++)
        if (waited[i].revents && !read_readers(i, on_question))
            return false;
    return true;
}

int groups_mark(uint32_t group, uint64_t mask, const char *path) {
    if (group >= CATCHER_GROUPS)
        return -EINVAL;
    return fanotify_mark(groups[group], FAN_MARK_ADD | FAN_MARK_INODE, mask, AT_FDCWD, path) < 0 ? -errno : 0;
}

void groups_unmark(uint64_t mask, const char *path) {
    for (uint32_t i = 0; i < CATCHER_GROUPS; i++)
        (void)fanotify_mark(groups[i], FAN_MARK_REMOVE | FAN_MARK_INODE, mask, AT_FDCWD, path);
}

void groups_close(int file) {
    const struct origin *origin = &origins[file];
    if (origin->group > 0)
        (void)socket_send(readers[origin->group], &origin->number, sizeof origin->number, NULL, 0);
    close(file);
}

int groups_answer(int file) {
    const struct origin *origin = &origins[file];
    const struct fanotify_response response = {.fd = origin->number, .response = FAN_ALLOW};
    int r = write(groups[origin->group], &response, sizeof response) < 0 ? -errno : 0;
    groups_close(file);
    return r;
}

void groups_end(void) {
    for (uint32_t i = 0; i < CATCHER_GROUPS; i++)
        (void)fanotify_mark(groups[i], FAN_MARK_FLUSH, 0, AT_FDCWD, NULL);
}
