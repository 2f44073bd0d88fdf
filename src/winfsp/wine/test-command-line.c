/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/cleanup.h"
#include "winfsp/wine/command-line.h"

static void splits(const uint16_t *line, const char *expected) {
    uint16_t **arguments;
    size_t count;
    char joined[512] = "";
    assert_int_equal(wine_split_command_line(line, &count, &arguments), 0);
    assert_null(arguments[count]);
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(joined);
        joined[used++] = '[';
        for (const uint16_t *at = arguments[i]; *at; at++)
            joined[used++] = (char)*at;
        joined[used++] = ']';
        joined[used] = 0;
        free(arguments[i]);
    }
    free(arguments);
    assert_string_equal(joined, expected);
}

static void test_split(void **state) {
    splits(u"memfs.exe -i -F NTFS -m Z:", "[memfs.exe][-i][-F][NTFS][-m][Z:]");
    splits(u"\"C:\\Program Files\\m.exe\"  a\tb ", "[C:\\Program Files\\m.exe][a][b]");
    splits(u"m.exe -u \\memfs\\share", "[m.exe][-u][\\memfs\\share]");
    splits(u"m.exe \"a b\"c d\"\"e", "[m.exe][a bc][de]");
    splits(u"m.exe \\\\x\\\\\"a b\" \\\"q \"x\\\\\" \"\"", "[m.exe][\\\\x\\a b][\"q][x\\][]");
    splits(u"m.exe \"a\"\"b\" c", "[m.exe][a\"b][c]");
    splits(u"m\\\"x.exe y\" z", "[m\\x.exe y][z]");
    splits(u"", "[]");
    splits(u"m.exe \"open end", "[m.exe][open end]");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_split)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
