#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Containers whose root works against /unc while it comes to all containers, while idle shares are looked for, and while rules change.
load ../helpers/common
load ../helpers/attacks

teardown() {
    local name
    for name in "${busy[@]}"; do pids_in "$name" sh | xargs -r kill -KILL; done
    remove_containers
}

may_mount=(--cap-add SYS_ADMIN --security-opt apparmor=unconfined --security-opt seccomp=unconfined)

# A container whose root does that without end: `restless NAME COMMANDS`
restless() {
    container "$1" busybox "${may_mount[@]}"
    wait_until 5 inside "$1" test -S /dev/linfsp/net
    docker exec -d "$(full_name "$1")" sh -c "exec 2>/dev/null; mkdir /x /y; while :; do $2; done"
    busy+=("$1")
}

@test "attack: /unc comes to a container whose root moves, covers, binds and pivots just then" {
    busy=()
    service_stop 2>/dev/null || true
    service_start # no network volume has been there
    restless makes 'mkdir /unc; rmdir /unc'
    restless covers 'mkdir /unc; mount -t tmpfs none /unc; umount -l /unc; rmdir /unc'
    restless links 'ln -s /etc /unc; rm /unc'
    restless moves 'mount --move /dev/linfsp/unc /x; mount --move /x /dev/linfsp/unc'
    restless unmounts 'umount -l /dev/linfsp/unc; umount -l /unc'
    restless binds 'mount --bind /etc /unc; mount --bind /dev/linfsp/unc /x; umount -l /x; umount -l /unc'
    restless roots 'mount -t tmpfs none /; mount -t tmpfs none /dev/linfsp; umount -l /dev/linfsp'
    restless pivots 'unshare -m sh -c "mount --bind / /x && cd /x && pivot_root . y; umount -l /y"'
    restless renames 'mkdir /unc; mv /unc /unc.old; rmdir /unc.old'
    container server busybox
    container bystander busybox
    wait_until 5 inside bystander test -S /dev/linfsp/net
    timed share server y '\memfs\share'
    [ "$elapsed" -lt 3000 ] || fail "the claim took $elapsed ms"
    script_in server 'echo hello >/mnt/y/file'
    equal "a bystander's" "$(inside bystander cat /unc/memfs/share/file)" hello
    equal "the host's" "$(bounded cat /unc/memfs/share/file)" hello
    for _ in {1..6}; do # it is tried again and again meanwhile
        start_memfs server -F NTFS -u '\memfs\more'
        wait_until 5 test -d /unc/memfs/more/.
        "$linfsp" umount '\memfs\more'
        wait_until 5 not test -e /unc/memfs/more
    done
    all_is_well
    signal_memfs KILL server
    wait_until 5 not test -e /unc/memfs
    for name in "${busy[@]}"; do
        timed remove_container "$name" || return
        [ "$elapsed" -lt 12000 ] || fail "it took $elapsed ms to remove $name" || return
    done
    busy=()
    not grep -q 'should not' "$LINFSP_STATE/linfspd.log"
}

@test "attack: rules that change all the time, while containers go to shares: each walk is granted or refused, and none waits" {
    busy=()
    service_stop 2>/dev/null || true
    : >"$LINFSP_STATE/changing.conf"
    service_start "--config=$LINFSP_STATE/changing.conf"
    container server busybox
    container walker debian -v /usr:/usr:ro
    for n in {1..40}; do start_memfs server -F NTFS -u "\\memfs\\v$n"; done
    wait_until 20 eval '[ "$("$linfsp" volumes --json | jq length)" -eq 40 ]'
    (
        while [ ! -e "$BATS_TEST_TMPDIR/enough" ]; do
            printf '[rule none]\nname = *-walker\nopen = none\n' >"$LINFSP_STATE/changing.conf"
            kill -HUP "$(service_pid)"
            : >"$LINFSP_STATE/changing.conf"
            kill -HUP "$(service_pid)"
        done
    ) 3>&- 9>&- &
    local changer=$! said
    said=$(BOUND=60 bounded docker exec -i "$(full_name walker)" /usr/bin/python3 - <<'END'
import collections, errno, os, random, threading
told = collections.Counter()
def walk():
    for _ in range(100):
        try:
            os.listdir("/dev/linfsp/unc/memfs/v%d" % random.randint(1, 40))
            told["OK"] += 1
        except OSError as error:
            told[errno.errorcode[error.errno]] += 1
threads = [threading.Thread(target=walk) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(*sorted(told), sum(told.values()))
END
    )
    touch "$BATS_TEST_TMPDIR/enough"
    wait "$changer"
    equal "what walks were told" "$said" "EACCES OK 800"
    service_stop
}

@test "attack: a container that was given a folder of the host's, and binds it below a disk that hangs, holds up no first access of the host's" {
    busy=()
    our_service_answers || service_start
    container server busybox
    for n in {1..6}; do start_memfs server -F NTFS -u "\\nas\\v$n"; done
    start_memfs server -F NTFS -u '\other\share'
    wait_until 20 eval '[ "$("$linfsp" volumes --json | jq length)" -eq 7 ]'
    container consumer busybox "${may_mount[@]}" -v /unc/nas:/media:rslave
    start_memfs consumer -F NTFS -t 0 -m Z:
    wait_mounted consumer /mnt/z
    script_in consumer 'mkdir /mnt/z/media; mount --bind /media /mnt/z/media; umount -l /media'
    docker exec -d "$(full_name consumer)" sh -c 'cd /mnt/z/media && echo there >/tmp/there && until [ -e /tmp/go ]; do sleep 0.1; done
        for n in 1 2 3 4 5 6; do cat v$n/file & done; wait'
    wait_until 5 inside consumer test -e /tmp/there
    signal_memfs STOP consumer
    inside consumer touch /tmp/go
    wait_until 5 eval '[ "$(pids_in consumer cat | wc -l)" -ge 6 ]'
    sleep 0.3
    timed bounded ls /unc/other/share/.
    [ "$elapsed" -lt 1500 ] || fail "the host's first access took $elapsed ms"
    timed inside server ls /unc/other/share/.
    [ "$elapsed" -lt 2500 ] || fail "another container's took $elapsed ms"
    signal_memfs CONT consumer
    wait_until 15 not pids_in consumer cat
}
