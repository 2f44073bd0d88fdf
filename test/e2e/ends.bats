#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# However it ends, and whatever goes on at that moment: nothing stale stays, nobody hangs.
load ../helpers/common

setup_file() { file_setup; }
teardown_file() { file_teardown; }
setup() { service_runs; }
teardown() {
    remove_containers
    end_writers
    end_host_memfs
    end_engine "$LINFSP_STATE/engines/crash"
}

# A share of container `server` with a disk beside it, in use from all sides: written, mapped, locked and held open through the
# mount in its container, and through /unc on the host and in container `client`.
busy_volumes() {
    container server busybox "$@"
    container client busybox
    share server y '\memfs\busy'
    disk server z
    writers=()
    writer in-server-mount docker exec "$(full_name server)" /probe scribble /mnt/y/a
    writer in-server-disk docker exec "$(full_name server)" /probe scribble /mnt/z/a
    writer in-server-map docker exec "$(full_name server)" /probe map /mnt/y/m
    writer in-client docker exec "$(full_name client)" /probe scribble /unc/memfs/busy/b
    writer on-host "$probe" scribble /unc/memfs/busy/c
    writer on-host-map "$probe" map /unc/memfs/busy/n
    for name in "${writers[@]}"; do
        wait_until 5 grep -q ready "$BATS_TEST_TMPDIR/$name" || fail "$name: $(cat "$BATS_TEST_TMPDIR/$name")" || return
    done
}

