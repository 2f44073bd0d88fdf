/* SPDX-License-Identifier: MIT */
/*
 * linfspd-catcher: has programs of images that cannot work in a container replaced by ours while they are executed.
 *
 * Images bring libfuse's helper, fusermount3, which may not mount there. Its file stays as it is: whoever looks at it,
 * replaces it or removes it finds the image's own. But when a process of a container that is served executes it, the
 * kernel asks us first (fanotify, FAN_OPEN_EXEC_PERM, on these files alone), and that process is made to execute the
 * stand-in instead (tracees.h).
 *
 * The process is alone with this: it waits for nothing but the kernel, asks no file system that could make it wait, and
 * when it ends, however it ends, the kernel lets every execve go on. The service starts it, with a socket as descriptor
 * 3, over which the service and its workers say what to watch (protocol.h); it ends when that socket does. If it dies,
 * its keeper (keeper.h) starts another one, which the service then tells everything again.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "cage/cage.h"
#include "catcher/groups.h"
#include "catcher/keeper.h"
#include "catcher/protocol.h"
#include "catcher/reading.h"
#include "catcher/tables.h"
#include "catcher/tracees.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/proc.h"
#include "util/process.h"
#include "util/sockets.h"
#include "util/urgency.h"

#define SOCKET 3
#define ANSWER_LIMIT_MS 1000

/* Who opened a libfuse, or executes what may change a helper, and waits for the service's word. */
struct opening {
    int event; /* the number of the kernel's question; -1: free */
    uint64_t ticket;
    int64_t since;
};

#define QUESTION_LIMIT_S 5

static struct opening openings[64];
static uint64_t next_ticket;
static bool takes_late; /* see tracee_take_late */

/* ---- answers to the kernel ------------------------------------------------------------------------------------- */

static void answer(int event) {
    int r = groups_answer(event);
    /* ENOENT: its process was killed while it waited. Else it would wait without an end: the kernel lets it go when we
     * end, and our keeper starts another of us */
    if (r < 0 && r != -ENOENT)
        exit(EXIT_FAILURE);
}

static bool on_chroot(pid_t process, uint64_t *ret_ticket) {
    const struct catcher_message message = {.what = CATCHER_CHROOTS,
                                            .ticket = ++next_ticket,
                                            .pid = process,
                                            .mount_namespace = table_silo_namespace(process)};
    *ret_ticket = message.ticket;
    return socket_send(SOCKET, &message, sizeof message, NULL, 0) >= 0;
}

/* A process that is taken may make us wait (seize.h). */
static void take(const struct asked *asked, enum catcher_kind kind) {
    uint64_t process = 0, silo = table_silo_namespace(asked->thread);
    bool late = takes_late && process_status_number(asked->thread, "Tgid:", 10, &process) == 0 && asked->has_key;
    if (takes_late)
        answer(asked->number);
    int64_t since = clock_ms();
    if (late && table_may_wait(silo))
        (void)tracee_take_late(asked->thread, (pid_t)process, kind, &asked->key);
    else if (!takes_late && table_may_wait(silo))
        (void)tracee_take(asked->thread, kind);
    table_has_waited(silo, clock_ms() - since);
    if (!takes_late)
        answer(asked->number);
}

static void follow(pid_t thread) {
    uint64_t silo = table_silo_namespace(thread);
    int64_t since = clock_ms();
    if (table_may_wait(silo))
        (void)tracee_follow(thread);
    table_has_waited(silo, clock_ms() - since);
}

static void hold(pid_t process, uint64_t ticket) {
    uint64_t silo = table_silo_namespace(process);
    int64_t since = clock_ms();
    if (table_may_wait(silo))
        tracees_hold(process, ticket);
    table_has_waited(silo, clock_ms() - since);
}

static struct opening *opening_find(uint64_t ticket) {
    for (size_t i = 0; i < ARRAY_SIZE(openings); i++)
        if (openings[i].event >= 0 && openings[i].ticket == ticket)
            return &openings[i];
    return NULL;
}

static void opening_end(struct opening *opening) {
    answer(steal_fd(&opening->event));
}

