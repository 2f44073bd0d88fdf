#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Life on a host: the service is replaced while its volumes are in use, and says in words, and by its exit status, why it does not start.
load ../helpers/common

setup_file() { file_setup; }
teardown_file() { file_teardown; }
setup() { service_runs; }
teardown() {
    [ -z "${writer:-}" ] || kill -KILL "$writer" 2>/dev/null || true
    remove_containers
    end_host_memfs
}

# A share that a process of the host holds open and writes to all the time.
busy_share() {
    container server busybox
    share server y '\memfs\life'
    disk server z
    "$probe" scribble /unc/memfs/life/a >"$BATS_TEST_TMPDIR/writer" 2>&1 3>&- </dev/null &
    writer=$!
    wait_until 5 grep -q ready "$BATS_TEST_TMPDIR/writer"
    exec 7>/unc/memfs/life/open
    echo before >&7
}

# Nothing of it was disturbed, and the service that runs now has it.
share_goes_on() {
    kill -0 "$writer" || fail "the writer ended: $(cat "$BATS_TEST_TMPDIR/writer")" || return
    echo after >&7
    exec 7>&-
    equal "what was written through one open file" "$(bounded cat /unc/memfs/life/open)" $'before\nafter' || return
    script_in server 'echo on >/mnt/z/on' || return
    wait_until 5 attached '\memfs\life'
}

attached() { # PREFIX
    "$linfsp" volumes --json | jq -e --arg prefix "$1" 'map(select(.prefix == $prefix and .attached != false)) | length == 1' >/dev/null
}

@test "life: SIGUSR1 ends the service alone; the next one has every volume and open file" {
    busy_share
    old=$(service_pid)
    kill -USR1 "$old"
    wait_until 5 gone "$old"
    grep -q '2 volumes go on' "$LINFSP_STATE/linfspd.log" || fail "$(tail -n 3 "$LINFSP_STATE/linfspd.log")"
    echo between >/unc/memfs/life/between
    service_start
    share_goes_on
    equal "what was written without a service" "$(bounded cat /unc/memfs/life/between)" between
}

@test "life: SIGUSR1 while containers ask for volumes: each has its volume, or is told that it has not" {
    container server busybox
    for letter in q r s t; do
        start_memfs server -F NTFS -m "$letter:"
    done
    old=$(service_pid)
    kill -USR1 "$old"
    wait_until 5 gone "$old"
    service_start
    for letter in q r s t; do
        wait_until 10 served_or_absent server "/mnt/$letter"
    done
}

served_or_absent() { # NAME PATH
    if mounted "$1" "$2"; then
        inside "$1" sh -c "echo x >$2/x && cat $2/x"
    else
        [ "$(inside "$1" sh -c "ls $2 2>/dev/null | wc -l")" = 0 ]
    fi
}

@test "life: linfsp restart replaces the service" {
    busy_share
    old=$(service_pid)
    # shellcheck disable=SC2086
    LINFSPD=$linfspd BOUND=20 bounded "$linfsp" restart -- ${LINFSP_TEST_SERVICE_OPTIONS:-} || fail "linfsp restart"
    wait_until 5 gone "$old"
    "$linfsp" status --json | jq .pid >"$LINFSP_STATE/linfspd.pid"
    [ "$(service_pid)" != "$old" ] || fail "the same process"
    share_goes_on
}

@test "life: linfsp restart with a wrong configuration leaves the service that runs" {
    busy_share
    old=$(service_pid)
    echo "bad = 1" >"$BATS_TEST_TMPDIR/linfsp.conf"
    status=0
    # shellcheck disable=SC2086
    said=$(LINFSPD=$linfspd BOUND=20 bounded "$linfsp" restart -- ${LINFSP_TEST_SERVICE_OPTIONS:-} --config="$BATS_TEST_TMPDIR/linfsp.conf" 2>&1) || status=$?
    equal "exit status" "$status" 1
    has "$said" "nothing was restarted" "there is no setting 'bad'"
    equal "the service" "$("$linfsp" status --json | jq .pid)" "$old"
    share_goes_on
}

