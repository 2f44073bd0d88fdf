/* SPDX-License-Identifier: MIT */
/* What LINFSP_WITHOUT names is left out whatever the program wants, to find out what it is worth, or whether a fault
 * comes from it. LINFSP_WITH asks for the one thing that none of our programs wants. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/volume.h"

/* The kernel's own, where it is not told otherwise: as many requests in the background, as many bytes in one. */
#define BACKGROUND_KERNEL 12
#define WRITE_KERNEL (32 * 4096)

struct measure {
    const char *name;
    uint64_t want; /* LINFSP_WANT_* */
    uint32_t open_flags; /* LINFSP_OPEN_* */
    bool absent_names, background, large, in_place;
};

static const struct measure measures[] = {
    {.name = "no-open", .want = LINFSP_WANT_NO_OPEN},
    {.name = "readdirplus", .want = LINFSP_WANT_READDIRPLUS},
    {.name = "killpriv", .want = LINFSP_WANT_HANDLE_KILLPRIV},
    {.name = "parallel-directory", .want = LINFSP_WANT_PARALLEL_DIRECTORY},
    {.name = "pass-through", .want = LINFSP_WANT_PASSTHROUGH},
    {.name = "cached-symlinks", .want = LINFSP_WANT_CACHE_SYMLINKS},
    {.name = "writeback", .want = LINFSP_WANT_WRITEBACK},
    {.name = "kept-pages", .open_flags = LINFSP_OPEN_KEEP_CACHE},
    {.name = "no-flush", .open_flags = LINFSP_OPEN_NOFLUSH},
    {.name = "parallel-writes", .open_flags = LINFSP_OPEN_PARALLEL_DIRECT_WRITES},
    {.name = "negative-entries", .absent_names = true},
    {.name = "background", .background = true},
    {.name = "large-requests", .large = true},
    {.name = "answers-in-place", .in_place = true},
};

static const struct measure *find(const char *name, size_t length) {
    for (size_t i = 0; i < ARRAY_SIZE(measures); i++)
        if (strlen(measures[i].name) == length && strncmp(measures[i].name, name, length) == 0)
            return &measures[i];
    return NULL;
}

static void leave_out(const struct measure *measure, struct linfsp_volume_options *options,
                      struct fsp_without *ret_without) {
    options->want &= ~measure->want;
    ret_without->open_flags |= measure->open_flags;
    ret_without->absent_names |= measure->absent_names;
    ret_without->answers_in_place |= measure->in_place;
    if (measure->background)
        options->max_background = BACKGROUND_KERNEL;
    if (measure->large && options->max_write > WRITE_KERNEL)
        options->max_write = WRITE_KERNEL;
}

/* Calls for each of the names in an environment variable. */
static int each(const char *variable, bool with, struct linfsp_volume_options *options, struct fsp_without *ret_without,
                struct linfsp_error *ret_error) {
    const char *at = getenv(variable);
    while (at && *at) {
        size_t length = strcspn(at, ",");
        const struct measure *measure = find(at, length);
        if (!measure || (with && measure->want != LINFSP_WANT_WRITEBACK))
            return fsp_fail(ret_error, EINVAL, "%s has \"%.*s\", which is not known", variable, (int)length, at);
        if (with)
            options->want |= measure->want;
        else
            leave_out(measure, options, ret_without);
        at += length + (at[length] == ',');
    }
    return 0;
}

int fsp_do_without(struct linfsp_volume_options *options, struct fsp_without *ret_without,
                   struct linfsp_error *ret_error) {
    int r = each("LINFSP_WITH", true, options, ret_without, ret_error);
    return r < 0 ? r : each("LINFSP_WITHOUT", false, options, ret_without, ret_error);
}
