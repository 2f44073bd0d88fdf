/* SPDX-License-Identifier: MIT */
/*
 * The table of prefixes: which volume serves which prefix. One for the whole host.
 *
 * The table is a tree: a node for each component. The leaves are shares; the nodes above them are folders. It touches
 * no file system. Each operation costs as much as the prefix has components, however many others there are.
 */
#ifndef LINFSP_SERVICE_UNC_H
#define LINFSP_SERVICE_UNC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/prefix.h"

struct unc;

int unc_new(struct unc **ret_unc);
void unc_free(struct unc *unc);

/* Takes a prefix for a volume. ret_spelled (PREFIX_MAX): the prefix in the spelling that its folders have; the first
 * claim of a folder's name decides that. -EEXIST when the prefix, or one above or below it, is taken: ret_taken
 * (PREFIX_MAX) is then that prefix. */
int unc_claim(struct unc *unc, const char *canonical, uint64_t volume, char *ret_spelled, char *ret_taken);
/* Gives the prefix of a volume back. */
void unc_release(struct unc *unc, uint64_t volume);

enum unc_kind { UNC_NOTHING, UNC_FOLDER, UNC_SHARE };
/* What stands at this path, in exactly this spelling. ret_volume is set for a share. */
enum unc_kind unc_find(const struct unc *unc, const char *path, uint64_t *ret_volume);
/* Calls visit for each name in a folder ("" is the root) until that returns false. volume: of the first share in or
 * below that name. */
typedef bool unc_visit(void *context, const char *name, uint64_t volume);
void unc_list(const struct unc *unc, const char *folder, unc_visit *visit, void *context);

/* Calls visit for each share below a path in exactly this spelling ("": all; path: of the share, as claimed) until that
 * returns false. Returns whether it never did. */
bool unc_each_share(const struct unc *unc, const char *path, unc_visit *visit, void *context);

/* The volume under whose prefix this canonical path lies; 0: none. ret_rest points behind the prefix in canonical. */
uint64_t unc_resolve(const struct unc *unc, const char *canonical, const char **ret_rest);
unsigned unc_count(const struct unc *unc);

#endif
