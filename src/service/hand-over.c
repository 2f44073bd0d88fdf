/* SPDX-License-Identifier: MIT */
/*
 * Hand-over: a volume goes from one living server to another.
 *
 * The service only brings the two together. It makes a socket pair and gives one end to each: nobody but a client of
 * the same silo, with the same uid, gets one, so the two need not ask who is at the other end. They settle between
 * them who serves the volume (lib/hand-over.c). The new server then shows the volume's cookie on a connection of its
 * own (volume_attach), and the server so far is told that it may leave.
 *
 * Both ends are closed here by the reaper: a client that has its end may have put descriptors into the other one.
 */
#include "service/hand-over.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "service/connection.h"
#include "service/reaper.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/volume.h"
#include "util/cleanup.h"
#include "wire/codec.h"

/* Returns NULL, with the reason in ret_error, where there is no such volume, or none that can be handed over. */
static struct volume *find(const struct connection *connection, const struct wire_take_over *request, int *ret_error,
                           const char **ret_why) {
    struct volume *volume = volume_by_target(connection->silo->service, connection->silo, request->target);
    *ret_error = -ENOENT;
    *ret_why = "no volume of yours and of that name is there: linfsp volumes shows them";
    if (!volume || volume->silo != connection->silo->number || volume->peer.uid != connection->peer.uid ||
        volume->state != VOLUME_LIVE || volume->end_wanted ||
        strcmp(volume->file_system_name, request->file_system_name) != 0)
        return NULL;
    if (volume->connection && volume->hands_over)
        return volume;
    *ret_error = volume->hands_over ? -EAGAIN : -EOPNOTSUPP;
    *ret_why =
        volume->hands_over ? "its server is not connected to the service now" : "its server cannot hand a volume over";
    return NULL;
}

void hand_over_begin(struct connection *connection, const struct wire_take_over *request) {
    uint32_t serial = request->header.serial;
    struct service *service = connection->silo->service;
    struct wire_plain message;
    const char *why = "this connection has a volume already";
    int ends[2], r = -EBUSY;
    struct volume *volume = connection->volume ? NULL : find(connection, request, &r, &why);
    if (!volume) {
        (void)connection_error(connection, serial, r, "%s", why);
        return;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        (void)connection_error(connection, serial, -errno, "the service has no socket for this: %s", strerror(errno));
        return;
    }
    /* not by connection_send: a server that does not read now is not to lose its volume for it */
    wire_begin(&message, WIRE_HAND_OVER_WANTED, 0);
    r = volume->connection->pending ? -EAGAIN : wire_send(volume->connection->fd, &message, &ends[0], 1);
    if (r == 0) {
        volume->being_handed_over = true;
        wire_begin(&message, WIRE_HAND_OVER_BEGUN, serial);
        (void)connection_send(connection, &message, &ends[1], 1);
    } else
        (void)connection_error(connection, serial, -EAGAIN, "its server takes no message now");
    reaper_close(service->reaper, ends[0]);
    reaper_close(service->reaper, ends[1]);
}
