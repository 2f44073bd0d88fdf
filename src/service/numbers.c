/* SPDX-License-Identifier: MIT */
#include "service/numbers.h"

#include "service/journal.h"
#include "service/service.h"

#define ASIDE 100

static void put(const struct service *service) {
    journal_put_numbers(service->volumes_aside, service->folders_aside);
}

uint64_t number_volume(struct service *service) {
    if (++service->next_volume > service->volumes_aside) {
        service->volumes_aside = service->next_volume + ASIDE;
        put(service);
    }
    return service->next_volume;
}

uint64_t number_folder(struct service *service) {
    if (++service->next_folder > service->folders_aside) {
        service->folders_aside = service->next_folder + ASIDE;
        put(service);
    }
    return service->next_folder;
}

static int replay(struct service *service, uint64_t key, FILE *file) {
    uint64_t volume, folder;
    if (!journal_parse_numbers(file, &volume, &folder))
        return 0;
    if (volume > service->next_volume)
        service->next_volume = volume;
    if (folder > service->next_folder)
        service->next_folder = folder;
    return 0;
}

int numbers_restore(struct service *service) {
    int r = journal_read(service, "numbers", replay);
    service->sweep_volume = service->next_volume;
    service->sweep_folder = service->next_folder;
    service->volumes_aside = service->next_volume;
    service->folders_aside = service->next_folder;
    return r;
}
