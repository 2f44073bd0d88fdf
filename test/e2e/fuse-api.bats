#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# WinFsp's FUSE API on Linux: programs that are written against it, in stock containers.
load ../helpers/common
load ../helpers/winfsp

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

# memfs's checks, but for those that FUSE cannot say: `check [-u USER] NAME [CHECK THAT HOLDS ALL THE SAME...]`
check() {
    local user=0
    if [ "$1" = -u ]; then
        user=$2
        shift 2
    fi
    all_that_fuse_can "$(timeout 200 docker exec -u "$user" "$(full_name "$1")" /posix-check --jobs=2 /mnt/z '!link_too_many' \
        '!range_over_4_gib' || true)" "${@:2}"
}

@test "FUSE API: memfs's own checks hold for a FUSE 2 program as far as FUSE can say it" {
    with_programs one
    inside one /p/memfs-fuse -o attr_timeout=0 Z:
    wait_mounted one /mnt/z fuse.FUSE
    check one
}

@test "FUSE API: and for a FUSE 3 program" {
    with_programs one
    inside one /p/memfs-fuse3 -o attr_timeout=0 Z:
    wait_mounted one /mnt/z fuse.FUSE
    check one
}

@test "FUSE API: and for both of them as an ordinary user" {
    local program
    for program in memfs-fuse memfs-fuse3; do
        with_programs "$program" -u 1000
        inside "$program" "/p/$program" -o attr_timeout=0 Z:
        wait_mounted "$program" /mnt/z fuse.FUSE || return
        check -u 1000 "$program" acl_grants || return
    done
}

@test "FUSE API: each function keeps its contract, with the caller's environment and without, as root and as an ordinary user" {
    local user program
    for user in 0 1000; do
        with_programs "contracts$user" -u "$user"
        for program in fuse-contracts-2 fuse-contracts-2-plain fuse-contracts-3 fuse-contracts-3-plain; do
            run inside "contracts$user" "/p/$program" Z:
            [ "$status" = 0 ] || fail "$program" "$output" || return
        done
    done
}

@test "FUSE API: a Go program that calls the unprefixed names, as cgofuse does, as root and as an ordinary user" {
    command -v go >/dev/null || { missing "Go (package golang-go)" && return; }
    (cd "$LINFSP_ROOT/test/helpers/go-fuse" && CGO_ENABLED=1 GOFLAGS=-mod=mod GOCACHE=${GOCACHE:-$LINFSP_STATE/go} \
        CGO_CFLAGS="-O2 -D_GNU_SOURCE -I$LINFSP_ROOT/include/winfsp/fuse" go build -o "$LINFSP_STATE/go-fuse" .)
    local user by_user=()
    for user in 0 1000; do
        container "go$user" debian -u "$user" -v "$LINFSP_STATE/go-fuse:/go-fuse:ro" -v "$LINFSP_STATE/posix-check:/posix-check:ro"
        wait_until 5 inside "go$user" test -e /dev/linfsp/disk
        docker exec -d "$(full_name "go$user")" /bin/sh -c '/go-fuse -f -o attr_timeout=0 Z: 2>/tmp/log; echo $? >/tmp/status'
        wait_mounted "go$user" /mnt/z || fail "$(inside "go$user" cat /tmp/log)" || return
        equal "who asks, and what init returned" "$(inside "go$user" readlink /mnt/z/who)" "uid $user, private data 4711" || return
        [ "$user" = 0 ] || by_user=(acl_grants) # needs root
        check -u "$user" "go$user" volume_holes_take_nothing "${by_user[@]}" || return
        pids_in "go$user" go-fuse | xargs -r kill -TERM
        wait_until 10 inside "go$user" test -s /tmp/status || return
        equal "its end" "$(inside "go$user" cat /tmp/status /tmp/log)" "0
destroyed with 4711" || return
    done
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
