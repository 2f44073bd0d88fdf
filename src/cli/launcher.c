/* SPDX-License-Identifier: MIT */
/*
 * `linfsp launcher`: starts registered file systems, for `linfsp launchctl` and for whoever first opens their UNC path.
 *
 * Model. One thread, one poll. An instance is a program that was started: of a class, under a name, with the client
 * that waits for it, if any. The service is told the classes; for each path that somebody waits at it sends the prefix
 * \class\instance, and an instance of that name is started with %1 the prefix and %2 empty. The program claims the
 * prefix as any program does, and then the walk goes on. A program that ends before is reported.
 *
 * The launcher runs in the container or on the host whose file systems it starts, as the user that they are to be. The
 * service starts nothing.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/launcher.h"
#include "cli/process.h"
#include "util/clock.h"
#include "util/list.h"
#include "winfsp/launcher.h"
#include "winfsp/text.h"
#include "wire/connect.h"

#define INSTANCES_MAX 256
#define SECRET_MS 15000 /* for the program's OK or KO */
#define STOP_MS 10000 /* from SIGTERM to SIGKILL */
#define RETRY_MS 1000

#define MAY_START 0x10u
#define MAY_STOP 0x20u
#define MAY_QUERY 0x4u

struct instance {
    struct list_node node;
    char *class, *name, *text; /* text: the command line */
    FSP_LAUNCH_REG_RECORD *record;
    struct command command;
    pid_t pid; /* 0: to be started again at `deadline` */
    int output; /* where its OK or KO comes from, or -1 */
    int client; /* who waits for the answer or the end, or -1 */
    int64_t deadline; /* of what is waited for; 0: nothing is */
    bool stopping;
    char *prefix; /* of whom the service waits for; NULL: nobody */
};

struct launcher {
    const struct verb *verb;
    int listener, signals, service;
    int64_t connect_at;
    struct list_node instances;
    unsigned count;
    bool ends;
};

/* ---- answers --------------------------------------------------------------------------------------------------- */

static void answer(int *client, WCHAR kind, const WCHAR *text, size_t units) {
    WCHAR message[LAUNCH_MESSAGE_UNITS] = {kind};
    if (*client < 0)
        return;
    if (units > LAUNCH_MESSAGE_UNITS - 1)
        units = LAUNCH_MESSAGE_UNITS - 1;
    memcpy(message + 1, text, units * sizeof *text);
    (void)send(*client, message, (units + 1) * sizeof *message, MSG_NOSIGNAL | MSG_DONTWAIT);
    close_fd(client);
}

static void answer_done(int *client) {
    answer(client, FspLaunchCmdSuccess, u"", 0);
}

static void answer_error(int *client, unsigned error) {
    char text[16];
    WCHAR wide[16];
    int size = snprintf(text, sizeof text, "%u", error);
    for (int i = 0; i < size; i++)
        wide[i] = (WCHAR)text[i];
    answer(client, FspLaunchCmdFailure, wide, (size_t)size);
}

static unsigned win32_of(int error) {
    return FspWin32FromNtStatus(error == -ENOENT || error == -ESRCH   ? STATUS_OBJECT_NAME_NOT_FOUND
                                : error == -EACCES || error == -EPERM ? STATUS_ACCESS_DENIED
                                : error == -ENOMEM                    ? STATUS_INSUFFICIENT_RESOURCES
                                                                      : STATUS_INVALID_PARAMETER);
}

/* ---- instances ------------------------------------------------------------------------------------------------- */

/* Nobody serves the prefix: whoever waits there goes on. */
static void report_failure(struct instance *instance) {
    struct wire_start request;
    union wire_message last;
    _cleanup_close_ int socket = -1;
    if (!instance->prefix || client_open_quietly(&socket) < 0)
        return;
    wire_begin(&request, WIRE_START_FAILED, 1);
    WIRE_SET(request.prefix, instance->prefix);
    (void)client_call(socket, &request, NULL, 0, CLIENT_TIMEOUT_MS, NULL, NULL, &last);
    free(steal_pointer(instance->prefix));
}