/* Has the file's process wait for the service's word. Returns false where it cannot: then the caller answers. */
static bool ask_service(enum catcher_what what, const struct asked *asked, uint64_t silo) {
    const struct catcher_message message = {.what = what,
                                            .kind = asked->kind,
                                            .ticket = ++next_ticket,
                                            .pid = asked->thread,
                                            .mount_namespace = table_silo_namespace(asked->thread),
                                            .silo = silo};
    for (size_t i = 0; i < ARRAY_SIZE(openings); i++)
        if (openings[i].event < 0) {
            if (socket_send(SOCKET, &message, sizeof message, NULL, 0) < 0)
                return false;
            openings[i] = (struct opening){.event = asked->number, .ticket = message.ticket, .since = clock_ms()};
            return true;
        }
    return false;
}

/* What is executed, by its file's kind or its arguments. Returns whether it is of concern. */
static bool look(const struct asked *asked, struct called *ret_called) {
    enum catcher_kind kind = asked->kind;
    if (!groups_concerns(asked))
        return false;
    *ret_called = (struct called){.kind = kind, .ours = true, .changes_helpers = kind == CATCHER_PACKAGES};
    return (kind != CATCHER_MANY && kind != CATCHER_TOOL) || reading_look(asked->thread, kind, ret_called);
}

static void on_execute(const struct asked *asked) {
    enum served_kind serves = table_serves(asked->thread);
    struct called called = {.ours = false};
    if (serves != SERVED_NOT && !look(asked, &called))
        serves = SERVED_NOT;
    if (serves == SERVED && called.changes_helpers && ask_service(CATCHER_CHANGES, asked, 0))
        return;
    bool changes = called.kind == CATCHER_PACKAGES || called.kind == CATCHER_TOOL;
    if (!changes && (serves == SERVED || (serves == SERVED_NESTED && called.kind != CATCHER_CHROOT)))
        take(asked, called.kind);
    else
        answer(asked->number);
}

/* The name of a process's program, without its folder, until the next call; NULL: not known. */
static const char *find_program(pid_t thread) {
    static char buffer[PATH_MAX];
    if (proc_read_link(buffer, sizeof buffer, "%d/exe", (int)thread) <= 0)
        return NULL;
    const char *slash = strrchr(buffer, '/');
    return slash ? slash + 1 : NULL;
}

/* Whether that process is a tool that looks at libraries without running them. */
static bool only_reads(pid_t thread) {
    static const char *const tools[] = {
        "linfspd", "ldconfig", "dpkg", "rpm",     "apk",    "tar",    "bsdtar", "cp",    "mv",      "install",
        "rsync",   "cat",      "grep", "find",    "sha",    "md5sum", "cksum",  "strip", "objdump", "readelf",
        "file",    "ld-",      "ld.",  "busybox", "toybox", "dd",     "du",     "gzip",  "cmp",     "diff"};
    const char *name = find_program(thread);
    for (size_t i = 0; name && i < ARRAY_SIZE(tools); i++)
        if (strncmp(name, tools[i], strlen(tools[i])) == 0)
            return true;
    return false;
}

/* Whether it has CAP_SYS_ADMIN. */
static bool is_privileged(pid_t thread) {
    uint64_t effective = 0;
    return process_status_number(thread, "CapEff:", 16, &effective) == 0 && (effective & (1ull << CAP_SYS_ADMIN));
}

/* Whether a process that lists the layer of a silo is one that would take the layer along. The silo's own processes
 * have overlayfs read it, and our workers change it. */
static bool takes_layer(uint64_t silo, pid_t thread) {
    const char *name = find_program(thread);
    return table_silo(thread) != silo && !(name && strncmp(name, "linfspd", strlen("linfspd")) == 0);
}

static void on_open_layer(const struct asked *asked) {
    uint64_t silo = table_silo_of_file(asked->number);
    if (!takes_layer(silo, asked->thread) || !ask_service(CATCHER_READS, asked, silo))
        answer(asked->number);
}

