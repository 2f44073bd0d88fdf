/* SPDX-License-Identifier: MIT */
/*
 * A silo: found, furnished, served, forgotten.
 *
 * A silo is a mount namespace (namespace.h), and has a number of its own that no other silo ever gets: its folder, its
 * jobs and its journal are known by that number. Its *anchor* (target.init_pid, with a pidfd) is its topmost process.
 * If the anchor is process 1 of a pid namespace, its end is the silo's end. Otherwise another process of the same mount
 * namespace becomes the anchor; never a worker of the service, which is there only for a moment. No descriptor of the
 * silo's namespaces or files is held: that would keep them alive behind the engine's back.
 *
 * Setting up is a job (furnish.c); a failure is noted and swallowed: a container must never fail for us.
 */
#include "service/silo.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "service/anchor.h"
#include "service/catcher.h"
#include "service/chroot.h"
#include "service/connection.h"
#include "service/device.h"
#include "service/event.h"
#include "service/folder.h"
#include "service/furnish.h"
#include "service/journal.h"
#include "service/lane.h"
#include "service/layer.h"
#include "service/mup.h"
#include "service/owner.h"
#include "service/permission.h"
#include "service/phantom.h"
#include "service/programs.h"
#include "service/reaper.h"
#include "service/root-unc.h"
#include "service/service.h"
#include "service/survivor.h"
#include "service/table.h"
#include "service/volume.h"
#include "service/worker.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/list.h"
#include "util/log.h"
#include "util/namespace.h"
#include "util/paths.h"
#include "util/process.h"
#include "wire/codec.h"

#define KTHREADD 2

struct silo *silo_find_namespace(struct service *service, uint64_t inode) {
    struct silo *silo = NULL;
    HASH_FIND(by_namespace, service->namespaces, &inode, sizeof inode, silo);
    return silo;
}

struct silo *silo_of_process(struct service *service, pid_t pid) {
    struct mount_namespace found;
    struct silo *silo = mount_namespace_of(pid, &found) < 0 ? NULL : silo_find_namespace(service, found.inode);
    bool other = silo && silo->mount_namespace.id && found.id != silo->mount_namespace.id;
    return other ? NULL : silo;
}

bool silo_is_known(struct service *service, uint64_t inode) {
    return silo_find_namespace(service, inode) != NULL;
}

bool silo_is_set_up(struct service *service, pid_t pid) {
    const struct silo *silo = silo_of_process(service, pid);
    return silo && silo_is_settled(silo);
}

void silo_tell(const struct silo *silo, enum event_kind kind, const char *text) {
    event_tell(silo->service, &(struct event){.kind = kind,
                                              .refused = kind == EVENT_SILO_FAILED,
                                              .silo = silo,
                                              .uid = (uid_t)-1,
                                              .pid = silo->target.init_pid,
                                              .text = text});
}

static void on_known(struct silo *silo);

/* Clients wait in the sockets' queues until rules can be asked about them. */
static void set_admission(struct silo *silo, bool admits) {
    silo->admits = admits;
    for (int i = 0; i < 2; i++)
        if (silo->socket_io[i])
            (void)sd_event_source_set_enabled(silo->socket_io[i],
                                              admits && !silo->seeks_anchor ? SD_EVENT_ON : SD_EVENT_OFF);
}

void silo_admit(struct silo *silo) {
    set_admission(silo, silo->admits);
}

static bool may_admit(const struct silo *silo) {
    return silo->host || silo->words_state == WORDS_KNOWN || !permission_needs_engine(silo->service);
}

void silo_has_socket(struct silo *silo) {
    set_admission(silo, silo->admits || may_admit(silo));
}

static void on_described(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct silo *silo = silo_find(context, key);
    if (!silo || silo_is_dead(silo) || !silo_words_are_asked(silo))
        return;
    bool early = silo->words_state == WORDS_ASKED_EARLY;
    const struct job_description *description = &result->description;
    if (result->error == 0) {
        if (description->id[0])
            WIRE_SET(silo->id, description->id);
        WIRE_SET(silo->engine, description->engine);
        WIRE_SET(silo->name, description->name);
        if (silo_words_take(&silo->words, description) < 0)
            log_warning("container %s: out of memory", silo->id);
    }
    silo->words_state = early ? WORDS_UNASKED : WORDS_KNOWN;
    if (!early)
        on_known(silo);
    else if (!silo->unsettled)
        silo_describe(silo);
}

bool silo_is_ending(const struct silo *silo) {
    return silo_is_dead(silo) || (!silo->host && !silo->seeks_anchor && process_is_ending(silo->target.init_pid));
}

