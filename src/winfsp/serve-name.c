/* SPDX-License-Identifier: MIT */
/* Serving names: what makes, removes, renames them. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "util/cleanup.h"
#include "winfsp/linux-flags.h"
#include "winfsp/notify.h"
#include "winfsp/security.h"
#include "winfsp/serve.h"
#include "winfsp/status.h"
#include "winfsp/text.h"

/* ---- creation -------------------------------------------------------------------------------------------------- */

static bool is_doomed(struct fsp_volume *volume, struct fsp_node *parent, const WCHAR *name, size_t length) {
    struct fsp_node *node = fsp_node_find(volume, parent, name, length);
    bool doomed = node && __atomic_load_n(&node->doomed, __ATOMIC_RELAXED);
    fsp_node_release(volume, node);
    return doomed;
}

int fsp_creation_begin(struct fsp_volume *volume, struct fsp_node *parent, const char *name, mode_t mode,
                       struct fsp_creation *ret_creation) {
    struct fsp_creation *creation = ret_creation;
    int units = fsp_serve_path(volume, parent, name, creation->path, &creation->name, &creation->name_length);
    if (units < 0)
        return units;
    if (is_doomed(volume, parent, creation->name, creation->name_length))
        return -EBUSY;
    creation->descriptor = NULL;
    creation->opening = (struct fsp_opening){.path = creation->path, .units = (size_t)units};
    if (!volume->params.PersistentAcls)
        return 0;
    NTSTATUS status = FspPosixMapPermissionsToSecurityDescriptor(fsp_caller_here()->uid, fsp_caller_here()->gid, mode,
                                                                 &creation->descriptor);
    if (!NT_SUCCESS(status))
        return fsp_errno_from_status(status);
    creation->opening.descriptor = creation->descriptor;
    creation->opening.descriptor_size = fsp_descriptor_size(creation->descriptor);
    return 0;
}

void fsp_creation_end(struct fsp_creation *creation) {
    FspDeleteSecurityDescriptor(creation->descriptor, (FSP_CREATOR *)FspPosixMapPermissionsToSecurityDescriptor);
    creation->descriptor = NULL;
}

static int reply_new(linfsp_request *request, struct fsp_volume *volume, struct fsp_node *parent,
                     struct fsp_creation *creation, struct fsp_opened *opened) {
    struct linfsp_entry entry;
    struct fsp_node *node = NULL;
    int r = fsp_serve_entry(volume, parent, creation->name, creation->name_length, opened, &entry, &node);
    if (r == 0 && (opened->info.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT)) {
        fsp_note_reparse_point(volume, node, opened, creation->path, creation->opening.units);
        fsp_fill_stat(volume, node, &opened->info, &entry.attributes);
    }
    fsp_close_context(volume, opened->context, opened->context2, 0, NULL, 0);
    if (r < 0)
        return r;
    fsp_node_turn_into_lookup(volume, node);
    if (linfsp_reply_entry(request, &entry) < 0)
        fsp_node_forget(volume, node, 1);
    return 0;
}

int fsp_serve_mkdir(linfsp_request *request, uint64_t inode, const char *name, mode_t mode) {
    struct fsp_volume *volume = fsp_serve_begin(request);
    struct fsp_node *parent = fsp_node_of(volume, inode);
    struct fsp_creation creation;
    struct fsp_opened opened;
    fsp_lock_shared(&volume->names);
    int r = fsp_creation_begin(volume, parent, name, mode | S_IFDIR, &creation);
    if (r == 0) {
        creation.opening.disposition = FILE_CREATE;
        creation.opening.options = FILE_DIRECTORY_FILE;
        creation.opening.attributes = FILE_ATTRIBUTE_DIRECTORY;
        creation.opening.access = FILE_READ_ATTRIBUTES | READ_CONTROL;
        NTSTATUS status = fsp_open_path(volume, &creation.opening, true, &opened);
        fsp_creation_end(&creation);
        r = NT_SUCCESS(status) ? reply_new(request, volume, parent, &creation, &opened) : fsp_errno_from_status(status);
    }
    fsp_unlock(&volume->names);
    return r;
}

