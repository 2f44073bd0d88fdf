/* SPDX-License-Identifier: MIT */
/* A program that is linked to no liblinfsp and loads the one whose path is its argument. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#define LINFSP_LOAD
#include <linfsp/linfsp.h>

static const char *library;
static struct linfsp_error error;

static void refused(const char *path, const char *why) {
    linfsp_loaded_api = NULL;
    error = (struct linfsp_error){0};
    setenv("LINFSP_LIBRARY", path, 1);
    assert_int_equal(fsp_load(&error), -ENOENT);
    assert_int_equal(error.code, ENOENT);
    assert_non_null(strstr(error.message, why));
    assert_null(linfsp_loaded_api);
    assert_int_equal(fsp_load(NULL), -ENOENT);
}

static void test_refused(void **state) {
    if (access(LINFSP_SILO_LIBRARY, F_OK) == 0)
        skip(); /* the service's own comes first here */
    refused("/nonexistent/liblinfsp.so.1", "/nonexistent/liblinfsp.so.1");
    refused("/proc/self/exe", "exe");
    refused("libc.so.6", "libc.so.6: an older liblinfsp");
}

static void test_loaded(void **state) {
    char path[LINFSP_PATH_MAX];
    linfsp_volume *volume = NULL;
    struct linfsp_volume_options options = {.size = sizeof options, .file_system_name = "no name"};
    linfsp_loaded_api = NULL;
    setenv("LINFSP_LIBRARY", library, 1);
    assert_int_equal(fsp_load(&error), 0);
    assert_int_equal(fsp_load(&error), 0);
    if (!linfsp_loaded_api)
        return; /* which cannot be, but an analyzer does not know */
    assert_string_equal(linfsp_version(), LINFSP_VERSION);
    assert_int_equal(linfsp_prefix_to_path("\\server\\share", path, sizeof path), 0);
    assert_string_equal(path, "/unc/server/share");
    assert_int_equal(linfsp_volume_create(&options, NULL, NULL, &volume, &error), -EINVAL);
    assert_non_null(strstr(error.message, "\"no name\""));
    struct linfsp_operations nothing = {.size = sizeof nothing};
    options.file_system_name = "nothing";
    options.mount_point = "Z:";
    assert_int_equal(linfsp_volume_create(&options, &nothing, NULL, &volume, &error), -EINVAL);
    assert_non_null(strstr(error.message, "the operations have no getattr"));
    linfsp_volume_destroy(volume);
    int (*as_a_value)(linfsp_request *, int) = linfsp_reply_error;
    assert_non_null(as_a_value);
}

static void test_versions(void **state) {
    const struct linfsp_api *(*get_api)(unsigned) = NULL;
    void *symbol = dlsym(dlopen(library, RTLD_NOW), "linfsp_get_api");
    memcpy(&get_api, &symbol, sizeof get_api);
    assert_non_null(get_api);
    assert_null(get_api(0));
    assert_null(get_api(LINFSP_API_VERSION + 1));
    const struct linfsp_api *api = get_api(LINFSP_API_VERSION);
    assert_int_equal(api->size, sizeof *api);
    for (size_t i = 1; i < sizeof *api / sizeof(void *); i++)
        assert_non_null(((void *const *)api)[i]);
}

/* A call ahead of fsp_load: words, and no signal. */
static void test_not_loaded(void **state) {
    char text[200] = "";
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    linfsp_loaded_api = NULL;
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        (void)linfsp_version();
        _exit(77);
    }
    close(ends[1]);
    assert_true(read(ends[0], text, sizeof text - 1) > 0);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    assert_non_null(strstr(text, "fsp_load() must have succeeded"));
    assert_false(linfsp_is_static());
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_loaded),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_not_loaded),
    };
    library = argc > 1 ? argv[1] : LINFSP_SONAME;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