@test "life: linfsp restart starts a service where none runs, and needs the host's root" {
    service_stop
    # shellcheck disable=SC2086
    LINFSPD=$linfspd BOUND=20 bounded "$linfsp" restart -- ${LINFSP_TEST_SERVICE_OPTIONS:-}
    "$linfsp" status --json | jq .pid >"$LINFSP_STATE/linfspd.pid"
    refused 'by root' -- setpriv --reuid 65534 --clear-groups "$linfsp" restart
    container one busybox
    refused 'on the host' -- docker exec "$(full_name one)" "$silo_bin/linfsp" restart
}

# Runs linfspd until it ends, and compares: `ends_with STATUS PART OPTION...`
ends_with() {
    local said status=0
    # shellcheck disable=SC2086
    said=$(bounded "$linfspd" ${LINFSP_TEST_SERVICE_OPTIONS:-} "${@:3}" 2>&1) || status=$?
    equal "exit status of linfspd ${*:3} ($said)" "$status" "$1" && has "$said" "$2"
}

@test "life: a wrong configuration is said and ends with 78, as --check does without starting" {
    config=$BATS_TEST_TMPDIR/linfsp.conf
    printf 'request_timeout = 60\nno_such = 1\n' >"$config"
    ends_with 78 ':2: ' --check "--config=$config"
    service_stop
    ends_with 78 ':2: ' "--config=$config"
    [ ! -e /run/linfsp ] || fail "left behind: /run/linfsp"
    echo 'request_timeout = 60' >"$config"
    ends_with 0 'is right' --check "--config=$config"
}

@test "life: files of somebody else's in /unc end it with 69, and nothing is left" {
    service_stop
    mkdir /unc
    echo theirs >/unc/file
    ends_with 69 'move them away' || status=1
    equal "their file" "$(cat /unc/file)" theirs || status=1
    rm -r /unc
    [ -z "${status:-}" ]
    [ ! -e /run/linfsp ] || fail "left behind: /run/linfsp"
}

@test "life: a second linfspd ends with 69, and the first goes on" {
    ends_with 69 'running already'
    our_service_answers
}

@test "life: the unit starts nothing again after these statuses, and restarts by the signal that keeps volumes" {
    unit=$LINFSP_ROOT/packaging/linfspd.service.in
    grep -qx 'RestartPreventExitStatus=2 69 78' "$unit"
    grep -qx 'RestartKillSignal=SIGUSR1' "$unit"
}

@test "life: a request of a later version is refused in words, its descriptor is closed, and the connection goes on" {
    before=$(find "/proc/$(service_pid)/fd" | wc -l)
    BOUND=20 bounded python3 - <<-'END' || fail "see above"
	import array, os, socket, struct
	def header(kind, size, serial):
	    return struct.pack("<IHHII", 0x5046534C, 1, kind, size, serial)
	service = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
	service.connect("/run/linfsp/host/disk")
	pipe = os.pipe()
	for serial in range(1, 6):
	    # a type that no version has yet; with the descriptor of a pipe, and without
	    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [pipe[1]]))] if serial % 2 else []
	    service.sendmsg([header(60, 100, serial) + bytes(84)], rights)
	    answer = service.recv(16384)
	    _, _, kind, _, echoed = struct.unpack_from("<IHHII", answer)
	    assert (kind, echoed) == (64, serial), (kind, echoed, answer)
	    assert struct.unpack_from("<i", answer, 16)[0] == 95 and b"older than this program" in answer, answer
	service.send(header(6, 16, 9))
	assert struct.unpack_from("<IHHII", service.recv(16384))[2] == 69
	os.close(pipe[1])
	assert os.read(pipe[0], 1) == b"", "somebody has the pipe open"
	END
    same_descriptors() { [ "$(find "/proc/$(service_pid)/fd" | wc -l)" -le "$before" ]; }
    wait_until 5 same_descriptors
}

