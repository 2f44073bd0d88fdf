/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "options.h"

#define ARGUMENTS_MAX 40

static struct options options;
static struct options_error error;

/* Splits text at spaces; '~' stands for an empty argument. */
static int parse(const char *text) {
    static char copy[1024];
    char *argv[ARGUMENTS_MAX + 2] = {"memfs"};
    int argc = 1;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok(copy, " "); word && argc < ARGUMENTS_MAX; word = strtok(NULL, " "))
        argv[argc++] = strcmp(word, "~") == 0 ? "" : word;
    memset(&options, 0, sizeof options);
    error.message[0] = '\0';
    return options_parse(argc, argv, &options, &error);
}

static void accepts(const char *text) {
    if (parse(text) < 0)
        fail_msg("'%s' is refused: %s", text, error.message);
}

/* The message must name each of the parts, which are separated by '|'. */
static void refuses(const char *text, const char *parts) {
    char copy[256];
    if (parse(text) != -EINVAL)
        fail_msg("'%s' is accepted", text);
    snprintf(copy, sizeof copy, "%s", parts);
    for (char *part = strtok(copy, "|"); part; part = strtok(NULL, "|"))
        if (!strstr(error.message, part))
            fail_msg("'%s': '%s' does not name '%s'", text, error.message, part);
    if (strchr(error.message, '\n'))
        fail_msg("'%s': the message is not one line", text);
}

static void test_defaults(void **state) {
    accepts("-m Z:");
    assert_string_equal(options.file_system_name, "WinFsp-MEMFS");
    assert_int_equal(options.nodes_max, OPTIONS_UNLIMITED);
    assert_int_equal(options.file_size_max, OPTIONS_UNLIMITED);
    assert_int_equal(options_volume_size(&options), OPTIONS_UNLIMITED);
    assert_int_equal(options.timeout, LINFSP_TIMEOUT_INFINITE);
    assert_string_equal(options.mount_point, "Z:");
    assert_null(options.prefix);
    assert_null(options.root_sddl);
    assert_false(options.case_insensitive || options.purge || options.trace || options.background);
    assert_true(options.pass_from == OPTIONS_UNLIMITED);
    assert_int_equal(options.delay_max + options.delay_percent + options.delay_rarefy, 0);
    assert_int_equal(options.action, OPTIONS_RUN);
}

static void test_the_seeds_lines(void **state) {
    accepts("-i -F NTFS -m Z:");
    assert_true(options.case_insensitive);
    assert_string_equal(options.file_system_name, "NTFS");
    accepts("-i -F NTFS -m Y: -u \\memfs\\share");
    assert_string_equal(options.prefix, "\\memfs\\share");
    accepts("-u //memfs/share");
    assert_null(options.mount_point);
    accepts("-u \\\\memfs\\share -m *");
    assert_string_equal(options.mount_point, "*");
}

static void test_pass_through(void **state) {
    accepts("-m Z: --pass-through");
    assert_int_equal(options.pass_from, 64 << 10);
    accepts("-m Z: --pass-through=0");
    assert_int_equal(options.pass_from, 0);
    accepts("-m Z: --pass-through=3M");
    assert_int_equal(options.pass_from, 3 << 20);
    refuses("-m Z: --pass-through=-1", "--pass-through=-1");
    refuses("-m Z: --pass-through=", "--pass-through");
    refuses("-m Z: --pass-through=99999999999999999999", "--pass-through");
    refuses("-m Z: --pass-through=20E", "--pass-through");
    refuses("-m Z: --pass-through -M 10", "--pass-through|-M");
}

static void test_take_over(void **state) {
    accepts("-m Z:");
    assert_false(options.take_over);
    accepts("--take-over -m Z: -F NTFS");
    assert_true(options.take_over);
    refuses("--take-over -m *", "--take-over|letter");
    refuses("--take-over=now -m Z:", "--take-over=now");
    refuses("--take-over", "-m Z:");
}

static void test_every_option(void **state) {
    accepts(
        "-d -1 -D - -f -F a.b-c_D9 -i -m /x -M 100 -n 5 -P 50 -R 3 -s 4K -S O:BAG:BAD:(A;;FA;;;WD) -t 250 -u //a/b -b");
    assert_true(options.trace && options.purge && options.case_insensitive && options.background);
    assert_string_equal(options.log_file, "-");
    assert_int_equal(options.delay_max, 100);
    assert_int_equal(options.delay_percent, 50);
    assert_int_equal(options.delay_rarefy, 3);
    assert_int_equal(options.nodes_max, 5);
    assert_int_equal(options.file_size_max, 4096);
    assert_int_equal(options_volume_size(&options), 20480);
    assert_int_equal(options.timeout, 250);
    assert_string_equal(options.root_sddl, "O:BAG:BAD:(A;;FA;;;WD)");
    accepts(
        "--debug=0 --log-file=x --flush --name=N --ignore-case --mount-point=Q: --max-delay=1 --nodes=7 --percent=0 "
        "--rarefy=63 --file-size=1GiB --timeout=0 --prefix=//a/b --background");
    assert_false(options.trace);
    assert_int_equal(options.nodes_max, 7);
    assert_int_equal(options.file_size_max, 1 << 30);
    assert_int_equal(options.timeout, 0);
    accepts("-h -q");
    assert_int_equal(options.action, OPTIONS_HELP);
    accepts("--version");
    assert_int_equal(options.action, OPTIONS_VERSION);
}

