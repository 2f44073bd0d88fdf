/* SPDX-License-Identifier: MIT */
/* A volume of the service before this one: taken into the tables again, and ended unless its server comes back. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "service/claim.h"
#include "service/letter.h"
#include "service/mup.h"
#include "service/programs.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/volume.h"
#include "util/log.h"
#include "util/process.h"

#define ORPHAN_USEC 1000000ull
#define ORPHAN_TURNS 10

/* Where the process that asked for the volume has gone, only a child of it could come back, and had the time. */
static int on_orphaned(sd_event_source *source, uint64_t usec, void *userdata) {
    struct volume *volume = userdata;
    if (--volume->orphan_turns > 0 && volume_server_is_there(volume)) {
        (void)sd_event_source_set_time_relative(source, ORPHAN_USEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    }
    volume->orphan_timer = sd_event_source_disable_unref(volume->orphan_timer);
    volume_end(volume, "its server did not come back after a restart of the service", true);
    return 0;
}

/* Puts it into the tables, and takes its prefix. */
static int re_register(struct service *service, struct volume *volume, uint64_t id) {
    struct silo *silo = silo_find(service, volume->silo);
    char taken[PREFIX_MAX];
    if (!silo)
        return -ESRCH;
    int r = volume_register(volume, id, silo);
    if (r < 0)
        return r;
    uint64_t holder;
    if (volume->prefix[0] && claim_enter(volume, id, taken, &holder) == 0)
        mup_restore(volume);
    else
        volume->prefix[0] = volume->scope[0] = volume->unc_path[0] = 0;
    volume->state = VOLUME_LIVE;
    if (volume->mount_point[0])
        programs_expect_unmounts(silo);
    volume->staged = true; /* it may be there: the service may have died over a share */
    if (volume->made.by_service && volume->made.name[0])
        silo->letter_folders |= letter_bit(volume);
    volume_open_abort(volume);
    if (id > service->next_volume)
        service->next_volume = id;
    unsigned depth;
    if (volume_server_is_there(volume))
        (void)process_inner_pid(volume->peer.pid, &volume->inner_pid, &depth);
    return 0;
}

/* Whether its server can be expected to come back, or serves it still. */
static bool await_server(struct volume *volume) {
    if (volume->raw && !volume->keeps_connection) {
        volume->looks = 1; /* who has its descriptor is looked for later: holders_look */
        return volume_watch_node(volume) >= 0;
    }
    volume->orphan_turns = ORPHAN_TURNS;
    int r = sd_event_add_time_relative(volume->service->event, &volume->orphan_timer, CLOCK_MONOTONIC, ORPHAN_USEC,
                                       100000, on_orphaned, volume);
    if (r < 0) /* that we lack something is no reason to end it: its server may come back at any time */
        log_warning("volume %llu: if its server does not come back, it stays until its container ends: %s",
                    (unsigned long long)volume->id, strerror(-r));
    return true;
}

int volume_restore(struct service *service, struct volume *volume, uint64_t id) {
    bool network = volume->prefix[0];
    int r = re_register(service, volume, id);
    if (r == 0 && network && !volume->published) {
        /* it is mounted, and must not be forgotten; but nobody would find it */
        volume_end(volume, "its prefix could not be taken again after a restart of the service", true);
    } else if (r == 0 && volume->was_ending) {
        volume->server_gone = true;
        volume_end(volume, "the service died while it was being unmounted", true);
    } else if (r == 0 && !await_server(volume)) {
        volume->server_gone = true;
        volume_end(volume, "its server ended while the service was away", true);
    }
    return r;
}

int volume_restore_to_end(struct service *service, struct volume *volume, uint64_t id, const char *reason) {
    int r = re_register(service, volume, id);
    if (r == 0) {
        letter_inherit_unless_made(volume);
        volume->server_gone = true;
        volume_end(volume, reason, true);
    }
    return r;
}
