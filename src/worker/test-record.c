/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "util/cleanup.h"
#include "worker/record.h"

static void dockers_record_is_read(void **state) {
    struct job_description description = {0};
    assert_int_equal(record_from_docker("{\"Name\":\"/web\",\"Config\":{\"Image\":\"nginx:1\",\"Labels\":{\"a\":\"b\","
                                        "\"com.docker.compose.project\":\"shop\"},\"Env\":[\"X=1\",\"LINFSP=off\"]}}",
                                        &description),
                     0);
    assert_string_equal(description.name, "web");
    assert_string_equal(description.image, "nginx:1");
    assert_memory_equal(description.labels, "a=b\0com.docker.compose.project=shop\0", 37);
    assert_true(description.off);
    char group[64];
    record_group(description.labels, group, sizeof group);
    assert_string_equal(group, "compose:shop");
}

static void a_bundle_is_read(void **state) {
    struct job_description description = {0};
    assert_int_equal(record_from_bundle("{\"annotations\":{\"io.kubernetes.cri.image-name\":\"i:2\","
                                        "\"io.kubernetes.cri.sandbox-id\":\"9f\"},\"process\":{\"env\":[\"LINFSP=off\","
                                        "\"LINFSP=on\"]}}",
                                        &description),
                     0);
    assert_string_equal(description.image, "i:2");
    assert_false(description.off); /* the last one counts, as for getenv(3)'s callers in most shells */
    char group[64];
    record_group(description.labels, group, sizeof group);
    assert_string_equal(group, "pod:9f");
}

static void a_step_of_a_build_is_told_from_a_container(void **state) {
    static const char step[] = "{\"Config\":{\"Image\":\"sha256:29\",\"Healthcheck\":{\"Test\":[\"NONE\"]}}}";
    static const char host[] = "{\"LogConfig\":{\"Type\":\"none\",\"Config\":{}},\"RestartPolicy\":{\"Name\":\"\"}}";
    assert_true(record_is_build_step(step, host));
    static const char *const others[][2] = {
        {step, "{\"LogConfig\":{\"Type\":\"json-file\"},\"RestartPolicy\":{\"Name\":\"\"}}"},
        {step, "{\"LogConfig\":{\"Type\":\"none\"},\"RestartPolicy\":{\"Name\":\"no\"}}"},
        {"{\"Config\":{\"Image\":\"sha256:29\"}}", host},
        {"{\"Config\":{\"Healthcheck\":{\"Test\":[\"CMD\",\"x\"]}}}", host},
        {"{\"Config\":{\"Healthcheck\":{\"Test\":[]}}}", host},
        {"", host},
        {step, "[]"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        assert_false(record_is_build_step(others[i][0], others[i][1]));
}

static void what_is_no_record_is_refused(void **state) {
    static const char *const texts[] = {"", "x", "[]", "3", "\"x\"", "{\"a\":"};
    struct job_description description = {0}, nothing = {0};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        assert_int_equal(record_from_docker(texts[i], &description), -EBADMSG);
        assert_int_equal(record_from_bundle(texts[i], &description), -EBADMSG);
        assert_memory_equal(&description, &nothing, sizeof nothing);
    }
}

static void wrong_types_tell_nothing(void **state) {
    static const char *const texts[] = {
        "{\"Name\":3,\"Config\":{\"Image\":[],\"Labels\":[\"a\"],\"Env\":{\"LINFSP\":\"off\"}}}",
        "{\"Config\":[],\"annotations\":\"x\",\"process\":[3]}",
        "{\"Config\":{\"Labels\":{\"a\":3,\"b\":null},\"Env\":[3,null,[]]},\"process\":{\"env\":[{}]}}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct job_description description = {0}, nothing = {0};
        assert_int_equal(record_from_docker(texts[i], &description), 0);
        assert_int_equal(record_from_bundle(texts[i], &description), 0);
        assert_memory_equal(&description, &nothing, sizeof nothing);
    }
}

static void labels_without_room_are_left_out(void **state) {
    static char json[1 << 20];
    size_t at = (size_t)snprintf(json, sizeof json, "{\"annotations\":{");
    for (int i = 0; i < 2000; i++)
        at += (size_t)snprintf(json + at, sizeof json - at, "%s\"key%d\":\"%064d\"", i ? "," : "", i, i);
    snprintf(json + at, sizeof json - at, "}}");
    struct job_description description = {0};
    assert_int_equal(record_from_bundle(json, &description), 0);
    size_t end = 0, count = 0;
    for (; description.labels[end]; end += strlen(description.labels + end) + 1)
        count++;
    assert_true(count > 20 && end < sizeof description.labels);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dockers_record_is_read),
        cmocka_unit_test(a_bundle_is_read),
        cmocka_unit_test(a_step_of_a_build_is_told_from_a_container),
        cmocka_unit_test(what_is_no_record_is_refused),
        cmocka_unit_test(wrong_types_tell_nothing),
        cmocka_unit_test(labels_without_room_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
