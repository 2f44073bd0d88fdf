#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The host lacks something: memory, processes, room, mounts, time. Containers start as ever, volumes go on, what is asked for is
# made or refused, and when the shortage is over all is as before.
load ../helpers/common
load ../helpers/attacks

teardown() {
    end_group
    rm -f /run/linfsp/filler
    remove_containers
    our_service_answers || { service_kill && service_start; }
}

# ---- control groups --------------------------------------------------------------------------------------------------------

# A control group for the service and all its processes: $group, with the files memory_limit, memory_usage, pids_limit and pids_usage.
begin_group() { # CONTROLLER
    local pid root=/sys/fs/cgroup/$1
    if [ -d "$root" ]; then
        memory_limit=memory.limit_in_bytes memory_usage=memory.usage_in_bytes unlimited=-1 memory_refusals=memory.failcnt
    else
        root=/sys/fs/cgroup memory_limit=memory.max memory_usage=memory.current unlimited=max memory_refusals=memory.events
        grep -qw "$1" "$root/cgroup.subtree_control" 2>/dev/null || missing "the controller $1"
    fi
    group=$root/linfsp-test.$$
    mkdir "$group"
    for pid in $(pgrep -g "$(service_pid)"); do
        echo "$pid" >"$group/cgroup.procs" || true # a worker may have ended
    done
}

# The limit was met, says the kernel in that file: else nothing was tested.
refused_by_kernel() { # FILE
    grep -qE '(^|max )[1-9]' "$1" || fail "the limit was not met: $(cat "$1")"
}

end_group() {
    local pid
    [ -n "${group:-}" ] || return 0
    while read -r pid; do
        echo "$pid" >"${group%/*}/cgroup.procs" 2>/dev/null || true
    done < <(cat "$group/cgroup.procs")
    wait_until 5 rmdir "$group" 2>/dev/null
    group=
}

# ---- what must be so -------------------------------------------------------------------------------------------------------

# A container starts as it does otherwise, works and ends.
starts_as_ever() {
    timed container_once busybox -- true || fail "a container did not start" || return
    [ "$elapsed" -lt $((usual * 3 + 1000)) ] || fail "a container took $elapsed ms, else $usual ms"
}

# What was there before goes on. A disk that is asked for is made or refused, and nobody waits for longer than a client does.
goes_on() { # NAME
    script_in "$1" 'echo more >>/mnt/z/file; cat /mnt/z/file >/dev/null' || return
    starts_as_ever || return
    BOUND=15 bounded inside "$1" /dev/linfsp/bin/memfs -b -m Y: >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- || [ $? -ne 124 ] || fail "a client hangs"
    starts_as_ever
}

# The service is there, as its unit would have it: one that the kernel killed has been started again.
recovers() { # NAME
    our_service_answers || { service_kill 2>/dev/null || true; service_start; }
    script_in "$1" 'echo more >>/mnt/z/file; [ "$(wc -l </mnt/z/file)" -ge 2 ]' || return
    all_is_well
}

with_a_disk() { # NAME
    timed container_once busybox -- true
    usual=$elapsed
    container "$1" busybox
    disk "$1" z
    script_in "$1" 'echo first >/mnt/z/file'
}

# ---- shortages -------------------------------------------------------------------------------------------------------------

@test "shortages: no memory in the service's control group: volumes go on, containers start, and it comes back" {
    local room usage
    with_a_disk one
    for room in 65536 262144 1048576; do
        begin_group memory
        usage=$(cat "$group/$memory_usage")
        echo $((usage + room)) >"$group/$memory_limit" || missing "a limit of memory"
        goes_on one
        [ "$room" -gt 65536 ] || refused_by_kernel "$group/$memory_refusals"
        echo "$unlimited" >"$group/$memory_limit"
        end_group
        recovers one
    done
}

@test "shortages: no process more in the service's control group" {
    with_a_disk one
    begin_group pids
    cat "$group/pids.current" >"$group/pids.max"
    goes_on one
    pgrep -g "$(service_pid)" -x linfspd-worker | xargs -r kill -KILL # and those that there were are lost
    goes_on one
    our_service_answers
    refused_by_kernel "$group/pids.events"
    echo max >"$group/pids.max"
    end_group
    recovers one
}

@test "shortages: a full /run/linfsp" {
    with_a_disk one
    dd if=/dev/zero of=/run/linfsp/filler bs=1M 2>/dev/null || true
    goes_on one
    share one x '\memfs\full' || true
    our_service_answers
    rm /run/linfsp/filler
    recovers one
    service_kill # the next one finds what was written meanwhile
    service_start
    recovers one
}

@test "shortages: a container whose mount namespace is full: its mounts are refused, and its end delays nobody" {
    with_a_disk one
    container full busybox --cap-add SYS_ADMIN --security-opt apparmor=unconfined
    docker cp "$attacks/many" "$(full_name full):/many"
    mounts=$(inside full sh -c 'mkdir /tmp/many && /many /tmp/many && wc -l </proc/self/mountinfo')
    [ "$mounts" -gt 10000 ] || fail "there are $mounts mounts only"
    refused "" -- docker exec "$(full_name full)" /dev/linfsp/bin/memfs -b -m Z:
    timed all_is_well
    goes_on one
    remove_container full
    recovers one
}

@test "shortages: the service suspended for longer than all of its own times: nothing ends, and it goes on" {
    with_a_disk one
    share one x '\memfs\suspended'
    ls /unc/memfs/suspended
    kill -STOP "$(service_pid)"
    starts_as_ever
    inside one /dev/linfsp/bin/memfs -b -m Y: >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
    local client=$!
    sleep 16
    script_in one 'echo more >>/mnt/z/file'
    kill -CONT "$(service_pid)"
    wait "$client" || true
    sleep 1.5
    equal "its volumes" "$("$linfsp" volumes --json | jq -r '[.[].mount_point | select(. != "/mnt/y")] | sort | join(" ")')" "/mnt/x /mnt/z"
    has_not "$(cat "$LINFSP_STATE/linfspd.log")" "given up"
    timeout 5 ls /unc/memfs/suspended
    recovers one
}
