#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Unmodified FUSE programs that die and are started again: their mount point waits for them.
load ../helpers/common

setup_file() {
    fuse_images fuse >/dev/null && file_setup
}

teardown_file() {
    file_teardown
}

setup() {
    [ -n "$DOCKER_HOST" ] || missing "Docker"
    service_runs
    container one fuse
    wait_until 5 inside one test -S /dev/linfsp/disk
    script_in one 'mkdir -p /tmp/m /tmp/own/m && chown -R 1000:1000 /tmp/own'
    here=$BATS_TEST_TMPDIR
}

teardown() {
    remove_containers
}

# A program in the background, at $at: `begin USER PROGRAM`. It is held for $hold seconds.
begin() {
    local script
    case $2 in
    bindfs) script="bindfs /srv/source $at" ;;
    sshfs) script="sshfs -o ssh_command=fake-ssh host:/srv/source $at" ;;
    # which takes a mount that waits for one that is in the way
    rclone) script="rclone mount --allow-non-empty --config /dev/null --daemon :local:/srv/source $at" ;;
    esac
    BOUND=20 bounded docker exec -u "$1" -e HOME=/tmp -e LINFSP_HOLD="${hold:-30}" "$(full_name one)" sh -c "$script" ||
        fail "$2 did not start" "$(tail -n 5 "$LINFSP_STATE/linfspd.log")"
}

kill_all() { # PROGRAM
    pids_in one "$1" | xargs kill -KILL
    wait_until 5 waits || fail "$("$linfsp" volumes)"
}

waits() {
    "$linfsp" volumes --json | jq -e --arg id "$(id_of one)" '.[] | select(.silo == $id and .attached == false)' >/dev/null
}

mounts_there() {
    awk -v at="$at" '$5 == at' "/proc/$(pid_of one)/mountinfo" | wc -l
}

# It is killed and started again, three times. Whoever goes there meanwhile waits, and comes into the new one.
comes_back() { # USER PROGRAM
    begin "$@"
    for i in 1 2 3; do
        kill_all "$2"
        docker exec -u "$1" "$(full_name one)" sh -c "cat $at/file; ls $at >/dev/null && stat $at/file >/dev/null && echo fine" >"$here/said" 2>&1 3>&- &
        walker=$!
        sleep 0.7
        kill -0 "$walker" || fail "it did not wait: $(cat "$here/said")" || return
        begin "$@"
        wait "$walker" || fail "round $i: $(cat "$here/said")" || return
        equal "what came of it" "$(cat "$here/said")" $'hello\nfine'
        wait_until 5 eval '[ "$(mounts_there)" -eq 1 ]' || fail "$(mounts_there) mounts" || return
    done
    docker exec -u "$1" "$(full_name one)" fusermount3 -u "$at" || docker exec -u "$1" "$(full_name one)" fusermount -u "$at"
    wait_until 5 eval '[ "$(mounts_there)" -eq 0 ]'
}

@test "comeback: sshfs, bindfs and rclone, root's" {
    at=/tmp/m
    comes_back 0 sshfs
    comes_back 0 bindfs
    comes_back 0 rclone
}

@test "comeback: sshfs, bindfs and rclone, an ordinary user's" {
    at=/tmp/own/m
    comes_back 1000 sshfs
    comes_back 1000 bindfs
    comes_back 1000 rclone
}

@test "comeback: open files fail at once, and nobody waits longer than was asked for" {
    at=/tmp/m hold=3
    begin 0 bindfs
    script_in one 'exec 5</tmp/m/file; touch /tmp/ready; while [ ! -e /tmp/go ]; do sleep 0.1; done; r=0; cat <&5 >/tmp/read 2>&1 || r=$?; echo $r >/tmp/result' 3>&- &
    wait_until 5 script_in one 'test -e /tmp/ready'
    kill_all bindfs
    script_in one 'touch /tmp/go'
    wait_until 2 script_in one 'test -s /tmp/result'
    equal "reading the open file" "$(script_in one 'cat /tmp/result')" 1
    timed script_in one 'cat /tmp/m/file 2>/tmp/error || true'
    [ "$elapsed" -ge 500 ] && [ "$elapsed" -lt 6000 ] || fail "it took $elapsed ms"
    has "$(script_in one 'cat /tmp/error')" "not connected"
    wait_until 5 eval '[ "$(mounts_there)" -eq 0 ]'
    script_in one 'ls /tmp/m && mkdir /tmp/m/x && rmdir /tmp/m/x'
    wait
}

@test "comeback: who waits can be interrupted, and the mount point unmounted" {
    at=/tmp/m hold=60
    begin 0 sshfs
    kill_all sshfs
    docker exec -d "$(full_name one)" cat /tmp/m/file
    wait_until 5 eval '[ -n "$(pids_in one cat)" ]'
    sleep 0.3
    pids_in one cat | xargs kill -INT
    wait_until 3 eval '[ -z "$(pids_in one cat)" ]'
    docker exec -d "$(full_name one)" cat /tmp/m/file
    wait_until 5 eval '[ -n "$(pids_in one cat)" ]'
    pids_in one cat | xargs kill -KILL
    wait_until 3 eval '[ -z "$(pids_in one cat)" ]'
    BOUND=5 bounded docker exec "$(full_name one)" fusermount3 -u /tmp/m
    wait_until 3 eval '[ "$(mounts_there)" -eq 0 ]'
}

@test "comeback: a program that is stopped in an orderly way is gone at once, and so is one that asks for no hold" {
    at=/tmp/m
    begin 0 bindfs
    pids_in one bindfs | xargs kill -TERM
    wait_until 3 eval '[ "$(mounts_there)" -eq 0 ]'
    hold=0
    begin 0 bindfs
    pids_in one bindfs | xargs kill -KILL
    wait_until 3 eval '[ "$(mounts_there)" -eq 0 ]'
}

@test "comeback: a container that is killed meanwhile is gone at once" {
    at=/tmp/m hold=120
    begin 0 sshfs
    kill_all sshfs
    for _ in 1 2 3 4; do docker exec -d "$(full_name one)" sh -c 'ls -lR /tmp/m; cat /tmp/m/file'; done
    sleep 0.5
    timed docker kill "$(full_name one)"
    [ "$elapsed" -lt 10000 ] || fail "docker kill took $elapsed ms"
    wait_until 10 not waits
}

@test "comeback: the administrator's word" {
    at=/tmp/m
    remove_containers
    service_stop
    printf 'max_fail_over = 200\n[rule held]\nname = *\nhold = 20s\n' >"$here/linfsp.conf"
    service_start --config="$here/linfsp.conf"
    container one fuse
    script_in one 'mkdir -p /tmp/m; bindfs /srv/source /tmp/m'
    kill_all bindfs
    script_in one 'bindfs /srv/source /tmp/m; grep -qx hello /tmp/m/file'
    service_stop
    equal "mounts" "$(mounts_there)" 0
}
