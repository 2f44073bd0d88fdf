/* SPDX-License-Identifier: MIT */
/*
 * What the service asks of a worker, and what it gets back.
 *
 * A job is one packet over a socketpair, with descriptors; so is its result. A job runs in a process of its own
 * (worker.c) because it enters a silo's namespaces and touches its files, which may block for as long as somebody
 * hostile likes.
 */
#ifndef LINFSP_WORKER_JOB_H
#define LINFSP_WORKER_JOB_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/namespace.h"
#include "wire/prefix.h"
#include "wire/protocol.h"

#define JOB_FDS_MAX WIRE_FDS_MAX

#define JOB_WATCHES_MAX 24

enum job_type {
    JOB_INJECT = 1, /* put the silo's folder at /dev/linfsp */
    JOB_EJECT, /* take it out again */
    JOB_ROOT_UNC, /* move its network volumes from /dev/linfsp/unc to /unc, or back (job-root-unc.c) */
    JOB_FUSE_DEVICE, /* the silo may call mount(2): whether its control group lets it mount by itself, and then the real
                        device as its /dev/fuse (job-fuse-device.c) */
    JOB_PHANTOM, /* put the stand-in where the image has no helper, or take it away (phantom.c). host: the silo has
                    ended, the fd is the folder to take it away from */
    JOB_CHROOT, /* make a tree ready that a process changes its root to, or undo that for all trees (job-chroot.c) */
    JOB_HELPERS, /* look for libfuse's helpers in the image (helpers.c) */
    JOB_MOUNT, /* make a volume's mounts. raw: the FUSE node's fd. Of the client: mount point, its parent */
    JOB_BACKING, /* register a backing file, or drop it. Of the client: a fuse fd, the file */
    JOB_HOLD, /* check what is kept of a volume (job-hold.c). Of the client: its fuse fds, its state. Back come all */
    JOB_DISCARD, /* take the client's message out of its queue. fd: its connection */
    JOB_DESCRIBE, /* whose the silo is: engine, id, name (describe.c) */
    JOB_SHARE, /* put a volume (unmount.mount_id) on the stage, too; without mount_id: take it off */
    JOB_DEVICE_BIND, /* bind the sockets in a silo's folder (inject.folder) anew; back come both */
    JOB_DEVICE_REMOVE, /* remove a silo's folder (inject.folder) */
    JOB_HOLDERS, /* which processes hold the descriptors of raw volumes (job-holders.c) */
    JOB_SURVIVOR, /* a process of the silo, whose topmost one has ended (job-survivor.c) */
    JOB_WAITING, /* who waits uninterruptibly in the kernel (job-waiting.c) */
    JOB_FOLDER, /* what the MUP wants done to a folder of a silo's /unc */
    JOB_LAYER, /* what was copied in a silo's layer is put beside it, or back (job-layer.c) */
    JOB_UNMOUNT, /* undo them. fd behind the pidfd: parent of the mount point that is to be removed */
};

/* The silo in which to work. Unless host is set the first fd of the job is a pidfd of init. */
struct job_target {
    pid_t init_pid;
    bool host;
    bool user_namespace; /* its mount namespace belongs to a user namespace that is not the host's */
    uid_t owner_uid; /* user_namespace: the host's user whose it is (owner.h) */
    uid_t root_uid; /* its root, as the host counts: who owns what is made there */
    gid_t root_gid;
    uint64_t silo; /* its number: not the namespace's */
    struct mount_namespace mount_namespace;
};

struct job_inject {
    char folder[64]; /* the silo's folder on the host */
    char rootfs[WIRE_PATH_MAX]; /* where its root is, before its runtime has made it the root; "": it is */
    bool early; /* its runtime is still at work: only where /dev is a mount already */
    bool again; /* a worker died over it: what is there is half of this very injection, and is removed first */
    bool may_mount; /* it has CAP_SYS_ADMIN: its programs mount by themselves if its control group lets them */
    pid_t found_by; /* its entry point, perhaps */
    uint64_t folder_number; /* of its /unc, which is made */
    bool unc_waits; /* there is no network volume: if /unc can be made when there is one, it is at /dev/linfsp/unc until
                       then. ROOT_UNC: there is none any more */
};

struct job_phantom {
    bool there; /* put it there; else take it away */
    pid_t program; /* only if this process runs a program that names the helper; 0: in any case */
    pid_t opener; /* it opens libfuse; 0: nobody does */
    bool not_lacking; /* the image has a helper: only those in the process's own PATH are looked for */
};

