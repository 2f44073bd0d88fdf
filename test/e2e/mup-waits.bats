#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Who waits for whom at a first access: for a service that stands still, and for the first accesses of others.
load ../helpers/common

setup_file() {
    mkdir "$LINFSP_STATE/waits"
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -static -I "$LINFSP_STAGE/include" -I "$LINFSP_ROOT/src" -o "$LINFSP_STATE/waits/shares" \
        "$LINFSP_ROOT/benchmarks/shares.c" "$(find "$LINFSP_STAGE/lib" -name liblinfsp.a)" -pthread || return
    file_setup
}
teardown_file() { file_teardown; }
setup() { service_runs; }
teardown() {
    kill -CONT "$(service_pid)" 2>/dev/null || true
    remove_containers && end_host_memfs
}

# In the background, on the host: goes to a path. Its pid is in $walker; what it said and its status in $BATS_TEST_TMPDIR/NAME.
walk() { # NAME PATH
    (
        status=0
        cat "$2" || status=$?
        echo "status $status"
    ) >"$BATS_TEST_TMPDIR/$1" 2>&1 3>&- &
    walker=$!
}

walk_said() { # NAME
    tr '\n' ' ' <"$BATS_TEST_TMPDIR/$1"
}

@test "waits: a service that stands still for a minute holds up first accesses, and nothing else" {
    container server busybox
    container one busybox
    container bystander busybox
    for name in open late dies; do
        start_memfs server -i -F NTFS -u "\\memfs\\$name"
        wait_until 5 test -d "/unc/memfs/$name/."
        echo hello >"/unc/memfs/$name/file"
    done
    docker exec -d "$(full_name one)" sh -c 'cd /unc/memfs/open && exec sleep 200'
    wait_until 5 in_table "$(pid_of one)" /dev/linfsp/unc/memfs/open
    wait_until 6 not in_table self /unc/memfs/late
    wait_until 6 not in_table self /unc/memfs/dies
    kill -STOP "$(service_pid)"
    local walkers=() name
    for name in late dies nothing; do
        walk "$name" "/unc/memfs/$name/file"
        walkers+=("$walker")
    done
    docker exec -d "$(full_name one)" sh -c 'cat /unc/memfs/late/file >/tmp/late 2>&1; echo "status $?" >>/tmp/late'
    cat /unc/memfs/late/file >/dev/null 2>&1 3>&- &
    killed=$!
    end=$((SECONDS + 60))
    while [ "$SECONDS" -lt "$end" ]; do
        script_in bystander 'df >/dev/null; ls -lR /unc/ /dev/linfsp >/dev/null; find / -xdev >/dev/null; find /unc/ >/dev/null; sync; mount >/dev/null' || return
        script_in one 'cat /unc/memfs/open/file >/dev/null; echo x >>/unc/memfs/open/more; df /unc/memfs/open >/dev/null; ls /unc/memfs >/dev/null' || return
        bounded df >/dev/null
        bounded ls /unc /unc/memfs >/dev/null
        bounded find /unc -xdev >/dev/null
        bounded sync
        container "started" busybox && remove_container started || return
        sleep 3
        if [ -n "$killed" ]; then
            kill -KILL "$killed"
            wait_until 5 gone "$killed" || return
            killed=
            pids_in server memfs | while read -r pid; do # its server ends meanwhile
                ! tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF '\memfs\dies' || kill -KILL "$pid"
            done
        fi
        not gone "${walkers[@]}"
        [ -z "$(inside one cat /tmp/late)" ]
    done
    kill -CONT "$(service_pid)"
    wait_until 10 gone "${walkers[@]}"
    wait_until 5 script_in one 'grep -q status /tmp/late'
    equal "on the host" "$(walk_said late)" "hello status 0 "
    equal "in a container" "$(inside one cat /tmp/late | tr '\n' ' ')" "hello status 0 "
    has "$(walk_said nothing)" "No such file or directory" "status 1"
    has "$(walk_said dies)" "status 1"
    grep -qE 'No such file|not connected|connection abort' "$BATS_TEST_TMPDIR/dies" || fail "$(walk_said dies)" || return
    equal "a first access afterwards" "$(inside bystander cat /unc/memfs/late/file)" hello
    wait_until 5 not test -e /unc/memfs/dies
}

# The service stands still until all wait, so that who comes first does not depend on the CPUs.
@test "waits: a thousand first accesses of one container stand before nobody else's" {
    container server busybox -v "$LINFSP_STATE/waits:/helper:ro"
    container crowd debian -v /usr:/usr:ro
    container other busybox
    share server y '\memfs\share'
    script_in server 'echo hello >/mnt/y/file'
    wait_until 6 not in_table self /unc/memfs/share
    docker exec -d "$(full_name server)" sh -c 'sleep 600 | /helper/shares "\many\share-" 990 >/tmp/shares'
    wait_until 60 script_in server 'grep -q create_us /tmp/shares'
    kill -STOP "$(service_pid)"
    cat >"$BATS_TEST_TMPDIR/crowd.py" <<'END'
import os, sys, threading, time
threading.stack_size(65536)
done = []
def walk(number):
    os.stat("/unc/many/share-%d/." % number)
    done.append(time.clock_gettime(time.CLOCK_MONOTONIC))
threads = [threading.Thread(target=walk, args=(number,)) for number in range(990)]
for thread in threads:
    thread.start()
print("waiting", flush=True)
for thread in threads:
    thread.join()
print(*done, flush=True)
END
    docker exec -i "$(full_name crowd)" timeout 120 python3 - <"$BATS_TEST_TMPDIR/crowd.py" >"$BATS_TEST_TMPDIR/crowd" 2>&1 3>&- &
    wait_until 20 grep -q waiting "$BATS_TEST_TMPDIR/crowd"
    sleep 1
    docker exec -i "$(full_name other)" sh -c 'cat /unc/memfs/share/file && cut -d" " -f1 /proc/uptime' >"$BATS_TEST_TMPDIR/other" 2>&1 3>&- &
    walk host /unc/memfs/share/file
    wait_until 5 pids_in other cat
    sleep 1
    kill -CONT "$(service_pid)"
    wait_until 60 eval '[ "$(wc -l <"$BATS_TEST_TMPDIR/crowd")" -eq 2 ]'
    wait_until 5 gone "$walker"
    equal "the host's" "$(walk_said host)" "hello status 0 "
    equal "another's" "$(head -n 1 "$BATS_TEST_TMPDIR/other")" hello
    # of the crowd, how many were served before it
    python3 - "$BATS_TEST_TMPDIR/crowd" "$(tail -n 1 "$BATS_TEST_TMPDIR/other")" <<'END'
import sys
done = sorted(float(word) for word in open(sys.argv[1]).read().split("\n")[1].split())
other = float(sys.argv[2])
before = sum(1 for each in done if each < other)
print("%d of %d before" % (before, len(done)))
sys.exit(len(done) != 990 or before > 495)
END
}
