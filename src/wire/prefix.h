/* SPDX-License-Identifier: MIT */
/* UNC prefixes: \server\share and its spellings, paths below them, and comparing without regard to case. */
#ifndef LINFSP_WIRE_PREFIX_H
#define LINFSP_WIRE_PREFIX_H

#include <stdbool.h>
#include <stddef.h>

#define PREFIX_MAX 480 /* bytes of a prefix in canonical form, with its NUL */
#define PREFIX_COMPONENTS_MAX 16

/*
 * Accepts \server\share, \\server\share, //server/share (one or two leading separators, backslashes or slashes, at
 * least two components, one trailing separator is dropped) and writes the canonical form "server/share": no leading
 * separator, '/' between. \\\\.\\data is local to a group of silos: "./data". Refused, each with a message of its own
 * in ret_why (static storage, may be NULL), with -EINVAL, or -ENAMETOOLONG: fewer than two components, an empty one,
 * "." or "..", control characters, invalid UTF-8, a component over 255 bytes, the whole over PREFIX_MAX. The case is
 * kept.
 */
int prefix_parse(const char *text, char ret_canonical[PREFIX_MAX], const char **ret_why);

/* The simple case folding (Unicode, utf8proc) of a canonical prefix: two prefixes are the same when these are equal
 * bytes. -ENAMETOOLONG where folding makes it too long. */
int prefix_fold(const char *canonical, char ret_folded[PREFIX_MAX]);

/* Whether two folded prefixes cannot both exist: equal, or one lies below the other on a component boundary. */
bool prefix_overlaps(const char *folded_a, const char *folded_b);

/* Splits "\\server\share\a\b" or "/unc/server/share/a/b" (unc_root: "/unc") into canonical components joined by '/'
 * ("server/share/a/b"). Same refusals as prefix_parse. */
int prefix_parse_path(const char *text, const char *unc_root, char *ret_canonical, size_t size, const char **ret_why);

/* "server/share/a" to "\\server\share\a", and to "/unc/server/share/a". A local one, "./data/a", is at "/unc/data/a".
 * -ENAMETOOLONG. */
int prefix_to_unc(const char *canonical, char *ret_unc, size_t size);
int prefix_to_path(const char *canonical, const char *unc_root, char *ret_path, size_t size);

#endif