struct job_mount {
    uint64_t volume; /* its number: names what is written down of it (intent.h) */
    bool network;
    bool read_only;
    bool noexec;
    bool allow_other;
    bool no_default_permissions; /* the server itself checks */
    bool synchronous, directory_synchronous;
    bool raw; /* for a program that answers FUSE_INIT itself: no init; through a FUSE node of its own */
    bool has_mount_point; /* an fd, or a letter */
    bool made_mount_point; /* by the client: the parent's fd follows */
    char letter[4];
    uid_t peer_uid; /* as the host counts */
    gid_t peer_gid;
    pid_t client; /* who asks; it may have a mount namespace of its own in the silo (nested.h) */
    uint64_t replaces; /* raw: the mount of a program that died, in whose place this one comes; 0: none */
    pid_t server; /* raw: the program whose child the client is; 0: not known */
    uint32_t clones;
    uint32_t root_mode;
    uint32_t max_read; /* 0: the kernel's own */
    uint64_t attributes; /* more MOUNT_ATTR_* */
    struct wire_init init;
    char file_system_name[WIRE_NAME_MAX];
    char source[WIRE_SOURCE_MAX];
};

/* Which name is to be removed from the parent's fd, and with whose rights. */
struct job_made {
    char name[WIRE_COMPONENT_MAX]; /* "": none */
    bool by_service; /* a letter's folder: removed with the service's rights, not the client's */
    bool letters_too; /* /mnt itself was made for it, and goes when it is empty */
    uid_t uid;
    gid_t gid;
};

struct job_unmount {
    bool not_lazy; /* -EBUSY, and nothing is done, while files are open */
    struct mount_namespace nested; /* it is in this one, nested in the silo; inode 0: in the silo's own */
    pid_t server; /* a process that may be there */
    uint64_t mount_id; /* in the silo; 0: none */
    uint32_t fuse_device; /* what is mounted there: mount ids are used again */
    uint64_t abort_inode; /* of its connection's abort file: numbers of connections are used again; 0: not known */
    uint64_t letters_mount_id; /* the tmpfs over /mnt, to go when it is empty; 0: none */
    char mount_point[WIRE_PATH_MAX]; /* where it was made in the silo */
    uint64_t staged; /* the volume's number when it is on the stage; 0: it is not */
    struct job_made made;
};

/* What is done to a folder (worker/folder.h). */
enum folder_action {
    FOLDER_MAKE, /* make it; at_host: and mount it at the host's /unc. Comes with a file of names to show, returns a
                    pipe */
    FOLDER_REOPEN, /* take it up from a service before; names that are not in the file are removed. The same */
    FOLDER_MOUNT, /* mount the volume on the name, and answer */
    FOLDER_ATTACH, /* mount the folder `child` on the name, and answer. make_child: as FOLDER_MAKE, first */
    FOLDER_ANSWER, /* answer with status */
    FOLDER_SHOW, /* make the name */
    FOLDER_CLOSE, /* unmount what nobody uses of the names in the file; a file of those that were comes back */
    FOLDER_HIDE, /* unmount what is on the name everywhere, and remove it */
    FOLDER_SWEEP, /* end all on the stage up to these numbers that are not in the file of names */
    FOLDER_END, /* end the folder; at_host: and unmount it from the host's /unc */
};

struct job_folder {
    enum folder_action action;
    bool at_host, root_only, make_child, read_only;
    bool there; /* it may be on the stage already: then mount it in the walker's own mount namespace */
    bool elsewhere; /* not on the stage in any case: what the walker may is not what others may there */
    uint64_t folder, child, volume;
    uint32_t token; /* of those who wait; 0: nobody does */
    int32_t status; /* 0 or a negative errno, for them */
    pid_t pid; /* of one of them */
    uid_t uid;
    gid_t gid;
    char name[NAME_MAX + 1];
};

struct job {
    uint32_t type; /* enum job_type */
    uint32_t client_fds; /* so many are received by the worker: the last fd is the client's connection, at whose head
                            its message waits */
    uint64_t ticket;
    struct job_target target;
    union {
        struct {
            int32_t close; /* 0: open one; else the id to drop */
            bool no_layers; /* the client may have stacked a file system of its own under the file's */
            uid_t uid; /* the client's, as the host counts */
            gid_t gid;
        } backing;
        struct {
            uint64_t state_size;
            bool has_state; /* the last of the client's descriptors is the state; else one is made */
        } hold;
        struct {
            bool anywhere; /* on the host: in no silo */
            uint32_t n;
            uint64_t volumes[64]; /* JOB_HOLDERS_MAX */
        } holders;
        struct {
            bool is_injected; /* its /dev/linfsp is there, and proves the namespace where there are no ids */
        } survivor;
        struct job_phantom phantom;
        struct {
            pid_t program; /* it is about to run chroot(8); 0: all trees are as they were again */
        } chroot;
        struct {
            bool unmounters; /* look for umount(8) and its like, too */
            bool tools; /* and for what changes files */
            bool layer_is_read; /* somebody lists its layer: what is beside it stays there */
        } helpers;
        struct {
            bool hide; /* put it beside the layer; else back */
        } layer;
        struct {
            pid_t program; /* one of the silo's, whose group counts */
            bool there; /* the device is there already */
        } device;
        struct job_inject inject;
        struct job_mount mount;
        struct job_unmount unmount;
        struct job_folder folder;
    };
};