# A container without a pid namespace: pids in $first, its topmost process, and $second.
box_without_pids() {
    local box=$BATS_TEST_TMPDIR/box
    mkdir -p "$box"
    cp "$(command -v busybox)" "$BATS_TEST_TMPDIR/busybox"
    # shellcheck disable=SC2016 # for the shells inside
    unshare --mount --propagation private sh -ec 'mount -t tmpfs box "$1"; cd "$1"; mkdir bin dev mnt old proc; cp ../busybox bin/
        mount -t tmpfs dev dev; : >dev/null; mount -t proc proc proc; pivot_root . old
        exec /bin/busybox sh -c "/bin/busybox umount -l /old; /bin/busybox sleep 600 & exec /bin/busybox sleep 601"' sh "$box" >/dev/null 2>&1 3>&- &
    first=$!
    wait_until 5 test -S "/proc/$first/root/dev/linfsp/disk" || return
    wait_until 5 pgrep -P "$first" -f 'sleep 600' >/dev/null || return
    second=$(pgrep -P "$first" -f 'sleep 600')
}

in_box() { # PID COMMAND...: by a process that is there only for a moment
    nsenter --target "$1" --mount --root "${@:2}"
}

@test "life: a container without a pid namespace outlives its first process, with a service and without one" {
    box_without_pids
    in_box "$first" /dev/linfsp/bin/memfs -b -m Z: 3>&-
    echo kept >"/proc/$second/root/mnt/z/file"
    kill -KILL "$first"
    in_box "$second" /dev/linfsp/bin/memfs -b -m Y: 3>&- # at once
    equal "the file" "$(cat "/proc/$second/root/mnt/z/file")" kept
    echo new >"/proc/$second/root/mnt/y/file"
    wait "$first" || true
    service_kill
    mapfile -t servers < <(pgrep --ns "$second" --nslist mnt -x memfs)
    kill -KILL "$second"
    service_start
    equal "the file after a restart" "$(cat "/proc/${servers[0]}/root/mnt/z/file")" kept
    in_box "${servers[0]}" /dev/linfsp/bin/memfs -b -m X: 3>&-
    equal "its volumes" "$("$linfsp" volumes --json | jq -r '[.[].mount_point] | sort | join(" ")')" "/mnt/x /mnt/y /mnt/z"
    mapfile -t servers < <(pgrep --ns "${servers[0]}" --nslist mnt -x memfs)
    kill -KILL "${servers[@]}"
    wait_until 10 silos_are 0
}

@test "life: a volume goes when its server and the first process of a container without a pid namespace are killed at once" {
    box_without_pids
    mkdir "/proc/$second/root/mnt/folder"
    in_box "$first" /dev/linfsp/bin/memfs -b -m /mnt/folder 3>&-
    mapfile -t servers < <(pgrep --ns "$second" --nslist mnt -x memfs)
    grep -q ' /mnt/folder ' "/proc/$second/mountinfo"
    kill -KILL "$first" "${servers[@]}"
    unmounted() { ! grep ' /mnt/folder ' "/proc/$second/mountinfo"; }
    wait_until 5 unmounted
    in_box "$second" /dev/linfsp/bin/memfs -b -m /mnt/folder 3>&-
    mapfile -t servers < <(pgrep --ns "$second" --nslist mnt -x memfs)
    kill -KILL "$second" "${servers[@]}"
    wait_until 10 silos_are 0
}

silos_are() { # COUNT
    [ "$("$linfsp" silos --json | jq '[.[] | select(.host | not)] | length')" = "$1" ]
}

# As if it had been killed after the worker was done, and before the journal had the container.
@test "life: a container that a killed service had furnished, and not noted yet, is furnished by the next one" {
    our_service_answers || service_start
    container one busybox
    disk one z
    inside one sh -c '/dev/linfsp/bin/linfsp umount z:'
    service_kill
    rm /run/linfsp/journal/silo-*
    service_start
    disk one z
    share one y '\left\behind'
    script_in one 'echo x >/mnt/y/file'
    wait_until 5 inside one grep -q x /unc/left/behind/file
    wait_until 5 grep -q x /unc/left/behind/file
}