/* ---- reparse points -------------------------------------------------------------------------------------------- */

#define NFS_FIFO UINT64_C(0x000000004f464946)
#define NFS_CHAR UINT64_C(0x0000000000524843)
#define NFS_BLOCK UINT64_C(0x00000000004b4c42)
#define NFS_SOCKET UINT64_C(0x000000004b434f53)
#define NFS_LINK UINT64_C(0x014b4e4c)

/* A file that becomes a reparse point when it has just been made; one that cannot is removed again. */
static int make_reparse_point(linfsp_request *request, struct fsp_volume *volume, struct fsp_node *parent,
                              const char *name, mode_t mode, const void *data, size_t size) {
    struct fsp_creation creation;
    struct fsp_opened opened;
    int r = fsp_creation_begin(volume, parent, name, mode, &creation);
    if (r < 0)
        return r;
    creation.opening.disposition = FILE_CREATE;
    creation.opening.options = FILE_NON_DIRECTORY_FILE | FILE_OPEN_REPARSE_POINT;
    creation.opening.access = FILE_GENERIC_READ | FILE_GENERIC_WRITE | DELETE;
    NTSTATUS status = fsp_open_path(volume, &creation.opening, true, &opened);
    fsp_creation_end(&creation);
    if (!NT_SUCCESS(status))
        return fsp_errno_from_status(status);
    struct fsp_open open = {.context = opened.context, .context2 = opened.context2};
    status = fsp_set_reparse_point(volume, &open, creation.path, creation.opening.units, data, size);
    if (NT_SUCCESS(status))
        status = fsp_get_info(volume, &open, &opened.info);
    if (NT_SUCCESS(status))
        return reply_new(request, volume, parent, &creation, &opened);
    fsp_close_context(volume, opened.context, opened.context2, FspCleanupDelete, creation.path, creation.opening.units);
    return fsp_errno_from_status(status);
}

/* A symbolic link's data: the target as Windows spells it. A target that begins with a slash is one of the volume's own
 * root there; Linux sees the slash again. */
static int fill_symlink(const char *target, REPARSE_DATA_BUFFER *data, size_t capacity, size_t *ret_size) {
    WCHAR *text = data->SymbolicLinkReparseBuffer.PathBuffer;
    size_t head = offsetof(REPARSE_DATA_BUFFER, SymbolicLinkReparseBuffer.PathBuffer);
    size_t room = (capacity - head) / sizeof(WCHAR);
    int units = fsp_utf8_to_wide(target, strlen(target), text, room);
    if (units < 0)
        return units;
    for (int i = 0; i < units; i++)
        text[i] = text[i] == '/' ? '\\' : text[i] == '\\' ? 0xf05c : text[i];
    size_t bytes = (size_t)units * sizeof(WCHAR), print = 2 * (size_t)units <= room ? bytes : 0;
    memcpy(text + units, text, print);
    data->ReparseTag = IO_REPARSE_TAG_SYMLINK;
    data->Reserved = 0;
    data->ReparseDataLength = (USHORT)(head - REPARSE_DATA_BUFFER_HEADER_SIZE + bytes + print);
    data->SymbolicLinkReparseBuffer.SubstituteNameOffset = 0;
    data->SymbolicLinkReparseBuffer.SubstituteNameLength = (USHORT)bytes;
    data->SymbolicLinkReparseBuffer.PrintNameOffset = (USHORT)bytes;
    data->SymbolicLinkReparseBuffer.PrintNameLength = (USHORT)print;
    data->SymbolicLinkReparseBuffer.Flags = SYMLINK_FLAG_RELATIVE;
    *ret_size = REPARSE_DATA_BUFFER_HEADER_SIZE + data->ReparseDataLength;
    return 0;
}

union reparse_buffer {
    REPARSE_DATA_BUFFER data;
    unsigned char
        bytes[FSP_FSCTL_TRANSACT_REQ_SIZEMAX - sizeof(FSP_FSCTL_TRANSACT_REQ) - FSP_FSCTL_TRANSACT_PATH_SIZEMAX - 16];
};

