/* SPDX-License-Identifier: MIT */
#include "fusermount/unmount.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "fusermount/direct.h"
#include "fusermount/mount-point.h"
#include "fusermount/report.h"
#include "fusermount/service.h"
#include "util/cleanup.h"

#define MOUNT_TABLE "/etc/mtab"
#define ALREADY_TURNS 200
#define ALREADY_MS 10

static int report_unmount(const char *path, int error, const char *message, bool quiet) {
    if (quiet)
        return error;
    if (error == -ENOENT && getuid() != 0)
        report("entry for %s not found in %s", path, MOUNT_TABLE);
    else
        report("failed to unmount %s: %s", path, message ? message : strerror(-error));
    return error;
}

/* No volume of the service's: with whatever rights the caller has, the kernel decides. */
static int unmount_by_ourselves(const char *path, bool lazy, bool quiet) {
    int result = mount_point_unmount(path, lazy);
    /* What is missing is said before who may not. */
    if (result == -EPERM && !mount_point_is_fuse(path))
        result = -EINVAL;
    return result < 0 ? report_unmount(path, result, NULL, quiet) : 0;
}

static int unmount_without_service(const char *path, bool lazy, bool quiet) {
    bool may_try = getuid() == 0 || direct_is_privileged();
    int result = may_try ? mount_point_unmount(path, lazy) : -EPERM;
    if (result == 0)
        return 0;
    if (!mount_point_is_fuse(path))
        return report_unmount(path, !may_try ? -ENOENT : result == -EPERM ? -EINVAL : result, NULL, quiet);
    if (result != -EPERM)
        return report_unmount(path, result, NULL, quiet);
    if (!quiet)
        service_report_no_connection(-ENODEV);
    return -ENODEV;
}

/* A folder above it may have another name by now than when it was mounted: what is there tells which volume it is. A
 * bind mount of a volume, or of something in it, is not the volume: the volume's own mount is elsewhere still. */
static int unmount_by_device(int service, const char *path, const struct mount_entry *entry, bool lazy,
                             char message[WIRE_TEXT_MAX]) {
    char own_path[WIRE_PATH_MAX] = "";
    uint64_t volume = entry->fuse && entry->whole ? service_find(service, entry->minor, own_path) : 0;
    struct mount_entry own = volume && own_path[0] ? mount_point_look_up(own_path) : (struct mount_entry){0};
    bool elsewhere = own.fuse && own.whole && own.minor == entry->minor && own.id != entry->id;
    return volume && !elsewhere ? service_unmount(service, volume, NULL, lazy, false, message) : -ENOENT;
}

/* By its path, unless the topmost mount there is something else than a volume: then that is meant. In a chroot the
 * service knows the volume by another path. */
static int unmount_by_service(int service, const char *path, bool lazy, bool ended, char message[WIRE_TEXT_MAX]) {
    struct mount_entry entry = mount_point_look_up(path);
    if (entry.mounted && !(entry.fuse && entry.whole))
        return -ENOENT;
    if (mount_point_is_elsewhere())
        return !entry.mounted && ended ? 0 : unmount_by_device(service, path, &entry, lazy, message);
    int result = service_unmount(service, 0, path, lazy, ended, message);
    return result == -ENOENT ? unmount_by_device(service, path, &entry, lazy, message) : result;
}

int unmount_run(const char *path, bool lazy, bool quiet, bool ended) {
    char message[WIRE_TEXT_MAX];
    _cleanup_close_ int service = -1;
    if (strcmp(path, "/") == 0)
        return report_unmount(path, getuid() == 0 ? -EINVAL : -ENOENT, NULL, quiet);
    int result = service_connect(direct_is_privileged() ? 0 : -1, &service);
    if (result == -ENODEV)
        return unmount_without_service(path, lazy, quiet);
    if (result < 0) {
        if (!quiet)
            service_report_no_connection(result);
        return result;
    }
    result = unmount_by_service(service, path, lazy, ended, message);
    if (result == -ENOENT && (getuid() == 0 || direct_is_privileged()))
        return unmount_by_ourselves(path, lazy, quiet);
    if (result == -EPERM) /* another user's: to the caller there is no such mount */
        result = -ENOENT;
    return result < 0 ? report_unmount(path, result, result == -EBUSY ? NULL : message, quiet) : 0;
}

/* For a program whose umount2(2) was refused. Its descriptor is closed by now, so the service may be unmounting
 * already, or may have done so. */
int unmount_run_for_caller(const char *path, bool lazy, bool quiet) {
    int result = -EALREADY;
    for (int i = 0; i < ALREADY_TURNS && result == -EALREADY; i++) {
        if (i > 0)
            (void)poll(NULL, 0, ALREADY_MS);
        result = unmount_run(path, lazy, quiet, true);
    }
    return result;
}

/* Whether types, as of umount -t, has that type. */
static bool has_type(const char *types, const char *type) {
    size_t length = strlen(type);
    for (const char *word = types; *word; word += strcspn(word, ","), word += *word == ',')
        if (strcspn(word, ",") == length && strncmp(word, type, length) == 0)
            return true;
    return false;
}

static int unmount_type(const char *type, const char *path, void *context) {
    const struct call *call = context;
    return has_type(call->types, type) ? unmount_run(path, call->lazy, call->quiet, false) : 0;
}

static int unmount_named(const struct call *call, char *const *texts) {
    char path[PATH_MAX];
    if (!*texts)
        return chdir("/") < 0 ? -errno : 0; /* all names are known now: what is unmounted is not where we stand */
    int found = mount_point_of_source(*texts, path) ? 0 : mount_point_resolve(*texts, true, path);
    int others = unmount_named(call, texts + 1);
    int result = found < 0 ? found : unmount_run(path, call->lazy, call->quiet, false);
    return result < 0 ? result : others;
}

/* umount(8), and what it runs for a type: several mount points, or all of a type. */
int unmount_run_all(const struct call *call) {
    int result = !call->all    ? unmount_named(call, call->mount_points)
                 : call->types ? mount_points_of_fuse(unmount_type, (void *)call)
                               : -EINVAL;
    return result;
}
