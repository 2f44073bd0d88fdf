/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/help.h"

static const char help[] = "usage: linfsp frob [--against DIRECTORY] [--threads NUMBER] [--json] MOUNTPOINT\n"
                           "       linfsp frob --none\n"
                           "\n"
                           "Frobs a volume for a moment, and says how many times a second that was possible.\n"
                           "It works in a directory of its own.\n"
                           "\n"
                           "  --against DIR   frob another file system at the same time, and compare, and say\n"
                           "                  so\n"
                           "  --json          for programs\n"
                           "\n"
                           "examples:\n"
                           "  linfsp frob --against /home --against /srv/data --threads 5 /mnt/z\n";

static void assert_text(const char *given, size_t width, const char *expected) {
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    assert_non_null(to);
    help_print(to, given, width);
    fclose(to);
    assert_string_equal(text, expected);
    free(text);
}

static void assert_printed(size_t width, const char *expected) {
    assert_text(help, width, expected);
}

static void test_wide_terminals_get_it_as_it_is(void **state) {
    assert_printed(0, help);
    assert_printed(81, help);
    assert_printed(200, help);
}

static void test_narrow_terminals_get_it_filled(void **state) {
    assert_printed(80, "usage: linfsp frob [--against DIRECTORY] [--threads NUMBER] [--json] MOUNTPOINT\n"
                       "       linfsp frob --none\n"
                       "\n"
                       "Frobs a volume for a moment, and says how many times a second that was possible.\n"
                       "It works in a directory of its own.\n"
                       "\n"
                       "  --against DIR   frob another file system at the same time, and compare, and\n"
                       "                  say so\n"
                       "  --json          for programs\n"
                       "\n"
                       "examples:\n"
                       "  linfsp frob --against /home --against /srv/data --threads 5 /mnt/z\n");
    assert_printed(50, "usage: linfsp frob [--against DIRECTORY]\n"
                       "       [--threads NUMBER] [--json] MOUNTPOINT\n"
                       "       linfsp frob --none\n"
                       "\n"
                       "Frobs a volume for a moment, and says how many\n"
                       "times a second that was possible. It works in a\n"
                       "directory of its own.\n"
                       "\n"
                       "  --against DIR   frob another file system at the\n"
                       "                  same time, and compare, and say\n"
                       "                  so\n"
                       "  --json          for programs\n"
                       "\n"
                       "examples:\n"
                       "  linfsp frob --against /home --against /srv/data --threads 5 /mnt/z\n");
}

static void test_further_lines_of_usage_are_filled_each(void **state) {
    assert_text("usage: linfsp frob claim [--user USER] PREFIX\n"
                "       linfsp frob open [--user USER] [--json] PREFIX\n"
                "       linfsp frob\n",
                40,
                "usage: linfsp frob claim [--user USER]\n"
                "       PREFIX\n"
                "       linfsp frob open [--user USER]\n"
                "       [--json] PREFIX\n"
                "       linfsp frob\n");
}

static void test_more_of_an_item_with_a_long_name_is_filled(void **state) {
    assert_text("  -m, --mount-point=X: | DIRECTORY   the letter, or the folder\n"
                "           that is mounted on; without it none is\n",
                40,
                "  -m, --mount-point=X: | DIRECTORY   the letter, or the folder\n"
                "           that is mounted on; without\n"
                "           it none is\n");
}

static void test_no_room_for_an_item(void **state) {
    assert_printed(30, "usage: linfsp frob [--against\n"
                       "       DIRECTORY] [--threads\n"
                       "       NUMBER] [--json]\n"
                       "       MOUNTPOINT\n"
                       "       linfsp frob --none\n"
                       "\n"
                       "Frobs a volume for a moment,\n"
                       "and says how many times a\n"
                       "second that was possible. It\n"
                       "works in a directory of its\n"
                       "own.\n"
                       "\n"
                       "  --against DIR   frob another file system at the same time, and compare, and say\n"
                       "                  so\n"
                       "  --json          for programs\n"
                       "\n"
                       "examples:\n"
                       "  linfsp frob --against /home --against /srv/data --threads 5 /mnt/z\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wide_terminals_get_it_as_it_is),
        cmocka_unit_test(test_narrow_terminals_get_it_filled),
        cmocka_unit_test(test_further_lines_of_usage_are_filled_each),
        cmocka_unit_test(test_more_of_an_item_with_a_long_name_is_filled),
        cmocka_unit_test(test_no_room_for_an_item),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