static void on_close_layer(const struct asked *asked) {
    const struct catcher_message message = {.what = CATCHER_HAS_READ, .silo = table_silo_of_file(asked->number)};
    if (message.silo && takes_layer(message.silo, asked->thread))
        (void)socket_send(SOCKET, &message, sizeof message, NULL, 0);
    groups_close(asked->number);
}

static void on_open(const struct asked *asked) {
    pid_t thread = asked->thread;
    if (asked->kind == CATCHER_LAYER) {
        on_open_layer(asked);
        return;
    }
    enum served_kind served = table_serves(thread);
    if (served != SERVED_NOT && is_privileged(thread) && !only_reads(thread) && table_may_follow(thread))
        follow(thread);
    if (served == SERVED_NOT || only_reads(thread) || !ask_service(CATCHER_OPENED, asked, 0))
        answer(asked->number);
}

static void on_question(const struct asked *asked) {
    (void)alarm(QUESTION_LIMIT_S);
    if (asked->mask & FAN_OPEN_EXEC_PERM)
        on_execute(asked);
    else if (asked->mask & FAN_OPEN_PERM)
        on_open(asked);
    else if (asked->mask & FAN_CLOSE_NOWRITE)
        on_close_layer(asked);
    else
        groups_close(asked->number);
}

/*
 * Reading a question opens the file that it is about. Of an overlayfs that opens the layer's file, too (seen with Linux
 * 6.18): were that one asked about as well, because another container's root is the layer itself, the catcher would
 * wait for its own answer. So only the first of the two is marked. Should it wait all the same, SIGALRM ends it, the
 * kernel lets those go who wait for it, and the keeper starts another.
 */
static bool on_questions(const struct pollfd *waited) {
    (void)alarm(QUESTION_LIMIT_S);
    bool whole = groups_read(waited, on_question);
    (void)alarm(0);
    return whole;
}

static int check_openings(void) {
    int64_t now = clock_ms(), next = -1;
    for (size_t i = 0; i < ARRAY_SIZE(openings); i++) {
        if (openings[i].event < 0)
            continue;
        int64_t left = openings[i].since + ANSWER_LIMIT_MS - now;
        if (left <= 0)
            opening_end(&openings[i]);
        else if (next < 0 || left < next)
            next = left;
    }
    return (int)next;
}

/* ---- what the service says ------------------------------------------------------------------------------------- */

static void mark(const struct catcher_message *message, int file) {
    bool library = catcher_is_library((enum catcher_kind)message->kind);
    if (message->what == CATCHER_MARK && library && table_has_other_layer(file, message->group > 0))
        return; /* see on_questions */
    groups_mark(message, file);
}

/* Returns false where the socket has ended. */
static bool on_message(void) {
    struct catcher_message message;
    int fds[1];
    size_t n_fds = 0;
    ssize_t size = socket_receive(SOCKET, &message, sizeof message, fds, 1, &n_fds);
    if (size == 0)
        return false;
    if (size != sizeof message)
        return size != -ECONNRESET;
    _cleanup_close_ int file = n_fds ? fds[0] : -1;
    struct opening *opening;
    switch (message.what) {
    case CATCHER_SERVE:
    case CATCHER_FORGET:
        table_serve(&message);
        break;
    case CATCHER_MARK:
    case CATCHER_UNMARK:
        if (file >= 0)
            mark(&message, file);
        break;
    case CATCHER_GO_ON:
        tracees_release(message.ticket);
        opening = opening_find(message.ticket);
        if (opening)
            opening_end(opening);
        break;
    case CATCHER_HOLD:
        hold(message.pid, message.ticket);
        break;
    default:
        break;
    }
    return true;
}

/* ---- the run --------------------------------------------------------------------------------------------------- */

static bool kernel_is_older(unsigned major, unsigned minor) {
    struct utsname name;
    unsigned has_major = 0, has_minor = 0;
    if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &has_major, &has_minor) != 2)
        return false;
    return has_major < major || (has_major == major && has_minor < minor);
}

