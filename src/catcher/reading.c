/* SPDX-License-Identifier: MIT */
#include "catcher/reading.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "catcher/arguments.h"
#include "catcher/spare.h"
#include "catcher/tables.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/namespace.h"
#include "util/sockets.h"
#include "util/urgency.h"

#define SERVICE_SOCKET 3
#define START_LIMIT_MS 2000

struct question {
    enum {
        OF_CALL,
        OF_UMOUNT,
        OF_FOLDER,
    } what;
    pid_t thread;
    enum catcher_kind kind; /* of a call */
    struct machine machine; /* of an umount */
    unsigned major, minor; /* of a folder */
};

struct found {
    struct called called;
    int result; /* of an umount */
    unsigned skip;
    uint64_t folder;
};

static int starter = -1, reader = -1; /* sockets */

/* ---- in a reader ----------------------------------------------------------------------------------------------- */

static struct found find(const struct question *question) {
    struct found found = {.result = 0};
    if (question->what == OF_UMOUNT)
        found.result = arguments_are_unmount(&question->machine, &found.skip);
    else if (question->what == OF_FOLDER)
        found.folder = mount_namespace_find_folder(question->thread, question->major, question->minor);
    else
        called_look(question->thread, question->kind, &found.called);
    return found;
}

static _Noreturn void be_reader(int socket, int (*shut_cage)(void)) {
    struct question question;
    size_t n_fds = 0;
    prctl(PR_SET_NAME, "linfspd-reader");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    urgency_lower_by_signal();
    if (shut_cage() < 0)
        _exit(EXIT_FAILURE);
    while (socket_receive(socket, &question, sizeof question, NULL, 0, &n_fds) == sizeof question) {
        const struct found found = find(&question);
        if (socket_send(socket, &found, sizeof found, NULL, 0) < 0)
            break;
    }
    _exit(EXIT_SUCCESS);
}

/* ---- in the starter -------------------------------------------------------------------------------------------- */

/* Hands a reader's socket to the catcher. */
static bool start_reader(int socket, int (*shut_cage)(void)) {
    int other = -1;
    pid_t pid = spare_fork(&other);
    if (pid == 0) {
        close(socket);
        be_reader(other, shut_cage);
    }
    if (pid < 0)
        return false;
    bool sent = socket_send(socket, "", 1, &other, 1) == 0;
    close(other);
    return sent;
}

static _Noreturn void be_starter(int socket, int (*keep_capabilities)(void), int (*shut_cage)(void)) {
    char wish;
    size_t n_fds = 0;
    prctl(PR_SET_NAME, "linfspd-starter");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGCHLD, SIG_IGN); /* readers that have ended are gone at once */
    close(SERVICE_SOCKET);
    if (keep_capabilities() < 0)
        _exit(EXIT_FAILURE);
    while (socket_receive(socket, &wish, sizeof wish, NULL, 0, &n_fds) == sizeof wish)
        if (!start_reader(socket, shut_cage))
            break;
    _exit(EXIT_SUCCESS);
}

/* ---- in the catcher -------------------------------------------------------------------------------------------- */

static bool wait_for(int socket, int64_t milliseconds) {
    int64_t end = clock_ms() + milliseconds, left = milliseconds;
    struct pollfd wait = {.fd = socket, .events = POLLIN};
    int r;
    while ((r = poll(&wait, 1, (int)left)) < 0 && errno == EINTR)
        left = end > clock_ms() ? end - clock_ms() : 0;
    return r > 0;
}

static int wish_reader(void) {
    char start;
    size_t n_fds = 0;
    close_fd(&reader);
    if (socket_send(starter, "", 1, NULL, 0) < 0 || !wait_for(starter, START_LIMIT_MS) ||
        socket_receive(starter, &start, sizeof start, &reader, 1, &n_fds) != sizeof start || n_fds != 1)
        return -EAGAIN;
    return 0;
}

int reading_make(int (*keep_capabilities)(void), int (*shut_cage)(void)) {
    pid_t pid = spare_fork(&starter);
    if (pid == 0)
        be_starter(starter, keep_capabilities, shut_cage);
    return pid < 0 ? pid : wish_reader();
}

static bool ask_reader(const struct question *question, struct found *ret_found) {
    size_t n_fds = 0;
    bool answered = socket_send(reader, question, sizeof *question, NULL, 0) == 0 &&
                    wait_for(reader, READING_LIMIT_MS) &&
                    socket_receive(reader, ret_found, sizeof *ret_found, NULL, 0, &n_fds) == sizeof *ret_found;
    if (!answered && wish_reader() < 0)
        exit(EXIT_FAILURE); /* our keeper starts another of us */
    return answered;
}

/* About the memory of that thread. Returns whether there is an answer. */
static bool ask(const struct question *question, struct found *ret_found) {
    uint64_t silo = table_silo_namespace(question->thread);
    if (!table_may_read(silo))
        return false;
    int64_t since = clock_ms();
    bool answered = ask_reader(question, ret_found);
    table_has_read(silo, clock_ms() - since, answered);
    return answered;
}

bool reading_look(pid_t thread, enum catcher_kind kind, struct called *ret_called) {
    const struct question question = {.what = OF_CALL, .thread = thread, .kind = kind};
    struct found found;
    if (!ask(&question, &found) || !found.called.ours)
        return false;
    *ret_called = found.called;
    return true;
}

int reading_look_at_umount(const struct machine *machine, unsigned *ret_skip) {
    const struct question question = {.what = OF_UMOUNT, .thread = machine->pid, .machine = *machine};
    struct found found;
    if (!ask(&question, &found))
        return -EAGAIN;
    if (found.result == 0)
        *ret_skip = found.skip;
    return found.result;
}

uint64_t reading_find_folder(pid_t process, unsigned major, unsigned minor) {
    const struct question question = {.what = OF_FOLDER, .thread = process, .major = major, .minor = minor};
    struct found found;
    return ask_reader(&question, &found) ? found.folder : 0;
}
