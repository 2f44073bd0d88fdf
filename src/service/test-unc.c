/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "service/unc.h"

static struct unc *unc;
static char spelled[PREFIX_MAX], taken[PREFIX_MAX];

static int set_up(void **state) {
    return unc_new(&unc);
}

static int tear_down(void **state) {
    unc_free(unc);
    return 0;
}

static int claim(const char *prefix, uint64_t volume) {
    return unc_claim(unc, prefix, volume, spelled, taken);
}

static void a_prefix_is_found_in_its_own_spelling_only(void **state) {
    uint64_t volume = 0;
    assert_int_equal(claim("Memfs/Share", 7), 0);
    assert_string_equal(spelled, "Memfs/Share");
    assert_int_equal(unc_find(unc, "Memfs/Share", &volume), UNC_SHARE);
    assert_int_equal(volume, 7);
    assert_int_equal(unc_find(unc, "Memfs", &volume), UNC_FOLDER);
    assert_int_equal(unc_find(unc, "", &volume), UNC_FOLDER);
    assert_int_equal(unc_find(unc, "memfs", &volume), UNC_NOTHING);
    assert_int_equal(unc_find(unc, "Memfs/share", &volume), UNC_NOTHING);
    assert_int_equal(unc_find(unc, "Memfs/Share/below", &volume), UNC_NOTHING);
    assert_int_equal(unc_find(unc, "\xff", &volume), UNC_NOTHING);
}

static void what_overlaps_is_refused_by_name(void **state) {
    assert_int_equal(claim("a/b/c", 1), 0);
    static const char *const refused[] = {"a/b", "A/B/C", "a/b/c/d", "a/B"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_int_equal(claim(refused[i], 2), -EEXIST);
        assert_string_equal(taken, "a/b/c");
    }
    assert_int_equal(claim("a/bc", 2), 0);
    assert_int_equal(claim("a/b/d", 3), 0);
    assert_int_equal(unc_count(unc), 3);
}

static void a_folder_keeps_the_spelling_of_its_first_claim(void **state) {
    assert_int_equal(claim("Server/one", 1), 0);
    assert_int_equal(claim("SERVER/Two", 2), 0);
    assert_string_equal(spelled, "Server/Two");
    unc_release(unc, 1);
    unc_release(unc, 2);
    assert_int_equal(claim("SERVER/Two", 2), 0);
    assert_string_equal(spelled, "SERVER/Two");
}

static void a_release_leaves_nothing_but_what_others_have(void **state) {
    uint64_t volume;
    const char *rest;
    assert_int_equal(claim("a/b/c", 1), 0);
    assert_int_equal(claim("a/x", 2), 0);
    unc_release(unc, 1);
    assert_int_equal(unc_find(unc, "a/b", &volume), UNC_NOTHING);
    assert_int_equal(unc_find(unc, "a", &volume), UNC_FOLDER);
    assert_int_equal(unc_resolve(unc, "A/X/file", &rest), 2);
    assert_string_equal(rest, "/file");
    unc_release(unc, 2);
    unc_release(unc, 2);
    assert_int_equal(unc_find(unc, "a", &volume), UNC_NOTHING);
    assert_int_equal(unc_count(unc), 0);
    assert_int_equal(claim("a/b", 3), 0);
}

static void a_refused_claim_leaves_no_folders(void **state) {
    uint64_t volume;
    assert_int_equal(claim("a/b", 1), 0);
    assert_int_equal(claim("a/b/c/d/e", 2), -EEXIST);
    unc_release(unc, 1);
    assert_int_equal(unc_find(unc, "a", &volume), UNC_NOTHING);
}

static bool collect(void *context, const char *name, uint64_t volume) {
    snprintf((char *)context + strlen(context), 64, "%s=%d ", name, (int)volume);
    return true;
}

static void a_folder_is_listed(void **state) {
    char text[256] = "";
    assert_int_equal(claim("s/a", 1), 0);
    assert_int_equal(claim("s/b/c", 2), 0);
    assert_int_equal(claim("t/a", 3), 0);
    unc_list(unc, "", collect, text);
    unc_list(unc, "s", collect, text);
    unc_list(unc, "s/b", collect, text);
    unc_list(unc, "s/a", collect, text);
    unc_list(unc, "nothing", collect, text);
    assert_string_equal(text, "s=1 t=3 a=1 b=2 c=2 ");
}

static bool collect_two(void *context, const char *path, uint64_t volume) {
    collect(context, path, volume);
    return volume != 2;
}

static void all_shares_below_a_path_are_visited_until_one_is_enough(void **state) {
    char text[256] = "";
    assert_int_equal(claim("s/a", 1), 0);
    assert_int_equal(claim("t/b/c", 2), 0);
    assert_int_equal(claim("t/d", 3), 0);
    assert_true(unc_each_share(unc, "s", collect_two, text));
    assert_true(unc_each_share(unc, "s/a", collect_two, text));
    assert_true(unc_each_share(unc, "nothing", collect_two, text));
    assert_false(unc_each_share(unc, "", collect_two, text));
    assert_string_equal(text, "s/a=1 s/a=1 s/a=1 t/b/c=2 ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_prefix_is_found_in_its_own_spelling_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_overlaps_is_refused_by_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_keeps_the_spelling_of_its_first_claim, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_release_leaves_nothing_but_what_others_have, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refused_claim_leaves_no_folders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_is_listed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_shares_below_a_path_are_visited_until_one_is_enough, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
