/* SPDX-License-Identifier: MIT */
/* What the catcher knows of silos and of files, with a mount namespace and an overlayfs of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "catcher/tables.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/paths.h"

#define STAGE "/tmp" /* covered, in the test's own mount namespace */

static bool own_mounts;

#define NEEDS_OWN_MOUNTS()                                                                                             \
    (void)state;                                                                                                       \
    if (!own_mounts)                                                                                                   \
    skip()

static uint64_t own_namespace(void) {
    struct stat status;
    assert_int_equal(stat("/proc/self/ns/mnt", &status), 0);
    return status.st_ino;
}

static void serve(uint64_t mount_namespace, uint64_t silo, enum catcher_what what) {
    struct stat status;
    assert_int_equal(stat(STAGE, &status), 0);
    table_serve(&(struct catcher_message){.what = what,
                                          .mount_namespace = mount_namespace,
                                          .silo = silo,
                                          .device_major = major(status.st_dev),
                                          .device_minor = minor(status.st_dev)});
}

/* A process with a mount namespace of its own, in which the folder of silo 7 is at its place where `with_folder`. */
static pid_t process_elsewhere(bool with_folder) {
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (unshare(CLONE_NEWNS) == 0 &&
            (!with_folder || (mount("dev", "/dev", "tmpfs", 0, NULL) == 0 && mkdir(LINFSP_DEVICE_DIR, 0755) == 0 &&
                              mount(STAGE "/silos/7", LINFSP_DEVICE_DIR, NULL, MS_BIND, NULL) == 0)))
            raise(SIGSTOP);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    return pid;
}

