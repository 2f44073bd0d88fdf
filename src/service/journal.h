/* SPDX-License-Identifier: MIT */
/* What a service that starts anew must know (journal.c has the model; restore.c reads it). */
#ifndef LINFSP_SERVICE_JOURNAL_H
#define LINFSP_SERVICE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct service;
struct silo;
struct silo_record;
struct volume;

void journal_put_silo(const struct silo *silo);
void journal_drop_silo(const struct silo *silo);
void journal_put_volume(const struct volume *volume);
void journal_drop_volume(const struct volume *volume);

/* Makes the folder where it is missing. */
int journal_open(void);
/* Calls replay for each entry of that kind ("silo", "volume", "intent"), with its key. */
void journal_read(struct service *service, const char *kind, void (*replay)(struct service *, uint64_t, FILE *));
void journal_drop(const char *kind, uint64_t key);
/* Each returns whether the entry could be read. */
bool journal_parse_silo(uint64_t key, FILE *file, struct silo_record *ret_record);
bool journal_parse_volume(FILE *file, struct volume *volume);

#endif
