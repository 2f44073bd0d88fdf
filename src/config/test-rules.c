/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config/rules.h"
#include "util/cleanup.h"

static struct list_node rules;

static int no_rules(void **state) {
    list_init(&rules);
    return 0;
}

static int free_rules(void **state) {
    struct rule *rule, *next;
    list_for_each_safe (rule, next, &rules, node)
        rule_free(rule);
    return 0;
}

/* A rule of "key = value" strings, up to NULL. */
static struct rule *add(const char *name, ...) {
    struct rule *rule = rule_new(name, "/etc/linfsp.conf", 7);
    char text[256];
    va_list arguments;
    va_start(arguments, name);
    for (const char *key; (key = va_arg(arguments, const char *));)
        if (rule_set(rule, key, va_arg(arguments, const char *), text, sizeof text) < 0)
            fail_msg("%s: %s", key, text);
    va_end(arguments);
    list_append(&rules, &rule->node);
    return rule;
}

static const struct silo_facts host = {
    .host = true, .engine = "", .container = "", .image = "", .cgroup = "", .labels = "", .group = ""};
static const struct silo_facts web = {.certain = true,
                                      .engine = "docker",
                                      .container = "shop-web-1",
                                      .image = "nginx:1.25",
                                      .cgroup = "/docker/0123",
                                      .labels = "com.docker.compose.project=shop\0tier=front\0",
                                      .group = "compose:shop"};
static const struct silo_facts store = {.certain = true,
                                        .engine = "docker",
                                        .container = "shop-store-1",
                                        .image = "store",
                                        .cgroup = "/docker/4567",
                                        .labels = "com.docker.compose.project=shop\0tier=back\0",
                                        .group = "compose:shop"};
static const struct silo_facts rootless = {.owner = 1000,
                                           .engine = "docker",
                                           .container = "shop-web-1",
                                           .image = "nginx:1.25",
                                           .cgroup = "/user/docker/0123",
                                           .labels = "tier=front\0",
                                           .group = "user:1000"};

static void without_rules_all_is_as_for_the_host(void **state) {
    struct verdict verdict;
    assert_true(rules_disk(&rules, &web, &verdict));
    assert_true(rules_claim(&rules, &web, true, "a/b", &verdict));
    assert_false(rules_claim(&rules, &web, false, "a/b", &verdict));
    assert_non_null(strstr(verdict.why, "allow_network_volumes"));
    assert_true(rules_claim(&rules, &host, false, "a/b", &verdict));
    assert_true(rules_open(&rules, &rootless, 1000, &web, false, "a/b", &verdict));
    assert_false(verdict.read_only);
}

