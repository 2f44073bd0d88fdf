/* SPDX-License-Identifier: MIT */
#include "winfsp/serve.h"

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "util/cleanup.h"
#include "winfsp/pending.h"
#include "winfsp/status.h"
#include "winfsp/text.h"

#define BLOCK 512

struct fsp_volume *fsp_serve_begin(linfsp_request *request) {
    struct linfsp_caller caller;
    linfsp_request_caller(request, &caller);
    *fsp_caller_here() = (struct fsp_caller){caller.uid, caller.gid, caller.pid, true};
    return linfsp_request_context(request);
}

/* ---- attributes ------------------------------------------------------------------------------------------------ */

static struct timespec unix_time(uint64_t file_time) {
    FSP_INT3264 time[2];
    FspPosixFileTimeToUnixTime(file_time, time);
    if (time[1] < 0) { /* Linux counts nanoseconds up, also before 1970 */
        time[0]--;
        time[1] += 1000000000;
    }
    return (struct timespec){time[0], time[1]};
}

/* The root is a directory, whatever the file system says: the kernel gives up a volume whose root is none. */
static mode_t type_of(const struct fsp_node *node, const FSP_FSCTL_FILE_INFO *info) {
    if (!node->parent)
        return S_IFDIR;
    if (info->FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) {
        if (info->ReparseTag == IO_REPARSE_TAG_SYMLINK || info->ReparseTag == IO_REPARSE_TAG_MOUNT_POINT)
            return S_IFLNK;
        if (info->ReparseTag == IO_REPARSE_TAG_NFS && node->special_type)
            return node->special_type;
    }
    return info->FileAttributes & FILE_ATTRIBUTE_DIRECTORY ? S_IFDIR : S_IFREG;
}

static mode_t permissions_of(const struct fsp_node *node, const FSP_FSCTL_FILE_INFO *info, mode_t type) {
    mode_t mode = node->has_security ? node->mode : 0777;
    if (type == S_IFLNK)
        return 0777;
    if ((info->FileAttributes & FILE_ATTRIBUTE_READONLY) && type == S_IFREG)
        mode &= ~(mode_t)0222;
    return mode;
}

/* Under node->state, as the next. */
static void fill_stat(const struct fsp_volume *volume, const struct fsp_node *node, const FSP_FSCTL_FILE_INFO *info,
                      struct stat *ret_attributes) {
    mode_t type = type_of(node, info);
    bool size_known = type != S_IFLNK && type != S_IFDIR;
    uint64_t size = type == S_IFLNK ? node->link_length : size_known || info->FileSize ? info->FileSize : 0;
    uint64_t written = info->LastWriteTime > node->written_at ? info->LastWriteTime : node->written_at;
    uint64_t changed = info->ChangeTime ? info->ChangeTime : info->LastWriteTime;
    *ret_attributes = (struct stat){
        .st_ino = node->number,
        .st_mode = type | permissions_of(node, info, type),
        .st_nlink = node->detached || node->doomed ? 0
                    : info->HardLinks              ? info->HardLinks
                                                   : 1,
        .st_uid = node->has_security ? node->uid : volume->owner_uid,
        .st_gid = node->has_security ? node->gid : volume->owner_gid,
        .st_rdev = node->special_device,
        .st_size = (off_t)size,
        .st_blksize = 4096,
        .st_blocks = (blkcnt_t)((info->AllocationSize + BLOCK - 1) / BLOCK),
        .st_atim = unix_time(info->LastAccessTime ? info->LastAccessTime : written),
        .st_mtim = unix_time(written),
        .st_ctim = unix_time(changed > node->written_at ? changed : node->written_at),
    };
}

static void note_security(struct fsp_node *node, const struct fsp_opened *opened) {
    if (!opened->has_security)
        return;
    node->has_security = true;
    node->mode = opened->mode;
    node->uid = opened->uid;
    node->gid = opened->gid;
}

void fsp_fill_stat(struct fsp_volume *volume, struct fsp_node *node, const FSP_FSCTL_FILE_INFO *info,
                   struct stat *ret_attributes) {
    pthread_mutex_lock(&node->state);
    fill_stat(volume, node, info, ret_attributes);
    pthread_mutex_unlock(&node->state);
}

