#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A share that others hold open everywhere is ended by `linfsp umount` and `linfsp unshare`: in containers, on the host, in copies of namespaces.
load ../helpers/common

setup_file() { file_setup; }
teardown_file() { file_teardown; }
setup() {
    service_runs
    holders=()
    container server busybox
    container one busybox
    container two busybox --user 1000
    share server y '\memfs\share'
    script_in server 'echo hello >/mnt/y/file; chmod 644 /mnt/y/file'
}
teardown() {
    [ "${#holders[@]}" = 0 ] || kill -KILL "${holders[@]}" 2>/dev/null || true
    remove_containers
}

# Holds the share's file open, works in it, and asks for its text again whenever there is a question: lines `held TEXT` or `held -`.
holder='cd /unc/memfs/share && exec 3<file && echo ready >$0 && until [ -e $0.ask ]; do sleep 0.05; done
    read -r text <&3 2>/dev/null || text=-; echo "held $text" >$0.said; exec sleep 100'

held_everywhere() {
    docker exec -d "$(full_name one)" sh -c "$holder" /tmp/holder
    docker exec -d "$(full_name two)" sh -c "$holder" /tmp/holder
    wait_until 5 inside one test -e /tmp/holder
    wait_until 5 inside two test -e /tmp/holder
    sh -c "$holder" "$BATS_TEST_TMPDIR/host" 3>&- 9>&- &
    holders+=("$!")
    unshare --mount --propagation private sh -c "$holder" "$BATS_TEST_TMPDIR/copy" 3>&- 9>&- &
    holders+=("$!")
    wait_until 5 test -e "$BATS_TEST_TMPDIR/host" -a -e "$BATS_TEST_TMPDIR/copy"
}

# It is nowhere to be found any more, and in no mount table but, perhaps, its server's.
ended_everywhere() {
    local pid
    wait_until 5 not test -e /unc/memfs || return
    for pid in "${holders[@]}" "$(pid_of one)" "$(pid_of two)" self; do
        wait_until 5 not grep -q ' - fuse\.NTFS ' "/proc/$pid/mountinfo" || fail "$(cat "/proc/$pid/mountinfo")" || return
    done
    refused "No such file" -- docker exec "$(full_name one)" ls /unc/memfs/share/
    refused "No such file" -- docker exec "$(full_name two)" cat /unc/memfs/share/file
    refused "No such file" -- cat /unc/memfs/share/file
    equal "who has it open" "$("$linfsp" silos --json | jq -c '[.[].opened[]]')" "[]"
}

# What those who hold the file are told: an answer for each, in bounded time.
ask_holders() {
    local place
    for place in host copy; do touch "$BATS_TEST_TMPDIR/$place.ask"; done
    inside one touch /tmp/holder.ask
    inside two touch /tmp/holder.ask
    for place in host copy; do wait_until 5 test -s "$BATS_TEST_TMPDIR/$place.said" || return; done
    wait_until 5 inside one test -s /tmp/holder.said
    wait_until 5 inside two test -s /tmp/holder.said
    said="$(cat "$BATS_TEST_TMPDIR/host.said" "$BATS_TEST_TMPDIR/copy.said"; inside one cat /tmp/holder.said; inside two cat /tmp/holder.said)"
    said=$(tr -d '\r' <<<"$said" | sort -u)
}

@test "ends: linfsp unshare, while the share is held open everywhere: what is open goes on, and the disk in its own container" {
    held_everywhere
    bounded docker exec "$(full_name server)" "$silo_bin/linfsp" unshare /mnt/y
    ended_everywhere
    equal "the disk" "$(inside server cat /mnt/y/file)" hello
    ask_holders
    equal "who held it" "$said" "held hello"
    bounded docker exec "$(full_name server)" "$silo_bin/linfsp" share /mnt/y '\memfs\again'
    equal "shared again" "$(inside one cat /unc/memfs/again/file)" hello
}

@test "ends: linfsp umount of a prefix, while it is held open everywhere: the share has gone at once, its memfs ends, and who holds it gets an error" {
    held_everywhere
    bounded "$linfsp" umount '\memfs\share'
    ended_everywhere
    not mounted server /mnt/y
    wait_until 5 not pids_in server memfs
    ask_holders
    equal "who held it" "$said" "held -"
    share server y '\memfs\share' # the prefix is free
    equal "the next one" "$(inside one ls /unc/memfs/share)" ""
}

@test "ends: linfsp umount --force of a prefix whose server hangs: who holds it open gets an error, and nobody waits" {
    held_everywhere
    signal_memfs STOP server
    inside one sh -c 'cat /unc/memfs/share/other >/tmp/waiter 2>&1; echo finished >>/tmp/waiter' &
    holders+=("$!")
    wait_until 5 inside one test -e /tmp/waiter
    BOUND=5 bounded "$linfsp" umount --force '\memfs\share'
    ended_everywhere
    wait_until 5 inside one grep -q finished /tmp/waiter
    ask_holders
    signal_memfs CONT server
    equal "who held it" "$said" "held -"
    wait_until 5 not mounted server /mnt/y
}
