/* SPDX-License-Identifier: MIT */
/* Options: templates, what is kept, what is refused; and what the library's own options come to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "linfsp/linfsp.h"
#include "util/cleanup.h"
#include "winfsp/fuse/internal.h"

struct data {
    char *name;
    int number, flag, value, other;
    uint64_t large;
    uint8_t guard;
};

enum { KEY_SHOUT = 7 };

static const struct fuse_opt templates[] = {
    {"name=%s", offsetof(struct data, name), 0},
    {"--name=%s", offsetof(struct data, name), 0},
    {"-n %s", offsetof(struct data, name), 0},
    {"number=%i", offsetof(struct data, number), 0},
    {"octal=%o", offsetof(struct data, number), 0},
    {"large=%llu", offsetof(struct data, large), 0},
    {"-f", offsetof(struct data, flag), 1},
    {"flag", offsetof(struct data, value), 5},
    {"flag", offsetof(struct data, other), 6},
    FUSE_OPT_KEY("shout", KEY_SHOUT),
    FUSE_OPT_KEY("drop", FUSE_OPT_KEY_DISCARD),
    FUSE_OPT_KEY("keep", FUSE_OPT_KEY_KEEP),
    FUSE_OPT_END,
};

static char seen[256];

static int note(void *data, const char *arg, int key, struct fuse_args *outargs) {
    size_t used = strlen(seen);
    snprintf(seen + used, sizeof seen - used, "%d:%s;", key, arg);
    if (strcmp(arg, "bad") == 0)
        return -1;
    return key == FUSE_OPT_KEY_NONOPT && arg[0] == 'x' ? 0 : 1;
}

/* Parses the words of a line; what is left, joined by spaces. */
static int parse(const char *line, struct data *ret_data, char *ret_left, size_t size) {
    struct fsp_fuse_env *env = fsp_env_own();
    struct fuse_args args = {0};
    char copy[256], *words, *save = NULL;
    snprintf(copy, sizeof copy, "%s", line);
    for (words = strtok_r(copy, " ", &save); words; words = strtok_r(NULL, " ", &save))
        assert_int_equal(fsp_fuse_opt_add_arg(env, &args, words), 0);
    *ret_data = (struct data){.guard = 0x55};
    seen[0] = 0;
    int r = fsp_fuse_opt_parse(env, &args, ret_data, templates, note);
    ret_left[0] = 0;
    for (int i = 0; i < args.argc; i++)
        snprintf(ret_left + strlen(ret_left), size - strlen(ret_left), "%s%s", i ? " " : "", args.argv[i]);
    if (args.argc)
        assert_null(args.argv[args.argc]);
    fsp_fuse_opt_free_args(env, &args);
    assert_int_equal(ret_data->guard, 0x55);
    return r;
}

static void test_stored(void **state) {
    struct data data;
    char left[256];
    assert_int_equal(parse("p -o name=one,number=0x10,large=18446744073709551615,flag -f", &data, left, 256), 0);
    assert_string_equal(data.name, "one");
    assert_int_equal(data.number, 16);
    assert_true(data.large == UINT64_MAX);
    assert_int_equal(data.flag, 1);
    assert_int_equal(data.value, 5);
    assert_int_equal(data.other, 6);
    assert_string_equal(left, "p");
    free(data.name);
    assert_int_equal(parse("p --name=two -n three -nfour -ooctal=17,name=a\\,b", &data, left, 256), 0);
    assert_string_equal(data.name, "a,b");
    assert_int_equal(data.number, 15);
    free(data.name);
}

static void test_kept(void **state) {
    struct data data;
    char left[256];
    assert_int_equal(parse("p one -o keep,drop,unknown=x\\,y x2 -z --long shout -oshout", &data, left, 256), 0);
    assert_string_equal(left, "p -o keep,unknown=x\\,y,shout one -z --long shout");
    assert_string_equal(seen, "-2:one;-1:unknown=x,y;-2:x2;-1:-z;-1:--long;-2:shout;7:shout;");
    assert_int_equal(parse("p -- -f x", &data, left, 256), 0);
    assert_int_equal(data.flag, 0);
    assert_string_equal(left, "p -- -f");
    assert_int_equal(parse("p --", &data, left, 256), 0);
    assert_string_equal(left, "p");
}

static void test_refused(void **state) {
    static const char *const lines[] = {"p bad", "p -o", "p -n", "p -o number=", "p -o number=5x", "p -o number=a"};
    struct data data;
    char left[256];
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        assert_int_equal(parse(lines[i], &data, left, 256), -1);
}

