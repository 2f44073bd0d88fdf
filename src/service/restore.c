/* SPDX-License-Identifier: MIT */
/*
 * A service that starts anew takes over what the one before it has left: its silos, their volumes, and what its workers
 * were just making, which is undone.
 */
#include "service/restore.h"

#include <errno.h>
#include <stdbool.h>

#include "service/device.h"
#include "service/folder.h"
#include "service/fusermount.h"
#include "service/holders.h"
#include "service/intent.h"
#include "service/journal.h"
#include "service/numbers.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/volume.h"

/* The entry stays, for a service that has more of it. */
static bool is_short(int error) {
    return error == -ENOMEM || error == -EMFILE || error == -ENFILE;
}

static void restore_silo(struct service *service, uint64_t key, FILE *file) {
    struct silo_record record;
    int r = journal_parse_silo(key, file, &record) ? silo_adopt(service, &record) : -EBADMSG;
    if (r < 0 && !is_short(r))
        journal_drop("silo", key);
}

/* Numbers go on from the highest that was ever given, also where its volume or folder is gone: something of it may be
 * on the stage still, which is swept up to there. */
static void go_on_from(uint64_t *next, uint64_t number) {
    if (number > *next)
        *next = number;
}

static void restore_volume(struct service *service, uint64_t id, FILE *file) {
    go_on_from(&service->next_volume, id);
    struct volume *volume = volume_new(service);
    if (!volume)
        return; /* its entry stays, for a service that has more memory */
    int r = journal_parse_volume(file, volume) ? volume_restore(service, volume, id) : -EBADMSG;
    /* else its silo is gone, and with it the mount there */
    bool stays = is_short(r) || (r == -ESRCH && journal_has("silo", volume->silo));
    if (r < 0)
        volume_free(volume);
    if (r < 0 && !stays)
        journal_drop("volume", id);
}

/* What a worker was making when the service before this one died. */
static void restore_intent(struct service *service, uint64_t id, FILE *file) {
    go_on_from(&service->next_volume, id);
    struct volume *made = volume_find(service, id), *volume = made ? NULL : volume_new(service);
    if (made)
        made->unannounced = true;
    if (volume && (!intent_parse(file, volume) ||
                   volume_restore_to_end(service, volume, id, "the service died while it was being made") < 0))
        volume_free(volume); /* its container is gone, and with it what was made there */
    intent_drop(id);
}

static void restore_folder(struct service *service, uint64_t key, FILE *file) {
    struct folder_record record;
    go_on_from(&service->next_folder, key);
    if (!journal_parse_folder(file, &record) || folder_restore(service, key, &record) < 0)
        journal_drop("folder", key);
}

static void restore_name(struct service *service, uint64_t key, FILE *file) {
    struct name_record record;
    if (!journal_parse_name(file, &record) || name_restore(service, key, &record) < 0)
        journal_drop("name", key);
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
    journal_read(service, "silo", restore_silo);
    journal_read(service, "volume", restore_volume);
    journal_read(service, "intent", restore_intent);
    /* a folder tells its entries in any order, and lists count on that of keys */
    HASH_SRT(hash, service->silos, by_number);
    HASH_SRT(hash, service->volumes, by_id);
    device_sweep(service);
    fusermount_sweep(service);
    struct silo *silo, *next;
    HASH_ITER (hash, service->silos, silo, next)
        holders_look(silo);
    journal_read(service, "folder", restore_folder);
    journal_read(service, "name", restore_name);
    numbers_restore(service);
    return 0;
}