/* What writing did to times is with the file system only after the close. */
uint64_t fsp_attributes_timeout(struct fsp_volume *volume, struct fsp_node *node) {
    return atomic_load_explicit(&node->modified_count, memory_order_relaxed) > 0 ? 0 : volume->timeouts.file_info;
}

void fsp_note_security(struct fsp_volume *volume, struct fsp_node *node, const struct fsp_opened *opened) {
    pthread_mutex_lock(&node->state);
    note_security(node, opened);
    pthread_mutex_unlock(&node->state);
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

int fsp_serve_path(struct fsp_volume *volume, struct fsp_node *node, const char *name, WCHAR *ret_path,
                   const WCHAR **ret_name, size_t *ret_name_length) {
    WCHAR component[256];
    int length = 0;
    if (name) {
        length =
            fsp_to_windows_name(name, strlen(name), volume->streams_in_names, component, ARRAY_SIZE(component) - 1);
        if (length < 0)
            return length;
        if (length > volume->params.MaxComponentLength)
            return -ENAMETOOLONG;
    }
    int units = fsp_node_path(node, component, (size_t)length, ret_path);
    if (units < 0)
        return units;
    if (ret_name) {
        *ret_name = ret_path + units - length;
        *ret_name_length = (size_t)length;
    }
    return units;
}

/* Target's length and device numbers stand in the reparse point itself. */
static void look_into_reparse_point(struct fsp_volume *volume, struct fsp_node *node, const struct fsp_opened *opened,
                                    const WCHAR *path, size_t units) {
    if (opened->info.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT)
        fsp_note_reparse_point(volume, node, opened, path, units);
}

int fsp_serve_entry(struct fsp_volume *volume, struct fsp_node *parent, const WCHAR *name, size_t length,
                    const struct fsp_opened *opened, struct linfsp_entry *ret_entry, struct fsp_node **ret_node) {
    const WCHAR *real = opened->name_length ? opened->name : name;
    size_t real_length = opened->name_length ? opened->name_length : length;
    struct fsp_node *node = fsp_node_get(volume, parent, real, real_length, &opened->info);
    if (!node)
        return -ENOMEM;
    bool remember =
        !volume->case_blind || (volume->names_can_be_dropped && fsp_wide_compare(real, real_length, name, length) == 0);
    *ret_entry = (struct linfsp_entry){
        .inode = fsp_node_inode(volume, node),
        .attributes_timeout = fsp_attributes_timeout(volume, node),
        .entry_timeout = remember ? volume->timeouts.file_info : 0,
    };
    pthread_mutex_lock(&node->state);
    note_security(node, opened);
    fill_stat(volume, node, &opened->info, &ret_entry->attributes);
    pthread_mutex_unlock(&node->state);
    *ret_node = node;
    return 0;
}

static int reply_absent(linfsp_request *request, struct fsp_volume *volume) {
    struct linfsp_entry entry = {.entry_timeout = volume->case_blind ? 0 : volume->timeouts.directory};
    return linfsp_reply_entry(request, &entry);
}

static bool is_absent(NTSTATUS status) {
    return status == STATUS_OBJECT_NAME_NOT_FOUND || status == STATUS_OBJECT_PATH_NOT_FOUND ||
           status == STATUS_NO_SUCH_FILE;
}

static int reply_found(linfsp_request *request, struct fsp_volume *volume, const struct linfsp_entry *entry,
                       struct fsp_node *node) {
    fsp_node_turn_into_lookup(volume, node);
    if (linfsp_reply_entry(request, entry) < 0)
        fsp_node_forget(volume, node, 1);
    return 0;
}

static int look_up(linfsp_request *request, struct fsp_volume *volume, struct fsp_node *parent, const char *name) {
    WCHAR path[FSP_PATH_UNITS];
    struct fsp_opened opened;
    struct linfsp_entry entry;
    struct fsp_node *node = NULL;
    const WCHAR *component;
    size_t length;
    int units = fsp_serve_path(volume, parent, name, path, &component, &length);
    if (units < 0)
        return units == -EILSEQ ? -ENOENT : units;
    NTSTATUS status = fsp_open_to_look(volume, path, (size_t)units, FILE_READ_ATTRIBUTES | READ_CONTROL, &opened);
    if (is_absent(status))
        return reply_absent(request, volume);
    if (!NT_SUCCESS(status))
        return fsp_errno_from_status(status);
    int r = fsp_serve_entry(volume, parent, component, length, &opened, &entry, &node);
    if (r == 0 && (opened.info.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT)) {
        look_into_reparse_point(volume, node, &opened, path, (size_t)units);
        fsp_fill_stat(volume, node, &opened.info, &entry.attributes);
    }
    fsp_close_context(volume, opened.context, opened.context2, 0, NULL, 0);
    if (r < 0)
        return r;
    if (__atomic_load_n(&node->doomed, __ATOMIC_RELAXED)) { /* deleted, and open still */
        fsp_node_release(volume, node);
        return reply_absent(request, volume);
    }
    return reply_found(request, volume, &entry, node);
}

static int serve_lookup(linfsp_request *request, uint64_t parent, const char *name) {
    struct fsp_volume *volume = fsp_serve_begin(request);
    fsp_lock_shared(&volume->names);
    int r = look_up(request, volume, fsp_node_of(volume, parent), name);
    fsp_unlock(&volume->names);
    return r;
}

static void serve_forget(void *context, uint64_t inode, uint64_t count) {
    struct fsp_volume *volume = context;
    fsp_node_forget(volume, fsp_node_of(volume, inode), count);
}

/* ---- using a file ---------------------------------------------------------------------------------------------- */

/* Any file that a program has open serves to look at it; a deleted one has nothing else. */
static bool borrow(struct fsp_node *node, struct fsp_use *use) {
    pthread_mutex_lock(&node->state);
    struct fsp_open *open = node->opens;
    if (open)
        use->open = *open;
    pthread_mutex_unlock(&node->state);
    return open != NULL;
}

/* What takes more than looking excludes others from the file. */
static void lock_for(struct fsp_node *node, UINT32 access) {
    if (access & ~(UINT32)(FILE_READ_ATTRIBUTES | FILE_READ_EA | READ_CONTROL | FILE_LIST_DIRECTORY))
        fsp_lock_exclusive(&node->lock);
    else
        fsp_lock_shared(&node->lock);
}

static int use_path(struct fsp_volume *volume, struct fsp_node *node, UINT32 access, struct fsp_use *use) {
    WCHAR path[FSP_PATH_UNITS];
    struct fsp_opened opened;
    int units = fsp_node_path(node, NULL, 0, path);
    if (units < 0)
        return units;
    NTSTATUS status = fsp_open_to_look(volume, path, (size_t)units, access, &opened);
    if (!NT_SUCCESS(status))
        return fsp_errno_from_status(status);
    use->program = NULL;
    use->open = (struct fsp_open){.node = node, .context = opened.context, .context2 = opened.context2};
    use->info = opened.info;
    use->has_info = true;
    fsp_note_security(volume, node, &opened);
    return 0;
}

int fsp_use_begin(struct fsp_volume *volume, struct fsp_node *node, struct linfsp_file *file, UINT32 access,
                  struct fsp_use *ret_use) {
    *ret_use = (struct fsp_use){.program = file ? fsp_open_of(file) : NULL};
    fsp_lock_shared(&volume->names);
    lock_for(node, access);
    if (ret_use->program)
        ret_use->open = *ret_use->program;
    if (ret_use->program && !(access & ~(ret_use->open.granted | FILE_READ_ATTRIBUTES | READ_CONTROL)))
        return 0;
    int r = use_path(volume, node, access, ret_use);
    if (r == -ENOENT && (ret_use->program || borrow(node, ret_use))) {
        if (!ret_use->program)
            ret_use->program = &ret_use->open;
        return 0;
    }
    if (r < 0) {
        fsp_unlock(&node->lock);
        fsp_unlock(&volume->names);
    }
    return r;
}

void fsp_use_end(struct fsp_volume *volume, struct fsp_node *node, struct fsp_use *use) {
    if (!use->program)
        fsp_close_context(volume, use->open.context, use->open.context2, use->flags, NULL, 0);
    fsp_unlock(&node->lock);
    fsp_unlock(&volume->names);
}

static int get_attributes(linfsp_request *request, uint64_t inode, struct linfsp_file *file, bool with_creation) {
    struct fsp_volume *volume = fsp_serve_begin(request);
    struct fsp_node *node = fsp_node_of(volume, inode);
    struct stat attributes;
    struct fsp_use use;
    int r = fsp_use_begin(volume, node, file, FILE_READ_ATTRIBUTES | READ_CONTROL, &use);
    if (r < 0)
        return r;
    NTSTATUS status = use.has_info ? STATUS_SUCCESS : fsp_get_info(volume, &use.open, &use.info);
    fsp_use_end(volume, node, &use);
    if (!NT_SUCCESS(status))
        return fsp_errno_from_status(status);
    fsp_fill_stat(volume, node, &use.info, &attributes);
    uint64_t timeout = fsp_attributes_timeout(volume, node);
    if (!with_creation)
        return linfsp_reply_attributes(request, &attributes, timeout), 0;
    struct timespec created = unix_time(use.info.CreationTime);
    return linfsp_reply_statx(request, &attributes, &created, timeout), 0;
}

static int serve_getattr(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    return get_attributes(request, inode, file, false);
}

static int serve_statx(linfsp_request *request, uint64_t inode, struct linfsp_file *file, uint32_t mask _unused_) {
    return get_attributes(request, inode, file, true);
}

/* ---- the volume ------------------------------------------------------------------------------------------------ */

static int serve_statfs(linfsp_request *request, uint64_t inode _unused_) {
    struct fsp_volume *volume = fsp_serve_begin(request);
    struct fsp_transaction transaction;
    fsp_begin(volume, &transaction, FspFsctlTransactQueryVolumeInformationKind);
    NTSTATUS status = fsp_transact(volume, &transaction);
    if (!NT_SUCCESS(status))
        return fsp_errno_from_status(status);
    const FSP_FSCTL_VOLUME_INFO *info = &transaction.response.Rsp.QueryVolumeInformation.VolumeInfo;
    uint64_t unit = (uint64_t)volume->params.SectorSize * volume->params.SectorsPerAllocationUnit;
    struct statvfs statistics = {
        .f_bsize = unit,
        .f_frsize = unit,
        .f_blocks = info->TotalSize / unit,
        .f_bfree = info->FreeSize / unit,
        .f_bavail = info->FreeSize / unit,
        .f_namemax = volume->params.MaxComponentLength,
    };
    return linfsp_reply_statfs(request, &statistics), 0;
}

static void serve_init(void *context, uint64_t granted _unused_) {
    struct fsp_volume *volume = context;
    volume->names_can_be_dropped = linfsp_notify_names(volume->mounted) == 0;
}

const struct linfsp_operations fsp_serve_operations = {
    .size = sizeof fsp_serve_operations,
    .init = serve_init,
    .lookup = serve_lookup,
    .forget = serve_forget,
    .getattr = serve_getattr,
    .statx = serve_statx,
    .setattr = fsp_serve_setattr,
    .statfs = serve_statfs,
    .open = fsp_serve_open,
    .create = fsp_serve_create,
    .read = fsp_serve_read,
    .write = fsp_serve_write,
    .release = fsp_serve_release,
    .fsync = fsp_serve_fsync,
    .fallocate = fsp_serve_fallocate,
    .opendir = fsp_serve_opendir,
    .readdir = fsp_serve_readdir,
    .releasedir = fsp_serve_release,
    .mkdir = fsp_serve_mkdir,
    .mknod = fsp_serve_mknod,
    .unlink = fsp_serve_unlink,
    .rmdir = fsp_serve_rmdir,
    .rename = fsp_serve_rename,
    .link = fsp_serve_link,
    .symlink = fsp_serve_symlink,
    .readlink = fsp_serve_readlink,
    .setxattr = fsp_serve_setxattr,
    .getxattr = fsp_serve_getxattr,
    .listxattr = fsp_serve_listxattr,
    .removexattr = fsp_serve_removexattr,
    .ioctl = fsp_serve_ioctl,
    .syncfs = fsp_serve_syncfs,
};

/* Attributes that may not be remembered are asked for again: a listing that has them is for nothing. */
uint64_t fsp_serve_want(const struct fsp_volume *volume) {
    uint64_t plus = volume->timeouts.file_info > 0 ? LINFSP_WANT_READDIRPLUS : 0;
    return plus | LINFSP_WANT_PARALLEL_DIRECTORY | LINFSP_WANT_ATOMIC_TRUNCATE | LINFSP_WANT_AUTO_INVALIDATE |
           LINFSP_WANT_HANDLE_KILLPRIV;
}
