#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A container's root who may mount, in a user namespace of its own or in the container itself, and does so below /dev/linfsp and /unc:
# what it moves, covers and unmounts is its own, and nobody else sees it. And mount points that move, are too deep or have no room.
load ../helpers/common
load ../helpers/attacks

# All that can be tried; "did ..." for what worked. The last lines wait, with all of it in place.
tries='
    cd /
    try() { if "$@" 2>/dev/null; then echo "did $*"; fi; }
    mkdir -p /tmp/aside /tmp/aside-unc /tmp/cover/memfs/good
    echo fake >/tmp/fake
    echo evil >/tmp/cover/memfs/good/file
    try mount -o remount,bind,rw /dev/linfsp
    try touch /dev/linfsp/file
    try mount --bind /tmp/fake /dev/linfsp/disk
    try mount --bind /tmp/fake /dev/linfsp/bin/memfs
    try mount --make-rshared /unc
    try timeout 5 ls /unc/memfs/good
    try mount --bind /tmp/cover/memfs/good /unc/memfs/good
    try mount --bind /tmp/cover/memfs /unc/memfs
    try timeout 5 ls /unc/memfs/good
    try mount -t tmpfs none /unc/memfs
    try mkdir /unc/evil
    try mount --move /unc /tmp/aside-unc
    try timeout 5 ls /tmp/aside-unc/memfs/good
    try mount --move /dev/linfsp /tmp/aside
    try umount /dev/linfsp/disk
    try umount -l /dev/linfsp
    try umount -l /tmp/aside
    try umount -l /unc
    try mount -t tmpfs none /unc
    try mount -t tmpfs none /dev/linfsp
    try mount --bind / /unc
    try mount --rbind / /dev/linfsp
    try mount --make-rshared /
    echo done
    sleep 30'

# The good container, whose share all see, and what is mounted of ours on the host and in there.
bystanders() {
    container good busybox
    share good y '\memfs\good'
    script_in good 'echo good >/mnt/y/file'
    equal "the share" "$(bounded cat /unc/memfs/good/file)" good
    inside good ls /unc/memfs/good >/dev/null
    tables_before=$(tables)
}

# Without what comes and goes below /unc by itself.
tables() {
    { our_mounts self; our_mounts "$(pid_of good)"; } | grep -v '^/unc/'
}

# Nobody else notices: neither now, nor when the attacker has ended.
nobody_notices() {
    equal "mounts of others" "$(tables)" "$tables_before"
    equal "the share" "$(bounded cat /unc/memfs/good/file)" good
    equal "the share in its container" "$(inside good cat /unc/memfs/good/file)" good
    all_is_well
}

attack_by() { # NAME COMMAND...: starts it, and waits until it has tried everything
    attack_output=$BATS_TEST_TMPDIR/tries
    docker exec "$(full_name "$1")" "${@:2}" >"$attack_output" 2>&1 3>&- </dev/null &
    wait_until 60 grep -qx 'done' "$attack_output" || fail "$(cat "$attack_output")"
}

@test "attacks: root of a user namespace in a container moves, covers and unmounts what is ours" {
    bystanders
    container evil debian --security-opt seccomp=unconfined --security-opt apparmor=unconfined
    wait_until 5 inside evil test -S /dev/linfsp/disk
    own_before=$(our_mounts "$(pid_of evil)" | grep -v '^/unc/')
    attack_by evil unshare --user --map-root-user --mount --propagation unchanged sh -c "$tries"
    # what came from the container is locked there
    has_not "$(cat "$attack_output")" "did mount -o remount" "did touch" "did mount --move /dev/linfsp" "did mount --move /unc" \
        "did umount -l /dev/linfsp" "did umount -l /unc" "did mkdir"
    nobody_notices
    equal "mounts of the container itself" "$(our_mounts "$(pid_of evil)" | grep -v '^/unc/')" "$own_before"
    disk evil z
    timed remove_container evil
    [ "$elapsed" -lt 12000 ] || fail "the container took $elapsed ms to end"
    nobody_notices
}

@test "attacks: a container's root who may mount moves, covers and unmounts what is ours" {
    bystanders
    container evil debian --cap-add SYS_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined
    wait_until 5 inside evil test -S /dev/linfsp/disk
    attack_by evil sh -c "$tries"
    has "$(cat "$attack_output")" "did mount --bind /tmp/fake /dev/linfsp/disk"
    nobody_notices
    timed remove_container evil
    [ "$elapsed" -lt 12000 ] || fail "the container took $elapsed ms to end"
    nobody_notices
}

@test "attacks: the same in a --privileged container" {
    bystanders
    container evil debian --privileged || skip "--privileged containers cannot run on this machine"
    wait_until 5 inside evil test -S /dev/linfsp/disk
    attack_by evil sh -c "$tries"
    nobody_notices
    timed remove_container evil
    [ "$elapsed" -lt 12000 ] || fail "the container took $elapsed ms to end"
    nobody_notices
}

@test "attacks: a mount point that is renamed all the time leaves nothing, wherever it was when it was mounted on" {
    attacker evil
    docker exec -d "$(full_name evil)" sh -c 'mkdir -p /tmp/p/a /tmp/q; while :; do
        mv /tmp/p/a /tmp/q/b; mv /tmp/q/b /tmp/p/a; mv /tmp/p /tmp/pp; mv /tmp/pp /tmp/p; done 2>/dev/null'
    made=$(BOUND=60 inside evil sh -c 'made=0; for i in $(seq 60); do
        memfs=/dev/linfsp/bin/memfs
        $memfs -b -m /tmp/p/a >/dev/null && made=$((made + 1))
        $memfs -b -m /tmp/p/new$i >/dev/null && made=$((made + 1))
        for pid in $(pidof memfs); do kill -9 $pid; done
    done 2>/dev/null; echo $made')
    [ "$made" -ge 20 ] || fail "$made volumes were made"
    wait_until 10 no_volumes
    equal "mounts that are left" "$(inside evil grep -c ' fuse' /proc/self/mounts)" 0
    equal "folders that are left" "$(inside evil sh -c 'find /tmp -name "new*"')" ""
    all_is_well
}

no_volumes() {
    [ "$("$linfsp" volumes --json | jq length)" = 0 ]
}

@test "attacks: a mount point below a path that is longer than paths may be is refused" {
    attacker evil
    docker cp "$attacks/deep" "$(full_name evil):/deep"
    refused "File name too long" -- docker exec "$(full_name evil)" /deep /tmp /dev/linfsp/bin/memfs -b -m ./here
    wait_until 5 no_volumes
    equal "mounts that are left" "$(inside evil grep -c ' fuse' /proc/self/mounts)" 0
    all_is_well
}

@test "attacks: a container that fills its own /dev has its letters all the same, or is told why not, and delays nobody" {
    attacker evil
    script_in evil '! dd if=/dev/zero of=/dev/filler bs=64k 2>/dev/null' || true
    BOUND=15 bounded inside evil /dev/linfsp/bin/memfs -b -m Z: || [ $? -ne 124 ] || fail "memfs hangs"
    service_kill
    service_start
    all_is_well
    remove_container evil
    wait_until 5 no_volumes
}
