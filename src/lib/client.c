/* SPDX-License-Identifier: MIT */
/*
 * Creating a volume.
 *
 * Model. The options are checked, the mount point is pinned by an fd and the rings are opened, if there may be any,
 * before the service is asked; the service mounts, answers the kernel's FUSE_INIT itself, and hands the connection's
 * fds over. FUSE_INIT says whether requests go by rings, and there is no way back to that: so rings are asked for only
 * by who has them. Whatever was made here until then goes away on failure.
 */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/volume.h"
#include "util/clock.h"
#include "util/paths.h"
#include "wire/connect.h"
#include "wire/prefix.h"

#define AGAIN_MS 20
#define AGAIN_TRIES 100
#define CREATE_TIMEOUT_MS 10000
#define CONNECT_TIMEOUT_MS 1000
#define AGAIN_NS INT64_C(8000000000)
#define AGAIN_WAIT_MS 100
#define STARTED_TRIES 20
#define STARTED_WAIT_MS 100

#define MAX_WRITE_DEFAULT (1u << 20)
#define MAX_BACKGROUND_DEFAULT 128

/* An operations struct may be an older program's. */
#define HAS_OPERATION(operations, name)                                                                                \
    ((operations)->size >= offsetof(struct linfsp_operations, name) + sizeof((operations)->name) && (operations)->name)

/* ---- options --------------------------------------------------------------------------------------------------- */

static int check_name(const char *name, struct linfsp_error *ret_error) {
    if (!name || !*name)
        return fsp_fail(ret_error, EINVAL, "the file system has no name");
    if (strlen(name) >= WIRE_NAME_MAX)
        return fsp_fail(ret_error, EINVAL, "file system name \"%.20s...\" is longer than %d bytes", name,
                        WIRE_NAME_MAX - 1);
    for (const char *c = name; *c; c++)
        if (!(isascii((unsigned char)*c) && isalnum((unsigned char)*c)) && !strchr(".-_", *c))
            return fsp_fail(ret_error, EINVAL,
                            "file system name \"%s\": only letters, digits, '.', '-' and '_' are allowed", name);
    return 0;
}

static int check_prefix(const char *prefix, struct linfsp_error *ret_error) {
    char canonical[PREFIX_MAX];
    const char *why = "malformed";
    if (!prefix)
        return 0;
    int r = prefix_parse(prefix, canonical, &why);
    if (r < 0)
        return fsp_fail(ret_error, -r, "prefix \"%.64s%s\": %s", prefix, strlen(prefix) > 64 ? "..." : "", why);
    return strlen(prefix) < WIRE_PREFIX_MAX
               ? 0
               : fsp_fail(ret_error, ENAMETOOLONG, "prefix \"%.64s...\" is too long", prefix);
}

/* A program built with another header has a struct of another size: what it does not know of is zero, what we do not is
 * not looked at. */
static int take_options(const struct linfsp_volume_options *given, struct linfsp_volume_options *ret_options,
                        struct linfsp_error *ret_error) {
    struct linfsp_volume_options options = {0};
    const uint64_t state_max = WIRE_STATE_MAX - (UINT64_C(1) << 20);
    const uint32_t known = LINFSP_VOLUME_READ_ONLY | LINFSP_VOLUME_NONEMPTY | LINFSP_VOLUME_NO_SERVICE_START |
                           LINFSP_VOLUME_NOEXEC | LINFSP_VOLUME_TAKE_OVER;
    if (!given || given->size < offsetof(struct linfsp_volume_options, want))
        return fsp_fail(ret_error, EINVAL, "the volume's options have no size member");
    memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
    int r = check_name(options.file_system_name, ret_error);
    if (r == 0)
        r = check_prefix(options.prefix, ret_error);
    if (r < 0)
        return r;
    if (!options.mount_point && !options.prefix)
        return fsp_fail(ret_error, EINVAL, "a volume needs a mount point or a prefix");
    if (options.flags & ~known)
        return fsp_fail(ret_error, EINVAL, "unknown volume flags 0x%x", options.flags & ~known);
    if (options.max_write == 0)
        options.max_write = MAX_WRITE_DEFAULT;
    if (options.max_write < 4096 || options.max_write > MAX_WRITE_DEFAULT)
        return fsp_fail(ret_error, EINVAL, "max_write is %u, it must be 4096 to %u", options.max_write,
                        MAX_WRITE_DEFAULT);
    if (options.max_background == 0)
        options.max_background = MAX_BACKGROUND_DEFAULT;
    if (options.max_background > UINT16_MAX)
        return fsp_fail(ret_error, EINVAL, "max_background is %u, it must be at most %d", options.max_background,
                        UINT16_MAX);
    if (options.thread_functions && (options.thread_functions->size < sizeof *options.thread_functions ||
                                     !options.thread_functions->start || !options.thread_functions->join))
        return fsp_fail(ret_error, EINVAL, "the thread functions have no size, no start or no join member");
    if (options.state_size > state_max)
        return fsp_fail(ret_error, EINVAL, "state_size is %llu, it must be at most %llu",
                        (unsigned long long)options.state_size, (unsigned long long)state_max);
    if (options.fail_over && (options.threads == 0 || options.threads > WIRE_HELD_FDS_MAX))
        options.threads = fsp_channel_count(options.threads) < WIRE_HELD_FDS_MAX ? fsp_channel_count(options.threads)
                                                                                 : WIRE_HELD_FDS_MAX;
    if (options.source && strlen(options.source) >= WIRE_SOURCE_MAX)
        return fsp_fail(ret_error, ENAMETOOLONG, "source \"%.64s...\" is too long", options.source);
    *ret_options = options;
    return 0;
}