int fsp_serve_symlink(linfsp_request *request, uint64_t inode, const char *name, const char *target) {
    struct fsp_volume *volume = fsp_serve_begin(request);
    union reparse_buffer buffer;
    size_t size;
    if (!volume->params.ReparsePoints)
        return -EPERM;
    int r = fill_symlink(target, &buffer.data, sizeof buffer.bytes, &size);
    if (r < 0)
        return r;
    fsp_lock_shared(&volume->names);
    r = make_reparse_point(request, volume, fsp_node_of(volume, inode), name, 0777, &buffer, size);
    fsp_unlock(&volume->names);
    return r;
}

struct nfs_data {
    uint64_t type;
    uint32_t major_number, minor_number;
};

/* What NFS servers of Windows keep FIFOs, devices and sockets in. */
static size_t fill_special(mode_t mode, dev_t device, REPARSE_DATA_BUFFER *data) {
    mode_t type = mode & S_IFMT;
    bool is_device = type == S_IFCHR || type == S_IFBLK;
    struct nfs_data nfs = {
        .type = type == S_IFIFO   ? NFS_FIFO
                : type == S_IFCHR ? NFS_CHAR
                : type == S_IFBLK ? NFS_BLOCK
                                  : NFS_SOCKET,
        .major_number = major(device),
        .minor_number = minor(device),
    };
    data->ReparseTag = IO_REPARSE_TAG_NFS;
    data->Reserved = 0;
    data->ReparseDataLength = is_device ? sizeof nfs : sizeof nfs.type;
    memcpy(data->GenericReparseBuffer.DataBuffer, &nfs, data->ReparseDataLength);
    return REPARSE_DATA_BUFFER_HEADER_SIZE + data->ReparseDataLength;
}

static int make_regular(linfsp_request *request, struct fsp_volume *volume, struct fsp_node *parent, const char *name,
                        mode_t mode) {
    struct fsp_creation creation;
    struct fsp_opened opened;
    int r = fsp_creation_begin(volume, parent, name, mode, &creation);
    if (r < 0)
        return r;
    creation.opening.disposition = FILE_CREATE;
    creation.opening.options = FILE_NON_DIRECTORY_FILE;
    creation.opening.access = FILE_READ_ATTRIBUTES | READ_CONTROL;
    NTSTATUS status = fsp_open_path(volume, &creation.opening, true, &opened);
    fsp_creation_end(&creation);
    return NT_SUCCESS(status) ? reply_new(request, volume, parent, &creation, &opened) : fsp_errno_from_status(status);
}

int fsp_serve_mknod(linfsp_request *request, uint64_t inode, const char *name, mode_t mode, dev_t device) {
    struct fsp_volume *volume = fsp_serve_begin(request);
    struct fsp_node *parent = fsp_node_of(volume, inode);
    union reparse_buffer buffer;
    bool regular = S_ISREG(mode) || !(mode & S_IFMT);
    if (!regular && !volume->params.ReparsePoints)
        return -EPERM;
    fsp_lock_shared(&volume->names);
    int r = regular ? make_regular(request, volume, parent, name, mode)
                    : make_reparse_point(request, volume, parent, name, mode, &buffer,
                                         fill_special(mode, device, &buffer.data));
    fsp_unlock(&volume->names);
    return r;
}

