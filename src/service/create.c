/* SPDX-License-Identifier: MIT */
/*
 * Making a volume: one way for programs of the library and for unmodified FUSE programs.
 *
 * Each request is judged and comes down to a recipe: a job that lacks only what its volume is given here. Then the
 * volume enters the tables, takes its prefix, and a worker makes its mounts; volume.c goes on from there.
 */
#include "service/create.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "service/claim.h"
#include "service/comeback.h"
#include "service/connection.h"
#include "service/event.h"
#include "service/fusermount.h"
#include "service/mount-options.h"
#include "service/numbers.h"
#include "service/permission.h"
#include "service/policy.h"
#include "service/programs.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/volume.h"
#include "util/cleanup.h"
#include "util/list.h"
#include "util/paths.h"
#include "util/process.h"
#include "wire/prefix.h"

/* What a request comes down to. */
struct recipe {
    uint32_t serial;
    struct job job;
    const char *name; /* of the file system */
    const char *prefix; /* as the client gives it; "": a disk */
    const char *mount_point; /* the same; "": a letter, or none */
    bool keeps_connection;
    bool hands_over;
    unsigned hold; /* s */
    pid_t server;
};

/* What every job has of its volume. */
static void complete(struct job *job, struct volume *volume, const struct silo *silo, pid_t client) {
    struct job_mount *mount = &job->mount;
    job->type = JOB_MOUNT;
    job->target = silo->target;
    mount->network = volume->prefix[0];
    mount->peer_uid = volume->peer.uid;
    mount->peer_gid = volume->peer.gid;
    mount->client = client;
    if (!mount->raw) {
        mount->allow_other = policy_allow_other(silo, &volume->peer, mount->network);
        mount->init.request_timeout = (uint16_t)permission_request_timeout(silo);
    } else if (mount->network)
        mount->allow_other = true;
    volume->allow_other = mount->allow_other;
    if (!mount->source[0] && volume->prefix[0])
        (void)prefix_to_unc(volume->prefix, mount->source, sizeof mount->source);
    if (!mount->source[0])
        snprintf(mount->source, sizeof mount->source, "%s", volume->file_system_name);
}

/* Has a worker make the mounts. */
static int start(struct volume *volume, struct job *job, const struct connection *connection) {
    const struct silo *silo = connection->silo;
    _cleanup_close_ int node = -1;
    int fds[3], r;
    size_t n = 0;
    if (!silo->host)
        fds[n++] = silo->pidfd;
    if (volume->raw) {
        node = fusermount_make_node(volume);
        if (node < 0 || (r = volume_watch_node(volume)) < 0)
            return node < 0 ? node : r;
        fds[n++] = node;
    }
    if (connection->carries_fds)
        fds[n++] = connection->fd;
    return volume_submit(volume, job, fds, n);
}

/* Whether a volume that is about to go is mounted where this request wants one. */
static bool is_in_the_way(struct silo *silo, const struct recipe *recipe, const struct ucred *client) {
    char path[WIRE_PATH_MAX];
    const char *letter = recipe->job.mount.letter;
    if (letter[0] == '*')
        return false; /* it takes another */
    if (letter[0])
        snprintf(path, sizeof path, LINFSP_LETTER_ROOT "/%c", letter[0] | 0x20);
    else
        snprintf(path, sizeof path, "%s", recipe->mount_point);
    if (!path[0])
        return false;
    struct volume *volume;
    list_for_each (volume, &silo->volume_list, node)
        if (strcmp(volume->mount_point, path) == 0)
            return volume_passes(volume, client);
    return false;
}

static void make(struct connection *connection, struct recipe *recipe) {
    struct silo *silo = connection->silo;
    struct service *service = silo->service;
    struct ucred client = connection->peer;
    client.pid = recipe->server;
    if (is_in_the_way(silo, recipe, &client)) {
        (void)connection_error(connection, recipe->serial, -EAGAIN,
                               "the volume that is mounted there is just ending: try again");
        return;
    }
    struct volume *volume = volume_new(service);
    if (!volume || volume_register(volume, number_volume(service), silo) < 0) {
        volume_free(volume);
        (void)connection_error(connection, recipe->serial, -ENOMEM, "the service is out of memory");
        return;
    }
    volume->raw = recipe->job.mount.raw;
    volume->keeps_connection = recipe->keeps_connection;
    volume->hands_over = recipe->hands_over;
    volume->comeback_seconds = recipe->hold;
    recipe->job.mount.replaces = recipe->job.mount.raw ? comeback_place(silo, client.uid, recipe->mount_point) : 0;
    volume->peer = connection->peer;
    volume->peer.pid = recipe->server;
    volume->made.by_service = recipe->job.mount.letter[0];
    snprintf(volume->file_system_name, sizeof volume->file_system_name, "%s", recipe->name);
    if (recipe->prefix[0] && claim_make(volume, connection, recipe->prefix, recipe->serial) < 0) {
        volume_free(volume);
        return;
    }
    complete(&recipe->job, volume, silo, connection->peer.pid);
    if (recipe->job.mount.has_mount_point)
        programs_expect_unmounts(silo);
    int r = start(volume, &recipe->job, connection);
    if (r < 0) {
        volume_free(volume);
        (void)connection_error(connection, recipe->serial, r, "the service has no worker for this container: %s",
                               r == -ETIMEDOUT ? "its file systems hung too often" : strerror(-r));
        return;
    }
    volume->connection = connection;
    connection->volume = volume->id;
    connection_wait(connection, recipe->serial);
    volume_learn_server(volume); /* the worker is at work meanwhile */
}

