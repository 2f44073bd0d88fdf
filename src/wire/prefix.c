/* SPDX-License-Identifier: MIT */
/*
 * A prefix or a path in any spelling is a sequence of components. One function splits it, checks each component and
 * joins them by '/': the canonical form, the only one that the rest of LinFsp compares, stores or shows through
 * prefix_to_unc and prefix_to_path.
 */
#include "wire/prefix.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/utf8.h"

#define COMPONENT_MAX 255 /* NAME_MAX: each becomes a directory under /unc */

static int refuse(int result, const char *why, const char **ret_why) {
    if (ret_why)
        *ret_why = why;
    return result;
}

static int check_component(const char *component, size_t length, const char **ret_why) {
    if (length == 0)
        return refuse(-EINVAL, "it has an empty component", ret_why);
    if (component[0] == '.' && (length == 1 || (length == 2 && component[1] == '.')))
        return refuse(-EINVAL, "it has \".\" or \"..\" for a component", ret_why);
    if (length > COMPONENT_MAX)
        return refuse(-ENAMETOOLONG, "it has a component over 255 bytes", ret_why);
    for (size_t at = 0; at < length;) {
        uint32_t character;
        size_t step = utf8_decode(component + at, length - at, &character);
        if (step == 0)
            return refuse(-EINVAL, "it is not valid UTF-8", ret_why);
        if (utf8_is_control(character))
            return refuse(-EINVAL, "it has a control character", ret_why);
        if (character == '\\')
            return refuse(-EINVAL, "it has a file name with a backslash, which a UNC path cannot express", ret_why);
        at += step;
    }
    return 0;
}

/* What a prefix that is claimed must not look like: it is shown in columns, and typed in command lines. */
static int check_shown(const char *component, size_t length, const char **ret_why) {
    if (component[0] == '-')
        return refuse(-EINVAL, "a component begins with '-', like an option", ret_why);
    if (component[0] == ' ' || component[length - 1] == ' ' || memmem(component, length, "  ", 2))
        return refuse(-EINVAL, "a component has spaces at its ends, or two in a row", ret_why);
    for (size_t at = 0; at < length;) {
        uint32_t character;
        at += utf8_decode(component + at, length - at, &character);
        if (utf8_misleads(character) || character == 0x200c || character == 0x200d) /* joiners are not seen */
            return refuse(-EINVAL, "it has characters that are not seen, or change the direction of text", ret_why);
    }
    return 0;
}

/* text is what stands behind the leading separators. most: components allowed, 0 for any number. local: the first may
 * be
 * ".", the scope of a group. */
static int canonicalize(const char *text, const char *separators, size_t most, bool local, char *ret, size_t size,
                        const char **ret_why) {
    size_t used = 0, components = 0;
    for (;;) {
        size_t length = strcspn(text, separators);
        if (length == 0 && *text == '\0' && components > 0)
            break; /* behind one trailing separator */
        bool is_scope = local && components == 0 && length == 1 && text[0] == '.';
        int result = is_scope ? 0 : check_component(text, length, ret_why);
        if (result == 0 && most > 0)
            result = check_shown(text, length, ret_why);
        if (result < 0)
            return result;
        if (most > 0 && components == most)
            return refuse(-EINVAL, "it has more than 16 components", ret_why);
        if (used + (components > 0) + length >= size)
            return refuse(-ENAMETOOLONG, "it is too long", ret_why);
        if (components++ > 0)
            ret[used++] = '/';
        memcpy(ret + used, text, length);
        used += length;
        text += length;
        if (*text == '\0')
            break;
        text++;
    }
    if (components < 2)
        return refuse(-EINVAL, "it needs at least two components, \\server\\share", ret_why);
    ret[used] = '\0';
    return 0;
}

static int skip_leading(const char **text, const char **ret_why) {
    size_t leading = strspn(*text, "\\/");
    if (leading == 0)
        return refuse(-EINVAL, "it does not begin with a backslash (or slash)", ret_why);
    if (leading > 2)
        return refuse(-EINVAL, "it begins with more than two backslashes (or slashes)", ret_why);
    *text += leading;
    return 0;
}

int prefix_parse(const char *text, char ret_canonical[PREFIX_MAX], const char **ret_why) {
    int result = skip_leading(&text, ret_why);
    if (result < 0)
        return result;
    char canonical[PREFIX_MAX];
    result = canonicalize(text, "\\/", PREFIX_COMPONENTS_MAX, true, canonical, sizeof canonical, ret_why);
    if (result < 0)
        return result;
    strcpy(ret_canonical, canonical);
    return 0;
}

/* What stands behind unc_root and its '/', or NULL where text is not a path below it. */
static const char *below_root(const char *text, const char *unc_root) {
    size_t length = strlen(unc_root);
    while (length > 0 && unc_root[length - 1] == '/')
        length--;
    if (strncmp(text, unc_root, length) != 0)
        return NULL;
    return text[length] == '/' ? text + length + 1 : text[length] == '\0' ? text + length : NULL;
}

int prefix_parse_path(const char *text, const char *unc_root, char *ret_canonical, size_t size, const char **ret_why) {
    const char *below = below_root(text, unc_root);
    if (below && *below == '\0')
        return refuse(-EINVAL, "it names no share", ret_why);
    if (below) /* a path of the file system: a backslash is part of a name there */
        return canonicalize(below, "/", 0, false, ret_canonical, size, ret_why);
    int result = skip_leading(&text, ret_why);
    if (result < 0)
        return result;
    return canonicalize(text, "\\/", 0, true, ret_canonical, size, ret_why);
}

int prefix_to_unc(const char *canonical, char *ret_unc, size_t size) {
    size_t length = strlen(canonical);
    if (length + 2 >= size)
        return -ENAMETOOLONG;
    ret_unc[0] = ret_unc[1] = '\\';
    for (size_t i = 0; i <= length; i++)
        ret_unc[i + 2] = canonical[i] == '/' ? '\\' : canonical[i];
    return 0;
}

int prefix_to_path(const char *canonical, const char *unc_root, char *ret_path, size_t size) {
    if (strncmp(canonical, "./", 2) == 0) /* where a group finds its own is no part of the path */
        canonical += 2;
    if (strlen(unc_root) + 1 + strlen(canonical) >= size)
        return -ENAMETOOLONG;
    snprintf(ret_path, size, "%s/%s", unc_root, canonical);
    return 0;
}