/* ---- the transport --------------------------------------------------------------------------------------------- */

/* *ret_uring NULL: over /dev/fuse. *ret_forced: nothing else will do. */
static int choose_transport(const struct linfsp_volume_options *options, struct fsp_uring **ret_uring, bool *ret_forced,
                            struct linfsp_error *ret_error) {
    const char *named = getenv("LINFSP_TRANSPORT");
    bool forced = named && strcmp(named, fsp_loop_uring.name) == 0;
    if (named && *named && !forced && strcmp(named, fsp_loop_dev.name) != 0)
        return fsp_fail(ret_error, EINVAL, "LINFSP_TRANSPORT is \"%.64s\"; it may be %s or %s", named,
                        fsp_loop_dev.name, fsp_loop_uring.name);
    *ret_uring = NULL;
    *ret_forced = forced;
    if (forced && options->fail_over)
        return fsp_fail(ret_error, EINVAL,
                        "io_uring, which LINFSP_TRANSPORT asks for, excludes fail-over: the kernel "
                        "does not send again what a server took from a ring");
    /* likewise where nothing is forced */
    bool none = (named && *named && !forced) || options->fail_over;
    int r = none ? 0 : fsp_uring_open(options->threads, ret_uring);
    if (r < 0 && forced)
        return fsp_fail(ret_error, -r,
                        "io_uring, which LINFSP_TRANSPORT asks for, cannot be used here (%s): it takes "
                        "/sys/module/fuse/parameters/enable_uring, io_uring_setup(2) and more than one thread",
                        strerror(-r));
    return 0;
}

/* ---- the service ----------------------------------------------------------------------------------------------- */

static int connect_to_service(const char *device, uint32_t flags, int *ret_socket, struct linfsp_error *ret_error) {
    int r = wire_connect(device, CONNECT_TIMEOUT_MS, ret_socket);
    if (r == -ENODEV && !(flags & LINFSP_VOLUME_NO_SERVICE_START) && fsp_may_start_service()) {
        int started = fsp_start_service(ret_error);
        if (started < 0)
            return started;
        for (int i = 0; i < STARTED_TRIES && (r = wire_connect(device, 0, ret_socket)) == -ENODEV; i++)
            usleep(STARTED_WAIT_MS * 1000);
    }
    if (r == -ENODEV) {
        char text[sizeof ret_error->message];
        wire_no_service_message(text, sizeof text);
        return fsp_fail(ret_error, ENODEV, "%s", text);
    }
    if (r == -EAGAIN)
        return fsp_fail(ret_error, EAGAIN, "the LinFsp service is busy: too many connections");
    if (r < 0)
        return fsp_fail(ret_error, -r, "cannot connect to the LinFsp service: %s", strerror(-r));
    return 0;
}

