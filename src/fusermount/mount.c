/* SPDX-License-Identifier: MIT */
#include "fusermount/mount.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fusermount/comm.h"
#include "fusermount/direct.h"
#include "fusermount/mount-point.h"
#include "fusermount/options.h"
#include "fusermount/report.h"
#include "fusermount/service.h"
#include "fusermount/unmount.h"
#include "util/cleanup.h"

#define PREFIX_VARIABLE "LINFSP_UNC" /* what -o unc= says, for programs that refuse options they do not know */
#define HOLD_VARIABLE "LINFSP_HOLD" /* the same for -o x-linfsp.hold= */
#define RECONNECT_MS 200
#define AGAIN_MS 100
#define AGAIN_TURNS 20
#define DIED_TURNS 80

/* A mount made, and how to end it. */
struct mounted {
    int fuse;
    int service; /* its life line; -1: mounted with our own rights */
    struct service_volume volume;
    char path[PATH_MAX];
};

static bool check_options(const struct options *options, bool by_ourselves) {
    bool root = getuid() == 0;
    if (options->set_user_id && !(root && by_ourselves))
        report("unsafe option suid ignored");
    if (options->devices && !(root && by_ourselves))
        report("unsafe option dev ignored");
    if (options->block_device && !root) {
        report("option blkdev is privileged");
        return false;
    }
    return true;
}

/* One attempt. On failure message says why. */
static int ask_service(int mount_point, const struct options *options, struct mounted *mounted,
                       char message[WIRE_TEXT_MAX]) {
    close_fd(&mounted->service);
    message[0] = 0;
    int result = service_connect(-1, &mounted->service);
    if (result == 0)
        result = service_mount(mounted->service, mount_point, mounted->path, options->asked, options->auto_unmount,
                               &mounted->volume, message);
    return result;
}

/* What a service that was just started may say until it has put away what the one before it left half-made. */
static bool may_pass(int error) {
    return error == -ECONNRESET || error == -EPIPE || error == -ENODEV || error == -EEXIST || error == -EBUSY ||
           error == -ENOTEMPTY;
}

/* If the service dies while it is asked, whoever looks after it may start another in a moment: it is asked again. */
static int mount_by_service(int mount_point, const struct options *options, struct mounted *mounted) {
    char message[WIRE_TEXT_MAX];
    int result = ask_service(mount_point, options, mounted, message);
    bool died = result == -ECONNRESET || result == -EPIPE;
    for (int turn = 0; turn < (died ? DIED_TURNS : AGAIN_TURNS); turn++) {
        bool told_to = result == -EAGAIN && message[0]; /* else there are too many connections */
        if (!told_to && !(died && may_pass(result)))
            break;
        (void)poll(NULL, 0, AGAIN_MS);
        result = ask_service(mount_point, options, mounted, message);
        died = died || result == -ECONNRESET || result == -EPIPE;
    }
    if (result < 0 && message[0])
        report("%s", message);
    else if (result < 0)
        service_report_no_connection(result);
    else
        mounted->fuse = result;
    return result < 0 ? result : 0;
}

/* 1 where the service is to be asked instead. */
static int mount_by_ourselves(int mount_point, mode_t type, const struct options *options, struct mounted *mounted) {
    int fuse = direct_mount(mount_point, type, options);
    if (fuse == -ENXIO || fuse == -EPERM || fuse == -EACCES)
        return 1; /* no device, or an LSM or seccomp is against it */
    if (fuse < 0)
        report("mount failed: %s", strerror(-fuse));
    mounted->fuse = fuse;
    return fuse < 0 ? fuse : 0;
}

static int make_mount(const struct options *options, struct mounted *mounted) {
    mode_t type;
    _cleanup_close_ int mount_point = mount_point_pin(mounted->path, &type);
    if (mount_point < 0)
        return mount_point;
    bool privileged = direct_is_privileged() && !options->shared;
    if (!check_options(options, privileged))
        return -EPERM;
    if (privileged && options->unknown) {
        report("unknown option '%s'", options->unknown);
        return -EINVAL;
    }
    int result = privileged ? mount_by_ourselves(mount_point, type, options, mounted) : 1;
    return result == 1 ? mount_by_service(mount_point, options, mounted) : result;
}

/* ---- auto_unmount ---------------------------------------------------------------------------------------------- */

/* Whether the caller's end of comm is closed. */
static bool has_hung_up(int comm) {
    char bytes[64];
    ssize_t size = recv(comm, bytes, sizeof bytes, MSG_DONTWAIT);
    return size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR);
}

