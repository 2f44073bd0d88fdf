/* SPDX-License-Identifier: MIT */
/*
 * Fail-over, the library's part: a new volume is given to the service to be held, and one that is held is taken over.
 *
 * A volume that is held comes with all that its earlier server had: the connection's descriptors and the state, memory
 * that outlives a server. The library keeps its ledger there (ledger.h), the file system what it likes.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/descriptor-flags.h"
#include "lib/volume.h"

#define AGAIN_MS 20
#define AGAIN_TRIES 50 /* a server that was killed may not have ended yet */
#define ANSWER_MS 5000

static int map_state(struct linfsp_volume *volume, int fd, uint64_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (memory == MAP_FAILED)
        return -errno;
    int r = fsp_ledger_open(memory, size);
    if (r < 0) {
        munmap(memory, size);
        return r;
    }
    volume->session.ledger = memory;
    volume->state_size = size;
    return r;
}

void fsp_fail_over_close(struct linfsp_volume *volume) {
    if (volume->session.ledger)
        munmap(volume->session.ledger, volume->state_size);
    volume->session.ledger = NULL;
}

/* What the life line sends, now and to each service that comes later. */
static void prepare_hold(struct linfsp_volume *volume, const struct wire_init *init, uint32_t seconds, int state,
                         uint64_t size) {
    struct fsp_lifeline *line = &volume->lifeline;
    const struct fsp_session *session = &volume->session;
    wire_begin(&line->hold, WIRE_HOLD_VOLUME, 0);
    line->hold.volume = line->volume;
    line->hold.state_size = size;
    line->hold.init = *init;
    line->hold.seconds = seconds;
    line->hold.fds = session->n_fds;
    memcpy(line->hold_fds, session->fds, session->n_fds * sizeof *session->fds);
    line->state = state;
}

int fsp_fail_over_begin(struct linfsp_volume *volume, const struct wire_init *init, uint32_t seconds,
                        uint64_t state_size) {
    struct fsp_lifeline *line = &volume->lifeline;
    union wire_message answer;
    uint64_t size = FSP_LEDGER_SIZE + ((state_size + FSP_PAGE_SIZE - 1) & ~(uint64_t)(FSP_PAGE_SIZE - 1));
    if (!(init->flags & FUSE_HAS_RESEND))
        return -EOPNOTSUPP;
    prepare_hold(volume, init, seconds, -1, size);
    int r = fsp_lifeline_ask(line, &line->hold, line->hold_fds, line->hold.fds, &answer);
    if (r == 0 && (answer.header.type != WIRE_VOLUME_HELD || line->state < 0))
        r = -EPROTO;
    if (r == 0)
        r = map_state(volume, line->state, size);
    if (r < 0) {
        close_fd(&line->state);
        return r;
    }
    line->hold.has_state = 1;
    volume->fail_over = answer.volume_held.seconds;
    return 0;
}

static int ask_once(int socket, const struct wire_take_over *request, union wire_message *ret_answer, int *ret_fds,
                    size_t *ret_n_fds) {
    struct pollfd item = {.fd = socket, .events = POLLIN};
    int n, r = wire_send(socket, request, NULL, 0);
    if (r < 0)
        return r;
    do
        n = poll(&item, 1, ANSWER_MS);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return -ETIMEDOUT;
    r = wire_receive(socket, ret_answer, ret_fds, ret_n_fds, NULL);
    if (r <= 0)
        return r == 0 ? -ECONNRESET : r;
    if (ret_answer->header.type == WIRE_VOLUME_CREATED && *ret_n_fds >= 2)
        return 0;
    for (size_t i = 0; i < *ret_n_fds; i++)
        close(ret_fds[i]);
    return ret_answer->header.type == WIRE_ERROR && ret_answer->error.error > 0 ? -ret_answer->error.error : -EPROTO;
}

int fsp_fail_over_ask(int socket, const struct linfsp_volume_options *options, union wire_message *ret_answer,
                      int *ret_fds, size_t *ret_n_fds) {
    struct wire_take_over request;
    wire_begin(&request, WIRE_TAKE_OVER, 1);
    int r = fsp_name_volume(options, &request);
    if (r < 0)
        return r; /* any letter will do: then a new one */
    for (unsigned tries = 1;; tries++) {
        r = ask_once(socket, &request, ret_answer, ret_fds, ret_n_fds);
        if (r != -EAGAIN || tries == AGAIN_TRIES)
            return r;
        usleep(AGAIN_MS * 1000);
    }
}

int fsp_fail_over_take(struct linfsp_volume *volume, const struct wire_init *init, uint32_t seconds, int state) {
    struct stat status;
    if (fstat(state, &status) < 0)
        return -errno;
    int r = map_state(volume, state, (uint64_t)status.st_size);
    if (r < 0)
        return r;
    volume->taken_over = r > 0;
    volume->fail_over = seconds;
    prepare_hold(volume, init, seconds, state, (uint64_t)status.st_size);
    volume->lifeline.hold.has_state = 1;
    for (unsigned i = 0; i < volume->session.n_fds; i++) /* the earlier server shared the flags with us */
        (void)fsp_fcntl(volume->session.fds[i], F_SETFL, O_RDWR);
    return 0;
}

uint32_t linfsp_volume_fail_over(const linfsp_volume *volume) {
    return volume->fail_over;
}

bool linfsp_volume_taken_over(const linfsp_volume *volume) {
    return volume->taken_over;
}

void *linfsp_volume_state(const linfsp_volume *volume, size_t *ret_size) {
    if (!volume->session.ledger || volume->state_size == FSP_LEDGER_SIZE)
        return NULL;
    if (ret_size)
        *ret_size = (size_t)(volume->state_size - FSP_LEDGER_SIZE);
    return (unsigned char *)volume->session.ledger + FSP_LEDGER_SIZE;
}