/* Policy says no: that is told to the client, and to auditors. A request that makes no sense is told to the client
 * only. */
static void refuse(struct connection *connection, uint32_t serial, int error, const char *message) {
    if (error == -EPERM || error == -EDQUOT)
        event_tell(connection->silo->service, &(struct event){.kind = EVENT_MOUNT,
                                                              .refused = true,
                                                              .silo = connection->silo,
                                                              .uid = connection->peer.uid,
                                                              .pid = connection->peer.pid,
                                                              .text = message});
    (void)connection_error(connection, serial, error, "%s", message);
}

void volume_create(struct connection *connection, const struct wire_create_volume *request) {
    uint32_t serial = request->header.serial;
    char message[WIRE_TEXT_MAX];
    if (connection->volume || connection->carries_fds != !!(request->flags & WIRE_CREATE_MOUNT_POINT_FD)) {
        (void)connection_error(connection, serial, connection->volume ? -EBUSY : -EINVAL,
                               connection->volume ? "this connection has a volume already"
                                                  : "the request is malformed");
        return;
    }
    int r = policy_create(connection->silo, &connection->peer, connection->network, request, message, sizeof message);
    if (r < 0) {
        refuse(connection, serial, r, message);
        return;
    }
    struct recipe recipe = {.serial = serial,
                            .name = request->file_system_name,
                            .prefix = request->prefix,
                            .mount_point = request->mount_point,
                            .hands_over = request->flags & WIRE_CREATE_HANDS_OVER,
                            .server = connection->peer.pid};
    struct job_mount *mount = &recipe.job.mount;
    mount->read_only = request->flags & WIRE_CREATE_READ_ONLY;
    mount->noexec = request->flags & WIRE_CREATE_NOEXEC;
    mount->has_mount_point = request->letter[0] || (request->flags & WIRE_CREATE_MOUNT_POINT_FD);
    mount->made_mount_point = request->flags & WIRE_CREATE_MADE_MOUNT_POINT;
    memcpy(mount->letter, request->letter, sizeof mount->letter);
    mount->clones = request->clones;
    mount->root_mode = request->root_mode ? request->root_mode : 0755;
    mount->init = request->init;
    snprintf(mount->file_system_name, sizeof mount->file_system_name, "%s", request->file_system_name);
    snprintf(mount->source, sizeof mount->source, "%s", request->source);
    if (connection->carries_fds)
        recipe.job.client_fds = mount->made_mount_point ? 2 : 1;
    make(connection, &recipe);
}

/* What the program asks for, or the administrator gives each; a program with auto_unmount is unmounted when it dies. */
static unsigned hold_of(const struct silo *silo, const struct mount_options *options, bool auto_unmount) {
    unsigned wanted = options->has_hold ? options->hold : permission_hold(silo), most = permission_max_fail_over(silo);
    return options->prefix[0] || auto_unmount || !comeback_is_possible() ? 0 : wanted < most ? wanted : most;
}

static void fill_raw(struct job_mount *mount, const struct mount_options *options) {
    mount->raw = true;
    mount->has_mount_point = true;
    mount->read_only = options->read_only;
    mount->noexec = options->noexec;
    mount->allow_other = options->allow_other;
    mount->no_default_permissions = !options->default_permissions;
    mount->synchronous = options->synchronous;
    mount->directory_synchronous = options->directory_synchronous;
    mount->attributes = options->attributes;
    mount->max_read = options->max_read;
    snprintf(mount->file_system_name, sizeof mount->file_system_name, "%s", options->subtype);
    snprintf(mount->source, sizeof mount->source, "%s",
             options->source[0]    ? options->source
             : options->subtype[0] ? options->subtype
                                   : "/dev/fuse");
}

void fusermount_create(struct connection *connection, const struct wire_fusermount *request) {
    struct mount_options options;
    char message[WIRE_TEXT_MAX];
    int r = connection->carries_fds && !connection->volume
                ? mount_options_parse(request->options, &options, message, sizeof message)
                : (snprintf(message, sizeof message, "one descriptor, of the mount point, is wanted"), -EINVAL);
    if (r >= 0)
        r = policy_fusermount(connection->silo, &connection->peer, &options, message, sizeof message);
    if (r < 0) {
        refuse(connection, request->header.serial, r, message);
        return;
    }
    struct recipe recipe = {.serial = request->header.serial,
                            .name = options.subtype[0] ? options.subtype : "fuse",
                            .prefix = options.prefix,
                            .mount_point = request->mount_point,
                            .keeps_connection = request->flags & WIRE_FUSERMOUNT_AUTO_UNMOUNT,
                            .server = connection->peer.pid};
    bool known = process_parent(connection->peer.pid, &recipe.server) == 0; /* the program itself, not its helper */
    fill_raw(&recipe.job.mount, &options);
    recipe.job.mount.server = known ? recipe.server : 0;
    recipe.job.client_fds = 1;
    recipe.hold = hold_of(connection->silo, &options, recipe.keeps_connection);
    recipe.job.mount.clones = recipe.hold > 0;
    make(connection, &recipe);
}
