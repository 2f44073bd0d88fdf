/* SPDX-License-Identifier: MIT */
#include "service/claim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "service/connection.h"
#include "service/event.h"
#include "service/permission.h"
#include "service/root-unc.h"
#include "service/scope.h"
#include "service/service.h"
#include "service/table.h"
#include "service/unc.h"
#include "service/volume.h"
#include "util/paths.h"

static void tell(const struct volume *volume, const struct connection *connection, bool refused, const char *why) {
    event_tell(volume->service, &(struct event){.kind = EVENT_CLAIM,
                                                .refused = refused,
                                                .silo = connection->silo,
                                                .volume = volume,
                                                .uid = connection->peer.uid,
                                                .pid = connection->peer.pid,
                                                .text = why});
}

int claim_enter(struct volume *volume, uint64_t id, char *ret_taken, uint64_t *ret_holder) {
    char path[PREFIX_MAX], spelled[PREFIX_MAX];
    size_t hidden = volume->scope[0] ? strlen(volume->scope) + 1 : 0;
    if (!hidden)
        snprintf(path, sizeof path, "%s", volume->prefix);
    else if (scope_path(volume->scope, volume->prefix, path, sizeof path) < 0)
        return -ENAMETOOLONG;
    int r = unc_claim(volume->service->unc, path, id, spelled, ret_taken);
    if (r == -EEXIST && unc_find(volume->service->unc, ret_taken, ret_holder) != UNC_SHARE)
        *ret_holder = 0;
    if (r == -EEXIST && hidden)
        memmove(ret_taken, ret_taken + hidden, strlen(ret_taken + hidden) + 1);
    if (r < 0)
        return r;
    snprintf(volume->prefix, sizeof volume->prefix, "%s", spelled + hidden);
    snprintf(volume->unc_path, sizeof volume->unc_path, LINFSP_UNC_ROOT "/%s", volume->prefix);
    volume->staged = true;
    root_unc_wanted(volume->service, silo_find(volume->service, volume->silo));
    return 0;
}

/* "./data/cache" is "data/cache" in the scope of the client's group. */
static void take_scope(struct volume *volume, const struct silo *silo) {
    const char *rest;
    if (!scope_is_local(volume->prefix, &rest))
        return;
    memmove(volume->prefix, rest, strlen(rest) + 1);
    scope_of(silo, volume->scope);
}

int claim_make(struct volume *volume, struct connection *connection, const char *prefix, uint32_t serial) {
    char taken[PREFIX_MAX];
    const char *why;
    int r = prefix_parse(prefix, volume->prefix, &why);
    if (r < 0)
        return connection_error(connection, serial, r, "prefix \"%.80s%s\": %s", prefix,
                                strlen(prefix) > 80 ? "..." : "", why) < 0
                   ? -EPIPE
                   : r;
    char message[WIRE_TEXT_MAX];
    r = permission_claim(connection->silo, volume->prefix, message, sizeof message);
    if (scope_is_local(volume->prefix, NULL) && !scope_is_known(connection->silo))
        return connection_error(connection, serial, -EAGAIN,
                                "it is not known yet which containers this one belongs to: try again") < 0
                   ? -EPIPE
                   : -EAGAIN;
    take_scope(volume, connection->silo);
    if (r < 0) {
        tell(volume, connection, true, message);
        return connection_error(connection, serial, r, "%s", message) < 0 ? -EPIPE : r;
    }
    uint64_t holder;
    r = claim_enter(volume, volume->id, taken, &holder);
    struct volume *other = r == -EEXIST ? volume_find(volume->service, holder) : NULL;
    if (r == -EEXIST) {
        char unc[PREFIX_MAX + 8];
        (void)prefix_to_unc(taken, unc, sizeof unc);
        if (other && volume_passes(other, &volume->peer))
            return connection_error(connection, serial, -EAGAIN,
                                    "the prefix %s belongs to a volume that is just ending: try again", unc) < 0
                       ? -EPIPE
                       : -EAGAIN;
        tell(volume, connection, true, "the prefix is in use");
        return connection_error(connection, serial, r,
                                "the prefix %s is in use: choose another (linfsp volumes, on the "
                                "host, shows whose it is)",
                                unc) < 0
                   ? -EPIPE
                   : r;
    }
    if (r < 0)
        return connection_error(connection, serial, r, "prefix \"%s\": %s", prefix, strerror(-r)) < 0 ? -EPIPE : r;
    tell(volume, connection, false, message);
    return 0;
}
