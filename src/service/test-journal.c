/* SPDX-License-Identifier: MIT */
/* The journal and workers' intents on a tmpfs of the test's own: what is written is read back, whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "service/folder.h"
#include "service/intent.h"
#include "service/journal.h"
#include "service/silo.h"
#include "service/volume.h"
#include "util/cleanup.h"
#include "util/paths.h"

#define ENTRY LINFSP_RUN_DIR "/journal/volume-7"

static bool ready;

static int set_up(void **state) {
    ready = geteuid() == 0 && unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
            mount("test", "/run", "tmpfs", 0, "mode=0755") == 0 && mkdir(LINFSP_RUN_DIR, 0755) == 0 &&
            mount("test", LINFSP_RUN_DIR, "tmpfs", 0, "mode=0755,size=64k") == 0 && journal_open() == 0;
    return 0;
}

static struct volume a_volume(void) {
    struct volume volume = {.id = 7, .silo = 1234567890123, .fuse_device = 41, .mount_id = 99, .letters_mount_id = 98};
    volume.peer = (struct ucred){.pid = 4711, .uid = 1000, .gid = 100};
    volume.owner_uid = 1000;
    volume.owner_gid = 100;
    volume.server_start = 31337;
    volume.allow_other = true;
    memset(volume.cookie, 0xa5, sizeof volume.cookie);
    snprintf(volume.file_system_name, sizeof volume.file_system_name, "NTFS");
    snprintf(volume.mount_point, sizeof volume.mount_point, "/mnt/with a blank");
    snprintf(volume.made.name, sizeof volume.made.name, "with a blank");
    return volume;
}

static bool read_back(struct volume *ret_volume) {
    _cleanup_fclose_ FILE *file = fopen(ENTRY, "re");
    memset(ret_volume, 0, sizeof *ret_volume);
    return file && journal_parse_volume(file, ret_volume);
}

static void a_volume_is_read_back(void **state) {
    if (!ready)
        skip();
    struct volume volume = a_volume(), found;
    assert_int_equal(journal_put_volume(&volume), 0);
    assert_true(read_back(&found));
    assert_true(found.silo == volume.silo && found.fuse_device == 41 && found.mount_id == 99);
    assert_true(found.letters_mount_id == 98 && found.server_start == 31337 && found.allow_other && !found.raw);
    assert_true(found.peer.pid == 4711 && found.peer.uid == 1000 && found.peer.gid == 100);
    assert_memory_equal(found.cookie, volume.cookie, sizeof volume.cookie);
    assert_string_equal(found.file_system_name, "NTFS");
    assert_string_equal(found.mount_point, "/mnt/with a blank");
    assert_string_equal(found.made.name, "with a blank");
    assert_string_equal(found.prefix, "");
    assert_false(found.was_ending);
    volume.state = VOLUME_ENDING;
    assert_int_equal(journal_put_volume(&volume), 0);
    assert_true(read_back(&found));
    assert_true(found.was_ending);
    journal_drop_volume(&volume);
    assert_false(read_back(&found));
}

/* There is no room for the new text, which is longer than a buffer of stdio: the entry is as it was. */
static void a_short_write_changes_nothing(void **state) {
    if (!ready)
        skip();
    static char block[4096];
    struct volume volume = a_volume(), found;
    assert_int_equal(journal_put_volume(&volume), 0);
    _cleanup_close_ int filler = open(LINFSP_RUN_DIR "/filler", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    while (write(filler, block, sizeof block) > 0) {
    }
    memset(volume.mount_point, 'x', sizeof volume.mount_point - 1);
    volume.fuse_device = 42;
    assert_int_equal(journal_put_volume(&volume), -ENOSPC);
    assert_true(read_back(&found));
    assert_int_equal(found.fuse_device, 41);
    assert_string_equal(found.mount_point, "/mnt/with a blank");
    assert_int_equal(access(ENTRY ".new", F_OK), -1);
    close_fd(&filler);
    assert_int_equal(unlink(LINFSP_RUN_DIR "/filler"), 0);
    assert_int_equal(journal_put_volume(&volume), 0);
    assert_true(read_back(&found));
    assert_int_equal(found.fuse_device, 42);
    journal_drop_volume(&volume);
}

static struct volume intent_of(const char *text) {
    struct volume volume = {.id = 7};
    int fd = open(LINFSP_RUN_DIR "/journal/intent-7", O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    intent_read(&volume);
    return volume;
}

static void an_intent_tells_what_there_may_be(void **state) {
    if (!ready)
        skip();
    static const char begun[] = "silo 5 raw 0 letter 1 uid 1000 gid 100\nmount 41 99\n";
    char text[256];
    struct volume volume = intent_of(begun);
    assert_true(volume.silo == 5 && volume.fuse_device == 41 && volume.mount_id == 99 && volume.made.by_service);
    assert_string_equal(volume.made.name, "");
    snprintf(text, sizeof text, "%sletters 98\nfolder\nmade z\n", begun);
    volume = intent_of(text);
    assert_true(volume.letters_mount_id == 98 && volume.made.letters_too);
    assert_string_equal(volume.made.name, "z");
    assert_string_equal(volume.mount_point, "/mnt/z");
    snprintf(text, sizeof text, "%smade z", begun); /* half written: it was not begun */
    volume = intent_of(text);
    assert_string_equal(volume.made.name, "");
    snprintf(text, sizeof text, "%sfound z\n", begun);
    volume = intent_of(text);
    assert_string_equal(volume.made.name, "");
    assert_string_equal(volume.mount_point, "/mnt/z");
    intent_drop(7);
    assert_int_equal(access(LINFSP_RUN_DIR "/journal/intent-7", F_OK), -1);
}

static bool parses_silo(const char *text, struct silo_record *ret_record) {
    _cleanup_fclose_ FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    return journal_parse_silo(77, file, ret_record);
}

static void silos_of_both_versions(void **state) {
    struct silo_record record;
    assert_true(parses_silo("init 5 start 6 since 7 namespace 8 9 sole 1\n", &record));
    assert_true(record.number == 77 && record.init == 5 && record.init_start == 6 && record.since == 7);
    assert_true(record.mount_namespace.inode == 8 && record.mount_namespace.id == 9 && record.sole_init);
    assert_false(record.unc_waits);
    assert_true(parses_silo("init 5 start 6 since 7 namespace 8 9 sole 1 unc 1\n", &record));
    assert_true(record.mount_namespace.id == 9 && record.unc_waits);
    assert_true(parses_silo("init 5 start 6 since 7\n", &record));
    assert_int_equal(record.mount_namespace.inode, 77);
    assert_false(parses_silo("init 5 start 6 since 7 namespace 8\n", &record));
    assert_false(parses_silo("garbage\n", &record));
}

static bool parses_name(const char *text, struct name_record *ret_record) {
    _cleanup_fclose_ FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    return journal_parse_name(file, ret_record);
}

static void names_of_both_versions(void **state) {
    struct name_record record;
    assert_true(parses_name("folder 1 volume 2 child 0 since 3 uid 1000\nname a b\n", &record));
    assert_true(record.folder == 1 && record.volume == 2 && record.since == 3 && record.uid == 1000);
    assert_string_equal(record.text, "a b");
    assert_int_equal(record.opener, 0);
    assert_true(parses_name("folder 1 volume 2 child 0 since 3 uid 1000\nname a b\nopener 9\n", &record));
    assert_int_equal(record.opener, 9);
    assert_false(parses_name("folder 1 volume 2 child 0 since 3\nname a\n", &record));
}

static unsigned replays, shortages;

static int replay_when_there_is_memory(struct service *service, uint64_t key, FILE *file) {
    replays++;
    assert_int_equal(key, 7);
    return shortages && shortages-- ? -ENOMEM : 0;
}

/* An entry that could not be read is nothing that is not there: what is not known would be swept. */
static void a_shortage_loses_no_entry(void **state) {
    if (!ready)
        skip();
    struct volume volume = a_volume();
    struct rlimit limit;
    assert_int_equal(journal_put_volume(&volume), 0);
    replays = 0, shortages = 2;
    assert_int_equal(journal_read(NULL, "volume", replay_when_there_is_memory), 0);
    assert_int_equal(replays, 3);
    shortages = 1000;
    assert_int_equal(journal_read(NULL, "volume", replay_when_there_is_memory), -ENOMEM);
    shortages = 0;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){3, limit.rlim_max}), 0);
    int r = journal_read(NULL, "volume", replay_when_there_is_memory);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(r, -EMFILE);
    assert_int_equal(journal_read(NULL, "volume", replay_when_there_is_memory), 0);
    journal_drop_volume(&volume);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_volume_is_read_back),
        cmocka_unit_test(a_short_write_changes_nothing),
        cmocka_unit_test(an_intent_tells_what_there_may_be),
        cmocka_unit_test(silos_of_both_versions),
        cmocka_unit_test(names_of_both_versions),
        cmocka_unit_test(a_shortage_loses_no_entry),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