/* The target in UTF-8 with Linux's slashes: bytes, or a negative errno. */
static int read_target(const REPARSE_DATA_BUFFER *data, size_t size, char *ret_target, size_t capacity) {
    bool link = size >= REPARSE_DATA_BUFFER_HEADER_SIZE && data->ReparseTag == IO_REPARSE_TAG_SYMLINK;
    size_t head = link ? offsetof(REPARSE_DATA_BUFFER, SymbolicLinkReparseBuffer.PathBuffer)
                       : offsetof(REPARSE_DATA_BUFFER, MountPointReparseBuffer.PathBuffer);
    if (size < head || (!link && data->ReparseTag != IO_REPARSE_TAG_MOUNT_POINT))
        return -EINVAL;
    /* the offsets and lengths stand at the same place in both */
    size_t offset = data->SymbolicLinkReparseBuffer.SubstituteNameOffset;
    size_t length = data->SymbolicLinkReparseBuffer.SubstituteNameLength;
    if (offset + length > size - head)
        return -EIO;
    const WCHAR *text = (const WCHAR *)(const void *)((const unsigned char *)data + head + offset);
    size_t units = length / sizeof(WCHAR);
    static const WCHAR nt_prefix[] = {'\\', '?', '?', '\\'};
    if (units >= ARRAY_SIZE(nt_prefix) && !memcmp(text, nt_prefix, sizeof nt_prefix)) { /* \??\C:\target */
        text += ARRAY_SIZE(nt_prefix) - 1;
        units -= ARRAY_SIZE(nt_prefix) - 1;
        if (units > 3 && text[2] == ':') { /* a drive's letter is a folder here: /mnt/c */
            char rest[PATH_MAX];
            int r = fsp_wide_to_utf8(text + 3, units - 3, rest, sizeof rest);
            if (r < 0)
                return r;
            r = snprintf(ret_target, capacity, "/mnt/%c%s", (char)(text[1] | 0x20), rest);
            for (char *at = ret_target; at < ret_target + r && (size_t)(at - ret_target) < capacity; at++)
                *at = *at == '\\' ? '/' : *at;
            return (size_t)r < capacity ? r : -ENAMETOOLONG;
        }
    }
    int r = fsp_wide_to_utf8(text, units, ret_target, capacity);
    for (int i = 0; i < r; i++)
        ret_target[i] = ret_target[i] == '\\' ? '/' : ret_target[i];
    return r;
}

/* U+F05C is a backslash of Linux's in a target. */
static int restore_backslashes(char *target, int length) {
    int to = 0;
    for (int from = 0; from < length; from++) {
        if (from + 2 < length && !memcmp(target + from, "\xef\x81\x9c", 3)) {
            target[to++] = '\\';
            from += 2;
        } else
            target[to++] = target[from];
    }
    target[to] = 0;
    return to;
}

static int target_of(const struct fsp_transaction *transaction, size_t size, char *ret_target, size_t capacity) {
    int length = read_target((const REPARSE_DATA_BUFFER *)(const void *)transaction->response.Buffer, size, ret_target,
                             capacity);
    return length < 0 ? length : restore_backslashes(ret_target, length);
}

int fsp_serve_readlink(linfsp_request *request, uint64_t inode) {
    struct fsp_volume *volume = fsp_serve_begin(request);
    struct fsp_node *node = fsp_node_of(volume, inode);
    struct fsp_transaction transaction;
    char target[PATH_MAX];
    WCHAR path[FSP_PATH_UNITS] = {0};
    struct fsp_use use;
    size_t size = 0;
    int r = fsp_use_begin(volume, node, NULL, FILE_READ_ATTRIBUTES, &use);
    if (r < 0)
        return r;
    int units = fsp_node_path(node, NULL, 0, path);
    NTSTATUS status =
        fsp_get_reparse_point(volume, &use.open, path, units < 0 ? 0 : (size_t)units, &transaction, &size);
    fsp_use_end(volume, node, &use);
    if (!NT_SUCCESS(status))
        return fsp_errno_from_status(status);
    r = target_of(&transaction, size, target, sizeof target);
    return r < 0 ? r : (linfsp_reply_data(request, target, (size_t)r), 0);
}

static void note_special(struct fsp_node *node, const REPARSE_DATA_BUFFER *data, size_t size) {
    struct nfs_data nfs = {0};
    size_t there = size - REPARSE_DATA_BUFFER_HEADER_SIZE;
    memcpy(&nfs, data->GenericReparseBuffer.DataBuffer, there < sizeof nfs ? there : sizeof nfs);
    node->special_type = nfs.type == NFS_FIFO     ? S_IFIFO
                         : nfs.type == NFS_CHAR   ? S_IFCHR
                         : nfs.type == NFS_BLOCK  ? S_IFBLK
                         : nfs.type == NFS_SOCKET ? S_IFSOCK
                                                  : 0;
    node->special_device = there >= sizeof nfs ? makedev(nfs.major_number, nfs.minor_number) : 0;
}

