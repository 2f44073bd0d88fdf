#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Finding containers: those that run already, new ones before their first act; and never in the way of one.
load ../helpers/common

setup_file() { file_setup; }
teardown_file() { file_teardown; }
setup() { service_runs; }
teardown() {
    kill -CONT "$(service_pid)" 2>/dev/null
    remove_containers
}

@test "startup: containers that ran already when the service started are found" {
    service_stop
    container one busybox
    container two scratch --user 1000
    [ ! -e "/proc/$(pid_of one)/root/dev/linfsp" ]
    service_start
    wait_until 3 test -e "/proc/$(pid_of one)/root/dev/linfsp/disk"
    wait_until 3 test -e "/proc/$(pid_of two)/root/dev/linfsp/disk"
    disk one z
    start_memfs two -F NTFS -u '\memfs\two'
    wait_until 5 mounted_here /unc/memfs/two
}

@test "startup: a container whose first act is memfs does not fail for being fast (20 of 20)" {
    for round in {1..20}; do
        container "first-$round" busybox -- /bin/sh -c '/dev/linfsp/bin/memfs -F NTFS -m Z:'
    done
    for round in {1..20}; do
        wait_mounted "first-$round" /mnt/z fuse.NTFS || fail "in round $round" "$(docker logs "$(full_name "first-$round")" 2>&1)"
    done
}

@test "startup: memfs as the entry point itself (10 of 10), also by exec form in an image without a shell" {
    for round in {1..10}; do
        container "entry-$round" scratch -- /dev/linfsp/bin/memfs -F NTFS -u "\\memfs\\entry-$round"
    done
    for round in {1..10}; do
        wait_until 5 mounted_here "/unc/memfs/entry-$round" || fail "in round $round" "$(docker logs "$(full_name "entry-$round")" 2>&1)"
    done
    equal "inits that are memfs" "$(cat "/proc/$(pid_of entry-1)/comm")" memfs
}

# LINFSP_STARTS: how many, for a measurement; LINFSP_BUSY: how many processes compete for the CPUs.
@test "startup: memfs as the entry point itself, on a machine whose CPUs are all busy (10 of 10)" {
    local busy=() failed=() round
    for round in $(seq "${LINFSP_BUSY:-8}"); do
        sh -c 'while :; do :; done' >/dev/null 2>&1 3>&- 9>&- &
        busy+=("$!")
    done
    for round in $(seq "${LINFSP_STARTS:-10}"); do
        # the helper's 10 s are not for a machine like this
        BOUND=60 container_once scratch -- /dev/linfsp/bin/memfs --version >"$BATS_TEST_TMPDIR/$round" 2>&1 || failed+=("$round")
    done
    kill "${busy[@]}"
    [ "${#failed[@]}" -eq 0 ] || fail "${#failed[@]} of ${LINFSP_STARTS:-10} failed, in rounds ${failed[*]}" "$(cat "$BATS_TEST_TMPDIR/${failed[0]}")"
}

@test "startup: the devices are there at the first instruction (20 of 20), in every mode" {
    for mode in --user=1000 --read-only --cap-drop=ALL --security-opt=no-new-privileges; do
        for _ in {1..5}; do
            container_once busybox "$mode" -- test -S /dev/linfsp/disk -a -S /dev/linfsp/net -a -x /dev/linfsp/bin/memfs ||
                fail "not there with $mode"
        done
    done
}

@test "startup: many at once are all seen" {
    for n in {1..12}; do
        docker run --rm --label linfsp-test --network=none linfsp-test/busybox test -S /dev/linfsp/disk >"$BATS_TEST_TMPDIR/$n" 2>&1 3>&- &
        pids[n]=$!
    done
    for n in {1..12}; do
        wait "${pids[n]}" || fail "container $n: $(cat "$BATS_TEST_TMPDIR/$n")"
    done
}

@test "startup: docker exec, cp, commit, restart and pause work as ever beside the injected folder" {
    container one busybox
    disk one z
    script_in one 'echo x >/mnt/z/file; echo y >/etc/mine'
    docker cp "$(full_name one):/etc/mine" "$BATS_TEST_TMPDIR/mine"
    equal "copied" "$(cat "$BATS_TEST_TMPDIR/mine")" y
    docker commit "$(full_name one)" linfsp-test/committed >/dev/null
    has_not "$(docker export "$(full_name one)" | tar -t | grep linfsp || true)" bin/memfs
    docker image rm linfsp-test/committed >/dev/null
    docker pause "$(full_name one)"
    docker unpause "$(full_name one)"
    equal "after a pause" "$(inside one cat /mnt/z/file)" x
    BOUND=20 bounded docker restart -t 1 "$(full_name one)"
    rm -f "$LINFSP_STATE"/pid.one.*
    not mounted one /mnt/z
    disk one z
}

