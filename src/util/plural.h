/* SPDX-License-Identifier: MIT */
/* Counts in sentences: "1 volume is unmounted", "2 volumes are unmounted". */
#ifndef LINFSP_UTIL_PLURAL_H
#define LINFSP_UTIL_PLURAL_H

#include <stdint.h>

/* The words that go with that many. */
static inline const char *plural(uint64_t count, const char *one, const char *many) {
    return count == 1 ? one : many;
}

#endif
