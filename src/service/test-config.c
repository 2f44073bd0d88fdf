/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "service/config.h"
#include "util/cleanup.h"

static int read_text(const char *text, struct limits *ret_limits) {
    char path[] = "/tmp/test-config-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    int r = config_read(path, ret_limits);
    unlink(path);
    return r;
}

static void a_missing_file_means_the_defaults(void **state) {
    struct limits limits;
    assert_int_equal(config_read("/nonexistent/linfsp.conf", &limits), 0);
    assert_int_equal(limits.volumes_per_silo, 64);
    assert_int_equal(limits.connections_per_silo, 128);
    assert_int_equal(limits.request_timeout, 300);
    assert_true(limits.network_volumes);
}

static void settings_are_read(void **state) {
    struct limits limits;
    assert_int_equal(read_text("# a comment\n\n max_volumes_per_silo = 3 # few\nrequest_timeout=60\n"
                               "allow_network_volumes = No\nmax_connections_per_silo\t=\t8\nmax_silos_per_user=9",
                               &limits),
                     0);
    assert_int_equal(limits.volumes_per_silo, 3);
    assert_int_equal(limits.request_timeout, 60);
    assert_int_equal(limits.connections_per_silo, 8);
    assert_int_equal(limits.silos_per_user, 9);
    assert_false(limits.network_volumes);
}

static void nonsense_is_refused(void **state) {
    static const char *const texts[] = {
        "nosuch = 1\n",
        "max_volumes_per_silo\n",
        "max_volumes_per_silo = \n",
        "max_volumes_per_silo = x\n",
        "request_timeout = 1",
        "request_timeout = 99999999",
        "allow_network_volumes = maybe\n",
        "= 3\n",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct limits limits = {.volumes_per_silo = 77};
        assert_int_equal(read_text(texts[i], &limits), -EINVAL);
        assert_int_equal(limits.volumes_per_silo, 77);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_file_means_the_defaults),
        cmocka_unit_test(settings_are_read),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