void fsp_note_reparse_point(struct fsp_volume *volume, struct fsp_node *node, const struct fsp_opened *opened,
                            const WCHAR *path, size_t units) {
    struct fsp_transaction transaction;
    struct fsp_open open = {.context = opened->context, .context2 = opened->context2};
    const REPARSE_DATA_BUFFER *data = (const void *)transaction.response.Buffer;
    char target[PATH_MAX];
    size_t size = 0;
    if (!NT_SUCCESS(fsp_get_reparse_point(volume, &open, path, units, &transaction, &size)) ||
        size < REPARSE_DATA_BUFFER_HEADER_SIZE)
        return;
    int length = data->ReparseTag == IO_REPARSE_TAG_NFS ? 0 : target_of(&transaction, size, target, sizeof target);
    pthread_mutex_lock(&node->state);
    if (data->ReparseTag == IO_REPARSE_TAG_NFS)
        note_special(node, data, size);
    else
        node->link_length = length > 0 ? (uint64_t)length : 0;
    pthread_mutex_unlock(&node->state);
}

/* ---- removal --------------------------------------------------------------------------------------------------- */

/* Names that were removed or changed by another spelling than the kernel knows them by. */
static void drop_spellings(struct fsp_volume *volume) {
    if (volume->case_blind && volume->names_can_be_dropped)
        linfsp_notify_names(volume->mounted);
}

/* The disposition is asked for where the answer could be no. */
static NTSTATUS ask_to_delete(struct fsp_volume *volume, const struct fsp_opened *opened, const WCHAR *path,
                              size_t units) {
    struct fsp_open open = {.context = opened->context, .context2 = opened->context2};
    bool directory = opened->info.FileAttributes & FILE_ATTRIBUTE_DIRECTORY;
    bool readonly = opened->info.FileAttributes & FILE_ATTRIBUTE_READONLY;
    if (volume->params.PostDispositionWhenNecessaryOnly && !directory && !readonly)
        return STATUS_SUCCESS;
    return fsp_set_disposition(volume, &open, path, units, true);
}

/* A file that programs have open is deleted at its last close, where the volume cannot do without it before. */
static bool delete_later(struct fsp_volume *volume, struct fsp_node *node) {
    bool later = false;
    if (!node || volume->params.SupportsPosixUnlinkRename)
        return false;
    pthread_mutex_lock(&node->state);
    if (node->open_count > 0)
        later = node->doomed = true;
    pthread_mutex_unlock(&node->state);
    return later;
}

static int remove_opened(struct fsp_volume *volume, struct fsp_node *parent, const WCHAR *path, size_t units,
                         const WCHAR *name, size_t length, const struct fsp_opened *opened) {
    NTSTATUS status = ask_to_delete(volume, opened, path, units);
    if (!NT_SUCCESS(status)) {
        fsp_close_context(volume, opened->context, opened->context2, 0, NULL, 0);
        return fsp_errno_from_status(status);
    }
    struct fsp_node *node = fsp_node_find(volume, parent, name, length);
    bool later = delete_later(volume, node);
    fsp_close_context(volume, opened->context, opened->context2, later ? 0 : FspCleanupDelete, path, units);
    if (node && !later)
        fsp_node_detach(volume, node);
    fsp_node_release(volume, node);
    drop_spellings(volume);
    return 0;
}

/* The kernel has seen that the directory may be written to: what is denied then is the file's own, as by a sticky bit.
 */
static int errno_of_deletion(NTSTATUS status) {
    return status == STATUS_ACCESS_DENIED ? -EPERM : fsp_errno_from_status(status);
}

