#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A service that starts anew says READY once it has taken up the /unc of each container: who goes to a share then gets there.
load ../helpers/common
load ../helpers/attacks

teardown() {
    local name
    for name in "${paused[@]}"; do docker unpause "$(full_name "$name")" >/dev/null 2>&1 || true; done
    remove_containers
}

# Two shares of each of a few servers, in a container of their own, with a file in each.
publish() { # SERVER...
    local name share
    container server busybox
    for name; do
        for share in before after; do
            start_memfs server -F NTFS -u "\\$name\\$share"
            wait_until 5 test -d "/unc/$name/$share/."
            echo "$name" >"/unc/$name/$share/file"
        done
    done
}

# In a container's own mount namespace, without an engine that takes its time.
in_silo() { # NAME COMMAND...
    BOUND=5 bounded nsenter --mount --root --target "$(pid_of "$1")" "${@:2}"
}

# The container gets a folder of its own for each server, and then has nothing mounted in any.
goes_to() { # NAME SERVER...
    local name
    for name in "${@:2}"; do
        wait_until 10 in_silo "$1" test -e "/unc/$name/before/file" || return # the container may only just have started
        equal "$1, at first" "$(in_silo "$1" cat "/unc/$name/before/file")" "$name" || return
    done
}

idle() { # NAME
    not grep -q ' - fuse\.NTFS ' "/proc/$(pid_of "$1")/mountinfo"
}

@test "restart: at READY the first access of each container succeeds, to servers it knows and to others" {
    local servers=(alpha beta gamma delta) known n
    paused=()
    publish "${servers[@]}"
    known=("${servers[@]:0:3}") # nobody has gone to delta: its folder is made after the restart
    for n in {1..6}; do
        container "c$n" busybox
        goes_to "c$n" "${known[@]}"
    done
    for n in {1..6}; do
        wait_until 8 idle "c$n"
    done
    service_kill
    refused 'No such file' -- nsenter --mount --root --target "$(pid_of c6)" cat /unc/alpha/after/file
    service_start_until_ready 10
    # whose turn came last goes first
    for n in {6..1}; do
        for name in gamma beta alpha delta; do
            equal "c$n at READY: $name" "$(in_silo "c$n" cat "/unc/$name/after/file" 2>&1)" "$name"
        done
    done
    for n in {6..1}; do
        equal "c$n: what was open before" "$(in_silo "c$n" cat /unc/alpha/before/file)" alpha
    done
}

@test "restart: a container that is frozen delays READY for nobody, and goes on when it is thawed" {
    paused=(frozen)
    publish alpha
    container frozen busybox
    container other busybox
    goes_to frozen alpha
    goes_to other alpha
    docker exec -d "$(full_name frozen)" sh -c 'while :; do cat /unc/alpha/after/file >/tmp/said 2>&1 && sleep 0.2; done'
    wait_until 5 inside frozen test -s /tmp/said
    docker pause "$(full_name frozen)" >/dev/null
    service_kill
    service_start_until_ready 8
    equal "the other's at READY" "$(in_silo other cat /unc/alpha/after/file 2>&1)" alpha
    docker unpause "$(full_name frozen)" >/dev/null
    equal "the frozen one's" "$(in_silo frozen cat /unc/alpha/after/file 2>&1)" alpha
    wait_until 5 inside frozen grep -qx alpha /tmp/said
}

# The kernel holds the lock of a folder that is listed, for as long as the memory that is listed into does not come. A worker that is
# to take that folder up waits until then, and so do all folders of that container once two workers wait.

# The service is started, and 0.8 s later what holds the folders is ended. Not 0: the machine was too busy to do that in time.
start_while_held() { # PID...
    local released=$BATS_TEST_TMPDIR/released
    start=${EPOCHREALTIME/./}
    (
        sleep 0.8
        echo "${EPOCHREALTIME/./}" >"$released"
        kill -KILL "$@"
    ) 3>&- 9>&- &
    service_start_until_ready 8 || return
    ready=${EPOCHREALTIME/./}
    wait_until 5 test -s "$released"
    released_at=$(<"$released")
    [ $((released_at - start)) -lt 1500000 ]
}

@test "restart: READY waits for a folder that is taken up late, and then a first access there succeeds" {
    local servers=(s1 s2 s3 s4 s5 s6 s7 s8) round name pids
    paused=()
    publish "${servers[@]}"
    attacker late
    goes_to late "${servers[@]}"
    wait_until 8 idle late
    for round in {1..5}; do
        attack_in late hung list /unc /unc/s1 /unc/s2 /unc/s3
        wait_until 10 eval '[ "$(grep -c ready "$attack_output")" = 4 ]'
        mapfile -t pids < <(pids_in late hung)
        service_kill
        ! start_while_held "${pids[@]}" || break
        [ "$round" -lt 5 ] || fail "this machine is too busy for that"
    done
    for name in "${servers[@]}"; do
        equal "at READY: $name" "$(in_silo late cat "/unc/$name/after/file" 2>&1)" "$name"
    done
    [ "$ready" -gt "$released_at" ] || fail "READY came $((released_at - ready)) us before that folder could be taken up"
}

@test "restart: a container that holds its /unc delays READY by two seconds at most, and others not at all after that" {
    paused=()
    publish alpha
    attacker holder
    container other busybox
    goes_to holder alpha
    goes_to other alpha
    attack_in holder hung list /unc /unc/alpha
    service_kill
    timed service_start_until_ready 8
    [ "$elapsed" -lt 4500 ] || fail "READY came after $elapsed ms" # without that limit a worker is waited for, for five seconds
    equal "the other's at READY" "$(in_silo other cat /unc/alpha/after/file 2>&1)" alpha
    container later busybox
    equal "a later one's" "$(in_silo later cat /unc/alpha/after/file 2>&1)" alpha
    all_is_well
}
