/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "util/cleanup.h"
#include "worker/labels.h"
#include "worker/record.h"

static const char *group_of(const struct job_description *description) {
    static char group[64];
    labels_group(description, group, sizeof group);
    return group;
}

static void dockers_record_is_read(void **state) {
    struct job_description description = {.engine = "docker"};
    assert_int_equal(record_from_docker("{\"Name\":\"/web\",\"Config\":{\"Image\":\"nginx:1\",\"Labels\":{\"a\":\"b\","
                                        "\"com.docker.compose.project\":\"shop\"},\"Env\":[\"X=1\",\"LINFSP=off\"]}}",
                                        "{}", &description),
                     0);
    assert_string_equal(description.name, "web");
    assert_string_equal(description.image, "nginx:1");
    assert_memory_equal(description.labels, "com.docker.compose.project=shop\0a=b\0", 37); /* the group's label first */
    assert_true(description.off);
    assert_string_equal(group_of(&description), "compose:shop");
}

static void a_bundle_is_read(void **state) {
    struct job_description description = {.engine = "containerd"};
    assert_int_equal(record_from_bundle("{\"annotations\":{\"io.kubernetes.cri.image-name\":\"i:2\","
                                        "\"io.kubernetes.cri.sandbox-id\":\"9f\"},\"process\":{\"env\":[\"LINFSP=off\","
                                        "\"LINFSP=on\"]}}",
                                        &description),
                     0);
    assert_string_equal(description.image, "i:2");
    assert_false(description.off); /* the last one counts, as for getenv(3)'s callers in most shells */
    assert_string_equal(group_of(&description), "pod:9f");
}

static void what_an_image_brings_is_not_its_containers(void **state) {
    static const char record[] = "{\"Driver\":\"overlay2\",\"Image\":\"sha256:29\",\"Config\":{\"Labels\":{"
                                 "\"a\":\"b\",\"com.docker.compose.project\":\"shop\",\"tier\":\"store\"}}}";
    static const char image[] =
        "{\"config\":{\"Labels\":{\"tier\":\"store\",\"com.docker.compose.project\":\"shop\",\"a\":\"c\"}}}";
    struct job_description description = {.engine = "docker"};
    assert_int_equal(record_from_docker(record, image, &description), 0);
    assert_memory_equal(description.labels, "a=b\0", 5);
    assert_string_equal(group_of(&description), "");
    char path[128];
    assert_int_equal(record_image_of_docker(record, path, sizeof path), 0);
    assert_string_equal(path, "image/overlay2/imagedb/content/sha256/29");
    static const char *const others[] = {"{\"Driver\":\"..\",\"Image\":\"sha256:29\"}", "{\"Driver\":\"overlay2\"}",
                                         "{\"Driver\":\"overlay2\",\"Image\":\"sha256:a/b\"}", "[]", ""};
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        assert_true(record_image_of_docker(others[i], path, sizeof path) < 0);
}

static void without_an_image_nobody_knows_whose_labels_they_are(void **state) {
    struct job_description description = {.engine = "docker"};
    assert_int_equal(
        record_from_docker("{\"Name\":\"/web\",\"Config\":{\"Labels\":{\"a\":\"b\"}}}", NULL, &description), 0);
    assert_string_equal(description.name, "web");
    assert_string_equal(description.labels, "");
    char digest[64];
    assert_int_equal(record_manifest_of_docker("{\"ImageManifest\":{\"digest\":\"sha256:1f\"}}", digest, sizeof digest),
                     0);
    assert_string_equal(digest, "1f");
    assert_int_equal(record_image_of_manifest("{\"config\":{\"digest\":\"sha256:2e\"}}", digest, sizeof digest), 0);
    assert_string_equal(digest, "2e");
    static const char *const others[] = {"{\"config\":{\"digest\":\"sha256:../x\"}}", "{\"config\":{\"digest\":3}}",
                                         "[]", "{\"config\":{\"digest\":\"2e\"}}"};
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        assert_true(record_image_of_manifest(others[i], digest, sizeof digest) < 0);
}

static void podmans_record_is_read(void **state) {
    static const char record[] = "{\"rootfsImageID\":\"7a\",\"rootfsImageName\":\"shop:1\",\"labels\":{"
                                 "\"io.podman.compose.project\":\"shop\",\"tier\":\"store\"}}";
    struct job_description description = {.engine = "podman"};
    char image[64];
    assert_int_equal(record_image_of_podman(record, image, sizeof image), 0);
    assert_string_equal(image, "7a");
    assert_int_equal(record_image_of_podman("{}", image, sizeof image), 0);
    assert_string_equal(image, "");
    assert_true(record_image_of_podman("{\"rootfsImageID\":\"../x\"}", image, sizeof image) < 0);
    assert_int_equal(record_from_podman(record, "{\"config\":{\"Labels\":{\"tier\":\"store\"}}}", &description), 0);
    assert_string_equal(description.image, "shop:1");
    assert_memory_equal(description.labels, "io.podman.compose.project=shop\0", 32);
    assert_string_equal(group_of(&description), "compose:shop");
}

