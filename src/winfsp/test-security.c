/* SPDX-License-Identifier: MIT */
/* SIDs, descriptors, modes, SDDL. */
#include "winfsp/test-helpers.h"

#include "winfsp/security.h"
#include "winfsp/sid.h"

static void assert_sid(UINT32 uid, const char *text) {
    union fsp_sid sid;
    char is[200];
    fsp_sid_of_uid(uid, &sid);
    fsp_sid_text(&sid, is, sizeof is);
    assert_string_equal(is, text);
}

static void test_sids(void **state _unused_) {
    assert_sid(0, "S-1-5-0");
    assert_sid(18, "S-1-5-18");
    assert_sid(544, "S-1-5-32-544");
    assert_sid(1000, "S-1-5-1000");
    assert_sid(65534, "S-1-0-65534");
    assert_sid(0x10100, "S-1-1-0");
    assert_sid(0x301f4, "S-1-5-21-0-0-0-500");
    assert_sid(1001, "S-1-22-1-1001");
    for (UINT32 uid = 0; uid < 300000; uid++) { /* each number of Linux comes back */
        union fsp_sid sid;
        fsp_sid_of_uid(uid, &sid);
        assert_int_equal(fsp_uid_of_sid(&sid), uid);
    }
    UINT32 uid;
    union fsp_sid logon = {.sid = {1, 3, {{0, 0, 0, 0, 0, 5}}, {5}}};
    assert_status(FspPosixMapSidToUid(&logon, &uid), STATUS_SUCCESS);
    assert_int_equal(uid, 65534);
    assert_status(FspPosixMapSidToUid(NULL, &uid), STATUS_INVALID_SID);
    logon.bytes[0] = 2;
    assert_status(FspPosixMapSidToUid(&logon, &uid), STATUS_INVALID_SID);
}

static void test_uid_map(void **state _unused_) {
    PSID sid;
    UINT32 uid;
    union fsp_sid mapped;
    fsp_sid_make(5, 5, (UINT32[]){21, 1, 2, 3, 1104}, &mapped);
    UINT32 uids[] = {4711};
    PSID sids[] = {&mapped};
    assert_status(FspPosixSetUidMap(uids, sids, 1), STATUS_SUCCESS);
    assert_status(FspPosixMapUidToSid(4711, &sid), STATUS_SUCCESS);
    assert_true(fsp_sid_equal(sid, &mapped));
    FspDeleteSid(sid, (FSP_CREATOR *)FspPosixMapUidToSid);
    assert_status(FspPosixMapSidToUid(&mapped, &uid), STATUS_SUCCESS);
    assert_int_equal(uid, 4711);
    assert_status(FspPosixSetUidMap(uids, sids, 9), STATUS_INVALID_PARAMETER);
    assert_status(FspPosixSetUidMap(NULL, NULL, 0), STATUS_SUCCESS);
    assert_status(FspPosixMapSidToUid(&mapped, &uid), STATUS_SUCCESS);
    assert_int_not_equal(uid, 4711);
}

/* Every mode of files and directories, for owners that are and are not the group's number. */
static void test_modes(void **state _unused_) {
    for (UINT32 mode = 0; mode < 01000; mode++)
        for (unsigned i = 0; i < 4; i++) {
            PSECURITY_DESCRIPTOR descriptor;
            UINT32 uid, gid, back, type = i & 1 ? 0040000 : 0100000, group = i & 2 ? 1000 : 100;
            assert_status(FspPosixMapPermissionsToSecurityDescriptor(1000, group, mode | type, &descriptor),
                          STATUS_SUCCESS);
            assert_status(FspPosixMapSecurityDescriptorToPermissions(descriptor, &uid, &gid, &back), STATUS_SUCCESS);
            assert_int_equal(uid, 1000);
            assert_int_equal(gid, group);
            /* on a file nobody may delete children: one that others may write looks like a sticky directory */
            assert_int_equal(back & 0777, mode);
            if (i & 1)
                assert_int_equal(back & 01000, 0);
            FspDeleteSecurityDescriptor(descriptor, (FSP_CREATOR *)FspPosixMapPermissionsToSecurityDescriptor);
        }
}

static void test_sticky(void **state _unused_) {
    PSECURITY_DESCRIPTOR descriptor;
    UINT32 uid, gid, mode;
    FspPosixMapPermissionsToSecurityDescriptor(0, 0, 0041777, &descriptor);
    FspPosixMapSecurityDescriptorToPermissions(descriptor, &uid, &gid, &mode);
    assert_int_equal(mode, 01777);
    FspDeleteSecurityDescriptor(descriptor, (FSP_CREATOR *)FspPosixMapPermissionsToSecurityDescriptor);
}

static PSECURITY_DESCRIPTOR parse(const char *text) {
    PSECURITY_DESCRIPTOR descriptor;
    _cleanup_free_ PWSTR wide = fsp_utf8_to_wide_new(text);
    assert_status(FspLinuxParseSddl(wide, &descriptor), STATUS_SUCCESS);
    assert_true(fsp_descriptor_size(descriptor) > 0);
    return descriptor;
}

static void assert_mode(const char *sddl, UINT32 uid, UINT32 mode) {
    PSECURITY_DESCRIPTOR descriptor = parse(sddl);
    UINT32 is_uid, gid, is_mode;
    assert_status(FspPosixMapSecurityDescriptorToPermissions(descriptor, &is_uid, &gid, &is_mode), STATUS_SUCCESS);
    assert_int_equal(is_uid, uid);
    assert_int_equal(is_mode & 0777, mode);
    free(descriptor);
}