@test "startup: a container starts, works and ends when the service is stopped, killed, suspended or starved" {
    timed container_once busybox -- true
    usual=$elapsed
    kill -STOP "$(service_pid)"
    timed container_once busybox -- true
    [ "$elapsed" -lt $((usual * 3 + 1000)) ] || fail "$elapsed ms with the service suspended, else $usual ms"
    container suspended busybox
    BOUND=20 bounded docker stop -t 1 "$(full_name suspended)"
    kill -CONT "$(service_pid)"
    service_kill
    timed container_once busybox -- true
    [ "$elapsed" -lt $((usual * 3 + 1000)) ] || fail "$elapsed ms with the service killed, else $usual ms"
    service_start
    prlimit --nofile=12: --pid "$(service_pid)"
    timed container_once busybox -- true
    [ "$elapsed" -lt $((usual * 3 + 1000)) ] || fail "$elapsed ms with the service starved, else $usual ms"
    size=$(stat -c %s "$LINFSP_STATE/linfspd.log")
    [ "$size" -lt 100000 ] || fail "the starved service's log has grown to $size bytes"
    service_kill
    service_start
    service_stop
    container_once busybox -- true
    service_start
    container_once busybox -- test -S /dev/linfsp/disk
}

@test "startup: containers with a mount, a file or a link of their own at /dev/linfsp start and are left alone" {
    container_once busybox --tmpfs /dev/linfsp -- /bin/sh -c 'echo started' | grep started
    mkdir -p "$BATS_TEST_TMPDIR/mine"
    echo mine >"$BATS_TEST_TMPDIR/mine/file"
    container_once busybox -v "$BATS_TEST_TMPDIR/mine:/dev/linfsp" -- true
    equal "what is in the user's folder" "$(ls -A "$BATS_TEST_TMPDIR/mine")" file
    service_answers
}

@test "startup: a container with a /dev of its own, or none that can be written, starts" {
    container_once busybox --tmpfs /dev:ro -- true || container_once busybox -- true
    mkdir -p "$BATS_TEST_TMPDIR/dev"
    container_once busybox -v "$BATS_TEST_TMPDIR/dev:/dev" -- true || true
    service_answers
    wait_until 3 script_of_rmdir "$BATS_TEST_TMPDIR/dev"
}

# Nothing of ours stays in a folder of the user's that was a container's /dev.
script_of_rmdir() {
    [ ! -e "$1/linfsp" ] || [ -z "$(ls -A "$1/linfsp")" ]
}

# What /proc says of a process: `status_of PID FIELD`
status_of() {
    sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"
}

# The tests' service has the unit's capabilities from outside; this one is given all there are.
@test "startup: the service and its workers shut their own cage, without systemd" {
    local worker expected
    expected=$(setpriv "--bounding-set=-all,$(unit_capabilities)" --no-new-privs sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status)
    service_stop
    # shellcheck disable=SC2086 # several options
    "$linfspd" ${LINFSP_TEST_SERVICE_OPTIONS:-} </dev/null >>"$LINFSP_STATE/linfspd.log" 2>&1 3>&- 9>&- &
    echo "$!" >"$LINFSP_STATE/linfspd.pid"
    disown
    wait_until 5 our_service_answers
    wait_until 5 pgrep -P "$(service_pid)" linfspd-worker
    worker=$(pgrep -n -P "$(service_pid)" linfspd-worker)
    equal "bounding set" "$(status_of "$(service_pid)" CapBnd)" "$expected"
    equal "permitted" "$(status_of "$(service_pid)" CapPrm)" "$expected"
    equal "new privileges" "$(status_of "$(service_pid)" NoNewPrivs)" 1
    equal "bounding set of a worker" "$(status_of "$worker" CapBnd)" "$expected"
    [ "$((0x$(status_of "$worker" CapPrm) & ~0x$expected))" = 0 ]
    [ "$((0x$(status_of "$worker" CapPrm)))" -lt "$((0x$expected))" ]
    equal "groups of a worker" "$(status_of "$worker" Groups)" ""
    equal "filters of the service" "$(status_of "$(service_pid)" Seccomp_filters)" "$(($(status_of $$ Seccomp_filters) + 1))"
    equal "filters of a worker" "$(status_of "$worker" Seccomp_filters)" "$(($(status_of $$ Seccomp_filters) + 2))"
    # and all goes on as ever in it
    container one busybox
    disk one z
    share one y '\memfs\caged'
    wait_until 5 mounted_here /unc/memfs/caged
}
