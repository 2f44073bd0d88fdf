/* SPDX-License-Identifier: MIT */
/*
 * Directory buffers, for file systems that can list a directory only as a whole.
 *
 * Model. A buffer belongs to one open directory. Whoever acquires it first fills it, alone, and releases it; it is then
 * sorted by name, and read by any number at once, each from after the name that it has come to.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "winfsp/lock.h"
#include "winfsp/text.h"

#define FIRST_CAPACITY 256u
#define FAST_GROWTH_TO (1u << 20)

struct directory_buffer {
    struct fsp_lock lock;
    unsigned char *bytes;
    size_t size, capacity;
    UINT32 *offsets;
    size_t count, offsets_capacity;
};

/* Of the pointers to buffers, which several threads find to be NULL at once. */
static pthread_mutex_t creation = PTHREAD_MUTEX_INITIALIZER;

static struct directory_buffer *buffer_of(PVOID *place) {
    return __atomic_load_n((struct directory_buffer **)place, __ATOMIC_ACQUIRE);
}

BOOLEAN FSP_ABI FspFileSystemAcquireDirectoryBuffer(PVOID *PDirBuffer, BOOLEAN Reset, PNTSTATUS PResult) {
    return FspFileSystemAcquireDirectoryBufferEx(PDirBuffer, Reset, 0, PResult);
}

BOOLEAN FSP_ABI FspFileSystemAcquireDirectoryBufferEx(PVOID *PDirBuffer, BOOLEAN Reset, ULONG CapacityHint,
                                                      PNTSTATUS PResult) {
    *PResult = STATUS_SUCCESS;
    if (!buffer_of(PDirBuffer)) {
        pthread_mutex_lock(&creation);
        bool made = false;
        if (!*PDirBuffer) {
            struct directory_buffer *buffer = calloc(1, sizeof *buffer);
            if (buffer) {
                buffer->capacity = CapacityHint;
                buffer->bytes = CapacityHint ? malloc(CapacityHint) : NULL;
                if (!buffer->bytes)
                    buffer->capacity = 0;
                fsp_lock_exclusive(&buffer->lock);
                __atomic_store_n((struct directory_buffer **)PDirBuffer, buffer, __ATOMIC_RELEASE);
                made = true;
            } else
                *PResult = STATUS_INSUFFICIENT_RESOURCES;
        }
        pthread_mutex_unlock(&creation);
        if (made || *PResult != STATUS_SUCCESS)
            return made;
    }
    if (!Reset)
        return FALSE;
    struct directory_buffer *buffer = buffer_of(PDirBuffer);
    fsp_lock_exclusive(&buffer->lock);
    buffer->size = buffer->count = 0;
    return TRUE;
}

static bool reserve(void **array, size_t *capacity, size_t needed, size_t element) {
    size_t larger = *capacity ? *capacity : FIRST_CAPACITY;
    if (needed <= *capacity)
        return true;
    while (larger < needed)
        larger *= larger < FAST_GROWTH_TO ? 4 : 2;
    void *grown = realloc(*array, larger * element);
    if (!grown)
        return false;
    *array = grown;
    *capacity = larger;
    return true;
}

BOOLEAN FSP_ABI FspFileSystemFillDirectoryBuffer(PVOID *PDirBuffer, FSP_FSCTL_DIR_INFO *DirInfo, PNTSTATUS PResult) {
    struct directory_buffer *buffer = buffer_of(PDirBuffer);
    if (!DirInfo || !buffer || DirInfo->Size < sizeof *DirInfo) {
        *PResult = STATUS_INVALID_PARAMETER;
        return FALSE;
    }
    size_t whole = FSP_FSCTL_DEFAULT_ALIGN_UP(DirInfo->Size);
    if (buffer->size + whole > UINT32_MAX ||
        !reserve((void **)&buffer->bytes, &buffer->capacity, buffer->size + whole, 1) ||
        !reserve((void **)&buffer->offsets, &buffer->offsets_capacity, buffer->count + 1, sizeof *buffer->offsets)) {
        *PResult = STATUS_INSUFFICIENT_RESOURCES;
        return FALSE;
    }
    memcpy(buffer->bytes + buffer->size, DirInfo, DirInfo->Size);
    buffer->offsets[buffer->count++] = (UINT32)buffer->size;
    buffer->size += whole;
    *PResult = STATUS_SUCCESS;
    return TRUE;
}

