/* SPDX-License-Identifier: MIT */
/* What each message asks for, other than volumes themselves (volume.c). A silo is shown and may touch only what is its
 * own; the host all. */
#include "service/requests.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "service/backing.h"
#include "service/comeback.h"
#include "service/connection.h"
#include "service/create.h"
#include "service/event.h"
#include "service/folder.h"
#include "service/hand-over.h"
#include "service/hold.h"
#include "service/intent.h"
#include "service/journal.h"
#include "service/launch.h"
#include "service/monitor.h"
#include "service/mount-options.h"
#include "service/permission.h"
#include "service/policy.h"
#include "service/service.h"
#include "service/share.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/unc.h"
#include "service/volume.h"
#include "service/watchdog.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/paths.h"
#include "util/proc.h"
#include "util/process.h"
#include "util/utf8.h"
#include "wire/codec.h"

static bool may_see(const struct silo *viewer, uint64_t silo) {
    return viewer->host || viewer->number == silo;
}

/* "\\.\data\cache" */
static void show_local(const struct volume *volume, char *ret_text, size_t size) {
    char local[PREFIX_MAX + 2], unc[WIRE_PREFIX_MAX];
    snprintf(local, sizeof local, "./%s", volume->prefix);
    if (prefix_to_unc(local, unc, sizeof unc) == 0)
        (void)wire_set_string(ret_text, size, unc);
}

/* On the host, who is not root is told of what they own themselves: engines tell them of no more either. */
static bool may_list(const struct connection *connection, const struct silo *silo, const struct volume *volume) {
    const struct silo *viewer = connection->silo;
    uid_t uid = connection->peer.uid;
    if (!viewer->host || uid == 0)
        return viewer->host || viewer == silo;
    return silo && ((silo->target.user_namespace && silo->target.owner_uid == uid) ||
                    (volume && silo->host && volume->peer.uid == uid));
}

static void fill_volume(struct wire_volume *reply, const struct silo *viewer, const struct volume *volume,
                        uint32_t serial) {
    struct silo *silo = silo_find(volume->service, volume->silo);
    wire_begin(reply, WIRE_VOLUME, serial);
    reply->id = volume->id;
    reply->since = volume->since;
    reply->server_pid = (uint32_t)(viewer->host ? volume->peer.pid : volume->inner_pid);
    reply->owner_uid = volume->owner_uid;
    reply->fuse_device = volume->fuse_device;
    reply->attached = volume->connection || (volume->raw && !volume->keeps_connection && !comeback_is_waiting(volume));
    if (silo) {
        silo_describe(silo);
        WIRE_SET(reply->silo, silo->id);
    }
    WIRE_SET(reply->file_system_name, volume->file_system_name);
    WIRE_SET(reply->transport, volume->ring ? "io_uring" : "dev");
    WIRE_SET(reply->mount_point, volume->mount_point);
    WIRE_SET(reply->unc_path, volume->unc_path);
    char unc[WIRE_PREFIX_MAX];
    if (volume->scope[0])
        show_local(volume, reply->prefix, sizeof reply->prefix);
    else if (volume->prefix[0] && prefix_to_unc(volume->prefix, unc, sizeof unc) == 0)
        WIRE_SET(reply->prefix, unc + 1); /* one leading backslash, as it is given to -u */
}

static void fill_silo(struct wire_silo *reply, const struct silo *viewer, struct silo *silo, uint32_t serial) {
    static const char *const states[] = {
        [SILO_NEW] = "being set up", [SILO_INJECTING] = "being set up", [SILO_READY] = "ready",
        [SILO_NESTED] = "nested",    [SILO_EJECTING] = "being left",    [SILO_DYING] = "ended",
        [SILO_DEAD] = "ended",
    };
    silo_describe(silo);
    wire_begin(reply, WIRE_SILO, serial);
    reply->since = silo->since;
    reply->init_pid = (uint32_t)(viewer->host ? silo->target.init_pid : silo->inner_init);
    reply->volumes = silo->volumes;
    reply->user_namespace = silo->target.user_namespace;
    WIRE_SET(reply->id, silo->id);
    WIRE_SET(reply->engine, silo->engine);
    WIRE_SET(reply->name, silo->name);
    const char *words = silo->state == SILO_FAILED || silo->state == SILO_OFF ? silo->failure : states[silo->state];
    if (WIRE_SET(reply->state, words) < 0) { /* the whole is in the log */
        char cut[sizeof reply->state];
        snprintf(cut, sizeof cut, "%.*s…", (int)utf8_boundary(words, sizeof cut - sizeof "…"), words);
        WIRE_SET(reply->state, cut);
    }
}