void silo_describe(struct silo *silo) {
    if (silo->words_state != WORDS_UNASKED || silo->host || silo_is_dead(silo))
        return;
    struct job job = {.type = JOB_DESCRIBE, .target = silo->target};
    silo->words_state = silo->unsettled ? WORDS_ASKED_EARLY : WORDS_ASKED;
    int r = workers_submit(silo->service->workers, &job, NULL, 0, silo_lane(silo, 0, LANE_DESCRIPTIONS), on_described,
                           silo->service, silo->number);
    if (r >= 0)
        return;
    silo->words_state = WORDS_UNASKED;
    set_admission(silo, true); /* no rule that asks for its engine is for it then */
    if (silo->state == SILO_NEW) /* such a rule may switch LinFsp off: nothing is put in, and nobody waits for it */
        silo_fail(silo, "it could not be asked what container this is: %s", strerror(-r));
}

/* ---- its life -------------------------------------------------------------------------------------------------- */

/* Whether a process above this one has the service's own mount namespace. */
static bool started_from_here(struct service *service, pid_t pid) {
    for (int i = 0; i < 64; i++) {
        pid_t parent;
        uint64_t found;
        if (process_parent(pid, &parent) < 0 || parent < 1)
            return false;
        if (process_namespace(parent, "mnt", &found) == 0 && found == service->host_mount_namespace)
            return true;
        pid = parent;
    }
    return false;
}

/* Nanoseconds since boot: they only grow, and our file system with all folders named so ends with the boot. */
static uint64_t new_number(struct service *service) {
    uint64_t number = clock_read(CLOCK_BOOTTIME);
    return number > service->last_number ? number : service->last_number + 1;
}

#define WAY(state) (1u << (state))

void silo_enter(struct silo *silo, enum silo_state state) {
    static const unsigned ways[] = {
        [SILO_NEW] = WAY(SILO_READY) | WAY(SILO_INJECTING) | WAY(SILO_OFF) | WAY(SILO_FAILED) | WAY(SILO_DEAD),
        [SILO_INJECTING] = WAY(SILO_INJECTING) | WAY(SILO_READY) | WAY(SILO_NESTED) | WAY(SILO_OFF) | WAY(SILO_FAILED) |
                           WAY(SILO_DYING),
        [SILO_READY] = WAY(SILO_EJECTING) | WAY(SILO_DEAD),
        [SILO_NESTED] = WAY(SILO_DEAD),
        [SILO_FAILED] = WAY(SILO_FAILED) | WAY(SILO_INJECTING) | WAY(SILO_DEAD),
        [SILO_OFF] = WAY(SILO_DEAD),
        [SILO_EJECTING] = WAY(SILO_DEAD),
        [SILO_DYING] = WAY(SILO_DEAD),
        [SILO_DEAD] = 0,
    };
    if (!(ways[silo->state] & WAY(state)))
        log_error("silo %llu goes from state %d to %d, which it should not", (unsigned long long)silo->number,
                  silo->state, state);
    silo->state = state;
}

/* A process of its namespace can find it. False: there is no memory for that. */
static bool silo_list(struct silo *silo) {
    HASH_ADD(by_namespace, silo->service->namespaces, mount_namespace.inode, sizeof silo->mount_namespace.inode, silo);
    return hash_has(by_namespace, silo);
}

/* Its namespace ends. Another silo may get its namespace's inode number from now on: all that goes by that number ends
 * here. */
static void silo_unlist(struct silo *silo) {
    if (!hash_has(by_namespace, silo))
        return;
    HASH_DELETE(by_namespace, silo->service->namespaces, silo);
    silo->by_namespace = (UT_hash_handle){0};
    catcher_serve(silo, false);
}

static int on_list_turn(sd_event_source *source, void *userdata) {
    struct silo *silo = userdata;
    silo->service->hooks.list_turn(silo);
    return 0;
}

