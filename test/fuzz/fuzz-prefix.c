/* SPDX-License-Identifier: MIT */
/*
 * Prefixes and paths: whatever is accepted converts to each form and back unchanged, cannot leave /unc, and folds to
 * something that folds to itself. The input is the text.
 */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "wire/prefix.h"

#define TEXT_MAX 5000
#define ROOT "/unc"

static void check_canonical(const char *canonical) {
    PROPERTY(canonical[0] != '/' && canonical[0] != '\0' && canonical[strlen(canonical) - 1] != '/');
    PROPERTY(strchr(canonical, '/') && !strchr(canonical, '\\') && !strstr(canonical, "//"));
    const char *last = strrchr(canonical, '/');
    PROPERTY(strncmp(canonical, "../", 3) != 0 && !strstr(canonical, "/../") && strcmp(last, "/..") != 0);
    for (const char *at = canonical; *at; at++)
        PROPERTY((unsigned char)*at >= 0x20 && *at != 0x7f);
}

static void check_path(const char *text) {
    static char canonical[TEXT_MAX], again[TEXT_MAX], form[TEXT_MAX + 8];
    const char *why = NULL;
    int result = prefix_parse_path(text, ROOT, canonical, sizeof canonical, &why);
    if (result < 0) {
        PROPERTY((result == -EINVAL || result == -ENAMETOOLONG) && why);
        return;
    }
    check_canonical(canonical);
    PROPERTY(prefix_to_unc(canonical, form, sizeof form) == 0);
    PROPERTY(prefix_parse_path(form, ROOT, again, sizeof again, NULL) == 0 && strcmp(canonical, again) == 0);
    PROPERTY(prefix_to_path(canonical, ROOT, form, sizeof form) == 0);
    const char *shown = strncmp(canonical, "./", 2) == 0 ? canonical + 2 : canonical;
    result = prefix_parse_path(form, ROOT, again, sizeof again, NULL);
    PROPERTY(result == 0 ? strcmp(shown, again) == 0 : shown != canonical && !strchr(shown, '/'));
}

static void check_prefix(const char *text) {
    char canonical[PREFIX_MAX], folded[PREFIX_MAX], again[PREFIX_MAX], form[PREFIX_MAX + 8];
    const char *why = NULL;
    int result = prefix_parse(text, canonical, &why);
    if (result < 0) {
        PROPERTY((result == -EINVAL || result == -ENAMETOOLONG) && why);
        return;
    }
    check_canonical(canonical);
    PROPERTY(strlen(canonical) < PREFIX_MAX);
    PROPERTY(prefix_to_unc(canonical, form, sizeof form) == 0);
    PROPERTY(prefix_parse(form, again, NULL) == 0 && strcmp(canonical, again) == 0);
    result = prefix_fold(canonical, folded);
    if (result < 0) {
        PROPERTY(result == -ENAMETOOLONG);
        return;
    }
    check_canonical(folded);
    result = prefix_fold(folded, again);
    PROPERTY(result == 0 && strcmp(folded, again) == 0);
    PROPERTY(prefix_overlaps(folded, folded));
    *strrchr(again, '/') = '\0';
    PROPERTY(prefix_overlaps(folded, again) && prefix_overlaps(again, folded));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size >= TEXT_MAX)
        return 0;
    char *text = malloc(size + 1);
    PROPERTY(text);
    memcpy(text, data, size);
    text[size] = '\0';
    check_prefix(text);
    check_path(text);
    free(text);
    return 0;
}