/* ---- lists ----------------------------------------------------------------------------------------------------- */

/* A silo has one turn of a list at a time, however many of its connections ask for one, and a turn is a few rows: those
 * of others come between. Within that, lists go out as far as the socket takes them; the cursor is the key of the last
 * one sent. Keys only grow in the order of the tables, which is that of insertion
 * (restore.c sorts). */
#define ROWS_PER_TURN 8

static int send_volumes(struct connection *connection) {
    struct volume *volume, *next;
    unsigned rows = 0;
    HASH_ITER (hash, connection->silo->service->volumes, volume, next) {
        if (volume->id <= connection->cursor || volume->state == VOLUME_NEW || volume->state == VOLUME_DETACHED ||
            !may_list(connection, silo_find(volume->service, volume->silo), volume))
            continue;
        if (rows++ == ROWS_PER_TURN)
            return 1;
        struct wire_volume reply;
        fill_volume(&reply, connection->silo, volume, connection->serial);
        int r = connection_send(connection, &reply, NULL, 0);
        if (r < 0)
            return r;
        connection->cursor = volume->id;
    }
    return 0;
}

static int send_silos(struct connection *connection) {
    struct silo *silo, *next;
    unsigned rows = 0;
    HASH_ITER (hash, connection->silo->service->silos, silo, next) {
        if (silo->number <= connection->cursor || silo->state == SILO_NESTED || silo_is_dead(silo) || silo->host ||
            !may_list(connection, silo, NULL))
            continue;
        if (rows++ == ROWS_PER_TURN)
            return 1;
        struct wire_silo reply;
        fill_silo(&reply, connection->silo, silo, connection->serial);
        int r = connection_send(connection, &reply, NULL, 0);
        if (r < 0)
            return r;
        connection->cursor = silo->number;
    }
    return 0;
}

static int send_opened(struct connection *connection) {
    struct service *service = connection->silo->service;
    unsigned rows = 0;
    for (const struct name *name = service->names; name; name = name->by_id.next) {
        const struct volume *volume = name->volume && name->since ? volume_find(service, name->volume) : NULL;
        struct silo *silo = volume ? silo_find(service, name->opener ? name->opener : name->folder->silo) : NULL;
        if (!silo || name->id <= connection->cursor || !may_see(connection->silo, silo->number))
            continue;
        if (rows++ == ROWS_PER_TURN)
            return 1;
        struct wire_opened reply;
        char unc[WIRE_PREFIX_MAX];
        wire_begin(&reply, WIRE_OPENED, connection->serial);
        reply.volume = connection->silo->host || volume->silo == connection->silo->number ? volume->id : 0;
        reply.since = name->since;
        reply.uid = name->uid;
        reply.mounted = name->opener || name->state == NAME_OPEN || name->state == NAME_CLOSING;
        WIRE_SET(reply.silo, silo->id);
        if (volume->scope[0])
            show_local(volume, reply.prefix, sizeof reply.prefix);
        else if (prefix_to_unc(volume->prefix, unc, sizeof unc) == 0)
            WIRE_SET(reply.prefix, unc + 1);
        int r = connection_send(connection, &reply, NULL, 0);
        if (r < 0)
            return r;
        connection->cursor = name->id;
    }
    return 0;
}

