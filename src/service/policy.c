/* SPDX-License-Identifier: MIT */
/*
 * Who may have what. Decided from the silo, the peer's credentials as the kernel tells them, and the request; never
 * from what the client says of itself. What only the silo's own view can tell about a mount point is checked by the
 * broker (mount-point.c).
 */
#include "service/policy.h"

#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "service/connection.h"
#include "service/intent.h"
#include "service/journal.h"
#include "service/mount-options.h"
#include "service/permission.h"
#include "service/silo.h"
#include "service/volume.h"
#include "util/cleanup.h"
#include "util/plural.h"

static int refuse(char *message, size_t size, int error, const char *format, ...) __attribute__((format(printf, 4, 5)));
static int refuse(char *message, size_t size, int error, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, size, format, arguments);
    va_end(arguments);
    return error;
}

static bool is_silo_root(const struct silo *silo, const struct ucred *peer) {
    return peer->uid == silo->target.root_uid;
}

/* The type that mount(8) shows: it must not be mistaken for anything else in a mount table. */
static bool valid_file_system_name(const char *name) {
    if (!name[0])
        return false;
    for (const char *c = name; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || strchr("._-", *c)))
            return false;
    return true;
}

static bool valid_letter(const char *letter) {
    return !letter[0] || (!letter[1] && ((letter[0] >= 'a' && letter[0] <= 'z') || letter[0] == '*'));
}

/* A mount point that the client made comes as a descriptor, and has a name of one component. */
static bool valid_made_name(const struct wire_create_volume *request) {
    if (!(request->flags & WIRE_CREATE_MADE_MOUNT_POINT))
        return true;
    return (request->flags & WIRE_CREATE_MOUNT_POINT_FD) && request->made_name[0] && !strchr(request->made_name, '/') &&
           strcmp(request->made_name, ".") != 0 && strcmp(request->made_name, "..") != 0;
}

/*
 * Limits are a silo's. The host's users are strangers to each other, though: there each user has the limit alone, and
 * those who are not root have HOST_SHARE times it together, whatever ids they command, so that nobody keeps root out.
 */
#define HOST_SHARE 8

struct usage {
    unsigned own, ordinary; /* the user's; those of all who are not root */
};

static void usage_add(struct usage *usage, uid_t uid, uid_t whose) {
    usage->own += whose == uid;
    usage->ordinary += whose != 0;
}

static bool is_full(const struct silo *silo, uid_t uid, const struct usage *usage, unsigned count, unsigned limit) {
    if (!silo->host)
        return count >= limit;
    return usage->own >= limit || (uid != 0 && usage->ordinary >= HOST_SHARE * limit);
}

bool policy_connections_full(const struct silo *silo, uid_t uid) {
    struct usage usage = {0};
    const struct connection *connection;
    if (silo->host)
        list_for_each (connection, &silo->connection_list, node)
            usage_add(&usage, uid, connection->peer.uid);
    return is_full(silo, uid, &usage, silo->connections, permission_max_connections(silo));
}

static bool volumes_full(const struct silo *silo, uid_t uid) {
    struct usage usage = {0};
    const struct volume *volume;
    if (silo->host)
        list_for_each (volume, &silo->volume_list, node)
            usage_add(&usage, uid, volume->peer.uid);
    return is_full(silo, uid, &usage, silo->volumes, permission_max_volumes(silo));
}

static bool holds_full(const struct silo *silo, uid_t uid) {
    struct usage usage = {0};
    const struct volume *volume;
    unsigned held = 0;
    list_for_each (volume, &silo->volume_list, node)
        if (volume->hold.n_fds) {
            held++;
            usage_add(&usage, uid, volume->peer.uid);
        }
    return is_full(silo, uid, &usage, held, POLICY_HELD_VOLUMES_MAX);
}

int policy_hold(const struct silo *silo, const struct ucred *peer, char *ret_message, size_t size) {
    char place[PERMISSION_PLACE_MAX];
    if (permission_max_fail_over(silo) == 0)
        return refuse(ret_message, size, -EPERM, "no volume is held here (%s)",
                      permission_limit_place(silo, LIMIT_FAIL_OVER, place));
    if (holds_full(silo, peer->uid))
        return refuse(ret_message, size, -EDQUOT, "%s has %d volumes held, and may have no more", policy_limited(silo),
                      POLICY_HELD_VOLUMES_MAX);
    return 0;
}

const char *policy_limited(const struct silo *silo) {
    return silo->host ? "this user of the host" : "this container";
}

