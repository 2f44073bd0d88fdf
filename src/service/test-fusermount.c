/* SPDX-License-Identifier: MIT */
/* That the last descriptor of an unmodified program's volume is closed is seen, and nothing is taken for that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "service/fusermount.h"
#include "service/service.h"
#include "service/volume.h"
#include "util/cleanup.h"
#include "util/paths.h"

#define VOLUMES 3

static struct service service;
static struct volume volumes[VOLUMES];
static unsigned closed[VOLUMES], unsure[VOLUMES];
static const char *why_not;

static void on_closed(struct volume *volume, bool certain) {
    (certain ? closed : unsure)[volume - volumes]++;
}

static void make_path(size_t i, char *path, size_t size) {
    snprintf(path, size, LINFSP_RUN_DIR "/private/volume-%llu", (unsigned long long)volumes[i].id);
}

/* As a server does at its end; a plain file is as good as a device node. */
static void open_and_close(size_t i) {
    char path[96];
    make_path(i, path, sizeof path);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    close(fd);
}

static int make_host(void **state) {
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("test", "/run", "tmpfs", 0, "mode=0755") < 0)
        why_not = "no mount namespace";
    else if (mkdir(LINFSP_RUN_DIR, 0755) < 0 || mkdir(LINFSP_RUN_DIR "/private", 0700) < 0)
        return -1;
    return 0;
}

static int set_up(void **state) {
    if (why_not)
        return 0;
    if (sd_event_new(&service.event) < 0)
        return -1;
    for (size_t i = 0; i < VOLUMES; i++) {
        char path[96];
        volumes[i] = (struct volume){.service = &service, .id = i + 1, .raw = true};
        closed[i] = unsure[i] = 0;
        make_path(i, path, sizeof path);
        close_fd(&(int){open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)});
        if (fusermount_watch(&volumes[i], on_closed) < 0)
            return -1;
    }
    return 0;
}

static int tear_down(void **state) {
    for (size_t i = 0; i < VOLUMES && !why_not; i++)
        fusermount_forget(&volumes[i]);
    sd_event_unref(service.event);
    return 0;
}

static void run_events(void) {
    while (sd_event_run(service.event, 0) > 0) {
    }
}

static void the_last_close_is_seen(void **state) {
    if (why_not)
        skip();
    open_and_close(1);
    run_events();
    assert_int_equal(closed[0], 0);
    assert_int_equal(closed[1], 1);
    assert_int_equal(closed[2], 0);
}

/* All nodes share one queue. Who makes it overflow ends nobody's volume. */
static void lost_events_are_no_close(void **state) {
    if (why_not)
        skip();
    unsigned room = 0;
    _cleanup_fclose_ FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%u", &room), 1);
    for (unsigned i = 0; i < room + 8; i++) /* one after the other: equal neighbours are one event */
        open_and_close(i % 2);
    run_events();
    assert_int_equal(closed[2], 0);
    assert_true(unsure[2] > 0);
    assert_true(closed[0] > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_last_close_is_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lost_events_are_no_close, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("fusermount", tests, make_host, NULL);
}
