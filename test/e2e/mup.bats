#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A share is mounted in a silo at its first access there: who sees what, when it comes, and when it goes.
load ../helpers/common

setup_file() { file_setup; }
teardown_file() { file_teardown; }
setup() { service_runs; }
teardown() { remove_containers && end_host_memfs; }

mounts_of() { # NAME
    grep -c . "/proc/$(pid_of "$1")/mountinfo"
}

shares_mounted_in() { # PID
    grep -c ' - fuse\.NTFS ' "/proc/$1/mountinfo" || true
}

@test "mup: publishing mounts nothing anywhere; a bystander's df, find and sync enter nothing" {
    container server busybox
    container bystander busybox
    before=$(mounts_of bystander)
    for n in 1 2 3 4 5; do
        start_memfs server -F NTFS -u "\\memfs\\v$n"
    done
    wait_until 5 test -e /unc/memfs/v5
    equal "mounts of the bystander" "$(mounts_of bystander)" "$before"
    equal "what it lists" "$(inside bystander ls /dev/linfsp/unc)" ""
    signal_memfs STOP server
    script_in bystander 'df >/dev/null; sync; find / -xdev >/dev/null; find /dev /unc/ >/dev/null'
    equal "mounts of the bystander after that" "$(mounts_of bystander)" "$before"
    BOUND=5 bounded ls -l /unc /unc/memfs
    signal_memfs CONT server
}

@test "mup: a silo lists what it serves and what it has opened, the host all" {
    container one busybox
    container two busybox
    share one y '\first\a'
    share two y '\second\b'
    equal "the host" "$(ls /unc | sort | tr '\n' ' ')" "first second "
    equal "one" "$(inside one ls /unc/ | tr -d '\r')" first
    inside one ls /unc/second/b >/dev/null
    equal "one, after it went there" "$(inside one ls /unc/ | sort | tr -d '\r' | tr '\n' ' ')" "first second "
    equal "two" "$(inside two ls /unc/ | tr -d '\r')" second
    signal_memfs KILL two
    wait_until 5 not inside one ls /unc/second
    equal "one, when that has gone" "$(inside one ls /unc/ | tr -d '\r')" first
}

@test "mup: the first access mounts, the later ones find it; each way of going there works at the first attempt" {
    container server busybox
    share server y '\memfs\share'
    script_in server 'echo hello >/mnt/y/file; mkdir /mnt/y/folder'
    for command in 'cat /unc/memfs/share/file' 'ls /unc/memfs/share' 'ls -l /unc/memfs/share/' 'cd /unc/memfs/share' \
        'stat /unc/memfs/share/file' 'df /unc/memfs/share' 'mkdir /unc/memfs/share/new' 'test -d /unc/memfs/share/folder' \
        'cat </unc/memfs/share/file' 'echo x >/unc/memfs/share/written'; do
        container fresh busybox
        not in_table "$(pid_of fresh)" /dev/linfsp/unc/memfs/share
        script_in fresh "$command" || fail "at first access: $command" || return
        remove_container fresh
    done
}

@test "mup: what nobody uses is unmounted again, what somebody stands in is not" {
    container server busybox
    container idle busybox
    container busy busybox
    share server y '\memfs\share'
    docker exec -d "$(full_name busy)" sh -c 'cd /unc/memfs/share && exec sleep 60'
    inside idle ls /unc/memfs/share
    wait_until 5 in_table "$(pid_of busy)" /dev/linfsp/unc/memfs/share
    wait_until 6 not in_table "$(pid_of idle)" /dev/linfsp/unc/memfs/share
    sleep 2
    in_table "$(pid_of busy)" /dev/linfsp/unc/memfs/share
    equal "listed all the same" "$(inside idle ls /unc/memfs | tr -d '\r')" share
    script_in idle 'echo again >/unc/memfs/share/file; cat /unc/memfs/share/file'
    wait_until 6 not in_table self /unc/memfs/share
    # a server that hangs is waited for by nobody who does not go there
    signal_memfs STOP server
    BOUND=5 bounded df >/dev/null
    signal_memfs CONT server
}

@test "mup: a share that ends is unmounted wherever it was, also in copies of a mount namespace" {
    container server busybox
    container one busybox
    share server y '\memfs\share'
    script_in server 'echo hello >/mnt/y/file'
    docker exec -d "$(full_name one)" sh -c 'cd /unc/memfs/share && exec sleep 60'
    unshare --mount sh -c 'cat /unc/memfs/share/file >/dev/null && cd /unc/memfs/share && exec sleep 60' &
    copy=$!
    wait_until 5 in_table "$copy" /unc/memfs/share
    wait_until 5 in_table "$(pid_of one)" /dev/linfsp/unc/memfs/share
    signal_memfs KILL server
    for pid in "$copy" "$(pid_of one)" self; do
        wait_until 5 not grep -q ' - fuse\.NTFS ' "/proc/$pid/mountinfo" || return
    done
    kill "$copy"
    wait_until 3 not test -e /unc/memfs
}

