/* SPDX-License-Identifier: MIT */
/*
 * SDDL, the text form of security descriptors: O:OWNER G:GROUP D:FLAGS(TYPE;FLAGS;RIGHTS;;;SID)...
 *
 * Model. A parser that walks the text once. Allowed and denied ACEs, SIDs in full (S-1-...) and by the usual two
 * letters, rights as two letters or a number. A SACL is passed over.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "winfsp/security.h"
#include "winfsp/sid.h"
#include "winfsp/text.h"

#define ACL_MAX 4096

static const struct {
    char name[3];
    UINT64 authority;
    unsigned count;
    UINT32 sub[2];
} aliases[] = {
    {"AN", 5, 1, {7}},       {"AO", 5, 2, {32, 548}}, {"AU", 5, 1, {11}},      {"BA", 5, 2, {32, 544}},
    {"BG", 5, 2, {32, 546}}, {"BO", 5, 2, {32, 551}}, {"BU", 5, 2, {32, 545}}, {"CG", 3, 1, {1}},
    {"CO", 3, 1, {0}},       {"IU", 5, 1, {4}},       {"LS", 5, 1, {19}},      {"NS", 5, 1, {20}},
    {"NU", 5, 1, {2}},       {"OW", 3, 1, {4}},       {"PS", 5, 1, {10}},      {"PU", 5, 2, {32, 547}},
    {"SU", 5, 1, {6}},       {"SY", 5, 1, {18}},      {"WD", 1, 1, {0}},
};

static const struct {
    char name[3];
    UINT32 mask;
} rights[] = {
    {"CC", 0x1},
    {"DC", 0x2},
    {"LC", 0x4},
    {"SW", 0x8},
    {"RP", 0x10},
    {"WP", 0x20},
    {"DT", 0x40},
    {"LO", 0x80},
    {"CR", 0x100},
    {"SD", DELETE},
    {"RC", READ_CONTROL},
    {"WD", WRITE_DAC},
    {"WO", WRITE_OWNER},
    {"GA", GENERIC_ALL},
    {"GR", GENERIC_READ},
    {"GW", GENERIC_WRITE},
    {"GX", GENERIC_EXECUTE},
    {"FA", FILE_ALL_ACCESS},
    {"FR", FILE_GENERIC_READ},
    {"FW", FILE_GENERIC_WRITE},
    {"FX", FILE_GENERIC_EXECUTE},
};

static const struct {
    char name[3];
    BYTE flag;
} ace_flags[] = {
    {"OI", OBJECT_INHERIT_ACE}, {"CI", CONTAINER_INHERIT_ACE}, {"NP", NO_PROPAGATE_INHERIT_ACE},
    {"IO", INHERIT_ONLY_ACE},   {"ID", INHERITED_ACE},
};

struct parser {
    const char *at;
    union fsp_sid owner, group;
    bool has_owner, has_group, has_dacl;
    UINT16 control;
    unsigned char acl[ACL_MAX];
    size_t acl_size;
    unsigned ace_count;
};

static bool takes(struct parser *parser, const char *text) {
    size_t length = strlen(text);
    if (strncmp(parser->at, text, length) != 0)
        return false;
    parser->at += length;
    return true;
}

static bool parse_full_sid(struct parser *parser, union fsp_sid *ret_sid) {
    UINT32 sub[SID_MAX_SUB_AUTHORITIES];
    unsigned count = 0;
    char *end;
    UINT64 authority = strtoull(parser->at + 4, &end, 0);
    if (end == parser->at + 4)
        return false;
    while (*end == '-' && count < ARRAY_SIZE(sub)) {
        const char *begin = end + 1;
        sub[count++] = (UINT32)strtoul(begin, &end, 10);
        if (end == begin)
            return false;
    }
    parser->at = end;
    fsp_sid_make(authority, count, sub, ret_sid);
    return count > 0;
}

static bool parse_sid(struct parser *parser, union fsp_sid *ret_sid) {
    if (!strncmp(parser->at, "S-1-", 4))
        return parse_full_sid(parser, ret_sid);
    for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
        if (takes(parser, aliases[i].name)) {
            fsp_sid_make(aliases[i].authority, aliases[i].count, aliases[i].sub, ret_sid);
            return true;
        }
    return false;
}

static bool parse_rights(struct parser *parser, UINT32 *ret_mask) {
    UINT32 mask = 0;
    if (isdigit((unsigned char)*parser->at)) {
        char *end;
        *ret_mask = (UINT32)strtoul(parser->at, &end, 0);
        parser->at = end;
        return true;
    }
    while (*parser->at && *parser->at != ';') {
        size_t i = 0;
        while (i < ARRAY_SIZE(rights) && !takes(parser, rights[i].name))
            i++;
        if (i == ARRAY_SIZE(rights))
            return false;
        mask |= rights[i].mask;
    }
    *ret_mask = mask;
    return true;
}

static bool parse_ace_flags(struct parser *parser, BYTE *ret_flags) {
    *ret_flags = 0;
    while (*parser->at && *parser->at != ';') {
        size_t i = 0;
        while (i < ARRAY_SIZE(ace_flags) && !takes(parser, ace_flags[i].name))
            i++;
        if (i == ARRAY_SIZE(ace_flags))
            return false;
        *ret_flags |= ace_flags[i].flag;
    }
    return true;
}

/* Behind the opening parenthesis. */
static bool parse_ace(struct parser *parser) {
    ACE_HEADER head = {0};
    union fsp_sid sid;
    UINT32 mask;
    if (takes(parser, "A;"))
        head.AceType = ACCESS_ALLOWED_ACE_TYPE;
    else if (takes(parser, "D;"))
        head.AceType = ACCESS_DENIED_ACE_TYPE;
    else
        return false;
    if (!parse_ace_flags(parser, &head.AceFlags) || !takes(parser, ";") || !parse_rights(parser, &mask) ||
        !takes(parser, ";;;") || !parse_sid(parser, &sid) || !takes(parser, ")"))
        return false;
    size_t size = fsp_sid_size(&sid, sizeof sid);
    head.AceSize = (WORD)(8 + size);
    if (head.AceSize > sizeof parser->acl - parser->acl_size)
        return false;
    memcpy(parser->acl + parser->acl_size, &head, sizeof head);
    memcpy(parser->acl + parser->acl_size + 4, &mask, sizeof mask);
    memcpy(parser->acl + parser->acl_size + 8, &sid, size);
    parser->acl_size += head.AceSize;
    parser->ace_count++;
    return true;
}