static int remove_path(struct fsp_volume *volume, struct fsp_node *parent, const WCHAR *path, size_t units,
                       const WCHAR *name, size_t length, bool directory) {
    struct fsp_opened opened;
    struct fsp_opening opening = {
        .path = path,
        .units = units,
        .disposition = FILE_OPEN,
        .options = FILE_OPEN_REPARSE_POINT | (directory ? FILE_DIRECTORY_FILE : FILE_NON_DIRECTORY_FILE),
        .access = DELETE | FILE_READ_ATTRIBUTES,
    };
    if (is_doomed(volume, parent, name, length))
        return -ENOENT;
    NTSTATUS status = fsp_open_path(volume, &opening, true, &opened);
    if (!NT_SUCCESS(status))
        return errno_of_deletion(status);
    return remove_opened(volume, parent, path, units, name, length, &opened);
}

static int remove_name(struct fsp_volume *volume, struct fsp_node *parent, const char *name, bool directory) {
    WCHAR path[FSP_PATH_UNITS];
    const WCHAR *component;
    size_t length;
    int units = fsp_serve_path(volume, parent, name, path, &component, &length);
    return units < 0 ? units : remove_path(volume, parent, path, (size_t)units, component, length, directory);
}

static int serve_remove(linfsp_request *request, uint64_t inode, const char *name, bool directory) {
    struct fsp_volume *volume = fsp_serve_begin(request);
    fsp_lock_shared(&volume->names);
    int r = remove_name(volume, fsp_node_of(volume, inode), name, directory);
    fsp_unlock(&volume->names);
    return r < 0 ? r : (linfsp_reply_done(request), 0);
}

int fsp_serve_unlink(linfsp_request *request, uint64_t parent, const char *name) {
    return serve_remove(request, parent, name, false);
}

int fsp_serve_rmdir(linfsp_request *request, uint64_t parent, const char *name) {
    return serve_remove(request, parent, name, true);
}

/* ---- renaming -------------------------------------------------------------------------------------------------- */

struct renaming {
    struct fsp_node *from_parent, *to_parent;
    WCHAR from[FSP_PATH_UNITS], to[FSP_PATH_UNITS];
    const WCHAR *from_name, *to_name;
    size_t from_length, to_length;
    size_t from_units, to_units;
};

static int begin_renaming(struct fsp_volume *volume, struct renaming *renaming, const char *name,
                          const char *new_name) {
    int units = fsp_serve_path(volume, renaming->from_parent, name, renaming->from, &renaming->from_name,
                               &renaming->from_length);
    if (units < 0)
        return units;
    renaming->from_units = (size_t)units;
    units =
        fsp_serve_path(volume, renaming->to_parent, new_name, renaming->to, &renaming->to_name, &renaming->to_length);
    if (units < 0)
        return units;
    renaming->to_units = (size_t)units;
    return 0;
}

/* Without POSIX semantics neither what is replaced nor anything below what is renamed may be open. */
static int check_open(struct fsp_volume *volume, const struct renaming *renaming, struct fsp_node *node,
                      struct fsp_node *target) {
    if (is_doomed(volume, renaming->from_parent, renaming->from_name, renaming->from_length))
        return -ENOENT;
    if (target && __atomic_load_n(&target->doomed, __ATOMIC_RELAXED))
        return -EBUSY;
    if (volume->params.SupportsPosixUnlinkRename)
        return 0;
    if (target && target != node && fsp_node_is_open_below(volume, target))
        return -EBUSY;
    return node && node->is_directory && fsp_node_is_open_below(volume, node) ? -EBUSY : 0;
}

static int rename_opened(struct fsp_volume *volume, struct renaming *renaming, bool replace) {
    struct fsp_opened opened;
    struct fsp_opening opening = {
        .path = renaming->from,
        .units = renaming->from_units,
        .disposition = FILE_OPEN,
        .options = FILE_OPEN_REPARSE_POINT,
        .access = DELETE | FILE_READ_ATTRIBUTES,
    };
    NTSTATUS status = fsp_open_path(volume, &opening, true, &opened);
    if (!NT_SUCCESS(status))
        return errno_of_deletion(status);
    struct fsp_open open = {.context = opened.context, .context2 = opened.context2};
    status =
        fsp_rename_open(volume, &open, renaming->from, renaming->from_units, renaming->to, renaming->to_units, replace);
    fsp_close_context(volume, opened.context, opened.context2, 0, NULL, 0);
    return fsp_errno_from_status(status);
}

