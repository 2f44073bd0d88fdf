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

void journal_put_silo(struct silo *silo);
/* Leaves an entry that this service has neither written nor taken over. */
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
/* Calls replay for each entry of that kind ("silo", "volume", "intent", "folder", "name", "numbers"), with its key. If
 * memory or descriptors are short, for the reading or for replay, tries that again for a second. Returns 0, also where
 * an entry is of no use; else what is short: then not all entries are known, and nothing may be removed for that. */
int journal_read(struct service *service, const char *kind, int (*replay)(struct service *, uint64_t, FILE *));
/* Whether an error tells that memory or descriptors were short, and nothing about what was asked. */
bool journal_is_short(int error);
bool journal_has(const char *kind, uint64_t key);
void journal_drop(const char *kind, uint64_t key);
/* Each returns whether the entry could be read. */
bool journal_parse_silo(uint64_t key, FILE *file, struct silo_record *ret_record);
bool journal_parse_volume(FILE *file, struct volume *volume);
bool journal_parse_folder(FILE *file, struct folder_record *ret_record);
bool journal_parse_numbers(FILE *file, uint64_t *ret_volume, uint64_t *ret_folder);
bool journal_parse_name(FILE *file, struct name_record *ret_record);

#endif
