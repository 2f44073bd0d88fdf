/* SPDX-License-Identifier: MIT */
#include "sddl.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "message.h"
#include "util/cleanup.h"

/* Of an access mask, what mode bits can say of a directory. */
#define MASK_LIST 0x1u
#define MASK_ADD 0x2u
#define MASK_TRAVERSE 0x20u
#define MASK_KNOWN 0xf01f01ffu

enum who_kind { WHO_ROOT, WHO_USER, WHO_GROUP, WHO_OWNER, WHO_OWNING_GROUP, WHO_EVERYONE };

struct who {
    enum who_kind kind;
    uint32_t id; /* WHO_USER, WHO_GROUP */
};

/* What is being read, and what has been settled so far. */
struct parser {
    const char *at;
    struct sddl sddl;
    struct sddl_error *error;
    bool seen_owner, seen_group, seen_list;
    mode_t settled; /* bits that an entry has spoken of */
    mode_t allowed;
};

/* ---- who ------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *sid;
    enum who_kind kind;
} known[] = {
    {"BA", "S-1-5-32-544", WHO_ROOT}, /* administrators */
    {"SY", "S-1-5-18", WHO_ROOT}, /* the system */
    {"LS", "S-1-5-19", WHO_ROOT},     {"NS", "S-1-5-20", WHO_ROOT},        {"WD", "S-1-1-0", WHO_EVERYONE},
    {"CO", "S-1-3-0", WHO_OWNER},     {"CG", "S-1-3-1", WHO_OWNING_GROUP}, {"OW", "S-1-3-4", WHO_OWNER},
};

/* The length of a two-letter name or a SID at text. */
static size_t who_length(const char *text) {
    if (strncasecmp(text, "S-", 2) != 0)
        return strnlen(text, 2);
    /* a SID is followed by the next part's letter and colon without anything between them */
    size_t length = 2 + strspn(text + 2, "0123456789-");
    return length;
}

static bool is_text(const char *at, size_t length, const char *text) {
    return length == strlen(text) && strncasecmp(at, text, length) == 0;
}

/* "S-1-22-1-UID" and "S-1-22-2-GID" are ids of Unix. */
static bool parse_unix_sid(const char *at, size_t length, struct who *ret_who) {
    static const char prefix[] = "S-1-22-";
    const size_t begin = sizeof prefix + 1;
    if (length <= begin || length > begin + 10 || strncasecmp(at, prefix, sizeof prefix - 1) != 0 ||
        (at[begin - 2] != '1' && at[begin - 2] != '2') || at[begin - 1] != '-')
        return false;
    uint64_t id = 0;
    for (size_t i = begin; i < length; i++) {
        if (!isdigit((unsigned char)at[i]))
            return false;
        id = id * 10 + (uint64_t)(at[i] - '0');
    }
    *ret_who = (struct who){at[begin - 2] == '1' ? WHO_USER : WHO_GROUP, (uint32_t)id};
    return id < UINT32_MAX;
}

static int parse_who(struct parser *parser, const char *where, struct who *ret_who) {
    size_t length = who_length(parser->at);
    const char *at = parser->at;
    parser->at += length;
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (is_text(at, length, known[i].name) || is_text(at, length, known[i].sid)) {
            *ret_who = (struct who){known[i].kind, 0};
            return 0;
        }
    if (parse_unix_sid(at, length, ret_who))
        return 0;
    return REFUSE(
        parser->error,
        "%s \"%.*s\" is nobody that owners and mode bits can name; known are BA, SY, LS, NS (root), WD (everyone), OW, "
        "CO (owner), CG (group), S-1-22-1-UID and S-1-22-2-GID",
        where, (int)(length < 64 ? length : 64), at);
}

static int parse_owner(struct parser *parser) {
    struct who who;
    if (parser->seen_owner)
        return REFUSE(parser->error, "O: is there twice");
    int r = parse_who(parser, "owner", &who);
    if (r < 0)
        return r;
    if (who.kind != WHO_ROOT && who.kind != WHO_USER)
        return REFUSE(parser->error, "O: the owner must be one user");
    parser->seen_owner = parser->sddl.has_owner = true;
    parser->sddl.owner = who.id;
    return 0;
}

static int parse_group(struct parser *parser) {
    struct who who;
    if (parser->seen_group)
        return REFUSE(parser->error, "G: is there twice");
    int r = parse_who(parser, "group", &who);
    if (r < 0)
        return r;
    if (who.kind != WHO_ROOT && who.kind != WHO_GROUP)
        return REFUSE(parser->error, "G: the group must be one group");
    parser->seen_group = parser->sddl.has_group = true;
    parser->sddl.group = who.id;
    return 0;
}

/* ---- rights ---------------------------------------------------------------------------------------------------- */