static void instance_free(struct launcher *launcher, struct instance *instance) {
    if (instance->node.next)
        launcher->count--;
    list_remove(&instance->node);
    report_failure(instance);
    close_fd(&instance->output);
    close_fd(&instance->client);
    command_free(&instance->command);
    FspLaunchRegFreeRecord(instance->record);
    free(instance->prefix);
    free(instance->class);
    free(instance->name);
    free(instance->text);
    free(instance);
}

static struct instance *find(const struct launcher *launcher, const char *class, const char *name) {
    struct instance *instance;
    list_for_each (instance, &launcher->instances, node)
        if (strcasecmp(instance->class, class) == 0 && strcasecmp(instance->name, name) == 0)
            return instance;
    return NULL;
}

static int spawn(struct instance *instance, const char *secret) {
    pid_t pid = launcher_spawn(instance->record, &instance->command, secret, &instance->output);
    if (pid < 0)
        return (int)pid;
    instance->pid = pid;
    instance->deadline = secret ? clock_ms() + SECRET_MS : 0;
    return 0;
}

static FSP_LAUNCH_REG_RECORD *record_of(const char *class) {
    FSP_LAUNCH_REG_RECORD *record = NULL;
    _cleanup_free_ PWSTR wide = fsp_utf8_to_wide_new(class);
    if (wide)
        (void)FspLaunchRegGetRecord(wide, NULL, &record);
    return record;
}

static int fill(struct instance *instance, const char *class, const char *name, const char *const *arguments,
                size_t n_arguments) {
    _cleanup_free_ char *program = fsp_wide_to_utf8_new(instance->record->Executable);
    _cleanup_free_ char *line =
        instance->record->CommandLine ? fsp_wide_to_utf8_new(instance->record->CommandLine) : strdup("");
    instance->class = strdup(class);
    instance->name = strdup(name);
    if (!program || !line || !instance->class || !instance->name)
        return -ENOMEM;
    int r = command_make(program, line, arguments, n_arguments, &instance->command);
    if (r == 0 && !(instance->text = command_text(&instance->command)))
        r = -ENOMEM;
    return r;
}

/* Starts an instance that is not there; the record becomes its own, also on failure. */
static int start(struct launcher *launcher, FSP_LAUNCH_REG_RECORD *record, const char *class, const char *name,
                 const char *const *arguments, size_t n_arguments, const char *secret, struct instance **ret_instance) {
    struct instance *instance = launcher->count < INSTANCES_MAX ? calloc(1, sizeof *instance) : NULL;
    if (!instance) {
        FspLaunchRegFreeRecord(record);
        return -ENOMEM;
    }
    *instance = (struct instance){.record = record, .output = -1, .client = -1};
    int r = fill(instance, class, name, arguments, n_arguments);
    if (r == 0)
        r = spawn(instance, secret);
    if (r < 0) {
        verb_note(launcher->verb, "%s %s cannot be started: %s", class, name, strerror(-r));
        instance_free(launcher, instance);
        return r;
    }
    list_append(&launcher->instances, &instance->node);
    launcher->count++;
    verb_note(launcher->verb, "%s %s started: pid %d: %s", class, name, (int)instance->pid, instance->text);
    *ret_instance = instance;
    return 0;
}

static void stop(struct instance *instance) {
    instance->stopping = true;
    instance->deadline = clock_ms() + STOP_MS;
    if (instance->pid > 0)
        kill(instance->pid, SIGTERM);
}

