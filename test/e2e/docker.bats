#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What Docker does to a container whose FUSE mount is live, or whose server hangs: umount, cp, exec, commit, diff, health checks, pause,
# restart and removal. Nothing hangs, and nothing of a mount is taken for the container's own.
load ../helpers/common

setup_file() {
    fuse_images fuse || return
    [ -n "$DOCKER_HOST" ] || return 0
    file_setup
}

teardown_file() { file_teardown; }

setup() {
    [ -n "$DOCKER_HOST" ] || missing "Docker"
    container one fuse
    script_in one 'mkdir /tmp/m'
}

teardown() {
    umount -l "$LINFSP_STATE/shared/m" "$LINFSP_STATE/shared" 2>/dev/null || true
    [ -z "$(docker ps -aq --filter "name=^$(full_name one)\$")" ] || signal_server CONT
    remove_container one
    docker image rm -f linfsp-test/committed >/dev/null 2>&1 || true
    connections_are_gone 5
}

# bindfs of /srv/source at /tmp/m: its "file" says hello, the folder under it is empty.
serve() {
    script_in "$@" one 'bindfs /srv/source /tmp/m; grep -qx hello /tmp/m/file'
    mounted one /tmp/m
}

signal_server() {
    pids_in one bindfs | xargs -r kill "-$1"
}

server_ended() {
    [ -z "$(pids_in one bindfs)" ]
}

# A process of the container's that waits for a server which does not answer.
hang() {
    signal_server STOP
    docker exec -d "$(full_name one)" ls /tmp/m/folder
    wait_until 5 run_in_number 1 one ls
}

@test "docker: umount(8) in a container, for root and for the user who mounted" {
    for who in 0 1000; do
        script_in one "chown $who /tmp/m"
        serve -u "$who"
        inside_as "$who" one umount /tmp/m || return
        not mounted one /tmp/m
        wait_until 5 server_ended || return
    done
    serve
    docker exec -d "$(full_name one)" /probe hold /tmp/m/file
    wait_until 3 run_in_number 2 one probe
    refused "busy" -- docker exec "$(full_name one)" umount /tmp/m
    mounted one /tmp/m
    inside one umount -l /tmp/m
    not mounted one /tmp/m
    disk one z
    inside one umount /mnt/z
    wait_unmounted one /mnt/z
}

@test "docker: umount(8) unmounts nobody else's" {
    serve
    refused "" -- docker exec -u 1000 "$(full_name one)" umount /tmp/m
    mounted one /tmp/m
    refused "" -- docker exec -u 1000 "$(full_name one)" umount -l /dev/linfsp
    mounted one /dev/linfsp
    inside one cat /tmp/m/file
}

@test "docker: cp, exec and diff, beside a live mount and beside one that hangs" {
    echo in >"$BATS_TEST_TMPDIR/in"
    serve
    for state in live hung; do
        [ "$state" = live ] || hang
        timed bounded docker cp "$BATS_TEST_TMPDIR/in" "$(full_name one):/etc/in" || return
        timed bounded docker cp "$(full_name one):/etc/in" "$BATS_TEST_TMPDIR/out" || return
        equal "what was copied" "$(cat "$BATS_TEST_TMPDIR/out")" in || return
        # Docker looks at the container's layers, not at what is mounted in it
        refused "" -- docker cp "$(full_name one):/tmp/m/file" "$BATS_TEST_TMPDIR/no" || return
        bounded docker cp "$BATS_TEST_TMPDIR/in" "$(full_name one):/tmp/m/under" || true
        bounded docker exec "$(full_name one)" true || return
        has_not "$(bounded docker diff "$(full_name one)")" /tmp/m/file /dev/linfsp/ || return
        bounded docker top "$(full_name one)" >/dev/null || return
        bounded docker stats --no-stream "$(full_name one)" >/dev/null || return
        script_in one 'rm -f /etc/in'
    done
    signal_server KILL
    wait_until 5 not mounted one /tmp/m
}

