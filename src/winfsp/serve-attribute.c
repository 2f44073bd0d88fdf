/* SPDX-License-Identifier: MIT */
/* Serving changes of attributes: size, times, owner, group and mode. */
#include <errno.h>
#include <string.h>

#include "util/cleanup.h"
#include "winfsp/security.h"
#include "winfsp/serve.h"
#include "winfsp/status.h"

static uint64_t file_time(const struct timespec *time, bool now) {
    if (now)
        return fsp_file_time_now();
    int64_t value = time->tv_sec * INT64_C(10000000) + time->tv_nsec / 100 + FSP_UNIX_EPOCH;
    return value > 0 ? (uint64_t)value : 1; /* 0 would leave it */
}

static UINT32 access_for(uint32_t set) {
    UINT32 access = FILE_READ_ATTRIBUTES | READ_CONTROL;
    if (set & LINFSP_SET_SIZE)
        access |= FILE_WRITE_DATA;
    if (set & (LINFSP_SET_ATIME | LINFSP_SET_MTIME))
        access |= FILE_WRITE_ATTRIBUTES;
    if (set & LINFSP_SET_MODE)
        access |= WRITE_DAC | FILE_WRITE_ATTRIBUTES;
    if (set & (LINFSP_SET_UID | LINFSP_SET_GID))
        access |= WRITE_OWNER | WRITE_DAC;
    return access;
}

/* ---- times ----------------------------------------------------------------------------------------------------- */

/* Cleanup leaves alone what was set by whoever has the file open. */
static void note_times(struct fsp_node *node, struct fsp_use *use, uint32_t set) {
    struct fsp_open *open = use->program && use->program != &use->open ? use->program : NULL;
    pthread_mutex_lock(&node->state);
    if (open && (set & LINFSP_SET_ATIME))
        open->set_access_time = true;
    if (open && (set & LINFSP_SET_MTIME))
        open->set_write_time = open->set_change_time = true;
    if (set & LINFSP_SET_MTIME) {
        node->written_at = 0;
        for (struct fsp_open *each = node->opens; each; each = each->next)
            each->set_write_time = true;
    }
    pthread_mutex_unlock(&node->state);
}

static NTSTATUS set_times(struct fsp_volume *volume, struct fsp_node *node, struct fsp_use *use,
                          const struct stat *attributes, uint32_t set) {
    uint64_t accessed = set & LINFSP_SET_ATIME ? file_time(&attributes->st_atim, set & LINFSP_SET_ATIME_NOW) : 0;
    uint64_t written = set & LINFSP_SET_MTIME ? file_time(&attributes->st_mtim, set & LINFSP_SET_MTIME_NOW) : 0;
    NTSTATUS status = fsp_set_times(volume, &use->open, INVALID_FILE_ATTRIBUTES, 0, accessed, written,
                                    fsp_file_time_now(), &use->info);
    if (NT_SUCCESS(status))
        note_times(node, use, set);
    return status;
}

/* ---- owner, group, mode ---------------------------------------------------------------------------------------- */

/* A volume without security descriptors has the READONLY attribute, which is the bits to write. */
static NTSTATUS set_readonly(struct fsp_volume *volume, struct fsp_use *use, mode_t mode) {
    UINT32 before = use->info.FileAttributes & ~(UINT32)FILE_ATTRIBUTE_NORMAL;
    UINT32 after = mode & 0222 ? before & ~(UINT32)FILE_ATTRIBUTE_READONLY : before | FILE_ATTRIBUTE_READONLY;
    if (before == after || (before & FILE_ATTRIBUTE_DIRECTORY))
        return STATUS_SUCCESS;
    return fsp_set_times(volume, &use->open, after ? after : FILE_ATTRIBUTE_NORMAL, 0, 0, 0, 0, &use->info);
}

static NTSTATUS change_descriptor(struct fsp_volume *volume, struct fsp_use *use, uid_t uid, gid_t gid, mode_t mode,
                                  uint32_t set) {
    PSECURITY_DESCRIPTOR descriptor = NULL;
    NTSTATUS status = FspPosixMapPermissionsToSecurityDescriptor(uid, gid, mode, &descriptor);
    SECURITY_INFORMATION parts =
        DACL_SECURITY_INFORMATION | (set & LINFSP_SET_UID ? OWNER_SECURITY_INFORMATION : 0) |
        (set & (LINFSP_SET_GID | LINFSP_SET_UID | LINFSP_SET_MODE) ? GROUP_SECURITY_INFORMATION : 0);
    if (NT_SUCCESS(status))
        status = fsp_set_security(volume, &use->open, parts, descriptor, fsp_descriptor_size(descriptor));
    FspDeleteSecurityDescriptor(descriptor, (FSP_CREATOR *)FspPosixMapPermissionsToSecurityDescriptor);
    return status;
}

