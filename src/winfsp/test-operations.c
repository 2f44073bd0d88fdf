/* SPDX-License-Identifier: MIT */
/* The default operations and what is built on them, with a file system that notes its calls; no kernel is asked. */
#include "winfsp/test-helpers.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "winfsp/handle.h"
#include "winfsp/notify.h"
#include "winfsp/pending.h"

/* NOLINTBEGIN(readability-non-const-parameter): the API's */
/* ---- a file system that notes what it is asked ------------------------------------------------------------------ */

static char calls[1024];
static UINT32 file_attributes;
static NTSTATUS next_status;
static PVOID seen_context;
static _Atomic UINT64 pending_hint;
static FSP_FILE_SYSTEM *fs;

static void note(const char *call) {
    strcat(calls, call);
    strcat(calls, " ");
}

static NTSTATUS GetSecurityByName(FSP_FILE_SYSTEM *f _unused_, PWSTR name, PUINT32 attributes,
                                  PSECURITY_DESCRIPTOR descriptor _unused_, SIZE_T *size) {
    note("G");
    if (name[1] == 'm') /* missing */
        return STATUS_OBJECT_NAME_NOT_FOUND;
    if (attributes)
        *attributes = name[1] ? file_attributes : FILE_ATTRIBUTE_DIRECTORY;
    if (size)
        *size = 0;
    return STATUS_SUCCESS;
}

static void give_context(FSP_FILE_SYSTEM *f, PVOID *context) {
    FSP_FSCTL_TRANSACT_FULL_CONTEXT *full = *context;
    if (f->UmFileContextIsFullContext)
        *full = (FSP_FSCTL_TRANSACT_FULL_CONTEXT){11, 22};
    else
        *context = (PVOID)0x77;
}

static NTSTATUS Create(FSP_FILE_SYSTEM *f, PWSTR name _unused_, UINT32 options _unused_, UINT32 access _unused_,
                       UINT32 attributes _unused_, PSECURITY_DESCRIPTOR descriptor _unused_, UINT64 allocation _unused_,
                       PVOID *context, FSP_FSCTL_FILE_INFO *info) {
    note("Create");
    give_context(f, context);
    info->FileSize = 1;
    return next_status;
}

static NTSTATUS Open(FSP_FILE_SYSTEM *f, PWSTR name, UINT32 options _unused_, UINT32 access _unused_, PVOID *context,
                     FSP_FSCTL_FILE_INFO *info) {
    static const WCHAR real[] = u"\\Real";
    note("Open");
    give_context(f, context);
    FSP_FSCTL_OPEN_FILE_INFO *open = FspFileSystemGetOpenFileInfo(info);
    assert_true(open->NormalizedNameSize >= FSP_FSCTL_TRANSACT_PATH_SIZEMAX);
    if (name[1] == 'r') {
        memcpy(open->NormalizedName, real, 10);
        open->NormalizedNameSize = 10;
    }
    return next_status;
}

static NTSTATUS Overwrite(FSP_FILE_SYSTEM *f _unused_, PVOID context, UINT32 attributes _unused_, BOOLEAN replace,
                          UINT64 allocation _unused_, FSP_FSCTL_FILE_INFO *info _unused_) {
    note(replace ? "Supersede" : "Overwrite");
    seen_context = context;
    return next_status;
}

static VOID Cleanup(FSP_FILE_SYSTEM *f _unused_, PVOID context _unused_, PWSTR name, ULONG flags) {
    char text[64];
    snprintf(text, sizeof text, "Cleanup(%s,%x)", name ? "name" : "-", flags);
    note(text);
}

static VOID Close(FSP_FILE_SYSTEM *f _unused_, PVOID context) {
    note("Close");
    seen_context = context;
}

static NTSTATUS Read(FSP_FILE_SYSTEM *f _unused_, PVOID context _unused_, PVOID buffer _unused_, UINT64 offset,
                     ULONG length, PULONG count) {
    if (offset == 1) { /* answered later */
        pending_hint = FspFileSystemGetOperationContext()->Request->Hint;
        return STATUS_PENDING;
    }
    if (offset == 2) { /* answered before it returns, and twice */
        FSP_FSCTL_TRANSACT_RSP response = {.Size = sizeof response, .Kind = FspFsctlTransactReadKind};
        response.Hint = FspFileSystemGetOperationContext()->Request->Hint;
        response.IoStatus.Information = 5;
        FspFileSystemSendResponse(f, &response);
        response.IoStatus.Information = 6;
        FspFileSystemSendResponse(f, &response);
        return STATUS_PENDING;
    }
    *count = offset == 3 ? length + 1 : length;
    return STATUS_SUCCESS;
}

static NTSTATUS GetFileInfo(FSP_FILE_SYSTEM *f _unused_, PVOID context _unused_, FSP_FSCTL_FILE_INFO *info) {
    note("Info");
    info->FileAttributes = file_attributes;
    return STATUS_SUCCESS;
}

