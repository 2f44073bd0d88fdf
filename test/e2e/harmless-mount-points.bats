#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Mount points and options of unmodified FUSE programs in containers: what libfuse's own helper takes is taken.
load ../helpers/common

client=${LINFSP_STATE:-}/commfd-client

setup_file() {
    file_setup || return
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -static -o "$client" "$LINFSP_ROOT/test/helpers/commfd-client.c"
}

teardown_file() {
    file_teardown
}

teardown() {
    remove_containers
}

# A container in which the helper's caller can be played: `box NAME [OPTION...]`
box() {
    container "$1" debian -v "$client:/client:ro" "${@:2}"
    wait_until 5 inside "$1" test -S /dev/linfsp/disk
}

# `mounts NAME USER PATH [OPTIONS]`: the helper is run as USER, and what it did must be a mount.
mounts() {
    local out
    out=$(inside_as "$2" "$1" /client --at "$3" /dev/linfsp/bin/fusermount3 -o "${4:-rw}" -- "$3") || true
    has "$out" "fd fuse init" "exit 0"
}

does_not_mount() { # NAME USER PATH WORDS
    local out
    out=$(inside_as "$2" "$1" /client --at "$3" /dev/linfsp/bin/fusermount3 -o rw -- "$3") || true
    has "$out" eof "exit 1" "$4"
}

@test "mount points: write access decides, by the kernel's word for that client" {
    box one --tmpfs /group:mode=775,gid=4242 --tmpfs /open:mode=777 --tmpfs /sticky:mode=1777 --tmpfs /no:mode=755
    mounts one 1000:4242 /group
    mounts one 1000 /open
    does_not_mount one 1000:1000 /group "no write access"
    does_not_mount one 1000 /sticky "not owned by user"
    does_not_mount one 1000 /no "no write access"
    mounts one 0 /no
}

@test "mount points: a supplementary group counts, as on a volume of a random uid" {
    install -d -m 2770 -g 4243 "$BATS_TEST_TMPDIR/volume"
    box one -v "$BATS_TEST_TMPDIR/volume:/volume" --user 1000650000:0 --group-add 4243
    out=$(inside one /client --at /volume /dev/linfsp/bin/fusermount3 -o rw -- /volume) || true
    has "$out" "fd fuse init" "exit 0"
}

@test "mount points: the service itself judges, whatever the helper's caller says it checked" {
    box one --tmpfs /no:mode=755
    refused 'you may not write to /no' -- docker exec -u 1000 "$(full_name one)" /dev/linfsp/bin/memfs -n 1 -s 0 -F NTFS -m /no
}

@test "mount points: files are mounted on by who may write to them" {
    box one
    inside one sh -c 'install -m 666 /dev/null /open-file; install -m 644 /dev/null /roots-file'
    mounts one 1000 /open-file
    does_not_mount one 1000 /roots-file "Permission denied"
    mounts one 0 /roots-file
}

@test "mount points: paths of any bytes, and /dev/shm" {
    box one
    for point in $'/tmp/caf\351' $'/tmp/a\nb' $'/tmp/a\tb' '/tmp/a\134b' '/tmp/two words' /dev/shm/m; do
        inside one mkdir "$point"
        mounts one 0 "$point"
    done
    # and what still is a mount there is unmounted by that path
    inside one sh -c 'mkdir -p "$1" && /dev/linfsp/bin/memfs -b -n 1 -s 0 -F NTFS -m "$1" && /dev/linfsp/bin/fusermount3 -u "$1" && rmdir "$1"' sh $'/tmp/\377'
    does_not_mount one 0 /dev/shm "nothing may be mounted under /dev"
    does_not_mount one 0 /dev/pts "nothing may be mounted under /dev"
}

# 1,000 of each, all there at the same time, and each unmounted by itself.
@test "mount points: a thousand in one container, by memfs and by a program that knows nothing of LinFsp" {
    box one
    "$LINFSP_ROOT/test/helpers/fuse-image" fuse >/dev/null 2>&1
    container two fuse
    wait_until 5 inside two test -S /dev/linfsp/disk
    local thousand='i=0; while [ $i -lt 1000 ]; do'
    inside one sh -c "$thousand mkdir -p /m/\$i; i=\$((i + 1)); done"
    BOUND=240 inside one sh -c "$thousand /dev/linfsp/bin/memfs -b -n 1 -s 0 -F x -m /m/\$i >/dev/null || exit; i=\$((i + 1)); done" ||
        fail "$(grep -c fuse.x "/proc/$(pid_of one)/mountinfo") mounts" "$(tail -n 3 "$LINFSP_STATE/linfspd.log")"
    equal "mounts by memfs" "$(grep -c fuse.x "/proc/$(pid_of one)/mountinfo")" 1000
    signal_memfs TERM one
    wait_until 60 eval '[ "$(grep -c fuse.x "/proc/$(pid_of one)/mountinfo")" = 0 ]'
    inside two sh -c "mkdir -p /src; echo hello >/src/file; $thousand mkdir -p /b/\$i; i=\$((i + 1)); done"
    BOUND=240 inside two sh -c "$thousand bindfs /src /b/\$i && grep -qx hello /b/\$i/file || exit; i=\$((i + 1)); done"
    equal "mounts by bindfs" "$(grep -c ' /b/' "/proc/$(pid_of two)/mountinfo")" 1000
    BOUND=240 inside two sh -c "$thousand umount /b/\$i || exit; i=\$((i + 1)); done"
    equal "mounts left" "$(grep -c ' /b/' "/proc/$(pid_of two)/mountinfo")" 0
}

@test "unmounting: a bind mount of something in a volume is unmounted by itself, and the volume goes on" {
    box one --cap-add SYS_ADMIN --security-opt apparmor=unconfined --security-opt seccomp=unconfined
    inside one sh -ec '
        mkdir -p /m /x /y; /dev/linfsp/bin/memfs -b -n 100 -s 0 -F NTFS -m /m
        ln -s /dev/linfsp/bin/fusermount3 /tmp/umount.fuse
        mkdir /m/d; touch /m/a /m/b /m/d/f
        mount --bind /m/a /m/b; mount --bind /m/d /x; mount --bind /m /y
        /tmp/umount.fuse /m/b; /tmp/umount.fuse /x -l; /tmp/umount.fuse /y
        ! grep -E " (/m/b|/x|/y) " /proc/mounts; ls /m/d/f
        mount --bind /x /m; /tmp/umount.fuse /m; ls /m/d/f
        /tmp/umount.fuse /m; ! grep " /m " /proc/mounts'
}
