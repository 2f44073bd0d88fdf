/* SPDX-License-Identifier: MIT */
/*
 * Serving directories.
 *
 * Model. A listing is read whole when it is read from its start: WinFsp's ReadDirectory goes on after a name (or an
 * offset of the file system's own), Linux's readdir at a number that has to stay good while names come and go. The
 * number is the index into what was read. What was read is kept until the directory is closed or read from its start.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "winfsp/pending.h"
#include "winfsp/serve.h"
#include "winfsp/status.h"
#include "winfsp/text.h"

#define BUFFER_SIZE (64u * 1024 - 64)
#define LISTING_MAX (UINT32_C(1) << 30) /* bytes, of one directory */

/* Entries as the file system gave them, behind each other, and where each begins. */
struct fsp_listing {
    unsigned char *bytes;
    size_t size, capacity;
    size_t *offsets;
    size_t count, offsets_capacity;
};

void fsp_listing_free(struct fsp_listing *listing) {
    if (!listing)
        return;
    free(listing->bytes);
    free(listing->offsets);
    free(listing);
}

static const FSP_FSCTL_DIR_INFO *entry_at(const struct fsp_listing *listing, size_t index) {
    return (const void *)(listing->bytes + listing->offsets[index]);
}

static size_t name_units(const FSP_FSCTL_DIR_INFO *entry) {
    return (entry->Size - sizeof *entry) / sizeof(WCHAR);
}

static bool is_dots(const FSP_FSCTL_DIR_INFO *entry) {
    size_t units = name_units(entry);
    return (units == 1 || (units == 2 && entry->FileNameBuf[1] == '.')) && entry->FileNameBuf[0] == '.';
}

static int make_room(void **array, size_t *capacity, size_t needed, size_t element) {
    if (needed <= *capacity)
        return 0;
    size_t larger = *capacity * 2 > needed ? *capacity * 2 : needed;
    void *grown = realloc(*array, larger * element);
    if (!grown)
        return -ENOMEM;
    *array = grown;
    *capacity = larger;
    return 0;
}

static int append(struct fsp_listing *listing, const FSP_FSCTL_DIR_INFO *entry) {
    size_t whole = FSP_FSCTL_DEFAULT_ALIGN_UP(entry->Size);
    int r = make_room((void **)&listing->bytes, &listing->capacity, listing->size + whole, 1);
    if (r == 0)
        r = make_room((void **)&listing->offsets, &listing->offsets_capacity, listing->count + 1,
                      sizeof *listing->offsets);
    if (r < 0)
        return r;
    memcpy(listing->bytes + listing->size, entry, entry->Size);
    listing->offsets[listing->count++] = listing->size;
    listing->size += whole;
    return 0;
}

/* What ReadDirectory gave. 1: there is more to ask for; 0: that was all. */
static int take_entries(struct fsp_listing *listing, const unsigned char *buffer, size_t size,
                        const FSP_FSCTL_DIR_INFO **ret_last) {
    size_t at = 0;
    while (size - at >= sizeof(UINT16)) {
        const FSP_FSCTL_DIR_INFO *entry = (const void *)(buffer + at);
        if (entry->Size == 0)
            return 0;
        if (entry->Size < sizeof *entry + sizeof(WCHAR) || entry->Size > size - at ||
            name_units(entry) > 255) /* it lies about its length */
            return -EIO;
        int r = append(listing, entry);
        if (r < 0)
            return r;
        if (listing->size > LISTING_MAX)
            return -EOVERFLOW;
        *ret_last = entry;
        at += FSP_FSCTL_DEFAULT_ALIGN_UP(entry->Size);
        if (at > size)
            break;
    }
    return size > 0;
}

/* After which entry to go on: a name, or the file system's own offset. */
static void put_marker(struct fsp_volume *volume, struct fsp_transaction *transaction, const FSP_FSCTL_DIR_INFO *last) {
    WCHAR name[256];
    if (!last)
        return;
    if (volume->params.DirectoryMarkerAsNextOffset) {
        fsp_put(transaction, &last->NextOffset, sizeof last->NextOffset,
                &transaction->request.Req.QueryDirectory.Marker);
        return;
    }
    size_t units = name_units(last);
    memcpy(name, last->FileNameBuf, units * sizeof *name);
    name[units] = 0;
    fsp_put(transaction, name, (units + 1) * sizeof *name, &transaction->request.Req.QueryDirectory.Marker);
}

