/* SPDX-License-Identifier: MIT */
/*
 * A server's meters are found among its descriptors. A descriptor there may be anything, a file of a hung file system
 * too, so nothing is asked of it before it is known to be a memory file of the kernel's: its link has the name, and its
 * mount is the one that our own memory files have. Neither question reaches a file system.
 */
#include "cli/meters.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "cli/process.h"
#include "util/clock.h"

#define LINK_TEXT "/memfd:" METERS_NAME

static int mount_of(int folder, const char *name) {
    char path[300], text[1024];
    snprintf(path, sizeof path, "fdinfo/%s", name);
    _cleanup_close_ int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (length <= 0)
        return -1;
    text[length] = 0;
    const char *found = strstr(text, "mnt_id:");
    return found ? atoi(found + strlen("mnt_id:")) : -1;
}

#define NOT_ASKED (-2)

/* The kernel's own mount, which all memory files are on: no path leads to it. */
static int memory_mount(void) {
    static int known = NOT_ASKED;
    if (known != NOT_ASKED)
        return known;
    char name[16];
    _cleanup_close_ int fd = memfd_create("linfsp", MFD_CLOEXEC);
    _cleanup_close_ int self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    snprintf(name, sizeof name, "%d", fd);
    known = fd < 0 || self < 0 ? -1 : mount_of(self, name);
    return known;
}

static bool is_meters(int folder, const char *name) {
    char path[300], link[64];
    snprintf(path, sizeof path, "fd/%s", name);
    ssize_t length = readlinkat(folder, path, link, sizeof link);
    return length >= (ssize_t)strlen(LINK_TEXT) && strncmp(link, LINK_TEXT, strlen(LINK_TEXT)) == 0 &&
           memory_mount() >= 0 && mount_of(folder, name) == memory_mount();
}

static bool is_of(int fd, uint64_t volume) {
    uint64_t magic = 0, number = 0;
    uint32_t size = 0;
    return pread(fd, &magic, sizeof magic, offsetof(struct meters, magic)) == sizeof magic && magic == METERS_MAGIC &&
           pread(fd, &size, sizeof size, offsetof(struct meters, size)) == sizeof size &&
           size >= sizeof(struct meters) &&
           pread(fd, &number, sizeof number, offsetof(struct meters, volume)) == sizeof number && number == volume;
}

static int open_in(const char *process, uint64_t volume, int flags) {
    char path[300];
    snprintf(path, sizeof path, "/proc/%s", process);
    _cleanup_close_ int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/%s/fd", process);
    _cleanup_closedir_ DIR *directory = folder < 0 ? NULL : opendir(path);
    if (!directory)
        return -errno;
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] == '.' || !is_meters(folder, entry->d_name))
            continue;
        snprintf(path, sizeof path, "fd/%s", entry->d_name);
        _cleanup_close_ int fd = openat(folder, path, flags | O_CLOEXEC);
        if (fd >= 0 && is_of(fd, volume))
            return steal_fd(&fd);
    }
    return -ENOENT;
}

/* The service knows who made the volume. A server that went into the background since is looked for. */
int meters_open(const struct wire_volume *volume, int flags) {
    char process[16];
    snprintf(process, sizeof process, "%" PRIu32, volume->server_pid);
    int r = volume->server_pid ? open_in(process, volume->id, flags) : -ENOENT;
    if (r >= 0)
        return r;
    _cleanup_closedir_ DIR *directory = opendir("/proc");
    int error = r == -EACCES ? r : -ENOENT;
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
            continue;
        r = open_in(entry->d_name, volume->id, flags);
        if (r >= 0)
            return r;
        error = r == -EACCES ? r : error;
    }
    return error;
}

int meters_read(int fd, struct sample *ret_sample) {
    static struct meters meters;
    size_t size = offsetof(struct meters, lines);
    if (pread(fd, &meters, size, 0) != (ssize_t)size)
        return -EIO;
    *ret_sample = (struct sample){.time = clock_ms()};
    for (unsigned i = 0; i < METERS_CHANNELS; i++) {
        struct meters_channel *channel = &meters.channels[i];
        ret_sample->requests += channel->requests;
        ret_sample->errors += channel->errors;
        ret_sample->bytes_read += channel->bytes_read;
        ret_sample->bytes_written += channel->bytes_written;
        ret_sample->latency_sum += channel->latency_sum;
        for (unsigned bucket = 0; bucket < METERS_BUCKETS; bucket++)
            ret_sample->latency[bucket] += channel->latency[bucket];
    }
    return 0;
}

uint64_t meters_percentile(const struct sample *before, const struct sample *now, unsigned percent) {
    uint64_t counts[METERS_BUCKETS], all = 0, seen = 0;
    for (unsigned i = 0; i < METERS_BUCKETS; i++)
        all += counts[i] = now->latency[i] >= before->latency[i] ? now->latency[i] - before->latency[i] : 0;
    for (unsigned i = 0; i < METERS_BUCKETS && all > 0; i++) {
        seen += counts[i];
        if (seen >= all / 100 * percent + all % 100 * percent / 100 && seen > 0)
            return meters_bucket_end(i);
    }
    return 0;
}

