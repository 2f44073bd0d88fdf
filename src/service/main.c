/* SPDX-License-Identifier: MIT */
/* linfspd: command line, configuration, signals. */
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "cage/cage.h"
#include "config/config.h"
#include "service/catcher.h"
#include "service/intent.h"
#include "service/journal.h"
#include "service/permission.h"
#include "service/service.h"
#include "service/volume.h"
#include "util/cleanup.h"
#include "util/help.h"
#include "util/log.h"
#include "util/open-at.h"
#include "util/paths.h"
#include "util/proc.h"
#include "util/urgency.h"

#define WORKER "linfspd-worker"
#define CATCHER "linfspd-catcher"

/* Exit statuses, as sysexits.h has them. The unit lists them: systemd does not start the service again after these. */
#define EXIT_USAGE 2
#define EXIT_UNAVAILABLE 69 /* this machine cannot have the service: its kernel, /unc, another linfspd */
#define EXIT_CONFIGURATION 78

static const char usage[] =
    "usage: linfspd [OPTION]...\n"
    "\n"
    "The host service of LinFsp: puts /dev/linfsp into every container, and makes the mounts that programs there ask\n"
    "for. `linfsp start` starts it.\n"
    "\n"
    "  --config=FILE     configuration, /etc/linfsp.conf unless given\n"
    "  --dist=DIR        folder with linfspd-worker and the bin/ and lib/ that are put into containers at\n"
    "                    /dev/linfsp; unless given, ../lib/linfsp beside this program\n"
    "  --ready-fd=N      write READY to this descriptor when containers are served, or why they cannot be\n"
    "  --only-descendants  serve only containers that were started from this mount namespace, so that several\n"
    "                      services can run on one machine, each in a mount namespace of its own: for tests\n"
    "  --check           read the configuration, say what is wrong with it, and end\n"
    "  --debug           log everything\n"
    "  --help, --version\n"
    "\n"
    "It stays in the foreground and logs to standard error. SIGTERM takes everything down: all volumes, and\n"
    "/dev/linfsp out of every container. SIGUSR1 ends the service alone: volumes live on and the next linfspd takes\n"
    "them over, as it does when this one is killed.\n"
    "\n"
    "examples:\n"
    "  linfspd --check --config=/tmp/linfsp.conf   what is wrong with a configuration\n"
    "  linfspd --debug                             a service in this terminal, which says all that it does\n";

#define SERVICE_NICE (-15)
#define LOCK_TURNS 50
#define LOCK_TURN_MS 10
#define CALM_SEC 10

struct arguments {
    const char *config;
    const char *dist;
    int ready_fd;
    bool only_descendants;
    bool check;
};

static int parse_arguments(int argc, char **argv, struct arguments *ret_arguments) {
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"dist", required_argument, NULL, 'd'},
                                            {"ready-fd", required_argument, NULL, 'r'},
                                            {"check", no_argument, NULL, 'C'},
                                            {"debug", no_argument, NULL, 'D'},
                                            {"foreground", no_argument, NULL, 'f'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'v'},
                                            {"only-descendants", no_argument, NULL, 'o'},
                                            {0}};
    *ret_arguments = (struct arguments){.config = "/etc/linfsp.conf", .ready_fd = -1};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'c':
            ret_arguments->config = optarg;
            break;
        case 'd':
            ret_arguments->dist = optarg;
            break;
        case 'r':
            ret_arguments->ready_fd = atoi(optarg);
            break;
        case 'C':
            ret_arguments->check = true;
            break;
        case 'D':
            log_set_level(LOG_DEBUG);
            break;
        case 'o':
            ret_arguments->only_descendants = true;
            break;
        case 'f':
            break; /* what it does anyway */
        case 'h':
            help_print(stdout, usage, terminal_width());
            return 0;
        case 'v':
            puts("linfspd " LINFSP_VERSION);
            return 0;
        default:
            fputs("linfspd --help shows the options.\n", stderr);
            return -EINVAL;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "linfspd takes no argument: %s\n", argv[optind]);
        return -EINVAL;
    }
    return 1;
}

/* The folder that is `up` levels above this program, wherever it was put. */
static int find_own_folder(int up, char *ret_path, size_t size) {
    if (proc_read_link(ret_path, size, "self/exe") < 0)
        return -errno;
    for (int i = 0; i < up; i++) {
        char *slash = strrchr(ret_path, '/');
        if (slash)
            *slash = 0;
    }
    return 0;
}

/* PREFIX/sbin/linfspd and PREFIX/lib/linfsp. */
static int find_dist(char *ret_path, size_t size) {
    char prefix[WIRE_PATH_MAX];
    int r = find_own_folder(2, prefix, sizeof prefix);
    return r < 0 ? r : (size_t)snprintf(ret_path, size, "%s/lib/linfsp", prefix) < size ? 0 : -ENAMETOOLONG;
}