static void test_descriptors_to_modes(void **state _unused_) {
    assert_mode("O:BAG:BAD:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;WD)", 544, 0777);
    assert_mode("O:BAG:BUD:(A;;FA;;;BA)(A;;FRFX;;;BU)(A;;FR;;;AU)", 544, 0754);
    assert_mode("O:BAG:BUD:(D;;FW;;;WD)(A;;FA;;;WD)", 544, 0555);
    assert_mode("O:BAG:BUD:(A;;GR;;;WD)(A;OICIIO;GA;;;WD)", 544, 0444);
    assert_mode("O:BAG:BU", 544, 0777);
    assert_mode("O:BAG:BUD:", 544, 0);
    assert_mode("O:S-1-5-32-545G:BUD:(A;;0x1f01ff;;;S-1-1-0)", 545, 0777);
}

static void test_missing_owner(void **state _unused_) {
    PSECURITY_DESCRIPTOR descriptor = parse("G:BUD:(A;;FA;;;WD)");
    UINT32 uid, gid, mode;
    assert_status(FspPosixMapSecurityDescriptorToPermissions(descriptor, &uid, &gid, &mode), STATUS_INVALID_SID);
    PUINT32 optional = (PUINT32)((uintptr_t)&uid | 1);
    assert_status(FspPosixMapSecurityDescriptorToPermissions(descriptor, optional, &gid, &mode), STATUS_SUCCESS);
    assert_int_equal(uid, (UINT32)-1);
    free(descriptor);
}

static void test_sddl_refused(void **state _unused_) {
    static const char *const wrong[] = {
        "X",      "O:",      "O:ZZ",          "D:(", "D:(A;;ZZ;;;WD)", "D:(A;;FA;;;)", "D:(A;;FA;;;WD",
        "O:S-1-", "O:S-1-5", "D:(X;;FA;;;WD)"};
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        PSECURITY_DESCRIPTOR descriptor;
        _cleanup_free_ PWSTR wide = fsp_utf8_to_wide_new(wrong[i]);
        assert_status(FspLinuxParseSddl(wide, &descriptor), STATUS_INVALID_PARAMETER);
        assert_null(descriptor);
    }
}

static void test_set(void **state _unused_) {
    PSECURITY_DESCRIPTOR before = parse("O:BAG:BAD:(A;;FA;;;WD)"), change = parse("O:SYG:SYD:(A;;FR;;;WD)"), after;
    UINT32 uid, gid, mode;
    assert_status(FspSetSecurityDescriptor(before, DACL_SECURITY_INFORMATION, change, &after), STATUS_SUCCESS);
    FspPosixMapSecurityDescriptorToPermissions(after, &uid, &gid, &mode);
    assert_int_equal(uid, 544);
    assert_int_equal(mode, 0444);
    FspDeleteSecurityDescriptor(after, (FSP_CREATOR *)FspSetSecurityDescriptor);
    assert_status(FspSetSecurityDescriptor(before, OWNER_SECURITY_INFORMATION, change, &after), STATUS_SUCCESS);
    FspPosixMapSecurityDescriptorToPermissions(after, &uid, &gid, &mode);
    assert_int_equal(uid, 18);
    assert_int_equal(mode & 0777, 0777);
    FspDeleteSecurityDescriptor(after, (FSP_CREATOR *)FspSetSecurityDescriptor);
    assert_status(FspSetSecurityDescriptor(NULL, 1, change, &after), STATUS_NO_SECURITY_ON_OBJECT);
    free(before);
    free(change);
}

static void test_merge(void **state _unused_) {
    PSECURITY_DESCRIPTOR given = parse("O:SYD:(A;;FR;;;WD)"), merged;
    UINT32 uid, gid, mode;
    assert_status(FspPosixMergePermissionsToSecurityDescriptor(1000, 100, 0640, given, &merged), STATUS_SUCCESS);
    FspPosixMapSecurityDescriptorToPermissions(merged, &uid, &gid, &mode);
    assert_int_equal(uid, 18);
    assert_int_equal(gid, 100);
    assert_int_equal(mode, 0444);
    FspDeleteSecurityDescriptor(merged, (FSP_CREATOR *)FspPosixMergePermissionsToSecurityDescriptor);
    free(given);
}

/* Cut anywhere, a descriptor is refused, and nothing behind its end is read. */
static void test_malformed(void **state _unused_) {
    PSECURITY_DESCRIPTOR good = parse("O:BAG:BUD:(A;;FA;;;BA)(D;;FR;;;WD)");
    size_t size = fsp_descriptor_size(good);
    for (size_t cut = 0; cut < size; cut++) {
        unsigned char *part = malloc(cut ? cut : 1);
        memcpy(part, good, cut);
        assert_false(fsp_descriptor_valid(part, cut));
        free(part);
    }
    for (size_t at = 0; at < size; at++) /* any byte may lie: no crash */
        for (unsigned value = 0; value < 256; value += 85) {
            unsigned char *copy = malloc(size);
            memcpy(copy, good, size);
            copy[at] = (unsigned char)value;
            fsp_descriptor_valid(copy, size);
            free(copy);
        }
    free(good);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sids),
        cmocka_unit_test(test_uid_map),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_sticky),
        cmocka_unit_test(test_descriptors_to_modes),
        cmocka_unit_test(test_missing_owner),
        cmocka_unit_test(test_sddl_refused),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
