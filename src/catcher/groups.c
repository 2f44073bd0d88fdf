/* SPDX-License-Identifier: MIT */
#include "catcher/groups.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "catcher/spare.h"
#include "util/cleanup.h"
#include "util/helper-sign.h"
#include "util/proc.h"
#include "util/sockets.h"

#define SERVICE_SOCKET 3
#define FILES_MAX 1024 /* of group 0, that are open at once; the process whose file is beyond goes on at once */
#define HANDED_ON_MAX 256 /* questions of the other groups */

/* A question that was handed on: its group, 0 if there is none, and its number in the reader. */
struct handed_on {
    uint32_t group;
    int number;
};

static int groups[CATCHER_GROUPS] = {-1, -1, -1, -1, -1};
static int readers[CATCHER_GROUPS] = {-1, -1, -1, -1, -1}; /* sockets; group 0 has no reader */
static struct handed_on handed_on[HANDED_ON_MAX]; /* numbered from FILES_MAX on */

/* ---- in the catcher or a reader -------------------------------------------------------------------------------- */

static bool is_script(int file) {
    char magic[2];
    return pread(file, magic, sizeof magic, 0) != sizeof magic || memcmp(magic, "#!", 2) == 0;
}

/* A helper may have been overwritten by another program since it was marked. */
static bool concerns(int file, enum catcher_kind kind) {
    if (catcher_is_library(kind))
        return false;
    return kind == CATCHER_HELPER ? helper_sign_is_in(file) : kind == CATCHER_PACKAGES || !is_script(file);
}

static struct asked look(const struct fanotify_event_metadata *question) {
    struct asked asked = {.number = question->fd, .thread = question->pid, .mask = question->mask};
    asked.kind = table_kind(question->fd);
    asked.has_key = file_key_of(question->fd, &asked.key);
    return asked;
}

static int mark(uint32_t group, const struct catcher_message *message, int file) {
    char path[32];
    bool removes = message->what == CATCHER_UNMARK;
    uint64_t mask = message->kind == CATCHER_LAYER ? FAN_OPEN_PERM | FAN_CLOSE_NOWRITE | FAN_ONDIR
                    : catcher_is_library((enum catcher_kind)message->kind) ? FAN_OPEN_PERM
                                                                           : FAN_OPEN_EXEC_PERM;
    snprintf(path, sizeof path, "self/fd/%d", file); /* the file itself, wherever it is */
    unsigned flags = FAN_MARK_INODE | (removes ? FAN_MARK_REMOVE : FAN_MARK_ADD);
    return fanotify_mark(groups[group], flags, mask, proc_folder(), path) < 0 ? -errno : 0;
}

static void note(const struct catcher_message *message, int file) {
    if (message->what == CATCHER_MARK)
        table_mark(file, (enum catcher_kind)message->kind, message->silo, message->group > 0);
    else
        table_unmark(file);
}

/* ---- in a reader ----------------------------------------------------------------------------------------------- */

/* Hands on one question. The file stays open here until it was answered: its number is how the kernel knows it. */
static void hand_on(int group, int socket) {
    struct fanotify_event_metadata question;
    if (read(group, &question, sizeof question) != sizeof question || question.fd < 0)
        return;
    struct asked asked = look(&question);
    asked.concerns = (question.mask & FAN_OPEN_EXEC_PERM) && concerns(question.fd, asked.kind);
    if (socket_send(socket, &asked, sizeof asked, NULL, 0) < 0)
        _exit(EXIT_FAILURE);
}

/* Closes what was answered, or marks. */
static void on_message(uint32_t number, int socket) {
    struct catcher_message message;
    int fd = -1;
    size_t n_fds = 0;
    if (socket_receive(socket, &message, sizeof message, &fd, 1, &n_fds) != sizeof message)
        _exit(EXIT_SUCCESS);
    _cleanup_close_ int file = n_fds ? fd : -1;
    if (message.what == CATCHER_GO_ON)
        close((int)message.ticket);
    else if (file >= 0 && (mark(number, &message, file) == 0 || message.what == CATCHER_UNMARK))
        note(&message, file);
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
        if (poll(wait, 2, -1) < 0)
            continue;
        if (wait[0].revents)
            on_message(number, socket);
        if (wait[1].revents)
            hand_on(groups[number], socket);
    }
}