static void test_lists(void **state) {
    struct fsp_fuse_env *env = fsp_env_own();
    char *options = NULL, *words[] = {"p", NULL};
    struct fuse_args args = FUSE_ARGS_INIT(1, words);
    assert_int_equal(fsp_fuse_opt_add_opt(env, &options, "a,b"), 0);
    assert_int_equal(fsp_fuse_opt_add_opt_escaped(env, &options, "c,d"), 0);
    assert_string_equal(options, "a,b,c\\,d");
    free(options);
    assert_int_equal(fsp_fuse_opt_add_arg(env, &args, "x"), -1); /* the program's own array */
    assert_int_equal(fsp_fuse_opt_match(env, templates, "name=x"), 1);
    assert_int_equal(fsp_fuse_opt_match(env, templates, "names"), 0);
    struct fuse_args own = {0};
    assert_int_equal(fsp_fuse_opt_insert_arg(env, &own, 1, "x"), -1);
    assert_int_equal(fsp_fuse_opt_insert_arg(env, &own, 0, "b"), 0);
    assert_int_equal(fsp_fuse_opt_insert_arg(env, &own, 0, "a"), 0);
    assert_string_equal(own.argv[0], "a");
    assert_string_equal(own.argv[1], "b");
    fsp_fuse_opt_free_args(env, &own);
    assert_null(own.argv);
}

/* ---- the library's own options --------------------------------------------------------------------------------- */

static int options_of(const char *list, struct fsp_options *ret_options) {
    char *words[] = {"p", "-o", (char *)(uintptr_t)list, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(3, words);
    return fsp_options_parse(&args, ret_options);
}

static void test_options(void **state) {
    struct fsp_options options;
    char type[64];
    assert_int_equal(
        options_of("uid=-1,gid=5,umask=022,VolumePrefix=\\\\a\\b,FileSystemName=my fs,allow_other,ThreadCount=3,"
                   "uidmap=1:S-1-1-0;2:S-1-2-0",
                   &options),
        0);
    assert_int_equal(options.uid, -1);
    assert_true(options.set_uid && options.set_gid && options.set_umask);
    assert_int_equal(options.gid, 5);
    assert_int_equal(options.umask, 022);
    assert_int_equal(options.threads, 3);
    assert_string_equal(options.prefix, "\\a\\b");
    fsp_options_type(&options, type, sizeof type);
    assert_string_equal(type, "FUSE-my_fs");
    fsp_options_clear(&options);
    char *words[] = {"p", "--UNC=\\a\\b", "--FileInfoTimeout=-1", NULL};
    struct fuse_args args = FUSE_ARGS_INIT(3, words);
    assert_int_equal(fsp_options_parse(&args, &options), 0);
    assert_string_equal(options.prefix, "\\a\\b");
    assert_true(fsp_options_keep_data(&options));
    assert_true(fsp_options_attributes_ms(&options) == LINFSP_TIMEOUT_INFINITE);
    fsp_options_clear(&options);
}

static void test_timeouts(void **state) {
    struct fsp_options options;
    assert_int_equal(options_of("rw", &options), 0);
    assert_int_equal(fsp_options_attributes_ms(&options), 1000);
    assert_int_equal(fsp_options_names_ms(&options), 1000);
    assert_false(fsp_options_keep_data(&options));
    assert_int_equal(options_of("FileInfoTimeout=20,entry_timeout=1.5", &options), 0);
    assert_int_equal(fsp_options_attributes_ms(&options), 20);
    assert_int_equal(fsp_options_names_ms(&options), 1500);
    assert_int_equal(options_of("attr_timeout=0", &options), 0);
    assert_int_equal(fsp_options_attributes_ms(&options), 0);
    assert_int_equal(fsp_options_names_ms(&options), 0);
}

static void test_bad_options(void **state) {
    static const char *const lists[] = {"nonsense",        "uid=x",         "umask=9",
                                        "attr_timeout=-1", "ThreadCount=x", "Nonsense=1"};
    struct fsp_options options;
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        assert_true(options_of(lists[i], &options) < 0);
    assert_true(fsp_options_known("umask=022"));
    assert_false(fsp_options_known("nonsense"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stored),      cmocka_unit_test(test_kept),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_lists),       cmocka_unit_test(test_options), cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_bad_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
