#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Connections and FUSE descriptors in the hands of others than those who got them, and pids that others get: what is asked over a
# connection is asked by who connected, in whose container it ends and with whom it ends.
load ../helpers/common
load ../helpers/attacks

# Two containers that meet in a folder: giver, with the rights of an ordinary one, and taker.
two_containers() {
    meeting=$BATS_TEST_TMPDIR/meeting
    mkdir -p "$meeting"
    chmod 755 "$BATS_TEST_TMPDIR"
    container giver busybox -v "$attacks:/attacks:ro" -v "$meeting:/meeting"
    container taker busybox -v "$attacks:/attacks:ro" -v "$meeting:/meeting"
    wait_until 5 inside giver test -S /dev/linfsp/disk
    wait_until 5 inside taker test -S /dev/linfsp/disk
    script_in giver 'mkdir /tmp/folder'
    script_in taker 'mkdir /tmp/folder'
    docker exec "$(full_name taker)" /attacks/pass take /meeting/socket /tmp/folder >"$BATS_TEST_TMPDIR/taken" 2>&1 3>&- </dev/null &
    wait_until 10 grep -q ready "$BATS_TEST_TMPDIR/taken"
}

give() { # VERB ARGUMENT...
    docker exec "$(full_name giver)" /attacks/pass "$@" >"$BATS_TEST_TMPDIR/given" 2>&1 3>&- </dev/null &
    wait_until 10 grep -q ready "$BATS_TEST_TMPDIR/given" || fail "$(cat "$BATS_TEST_TMPDIR/given")"
}

fuse_mounts() { # NAME
    our_mounts "$(pid_of "$1")" | grep -c ' fuse'
}

has_mounts() { # NAME COUNT
    [ "$(fuse_mounts "$1")" = "$2" ]
}

taken_lines() { # COUNT
    [ "$(wc -l <"$BATS_TEST_TMPDIR/taken")" -ge "$1" ]
}

@test "attacks: a connection that another container has got mounts nothing there, and ends with the container that made it" {
    two_containers
    give give /dev/linfsp/disk /meeting/socket
    wait_until 10 taken_lines 3
    equal "on a folder of the taker's" "$(sed -n 2p "$BATS_TEST_TMPDIR/taken" | cut -d: -f1)" refused
    equal "at a letter" "$(sed -n 3p "$BATS_TEST_TMPDIR/taken")" made
    equal "mounts of the taker" "$(fuse_mounts taker)" 0
    equal "mounts of the giver" "$(fuse_mounts giver)" 1
    equal "whose volume it is" "$("$linfsp" volumes --json | jq -r '.[].silo')" "$(id_of giver)"
    remove_container giver
    wait_until 10 grep -q ended "$BATS_TEST_TMPDIR/taken"
    equal "volumes" "$("$linfsp" volumes --json | jq length)" 0
    disk taker z
}

@test "attacks: a disk's FUSE descriptor that another container has does not keep the disk alive" {
    two_containers
    give disk /dev/linfsp/disk /meeting/socket
    wait_until 10 grep -q taken "$BATS_TEST_TMPDIR/taken"
    equal "mounts of the giver" "$(fuse_mounts giver)" 1
    equal "mounts of the taker" "$(fuse_mounts taker)" 0
    pids_in giver pass | xargs kill -KILL
    wait_until 10 grep -q ended "$BATS_TEST_TMPDIR/taken"
    wait_until 5 has_mounts giver 0
    equal "volumes" "$("$linfsp" volumes --json | jq length)" 0
}

@test "attacks: a program's FUSE descriptor that another container has ends with the container it was made in" {
    two_containers
    give raw /dev/linfsp/disk /meeting/socket /tmp/folder
    wait_until 10 grep -q taken "$BATS_TEST_TMPDIR/taken"
    equal "mounts of the giver" "$(fuse_mounts giver)" 1
    timed remove_container giver
    [ "$elapsed" -lt 12000 ] || fail "the container took $elapsed ms to end"
    wait_until 10 grep -q ended "$BATS_TEST_TMPDIR/taken"
    equal "volumes" "$("$linfsp" volumes --json | jq length)" 0
    disk taker z
}

@test "attacks: over a connection that a user made, root asks with that user's rights" {
    container one busybox -v "$attacks:/attacks:ro"
    wait_until 5 inside one test -S /dev/linfsp/disk
    script_in one 'mkdir -m 755 /tmp/roots; mkdir /tmp/users; chown 1000 /tmp/users'
    has "$(inside one /attacks/pass lend /dev/linfsp/disk 1000 /tmp/roots || true)" refused
    equal "on a folder of the user's" "$(inside one /attacks/pass lend /dev/linfsp/disk 1000 /tmp/users)" made
    wait_until 5 has_mounts one 0
}

@test "attacks: whoever gets the pid of a client that has ended is not taken for it" {
    container evil busybox
    container victim busybox
    wait_until 5 inside evil test -S /dev/linfsp/disk
    wait_until 5 inside victim test -S /dev/linfsp/disk
    script_in evil 'mkdir /tmp/users; chown 1000 /tmp/users; mkdir -m 755 /tmp/roots'
    local output folder
    for folder in /tmp/users /tmp/roots ''; do
        output=$(BOUND=60 bounded "$attacks/reuse" "$(pid_of evil)" "$(pid_of victim)" "$folder" q) || fail "$output"
        has "$output" "victim 0" "it lives"
        if [ "$folder" = /tmp/roots ]; then
            has "$output" refused "attacker 0"
        fi
        wait_until 5 has_mounts evil 0
    done
    equal "volumes" "$("$linfsp" volumes --json | jq length)" 0
    disk victim z
}
