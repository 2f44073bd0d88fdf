/* SPDX-License-Identifier: MIT */
/*
 * Making a volume's mounts. Mechanism only: what may be mounted was decided before
 * (policy.c), except for what only the silo's own view can tell: whether a mount point is fit.
 *
 * A disk's superblock belongs to the silo's user namespace, for which the worker enters it; a network volume's to the
 * initial one, because the host and all silos are to read it. The kernel's FUSE_INIT is answered here (fuse-init.c), so
 * that the descriptor handed out is ready and its request time-out cannot be left out by the server.
 */
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "fuse/fuse-abi.h"
#include "util/cleanup.h"
#include "util/linux-mount.h"
#include "worker/client-access.h"
#include "worker/copied.h"
#include "worker/enter.h"
#include "worker/fuse-init.h"
#include "worker/intent.h"
#include "worker/jobs.h"
#include "worker/mount-point.h"
#include "worker/nested.h"
#include "worker/overlay.h"
#include "worker/root-kind.h"
#include "worker/stage.h"
#include "worker/unmount-call.h"

static int open_fuse_device(const struct job_base *base, int node) {
    char name[32];
    snprintf(name, sizeof name, "fd/%d", node);
    int fd = openat(base->proc_self, name, O_RDWR | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int set_option(int context, const char *key, const char *value) {
    return fsconfig(context, FSCONFIG_SET_STRING, key, value, 0) < 0 ? -errno : 0;
}

static int set_number(int context, const char *key, unsigned value) {
    char text[32];
    snprintf(text, sizeof text, "%u", value);
    return set_option(context, key, text);
}

static int set_root_mode(int context, unsigned mode) {
    char text[32];
    snprintf(text, sizeof text, "%o", mode);
    return set_option(context, "rootmode", text);
}

static int set_flag(int context, const char *key) {
    return fsconfig(context, FSCONFIG_SET_FLAG, key, NULL, 0) < 0 ? -errno : 0;
}

/* Makes the superblock and a detached mount of it. uid and gid are the server's, as the superblock's user namespace
 * counts. */
static int make_detached_mount(const struct job_mount *mount, int fuse, uid_t uid, gid_t gid, mode_t root_type) {
    _cleanup_close_ int context = fsopen("fuse", FSOPEN_CLOEXEC);
    if (context < 0)
        return -errno;
    int r;
    if ((r = set_option(context, "source", mount->source)) < 0 ||
        (mount->file_system_name[0] && (r = set_option(context, "subtype", mount->file_system_name)) < 0) ||
        (r = set_number(context, "fd", (unsigned)fuse)) < 0 ||
        (r = set_root_mode(context, root_type | mount->root_mode)) < 0 ||
        (r = set_number(context, "user_id", uid)) < 0 || (r = set_number(context, "group_id", gid)) < 0 ||
        (!mount->no_default_permissions && (r = set_flag(context, "default_permissions")) < 0) ||
        (mount->allow_other && (r = set_flag(context, "allow_other")) < 0) ||
        (mount->max_read && (r = set_number(context, "max_read", mount->max_read)) < 0) ||
        (mount->synchronous && (r = set_flag(context, "sync")) < 0) ||
        (mount->directory_synchronous && (r = set_flag(context, "dirsync")) < 0) ||
        (mount->read_only && (r = set_flag(context, "ro")) < 0))
        return r;
    if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    unsigned attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (unsigned)mount->attributes;
    if (mount->read_only)
        attributes |= MOUNT_ATTR_RDONLY;
    if (mount->noexec || mount->network)
        attributes |= MOUNT_ATTR_NOEXEC; /* a share; its mount in the silo is freed of it again */
    int fd = fsmount(context, FSMOUNT_CLOEXEC, attributes);
    return fd < 0 ? -errno : fd;
}

static size_t make_clones(const struct job_base *base, int fuse, uint32_t wanted, int *ret_fds) {
    size_t made = 0;
    while (made < wanted && made < WIRE_CLONES_MAX) {
        int clone = open_fuse_device(base, base->fuse_device);
        if (clone < 0)
            break;
        uint32_t original = (uint32_t)fuse;
        if (ioctl(clone, FUSE_DEV_IOC_CLONE, &original) < 0) {
            close(clone);
            break;
        }
        ret_fds[made++] = clone;
    }
    return made;
}

static int attach(int mount, int target) {
    return move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ? -errno : 0;
}

/* What is under way, to be undone where a later step fails. */
struct attempt {
    int mount_namespace, user_namespace, root;
    int fuse, mount;
    struct mount_point point;
    int intent; /* where it is written down (intent.h) */
    bool published;
    uid_t client_uid; /* as the worker's user namespace counts */
    mode_t root_type;
};

static void attempt_close(struct attempt *attempt) {
    close_fd(&attempt->mount_namespace);
    close_fd(&attempt->user_namespace);
    close_fd(&attempt->root);
    close_fd(&attempt->mount);
    close_fd(&attempt->fuse);
    close_fd(&attempt->intent);
    mount_point_close(&attempt->point);
}

/* Puts a network volume on the stage, from where it is mounted in a silo when somebody there goes to its prefix.
 * Replaces *mount by a second mount of the same superblock, for the mount point in its own silo. */
static int publish(const struct job_base *base, const struct job_mount *request, struct attempt *attempt,
                   struct job_result *result) {
    int *mount = &attempt->mount;
    int r = stage_enter(base);
    if (r == 0)
        r = stage_put_volume(request->volume, *mount);
    if (r < 0)
        return job_fail(result, r, "cannot put the volume on the service's stage: %s", strerror(-r));
    if (!request->has_mount_point)
        return 0;
    _cleanup_close_ int copy = open_tree(*mount, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    struct mount_attr attributes = {.attr_clr = request->noexec ? 0 : MOUNT_ATTR_NOEXEC, .propagation = MS_PRIVATE};
    if (copy < 0 || mount_setattr(copy, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0)
        return job_fail(result, -errno, "cannot mount a second time: %s", strerror(errno));
    close_fd(mount);
    *mount = steal_fd(&copy);
    if ((r = enter_host(base)) < 0)
        return job_fail(result, r, "cannot go back to the host: %s", strerror(-r));
    if (attempt->user_namespace < 0)
        return 0;
    gid_t gid;
    result->spent = true;
    r = enter_user_namespace_with(base, attempt->user_namespace, request->peer_uid, request->peer_gid, mount, 1,
                                  &attempt->client_uid, &gid);
    return r < 0 ? job_fail(result, r, "cannot enter the container's user namespace: %s", strerror(-r)) : 0;
}

static mode_t root_type_of(int mount_point) {
    struct statx status;
    if (statx(mount_point, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &status) < 0)
        return S_IFDIR;
    return S_ISREG(status.stx_mode) ? S_IFREG : S_IFDIR;
}

/* The superblock, with FUSE_INIT answered. For a disk of a silo with a user namespace of its own: inside it. */
static int make_superblock(const struct job_base *base, const struct job *job, int node, struct attempt *attempt,
                           struct job_result *result, int *ret_fds) {
    const struct job_mount *request = &job->mount;
    bool own_user_namespace = job->target.user_namespace && !request->network;
    uid_t uid = request->peer_uid;
    gid_t gid = request->peer_gid;
    int r;
    if (own_user_namespace) {
        result->spent = true;
        if ((r = enter_user_namespace(attempt->user_namespace, uid, gid, &uid, &gid)) < 0)
            return job_fail(result, r, "cannot enter the container's user namespace: %s", strerror(-r));
    }
    attempt->fuse = open_fuse_device(base, node);
    if (attempt->fuse < 0)
        return job_fail(result, attempt->fuse, "the host's FUSE device cannot be opened: %s", strerror(-attempt->fuse));
    /* the mount namespace decides who may open a file system: in a user namespace, its own */
    if (own_user_namespace && (r = enter_mount_namespace(attempt->mount_namespace, attempt->root)) < 0)
        return job_fail(result, r, "cannot enter the container: %s", strerror(-r));
    attempt->mount = make_detached_mount(request, attempt->fuse, uid, gid, attempt->root_type);
    if (attempt->mount < 0)
        return job_fail(result, attempt->mount, "the kernel refuses the mount: %s", strerror(-attempt->mount));
    result->mount.owner_uid = attempt->client_uid = uid;
    result->mount.owner_gid = gid;
    if (request->raw) {
        result->mount.clones = (uint32_t)make_clones(base, attempt->fuse, request->clones, ret_fds + 1);
        return 0;
    }
    r = fuse_init_answer(attempt->fuse, &request->init, &result->mount.init);
    if (r < 0)
        return job_fail(result, r, "the kernel's FUSE_INIT cannot be answered: %s", strerror(-r));
    result->mount.clones = (uint32_t)make_clones(base, attempt->fuse, request->clones, ret_fds + 1);
    return 0;
}

/* Tells the service, and writes down, what is about to be mounted. */
static int declare(const struct job *job, struct attempt *attempt, struct job_result *result) {
    struct statx status;
    if (statx(attempt->mount, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &status) < 0)
        return job_fail(result, -errno, "cannot tell the mount's number: %s", strerror(errno));
    attempt->point.intent = attempt->intent;
    result->mount.fuse_device = status.stx_dev_minor;
    result->mount.mount_id = status.stx_mnt_id;
    int r = intent_mount(attempt->intent, job, status.stx_dev_minor, status.stx_mnt_id);
    if (r == 0 && result->mount.nested.inode)
        r = intent_nested(attempt->intent, &result->mount.nested);
    return r < 0 ? job_fail(result, r, "the service cannot write its journal: %s", strerror(-r)) : 0;
}

/* Beneath the mount that it replaces, which is unmounted afterwards: so something is mounted there at each moment. */
static int attach_beneath(int mount, int target) {
    return move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH | MOVE_MOUNT_BENEATH) < 0
               ? -errno
               : 0;
}

static int attach_in_silo(const struct job_mount *request, struct attempt *attempt, struct job_result *result) {
    int r = mount_point_is(attempt->point.fd, request->replaces) ? attach_beneath(attempt->mount, attempt->point.fd)
                                                                 : attach(attempt->mount, attempt->point.fd);
    if (r == -EINVAL)
        return job_fail(result, r, "%s is not in this container's own mount namespace: start the file system there",
                        result->mount.mount_point);
    return r < 0 ? job_fail(result, r, "cannot mount at %s: %s", result->mount.mount_point, strerror(-r)) : 0;
}

/* Opens the namespaces in which to mount: the silo's, or those of the client's own in it, which *target then tells. */
static int open_namespaces(const struct job_base *base, const struct job *job, int pidfd, struct attempt *attempt,
                           struct job_target *target, struct job_result *result) {
    _cleanup_(nested_close) struct nested nested = NESTED_NONE;
    int r = enter_open(base, target, pidfd, &attempt->mount_namespace, &attempt->user_namespace, &attempt->root);
    if (r == 0)
        r = nested_open(base, target, attempt->mount_namespace, job->mount.client, &nested);
    if (r <= 0)
        return r;
    close_fd(&attempt->mount_namespace);
    close_fd(&attempt->user_namespace);
    close_fd(&attempt->root);
    attempt->mount_namespace = steal_fd(&nested.fd);
    attempt->user_namespace = steal_fd(&nested.user_namespace);
    attempt->root = steal_fd(&nested.root);
    result->mount.nested = target->mount_namespace = nested.mount_namespace;
    target->user_namespace = true;
    target->root_uid = nested.root_uid;
    target->root_gid = nested.root_gid;
    return 0;
}

/* A network volume without a mount point is on the stage only. */
static bool touches_silo(const struct job_mount *request) {
    return !request->network || request->has_mount_point || request->raw;
}

static int run_mount(const struct job_base *base, struct job *job, struct job_fds *fds, struct attempt *attempt,
                     struct job_result *result) {
    size_t n_fds = fds->n_in;
    const struct job_mount *request = &job->mount;
    bool host = job->target.host;
    int r = attempt->intent = intent_begin(base, job);
    if (r < 0)
        return job_fail(result, r, "the service cannot write its journal: %s", strerror(-r));
    if (request->raw) /* programs mount on files, too */
        attempt->root_type = root_type_of(fds->in[n_fds - 1]);
    if (host)
        attempt->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    else if (touches_silo(request) && (r = open_namespaces(base, job, fds->in[0], attempt, &job->target, result)) < 0)
        return job_fail(result, r, r == -ESRCH ? "the container is gone" : "cannot enter the container: %s",
                        strerror(-r));
    bool own_user_namespace = job->target.user_namespace && !request->network;
    if (request->letter[0])
        attempt->point.lock = letters_open_lock(base);
    if (!host && request->letter[0]) {
        (void)overlay_open(base, job->target.init_pid, attempt->root, &attempt->point.overlay);
        if (attempt->point.overlay.upper >= 0)
            attempt->point.copied = copied_open_notes(base, job->target.silo, &attempt->point.overlay);
        attempt->point.root_ends = root_ends_with_silo(base, &job->target, attempt->root);
    }
    size_t first = host ? 0 : 1;
    int node = request->raw ? fds->in[first++] : base->fuse_device;
    int client_folder = request->has_mount_point && !request->letter[0] && n_fds > first ? fds->in[first] : -1;
    if (client_folder >= 0 && request->peer_uid != job->target.root_uid &&
        !mount_point_is(client_folder, request->replaces))
        attempt->point.access = client_access_mount(client_folder, request->peer_uid, request->peer_gid, fds->groups);
    /* everybody else's libfuse runs the helper for unmounting, too */
    if (request->raw && !host && request->server > 1 && request->peer_uid == job->target.root_uid)
        (void)unmount_call_change(base, &job->target, request->server, request->client);
    if ((r = make_superblock(base, job, node, attempt, result, fds->out)) < 0)
        return r;
    if (request->network) {
        attempt->published = true;
        if ((r = publish(base, request, attempt, result)) < 0)
            return r;
    }
    if ((r = declare(job, attempt, result)) < 0)
        return r;
    if (!request->has_mount_point) {
        result->mount.mount_id = 0;
        return 0;
    }
    if (!host && !own_user_namespace && (r = enter_mount_namespace(attempt->mount_namespace, attempt->root)) < 0)
        return job_fail(result, r, "cannot enter the container: %s", strerror(-r));
    r = mount_point_find(base, job, attempt->root, n_fds > first ? fds->in[first] : -1,
                         n_fds > first + 1 ? fds->in[first + 1] : -1, &attempt->point, result);
    if (r < 0)
        return r;
    r = attach_in_silo(request, attempt, result);
    if (r < 0)
        mount_point_undo(base, &attempt->point);
    return r;
}

void job_mount(const struct job_base *base, const struct job *job, struct job_fds *fds, struct job_result *result) {
    _cleanup_(attempt_close) struct attempt attempt = {.mount_namespace = -1,
                                                       .user_namespace = -1,
                                                       .root = -1,
                                                       .fuse = -1,
                                                       .mount = -1,
                                                       .intent = -1,
                                                       .point = MOUNT_POINT_NONE,
                                                       .root_type = S_IFDIR};
    static struct job own;
    own = *job; /* whose target it is to be may turn out to be another */
    int r = run_mount(base, &own, fds, &attempt, result);
    if (r < 0) {
        for (uint32_t i = 0; i < result->mount.clones; i++)
            close_fd(&fds->out[1 + i]);
        result->mount.published = attempt.published;
        return;
    }
    fds->out[0] = steal_fd(&attempt.fuse);
    fds->n_out = 1 + result->mount.clones;
    result->mount.letters_mount_id = attempt.point.letters_mount_id;
    if (attempt.point.made) {
        result->mount.made = true;
        result->mount.made_letters = attempt.point.made_letters;
        snprintf(result->mount.made_name, sizeof result->mount.made_name, "%s", attempt.point.made_name);
        /* what is hidden from its layer is not removed by whoever has the folder around it, but found again: a folder
         * that is held is in use, and stays in the layer (copied.h) */
        if (attempt.point.overlay.upper < 0)
            fds->out[fds->n_out++] = steal_fd(&attempt.point.parent);
    }
}
