/* SPDX-License-Identifier: MIT */
/* winmemfs, asked by many threads at once as libwinfsp asks it; no kernel is asked. What it reads by name has no lock
 * of WinFsp's: the thread sanitizer says whether winmemfs has its own. */
#include <pthread.h>
#include <stdio.h>

#include "../winmemfs.h"
#include "winfsp/handle.h"
#include "winfsp/security.h"
#include "winfsp/test-helpers.h"

#define ROUNDS 300

static MEMFS memfs;
static struct fsp_volume *volume;
/* libwinfsp's locks on the file, its stream and the directory, which it takes for what is done by an open file */
static pthread_rwlock_t file_lock = PTHREAD_RWLOCK_INITIALIZER, stream_lock = PTHREAD_RWLOCK_INITIALIZER;
static struct fsp_open file, stream, directory;

static NTSTATUS open_as(const WCHAR *path, UINT32 disposition, UINT32 options, struct fsp_opened *ret_opened) {
    struct fsp_opening opening = {
        .path = path,
        .units = fsp_wide_length(path),
        .disposition = disposition,
        .options = options,
        .access = FILE_GENERIC_READ | FILE_GENERIC_WRITE,
        .stream = true,
    };
    return fsp_open_path(volume, &opening, false, ret_opened);
}

static void close_it(const struct fsp_opened *opened, ULONG flags, const WCHAR *path) {
    fsp_close_context(volume, opened->context, opened->context2, flags, path, path ? fsp_wide_length(path) : 0);
}

static struct fsp_open make_open(const WCHAR *path, UINT32 options) {
    struct fsp_opened opened = {0};
    assert_status(open_as(path, FILE_CREATE, options, &opened), STATUS_SUCCESS);
    return (struct fsp_open){.context = opened.context, .context2 = opened.context2};
}

/* ---- what the threads do --------------------------------------------------------------------------------------- */

/* cmocka's assertions are for its own thread. */
static void fail_at(int line, UINT32 value) {
    fprintf(stderr, "test-threads.c:%d: not so: %x\n", line, value);
    abort();
}
#define must(condition) ((condition) ? (void)0 : fail_at(__LINE__, 0))
#define must_be(call, status) must_be_at(__LINE__, call, status)

static void must_be_at(int line, NTSTATUS is, NTSTATUS should) {
    if (is != should)
        fail_at(line, (UINT32)is);
}

static PSECURITY_DESCRIPTOR descriptor_of(UINT32 mode) {
    PSECURITY_DESCRIPTOR descriptor = NULL;
    must_be(FspPosixMapPermissionsToSecurityDescriptor(1000, 1000, mode, &descriptor), STATUS_SUCCESS);
    return descriptor;
}

static void change_security(unsigned round) {
    const SECURITY_INFORMATION all_of_it =
        OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    PSECURITY_DESCRIPTOR descriptor = descriptor_of(round % 2 ? 0640 : 0755);
    pthread_rwlock_wrlock(&file_lock);
    must_be(fsp_set_security(volume, &file, all_of_it, descriptor, fsp_descriptor_size(descriptor)), STATUS_SUCCESS);
    pthread_rwlock_unlock(&file_lock);
    FspDeleteSecurityDescriptor(descriptor, (FSP_CREATOR *)FspPosixMapPermissionsToSecurityDescriptor);
}

static void look(unsigned round) {
    static const WCHAR *const paths[] = {u"\\d\\f", u"\\d", u"\\d\\f:s", u"\\"};
    struct fsp_opened opened = {0};
    must_be(open_as(paths[round % ARRAY_SIZE(paths)], FILE_OPEN, 0, &opened), STATUS_SUCCESS);
    if (round % 4 == 0)
        must(opened.has_security && (opened.mode == 0640 || opened.mode == 0755));
    close_it(&opened, 0, NULL);
}

static void change_sizes(unsigned round) {
    FSP_FSCTL_FILE_INFO info;
    pthread_rwlock_wrlock(&file_lock);
    must_be(fsp_set_size(volume, &file, round % 7 * 5000, false, &info), STATUS_SUCCESS);
    must(info.FileSize == round % 7 * 5000);
    must_be(fsp_set_times(volume, &file, FILE_ATTRIBUTE_HIDDEN, round + 1, round + 1, round + 1, round + 1, &info),
            STATUS_SUCCESS);
    pthread_rwlock_unlock(&file_lock);
    pthread_rwlock_wrlock(&stream_lock);
    must_be(fsp_set_size(volume, &stream, round % 5 * 100, false, &info), STATUS_SUCCESS);
    pthread_rwlock_unlock(&stream_lock);
}

static void ask_open_ones(unsigned round _unused_) {
    FSP_FSCTL_FILE_INFO info;
    pthread_rwlock_rdlock(&file_lock);
    must_be(fsp_get_info(volume, &file, &info), STATUS_SUCCESS);
    pthread_rwlock_unlock(&file_lock);
    pthread_rwlock_rdlock(&stream_lock);
    must_be(fsp_get_info(volume, &stream, &info), STATUS_SUCCESS);
    pthread_rwlock_unlock(&stream_lock);
    must(!(info.FileAttributes & FILE_ATTRIBUTE_DIRECTORY));
    must_be(fsp_get_info(volume, &directory, &info), STATUS_SUCCESS);
    must(info.FileAttributes & FILE_ATTRIBUTE_DIRECTORY);
}

