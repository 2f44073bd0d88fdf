/* SPDX-License-Identifier: MIT */
/*
 * Scopes: prefixes that are local to a group of silos.
 *
 * "\\.\data\cache" is claimed in the scope of its silo's group: a Compose project, a pod, the containers of one user of
 * the host, or else that silo alone. It is seen at /unc/data/cache in the silos of that group and nowhere else, before
 * a prefix \\data\cache that others may have for the whole host. The table of prefixes (unc.h) has it below a first
 * component that nobody can write.
 */
#ifndef LINFSP_SERVICE_SCOPE_H
#define LINFSP_SERVICE_SCOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct service;
struct silo;
struct volume;

#define SCOPE_MAX 200
/* What a scope's name begins with, in the table; a control character, which no prefix may have. */
#define SCOPE_MARK '\x1f'

/* Whether a canonical prefix, "./data/cache", is a local one. ret_rest (may be NULL): "data/cache". */
bool scope_is_local(const char *canonical, const char **ret_rest);
/* A volume's prefix as its silo wrote it: "./data/cache" where it is local. Returns 0 or -ENAMETOOLONG. */
int scope_canonical(const struct volume *volume, char *ret_prefix, size_t size);
/* Whether it is known which group the silo is of: what its engine says is read just now otherwise. */
bool scope_is_known(const struct silo *silo);
/* The scope of that silo's group. */
void scope_of(const struct silo *silo, char ret_scope[SCOPE_MAX]);
/* A path in the table. Returns 0 or -ENAMETOOLONG. */
int scope_path(const char *scope, const char *visible, char *ret_path, size_t size);
/* The volume under whose prefix a canonical path lies, as that silo sees it: in its scope, then, unless the path is a
 * local one, for the whole host. 0: none. */
uint64_t scope_resolve(struct service *service, const struct silo *silo, const char *canonical);

#endif
