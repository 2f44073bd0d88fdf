/* SPDX-License-Identifier: MIT */
/*
 * linfspd as a whole.
 *
 *     monitor     processes come and go -> silos
 *     silo        one container: its folder, its sockets, its life
 *     connection  one client of a silo: messages in, replies out (requests.c: what each message does)
 *     volume      one file system: asked for, mounted, ended
 *     policy      who may have what (owner: how many silos)
 *     unc         the host-wide table of prefixes, and /unc
 *     journal     what a service that starts anew must know (intent: of what a worker is just doing)
 *     worker      processes for all that may block (jobs: inject, broker)
 *
 * All run in one thread around one sd-event loop. Objects belong to struct service and are referred to by key (a silo's
 * number, a volume's number) wherever an answer comes later, since they may be gone by then.
 */
#ifndef LINFSP_SERVICE_SERVICE_H
#define LINFSP_SERVICE_SERVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "config/config.h"
#include "util/list.h"

struct connection;
struct dist;
struct folder;
struct name;
struct monitor;
struct owner;
struct programs;
struct reaper;
struct served;
struct service;
struct silo;
struct unc;
struct volume;
struct watchdog;
struct workers;
union wire_message;

/* What a module tells those above it. service.c fills it in: it alone knows them all. */
struct hooks {
    void (*message)(struct connection *connection, const union wire_message *message);
    void (*room)(struct connection *connection); /* for more of its list */
    void (*list_turn)(struct silo *silo); /* its connections' lists may go on */
    void (*life_line_closed)(struct volume *volume);
    void (*launcher_closed)(struct connection *connection); /* any connection */
    void (*volume_gone)(struct silo *silo); /* it was the last of that silo */
    void (*silo_gone)(struct service *service);
    void (*stop)(struct service *service); /* the host's root asks for it */
};

struct service {
    sd_event *event;
    struct config *config;
    const char *config_path;
    struct limits limits; /* of config, for short */
    uint64_t since;
    uint64_t host_mount_namespace, host_user_namespace, host_pid_namespace;
    uint64_t host_root_device, host_root_inode;
    uint64_t worker_device, worker_inode; /* of the program that workers run */
    unsigned run_major, run_minor; /* of our file system */
    int run_dir;
    int reserve; /* given up to turn clients away when descriptors run out */
    int nodes; /* the folder of our FUSE nodes, on a read-only mount that only we have */
    int fuse_device; /* O_PATH, there */
    int fusectl;
    const char *dist_folder; /* with bin/ and lib/ of what is put into silos */
    struct dist *dist;
    int worker_program; /* linfspd-worker */
    int catcher; /* its socket, or /dev/null */
    sd_event_source *catcher_io;
    struct workers *workers;
    struct reaper *reaper;
    struct programs *programs;
    struct monitor *monitor;
    struct watchdog *watchdog;
    struct unc *unc;
    int stage; /* worker/stage.h */
    int guard; /* its socket (stage.h); -1: none is running */
    sd_event_source *guard_io, *guard_timer;
    struct folder *folders, *folder_places; /* hashes */
    struct name *names; /* hash */
    struct list_node kept_folders;
    unsigned n_kept_folders;
    struct list_node open_folders;
    sd_event_source *close_timer; /* looks for idle volumes in them */
    unsigned closings; /* folders in which a worker does that now */
    uint64_t next_folder, next_name;
    uint64_t volumes_aside, folders_aside; /* numbers.h */
    struct served *served; /* hash */
    uint64_t sweep_volume, sweep_folder; /* what has a number up to these on the stage is of services before this one */
    unsigned sweepers_lost; /* workers that died over that */
    struct folder *host_folder; /* the host's /unc */
    int host_folder_state; /* folders_are_starting */
    unsigned take_ups; /* folders of the service before this one that workers are taking up */
    sd_event_source *take_ups_timer; /* runs: the service is ready only once they have */
    struct silo *silos; /* hash, by number */
    struct silo *namespaces; /* hash of those whose namespace lives, by its inode */
    uint64_t last_number; /* of a silo */
    struct silo *host;
    struct survey *survey; /* while the service starts (survivor.h) */
    struct list_node browsers; /* silos that list all that they may open */
    struct owner *owners; /* hash */
    unsigned owned_silos;
    struct volume *volumes; /* hash */
    struct connection *connections; /* hash */
    uint64_t next_volume, next_connection;
    unsigned kept_descriptors; /* of held volumes (hold.h) */
    unsigned watchers; /* connections that get events */
    unsigned launchers; /* connections of launchers */
    struct { /* /unc in silos (root-unc.h) */
        unsigned in_making; /* workers that mount or unmount one */
        struct list_node without, with; /* silos that wait for it, and that have it */
        uint64_t turn; /* counts the times that all of a list are gone through */
        uint64_t turn_began; /* us */
        bool goes; /* it is unmounted where it is, not mounted where it is not */
        struct list_node kept_answers; /* what waits for the workers */
        sd_event_source *timer; /* after the last network volume's end */
        uint64_t idle_usec; /* for how long it stays then */
        uint64_t gone_at; /* usec; when it last began to go */
    } uncs;
    struct list_node launches; /* walks that wait for one */
    uint64_t injections, failures;
    unsigned removers_lost; /* workers that died or lacked something, one after the other, over removing folders */
    bool made_run_dir; /* by this service, not by one before it */
    struct hooks hooks;
    bool stopping;
    bool stopped; /* all is gone but the host's silo */
    uint64_t leave_deadline; /* us: service_leave has been called; 0: it has not */
    void (*ready)(void *context); /* to be told, once, that clients of the host are served */
    void *ready_context;
    struct connection *stopper; /* waits for the stop to be complete */
};

/* Takes config over, also where it fails. worker_program: linfspd-worker, O_PATH; catcher: a socket; both
 * borrowed. */
int service_new(struct config *config, const char *config_path, const char *dist, int worker_program, int catcher,
                struct service **ret_service);
void service_free(struct service *service);
/* Calls back as soon as the host's sockets are there, or cannot be had in time: containers are served in any case. */
void service_when_ready(struct service *service, void (*ready)(void *context), void *context);
void service_host_is_bound(struct service *service);
/* Everything is torn down; the loop ends when that is done. */
void service_stop(struct service *service);
/* The loop ends; volumes, silos and the journal stay for the next service. What workers are doing is waited for, for
 * two seconds. */
void service_leave(struct service *service);

#endif