/* NOLINTBEGIN(readability-non-const-parameter): the file system writes to buffer */
static NTSTATUS query(struct fsp_volume *volume, const struct fsp_open *open, const FSP_FSCTL_DIR_INFO *last,
                      unsigned char *buffer, size_t *ret_size) {
    struct fsp_transaction transaction;
    static const WCHAR all[] = {'*', 0};
    fsp_begin(volume, &transaction, FspFsctlTransactQueryDirectoryKind);
    fsp_put_open(&transaction, open);
    if (volume->params.PassQueryDirectoryPattern)
        fsp_put(&transaction, all, sizeof all, &transaction.request.Req.QueryDirectory.Pattern);
    put_marker(volume, &transaction, last);
    transaction.request.Req.QueryDirectory.Address = (UINT64)(uintptr_t)buffer;
    transaction.request.Req.QueryDirectory.Length = BUFFER_SIZE;
    transaction.request.Req.QueryDirectory.CaseSensitive = !volume->case_blind;
    NTSTATUS status = fsp_transact_wait(volume, &transaction);
    *ret_size = transaction.response.IoStatus.Information;
    return NT_SUCCESS(status) && *ret_size > BUFFER_SIZE ? STATUS_INTERNAL_ERROR : status;
}

/* NOLINTEND(readability-non-const-parameter) */

/* A file system that gives the same entries again and again would never come to an end. */
static bool goes_on(const FSP_FSCTL_DIR_INFO *before, const FSP_FSCTL_DIR_INFO *last) {
    return !before || before->Size != last->Size || memcmp(before, last, last->Size) != 0;
}

static int read_listing(struct fsp_volume *volume, const struct fsp_open *open, struct fsp_listing *listing) {
    _cleanup_free_ unsigned char *buffer = malloc(BUFFER_SIZE);
    _cleanup_free_ FSP_FSCTL_DIR_INFO *marker = NULL;
    int r = 1;
    if (!buffer)
        return -ENOMEM;
    while (r > 0) {
        const FSP_FSCTL_DIR_INFO *last = NULL;
        size_t size = 0;
        NTSTATUS status = query(volume, open, marker, buffer, &size);
        if (status == STATUS_NO_MORE_FILES || (marker && status == STATUS_NO_SUCH_FILE))
            return 0;
        if (!NT_SUCCESS(status))
            return fsp_errno_from_status(status);
        r = take_entries(listing, buffer, size, &last);
        if (r <= 0 || !last)
            return r < 0 ? r : 0;
        if (!goes_on(marker, last))
            return -EIO;
        free(marker);
        marker = malloc(last->Size);
        if (!marker)
            return -ENOMEM;
        memcpy(marker, last, last->Size);
    }
    return r;
}

/* ---- answering ------------------------------------------------------------------------------------------------- */

/* The node of an entry, with a reference; NULL: out of memory. What the listing does not have, its owner, group and
 * mode, and what kind of reparse point it is, opening it tells. *ret_known: all is known. */
static struct fsp_node *look_at(struct fsp_volume *volume, struct fsp_node *directory, const FSP_FSCTL_DIR_INFO *entry,
                                struct linfsp_entry *ret_entry, bool *ret_known) {
    WCHAR path[FSP_PATH_UNITS];
    struct fsp_opened opened = {.info = entry->FileInfo};
    struct fsp_node *node = NULL;
    bool reparse = entry->FileInfo.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT;
    bool more = volume->params.PersistentAcls || reparse;
    int units = more ? fsp_node_path(directory, entry->FileNameBuf, name_units(entry), path) : -ENOENT;
    bool open = units > 0 &&
                NT_SUCCESS(fsp_open_to_look(volume, path, (size_t)units, FILE_READ_ATTRIBUTES | READ_CONTROL, &opened));
    *ret_known = open || !more;
    opened.name_length = 0;
    if (fsp_serve_entry(volume, directory, entry->FileNameBuf, name_units(entry), &opened, ret_entry, &node) < 0)
        node = NULL;
    if (open && reparse && node) {
        fsp_note_reparse_point(volume, node, &opened, path, (size_t)units);
        fsp_fill_stat(volume, node, &opened.info, &ret_entry->attributes);
    }
    if (open)
        fsp_close_context(volume, opened.context, opened.context2, 0, NULL, 0);
    return node;
}

static bool is_hidden(const struct fsp_node *node) {
    return __atomic_load_n(&node->doomed, __ATOMIC_RELAXED);
}

static int add_looked_at(linfsp_request *request, struct fsp_volume *volume, struct fsp_node *directory,
                         const FSP_FSCTL_DIR_INFO *entry, const char *name, off_t next) {
    struct linfsp_entry answer;
    bool known;
    struct fsp_node *node = look_at(volume, directory, entry, &answer, &known);
    if (!node)
        return 0;
    bool hidden = is_hidden(node);
    if (!known)
        answer.inode = 0;
    int added = hidden ? 1 : linfsp_add_entry_plus(request, name, &answer, next);
    if (added && answer.inode && !hidden)
        fsp_node_count_lookup(volume, node);
    fsp_node_release(volume, node);
    return added;
}