/* A program that was to go on, and has not been told to end, is started again after a second. */
static void on_exit_of(struct launcher *launcher, struct instance *instance, int status) {
    bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    verb_note(launcher->verb, "%s %s ended: %s %d", instance->class, instance->name,
              WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    kill(-instance->pid, SIGKILL); /* what it left of its group */
    if (instance->stopping)
        answer_done(&instance->client);
    else
        answer_error(&instance->client, ERROR_INVALID_FUNCTION);
    if (instance->record->Recovery && !well && !instance->stopping && instance->output < 0) {
        instance->pid = 0;
        instance->deadline = clock_ms() + RETRY_MS;
        return;
    }
    instance_free(launcher, instance);
}

static void reap(struct launcher *launcher) {
    struct instance *instance, *next;
    struct signalfd_siginfo signal;
    while (read(launcher->signals, &signal, sizeof signal) == sizeof signal) {
        if (signal.ssi_signo == SIGHUP) { /* the classes are other ones */
            close_fd(&launcher->service);
            launcher->connect_at = clock_ms();
        } else if (signal.ssi_signo != SIGCHLD)
            launcher->ends = true;
    }
    list_for_each_safe (instance, next, &launcher->instances, node) {
        int status;
        if (instance->pid > 0 && waitpid(instance->pid, &status, WNOHANG) == instance->pid)
            on_exit_of(launcher, instance, status);
    }
}

/* The program has said OK or KO, or nothing more comes. */
static void on_output(struct instance *instance) {
    char text[16];
    ssize_t n = read(instance->output, text, sizeof text);
    bool good = n >= 2 && text[0] == 'O' && text[1] == 'K';
    close_fd(&instance->output);
    instance->deadline = 0;
    if (good) {
        answer_done(&instance->client);
        return;
    }
    answer_error(&instance->client, ERROR_ACCESS_DENIED);
    stop(instance);
}

static void on_deadline(struct launcher *launcher, struct instance *instance) {
    instance->deadline = 0;
    if (instance->stopping) {
        kill(-instance->pid, SIGKILL);
    } else if (instance->output >= 0) {
        on_output(instance); /* it has said nothing: that is no OK */
    } else if (instance->pid == 0 && spawn(instance, NULL) < 0) {
        instance->deadline = clock_ms() + RETRY_MS;
    }
}

/* ---- requests -------------------------------------------------------------------------------------------------- */

struct request {
    WCHAR command;
    char *words[2 + FSP_LAUNCH_ARGUMENTS_MAX + 2];
    size_t count;
};

static void request_free(struct request *request) {
    for (size_t i = 0; i < request->count; i++)
        free(request->words[i]);
}

/* False: it is none of ours. */
static bool receive(int client, struct request *ret_request) {
    WCHAR message[LAUNCH_MESSAGE_UNITS + 1];
    ssize_t n = recv(client, message, LAUNCH_MESSAGE_UNITS * sizeof *message, 0);
    size_t units = n > 0 ? (size_t)n / sizeof *message : 0;
    *ret_request = (struct request){0};
    if (units == 0 || (units > 1 && message[units - 1] != 0))
        return false;
    ret_request->command = message[0];
    for (size_t at = 1; at < units; at += fsp_wide_length(message + at) + 1) {
        char *word = ret_request->count < ARRAY_SIZE(ret_request->words) ? fsp_wide_to_utf8_new(message + at) : NULL;
        if (!word)
            return false;
        ret_request->words[ret_request->count++] = word;
    }
    return true;
}

static void serve_start(struct launcher *launcher, const struct request *request, const struct ucred *peer,
                        int *client) {
    bool secret = request->command == FspLaunchCmdStartWithSecret;
    size_t most = 2 + FSP_LAUNCH_ARGUMENTS_MAX + secret;
    struct instance *instance;
    if (request->count < 2u + secret || request->count > most || strlen(request->words[1]) >= LAUNCH_NAME_MAX) {
        answer_error(client, ERROR_INVALID_PARAMETER);
        return;
    }
    FSP_LAUNCH_REG_RECORD *record = record_of(request->words[0]);
    bool exists = find(launcher, request->words[0], request->words[1]);
    bool may = record && launcher_may(record, peer->uid, peer->gid, MAY_START);
    if (!may || exists) {
        FspLaunchRegFreeRecord(record);
        answer_error(client, !record ? ERROR_FILE_NOT_FOUND : !may ? ERROR_ACCESS_DENIED : ERROR_ALREADY_EXISTS);
        return;
    }
    int r = start(launcher, record, request->words[0], request->words[1], (const char *const *)request->words + 2,
                  request->count - 2 - secret, secret ? request->words[request->count - 1] : NULL, &instance);
    if (r < 0)
        answer_error(client, win32_of(r));
    else if (secret)
        instance->client = steal_fd(client);
    else
        answer_done(client);
}

/* The instance that is meant, if that user may do so with it; NULL after an answer. */
static struct instance *instance_of(struct launcher *launcher, const struct request *request, const struct ucred *peer,
                                    unsigned wanted, int *client) {
    struct instance *instance = request->count == 2 ? find(launcher, request->words[0], request->words[1]) : NULL;
    bool may = instance && launcher_may(instance->record, peer->uid, peer->gid, wanted);
    if (may)
        return instance;
    answer_error(client, request->count != 2 ? ERROR_INVALID_PARAMETER
                         : instance          ? ERROR_ACCESS_DENIED
                                             : ERROR_FILE_NOT_FOUND);
    return NULL;
}

static void serve_stop(struct launcher *launcher, const struct request *request, const struct ucred *peer,
                       int *client) {
    struct instance *instance = instance_of(launcher, request, peer, MAY_STOP, client);
    if (!instance)
        return;
    if (instance->pid == 0) { /* it was to be started again */
        instance_free(launcher, instance);
        answer_done(client);
        return;
    }
    answer_error(&instance->client, ERROR_ACCESS_DENIED); /* who waited for its start */
    instance->client = steal_fd(client);
    stop(instance);
}

/* Behind the others, with its NUL. */
static size_t append(WCHAR *text, size_t units, const char *word) {
    int n = fsp_utf8_to_wide(word, strlen(word), text + units, LAUNCH_MESSAGE_UNITS - 2 - units);
    if (n < 0)
        return units;
    text[units + (size_t)n] = 0;
    return units + (size_t)n + 1;
}

static void serve_info(struct launcher *launcher, const struct request *request, const struct ucred *peer,
                       int *client) {
    WCHAR text[LAUNCH_MESSAGE_UNITS];
    const struct instance *instance = instance_of(launcher, request, peer, MAY_QUERY, client);
    if (!instance)
        return;
    size_t units = append(text, 0, instance->class);
    units = append(text, units, instance->name);
    units = append(text, units, instance->text);
    answer(client, FspLaunchCmdSuccess, text, units);
}

static void serve_list(struct launcher *launcher, const struct ucred *peer, int *client) {
    WCHAR text[LAUNCH_MESSAGE_UNITS];
    const struct instance *instance;
    size_t units = 0;
    list_for_each (instance, &launcher->instances, node) {
        if (!launcher_may(instance->record, peer->uid, peer->gid, MAY_QUERY))
            continue;
        units = append(text, units, instance->class);
        units = append(text, units, instance->name);
    }
    answer(client, FspLaunchCmdSuccess, text, units);
}

static void serve(struct launcher *launcher, const struct request *request, const struct ucred *peer, int *client) {
    switch (request->command) {
    case FspLaunchCmdStart:
    case FspLaunchCmdStartWithSecret:
        serve_start(launcher, request, peer, client);
        return;
    case FspLaunchCmdStop:
        serve_stop(launcher, request, peer, client);
        return;
    case FspLaunchCmdGetInfo:
        serve_info(launcher, request, peer, client);
        return;
    case FspLaunchCmdGetNameList:
        serve_list(launcher, peer, client);
        return;
    case FspLaunchCmdQuit:
        if (peer->uid != 0 && peer->uid != geteuid()) {
            answer_error(client, ERROR_ACCESS_DENIED);
            return;
        }
        launcher->ends = true;
        answer_done(client);
        return;
    default:
        answer_error(client, ERROR_INVALID_FUNCTION);
    }
}

/* A client sends its one request at once: it is not waited for longer than a second. */
static void on_client(struct launcher *launcher) {
    _cleanup_close_ int client = accept4(launcher->listener, NULL, NULL, SOCK_CLOEXEC);
    struct timeval patience = {.tv_sec = 1};
    struct ucred peer;
    struct request request;
    socklen_t size = sizeof peer;
    if (client < 0 || getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return;
    (void)setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (receive(client, &request))
        serve(launcher, &request, &peer, &client);
    request_free(&request);
}

/* ---- the service ----------------------------------------------------------------------------------------------- */

static int list_classes(char *ret_classes, size_t size) {
    _cleanup_closedir_ DIR *directory = opendir(launch_folder());
    const struct dirent *entry;
    size_t used = 0;
    ret_classes[0] = 0;
    while (directory && (entry = readdir(directory))) {
        char name[NAME_MAX + 1];
        size_t length = strlen(entry->d_name);
        if (length <= 5 || strcmp(entry->d_name + length - 5, ".conf") != 0)
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(length - 5), entry->d_name);
        FSP_LAUNCH_REG_RECORD *record = launch_class_valid(name) ? record_of(name) : NULL;
        if (record && used + length < size)
            used += (size_t)snprintf(ret_classes + used, size - used, "%s\n", name);
        FspLaunchRegFreeRecord(record);
    }
    return used > 0 ? 0 : -ENOENT;
}

/* Classes are read when the launcher starts, on SIGHUP, and when the service starts. */
static void offer(struct launcher *launcher) {
    struct wire_offer_classes request;
    char classes[sizeof request.classes];
    launcher->connect_at = clock_ms() + RETRY_MS;
    if (list_classes(classes, sizeof classes) < 0 || client_open_quietly(&launcher->service) < 0)
        return;
    wire_begin(&request, WIRE_OFFER_CLASSES, 1);
    WIRE_SET(request.classes, classes);
    if (wire_send(launcher->service, &request, NULL, 0) < 0)
        close_fd(&launcher->service);
}

/* Somebody waits at that prefix, "\class\instance". */
static void start_by_prefix(struct launcher *launcher, const char *prefix) {
    struct instance *instance, refused = {.prefix = strdup(prefix)};
    char class[WIRE_PREFIX_MAX];
    snprintf(class, sizeof class, "%s", prefix + (*prefix == '\\'));
    char *name = strchr(class, '\\');
    if (name && refused.prefix && strlen(name) <= LAUNCH_NAME_MAX) {
        *name++ = 0;
        const char *const arguments[] = {prefix, ""};
        FSP_LAUNCH_REG_RECORD *record = find(launcher, class, name) ? NULL : record_of(class);
        if (record && start(launcher, record, class, name, arguments, 2, NULL, &instance) == 0) {
            instance->prefix = steal_pointer(refused.prefix);
            return;
        }
    }
    report_failure(&refused);
    free(refused.prefix);
}

static void on_service(struct launcher *launcher) {
    static union wire_message message;
    int fds[WIRE_FDS_MAX];
    size_t n_fds = 0;
    const char *why;
    int r = wire_receive(launcher->service, &message, fds, &n_fds, &why);
    if (r <= 0 || message.header.type == WIRE_ERROR) {
        if (r > 0)
            verb_note(launcher->verb, "the service refuses: %s", message.error.message);
        close_fd(&launcher->service);
        launcher->connect_at = clock_ms() + RETRY_MS;
        return;
    }
    if (message.header.type == WIRE_START_WANTED)
        start_by_prefix(launcher, message.start.prefix);
}

/* ---- the loop -------------------------------------------------------------------------------------------------- */

static int listen_at(int *ret_socket) {
    struct sockaddr_un address;
    launch_address(geteuid(), &address);
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), other = -1;
    if (fd < 0 || (other = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) < 0)
        return -errno;
    if (connect(other, (const struct sockaddr *)&address, sizeof address) == 0)
        return -EADDRINUSE;
    unlink(address.sun_path);
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 64) < 0)
        return -errno;
    (void)chmod(address.sun_path, 0666); /* each request is judged by who asks */
    *ret_socket = steal_fd(&fd);
    return 0;
}

