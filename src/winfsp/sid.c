/* SPDX-License-Identifier: MIT */
#include "winfsp/sid.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

#define NT_AUTHORITY 5
#define MANDATORY_AUTHORITY 16
#define UNIX_AUTHORITY 22 /* Samba's: S-1-22-1-UID, S-1-22-2-GID */
#define NOBODY 65534
#define MAP_MAX 8

const union fsp_sid fsp_sid_everyone = {.sid = {1, 1, {{0, 0, 0, 0, 0, 1}}, {0}}};
const union fsp_sid fsp_sid_authenticated_users = {.sid = {1, 1, {{0, 0, 0, 0, 0, 5}}, {11}}};

/* ---- bytes ----------------------------------------------------------------------------------------------------- */

size_t fsp_sid_size(const void *sid, size_t size) {
    const unsigned char *bytes = sid;
    if (size < 8 || bytes[0] != 1 || bytes[1] > SID_MAX_SUB_AUTHORITIES)
        return 0;
    size_t length = 8 + 4 * (size_t)bytes[1];
    return length <= size ? length : 0;
}

bool fsp_sid_equal(const void *a, const void *b) {
    size_t size = fsp_sid_size(a, SECURITY_MAX_SID_SIZE);
    return size && size == fsp_sid_size(b, SECURITY_MAX_SID_SIZE) && memcmp(a, b, size) == 0;
}

void fsp_sid_make(UINT64 authority, unsigned count, const UINT32 *sub, union fsp_sid *ret_sid) {
    memset(ret_sid, 0, sizeof *ret_sid);
    ret_sid->bytes[0] = 1;
    ret_sid->bytes[1] = (unsigned char)count;
    for (unsigned i = 0; i < 6; i++)
        ret_sid->bytes[2 + i] = (unsigned char)(authority >> (8 * (5 - i)));
    memcpy(ret_sid->bytes + 8, sub, count * sizeof *sub);
}

static UINT64 authority_of(const void *sid) {
    UINT64 authority = 0;
    for (unsigned i = 0; i < 6; i++)
        authority = authority << 8 | ((const unsigned char *)sid)[2 + i];
    return authority;
}

static UINT32 sub_of(const void *sid, unsigned index) {
    UINT32 sub;
    memcpy(&sub, (const unsigned char *)sid + 8 + 4 * (size_t)index, sizeof sub);
    return sub;
}

int fsp_sid_text(const void *sid, char *ret_text, size_t size) {
    if (!sid || fsp_sid_size(sid, SECURITY_MAX_SID_SIZE) == 0)
        return snprintf(ret_text, size, "(invalid)");
    int used = snprintf(ret_text, size, "S-1-%llu", (unsigned long long)authority_of(sid));
    for (unsigned i = 0; i < ((const unsigned char *)sid)[1]; i++)
        used += snprintf((size_t)used < size ? ret_text + used : NULL, (size_t)used < size ? size - (size_t)used : 0,
                         "-%u", sub_of(sid, i));
    return used;
}

/* ---- the table of FspPosixSetUidMap ---------------------------------------------------------------------------- */

static struct {
    UINT32 uid;
    union fsp_sid sid;
} map[MAP_MAX];
static _Atomic unsigned map_count, map_generation;
static pthread_rwlock_t map_lock = PTHREAD_RWLOCK_INITIALIZER;

/* NOLINTNEXTLINE(readability-non-const-parameter): the API's */
NTSTATUS FSP_ABI FspPosixSetUidMap(UINT32 Uid[], PSID Sid[], ULONG Count) {
    if (Count > MAP_MAX)
        return STATUS_INVALID_PARAMETER;
    for (ULONG i = 0; i < Count; i++)
        if (!Sid[i] || fsp_sid_size(Sid[i], SECURITY_MAX_SID_SIZE) == 0)
            return STATUS_INVALID_SID;
    pthread_rwlock_wrlock(&map_lock);
    for (ULONG i = 0; i < Count; i++) {
        map[i].uid = Uid[i];
        memcpy(map[i].sid.bytes, Sid[i], fsp_sid_size(Sid[i], SECURITY_MAX_SID_SIZE));
    }
    map_count = Count;
    map_generation++;
    pthread_rwlock_unlock(&map_lock);
    return STATUS_SUCCESS;
}

unsigned fsp_uid_map_generation(void) {
    return map_generation;
}

static bool mapped_sid(UINT32 uid, union fsp_sid *ret_sid) {
    bool found = false;
    if (map_count == 0)
        return false;
    pthread_rwlock_rdlock(&map_lock);
    for (unsigned i = 0; i < map_count && !found; i++)
        if (map[i].uid == uid) {
            *ret_sid = map[i].sid;
            found = true;
        }
    pthread_rwlock_unlock(&map_lock);
    return found;
}

static bool mapped_uid(const void *sid, UINT32 *ret_uid) {
    bool found = false;
    if (map_count == 0)
        return false;
    pthread_rwlock_rdlock(&map_lock);
    for (unsigned i = 0; i < map_count && !found; i++)
        if (fsp_sid_equal(map[i].sid.bytes, sid)) {
            *ret_uid = map[i].uid;
            found = true;
        }
    pthread_rwlock_unlock(&map_lock);
    return found;
}