static struct silo *silo_new(struct service *service, uint64_t number, const struct mount_namespace *mount_namespace) {
    struct silo *silo = calloc(1, sizeof *silo);
    if (!silo)
        return NULL;
    silo->service = service;
    silo->number = number;
    silo->mount_namespace = *mount_namespace;
    silo->pidfd = silo->sockets[0] = silo->sockets[1] = silo->phantom_folder = -1;
    silo->since = clock_realtime_ns();
    list_init(&silo->listers);
    list_init(&silo->connection_list);
    list_init(&silo->volume_list);
    list_init(&silo->folder_list);
    list_init(&silo->programs);
    list_init(&silo->changes);
    chroot_begin(silo);
    snprintf(silo->id, sizeof silo->id, "mnt-%llu", (unsigned long long)mount_namespace->inode);
    snprintf(silo->folder, sizeof silo->folder, LINFSP_RUN_DIR "/silos/%llu", (unsigned long long)number);
    if (sd_event_add_defer(service->event, &silo->list_turn, on_list_turn, silo) < 0 ||
        sd_event_source_set_enabled(silo->list_turn, SD_EVENT_OFF) < 0) {
        sd_event_source_disable_unref(silo->list_turn);
        free(silo);
        return NULL;
    }
    if (number > service->last_number)
        service->last_number = number;
    HASH_ADD(hash, service->silos, number, sizeof silo->number, silo);
    if (hash_has(hash, silo) && silo_list(silo))
        return silo;
    if (hash_has(hash, silo))
        HASH_DELETE(hash, service->silos, silo);
    sd_event_source_disable_unref(silo->list_turn);
    free(silo);
    return NULL;
}

void silo_answer_preparers(struct silo *silo, int error, const char *message) {
    struct silo *host = silo->service->host;
    struct connection *connection, *next;
    if (!host)
        return;
    list_for_each_safe (connection, next, &host->connection_list, node) {
        if (connection->prepares != silo->number)
            continue;
        connection->prepares = 0;
        if ((error < 0 ? connection_error(connection, connection->serial, error, "%s", message)
                       : connection_done(connection, connection->serial)) >= 0)
            connection_ready(connection);
    }
}

void silo_free(struct silo *silo) {
    if (!silo)
        return;
    struct service *service = silo->service;
    struct connection *connection, *next;
    silo_answer_preparers(silo, -ESRCH, "the container has ended, or goes without LinFsp");
    list_for_each_safe (connection, next, &silo->connection_list, node)
        connection_free(connection);
    folders_end(silo);
    HASH_DELETE(hash, service->silos, silo);
    silo_unlist(silo);
    sd_event_source_disable_unref(silo->list_turn);
    for (int i = 0; i < 2; i++) {
        sd_event_source_disable_unref(silo->socket_io[i]);
        reaper_close(service->reaper, steal_fd(&silo->sockets[i])); /* clients may be waiting in it */
    }
    sd_event_source_disable_unref(silo->pidfd_io);
    survivor_forget(silo);
    for (size_t i = 0; i < SILO_ENDED_MAX; i++)
        free(silo->ended[i].mount_point);
    silo_words_free(&silo->words);
    list_remove(&silo->of_browsers);
    list_remove(&silo->of_uncs);
    phantom_end(silo);
    layer_end(silo);
    chroot_end(silo);
    programs_forget(silo);
    owner_leave(silo);
    device_remove(silo);
    close_fd(&silo->pidfd);
    workers_forget_silo(service->workers, silo->number);
    journal_drop_silo(silo);
    if (service->host == silo)
        service->host = NULL;
    free(silo);
    service->hooks.silo_gone(service);
}

/* Its engine's word is there: a container that waited for it is set up, or left alone for good. */
static void on_known(struct silo *silo) {
    const struct rule *rule = permission_rule(silo);
    set_admission(silo, true);
    mup_browse(silo);
    if (silo->state != SILO_NEW)
        return;
    if (rule && rule->enabled == 0) {
        char why[sizeof silo->failure];
        snprintf(why, sizeof why, "off: rule \"%s\" (%.100s)", rule->name, rule->place);
        silo_leave_alone(silo, why);
        return;
    }
    int r = silo_furnish(silo, false, "");
    if (r < 0)
        silo_fail(silo, "%s", strerror(-r));
}

static int take_in(struct service *service, uint64_t inode, pid_t pid, bool early, const char *rootfs,
                   struct silo **ret_silo) {
    struct mount_namespace mount_namespace;
    int r = anchor_is_own_process(service, pid) ? -ESRCH : mount_namespace_of(pid, &mount_namespace);
    if (r < 0 || mount_namespace.inode != inode)
        return r < 0 ? r : -EAGAIN; /* it moved just now */
    struct silo *silo = silo_new(service, new_number(service), &mount_namespace);
    if (!silo)
        return -ENOMEM;
    /* a runtime at work: a process above may be a step of its own, about to end */
    silo->found_by = pid;
    r = anchor_watch(silo, early ? pid : anchor_find(inode, pid));
    if (r == 0)
        r = owner_admit(silo);
    if (r < 0) {
        silo_free(silo); /* gone already, or one too many */
        return r;
    }
    if (permission_may_switch_off(service)) {
        silo_describe(silo);
    } else if ((r = silo_furnish(silo, early, rootfs)) < 0)
        silo_fail(silo, "%s", strerror(-r));
    *ret_silo = silo;
    return 1;
}