static void composes_labels_count_though_its_image_has_them_too(void **state) {
    struct job_description description = {.engine = "docker"};
    assert_int_equal(record_from_docker("{\"Config\":{\"Labels\":{\"com.docker.compose.project\":\"shop\","
                                        "\"com.docker.compose.container-number\":\"1\"}}}",
                                        "{\"config\":{\"Labels\":{\"com.docker.compose.project\":\"shop\"}}}",
                                        &description),
                     0);
    assert_string_equal(group_of(&description), "compose:shop");
}

/* Each engine's own keys, and what pods and images pretend. */
static void only_the_engines_own_keys_tell_a_pod(void **state) {
    static const char json[] =
        "{\"annotations\":{\"com.docker.compose.project\":\"c\",\"io.kubernetes.cri-o.SandboxID\":"
        "\"1\",\"io.kubernetes.cri.container-name\":\"app\",\"io.kubernetes.cri.sandbox-id\":\"2\","
        "\"io.kubernetes.cri.sandbox-name\":\"web\",\"io.kubernetes.cri.sandbox-namespace\":"
        "\"shop\",\"io.kubernetes.pod.namespace\":\"other\",\"io.podman.compose.project\":\"p\"}}";
    struct job_description description = {.engine = "containerd"};
    assert_int_equal(record_from_bundle(json, &description), 0);
    assert_string_equal(group_of(&description), "pod:2");
    assert_string_equal(labels_find(&description, "io.kubernetes.pod.namespace"), "shop");
    assert_string_equal(labels_find(&description, "io.kubernetes.pod.name"), "web");
    assert_string_equal(labels_find(&description, "io.kubernetes.container.name"), "app");
    assert_null(labels_find(&description, "io.kubernetes.cri-o.SandboxID"));
    description = (struct job_description){.engine = "cri-o"};
    assert_int_equal(record_from_bundle(json, &description), 0);
    assert_string_equal(group_of(&description), "pod:1");
    assert_string_equal(labels_find(&description, "io.kubernetes.pod.namespace"), "other");
    assert_null(labels_find(&description, "io.kubernetes.cri.sandbox-namespace"));
    description = (struct job_description){.engine = "docker"};
    assert_int_equal(record_from_bundle(json, &description), 0);
    assert_string_equal(group_of(&description), "compose:c");
    description = (struct job_description){.engine = "lxc"};
    assert_int_equal(record_from_bundle(json, &description), 0);
    assert_string_equal(group_of(&description), "");
}

static void a_pods_labels_are_in_its_sandboxs_bundle(void **state) {
    struct job_description description = {.engine = "cri-o"};
    assert_int_equal(record_from_sandbox("{\"annotations\":{\"io.kubernetes.cri-o.Labels\":\"{\\\"app\\\":\\\"web\\\","
                                         "\\\"io.kubernetes.container.name\\\":\\\"forged\\\"}\"}}",
                                         &description),
                     0);
    assert_memory_equal(description.labels, "app=web\0", 9);
    static const char *const texts[] = {"{}", "{\"annotations\":{\"io.kubernetes.cri-o.Labels\":\"[3\"}}",
                                        "{\"annotations\":{\"io.kubernetes.cri-o.Labels\":\"[]\"}}"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        assert_int_equal(record_from_sandbox(texts[i], &description), 0);
    assert_memory_equal(description.labels, "app=web\0", 9);
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
        assert_int_equal(record_from_docker(texts[i], texts[i], &description), -EBADMSG);
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
        assert_int_equal(record_from_docker(texts[i], texts[i], &description), 0);
        assert_int_equal(record_from_bundle(texts[i], &description), 0);
        assert_memory_equal(&description, &nothing, sizeof nothing);
    }
}

static void labels_without_room_are_left_out(void **state) {
    static char json[1 << 20];
    size_t at = (size_t)snprintf(json, sizeof json, "{\"annotations\":{");
    for (int i = 0; i < 2000; i++)
        at += (size_t)snprintf(json + at, sizeof json - at, "%s\"key%d\":\"%064d\"", i ? "," : "", i, i);
    snprintf(json + at, sizeof json - at, ",\"io.kubernetes.cri.sandbox-namespace\":\"shop\"}}");
    struct job_description description = {.engine = "containerd"};
    assert_int_equal(record_from_bundle(json, &description), 0);
    assert_string_equal(labels_find(&description, "io.kubernetes.pod.namespace"), "shop"); /* these are there */
    size_t end = 0, count = 0;
    for (; description.labels[end]; end += strlen(description.labels + end) + 1)
        count++;
    assert_true(count > 20 && end < sizeof description.labels);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dockers_record_is_read),
        cmocka_unit_test(a_bundle_is_read),
        cmocka_unit_test(what_an_image_brings_is_not_its_containers),
        cmocka_unit_test(without_an_image_nobody_knows_whose_labels_they_are),
        cmocka_unit_test(podmans_record_is_read),
        cmocka_unit_test(composes_labels_count_though_its_image_has_them_too),
        cmocka_unit_test(only_the_engines_own_keys_tell_a_pod),
        cmocka_unit_test(a_pods_labels_are_in_its_sandboxs_bundle),
        cmocka_unit_test(a_step_of_a_build_is_told_from_a_container),
        cmocka_unit_test(what_is_no_record_is_refused),
        cmocka_unit_test(wrong_types_tell_nothing),
        cmocka_unit_test(labels_without_room_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
