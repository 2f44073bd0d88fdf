/* SPDX-License-Identifier: MIT */
/*
 * The protocol as it was recorded: numbers of types, sizes of messages, places of their members, and two messages. A
 * memfs that was started last week, and was built before that, speaks to today's service by these; so none of them
 * changes within a WIRE_VERSION. New messages are added. If this test fails, take the change back, or count
 * WIRE_VERSION up: running volumes then cannot outlive the upgrade.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "util/cleanup.h"
#include "wire/codec.h"

static const struct recorded_type {
    uint16_t number, type;
    size_t size;
} recorded_types[] = {
    {1, WIRE_CREATE_VOLUME, 5512},
    {2, WIRE_ATTACH_VOLUME, 40},
    {3, WIRE_UNMOUNT, 4128},
    {4, WIRE_LIST_VOLUMES, 16},
    {5, WIRE_LIST_SILOS, 16},
    {6, WIRE_GET_STATUS, 16},
    {7, WIRE_STOP, 16},
    {8, WIRE_RESOLVE_PREFIX, 4112},
    {9, WIRE_OPEN_BACKING, 24},
    {10, WIRE_CLOSE_BACKING, 32},
    {11, WIRE_FUSERMOUNT, 6168},
    {12, WIRE_SHARE, 4624},
    {13, WIRE_UNSHARE, 4624},
    {14, WIRE_PREPARE_SILO, 4120},
    {20, WIRE_RELOAD, 16},
    {21, WIRE_ASK_POLICY, 792},
    {22, WIRE_WATCH_EVENTS, 16},
    {23, WIRE_LIST_OPENED, 16},
    {24, WIRE_OFFER_CLASSES, 4112},
    {25, WIRE_START_FAILED, 528},
    {26, WIRE_HOLD_VOLUME, 88},
    {27, WIRE_TAKE_OVER, 4176},
    {28, WIRE_HAND_OVER, 4176},
    {64, WIRE_ERROR, 1048},
    {65, WIRE_DONE, 16},
    {66, WIRE_VOLUME_CREATED, 4704},
    {67, WIRE_VOLUME, 5384},
    {68, WIRE_SILO, 504},
    {69, WIRE_STATUS, 456},
    {70, WIRE_BACKING_OPENED, 24},
    {80, WIRE_VERDICT, 1112},
    {81, WIRE_EVENT, 6144},
    {82, WIRE_OPENED, 632},
    {83, WIRE_START_WANTED, 528},
    {84, WIRE_VOLUME_HELD, 24},
    {85, WIRE_HAND_OVER_BEGUN, 16},
    {96, WIRE_VOLUME_ENDED, 1048},
    {97, WIRE_HAND_OVER_WANTED, 16},
};

#define MEMBER(structure, member, offset, size)                                                                        \
    {                                                                                                                  \
#structure "." #member, offsetof(struct structure, member), sizeof(((struct structure *)0)->member), offset,   \
            size                                                                                                       \
    }

static const struct recorded_member {
    const char *name;
    size_t offset, size, recorded_offset, recorded_size;
} recorded_members[] = {
    MEMBER(wire_header, magic, 0, 4),
    MEMBER(wire_header, version, 4, 2),
    MEMBER(wire_header, type, 6, 2),
    MEMBER(wire_header, size, 8, 4),
    MEMBER(wire_header, serial, 12, 4),
    MEMBER(wire_init, flags, 0, 8),
    MEMBER(wire_init, minor, 8, 4),
    MEMBER(wire_init, max_readahead, 12, 4),
    MEMBER(wire_init, max_write, 16, 4),
    MEMBER(wire_init, time_gran, 20, 4),
    MEMBER(wire_init, max_background, 24, 2),
    MEMBER(wire_init, congestion_threshold, 26, 2),
    MEMBER(wire_init, max_pages, 28, 2),
    MEMBER(wire_init, request_timeout, 30, 2),
    MEMBER(wire_init, max_stack_depth, 32, 4),
    MEMBER(wire_create_volume, flags, 16, 4),
    MEMBER(wire_create_volume, clones, 20, 4),
    MEMBER(wire_create_volume, init, 24, 40),
    MEMBER(wire_create_volume, letter, 64, 4),
    MEMBER(wire_create_volume, root_mode, 68, 4),
    MEMBER(wire_create_volume, file_system_name, 72, 64),
    MEMBER(wire_create_volume, source, 136, 512),
    MEMBER(wire_create_volume, prefix, 648, 512),
    MEMBER(wire_create_volume, mount_point, 1160, 4096),
    MEMBER(wire_create_volume, made_name, 5256, 256),
    MEMBER(wire_volume_created, volume, 16, 8),
    MEMBER(wire_volume_created, cookie, 24, 16),
    MEMBER(wire_volume_created, owner_uid, 40, 4),
    MEMBER(wire_volume_created, owner_gid, 44, 4),
    MEMBER(wire_volume_created, init, 48, 40),
    MEMBER(wire_volume_created, mount_point, 88, 4096),
    MEMBER(wire_volume_created, unc_path, 4184, 520),
    MEMBER(wire_attach_volume, volume, 16, 8),
    MEMBER(wire_attach_volume, cookie, 24, 16),
    MEMBER(wire_hold_volume, volume, 16, 8),
    MEMBER(wire_hold_volume, state_size, 24, 8),
    MEMBER(wire_hold_volume, init, 32, 40),
    MEMBER(wire_hold_volume, seconds, 72, 4),
    MEMBER(wire_hold_volume, fds, 76, 4),
    MEMBER(wire_hold_volume, has_state, 80, 4),
    MEMBER(wire_volume_held, seconds, 16, 4),
    MEMBER(wire_take_over, file_system_name, 16, 64),
    MEMBER(wire_take_over, target, 80, 4096),
    MEMBER(wire_unmount, volume, 16, 8),
    MEMBER(wire_unmount, target, 24, 4096),
    MEMBER(wire_unmount, force, 4120, 4),
    MEMBER(wire_unmount, flags, 4124, 4),
    MEMBER(wire_resolve_prefix, prefix, 16, 4096),
    MEMBER(wire_open_backing, volume, 16, 8),
    MEMBER(wire_close_backing, volume, 16, 8),
    MEMBER(wire_close_backing, backing_id, 24, 4),
    MEMBER(wire_fusermount, flags, 16, 4),
    MEMBER(wire_fusermount, options, 24, 2048),
    MEMBER(wire_fusermount, mount_point, 2072, 4096),
    MEMBER(wire_share, prefix, 16, 512),
    MEMBER(wire_share, mount_point, 528, 4096),
    MEMBER(wire_offer_classes, classes, 16, 4096),
    MEMBER(wire_start, prefix, 16, 512),
    MEMBER(wire_prepare_silo, pid, 16, 4),
    MEMBER(wire_prepare_silo, rootfs, 24, 4096),
    MEMBER(wire_ask_policy, what, 16, 4),
    MEMBER(wire_ask_policy, uid, 20, 4),
    MEMBER(wire_ask_policy, silo, 24, 256),
    MEMBER(wire_ask_policy, prefix, 280, 512),
    MEMBER(wire_verdict, allowed, 16, 4),
    MEMBER(wire_verdict, read_only, 20, 4),
    MEMBER(wire_verdict, rule, 24, 64),
    MEMBER(wire_verdict, why, 88, 1024),
    MEMBER(wire_event, time, 16, 8),
    MEMBER(wire_event, volume, 24, 8),
    MEMBER(wire_event, refused, 32, 4),
    MEMBER(wire_event, lost, 36, 4),
    MEMBER(wire_event, uid, 40, 4),
    MEMBER(wire_event, pid, 44, 4),
    MEMBER(wire_event, kind, 48, 64),
    MEMBER(wire_event, silo, 112, 80),
    MEMBER(wire_event, engine, 192, 64),
    MEMBER(wire_event, name, 256, 256),
    MEMBER(wire_event, prefix, 512, 512),
    MEMBER(wire_event, mount_point, 1024, 4096),
    MEMBER(wire_event, text, 5120, 1024),
    MEMBER(wire_error, error, 16, 4),
    MEMBER(wire_error, message, 24, 1024),
    MEMBER(wire_volume, id, 16, 8),
    MEMBER(wire_volume, since, 24, 8),
    MEMBER(wire_volume, server_pid, 32, 4),
    MEMBER(wire_volume, owner_uid, 36, 4),
    MEMBER(wire_volume, fuse_device, 40, 4),
    MEMBER(wire_volume, attached, 44, 4),
    MEMBER(wire_volume, silo, 48, 80),
    MEMBER(wire_volume, file_system_name, 128, 64),
    MEMBER(wire_volume, transport, 192, 64),
    MEMBER(wire_volume, mount_point, 256, 4096),
    MEMBER(wire_volume, prefix, 4352, 512),
    MEMBER(wire_volume, unc_path, 4864, 520),
    MEMBER(wire_opened, volume, 16, 8),
    MEMBER(wire_opened, since, 24, 8),
    MEMBER(wire_opened, uid, 32, 4),
    MEMBER(wire_opened, mounted, 36, 4),
    MEMBER(wire_opened, silo, 40, 80),
    MEMBER(wire_opened, prefix, 120, 512),
    MEMBER(wire_silo, since, 16, 8),
    MEMBER(wire_silo, init_pid, 24, 4),
    MEMBER(wire_silo, volumes, 28, 4),
    MEMBER(wire_silo, user_namespace, 32, 4),
    MEMBER(wire_silo, id, 40, 80),
    MEMBER(wire_silo, engine, 120, 64),
    MEMBER(wire_silo, name, 184, 256),
    MEMBER(wire_silo, state, 440, 64),
    MEMBER(wire_status, since, 16, 8),
    MEMBER(wire_status, resident_bytes, 24, 8),
    MEMBER(wire_status, cpu_ns, 32, 8),
    MEMBER(wire_status, pid, 40, 4),
    MEMBER(wire_status, silos, 44, 4),
    MEMBER(wire_status, volumes, 48, 4),
    MEMBER(wire_status, shares, 52, 4),
    MEMBER(wire_status, injections, 56, 8),
    MEMBER(wire_status, failures, 64, 8),
    MEMBER(wire_status, version, 72, 64),
    MEMBER(wire_status, unc_root, 136, 256),
    MEMBER(wire_status, monitor, 392, 64),
    MEMBER(wire_backing_opened, backing_id, 16, 4),
    MEMBER(wire_volume_ended, volume, 16, 8),
    MEMBER(wire_volume_ended, reason, 24, 1024),
};

static void numbers_and_sizes_are_those_recorded(void **state) {
    assert_int_equal(WIRE_VERSION, 1);
    for (size_t i = 0; i < ARRAY_SIZE(recorded_types); i++) {
        assert_int_equal(recorded_types[i].type, recorded_types[i].number);
        if (wire_size_of(recorded_types[i].type) != recorded_types[i].size)
            fail_msg("%s has %zu bytes; recorded were %zu", wire_type_name(recorded_types[i].type),
                     wire_size_of(recorded_types[i].type), recorded_types[i].size);
    }
}

static void every_type_is_recorded(void **state) {
    for (unsigned type = 0; type <= UINT16_MAX; type++) {
        size_t found = 0;
        for (size_t i = 0; i < ARRAY_SIZE(recorded_types); i++)
            found += recorded_types[i].number == type;
        assert_int_equal(found, wire_size_of((uint16_t)type) != 0);
    }
}

static void members_are_where_they_were(void **state) {
    for (size_t i = 0; i < ARRAY_SIZE(recorded_members); i++) {
        const struct recorded_member *member = &recorded_members[i];
        if (member->offset != member->recorded_offset || member->size != member->recorded_size)
            fail_msg("%s is at %zu, %zu bytes; recorded was %zu, %zu", member->name, member->offset, member->size,
                     member->recorded_offset, member->recorded_size);
    }
}

static void put(union wire_message *message, size_t at, uint64_t value, size_t size) {
    memcpy(message->bytes + at, &value, size); /* little-endian, as both architectures are */
}