@test "docker: commit and export keep no file of a mount nor of ours" {
    serve
    disk one z
    share one y '\docker\commit'
    script_in one 'echo secret >/mnt/z/secret; echo secret >/mnt/y/secret; echo mine >/etc/mine'
    BOUND=30 bounded docker commit "$(full_name one)" linfsp-test/committed >/dev/null
    new=$(docker create --network=none linfsp-test/committed)
    docker export "$new" | tar -tv | awk '{$1 = $2 = $3 = $4 = $5 = ""; sub(/^ +/, ""); print}' >"$BATS_TEST_TMPDIR/kept"
    docker rm "$new" >/dev/null
    grep -qx etc/mine "$BATS_TEST_TMPDIR/kept"
    equal "what is in it of ours" "$(grep -E 'linfsp|secret|^unc|tmp/m/|mnt/.+' "$BATS_TEST_TMPDIR/kept" | sort | tr '\n' ' ')" \
        "tmp/m/ "
    # and a container of it works as any other
    out=$(BOUND=20 bounded docker run --rm --label linfsp-test --network=none linfsp-test/committed sh -euc '
        bindfs /srv/source /tmp/m; cat /tmp/m/file /etc/mine; umount /tmp/m; ! ls /mnt/z 2>/dev/null')
    equal "in the new one" "$out" "hello"$'\n'"mine"
}

health() {
    docker inspect -f '{{.State.Health.Status}}' "$(full_name one)"
}

is_health() {
    [ "$(health)" = "$1" ]
}

@test "docker: a health check that looks at a mount: healthy, and unhealthy when its server hangs or is gone" {
    remove_container one
    container one fuse --health-cmd='grep -qx hello /tmp/m/file' --health-interval=0.5s --health-timeout=1s --health-retries=1
    script_in one 'mkdir /tmp/m'
    serve
    wait_until 10 is_health healthy
    signal_server STOP
    wait_until 15 is_health unhealthy
    signal_server CONT
    wait_until 15 is_health healthy
    signal_server KILL
    wait_until 15 is_health unhealthy
    not mounted one /tmp/m
}

@test "docker: pause and restart" {
    serve
    bounded docker pause "$(full_name one)" >/dev/null
    BOUND=5 bounded "$linfsp" volumes >/dev/null
    bounded docker unpause "$(full_name one)" >/dev/null
    equal "after a pause" "$(inside one cat /tmp/m/file)" hello
    BOUND=20 bounded docker restart -t 1 "$(full_name one)" >/dev/null
    rm -f "$LINFSP_STATE"/pid.one.*
    not mounted one /tmp/m
    connections_are_gone 5
    serve
}

@test "docker: removal while mounted, and while the server hangs and others wait for it" {
    serve
    timed remove_container one
    [ "$elapsed" -lt 5000 ] || fail "removal took $elapsed ms"
    connections_are_gone 5
    container one fuse
    script_in one 'mkdir /tmp/m'
    serve
    hang
    timed remove_container one
    [ "$elapsed" -lt 5000 ] || fail "removal took $elapsed ms"
    connections_are_gone 5
    no_hung_tasks
    container one fuse
    script_in one 'mkdir /tmp/m'
    serve
    hang
    BOUND=20 timed bounded docker stop -t 1 "$(full_name one)"
    [ "$elapsed" -lt 8000 ] || fail "stopping took $elapsed ms"
    connections_are_gone 5
}

@test "docker: what is mounted in a folder that is shared with the host goes from there, too, with its server and with its container" {
    local shared=$LINFSP_STATE/shared
    mkdir -p "$shared"
    mount --bind "$shared" "$shared"
    mount --make-shared "$shared"
    remove_container one
    container one fuse -v "$shared:/shared:rshared"
    script_in one 'mkdir -p /tmp/m /shared/m; bindfs /srv/source /shared/m'
    equal "on the host" "$(bounded cat "$shared/m/file")" hello
    signal_server KILL
    wait_until 5 not mounted_here "$shared/m"
    for _ in {1..8}; do
        script_in one 'bindfs /srv/source /shared/m'
        mounted_here "$shared/m"
        remove_container one
        wait_until 5 not mounted_here "$shared/m" || return
        container one fuse -v "$shared:/shared:rshared"
    done
    remove_container one
    umount "$shared"
    rm -r "$shared"
}
