/* SPDX-License-Identifier: MIT */
/*
 * A service that starts anew takes over what the one before it has left: its silos, their volumes, and what its workers
 * were just making, which is undone.
 */
#include "service/restore.h"

#include <errno.h>
#include <stdbool.h>

#include "service/device.h"
#include "service/folder-work.h"
#include "service/folder.h"
#include "service/fusermount.h"
#include "service/holders.h"
#include "service/intent.h"
#include "service/journal.h"
#include "service/numbers.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/survivor.h"
#include "service/table.h"
#include "service/volume.h"

/* Each of these may be called for one entry several times (journal_read). */

static int restore_silo(struct service *service, uint64_t key, FILE *file) {
    struct silo_record record;
    if (silo_find(service, key))
        return 0;
    int r = journal_parse_silo(key, file, &record) ? silo_adopt(service, &record) : -EBADMSG;
    if (r < 0 && !journal_is_short(r))
        journal_drop("silo", key);
    return r;
}

/* Numbers go on from the highest that was ever given, also where its volume or folder is gone: something of it may be
 * on the stage still, which is swept up to there. */
static void go_on_from(uint64_t *next, uint64_t number) {
    if (number > *next)
        *next = number;
}

static int restore_volume(struct service *service, uint64_t id, FILE *file) {
    go_on_from(&service->next_volume, id);
    if (volume_find(service, id))
        return 0;
    struct volume *volume = volume_new(service);
    if (!volume)
        return -ENOMEM;
    int r = journal_parse_volume(file, volume) ? volume_restore(service, volume, id) : -EBADMSG;
    /* else its silo is gone, and with it the mount there */
    bool stays = journal_is_short(r) || (r == -ESRCH && journal_has("silo", volume->silo));
    if (r < 0)
        volume_free(volume);
    if (r < 0 && !stays)
        journal_drop("volume", id);
    return r;
}

/* What a worker was making when the service before this one died. */
static int undo(struct service *service, uint64_t id, FILE *file) {
    struct volume *volume = volume_new(service);
    if (!volume)
        return -ENOMEM;
    int r = intent_parse(file, volume)
                ? volume_restore_to_end(service, volume, id, "the service died while it was being made")
                : -EBADMSG;
    if (r < 0)
        volume_free(volume); /* its container is gone, and with it what was made there */
    return r;
}

static int restore_intent(struct service *service, uint64_t id, FILE *file) {
    go_on_from(&service->next_volume, id);
    struct volume *made = volume_find(service, id);
    if (made)
        made->unannounced = true;
    int r = made ? 0 : undo(service, id, file);
    if (!journal_is_short(r))
        intent_drop(id);
    return r;
}

static int restore_folder(struct service *service, uint64_t key, FILE *file) {
    struct folder_record record;
    go_on_from(&service->next_folder, key);
    if (folder_find(service, key))
        return 0;
    int r = journal_parse_folder(file, &record) ? folder_restore(service, key, &record) : -EBADMSG;
    if (r < 0 && !journal_is_short(r))
        journal_drop("folder", key);
    return r;
}

static int restore_name(struct service *service, uint64_t key, FILE *file) {
    struct name_record record;
    if (name_find(service, key))
        return 0;
    int r = journal_parse_name(file, &record) ? name_restore(service, key, &record) : -EBADMSG;
    if (r < 0 && !journal_is_short(r))
        journal_drop("name", key);
    return r;
}

static int by_number(const struct silo *a, const struct silo *b) {
    return (a->number > b->number) - (a->number < b->number);
}

static int by_id(const struct volume *a, const struct volume *b) {
    return (a->id > b->id) - (a->id < b->id);
}

int restore_all(struct service *service) {
    int r = journal_open();
    if (r < 0)
        return r;
    /* what is not known would be swept: a service that cannot know does not start, and the next one tries again */
    if ((r = journal_read(service, "silo", restore_silo)) < 0 ||
        (r = journal_read(service, "volume", restore_volume)) < 0 ||
        (r = journal_read(service, "intent", restore_intent)) < 0)
        return r;
    /* a folder tells its entries in any order, and lists count on that of keys */
    survivor_end_start(service);
    HASH_SRT(hash, service->silos, by_number);
    HASH_SRT(hash, service->volumes, by_id);
    device_sweep(service);
    fusermount_sweep(service);
    struct silo *silo, *next;
    HASH_ITER (hash, service->silos, silo, next)
        holders_look(silo);
    if ((r = journal_read(service, "folder", restore_folder)) < 0 ||
        (r = journal_read(service, "name", restore_name)) < 0)
        return r;
    return numbers_restore(service);
}
