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
