/* SPDX-License-Identifier: MIT */
/*
 * linfspd: what its modules share.
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
#include <sys/socket.h>
#include <systemd/sd-event.h>
#include <uthash.h>

#include "config/config.h"
#include "service/event.h"
#include "service/permission.h"
#include "service/worker.h"
#include "util/list.h"
#include "util/namespace.h"
#include "util/process.h"
#include "worker/job.h"

struct monitor;
struct owner;
struct programs;
struct reaper;
struct unc;
struct watch;
struct watchdog;
struct service;
union wire_message;

/* A silo, or (host) the host itself, which nothing is injected into. */
struct silo {
    struct service *service;
    uint64_t number; /* key; of this silo and, as long as the machine runs, of no other */
    UT_hash_handle hash;
    struct mount_namespace mount_namespace;
    UT_hash_handle by_namespace; /* by its inode: while it is listed */
    bool listed;
    bool host;
    bool dead; /* its init is gone, only volumes under way are left */
    bool sole_init; /* init is process 1 of a pid namespace of its own: nothing of the silo outlives it */
    enum { SILO_NEW, SILO_READY, SILO_NESTED, SILO_FAILED, SILO_OFF } state; /* off: by a rule */
    char failure[256];
    struct job_target target;
    struct owner *owner; /* that it is counted for (owner.h) */
    int pidfd;
    uint64_t since; /* ns since the epoch */
    uint64_t init_start; /* of init, in clock ticks since boot: tells it from another of its pid */
    char folder[64];
    bool has_folder;
    int sockets[2]; /* disk, net; -1: not bound yet */
    sd_event_source *rebind_timer;
    sd_event_source *socket_io[2], *pidfd_io;
    struct list_node programs_node; /* of its watch */
    struct watch *programs; /* the folder its programs are in; NULL: none */
    bool placing; /* a worker is at its helpers */
    enum {
        HELPERS_SETTLED,
        HELPERS_GIVE_WAY,
        HELPERS_PLACE
    } helpers_wanted; /* what is to be done after that: the last event counts */
    unsigned volumes, connections;
    bool made_letters; /* its /mnt is ours, to go with the last letter */
    uint32_t letter_folders; /* a bit for each letter whose folder is ours, and may not have been removed yet */
    struct list_node connection_list, volume_list;
    uint64_t preparer; /* the connection that waits for it to be set up; 0: none */
    bool injecting; /* a worker is at it */
    bool unsettled; /* set up ahead of its entry point, of which it is not known yet what it may do */
    bool retried, was_early;
    bool described, describing, describing_early; /* early: its runtime stood between it and its engine */
    bool awaits_rule; /* is not set up before it is known whether a rule switches LinFsp off for it */
    bool admits; /* its sockets take clients: they do not while rules have to know whose it is */
    char id[WIRE_SILO_ID_MAX], engine[WIRE_NAME_MAX], name[WIRE_COMPONENT_MAX];
    struct event_budget budget;
    struct silo_words words; /* what else its engine says of it */
};

struct connection {
    struct list_node node; /* of its silo */
    UT_hash_handle hash; /* of all, by id */
    struct silo *silo;
    bool network; /* came over `net` */
    bool busy; /* an answer is under way: nothing more is read */
    bool closing_backing; /* the backing job under way is one that drops */
    bool carries_fds; /* the message at hand is in the queue still, with descriptors: for a worker to receive */
    uint64_t id;
    int fd;
    sd_event_source *io, *idle;
    struct ucred peer;
    uint64_t volume; /* whose life line this is; 0: none */
    uint64_t waits_for; /* the volume whose end it asked for; 0: none */
    uint32_t serial; /* of the request under way */
    uint16_t listing; /* WIRE_LIST_...: a list is being sent */
    uint64_t cursor;
    bool watches; /* it gets events (event.h) */
    unsigned events_lost;
    union wire_message *pending; /* a reply that the client's socket has no room for yet; NULL: none */
};

