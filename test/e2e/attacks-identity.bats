#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A container is known for certain: whoever gets the number of a namespace that has ended does not get its place, and is not kept out.
load ../helpers/common
load ../helpers/attacks

teardown() {
    end_boxes
    remove_containers
}

end_boxes() {
    local i
    for i in "${!boxes[@]}"; do
        kill -KILL "${boxes[i]}" 2>/dev/null
        wait "${boxes[i]}" 2>/dev/null
        rm -rf "$BATS_TEST_TMPDIR/box.$i"
    done
    boxes=()
}

# An ordinary user's containers: pids in boxes, the numbers of their namespaces in numbers.
start_boxes() { # COUNT
    local i
    boxes=() numbers=()
    chmod 711 "$BATS_TEST_TMPDIR" "${BATS_TEST_TMPDIR%/*}" "${BATS_TEST_TMPDIR%/*/*}"
    for ((i = 0; i < $1; i++)); do
        install -d -o 54321 -g 54321 "$BATS_TEST_TMPDIR/box.$i"
        setpriv --reuid 54321 --regid 54321 --clear-groups --inh-caps=-all "$attacks/box" "$BATS_TEST_TMPDIR/box.$i" \
            >"$BATS_TEST_TMPDIR/number.$i" 2>&1 3>&- </dev/null &
        boxes[i]=$!
    done
    for ((i = 0; i < $1; i++)); do
        wait_until 10 grep -q '^[0-9]*$' "$BATS_TEST_TMPDIR/number.$i" || return
        numbers[i]=$(cat "$BATS_TEST_TMPDIR/number.$i")
    done
}

# A new container whose mount namespace has one of those numbers: its name in victim, the number's index in taken.
take_number() {
    local i try
    for try in {1..3}; do
        victim=victim$try
        container "$victim" busybox || return
        for i in "${!numbers[@]}"; do
            [ "$(stat -Lc %i "/proc/$(pid_of "$victim")/ns/mnt")" != "${numbers[i]}" ] || { taken=$i && return; }
        done
    done
    victim=
}

is_served() { # NAME
    wait_until 5 inside "$1" test -S /dev/linfsp/disk || return
    disk "$1" z || return
    script_in "$1" 'echo x >/mnt/z/file'
}

@test "attacks: a container that gets the number of an ended one's namespace is itself, and nobody else is it" {
    start_boxes 8
    local i held=()
    for i in "${!boxes[@]}"; do
        mkfifo "$BATS_TEST_TMPDIR/go.$i"
        setpriv --reuid 54321 --regid 54321 --clear-groups --inh-caps=-all "$attacks/box" --connect "${boxes[i]}" \
            <>"$BATS_TEST_TMPDIR/go.$i" >"$BATS_TEST_TMPDIR/held.$i" 2>&1 3>&- &
        held[i]=$!
        wait_until 5 grep -q held "$BATS_TEST_TMPDIR/held.$i"
    done
    kill -STOP "$(service_pid)"
    for i in "${!boxes[@]}"; do
        kill -KILL "${boxes[i]}"
        wait "${boxes[i]}" 2>/dev/null || true
    done
    take_number
    kill -CONT "$(service_pid)"
    for i in "${!held[@]}"; do
        echo >"$BATS_TEST_TMPDIR/go.$i"
    done
    wait "${held[@]}" || true
    [ -n "$victim" ] || skip "no container got one of those numbers"
    equal "whoever holds the ended container's folder" "$(tail -qn 1 "$BATS_TEST_TMPDIR"/held.* | sort -u)" refused
    is_served "$victim"
    has "$("$linfsp" volumes)" "$(full_name "$victim")"
}

@test "attacks: a container that starts while no service runs, with an ended one's number, is served" {
    container old busybox
    wait_until 5 inside old test -S /dev/linfsp/disk
    numbers=("$(stat -Lc %i "/proc/$(pid_of old)/ns/mnt")")
    service_kill
    remove_container old
    take_number
    service_start
    [ -n "$victim" ] || skip "no container got that number"
    is_served "$victim"
    wait_until 5 folders_are_silos
}

# The service keeps no folder of a container that is gone.
folders_are_silos() {
    [ "$(ls /run/linfsp/silos | wc -l)" -eq "$("$linfsp" silos --json | jq length)" ]
}

# The names of all processes that the service has a pidfd of.
watched_processes() {
    local pid
    cat "/proc/$(service_pid)/fdinfo"/* 2>/dev/null | sed -n 's/^Pid:[[:space:]]*//p' | while read -r pid; do
        [ "$pid" -le 0 ] || cat "/proc/$pid/comm" 2>/dev/null
    done
}

@test "attacks: a worker of the service, in a mount namespace that ends, does not become its container" {
    container_once debian --cap-add SYS_ADMIN -- bash -c '
        until [ -S /dev/linfsp/disk ]; do sleep 0.05; done
        for ((i = 0; i < 300; i++)); do
            unshare -m true &
            ((i % 4)) || wait
        done
        wait'
    sleep 1
    has_not "$(watched_processes)" linfspd
    wait_until 5 folders_are_silos
}
