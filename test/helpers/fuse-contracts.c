/* SPDX-License-Identifier: MIT */
/*
 * fuse-contracts MOUNT-POINT: calls each function of WinFsp's FUSE API and checks what it does. The same source is a
 * test of FUSE 2 and of FUSE 3, of the functions that take their caller's environment and (-DWITHOUT_ENV) of those that
 * do not, on Linux and on Windows.
 */
#define WINFSP_DLL_INTERNAL /* the headers' own functions without prefix would have the names that are tested */
#include <fuse.h>

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#if FUSE_USE_VERSION < 30
typedef struct fuse FILE_SYSTEM;
typedef struct fuse_operations OPERATIONS;
typedef struct fuse_context CONTEXT;
#else
typedef struct fuse3 FILE_SYSTEM;
typedef struct fuse3_operations OPERATIONS;
typedef struct fuse3_context CONTEXT;
#endif

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

#ifdef WITHOUT_ENV
#define ENV
#define ENV_
#define OWN(...) FSP_FUSE_API __VA_ARGS__;
#define OPT(name) JOIN(fuse_, name)
#if FUSE_USE_VERSION < 30
#define FN(name) JOIN(fuse_, name)
OWN(int fuse_version(void))
OWN(struct fuse_chan *fuse_mount(const char *mountpoint, struct fuse_args *args))
OWN(void fuse_unmount(const char *mountpoint, struct fuse_chan *ch))
OWN(int fuse_parse_cmdline(struct fuse_args *args, char **mountpoint, int *multithreaded, int *foreground))
OWN(int fuse_main_real(int argc, char *argv[], const OPERATIONS *ops, size_t opsize, void *data))
OWN(int fuse_is_lib_option(const char *opt))
OWN(FILE_SYSTEM *fuse_new(struct fuse_chan *ch, struct fuse_args *args, const OPERATIONS *ops, size_t size, void *data))
OWN(void fuse_destroy(FILE_SYSTEM *f))
OWN(int fuse_loop(FILE_SYSTEM *f))
OWN(int fuse_loop_mt(FILE_SYSTEM *f))
OWN(void fuse_exit(FILE_SYSTEM *f))
OWN(int fuse_exited(FILE_SYSTEM *f))
OWN(int fuse_notify(FILE_SYSTEM *f, const char *path, uint32_t action))
OWN(CONTEXT *fuse_get_context(void))
#else
#define FN(name) JOIN(fuse3_, name)
OWN(int fuse3_version(void))
OWN(const char *fuse3_pkgversion(void))
OWN(int fuse3_main_real(int argc, char *argv[], const OPERATIONS *ops, size_t opsize, void *data))
OWN(void fuse3_lib_help(struct fuse_args *args))
OWN(FILE_SYSTEM *fuse3_new(struct fuse_args *args, const OPERATIONS *ops, size_t opsize, void *data))
OWN(FILE_SYSTEM *fuse3_new_30(struct fuse_args *args, const OPERATIONS *ops, size_t opsize, void *data))
OWN(void fuse3_destroy(FILE_SYSTEM *f))
OWN(int fuse3_mount(FILE_SYSTEM *f, const char *mountpoint))
OWN(void fuse3_unmount(FILE_SYSTEM *f))
OWN(int fuse3_loop(FILE_SYSTEM *f))
OWN(int fuse3_loop_mt(FILE_SYSTEM *f, struct fuse3_loop_config *config))
OWN(int fuse3_loop_mt_31(FILE_SYSTEM *f, int clone_fd))
OWN(void fuse3_exit(FILE_SYSTEM *f))
OWN(CONTEXT *fuse3_get_context(void))
OWN(struct fuse3_conn_info_opts *fuse3_parse_conn_info_opts(struct fuse_args *args))
OWN(void fuse3_apply_conn_info_opts(struct fuse3_conn_info_opts *opts, struct fuse3_conn_info *conn))
#endif
OWN(int fuse_opt_parse(struct fuse_args *args, void *data, const struct fuse_opt opts[], fuse_opt_proc_t proc))
OWN(int fuse_opt_add_arg(struct fuse_args *args, const char *arg))
OWN(int fuse_opt_insert_arg(struct fuse_args *args, int pos, const char *arg))
OWN(void fuse_opt_free_args(struct fuse_args *args))
OWN(int fuse_opt_add_opt(char **opts, const char *opt))
OWN(int fuse_opt_add_opt_escaped(char **opts, const char *opt))
OWN(int fuse_opt_match(const struct fuse_opt opts[], const char *opt))
#else
#define ENV &env
#define ENV_ &env,
#define OPT(name) JOIN(fsp_fuse_, name)
#if FUSE_USE_VERSION < 30
#define FN(name) JOIN(fsp_fuse_, name)
#else
#define FN(name) JOIN(fsp_fuse3_, name)
#endif
#endif

