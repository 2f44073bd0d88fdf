#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Without a service: clear errors within two seconds, that name the command which starts it on the host.
load ../helpers/common

# What containers get from a service that runs is given by hand here: the programs alone, as an image would have them.
setup() {
    container one busybox
    docker cp "$LINFSP_STAGE/bin/memfs" "$(full_name one):/bin/memfs"
    docker cp "$LINFSP_STAGE/bin/linfsp" "$(full_name one):/bin/linfsp"
}
teardown() { remove_containers; }

# COMMAND fails within two seconds and says each PART: `fails_quickly PART... -- COMMAND...`
fails_quickly() {
    timed refused "$@" || return
    [ "$elapsed" -lt 2000 ] || fail "took $elapsed ms"
}

@test "no service: memfs in a container, that the service never saw" {
    fails_quickly host "linfsp start" -- docker exec "$(full_name one)" memfs -F NTFS -m Z:
    fails_quickly host "linfsp start" -- docker exec "$(full_name one)" memfs -F NTFS -m Y: -u '\memfs\share'
    fails_quickly host "linfsp start" -- docker exec -u 1000 "$(full_name one)" memfs -F NTFS -m Z:
    script_in one 'no test -e /mnt/z; no test -e /mnt/y; no pidof memfs'
}

@test "no service: linfsp start in a container, and the verbs that need a service" {
    fails_quickly host "linfsp start" -- docker exec "$(full_name one)" linfsp start
    for verb in status silos volumes 'umount /mnt/z'; do
        # shellcheck disable=SC2086
        fails_quickly host "linfsp start" -- docker exec "$(full_name one)" linfsp $verb || return
    done
    script_in one 'no pidof linfspd'
}

@test "no service: linfsp start in a container fails as well while the service runs" {
    file_setup
    wait_until 3 script_in one 'test -S /dev/linfsp/disk'
    fails_quickly host "linfsp start" -- docker exec "$(full_name one)" "$silo_bin/linfsp" start
    fails_quickly host -- docker exec "$(full_name one)" "$silo_bin/linfsp" stop
    service_answers
    file_teardown
}

@test "no service: memfs and linfsp in a container whose service was stopped, killed, or is suspended" {
    file_setup
    wait_until 3 script_in one 'test -S /dev/linfsp/disk'
    service_kill
    fails_quickly host "linfsp start" -- docker exec "$(full_name one)" "$silo_bin/memfs" -F NTFS -m Z:
    fails_quickly host "linfsp start" -- docker exec "$(full_name one)" "$silo_bin/linfsp" status
    service_start
    kill -STOP "$(service_pid)"
    BOUND=15 refused '' -- docker exec "$(full_name one)" "$silo_bin/linfsp" status
    kill -CONT "$(service_pid)"
    disk one z
    service_stop
    fails_quickly host "linfsp start" -- docker exec "$(full_name one)" memfs -F NTFS -m Z:
    script_in one 'no test -e /dev/linfsp; no test -e /mnt/z'
    service_start
    file_teardown
}

@test "no service: on the host, the verbs that need one" {
    for verb in status silos volumes; do
        fails_quickly "linfsp start" -- "$linfsp" $verb || return
    done
    # Started by nobody, as these may not.
    fails_quickly "linfsp start" -- setpriv --reuid 54321 --regid 54321 --clear-groups "$linfsp" status
    fails_quickly "root" -- setpriv --reuid 54321 --regid 54321 --clear-groups "$linfsp" start
    nothing_left
}
