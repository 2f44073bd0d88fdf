/* SPDX-License-Identifier: MIT */
/* A silo: one container, its folder, its sockets, its life (silo.c has the model). */
#ifndef LINFSP_SERVICE_SILO_H
#define LINFSP_SERVICE_SILO_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "service/chroot.h"
#include "service/event.h"
#include "service/lane.h"
#include "service/permission.h"
#include "util/hash.h"
#include "util/list.h"
#include "util/namespace.h"
#include "worker/job.h"

#define SILO_ENDED_MAX 8

struct connection;
struct owner;
struct service;

/*
 * A silo's life. silo.c alone changes it (silo_enter), along these ways:
 *
 *     NEW        -> READY      it is the host, or the service before this one has set it up
 *     NEW        -> INJECTING  no rule switches LinFsp off for it
 *     NEW        -> OFF        a rule does
 *     INJECTING  -> INJECTING  a worker died over it, or it was too early: once more
 *     INJECTING  -> READY, NESTED, OFF
 *     NEW, INJECTING -> FAILED it could not be set up
 *     FAILED     -> INJECTING, FAILED  its entry point is a second chance (silo_consider)
 *     READY      -> EJECTING   the service stops
 *     INJECTING  -> DYING      its init has gone, and a worker is at work in it
 *     DYING      -> DEAD       the worker has answered
 *     any other  -> DEAD       its init has gone
 *
 * Where nothing of it is in use (silo_in_use) it is freed instead of becoming, or staying, DEAD.
 */
enum silo_state {
    SILO_NEW, /* waits until it is known whether a rule switches LinFsp off for it */
    SILO_INJECTING, /* a worker sets it up */
    SILO_READY,
    SILO_NESTED, /* belongs to a silo around it */
    SILO_FAILED,
    SILO_OFF, /* by a rule, or its own wish */
    SILO_EJECTING, /* a worker takes out what was put in */
    SILO_DYING,
    SILO_DEAD, /* volumes under way are left */
};

/* What its engine says of it. */
enum silo_words_state {
    WORDS_UNASKED, /* or it could not be asked */
    WORDS_ASKED_EARLY, /* its runtime stands between it and its engine: the engine is asked again later */
    WORDS_ASKED,
    WORDS_KNOWN, /* or there is nobody to ask */
};

/* A silo, or (host) the host itself, which nothing is injected into. */
/* Whether a worker takes out of the silo's layer what was copied there for letters; and whether another has to,
 * afterwards, since more letters have gone. */
enum silo_layer {
    LAYER_SETTLED,
    LAYER_SETTLES,
    LAYER_SETTLES_AGAIN,
};

struct silo {
    struct service *service;
    uint64_t number; /* key; of this silo and, as long as the machine runs, of no other */
    UT_hash_handle hash;
    struct mount_namespace mount_namespace;
    UT_hash_handle by_namespace; /* by its inode, while a process of its namespace can find it */
    bool host;
    bool sole_init; /* init is process 1 of a pid namespace of its own: nothing of the silo outlives it */
    enum silo_state state;
    char failure[256];
    struct job_target target;
    struct owner *owner; /* that it is counted for (owner.h) */
    int pidfd;
    uint64_t since; /* ns since the epoch */
    pid_t found_by; /* the process by which it was found: its entry point, where that is not its topmost process */
    uint64_t init_start; /* of init, in clock ticks since boot: tells it from another of its pid */
    char folder[64];
    bool has_folder;
    int sockets[2]; /* disk, net; -1: not bound yet */
    sd_event_source *rebind_timer;
    unsigned bind_retries; /* one after the other */
    sd_event_source *socket_io[2], *pidfd_io;
    bool seeks_anchor; /* its anchor has ended, and a worker seeks another one (survivor.h) */
    unsigned anchors; /* how many it has had */
    sd_event_source *seek_timer;
    unsigned seek_turns, seeks_put_off, seeks_failed; /* since then: finds that had ended, pauses, failures */
    struct list_node programs; /* the folders in which its helpers are looked for (programs.c) */
    bool looking, look_again; /* a worker looks for helpers; and another has to, afterwards */
    bool unmounts; /* umount(8) and its like are looked for, too */
    bool caught; /* the catcher serves its processes */
    enum silo_layer layer;
    bool lacks_helper; /* its image has none under one of the names */
    bool phantom; /* the stand-in is under names that the image lacks (phantom.c) */
    sd_event_source *phantom_timer;
    unsigned phantoms_in_making;
    struct list_node changes; /* processes that the stand-in gives way to */
    int phantom_folder; /* where it is a link, in a root that outlives the silo; -1: it is none */
    uint64_t examined[64]; /* programs that need none (phantom.c) */
    unsigned n_examined;
    uint64_t naming[8]; /* and some that name the helper */
    unsigned n_naming;
    sd_event_source *layer_timer; /* what is in its layer for us is beside it, as somebody lists it (layer.c) */
    struct chroots chroots;
    unsigned volumes, connections;
    struct {
        char *mount_point; /* NULL: free */
        uint64_t usec; /* when it ended */
    } ended[SILO_ENDED_MAX]; /* volumes whose servers closed them, and may ask about them yet (volume.c) */
    unsigned n_ended;
    bool made_letters; /* its /mnt is ours, to go with the last letter */
    uint32_t letter_folders; /* a bit for each letter whose folder is ours, and may not have been removed yet */
    pid_t inner_init; /* its init's pid as it counts */
    struct list_node listers; /* connections whose lists wait for their turn */
    sd_event_source *list_turn;
    struct list_node connection_list, volume_list;
    struct list_node folder_list; /* of its /unc (folder.h) */
    unsigned folders, names;
    struct list_node of_browsers; /* of the service: a rule says browse = yes for it */
    bool in_journal; /* its entry goes with it */
    unsigned injectors_lost; /* workers that died over its injection */
    bool unc_waits; /* its /unc waits for a network volume (root-unc.h) */
    struct list_node of_uncs; /* of the service: those that have it, or those that wait */
    bool makes_unc; /* a worker mounts or unmounts it */
    bool unc_told; /* that this failed was said */
    unsigned unc_workers_lost; /* workers that died over it, in this turn */
    uint64_t unc_turn; /* the last one in which it was this silo's */
    bool unsettled; /* set up ahead of its entry point, of which it is not known yet what it may do */
    bool retried, was_early;
    bool entered; /* its entry point has run */
    enum silo_words_state words_state;
    bool admits; /* its sockets take clients: they do not while rules have to know whose it is */
    char id[WIRE_SILO_ID_MAX], engine[WIRE_NAME_MAX], name[WIRE_COMPONENT_MAX];
    struct event_budget budget;
    struct silo_words words; /* what else its engine says of it */
};

