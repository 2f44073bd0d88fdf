/* SPDX-License-Identifier: MIT */
/* Objects by their key. NULL: there is none, or none any more. */
#ifndef LINFSP_SERVICE_TABLE_H
#define LINFSP_SERVICE_TABLE_H

#include <stdint.h>

struct connection;
struct service;
struct silo;
struct volume;

struct silo *silo_find(struct service *service, uint64_t number);
struct connection *connection_find(struct service *service, uint64_t id);
struct volume *volume_find(struct service *service, uint64_t id);

#endif
