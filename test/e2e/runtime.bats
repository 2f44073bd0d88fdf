#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# linfsp-runtime: programs that call mount(2) and umount2(2) by themselves work, under the same rules as all others, and nothing else changes.
load ../helpers/common

setup_file() {
    [ -n "$DOCKER_HOST_PLAIN" ] || missing "Docker"
    file_setup
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -static -o "$LINFSP_STATE/mounts-itself" "$LINFSP_ROOT/test/helpers/mounts-itself.c"
    private_engine "$LINFSP_STATE/engines/runtime" --add-runtime "linfsp=$LINFSP_STAGE/bin/linfsp-runtime"
    export DOCKER_HOST=unix://$LINFSP_STATE/engines/runtime/docker.sock
    "$LINFSP_ROOT/test/helpers/images" debian busybox
}
teardown_file() {
    remove_containers_of_engine
    end_engine "$LINFSP_STATE/engines/runtime" || true
    wait_until 10 no_notifier_left
    file_teardown
}
teardown() { remove_containers_of_engine; }

no_notifier_left() {
    [ -z "$(compgen -G '/run/linfsp-notify-*')" ]
}

itself() { # NAME IMAGE [OPTION...]: a container with the program
    container "$1" "$2" --runtime linfsp -v "$LINFSP_STATE/mounts-itself:/itself:ro" "${@:3}"
}

mounts_and_unmounts() { # NAME FOLDER [USER]
    docker exec -d ${3:+-u "$3"} "$(full_name "$1")" /bin/sh -c "/itself $2 >/tmp/said 2>&1; echo \"status \$?\" >>/tmp/said"
    wait_mounted "$1" "$2" fuse.itself
    inside "$1" ls "$2" 2>/dev/null || true
    inside "$1" stat -c %F "$2"
    script_in "$1" 'kill -TERM $(pidof itself 2>/dev/null || cat /proc/[0-9]*/stat | grep "(itself)" | cut -d" " -f1)'
    wait_unmounted "$1" "$2"
    wait_until 5 inside "$1" grep -q "status 0" /tmp/said
}

@test "runtime: a program that calls mount(2) and umount2(2) itself works, as root and as a user" {
    itself root debian
    script_in root 'mkdir /data && mkdir -m 777 /free && ln -s /data /link'
    mounts_and_unmounts root /data
    inside root rmdir /data
    itself user debian --user 1000
    script_in user 'mkdir /tmp/own'
    mounts_and_unmounts user /tmp/own
}

@test "runtime: the policy is the same: not on somebody else's folder, not where it is switched off" {
    itself user debian --user 1000
    refused "Operation not permitted" -- docker exec "$(full_name user)" /itself /etc
    has_not "$(cat "/proc/$(pid_of user)/mountinfo")" fuse.itself
}

@test "runtime: other mounts and unmounts are refused as before" {
    itself other debian
    refused "ermission denied\|not permitted" -- docker exec "$(full_name other)" mount -t tmpfs none /mnt || refused "" -- docker exec "$(full_name other)" mount -t tmpfs none /mnt
    refused "" -- docker exec "$(full_name other)" umount /proc
    equal "mounts" "$(inside other grep -c ' /mnt ' /proc/mounts || true)" 0
}

@test "runtime: without a service the call is refused as before, and containers start" {
    service_stop
    itself lonely debian
    refused "No such file" -- docker exec "$(full_name lonely)" /itself /mnt
    service_start
}

@test "runtime: ntfs-3g" {
    command -v ntfs-3g mkntfs >/dev/null || missing ntfs-3g
    container ntfs debian --runtime linfsp -v /usr:/usr:ro -v /lib:/lib:ro -v /lib64:/lib64:ro
    truncate -s 4M "$BATS_TEST_TMPDIR/image" && mkntfs -q -F "$BATS_TEST_TMPDIR/image" >/dev/null
    docker cp "$BATS_TEST_TMPDIR/image" "$(full_name ntfs):/tmp/image"
    script_in ntfs 'mkdir /tmp/m; /usr/bin/ntfs-3g /tmp/image /tmp/m; echo hello >/tmp/m/file; cat /tmp/m/file'
    mounted ntfs /tmp/m
}

@test "runtime: a container that may mount by itself is left alone" {
    itself admin debian --cap-add SYS_ADMIN --security-opt apparmor=unconfined
    equal "seccomp listeners" "$(compgen -G '/run/linfsp-notify-*' | wc -l)" 0 || wait_until 65 no_notifier_left
}

@test "runtime: a flood of calls from a process that dies harms nobody" {
    itself flood debian
    docker exec -d "$(full_name flood)" /bin/sh -c 'for i in 1 2 3 4 5 6 7 8; do (while :; do mount -t fuse x /mnt -o fd=0 2>/dev/null; done) & done; sleep 2; kill 0' || true
    sleep 3
    script_in flood 'mkdir /data'
    mounts_and_unmounts flood /data
}
