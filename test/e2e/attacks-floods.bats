#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Floods: events that nobody reads, claims, disks, containers, clients that stop in the middle. Each is bounded, the service is what it was
# before when it is over, and another container's requests are answered meanwhile. What they took is printed.
load ../helpers/common
load ../helpers/attacks

# The attacker, and the bystander whose pace is taken.
two_containers() {
    container evil busybox -v "$attacks:/attacks:ro"
    container good busybox -v "$attacks:/attacks:ro"
    wait_until 5 inside evil test -S /dev/linfsp/disk
    wait_until 5 inside good test -S /dev/linfsp/disk
    inside good /attacks/flood pace /dev/linfsp/disk /dev/linfsp/net warm 20 >/dev/null
    wait_until 20 is_quiet
    descriptors_before=$(descriptors)
    memory_before=$(memory)
}

descriptors() {
    ls "/proc/$(service_pid)/fd" | wc -l
}

memory() { # KiB
    awk '/^VmRSS/ {print $2}' "/proc/$(service_pid)/status"
}

# Of volumes, and of what is being made.
journal_entries() {
    find /run/linfsp/journal -name 'volume-*' -o -name 'intent-*' -o -name '*.new' | wc -l
}

is_quiet() {
    [ "$(journal_entries)" -eq 0 ]
}

flood() { # PROGRAM ARGUMENT...
    local said=$BATS_TEST_TMPDIR/flood.$RANDOM
    docker exec "$(full_name evil)" "/attacks/$1" "${@:2}" >"$said" 2>&1 3>&- </dev/null &
    wait_until 30 grep -qs ready "$said" || fail "$(cat "$said")"
}

# The slowest of 200 status requests, claims and disks of the bystander, in microseconds: printed, and bounded.
pace() { # WHAT
    local output
    output=$(BOUND=60 bounded docker exec "$(full_name good)" /attacks/flood pace /dev/linfsp/disk /dev/linfsp/net good 200) || fail "$output"
    echo "# $1: median, 99th, slowest, in us:" "${output//$'\n'/, }" >&3
    awk -v most=1500000 '$3 > most {exit 1}' <<<"$output" || fail "others wait: $output"
}

descriptors_are_as_before() {
    [ "$(descriptors)" -le $((descriptors_before + 4)) ]
}

end_of_flood() {
    pids_in evil "$1" | xargs -r kill
    wait_until 20 is_quiet
    wait_until 20 descriptors_are_as_before || fail "descriptors: $descriptors_before before, $(descriptors) now"
    echo "# memory: $memory_before KiB before, $(memory) after; descriptors $descriptors_before, $(descriptors)" >&3
    [ "$(memory)" -lt $((memory_before + 32768)) ] || fail "memory: $memory_before KiB before, $(memory) now"
    all_is_well
}

@test "floods: subscribers of events that never read one" {
    two_containers
    pace before
    flood flood watchers /dev/linfsp/disk 1000
    docker exec -d "$(full_name evil)" /attacks/flood claims /dev/linfsp/net evil
    pace "1,000 watchers"
    [ "$(descriptors)" -lt 1600 ]
    [ "$(memory)" -lt $((memory_before + 65536)) ] || fail "memory: $memory_before KiB before, $(memory) now"
    end_of_flood flood
}

@test "floods: claims and releases of prefixes" {
    two_containers
    for name in a b c d; do
        flood flood claims /dev/linfsp/net "$name"
    done
    pace "4 claimers"
    end_of_flood flood
    [ "$(ls /unc | wc -l)" -eq 0 ] || fail "in /unc: $(ls /unc)"
}

@test "floods: disks by the dozen, again and again: the journal is bounded" {
    two_containers
    local most=0 now
    for _ in 1 2 3; do
        flood flood disks /dev/linfsp/disk 24
    done
    pace "72 disks"
    for _ in {1..20}; do
        now=$(journal_entries)
        most=$((now > most ? now : most))
        sleep 0.05
    done
    echo "# entries of the journal: $most at most" >&3
    [ "$most" -lt 600 ]
    end_of_flood flood
}

@test "floods: containers made and ended by an ordinary user, as fast as it goes" {
    two_containers
    local i users=()
    for i in 1 2; do
        setpriv --reuid 54321 --regid 54321 --clear-groups --inh-caps=-all "$attacks/flood" boxes >"$BATS_TEST_TMPDIR/boxes.$i" 2>&1 3>&- &
        users+=($!)
        wait_until 10 grep -q ready "$BATS_TEST_TMPDIR/boxes.$i" || fail "$(cat "$BATS_TEST_TMPDIR/boxes.$i")"
    done
    pace "2 makers of boxes"
    timed container fresh busybox
    wait_until 10 inside fresh test -S /dev/linfsp/disk
    kill "${users[@]}"
    wait "${users[@]}" || true
    wait_until 20 folders_are_silos
    end_of_flood flood
}

folders_are_silos() {
    [ "$(ls /run/linfsp/silos | wc -l)" -eq "$("$linfsp" silos --json | jq length)" ]
}

@test "floods: clients that stop right after a request of each kind, and never read the answer" {
    two_containers
    script_in evil 'mkdir /tmp/still'
    flood still /dev/linfsp/disk 4 /tmp/still
    flood still /dev/linfsp/net 4 /tmp/still
    pace "232 stopped clients"
    "$linfsp" volumes >/dev/null
    end_of_flood still
    wait_until 10 nothing_is_mounted_in_evil || fail "$(our_mounts "$(pid_of evil)"; ls /run/linfsp/journal; "$linfsp" volumes; tail -n 40 "$LINFSP_STATE/linfspd.log")"
}

nothing_is_mounted_in_evil() {
    [ "$(our_mounts "$(pid_of evil)" | grep -c ' fuse')" = 0 ]
}
