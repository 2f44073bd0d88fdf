/* SPDX-License-Identifier: MIT */
/*
 * The language between a client (liblinfsp, linfsp, fusermount3) and the service (linfspd).
 *
 * Model. A silo has two listening sockets, `disk` and `net` (AF_UNIX, SOCK_SEQPACKET), in the folder injected at
 * /dev/linfsp; the host has the same two in /run/linfsp/host. Which silo a client belongs to is known from the socket
 * that it connected to, who it is from SO_PEERCRED; nothing a message says is believed on either.
 *
 * A message is one packet: a struct below, whole, of fixed size, that begins with struct wire_header, and at most
 * WIRE_FDS_MAX descriptors by SCM_RIGHTS. Strings are NUL-terminated inside their arrays, zero-filled behind. Reserved
 * members and padding are zero. Host byte order: both ends run on one kernel.
 *
 * Versions. A program and the service may be of different releases. Within a WIRE_VERSION no message changes its
 * layout; new types may come. A service that does not know a request's type answers WIRE_ERROR with EOPNOTSUPP, and the
 * connection goes on; a client passes over a message of a type that it does not know.
 *
 * A client sends requests; each gets its replies in order, ending with one whose type is not WIRE_VOLUME, WIRE_SILO
 * or WIRE_OPENED.
 * The connection on which a volume was created is that volume's life line: when it closes, the volume is unmounted. On
 * it the service may send WIRE_VOLUME_ENDED at any time. When the life line breaks without that message the service has
 * died: the client goes on serving and hands its cookie to the next service by WIRE_ATTACH_VOLUME.
 *
 * A client may ask the service to hold its volume (WIRE_HOLD_VOLUME, on the life line). If the client then dies, the
 * service keeps the volume's fuse connection for a while, and another client of the same silo and user may become the
 * volume's server (WIRE_TAKE_OVER).
 *
 * A client may be able to hand its volume over while it lives (WIRE_CREATE_HANDS_OVER). If another client of the same
 * silo and user asks for that (WIRE_HAND_OVER), the service gives each of the two an end of a socket pair, and they do
 * the rest. The new one then takes the life line up by WIRE_ATTACH_VOLUME.
 */
#ifndef LINFSP_WIRE_PROTOCOL_H
#define LINFSP_WIRE_PROTOCOL_H

#include <stdint.h>

#define WIRE_MAGIC UINT32_C(0x5046534c) /* "LSFP" */
#define WIRE_VERSION 1
#define WIRE_FDS_MAX 20
#define WIRE_MESSAGE_MAX 16384

#define WIRE_NAME_MAX 64 /* file system name, transport, engine */
#define WIRE_SILO_ID_MAX 80
#define WIRE_PREFIX_MAX 512
#define WIRE_PATH_MAX 4096
#define WIRE_COMPONENT_MAX 256
#define WIRE_SOURCE_MAX 512
#define WIRE_TEXT_MAX 1024
#define WIRE_COOKIE_SIZE 16
#define WIRE_CLONES_MAX 16

enum wire_type {
    /* requests */
    WIRE_CREATE_VOLUME = 1, /* fds: see flags. -> WIRE_VOLUME_CREATED */
    WIRE_ATTACH_VOLUME = 2, /* -> WIRE_DONE */
    WIRE_UNMOUNT = 3, /* -> WIRE_DONE */
    WIRE_LIST_VOLUMES = 4, /* -> WIRE_VOLUME*, WIRE_DONE */
    WIRE_LIST_SILOS = 5, /* -> WIRE_SILO*, WIRE_DONE */
    WIRE_GET_STATUS = 6, /* -> WIRE_STATUS */
    WIRE_STOP = 7, /* host's root only -> WIRE_DONE once all is torn down, or the connection closes */
    WIRE_RESOLVE_PREFIX = 8, /* -> WIRE_VOLUME of the volume under which that prefix or path lies, WIRE_DONE */
    WIRE_OPEN_BACKING = 9, /* on a life line; fds: the fuse fd or a clone of it, the file -> WIRE_BACKING_OPENED */
    WIRE_CLOSE_BACKING = 10, /* on a life line; fd: the fuse fd or a clone of it -> WIRE_DONE */
    WIRE_FUSERMOUNT = 11, /* the fusermount3 stand-in; fd: the mount point -> WIRE_VOLUME_CREATED with the fuse fd */
    WIRE_SHARE = 12, /* publishes a volume that is mounted -> WIRE_DONE */
    WIRE_UNSHARE = 13, /* by mount point, or where that is "" by prefix -> WIRE_DONE */
    WIRE_PREPARE_SILO = 14, /* host's root only: a runtime's hook -> WIRE_DONE once the silo is set up */
    WIRE_RELOAD = 20, /* host's root only: reads the configuration again -> WIRE_DONE */
    WIRE_ASK_POLICY = 21, /* what a silo may do, host's root only -> WIRE_VERDICT */
    WIRE_LIST_OPENED = 23, /* who has opened which network volume -> WIRE_OPENED*, WIRE_DONE */
    WIRE_WATCH_EVENTS = 22, /* -> WIRE_EVENT for each event, until the client closes the connection */
    WIRE_OFFER_CLASSES = 24, /* a launcher -> WIRE_START_WANTED for each start, until it closes the connection */
    WIRE_START_FAILED = 25, /* a launcher: no file system comes under that prefix -> WIRE_DONE */
    WIRE_HOLD_VOLUME = 26, /* on a life line; fds: the fuse fds, then the state if there is one -> WIRE_VOLUME_HELD */
    WIRE_TAKE_OVER = 27, /* -> WIRE_VOLUME_CREATED of a held volume; fds: its fuse fds, then its state */
    WIRE_HAND_OVER = 28, /* as WIRE_TAKE_OVER, from a server that is there -> WIRE_HAND_OVER_BEGUN */

