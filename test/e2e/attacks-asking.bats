#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A container that asks for too much, or for what it must not have: others are served meanwhile, and lose nothing.
load ../helpers/common
load ../helpers/attacks

teardown() {
    remove_containers
}

# The slowest of COUNT answers to `linfsp status` in a container, in ms: `slowest_status NAME COUNT`
slowest_status() {
    inside "$1" sh -c 'for i in $(seq '"$2"'); do
        a=$(cut -d" " -f1 /proc/uptime | tr -d .); '"$silo_bin"'/linfsp status >/dev/null || echo 9999
        b=$(cut -d" " -f1 /proc/uptime | tr -d .); echo $(((b - a) * 10)); done' | sort -n | tail -n 1
}

cpu_ticks() {
    awk '{print $14 + $15}' "/proc/$(service_pid)/stat"
}

@test "attacks: who changes the mode of the descriptor that it was given changes nobody else's" {
    attacker evil
    attack_in evil hung mode /tmp/point 0
    has "$(cat "$attack_output")" "refused: Read-only file system"
    equal "the service's node" "$(stat -c '%a %u' /run/linfsp/private/fuse)" "666 0"
    # an ordinary user's disk, for which the node is opened as that user
    container user busybox --user 1000
    inside user "$silo_bin/memfs" -b -F NTFS -m /tmp/mine
    script_in user 'echo x >/tmp/mine/file'
}