/* ---- the table ------------------------------------------------------------------------------------------------- */

struct gathering {
    struct meter_table *old, made;
    struct {
        char id[WIRE_SILO_ID_MAX], name[WIRE_COMPONENT_MAX];
    } * silos;
    size_t n_silos;
    bool failed;
};

static void take_silo(const union wire_message *reply, void *userdata) {
    struct gathering *gathering = userdata;
    if (reply->header.type != WIRE_SILO)
        return;
    void *more = realloc(gathering->silos, (gathering->n_silos + 1) * sizeof *gathering->silos);
    if (!more) {
        gathering->failed = true;
        return;
    }
    gathering->silos = more;
    memcpy(gathering->silos[gathering->n_silos].id, reply->silo.id, sizeof reply->silo.id);
    memcpy(gathering->silos[gathering->n_silos++].name, reply->silo.name, sizeof reply->silo.name);
}

static struct metered *find_row(struct meter_table *table, uint64_t id) {
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].volume.id == id)
            return &table->rows[i];
    return NULL;
}

static void take_volume(const union wire_message *reply, void *userdata) {
    struct gathering *gathering = userdata;
    if (reply->header.type != WIRE_VOLUME)
        return;
    struct metered *more = realloc(gathering->made.rows, (gathering->made.count + 1) * sizeof *more);
    if (!more) {
        gathering->failed = true;
        return;
    }
    gathering->made.rows = more;
    struct metered *row = &more[gathering->made.count++], *old = find_row(gathering->old, reply->volume.id);
    *row = (struct metered){.volume = reply->volume, .fd = -1, .waiting = UINT32_MAX};
    if (old) {
        row->fd = steal_fd(&old->fd);
        row->before = old->now;
    }
    for (size_t i = 0; i < gathering->n_silos; i++)
        if (strcmp(gathering->silos[i].id, reply->volume.silo) == 0)
            snprintf(row->name, sizeof row->name, "%s", gathering->silos[i].name);
}

static bool is_empty(const char *path) {
    _cleanup_closedir_ DIR *directory = opendir(path);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (entry->d_name[0] != '.')
            return false;
    return true;
}

/* Where systemd mounts it; else a mount that only we have, for root. */
static int fusectl(void) {
    static int known = NOT_ASKED;
    if (known != NOT_ASKED)
        return known;
    known = -1;
    if (!is_empty("/sys/fs/fuse/connections"))
        return known = open("/sys/fs/fuse/connections", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int context = fsopen("fusectl", FSOPEN_CLOEXEC);
    if (context >= 0 && fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        known = fsmount(context, FSMOUNT_CLOEXEC, 0);
    return known;
}

/* fusectl is the kernel's own: reading there waits for nobody. */
static uint32_t read_waiting(uint32_t connection) {
    char path[80], text[16];
    snprintf(path, sizeof path, "%" PRIu32 "/waiting", connection);
    _cleanup_close_ int fd = openat(fusectl(), path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (length <= 0)
        return UINT32_MAX;
    text[length] = 0;
    return (uint32_t)strtoul(text, NULL, 10);
}

static int ask(const struct verb *verb, uint16_t type, void (*each)(const union wire_message *, void *),
               struct gathering *gathering) {
    static union wire_message answer;
    struct wire_plain request;
    _cleanup_close_ int socket = -1;
    if (client_open(verb, &socket) < 0)
        return EXIT_NOT_RUNNING;
    wire_begin(&request, type, 1);
    if (client_call(socket, &request, NULL, 0, CLIENT_TIMEOUT_MS, each, gathering, &answer) < 0)
        return verb_fail(verb, "%s", answer.error.message);
    return gathering->failed ? verb_fail(verb, "out of memory") : 0;
}

int meters_refresh(const struct verb *verb, struct meter_table *table) {
    struct gathering gathering = {.old = table};
    int status = ask(verb, WIRE_LIST_SILOS, take_silo, &gathering);
    if (status == 0)
        status = ask(verb, WIRE_LIST_VOLUMES, take_volume, &gathering);
    free(gathering.silos);
    meters_free(table);
    *table = gathering.made;
    for (size_t i = 0; status == 0 && i < table->count; i++) {
        struct metered *row = &table->rows[i];
        row->waiting = read_waiting(row->volume.fuse_device);
        if (row->fd < 0)
            row->fd = meters_open(&row->volume, O_RDONLY);
        if (row->fd >= 0 && meters_read(row->fd, &row->now) < 0)
            close_fd(&row->fd);
    }
    return status;
}

void meters_free(struct meter_table *table) {
    for (size_t i = 0; i < table->count; i++)
        close_fd(&table->rows[i].fd);
    free(table->rows);
    *table = (struct meter_table){0};
}
