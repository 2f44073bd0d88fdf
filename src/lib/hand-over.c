/* SPDX-License-Identifier: MIT */
/*
 * Hand-over: a volume goes from a server that lives to another process, and no request fails.
 *
 * Model. The service gives the two processes a socket pair (service/hand-over.c). The server lets no more requests in:
 * they wait in the kernel. When all that it had taken are answered, it sends the connection's descriptors and lets the
 * file system write its state into the stream. The other process reads that, and claims the volume.
 *
 * Which of them has the volume is one word in memory that both share, the *word*. It is changed by compare-and-swap,
 * once: the other process makes it TAKEN when it has all, the server makes it KEPT when something went wrong or took
 * too long. So both agree, whatever dies or stops at whatever moment. If the word is KEPT, the server goes on as if
 * nothing had been. If it is TAKEN, the server never again touches the connection; it stays until the service has the
 * other process's life line, since the volume ends with the last one.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/descriptor-flags.h"
#include "lib/stream.h"
#include "lib/volume.h"
#include "util/clock.h"
#include "util/paths.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008u
#endif

#define PACKET_TIMEOUT_MS 5000 /* that the other side may take for one packet */
#define REFUSE_TIMEOUT_MS 50
#define ANSWER_TIMEOUT_MS 15000 /* that a server may take to answer what it is at, and to come to the first packet */
#define WHOLE_NS INT64_C(60000000000)
#define PAUSE_MS 300 /* for which requests are held back while others are not answered yet */
#define PAUSE_TRIES 20
#define PAUSE_BETWEEN_MS 50
#define LEAVE_TIMEOUT_MS 10000

enum word { OPEN, TAKEN, KEPT };

/* What the next server has to know. */
struct fsp_hand_over {
    struct wire_volume_created created; /* as the service would say it */
};

static bool settle(_Atomic uint32_t *word, enum word wanted) {
    uint32_t open = OPEN;
    return atomic_compare_exchange_strong(word, &open, wanted);
}

