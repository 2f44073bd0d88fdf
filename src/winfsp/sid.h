/* SPDX-License-Identifier: MIT */
/* SIDs as bytes, and the numbers of Linux that they stand for. */
#ifndef WINFSP_SID_H
#define WINFSP_SID_H

#include <stdbool.h>
#include <stddef.h>

#include <winfsp/winfsp.h>

union fsp_sid {
    SID sid;
    unsigned char bytes[SECURITY_MAX_SID_SIZE];
};

/* The bytes of a SID that begins there, 0 where there is none whole within size bytes. */
size_t fsp_sid_size(const void *sid, size_t size);
bool fsp_sid_equal(const void *a, const void *b);
/* S-1-AUTHORITY-SUB-... of count sub-authorities. */
void fsp_sid_make(UINT64 authority, unsigned count, const UINT32 *sub, union fsp_sid *ret_sid);
/* The SID of a uid or gid. */
void fsp_sid_of_uid(UINT32 uid, union fsp_sid *ret_sid);
/* The SID of a gid whose number is also the owner's: a SID of its own. */
void fsp_sid_of_unix_group(UINT32 gid, union fsp_sid *ret_sid);
/* A SID that fsp_sid_of_unix_group makes. */
bool fsp_sid_is_unix_group(const void *sid);
/* The number that a SID stands for; 65534: nobody. */
UINT32 fsp_uid_of_sid(const void *sid);
/* Changes whenever FspPosixSetUidMap changes which number a SID stands for. */
unsigned fsp_uid_map_generation(void);
/* "S-1-5-..." Returns the bytes, as snprintf does. */
int fsp_sid_text(const void *sid, char *ret_text, size_t size);

extern const union fsp_sid fsp_sid_everyone, fsp_sid_authenticated_users;

#endif