    /* replies */
    WIRE_ERROR = 64,
    WIRE_DONE = 65,
    WIRE_VOLUME_CREATED = 66, /* fds: the fuse fd, then its clones */
    WIRE_VOLUME = 67,
    WIRE_SILO = 68,
    WIRE_STATUS = 69,
    WIRE_BACKING_OPENED = 70,
    WIRE_VERDICT = 80,
    WIRE_EVENT = 81,
    WIRE_OPENED = 82,
    WIRE_START_WANTED = 83,
    WIRE_VOLUME_HELD = 84, /* fd: the state, where the request brought none */
    WIRE_HAND_OVER_BEGUN = 85, /* fd: a socket whose other end the server has */

    /* events, on a life line */
    WIRE_VOLUME_ENDED = 96,
    WIRE_HAND_OVER_WANTED = 97, /* fd: a socket whose other end the asker has */
};

struct wire_header {
    uint32_t magic;
    uint16_t version;
    uint16_t type; /* enum wire_type */
    uint32_t size; /* of the whole message */
    uint32_t serial; /* chosen by the client, repeated in each reply; 0 in events */
};

/*
 * What FUSE_INIT negotiates. The service itself answers the kernel's FUSE_INIT before it hands the fd out, so that a
 * volume others can see has a request time-out that its server cannot leave out. In a request: what is wanted;
 * in the reply: what is in force. Members are those of struct fuse_init_out; flags holds flags | flags2 << 32.
 */
struct wire_init {
    uint64_t flags;
    uint32_t minor; /* reply: the kernel's protocol minor, 7.x */
    uint32_t max_readahead;
    uint32_t max_write;
    uint32_t time_gran; /* ns */
    uint16_t max_background;
    uint16_t congestion_threshold;
    uint16_t max_pages;
    uint16_t request_timeout; /* s; 0: none */
    uint32_t max_stack_depth;
    uint32_t reserved;
};

#define WIRE_CREATE_READ_ONLY (1u << 0)
#define WIRE_CREATE_NOEXEC (1u << 1)
/* The mount point comes as the first fd: O_PATH | O_DIRECTORY, opened by the client. */
#define WIRE_CREATE_MOUNT_POINT_FD (1u << 2)
/* The client made the mount point: the second fd is its parent (O_PATH), made_name its name. The service removes it at
 * the end, with the client's own rights. */
#define WIRE_CREATE_MADE_MOUNT_POINT (1u << 3)
/* The client can hand the volume over: it understands WIRE_HAND_OVER_WANTED. */
#define WIRE_CREATE_HANDS_OVER (1u << 4)
#define WIRE_CREATE_FLAGS                                                                                              \
    (WIRE_CREATE_READ_ONLY | WIRE_CREATE_NOEXEC | WIRE_CREATE_MOUNT_POINT_FD | WIRE_CREATE_MADE_MOUNT_POINT |          \
     WIRE_CREATE_HANDS_OVER)

/* On `disk` prefix is empty and a mount point or letter is needed; on `net` prefix is needed and the mount point is
 * not. */
struct wire_create_volume {
    struct wire_header header;
    uint32_t flags; /* WIRE_CREATE_* */
    uint32_t clones; /* how many more fds of the connection are wanted (FUSE_DEV_IOC_CLONE), <= WIRE_CLONES_MAX */
    struct wire_init init;
    char letter[4]; /* "a" to "z", "*", or "" when the mount point comes as fd or there is none */
    uint32_t root_mode; /* permission bits */
    char file_system_name[WIRE_NAME_MAX];
    char source[WIRE_SOURCE_MAX]; /* "": the service chooses */
    char prefix[WIRE_PREFIX_MAX]; /* as the user wrote it, or "" */
    char mount_point[WIRE_PATH_MAX]; /* for display: the absolute path as the client sees it; "" with a letter */
    char made_name[WIRE_COMPONENT_MAX];
};