/* The service is gone, and with it the life line: looks for the next one. 1: the volume has ended; 0: go on. */
static int find_next_service(struct mounted *mounted) {
    close_fd(&mounted->service);
    if (service_connect(0, &mounted->service) < 0)
        return 0;
    int result = service_attach(mounted->service, &mounted->volume);
    if (result < 0)
        close_fd(&mounted->service);
    return result == -ENOENT;
}

static void wait_on_life_line(int comm, struct mounted *mounted) {
    for (;;) {
        struct pollfd wait[2] = {{.fd = comm, .events = POLLIN}, {.fd = mounted->service, .events = POLLIN}};
        (void)poll(wait, 2, mounted->service < 0 ? RECONNECT_MS : -1);
        if (wait[0].revents && has_hung_up(comm))
            break;
        int heard = wait[1].revents ? service_listen(mounted->service, &mounted->volume) : 0;
        if (heard == 1 || ((heard < 0 || mounted->service < 0) && find_next_service(mounted) == 1))
            return;
    }
    char message[WIRE_TEXT_MAX];
    if (mounted->service >= 0)
        (void)service_unmount(mounted->service, mounted->volume.id, NULL, true, false, message);
}

/* The file system may have ended in good order, and somebody else's may be mounted there by now: only a dead one is
 * ours to remove. */
static bool is_dead(const char *path) {
    if (!mount_point_is_fuse(path))
        return false;
    struct stat status;
    return stat(path, &status) < 0 && errno == ENOTCONN;
}

static void wait_for_death(int comm, const char *path) {
    struct pollfd wait = {.fd = comm, .events = POLLIN};
    do
        (void)poll(&wait, 1, -1);
    while (!has_hung_up(comm));
    if (is_dead(path))
        (void)unmount_run(path, true, true, false);
}

static int open_comm(const struct call *call) {
    const char *text = call->comm ? call->comm : getenv(COMM_VARIABLE);
    if (text)
        return comm_open(text);
    report("old style mounting not supported");
    return -EINVAL;
}

static void undo(struct mounted *mounted) {
    char message[WIRE_TEXT_MAX];
    close_fd(&mounted->fuse);
    if (mounted->service >= 0)
        (void)service_unmount(mounted->service, mounted->volume.id, NULL, true, false, message);
    else
        (void)mount_point_unmount(mounted->path, true);
}

static int mount_and_send(const struct options *options, int comm, struct mounted *mounted) {
    int result = make_mount(options, mounted);
    if (result < 0)
        return result;
    result = comm_send(comm, mounted->fuse);
    if (result < 0) {
        undo(mounted);
        return result;
    }
    close_fd(&mounted->fuse); /* a copy kept here would hide the caller's death */
    if (!options->auto_unmount)
        return 0;
    comm_stay_behind(comm, mounted->service);
    if (mounted->service >= 0)
        wait_on_life_line(comm, mounted);
    else
        wait_for_death(comm, mounted->path);
    return 0;
}

/* The options, behind what the environment says: what is said in options counts more. */
static int take_options(const char *text, struct options *ret_options) {
    const char *prefix = getenv(PREFIX_VARIABLE), *hold = getenv(HOLD_VARIABLE);
    bool has_prefix = prefix && prefix[0], has_hold = hold && hold[0];
    _cleanup_free_ char *all = NULL;
    if (!has_prefix && !has_hold)
        return options_parse(text, ret_options);
    if (asprintf(&all, "%s%s%s%s%s%s%s", has_hold ? "x-linfsp.hold=" : "", has_hold ? hold : "",
                 has_hold && (has_prefix || text[0]) ? "," : "", has_prefix ? "unc=" : "", has_prefix ? prefix : "",
                 has_prefix && text[0] ? "," : "", text) < 0) {
        all = NULL; /* it is undefined then */
        return -ENOMEM;
    }
    return options_parse(all, ret_options);
}

int mount_run(const struct call *call, const char *path) {
    struct mounted mounted = {.fuse = -1, .service = -1};
    struct options options;
    int comm = open_comm(call);
    if (comm < 0)
        return comm;
    if (take_options(call->options, &options) < 0) {
        report("failed to allocate memory");
        return -ENOMEM;
    }
    snprintf(mounted.path, sizeof mounted.path, "%s", path);
    int result = mount_and_send(&options, comm, &mounted);
    close_fd(&mounted.fuse);
    close_fd(&mounted.service);
    options_done(&options);
    return result;
}

int mount_run_wait(const struct call *call, const char *path) {
    int comm = open_comm(call);
    if (comm < 0)
        return comm;
    comm_stay_behind(comm, -1);
    wait_for_death(comm, path);
    return 0;
}