static void describe_request(const struct linfsp_volume_options *options, const struct fsp_mount_point *point,
                             bool uring, struct wire_create_volume *ret_request) {
    unsigned channels = fsp_channel_count(options->threads);
    struct wire_create_volume *request = ret_request;
    wire_begin(request, WIRE_CREATE_VOLUME, 1);
    request->clones = channels - 1 > WIRE_CLONES_MAX ? WIRE_CLONES_MAX : channels - 1;
    if (options->flags & LINFSP_VOLUME_READ_ONLY)
        request->flags |= WIRE_CREATE_READ_ONLY;
    if (options->flags & LINFSP_VOLUME_NOEXEC)
        request->flags |= WIRE_CREATE_NOEXEC;
    if (point->fd >= 0)
        request->flags |= WIRE_CREATE_MOUNT_POINT_FD;
    if (point->made)
        request->flags |= WIRE_CREATE_MADE_MOUNT_POINT;
    fsp_negotiate(options->want, options->max_write, options->max_background, &request->init);
    if (uring)
        request->init.flags |= FUSE_OVER_IO_URING;
    if (options->fail_over)
        request->init.flags |= FUSE_HAS_RESEND;
    request->root_mode = options->root_mode ? options->root_mode & 07777 : 0755;
    WIRE_SET(request->letter, point->letter);
    WIRE_SET(request->file_system_name, options->file_system_name);
    WIRE_SET(request->source, options->source ? options->source : "");
    WIRE_SET(request->prefix, options->prefix ? options->prefix : "");
    WIRE_SET(request->mount_point, point->path);
    if (point->made)
        WIRE_SET(request->made_name, point->name);
}

static int receive_within(int socket, int timeout_ms, union wire_message *ret_message, int *ret_fds,
                          size_t *ret_n_fds) {
    struct pollfd item = {.fd = socket, .events = POLLIN};
    int n;
    do
        n = poll(&item, 1, timeout_ms);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return -ETIMEDOUT;
    int r = wire_receive(socket, ret_message, ret_fds, ret_n_fds, NULL);
    return r == 0 ? -ECONNRESET : r;
}

/* Sends the request and takes its answer: fds are the caller's on success. */
static int ask_for_volume(int socket, const struct wire_create_volume *request, const struct fsp_mount_point *point,
                          union wire_message *ret_answer, int *ret_fds, size_t *ret_n_fds,
                          struct linfsp_error *ret_error) {
    int fds[2];
    size_t n = 0;
    if (point->fd >= 0)
        fds[n++] = point->fd;
    if (point->made)
        fds[n++] = point->parent;
    int r = wire_send(socket, request, fds, n);
    if (r == 0)
        r = receive_within(socket, CREATE_TIMEOUT_MS, ret_answer, ret_fds, ret_n_fds);
    if (r == -ETIMEDOUT)
        return fsp_fail(ret_error, ETIMEDOUT, "the LinFsp service does not answer");
    if (r == -EPROTO)
        return fsp_fail(ret_error, EPROTO, "the LinFsp service that runs speaks another version of the protocol");
    if (r == -ECONNRESET || r == -EPIPE)
        return fsp_fail(ret_error, ECONNRESET, "the LinFsp service closed the connection");
    if (r < 0)
        return fsp_fail(ret_error, -r, "talking to the LinFsp service: %s", strerror(-r));
    if (ret_answer->header.type == WIRE_VOLUME_CREATED && *ret_n_fds > 0)
        return 0;
    for (size_t i = 0; i < *ret_n_fds; i++)
        close(ret_fds[i]);
    if (ret_answer->header.type == WIRE_ERROR)
        return fsp_fail(ret_error, ret_answer->error.error > 0 ? ret_answer->error.error : EIO, "%s",
                        ret_answer->error.message);
    return fsp_fail(ret_error, EPROTO, "the LinFsp service gave an answer that makes no sense (%s)",
                    wire_type_name(ret_answer->header.type));
}

/* ---- the volume ------------------------------------------------------------------------------------------------ */

static void free_volume(struct linfsp_volume *volume) {
    fsp_fail_over_close(volume);
    fsp_session_destroy(&volume->session);
    fsp_lifeline_destroy(&volume->lifeline);
    close_fd(&volume->stop_event);
    close_fd(&volume->hand_over_pair);
    free(volume);
}

static struct linfsp_volume *allocate_volume(void) {
    struct linfsp_volume *volume = calloc(1, sizeof *volume);
    if (!volume)
        return NULL;
    volume->stop_event = volume->hand_over_pair = -1;
    if (fsp_lifeline_init(&volume->lifeline) < 0) {
        free(volume);
        return NULL;
    }
    volume->stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (volume->stop_event < 0) {
        free_volume(volume);
        return NULL;
    }
    return volume;
}