struct wire_volume_created {
    struct wire_header header;
    uint64_t volume;
    uint8_t cookie[WIRE_COOKIE_SIZE];
    uint32_t owner_uid; /* the client's uid and gid, as the fuse connection counts them */
    uint32_t owner_gid;
    struct wire_init init;
    char mount_point[WIRE_PATH_MAX]; /* "" where there is none */
    char unc_path[WIRE_PREFIX_MAX + 8]; /* "/unc/server/share", or "" */
};

struct wire_attach_volume {
    struct wire_header header;
    uint64_t volume;
    uint8_t cookie[WIRE_COOKIE_SIZE];
};

/* The fuse fds of a volume: more than these are not held. */
#define WIRE_HELD_FDS_MAX 8
/* The largest state. A state is a sparse memory file: it costs what is written to it. */
#define WIRE_STATE_MAX (UINT64_C(8) << 30)

/* Asks the service to hold the volume for some seconds should its server die. state_size: of the memory file that
 * outlives the server; the service makes that file, unless the request brings the one that an earlier service made. */
struct wire_hold_volume {
    struct wire_header header;
    uint64_t volume;
    uint64_t state_size; /* bytes, 1 to WIRE_STATE_MAX */
    struct wire_init init; /* what is in force: told to who takes the volume over */
    uint32_t seconds; /* wanted */
    uint32_t fds; /* how many fuse fds come along, 1 to WIRE_HELD_FDS_MAX */
    uint32_t has_state; /* 1: and then the state */
    uint32_t reserved;
};

struct wire_volume_held {
    struct wire_header header;
    uint32_t seconds; /* granted */
    uint32_t reserved;
};

/* The client wants to be the server of the volume that is there, in its own silo and for its own uid. */
struct wire_take_over {
    struct wire_header header;
    char file_system_name[WIRE_NAME_MAX];
    char target[WIRE_PATH_MAX]; /* the mount point as the client sees it, or the prefix in any spelling */
};

/* By mount point (as its silo's processes see it), prefix in any spelling, or id (where target is ""). Allowed for the
 * volume's owner, its silo's root, and the host's root. */
struct wire_unmount {
    struct wire_header header;
    uint64_t volume;
    char target[WIRE_PATH_MAX];
    uint32_t force; /* 1: abort the connection first */
    uint32_t flags; /* WIRE_UNMOUNT_* */
};
/* Only if nobody uses it: -EBUSY otherwise, and the volume stays as it was. Not together with force. */
#define WIRE_UNMOUNT_NOT_LAZY (1u << 0)
/* Done, too, if that was mounted there by fusermount3 and has ended a moment ago, because its server closed it. Once.
 */
#define WIRE_UNMOUNT_ENDED (1u << 1)

/* LIST_VOLUMES, LIST_SILOS, GET_STATUS, STOP, DONE, HAND_OVER_BEGUN, HAND_OVER_WANTED */
struct wire_plain {
    struct wire_header header;
};

struct wire_resolve_prefix {
    struct wire_header header;
    char prefix[WIRE_PATH_MAX]; /* "\\server\share\a\b" or "/unc/server/share/a/b" */
};

struct wire_open_backing {
    struct wire_header header;
    uint64_t volume;
};

struct wire_close_backing {
    struct wire_header header;
    uint64_t volume;
    int32_t backing_id;
    uint32_t reserved;
};

struct wire_fusermount {
    struct wire_header header;
    uint32_t flags; /* WIRE_FUSERMOUNT_* */
    uint32_t reserved;
    char options[2048]; /* as given behind -o */
    char mount_point[WIRE_PATH_MAX];
};
#define WIRE_FUSERMOUNT_AUTO_UNMOUNT (1u << 0)

struct wire_share {
    struct wire_header header;
    char prefix[WIRE_PREFIX_MAX]; /* for WIRE_UNSHARE too */
    char mount_point[WIRE_PATH_MAX];
};

/* classes: names of servers, one a line. Somebody who walks to \server\share of such a name, where nothing is, waits
 * until the launcher has started the file system, WIRE_START_FAILED, or for 30 s. */
struct wire_offer_classes {
    struct wire_header header;
    char classes[WIRE_PATH_MAX];
};

struct wire_start { /* WIRE_START_WANTED, WIRE_START_FAILED */
    struct wire_header header;
    char prefix[WIRE_PREFIX_MAX]; /* "\server\share" */
};

/* pid: of a container's first process, in its mount namespace, as the host counts. rootfs: where its root is there, as
 * long as it has not been made its root yet; else "". */
struct wire_prepare_silo {
    struct wire_header header;
    uint32_t pid;
    uint32_t reserved;
    char rootfs[WIRE_PATH_MAX];
};

