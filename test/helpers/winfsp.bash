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

# What winptfs passes through not at all, on Linux, besides.
# shellcheck disable=SC2034
ptfs_cannot=('!directory_entries' '!special_fifo' '!special_socket' '!special_device' '!permission_umask' '!xattr_basics')

# Windows besides has no symbolic links, modes or owners for winptfs, deletes and replaces no open file, and Wine looks through a whole folder
# for each name.
# shellcheck disable=SC2034
windows_ptfs_cannot=("${cannot[@]}" "${ptfs_cannot[@]}" '!file_open_flags' '!range_allocate' '!directory_of_many'
    '!directory_stable_under_change' '!directory_remove_while_listing' '!rename_files' '!rename_kinds' '!rename_open_file'
    '!link_symbolic' '!special_make_regular' '!permission_denied' '!permission_sticky')

# No check fails, and some ran: `all_that_it_can OUTPUT [LEAST NUMBER]`
all_that_it_can() {
    grep -q '^1\.\.[0-9]' <<<"$1" || fail "posix-check did not run: $1" || return
    if grep -A 1 '^not ok' <<<"$1"; then
        return 1
    fi
    [ "$(grep -c '^ok' <<<"$1")" -ge "${2:-35}" ] || fail "too few checks ran: $1"
}

# The checks that do not hold are exactly those of fuse-api-limits: `all_that_fuse_can OUTPUT [CHECK THAT HOLDS ALL THE SAME, OR IS SKIPPED...]`
all_that_fuse_can() {
    local expected
    grep -q '^1\.\.[0-9]' <<<"$1" || fail "posix-check did not run: $1" || return
    expected=$(tr -s ' ' '\n' <"$LINFSP_ROOT/test/helpers/fuse-api-limits" | grep . | sort | grep -vxF -f <(printf '%s\n' none "${@:2}"))
    equal "checks that do not hold" "$(sed -nE 's/^not ok [0-9]+ - ([a-z_0-9]+).*/\1/p' <<<"$1" | sort)" "$expected"
}

# A program that says what an ioctl with an answer of eight bytes gets from a file: `build_control PROGRAM`
build_control() {
    gcc -O2 -Wall -Werror -static -o "$1" -x c - <<'SOURCE'
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
int main(int argc, char **argv) {
    char data[9] = "";
    int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;
    if (fd < 0 || ioctl(fd, _IOR(0, 0, char[8]), data) < 0) {
        perror("error");
        return 1;
    }
    return puts(data) < 0;
}
SOURCE
}
