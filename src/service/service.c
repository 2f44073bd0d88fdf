/* SPDX-License-Identifier: MIT */
/* The service as a whole: its own file system, its parts in the right order, and the end of it all. */
#include "service/service.h"

#include <assert.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

#include "config/config.h"
#include "service/catcher.h"
#include "service/chroot.h"
#include "service/dist.h"
#include "service/folder.h"
#include "service/intent.h"
#include "service/journal.h"
#include "service/launch.h"
#include "service/monitor.h"
#include "service/programs.h"
#include "service/reaper.h"
#include "service/requests.h"
#include "service/restore.h"
#include "service/root-unc.h"
#include "service/silo.h"
#include "service/stage.h"
#include "service/unc.h"
#include "service/volume.h"
#include "service/watchdog.h"
#include "service/worker.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/fusectl.h"
#include "util/log.h"
#include "util/mount-table.h"
#include "util/open-at.h"
#include "util/paths.h"
#include "util/plural.h"
#include "util/proc.h"
#include "util/process.h"

#define LEAVE_TIMEOUT_US 2000000
#define LEAVE_POLL_US 10000
#define CLEAR_TIMEOUT_MS 2000
#define GUARD_PAUSE_US 100000
#define FUSE_MAJOR 10
#define FUSE_MINOR 229
#define UNC_MADE LINFSP_RUN_DIR "/private/unc-made" /* the folder /unc is ours, to go with us */

static bool is_mounted(const char *path, const char *source) {
    _cleanup_fclose_ FILE *table = proc_open_text("self/mountinfo");
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    struct mount_line line;
    while (table && mount_table_next(table, &text, &size, &line))
        if (strcmp(line.point, path) == 0 && strcmp(line.source, source) == 0)
            return true;
    return false;
}

/* Our own tmpfs: /run is often noexec and nodev, and hard links want one file system. One that is there is a service's
 * before us. Users go through it to the host's sockets, and cannot list it: who lists a folder may hold its lock. */
static int mount_run_dir(bool *ret_made) {
    if (is_mounted(LINFSP_RUN_DIR, LINFSP_RUN_SOURCE))
        return 0;
    int r = ensure_folder(LINFSP_RUN_DIR, 0755);
    if (r < 0)
        return r;
    if (mount(LINFSP_RUN_SOURCE, LINFSP_RUN_DIR, "tmpfs", MS_NOSUID, "mode=0711,size=256m") < 0)
        return -errno;
    *ret_made = true;
    if (mount(NULL, LINFSP_RUN_DIR, NULL, MS_PRIVATE, NULL) < 0)
        return -errno;
    return 0;
}

