/* SPDX-License-Identifier: MIT */
#include "service/catcher.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "catcher/keeper.h"
#include "catcher/protocol.h"
#include "service/chroot.h"
#include "service/event.h"
#include "service/layer.h"
#include "service/phantom.h"
#include "service/programs.h"
#include "service/service.h"
#include "service/silo.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/plural.h"
#include "util/proc.h"
#include "util/sockets.h"

#define ROOM (16 << 20) /* bytes of messages that wait for the catcher: thousands of silos are told at once */

/* In the child. Nothing of the service's must live on in it. */
_Noreturn static void become_catcher(int socket, int program) {
    int proc = fcntl(proc_folder(), F_DUPFD, 16);
    char *const arguments[] = {"linfspd-catcher", NULL}, *const environment[] = {NULL};
    int from = fcntl(socket, F_DUPFD, 16), file = fcntl(program, F_DUPFD, 16), null = open("/dev/null", O_RDWR);
    if (dup2(null, 0) == 0 && dup2(null, 1) == 1 && dup2(from, 3) == 3 && dup3(file, 4, O_CLOEXEC) == 4 &&
        dup2(proc, CATCHER_PROC) == CATCHER_PROC && close_range(CATCHER_PROC + 1, ~0u, 0) == 0)
        (void)execveat(4, "", arguments, environment, AT_EMPTY_PATH);
    _exit(127);
}

/* One try. Returns the pid; *ret_socket is the socket to it. */
static pid_t start_once(int program, int *ret_socket) {
    int pair[2], room = ROOM;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return -errno;
    (void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
    pid_t pid = fork();
    int error = errno;
    if (pid == 0)
        become_catcher(pair[1], program);
    close(pair[1]);
    if (pid < 0)
        close(pair[0]);
    else
        *ret_socket = pair[0];
    return pid < 0 ? -error : pid;
}

/* Waits until a catcher says that it has started. Returns 0 also where none says so in time: a busy machine is no
 * fault. Else a negative errno; -EOPNOTSUPP: this kernel cannot do it. */
static int wait_for_start(pid_t pid, int socket) {
    struct pollfd told = {.fd = socket, .events = POLLIN};
    struct catcher_message message;
    size_t n_fds = 0;
    int status = 0;
    if (poll(&told, 1, CATCHER_START_LIMIT_MS) <= 0)
        return 0;
    if (socket_receive(socket, &message, sizeof message, NULL, 0, &n_fds) > 0)
        return 0;
    (void)kill(pid, SIGKILL); /* it has closed its socket */
    if (waitpid(pid, &status, 0) < 0)
        return -errno;
    return WIFEXITED(status) && WEXITSTATUS(status) == CATCHER_EXIT_NEVER ? -EOPNOTSUPP : -ECHILD;
}

int catcher_start(int program) {
    int pause = CATCHER_FIRST_PAUSE_MS;
    for (int tries = 1;; tries++, pause *= 2) {
        int socket = -1;
        pid_t pid = start_once(program, &socket);
        int r = pid < 0 ? pid : wait_for_start(pid, socket);
        if (r == 0)
            return socket;
        close_fd(&socket);
        if (r == -EOPNOTSUPP || tries == CATCHER_START_TRIES)
            return r;
        log_warning("linfspd-catcher did not start (%s): it is started again", r == -ECHILD ? "it died" : strerror(-r));
        (void)poll(NULL, 0, pause);
    }
}

void catcher_serve(struct silo *silo, bool serve) {
    silo->caught = serve;
    const struct catcher_message message = {.what = serve ? CATCHER_SERVE : CATCHER_FORGET,
                                            .mount_namespace = silo->mount_namespace.inode,
                                            .silo = silo->number,
                                            .device_major = silo->service->run_major,
                                            .device_minor = silo->service->run_minor};
    if (silo->mount_namespace.inode)
        (void)socket_send(silo->service->catcher, &message, sizeof message, NULL, 0);
}

void catcher_go_on(struct service *service, uint64_t ticket) {
    const struct catcher_message message = {.what = CATCHER_GO_ON, .ticket = ticket};
    (void)socket_send(service->catcher, &message, sizeof message, NULL, 0);
}

/* The catcher died, and there is another one. */
static void on_started(struct service *service, uint64_t before) {
    char text[128];
    struct silo *silo, *next;
    snprintf(text, sizeof text, "linfspd-catcher died and was started again (%llu %s by now)",
             (unsigned long long)before, plural(before, "time", "times"));
    event_tell(service, &(struct event){.kind = EVENT_CATCHER, .uid = (uid_t)-1, .text = text});
    HASH_ITER (hash, service->silos, silo, next)
        if (silo->caught) {
            catcher_serve(silo, true);
            programs_look(silo);
        }
}

static int on_message(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    struct service *service = userdata;
    struct catcher_message message;
    size_t n_fds = 0;
    ssize_t size = socket_receive(fd, &message, sizeof message, NULL, 0, &n_fds);
    if (size == sizeof message && message.what == CATCHER_OPENED)
        phantom_wanted(service, message.mount_namespace, message.pid, message.kind == CATCHER_LIBRARY_ALONE,
                       message.ticket);
    if (size == sizeof message && message.what == CATCHER_CHROOTS)
        chroot_wanted(service, message.mount_namespace, message.pid, message.ticket);
    if (size == sizeof message && message.what == CATCHER_CHANGES)
        phantom_before_change(service, message.mount_namespace, message.pid, message.ticket);
    if (size == sizeof message && message.what == CATCHER_READS)
        layer_is_read(service, message.silo, message.ticket);
    if (size == sizeof message && message.what == CATCHER_HAS_READ)
        layer_was_read(service, message.silo);
    if (size == sizeof message && message.what == CATCHER_STARTED && message.ticket > 0)
        on_started(service, message.ticket);
    if (size == 0 || (size < 0 && size != -EAGAIN)) {
        log_warning("linfspd-catcher has ended: images with a fusermount3 of their own run that, until the service is "
                    "started anew (linfsp restart)");
        sd_event_source_set_enabled(source, SD_EVENT_OFF);
    }
    return 0;
}

int catcher_listen(struct service *service) {
    struct stat status;
    if (fstat(service->catcher, &status) < 0 || !S_ISSOCK(status.st_mode))
        return 0; /* there is none */
    return sd_event_add_io(service->event, &service->catcher_io, service->catcher, EPOLLIN, on_message, service);
}

uint64_t catcher_hold(struct service *service, pid_t pid) {
    static uint64_t last;
    const struct catcher_message message = {
        .what = CATCHER_HOLD, .pid = pid, .ticket = CATCHER_SERVICE_TICKET | ++last};
    (void)socket_send(service->catcher, &message, sizeof message, NULL, 0);
    return message.ticket;
}