/* In the build folder where this program was built, or where it was installed. */
static int open_program(const char *dist, const char *folder, const char *name) {
    char path[WIRE_PATH_MAX + 64], build[WIRE_PATH_MAX];
    int fd = -1;
    if (find_own_folder(2, build, sizeof build) == 0) {
        snprintf(path, sizeof path, "%s/%s/%s", build, folder, name);
        fd = open(path, O_PATH | O_CLOEXEC);
    }
    if (fd < 0) {
        snprintf(path, sizeof path, "%s/%s", dist, name);
        fd = open(path, O_PATH | O_CLOEXEC);
    }
    if (fd < 0)
        log_error("%s: %s; install LinFsp again, or say --dist=FOLDER", path, strerror(errno));
    return fd < 0 ? -errno : fd;
}

static void tell(int ready_fd, const char *text) {
    if (ready_fd >= 0 && write(ready_fd, text, strlen(text)) < 0 && errno != EPIPE &&
        write(ready_fd, text, strlen(text)) < 0)
        log_debug("nobody waits for us: %s", strerror(errno));
}

static void tell_ready(void *context) {
    const struct arguments *arguments = context;
    log_notice("serving; version " LINFSP_VERSION);
    tell(arguments->ready_fd, "READY\n");
    (void)sd_notify(0, "READY=1");
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
    service_stop(userdata);
    return 0;
}

static int on_leave(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
    service_leave(userdata);
    return 0;
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
    char message[WIRE_TEXT_MAX];
    if (permission_reload(userdata, message, sizeof message) < 0)
        log_error("%s", message);
    return 0;
}

/* Who is in the service's process group makes and removes names under /unc, and mounts nothing by walking there: that
 * must be the service and its workers alone. In a terminal the group stays the one that Ctrl-C reaches. */
static void lead_group(void) {
    pid_t before = getpgrp();
    if (before == getpid() || setpgid(0, 0) < 0)
        return;
    if (tcgetpgrp(STDIN_FILENO) == before) {
        signal(SIGTTOU, SIG_IGN);
        (void)tcsetpgrp(STDIN_FILENO, getpgrp());
    }
}

/* Workers and the catcher inherit it. The nice value counts where there is no urgency. */
static void raise_priority(void) {
    if (setpriority(PRIO_PROCESS, 0, SERVICE_NICE) < 0)
        log_debug("no higher priority: %s", strerror(errno));
    sigset_t busy; /* blocked before it can come: see on_cpu_time */
    sigemptyset(&busy);
    sigaddset(&busy, SIGXCPU);
    sigprocmask(SIG_BLOCK, &busy, NULL);
    int r = urgency_raise();
    if (r < 0)
        log_info("no real-time priority (%s): on a busy host a container's first program may be faster than we",
                 strerror(-r));
}

static sd_event_source *calm; /* when the service is urgent again */

static int on_calm(sd_event_source *source, uint64_t usec, void *userdata) {
    calm = sd_event_source_disable_unref(calm);
    (void)urgency_raise();
    return 0;
}

/* The service has not slept for too long: somebody keeps it busy. For a while it is an ordinary process. */
static int on_cpu_time(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
    const struct service *service = userdata;
    log_debug("the service is busy: no real-time priority for %d s", CALM_SEC);
    urgency_lower();
    calm = sd_event_source_disable_unref(calm);
    (void)sd_event_add_time_relative(service->event, &calm, CLOCK_MONOTONIC, CALM_SEC * 1000000ull, 0, on_calm, NULL);
    return 0;
}

static void raise_limits(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        rlim_t wanted = 1 << 20;
        struct rlimit more = {wanted, limit.rlim_max > wanted ? limit.rlim_max : wanted};
        if (setrlimit(RLIMIT_NOFILE, &more) < 0) {
            limit.rlim_cur = limit.rlim_max;
            (void)setrlimit(RLIMIT_NOFILE, &limit);
        }
    }
}

/* One service a host: the lock is the kernel's, and goes with us however we end. Of a service that was killed children
 * may have it for a moment longer. */
static int take_lock(void) {
    int fd = open_or_make("/run/linfspd.lock", 0600);
    if (fd < 0)
        return fd;
    int r = flock(fd, LOCK_EX | LOCK_NB);
    for (int turn = 0; turn < LOCK_TURNS && r < 0 && errno == EWOULDBLOCK; turn++) {
        (void)poll(NULL, 0, LOCK_TURN_MS);
        r = flock(fd, LOCK_EX | LOCK_NB);
    }
    if (r < 0) {
        close(fd);
        return errno == EWOULDBLOCK ? -EALREADY : -errno;
    }
    return fd;
}