#define CHECK(condition) check((condition), #condition, __LINE__)

static int failures, allocated;
static const char *place; /* where to mount */

static void check(int holds, const char *what, int line) {
    if (!holds) {
        printf("fuse-contracts.c:%d: %s\n", line, what);
        failures++;
    }
}

/* ---- what the library needs of its caller ---------------------------------------------------------------------- */

static void *allocate(size_t size) {
    allocated++;
    return malloc(size);
}

static void release(void *memory) {
    if (memory)
        allocated--;
    free(memory);
}

static int nothing_with(int foreground) {
    (void)foreground;
    return 0;
}

static int nothing_of(void *session) {
    (void)session;
    return 0;
}

static _Bool has_env;
static struct fsp_fuse_env env = {.environment = FSP_FUSE_ENVIRONMENT,
                                  .memalloc = allocate,
                                  .memfree = release,
                                  .daemonize = nothing_with,
                                  .set_signal_handlers = nothing_of};

static void give_back(void *memory) {
    if (has_env)
        release(memory);
    else
        free(memory);
}

/* ---- a file system that ends as soon as it has begun ----------------------------------------------------------- */

static struct {
    int data, other_data; /* what private_data points to before init, and after it */
    int inits, destroys;
    _Bool by_signal;
    FILE_SYSTEM *expected;
} seen;

static void end_from_within(void) {
    CONTEXT *context = FN(get_context)(ENV);
    CHECK(context != NULL);
    CHECK(context->fuse == seen.expected || !seen.expected);
    CHECK(context->private_data == &seen.data);
    seen.inits++;
    if (seen.by_signal)
        fsp_fuse_signal_handler(15);
    else
        FN(exit)(ENV_ context->fuse);
}

#if FUSE_USE_VERSION < 30
static void *fs_init(struct fuse_conn_info *connection) {
    CHECK(connection->proto_major == 7);
    end_from_within();
    return &seen.other_data;
}

static int fs_getattr(const char *path, struct fuse_stat *attributes) {
    (void)path;
    attributes->st_mode = 0040755;
    return 0;
}
#else
static void *fs_init(struct fuse3_conn_info *connection, struct fuse3_config *config) {
    struct fuse3_conn_info before = *connection;
    struct fuse3_conn_info_opts *options = FN(parse_conn_info_opts)(ENV_ & (struct fuse_args)FUSE_ARGS_INIT(0, NULL));
    CHECK(connection->proto_major == 7);
    CHECK(config != NULL);
    CHECK(options != NULL);
    FN(apply_conn_info_opts)(ENV_ options, connection);
    CHECK(memcmp(&before, connection, sizeof before) == 0);
    end_from_within();
    return &seen.other_data;
}

static int fs_getattr(const char *path, struct fuse_stat *attributes, struct fuse3_file_info *info) {
    (void)path;
    (void)info;
    attributes->st_mode = 0040755;
    return 0;
}
#endif

static void fs_destroy(void *data) {
    CHECK(data == &seen.other_data);
    seen.destroys++;
}

static const OPERATIONS operations = {.getattr = fs_getattr, .init = fs_init, .destroy = fs_destroy};

/* ---- options --------------------------------------------------------------------------------------------------- */

struct taken {
    int number;
    char *word;
};

static int keep_all(void *data, const char *arg, int key, struct fuse_args *outargs) {
    (void)data;
    (void)arg;
    (void)key;
    (void)outargs;
    return 1;
}

