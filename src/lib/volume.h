/* SPDX-License-Identifier: MIT */
/*
 * A volume: a session (session.h) and the life line that ties it to the service.
 *
 * Model. The life line is the connection on which the volume was made. The thread that runs the volume watches it; any
 * thread may ask the service something on it (backing files) under its lock, and then takes whatever else arrives as
 * well. When it breaks without WIRE_VOLUME_ENDED the service has died: the session goes on, and the next service gets
 * the cookie.
 */
#ifndef LINFSP_LIB_VOLUME_H
#define LINFSP_LIB_VOLUME_H

#include <pthread.h>
#include <stdbool.h>

#include "lib/session.h"
#include "util/cleanup.h"
#include "wire/codec.h"

/* ---- lifeline.c ------------------------------------------------------------------------------------------------ */

/* How many backing files are being given back at a time. The answers to as many always fit into a socket. */
#define FSP_CLOSING_MAX 8

struct fsp_lifeline {
    const char *device; /* "disk" or "net" */
    uint64_t volume;
    uint8_t cookie[WIRE_COOKIE_SIZE];
    int event; /* eventfd: another thread took something off the socket that concerns the watcher, or left it work */
    int fuse; /* the connection's descriptor, which goes with what concerns backing files; the session's */
    struct wire_hold_volume hold; /* what is asked of each service; fds 0: nothing is */
    int hold_fds[WIRE_HELD_FDS_MAX + 1]; /* the session's, then the state */
    int state; /* the memory file that goes with it; -1: none */
    int wanted; /* under lock: a socket to who wants the volume handed over; -1: nobody does */

    pthread_mutex_t closes_lock; /* taken after lock; of these: */
    int32_t *closes; /* backing files that are to be given back, the newest last */
    size_t n_closes, closes_capacity;

    pthread_mutex_t ask_lock; /* taken before lock, for as long as an answer is waited for: 5 s at most */
    pthread_mutex_t lock; /* all below; never while the service is waited for */
    int socket; /* -1: no service */
    uint32_t serial; /* of the last request */
    uint32_t attach_serial; /* not 0: sent, not answered yet */
    uint32_t unmount_serial;
    bool ended; /* the service has unmounted the volume, or knows nothing of it */
    bool unmount_answered;
    bool unmount_refused;
    struct {
        uint32_t serial;
        int32_t backing_id;
    } closing[FSP_CLOSING_MAX]; /* sent to the service, not answered yet */
    unsigned n_closing;
    bool closes_wait; /* the socket took no more: to be tried again in a while */
    char reason[WIRE_TEXT_MAX]; /* why the volume ended; "": it was asked for */
};

int fsp_lifeline_init(struct fsp_lifeline *line);
void fsp_lifeline_destroy(struct fsp_lifeline *line);
/* Takes over the socket on which the volume was made. */
void fsp_lifeline_attached(struct fsp_lifeline *line, int socket, const struct wire_volume_created *created);
/* Takes what has arrived. Never blocks on the service. */
void fsp_lifeline_process(struct fsp_lifeline *line);
/* Tries to reach a new service and hands the cookie over; the answer arrives later. */
void fsp_lifeline_reconnect(struct fsp_lifeline *line);
/* Asks for the volume to be unmounted, once. */
void fsp_lifeline_unmount(struct fsp_lifeline *line);
/* The socket to who wants the volume handed over, the caller's from here on; -1: nobody does. */
int fsp_lifeline_wanted(struct fsp_lifeline *line);
/* Closes the connection: the volume ends, if it has not. */
void fsp_lifeline_close(struct fsp_lifeline *line);
/* Sends a request begun by wire_begin (its serial is set here) and waits for its answer. */
int fsp_lifeline_ask(struct fsp_lifeline *line, void *message, const int *fds, size_t n_fds,
                     union wire_message *ret_answer);
/* Gives a backing file back, now or as soon as the service takes more. From any thread; waits for nobody. -ENOMEM. */
int fsp_lifeline_close_backing(struct fsp_lifeline *line, int32_t backing_id);

/* ---- fail-over.c ----------------------------------------------------------------------------------------------- */

/* Has the service hold a volume that was just made. Where it does not, an error, and the volume is as before. */
int fsp_fail_over_begin(struct linfsp_volume *volume, const struct wire_init *init, uint32_t seconds,
                        uint64_t state_size);
/* Asks for a volume that is held where the options want one. 0: fds are the caller's, the last is the state. -ENOENT,
 * -EAGAIN: there is none, and the connection can be used. Another error: it cannot. */
int fsp_fail_over_ask(int socket, const struct linfsp_volume_options *options, union wire_message *ret_answer,
                      int *ret_fds, size_t *ret_n_fds);
/* Makes the volume, which was filled in from that answer, one that was taken over. Takes the state over on success. */
int fsp_fail_over_take(struct linfsp_volume *volume, const struct wire_init *init, uint32_t seconds, int state);
/* Unmaps the state, where there is one. */
void fsp_fail_over_close(struct linfsp_volume *volume);