/* What `memfs -F NTFS -m Y: -u //memfs/share` asks for. */
static void a_recorded_request_is_understood(void **state) {
    static union wire_message message;
    memset(&message, 0, sizeof message);
    put(&message, 0, 0x5046534c, 4);
    put(&message, 4, 1, 2);
    put(&message, 6, 1, 2);
    put(&message, 8, 5512, 4);
    put(&message, 12, 7, 4);
    put(&message, 20, 2, 4);
    put(&message, 24, 0x0000000400020000, 8);
    message.bytes[64] = 'y';
    put(&message, 68, 0777, 4);
    memcpy(message.bytes + 72, "NTFS", 4);
    memcpy(message.bytes + 648, "\\memfs\\share", 12);
    assert_int_equal(wire_check(&message, 5512, NULL), 0);
    const struct wire_create_volume *request = &message.create_volume;
    assert_int_equal(request->header.type, WIRE_CREATE_VOLUME);
    assert_int_equal(request->header.serial, 7);
    assert_int_equal(request->clones, 2);
    assert_true(request->init.flags == 0x0000000400020000);
    assert_string_equal(request->letter, "y");
    assert_int_equal(request->root_mode, 0777);
    assert_string_equal(request->file_system_name, "NTFS");
    assert_string_equal(request->prefix, "\\memfs\\share");
}

/* A server that was started before the service was replaced shows its cookie to the next one. */
static void a_recorded_cookie_is_understood(void **state) {
    static union wire_message message;
    memset(&message, 0, sizeof message);
    put(&message, 0, 0x5046534c, 4);
    put(&message, 4, 1, 2);
    put(&message, 6, 2, 2);
    put(&message, 8, 40, 4);
    put(&message, 12, 9, 4);
    put(&message, 16, 45, 8);
    memcpy(message.bytes + 24, "0123456789abcdef", 16);
    assert_int_equal(wire_check(&message, 40, NULL), 0);
    assert_int_equal(message.header.type, WIRE_ATTACH_VOLUME);
    assert_true(message.attach_volume.volume == 45);
    assert_memory_equal(message.attach_volume.cookie, "0123456789abcdef", 16);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_sizes_are_those_recorded), cmocka_unit_test(every_type_is_recorded),
        cmocka_unit_test(members_are_where_they_were),          cmocka_unit_test(a_recorded_request_is_understood),
        cmocka_unit_test(a_recorded_cookie_is_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
