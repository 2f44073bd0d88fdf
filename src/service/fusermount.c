/* SPDX-License-Identifier: MIT */
/*
 * Volumes of unmodified FUSE programs, asked for by the stand-in for fusermount3 (src/fusermount).
 *
 * Such a program answers FUSE_INIT itself, and mostly has no life line: the stand-in exits once it has handed the
 * descriptor on. That its server has gone is known all the same: each such volume's descriptor is opened through a
 * device node of its own, and inotify tells when the last descriptor of that is closed.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "service/mount-options.h"
#include "service/service.h"
#include "service/unc.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/paths.h"
#include "wire/codec.h"

#define FUSE_MAJOR 10
#define FUSE_MINOR 229

static void node_path(const struct volume *volume, char *path, size_t size) {
    snprintf(path, size, LINFSP_RUN_DIR "/private/volume-%llu", (unsigned long long)volume->id);
}

static int on_node_closed(sd_event_source *source, const struct inotify_event *event, void *userdata) {
    struct volume *volume = userdata;
    volume->server_gone = true;
    volume_end(volume, "its server has ended", true);
    return 0;
}

int fusermount_watch(struct volume *volume) {
    char path[96];
    node_path(volume, path, sizeof path);
    return sd_event_add_inotify(volume->service->event, &volume->node_watch, path, IN_CLOSE_WRITE, on_node_closed,
                                volume);
}

/* The path alone could be that of a file in some container, where it reads the same. Nothing is asked of the file
 * system that it is on. */
static bool has_open(const char *process, const char *path, const struct statx *node) {
    char folder[300], target[128];
    snprintf(folder, sizeof folder, "/proc/%s/fd", process);
    _cleanup_closedir_ DIR *directory = opendir(folder);
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        struct statx found;
        ssize_t length = readlinkat(dirfd(directory), entry->d_name, target, sizeof target - 1);
        if (length > 0 && (size_t)length == strlen(path) && memcmp(target, path, (size_t)length) == 0 &&
            statx(dirfd(directory), entry->d_name, AT_STATX_DONT_SYNC, STATX_INO, &found) == 0 &&
            found.stx_ino == node->stx_ino && found.stx_dev_major == node->stx_dev_major &&
            found.stx_dev_minor == node->stx_dev_minor)
            return true;
    }
    return false;
}

bool fusermount_is_held(const struct volume *volume) {
    char path[96];
    struct statx node;
    node_path(volume, path, sizeof path);
    if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_INO, &node) < 0)
        return false;
    _cleanup_closedir_ DIR *processes = opendir("/proc");
    struct dirent *entry;
    while (processes && (entry = readdir(processes)))
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && has_open(entry->d_name, path, &node))
            return true;
    return false;
}

void fusermount_forget(struct volume *volume) {
    char path[96];
    if (!volume->raw)
        return;
    volume->node_watch = sd_event_source_disable_unref(volume->node_watch);
    node_path(volume, path, sizeof path);
    (void)unlink(path);
}

/* The node through which this volume's descriptor will be opened: an O_PATH fd of it. */
static int make_node(struct volume *volume) {
    char path[96];
    node_path(volume, path, sizeof path);
    (void)unlink(path);
    if (mknod(path, S_IFCHR | 0666, makedev(FUSE_MAJOR, FUSE_MINOR)) < 0 || chmod(path, 0666) < 0)
        return -errno;
    int r = fusermount_watch(volume);
    if (r < 0)
        return r;
    int fd = open(path, O_PATH | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static void fill_job(struct job *job, struct volume *volume, const struct silo *silo,
                     const struct mount_options *options) {
    *job = (struct job){.type = JOB_MOUNT, .target = silo->target};
    struct job_mount *mount = &job->mount;
    mount->raw = true;
    mount->has_mount_point = true;
    mount->network = volume->prefix[0];
    mount->read_only = options->read_only;
    mount->noexec = options->noexec;
    mount->allow_other = options->allow_other || mount->network;
    volume->allow_other = mount->allow_other;
    mount->no_default_permissions = !options->default_permissions;
    mount->synchronous = options->synchronous;
    mount->directory_synchronous = options->directory_synchronous;
    mount->attributes = options->attributes;
    mount->max_read = options->max_read;
    mount->peer_uid = volume->peer.uid;
    mount->peer_gid = volume->peer.gid;
    snprintf(mount->file_system_name, sizeof mount->file_system_name, "%s", options->subtype);
    snprintf(mount->source, sizeof mount->source, "%s",
             options->source[0]    ? options->source
             : options->subtype[0] ? options->subtype
                                   : "/dev/fuse");
    snprintf(mount->unc_path, sizeof mount->unc_path, "%s", volume->unc_path);
}

void fusermount_create(struct connection *connection, const struct wire_fusermount *request) {
    struct silo *silo = connection->silo;
    struct service *service = silo->service;
    uint32_t serial = request->header.serial;
    struct mount_options options;
    char message[WIRE_TEXT_MAX];
    int r = connection->carries_fds && !connection->volume
                ? mount_options_parse(request->options, &options, message, sizeof message)
                : (snprintf(message, sizeof message, "one descriptor, of the mount point, is wanted"), -EINVAL);
    if (r >= 0)
        r = policy_fusermount(silo, &connection->peer, options.allow_other, options.prefix[0], message, sizeof message);
    if (r < 0) {
        (void)connection_error(connection, serial, r, "%s", message);
        return;
    }
    struct volume *volume = volume_new(service);
    if (!volume) {
        (void)connection_error(connection, serial, -ENOMEM, "the service is out of memory");
        return;
    }
    volume->raw = true;
    volume->keeps_connection = request->flags & WIRE_FUSERMOUNT_AUTO_UNMOUNT;
    volume->peer = connection->peer;
    (void)process_parent(connection->peer.pid, &volume->peer.pid); /* the program itself, not its helper */
    snprintf(volume->file_system_name, sizeof volume->file_system_name, "%s",
             options.subtype[0] ? options.subtype : "fuse");
    volume_register(volume, ++service->next_volume, silo);
    if (options.prefix[0] && volume_claim(volume, connection, options.prefix, serial) < 0) {
        volume_free(volume);
        return;
    }
    _cleanup_close_ int node = make_node(volume);
    struct job job;
    fill_job(&job, volume, silo, &options);
    job.client_fds = 1;
    int job_fds[3];
    size_t n = 0;
    if (!silo->host)
        job_fds[n++] = silo->pidfd;
    job_fds[n++] = node;
    job_fds[n++] = connection->fd;
    r = node < 0 ? node : volume_submit(volume, &job, job_fds, n);
    if (r < 0) {
        volume_free(volume);
        (void)connection_error(connection, serial, r, "the service cannot mount now: %s", strerror(-r));
        return;
    }
    volume->connection = connection;
    connection->volume = volume->id;
    connection_wait(connection, serial);
}