/* A container whose root is no overlayfs has no /unc, but the way round it is always there. */
static void set_unc_path(struct linfsp_volume *volume, const char *path) {
    struct stat status;
    bool round =
        path[0] && lstat(LINFSP_UNC_ROOT, &status) < 0 && stat(LINFSP_DEVICE_DIR LINFSP_UNC_ROOT, &status) == 0;
    snprintf(volume->unc_path, sizeof volume->unc_path, "%s%s", round ? LINFSP_DEVICE_DIR : "", path);
}

/* Takes over socket and fds on success. */
static int fill_volume(struct linfsp_volume *volume, const struct linfsp_volume_options *options,
                       const struct linfsp_operations *operations, void *context, int socket,
                       const struct wire_volume_created *created, const int *fds, size_t n_fds) {
    uint32_t max_write = created->init.max_write > options->max_write ? created->init.max_write : options->max_write;
    size_t use = n_fds < FSP_CHANNELS_MAX ? n_fds : FSP_CHANNELS_MAX;
    int r = fsp_session_init(&volume->session, operations, context, fds, (unsigned)use, max_write);
    if (r < 0)
        return r;
    for (size_t i = use; i < n_fds; i++)
        close(fds[i]);
    volume->session.volume = volume;
    volume->session.trace = options->trace;
    volume->init = created->init;
    volume->session.flags = created->init.flags;
    volume->session.granted = fsp_granted(options->want, &created->init);
    if (options->thread_functions)
        volume->session.threads = *options->thread_functions;
    volume->network = options->prefix != NULL;
    volume->threads = options->threads;
    volume->owner_uid = created->owner_uid;
    volume->owner_gid = created->owner_gid;
    memcpy(volume->mount_point, created->mount_point, sizeof volume->mount_point);
    set_unc_path(volume, created->unc_path);
    volume->lifeline.fuse = volume->session.fds[0];
    volume->lifeline.device = volume->network ? "net" : "disk";
    fsp_lifeline_attached(&volume->lifeline, socket, created);
    fsp_meters_open(&volume->session, created->volume);
    return 0;
}

/* Takes uring over on success. extras: flags that the request has besides those of the options. */
static int create_on(int socket, const struct linfsp_volume_options *options,
                     const struct linfsp_operations *operations, void *context, const struct fsp_mount_point *point,
                     uint32_t extras, struct fsp_uring *uring, struct linfsp_volume *volume,
                     struct linfsp_error *ret_error) {
    struct wire_create_volume request;
    union wire_message answer = {.bytes = {0}};
    int fds[WIRE_FDS_MAX];
    size_t n_fds = 0;
    describe_request(options, point, uring != NULL, &request);
    request.flags |= extras;
    int r = ask_for_volume(socket, &request, point, &answer, fds, &n_fds, ret_error);
    if (r < 0)
        return r;
    r = fill_volume(volume, options, operations, context, socket, &answer.volume_created, fds, n_fds);
    for (size_t i = 0; r < 0 && i < n_fds; i++)
        close(fds[i]);
    if (r < 0)
        return fsp_fail(ret_error, -r, "%s", strerror(-r));
    if (answer.volume_created.init.flags & FUSE_OVER_IO_URING)
        fsp_session_use_uring(&volume->session, uring);
    else
        fsp_uring_close(uring);
    return 0;
}

/* A service that has just met this container may not know yet what it needs to know of it: it says "again". An older
 * service that does not know one of the extras calls the request malformed and hangs up: *socket is opened anew, and
 * the volume does without them. */
static int create_in_time(int *socket, const struct linfsp_volume_options *options,
                          const struct linfsp_operations *operations, void *context,
                          const struct fsp_mount_point *point, struct fsp_uring *uring, struct linfsp_volume *volume,
                          struct linfsp_error *ret_error) {
    struct timespec pause = {.tv_nsec = AGAIN_MS * 1000000};
    uint32_t extras = HAS_OPERATION(operations, hand_over) && !options->fail_over ? WIRE_CREATE_HANDS_OVER : 0;
    for (unsigned tries = 1;; tries++) {
        int r = create_on(*socket, options, operations, context, point, extras, uring, volume, ret_error);
        if (r == -EBADMSG && extras) {
            extras = 0;
            close_fd(socket);
            r = connect_to_service(options->prefix ? "net" : "disk", options->flags, socket, ret_error);
            if (r < 0)
                return r;
            continue;
        }
        if (r != -EAGAIN || tries == AGAIN_TRIES)
            return r;
        nanosleep(&pause, NULL);
    }
}

/* 1: the volume that is held there is ours now; 0: there is none. Takes *socket over on success, and opens it anew
 * where it cannot be used any more. */