static NTSTATUS set_security(struct fsp_volume *volume, struct fsp_node *node, struct fsp_use *use,
                             const struct stat *attributes, uint32_t set) {
    struct fsp_transaction transaction;
    mode_t mode = 0777;
    uid_t uid = volume->owner_uid;
    gid_t gid = volume->owner_gid;
    size_t size = 0;
    NTSTATUS status = fsp_get_security(volume, &use->open, &transaction, &size);
    if (!NT_SUCCESS(status))
        return status;
    fsp_descriptor_mode(transaction.response.Buffer, size, &mode, &uid, &gid);
    if (set & LINFSP_SET_MODE)
        mode = attributes->st_mode & 07777;
    if (set & LINFSP_SET_UID)
        uid = attributes->st_uid;
    if (set & LINFSP_SET_GID)
        gid = attributes->st_gid;
    status = change_descriptor(volume, use, uid, gid, mode | (node->is_directory ? S_IFDIR : S_IFREG), set);
    if (!NT_SUCCESS(status))
        return status;
    struct fsp_opened now = {.has_security = true};
    status = fsp_get_security(volume, &use->open, &transaction, &size);
    if (NT_SUCCESS(status) && fsp_descriptor_mode(transaction.response.Buffer, size, &now.mode, &now.uid, &now.gid))
        fsp_note_security(volume, node, &now);
    return STATUS_SUCCESS;
}

/* Without descriptors everything belongs to one owner, and that stays so. */
static NTSTATUS set_owner_and_mode(struct fsp_volume *volume, struct fsp_node *node, struct fsp_use *use,
                                   const struct stat *attributes, uint32_t set) {
    bool readonly = use->info.FileAttributes & FILE_ATTRIBUTE_READONLY;
    if (!volume->params.PersistentAcls) {
        bool same_owner = (!(set & LINFSP_SET_UID) || attributes->st_uid == volume->owner_uid) &&
                          (!(set & LINFSP_SET_GID) || attributes->st_gid == volume->owner_gid);
        if (!same_owner)
            return STATUS_PRIVILEGE_NOT_HELD;
        return set & LINFSP_SET_MODE ? set_readonly(volume, use, attributes->st_mode) : STATUS_SUCCESS;
    }
    NTSTATUS status = set_security(volume, node, use, attributes, set);
    if (NT_SUCCESS(status) && (set & LINFSP_SET_MODE) && readonly && (attributes->st_mode & 0222))
        status = set_readonly(volume, use, attributes->st_mode);
    return status;
}

/* ---- all of it ------------------------------------------------------------------------------------------------- */

static NTSTATUS set_attributes(struct fsp_volume *volume, struct fsp_node *node, struct fsp_use *use,
                               const struct stat *attributes, uint32_t set) {
    NTSTATUS status = use->has_info ? STATUS_SUCCESS : fsp_get_info(volume, &use->open, &use->info);
    if (NT_SUCCESS(status) && (set & LINFSP_SET_SIZE)) {
        status = fsp_set_size(volume, &use->open, (uint64_t)attributes->st_size, false, &use->info);
        if (NT_SUCCESS(status) && use->program && use->program != &use->open)
            fsp_mark_modified(use->program);
        else if (NT_SUCCESS(status))
            use->flags |= FspCleanupSetAllocationSize | FspCleanupSetArchiveBit | FspCleanupSetLastWriteTime |
                          FspCleanupSetChangeTime;
    }
    if (NT_SUCCESS(status) && (set & (LINFSP_SET_MODE | LINFSP_SET_UID | LINFSP_SET_GID)))
        status = set_owner_and_mode(volume, node, use, attributes, set);
    if (NT_SUCCESS(status) && (set & (LINFSP_SET_ATIME | LINFSP_SET_MTIME)))
        status = set_times(volume, node, use, attributes, set);
    if (use->flags && NT_SUCCESS(status) && (set & LINFSP_SET_MTIME))
        use->flags &= ~(ULONG)(FspCleanupSetLastWriteTime | FspCleanupSetChangeTime);
    return status;
}

int fsp_serve_setattr(linfsp_request *request, uint64_t inode, const struct stat *attributes, uint32_t set,
                      struct linfsp_file *file) {
    struct fsp_volume *volume = fsp_serve_begin(request);
    struct fsp_node *node = fsp_node_of(volume, inode);
    struct stat answer;
    struct fsp_use use;
    int r = fsp_use_begin(volume, node, file, access_for(set), &use);
    if (r < 0)
        return r;
    NTSTATUS status = set_attributes(volume, node, &use, attributes, set);
    bool closing_changes = use.flags != 0;
    fsp_use_end(volume, node, &use);
    if (!NT_SUCCESS(status))
        return fsp_errno_from_status(status);
    fsp_fill_stat(volume, node, &use.info, &answer);
    return linfsp_reply_attributes(request, &answer, closing_changes ? 0 : fsp_attributes_timeout(volume, node)), 0;
}
