/* SPDX-License-Identifier: MIT */
#include "fusermount/options.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "util/cleanup.h"
#include "util/utf8.h"

#define NAME_MAX_ASKED 500 /* bytes of fsname=... */

struct token {
    const char *text;
    size_t length;
};

static const struct {
    const char *name;
    unsigned long flag;
    bool on;
} mount_flags[] = {
    {"rw", MS_RDONLY, false},       {"ro", MS_RDONLY, true},       {"exec", MS_NOEXEC, false},
    {"noexec", MS_NOEXEC, true},    {"suid", MS_NOSUID, false},    {"nosuid", MS_NOSUID, true},
    {"dev", MS_NODEV, false},       {"nodev", MS_NODEV, true},     {"async", MS_SYNCHRONOUS, false},
    {"sync", MS_SYNCHRONOUS, true}, {"dirsync", MS_DIRSYNC, true}, {"atime", MS_NOATIME, false},
    {"noatime", MS_NOATIME, true},
};

static bool begins(const struct token *token, const char *with) {
    size_t length = strlen(with);
    return token->length >= length && memcmp(token->text, with, length) == 0;
}

static bool is(const struct token *token, const char *name) {
    return token->length == strlen(name) && begins(token, name);
}

static bool is_name(const struct token *token) {
    return begins(token, "fsname=") || begins(token, "subtype=");
}

/* The token that starts at text; a name may hold escaped commas. */
static struct token next_token(const char *text) {
    struct token token = {text, strlen(text)};
    bool escapes = is_name(&token);
    size_t length = 0;
    while (text[length] && text[length] != ',')
        length += escapes && text[length] == '\\' && text[length + 1] ? 2 : 1;
    token.length = length;
    return token;
}

static int take_name(const struct token *token, char **name) {
    const char *value = (const char *)memchr(token->text, '=', token->length) + 1;
    const char *end = token->text + token->length;
    char *copy = malloc((size_t)(end - value) + 1), *to = copy;
    if (!copy)
        return -ENOMEM;
    for (; value < end; *to++ = *value++)
        if (*value == '\\' && value + 1 < end)
            value++;
    *to = '\0';
    free(*name);
    *name = copy;
    return 0;
}

static bool take_flag(const struct token *token, struct options *options) {
    options->set_user_id |= is(token, "suid");
    options->devices |= is(token, "dev");
    for (size_t i = 0; i < ARRAY_SIZE(mount_flags); i++)
        if (is(token, mount_flags[i].name)) {
            options->flags &= ~mount_flags[i].flag;
            options->flags |= mount_flags[i].on ? mount_flags[i].flag : 0;
            return true;
        }
    return false;
}

/* Options that begin with x- are for programs that read /etc/fstab (x-systemd.requires=, x-gvfs-hide). */
static bool is_for_user_space(const struct token *token) {
    return begins(token, "x-") || begins(token, "X-");
}

/* What fusermount takes, and does nothing for: it has these values itself, or the kernel has long forgotten them. */
static bool is_ignored(const struct token *token) {
    return is(token, "nonempty") || is(token, "large_read") || begins(token, "fd=") || begins(token, "rootmode=") ||
           begins(token, "user_id=") || begins(token, "group_id=") || is_for_user_space(token);
}

static bool is_for_kernel(const struct token *token) {
    return is(token, "allow_other") || is(token, "default_permissions") || begins(token, "max_read=") ||
           begins(token, "blksize=");
}

static void append(char *list, const struct token *token) {
    size_t used = strlen(list);
    if (used > 0)
        list[used++] = ',';
    memcpy(list + used, token->text, token->length);
    list[used + token->length] = '\0';
}

/* A name may be longer than a message to the service, and longer than what the kernel shows of it (255 bytes): the
 * service gets its beginning. */
static struct token shorten(const struct token *token) {
    struct token shorter = *token;
    if (!is_name(token) || token->length <= NAME_MAX_ASKED)
        return shorter;
    shorter.length = utf8_boundary(token->text, NAME_MAX_ASKED);
    while (shorter.length > 0 && token->text[shorter.length - 1] == '\\')
        shorter.length--; /* it takes the meaning of the character behind it away */
    return shorter;
}

static int take(const struct token *token, struct options *options) {
    if (begins(token, "x-linfsp.")) { /* the service's own; nothing to anybody else */
        append(options->asked, token);
        return 0;
    }
    if (is_ignored(token))
        return 0;
    struct token asked = shorten(token);
    append(options->asked, &asked);
    if (begins(token, "fsname="))
        return take_name(token, &options->source);
    if (begins(token, "subtype="))
        return take_name(token, &options->subtype);
    if (begins(token, "unc=") || begins(token, "uns="))
        options->shared = true;
    else if (is(token, "auto_unmount"))
        options->auto_unmount = true;
    else if (is(token, "blkdev"))
        options->block_device = true;
    else if (is_for_kernel(token))
        append(options->data, token);
    else if (!take_flag(token, options) && !options->unknown) {
        options->unknown = strndup(token->text, token->length);
        return options->unknown ? 0 : -ENOMEM;
    }
    return 0;
}

int options_parse(const char *text, struct options *ret_options) {
    struct options options = {.flags = MS_NOSUID | MS_NODEV};
    options.data = calloc(1, strlen(text) + 2);
    options.asked = calloc(1, strlen(text) + 2);
    if (!options.data || !options.asked) {
        options_done(&options);
        return -ENOMEM;
    }
    while (*text) {
        struct token token = next_token(text);
        if (take(&token, &options) < 0) {
            options_done(&options);
            return -ENOMEM;
        }
        text += token.length;
        text += *text == ',';
    }
    *ret_options = options;
    return 0;
}

void options_done(struct options *options) {
    free_pointer(&options->source);
    free_pointer(&options->subtype);
    free_pointer(&options->data);
    free_pointer(&options->asked);
    free_pointer(&options->unknown);
}