/* ---- in the catcher -------------------------------------------------------------------------------------------- */

static int start_reader(uint32_t number, int (*shut_cage)(void)) {
    int socket = -1;
    pid_t pid = spare_fork(&socket);
    if (pid == 0)
        be_reader(number, socket, shut_cage);
    if (pid < 0)
        return pid;
    if (fcntl(socket, F_SETFL, O_NONBLOCK) < 0) { /* a reader that hangs takes nothing */
        int r = -errno;
        close(socket); /* the reader ends by that */
        return r;
    }
    readers[number] = socket;
    return 0;
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

static void allow(uint32_t group, int number) {
    const struct fanotify_response response = {.fd = number, .response = FAN_ALLOW};
    (void)!write(groups[group], &response, sizeof response);
}

static void have_reader_close(uint32_t group, int number) {
    const struct catcher_message message = {.what = CATCHER_GO_ON, .ticket = (uint64_t)number};
    (void)socket_send(readers[group], &message, sizeof message, NULL, 0);
}

static void read_own(groups_handler *on_question) {
    char buffer[4096] __attribute__((aligned(8)));
    ssize_t size = read(groups[0], buffer, sizeof buffer);
    const struct fanotify_event_metadata *question = (const void *)buffer;
    for (; size > 0 && FAN_EVENT_OK(question, size); question = FAN_EVENT_NEXT(question, size)) {
        if (question->fd < 0)
            continue;
        if (question->fd >= FILES_MAX) {
            allow(0, question->fd);
            close(question->fd);
            continue;
        }
        const struct asked asked = look(question);
        on_question(&asked);
    }
}

static bool read_reader(uint32_t group, groups_handler *on_question) {
    struct asked asked;
    size_t n_fds = 0;
    int slot = 0;
    if (socket_receive(readers[group], &asked, sizeof asked, NULL, 0, &n_fds) != sizeof asked)
        return false;
    while (slot < HANDED_ON_MAX && handed_on[slot].group > 0)
        slot++;
    if (slot == HANDED_ON_MAX) {
        allow(group, asked.number);
        have_reader_close(group, asked.number);
        return true;
    }
    handed_on[slot] = (struct handed_on){.group = group, .number = asked.number};
    asked.number = FILES_MAX + slot;
    on_question(&asked);
    return true;
}

bool groups_read(const struct pollfd *waited, groups_handler *on_question) {
    if (waited[0].revents)
        read_own(on_question);
    for (uint32_t i = 1; i < CATCHER_GROUPS; i++)
        if (waited[i].revents && !read_reader(i, on_question))
            return false;
    return true;
}

bool groups_concerns(const struct asked *asked) {
    return asked->number < FILES_MAX ? concerns(asked->number, asked->kind) : asked->concerns;
}

void groups_mark(const struct catcher_message *message, int file) {
    int r = -EINVAL;
    if (message->group == 0)
        r = mark(0, message, file);
    else if (message->group < CATCHER_GROUPS)
        r = socket_send(readers[message->group], message, sizeof *message, &file, 1);
    if (r == 0 || message->what == CATCHER_UNMARK)
        note(message, file);
}

void groups_close(int number) {
    if (number < FILES_MAX) {
        close(number);
        return;
    }
    struct handed_on *question = &handed_on[number - FILES_MAX];
    have_reader_close(question->group, question->number);
    question->group = 0;
}

int groups_answer(int number) {
    const struct handed_on own = {.number = number};
    const struct handed_on *question = number < FILES_MAX ? &own : &handed_on[number - FILES_MAX];
    const struct fanotify_response response = {.fd = question->number, .response = FAN_ALLOW};
    int r = write(groups[question->group], &response, sizeof response) < 0 ? -errno : 0;
    groups_close(number);
    return r;
}

void groups_end(void) {
    for (uint32_t i = 0; i < CATCHER_GROUPS; i++)
        (void)fanotify_mark(groups[i], FAN_MARK_FLUSH, 0, AT_FDCWD, NULL);
}