static void complain(void *context, const char *path, unsigned number, const char *text) {
    log_error("%s:%u: %s", path, number, text);
}

/* What systemd's unit takes from the service it gives up by itself: then it is the same without systemd. */
static int shut_cage(void) {
    (void)setgroups(0, NULL);
    int r = cage_keep_capabilities(cage_service_capabilities, cage_n_service_capabilities);
    if (r < 0) {
        log_error("cannot give up capabilities: %s", strerror(-r));
        return r;
    }
    r = cage_filter_service();
    if (r < 0)
        log_warning("system calls are not filtered: %s", strerror(-r));
    return 0;
}

static int check_configuration(const char *path) {
    struct config *config = NULL;
    if (config_read(path, complain, NULL, &config) < 0)
        return EXIT_CONFIGURATION;
    config_free(config);
    printf("the configuration is right\n");
    return 0;
}

/* What the service's end says to whoever started it. */
static int exit_status(int r) {
    switch (r) {
    case -EBADMSG:
        return EXIT_CONFIGURATION;
    case -ENOSYS:
    case -ENODEV:
    case -EEXIST:
        return EXIT_UNAVAILABLE;
    default:
        return r < 0 ? 1 : 0;
    }
}

static int run(const struct arguments *arguments, const char *dist, int catcher) {
    struct config *config = NULL;
    struct service *service = NULL;
    _cleanup_close_ int worker = open_program(dist, "worker", WORKER);
    if (worker < 0)
        return worker;
    int r = config_read(arguments->config, complain, NULL, &config);
    if (r < 0)
        return -EBADMSG;
    config->limits.only_descendants = arguments->only_descendants;
    r = service_new(config, arguments->config, dist, worker, catcher, &service);
    if (r < 0)
        return r;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGUSR1);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    if ((r = sd_event_add_signal(service->event, NULL, SIGTERM, on_signal, service)) < 0 ||
        (r = sd_event_add_signal(service->event, NULL, SIGINT, on_signal, service)) < 0 ||
        (r = sd_event_add_signal(service->event, NULL, SIGHUP, on_reload, service)) < 0 ||
        (r = sd_event_add_signal(service->event, NULL, SIGUSR1, on_leave, service)) < 0 ||
        (r = sd_event_add_signal(service->event, NULL, SIGXCPU, on_cpu_time, service)) < 0) {
        log_error("signals: %s", strerror(-r)); /* a service that cannot be stopped is none */
    } else {
        service_when_ready(service, tell_ready, (void *)arguments);
        r = sd_event_loop(service->event);
    }
    calm = sd_event_source_disable_unref(calm);
    service_free(service);
    return r;
}

int main(int argc, char **argv) {
    struct arguments arguments;
    log_set_identity("linfspd");
    int r = parse_arguments(argc, argv, &arguments);
    if (r <= 0)
        return r < 0 ? EXIT_USAGE : 0;
    if (arguments.check)
        return check_configuration(arguments.config);
    char dist[WIRE_PATH_MAX];
    if (geteuid() != 0) {
        tell(arguments.ready_fd, "linfspd must be started as root\n");
        log_error("must be started as root (sudo linfsp start)");
        return 1;
    }
    _cleanup_close_ int proc = proc_begin();
    if (proc < 0) {
        log_error("/proc: %s", strerror(-proc));
        return 1;
    }
    if (!arguments.dist && find_dist(dist, sizeof dist) < 0)
        return 1;
    umask(022);
    lead_group();
    raise_limits();
    raise_priority();
    signal(SIGPIPE, SIG_IGN);
    _cleanup_close_ int lock = take_lock();
    if (lock < 0) {
        const char *text = lock == -EALREADY ? "another linfspd is running already" : strerror(-lock);
        tell(arguments.ready_fd, text);
        log_error("%s", text);
        return lock == -EALREADY ? EXIT_UNAVAILABLE : 1;
    }
    const char *used_dist = arguments.dist ? arguments.dist : dist;
    _cleanup_close_ int catcher_program = open_program(used_dist, "catcher", CATCHER);
    _cleanup_close_ int catcher = catcher_program < 0 ? -1 : catcher_start(catcher_program);
    if (catcher < 0) {
        log_warning("images with a fusermount3 of their own run that, which may not mount");
        catcher = open("/dev/null", O_RDWR | O_CLOEXEC); /* what is said to it goes nowhere */
    }
    if (shut_cage() < 0) {
        tell(arguments.ready_fd, "it cannot give up capabilities\n");
        return 1;
    }
    r = run(&arguments, used_dist, catcher);
    if (r < 0)
        tell(arguments.ready_fd, "it could not start; its log says why\n");
    return exit_status(r);
}
