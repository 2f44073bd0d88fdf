/* SPDX-License-Identifier: MIT */
#include "service/table.h"

#include "service/connection.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/volume.h"

struct silo *silo_find(struct service *service, uint64_t number) {
    struct silo *silo = NULL;
    HASH_FIND(hash, service->silos, &number, sizeof number, silo);
    return silo;
}

struct connection *connection_find(struct service *service, uint64_t id) {
    struct connection *connection = NULL;
    HASH_FIND(hash, service->connections, &id, sizeof id, connection);
    return connection;
}

struct volume *volume_find(struct service *service, uint64_t id) {
    struct volume *volume = NULL;
    HASH_FIND(hash, service->volumes, &id, sizeof id, volume);
    return volume;
}