static int watch_signals(int *ret_fd) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    *ret_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return *ret_fd < 0 ? -errno : 0;
}

static int64_t earlier(int64_t a, int64_t b) {
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static int time_left(const struct launcher *launcher) {
    const struct instance *instance;
    int64_t next = launcher->service < 0 && !launcher->ends ? launcher->connect_at : 0;
    list_for_each (instance, &launcher->instances, node)
        next = earlier(next, instance->deadline);
    int64_t left = next - clock_ms();
    return next == 0 ? -1 : left < 0 ? 0 : (int)left;
}

static void look_at_deadlines(struct launcher *launcher) {
    struct instance *instance, *next;
    int64_t now = clock_ms();
    if (launcher->service < 0 && !launcher->ends && launcher->connect_at <= now)
        offer(launcher);
    list_for_each_safe (instance, next, &launcher->instances, node)
        if (instance->deadline && instance->deadline <= now)
            on_deadline(launcher, instance);
}

static void turn(struct launcher *launcher) {
    struct pollfd polls[3 + INSTANCES_MAX] = {
        {launcher->listener, POLLIN, 0}, {launcher->signals, POLLIN, 0}, {launcher->service, POLLIN, 0}};
    struct instance *talking[INSTANCES_MAX], *instance;
    size_t n = 0;
    list_for_each (instance, &launcher->instances, node)
        if (instance->output >= 0) {
            polls[3 + n] = (struct pollfd){instance->output, POLLIN, 0};
            talking[n++] = instance;
        }
    if (poll(polls, 3 + n, time_left(launcher)) < 0)
        return;
    for (size_t i = 0; i < n; i++)
        if (polls[3 + i].revents)
            on_output(talking[i]);
    if (polls[2].revents)
        on_service(launcher);
    if (polls[0].revents && !launcher->ends)
        on_client(launcher);
    look_at_deadlines(launcher);
    reap(launcher); /* last: it frees instances */
}

static void end_all(struct launcher *launcher) {
    struct instance *instance, *next;
    struct sockaddr_un address;
    close_fd(&launcher->service);
    list_for_each_safe (instance, next, &launcher->instances, node) {
        if (instance->pid > 0)
            stop(instance);
        else
            instance_free(launcher, instance);
    }
    while (!list_empty(&launcher->instances))
        turn(launcher);
    launch_address(geteuid(), &address);
    unlink(address.sun_path);
}

static int run(const struct verb *verb, int argc, char **argv) {
    int done = verb_simple_options(verb, argc, argv, NULL);
    if (done >= 0)
        return done;
    struct launcher launcher = {.verb = verb, .listener = -1, .signals = -1, .service = -1};
    list_init(&launcher.instances);
    int r = listen_at(&launcher.listener);
    if (r == -EADDRINUSE)
        return verb_fail(verb, "a launcher of this user runs here already");
    if (r == 0)
        r = watch_signals(&launcher.signals);
    if (r < 0)
        return verb_fail(verb, "cannot start: %s", strerror(-r));
    offer(&launcher);
    while (!launcher.ends)
        turn(&launcher);
    end_all(&launcher);
    close(launcher.listener);
    close(launcher.signals);
    return 0;
}

const struct verb verb_launcher = {
    .name = "launcher",
    .summary = "start registered file systems when they are asked for",
    .help = "usage: linfsp launcher\n\n"
            "Runs until it is ended, and starts the file systems that are registered in\n"
            "/etc/linfsp-launch.d (or the folder in LINFSP_LAUNCH_D): when `linfsp\n"
            "launchctl` asks, and when somebody first opens /unc/CLASS/INSTANCE. It runs\n"
            "in the container, or on the host, whose file systems it starts, as their\n"
            "user. CLASS.conf has lines NAME = VALUE:\n\n"
            "  Executable     the program\n"
            "  CommandLine    its arguments; %1 to %9 stand for those of the start. For a\n"
            "                 path that is opened %1 is \\CLASS\\INSTANCE\n"
            "  WorkDirectory, RunAs, Stderr, Security (SDDL), Recovery (1: started again)\n\n"
            "example: /etc/linfsp-launch.d/mem.conf\n"
            "  Executable = /usr/bin/memfs\n"
            "  CommandLine = -i -F NTFS -u %1\n\n"
            "  linfsp launcher &\n"
            "  ls /unc/mem/scratch\n",
    .run = run,
};