static void test_options(void) {
    const struct fuse_opt templates[] = {
        {"number=%d", offsetof(struct taken, number), 0}, {"word=%s", offsetof(struct taken, word), 0}, FUSE_OPT_END};
    struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
    struct taken taken = {0};
    char *text = NULL;
    CHECK(OPT(opt_add_arg)(ENV_ & args, "program") == 0);
    CHECK(OPT(opt_add_arg)(ENV_ & args, "-onumber=5,other,word=five") == 0);
    CHECK(OPT(opt_insert_arg)(ENV_ & args, 1, "first") == 0);
    CHECK(OPT(opt_insert_arg)(ENV_ & args, 9, "nowhere") == -1);
    CHECK(args.argc == 3 && strcmp(args.argv[1], "first") == 0);
    CHECK(OPT(opt_parse)(ENV_ & args, &taken, templates, keep_all) == 0);
    CHECK(taken.number == 5 && taken.word && strcmp(taken.word, "five") == 0);
    CHECK(args.argc > 2 && strcmp(args.argv[0], "program") == 0);
    OPT(opt_free_args)(ENV_ & args);
    CHECK(args.argc == 0 && !args.argv);
    give_back(taken.word);
    CHECK(OPT(opt_add_opt)(ENV_ & text, "one") == 0 && OPT(opt_add_opt_escaped)(ENV_ & text, "a,b\\") == 0);
    CHECK(text && strcmp(text, "one,a\\,b\\\\") == 0);
    give_back(text);
    CHECK(OPT(opt_match)(ENV_ templates, "number=7") != 0);
    CHECK(OPT(opt_match)(ENV_ templates, "numbers=7") == 0);
}

static void test_text(void) {
    CHECK(FN(version)(ENV) == (FUSE_USE_VERSION < 30 ? 28 : 32));
#if FUSE_USE_VERSION < 30
    CHECK(FN(is_lib_option)(ENV_ "uid=5") != 0);
    CHECK(FN(is_lib_option)(ENV_ "no_such_option") == 0);
#else
    CHECK(strcmp(FN(pkgversion)(ENV), "3.2") == 0);
    FN(lib_help)(ENV_ & (struct fuse_args)FUSE_ARGS_INIT(0, NULL));
#endif
    CHECK(fsp_fuse_ntstatus_from_errno(&env, 0) == 0);
    CHECK(fsp_fuse_ntstatus_from_errno(&env, ENOENT) == (int32_t)0xc0000034);
    CHECK(fsp_fuse_ntstatus_from_errno(&env, EACCES) == (int32_t)0xc0000022);
    CHECK(fsp_fuse_ntstatus_from_errno(&env, ENOTEMPTY) == (int32_t)0xc0000101);
}

#if FUSE_USE_VERSION < 30
static void test_command_line(void) {
    char *words[] = {"program", "-s", "-f", "-ovolname=x", "Z:", NULL}, *two[] = {"program", "Y:", "Z:", NULL};
    struct fuse_args args = FUSE_ARGS_INIT(5, words), wrong = FUSE_ARGS_INIT(3, two), again = FUSE_ARGS_INIT(5, words);
    char *mount_point = NULL;
    int several = -1, foreground = -1;
    CHECK(FN(parse_cmdline)(ENV_ & args, &mount_point, &several, &foreground) == 0);
    CHECK(mount_point && strcmp(mount_point, "Z:") == 0 && several == 0 && foreground == 1);
    give_back(mount_point);
    CHECK(args.argc == 3); /* program, -o and what it has */
    OPT(opt_free_args)(ENV_ & args);
    CHECK(FN(parse_cmdline)(ENV_ & again, NULL, NULL, NULL) == 0);
    OPT(opt_free_args)(ENV_ & again);
    mount_point = NULL;
    CHECK(FN(parse_cmdline)(ENV_ & wrong, &mount_point, &several, &foreground) == -1);
    CHECK(!mount_point);
    OPT(opt_free_args)(ENV_ & wrong);
}
#endif

/* ---- the life of a file system --------------------------------------------------------------------------------- */

/* Which of the functions that do the same a life goes through. */
enum way { PLAIN, THREADS, OTHER };

#if FUSE_USE_VERSION < 30
static void live(enum way way, struct fuse_args *args) {
    struct fuse_chan *channel = FN(mount)(ENV_ place, args);
    CHECK(channel != NULL);
    FILE_SYSTEM *fuse = seen.expected = FN(new)(ENV_ channel, args, &operations, sizeof operations, &seen.data);
    CHECK(fuse != NULL);
    CHECK(FN(exited)(ENV_ fuse) == 0);
    CHECK(FN(notify)(ENV_ fuse, "/nothing", FUSE_NOTIFY_TRUNCATE) == 0); /* nothing is cached of it */
    CHECK((way == PLAIN ? FN(loop)(ENV_ fuse) : FN(loop_mt)(ENV_ fuse)) == 0);
    CHECK(FN(exited)(ENV_ fuse) != 0);
    FN(unmount)(ENV_ place, channel);
    FN(destroy)(ENV_ fuse);
}

