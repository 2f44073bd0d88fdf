/* SPDX-License-Identifier: MIT */
/* What the service and its workers tell the catcher (main.c), and what it asks of the service: packets of a socket. */
#ifndef LINFSP_CATCHER_PROTOCOL_H
#define LINFSP_CATCHER_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum catcher_what {
    CATCHER_SERVE = 1, /* the processes of this mount namespace are served */
    CATCHER_FORGET, /* no more */
    CATCHER_MARK, /* with a file, O_PATH: watch it */
    CATCHER_UNMARK, /* with a file, O_PATH */
    CATCHER_OPENED, /* to the service: a FUSE program starts in a silo, and waits */
    CATCHER_GO_ON, /* from the service: let that process go on */
    CATCHER_HOLD, /* from the service: stop a process that has just started, until GO_ON with the same ticket */
    CATCHER_CHROOTS, /* to the service: a process is about to run chroot(8), and waits */
    CATCHER_CHANGES, /* to the service: a process is about to run what may change a helper's file, and waits */
    CATCHER_READS, /* to the service: somebody is about to list the layer of a silo, and waits */
    CATCHER_HAS_READ, /* to the service: he has */
    CATCHER_STARTED, /* to the service: this catcher is ready. If its ticket is not 0, so many died before, and this one
                        knows nothing yet */
};

enum catcher_kind {
    CATCHER_HELPER, /* a copy of libfuse's helper: its exec becomes that of the stand-in */
    CATCHER_UNMOUNTER, /* umount(8), busybox: the same, where it is called for a FUSE mount */
    CATCHER_LIBRARY, /* libfuse: its opening is told to the service, and a program that opens it is followed, if its
                        mount(2) would fail otherwise than programs expect (tracees.h) */
    CATCHER_LIBRARY_ALONE, /* the same, in an image that has no helper */
    CATCHER_CHROOT, /* chroot(8): where it goes to is made ready first */
    CATCHER_PACKAGES, /* a package manager, while the stand-in is under names that the image lacks: it is told to the
                         service */
    CATCHER_TOOL, /* what changes files (cp, mv, rm): the same, where its arguments name a helper or its folder */
    CATCHER_LAYER, /* no program: the root of a silo's layer, in which something was copied for us (worker/copied.h) */
    CATCHER_MANY, /* many commands in one file (busybox, toybox, coreutils): an unmounter, chroot(8), a package manager,
                     a tool, or let go on at once, depending on what it is called as */
};

static inline bool catcher_is_library(enum catcher_kind kind) {
    return kind == CATCHER_LIBRARY || kind == CATCHER_LIBRARY_ALONE;
}

#define CATCHER_USER_GROUPS 4
#define CATCHER_GROUPS (1 + CATCHER_USER_GROUPS)

/* The group of files whose opening somebody in a user namespace can make wait. */
static inline uint32_t catcher_group_of_user(uid_t user) {
    return 1 + user % CATCHER_USER_GROUPS;
}

#define CATCHER_SERVICE_TICKET (UINT64_C(1) << 63)

struct catcher_message {
    uint32_t what; /* enum catcher_what */
    uint32_t kind; /* enum catcher_kind: MARK, UNMARK, OPENED */
    uint64_t
        mount_namespace; /* SERVE, FORGET, OPENED, CHROOTS, CHANGES: its inode number, as /proc/PID/ns/mnt has it */
    uint64_t silo; /* SERVE, READS, HAS_READ, MARK of a layer: whose it is */
    uint32_t device_major, device_minor; /* SERVE: of the service's file system, where the silo's folder is */
    uint64_t ticket; /* OPENED, CHROOTS, CHANGES, READS, HOLD, GO_ON, STARTED; those of the service have
                        CATCHER_SERVICE_TICKET set */
    int32_t pid; /* OPENED, CHROOTS, CHANGES, HOLD */
    uint32_t group; /* MARK: of which the file is to be (groups.h); below CATCHER_GROUPS */
};

#endif