/* ---- the rules ------------------------------------------------------------------------------------------------- */

/* What a machine has for a SID on Windows, there is none for here: S-1-5-21-0-0-0, as Wine's. */
#define MACHINE_RIDS 4
static const UINT32 machine[MACHINE_RIDS] = {21, 0, 0, 0};

static void sid_by_rule(UINT32 uid, union fsp_sid *ret_sid) {
    UINT32 sub[MACHINE_RIDS + 1] = {32, uid};
    if (uid == NOBODY)
        fsp_sid_make(0, 1, &uid, ret_sid);
    else if (uid < 0x200 || uid == 1000)
        fsp_sid_make(NT_AUTHORITY, 1, &uid, ret_sid);
    else if (uid < 1000)
        fsp_sid_make(NT_AUTHORITY, 2, sub, ret_sid);
    else if (uid < 0x10000 && uid >= 0x1000)
        fsp_sid_make(NT_AUTHORITY, 2, (UINT32[]){uid >> 12, uid & 0xfff}, ret_sid);
    else if (uid >= 0x10000 && uid < 0x11000)
        fsp_sid_make((uid >> 8) & 0xf, 1, (UINT32[]){uid & 0xff}, ret_sid);
    else if (uid >= 0x60000 && uid < 0x70000)
        fsp_sid_make(MANDATORY_AUTHORITY, 1, (UINT32[]){uid - 0x60000}, ret_sid);
    else {
        memcpy(sub, machine, sizeof machine);
        sub[MACHINE_RIDS] = uid >= 0x30000 ? uid - 0x30000 : uid;
        fsp_sid_make(NT_AUTHORITY, MACHINE_RIDS + 1, sub, ret_sid);
    }
}

static UINT32 uid_of_nt_sid(const void *sid) {
    unsigned count = ((const unsigned char *)sid)[1];
    UINT32 first = sub_of(sid, 0), last = sub_of(sid, count - 1);
    if (count == 1)
        return first;
    if (first == 5)
        return NOBODY; /* of a log-on */
    if (count == 2)
        return first == 32 ? last : 0x1000 * first + last;
    if (count == MACHINE_RIDS + 1 && first == 21)
        return 0x30000 + last;
    return NOBODY;
}

static UINT32 uid_by_rule(const void *sid) {
    UINT64 authority = authority_of(sid);
    unsigned count = ((const unsigned char *)sid)[1];
    if (count == 0)
        return NOBODY;
    if (authority == NT_AUTHORITY)
        return uid_of_nt_sid(sid);
    if (authority == MANDATORY_AUTHORITY && count == 1)
        return 0x60000 + sub_of(sid, 0);
    if (authority == UNIX_AUTHORITY && count == 2)
        return sub_of(sid, 1);
    if (count == 1 && authority < 16 && sub_of(sid, 0) < 0x100)
        return (UINT32)(0x10000 + 0x100 * authority + sub_of(sid, 0));
    return NOBODY;
}

UINT32 fsp_uid_of_sid(const void *sid) {
    UINT32 uid;
    return mapped_uid(sid, &uid) ? uid : uid_by_rule(sid);
}

/* Every number of Linux has to come back as itself: what the rules have no SID for is Samba's S-1-22-1-UID. */
void fsp_sid_of_uid(UINT32 uid, union fsp_sid *ret_sid) {
    if (mapped_sid(uid, ret_sid))
        return;
    sid_by_rule(uid, ret_sid);
    if (uid_by_rule(ret_sid->bytes) != uid)
        fsp_sid_make(UNIX_AUTHORITY, 2, (UINT32[]){1, uid}, ret_sid);
}

void fsp_sid_of_unix_group(UINT32 gid, union fsp_sid *ret_sid) {
    fsp_sid_make(UNIX_AUTHORITY, 2, (UINT32[]){2, gid}, ret_sid);
}

bool fsp_sid_is_unix_group(const void *sid) {
    return authority_of(sid) == UNIX_AUTHORITY && ((const unsigned char *)sid)[1] == 2 && sub_of(sid, 0) == 2;
}

/* ---- exported -------------------------------------------------------------------------------------------------- */

NTSTATUS FSP_ABI FspPosixMapUidToSid(UINT32 Uid, PSID *PSid) {
    union fsp_sid *sid = malloc(sizeof *sid);
    *PSid = sid;
    if (!sid)
        return STATUS_INSUFFICIENT_RESOURCES;
    fsp_sid_of_uid(Uid, sid);
    return STATUS_SUCCESS;
}

NTSTATUS FSP_ABI FspPosixMapSidToUid(PSID Sid, PUINT32 PUid) {
    *PUid = (UINT32)-1;
    if (!Sid || fsp_sid_size(Sid, SECURITY_MAX_SID_SIZE) == 0)
        return STATUS_INVALID_SID;
    *PUid = fsp_uid_of_sid(Sid);
    return STATUS_SUCCESS;
}

VOID FSP_ABI FspDeleteSid(PSID Sid, FSP_CREATOR *CreateFunc) {
    if (CreateFunc == (FSP_CREATOR *)FspPosixMapUidToSid)
        free(Sid);
}