/* ---- hand-over.c ----------------------------------------------------------------------------------------------- */

/* Hands the volume over to whom the service has put behind socket. Returns 1: the volume is the other's, and its life
 * line too, as far as that could be waited for. A negative errno: it is ours as before. For who runs the volume. */
int fsp_hand_over(struct linfsp_volume *volume, int socket);
/* Fills the volume in; takes fds over on success. */
typedef int fsp_hand_over_fill(struct linfsp_volume *volume, void *context, const struct wire_volume_created *created,
                               const int *fds, size_t n_fds);
/* Takes over, by that connection to the service, the volume that stands where the options want one. */
int fsp_hand_over_take(int socket, const struct linfsp_volume_options *options, struct linfsp_volume *volume,
                       fsp_hand_over_fill *fill, void *context, struct linfsp_error *ret_error);

/* ---- mount-point.c --------------------------------------------------------------------------------------------- */

struct fsp_mount_point {
    char letter[4]; /* "z", "*" or "" */
    int fd; /* O_PATH, -1 with a letter */
    int parent; /* O_PATH, where we made the directory */
    bool made;
    char name[WIRE_COMPONENT_MAX]; /* in parent */
    char path[WIRE_PATH_MAX]; /* for people */
};
#define FSP_MOUNT_POINT_NONE ((struct fsp_mount_point){.fd = -1, .parent = -1})

/* Makes the directory where it is missing. text NULL: none. On failure nothing is left behind,
 * and ret_error says why. */
int fsp_mount_point_open(const char *text, bool nonempty, struct fsp_mount_point *ret_point,
                         struct linfsp_error *ret_error);
/* Names in request the volume that these options would make, so as to take it over: its file system, and its prefix or
 * where it is mounted. Nobody looks at the mount point: whoever looks at a held volume waits for its server. -ENOENT:
 * it is any letter, or no directory's name. */
int fsp_name_volume(const struct linfsp_volume_options *options, struct wire_take_over *request);
/* Removes the directory again where we made it and keep is false. */
void fsp_mount_point_close(struct fsp_mount_point *point, bool keep);

/* ---- mount-watch.c --------------------------------------------------------------------------------------------- */

struct fsp_mount_watch {
    int table; /* polled for POLLPRI; -1: nothing is watched */
    unsigned long long id; /* of the mount */
};
#define FSP_MOUNT_WATCH_NONE ((struct fsp_mount_watch){.table = -1})

/* Watches what is mounted there now, as this process sees it; nothing where it sees no such mount. */
void fsp_mount_watch_open(struct fsp_mount_watch *watch, const char *mount_point);
/* Whether it is mounted no longer. To be asked once the table was readable out of band; then nothing is watched any
 * more. */
bool fsp_mount_watch_gone(struct fsp_mount_watch *watch);
void fsp_mount_watch_close(struct fsp_mount_watch *watch);

/* ---- start-service.c ------------------------------------------------------------------------------------------- */

/* Whether this process may start the service: on the host, as root. */
bool fsp_may_start_service(void);
/* Runs `linfsp start` and waits for it. */
int fsp_start_service(struct linfsp_error *ret_error);

/* ---- error.c --------------------------------------------------------------------------------------------------- */

/* Fills ret_error (may be NULL) in and returns -code. */
int fsp_fail(struct linfsp_error *ret_error, int code, const char *format, ...) _printf_(3, 4);

/* ---- negotiate.c ----------------------------------------------------------------------------------------------- */

/* What to ask FUSE_INIT for, and what was got. */
void fsp_negotiate(uint64_t want, uint32_t max_write, uint32_t max_background, struct wire_init *ret_init);
uint64_t fsp_granted(uint64_t want, const struct wire_init *init);

/* ---- without.c ------------------------------------------------------------------------------------------------- */

/* Changes what the environment says. -EINVAL: it has a name that is not known. */
int fsp_do_without(struct linfsp_volume_options *options, struct fsp_without *ret_without,
                   struct linfsp_error *ret_error);

struct linfsp_volume {
    struct fsp_session session;
    struct fsp_lifeline lifeline;
    int stop_event; /* eventfd, written by linfsp_volume_stop */
    unsigned threads;
    bool run; /* once */
    uint32_t fail_over; /* s; 0: the volume does not outlive this process */
    bool taken_over; /* from an earlier server */
    bool handed_over; /* to another one */
    int hand_over_pair; /* to the earlier server, which waits until our life line is there; -1: none */
    uint64_t state_size; /* of the ledger and what is behind it */
    bool network;
    struct wire_init init; /* in force */
    uid_t owner_uid;
    gid_t owner_gid;
    char mount_point[WIRE_PATH_MAX]; /* "": none */
    char unc_path[WIRE_PREFIX_MAX + 24]; /* "": none */
};

/* ---- run.c ----------------------------------------------------------------------------------------------------- */

/* Nothing is served any more: has the service unmount the volume everywhere, waits for that if wait, and closes the
 * life line. */
void fsp_volume_take_leave(struct linfsp_volume *volume, bool wait);

#endif
