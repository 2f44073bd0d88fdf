#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# `linfsp events`: each grant, refusal, coming and going is told once, with who and why; and the log stays small.
load ../helpers/common

setup_file() { file_setup; }
teardown_file() { file_teardown; }
setup() { service_runs; }
teardown() {
    [ -z "${journald:-}" ] || { kill "$journald" && wait "$journald" && rm -rf /run/log/journal /run/systemd/journal; } 2>/dev/null || true
    [ -z "${watcher:-}" ] || kill "$watcher" 2>/dev/null || true
    remove_containers
}

watch_events() { # [COMMAND...]: of which `events --json` is asked; the host's own unless given
    seen=$BATS_TEST_TMPDIR/events
    [ $# -gt 0 ] || set -- "$linfsp"
    "$@" events --json >"$seen" 2>&1 3>&- 9>&- &
    watcher=$!
    disown
    sleep 0.3
}

# An event of that kind was told for which the jq expression holds: `told KIND EXPRESSION`
told() {
    jq -se --arg kind "$1" "any(.[]; .event == \$kind and ($2))" "$seen" >/dev/null
}

@test "events: a container's life, claim, mount and end" {
    watch_events
    container one busybox
    local id
    id=$(id_of one)
    wait_until 5 told silo-ready ".silo == \"$id\" or .name == null"
    share one y '\events\a'
    wait_until 5 told claim ".prefix == \"\\\\events\\\\a\" and .result == \"done\" and .uid == 0 and .pid > 0"
    wait_until 5 told mount ".prefix == \"\\\\events\\\\a\" and .mount_point == \"/mnt/y\" and .silo == \"$id\""
    inside one "$silo_bin/linfsp" umount Y:
    wait_until 5 told end ".text == \"unmounted\" and .mount_point == \"/mnt/y\""
    remove_container one
    wait_until 5 told silo-ended ".silo == \"$id\""
}

@test "events: who opens a share is told once in each container" {
    container one busybox
    container two busybox
    share one y '\events\a'
    watch_events
    inside two ls /unc/events/a
    wait_until 5 told open ".prefix == \"\\\\events\\\\a\" and .result == \"done\" and .silo == \"$(id_of two)\" and .uid == 0 and .pid > 0"
    inside two ls /unc/events/a
    ls /unc/events/a
    wait_until 5 told open '.silo == "host"'
    equal "openings" "$(jq -s '[.[] | select(.event == "open")] | length' "$seen")" 2
}

@test "events: what is refused says why" {
    watch_events
    container one busybox
    container two busybox
    share one y '\events\a'
    memfs_refused two "in use" -- -F NTFS -u '\events\A'
    wait_until 5 told claim ".result == \"refused\" and .silo == \"$(id_of two)\" and (.text | contains(\"in use\"))"
}

@test "events: a container sees its own only, and a user of the host none" {
    container one busybox
    container two busybox
    watch_events docker exec "$(full_name one)" "$silo_bin/linfsp"
    disk two z
    disk one x
    wait_until 5 told mount ".mount_point == \"/mnt/x\""
    not told mount ".mount_point == \"/mnt/z\""
    refused "only root of the host" -- setpriv --reuid 65534 --regid 65534 --clear-groups "$linfsp" events
}

@test "events: a watcher that does not read delays nobody, and is told what it lost" {
    container one busybox
    mkfifo "$BATS_TEST_TMPDIR/pipe"
    # shellcheck disable=SC2016
    bash -c 'exec "$1" events --json >"$2"' - "$linfsp" "$BATS_TEST_TMPDIR/pipe" 3>&- 9>&- &
    watcher=$!
    disown
    exec 7<"$BATS_TEST_TMPDIR/pipe"
    sleep 0.3
    script_in one 'i=0; while [ $i -lt 400 ]; do /dev/linfsp/bin/memfs -F "no name" -m Z: 2>/dev/null || i=$((i + 1)); done'
    script_in one 'i=0; while [ $i -lt 200 ]; do /dev/linfsp/bin/memfs -b -F NTFS -m Z: >/dev/null && /dev/linfsp/bin/linfsp umount Z: && i=$((i + 1)); done'
    disk one x
    timeout 3 cat <&7 >"$BATS_TEST_TMPDIR/late" || true
    exec 7<&-
    [ "$(wc -l <"$BATS_TEST_TMPDIR/late")" -gt 10 ]
    our_service_answers
}

@test "events: the log takes a bounded number of lines from a container" {
    local before after
    container one busybox
    before=$(wc -l <"$LINFSP_STATE/linfspd.log")
    script_in one 'i=0; while [ $i -lt 300 ]; do /dev/linfsp/bin/memfs -b -F NTFS -m Z: >/dev/null && /dev/linfsp/bin/linfsp umount Z: && i=$((i + 1)); done'
    after=$(wc -l <"$LINFSP_STATE/linfspd.log")
    [ $((after - before)) -lt 400 ] || fail "$((after - before)) lines"
    [ $((after - before)) -gt 50 ] || fail "only $((after - before)) lines"
}

# systemd's own journal, as the machine has it or started for this test.
journal_runs() {
    [ ! -S /run/systemd/journal/socket ] || return 0
    mkdir -p /run/systemd/journal /run/log/journal
    /lib/systemd/systemd-journald >"$BATS_TEST_TMPDIR/journald" 2>&1 3>&- 9>&- &
    journald=$!
    wait_until 5 test -S /run/systemd/journal/socket || fail "$(cat "$BATS_TEST_TMPDIR/journald")"
}

# An entry of the journal of that event for which the jq expression holds: `in_journal KIND EXPRESSION`
in_journal() {
    journalctl -q -o json "LINFSP_EVENT=$1" --since "$since" | jq -se "any(.[]; $2)" >/dev/null
}

@test "events: the journal has container, volume and prefix as fields, and explains each message" {
    [ -x /lib/systemd/systemd-journald ] || missing systemd-journald || return
    local since kinds
    since=$(date '+%F %T')
    journal_runs
    service_stop
    JOURNAL_STREAM=1:1 service_start
    container one busybox
    share one y '\journal\share'
    bounded ls /unc/journal/share
    number=$("$linfsp" volumes --json | jq '.[0].id')
    remove_containers
    wait_until 10 in_journal claim ".LINFSP_PREFIX == \"\\\\journal\\\\share\" and .LINFSP_NAME == \"$(full_name one)\" and (.LINFSP_SILO | length == 64)"
    wait_until 10 in_journal mount ".LINFSP_VOLUME == \"$number\" and .LINFSP_RESULT == \"done\" and .SYSLOG_IDENTIFIER == \"linfspd\""
    wait_until 10 in_journal end ".LINFSP_VOLUME == \"$number\""
    wait_until 10 in_journal silo-ended true
    # the catalogue of a system that has ours alone
    root=$BATS_TEST_TMPDIR/root
    mkdir -p "$root/usr/lib/systemd/catalog"
    cp "$LINFSP_ROOT/packaging/linfsp.catalog" "$root/usr/lib/systemd/catalog/"
    journalctl --root="$root" --update-catalog
    known=$(journalctl -q -o json --since "$since" SYSLOG_IDENTIFIER=linfspd | jq -r '.MESSAGE_ID // empty' | sort -u)
    [ "$(wc -l <<<"$known")" -ge 5 ]
    for id in $known $(grep -oE '"[0-9a-f]{32}"' "$LINFSP_ROOT/src/service/event.c" | tr -d '"'); do
        has "$(journalctl --root="$root" --dump-catalog "$id")" "Subject:" "Documentation: man:linfsp" || fail "$id is not explained" || return
    done
}
