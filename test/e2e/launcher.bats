#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Registered file systems: started by launchctl, and when somebody first opens their UNC path.
load ../helpers/common

setup_file() { file_setup; }
teardown_file() { file_teardown; }
setup() { service_runs; }
teardown() { remove_containers && end_host_memfs; }

serves() { # PREFIX: somebody does
    "$linfsp" volumes --json | jq -ers --arg prefix "$1" 'flatten | any(.prefix == $prefix)' >/dev/null
}

linfsp_in() { # NAME ARGUMENT...
    inside "$1" /dev/linfsp/bin/linfsp "${@:2}"
}

# A launcher in a container, as an ordinary user, with the classes mem, secret, never and gone: `launcher_in NAME`
launcher_in() {
    script_in "$1" 'mkdir /etc/linfsp-launch.d
cd /etc/linfsp-launch.d
printf "Executable = /dev/linfsp/bin/memfs\nCommandLine = -i -F NTFS -u %%1\n" >mem.conf
printf "Executable = /bin/sh\nCommandLine = -c \"read s; echo OK; echo \$0 \$s >/tmp/told; exec sleep 100\" %%1\nSecurity = D:P(A;;RPLC;;;WD)\n" >secret.conf
printf "Executable = /bin/sh\nCommandLine = -c \"read s; [ \$s = good ] && echo OK || echo KO; exec sleep 100\"\n" >check.conf
printf "Executable = /bin/false\n" >gone.conf
printf "Misspelt = /bin/true\n" >wrong.conf'
    wait_until 5 inside "$1" test -x /dev/linfsp/bin/linfsp
    docker exec -d -u user "$(full_name "$1")" /bin/sh -c 'exec /dev/linfsp/bin/linfsp launcher >/tmp/launcher.log 2>&1'
    wait_until 5 inside "$1" test -e /tmp/linfsp-launcher-1000.sock
    wait_until 5 inside_as user "$1" /dev/linfsp/bin/linfsp launchctl list
}

signal_launcher() { # SIGNAL
    script_in server "kill -$1 \$(pidof linfsp)"
}

again_there() { # PID
    local now
    now=$("$linfsp" volumes --json | jq -rs 'flatten | map(select(.prefix == "\\hostmem\\x")) | .[0].server_pid // 0')
    [ "$now" != 0 ] && [ "$now" != "$1" ]
}

@test "launcher: whoever first opens a UNC path has its file system started: in the launcher's container, another, on the host" {
    container server busybox
    container other busybox
    launcher_in server
    script_in server 'echo here >/unc/mem/one/file && cat /unc/mem/one/file'
    script_in other 'echo there >/dev/linfsp/unc/mem/two/file; cat /unc/mem/one/file'
    equal "what the host reads" "$(cat /unc/mem/two/file /unc/mem/one/file)" "there
here"
    ls /unc/mem/three/ >/dev/null
    equal "whose they are" "$("$linfsp" volumes --json | jq -rs 'flatten | map(.prefix) | sort | join(" ")')" '\mem\one \mem\three \mem\two'
    equal "the list" "$(inside_as user server /dev/linfsp/bin/linfsp launchctl list | tr '\n' ' ')" "OK mem one mem two mem three "
    run inside_as user server /dev/linfsp/bin/linfsp launchctl info mem two
    has "$output" '/dev/linfsp/bin/memfs -i -F NTFS -u \mem\two'
}

@test "launcher: several who come at once wait for one start" {
    container server busybox
    launcher_in server
    for i in 1 2 3 4 5 6; do
        ls /unc/mem/many >/dev/null 2>"$BATS_TEST_TMPDIR/said$i" 3>&- &
        echo $! >>"$BATS_TEST_TMPDIR/pids"
    done
    while read -r pid; do
        wait "$pid" || fail "$(cat "$BATS_TEST_TMPDIR"/said*)" || return
    done <"$BATS_TEST_TMPDIR/pids"
    equal "how many run" "$(inside_as user server /dev/linfsp/bin/linfsp launchctl list | grep -c many)" 1
}

@test "launcher: what is no class, a hidden name, or does not start is not there, at once" {
    container server busybox
    launcher_in server
    begin=$(date +%s)
    for path in /unc/nothing/x /unc/mem/.git /unc/gone/x /unc/wrong/x; do
        not ls "$path" 2>/dev/null || fail "$path is there" || return
    done
    [ $(($(date +%s) - begin)) -lt 10 ]
    equal "the list" "$(inside_as user server /dev/linfsp/bin/linfsp launchctl list)" OK
}

