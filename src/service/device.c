/* SPDX-License-Identifier: MIT */
#include "service/device.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "service/connection.h"
#include "service/lane.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/worker.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/open-at.h"
#include "util/paths.h"

#define SILOS_DIR LINFSP_RUN_DIR "/silos"
#define RETRY_USEC (5 * 1000000ull)
#define RETRY_SOON_USEC 20000ull /* at first; twice as long after each retry */
#define DEATHS_MAX 16

static const char *const socket_names[2] = {"disk", "net"};

/* What we ship is one copy on our tmpfs, linked into each silo's folder. */
static int link_files(struct service *service, int folder, const char *sub) {
    char from[64];
    snprintf(from, sizeof from, "dist/%s", sub);
    _cleanup_closedir_ DIR *directory = open_directory_at(service->run_dir, from);
    if (!directory)
        return errno == ENOENT ? 0 : -errno;
    if (mkdirat(folder, sub, 0755) < 0 && errno != EEXIST)
        return -errno;
    _cleanup_close_ int target = openat(folder, sub, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (target < 0)
        return -errno;
    struct dirent *entry;
    while ((entry = readdir(directory)))
        if (entry->d_type == DT_REG && linkat(dirfd(directory), entry->d_name, target, entry->d_name, 0) < 0 &&
            errno != EEXIST)
            return -errno;
    return 0;
}

static int fill_folder(const struct silo *silo) {
    _cleanup_close_ int folder = open(silo->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || mkdirat(folder, "unc", 0755) < 0)
        return -errno;
    static const char *const subs[] = {"bin", "lib", "lib/musl"};
    for (size_t i = 0; i < ARRAY_SIZE(subs); i++) {
        int r = link_files(silo->service, folder, subs[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- sockets --------------------------------------------------------------------------------------------------- */

static int on_client(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    struct silo *silo = userdata;
    connection_accept(silo, fd == silo->sockets[1]);
    return 0;
}

static int new_socket(void) {
    return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Listens on a bound socket, which it takes over. */
static int serve_socket(struct silo *silo, size_t which, int bound) {
    _cleanup_close_ int fd = bound;
    if (listen(fd, 64) < 0)
        return -errno;
    int r = sd_event_add_io(silo->service->event, &silo->socket_io[which], fd, EPOLLIN, on_client, silo);
    if (r < 0)
        return r;
    silo->sockets[which] = steal_fd(&fd);
    silo_has_socket(silo);
    return 0;
}

static int bind_socket(struct silo *silo, size_t which) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if ((size_t)snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", silo->folder, socket_names[which]) >=
        sizeof address.sun_path)
        return -ENAMETOOLONG;
    _cleanup_close_ int fd = new_socket();
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || chmod(address.sun_path, 0666) < 0)
        return -errno;
    return serve_socket(silo, which, steal_fd(&fd));
}

int device_make(struct silo *silo) {
    if (silo->host && access(silo->folder, F_OK) == 0) {
        device_rebind(silo);
        return 0;
    }
    /* of the host: users go through it, and cannot list it; who lists a folder may hold its lock */
    if (mkdir(silo->folder, silo->host ? 0711 : 0755) < 0)
        return -errno;
    silo->has_folder = true;
    int r = silo->host ? 0 : fill_folder(silo);
    for (size_t i = 0; i < 2 && r >= 0; i++)
        r = bind_socket(silo, i);
    return r;
}

/* ---- in a worker ----------------------------------------------------------------------------------------------- */

static int submit(struct service *service, enum job_type type, uint64_t number, const char *folder, const int *fds,
                  size_t n_fds, job_done done) {
    struct job job = {.type = type, .target = {.host = true, .silo = number}};
    snprintf(job.inject.folder, sizeof job.inject.folder, "%s", folder);
    return workers_submit(service->workers, &job, fds, n_fds, (struct lane){.silo = number, .kind = LANE_FOLDERS}, done,
                          service, number);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
    struct silo *silo = userdata;
    silo->rebind_timer = sd_event_source_disable_unref(silo->rebind_timer);
    workers_forget_silo(silo->service->workers, silo->number);
    device_rebind(silo);
    return 0;
}

/* Most that can fail passes in a moment. A folder that hangs stays so, and costs a worker each time. */
static uint64_t retry_delay(unsigned retries, int error) {
    bool passes = error != -ETIMEDOUT && retries < 8;
    return passes ? RETRY_SOON_USEC << retries : RETRY_USEC;
}

static void retry(struct silo *silo, int error, const char *why) {
    log_warning("%s cannot be served yet: %s", silo->host ? "the host" : silo->id, why);
    if (!silo->rebind_timer)
        (void)sd_event_add_time_relative(silo->service->event, &silo->rebind_timer, CLOCK_MONOTONIC,
                                         retry_delay(silo->bind_retries++, error), 10000, on_retry, silo);
}

static void on_bound(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct service *service = context;
    struct silo *silo = silo_find(service, key);
    int r = result->error;
    for (size_t i = 0; i < n_fds; i++) {
        int fd = steal_fd(&fds[i]);
        if (silo && !silo_is_dead(silo) && i < 2 && r >= 0 && silo->sockets[i] < 0)
            r = serve_socket(silo, i, fd);
        else
            close(fd);
    }
    if (silo && r < 0)
        retry(silo, r, result->error < 0 ? result->message : strerror(-r));
    else if (silo)
        silo->bind_retries = 0;
    if (silo && silo->host)
        service_host_is_bound(service);
}

void device_rebind(struct silo *silo) {
    silo->has_folder = true;
    _cleanup_close_ int disk = new_socket(), net = new_socket();
    const int fds[] = {disk, net};
    int r = disk < 0 || net < 0 ? -EMFILE
                                : submit(silo->service, JOB_DEVICE_BIND, silo->number, silo->folder, fds, 2, on_bound);
    if (r < 0)
        retry(silo, r, strerror(-r));
}

static int submit_removal(struct service *service, uint64_t number);

static void on_removed(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct service *service = context;
    bool passes = (result->unanswered && result->error == -EIO) || result->error == -ENOMEM ||
                  result->error == -EMFILE || result->error == -ENFILE;
    service->removers_lost = passes ? service->removers_lost + 1 : 0;
    if (passes && service->removers_lost < DEATHS_MAX && submit_removal(service, key) >= 0)
        return;
    if (result->error < 0) /* the next service that starts removes it */
        log_notice("a folder of an ended container stays for now: %s", result->message);
}

static int submit_removal(struct service *service, uint64_t number) {
    char path[64];
    snprintf(path, sizeof path, SILOS_DIR "/%llu", (unsigned long long)number);
    return submit(service, JOB_DEVICE_REMOVE, number, path, NULL, 0, on_removed);
}

void device_remove(struct silo *silo) {
    silo->rebind_timer = sd_event_source_disable_unref(silo->rebind_timer);
    if (silo->has_folder && !silo->host)
        (void)submit_removal(silo->service, silo->number);
    silo->has_folder = false;
}

/* What was copied into the layer of a silo that ended while no service ran, or when it could not be removed. */
static void sweep_notes(struct service *service) {
    _cleanup_closedir_ DIR *directory = opendir(LINFSP_RUN_DIR "/private");
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        unsigned long long number;
        int end = 0;
        if (sscanf(entry->d_name, "copied-%llu%n", &number, &end) == 1 && !entry->d_name[end] &&
            !silo_find(service, number))
            (void)submit_removal(service, number);
    }
}

void device_sweep(struct service *service) {
    sweep_notes(service);
    _cleanup_closedir_ DIR *directory = opendir(SILOS_DIR);
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        char *end;
        uint64_t number = strtoull(entry->d_name, &end, 10);
        if (*end || !number || silo_find(service, number))
            continue;
        (void)submit_removal(service, number);
    }
}