static NTSTATUS CanDelete(FSP_FILE_SYSTEM *f _unused_, PVOID context _unused_, PWSTR name _unused_) {
    note("CanDelete");
    return next_status;
}

static NTSTATUS SetBasicInfo(FSP_FILE_SYSTEM *f _unused_, PVOID context _unused_, UINT32 attributes, UINT64 created,
                             UINT64 accessed _unused_, UINT64 written _unused_, UINT64 changed _unused_,
                             FSP_FSCTL_FILE_INFO *info _unused_) {
    char text[64];
    snprintf(text, sizeof text, "Basic(%x,%d)", attributes, (int)created);
    note(text);
    return STATUS_SUCCESS;
}

/* NOLINTEND(readability-non-const-parameter) */

static const FSP_FILE_SYSTEM_INTERFACE interface = {
    .GetSecurityByName = GetSecurityByName,
    .Create = Create,
    .Open = Open,
    .Overwrite = Overwrite,
    .Cleanup = Cleanup,
    .Close = Close,
    .Read = Read,
    .GetFileInfo = GetFileInfo,
    .CanDelete = CanDelete,
    .SetBasicInfo = SetBasicInfo,
};

static FSP_FSCTL_VOLUME_PARAMS params;

static void make(const FSP_FILE_SYSTEM_INTERFACE *given) {
    WCHAR device[] = u"WinFsp.Disk";
    assert_status(FspFileSystemCreate(device, &params, given, &fs), STATUS_SUCCESS);
    calls[0] = 0;
    file_attributes = 0;
    next_status = STATUS_SUCCESS;
    seen_context = NULL;
    *fsp_caller_here() = (struct fsp_caller){.uid = 1000, .gid = 1000, .checked = true};
}

static int tear_down(void **state _unused_) {
    FspFileSystemDelete(fs);
    fs = NULL;
    params = (FSP_FSCTL_VOLUME_PARAMS){0};
    return 0;
}

static NTSTATUS open_as(const WCHAR *path, UINT32 disposition, UINT32 options, UINT32 access,
                        struct fsp_opened *opened) {
    struct fsp_opening opening = {
        .path = path, .units = fsp_wide_length(path), .disposition = disposition, .options = options, .access = access};
    return fsp_open_path(fsp_volume_of(fs), &opening, true, opened);
}

/* ---- creation -------------------------------------------------------------------------------------------------- */

static void test_parameters(void **state _unused_) {
    WCHAR disk[] = u"WinFsp.Disk", net[] = u"\\Device\\WinFsp.Net", other[] = u"Other";
    FSP_FSCTL_VOLUME_PARAMS given = {.Version = sizeof given};
    FSP_FILE_SYSTEM *made = (void *)1;
    assert_status(FspFileSystemCreate(other, &given, &interface, &made), STATUS_NO_SUCH_DEVICE);
    assert_null(made);
    assert_status(FspFileSystemCreate(NULL, &given, &interface, &made), STATUS_INVALID_PARAMETER);
    assert_status(FspFileSystemCreate(disk, NULL, &interface, &made), STATUS_INVALID_PARAMETER);
    assert_status(FspFileSystemCreate(disk, &given, &interface, NULL), STATUS_INVALID_PARAMETER);
    given.UmFileContextIsUserContext2 = given.UmFileContextIsFullContext = 1;
    assert_status(FspFileSystemCreate(disk, &given, &interface, &made), STATUS_INVALID_PARAMETER);
    given.UmFileContextIsFullContext = 0;
    given.Version = 100; /* shorter than version 0 */
    assert_status(FspFileSystemCreate(disk, &given, &interface, &made), STATUS_INVALID_PARAMETER);
    given.Version = sizeof given;
    assert_status(FspFileSystemCreate(net, &given, &interface, &made), STATUS_INVALID_PARAMETER); /* no prefix */
    memcpy(given.Prefix, u"\\server\\share", 28);
    assert_status(FspFileSystemCreate(net, &given, &interface, &made), STATUS_SUCCESS);
    assert_string_equal(fsp_volume_of(made)->file_system_name, "WinFsp");
    FspFileSystemDelete(made);
    assert_status(FspFileSystemCreate(disk, &given, NULL, &made), STATUS_SUCCESS);
    FspFileSystemDelete(made);
}