static int take_over(int *socket, const struct linfsp_volume_options *options,
                     const struct linfsp_operations *operations, void *context, struct linfsp_volume *volume,
                     struct linfsp_error *ret_error) {
    union wire_message answer = {.bytes = {0}};
    int fds[WIRE_FDS_MAX];
    size_t n_fds = 0;
    if (!options->fail_over)
        return 0;
    int r = fsp_fail_over_ask(*socket, options, &answer, fds, &n_fds);
    if (r == -ENOENT || r == -EAGAIN)
        return 0;
    if (r < 0) { /* a service that knows nothing of this hangs up */
        close_fd(socket);
        return connect_to_service(options->prefix ? "net" : "disk", options->flags, socket, ret_error);
    }
    const struct wire_volume_created *created = &answer.volume_created;
    r = fill_volume(volume, options, operations, context, *socket, created, fds, n_fds - 1);
    if (r < 0) {
        for (size_t i = 0; i < n_fds; i++)
            close(fds[i]);
        return fsp_fail(ret_error, -r, "%s", strerror(-r));
    }
    steal_fd(socket);
    r = fsp_fail_over_take(volume, &created->init, options->fail_over, fds[n_fds - 1]);
    if (r < 0) {
        close(fds[n_fds - 1]);
        return fsp_fail(ret_error, -r, "the volume that is held there cannot be taken over: %s",
                        r == -EPROTO ? "its server was of another version" : strerror(-r));
    }
    return 1;
}

struct take_live {
    const struct linfsp_volume_options *options;
    const struct linfsp_operations *operations;
    void *context;
};

static int fill_taken(struct linfsp_volume *volume, void *context, const struct wire_volume_created *created,
                      const int *fds, size_t n_fds) {
    const struct take_live *take = context;
    int r = fill_volume(volume, take->options, take->operations, take->context, -1, created, fds, n_fds);
    if (r < 0)
        return r;
    uint64_t all = created->init.flags & FUSE_WRITEBACK_CACHE ? UINT64_MAX : ~LINFSP_WANT_WRITEBACK;
    volume->session.granted = fsp_granted(all, &created->init); /* to the earlier server, whatever we would want */
    volume->network = created->unc_path[0];
    volume->lifeline.device = volume->network ? "net" : "disk";
    return 0;
}

/* From a server that is there. */
static int take_live(const struct linfsp_volume_options *options, const struct fsp_without *without,
                     const struct linfsp_operations *operations, void *context, linfsp_volume **ret_volume,
                     struct linfsp_error *ret_error) {
    struct take_live take = {options, operations, context};
    struct linfsp_volume *volume = allocate_volume();
    _cleanup_close_ int socket = -1;
    if (!volume)
        return fsp_fail(ret_error, ENOMEM, "out of memory, or of file descriptors");
    int r = connect_to_service(options->prefix ? "net" : "disk", options->flags, &socket, ret_error);
    if (r == 0)
        r = fsp_hand_over_take(socket, options, volume, fill_taken, &take, ret_error);
    if (r < 0) {
        free_volume(volume);
        return r;
    }
    volume->session.without = *without;
    *ret_volume = volume;
    return 0;
}

static int create_once(const struct linfsp_volume_options *options, const struct fsp_without *without,
                       const struct linfsp_operations *operations, void *context, linfsp_volume **ret_volume,
                       struct linfsp_error *ret_error) {
    struct fsp_mount_point point = FSP_MOUNT_POINT_NONE;
    struct linfsp_volume *volume = allocate_volume();
    if (!volume)
        return fsp_fail(ret_error, ENOMEM, "out of memory, or of file descriptors");
    /* the service first: where there is none, no directory is made */
    _cleanup_close_ int socket = -1;
    struct fsp_uring *uring = NULL;
    bool forced = false;
    int r = connect_to_service(options->prefix ? "net" : "disk", options->flags, &socket, ret_error);
    if (r == 0 && (r = take_over(&socket, options, operations, context, volume, ret_error)) > 0) {
        volume->session.without = *without;
        *ret_volume = volume;
        return 0;
    }
    if (r == 0)
        r = choose_transport(options, &uring, &forced, ret_error);
    if (r == 0)
        r = fsp_mount_point_open(options->mount_point, options->flags & LINFSP_VOLUME_NONEMPTY, &point, ret_error);
    if (r == 0)
        r = create_in_time(&socket, options, operations, context, &point, uring, volume, ret_error);
    fsp_mount_point_close(&point, r == 0);
    if (r < 0) {
        fsp_uring_close(uring);
        free_volume(volume);
        return r;
    }
    steal_fd(&socket);
    volume->session.without = *without;
    if (options->fail_over)
        (void)fsp_fail_over_begin(volume, &volume->init, options->fail_over, options->state_size);
    if (forced && !volume->session.uring) {
        linfsp_volume_destroy(volume);
        return fsp_fail(ret_error, EOPNOTSUPP,
                        "io_uring, which LINFSP_TRANSPORT asks for: the kernel does not offer it");
    }
    *ret_volume = volume;
    return 0;
}