static void test_refused(void) {
    char *words[] = {"program", "-ono_such_option", NULL};
    struct fuse_args args = FUSE_ARGS_INIT(2, words);
    CHECK(FN(new)(ENV_ NULL, &args, &operations, sizeof operations, NULL) == NULL);
    OPT(opt_free_args)(ENV_ & args);
    FN(unmount)(ENV_ NULL, NULL);
    FN(exit)(ENV_ NULL);
    FN(destroy)(ENV_ NULL);
    CHECK(FN(exited)(ENV_ NULL) != 0);
    CHECK(FN(loop)(ENV_ NULL) == -1 && FN(loop_mt)(ENV_ NULL) == -1);
    CHECK(FN(notify)(ENV_ NULL, "/", FUSE_NOTIFY_TRUNCATE) < 0);
    FILE_SYSTEM *without = FN(new)(ENV_ NULL, NULL, NULL, sizeof operations, NULL);
    CHECK(without != NULL);
    CHECK(FN(notify)(ENV_ without, NULL, FUSE_NOTIFY_TRUNCATE) < 0);
    FN(destroy)(ENV_ without);
}
#else
static void live(enum way way, struct fuse_args *args) {
    FILE_SYSTEM *fuse = way == OTHER ? FN(new_30)(ENV_ args, &operations, sizeof operations, &seen.data)
                                     : FN(new)(ENV_ args, &operations, sizeof operations, &seen.data);
    CHECK(fuse != NULL);
    seen.expected = fuse;
    CHECK(FN(mount)(ENV_ fuse, place) == 0);
    if (way == PLAIN)
        CHECK(FN(loop)(ENV_ fuse) == 0);
    else
        CHECK((way == THREADS ? FN(loop_mt)(ENV_ fuse, NULL) : FN(loop_mt_31)(ENV_ fuse, 1)) == 0);
    FN(unmount)(ENV_ fuse);
    FN(destroy)(ENV_ fuse);
}

static void test_refused(void) {
    char *words[] = {"program", "-ono_such_option", NULL};
    struct fuse_args args = FUSE_ARGS_INIT(2, words);
    CHECK(FN(new)(ENV_ & args, &operations, sizeof operations, NULL) == NULL);
    OPT(opt_free_args)(ENV_ & args);
    FN(unmount)(ENV_ NULL);
    FN(exit)(ENV_ NULL);
    FN(destroy)(ENV_ NULL);
    CHECK(FN(mount)(ENV_ NULL, place) == -1);
    CHECK(FN(loop)(ENV_ NULL) == -1 && FN(loop_mt)(ENV_ NULL, NULL) == -1);
    FILE_SYSTEM *without = FN(new)(ENV_ NULL, NULL, sizeof operations, NULL);
    CHECK(without != NULL);
    FN(destroy)(ENV_ without);
}
#endif

static void test_life(enum way way, _Bool by_signal) {
    char *words[] = {"program", "-oattr_timeout=0", NULL};
    struct fuse_args args = FUSE_ARGS_INIT(2, words);
    seen.inits = seen.destroys = 0;
    seen.by_signal = by_signal;
    live(way, &args);
    CHECK(seen.inits == 1 && seen.destroys == 1);
    OPT(opt_free_args)(ENV_ & args);
    CHECK(FN(get_context)(ENV) != NULL); /* outside of operations, too */
}

static void test_main(void) {
    char mount_point[256], *version[] = {"program", "-V", NULL},
                           *unknown[] = {"program", "-ono_such_option", "Z:", NULL},
                           *whole[] = {"program", "-f", mount_point, NULL};
    CHECK(FN(main_real)(ENV_ 2, version, &operations, sizeof operations, NULL) == 0);
    CHECK(FN(main_real)(ENV_ 3, unknown, &operations, sizeof operations, NULL) != 0);
    snprintf(mount_point, sizeof mount_point, "%s", place);
    seen.inits = seen.destroys = 0;
    seen.by_signal = 0;
    seen.expected = NULL;
    CHECK(FN(main_real)(ENV_ 3, whole, &operations, sizeof operations, &seen.data) == 0);
    CHECK(seen.inits == 1 && seen.destroys == 1);
}

int main(int argc, char *argv[]) {
    if (argc != 2)
        return 2;
    place = argv[1];
#ifndef WITHOUT_ENV
    has_env = 1;
#endif
    test_options();
    test_text();
#if FUSE_USE_VERSION < 30
    test_command_line();
#endif
    test_refused();
    test_life(PLAIN, 0);
    test_life(THREADS, 0);
    test_life(OTHER, 1);
    test_main();
    CHECK(allocated == 0); /* what the caller's functions allocate is freed by them */
    printf("fuse-contracts: %d failures\n", failures);
    return failures > 0;
}
