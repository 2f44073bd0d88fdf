# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What memfs's own checks ask that WinFsp's API has no words for; natively and in Wine.

# What the API cannot say, by check: hard links, holes, setuid and setgid, 100 ns, names that are not UTF-8, link counts, POSIX ACLs,
# times of reading; -M 1 keeps what is read and written apart in time.
cannot=('!file_unlinked_but_open' '!file_o_tmpfile' '!file_many_hands' '!range_over_4_gib' '!range_sparse_blocks' '!range_punch_hole'
    '!range_zero' '!range_seek' '!range_seek_mapped' '!directory_make_and_remove' '!directory_link_counts' '!directory_names'
    '!directory_threads' '!rename_across_directories' '!rename_one_file_twice' '!rename_exchange' '!link_hard' '!link_too_many'
    '!permission_owner' '!permission_setuid_is_cleared' '!permission_root_keeps_setuid' '!permission_setgid_directory'
    '!permission_setgid_of_foreign_group' '!time_set' '!time_changes' '!time_of_directories' '!time_of_reading' '!xattr_list' '!xattr_trusted'
    '!xattr_capability_is_cleared' '!volume_statfs' '!volume_full' '!volume_full_of_nodes' '!volume_holes_take_nothing')

all_that_it_can() { # OUTPUT
    grep -q '^1\.\.[0-9]' <<<"$1" || fail "posix-check did not run: $1" || return
    if grep -A 1 '^not ok' <<<"$1"; then
        return 1
    fi
    [ "$(grep -c '^ok' <<<"$1")" -ge 40 ] || fail "too few checks ran: $1"
}