static _Atomic uint32_t *map_word(int fd) {
    void *memory = mmap(NULL, FSP_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static void unmap_word(_Atomic uint32_t *word) {
    if (word)
        munmap((void *)(uintptr_t)word, FSP_PAGE_SIZE);
}

/* ---- the server ------------------------------------------------------------------------------------------------ */

/* Of a fixed size: neither can make the other fault on it. */
static int make_word(void) {
    int fd = memfd_create("hand-over", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
        fd = memfd_create("hand-over", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    if (ftruncate(fd, FSP_PAGE_SIZE) < 0 || fsp_fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0) {
        int r = -errno;
        close(fd);
        return r;
    }
    return fd;
}

static void describe(const struct linfsp_volume *volume, struct fsp_hand_over *ret_description) {
    struct wire_volume_created *created = &ret_description->created;
    const char *path = volume->unc_path;
    if (strncmp(path, LINFSP_DEVICE_DIR "/", strlen(LINFSP_DEVICE_DIR "/")) == 0)
        path += strlen(LINFSP_DEVICE_DIR); /* the way round to it is found anew */
    wire_begin(created, WIRE_VOLUME_CREATED, 1);
    created->volume = volume->lifeline.volume;
    memcpy(created->cookie, volume->lifeline.cookie, sizeof created->cookie);
    created->owner_uid = volume->owner_uid;
    created->owner_gid = volume->owner_gid;
    created->init = volume->init;
    WIRE_SET(created->mount_point, volume->mount_point);
    WIRE_SET(created->unc_path, path);
}

/* Holds requests back once all that were taken are answered. One of those may wait for another that is held back: so it
 * is tried again and again, for a moment each. */
static int pause_session(struct linfsp_volume *volume) {
    int r = -EBUSY;
    for (unsigned tries = 0; tries < PAUSE_TRIES && r == -EBUSY; tries++) {
        if (tries > 0)
            usleep(PAUSE_BETWEEN_MS * 1000);
        r = fsp_session_pause(&volume->session, PAUSE_MS);
    }
    return r;
}

static int send_volume(struct linfsp_volume *volume, struct linfsp_stream *stream, int word) {
    struct fsp_session *session = &volume->session;
    struct fsp_hand_over description;
    int fds[FSP_CHANNELS_MAX + 1];
    memcpy(fds, session->fds, session->n_fds * sizeof *fds);
    fds[session->n_fds] = word;
    describe(volume, &description);
    int r = fsp_stream_send(stream, FSP_PACKET_VOLUME, &description, sizeof description, fds, session->n_fds + 1);
    if (r < 0)
        return r;
    r = session->operations.hand_over(session->context, stream);
    return r < 0 ? r : fsp_stream_send(stream, FSP_PACKET_END, NULL, 0, NULL, 0);
}

/* Until the other process has claimed the volume, or has gone, or has had its time. */
static void wait_for_claim(const struct linfsp_stream *stream) {
    struct pollfd item = {.fd = stream->socket, .events = POLLIN};
    int r;
    do
        r = poll(&item, 1, PACKET_TIMEOUT_MS);
    while (r < 0 && errno == EINTR);
}

/* The life line of the next server is there, or that server is gone, or the service is: the next service hears from it
 * alone. */
static void wait_to_leave(struct linfsp_volume *volume, int socket) {
    struct fsp_lifeline *line = &volume->lifeline;
    int64_t end = clock_ns() + LEAVE_TIMEOUT_MS * INT64_C(1000000);
    for (;;) {
        pthread_mutex_lock(&line->lock);
        bool over = line->socket < 0 || line->ended;
        struct pollfd items[] = {{.fd = line->socket, .events = POLLIN}, {.fd = socket}};
        pthread_mutex_unlock(&line->lock);
        int64_t left = (end - clock_ns()) / 1000000;
        if (over || left <= 0)
            return;
        if (poll(items, 2, (int)left) > 0 && items[1].revents)
            return;
        fsp_lifeline_process(line);
    }
}

/* Tells the other process why, if it is there to hear it. */
static void refuse(struct linfsp_stream *stream, int32_t error) {
    if (fsp_stream_init(stream, stream->socket, REFUSE_TIMEOUT_MS) == 0)
        (void)fsp_stream_send(stream, FSP_PACKET_REFUSED, &error, sizeof error, NULL, 0);
}

static int hand_over(struct linfsp_volume *volume, int socket, int word_fd, _Atomic uint32_t *word) {
    _cleanup_free_ struct linfsp_stream *stream = malloc(sizeof *stream);
    int r = stream ? fsp_stream_init(stream, socket, PACKET_TIMEOUT_MS) : -ENOMEM;
    if (!stream)
        return r;
    if (r == 0 && (volume->session.uring || volume->session.ledger || !volume->session.operations.hand_over))
        r = -EOPNOTSUPP;
    bool paused = r == 0 && (r = pause_session(volume)) == 0;
    stream->deadline = clock_ns() + WHOLE_NS;
    if (r == 0)
        r = send_volume(volume, stream, word_fd);
    if (r == 0)
        wait_for_claim(stream);
    if (!settle(word, KEPT))
        return 1;
    if (paused)
        fsp_session_resume(&volume->session);
    if (r < 0 && r != -ETIMEDOUT)
        refuse(stream, r);
    return r < 0 ? r : -ECANCELED;
}

int fsp_hand_over(struct linfsp_volume *volume, int socket) {
    _cleanup_close_ int word_fd = make_word();
    _Atomic uint32_t *word = word_fd < 0 ? NULL : map_word(word_fd);
    int r = word ? hand_over(volume, socket, word_fd, word) : -ENOMEM;
    unmap_word(word);
    if (r > 0)
        wait_to_leave(volume, socket);
    return r;
}

/* ---- the next server ------------------------------------------------------------------------------------------- */

static int ask(int socket, const struct linfsp_volume_options *options, int *ret_pair, struct linfsp_error *ret_error) {
    struct wire_take_over request;
    union wire_message answer = {.bytes = {0}};
    int fds[WIRE_FDS_MAX];
    size_t n_fds = 0;
    wire_begin(&request, WIRE_HAND_OVER, 1);
    if (fsp_name_volume(options, &request) < 0)
        return fsp_fail(ret_error, EINVAL,
                        "%s: no folder of that name can be reached, and a volume is taken over at its letter or folder",
                        options->mount_point);
    int r = wire_send(socket, &request, NULL, 0);
    struct pollfd item = {.fd = socket, .events = POLLIN};
    int n = r < 0 ? 0 : poll(&item, 1, PACKET_TIMEOUT_MS);
    if (r == 0)
        r = n <= 0 ? -ETIMEDOUT : wire_receive(socket, &answer, fds, &n_fds, NULL);
    if (r > 0 && answer.header.type == WIRE_HAND_OVER_BEGUN && n_fds == 1) {
        *ret_pair = fds[0];
        return 0;
    }
    for (size_t i = 0; i < n_fds; i++)
        close(fds[i]);
    if (r > 0 && answer.header.type == WIRE_ERROR && answer.error.error > 0)
        return fsp_fail(ret_error, answer.error.error, "%s: %s", request.target, answer.error.message);
    r = r < 0 ? r : r == 0 ? -ECONNRESET : -EPROTO;
    return fsp_fail(ret_error, -r, "asking the LinFsp service for the volume at %s: %s", request.target, strerror(-r));
}

static int say(struct linfsp_error *ret_error, int r) {
    const char *why = r == -EPROTO       ? "its server is of another version"
                      : r == -ECONNRESET ? "its server has ended, or waits no longer"
                      : r == -EBUSY      ? "its server is at requests that do not come to an end"
                      : r == -EOPNOTSUPP ? "its server cannot, since it uses io_uring or fail-over"
                                         : strerror(-r);
    return fsp_fail(ret_error, -r, "the volume is not taken over, and its server goes on: %s", why);
}

/* The connection's descriptors, and then the word. */
static int receive_volume(struct linfsp_stream *stream, struct fsp_hand_over *ret_description, int *ret_fds,
                          size_t *ret_n_fds) {
    int r = fsp_stream_init(stream, stream->socket, ANSWER_TIMEOUT_MS);
    if (r < 0)
        return r;
    r = fsp_stream_receive(stream, ret_fds, FSP_STREAM_FDS_MAX, ret_n_fds);
    if (r == FSP_PACKET_REFUSED && stream->size == sizeof(int32_t)) {
        int32_t error;
        memcpy(&error, fsp_stream_content(stream), sizeof error);
        return error < 0 ? error : -EPROTO;
    }
    if (r < 0)
        return r;
    if (r != FSP_PACKET_VOLUME || stream->size != sizeof *ret_description)
        return -EPROTO;
    memcpy(ret_description, fsp_stream_content(stream), sizeof *ret_description);
    stream->used = stream->size; /* what comes next is the file system's */
    union wire_message check = {.volume_created = ret_description->created};
    struct stat status;
    if (wire_check(&check, sizeof ret_description->created, NULL) < 0 || *ret_n_fds < 2 ||
        *ret_n_fds > FSP_CHANNELS_MAX + 1 || fstat(ret_fds[*ret_n_fds - 1], &status) < 0 ||
        status.st_size != (off_t)FSP_PAGE_SIZE)
        return -EPROTO;
    return 0;
}

/* Reads the state and claims the volume. Nobody but us serves it once this has returned 0. */
static int claim(struct linfsp_volume *volume, struct linfsp_stream *stream, int word_fd) {
    struct fsp_session *session = &volume->session;
    _Atomic uint32_t *word = map_word(word_fd);
    if (!word)
        return -ENOMEM;
    int r = session->operations.take_over(session->context, stream);
    if (r == 0 && stream->used != stream->size)
        r = -EPROTO;
    int type = r == 0 ? fsp_stream_receive(stream, NULL, 0, NULL) : 0;
    if (r == 0 && type != FSP_PACKET_END)
        r = type < 0 ? type : -EPROTO;
    if (r == 0 && !settle(word, TAKEN))
        r = -ETIMEDOUT;
    unmap_word(word);
    return r;
}

int fsp_hand_over_take(int socket, const struct linfsp_volume_options *options, struct linfsp_volume *volume,
                       fsp_hand_over_fill *fill, void *context, struct linfsp_error *ret_error) {
    _cleanup_free_ struct linfsp_stream *stream = malloc(sizeof *stream);
    struct fsp_hand_over description;
    int fds[FSP_STREAM_FDS_MAX];
    size_t n_fds = 0;
    _cleanup_close_ int pair = -1, word = -1;
    if (!stream)
        return fsp_fail(ret_error, ENOMEM, "out of memory");
    int r = ask(socket, options, &pair, ret_error);
    if (r < 0)
        return r;
    stream->socket = pair;
    r = receive_volume(stream, &description, fds, &n_fds);
    if (r == 0)
        r = fill(volume, context, &description.created, fds, n_fds - 1);
    if (r < 0) {
        for (size_t i = 0; i < n_fds; i++)
            close(fds[i]);
        return say(ret_error, r);
    }
    word = fds[n_fds - 1];
    r = claim(volume, stream, word);
    if (r < 0)
        return say(ret_error, r);
    volume->taken_over = true;
    for (unsigned i = 0; i < volume->session.n_fds; i++) /* the earlier server shared the flags with us */
        (void)fsp_fcntl(volume->session.fds[i], F_SETFL, O_RDWR);
    (void)fsp_stream_send(stream, FSP_PACKET_END, NULL, 0, NULL, 0); /* "I have it" */
    volume->hand_over_pair = steal_fd(&pair); /* closed at our end, which the earlier server would see */
    return 0;
}

bool linfsp_volume_handed_over(const linfsp_volume *volume) {
    return volume->handed_over;
}
