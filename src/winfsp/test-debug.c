/* SPDX-License-Identifier: MIT */
/* The debug log reads no more of a request or response than there is, whatever the message says. */
#include <unistd.h>

#include "test-helpers.h"

static int said[2];

static const char *last_line(void) {
    static char line[4096];
    ssize_t size = read(said[0], line, sizeof line - 1);
    assert_true(size > 0);
    line[size] = 0;
    assert_int_equal(line[size - 1], '\n');
    assert_true(size < 1024);
    return line;
}

/* In memory that ends where the message does. */
static void log_request(size_t size, const FSP_FSCTL_TRANSACT_REQ *request, const WCHAR *name, size_t name_size) {
    unsigned char *memory = malloc(size);
    assert_non_null(memory);
    memset(memory, 0, size);
    memcpy(memory, request, size < sizeof *request ? size : sizeof *request);
    if (name)
        memcpy(memory + sizeof *request, name, name_size);
    FspDebugLogRequest((FSP_FSCTL_TRANSACT_REQ *)(void *)memory);
    free(memory);
}

static FSP_FSCTL_TRANSACT_REQ request_of(UINT32 kind, size_t size, UINT16 offset, UINT16 name_size) {
    FSP_FSCTL_TRANSACT_REQ request = {.Size = (UINT16)size, .Kind = kind, .FileName = {offset, name_size}};
    return request;
}

static void test_names(void **state _unused_) {
    static const WCHAR name[] = u"\\name";
    size_t whole = sizeof(FSP_FSCTL_TRANSACT_REQ) + sizeof name;
    FSP_FSCTL_TRANSACT_REQ request = request_of(FspFsctlTransactCreateKind, whole, 0, sizeof name);
    log_request(whole, &request, name, sizeof name);
    assert_non_null(strstr(last_line(), ">>Create \"\\name\""));
    request.FileName.Size = sizeof name - sizeof(WCHAR); /* no NUL in it */
    log_request(whole, &request, name, sizeof name);
    assert_non_null(strstr(last_line(), ">>Create \"\\name\""));
    static const struct {
        UINT16 offset, size;
    } outside[] = {{0, sizeof name + 1}, {2, sizeof name}, {sizeof name + 1, 1}, {0xffff, 0xffff}, {0xffff, 2}};
    for (size_t i = 0; i < ARRAY_SIZE(outside); i++) {
        request = request_of(FspFsctlTransactCleanupKind, whole, outside[i].offset, outside[i].size);
        log_request(whole, &request, name, sizeof name);
        assert_non_null(strstr(last_line(), "outside of the request"));
    }
    request = request_of(FspFsctlTransactCreateKind, whole, 1, 3); /* not aligned */
    log_request(whole, &request, name, sizeof name);
    assert_non_null(strstr(last_line(), ">>Create \""));
}

static void test_sizes(void **state _unused_) {
    for (size_t size = 8; size < sizeof(FSP_FSCTL_TRANSACT_REQ); size += 8) {
        FSP_FSCTL_TRANSACT_REQ request = request_of(FspFsctlTransactReadKind, size, 0, 100);
        log_request(size, &request, NULL, 0);
        assert_non_null(strstr(last_line(), ">>Read (Size="));
    }
    FSP_FSCTL_TRANSACT_REQ request = request_of(FspFsctlTransactReadKind, 4, 0, 0);
    log_request(4, &request, NULL, 0);
    assert_non_null(strstr(last_line(), ">>Invalid (Size=4)"));
    for (size_t size = 8; size <= sizeof(FSP_FSCTL_TRANSACT_RSP); size += 8) {
        FSP_FSCTL_TRANSACT_RSP *response = calloc(1, size);
        assert_non_null(response);
        response->Size = (UINT16)size;
        response->Kind = FspFsctlTransactWriteKind;
        FspDebugLogResponse(response);
        free(response);
        const char *line = last_line();
        assert_non_null(strstr(line, "<<Write"));
        assert_true(!strstr(line, "FileInfo=") == (size < sizeof(FSP_FSCTL_TRANSACT_RSP)));
    }
}

static void test_every_kind_and_long_names(void **state _unused_) {
    WCHAR name[1000];
    size_t whole = sizeof(FSP_FSCTL_TRANSACT_REQ) + sizeof name;
    for (size_t i = 0; i < ARRAY_SIZE(name); i++)
        name[i] = 0x20ac; /* three bytes each */
    for (UINT32 kind = 0; kind < FspFsctlTransactKindCount + 2; kind++) {
        FSP_FSCTL_TRANSACT_REQ request = request_of(kind, whole, 0, sizeof name);
        memset(&request.Req, 0xff, sizeof request.Req);
        log_request(whole, &request, name, sizeof name);
        assert_non_null(strstr(last_line(), ">>"));
        FSP_FSCTL_TRANSACT_RSP response = {.Size = sizeof response, .Kind = kind};
        memset(&response.Rsp, 0xff, sizeof response.Rsp);
        FspDebugLogResponse(&response);
        assert_non_null(strstr(last_line(), "<<"));
    }
}

static int set_up(void **state _unused_) {
    if (pipe(said) < 0)
        return -1;
    FspDebugLogSetHandle((HANDLE)(intptr_t)(said[1] + 1)); /* as GetStdHandle has it */
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_every_kind_and_long_names),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