/* Its list goes on in the next turn that is its own. */
static void wait_for_turn(struct connection *connection) {
    struct silo *silo = connection->silo;
    if (!connection->waits_for_turn)
        list_append(&silo->listers, &connection->lister);
    connection->waits_for_turn = true;
    (void)sd_event_source_set_io_events(connection->io, 0);
    (void)sd_event_source_set_enabled(silo->list_turn, SD_EVENT_ONESHOT);
}

static void forget_turn(struct connection *connection) {
    if (connection->waits_for_turn)
        list_remove(&connection->lister);
    connection->waits_for_turn = false;
}

static void take_turn(struct connection *connection) {
    forget_turn(connection);
    int r = connection->listing == WIRE_LIST_VOLUMES  ? send_volumes(connection)
            : connection->listing == WIRE_LIST_OPENED ? send_opened(connection)
                                                      : send_silos(connection);
    if (r > 0) {
        wait_for_turn(connection);
        return;
    }
    if (r == 0)
        r = connection_done(connection, connection->serial);
    if (r == -EAGAIN) {
        (void)sd_event_source_set_io_events(connection->io, EPOLLOUT);
        return;
    }
    if (r < 0)
        return; /* it is gone */
    connection->listing = 0;
    connection_ready(connection);
}

void request_list_turn(struct silo *silo) {
    struct connection *connection;
    list_for_each (connection, &silo->listers, lister) {
        take_turn(connection);
        break;
    }
    if (!list_empty(&silo->listers))
        (void)sd_event_source_set_enabled(silo->list_turn, SD_EVENT_ONESHOT);
}

void request_continue_list(struct connection *connection) {
    wait_for_turn(connection);
}

static void start_list(struct connection *connection, uint16_t type, uint32_t serial) {
    connection_wait(connection, serial);
    connection->listing = type;
    connection->cursor = 0;
    wait_for_turn(connection);
}

/* ---- one at a time --------------------------------------------------------------------------------------------- */