static void test_limits(void **state) {
    accepts("-m Z: -n -1 -s -1");
    assert_int_equal(options.nodes_max, OPTIONS_UNLIMITED);
    assert_int_equal(options.file_size_max, OPTIONS_UNLIMITED);
    assert_int_equal(options_volume_size(&options), OPTIONS_UNLIMITED);
    accepts("-m Z: -n 0 -s 0");
    assert_int_equal(options.nodes_max, OPTIONS_UNLIMITED);
    assert_int_equal(options.file_size_max, OPTIONS_UNLIMITED);
    accepts("-m Z: -n 1000000000 -s 4T");
    assert_int_equal(options_volume_size(&options), OPTIONS_UNLIMITED);
    accepts("-m Z: -n 1024 -s 16M");
    assert_int_equal(options_volume_size(&options), UINT64_C(16) << 30);
    accepts("-m Z: -n 7"); /* what is not given is then as WinFsp has it */
    assert_int_equal(options.nodes_max, 7);
    assert_int_equal(options.file_size_max, 16 << 20);
    accepts("-m Z: -s 64m");
    assert_int_equal(options.nodes_max, 1024);
    assert_int_equal(options.file_size_max, 64 << 20);
    accepts("-m Z: -t -1");
    assert_int_equal(options.timeout, LINFSP_TIMEOUT_INFINITE);
    accepts("-m Z: -t 4294967295");
    assert_int_equal(options.timeout, LINFSP_TIMEOUT_INFINITE);
}

static void test_bad_numbers(void **state) {
    refuses("-m Z: -n x", "-n|x");
    refuses("-m Z: -n 12x", "-n|12x");
    refuses("-m Z: -n 4K", "-n|4K");
    refuses("-m Z: -n ~", "-n");
    refuses("-m Z: -n -2", "-n|-2");
    refuses("-m Z: -s 4X", "-s|4X");
    refuses("-m Z: -s 4Kx", "-s|4Kx");
    refuses("-m Z: -s 99999999999999999999", "-s|99999999999999999999|too large");
    refuses("-m Z: -s 99999999T", "-s|99999999T|too large");
    refuses("-m Z: -s +4", "-s|+4");
    refuses("-m Z: -t soon", "-t|soon");
    refuses("-m Z: -t 4294967296", "-t|4294967296");
    refuses("-m Z: -M 1 -P 101", "-P|101|100");
    refuses("-m Z: -M -5", "-M|-5");
    refuses("-m Z: -M 1 -R 64", "-R|64");
    refuses("-m Z: -P 5", "-P|-M");
    refuses("-m Z: -R 5", "-R|-M");
    refuses("-m Z: -d trace", "-d|trace");
}

static void test_bad_texts(void **state) {
    refuses("", "-m|-u");
    refuses("-i", "-m|-u");
    refuses("-m", "-m");
    refuses("-m ~", "-m|empty");
    refuses("-m Z", "-m Z|did you mean|-m Z:|./Z");
    refuses("-m Z: extra", "extra");
    refuses("-m Z: -q", "-q");
    refuses("-m Z: --nonsense", "--nonsense");
    refuses("-m Z: --nodes", "--nodes");
    refuses("-m Z: --ignore-case=yes", "--ignore-case");
    refuses("-m Z: -D ~", "-D|empty");
    refuses("-m Z: -F ~", "-F|empty");
    refuses("-m Z: -F a/b", "-F|a/b");
    refuses("-m Z: -F a,b", "-F|a,b");
    refuses("-m Z: -F 0123456789012345678901234567890123456789012345678901234567890123", "-F|63");
    refuses("-m Z: -S nonsense", "-S|nonsense");
}

static void test_bad_prefixes(void **state) {
    refuses("-u memfsshare", "-u|memfsshare|'\\server\\share'|Quote");
    refuses("-u \\memfs", "-u|\\memfs");
    refuses("-u \\memfs\\..", "-u|\\memfs\\..");
    refuses("-u \\\\\\a\\b", "-u|\\\\\\a\\b");
    refuses("-u ~", "-u");
    refuses("-u \\a\xff\\b", "-u");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),     cmocka_unit_test(test_the_seeds_lines),
        cmocka_unit_test(test_take_over),    cmocka_unit_test(test_every_option),
        cmocka_unit_test(test_pass_through), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_bad_numbers),  cmocka_unit_test(test_bad_texts),
        cmocka_unit_test(test_bad_prefixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