struct volume {
    struct service *service;
    uint64_t id; /* key */
    UT_hash_handle hash;
    struct list_node node; /* of its silo */
    uint64_t silo; /* its number */
    enum { VOLUME_NEW, VOLUME_LIVE, VOLUME_ENDING, VOLUME_DETACHED } state;
    bool raw; /* an unmodified FUSE program's (fusermount.c) */
    bool keeps_connection; /* raw with auto_unmount: its helper stays as its life line */
    sd_event_source *node_watch; /* raw: tells when its last descriptor is closed */
    bool server_gone; /* nobody answers for it any more */
    bool not_lazy; /* it is ending only if nothing in it is in use */
    bool end_wanted; /* while new: end it as soon as it is made */
    struct connection *connection; /* its life line; NULL when broken */
    uint8_t cookie[WIRE_COOKIE_SIZE];
    struct ucred peer;
    uint64_t since;
    uint64_t server_start; /* of the server process, in clock ticks since boot */
    uint32_t fuse_device;
    int abort_fd; /* of this very connection: the number may be another's later */
    uint64_t mount_id, letters_mount_id;
    struct job_made made;
    int made_parent;
    uint32_t owner_uid, owner_gid;
    char file_system_name[WIRE_NAME_MAX];
    char mount_point[WIRE_PATH_MAX];
    char prefix[PREFIX_MAX]; /* canonical, or "" */
    char unc_path[WIRE_PREFIX_MAX + 8];
    char end_reason[128];
    bool allow_other;
    bool ring; /* its requests go over io_uring: it was wanted and granted, and clients want it only where they can */
    unsigned backing_files; /* registered, since the service started */
    bool sharing, unsharing; /* just now */
    uint64_t sharer; /* the connection that asked for it */
    sd_event_source *orphan_timer; /* after a restart: until the server has come back */
    unsigned orphan_turns; /* how often it is still looked after */
    sd_event_source *unmount_timer; /* until it is tried again */
    unsigned stuck_ticks; /* of the watchdog's: so long some request has waited */
    unsigned unmounts_lost; /* workers that died, or were given up, over its unmount */
    /* who asked for it to end and waits for the answer */
    struct connection *waiter;
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
    int fuse_device;
    int fusectl;
    const char *dist; /* the folder with bin/ and lib/ of what is put into silos */
    int worker_program; /* linfspd-worker */
    struct workers *workers;
    struct reaper *reaper;
    struct programs *programs;
    struct monitor *monitor;
    struct watchdog *watchdog;
    struct unc *unc;
    struct silo *silos; /* hash, by number */
    struct silo *namespaces; /* hash of those whose namespace lives, by its inode */
    uint64_t last_number; /* of a silo */
    struct silo *host;
    struct owner *owners; /* hash */
    unsigned owned_silos;
    struct volume *volumes; /* hash */
    struct connection *connections; /* hash */
    uint64_t next_volume, next_connection;
    unsigned watchers; /* connections that get events */
    uint64_t injections, failures;
    bool made_run_dir; /* by this service, not by one before it */
    bool stopping;
    uint64_t leave_deadline; /* us: service_leave has been called; 0: it has not */
    void (*ready)(void *context); /* to be told, once, that clients of the host are served */
    void *ready_context;
    struct connection *stopper; /* waits for the stop to be complete */
};

