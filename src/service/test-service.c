/* SPDX-License-Identifier: MIT */
#include "service/test-service.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "service/connection.h"
#include "service/journal.h"
#include "service/programs.h"
#include "service/reaper.h"
#include "service/requests.h"
#include "service/root-unc.h"
#include "service/unc.h"
#include "service/watchdog.h"
#include "service/worker.h"
#include "util/paths.h"
#include "util/process.h"
#include "wire/codec.h"

#define KEPT_MAX 16

/* ---- the pool -------------------------------------------------------------------------------------------------- */

struct kept {
    struct job job;
    job_done done;
    void *context;
    uint64_t key;
};

static struct kept kept[KEPT_MAX];
static size_t n_kept;
int refuse, refuse_once;

int workers_submit(struct workers *workers, const struct job *job, const int *fds, size_t n_fds, struct lane lane,
                   job_done done, void *context, uint64_t key) {
    if ((int)job->type == refuse || (int)job->type == refuse_once) {
        refuse_once = 0;
        return -ENOMEM;
    }
    assert_true(n_kept < KEPT_MAX);
    kept[n_kept++] = (struct kept){*job, done, context, key};
    return 0;
}

void workers_forget_silo(struct workers *workers, uint64_t silo) {
}

void workers_when_overdue(struct workers *workers, void (*overdue)(void *context), void *context) {
}

int workers_idle(const struct workers *workers) {
    return n_kept == 0;
}

int workers_new(sd_event *event, struct reaper *reaper, int program, int run_dir, int fuse_device, int programs,
                int stage, int catcher, struct workers **ret_workers) {
    return -ENOSYS;
}

void workers_free(struct workers *workers) {
}

void answer(enum job_type type, const struct job_result *result, struct job *ret_job) {
    for (size_t i = 0; i < n_kept; i++) {
        if (kept[i].job.type != type)
            continue;
        struct kept this = kept[i];
        kept[i] = kept[--n_kept];
        if (ret_job)
            *ret_job = this.job;
        this.done(this.context, this.key, result, NULL, 0);
        return;
    }
    fail_msg("no job of type %d was submitted", type);
}

bool is_submitted(enum job_type type) {
    for (size_t i = 0; i < n_kept; i++)
        if (kept[i].job.type == type)
            return true;
    return false;
}

/* ---- the service and a container ------------------------------------------------------------------------------- */

struct service service;
static struct config config;
pid_t container;
static pid_t helper;
static int client;
const char *why_not;

static void no_silo(struct silo *silo) {
}

static void no_volume(struct volume *volume) {
}

static void no_connection(struct connection *connection) {
}

static void no_service(struct service *one) {
}

static const struct hooks hooks = {.message = request_handle,
                                   .room = no_connection,
                                   .list_turn = no_silo,
                                   .life_line_closed = no_volume,
                                   .launcher_closed = no_connection,
                                   .volume_gone = no_silo,
                                   .silo_gone = no_service,
                                   .stop = no_service};

/* A process with a mount namespace and a root of its own, that is no child of ours: such would be the service's. */
static void start_container(void) {
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    helper = fork();
    if (helper == 0) {
        pid_t pid = fork();
        if (pid == 0) {
            bool good = unshare(CLONE_NEWNS) == 0 && chroot("/run") == 0 && chdir("/") == 0;
            pid = good ? getpid() : -1;
            if (write(ends[1], &pid, sizeof pid) == sizeof pid)
                pause();
            _exit(1);
        }
        pause();
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &container, sizeof container), sizeof container);
    close(ends[0]);
    assert_true(container > 0);
}

pid_t start_second_process(int namespaces) {
    int ends[2];
    char path[64];
    pid_t pid = -1;
    snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)container);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t between = fork();
    if (between == 0) {
        int namespace = open(path, O_RDONLY | O_CLOEXEC);
        if (setns(namespace, CLONE_NEWNS) < 0 || fork() > 0 || unshare(namespaces) < 0 || chroot("/run") < 0)
            _exit(0);
        pid = getpid();
        alarm(60); /* it does not outlive a test that fails */
        if (write(ends[1], &pid, sizeof pid) == sizeof pid)
            pause();
        _exit(1);
    }
    close(ends[1]);
    assert_int_equal(waitpid(between, NULL, 0), between);
    assert_int_equal(read(ends[0], &pid, sizeof pid), sizeof pid);
    close(ends[0]);
    return pid;
}

int make_host(void **state) {
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("test", "/run", "tmpfs", 0, "mode=0755") < 0) {
        why_not = "no mount namespace";
        return 0;
    }
    static const char *const folders[] = {"", "/silos", "/private", "/journal", "/dist"};
    char path[64];
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        snprintf(path, sizeof path, LINFSP_RUN_DIR "%s", folders[i]);
        if (mkdir(path, 0755) < 0)
            return -1;
    }
    return 0;
}

static int connect_to_host(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = LINFSP_HOST_DIR "/net"};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

