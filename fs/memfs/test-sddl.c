/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sddl.h"

static struct sddl sddl;
static struct sddl_error error;

static void says(const char *text, mode_t mode) {
    if (sddl_parse(text, &sddl, &error) < 0)
        fail_msg("'%s' is refused: %s", text, error.message);
    if (sddl.mode != mode)
        fail_msg("'%s' is %03o, not %03o", text, sddl.mode, mode);
}

static void refuses(const char *text, const char *part) {
    if (sddl_parse(text, &sddl, &error) != -EINVAL)
        fail_msg("'%s' is accepted", text);
    if (!strstr(error.message, part))
        fail_msg("'%s': '%s' does not name '%s'", text, error.message, part);
}

static void test_owners(void **state) {
    says("O:BAG:BA", 0777);
    assert_true(sddl.has_owner && sddl.has_group);
    assert_int_equal(sddl.owner, 0);
    assert_int_equal(sddl.group, 0);
    says("O:S-1-22-1-1000G:S-1-22-2-100D:(A;;FA;;;WD)", 0777);
    assert_int_equal(sddl.owner, 1000);
    assert_int_equal(sddl.group, 100);
    says("D:(A;;FA;;;WD)", 0777);
    assert_false(sddl.has_owner || sddl.has_group);
    says("O:S-1-5-18", 0777);
    assert_int_equal(sddl.owner, 0);
    says("G:SYO:S-1-22-1-7", 0777);
    assert_int_equal(sddl.owner, 7);
}

static void test_rights(void **state) {
    says("D:(A;;FA;;;WD)", 0777);
    says("D:(A;;GA;;;WD)", 0777);
    says("D:(A;;FR;;;WD)", 0444);
    says("D:(A;;FRFX;;;WD)", 0555);
    says("D:(A;;GRGX;;;WD)", 0555);
    says("D:(A;;0x1f01ff;;;WD)", 0777);
    says("D:(A;;0x1200A9;;;WD)", 0555);
    says("D:(A;;0x80000000;;;WD)", 0444);
    says("D:(A;;RPWPLCCC;;;WD)", 0555);
    says("D:P(A;;FA;;;OW)(A;;FRFX;;;WD)", 0755);
    says("D:PAI(A;OICI;FA;;;OW)(A;;FRFX;;;CG)", 0750);
    says("D:", 0);
    says("D:NO_ACCESS_CONTROL", 0777);
    says("d:(a;;fa;;;wd)", 0777);
}

static void test_who(void **state) {
    says("O:BAG:BAD:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;WD)", 0777);
    says("O:BAG:BAD:P(A;;FA;;;BA)(A;;FRFX;;;WD)", 0775);
    says("O:BAG:S-1-22-2-5D:P(A;;FA;;;BA)(A;;FRFX;;;WD)", 0755);
    says("O:S-1-22-1-9D:(A;;FA;;;S-1-22-1-9)", 0700);
    says("G:S-1-22-2-9D:(A;;FR;;;S-1-22-2-9)", 0040);
    says("O:S-1-22-1-9D:(A;;FA;;;SY)", 0);
    says("D:(A;;FA;;;S-1-3-0)(A;;FX;;;S-1-1-0)", 0711);
    /* the list may stand before what its entries are compared with */
    says("D:(A;;FA;;;S-1-22-1-9)O:S-1-22-1-9", 0700);
}

/* The first entry that speaks of a bit settles it. */
static void test_order(void **state) {
    says("D:(D;;FW;;;OW)(A;;FA;;;WD)", 0577);
    says("D:(A;;FA;;;OW)(D;;FW;;;WD)(A;;FA;;;WD)", 0755);
    says("D:(A;;FA;;;WD)(D;;FA;;;WD)", 0777);
}

static void test_refusals(void **state) {
    refuses("", "empty");
    refuses("nonsense", "nonsense");
    refuses("O:WD", "O:");
    refuses("O:XX", "XX");
    refuses("O:S-1-22-2-5", "O:");
    refuses("G:S-1-22-1-5", "G:");
    refuses("O:BAO:BA", "twice");
    refuses("D:D:", "twice");
    refuses("O:S-1-5-21-1-2-3-1001", "S-1-5-21-1-2-3-1001");
    refuses("O:S-1-22-1-4294967295", "S-1-22-1-4294967295");
    refuses("O:S-1-22-1-42949672960", "S-1-22-1-42949672960");
    refuses("D:(A;;FA;;;AU)", "AU");
    refuses("D:(A;;FA;;;S-1-22-1-5)", "S-1-22-1-5");
    refuses("D:(A;;XX;;;WD)", "XX");
    refuses("D:(A;;F;;;WD)", "\"F\"");
    refuses("D:(A;;SD;;;WD)", "SD");
    refuses("D:(A;;0x;;;WD)", "0x");
    refuses("D:(A;;0x1000000;;;WD)", "0x1000000");
    refuses("D:(A;;0xfffffffff;;;WD)", "0xfffffffff");
    refuses("D:(AU;SA;FA;;;WD)", "AU");
    refuses("D:(A;IO;FA;;;WD)", "IO");
    refuses("D:(A;O;FA;;;WD)", "\"O\"");
    refuses("D:(A;;FA;guid;;WD)", "guid");
    refuses("D:(A;;FA;;;WDWD)", "WDWD");
    refuses("D:(A;;FA;;;WD", "closing");
    refuses("D:(A;;FA;;WD)", "six");
    refuses("D:(A;;FA;;;WD;(x))", "six");
    refuses("D:(A;;FA;;;WD)junk", "junk");
    refuses("S:(AU;SA;FA;;;WD)", "S:");
    refuses("D:(A;;FA;;;WD)S:(AU;SA;FA;;;WD)", "S:");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_owners), cmocka_unit_test(test_rights),   cmocka_unit_test(test_who),
        cmocka_unit_test(test_order),  cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
