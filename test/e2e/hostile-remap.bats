#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Users of a container that has a user namespace of its own: they are who the kernel says, in its words and in the host's.
load ../helpers/common

setup_file() {
    [ -n "$DOCKER_HOST_REMAP" ] || return 0
    file_setup
    mkdir -p "$LINFSP_STATE/hostile"
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -Wall -static -I "$LINFSP_ROOT/src" -o "$LINFSP_STATE/hostile/client" \
        "$LINFSP_ROOT/test/helpers/hostile-client.c"
    export DOCKER_HOST=$DOCKER_HOST_REMAP
    container evil busybox
    docker cp "$LINFSP_STATE/hostile/client" "$(full_name evil):/client"
    docker cp "$LINFSP_STATE/probe" "$(full_name evil):/program"
    script_in evil 'chown 0:0 /program; chmod 4755 /program; mkdir /own; chown 1000:1000 /own'
    wait_until 5 script_in evil 'test -S /dev/linfsp/disk'
}
teardown_file() { file_teardown; }

setup() {
    [ -n "$DOCKER_HOST_REMAP" ] || missing "an engine with userns-remap"
    export DOCKER_HOST=$DOCKER_HOST_REMAP
}

@test "hostile, userns-remap: who asked is who connected, whatever that process has executed since" {
    inside_as 1000 evil /client lend /dev/linfsp/disk /etc /program
    # one's own folder may be: then the client says that it was not refused
    refused 'answered with type 66' -- docker exec -u 1000 "$(full_name evil)" /client lend /dev/linfsp/disk /own /program
    script_in evil 'no grep " /etc " /proc/mounts; no grep " - fuse" /proc/self/mountinfo'
}

# The pid of the worker that was stopped in another user namespace than the host's.
stopped_worker() {
    local process
    for process in $(pgrep -P "$(service_pid)" linfspd-worker); do
        if grep -q '^State:.*[Tt] ' "/proc/$process/status" &&
            [ "$(readlink "/proc/$process/ns/user")" != "$(readlink /proc/self/ns/user)" ]; then
            echo "$process"
            return
        fi
    done
    return 1
}

# Root of the container may enter each mount namespace that its user namespace owns. Workers make such a one, for a moment.
@test "hostile, userns-remap: a worker's mount namespace in the container's user namespace has nothing of the host's" {
    local workers stopped
    wait_until 5 test "$(pgrep -c -P "$(service_pid)" linfspd-worker)" -ge 2
    sleep 0.3 # spare workers have made what they make ahead
    mapfile -t workers < <(pgrep -P "$(service_pid)" linfspd-worker)
    strace -q -o "$BATS_TEST_TMPDIR/calls" -e trace=unshare -e inject=unshare:signal=STOP "${workers[@]/#/-p}" 2>/dev/null 3>&- &
    tracer=$!
    wait_until 5 grep -q "^TracerPid:.*$tracer" "/proc/${workers[-1]}/status"
    container newcomer busybox 3>&- &
    starter=$!
    wait_until 10 stopped_worker || return
    stopped=$(stopped_worker)
    cat "/proc/$stopped/mountinfo" >"$BATS_TEST_TMPDIR/mounts"
    kill "$tracer"
    kill -CONT "$stopped"
    cat "$BATS_TEST_TMPDIR/mounts"
    grep -q " - tmpfs linfsp-run " "$BATS_TEST_TMPDIR/mounts"
    equal "mounts that are not LinFsp's" "$(grep -cvE ' - (tmpfs|autofs) linfsp-(scratch|run|unc) ' "$BATS_TEST_TMPDIR/mounts")" 0
    # and the container is served all the same
    wait "$starter"
    wait_until 5 script_in newcomer 'test -S /dev/linfsp/disk'
}