/* Whatever a handle is: only that of a volume that there is gets further. */
static void test_handles(void **state _unused_) {
    static char no_volume[sizeof(struct fsp_volume)];
    FSP_MOUNT_DESC desc = {0};
    make(&interface);
    HANDLE live = fs->VolumeHandle;
    HANDLE const none[] = {NULL, INVALID_HANDLE_VALUE, (HANDLE)0x10, no_volume, (char *)live + 8};
    for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
        desc.VolumeHandle = none[i];
        assert_status(FspFsctlStop(none[i]), STATUS_INVALID_HANDLE);
        assert_status(FspFsctlStop0(none[i]), STATUS_INVALID_HANDLE);
        assert_status(FspFsctlNotify(none[i], NULL, 0), STATUS_INVALID_HANDLE);
        assert_status(FspMountSet(&desc), STATUS_INVALID_HANDLE);
        assert_status(FspMountRemove(&desc), STATUS_INVALID_HANDLE);
    }
    assert_status(FspMountSet(NULL), STATUS_INVALID_HANDLE);
    FSP_FILE_SYSTEM *second = fs;
    make(&interface);
    assert_status(FspFsctlStop(live), STATUS_SUCCESS);
    assert_status(FspFsctlStop(fs->VolumeHandle), STATUS_SUCCESS);
    FspFileSystemDelete(second);
    assert_status(FspFsctlStop(live), STATUS_INVALID_HANDLE);
    assert_status(FspFsctlStop(fs->VolumeHandle), STATUS_SUCCESS);
}

static void *stop_often(void *handle) {
    for (int i = 0; i < 100000; i++)
        if (FspFsctlStop(handle) == STATUS_INVALID_HANDLE)
            break;
    return NULL;
}

/* A volume goes while another thread uses its handle. */
static void test_handle_in_use(void **state _unused_) {
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        make(&interface);
        assert_int_equal(pthread_create(&thread, NULL, stop_often, fs->VolumeHandle), 0);
        FspFileSystemDelete(fs);
        pthread_join(thread, NULL);
    }
    make(&interface);
}

/* What stands behind the fields of version 0 is not read. */
static void test_version_0(void **state _unused_) {
    WCHAR device[] = u"WinFsp.Disk";
    FSP_FSCTL_VOLUME_PARAMS_V0 *old = calloc(1, sizeof *old);
    FSP_FILE_SYSTEM *made;
    old->FileInfoTimeout = 1000;
    for (size_t i = 0; i < ARRAY_SIZE(old->FileSystemName); i++)
        old->FileSystemName[i] = i ? 'x' : '-'; /* no NUL */
    assert_status(FspFileSystemCreate(device, (const FSP_FSCTL_VOLUME_PARAMS *)(void *)old, &interface, &made),
                  STATUS_SUCCESS);
    const struct fsp_volume *volume = fsp_volume_of(made);
    assert_int_equal(volume->timeouts.directory, 1000);
    assert_int_equal(volume->params.SectorSize, 512);
    assert_int_equal(volume->params.MaxComponentLength, 255);
    assert_string_equal(volume->file_system_name, "WinFsp-xxxxxxxxxxxxxx");
    FspFileSystemDelete(made);
    free(old);
}

