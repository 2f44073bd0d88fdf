/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/open-at.h"

static unsigned writes, fails_at;

static ssize_t write_or_fail(void *cookie, const char *data, size_t size) {
    if (++writes != fails_at)
        return (ssize_t)size;
    errno = ENOSPC;
    return 0;
}

/* Writes three buffers full. */
static bool is_whole_if_a_write_fails(unsigned which) {
    char block[BUFSIZ];
    memset(block, 'x', sizeof block);
    writes = 0;
    fails_at = which;
    FILE *file = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_or_fail});
    assert_non_null(file);
    for (unsigned i = 0; i < 3; i++)
        (void)fprintf(file, "%.*s", (int)sizeof block, block);
    bool whole = stream_is_whole(file);
    (void)fclose(file);
    return whole;
}

static void a_write_in_between_that_fails_is_known(void **state) {
    assert_true(is_whole_if_a_write_fails(0));
    assert_false(is_whole_if_a_write_fails(1));
    assert_false(is_whole_if_a_write_fails(2));
}

static void what_is_there_is_not_made(void **state) {
    char folder[] = "/tmp/test-open-at.XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    assert_int_equal(ensure_folder(folder, 0700), 0);
    snprintf(path, sizeof path, "%s/new", folder);
    assert_int_equal(ensure_folder(path, 0711), 0);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_true(S_ISDIR(status.st_mode));
    assert_int_equal(rmdir(path), 0);
    int fd = open_or_make(path, 0600), again = open_or_make(path, 0600);
    assert_true(fd >= 0 && again >= 0);
    close(fd);
    close(again);
    assert_int_equal(ensure_folder(path, 0700), -ENOTDIR);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_in_between_that_fails_is_known),
        cmocka_unit_test(what_is_there_is_not_made),
    };
    return cmocka_run_group_tests_name("open-at", tests, NULL, NULL);
}
