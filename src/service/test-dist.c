/* SPDX-License-Identifier: MIT */
/* What is put into silos: the same file while its content is the same, and open whoever links to it. In a mount
 * namespace of its own, with a /run that is nobody else's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "service/dist.h"
#include "util/cleanup.h"
#include "util/paths.h"

#define PROGRAM LINFSP_RUN_DIR "/dist/bin/program"
#define BEFORE LINFSP_RUN_DIR "/dist/before"
#define SILO LINFSP_RUN_DIR "/program-of-a-silo"

static bool ready;
static sd_event *event;
static struct dist *dist;

static void put(const char *content) {
    FILE *file = fopen("/run/from/bin/program", "we");
    assert_non_null(file);
    fputs(content, file);
    assert_int_equal(fclose(file), 0);
}

static void only_the_helper_is_set_user_id(void **state) {
    struct stat status;
    if (!ready)
        skip();
    FILE *file = fopen("/run/from/bin/fusermount3", "we");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    dist_free(dist);
    assert_int_equal(dist_new(event, "/run/from", &dist), 0);
    assert_int_equal(stat(LINFSP_RUN_DIR "/dist/bin/fusermount3", &status), 0);
    assert_int_equal(status.st_mode & 07777, 04755);
    assert_int_equal(stat(LINFSP_RUN_DIR "/dist/bin/program", &status), 0);
    assert_int_equal(status.st_mode & 07777, 0755);
}

static int make_run(void **state) {
    ready = geteuid() == 0 && unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
    return 0;
}

static int set_up(void **state) {
    if (!ready)
        return 0;
    if (mount("run", "/run", "tmpfs", 0, NULL) < 0 || mkdir(LINFSP_RUN_DIR, 0755) < 0 || mkdir("/run/from", 0755) < 0 ||
        mkdir("/run/from/bin", 0755) < 0 || sd_event_new(&event) < 0)
        return -1;
    put("first");
    return dist_new(event, "/run/from", &dist);
}

static int tear_down(void **state) {
    if (!ready)
        return 0;
    dist_free(dist);
    event = sd_event_unref(event);
    return umount2("/run", MNT_DETACH);
}

static void start_anew(void) {
    dist_free(dist);
    assert_int_equal(dist_new(event, "/run/from", &dist), 0);
}

static ino_t inode_of(const char *path) {
    struct stat status;
    return stat(path, &status) < 0 ? 0 : status.st_ino;
}

static bool is_kept(ino_t inode) {
    char path[128];
    snprintf(path, sizeof path, BEFORE "/%llu", (unsigned long long)inode);
    return inode_of(path) == inode;
}

static int take_lease(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    if (fcntl(fd, F_SETLEASE, F_WRLCK) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

static void the_same_content_is_the_same_file(void **state) {
    if (!ready)
        skip();
    ino_t inode = inode_of(PROGRAM);
    struct stat status;
    assert_int_equal(stat(PROGRAM, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0755);
    assert_int_equal(status.st_size, strlen("first"));
    start_anew();
    assert_true(inode_of(PROGRAM) == inode);
    assert_int_equal(take_lease(PROGRAM), -EAGAIN);
}

static void other_content_is_another_file(void **state) {
    if (!ready)
        skip();
    ino_t first = inode_of(PROGRAM);
    assert_int_equal(link(PROGRAM, SILO), 0);
    put("other"); /* of the same size */
    for (int i = 0; i < 2; i++) { /* the second one finds nothing to do, and what was kept */
        start_anew();
        assert_true(inode_of(PROGRAM) != first);
        assert_true(inode_of(SILO) == first && is_kept(first));
        assert_int_equal(take_lease(SILO), -EAGAIN);
        assert_int_equal(take_lease(PROGRAM), -EAGAIN);
    }
    assert_int_equal(unlink(SILO), 0); /* the silo has gone */
    start_anew();
    assert_false(is_kept(first));
}

static void what_no_silo_has_is_not_kept(void **state) {
    if (!ready)
        skip();
    ino_t first = inode_of(PROGRAM);
    put("longer than the first");
    start_anew();
    assert_false(is_kept(first));
}

/* A lease from a time without a service: broken at once, waited for by nobody, and the file is held in the end. */
static void a_lease_is_broken(void **state) {
    if (!ready)
        skip();
    assert_int_equal(link(PROGRAM, SILO), 0);
    ino_t first = inode_of(SILO);
    dist_free(dist);
    dist = NULL;
    signal(SIGIO, SIG_IGN);
    _cleanup_close_ int lease = take_lease(SILO);
    assert_true(lease >= 0);
    assert_int_equal(dist_new(event, "/run/from", &dist), 0);
    assert_true(inode_of(PROGRAM) != first && is_kept(first));
    assert_int_equal(fcntl(lease, F_GETLEASE), F_RDLCK); /* what it may be after the break, which is under way */
    close_fd(&lease);
    assert_true(sd_event_run(event, 20000000) > 0); /* it is tried again */
    assert_int_equal(take_lease(SILO), -EAGAIN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(the_same_content_is_the_same_file), TEST(only_the_helper_is_set_user_id),
                                       TEST(other_content_is_another_file), TEST(what_no_silo_has_is_not_kept),
                                       TEST(a_lease_is_broken)};
    return cmocka_run_group_tests(tests, make_run, NULL);
}