static bool parse_dacl(struct parser *parser) {
    parser->has_dacl = true;
    parser->control |= SE_DACL_PRESENT;
    for (;;) {
        if (takes(parser, "P"))
            parser->control |= SE_DACL_PROTECTED;
        else if (takes(parser, "AI"))
            parser->control |= 0x0400;
        else if (!takes(parser, "AR"))
            break;
    }
    while (takes(parser, "("))
        if (!parse_ace(parser))
            return false;
    return true;
}

static bool parse(struct parser *parser) {
    while (*parser->at) {
        bool good = false;
        if (takes(parser, "O:"))
            good = parser->has_owner = parse_sid(parser, &parser->owner);
        else if (takes(parser, "G:"))
            good = parser->has_group = parse_sid(parser, &parser->group);
        else if (takes(parser, "D:"))
            good = parse_dacl(parser);
        else if (takes(parser, "S:")) {
            parser->at += strlen(parser->at);
            good = true;
        }
        if (!good)
            return false;
    }
    return true;
}

NTSTATUS FspLinuxParseSddl(PCWSTR Text, PSECURITY_DESCRIPTOR *PSecurityDescriptor) {
    _cleanup_free_ char *text = fsp_wide_to_utf8_new(Text);
    _cleanup_free_ struct parser *parser = calloc(1, sizeof *parser);
    *PSecurityDescriptor = NULL;
    if (!text || !parser)
        return STATUS_INSUFFICIENT_RESOURCES;
    parser->at = text;
    parser->acl_size = sizeof(ACL);
    if (!parse(parser))
        return STATUS_INVALID_PARAMETER;
    ACL head = {.AclRevision = ACL_REVISION, .AclSize = (WORD)parser->acl_size, .AceCount = (WORD)parser->ace_count};
    memcpy(parser->acl, &head, sizeof head);
    *PSecurityDescriptor =
        fsp_descriptor_build(parser->has_owner ? &parser->owner : NULL, parser->has_group ? &parser->group : NULL, NULL,
                             parser->has_dacl ? (const ACL *)(void *)parser->acl : NULL, parser->control);
    return *PSecurityDescriptor ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}
