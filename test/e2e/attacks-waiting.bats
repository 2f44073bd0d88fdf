#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Memory that never comes, handed to system calls that hold locks: whoever does so holds up itself, the service never, and others
# for 10 s at most.
load ../helpers/common
load ../helpers/attacks

# Ends a container as an engine does, which must be done with it in time: `dies NAME [SECONDS]`
dies() {
    timed bounded_by "${2:-12}" docker kill "$(full_name "$1")" || fail "docker kill $1 failed after $elapsed ms"
    wait_until 5 not test -d "/proc/$(pid_of "$1")/ns"
}

bounded_by() {
    BOUND=$1 bounded "${@:2}"
}

@test "attacks: a server that waits for its own disk ends with its container" {
    attacker evil
    attack_in evil hung self /tmp/point
    dies evil
    all_is_well
}

@test "attacks: a server that is its container's first process and waits for its own disk ends, too" {
    local name=entry
    container "$name" busybox -v "$attacks:/attacks:ro" -- sh -c '
        until [ -S /dev/linfsp/disk ]; do sleep 0.05; done; exec /attacks/hung self /tmp/point'
    wait_until 10 grep -q ready <(docker logs -f "$(full_name "$name")") || docker logs "$(full_name "$name")" >&2
    sleep 0.5
    dies "$name"
    all_is_well
}

@test "attacks: a container that is held up by another's hung memory can be killed" {
    container victim busybox
    share victim y '\memfs\victim'
    script_in victim 'chmod 777 /mnt/y'
    attacker evil
    attack_in evil hung list /unc/memfs/victim
    docker exec -d "$(full_name victim)" touch /mnt/y/new
    sleep 0.5
    dies victim 14
    all_is_well
}

@test "attacks: a container whose task waits for a share that does not answer can be killed" {
    attacker evil
    share evil y '\memfs\evil'
    container victim busybox
    signal_memfs STOP evil
    docker exec -d "$(full_name victim)" ls /unc/memfs/evil/x
    sleep 0.5
    dies victim 14
    signal_memfs CONT evil
    all_is_well
}

@test "attacks: NOTIFY_STORE from hung memory holds up neither the service nor sync" {
    attacker evil
    attack_in evil hung store /tmp/point
    for _ in {1..6}; do
        BOUND=8 inside evil "$silo_bin/linfsp" umount --force /tmp/point || true
        service_answers || fail "the service does not answer"
    done >/dev/null 2>&1
    BOUND=15 bounded sync
    all_is_well
    dies evil
}

@test "attacks: the service starts in time while a container lists its folder into hung memory" {
    attacker evil
    container good busybox
    disk good z
    attack_in evil hung list /dev/linfsp /dev/linfsp/bin /dev/linfsp/unc
    service_kill
    timed service_start
    [ "$elapsed" -lt 3000 ] || fail "the service took $elapsed ms to start"
    script_in good 'echo x >/mnt/z/file; /dev/linfsp/bin/linfsp volumes'
    all_is_well
    dies evil
    wait_until 10 folders_are_silos
}

folders_are_silos() {
    [ "$(ls /run/linfsp/silos | wc -l)" -eq "$("$linfsp" silos --json | jq length)" ]
}

@test "attacks: the service stops and starts in time while a container that has the host's /run lists that and what is in it" {
    attacker evil -v /run:/host-run:ro
    attack_in evil hung list /host-run /host-run/linfsp
    service_kill
    timed service_start
    [ "$elapsed" -lt 3000 ] || fail "the service took $elapsed ms to start"
    all_is_well
    timed service_stop
    [ "$elapsed" -lt 15000 ] || fail "the service took $elapsed ms to stop"
    dies evil
    service_start
    all_is_well
}

@test "attacks: an ordinary user of the host cannot hold the folders of the service" {
    local folder
    for folder in /run/linfsp /run/linfsp/host /run/linfsp/silos /run/linfsp/private /run/linfsp/journal; do
        not setpriv --reuid 54321 --regid 54321 --clear-groups ls "$folder"
    done
    setpriv --reuid 54321 --regid 54321 --clear-groups "$linfsp" status >/dev/null
}

@test "attacks: a container's folder that is held does not keep the service from stopping" {
    attacker evil
    attack_in evil hung list /dev/linfsp
    service_stop
    service_start
    all_is_well
}

@test "attacks: the service does not wait for the file systems of a mount namespace that it was the last to hold" {
    chmod 711 "$BATS_TEST_TMPDIR" "${BATS_TEST_TMPDIR%/*}" "${BATS_TEST_TMPDIR%/*/*}"
    install -d -o 54321 -g 54321 "$BATS_TEST_TMPDIR/folder"
    mknod -m 666 "$BATS_TEST_TMPDIR/fuse" c 10 229 # the machine's may be root's alone
    setpriv --reuid 54321 --regid 54321 --clear-groups --inh-caps=-all "$attacks/last" "$BATS_TEST_TMPDIR/folder" \
        "$BATS_TEST_TMPDIR/fuse" 'runc:[2:INIT]' >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- </dev/null &
    local last=$!
    disown "$last"
    wait_until 15 grep -q ready "$BATS_TEST_TMPDIR/said" || fail "no attack: $(cat "$BATS_TEST_TMPDIR/said")"
    sleep 0.3
    all_is_well || { kill -KILL "$last" && return 1; }
    kill -KILL "$last"
    wait_until 5 no_hung_tasks
}

# Disks come and go in a container, one after the other; a line of the log for each. It needs nothing of the host's /proc.
makes_disks() { # NAME
    mkdir "$BATS_TEST_TMPDIR/log"
    container "$1" busybox -v "$BATS_TEST_TMPDIR/log:/log" -- sh -c 'until [ -S /dev/linfsp/disk ]; do sleep 0.05; done
        while /dev/linfsp/bin/memfs -b -m Z: && /dev/linfsp/bin/linfsp umount Z:; do echo made >>/log/made; sleep 0.1; done'
}

@test "attacks: /proc, held by a container that was given it, holds up nobody's mounts" {
    mount -t proc proc /proc # the machine's own goes on
    service_stop && service_start
    makes_disks victim
    wait_until 10 test -s "$BATS_TEST_TMPDIR/log/made"
    attacker evil -v /proc:/host-proc:ro
    local init before
    init=$(pid_of evil)
    docker exec -d "$(full_name evil)" sh -c 'sleep 1.5; mkdir /host-proc/x'
    attack_in evil hung list /host-proc
    sleep 2 # nobody can look up the number of a process there now
    before=$(wc -l <"$BATS_TEST_TMPDIR/log/made")
    sleep 3
    made=$(($(wc -l <"$BATS_TEST_TMPDIR/log/made") - before))
    kill -KILL "$init"
    [ "$made" -ge 5 ] || fail "$made disks were made in 3 s" "$(tail -n 3 "$BATS_TEST_TMPDIR/log/made")"
    remove_containers
    service_stop
    umount -l /proc
    service_start
    all_is_well
}
