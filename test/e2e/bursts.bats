#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Thousands of files at once: what a client asks for and tells in one burst may neither end its volume nor be lost.
load ../helpers/common

setup_file() {
    file_setup
    bursts=$LINFSP_STATE/bursts
    export bursts
    mkdir -p "$bursts"
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -Wall -static -o "$bursts/many-open" "$LINFSP_ROOT/test/helpers/many-open.c"
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -Wall -static -I "$LINFSP_STAGE/include" -I "$LINFSP_ROOT/src" -o "$bursts/cheats" \
        "$LINFSP_ROOT/test/helpers/backing-cheats.c" "$(find "$LINFSP_STAGE/lib" -name liblinfsp.a)" -pthread
}
teardown_file() { file_teardown; }
setup() { service_runs; }
teardown() {
    remove_containers
    end_host_memfs
}

# A container in which a file system may have as many open files as the tests want.
roomy_container() { # NAME
    container "$1" busybox --ulimit nofile=20000:20000 -v "$bursts:/bursts:ro" --tmpfs /folder
}

ptfs_in() { # NAME ARGUMENT...
    docker exec -d "$(full_name "$1")" "$silo_bin/ptfs" -p /folder -m Z: "${@:2}"
    wait_mounted "$1" /mnt/z
}

# KiB of memory that is in memory files and tmpfs, of the whole machine.
shared_memory() {
    awk '$1 == "Shmem:" {print $2}' /proc/meminfo
}

shared_memory_at_most() {
    [ "$(shared_memory)" -le "$1" ]
}

@test "bursts: a process that has 4000 files of ptfs open ends, five times" {
    roomy_container one
    ptfs_in one --pass-through=0
    for _ in 1 2 3 4 5; do
        BOUND=60 inside one /bursts/many-open /mnt/z 4000 10 keep
        inside one stat /mnt/z/17
    done
    sleep 1
    script_in one 'test -e /mnt/z/3999; echo still >/mnt/z/there; test "$(cat /folder/there)" = still'
}

@test "bursts: a process with 4000 open files of ptfs ends that are removed already" {
    roomy_container one
    ptfs_in one --pass-through=0
    BOUND=60 inside one /bursts/many-open /mnt/z 4000 10 remove
    wait_until 10 script_in one 'test -z "$(ls -A /folder)"'
    script_in one 'echo still >/mnt/z/there; test "$(cat /folder/there)" = still'
}

@test "bursts: 3000 passed-through files of memfs are removed, and their memory is given back" {
    roomy_container one
    start_memfs one -n -1 -s -1 --pass-through=0 -m Z:
    wait_mounted one /mnt/z
    before=$(shared_memory)
    for kind in keep remove keep; do
        BOUND=60 inside one /bursts/many-open /mnt/z 3000 65536 "$kind"
        BOUND=60 script_in one 'rm -rf /mnt/z/*'
    done
    wait_until 10 shared_memory_at_most $((before + 40000))
    script_in one 'echo still >/mnt/z/there; test "$(cat /mnt/z/there)" = still; pidof memfs'
}

@test "bursts: what was to be closed while the service is killed is closed with the next one" {
    roomy_container one
    start_memfs one -n -1 -s -1 --pass-through=0 -m Z:
    wait_mounted one /mnt/z
    BOUND=60 inside one /bursts/many-open /mnt/z 2000 65536 keep
    before=$(shared_memory)
    service_kill
    BOUND=60 script_in one 'rm -rf /mnt/z/*'
    service_start
    wait_until 10 shared_memory_at_most $((before - 100000))
    wait_until 10 eval '"$linfsp" volumes | grep -q /mnt/z'
    BOUND=60 inside one /bursts/many-open /mnt/z 2000 65536 remove
    script_in one 'echo still >/mnt/z/there; test "$(cat /mnt/z/there)" = still'
}

# liblinfsp would not do so: requests are sent until the service takes no more, and only then the replies are read.
@test "bursts: a client that reads its replies late gets every one, and keeps its volume" {
    roomy_container one
    BOUND=60 inside one /bursts/cheats late Z: /folder >"$BATS_TEST_TMPDIR/said" || fail "$(cat "$BATS_TEST_TMPDIR/said")"
    has "$(cat "$BATS_TEST_TMPDIR/said")" "; Success"
}

@test "bursts: a volume that ends against its will says why, and its server's exit status tells" {
    container one busybox
    start_memfs_here -m "$BATS_TEST_TMPDIR/here"
    wait_until 5 mounted_here "$BATS_TEST_TMPDIR/here"
    connection=$("$linfsp" volumes --json | grep -o '"fuse_device": *[0-9]*' | grep -o '[0-9]*$')
    mkdir "$BATS_TEST_TMPDIR/fusectl"
    mount -t fusectl none "$BATS_TEST_TMPDIR/fusectl"
    echo 1 >"$BATS_TEST_TMPDIR/fusectl/$connection/abort"
    umount "$BATS_TEST_TMPDIR/fusectl"
    status=0
    wait "$memfs_pid" || status=$?
    equal "exit status" "$status" 1
    has "$(cat "$memfs_output")" "memfs: the volume ended: the kernel cut the connection off"

    start_memfs_here -m "$BATS_TEST_TMPDIR/here"
    wait_until 5 mounted_here "$BATS_TEST_TMPDIR/here"
    umount "$BATS_TEST_TMPDIR/here"
    wait "$memfs_pid" || fail "umount(8): exit status $?" "$(cat "$memfs_output")"

    start_memfs_here -m "$BATS_TEST_TMPDIR/here"
    wait_until 5 mounted_here "$BATS_TEST_TMPDIR/here"
    "$linfsp" umount "$BATS_TEST_TMPDIR/here"
    wait "$memfs_pid" || fail "linfsp umount: exit status $?" "$(cat "$memfs_output")"

    start_memfs_here -m "$BATS_TEST_TMPDIR/here"
    wait_until 5 mounted_here "$BATS_TEST_TMPDIR/here"
    service_stop
    status=0
    wait "$memfs_pid" || status=$?
    service_start
    equal "exit status" "$status" 1
    has "$(cat "$memfs_output")" "memfs: the volume ended: the service stops"
}

@test "bursts: a mount that is asked for while the service is killed is asked for again" {
    local turn
    for turn in 1 2 3; do
        kill -STOP "$(service_pid)"
        start_memfs_here -m "$BATS_TEST_TMPDIR/again$turn"
        sleep 0.3
        service_kill
        service_start
        wait_until 8 mounted_here "$BATS_TEST_TMPDIR/again$turn" || fail "$(cat "$memfs_output")" || return
        echo there >"$BATS_TEST_TMPDIR/again$turn/file"
    done
}