static const struct {
    char name[3];
    uint32_t mask;
} rights[] = {
    {"GA", 0x10000000}, {"GX", 0x20000000}, {"GW", 0x40000000}, {"GR", 0x80000000}, {"FA", 0x1f01ff}, {"FR", 0x120089},
    {"FW", 0x120116},   {"FX", 0x1200a0},   {"CC", 0x1},        {"DC", 0x2},        {"LC", 0x4},      {"SW", 0x8},
    {"RP", 0x10},       {"WP", 0x20},       {"DT", 0x40},       {"LO", 0x80},       {"CR", 0x100},    {"SD", 0x10000},
    {"RC", 0x20000},    {"WD", 0x40000},    {"WO", 0x80000},
};

static int parse_right_names(struct parser *parser, const char *at, size_t length, uint32_t *ret_mask) {
    uint32_t mask = 0;
    for (; length > 0; at += 2, length -= 2) {
        size_t i = 0;
        while (i < ARRAY_SIZE(rights) && (length < 2 || strncasecmp(at, rights[i].name, 2) != 0))
            i++;
        if (i == ARRAY_SIZE(rights))
            return REFUSE(parser->error,
                          "rights \"%.*s\": not known; known are FA FR FW FX GA GR GW GX, the single ones, and 0x...",
                          (int)(length < 2 ? length : 2), at);
        mask |= rights[i].mask;
    }
    *ret_mask = mask;
    return 0;
}

/* Generic rights say by their letters what the others say by their bits. */
static uint32_t expand_generic(uint32_t mask) {
    return mask | (mask & 0x10000000 ? 0x1f01ff : 0) | (mask & 0x20000000 ? 0x1200a0 : 0) |
           (mask & 0x40000000 ? 0x120116 : 0) | (mask & 0x80000000 ? 0x120089 : 0);
}

/* The field's rights as rwx. */
static int parse_rights(struct parser *parser, const char *at, size_t length, mode_t *ret_bits) {
    uint32_t mask = 0;
    if (length > 2 && at[0] == '0' && (at[1] == 'x' || at[1] == 'X')) {
        for (size_t i = 2; i < length; i++) {
            if (!isxdigit((unsigned char)at[i]) || length > 10)
                return REFUSE(parser->error, "rights \"%.*s\": not a mask of 32 bits", (int)(length < 32 ? length : 32),
                              at);
            mask = mask << 4 | (uint32_t)(isdigit((unsigned char)at[i]) ? at[i] - '0' : tolower(at[i]) - 'a' + 10);
        }
    } else {
        int r = parse_right_names(parser, at, length, &mask);
        if (r < 0)
            return r;
    }
    mask = expand_generic(mask);
    *ret_bits = (mask & MASK_LIST ? 4 : 0) | (mask & MASK_ADD ? 2 : 0) | (mask & MASK_TRAVERSE ? 1 : 0);
    if ((mask & ~MASK_KNOWN) || *ret_bits == 0)
        return REFUSE(parser->error, "rights \"%.*s\": mode bits can say list, add and traverse only",
                      (int)(length < 32 ? length : 32), at);
    return 0;
}

/* ---- the list -------------------------------------------------------------------------------------------------- */

/* The fields of an entry between its parentheses. */
struct field {
    const char *at;
    size_t length;
};

static int parse_fields(struct parser *parser, struct field ret_fields[6]) {
    const char *at = parser->at;
    const char *end = strchr(at, ')');
    if (!end)
        return REFUSE(parser->error, "\"(%.40s\": has no closing parenthesis", at);
    for (int i = 0; i < 6; i++) {
        size_t length = strcspn(at, ";)");
        ret_fields[i] = (struct field){at, length};
        at += length;
        if (i < 5 ? *at != ';' : *at != ')')
            return REFUSE(parser->error, "\"(%.*s)\": an entry has six fields, (type;flags;rights;;;who)",
                          (int)(end - parser->at < 60 ? end - parser->at : 60), parser->at);
        at++;
    }
    parser->at = at;
    return 0;
}

/* Inheritance is accepted and without effect: what is made here has the mode that its maker gives it. */
static int check_entry(struct parser *parser, const struct field fields[6]) {
    if (!is_text(fields[0].at, fields[0].length, "A") && !is_text(fields[0].at, fields[0].length, "D"))
        return REFUSE(parser->error, "entry type \"%.*s\": only A (allow) and D (deny) can be said with mode bits",
                      (int)(fields[0].length < 16 ? fields[0].length : 16), fields[0].at);
    for (size_t i = 0; i < fields[1].length; i += 2) {
        size_t length = fields[1].length - i < 2 ? 1 : 2;
        const char *flag = fields[1].at + i;
        if (!is_text(flag, length, "OI") && !is_text(flag, length, "CI") && !is_text(flag, length, "NP") &&
            !is_text(flag, length, "ID"))
            return REFUSE(parser->error, "entry flag \"%.*s\": cannot be said with mode bits", (int)length, flag);
    }
    for (int i = 3; i < 5; i++)
        if (fields[i].length > 0)
            return REFUSE(parser->error, "\"%.*s\": entries for single kinds of objects cannot be said with mode bits",
                          (int)(fields[i].length < 40 ? fields[i].length : 40), fields[i].at);
    return 0;
}