@test "attacks: not even root of the host changes the node through a descriptor that a server has" {
    local fuse
    fuse=$(stat -c %i /run/linfsp/private/fuse)
    container raw busybox
    disk raw z
    [ "$(stat -c %i /run/linfsp/private/fuse)" = "$fuse" ]
    for link in "/proc/$(pids_in raw memfs | head -n 1)/fd"/*; do
        [ "$(stat -Lc '%t:%T' "$link" 2>/dev/null)" != a:e5 ] || refused "Read-only" -- chmod 0 "$link"
    done
}

@test "attacks: lists over 60 connections keep nobody else waiting" {
    attacker evil
    for i in {1..30}; do
        inside evil "$silo_bin/memfs" -b -F NTFS -m "/tmp/v$i"
    done
    container good busybox
    before=$(slowest_status good 20)
    attack_in evil loud lists /dev/linfsp/disk 60
    during=$(slowest_status good 20)
    [ "$during" -lt $((before + 150)) ] || fail "$before ms before, $during ms meanwhile"
    all_is_well
    equal "volumes in the list" "$(inside evil "$silo_bin/linfsp" volumes --json | jq length)" 30
}

@test "attacks: a backing file on a disk of one's own that hangs is refused" {
    attacker evil
    refused "" -- docker exec "$(full_name evil)" /hung backing /tmp/point
    has "$(inside evil /hung backing /tmp/point || true)" "refused: "
    all_is_well
}

@test "attacks: refused requests by the thousand leave a bounded number of lines in the log" {
    attacker evil
    local before
    before=$(stat -c %s "$LINFSP_STATE/linfspd.log")
    attack_in evil loud refused /dev/linfsp/disk
    sleep 4
    [ $(($(stat -c %s "$LINFSP_STATE/linfspd.log") - before)) -lt 200000 ] || fail "$(tail -n 5 "$LINFSP_STATE/linfspd.log")"
    all_is_well
}

@test "attacks: names like runc's, by the million, cost the service next to nothing" {
    attacker evil
    container good busybox
    attack_in evil loud names 'runc:[2:INIT]'
    attack_in evil loud names 'runc:[2:INIT]'
    sleep 1
    local before
    before=$(cpu_ticks)
    sleep 5
    [ $(($(cpu_ticks) - before)) -lt 100 ] || fail "$(($(cpu_ticks) - before)) ticks of 500"
    [ "$(slowest_status good 10)" -lt 300 ]
    all_is_well
}

@test "attacks: no lease on the programs that all containers share" {
    attacker evil
    local file
    for file in memfs linfsp fusermount3; do
        has "$(inside evil /loud lease "$silo_bin/$file" || true)" "refused: Resource temporarily unavailable"
    done
    timed inside evil "$silo_bin/linfsp" version
    [ "$elapsed" -lt 3000 ]
}

@test "attacks: nor when the service has started anew, with the same programs or with others" {
    local dist=$BATS_TEST_TMPDIR/dist before
    attacker evil
    before=$(inside evil stat -c %i "$silo_bin/memfs" "$silo_bin/linfsp")
    service_kill
    service_start
    equal "the programs' inodes" "$(stat -c %i /run/linfsp/dist/bin/memfs /run/linfsp/dist/bin/linfsp)" "$before"
    has "$(inside evil /loud lease "$silo_bin/memfs" || true)" "refused: Resource temporarily unavailable"

    cp -aL "$LINFSP_STAGE/lib/linfsp" "$dist" # its programs are links
    echo >>"$dist/bin/memfs" # another version
    for _ in 1 2; do
        service_kill
        service_start --dist="$dist"
        equal "the container's program" "$(inside evil stat -c %i "$silo_bin/memfs")" "$(head -n 1 <<<"$before")"
        not equal "the new one" "$(stat -c %i /run/linfsp/dist/bin/memfs)" "$(head -n 1 <<<"$before")"
        has "$(inside evil /loud lease "$silo_bin/memfs" || true)" "refused: Resource temporarily unavailable"
    done
    remove_containers
    service_stop
    service_start
}

@test "attacks: a lease from a time without a service is broken by the next one" {
    local file
    attacker evil
    service_kill
    docker exec -d "$(full_name evil)" /loud lease "$silo_bin/memfs"
    wait_until 5 grep -q LEASE /proc/locks
    service_start
    file=$(inside evil stat -c %i "$silo_bin/memfs")
    # the kernel has begun to break it: for everybody who comes, not for a time of the attacker's choice
    grep "LEASE *BREAK" /proc/locks | grep -q ":$file " || fail "no lease is being broken:" "$(cat /proc/locks)"
}

@test "attacks: volumes of unmodified programs by the dozen, and descriptors by the thousand, do not delay a start" {
    container many debian
    wait_until 5 inside many test -S /dev/linfsp/disk
    docker exec -d "$(full_name many)" bash -c 'ulimit -n 20000; for i in {10..9000}; do eval "exec $i</dev/null"; done; sleep 60'
    sleep 2
    service_kill
    timed service_start
    [ "$elapsed" -lt 3000 ] || fail "the service took $elapsed ms to start"
    all_is_well
}

@test "attacks: prefixes that look like options, or like something else" {
    container evil busybox
    memfs_refused evil "like an option" -- -F NTFS -u '\evil\-rf'
    memfs_refused evil "two in a row" -- -F NTFS -u '\evil\a  b'
    memfs_refused evil "direction of text" -- -F NTFS -u $'\\evil\\a\u202eb'
}

# Bytes that a terminal or a reader of lines takes for something else: control characters, those of C1, directions of text, and what is
# not UTF-8. Newlines end lines.
is_clean() { # FILE
    python3 - "$1" <<'END'
import sys, unicodedata
text = open(sys.argv[1], "rb").read().decode() # fails if it is not UTF-8
bad = sorted({c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs")} - {"\t"})
sys.exit("%s: has %s" % (sys.argv[1], bad) if bad else 0)
END
}

@test "attacks: names of every byte, and of strange characters, come clean out of log, lists, events and doctor" {
    container evil busybox -v "$attacks:/attacks:ro"
    wait_until 5 inside evil test -S /dev/linfsp/disk
    script_in evil 'mkdir /tmp/names'
    timeout 60 "$linfsp" events >"$BATS_TEST_TMPDIR/events" 2>&1 3>&- &
    watcher=$!
    docker exec "$(full_name evil)" /attacks/bytes /dev/linfsp/disk /dev/linfsp/net /tmp/names >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- </dev/null &
    wait_until 60 grep -q ready "$BATS_TEST_TMPDIR/said" || fail "$(cat "$BATS_TEST_TMPDIR/said")"
    read -r _ made _ refused <"$BATS_TEST_TMPDIR/said"
    echo "# $made made, $refused refused" >&3
    [ "$made" -ge 300 ] && [ "$refused" -ge 300 ]
    "$linfsp" volumes >"$BATS_TEST_TMPDIR/volumes"
    "$linfsp" volumes --json >"$BATS_TEST_TMPDIR/json"
    [ "$(jq length "$BATS_TEST_TMPDIR/json")" -ge 300 ]
    BOUND=60 bounded "$linfsp" doctor >"$BATS_TEST_TMPDIR/doctor" || true
    "$linfsp" metrics >"$BATS_TEST_TMPDIR/metrics"
    cat /run/linfsp/journal/volume-* >"$BATS_TEST_TMPDIR/journal"
    cp "$LINFSP_STATE/linfspd.log" "$BATS_TEST_TMPDIR/log"
    local file
    for file in events volumes json doctor metrics journal log; do
        [ -s "$BATS_TEST_TMPDIR/$file" ] || fail "nothing in $file"
        is_clean "$BATS_TEST_TMPDIR/$file"
    done
    # no name makes a line, or a row, of its own
    equal "lines of the list" "$(wc -l <"$BATS_TEST_TMPDIR/volumes")" $(($(jq length "$BATS_TEST_TMPDIR/json") + 1))
    service_kill # the next one reads all of these names in its journal
    service_start
    equal "volumes" "$("$linfsp" volumes --json | jq length)" "$(jq length "$BATS_TEST_TMPDIR/json")"
    pids_in evil bytes | xargs kill
    wait_until 20 equal_volumes 0
    kill "$watcher" 2>/dev/null || true
    all_is_well
}

equal_volumes() {
    [ "$("$linfsp" volumes --json | jq length)" = "$1" ]
}

@test "attacks: an ordinary user of the host lists what is theirs, and no more" {
    container other busybox
    disk other z
    equal "containers" "$(setpriv --reuid 54321 --regid 54321 --clear-groups "$linfsp" silos --json | jq length)" 0
    equal "volumes" "$(setpriv --reuid 54321 --regid 54321 --clear-groups "$linfsp" volumes --json | jq length)" 0
    [ "$("$linfsp" volumes --json | jq length)" -ge 1 ]
}
