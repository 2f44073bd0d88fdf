/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "config/config.h"
#include "util/cleanup.h"

static char folder[] = "/tmp/test-config-XXXXXX";
static char main_file[64], complaints[4096];

static int make_folder(void **state) {
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(main_file, sizeof main_file, "%s/linfsp.conf", folder);
    char more[80];
    snprintf(more, sizeof more, "%s.d", main_file);
    complaints[0] = 0;
    return mkdir(more, 0755);
}

static int remove_folder(void **state) {
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void put(const char *name, const char *text) {
    char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void note(void *context, const char *path, unsigned number, const char *text) {
    size_t at = strlen(complaints);
    snprintf(complaints + at, sizeof complaints - at, "%s:%u: %s\n", path + strlen(folder) + 1, number, text);
}

static int read_all(struct config **ret_config) {
    return config_read(main_file, note, NULL, ret_config);
}

static void a_missing_file_means_the_defaults(void **state) {
    struct config *config;
    assert_int_equal(read_all(&config), 0);
    assert_int_equal(config->limits.volumes_per_silo, 1000);
    assert_int_equal(config->limits.connections_per_silo, 1200);
    assert_true(config->limits.request_timeout >= 300);
    assert_true(config->limits.network_volumes);
    assert_true(list_empty(&config->rules));
    config_free(config);
}

static void settings_are_read(void **state) {
    struct config *config;
    put("linfsp.conf", "# a comment\n\n max_volumes_per_silo = 3 # few\nrequest_timeout=60\n"
                       "allow_network_volumes = No\nmax_connections_per_silo\t=\t8\nmax_silos_per_user=9");
    assert_int_equal(read_all(&config), 0);
    assert_int_equal(config->limits.volumes_per_silo, 3);
    assert_int_equal(config->limits.request_timeout, 60);
    assert_int_equal(config->limits.connections_per_silo, 8);
    assert_int_equal(config->limits.silos_per_user, 9);
    assert_false(config->limits.network_volumes);
    config_free(config);
}

static void a_later_file_overrides(void **state) {
    struct config *config;
    put("linfsp.conf", "max_volumes_per_silo = 3\nrequest_timeout = 60\n[rule main]\ndisks = no\n");
    put("linfsp.conf.d/10-a.conf", "max_volumes_per_silo = 4\n[rule a1]\n[rule a2]\n");
    put("linfsp.conf.d/20-b.conf", "max_volumes_per_silo = 5\n[rule b]\n");
    put("linfsp.conf.d/30-no.txt", "nonsense\n");
    assert_int_equal(read_all(&config), 0);
    assert_int_equal(config->limits.volumes_per_silo, 5);
    assert_int_equal(config->limits.request_timeout, 60);
    char order[64] = "";
    const struct rule *rule;
    list_for_each (rule, &config->rules, node) {
        strcat(order, rule->name);
        strcat(order, " ");
    }
    assert_string_equal(order, "b a1 a2 main ");
    config_free(config);
}

static void nonsense_is_refused_with_its_line(void **state) {
    static const struct {
        const char *text, *complaint;
    } cases[] = {
        {"nosuch = 1\n", "linfsp.conf:1: there is no setting 'nosuch'"},
        {"\nmax_volumes_per_silo\n", "linfsp.conf:2: it is not \"key = value\""},
        {"max_volumes_per_silo = \n", "linfsp.conf:1: max_volumes_per_silo takes 0 to 4096, not ''"},
        {"max_volumes_per_silo = x\n", "takes 0 to 4096, not 'x'"},
        {"max_volumes_per_silo = -1\n", "takes 0 to 4096, not '-1'"},
        {"request_timeout = 1", "request_timeout takes 30 to 65535, not '1'"},
        {"request_timeout = 99999999", "not '99999999'"},
        {"allow_network_volumes = maybe\n", "takes yes or no, not 'maybe'"},
        {"= 3\n", "there is no setting ''"},
        {"[rule]\n", "a rule begins with \"[rule NAME]\""},
        {"[rule ]\n", "a rule's name has"},
        {"[rule a\n", "a rule begins with"},
        {"[rule a] x\n", "a rule begins with"},
        {"[rule a]\n[rule a]\n", "linfsp.conf:2: there is a rule \"a\" already"},
        {"[rule a]\ncolour = red\n", "rule \"a\": there is no key 'colour'"},
        {"[rule a]\ndisks = perhaps\n", "rule \"a\": disks takes yes or no, not 'perhaps'"},
        {"[rule a]\nuser = 9-3\n", "user takes a number or a range"},
        {"[rule a]\nuser = -3\n", "user takes a number or a range"},
        {"[rule a]\nuser = 1-\n", "user takes a number or a range"},
        {"[rule a]\nopen_by = friends\n", "open_by takes everyone, host, same-silo-group"},
        {"[rule a]\nopen_by =\n", "open_by takes"},
        {"[rule a]\nclaim = a\\*,,b\n", "an empty pattern"},
        {"[rule a]\nclaim = \\\\\n", "is no pattern of prefixes"},
        {"[rule a]\nopen = !\\a\\*:ro\n", "what is refused has no \":ro\""},
        {"[rule a]\nmax_volumes = many\n", "max_volumes takes 0 to 4096"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct config *config = (struct config *)&cases;
        complaints[0] = 0;
        put("linfsp.conf", cases[i].text);
        assert_int_equal(read_all(&config), -EINVAL);
        assert_ptr_equal(config, &cases);
        if (!strstr(complaints, cases[i].complaint))
            fail_msg("'%s' is not in '%s'", cases[i].complaint, complaints);
    }
}

static void every_wrong_line_is_told(void **state) {
    struct config *config;
    put("linfsp.conf", "a = 1\nb = 2\n");
    put("linfsp.conf.d/x.conf", "c = 3\n");
    assert_int_equal(read_all(&config), -EINVAL);
    assert_non_null(strstr(complaints, "linfsp.conf:1:"));
    assert_non_null(strstr(complaints, "linfsp.conf:2:"));
    assert_non_null(strstr(complaints, "linfsp.conf.d/x.conf:1:"));
}

static void a_file_that_cannot_be_read_is_an_error(void **state) {
    struct config *config;
    assert_int_equal(mkdir(main_file, 0755), 0); /* reading a folder fails, for root too */
    char below[96];
    snprintf(below, sizeof below, "%s/x", main_file);
    assert_true(config_read(below, note, NULL, &config) == 0); /* it is not there: the defaults */
    config_free(config);
    assert_int_equal(rmdir(main_file), 0);
    assert_int_equal(symlink(main_file, main_file), 0); /* a loop */
    assert_int_equal(read_all(&config), -ELOOP);
    assert_non_null(strstr(complaints, "linfsp.conf:0:"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_missing_file_means_the_defaults, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(settings_are_read, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_later_file_overrides, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(nonsense_is_refused_with_its_line, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(every_wrong_line_is_told, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_read_is_an_error, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
