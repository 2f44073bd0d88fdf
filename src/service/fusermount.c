/* SPDX-License-Identifier: MIT */
/*
 * Volumes of unmodified FUSE programs, asked for by the stand-in for fusermount3 (src/fusermount).
 *
 * Such a program answers FUSE_INIT itself, and mostly has no life line: the stand-in exits once it has handed the
 * descriptor on. That its server has gone is known all the same: each such volume's descriptor is opened through a
 * device node of its own, and inotify tells when the last descriptor of that is closed. All nodes share one queue of
 * the kernel's: when that overflows, every volume is told, and it is certain of none.
 */
#include "service/fusermount.h"

#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "service/service.h"
#include "service/table.h"
#include "service/volume.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/paths.h"
#include "wire/codec.h"

#define FUSE_MAJOR 10
#define FUSE_MINOR 229
#define NODES_DIR LINFSP_RUN_DIR "/private"

static void node_path(const struct volume *volume, char *path, size_t size) {
    snprintf(path, size, NODES_DIR "/volume-%llu", (unsigned long long)volume->id);
}

static int on_node_closed(sd_event_source *source, const struct inotify_event *event, void *userdata) {
    struct volume *volume = userdata;
    if (event->mask & (IN_CLOSE_WRITE | IN_Q_OVERFLOW))
        volume->node_closed(volume, event->mask & IN_CLOSE_WRITE);
    return 0;
}

int fusermount_watch(struct volume *volume, void (*closed)(struct volume *volume, bool certain)) {
    char path[96];
    volume->node_closed = closed;
    node_path(volume, path, sizeof path);
    return sd_event_add_inotify(volume->service->event, &volume->node_watch, path, IN_CLOSE_WRITE, on_node_closed,
                                volume);
}

void fusermount_forget(struct volume *volume) {
    char path[96];
    if (!volume->raw)
        return;
    volume->node_watch = sd_event_source_disable_unref(volume->node_watch);
    node_path(volume, path, sizeof path);
    (void)unlink(path);
}

void fusermount_sweep(struct service *service) {
    _cleanup_closedir_ DIR *directory = opendir(NODES_DIR);
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        unsigned long long id;
        int end = 0;
        if (sscanf(entry->d_name, "volume-%llu%n", &id, &end) == 1 && !entry->d_name[end] && !volume_find(service, id))
            (void)unlinkat(dirfd(directory), entry->d_name, 0);
    }
}

int fusermount_make_node(struct volume *volume) {
    char path[96];
    node_path(volume, path, sizeof path);
    (void)unlink(path);
    if (mknod(path, S_IFCHR | 0666, makedev(FUSE_MAJOR, FUSE_MINOR)) < 0 || chmod(path, 0666) < 0)
        return -errno;
    int fd = openat(volume->service->nodes, strrchr(path, '/') + 1, O_PATH | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}
