/* SPDX-License-Identifier: MIT */
/* What a service that starts anew must know (journal.c has the model; restore.c reads it). */
#ifndef LINFSP_SERVICE_JOURNAL_H
#define LINFSP_SERVICE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct folder;
struct folder_record;
struct name;
struct name_record;
struct service;
struct silo;
struct silo_record;
struct volume;

void journal_put_silo(const struct silo *silo);
void journal_drop_silo(const struct silo *silo);
/* A negative errno where it could not be written: then the entry is what it was. */
int journal_put_volume(const struct volume *volume);
void journal_drop_volume(const struct volume *volume);
void journal_put_folder(const struct folder *folder);
void journal_drop_folder(const struct folder *folder);
void journal_put_name(const struct name *name);
void journal_drop_name(const struct name *name);
/* Up to which they are given (numbers.h). */
void journal_put_numbers(uint64_t volume, uint64_t folder);

/* Makes the folder where it is missing. */
int journal_open(void);
/* Calls replay for each entry of that kind ("silo", "volume", "intent", "folder", "name", "numbers"), with its key. */
void journal_read(struct service *service, const char *kind, void (*replay)(struct service *, uint64_t, FILE *));
bool journal_has(const char *kind, uint64_t key);
void journal_drop(const char *kind, uint64_t key);
/* Each returns whether the entry could be read. */
bool journal_parse_silo(uint64_t key, FILE *file, struct silo_record *ret_record);
bool journal_parse_volume(FILE *file, struct volume *volume);
bool journal_parse_folder(FILE *file, struct folder_record *ret_record);
bool journal_parse_numbers(FILE *file, uint64_t *ret_volume, uint64_t *ret_folder);
bool journal_parse_name(FILE *file, struct name_record *ret_record);

#endif