int set_up(void **state) {
    if (why_not)
        return 0;
    list_init(&config.rules);
    config.limits = (struct limits){.connections_per_silo = 8, .volumes_per_silo = 8, .network_volumes = true};
    service =
        (struct service){.config = &config, .hooks = hooks, .catcher = -1, .nodes = -1, .fusectl = -1, .stage = -1};
    service.limits = config.limits;
    list_init(&service.kept_folders);
    list_init(&service.browsers);
    list_init(&service.open_folders);
    list_init(&service.launches);
    root_unc_init(&service);
    service.run_dir = open(LINFSP_RUN_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
    n_kept = 0;
    refuse = refuse_once = 0;
    if (sd_event_new(&service.event) < 0 || reaper_new(&service.reaper) < 0 ||
        programs_new(&service, &service.programs) < 0 || watchdog_new(&service, &service.watchdog) < 0 ||
        unc_new(&service.unc) < 0 || process_namespace(getpid(), "mnt", &service.host_mount_namespace) < 0 ||
        process_namespace(getpid(), "user", &service.host_user_namespace) < 0 ||
        process_namespace(getpid(), "pid", &service.host_pid_namespace) < 0 ||
        process_root(getpid(), &service.host_root_device, &service.host_root_inode) < 0 || silo_make_host(&service) < 0)
        return -1;
    start_container();
    client = connect_to_host();
    return 0;
}

int tear_down(void **state) {
    if (why_not)
        return 0;
    struct rule *rule, *next_rule;
    struct silo *silo, *next;
    const struct job_result canceled = {.error = -ECANCELED};
    while (is_submitted(JOB_PHANTOM)) /* each silo asks for one; who waits for it is freed with the answer */
        answer(JOB_PHANTOM, &canceled, NULL);
    kill(container, SIGKILL);
    kill(helper, SIGKILL);
    waitpid(helper, NULL, 0);
    HASH_ITER (hash, service.silos, silo, next)
        silo_free(silo);
    assert_null(service.silos);
    assert_null(service.namespaces);
    assert_null(service.connections);
    root_unc_free(&service);
    (void)unlink(LINFSP_HOST_DIR "/disk");
    (void)unlink(LINFSP_HOST_DIR "/net");
    (void)rmdir(LINFSP_HOST_DIR);
    close_fd(&client);
    close_fd(&service.run_dir);
    list_for_each_safe (rule, next_rule, &config.rules, node)
        rule_free(rule);
    watchdog_free(service.watchdog);
    unc_free(service.unc);
    programs_free(service.programs);
    reaper_free(service.reaper);
    sd_event_unref(service.event);
    return 0;
}

void add_rule(const char *key, const char *value) {
    char text[256];
    struct rule *rule = list_empty(&config.rules) ? rule_new("test", "/etc/linfsp.conf", 1)
                                                  : list_element(config.rules.next, struct rule, node);
    assert_int_equal(rule_set(rule, key, value, text, sizeof text), 0);
    if (list_empty(&config.rules))
        list_append(&config.rules, &rule->node);
}

struct silo *the_silo(void) {
    struct silo *silo, *next, *found = NULL;
    HASH_ITER (hash, service.silos, silo, next)
        if (!silo->host)
            found = silo;
    return found;
}

static void run_events(void) {
    while (sd_event_run(service.event, 20000) > 0) {
    }
}

void send_to_service(const void *message, const int *fds, size_t n_fds) {
    assert_int_equal(wire_send(client, message, fds, n_fds), 0);
    run_events();
}

void ask_to_prepare(void) {
    struct wire_prepare_silo request;
    wire_begin(&request, WIRE_PREPARE_SILO, 7);
    request.pid = (uint32_t)container;
    send_to_service(&request, NULL, 0);
}

int client_is_told(void) {
    static union wire_message message;
    const char *why;
    size_t n_fds = 0;
    run_events();
    int r = wire_receive(client, &message, NULL, &n_fds, &why);
    if (r <= 0)
        return r < 0 ? r : -EPIPE;
    return message.header.type == WIRE_ERROR ? -(int)message.error.error : 0;
}

void set_up_silo(void) {
    assert_int_equal(silo_consider(&service, container, false), 1);
    answer(JOB_INJECT, &(struct job_result){0}, NULL);
}

void lose_anchor(void) {
    assert_int_equal(kill(the_silo()->target.init_pid, SIGKILL), 0);
    for (int turn = 0; turn < 200 && the_silo() && !the_silo()->seeks_anchor; turn++)
        run_events();
    assert_true(the_silo()->seeks_anchor);
}

void find_anchor(pid_t pid) {
    uint64_t start;
    assert_int_equal(process_start(pid, &start), 0);
    answer(JOB_SURVIVOR, &(struct job_result){.survivor = {.pid = pid, .start = start}}, NULL);
    assert_int_equal(the_silo()->target.init_pid, pid);
}