static void process_ends(pid_t pid) {
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void who_is_served(void **state) {
    NEEDS_OWN_MOUNTS();
    uint64_t mine = own_namespace();
    pid_t stranger = process_elsewhere(false), nested = process_elsewhere(true);
    assert_int_equal(table_serves(getpid()), SERVED_NOT);
    assert_int_equal(table_silo_namespace(getpid()), 0);
    serve(mine, 7, CATCHER_FORGET); /* nobody */
    serve(mine, 7, CATCHER_SERVE);
    assert_int_equal(table_serves(getpid()), SERVED);
    assert_int_equal(table_silo_namespace(getpid()), mine);
    assert_int_equal(table_serves(stranger), SERVED_NOT);
    assert_int_equal(table_serves(nested), SERVED_NESTED);
    assert_int_equal(table_silo_namespace(nested), mine);
    assert_int_equal(table_silo(nested), 7);
    assert_int_equal(table_silo(stranger), 0);
    serve(mine, 8, CATCHER_SERVE); /* the number of the namespace is used again: another silo */
    assert_int_equal(table_serves(nested), SERVED_NOT);
    serve(mine, 8, CATCHER_FORGET);
    assert_int_equal(table_serves(getpid()), SERVED_NOT);
    process_ends(stranger);
    process_ends(nested);
}

static void so_many_a_second(void **state) {
    NEEDS_OWN_MOUNTS();
    unsigned followed = 0;
    assert_false(table_may_follow(getpid()));
    serve(own_namespace(), 7, CATCHER_SERVE);
    int64_t second = clock_ms() / 1000;
    while (clock_ms() / 1000 == second) /* a whole one */
        usleep(1000);
    for (int i = 0; i < 100; i++)
        followed += table_may_follow(getpid());
    if (clock_ms() / 1000 == second + 1)
        assert_int_equal(followed, 5);
    usleep(1000000);
    assert_true(table_may_follow(getpid()));
    serve(own_namespace(), 7, CATCHER_FORGET);
}

static void whose_memory_is_read(void **state) {
    NEEDS_OWN_MOUNTS();
    uint64_t mine = own_namespace();
    assert_false(table_may_read(mine)); /* it is nobody's */
    serve(mine, 7, CATCHER_SERVE);
    for (int i = 0; i < 1000; i++) {
        assert_true(table_may_read(mine));
        table_has_read(mine, 1, true);
    }
    table_has_read(mine, 150, true);
    assert_true(table_may_read(mine));
    table_has_read(mine, 150, true);
    assert_false(table_may_read(mine)); /* slow: not for some seconds */
    serve(mine, 8, CATCHER_SERVE);
    assert_true(table_may_read(mine));
    table_has_read(mine, 1, false);
    assert_false(table_may_read(mine));
    serve(mine, 8, CATCHER_SERVE); /* it is told anew */
    assert_false(table_may_read(mine));
    serve(mine, 8, CATCHER_FORGET);
    table_has_read(mine, 1, false); /* it has gone meanwhile */
}

static int opened(const char *path) {
    int file = open(path, O_PATH | O_CLOEXEC);
    assert_true(file >= 0);
    return file;
}

static void what_a_file_is(void **state) {
    NEEDS_OWN_MOUNTS();
    _cleanup_close_ int file = opened(STAGE "/lower/library"), other = opened(STAGE "/lower/helper"),
                        null = opened("/dev/null");
    assert_int_equal(table_kind(file), CATCHER_HELPER); /* it is not known */
    table_unmark(file);
    table_mark(file, CATCHER_LIBRARY, 0, false);
    table_mark(other, CATCHER_UNMOUNTER, 0, false);
    assert_int_equal(table_kind(file), CATCHER_LIBRARY);
    assert_int_equal(table_kind(other), CATCHER_UNMOUNTER);
    assert_int_equal(table_silo_of_file(file), 0);
    table_mark(file, CATCHER_CHROOT, 9, false);
    assert_int_equal(table_silo_of_file(file), 9);
    assert_int_equal(table_kind(file), CATCHER_CHROOT);
    table_unmark(file);
    table_unmark(other);
    assert_int_equal(table_kind(other), CATCHER_HELPER);
    serve(own_namespace(), 7, CATCHER_SERVE);
    assert_true(table_is_ours(file)); /* the stage stands for the service's file system */
    assert_false(table_is_ours(null));
    serve(own_namespace(), 7, CATCHER_FORGET);
}

/* Whoever reads fanotify's question about a file on an overlayfs opens the layer's file, and would be asked about that,
 * too. */
static void a_file_and_its_layer(void **state) {
    NEEDS_OWN_MOUNTS();
    if (mount("overlay", STAGE "/merged", "overlay", 0,
              "lowerdir=" STAGE "/lower,upperdir=" STAGE "/upper,workdir=" STAGE "/work") < 0)
        skip();
    _cleanup_close_ int layer = opened(STAGE "/lower/library"), file = opened(STAGE "/merged/library"),
                        helper = opened(STAGE "/lower/helper"), shown = opened(STAGE "/merged/helper");
    assert_false(table_has_other_layer(file, false));
    table_mark(layer, CATCHER_LIBRARY_ALONE, 0, false);
    assert_true(table_has_other_layer(file, false));
    assert_false(table_has_other_layer(layer, false)); /* it is the marked one itself */
    table_unmark(layer);
    assert_false(table_has_other_layer(file, false));
    table_mark(file, CATCHER_LIBRARY, 0, false);
    assert_true(table_has_other_layer(layer, false));
    table_unmark(file);
    table_mark(helper, CATCHER_HELPER, 0, false); /* nobody is asked about its opening */
    assert_false(table_has_other_layer(shown, false));
    table_unmark(helper);
    assert_int_equal(umount2(STAGE "/merged", MNT_DETACH), 0);
}

static bool make_file(const char *path) {
    _cleanup_close_ int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    return file >= 0;
}

static bool make_stage(void) {
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("stage", STAGE, "tmpfs", 0, NULL) < 0)
        return false;
    const char *const folders[] = {"silos", "silos/7", "lower", "upper", "work", "merged"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char path[64];
        snprintf(path, sizeof path, STAGE "/%s", folders[i]);
        if (mkdir(path, 0755) < 0)
            return false;
    }
    return make_file(STAGE "/lower/library") && make_file(STAGE "/lower/helper");
}

int main(void) {
    own_mounts = geteuid() == 0 && make_stage();
    if (!own_mounts)
        fprintf(stderr, "no mount namespace of its own: nothing is tested\n");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_served),        cmocka_unit_test(so_many_a_second),
        cmocka_unit_test(whose_memory_is_read), cmocka_unit_test(what_a_file_is),
        cmocka_unit_test(a_file_and_its_layer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