/* Where in the mode an entry for who counts. -EINVAL: nowhere. */
static int places_of(struct parser *parser, struct who who, const struct field *field, mode_t *ret_places) {
    const struct sddl *sddl = &parser->sddl;
    mode_t places = 0;
    bool is_root = who.kind == WHO_ROOT;
    if (who.kind == WHO_EVERYONE)
        places = 0111;
    if (who.kind == WHO_OWNER || ((is_root || who.kind == WHO_USER) && sddl->has_owner && sddl->owner == who.id))
        places |= 0100;
    if (who.kind == WHO_OWNING_GROUP ||
        ((is_root || who.kind == WHO_GROUP) && sddl->has_group && sddl->group == who.id))
        places |= 0010;
    if (places == 0 && !is_root && !(who.kind == WHO_USER && who.id == 0))
        return REFUSE(parser->error,
                      "\"%.*s\": neither the owner (O:) nor the group (G:) nor everyone; mode bits can say no more",
                      (int)(field->length < 64 ? field->length : 64), field->at);
    *ret_places = places;
    return 0;
}

static int parse_entry(struct parser *parser) {
    struct field fields[6];
    struct who who;
    mode_t bits = 0, places = 0;
    int r = parse_fields(parser, fields);
    if (r == 0)
        r = check_entry(parser, fields);
    if (r == 0)
        r = parse_rights(parser, fields[2].at, fields[2].length, &bits);
    if (r < 0)
        return r;
    const char *behind = parser->at;
    parser->at = fields[5].at;
    r = parse_who(parser, "who", &who);
    if (r == 0 && parser->at != fields[5].at + fields[5].length)
        r = REFUSE(parser->error, "\"%.*s\": is not one user or group",
                   (int)(fields[5].length < 64 ? fields[5].length : 64), fields[5].at);
    if (r == 0)
        r = places_of(parser, who, &fields[5], &places);
    if (r < 0)
        return r;
    parser->at = behind;
    bits *= places; /* the same three bits at each place */
    if (toupper((unsigned char)*fields[0].at) == 'A')
        parser->allowed |= bits & ~parser->settled;
    parser->settled |= bits;
    return 0;
}

static bool take(struct parser *parser, const char *text) {
    size_t length = strlen(text);
    if (strncasecmp(parser->at, text, length) != 0)
        return false;
    parser->at += length;
    return true;
}

static int parse_list(struct parser *parser) {
    if (parser->seen_list)
        return REFUSE(parser->error, "D: is there twice");
    parser->seen_list = true;
    if (take(parser, "NO_ACCESS_CONTROL")) {
        parser->allowed = 0777;
        return 0;
    }
    while (take(parser, "P") || take(parser, "AI") || take(parser, "AR"))
        ;
    int r = 0;
    while (r == 0 && take(parser, "("))
        r = parse_entry(parser);
    return r;
}

/* ---- all of it ------------------------------------------------------------------------------------------------- */

/* The list is read last, wherever it stands: its entries are compared with owner and group. */
static int parse_parts(struct parser *parser) {
    const char *list = NULL;
    while (*parser->at) {
        int r = 0;
        if (take(parser, "O:")) {
            r = parse_owner(parser);
        } else if (take(parser, "G:")) {
            r = parse_group(parser);
        } else if (take(parser, "D:")) {
            if (list)
                return REFUSE(parser->error, "D: is there twice");
            list = parser->at;
            /* to the part behind it: what stands in parentheses may contain anything */
            for (int depth = 0; *parser->at && (depth > 0 || parser->at[1] != ':' || !strchr("OGDSogds", *parser->at));
                 parser->at++)
                depth += (*parser->at == '(') - (*parser->at == ')');
        } else if (take(parser, "S:")) {
            return REFUSE(parser->error, "S: auditing and labels cannot be said with owners and mode bits");
        } else {
            return REFUSE(parser->error, "\"%.40s\": expected O:, G: or D:", parser->at);
        }
        if (r < 0)
            return r;
    }
    if (!list)
        return 0;
    parser->at = list;
    int r = parse_list(parser);
    if (r == 0 && *parser->at && !(parser->at[1] == ':' && strchr("OGogSs", *parser->at)))
        r = REFUSE(parser->error, "\"%.40s\": expected an entry, (type;flags;rights;;;who)", parser->at);
    return r;
}

int sddl_parse(const char *text, struct sddl *ret_sddl, struct sddl_error *ret_error) {
    struct parser parser = {.at = text, .error = ret_error};
    if (!*text)
        return REFUSE(parser.error, "is empty");
    int r = parse_parts(&parser);
    if (r < 0)
        return r;
    parser.sddl.mode = parser.seen_list ? parser.allowed : 0777;
    *ret_sddl = parser.sddl;
    return 0;
}