static void each_condition_must_hold(void **state) {
    static const struct {
        const char *key, *right, *wrong;
    } conditions[] = {
        {"engine", "podman, docker", "podman"},
        {"name", "shop-*", "shop"},
        {"image", "nginx:*", "nginx"},
        {"label", "x=1,tier=front", "tier=back"},
        {"cgroup", "/docker/*", "/docker"},
        {"user", "0", "1-1000"},
        {"host", "no", "yes"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(conditions); i++) {
        struct rule *rule = add("right", conditions[i].key, conditions[i].right, (char *)NULL);
        assert_ptr_equal(rules_find(&rules, &web), rule);
        rule_free(rule);
        rule = add("wrong", conditions[i].key, conditions[i].wrong, (char *)NULL);
        assert_null(rules_find(&rules, &web));
        rule_free(rule);
        rule = add("both", conditions[i].key, conditions[i].right, "name", "other", (char *)NULL);
        assert_null(rules_find(&rules, &web));
        rule_free(rule);
    }
}

static void the_first_that_matches_decides(void **state) {
    struct verdict verdict;
    add("one", "name", "other", "disks", "yes", (char *)NULL);
    add("two", "engine", "docker", "disks", "no", (char *)NULL);
    add("three", "disks", "yes", (char *)NULL);
    assert_false(rules_disk(&rules, &web, &verdict));
    assert_string_equal(verdict.rule->name, "two");
    assert_string_equal(verdict.why, "rule \"two\" (/etc/linfsp.conf:7): it allows no disks");
    assert_true(rules_disk(&rules, &rootless, &verdict));
}

static void what_is_not_certain_matches_no_condition_on_it(void **state) {
    static const char *const keys[] = {"engine", "name", "image", "label", "cgroup"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        struct rule *rule = add("any", keys[i], "*", (char *)NULL);
        assert_ptr_equal(rules_find(&rules, &web), rule);
        assert_null(rules_find(&rules, &rootless));
        assert_null(rules_find(&rules, &host));
        rule_free(rule);
    }
    add("users", "user", "1000-1999", (char *)NULL);
    assert_non_null(rules_find(&rules, &rootless)); /* the kernel's word */
    assert_null(rules_find(&rules, &host));
    assert_null(rules_find(&rules, &web));
}

static void prefixes_may_be_claimed_by_pattern(void **state) {
    struct verdict verdict;
    add("shop", "claim", "!\\shop\\secret*, \\\\Shop\\*, //x/y", (char *)NULL);
    assert_true(rules_claim(&rules, &web, true, "shop/a", &verdict));
    assert_true(rules_claim(&rules, &web, true, "SHOP/A/b", &verdict));
    assert_true(rules_claim(&rules, &web, true, "x/y", &verdict));
    assert_false(rules_claim(&rules, &web, true, "shop/secret1", &verdict));
    assert_non_null(strstr(verdict.why, "refuses this prefix"));
    assert_false(rules_claim(&rules, &web, true, "x/z", &verdict));
    assert_non_null(strstr(verdict.why, "no pattern for this prefix"));
    assert_false(rules_claim(&rules, &web, true, "shopper/a", &verdict));
    assert_false(rules_claim(&rules, &web, false, "shop/a", &verdict));
}

static void a_rule_may_allow_what_the_host_does_not(void **state) {
    struct verdict verdict;
    add("web", "name", "shop-web-*", "network_volumes", "yes", (char *)NULL);
    assert_true(rules_claim(&rules, &web, false, "a/b", &verdict));
    assert_false(rules_claim(&rules, &store, false, "a/b", &verdict));
    add("none", "network_volumes", "no", (char *)NULL);
    assert_false(rules_claim(&rules, &store, true, "a/b", &verdict));
    assert_string_equal(verdict.rule->name, "none");
}

static void both_sides_must_allow_an_opening(void **state) {
    struct verdict verdict;
    add("store", "name", "shop-store-*", "open_by", "same-silo-group", (char *)NULL);
    add("readers", "engine", "docker", "open", "\\shop\\*:ro, !\\x\\*", (char *)NULL);
    assert_true(rules_open(&rules, &web, 0, &store, false, "shop/a", &verdict));
    assert_true(verdict.read_only);
    assert_false(rules_open(&rules, &web, 0, &store, false, "x/a", &verdict));
    assert_string_equal(verdict.rule->name, "readers");
    assert_false(rules_open(&rules, &web, 0, &store, false, "y/a", &verdict));
    assert_false(rules_open(&rules, &rootless, 1000, &store, false, "shop/a", &verdict));
    assert_string_equal(verdict.rule->name, "store");
    assert_false(rules_open(&rules, &host, 1000, &store, false, "shop/a", &verdict));
    assert_true(rules_open(&rules, &host, 0, &store, false, "shop/a", &verdict));
    assert_true(rules_open(&rules, &store, 5, &store, true, "y/a", &verdict));
    assert_false(verdict.read_only);
}

static void a_container_of_no_group_is_of_nobodys(void **state) {
    struct verdict verdict;
    struct silo_facts alone = web, other = store;
    alone.group = other.group = "";
    add("all", "open_by", "same-silo-group, host", (char *)NULL);
    assert_false(rules_open(&rules, &alone, 0, &other, false, "a/b", &verdict));
    assert_true(rules_open(&rules, &host, 1000, &other, false, "a/b", &verdict));
}

static void switched_off_means_nothing_at_all(void **state) {
    struct verdict verdict;
    add("off", "image", "nginx*", "linfsp", "off", (char *)NULL);
    assert_int_equal(rules_find(&rules, &web)->enabled, 0);
    assert_false(rules_disk(&rules, &web, &verdict));
    assert_false(rules_claim(&rules, &web, true, "a/b", &verdict));
    assert_false(rules_open(&rules, &web, 0, &store, false, "a/b", &verdict));
    assert_true(rules_disk(&rules, &store, &verdict));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_rules_all_is_as_for_the_host, no_rules, free_rules),
        cmocka_unit_test_setup_teardown(each_condition_must_hold, no_rules, free_rules),
        cmocka_unit_test_setup_teardown(the_first_that_matches_decides, no_rules, free_rules),
        cmocka_unit_test_setup_teardown(what_is_not_certain_matches_no_condition_on_it, no_rules, free_rules),
        cmocka_unit_test_setup_teardown(prefixes_may_be_claimed_by_pattern, no_rules, free_rules),
        cmocka_unit_test_setup_teardown(a_rule_may_allow_what_the_host_does_not, no_rules, free_rules),
        cmocka_unit_test_setup_teardown(both_sides_must_allow_an_opening, no_rules, free_rules),
        cmocka_unit_test_setup_teardown(a_container_of_no_group_is_of_nobodys, no_rules, free_rules),
        cmocka_unit_test_setup_teardown(switched_off_means_nothing_at_all, no_rules, free_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