@test "mup: a namespace that was copied, private or not, and one of a user's own, open by themselves" {
    container server busybox
    share server y '\memfs\share'
    script_in server 'echo hello >/mnt/y/file; chmod 644 /mnt/y/file'
    for options in --mount "--mount --propagation=slave" "--mount --propagation=unchanged" "--mount --user --map-root-user"; do
        # shellcheck disable=SC2086
        equal "unshare $options" "$(bounded unshare $options cat /unc/memfs/share/file)" hello || return
        wait_until 20 not in_table self /unc/memfs/share
        # shellcheck disable=SC2086
        equal "the same, opened on the host" "$(ls /unc/memfs/share >/dev/null; bounded unshare $options cat /unc/memfs/share/file)" hello
    done
    flags=$(bounded unshare --mount --user --map-root-user sh -c 'cat /unc/memfs/share/file >/dev/null
        mount -o remount,bind,dev,suid /unc/memfs/share 2>/dev/null; awk "\$5 == \"/unc/memfs/share\" { print \$6 }" /proc/self/mountinfo')
    has "$flags" nosuid nodev noexec
}

@test "mup: names that are not there, of every byte, ten thousand of them, are refused at once" {
    container one busybox
    share one y '\memfs\share'
    container stranger debian -v /usr:/usr:ro
    cat >"$BATS_TEST_TMPDIR/names" <<'EOF'
import errno, os, time
def refused(path, *wanted):
    try:
        os.stat(path)
    except OSError as error:
        assert error.errno in wanted, (path, error)
        return
    raise AssertionError(path)
for byte in range(1, 256):
    if byte != ord("/"):
        name = bytes([byte])
        if name != b".":
            refused(b"/unc/" + name + b"/x", errno.ENOENT)
            refused(b"/unc/memfs/" + name, errno.ENOENT)
refused(b"/unc/" + b"x" * 255, errno.ENOENT)
refused(b"/unc/" + b"x" * 256, errno.ENAMETOOLONG)
refused("/unc/MEMFS/share", errno.ENOENT)
refused("/unc/memfs/share/x/../../nothing", errno.ENOENT)
start = time.time()
for n in range(10000):
    refused("/unc/memfs/nothing-%d" % n, errno.ENOENT)
print("%.0f us each" % ((time.time() - start) * 100))
EOF
    bounded python3 "$BATS_TEST_TMPDIR/names"
    bounded docker exec -i "$(full_name stranger)" /usr/bin/python3 - <"$BATS_TEST_TMPDIR/names"
    equal "what is listed" "$(ls /unc) $(ls /unc/memfs)" "memfs share"
    not mkdir /unc/mine
    not rmdir /unc/memfs
}

@test "mup: a prefix of 16 components, and shares at all depths of one folder" {
    container one busybox
    start_memfs one -F NTFS -u '\a\b\c\d\e\f\g\h\i\j\k\l\m\n\o\p'
    start_memfs one -F NTFS -u '\a\b\x'
    wait_until 5 test -e /unc/a/b/x
    bounded sh -c 'echo deep >/unc/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/file; echo flat >/unc/a/b/x/file'
    equal "listed" "$(ls /unc/a/b | sort | tr '\n' ' ')" "c x "
    signal_memfs KILL one
    wait_until 5 not test -e /unc/a
}

@test "mup: a descriptor of a folder from before the first access leads nowhere, and nobody waits" {
    container one busybox
    share one y '\memfs\share'
    ls /unc/memfs >/dev/null
    bounded python3 - <<'EOF'
import os
folder = os.open("/unc/memfs/share", os.O_PATH | os.O_NOFOLLOW) # not the volume: nothing is mounted there yet
try:
    os.open("file", os.O_RDONLY, dir_fd=folder)
except FileNotFoundError:
    pass
EOF
}

@test "mup: linfsp volumes and silos say who has opened what, and since when" {
    container server busybox
    container one busybox
    share server y '\memfs\share'
    equal "at first" "$("$linfsp" volumes --json | jq -c '[.[].opened_by[]]')" "[]"
    inside one ls /unc/memfs/share
    wait_until 3 "$linfsp" volumes # its names are known by then
    equal "who" "$("$linfsp" volumes --json | jq -r '.[].opened_by[].container')" "$(full_name one)"
    "$linfsp" volumes --json | jq -e '.[0].opened_by[0] | .uid == 0 and (.since | length) > 0'
    has "$("$linfsp" volumes)" "OPENED BY" "$(full_name one)"
    equal "what" "$("$linfsp" silos --json | jq -r '.[].opened[].prefix')" '\memfs\share'
    inside one "$silo_bin/linfsp" silos --json | grep -F '"opened"'
    wait_until 6 eval "$linfsp volumes --json | jq -e '.[0].opened_by[0].mounted | not'"
    "$linfsp" umount '\memfs\share'
    equal "when it has ended" "$("$linfsp" silos --json | jq -c '[.[].opened[]]')" "[]"
}

@test "mup: the service stopped: who goes on waits, all else does not; going on, it answers" {
    container server busybox
    container one busybox
    share server y '\memfs\share'
    script_in server 'echo hello >/mnt/y/file'
    docker exec -d "$(full_name one)" sh -c 'cd /unc/memfs/share && exec sleep 60'
    wait_until 5 in_table "$(pid_of one)" /dev/linfsp/unc/memfs/share
    kill -STOP "$(service_pid)"
    bounded ls /unc >/dev/null
    bounded df >/dev/null
    equal "what was open" "$(inside one cat /unc/memfs/share/file)" hello
    cat /unc/memfs/share/file >"$BATS_TEST_TMPDIR/out" 2>&1 &
    walker=$!
    sleep 1
    not gone "$walker"
    kill -CONT "$(service_pid)"
    wait_until 3 gone "$walker"
    equal "what it read" "$(cat "$BATS_TEST_TMPDIR/out")" hello
}

@test "mup: the service killed: nobody waits, what was open goes on, and the next service takes over" {
    container server busybox
    container one busybox
    share server y '\memfs\share'
    script_in server 'echo hello >/mnt/y/file'
    docker exec -d "$(full_name one)" sh -c 'cd /unc/memfs/share && exec sleep 60'
    wait_until 5 in_table "$(pid_of one)" /dev/linfsp/unc/memfs/share
    wait_until 6 not in_table self /unc/memfs/share
    kill -STOP "$(service_pid)"
    cat /unc/memfs/share/file >"$BATS_TEST_TMPDIR/out" 2>&1 &
    walker=$!
    sleep 0.3
    service_kill
    wait_until 2 gone "$walker"
    has "$(cat "$BATS_TEST_TMPDIR/out")" "No such file"
    BOUND=2 refused 'No such file' -- cat /unc/memfs/share/file
    equal "what was open" "$(inside one cat /unc/memfs/share/file)" hello
    service_start
    equal "with the next service" "$(bounded cat /unc/memfs/share/file)" hello
    container late busybox
    equal "in a container that came later" "$(inside late cat /unc/memfs/share/file)" hello
    signal_memfs KILL server
    wait_until 5 not grep -q ' - fuse\.NTFS ' "/proc/$(pid_of one)/mountinfo"
    wait_until 5 not test -e /unc/memfs
}

@test "mup: a consumer may start before its producer, and has the share again when that restarts" {
    container consumer busybox -v /unc/nas:/media:rslave
    container producer busybox
    for round in 1 2; do
        share producer y '\nas\photos'
        script_in producer "echo $round >/mnt/y/file"
        equal "round $round" "$(inside consumer cat /media/photos/file)" "$round"
        signal_memfs KILL producer
        wait_unmounted producer /mnt/y
        wait_until 5 not inside consumer ls /media/photos
    done
    docker restart -t 0 "$(full_name consumer)" >/dev/null
    share producer y '\nas\photos'
    script_in producer 'echo 3 >/mnt/y/file'
    equal "after the consumer's restart" "$(inside consumer cat /media/photos/file)" 3
    container later busybox -v /unc/nas:/media:rslave
    equal "a consumer that starts after its producer" "$(inside later cat /media/photos/file)" 3
    signal_memfs KILL producer
    wait_until 5 not inside later ls /media/photos
    share producer y '\nas\photos'
    script_in producer 'echo 4 >/mnt/y/file'
    for name in consumer later; do
        equal "back in $name" "$(inside "$name" cat /media/photos/file)" 4
    done
    container bound busybox -v /unc/nas/photos:/photos
    equal "a share given to a container" "$(inside bound cat /photos/file)" 4
}

@test "mup: walks that race with publishing and ending get the file or ENOENT, and nothing stays" {
    container server busybox
    for n in 1 2 3 4; do
        (while :; do
            BOUND=5 bounded cat /unc/memfs/share/file 2>&1 || [ $? -ne 124 ] || echo HUNG
        done >"$BATS_TEST_TMPDIR/walker.$n") &
        echo $! >>"$BATS_TEST_TMPDIR/walkers"
    done
    for _ in $(seq 10); do
        share server y '\memfs\share'
        script_in server 'echo hello >/mnt/y/file'
        sleep 0.1
        signal_memfs KILL server
        wait_unmounted server /mnt/y
    done
    while read -r walker; do kill "$walker"; done <"$BATS_TEST_TMPDIR/walkers"
    sleep 0.5
    not grep -h HUNG "$BATS_TEST_TMPDIR"/walker.*
    equal "what walkers were told" "$(cat "$BATS_TEST_TMPDIR"/walker.* | sed 's/.*: //' |
        grep -vxE 'hello|No such file or directory|Transport endpoint is not connected|Software caused connection abort' | sort -u)" ""
    wait_until 5 not test -e /unc/memfs
}

@test "mup: a server that hangs delays nobody's first access to another share" {
    container hung busybox
    container server busybox
    container one busybox
    share hung y '\hung\share'
    share server y '\memfs\share'
    signal_memfs STOP hung
    docker exec -d "$(full_name one)" cat /unc/hung/share/file
    sleep 0.5
    timed inside one ls /unc/memfs/share
    [ "$elapsed" -lt 2000 ] || fail "took $elapsed ms"
    BOUND=3 bounded ls /unc/memfs/share
    signal_memfs CONT hung
}