int policy_create(const struct silo *silo, const struct ucred *peer, bool network,
                  const struct wire_create_volume *request, char *ret_message, size_t size) {
    bool letter = request->letter[0], folder = request->flags & WIRE_CREATE_MOUNT_POINT_FD;
    char place[PERMISSION_PLACE_MAX];
    if (volumes_full(silo, peer->uid))
        return refuse(
            ret_message, size, -EDQUOT, "%s has %u %s (%s)", policy_limited(silo), permission_max_volumes(silo),
            plural(permission_max_volumes(silo), "volume, and may have no more", "volumes, and may have no more"),
            permission_limit_place(silo, LIMIT_VOLUMES, place));
    if (!valid_file_system_name(request->file_system_name))
        return refuse(ret_message, size, -EINVAL,
                      "file system name \"%s\": letters, digits, '.', '_' and '-' only, and "
                      "at least one",
                      request->file_system_name);
    if (!valid_letter(request->letter) || (letter && folder) || !valid_made_name(request) ||
        request->clones > WIRE_CLONES_MAX || (request->root_mode & ~07777u))
        return refuse(ret_message, size, -EINVAL, "the request is malformed");
    if (network != (request->prefix[0] != 0))
        return refuse(ret_message, size, -EINVAL,
                      network ? "a network volume needs a prefix such as \\server\\share" : "a disk has no prefix");
    if (!network && !letter && !folder)
        return refuse(ret_message, size, -EINVAL, "a disk needs a mount point: a letter such as Z:, *, or a folder");
    int r = network ? 0 : permission_disk(silo, ret_message, size); /* network volumes: where they are claimed */
    if (r < 0)
        return r;
    if (silo->host && letter && !is_silo_root(silo, peer))
        return refuse(ret_message, size, -EPERM,
                      "on the host only root may use letters: mount on a folder of your own, for example -m ~/volume");
    return 0;
}

/* The administrator's word, as libfuse's helper reads it. */
static bool host_users_may_allow_other(void) {
    _cleanup_fclose_ FILE *file = fopen("/etc/fuse.conf", "re");
    char line[256], word[32], more[2];
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, " %31s %1s", word, more) == 1 && strcmp(word, "user_allow_other") == 0)
            return true;
    return false;
}

int policy_fusermount(const struct silo *silo, const struct ucred *peer, const struct mount_options *options,
                      char *ret_message, size_t size) {
    bool allow_other = options->allow_other, network = options->prefix[0];
    char place[PERMISSION_PLACE_MAX];
    if (options->subtype[0] && !valid_file_system_name(options->subtype))
        return refuse(ret_message, size, -EINVAL, "subtype=%s: letters, digits, '.', '_' and '-' only",
                      options->subtype);
    if (volumes_full(silo, peer->uid))
        return refuse(ret_message, size, -EDQUOT, "too many FUSE filesystems mounted; it is limited by %s",
                      permission_limit_place(silo, LIMIT_VOLUMES, place));
    if (silo->host && allow_other && !is_silo_root(silo, peer) && !host_users_may_allow_other())
        return refuse(ret_message, size, -EPERM,
                      "option allow_other is root's alone on the host: user_allow_other in /etc/fuse.conf gives it to "
                      "everybody");
    int r = network ? 0 : permission_disk(silo, ret_message, size); /* network volumes: where they are claimed */
    if (r < 0)
        return r;
    return 0;
}

int policy_share(const struct silo *silo, const struct volume *volume, char *ret_message, size_t size) {
    if (volume->prefix[0])
        return refuse(ret_message, size, -EEXIST, "it is shared already, at %s", volume->unc_path);
    if (silo->target.user_namespace)
        return refuse(ret_message, size, -EPERM,
                      "mounted as a disk in a user namespace, which the host may not look "
                      "into: mount it with its prefix from the start (LINFSP_UNC=//server/share PROGRAM, "
                      "memfs -u)");
    if (!volume->allow_other)
        return refuse(ret_message, size, -EPERM,
                      "only the user who mounted it may look into it: mount it with "
                      "-o allow_other");
    return 0;
}

bool policy_allow_other(const struct silo *silo, const struct ucred *peer, bool network) {
    /* on the host other users, root first, are to be safe from an ordinary user's file system */
    return !silo->host || network || is_silo_root(silo, peer) || host_users_may_allow_other();
}

bool policy_may_end(const struct silo *silo, const struct ucred *peer, const struct volume *volume) {
    if (silo->host && peer->uid == 0)
        return true;
    return volume->silo == silo->number && (is_silo_root(silo, peer) || peer->uid == volume->peer.uid);
}