static uint64_t resident_bytes(void) {
    _cleanup_fclose_ FILE *file = proc_open_text("self/statm");
    unsigned long pages = 0;
    if (!file || fscanf(file, "%*u %lu", &pages) != 1)
        return 0;
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t cpu_time(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return ((uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec) * 1000000000u +
           ((uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec) * 1000u;
}

static void get_status(struct connection *connection, uint32_t serial) {
    const struct silo *viewer = connection->silo;
    struct service *service = viewer->service;
    struct wire_status reply;
    wire_begin(&reply, WIRE_STATUS, serial);
    reply.since = service->since;
    WIRE_SET(reply.version, LINFSP_VERSION);
    WIRE_SET(reply.unc_root, LINFSP_UNC_ROOT);
    WIRE_SET(reply.monitor, monitor_kind(service->monitor));
    if (viewer->host) {
        struct silo *silo, *next;
        HASH_ITER (hash, service->silos, silo, next)
            reply.silos += !silo->host && silo->state != SILO_NESTED && !silo_is_dead(silo);
        reply.resident_bytes = resident_bytes();
        reply.cpu_ns = cpu_time();
        reply.pid = (uint32_t)getpid();
        reply.volumes = HASH_CNT(hash, service->volumes);
        reply.shares = unc_count(service->unc);
        reply.injections = service->injections;
        reply.failures = service->failures;
    } else {
        const struct volume *volume;
        reply.silos = 1;
        reply.volumes = viewer->volumes;
        list_for_each (volume, &viewer->volume_list, node)
            reply.shares += volume->prefix[0] != 0;
    }
    (void)connection_send(connection, &reply, NULL, 0);
}

static void unmount(struct connection *connection, const struct wire_unmount *request) {
    struct service *service = connection->silo->service;
    struct volume *volume = request->target[0] ? volume_by_target(service, connection->silo, request->target)
                                               : volume_find(service, request->volume);
    uint32_t serial = request->header.serial;
    if (!volume && (request->flags & WIRE_UNMOUNT_ENDED) && volume_has_just_ended(connection->silo, request->target)) {
        (void)connection_done(connection, serial);
        return;
    }
    if (!volume || !may_see(connection->silo, volume->silo)) {
        char number[32];
        snprintf(number, sizeof number, "%llu", (unsigned long long)request->volume);
        (void)connection_error(connection, serial, -ENOENT, "%s is no volume here: linfsp volumes shows them",
                               request->target[0] ? request->target : number);
        return;
    }
    if (!policy_may_end(connection->silo, &connection->peer, volume)) {
        volume_end_refused(volume, connection);
        (void)connection_error(connection, serial, -EPERM,
                               "volume %llu is another user's: only they or root may unmount "
                               "it",
                               (unsigned long long)volume->id);
        return;
    }
    bool ending = volume->state == VOLUME_ENDING;
    if (volume->waiter || (volume->state != VOLUME_LIVE && !ending)) {
        (void)connection_error(connection, serial, -EALREADY, "volume %llu is being %s", (unsigned long long)volume->id,
                               volume->state == VOLUME_NEW ? "made still" : "unmounted already");
        return;
    }
    if (request->force && connection->silo->host && connection->peer.uid == 0)
        watchdog_alarm(connection->silo->service->watchdog); /* who holds its files' locks goes with it */
    volume->waiter = connection;
    if (!ending)
        volume_end_asked(volume, connection);
    connection->waits_for = volume->id;
    connection_wait(connection, serial);
    if (ending) {
        if (request->force)
            volume_abort(volume);
    } else if ((request->flags & WIRE_UNMOUNT_NOT_LAZY) && !request->force)
        volume_end_unless_busy(volume, "unmounted");
    else
        volume_end(volume, "unmounted", request->force);
}

static void stop(struct connection *connection, uint32_t serial) {
    if (!connection->silo->host || connection->peer.uid != 0) {
        (void)connection_error(connection, serial, -EPERM, "only root of the host may stop the service");
        return;
    }
    connection_wait(connection, serial);
    connection->silo->service->stopper = connection;
    connection->silo->service->hooks.stop(connection->silo->service);
}

static void prepare(struct connection *connection, const struct wire_prepare_silo *request) {
    uint32_t serial = request->header.serial;
    if (!connection->silo->host || connection->peer.uid != 0) {
        (void)connection_error(connection, serial, -EPERM, "only root of the host may prepare containers");
        return;
    }
    connection_wait(connection, serial);
    int r = silo_prepare(connection, (pid_t)request->pid, request->rootfs);
    if (r > 0)
        return;
    r = r < 0 ? connection_error(connection, serial, r, "process %u: %s", request->pid, strerror(-r))
              : connection_done(connection, serial);
    if (r >= 0)
        connection_ready(connection);
}

static void resolve(struct connection *connection, const struct wire_resolve_prefix *request) {
    struct service *service = connection->silo->service;
    char canonical[WIRE_PATH_MAX];
    const char *why;
    uint32_t serial = request->header.serial;
    int r = prefix_parse_path(request->prefix, LINFSP_UNC_ROOT, canonical, sizeof canonical, &why);
    if (r < 0) {
        (void)connection_error(connection, serial, r, "\"%s\": %s", request->prefix, why);
        return;
    }
    const struct volume *volume = volume_find(service, scope_resolve(service, connection->silo, canonical));
    if (!volume) {
        (void)connection_error(connection, serial, -ENOENT, "no file system serves %s now", request->prefix);
        return;
    }
    struct wire_volume reply;
    fill_volume(&reply, connection->silo, volume, serial);
    if (!may_see(connection->silo, volume->silo)) {
        /* a prefix is public; whose it is, is not */
        reply.id = reply.since = 0;
        reply.fuse_device = 0;
        reply.server_pid = reply.owner_uid = 0;
        WIRE_SET(reply.silo, "");
        WIRE_SET(reply.mount_point, "");
    }
    if (connection_send(connection, &reply, NULL, 0) >= 0)
        (void)connection_done(connection, serial);
}

static bool is_hosts_root(struct connection *connection, uint32_t serial, const char *what) {
    if (connection->silo->host && connection->peer.uid == 0)
        return true;
    (void)connection_error(connection, serial, -EPERM, "only root of the host may %s", what);
    return false;
}

static void reload(struct connection *connection, uint32_t serial) {
    char message[WIRE_TEXT_MAX];
    if (!is_hosts_root(connection, serial, "have the configuration read again"))
        return;
    int r = permission_reload(connection->silo->service, message, sizeof message);
    if (r < 0)
        (void)connection_error(connection, serial, r, "%s", message);
    else
        (void)connection_done(connection, serial);
}

static void ask_policy(struct connection *connection, const struct wire_ask_policy *request) {
    if (is_hosts_root(connection, request->header.serial, "ask for the policy"))
        permission_answer(connection, request);
}

static bool takes_fds(uint16_t type) {
    return type == WIRE_CREATE_VOLUME || type == WIRE_FUSERMOUNT || type == WIRE_OPEN_BACKING ||
           type == WIRE_CLOSE_BACKING || type == WIRE_HOLD_VOLUME;
}

void request_handle(struct connection *connection, const union wire_message *message) {
    uint32_t serial = message->header.serial;
    if (connection->carries_fds && !takes_fds(message->header.type)) {
        (void)connection_error(connection, serial, -EINVAL, "this message carries no descriptors");
        return;
    }
    if (connection->silo->service->stopping && message->header.type != WIRE_GET_STATUS) {
        (void)connection_error(connection, serial, -ESHUTDOWN, "the service is stopping");
        return;
    }
    switch (message->header.type) {
    case WIRE_CREATE_VOLUME:
        volume_create(connection, &message->create_volume);
        return;
    case WIRE_FUSERMOUNT:
        fusermount_create(connection, &message->fusermount);
        return;
    case WIRE_OPEN_BACKING:
        backing_open(connection, &message->open_backing);
        return;
    case WIRE_CLOSE_BACKING:
        backing_close(connection, &message->close_backing);
        return;
    case WIRE_HOLD_VOLUME:
        hold_begin(connection, &message->hold_volume);
        return;
    case WIRE_TAKE_OVER:
        hold_take_over(connection, &message->take_over);
        return;
    case WIRE_HAND_OVER:
        hand_over_begin(connection, &message->take_over);
        return;
    case WIRE_ATTACH_VOLUME:
        volume_attach(connection, &message->attach_volume);
        return;
    case WIRE_UNMOUNT:
        unmount(connection, &message->unmount);
        return;
    case WIRE_LIST_VOLUMES:
    case WIRE_LIST_SILOS:
    case WIRE_LIST_OPENED:
        start_list(connection, message->header.type, serial);
        return;
    case WIRE_GET_STATUS:
        get_status(connection, serial);
        return;
    case WIRE_STOP:
        stop(connection, serial);
        return;
    case WIRE_SHARE:
        share_create(connection, &message->share);
        return;
    case WIRE_UNSHARE:
        share_remove(connection, &message->share);
        return;
    case WIRE_PREPARE_SILO:
        prepare(connection, &message->prepare_silo);
        return;
    case WIRE_WATCH_EVENTS:
        if (!connection->silo->host || is_hosts_root(connection, serial, "watch all that happens"))
            event_watch(connection, serial);
        return;
    case WIRE_OFFER_CLASSES:
        launch_offer(connection, &message->offer_classes);
        return;
    case WIRE_START_FAILED:
        launch_failed(connection, &message->start);
        return;
    case WIRE_RELOAD:
        reload(connection, serial);
        return;
    case WIRE_ASK_POLICY:
        ask_policy(connection, &message->ask_policy);
        return;
    case WIRE_RESOLVE_PREFIX:
        resolve(connection, &message->resolve_prefix);
        return;
    default:
        (void)connection_error(connection, serial, -EOPNOTSUPP, "the service does not know %s requests",
                               wire_type_name(message->header.type));
    }
}
