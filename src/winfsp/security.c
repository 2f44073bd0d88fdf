/* SPDX-License-Identifier: MIT */
#include "winfsp/security.h"

#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "winfsp/sid.h"
#include "winfsp/thread-variable.h"

#define DESCRIPTOR_MAX 65536u

PGENERIC_MAPPING FSP_ABI FspGetFileGenericMapping(VOID) {
    static GENERIC_MAPPING mapping = {FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE, FILE_ALL_ACCESS};
    return &mapping;
}

/* ---- the shape ------------------------------------------------------------------------------------------------- */

static bool is_acl(const unsigned char *bytes, size_t size, size_t *ret_size) {
    ACL acl;
    if (size < sizeof acl)
        return false;
    memcpy(&acl, bytes, sizeof acl);
    if (acl.AclSize < sizeof acl || acl.AclSize > size)
        return false;
    size_t at = sizeof acl;
    for (unsigned i = 0; i < acl.AceCount; i++) {
        ACE_HEADER head;
        if (acl.AclSize - at < sizeof head)
            return false;
        memcpy(&head, bytes + at, sizeof head);
        if (head.AceSize < sizeof head || head.AceSize > acl.AclSize - at)
            return false;
        bool plain = head.AceType == ACCESS_ALLOWED_ACE_TYPE || head.AceType == ACCESS_DENIED_ACE_TYPE;
        if (plain && (head.AceSize < 8 || fsp_sid_size(bytes + at + 8, head.AceSize - 8) == 0))
            return false;
        at += head.AceSize;
    }
    *ret_size = acl.AclSize;
    return true;
}

/* The end of the part at offset; 0: malformed. An offset of 0 is no part. */
static size_t end_of_sid(const unsigned char *bytes, size_t size, DWORD offset) {
    if (offset == 0)
        return sizeof(SECURITY_DESCRIPTOR_RELATIVE);
    size_t length = offset < size ? fsp_sid_size(bytes + offset, size - offset) : 0;
    return length ? offset + length : 0;
}

static size_t end_of_acl(const unsigned char *bytes, size_t size, DWORD offset) {
    size_t length;
    if (offset == 0)
        return sizeof(SECURITY_DESCRIPTOR_RELATIVE);
    return offset < size && is_acl(bytes + offset, size - offset, &length) ? offset + length : 0;
}

static size_t measure(const void *descriptor, size_t size) {
    const unsigned char *bytes = descriptor;
    SECURITY_DESCRIPTOR_RELATIVE head;
    if (size < sizeof head)
        return 0;
    memcpy(&head, bytes, sizeof head);
    if (head.Revision != SECURITY_DESCRIPTOR_REVISION || !(head.Control & SE_SELF_RELATIVE))
        return 0;
    const size_t ends[] = {end_of_sid(bytes, size, head.Owner), end_of_sid(bytes, size, head.Group),
                           end_of_acl(bytes, size, head.Sacl), end_of_acl(bytes, size, head.Dacl)};
    size_t end = sizeof head;
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        if (ends[i] == 0)
            return 0;
        end = ends[i] > end ? ends[i] : end;
    }
    return end;
}

size_t fsp_descriptor_size(PSECURITY_DESCRIPTOR descriptor) {
    return descriptor ? measure(descriptor, DESCRIPTOR_MAX) : 0;
}

int fsp_descriptor_recall(const struct fsp_descriptor_memo *memo, const void *descriptor, size_t size) {
    for (int i = 0; i < FSP_MEMO_SLOTS && size > 0; i++)
        if (memo->slots[i].size == size && memcmp(memo->slots[i].bytes, descriptor, size) == 0)
            return i;
    return -1;
}

int fsp_descriptor_remember(struct fsp_descriptor_memo *memo, const void *descriptor, size_t size) {
    int slot = (int)(memo->next % FSP_MEMO_SLOTS);
    if (size > sizeof memo->slots[slot].bytes)
        return -1;
    memo->next++;
    memo->slots[slot].size = size;
    memcpy(memo->slots[slot].bytes, descriptor, size);
    return slot;
}

static struct fsp_descriptor_memo *FSP_THREAD_VARIABLE(valid_here)(void) {
    static _Thread_local struct fsp_descriptor_memo valid;
    return &valid;
}

bool fsp_descriptor_valid(PSECURITY_DESCRIPTOR descriptor, size_t size) {
    struct fsp_descriptor_memo *valid = valid_here();
    if (!descriptor)
        return false;
    if (fsp_descriptor_recall(valid, descriptor, size) >= 0)
        return true;
    if (measure(descriptor, size) == 0)
        return false;
    (void)fsp_descriptor_remember(valid, descriptor, size);
    return true;
}

/* ---- parts ----------------------------------------------------------------------------------------------------- */

PSID fsp_descriptor_owner(PSECURITY_DESCRIPTOR descriptor) {
    const SECURITY_DESCRIPTOR_RELATIVE *head = descriptor;
    return head && head->Owner ? (char *)descriptor + head->Owner : NULL;
}

PSID fsp_descriptor_group(PSECURITY_DESCRIPTOR descriptor) {
    const SECURITY_DESCRIPTOR_RELATIVE *head = descriptor;
    return head && head->Group ? (char *)descriptor + head->Group : NULL;
}