/* All that the silo served is cut off before anything can come to wait for it. */
void silo_end(struct silo *silo) {
    if (silo->state == SILO_READY)
        silo_tell(silo, EVENT_SILO_ENDED, NULL);
    silo_enter(silo, silo->state == SILO_INJECTING ? SILO_DYING : SILO_DEAD);
    silo_unlist(silo);
    silo->pidfd_io = sd_event_source_disable_unref(silo->pidfd_io);
    survivor_forget(silo);
    silo->volumes++; /* it goes with the last of them, which is not to be while this is at it */
    struct volume *volume, *next;
    list_for_each (volume, &silo->volume_list, node)
        volume_abort(volume);
    list_for_each_safe (volume, next, &silo->volume_list, node)
        volume_end(volume, "the container has ended", true);
    for (int i = 0; i < 2; i++) {
        silo->socket_io[i] = sd_event_source_disable_unref(silo->socket_io[i]);
        reaper_close(silo->service->reaper, steal_fd(&silo->sockets[i])); /* clients may be waiting in it */
    }
    silo->volumes--;
    if (!silo_in_use(silo))
        silo_free(silo);
}

/*
 * The silo of a process whose mount namespace has that inode number; NULL where there is none yet. The number is free
 * for another namespace as soon as the last process has left one, which is before that process has ended: an init waits
 * for processes of its own that others have yet to reap. A silo whose namespace was another one has ended.
 */
static struct silo *silo_of(struct service *service, uint64_t inode, pid_t pid) {
    struct silo *silo = silo_find_namespace(service, inode);
    struct mount_namespace found;
    uint64_t of_init;
    if (!silo || silo->host)
        return silo;
    if (silo->mount_namespace.id) {
        if (mount_namespace_of(pid, &found) < 0 || found.inode != inode || found.id == silo->mount_namespace.id)
            return silo;
        silo_end(silo);
        return NULL;
    }
    if (silo->sole_init) {
        if (process_namespace(silo->target.init_pid, "mnt", &of_init) == 0)
            return silo;
        silo_end(silo);
        return NULL;
    }
    if (!silo->seeks_anchor && anchor_has_ended(silo->pidfd))
        survivor_seek(silo);
    return silo_find_namespace(service, inode); /* it may have ended */
}

/* Its programs may call mount(2), but its control group keeps them from the device: they are brought to the stand-in
 * (catcher/tracees.h). */
static void on_device(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct silo *silo = silo_find(context, key);
    if (!silo || silo_is_dead(silo) || result->error < 0 || result->mounts)
        return;
    catcher_serve(silo, true);
    programs_look(silo);
}

/* A process of the silo may call mount(2). Who may open the FUSE device, too, mounts by itself. */
static void ask_for_device(struct silo *silo, pid_t pid, bool there) {
    struct job job = {.type = JOB_FUSE_DEVICE, .target = silo->target, .device = {.program = pid, .there = there}};
    (void)workers_submit(silo->service->workers, &job, &silo->pidfd, 1, silo_lane(silo, 0, LANE_MOUNTS), on_device,
                         silo->service, silo->number);
}

/* The entry point of a silo that was set up ahead of it: now it can be told what it may do. */
static void settle(struct silo *silo, pid_t pid) {
    silo->unsettled = false;
    silo_describe(silo);
    root_unc_make(silo);
    if (!process_may_mount(pid)) {
        programs_look(silo); /* its PATH is known now */
        return;
    }
    catcher_serve(silo, false);
    ask_for_device(silo, pid, false);
}