@test "launcher: launchctl's verbs and errors; arguments stay words" {
    container server busybox
    launcher_in server
    as_user=(inside_as user server /dev/linfsp/bin/linfsp launchctl)
    "${as_user[@]}" start mem x '\mem\by-hand'
    wait_until 5 ls /unc/mem/by-hand
    run "${as_user[@]}" start mem X '\mem\again'
    equal "twice" "$status $output" "1 KO 183"
    run "${as_user[@]}" start nothing x
    equal "no class" "$status $output" "1 KO 2"
    run "${as_user[@]}" start mem y
    equal "too few arguments" "$status $output" "1 KO 87"
    run "${as_user[@]}" info mem y
    equal "no instance" "$status $output" "1 KO 2"
    "${as_user[@]}" stop mem x
    wait_until 5 not serves '\mem\by-hand' # looking there would start it
    equal "the list" "$("${as_user[@]}" list)" OK
    "${as_user[@]}" startWithSecret secret one 'a "b" %1' 'ge heim'
    wait_until 5 inside server test -s /tmp/told
    equal "what it was told" "$(inside server cat /tmp/told)" 'a "b" %1 ge heim'
    run "${as_user[@]}" startWithSecret check two bad
    equal "KO" "$status $output" "1 KO 5"
    bounded docker exec -i -u user "$(full_name server)" /bin/sh -c \
        'echo good | /dev/linfsp/bin/linfsp launchctl startWithSecret check three -'
}

@test "launcher: another user may do what Security says, and no more" {
    container server busybox
    launcher_in server
    run bounded docker exec -u 4242 "$(full_name server)" /dev/linfsp/bin/linfsp launchctl list
    has "$output" "no launcher runs here"
    script_in server 'ln -s linfsp-launcher-1000.sock /tmp/linfsp-launcher-4242.sock'
    run bounded docker exec -u 4242 "$(full_name server)" /dev/linfsp/bin/linfsp launchctl list
    has "$output" "no launcher runs here" # a socket of another user's is none of its own
    docker exec -d "$(full_name server)" /dev/linfsp/bin/linfsp launcher
    wait_until 5 inside server test -e /run/linfsp-launcher.sock
    script_in server 'rm /tmp/linfsp-launcher-4242.sock'
    other=(bounded docker exec -u 4242 "$(full_name server)" /dev/linfsp/bin/linfsp launchctl)
    run "${other[@]}" start mem x '\mem\x'
    equal "no Security" "$output" "KO 5"
    "${other[@]}" startWithSecret secret one a b
    "${other[@]}" info secret one
    run "${other[@]}" stop secret one
    equal "stop is not in Security" "$output" "KO 5"
    run "${other[@]}" quit
    equal "quit" "$output" "KO 5"
    linfsp_in server launchctl quit
    wait_until 12 not inside server test -e /run/linfsp-launcher.sock
}

@test "launcher: it finds the next service, and what it started ends with it" {
    container server busybox
    launcher_in server
    ls /unc/mem/one >/dev/null
    service_kill
    service_start
    wait_until 10 ls /unc/mem/two
    ls /unc/mem/one >/dev/null
    signal_launcher TERM
    wait_until 12 not ls /unc/mem/two
    not ls /unc/mem/one
    not ls /unc/mem/three
}

@test "launcher: when it ends whoever waits goes on at once, without it" {
    container server busybox
    launcher_in server
    script_in server 'printf "Executable = /bin/sleep\nCommandLine = 100\n" >/etc/linfsp-launch.d/never.conf'
    signal_launcher HUP # other classes
    begin=$(date +%s)
    for _ in $(seq 20); do
        ls /unc/never/x >/dev/null 2>&1 3>&- &
        waiting=$!
        sleep 0.3
        ! kill -0 "$waiting" 2>/dev/null || break
    done
    inside_as user server /dev/linfsp/bin/linfsp launchctl info never x >/dev/null
    signal_launcher KILL
    wait_until 5 gone "$waiting"
    [ $(($(date +%s) - begin)) -lt 25 ]
    not ls /unc/never/x
}

@test "launcher: on the host, and Recovery starts again what dies" {
    folder=$BATS_TEST_TMPDIR/classes
    mkdir "$folder"
    printf 'Executable = %s\nCommandLine = -F NTFS -u %%1\nRecovery = 1\n' "$LINFSP_STAGE/bin/memfs" >"$folder/hostmem.conf"
    LINFSP_LAUNCH_D=$folder "$linfsp" launcher >"$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
    launcher=$!
    echo "$launcher" >>"$LINFSP_STATE/memfs.pids"
    wait_until 5 ls /unc/hostmem/x || fail "$(cat "$BATS_TEST_TMPDIR/log")" || return
    first=$(sed -n 's/.*started: pid \([0-9]*\).*/\1/p' "$BATS_TEST_TMPDIR/log")
    container reader busybox
    script_in reader 'echo hi >/unc/hostmem/x/file'
    kill -KILL "$first"
    wait_until 10 again_there "$first"
    kill "$launcher"
    wait_until 12 gone "$launcher"
    not ls /unc/hostmem/x
}

@test "launcher: one whose container may not have the prefix is not asked" {
    printf '[rule none]\nname = *server*\nnetwork_volumes = no\n' >"$BATS_TEST_TMPDIR/conf"
    service_stop
    service_start "--config=$BATS_TEST_TMPDIR/conf"
    container server busybox
    launcher_in server
    not ls /unc/mem/x
    not inside server ls /unc/mem/x
    equal "what it started" "$(inside server cat /tmp/launcher.log)" ""
    service_stop
    service_start
}
