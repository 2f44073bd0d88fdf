#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# WinFsp's FUSE API on Linux: programs that are written against it, in stock containers.
load ../helpers/common

setup_file() {
    file_setup || return
    programs=${LINFSP_BUILD:-$LINFSP_ROOT/build}/fs/memfs-fuse
    export programs
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -w -static -pthread -o "$LINFSP_STATE/posix-check" "$LINFSP_ROOT"/test/helpers/posix-check/*.c
}
teardown_file() { file_teardown; }
teardown() { remove_containers; }

# A container that has the programs in /p: `with_programs NAME [OPTION...]`
with_programs() {
    container "$1" busybox -v "$programs:/p:ro" -v "$LINFSP_STATE/posix-check:/posix-check:ro" "${@:2}"
    wait_until 5 inside "$1" test -e /dev/linfsp/disk
}

# memfs's checks, but for those that FUSE cannot say: `check NAME DIRECTORY [LIMIT...]`
check() {
    local output
    output=$(timeout 200 docker exec "$(full_name "$1")" /posix-check --jobs=2 "$2" '!link_too_many' '!range_over_4_gib' || true)
    grep -q '^1\.\.[0-9]' <<<"$output" || fail "posix-check did not run: $output" || return
    equal "checks that do not hold" "$(sed -nE 's/^not ok [0-9]+ - ([a-z_0-9]+).*/\1/p' <<<"$output" | sort | tr '\n' ' ')" \
        "$(tr -s ' ' '\n' <"$LINFSP_ROOT/test/helpers/fuse-api-limits" | grep . | sort | tr '\n' ' ')"
}

@test "FUSE API: memfs's own checks hold for a FUSE 2 program as far as FUSE can say it" {
    with_programs one
    inside one /p/memfs-fuse -o attr_timeout=0 Z:
    wait_mounted one /mnt/z fuse.FUSE
    check one /mnt/z
}

@test "FUSE API: and for a FUSE 3 program" {
    with_programs one
    inside one /p/memfs-fuse3 -o attr_timeout=0 Z:
    wait_mounted one /mnt/z fuse.FUSE
    check one /mnt/z
}

@test "FUSE API: it goes to the background once it is mounted, and ends with the mount or by a signal" {
    with_programs one
    script_in one '
        /p/memfs-fuse -o volname=mine,FileSystemName=mem Z:
        grep "^mine /mnt/z fuse.FUSE-mem " /proc/mounts
        echo data >/mnt/z/file
        /dev/linfsp/bin/linfsp umount /mnt/z'
    wait_until 5 not run_in_number 1 one memfs-fuse
    script_in one '
        /p/memfs-fuse -f Y: &
        until grep /mnt/y /proc/mounts; do sleep 0.1; done
        kill -TERM $!
        wait $!
        no grep /mnt/y /proc/mounts'
}

@test "FUSE API: a prefix makes a network volume" {
    with_programs one
    inside one /p/memfs-fuse '--VolumePrefix=\fuse\api' -o ExactFileSystemName=exact
    wait_until 5 mounted_here /unc/fuse/api fuse.exact
    echo host >/unc/fuse/api/file
    equal "in the container" "$(inside one cat /dev/linfsp/unc/fuse/api/file)" host
}

@test "FUSE API: options for owners and modes" {
    with_programs one
    script_in one '
        /p/memfs-fuse -o uid=5,gid=6,umask=027 Z:
        echo x >/mnt/z/file
        [ "$(stat -c "%u %g %a" /mnt/z/file)" = "5 6 750" ]
        /p/memfs-fuse -o create_umask=077 Y:
        mkdir /mnt/y/d
        echo x >/mnt/y/d/file
        [ "$(stat -c %a /mnt/y/d/file)" = 600 ]
        [ "$(stat -c %a /mnt/y/d)" = 700 ]'
}

@test "FUSE API: a file that is removed or renamed over while it is open goes on, under no name that is left" {
    with_programs one
    script_in one '
        /p/memfs-fuse Z:
        cd /mnt/z
        echo open >file
        exec 3<file
        rm file
        [ "$(cat <&3)" = open ]
        exec 3<&-
        echo first >a
        exec 4<a
        echo second >b
        mv b a
        [ "$(cat a)" = second ]
        [ "$(cat <&4)" = first ]
        exec 4<&-
        [ "$(ls -A | tr "\n" " ")" = "a " ]'
}

@test "FUSE API: a wrong command line is an error that says what to do" {
    with_programs one
    local run=(docker exec "$(full_name one)" /p/memfs-fuse)
    refused "missing mount point" "-h" -- "${run[@]}"
    refused "unknown option \`nonsense'" -- "${run[@]}" -o nonsense Z:
    refused "invalid parameter in option \`uid=x'" -- "${run[@]}" -o uid=x Z:
    refused "invalid argument \`Y:'" -- "${run[@]}" Z: Y:
    refused "usage:" "-o umask=MASK" -- "${run[@]}" -h
    inside one /p/memfs-fuse Z:
    refused "/mnt/z is in use" -- "${run[@]}" Z:
}

@test "FUSE API: nonsense is an error, and a crash takes the mount away" {
    with_programs one
    script_in one '
        /p/fuse-faults Z:
        [ "$(ls /mnt/z | tr "\n" " ")" = "abort crash fine hang long nonsense " ]
        [ "$(head -c 3 /mnt/z/fine)" = fff ]
        no cat /mnt/z/long
        no cat /mnt/z/nonsense
        no mkdir /mnt/z/nothing
        no cat /mnt/z/abort'
    wait_unmounted one /mnt/z
}