#define JOB_LABELS_MAX 4096

/* Whose a silo is; "" what is not known. */
struct job_description {
    bool known; /* the engine is */
    bool certain; /* all of it is the word of an engine of the host's root, and none of the container's */
    bool off; /* LINFSP=off is in the environment that its engine gives its first process */
    char id[WIRE_SILO_ID_MAX], engine[WIRE_NAME_MAX], name[WIRE_COMPONENT_MAX];
    char image[WIRE_COMPONENT_MAX], cgroup[WIRE_SOURCE_MAX];
    char labels[JOB_LABELS_MAX]; /* "key=value" strings, each with its NUL; an empty one ends the list */
    char group[WIRE_COMPONENT_MAX]; /* what containers that belong together have in common; "": nothing */
};

#define JOB_HOLDERS_MAX 64

/* For each volume, a process that has its descriptor; 0: none has. */
struct job_holders {
    uint32_t n;
    struct {
        uint64_t volume;
        pid_t pid;
    } of[JOB_HOLDERS_MAX];
};

enum job_waiting_kind {
    WAITS_ELSEWHERE, /* for a lock, a disk, another file system */
    WAITS_IN_FUSE, /* for a FUSE server's answer */
    WAITS_FOR_MEMORY, /* in a system call, for memory that it handed to that call */
};

/* Tasks that wait uninterruptibly. */
struct job_waiting {
    uint32_t n;
    struct job_waiting_task {
        uint64_t mount_namespace; /* its inode; 0: it has left that already */
        uint32_t uid;
        enum job_waiting_kind kind;
        bool killed; /* it has been sent SIGKILL */
        bool steady; /* it was in one and the same wait for all the time that was looked */
    } tasks[64]; /* no two alike */
};

struct job_result {
    uint64_t ticket; /* 0: of no job: the worker says that it is ready for one, at first and after each */
    int error; /* 0 or a negative errno */
    bool spent; /* the worker entered a user namespace and cannot come back */
    bool covered; /* UNMOUNT: something is mounted over it */
    bool gone; /* UNMOUNT: the silo's anchor has ended, so nothing was unmounted in the silo */
    bool unanswered; /* the worker died, was given up, or could not do it now: it may have to be done again */
    struct { /* INJECT, HELPERS: the numbers of inotify's watches on folders of programs */
        bool lacking; /* there is no helper under one of its names, but for the stand-in */
        bool stand_in; /* that is there */
        uint32_t n_watches;
        int32_t watches[JOB_WATCHES_MAX];
    } helpers;
    char message[WIRE_TEXT_MAX]; /* where error is not 0: for a person */
    union {
        int32_t backing_id;
        bool mounts; /* FUSE_DEVICE: the silo's programs mount by themselves */
        bool made_state; /* HOLD: the last fd is new to the client */
        struct {
            uint32_t made; /* how many */
            bool named; /* the program names the helper */
        } phantom;
        struct job_description description;
        struct job_waiting waiting;
        struct job_holders holders;
        struct {
            pid_t pid; /* 0: nobody is left */
            uint64_t start; /* of the process: tells it from another of its pid */
            pid_t stranger; /* a process of another namespace that has the inode number now; 0: none */
        } survivor;
        struct {
            bool nested; /* /dev/linfsp is there already: part of the silo around it, which has this number (0: unknown)
                          */
            bool not_yet; /* early only: no /dev yet */
            bool mounts; /* its programs mount by themselves */
            bool off; /* it is to have nothing of ours: the message says why */
            bool unc_waits; /* its /unc is to be moved by ROOT_UNC */
            uint64_t around;
        } inject; /* fd: the pipe of its /unc */
        struct { /* fds: fuse, its clones, then the parent of a made mount point, unless that is in no layer */
            uint32_t fuse_device;
            uint64_t mount_id;
            struct mount_namespace nested; /* where it was mounted, if that is not the silo's own; else inode 0 */
            uint64_t letters_mount_id;
            uint32_t clones;
            bool published; /* where it failed: it is on the stage, and is the service's to take off */
            bool made; /* made_name is to be removed at the end, from the last fd if there is one for it */
            bool made_letters; /* and /mnt with it */
            char made_name[WIRE_COMPONENT_MAX];
            char mount_point[WIRE_PATH_MAX];
            uint32_t owner_uid;
            uint32_t owner_gid;
            struct wire_init init;
        } mount;
    };
};

/* The first packet to a worker, with descriptors: the service's tmpfs (/run/linfsp), a FUSE node on it, which any user
 * namespace may open, the inotify instance for folders of programs, the stage (worker/stage.h), and the
 * catcher's socket, and a procfs (util/proc.h). */
struct job_welcome {
    uint32_t size; /* of struct job */
    pid_t service;
};
#define JOB_WELCOME_FDS 6

/* A file in the service's tmpfs, for a volume's number: what a worker is about to mount (worker/intent.h). */
#define JOB_INTENT_FILE "journal/intent-%llu"

#endif