writer() { # NAME COMMAND...
    "${@:2}" >"$BATS_TEST_TMPDIR/$1" 2>&1 3>&- </dev/null &
    writer_pids[${#writers[@]}]=$!
    writers+=("$1")
}

# Every writer of the volume came to an end by itself.
writers_ended() {
    local i
    for i in "${!writers[@]}"; do
        wait_until 5 gone "${writer_pids[i]}" || fail "still there: ${writers[i]}" "$(cat "$BATS_TEST_TMPDIR/${writers[i]}")" || return
    done
}

end_writers() {
    local pid
    for pid in "${writer_pids[@]}"; do
        kill -KILL "$pid" 2>/dev/null
    done
    return 0
}

# The volumes of busy_volumes have gone from everywhere.
volumes_gone() {
    writers_ended || return
    wait_until 5 not mounted_here /unc/memfs/busy || return
    wait_until 2 not test -e /unc/memfs || return
    bounded ls /unc >/dev/null || [ ! -e /unc ] || return
    wait_unmounted client /dev/linfsp/unc/memfs/busy || return
    equal "FUSE mounts in the client" "$(our_mounts "$(pid_of client)" | grep -c ' fuse\.')" 0 || return
    connections_are_gone 3 || return
    no_hung_tasks
}

# In a server container that lives on, too.
server_is_clean() {
    wait_unmounted server /mnt/y || return
    wait_unmounted server /mnt/z || return
    wait_until 3 script_in server 'test ! -e /mnt/z; test ! -e /mnt/y; no pidof memfs; ls / >/dev/null' || return
}

# A new volume under the same names works at once.
again() {
    share "${1:-server}" y '\memfs\busy' || return
    disk "${1:-server}" z || return
    equal "a new volume is empty" "$(bounded ls /unc/memfs/busy)" ""
}

@test "ends: memfs by SIGTERM" {
    busy_volumes
    signal_memfs TERM server
    volumes_gone
    server_is_clean
    again
}

@test "ends: memfs by SIGKILL" {
    busy_volumes
    signal_memfs KILL server
    volumes_gone
    server_is_clean
    again
}

@test "ends: memfs by SIGINT, with exit status 0" {
    container server busybox
    docker exec "$(full_name server)" "$silo_bin/memfs" -F NTFS -m Z: >"$BATS_TEST_TMPDIR/memfs" 2>&1 3>&- &
    wait_mounted server /mnt/z
    kill -INT "$(pids_in server memfs)"
    wait $! || fail "exit status $?" "$(cat "$BATS_TEST_TMPDIR/memfs")"
    wait_unmounted server /mnt/z
}

@test "ends: memfs suspended, then killed" {
    busy_volumes
    signal_memfs STOP server
    sleep 0.3
    signal_memfs KILL server
    volumes_gone
    server_is_clean
}

@test "ends: docker stop" {
    busy_volumes
    BOUND=20 bounded docker stop -t 1 "$(full_name server)"
    volumes_gone
    remove_container server
}

@test "ends: docker kill" {
    busy_volumes
    BOUND=10 bounded docker kill "$(full_name server)"
    volumes_gone
}

@test "ends: docker kill while memfs is suspended and others wait for it" {
    busy_volumes
    signal_memfs STOP server
    sleep 0.3
    BOUND=10 bounded docker kill "$(full_name server)"
    volumes_gone
}

@test "ends: docker rm -f" {
    busy_volumes
    remove_container server
    volumes_gone
}

@test "ends: memfs is the container's init, and is killed from outside" {
    container server busybox -- /dev/linfsp/bin/memfs -F NTFS -m Y: -u '\memfs\busy'
    container client busybox
    wait_until 5 mounted_here /unc/memfs/busy
    writers=()
    writer on-host "$probe" scribble /unc/memfs/busy/c
    writer in-client docker exec "$(full_name client)" /probe scribble /unc/memfs/busy/b
    wait_until 5 grep -q ready "$BATS_TEST_TMPDIR/in-client"
    kill -KILL "$(pid_of server)"
    volumes_gone
}

@test "ends: docker stop of memfs as init is its own SIGTERM, exit status 0" {
    container server busybox -- /dev/linfsp/bin/memfs -F NTFS -m Y: -u '\memfs\busy'
    wait_until 5 mounted_here /unc/memfs/busy
    timed docker stop -t 8 "$(full_name server)"
    [ "$elapsed" -lt 4000 ] || fail "docker stop took $elapsed ms: memfs did not heed SIGTERM"
    equal "exit status" "$(docker inspect -f '{{.State.ExitCode}}' "$(full_name server)")" 0
    wait_until 5 not mounted_here /unc/memfs/busy
}

@test "ends: the reader's container goes while it reads" {
    busy_volumes
    BOUND=10 bounded docker kill "$(full_name client)"
    script_in server 'echo on >/mnt/y/still'
    equal "the share goes on" "$(bounded cat /unc/memfs/busy/still)" on
    signal_memfs KILL server
    wait_until 5 not mounted_here /unc/memfs/busy
    server_is_clean
    writers_ended
}

@test "ends: the engine crashes, and its containers with it" {
    private_engine "$LINFSP_STATE/engines/crash" || missing "an engine of our own"
    plain=$DOCKER_HOST
    DOCKER_HOST=unix://$LINFSP_STATE/engines/crash/docker.sock
    "$LINFSP_ROOT/test/helpers/images" busybox
    busy_volumes
    init=$(pid_of server)
    other=$(pid_of client)
    kill -KILL "$(cat "$LINFSP_STATE/engines/crash/dockerd.pid")"
    end_engine_children "$LINFSP_STATE/engines/crash"
    DOCKER_HOST=$plain
    equal "the share goes on without the engine" "$(bounded sh -c 'echo on >/unc/memfs/busy/on; cat /unc/memfs/busy/on')" on
    kill -KILL "$init" "$other"
    writers_ended
    wait_until 5 not mounted_here /unc/memfs/busy
    wait_until 2 not test -e /unc/memfs
    connections_are_gone 3
    end_engine "$LINFSP_STATE/engines/crash"
    no_hung_tasks
}

@test "ends: the service is stopped" {
    busy_volumes
    timed service_stop
    [ "$elapsed" -lt 8000 ] || fail "linfsp stop took $elapsed ms"
    volumes_gone
    server_is_clean
    nothing_left
    service_start
    again
}

@test "ends: the service is stopped while memfs is suspended" {
    busy_volumes
    signal_memfs STOP server
    timed service_stop
    [ "$elapsed" -lt 8000 ] || fail "linfsp stop took $elapsed ms"
    writers_ended
    our_mounts self | new_since mounts | complain "mounts on the host"
    signal_memfs KILL server
    nothing_left
    service_start
}

@test "ends: the service gets SIGTERM" {
    busy_volumes
    kill -TERM "$(service_pid)"
    wait_until 8 gone "$(service_pid)"
    volumes_gone
    nothing_left
    service_start
}

@test "ends: the service is killed: volumes go on, the next service finds them again and ends them as ever" {
    busy_volumes
    service_kill
    script_in server 'echo on >/mnt/y/on; echo on >/mnt/z/on'
    equal "the share without a service" "$(bounded cat /unc/memfs/busy/on)" on
    service_start
    equal "the share with the next service" "$(bounded cat /unc/memfs/busy/on)" on
    wait_until 5 volume_is_attached '\memfs\busy'
    [ -d "/proc/${writer_pids[0]}" ] || fail "a writer was disturbed: $(cat "$BATS_TEST_TMPDIR/${writers[0]}")"
    container late busybox
    equal "in a container of the next service" "$(inside late cat /unc/memfs/busy/on)" on
    memfs_refused late '\memfs\busy' -- -F NTFS -u '\memfs\busy'
    signal_memfs KILL server
    volumes_gone
    server_is_clean
    again
}

volume_is_attached() { # PREFIX
    "$linfsp" volumes --json | jq -e --arg prefix "$1" 'map(select(.prefix == $prefix and .attached != false)) | length == 1' >/dev/null
}

@test "ends: memfs dies while no service runs: the next service clears its mounts" {
    busy_volumes
    service_kill
    signal_memfs KILL server
    writers_ended
    service_start
    wait_until 5 not mounted_here /unc/memfs/busy
    volumes_gone
    server_is_clean
    again
}

@test "ends: the container dies while no service runs: the next service clears the share" {
    busy_volumes
    service_kill
    BOUND=10 bounded docker kill "$(full_name server)"
    writers_ended
    service_start
    volumes_gone
}

@test "ends: the service is killed again and again under load" {
    busy_volumes
    for _ in 1 2 3; do
        service_kill
        service_start
    done
    equal "the share goes on" "$(bounded sh -c 'echo on >/unc/memfs/busy/on; cat /unc/memfs/busy/on')" on
    container other busybox
    share other y '\other\share'
    equal "another's share" "$(bounded sh -c 'echo x >/unc/other/share/x; cat /unc/other/share/x')" x
    remove_container other
    remove_container server
    volumes_gone
}

# Has strace kill PROCESS... each at its Nth call of any of CALLS from now on, and waits until it is there: `die_at N CALLS PROCESS...`
die_at() {
    local number=$1 calls=$2 process
    shift 2
    strace -q -o "$BATS_TEST_TMPDIR/calls" -e "trace=$calls" -e "inject=$calls:signal=KILL:when=$number" \
        "${@/#/-p}" 2>/dev/null 3>&- &
    tracer=$!
    for process; do
        wait_until 5 traced_or_gone "$process" || return # what others start on the machine makes the service look, too
    done
}

traced_or_gone() {
    gone "$1" || grep -q "^TracerPid:.*$tracer" "/proc/$1/status"
}

not_traced_any_more() {
    kill "$tracer" 2>/dev/null || true
    wait_until 5 gone "$tracer"
}

# memfs ends as soon as it is there, and with it the client that runs it in the container.
ended_with_memfs() { # CLIENT-PID
    signal_memfs KILL server >/dev/null 2>&1
    gone "$1"
}

no_volumes() {
    [ "$("$linfsp" volumes --json | jq length)" = 0 ]
}

nothing_of_a_mount() {
    wait_until 5 no_volumes || return
    wait_unmounted server /mnt/z || return
    wait_until 5 not mounted_here /unc/memfs/busy || return
    script_in server 'test ! -e /mnt/z' || return
    not compgen -G '/run/linfsp/journal/intent-*'
}

memfs_in_background() {
    docker exec "$(full_name server)" "$silo_bin/memfs" -F NTFS -m Z: -u '\memfs\busy' >"$BATS_TEST_TMPDIR/memfs" 2>&1 3>&- &
    client=$!
}

workers_of_the_service() {
    pgrep -P "$(service_pid)"
}

# It has nothing to do but what it is asked: its workers were started and welcomed.
at_rest() {
    [ "$(pgrep -c -P "$(service_pid)" linfspd-worker)" -ge 2 ]
}

# What a mount takes in the service itself: the job is sent, the answer comes, goes on, and is written down.
@test "ends: the service is killed at any step of a mount" {
    container server busybox
    for step in {1..14}; do
        wait_until 5 at_rest || return
        die_at "$step" sendmsg,openat,rename,unlink "$(service_pid)" || return
        memfs_in_background
        wait_until 3 gone "$(service_pid)" || wait_mounted server /mnt/z || return # its last steps are over
        not_traced_any_more
        service_kill 2>/dev/null || true
        service_start
        # it came back to the new service, or it gave up: whatever it was, nothing of it is to stay
        wait_until 10 ended_with_memfs "$client" || return
        nothing_of_a_mount || return
    done
}

@test "ends: a worker is killed at any step of a mount" {
    container server busybox
    for step in {1..12}; do
        mapfile -t workers < <(workers_of_the_service)
        die_at "$step" openat,mkdirat,move_mount,fsmount,setns,sendmsg "${workers[@]}" || return
        memfs_in_background
        sleep 0.5
        not_traced_any_more
        wait_until 10 ended_with_memfs "$client" || return
        nothing_of_a_mount || return
    done
    # and the container is served as before
    share server z '\memfs\busy'
}

@test "ends: the service is killed at any step of an unmount" {
    container server busybox
    for step in {1..8}; do
        memfs_in_background
        wait_mounted server /mnt/z || return
        wait_until 5 at_rest || return
        die_at "$step" sendmsg,recvmsg,write,unlink "$(service_pid)" || return
        wait_until 10 ended_with_memfs "$client" || return
        sleep 0.2
        not_traced_any_more
        service_kill 2>/dev/null || true
        service_start
        nothing_of_a_mount || return
    done
}

@test "ends: a worker is killed at any step of an unmount" {
    container server busybox
    for step in {1..8}; do
        memfs_in_background
        wait_mounted server /mnt/z || return
        mapfile -t workers < <(workers_of_the_service)
        die_at "$step" openat,umount2,unlinkat,setns,sendmsg "${workers[@]}" || return
        wait_until 10 ended_with_memfs "$client" || return
        sleep 0.3
        not_traced_any_more
        nothing_of_a_mount || return
    done
}

@test "ends: umount in the container by root ends memfs" {
    container server busybox --cap-add SYS_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined
    share server y '\memfs\busy'
    script_in server 'umount /mnt/y'
    wait_until 5 not mounted_here /unc/memfs/busy
    wait_until 3 script_in server 'no pidof memfs'
}

@test "ends: linfsp umount by mount point and by prefix, in the container and on the host" {
    container server busybox
    share server y '\memfs\busy'
    inside server "$silo_bin/linfsp" umount /mnt/y
    wait_unmounted server /mnt/y
    wait_until 3 not mounted_here /unc/memfs/busy
    wait_until 3 script_in server 'no pidof memfs'
    share server y '\memfs\busy'
    inside server "$silo_bin/linfsp" umount '\memfs\busy'
    wait_unmounted server /mnt/y
    share server y '\memfs\busy'
    "$linfsp" umount '\memfs\busy'
    wait_unmounted server /mnt/y
    wait_until 3 not mounted_here /unc/memfs/busy
}

@test "ends: 30 volumes come and go, and the service has as many descriptors as before" {
    container server busybox
    before=$(ls "/proc/$(service_pid)/fd" | wc -l)
    for n in {1..10}; do
        start_memfs server -F NTFS -m "/tmp/v$n" -u "\\memfs\\v$n"
    done
    for n in {1..10}; do
        wait_mounted server "/tmp/v$n"
    done
    signal_memfs KILL server
    for n in {1..10}; do
        wait_unmounted server "/tmp/v$n"
    done
    wait_until 3 not test -e /unc/memfs
    wait_until 3 descriptors_at_most $((before + 2))
}

descriptors_at_most() {
    [ "$(ls "/proc/$(service_pid)/fd" | wc -l)" -le "$1" ]
}
