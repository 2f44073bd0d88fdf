/* SPDX-License-Identifier: MIT */
/* A volume: one file system, made, mounted, ended (volume.c has the model). */
#ifndef LINFSP_SERVICE_VOLUME_H
#define LINFSP_SERVICE_VOLUME_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>

#include "service/event.h"
#include "service/hold.h"
#include "service/scope.h"
#include "util/hash.h"
#include "util/list.h"
#include "wire/prefix.h"
#include "wire/protocol.h"
#include "worker/job.h"

struct comeback;
struct connection;
struct service;
struct silo;
struct wire_attach_volume;

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
    void (*node_closed)(struct volume *volume, bool certain); /* then; not certain: events were lost */
    unsigned looks; /* raw: its last descriptor may have been closed unseen; looks for a holder that are left */
    bool server_gone; /* nobody answers for it any more */
    bool not_lazy; /* it is ending only if nothing in it is in use */
    bool end_wanted; /* while new: end it as soon as it is made */
    bool was_ending; /* after a restart: the service before this one was unmounting it */
    struct connection *connection; /* its life line; NULL when broken */
    struct hold hold; /* what outlives its server */
    struct comeback *comeback; /* raw: what waits for its program, should that die; NULL: nothing does */
    unsigned comeback_seconds; /* until it is made: for how long that is to wait; 0: not at all */
    bool hands_over; /* its server can hand it over to another one */
    bool being_handed_over; /* its server was asked to: whoever has its cookie may become its server */
    uint8_t cookie[WIRE_COOKIE_SIZE];
    struct ucred peer;
    uint64_t since;
    pid_t holder; /* raw: a process that had its descriptor when that was looked for; 0: not known */
    bool has_timeout; /* the kernel ends it when a request waits too long */
    unsigned waited; /* of the watchdog, for one without: s that some request waits without a break */
    uint64_t cpu_ticks; /* of its server, when it began to be watched */
    pid_t inner_pid; /* the server's, as its silo counts */
    uint64_t server_start; /* of the server process, in clock ticks since boot */
    uint32_t fuse_device;
    int abort_fd; /* of this very connection: the number may be another's later */
    uint64_t mount_id, letters_mount_id;
    struct mount_namespace nested; /* inside its silo, where it is mounted; inode 0: in the silo's own */
    struct job_made made;
    int made_parent;
    uint32_t owner_uid, owner_gid;
    char file_system_name[WIRE_NAME_MAX];
    char mount_point[WIRE_PATH_MAX];
    char prefix[PREFIX_MAX]; /* canonical, or ""; of a local one: without "./" */
    char scope[SCOPE_MAX]; /* in which the prefix is local (scope.h); "": it is the whole host's */
    char unc_path[WIRE_PREFIX_MAX + 8];
    struct list_node name_list; /* under /unc, wherever it is shown or open (folder.h) */
    bool published; /* it can be opened at its prefix; mup.c alone sets it */
    unsigned served_levels; /* components of its prefix at which it is counted (served.h) */
    bool staged; /* it is on the stage, or may be */
    char end_reason[128];
    struct {
        bool known, from_host; /* from_host: root of the host, who is not of its silo */
        uid_t uid;
        pid_t pid;
    } ended_by; /* who asked for its end, if somebody did */
    bool allow_other;
    bool ring; /* its requests go over io_uring: it was wanted and granted, and clients want it only where they can */
    unsigned backing_files; /* registered, since the service started */
    bool sharing, unsharing; /* just now */
    bool unsharing_waits; /* for names that are being hidden */
    struct job_result *unmounted; /* ENDING: it is, and waits for the same */
    uint64_t sharer; /* the connection that asked for it */
    bool unannounced; /* after a restart: its server may not have heard that it was made */
    sd_event_source *orphan_timer; /* after a restart: until the server has come back */
    unsigned orphan_turns; /* how often it is still looked after */
    sd_event_source *unmount_timer; /* until it is tried again */
    unsigned stuck_ticks; /* of the watchdog's: so long some request has waited */
    unsigned unserved_ticks; /* the same, while it had a server, and since that became its server */
    bool awaits_anchor; /* ENDING: nothing of its silo can be entered until that has another anchor */
    unsigned anchors; /* which one of its silo's anchors its unmount goes by (silo.h) */
    bool covered; /* ENDING: something is mounted over it, and it is unmounted when that has gone */
    unsigned unmounts_lost; /* workers that died, or were given up, over its unmount */
    /* who asked for it to end and waits for the answer */
    struct connection *waiter;
};

void volume_attach(struct connection *connection, const struct wire_attach_volume *request);
/* Whether a volume that is in the way of a client's request is about to go: its server has gone, or is the client, who
 * asks again since the service died before it could tell of this volume. Then the volume is ended here. */
bool volume_passes(struct volume *volume, const struct ucred *client);
/* Unmounts it everywhere. With abort its server is cut off first: what waits for it gets an error at once. */
void volume_end(struct volume *volume, const char *reason, bool abort);
/* The silo has another anchor: what awaited that goes on. */
void volumes_have_anchor(struct silo *silo);
/* The same, but not while files in it are open: the waiter is told -EBUSY then, and it goes on. */
void volume_end_unless_busy(struct volume *volume, const char *reason);
/* For the audit: a client asks for the volume's end, and may have it; it may not; it takes the volume's prefix away. */
void volume_end_asked(struct volume *volume, const struct connection *asker);
void volume_end_refused(const struct volume *volume, const struct connection *asker);
void volume_unshared(const struct volume *volume, const struct connection *asker);
void volume_abort(struct volume *volume);
/* Tells a client that the volume is there and the client's to serve, with the connection's descriptors. Returns what
 * connection_send does. */
int volume_announce(const struct volume *volume, struct connection *connection, uint32_t serial,
                    const struct wire_init *init, const int *fds, size_t n_fds);
/* Its life line has closed. */
void volume_lost_connection(struct volume *volume);
/* Whether a volume that was mounted there has just ended by itself. Says so once. */
bool volume_has_just_ended(struct silo *silo, const char *mount_point);
struct volume *volume_by_target(struct service *service, const struct silo *silo, const char *target);
/* Enters a new volume into the tables. Returns 0, or -ENOMEM: it is in none then. */
int volume_register(struct volume *volume, uint64_t id, struct silo *silo);
/* Watches a raw one: it ends when nobody has its descriptor any more. */
int volume_watch_node(struct volume *volume);
/* Learns of its peer, a process that is there, what lists tell and what tells it from another of its pid. */
void volume_learn_server(struct volume *volume);
/* Has its mounts made. */
int volume_submit(struct volume *volume, struct job *job, const int *fds, size_t n_fds);
/* Its last name under /unc has gone. */
void volume_withdrawn(struct volume *volume);
/* Takes over a volume of the service before us, which has this id. Where that fails (-ESRCH: its silo is gone; -ENOMEM)
 * it is in no table and the caller's to free. It may have ended, and be freed, when 0 is returned. */
int volume_restore(struct service *service, struct volume *volume, uint64_t id);
/* The same for one that was being made: it ends at once. */
int volume_restore_to_end(struct service *service, struct volume *volume, uint64_t id, const char *reason);
/* What befell it, for the log and whoever listens. */
void volume_tell(const struct volume *volume, enum event_kind kind, bool refused, const char *text);
/* Opens its connection's abort file. */
void volume_open_abort(struct volume *volume);
/* Whether its peer is the process that it was, and has not ended. */
bool volume_server_is_there(const struct volume *volume);
struct volume *volume_new(struct service *service);
void volume_free(struct volume *volume);

#endif
