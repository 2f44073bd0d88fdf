#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A share that nobody uses is unmounted. One that is used off and on is not unmounted again and again.
load ../helpers/common

setup_file() { file_setup; }
teardown_file() { file_teardown; }
setup() {
    service_runs
    container server busybox
    container user busybox
    share server y '\memfs\share'
    script_in server 'echo hello >/mnt/y/file'
}
teardown() { remove_containers; }

# A short process in the container's own namespaces, without an engine that takes its time.
uses() { # NAME
    equal "the file" "$(BOUND=5 bounded nsenter --mount --root --target "$(pid_of "$1")" cat /unc/memfs/share/file 2>&1)" hello
}

shares_mounted_in() { # NAME
    grep -c ' - fuse\.NTFS ' "/proc/$(pid_of "$1")/mountinfo" || true
}

idle() { # NAME
    [ "$(shares_mounted_in "$1")" = 0 ]
}

@test "idle: a share that is used every two seconds is mounted a few times, and then stays" {
    local found=0
    for _ in {1..9}; do
        idle user || found=$((found + 1))
        uses user
        sleep 2
    done
    # it is tried 1, 2, 4 and 8 seconds after it was mounted
    [ "$found" -ge 3 ] || fail "it was found mounted in $found of nine uses"
}

@test "idle: what stays because it was used off and on is unmounted in the end" {
    for _ in {1..3}; do
        uses user
        wait_until 6 idle user
    done
    uses user
    wait_until 12 idle user
}

@test "idle: a share is unmounted although others of its server are opened all the time" {
    for n in {1..6}; do
        start_memfs server -F NTFS -u "\\memfs\\v$n"
        wait_until 5 test -d "/unc/memfs/v$n/."
    done
    uses user
    for n in {1..6}; do
        sleep 0.7
        BOUND=5 bounded nsenter --mount --root --target "$(pid_of user)" ls "/unc/memfs/v$n/." >/dev/null
    done
    not grep -q "/memfs/share " "/proc/$(pid_of user)/mountinfo" || fail "$(cat "/proc/$(pid_of user)/mountinfo")"
}

@test "idle: a service that starts leaves a share in use alone for some seconds, and then unmounts it" {
    uses user
    service_kill
    service_start_until_ready 10
    for _ in {1..6}; do
        sleep 0.8
        not idle user || fail "it was unmounted between two uses" || return
        uses user
    done
    wait_until 20 idle user
}

@test "idle: a share that was unmounted before the service started is unmounted again after its next use" {
    uses user
    wait_until 6 idle user
    service_kill
    service_start_until_ready 10
    uses user
    wait_until 6 idle user
    uses user
}

# Without end, unmounts on the stage what nobody uses just then: what the service does now and then, hundreds of times a second.
unmounter() {
    cat <<'END'
import ctypes, glob, os
libc = ctypes.CDLL(None, use_errno=True)
assert libc.setns(os.open("/run/linfsp/private/stage", os.O_RDONLY), 0x20000) == 0
unmounted = 0
while True:
    for path in glob.glob("/folders/*/share"):
        unmounted += libc.umount2(path.encode(), 8) == 0  # UMOUNT_NOFOLLOW
    print(unmounted, flush=True)
END
}

# Four processes in the mount namespace of that process open the share's file at odd times, for five seconds.
openers() {
    cat <<'END'
import ctypes, os, random, signal, sys, time
signal.alarm(60)
namespace = os.open("/proc/%s/ns/mnt" % sys.argv[1], os.O_RDONLY)
assert ctypes.CDLL(None, use_errno=True).setns(namespace, 0x20000) == 0
end = time.time() + 5
opened = 0
children = []
while len(children) < 3 and 0 not in children:
    children.append(os.fork())
while time.time() < end:
    os.close(os.open("/unc/memfs/share/file", os.O_RDONLY))
    os.stat("/unc/memfs/share/file")
    opened += 1
    time.sleep(random.random() / 200)
if 0 not in children:
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    print("opened", opened)
END
}

@test "idle: no open fails that races with an unmount" {
    local unmounted=$BATS_TEST_TMPDIR/unmounted pid said
    unmounter >"$BATS_TEST_TMPDIR/unmounter.py"
    openers >"$BATS_TEST_TMPDIR/openers.py"
    python3 "$BATS_TEST_TMPDIR/unmounter.py" >"$unmounted" 2>&1 3>&- &
    pid=$!
    wait_until 5 test -s "$unmounted"
    said=$(BOUND=70 bounded python3 "$BATS_TEST_TMPDIR/openers.py" "$(pid_of user)" 2>&1)
    kill "$pid"
    has "$said" opened
    [ "$(tail -n 1 "$unmounted")" -gt 100 ] || fail "it was unmounted $(tail -n 1 "$unmounted") times"
}