const ACL *fsp_descriptor_dacl(PSECURITY_DESCRIPTOR descriptor) {
    const SECURITY_DESCRIPTOR_RELATIVE *head = descriptor;
    return head && (head->Control & SE_DACL_PRESENT) && head->Dacl ? (const ACL *)((char *)descriptor + head->Dacl)
                                                                   : NULL;
}

static const ACL *sacl_of(PSECURITY_DESCRIPTOR descriptor) {
    const SECURITY_DESCRIPTOR_RELATIVE *head = descriptor;
    return head && (head->Control & SE_SACL_PRESENT) && head->Sacl ? (const ACL *)((char *)descriptor + head->Sacl)
                                                                   : NULL;
}

static size_t append(unsigned char *bytes, size_t at, const void *part, size_t size) {
    if (bytes)
        memcpy(bytes + at, part, size);
    return (at + size + 3) & ~(size_t)3;
}

PSECURITY_DESCRIPTOR fsp_descriptor_build(PSID owner, PSID group, const ACL *sacl, const ACL *dacl, UINT16 control) {
    SECURITY_DESCRIPTOR_RELATIVE head = {.Revision = SECURITY_DESCRIPTOR_REVISION};
    size_t owner_size = owner ? fsp_sid_size(owner, SECURITY_MAX_SID_SIZE) : 0;
    size_t group_size = group ? fsp_sid_size(group, SECURITY_MAX_SID_SIZE) : 0;
    size_t size = sizeof head + owner_size + group_size + (dacl ? dacl->AclSize : 0) + (sacl ? sacl->AclSize : 0) + 16;
    unsigned char *bytes = calloc(1, size);
    if (!bytes)
        return NULL;
    size_t at = sizeof head;
    if (owner_size) {
        head.Owner = (DWORD)at;
        at = append(bytes, at, owner, owner_size);
    }
    if (group_size) {
        head.Group = (DWORD)at;
        at = append(bytes, at, group, group_size);
    }
    if (sacl) {
        head.Sacl = (DWORD)at;
        at = append(bytes, at, sacl, sacl->AclSize);
    }
    if (dacl) {
        head.Dacl = (DWORD)at;
        append(bytes, at, dacl, dacl->AclSize);
    }
    head.Control = (WORD)(control | SE_SELF_RELATIVE);
    memcpy(bytes, &head, sizeof head);
    return bytes;
}

/* ---- setting --------------------------------------------------------------------------------------------------- */

static UINT16 control_of(PSECURITY_DESCRIPTOR descriptor, UINT16 mask) {
    return (UINT16)(((const SECURITY_DESCRIPTOR_RELATIVE *)descriptor)->Control & mask);
}

NTSTATUS FSP_ABI FspSetSecurityDescriptor(PSECURITY_DESCRIPTOR InputDescriptor,
                                          SECURITY_INFORMATION SecurityInformation,
                                          PSECURITY_DESCRIPTOR ModificationDescriptor,
                                          PSECURITY_DESCRIPTOR *PSecurityDescriptor) {
    const UINT16 dacl_bits = SE_DACL_PRESENT | SE_DACL_PROTECTED | 0x0508, sacl_bits = SE_SACL_PRESENT | 0x2a20;
    *PSecurityDescriptor = NULL;
    if (!InputDescriptor)
        return STATUS_NO_SECURITY_ON_OBJECT;
    if (fsp_descriptor_size(InputDescriptor) == 0 || fsp_descriptor_size(ModificationDescriptor) == 0)
        return STATUS_INVALID_SECURITY_DESCR;
    PSECURITY_DESCRIPTOR owner =
        SecurityInformation & OWNER_SECURITY_INFORMATION ? ModificationDescriptor : InputDescriptor;
    PSECURITY_DESCRIPTOR group =
        SecurityInformation & GROUP_SECURITY_INFORMATION ? ModificationDescriptor : InputDescriptor;
    PSECURITY_DESCRIPTOR dacl =
        SecurityInformation & DACL_SECURITY_INFORMATION ? ModificationDescriptor : InputDescriptor;
    PSECURITY_DESCRIPTOR sacl =
        SecurityInformation & SACL_SECURITY_INFORMATION ? ModificationDescriptor : InputDescriptor;
    if (!fsp_descriptor_owner(owner))
        return STATUS_INVALID_SECURITY_DESCR;
    *PSecurityDescriptor = fsp_descriptor_build(fsp_descriptor_owner(owner), fsp_descriptor_group(group), sacl_of(sacl),
                                                fsp_descriptor_dacl(dacl),
                                                (UINT16)(control_of(dacl, dacl_bits) | control_of(sacl, sacl_bits)));
    return *PSecurityDescriptor ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

/* All that make descriptors allocate them alike; another function's is not ours to free. */
VOID FSP_ABI FspDeleteSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor, FSP_CREATOR *CreateFunc) {
    FSP_CREATOR *const ours[] = {
        (FSP_CREATOR *)FspAccessCheckEx,
        (FSP_CREATOR *)FspCreateSecurityDescriptor,
        (FSP_CREATOR *)FspSetSecurityDescriptor,
        (FSP_CREATOR *)FspPosixMapPermissionsToSecurityDescriptor,
        (FSP_CREATOR *)FspPosixMergePermissionsToSecurityDescriptor,
    };
    for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
        if (CreateFunc == ours[i]) {
            free(SecurityDescriptor);
            return;
        }
}