static void prepare_process(void) {
    prctl(PR_SET_NAME, "linfspd-catcher");
    prctl(PR_SET_DUMPABLE, 0);
    (void)setgroups(0, NULL);
    /* sent to all of the service's processes, it is for the service */
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGALRM, SIG_DFL);
    takes_late = kernel_is_older(6, 8);
    (void)fcntl(SOCKET, F_SETFD, FD_CLOEXEC);
    if (fcntl(CATCHER_PROC, F_SETFD, FD_CLOEXEC) == 0)
        proc_use(CATCHER_PROC);
}

/* What was said to the catcher before this one: the service says all of it again. */
static void drop_messages(void) {
    struct catcher_message message;
    int fds[1];
    size_t n_fds = 0;
    ssize_t size;
    while ((size = socket_receive(SOCKET, &message, sizeof message, fds, 1, &n_fds)) > 0 || size == -EMSGSIZE) {
        if (size > 0 && n_fds)
            close(fds[0]);
        n_fds = 0;
    }
}

static int shut_cage(const cap_value_t *capabilities, size_t n_capabilities, int (*filter)(void)) {
    int r = cage_keep_capabilities(capabilities, n_capabilities);
    if (r < 0)
        return r;
    r = filter();
    return r == -EINVAL ? 0 : r; /* a kernel without seccomp */
}

static int keep_own_capabilities(void) {
    return cage_keep_capabilities(cage_catcher_capabilities, cage_n_catcher_capabilities);
}

static int shut_own_cage(void) {
    return shut_cage(cage_catcher_capabilities, cage_n_catcher_capabilities, cage_filter_catcher);
}

/* Returns a descriptor that tells of SIGCHLD, or a negative errno. */
static int prepare_catcher(uint64_t before) {
    sigset_t children;
    for (size_t i = 0; i < ARRAY_SIZE(openings); i++)
        openings[i].event = -1;
    next_ticket = (uint64_t)getpid() << 32; /* no ticket of the catcher before this one */
    tracees_tell_of_chroots(on_chroot);
    tracees_look_at_umount(reading_look_at_umount);
    table_finds_folder_by(reading_find_folder);
    int r = reading_make(keep_own_capabilities, shut_own_cage);
    if (r == 0)
        r = groups_make(shut_own_cage);
    if (r == 0)
        r = shut_own_cage();
    if (r < 0)
        return r;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_SETMASK, &children, NULL);
    urgency_lower_by_signal();
    int signals = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0)
        return -errno;
    const struct catcher_message started = {.what = CATCHER_STARTED, .ticket = before};
    if (before > 0)
        drop_messages();
    (void)socket_send(SOCKET, &started, sizeof started, NULL, 0);
    return signals;
}

static int earlier(int one, int other) {
    return one < 0 ? other : other < 0 || one < other ? one : other;
}

static int complain(const char *what, int error) {
    fprintf(stderr, "linfspd-catcher: %s (%s): the helpers of images are not stood in for\n", what, strerror(-error));
    return error == -ENOMEM || error == -EMFILE || error == -ENFILE || error == -EAGAIN ? 1 : CATCHER_EXIT_NEVER;
}

int main(void) {
    prepare_process();
    int r = shut_cage(cage_keeper_capabilities, cage_n_keeper_capabilities, cage_filter_keeper);
    if (r < 0)
        return complain("the cage cannot be shut", r);
    _cleanup_close_ int signals = prepare_catcher(keeper_run(SOCKET));
    if (signals < 0)
        return complain("the kernel does not ask before programs are executed", signals);
    for (;;) {
        struct pollfd wait[2 + CATCHER_GROUPS] = {{.fd = SOCKET, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
        groups_poll(wait + 2);
        (void)poll(wait, ARRAY_SIZE(wait), earlier(tracees_check_time(), check_openings()));
        struct signalfd_siginfo info;
        while (wait[1].revents && read(signals, &info, sizeof info) > 0) {
        }
        tracees_wait();
        if (wait[0].revents && !on_message()) {
            groups_end();
            return CATCHER_EXIT_DONE;
        }
        if (!on_questions(wait + 2))
            return EXIT_FAILURE;
    }
}