/* Windows does not replace directories. Linux does, empty ones: what is there goes first, which nobody sees who waits
 * for the names' lock. 0: it is no directory, or is gone now. */
static int remove_replaced_directory(struct fsp_volume *volume, struct renaming *renaming) {
    struct fsp_opened from, to;
    if (!NT_SUCCESS(fsp_open_to_look(volume, renaming->to, renaming->to_units, FILE_READ_ATTRIBUTES, &to)))
        return 0;
    fsp_close_context(volume, to.context, to.context2, 0, NULL, 0);
    if (!(to.info.FileAttributes & FILE_ATTRIBUTE_DIRECTORY))
        return 0;
    NTSTATUS status = fsp_open_to_look(volume, renaming->from, renaming->from_units, FILE_READ_ATTRIBUTES, &from);
    if (!NT_SUCCESS(status))
        return fsp_errno_from_status(status);
    fsp_close_context(volume, from.context, from.context2, 0, NULL, 0);
    if (!(from.info.FileAttributes & FILE_ATTRIBUTE_DIRECTORY))
        return -EISDIR;
    if (volume->case_blind && renaming->to_parent == renaming->from_parent && from.info.IndexNumber &&
        from.info.IndexNumber == to.info.IndexNumber) /* another spelling of the same one */
        return 0;
    return remove_path(volume, renaming->to_parent, renaming->to, renaming->to_units, renaming->to_name,
                       renaming->to_length, true);
}

static int rename_nodes(struct fsp_volume *volume, struct renaming *renaming, bool replace) {
    struct fsp_node *node = fsp_node_find(volume, renaming->from_parent, renaming->from_name, renaming->from_length);
    struct fsp_node *target = fsp_node_find(volume, renaming->to_parent, renaming->to_name, renaming->to_length);
    bool same_name = renaming->from_units == renaming->to_units &&
                     !memcmp(renaming->from, renaming->to, renaming->from_units * sizeof(WCHAR));
    int r = same_name ? 0 : check_open(volume, renaming, node, target);
    if (r == 0 && !same_name && replace && target != node)
        r = remove_replaced_directory(volume, renaming);
    if (r == 0 && !same_name)
        r = rename_opened(volume, renaming, replace);
    if (r == 0 && node && !same_name)
        r = fsp_node_move(volume, node, renaming->to_parent, renaming->to_name, renaming->to_length);
    else if (r == 0 && target && !same_name)
        fsp_node_detach(volume, target);
    fsp_node_release(volume, node);
    fsp_node_release(volume, target);
    drop_spellings(volume);
    return r;
}

int fsp_serve_rename(linfsp_request *request, uint64_t parent, const char *name, uint64_t new_parent,
                     const char *new_name, uint32_t flags) {
    struct fsp_volume *volume = fsp_serve_begin(request);
    struct renaming renaming = {.from_parent = fsp_node_of(volume, parent),
                                .to_parent = fsp_node_of(volume, new_parent)};
    if (flags & ~(uint32_t)RENAME_NOREPLACE)
        return -EINVAL;
    fsp_notifier_rename_begin(volume);
    fsp_lock_exclusive(&volume->names);
    int r = begin_renaming(volume, &renaming, name, new_name);
    if (r == 0)
        r = rename_nodes(volume, &renaming, !(flags & RENAME_NOREPLACE));
    fsp_unlock(&volume->names);
    fsp_notifier_rename_end(volume);
    return r < 0 ? r : (linfsp_reply_done(request), 0);
}

int fsp_serve_link(linfsp_request *request _unused_, uint64_t inode _unused_, uint64_t new_parent _unused_,
                   const char *new_name _unused_) {
    return -EPERM;
}
