/* SPDX-License-Identifier: MIT */
/* Command lines and paths of control groups, which anybody may choose: what is found lies within. The first byte of the
 * input chooses what it is. */
#include <string.h>

#include "fuzz.h"
#include "util/cleanup.h"
#include "worker/pattern.h"

#define TEXT_MAX 8191

static void check(const struct pattern_found *found, const char *text, size_t size) {
    const char *end = text + size;
    PROPERTY(found->engine && found->engine[0]);
    if (found->id)
        PROPERTY(found->id >= text && found->id + found->id_length <= end && !memchr(found->id, 0, found->id_length));
    if (found->name)
        PROPERTY(found->name >= text && found->name + strlen(found->name) <= end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct pattern_found found;
    if (size < 1 || size > TEXT_MAX)
        return 0;
    _cleanup_free_ char *text = calloc(1, size); /* less the first byte, and one NUL more */
    if (!text)
        return 0;
    memcpy(text, data + 1, size - 1);
    bool any = false;
    switch (data[0] % 5) {
    case 0:
        any = pattern_in_path(text, &found);
        break;
    case 1:
        any = pattern_in_conmon(text, size - 1, &found);
        break;
    case 2:
        any = pattern_in_command("bwrap", text, size - 1, &found);
        break;
    case 3:
        any = pattern_in_command("systemd-nspawn", text, size - 1, &found);
        break;
    default:
        any = pattern_in_shim(text, size - 1, &found);
    }
    if (any)
        check(&found, text, size - 1);
    return 0;
}