static int make_run_dir(struct service *service) {
    int r = mount_run_dir(&service->made_run_dir);
    if (r < 0 || (r = ensure_folder(LINFSP_RUN_DIR "/silos", 0700)) < 0 ||
        (r = ensure_folder(LINFSP_RUN_DIR "/private", 0700)) < 0)
        return r;
    service->run_dir = open(LINFSP_RUN_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat status;
    if (service->run_dir < 0 || fstat(service->run_dir, &status) < 0)
        return -errno;
    service->run_major = major(status.st_dev);
    service->run_minor = minor(status.st_dev);
    /* a node of our own that any user namespace may open: the host's is root's alone on many systems */
    bool there = access(LINFSP_RUN_DIR "/private/fuse", F_OK) == 0;
    if (!there && mknod(LINFSP_RUN_DIR "/private/fuse", S_IFCHR | 0666, makedev(FUSE_MAJOR, FUSE_MINOR)) < 0)
        return -errno;
    if (!there && chmod(LINFSP_RUN_DIR "/private/fuse", 0666) < 0)
        return -errno;
    /* Servers get descriptors of these nodes. On a read-only mount a device opens for writing, but nobody can change
     * its node, which is everybody's: not root of a container either, who is its owner. */
    service->nodes = open_tree(AT_FDCWD, LINFSP_RUN_DIR "/private", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC};
    if (service->nodes < 0 || mount_setattr(service->nodes, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0)
        return -errno;
    service->fuse_device = openat(service->nodes, "fuse", O_PATH | O_CLOEXEC);
    return service->fuse_device < 0 ? -errno : 0;
}

/* Opening the device has the kernel load the module. */
static int wake_fuse(void) {
    _cleanup_close_ int fd = open(LINFSP_RUN_DIR "/private/fuse", O_RDWR | O_CLOEXEC);
    return fd < 0 ? -errno : 0;
}

static int learn_host(struct service *service) {
    int r;
    if ((r = process_namespace(getpid(), "mnt", &service->host_mount_namespace)) < 0 ||
        (r = process_namespace(getpid(), "user", &service->host_user_namespace)) < 0 ||
        (r = process_namespace(getpid(), "pid", &service->host_pid_namespace)) < 0)
        return r;
    struct stat worker;
    if (fstat(service->worker_program, &worker) < 0)
        return -errno;
    service->worker_device = worker.st_dev;
    service->worker_inode = worker.st_ino;
    return process_root(getpid(), &service->host_root_device, &service->host_root_inode);
}

/* The newest call that nothing here does without: Linux 5.12 has it, and kernels of distributions that took it over. */
static int kernel_suits(void) {
    if (syscall(SYS_mount_setattr, -1, "", 0, NULL, 0) == 0 || errno != ENOSYS)
        return 0;
    struct utsname name;
    (void)uname(&name);
    log_error("this kernel (%s) is too old: LinFsp needs Linux 5.15 or later", name.release);
    return -ENOSYS;
}

/* A start that failed leaves nothing, unless a service before this one left volumes that the next start may take over.
 */
static void service_give_up(struct service *service) {
    service->stopping = service->made_run_dir;
    service_free(service);
}

static void check_stopped(struct service *service) {
    if (!service->stopping || HASH_CNT(hash, service->silos) > (service->host ? 1u : 0u))
        return;
    if (service->host && silo_in_use(service->host))
        return;
    if (service->host_folder)
        folders_stop(service);
    if (!folders_are_stopped(service))
        return;
    service->stopped = true;
    (void)sd_event_exit(service->event, 0);
}

/* The last volume of a silo has gone. */
static void on_volume_gone(struct silo *silo) {
    if (silo_is_dead(silo) && !silo_in_use(silo))
        silo_free(silo);
    else if (silo->service->stopping && silo->host)
        check_stopped(silo->service); /* its /unc is ended last of all, and on the host itself */
    else if (silo->service->stopping)
        silo_eject(silo);
    else
        chroot_settle(silo);
}

static const struct hooks hooks = {
    .message = request_handle,
    .room = request_continue_list,
    .list_turn = request_list_turn,
    .life_line_closed = volume_lost_connection,
    .launcher_closed = launcher_closed,
    .volume_gone = on_volume_gone,
    .silo_gone = check_stopped,
    .stop = service_stop,
};

static bool has_entries(const char *path) {
    _cleanup_closedir_ DIR *directory = opendir(path);
    struct dirent *entry;
    while (directory && (entry = readdir(directory)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return true;
    return false;
}

/* The host's /unc, to be mounted on: an empty folder. A link that a container's tree has from an earlier version is
 * none of a host's. */
static int host_root_prepare(const struct service *service) {
    char target[64];
    ssize_t length = readlink(LINFSP_UNC_ROOT, target, sizeof target - 1);
    if (length > 0) {
        target[length] = 0;
        if (strcmp(target, LINFSP_DEVICE_DIR "/unc") == 0 && unlink(LINFSP_UNC_ROOT) < 0)
            return -errno;
    }
    if (access(LINFSP_UNC_ROOT, F_OK) < 0 && errno == ENOENT) /* before it is made: we may be killed in between */
        close_fd(&(int){open(UNC_MADE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)});
    int r = ensure_folder(LINFSP_UNC_ROOT, 0755);
    if (r < 0)
        return r;
    if (!is_mounted(LINFSP_UNC_ROOT, "linfsp-unc") && has_entries(LINFSP_UNC_ROOT)) {
        log_error(LINFSP_UNC_ROOT " has files of somebody else's; move them away: network volumes are shown there");
        return -EEXIST;
    }
    return 0;
}

/* ---- the stage's guard ----------------------------------------------------------------------------------------- */

static int start_guard(struct service *service);

static int on_guard_timer(sd_event_source *source, uint64_t usec, void *userdata) {
    struct service *service = userdata;
    service->guard_timer = sd_event_source_disable_unref(source);
    int r = start_guard(service);
    if (r < 0)
        log_error("the stage's guard: %s", strerror(-r));
    return 0;
}

/* Somebody killed it, or memory ran out. */
static int on_guard_ended(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    struct service *service = userdata;
    service->guard_io = sd_event_source_disable_unref(source);
    close_fd(&service->guard);
    log_warning("linfspd-guard has ended, and is started again");
    return sd_event_add_time_relative(service->event, &service->guard_timer, CLOCK_MONOTONIC, GUARD_PAUSE_US, 0,
                                      on_guard_timer, service);
}

static int start_guard(struct service *service) {
    int guard = stage_guard(service->stage);
    if (guard < 0)
        return guard;
    service->guard = guard;
    return sd_event_add_io(service->event, &service->guard_io, guard, EPOLLIN, on_guard_ended, service);
}

/* ---- its start and end ----------------------------------------------------------------------------------------- */

#define STEP(call, what)                                                                                               \
    do {                                                                                                               \
        int step_ = (call);                                                                                            \
        if (step_ < 0) {                                                                                               \
            log_error("%s: %s", (what), strerror(-step_));                                                             \
            service_give_up(service);                                                                                  \
            return step_;                                                                                              \
        }                                                                                                              \
    } while (0)

int service_new(struct config *config, const char *config_path, const char *dist, int worker_program, int catcher,
                struct service **ret_service) {
    struct service *service = calloc(1, sizeof *service);
    if (!service) {
        config_free(config);
        return -ENOMEM;
    }
    service->hooks = hooks;
    service->config = config;
    service->config_path = config_path;
    service->limits = config->limits;
    service->dist_folder = dist;
    service->worker_program = worker_program;
    list_init(&service->kept_folders);
    list_init(&service->browsers);
    list_init(&service->open_folders);
    list_init(&service->launches);
    root_unc_init(service);
    service->run_dir = service->nodes = service->fuse_device = service->fusectl = service->stage = service->guard = -1;
    service->catcher = catcher;
    service->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
    service->since = clock_realtime_ns();
    STEP(kernel_suits(), "kernel");
    STEP(sd_event_default(&service->event), "event loop");
    STEP(learn_host(service), "/proc");
    STEP(make_run_dir(service), LINFSP_RUN_DIR);
    STEP(wake_fuse(), "the kernel has no FUSE (modprobe fuse)");
    service->fusectl = fusectl_open();
    STEP(service->fusectl, "fusectl");
    STEP(dist_new(service->event, service->dist_folder, &service->dist), "what is put into containers");
    STEP(unc_new(&service->unc), "the table of prefixes");
    service->stage = stage_open();
    STEP(service->stage, "the stage for network volumes");
    STEP(start_guard(service), "the stage's guard");
    STEP(host_root_prepare(service), LINFSP_UNC_ROOT);
    STEP(reaper_new(&service->reaper), "reaper");
    STEP(programs_new(service, &service->programs), "inotify");
    STEP(catcher_listen(service), "the catcher");
    STEP(workers_new(service->event, service->reaper, service->worker_program, service->run_dir, service->fuse_device,
                     programs_descriptor(service->programs), service->stage, service->catcher, &service->workers),
         "workers");
    STEP(watchdog_new(service, &service->watchdog), "watchdog");
    STEP(silo_make_host(service), LINFSP_HOST_DIR);
    STEP(restore_all(service), "journal");
    STEP(folders_start(service), LINFSP_UNC_ROOT);
    root_unc_start(service);
    /* the monitor listens before the scan: what starts meanwhile is seen twice rather than never */
    STEP(monitor_new(service, &service->monitor), "monitor");
    monitor_scan(service->monitor);
    *ret_service = service;
    return 0;
}

void service_host_is_bound(struct service *service) {
    void (*ready)(void *) = service->ready;
    if (service->host->sockets[1] < 0 || folders_are_starting(service))
        return;
    service->ready = NULL;
    if (ready)
        ready(service->ready_context);
}

void service_when_ready(struct service *service, void (*ready)(void *context), void *context) {
    service->ready = ready;
    service->ready_context = context;
    service_host_is_bound(service);
}

static void remove_run_dir(void) {
    bool made = access(UNC_MADE, F_OK) == 0;
    if (umount2(LINFSP_RUN_DIR, MNT_DETACH) < 0)
        log_warning("cannot unmount " LINFSP_RUN_DIR ": %s", strerror(errno));
    (void)rmdir(LINFSP_RUN_DIR);
    if (made)
        (void)rmdir(LINFSP_UNC_ROOT);
}

/* In a child: somebody who lists /run or / may hold the folder's lock, and a service that hangs has the lock that the
 * next one needs. */
static void clear_away(void) {
    pid_t pid = fork();
    if (pid == 0) {
        (void)close_range(3, ~0u, 0);
        remove_run_dir();
        _exit(0);
    }
    struct pollfd child = {.fd = pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    if (pid < 0)
        log_warning("cannot remove " LINFSP_RUN_DIR ": %s", strerror(errno));
    else if (child.fd >= 0 && poll(&child, 1, CLEAR_TIMEOUT_MS) == 0)
        log_warning(LINFSP_RUN_DIR " is not removed in time: somebody holds the folder around it");
    close_fd(&child.fd);
}

/* After a stop. A service that leaves keeps what the next one takes over: its memory goes with the process. */
static void assert_empty(const struct service *service) {
    assert(!service->volumes && !service->connections);
    assert(!service->silos && !service->namespaces && !service->host);
    assert(!service->folders && !service->folder_places && !service->names && service->n_kept_folders == 0);
    assert(!service->owners && service->owned_silos == 0);
    assert(service->kept_descriptors == 0 && service->watchers == 0 && service->launchers == 0);
    assert(list_empty(&service->uncs.kept_answers) && !service->uncs.timer);
    assert(list_empty(&service->browsers) && list_empty(&service->open_folders) && list_empty(&service->launches));
}

void service_free(struct service *service) {
    if (!service)
        return;
    monitor_free(service->monitor);
    watchdog_free(service->watchdog);
    service->watchdog = NULL;
    sd_event_source_disable_unref(service->guard_io);
    sd_event_source_disable_unref(service->guard_timer);
    stage_unguard(service->guard);
    launches_free(service);
    root_unc_free(service);
    folders_free(service);
    if (service->stopping)
        clear_away();
    if (service->stopped)
        silo_free(service->host); /* the last; whoever waits for the stop is told by that */
    workers_free(service->workers);
    sd_event_source_disable_unref(service->catcher_io);
    programs_free(service->programs);
    reaper_free(service->reaper);
    unc_free(service->unc);
    close_fd(&service->stage);
    close_fd(&service->reserve);
    close_fd(&service->fusectl);
    close_fd(&service->fuse_device);
    close_fd(&service->nodes);
    dist_free(service->dist);
    close_fd(&service->run_dir);
    if (service->stopped)
        assert_empty(service);
    sd_event_unref(service->event);
    config_free(service->config);
    free(service);
}

void service_stop(struct service *service) {
    unsigned volumes = HASH_CNT(hash, service->volumes);
    if (service->stopping)
        return;
    log_notice("stopping: %u %s unmounted", volumes, plural(volumes, "volume is", "volumes are"));
    service->stopping = true;
    struct volume *volume, *next_volume;
    HASH_ITER (hash, service->volumes, volume, next_volume)
        volume_end(volume, "the service stops", true);
    struct silo *silo, *next_silo;
    HASH_ITER (hash, service->silos, silo, next_silo)
        if (!silo->host)
            silo_eject(silo);
    check_stopped(service);
}

static int leave_when_idle(sd_event_source *timer, uint64_t now, void *userdata) {
    struct service *service = userdata;
    if (workers_idle(service->workers) || now >= service->leave_deadline)
        return sd_event_exit(service->event, 0);
    (void)sd_event_source_set_time(timer, now + LEAVE_POLL_US);
    return sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

void service_leave(struct service *service) {
    unsigned volumes = HASH_CNT(hash, service->volumes);
    if (service->stopping || service->leave_deadline)
        return;
    log_notice("ending; %u %s on without a service, until the next one takes over", volumes,
               plural(volumes, "volume goes", "volumes go"));
    uint64_t now;
    (void)sd_event_now(service->event, CLOCK_MONOTONIC, &now);
    service->leave_deadline = now + LEAVE_TIMEOUT_US;
    if (sd_event_add_time(service->event, NULL, CLOCK_MONOTONIC, now, 0, leave_when_idle, service) < 0)
        (void)sd_event_exit(service->event, 0);
}