enum wire_policy {
    WIRE_POLICY_DISK = 1, /* may it have a disk */
    WIRE_POLICY_CLAIM = 2, /* may it have a network volume under prefix */
    WIRE_POLICY_OPEN = 3, /* may a user of it open the volume that has prefix now */
};

struct wire_ask_policy {
    struct wire_header header;
    uint32_t what; /* enum wire_policy */
    uint32_t uid; /* of who would open it, as the host counts */
    char silo[WIRE_COMPONENT_MAX]; /* its id or a beginning of it that is one silo's, its name, or "host" */
    char prefix[WIRE_PREFIX_MAX]; /* as a user writes it; "" for a disk */
};

struct wire_verdict {
    struct wire_header header;
    uint32_t allowed;
    uint32_t read_only;
    char rule[WIRE_NAME_MAX]; /* the rule that decided; "": none did */
    char why[WIRE_TEXT_MAX]; /* for a person */
};

/* What happened: service/event.h has the kinds. */
struct wire_event {
    struct wire_header header;
    uint64_t time; /* ns since the epoch */
    uint64_t volume; /* 0: none */
    uint32_t refused;
    uint32_t lost; /* so many events before this one did not fit into the client's socket */
    uint32_t uid; /* as the host counts; UINT32_MAX: nobody asked for it */
    uint32_t pid; /* as the host counts; 0: nobody's */
    char kind[WIRE_NAME_MAX];
    char silo[WIRE_SILO_ID_MAX];
    char engine[WIRE_NAME_MAX];
    char name[WIRE_COMPONENT_MAX];
    char prefix[WIRE_PREFIX_MAX];
    char mount_point[WIRE_PATH_MAX];
    char text[WIRE_TEXT_MAX];
};

struct wire_error {
    struct wire_header header;
    int32_t error; /* positive errno */
    uint32_t reserved;
    char message[WIRE_TEXT_MAX]; /* for a person: what, why, what mends it */
};

struct wire_volume {
    struct wire_header header;
    uint64_t id;
    uint64_t since; /* ns since the epoch */
    uint32_t server_pid; /* as the asker's silo counts pids; 0 where it is not visible there */
    uint32_t owner_uid;
    uint32_t fuse_device; /* the number under /sys/fs/fuse/connections, and the minor one of its files' device */
    uint32_t attached; /* 0: the service restarted and the server has not come back yet */
    char silo[WIRE_SILO_ID_MAX];
    char file_system_name[WIRE_NAME_MAX];
    char transport[WIRE_NAME_MAX];
    char mount_point[WIRE_PATH_MAX];
    char prefix[WIRE_PREFIX_MAX]; /* "\server\share" in the case it was claimed in, or "" */
    char unc_path[WIRE_PREFIX_MAX + 8];
};

/* A network volume that was opened at its prefix in a silo. */
struct wire_opened {
    struct wire_header header;
    uint64_t volume;
    uint64_t since; /* the first time; ns since the epoch */
    uint32_t uid; /* who did, as the host counts */
    uint32_t mounted; /* 1: it is mounted there now */
    char silo[WIRE_SILO_ID_MAX]; /* in which it was opened */
    char prefix[WIRE_PREFIX_MAX];
};

struct wire_silo {
    struct wire_header header;
    uint64_t since; /* ns since the epoch */
    uint32_t init_pid;
    uint32_t volumes;
    uint32_t user_namespace; /* 1: it has one of its own */
    uint32_t reserved;
    char id[WIRE_SILO_ID_MAX]; /* the engine's container id where known, else "mnt-<inode>"; "host" */
    char engine[WIRE_NAME_MAX]; /* docker, podman, containerd, lxc, systemd-nspawn, bubblewrap, or "" */
    char name[WIRE_COMPONENT_MAX];
    char state[WIRE_NAME_MAX]; /* "ready", or why it could not be set up */
};

struct wire_status {
    struct wire_header header;
    uint64_t since; /* ns since the epoch */
    uint64_t resident_bytes;
    uint64_t cpu_ns;
    uint32_t pid; /* 0 in a container */
    uint32_t silos;
    uint32_t volumes;
    uint32_t shares;
    uint64_t injections; /* silos set up since the start */
    uint64_t failures; /* silos that could not be set up */
    char version[WIRE_NAME_MAX];
    char unc_root[WIRE_COMPONENT_MAX];
    char monitor[WIRE_NAME_MAX]; /* "proc-connector" or "polling" */
};

struct wire_backing_opened {
    struct wire_header header;
    int32_t backing_id;
    uint32_t reserved;
};

struct wire_volume_ended {
    struct wire_header header;
    uint64_t volume;
    char reason[WIRE_TEXT_MAX]; /* "unmounted", "the service stops", ... */
};

#endif