static void test_timeouts(void **state _unused_) {
    params = (FSP_FSCTL_VOLUME_PARAMS){
        .Version = sizeof params, .FileInfoTimeout = INFINITE, .DirInfoTimeoutValid = 1, .DirInfoTimeout = 5};
    make(&interface);
    assert_int_equal(fsp_volume_of(fs)->timeouts.file_info, LINFSP_TIMEOUT_INFINITE);
    assert_int_equal(fsp_volume_of(fs)->timeouts.security, LINFSP_TIMEOUT_INFINITE);
    assert_int_equal(fsp_volume_of(fs)->timeouts.directory, 5);
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

static void test_dispositions(void **state _unused_) {
    struct fsp_opened opened;
    make(&interface);
    assert_status(open_as(u"\\f", FILE_OPEN, 0, FILE_READ_DATA, &opened), STATUS_SUCCESS);
    assert_int_equal(opened.information, FILE_OPENED);
    assert_int_equal(opened.context, 0x77);
    assert_status(open_as(u"\\f", FILE_CREATE, 0, FILE_READ_DATA, &opened), STATUS_SUCCESS);
    assert_int_equal(opened.information, FILE_CREATED);
    assert_status(open_as(u"\\f", FILE_OPEN_IF, 0, FILE_READ_DATA, &opened), STATUS_SUCCESS);
    assert_string_equal(calls, "G Open G Create G Open ");
    calls[0] = 0;
    assert_status(open_as(u"\\missing", FILE_OPEN, 0, FILE_READ_DATA, &opened), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_status(open_as(u"\\missing", FILE_OPEN_IF, 0, FILE_READ_DATA, &opened), STATUS_SUCCESS);
    assert_string_equal(calls, "G G G Create ");
    assert_int_equal(opened.information, FILE_CREATED);
    assert_status(open_as(u"\\f", FILE_OVERWRITE, 0, FILE_WRITE_DATA, &opened), STATUS_SUCCESS);
    assert_int_equal(opened.information, FILE_OVERWRITTEN);
    assert_status(open_as(u"\\f", 99, 0, 0, &opened), STATUS_INVALID_PARAMETER);
    assert_status(open_as(u"\\missing\\f", FILE_CREATE, 0, 0, &opened), STATUS_OBJECT_PATH_NOT_FOUND);
}

static void test_kinds(void **state _unused_) {
    struct fsp_opened opened;
    make(&interface);
    assert_status(open_as(u"\\f", FILE_OPEN, FILE_DIRECTORY_FILE, 0, &opened), STATUS_NOT_A_DIRECTORY);
    assert_status(open_as(u"\\", FILE_OPEN, FILE_NON_DIRECTORY_FILE, 0, &opened), STATUS_FILE_IS_A_DIRECTORY);
    assert_status(open_as(u"\\f\\g", FILE_CREATE, 0, 0, &opened), STATUS_NOT_A_DIRECTORY);
    file_attributes = FILE_ATTRIBUTE_READONLY;
    assert_status(open_as(u"\\f", FILE_OPEN, 0, FILE_WRITE_DATA, &opened), STATUS_ACCESS_DENIED);
    assert_status(open_as(u"\\f", FILE_OPEN, FILE_DELETE_ON_CLOSE, 0, &opened), STATUS_CANNOT_DELETE);
    assert_status(open_as(u"\\f", FILE_OPEN, 0, FILE_READ_DATA, &opened), STATUS_SUCCESS);
    file_attributes = FILE_ATTRIBUTE_REPARSE_POINT;
    assert_status(open_as(u"\\f", FILE_OPEN, 0, 0, &opened), STATUS_REPARSE_POINT_NOT_RESOLVED);
    assert_status(open_as(u"\\f", FILE_OPEN, FILE_OPEN_REPARSE_POINT, 0, &opened), STATUS_SUCCESS);
}

static void test_collision(void **state _unused_) {
    struct fsp_opened opened;
    make(&interface);
    next_status = STATUS_OBJECT_NAME_COLLISION;
    assert_status(open_as(u"\\f", FILE_CREATE, FILE_NON_DIRECTORY_FILE, 0, &opened), STATUS_OBJECT_NAME_COLLISION);
    file_attributes = FILE_ATTRIBUTE_DIRECTORY;
    assert_status(open_as(u"\\d", FILE_CREATE, FILE_NON_DIRECTORY_FILE, 0, &opened), STATUS_FILE_IS_A_DIRECTORY);
}

static void test_normalized_name(void **state _unused_) {
    struct fsp_opened opened;
    make(&interface);
    assert_status(open_as(u"\\real", FILE_OPEN, 0, 0, &opened), STATUS_SUCCESS);
    assert_int_equal(opened.name_length, 4);
    assert_memory_equal(opened.name, u"Real", 8);
    assert_status(open_as(u"\\f", FILE_OPEN, 0, 0, &opened), STATUS_SUCCESS);
    assert_int_equal(opened.name_length, 0);
}

static void test_contexts(void **state _unused_) {
    struct fsp_opened opened;
    params.UmFileContextIsFullContext = 1;
    make(&interface);
    assert_status(open_as(u"\\f", FILE_OPEN, 0, 0, &opened), STATUS_SUCCESS);
    assert_int_equal(opened.context, 11);
    assert_int_equal(opened.context2, 22);
    fsp_close_only(fsp_volume_of(fs), 11, 22);
    assert_non_null(seen_context);
    tear_down(NULL);
    params.UmFileContextIsUserContext2 = 1;
    make(&interface);
    assert_status(open_as(u"\\f", FILE_OPEN, 0, 0, &opened), STATUS_SUCCESS);
    assert_int_equal(opened.context, 0);
    assert_int_equal(opened.context2, 0x77);
    fsp_close_only(fsp_volume_of(fs), 0, 0x77);
    assert_ptr_equal(seen_context, (void *)0x77);
}

/* Without one of these three nothing can be opened; any other member that is missing is INVALID_DEVICE_REQUEST. */
static void test_missing_members(void **state _unused_) {
    static FSP_FILE_SYSTEM_INTERFACE partial;
    struct fsp_opened opened;
    struct fsp_open open = {.context = 1};
    struct fsp_transaction transaction;
    FSP_FSCTL_FILE_INFO info;
    size_t size;
    make(NULL);
    struct fsp_volume *volume = fsp_volume_of(fs);
    assert_status(open_as(u"\\f", FILE_OPEN, 0, 0, &opened), STATUS_INVALID_DEVICE_REQUEST);
    partial = (FSP_FILE_SYSTEM_INTERFACE){.Create = Create, .Open = Open};
    fs->Interface = &partial;
    assert_status(open_as(u"\\f", FILE_OPEN, 0, 0, &opened), STATUS_INVALID_DEVICE_REQUEST);
    assert_status(fsp_get_info(volume, &open, &info), STATUS_INVALID_DEVICE_REQUEST);
    assert_status(fsp_set_size(volume, &open, 1, false, &info), STATUS_INVALID_DEVICE_REQUEST);
    assert_status(fsp_set_times(volume, &open, 0, 0, 0, 0, 0, &info), STATUS_INVALID_DEVICE_REQUEST);
    assert_status(fsp_set_disposition(volume, &open, u"\\f", 2, true), STATUS_INVALID_DEVICE_REQUEST);
    assert_status(fsp_rename_open(volume, &open, u"\\f", 2, u"\\g", 2, true), STATUS_INVALID_DEVICE_REQUEST);
    assert_status(fsp_get_security(volume, &open, &transaction, &size), STATUS_INVALID_DEVICE_REQUEST);
    assert_status(fsp_get_reparse_point(volume, &open, u"\\f", 2, &transaction, &size), STATUS_INVALID_DEVICE_REQUEST);
    fsp_close_context(volume, 1, 0, 0, NULL, 0);
    fs->Operations[FspFsctlTransactCloseKind] = NULL; /* a program may do so */
    fsp_close_only(volume, 1, 0);
}

/* ---- closing --------------------------------------------------------------------------------------------------- */

static void test_cleanup_flags(void **state _unused_) {
    make(&interface);
    struct fsp_volume *volume = fsp_volume_of(fs);
    fsp_close_context(volume, 1, 0, 0, NULL, 0);
    assert_string_equal(calls, "Cleanup(-,0) Close ");
    calls[0] = 0;
    fsp_close_context(volume, 1, 0, FspCleanupDelete | FspCleanupSetChangeTime, u"\\f", 2);
    assert_string_equal(calls, "Cleanup(name,81) Close ");
    calls[0] = 0;
    volume->params.PostCleanupWhenModifiedOnly = 1;
    fsp_close_context(volume, 1, 0, 0, NULL, 0);
    fsp_close_context(volume, 1, 0, FspCleanupSetLastAccessTime, NULL, 0);
    fsp_close_context(volume, 1, 0, FspCleanupSetArchiveBit, NULL, 0);
    assert_string_equal(calls, "Close Close Cleanup(-,10) Close ");
}

/* What an open file's end cleans up: what was done by it, less what its owner set. */
static void test_open_end(void **state _unused_) {
    struct fsp_opened opened = {.context = 5};
    FSP_FSCTL_FILE_INFO info = {.IndexNumber = 3};
    make(&interface);
    struct fsp_volume *volume = fsp_volume_of(fs);
    struct fsp_node *node = fsp_node_get(volume, volume->root, u"f", 1, &info);
    for (int round = 0; round < 3; round++) {
        struct fsp_open *open = fsp_open_register(volume, node, &opened);
        assert_int_equal(node->open_count, 1);
        open->modified = round > 0;
        node->modified_count = round > 0;
        open->accessed = true;
        open->set_write_time = round == 2;
        fsp_open_end(volume, open);
    }
    assert_string_equal(calls, "Cleanup(-,20) Close Cleanup(-,f2) Close Cleanup(-,b2) Close ");
    fsp_node_release(volume, node);
}

static void test_deletion_waits(void **state _unused_) {
    struct fsp_opened opened = {.context = 5};
    FSP_FSCTL_FILE_INFO info = {.IndexNumber = 3};
    make(&interface);
    struct fsp_volume *volume = fsp_volume_of(fs);
    struct fsp_node *node = fsp_node_get(volume, volume->root, u"f", 1, &info);
    struct fsp_open *first = fsp_open_register(volume, node, &opened),
                    *second = fsp_open_register(volume, node, &opened);
    node->doomed = true;
    fsp_open_end(volume, first);
    fsp_open_end(volume, second);
    assert_string_equal(calls, "Cleanup(-,0) Close Cleanup(name,1) Close ");
    assert_true(node->detached);
    fsp_node_release(volume, node);
}

static void test_disposition(void **state _unused_) {
    struct fsp_open open = {.context = 1};
    make(&interface);
    struct fsp_volume *volume = fsp_volume_of(fs);
    assert_status(fsp_set_disposition(volume, &open, u"\\f", 2, true), STATUS_SUCCESS);
    assert_status(fsp_set_disposition(volume, &open, u"\\f", 2, false), STATUS_SUCCESS);
    assert_string_equal(calls, "Info CanDelete ");
    file_attributes = FILE_ATTRIBUTE_READONLY;
    assert_status(fsp_set_disposition(volume, &open, u"\\f", 2, true), STATUS_CANNOT_DELETE);
    file_attributes = 0;
    next_status = STATUS_DIRECTORY_NOT_EMPTY;
    assert_status(fsp_set_disposition(volume, &open, u"\\f", 2, true), STATUS_DIRECTORY_NOT_EMPTY);
}

static void test_basic_info(void **state _unused_) {
    struct fsp_open open = {.context = 1};
    FSP_FSCTL_FILE_INFO info;
    make(&interface);
    fsp_set_times(fsp_volume_of(fs), &open, INVALID_FILE_ATTRIBUTES, 5, 0, 0, 0, &info);
    fsp_set_times(fsp_volume_of(fs), &open, FILE_ATTRIBUTE_NORMAL | FILE_ATTRIBUTE_HIDDEN, 0, 0, 0, 0, &info);
    assert_string_equal(calls, "Basic(ffffffff,5) Basic(2,0) ");
}

/* ---- answers that come later ----------------------------------------------------------------------------------- */

static NTSTATUS read_at(UINT64 offset, fsp_pending_answer *answer, void *argument, size_t *ret_count) {
    struct fsp_transaction transaction;
    struct fsp_volume *volume = fsp_volume_of(fs);
    char byte[8];
    fsp_begin(volume, &transaction, FspFsctlTransactReadKind);
    transaction.request.Req.Read.UserContext = 1;
    transaction.request.Req.Read.Address = (UINT64)(uintptr_t)byte;
    transaction.request.Req.Read.Offset = offset;
    transaction.request.Req.Read.Length = 8;
    NTSTATUS status =
        answer ? fsp_transact_pending(volume, &transaction, answer, argument) : fsp_transact_wait(volume, &transaction);
    *ret_count = transaction.response.IoStatus.Information;
    return status;
}

struct answered {
    unsigned times;
    NTSTATUS status;
    UINT32 count;
};

static void take_answer(void *argument, NTSTATUS status, const FSP_FSCTL_TRANSACT_RSP *response) {
    struct answered *answered = argument;
    answered->times++;
    answered->status = status;
    answered->count = response ? response->IoStatus.Information : 0;
}

static void respond(UINT64 hint, UINT32 kind, NTSTATUS status, UINT32 count) {
    FSP_FSCTL_TRANSACT_RSP response = {.Size = sizeof response, .Kind = kind, .Hint = hint};
    response.IoStatus.Status = (UINT32)status;
    response.IoStatus.Information = count;
    FspFileSystemSendResponse(fs, &response);
}

static void test_pending(void **state _unused_) {
    struct answered answered = {0};
    size_t count;
    make(&interface);
    assert_status(read_at(0, take_answer, &answered, &count), STATUS_SUCCESS);
    assert_int_equal(count, 8);
    assert_int_equal(answered.times, 0);
    assert_status(read_at(1, take_answer, &answered, &count), STATUS_PENDING);
    respond(pending_hint + 1000, FspFsctlTransactReadKind, STATUS_SUCCESS, 1); /* nobody's */
    respond(pending_hint, FspFsctlTransactWriteKind, STATUS_SUCCESS, 1); /* of another kind */
    FSP_FSCTL_TRANSACT_RSP small = {.Size = 16, .Kind = FspFsctlTransactReadKind, .Hint = pending_hint};
    FspFileSystemSendResponse(fs, &small); /* too short */
    FspFileSystemSendResponse(fs, NULL);
    assert_int_equal(answered.times, 0);
    respond(pending_hint, FspFsctlTransactReadKind, STATUS_END_OF_FILE, 0);
    assert_int_equal(answered.times, 1);
    assert_status(answered.status, STATUS_END_OF_FILE);
    respond(pending_hint, FspFsctlTransactReadKind, STATUS_SUCCESS, 3); /* again */
    assert_int_equal(answered.times, 1);
    assert_status(read_at(2, take_answer, &answered, &count), STATUS_PENDING); /* before it returned */
    assert_int_equal(answered.times, 2);
    assert_int_equal(answered.count, 5);
    assert_status(read_at(3, take_answer, &answered, &count), STATUS_INTERNAL_ERROR); /* more than was asked for */
}

static void test_never_answered(void **state _unused_) {
    struct answered answered = {0};
    size_t count;
    make(&interface);
    assert_status(read_at(1, take_answer, &answered, &count), STATUS_PENDING);
    FspFileSystemDelete(fs);
    assert_int_equal(answered.times, 1);
    assert_status(answered.status, STATUS_CANCELLED);
    make(&interface);
}

static void *respond_later(void *argument _unused_) {
    usleep(20000);
    respond(pending_hint, FspFsctlTransactReadKind, STATUS_SUCCESS, 4);
    return NULL;
}

static void test_waiting(void **state _unused_) {
    pthread_t thread;
    size_t count;
    make(&interface);
    pthread_create(&thread, NULL, respond_later, NULL);
    assert_status(read_at(1, NULL, NULL, &count), STATUS_SUCCESS);
    assert_int_equal(count, 4);
    pthread_join(thread, NULL);
}

/* ---- guard, context, replaced operations ----------------------------------------------------------------------- */

static NTSTATUS replaced(FSP_FILE_SYSTEM *f, FSP_FSCTL_TRANSACT_REQ *request, FSP_FSCTL_TRANSACT_RSP *response) {
    assert_ptr_equal(FspFileSystemGetOperationContext()->Request, request);
    assert_true(FspFileSystemIsOperationCaseSensitive() || request->Kind != FspFsctlTransactCreateKind);
    assert_int_equal(FspFileSystemOperationProcessId(), 4711);
    note("replaced");
    return FspFileSystemOpCreate(f, request, response);
}

static NTSTATUS refuse(FSP_FILE_SYSTEM *f _unused_, FSP_FSCTL_TRANSACT_REQ *request _unused_,
                       FSP_FSCTL_TRANSACT_RSP *response _unused_) {
    return STATUS_CANCELLED;
}

static void test_replaced_operation(void **state _unused_) {
    struct fsp_opened opened;
    params.CaseSensitiveSearch = 1;
    make(&interface);
    fsp_caller_here()->pid = 4711;
    FspFileSystemSetOperation(fs, FspFsctlTransactCreateKind, replaced);
    assert_status(open_as(u"\\f", FILE_OPEN, 0, 0, &opened), STATUS_SUCCESS);
    assert_string_equal(calls, "replaced G Open ");
    assert_null(FspFileSystemGetOperationContext());
    FspFileSystemSetOperationGuard(fs, refuse, NULL);
    assert_status(open_as(u"\\f", FILE_OPEN, 0, 0, &opened), STATUS_CANCELLED);
}

static int lock_state(void) {
    return ((struct fsp_lock *)(void *)&fs->OpGuardLock)->state;
}

static NTSTATUS enter(UINT32 kind, UINT32 options, int expected) {
    FSP_FSCTL_TRANSACT_REQ request = {.Kind = kind};
    FSP_FSCTL_TRANSACT_RSP response = {0};
    request.Req.Create.CreateOptions = options;
    if (kind == FspFsctlTransactSetInformationKind)
        request.Req.SetInformation.FileInformationClass = options;
    FspFileSystemOpEnter(fs, &request, &response);
    assert_int_equal(lock_state(), expected);
    FspFileSystemOpLeave(fs, &request, &response);
    assert_int_equal(lock_state(), 0);
    return STATUS_SUCCESS;
}

static void test_guard(void **state _unused_) {
    make(&interface);
    enter(FspFsctlTransactCreateKind, FILE_OPEN << 24, 1);
    enter(FspFsctlTransactCreateKind, FILE_CREATE << 24, -1);
    enter(FspFsctlTransactOverwriteKind, 0, -1);
    enter(FspFsctlTransactCleanupKind, 0, 0);
    enter(FspFsctlTransactReadKind, 0, 0);
    enter(FspFsctlTransactQueryDirectoryKind, 0, 1);
    enter(FspFsctlTransactFlushBuffersKind, 0, -1);
    enter(FspFsctlTransactSetInformationKind, FspFileRenameInformation, -1);
    enter(FspFsctlTransactSetInformationKind, FspFileDispositionInformation, 1);
    enter(FspFsctlTransactSetInformationKind, FspFileBasicInformation, 0);
    FspFileSystemSetOperationGuardStrategy(fs, FSP_FILE_SYSTEM_OPERATION_GUARD_STRATEGY_COARSE);
    enter(FspFsctlTransactReadKind, 0, -1);
}

static void test_dispatcher_result(void **state _unused_) {
    NTSTATUS result;
    make(&interface);
    FspFileSystemSetDispatcherResult(fs, STATUS_SUCCESS);
    FspFileSystemSetDispatcherResult(fs, STATUS_ACCESS_DENIED);
    FspFileSystemSetDispatcherResult(fs, STATUS_DISK_FULL);
    FspFileSystemGetDispatcherResult(fs, &result);
    assert_status(result, STATUS_ACCESS_DENIED);
    FspFileSystemStopDispatcher(fs); /* without one: nothing */
    FspFileSystemRemoveMountPoint(fs);
    assert_status(FspFileSystemStartDispatcher(fs, 0), STATUS_SUCCESS);
    assert_status(FspFileSystemStartDispatcher(fs, 0), STATUS_INVALID_PARAMETER);
}

static void *rename_once(void *argument _unused_) {
    fsp_notifier_rename_begin(fsp_volume_of(fs));
    note("rename");
    fsp_notifier_rename_end(fsp_volume_of(fs));
    return NULL;
}

static void test_notify_holds_renames(void **state _unused_) {
    pthread_t thread;
    make(&interface);
    assert_status(FspFileSystemNotifyBegin(fs, 0), STATUS_SUCCESS);
    pthread_create(&thread, NULL, rename_once, NULL);
    usleep(30000);
    assert_string_equal(calls, "");
    assert_status(FspFileSystemNotifyEnd(fs), STATUS_SUCCESS);
    pthread_join(thread, NULL);
    assert_string_equal(calls, "rename ");
    fsp_notifier_rename_begin(fsp_volume_of(fs));
    assert_status(FspFileSystemNotifyBegin(fs, 20), STATUS_CANT_WAIT);
    fsp_notifier_rename_end(fsp_volume_of(fs));
}

static void test_notify_records(void **state _unused_) {
    _Alignas(8) unsigned char buffer[256] = {0};
    FSP_FSCTL_NOTIFY_INFO *info = (void *)buffer;
    make(&interface);
    info->Size = sizeof *info + 8;
    info->Action = FILE_ACTION_MODIFIED;
    memcpy(buffer + sizeof *info, u"\\a\\b", 8);
    assert_status(FspFileSystemNotify(fs, info, 24), STATUS_SUCCESS);
    assert_status(FspFileSystemNotify(fs, info, 18), STATUS_INVALID_PARAMETER); /* longer than it says */
    info->Size = 4;
    assert_status(FspFileSystemNotify(fs, info, 24), STATUS_INVALID_PARAMETER);
    info->Size = 0;
    assert_status(FspFileSystemNotify(fs, info, 24), STATUS_SUCCESS);
    assert_status(FspFileSystemNotify(fs, NULL, 0), STATUS_SUCCESS);
}

/* ---- nodes ----------------------------------------------------------------------------------------------------- */

static void test_nodes(void **state _unused_) {
    FSP_FSCTL_FILE_INFO directory = {.FileAttributes = FILE_ATTRIBUTE_DIRECTORY, .IndexNumber = 1},
                        file = {.IndexNumber = 2};
    WCHAR path[FSP_PATH_UNITS];
    make(&interface); /* case-blind */
    struct fsp_volume *volume = fsp_volume_of(fs);
    struct fsp_node *d = fsp_node_get(volume, volume->root, u"Dir", 3, &directory);
    struct fsp_node *f = fsp_node_get(volume, d, u"File", 4, &file);
    assert_ptr_equal(fsp_node_get(volume, d, u"fILE", 4, &file), f);
    fsp_node_release(volume, f);
    assert_int_equal(fsp_node_path(f, NULL, 0, path), 9);
    assert_wide(path, "\\Dir\\File");
    assert_int_equal(fsp_node_path(volume->root, NULL, 0, path), 1);
    assert_int_equal(fsp_node_path(volume->root, u"x", 1, path), 2);
    assert_int_equal(fsp_node_move(volume, d, volume->root, u"Other", 5), 0);
    fsp_node_path(f, NULL, 0, path);
    assert_wide(path, "\\Other\\File");
    FSP_FSCTL_FILE_INFO another = {.IndexNumber = 3};
    struct fsp_node *g = fsp_node_get(volume, d, u"file", 4, &another); /* a new file of that name */
    assert_ptr_not_equal(g, f);
    assert_int_equal(fsp_node_path(f, NULL, 0, path), -2 /* ENOENT */);
    fsp_node_release(volume, f);
    fsp_node_release(volume, g);
    fsp_node_release(volume, d);
    assert_int_equal(volume->table.count, 0);
    for (unsigned i = 0; i < 5000; i++) { /* the table grows */
        WCHAR name[2] = {(WCHAR)(0x4e00 + i), 0};
        fsp_node_count_lookup(volume, fsp_node_get(volume, volume->root, name, 1, &file));
    }
    assert_int_equal(volume->table.count, 5000);
    for (unsigned i = 0; i < 5000; i++) {
        WCHAR name[2] = {(WCHAR)(0x4e00 + i), 0};
        struct fsp_node *node = fsp_node_find(volume, volume->root, name, 1);
        assert_non_null(node);
        fsp_node_release(volume, node);
        fsp_node_release(volume, node);
        fsp_node_forget(volume, node, 7);
    }
    assert_int_equal(volume->table.count, 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_version_0),
        TEST(test_handles),
        TEST(test_handle_in_use),
        TEST(test_timeouts),
        TEST(test_dispositions),
        TEST(test_kinds),
        TEST(test_collision),
        TEST(test_normalized_name),
        TEST(test_contexts),
        TEST(test_missing_members),
        TEST(test_cleanup_flags),
        TEST(test_open_end),
        TEST(test_deletion_waits),
        TEST(test_disposition),
        TEST(test_basic_info),
        TEST(test_pending),
        TEST(test_never_answered),
        TEST(test_waiting),
        TEST(test_replaced_operation),
        TEST(test_guard),
        TEST(test_dispatcher_result),
        TEST(test_notify_holds_renames),
        TEST(test_notify_records),
        TEST(test_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