/* The lane for what that user asks for in it. */
static inline struct lane silo_lane(const struct silo *silo, uid_t uid, enum lane_kind kind) {
    return (struct lane){.silo = silo->number, .user = silo->host ? uid : 0, .kind = kind};
}

/* Its init is gone. */
static inline bool silo_is_dead(const struct silo *silo) {
    return silo->state == SILO_DYING || silo->state == SILO_DEAD;
}

/* Its init is gone, or on its way out: nothing may wait for anything in it, nor it for us. */
bool silo_is_ending(const struct silo *silo);

/* Whether it is known what becomes of it. */
static inline bool silo_is_settled(const struct silo *silo) {
    return silo->state != SILO_NEW && silo->state != SILO_INJECTING;
}

/* Whether something of it is under way or mounted: then it is not to be freed. */
static inline bool silo_in_use(const struct silo *silo) {
    return silo->volumes > 0 || silo->state == SILO_INJECTING || silo->state == SILO_DYING;
}

static inline bool silo_words_are_asked(const struct silo *silo) {
    return silo->words_state == WORDS_ASKED || silo->words_state == WORDS_ASKED_EARLY;
}

/* The silo that this process runs in; the host is one, too. NULL: none that is known. */
struct silo *silo_of_process(struct service *service, pid_t pid);
/* By the inode number of its mount namespace, while that is its own; NULL: none. */
struct silo *silo_find_namespace(struct service *service, uint64_t inode);
/* Whether there is a silo whose mount namespace has this inode number. */
bool silo_is_known(struct service *service, uint64_t inode);
/* Whether the silo of this process is set up, or is known to get nothing. */
bool silo_is_set_up(struct service *service, pid_t pid);
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
    bool unc_waits;
};
/* Takes a silo over from the service before us. -ESRCH: it ended meanwhile. */
int silo_adopt(struct service *service, const struct silo_record *record);
int silo_make_host(struct service *service);
/* Lets clients in, or has them wait in the sockets' queues while the silo has no anchor or rules know too little. */
void silo_admit(struct silo *silo);
/* One of its sockets is there: whether clients are let in is up to rules. */
void silo_has_socket(struct silo *silo);
/* Its first process is ending: all that it serves is cut off now, and goes. It may be freed. */
void silo_end(struct silo *silo);
/* For all of a stop: takes the folder out of the silo, then forgets it. */
void silo_eject(struct silo *silo);
void silo_free(struct silo *silo);
/* By one of the ways that enum silo_state lists. */
void silo_enter(struct silo *silo, enum silo_state state);
/* What befell it, for the log and whoever listens. */
void silo_tell(const struct silo *silo, enum event_kind kind, const char *text);
/* Runtimes' hooks wait: whatever came of it, the container is to go on. */
void silo_answer_preparers(struct silo *silo, int error, const char *message);
/* Has id, engine and name filled in, in a moment, where they are not known yet. */
void silo_describe(struct silo *silo);

#endif