/* service.c: the whole's life */
/* Takes config over, also where it fails. worker_program: linfspd-worker, O_PATH; borrowed. */
int service_new(struct config *config, const char *config_path, const char *dist, int worker_program,
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
/* Called whenever a silo or a volume has gone. */
void service_check_stopped(struct service *service);

/* silo.c */
struct silo *silo_find(struct service *service, uint64_t number);
/* Whether there is a silo whose mount namespace has this inode number. */
bool silo_is_known(struct service *service, uint64_t inode);
/* Whose jobs wait only for each other: a silo's, or on the host one user's. */
uint64_t silo_lane(const struct silo *silo, uid_t uid);
/* The process with this pid runs in a silo we may not know yet. early: its runtime may still be setting it up. Returns
 * 1 when it is (now) known as one, 0 when it is not in a silo (yet), or a negative errno. */
int silo_consider(struct service *service, pid_t pid, bool early);
/* For a runtime's hook: sets the silo of this process up. 1 when the connection is answered later, 0 when it is set up
 * already, or a negative errno. */
int silo_prepare(struct connection *connection, pid_t pid, const char *rootfs);
/* What the journal knows of a silo. */
struct silo_record {
    uint64_t number;
    struct mount_namespace mount_namespace;
    pid_t init;
    uint64_t init_start;
    bool sole_init;
    uint64_t since;
};
/* Takes a silo over from the service before us. -ESRCH: it ended meanwhile. */
int silo_adopt(struct service *service, const struct silo_record *record);
int silo_make_host(struct service *service);
/* One of its sockets is there: whether clients are let in is up to rules. */
void silo_has_socket(struct silo *silo);
/* Its first process is ending: all that it serves is cut off now, and goes. It may be freed. */
void silo_end(struct silo *silo);
/* For all of a stop: takes the folder out of the silo, then forgets it. */
void silo_eject(struct silo *silo);
void silo_free(struct silo *silo);
/* Has id, engine and name filled in, in a moment, where they are not known yet. */
void silo_describe(struct silo *silo);
bool silo_in_use(const struct silo *silo);

/* connection.c */
void connection_accept(struct silo *silo, bool network);
void connection_free(struct connection *connection);
/* Sends a reply or an event. Where the client's socket is full, one without descriptors is kept until there is room,
 * and nothing more is read from the client meanwhile. Closes the connection where it fails: do not use it when this
 * returns a negative errno. */
int connection_send(struct connection *connection, const void *message, const int *fds, size_t n_fds);
int connection_error(struct connection *connection, uint32_t serial, int error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int connection_done(struct connection *connection, uint32_t serial);
/* The answer is under way: read nothing until connection_ready. */
void connection_wait(struct connection *connection, uint32_t serial);
void connection_ready(struct connection *connection);

struct connection *connection_find(struct service *service, uint64_t id);
/* Has a worker take the message at hand out of the queue. */
void connection_discard(struct connection *connection);

/* requests.c: does what a message asks. */
void request_handle(struct connection *connection, const union wire_message *message);
/* Goes on with a list as far as the socket takes it. */
void request_continue_list(struct connection *connection);

/* volume.c */
void volume_create(struct connection *connection, const struct wire_create_volume *request);
void volume_attach(struct connection *connection, const struct wire_attach_volume *request);
struct volume *volume_find(struct service *service, uint64_t id);
/* Unmounts it everywhere. With abort its server is cut off first: what waits for it gets an error at once. */
void volume_end(struct volume *volume, const char *reason, bool abort);
/* The same, but not while files in it are open: the waiter is told -EBUSY then, and it goes on. */
void volume_end_unless_busy(struct volume *volume, const char *reason);
void volume_abort(struct volume *volume);
/* Its life line has closed. */
void volume_lost_connection(struct volume *volume);
struct volume *volume_by_target(struct service *service, const struct silo *silo, const char *target);
/* Enters a new volume into the tables. */
void volume_register(struct volume *volume, uint64_t id, struct silo *silo);
/* Takes a prefix for it. Where that fails the client is told, and a negative errno returned. */
int volume_claim(struct volume *volume, struct connection *connection, const char *prefix, uint32_t serial);
/* Has its mounts made. */
int volume_submit(struct volume *volume, struct job *job, const int *fds, size_t n_fds);
int volume_restore(struct service *service, struct volume *volume);
struct volume *volume_new(struct service *service);
void volume_free(struct volume *volume);

/* fusermount.c: the volumes of unmodified FUSE programs. */
struct wire_fusermount;
void fusermount_create(struct connection *connection, const struct wire_fusermount *request);
int fusermount_watch(struct volume *volume);
/* After a restart: whether any process has its descriptor still. */
bool fusermount_is_held(const struct volume *volume);
void fusermount_forget(struct volume *volume);

/* backing.c */
struct wire_open_backing;
struct wire_close_backing;
void backing_open(struct connection *connection, const struct wire_open_backing *request);
void backing_close(struct connection *connection, const struct wire_close_backing *request);

/* share.c */
struct wire_share;
void share_create(struct connection *connection, const struct wire_share *request);
void share_remove(struct connection *connection, const struct wire_share *request);

/* policy.c: 0, or a negative errno with a message. */
int policy_create(const struct silo *silo, const struct ucred *peer, bool network,
                  const struct wire_create_volume *request, char *ret_message, size_t size);
int policy_fusermount(const struct silo *silo, const struct ucred *peer, bool allow_other, bool network,
                      char *ret_message, size_t size);
int policy_share(const struct silo *silo, const struct volume *volume, char *ret_message, size_t size);
bool policy_allow_other(const struct silo *silo, const struct ucred *peer, bool network);
/* Whose the limits are in that silo, for errors: "this container". */
const char *policy_limited(const struct silo *silo);
/* Whether there is no room for one more connection of that user. */
bool policy_connections_full(const struct silo *silo, uid_t uid);
bool policy_may_end(const struct silo *silo, const struct ucred *peer, const struct volume *volume);

/* journal.c */
void journal_put_silo(const struct silo *silo);
void journal_drop_silo(const struct silo *silo);
void journal_put_volume(const struct volume *volume);
void journal_drop_volume(const struct volume *volume);
int journal_replay(struct service *service);

#endif