static void list_streams(unsigned round _unused_) {
    unsigned char buffer[1024];
    ULONG used = 0;
    FSP_FILE_SYSTEM *fs = &volume->fs;
    must_be(fs->Interface->GetStreamInfo(fs, (PVOID)(uintptr_t)file.context2, buffer, sizeof buffer, &used),
            STATUS_SUCCESS);
    must(used > sizeof(FSP_FSCTL_STREAM_INFO));
}

static void make_and_remove(unsigned round) {
    static const WCHAR *const paths[] = {u"\\d\\new", u"\\d\\f:new"};
    const WCHAR *path = paths[round % ARRAY_SIZE(paths)];
    struct fsp_opened opened = {0};
    must_be(open_as(path, FILE_CREATE, 0, &opened), STATUS_SUCCESS);
    close_it(&opened, FspCleanupDelete, path);
    must_be(open_as(path, FILE_OPEN, 0, &opened), STATUS_OBJECT_NAME_NOT_FOUND);
}

struct deed {
    void (*run)(unsigned round);
};
static const struct deed deeds[] = {{change_security}, {look},         {look},           {change_sizes},
                                    {ask_open_ones},   {list_streams}, {make_and_remove}};

static void *repeat(void *argument) {
    const struct deed *deed = argument;
    *fsp_caller_here() = (struct fsp_caller){.uid = 1000, .gid = 1000};
    for (unsigned round = 0; round < ROUNDS; round++)
        deed->run(round);
    return NULL;
}

/* ---- tests ----------------------------------------------------------------------------------------------------- */

static int set_up(void **state _unused_) {
    static const WCHAR none[1];
    WCHAR device[] = u"WinFsp.Disk";
    FSP_FSCTL_VOLUME_PARAMS params = {
        .Version = sizeof params,
        .CaseSensitiveSearch = 1,
        .PersistentAcls = 1,
        .NamedStreams = 1,
        .UmFileContextIsUserContext2 = 1,
        .SupportsPosixUnlinkRename = 1,
    };
    FSP_FILE_SYSTEM *fs;
    PSECURITY_DESCRIPTOR descriptor = descriptor_of(0755);
    memfs = (MEMFS){.MaxNodes = 100, .MaxFileSize = 1 << 20};
    memfs.Root = NodeCreate(&memfs, none, 0);
    assert_non_null(memfs.Root);
    memfs.Root->IsDirectory = TRUE;
    memfs.Root->Info.FileAttributes = FILE_ATTRIBUTE_DIRECTORY;
    assert_status(NodeSetSecurity(memfs.Root, descriptor), STATUS_SUCCESS);
    FspDeleteSecurityDescriptor(descriptor, (FSP_CREATOR *)FspPosixMapPermissionsToSecurityDescriptor);
    memfs.NodeCount = 1;
    assert_status(FspFileSystemCreate(device, &params, &MemfsInterface, &fs), STATUS_SUCCESS);
    fs->UserContext = &memfs;
    volume = fsp_volume_of(fs);
    directory = make_open(u"\\d", FILE_DIRECTORY_FILE);
    file = make_open(u"\\d\\f", 0);
    stream = make_open(u"\\d\\f:s", 0);
    change_security(0);
    return 0;
}

static void remove_path(const WCHAR *path) {
    struct fsp_opened opened = {0};
    assert_status(open_as(path, FILE_OPEN, 0, &opened), STATUS_SUCCESS);
    close_it(&opened, FspCleanupDelete, path);
}

static int tear_down(void **state _unused_) {
    fsp_close_context(volume, directory.context, directory.context2, 0, NULL, 0);
    fsp_close_context(volume, file.context, file.context2, 0, NULL, 0);
    remove_path(u"\\d\\f");
    remove_path(u"\\d");
    assert_int_equal(memfs.NodeCount, 1);
    fsp_close_context(volume, stream.context, stream.context2, 0, NULL, 0); /* the last to know of its file */
    FspFileSystemDelete(&volume->fs);
    NodeDereference(memfs.Root);
    free(memfs.Table);
    return 0;
}

static void test_all_at_once(void **state _unused_) {
    pthread_t threads[ARRAY_SIZE(deeds)];
    for (size_t i = 0; i < ARRAY_SIZE(deeds); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, repeat, (void *)(uintptr_t)&deeds[i]), 0);
    for (size_t i = 0; i < ARRAY_SIZE(deeds); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(memfs.NodeCount, 4); /* with the root */
}

/* A stream's information is its file's, also when the file is gone. */
static void test_a_stream_keeps_its_file(void **state _unused_) {
    struct fsp_opened opened = {0};
    FSP_FSCTL_FILE_INFO info, of_stream;
    assert_status(open_as(u"\\d\\gone", FILE_CREATE, 0, &opened), STATUS_SUCCESS);
    struct fsp_open gone = {.context = opened.context, .context2 = opened.context2};
    struct fsp_open its_stream = make_open(u"\\d\\gone:s", 0);
    assert_status(fsp_set_times(volume, &gone, FILE_ATTRIBUTE_HIDDEN, 4711, 0, 0, 0, &info), STATUS_SUCCESS);
    close_it(&opened, FspCleanupDelete, u"\\d\\gone");
    assert_status(fsp_get_info(volume, &its_stream, &of_stream), STATUS_SUCCESS);
    assert_int_equal(of_stream.CreationTime, 4711);
    fsp_close_context(volume, its_stream.context, its_stream.context2, 0, NULL, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_stream_keeps_its_file, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