/* ---- order ----------------------------------------------------------------------------------------------------- */

static const FSP_FSCTL_DIR_INFO *entry_of(const struct directory_buffer *buffer, size_t index) {
    return (const void *)(buffer->bytes + buffer->offsets[index]);
}

/* 0 and 1 for "." and "..", which stand first; 2 for all others. */
static int rank(const WCHAR *name, size_t length) {
    bool dots = length > 0 && length <= 2 && name[0] == '.' && name[length - 1] == '.';
    return dots ? (int)length - 1 : 2;
}

static int compare(const WCHAR *a, size_t a_length, const WCHAR *b, size_t b_length) {
    int difference = rank(a, a_length) - rank(b, b_length);
    return difference ? difference : fsp_wide_compare(a, a_length, b, b_length);
}

static size_t length_of(const FSP_FSCTL_DIR_INFO *entry) {
    return (entry->Size - sizeof *entry) / sizeof(WCHAR);
}

static int compare_offsets(const void *left, const void *right, void *context) {
    const unsigned char *bytes = context;
    const FSP_FSCTL_DIR_INFO *a = (const void *)(bytes + *(const UINT32 *)left);
    const FSP_FSCTL_DIR_INFO *b = (const void *)(bytes + *(const UINT32 *)right);
    return compare(a->FileNameBuf, length_of(a), b->FileNameBuf, length_of(b));
}

VOID FSP_ABI FspFileSystemReleaseDirectoryBuffer(PVOID *PDirBuffer) {
    struct directory_buffer *buffer = buffer_of(PDirBuffer);
    if (!buffer)
        return;
    if (buffer->count > 1)
        qsort_r(buffer->offsets, buffer->count, sizeof *buffer->offsets, compare_offsets, buffer->bytes);
    fsp_unlock(&buffer->lock);
}

/* The first entry after marker. */
static size_t find_after(const struct directory_buffer *buffer, PWSTR marker) {
    size_t from = 0, to = buffer->count, length = marker ? fsp_wide_length(marker) : 0;
    while (marker && from < to) {
        size_t middle = from + (to - from) / 2;
        const FSP_FSCTL_DIR_INFO *entry = entry_of(buffer, middle);
        if (compare(entry->FileNameBuf, length_of(entry), marker, length) <= 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

VOID FSP_ABI FspFileSystemReadDirectoryBuffer(PVOID *PDirBuffer, PWSTR Marker, PVOID Buffer, ULONG Length,
                                              PULONG PBytesTransferred) {
    struct directory_buffer *buffer = buffer_of(PDirBuffer);
    bool all = true;
    if (buffer) {
        fsp_lock_shared(&buffer->lock);
        for (size_t i = find_after(buffer, Marker); all && i < buffer->count; i++)
            all = FspFileSystemAddDirInfo((FSP_FSCTL_DIR_INFO *)(uintptr_t)entry_of(buffer, i), Buffer, Length,
                                          PBytesTransferred);
        fsp_unlock(&buffer->lock);
    }
    if (all)
        FspFileSystemAddDirInfo(NULL, Buffer, Length, PBytesTransferred);
}

VOID FSP_ABI FspFileSystemDeleteDirectoryBuffer(PVOID *PDirBuffer) {
    struct directory_buffer *buffer = buffer_of(PDirBuffer);
    if (!buffer)
        return;
    free(buffer->bytes);
    free(buffer->offsets);
    free(buffer);
    *PDirBuffer = NULL;
}