static int add_plain(linfsp_request *request, struct fsp_volume *volume, struct fsp_node *directory,
                     const FSP_FSCTL_DIR_INFO *entry, const char *name, off_t next) {
    const FSP_FSCTL_FILE_INFO *info = &entry->FileInfo;
    struct linfsp_entry answer;
    bool known, reparse = info->FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT;
    mode_t type = info->FileAttributes & FILE_ATTRIBUTE_DIRECTORY ? S_IFDIR : S_IFREG;
    uint64_t number = info->IndexNumber;
    struct fsp_node *node = reparse || !number
                                ? look_at(volume, directory, entry, &answer, &known)
                                : fsp_node_find(volume, directory, entry->FileNameBuf, name_units(entry));
    bool hidden = node && is_hidden(node);
    if (reparse)
        type = node ? answer.attributes.st_mode & S_IFMT : 0;
    if (!number)
        number = node ? node->number : 1;
    fsp_node_release(volume, node);
    return hidden ? 1 : linfsp_add_entry(request, name, number, type, next);
}

static int add_one(linfsp_request *request, struct fsp_volume *volume, struct fsp_node *directory,
                   const FSP_FSCTL_DIR_INFO *entry, off_t next, bool plus) {
    char name[256 * 3];
    int length = fsp_from_windows_name(entry->FileNameBuf, name_units(entry), name, sizeof name);
    if (length <= 0 || length > 255 || strchr(name, '/')) /* a name that Linux cannot have */
        return 1;
    if (is_dots(entry))
        return linfsp_add_entry(request, name, directory->number, S_IFDIR, next);
    return plus ? add_looked_at(request, volume, directory, entry, name, next)
                : add_plain(request, volume, directory, entry, name, next);
}

static int renew_listing(struct fsp_volume *volume, struct fsp_open *open) {
    struct fsp_listing *listing = calloc(1, sizeof *listing);
    int r = listing ? read_listing(volume, open, listing) : -ENOMEM;
    if (r < 0) {
        fsp_listing_free(listing);
        return r;
    }
    fsp_listing_free(open->listing);
    open->listing = listing;
    open->accessed = true;
    return 0;
}

static int fill_answer(linfsp_request *request, struct fsp_volume *volume, struct fsp_open *open, off_t offset,
                       bool plus) {
    int r = offset == 0 || !open->listing ? renew_listing(volume, open) : 0;
    if (r < 0)
        return r;
    for (size_t i = (size_t)offset; i < open->listing->count; i++)
        if (!add_one(request, volume, open->node, entry_at(open->listing, i), (off_t)i + 1, plus))
            break;
    return 0;
}

int fsp_serve_readdir(linfsp_request *request, uint64_t inode _unused_, struct linfsp_file *file, size_t size _unused_,
                      off_t offset, bool plus) {
    struct fsp_volume *volume = fsp_serve_begin(request);
    struct fsp_open *open = fsp_open_of(file);
    fsp_lock_shared(&volume->names);
    pthread_mutex_lock(&open->listing_lock);
    int r = fill_answer(request, volume, open, offset, plus);
    pthread_mutex_unlock(&open->listing_lock);
    fsp_unlock(&volume->names);
    /* last: with the answer the directory may be closed, and open is freed */
    return r < 0 ? r : (linfsp_reply_directory(request), 0);
}

static int open_directory(linfsp_request *request, struct fsp_volume *volume, struct fsp_node *node,
                          struct linfsp_file *file) {
    WCHAR path[FSP_PATH_UNITS];
    struct fsp_opened opened;
    int units = fsp_node_path(node, NULL, 0, path);
    if (units < 0)
        return units;
    struct fsp_opening opening = {
        .path = path,
        .units = (size_t)units,
        .disposition = FILE_OPEN,
        .options = FILE_DIRECTORY_FILE | FILE_OPEN_REPARSE_POINT,
        .access = FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES | SYNCHRONIZE,
    };
    NTSTATUS status = fsp_open_path(volume, &opening, true, &opened);
    if (!NT_SUCCESS(status))
        return fsp_errno_from_status(status);
    struct fsp_open *open = fsp_open_register(volume, node, &opened);
    if (!open) {
        fsp_close_context(volume, opened.context, opened.context2, 0, NULL, 0);
        return -ENOMEM;
    }
    fsp_note_security(volume, node, &opened);
    file->handle = (uint64_t)(uintptr_t)open;
    return linfsp_reply_open(request, file) < 0 ? -ECANCELED : 0;
}

int fsp_serve_opendir(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    struct fsp_volume *volume = fsp_serve_begin(request);
    fsp_lock_shared(&volume->names);
    int r = open_directory(request, volume, fsp_node_of(volume, inode), file);
    fsp_unlock(&volume->names);
    if (r == -ECANCELED && file->handle) {
        fsp_open_end(volume, fsp_open_of(file));
        return 0;
    }
    return r;
}