/* What a service that was just started may say until it has put away what the one before it left half-made. */
static bool may_pass(int error) {
    return error == -ECONNRESET || error == -ENODEV || error == -EEXIST || error == -EBUSY || error == -ENOTEMPTY ||
           error == -ENOTCONN || error == -EAGAIN;
}

int linfsp_volume_create(const struct linfsp_volume_options *options, const struct linfsp_operations *operations,
                         void *context, linfsp_volume **ret_volume, struct linfsp_error *ret_error) {
    struct linfsp_volume_options checked = {0};
    struct fsp_without without = {0};
    int r = take_options(options, &checked, ret_error);
    if (r == 0)
        r = fsp_do_without(&checked, &without, ret_error);
    if (r < 0)
        return r;
    if (!operations || operations->size < sizeof operations->size)
        return fsp_fail(ret_error, EINVAL, "the operations have no size member");
    if (operations->size < offsetof(struct linfsp_operations, getattr) + sizeof operations->getattr ||
        !operations->getattr)
        return fsp_fail(ret_error, EINVAL, "the operations have no getattr: without it nobody sees the root directory");
    int64_t end = clock_ns() + AGAIN_NS;
    if (checked.flags & LINFSP_VOLUME_TAKE_OVER) {
        if (!HAS_OPERATION(operations, take_over) || checked.fail_over)
            return fsp_fail(ret_error, EINVAL,
                            "a volume is taken over by operations with take_over, without fail_over");
        while ((r = take_live(&checked, &without, operations, context, ret_volume, ret_error)) == -EAGAIN &&
               clock_ns() < end)
            usleep(AGAIN_WAIT_MS * 1000); /* its server is just looking for a service that is new */
        return r;
    }
    r = create_once(&checked, &without, operations, context, ret_volume, ret_error);
    /* the service went while it was asked: perhaps whoever looks after it starts another in a moment */
    checked.flags |= LINFSP_VOLUME_NO_SERVICE_START;
    for (bool again = r == -ECONNRESET; again && may_pass(r) && clock_ns() < end;) {
        usleep(AGAIN_WAIT_MS * 1000);
        r = create_once(&checked, &without, operations, context, ret_volume, ret_error);
    }
    return r;
}

void linfsp_volume_destroy(linfsp_volume *volume) {
    if (!volume)
        return;
    if (!volume->run) {
        /* never served: whoever waits for an answer gets an error at once */
        fsp_session_cut(&volume->session);
        fsp_volume_take_leave(volume, true);
    }
    free_volume(volume);
}

/* ---- about a volume -------------------------------------------------------------------------------------------- */

const char *linfsp_volume_mount_point(const linfsp_volume *volume) {
    return volume->mount_point[0] ? volume->mount_point : NULL;
}

const char *linfsp_volume_unc_path(const linfsp_volume *volume) {
    return volume->unc_path[0] ? volume->unc_path : NULL;
}

uint64_t linfsp_volume_granted(const linfsp_volume *volume) {
    return volume->session.granted;
}

uid_t linfsp_volume_owner_uid(const linfsp_volume *volume) {
    return volume->owner_uid;
}

gid_t linfsp_volume_owner_gid(const linfsp_volume *volume) {
    return volume->owner_gid;
}

const char *linfsp_volume_transport(const linfsp_volume *volume) {
    return volume->session.loop->name;
}

const char *linfsp_volume_kind(const linfsp_volume *volume) {
    return volume->network ? "network" : "disk";
}

const char *linfsp_version(void) {
    return LINFSP_VERSION;
}

int linfsp_prefix_to_path(const char *prefix, char *ret_path, size_t size) {
    char canonical[PREFIX_MAX];
    int r = prefix_parse(prefix, canonical, NULL);
    return r < 0 ? -EINVAL : prefix_to_path(canonical, LINFSP_UNC_ROOT, ret_path, size);
}