int silo_consider(struct service *service, pid_t pid, bool early) {
    uint64_t mount_namespace, device, inode;
    int r = process_namespace(pid, "mnt", &mount_namespace);
    if (r < 0 || mount_namespace == service->host_mount_namespace || service->stopping)
        return r < 0 ? r : 0;
    struct silo *silo = silo_of(service, mount_namespace, pid);
    if (silo && silo->seeks_anchor)
        return 1; /* it is looked at when that is over */
    if (silo) {
        if (silo->unsettled && !early)
            settle(silo, pid);
        silo->entered = silo->entered || !early;
        if (!early)
            phantom_program(silo, pid);
        /* set up before its runtime was done, and that failed: its entry point is a second chance */
        if (silo->state == SILO_FAILED && (silo->was_early || silo->injectors_lost) && !early && !silo->retried) {
            silo->retried = true;
            if ((r = silo_inject(silo, false, "")) < 0)
                silo_fail(silo, "%s", strerror(-r));
            return r < 0 ? r : 1;
        }
        return 1;
    }
    pid_t parent;
    if ((r = process_parent(pid, &parent)) < 0 || (r = process_root(pid, &device, &inode)) < 0)
        return r;
    if (parent == KTHREADD)
        return 0; /* devtmpfs's own thread has a mount namespace and a root of its own */
    if (device == service->host_root_device && inode == service->host_root_inode)
        return 0;
    if (service->limits.only_descendants && !started_from_here(service, pid))
        return 0;
    if (early && permission_may_switch_off(service))
        return 0; /* its engine is its parent, and can be asked, once its entry point runs */
    return take_in(service, mount_namespace, pid, early, "", &silo);
}

int silo_prepare(struct connection *connection, pid_t pid, const char *rootfs) {
    struct service *service = connection->silo->service;
    uint64_t mount_namespace;
    int r = process_namespace(pid, "mnt", &mount_namespace);
    if (r < 0 || mount_namespace == service->host_mount_namespace)
        return r < 0 ? r : -EINVAL;
    struct silo *silo = silo_of(service, mount_namespace, pid);
    if (!silo && (r = take_in(service, mount_namespace, pid, false, rootfs, &silo)) < 0)
        return r;
    if (silo && (!silo_is_settled(silo) || silo->seeks_anchor)) {
        connection->prepares = silo->number;
        return 1;
    }
    return silo && silo->state == SILO_READY ? 0 : -EIO;
}

int silo_adopt(struct service *service, const struct silo_record *record) {
    if (silo_find_namespace(service, record->mount_namespace.inode))
        return -ESRCH; /* another one has its namespace's inode number */
    struct silo *silo = silo_new(service, record->number, &record->mount_namespace);
    if (!silo)
        return -ENOMEM;
    silo->since = record->since;
    silo->unc_waits = record->unc_waits;
    silo_enter(silo, SILO_READY);
    uint64_t start;
    int r = process_start(record->init, &start);
    if (r == 0)
        r = start == record->init_start ? anchor_prove(silo, record->init) : -ESRCH;
    if (r == 0)
        r = anchor_watch(silo, record->init);
    if (r < 0 && !journal_is_short(r) && !record->sole_init)
        r = survivor_find_at_start(silo);
    if (r >= 0)
        owner_adopt(silo);
    if (r < 0) {
        silo_free(silo);
        return r;
    }
    bool may_mount = process_may_mount(silo->target.init_pid);
    catcher_serve(silo, !may_mount);
    if (may_mount)
        ask_for_device(silo, silo->target.init_pid, true);
    programs_look(silo);
    device_rebind(silo); /* newer programs do not replace those there: old ones may be running */
    silo_describe(silo);
    journal_put_silo(silo);
    return 0;
}

int silo_make_host(struct service *service) {
    /* the number is the namespace's, which ends with the boot */
    struct silo *silo = silo_new(service, service->host_mount_namespace,
                                 &(struct mount_namespace){.inode = service->host_mount_namespace});
    if (!silo)
        return -ENOMEM;
    silo->host = true;
    silo_enter(silo, SILO_READY);
    silo->target = (struct job_target){
        .host = true, .init_pid = 1, .silo = silo->number, .mount_namespace = silo->mount_namespace};
    snprintf(silo->id, sizeof silo->id, "host");
    snprintf(silo->folder, sizeof silo->folder, LINFSP_HOST_DIR);
    service->host = silo;
    int r = device_make(silo);
    if (r < 0)
        silo_free(silo);
    return r;
}

static void on_ejected(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct silo *silo = silo_find(context, key);
    if (result->error < 0 && result->error != -ESRCH)
        log_warning("silo %llu: %s", (unsigned long long)key, result->message);
    if (silo)
        silo_free(silo);
}

void silo_eject(struct silo *silo) {
    if (silo_in_use(silo) || silo->state == SILO_EJECTING)
        return; /* its last volume's end, or its injection's, comes back here */
    if (silo->host || silo->state != SILO_READY) {
        silo_free(silo);
        return;
    }
    struct job job = {.type = JOB_EJECT, .target = silo->target};
    silo_enter(silo, SILO_EJECTING);
    if (workers_submit(silo->service->workers, &job, &silo->pidfd, 1, silo_lane(silo, 0, LANE_MOUNTS), on_ejected,
                       silo->service, silo->number) < 0)
        silo_free(silo);
}
