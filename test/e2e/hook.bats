#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Ready before the entry point: `linfsp hook`, by hooks.d, by CDI, by linfsp-runtime and by hand. Each way is tried with containers
# whose entry point is a program of /dev/linfsp itself, which mounts.
load ../helpers/common
load ../helpers/engines

runs=${LINFSP_HOOK_RUNS:-10}
memfs_entry=(/dev/linfsp/bin/memfs -i -F NTFS -m Z:)

setup_file() {
    file_setup && room_open
    mkdir -p "$engines/hooks.d"
    hook_file "$linfsp" >"$engines/hooks.d/linfsp.json"
    # A witness, which runtimes run behind the hook: what was mounted then, before the container's root became its root.
    cat >"$engines/witness" <<'END'
#!/bin/sh
pid=$(sed 's/.*"pid": *\([0-9]*\).*/\1/')
awk '$5 ~ /\/dev\/linfsp$/ {print "mounted"}' "/proc/$pid/mountinfo" >>"${0%/*}/witnessed"
END
    chmod +x "$engines/witness"
    jq --arg program "$engines/witness" '.hook = {path: $program, args: ["witness"]}' <"$engines/hooks.d/linfsp.json" \
        >"$engines/hooks.d/witness.json"
}

teardown_file() {
    remove_cdi
    end_engine "$LINFSP_STATE/engines/runtime" || true
    room_teardown
}

setup() {
    rm -f "$engines/witnessed"
}

teardown() {
    service_answers || service_start
}

# The installed hooks.d file, for a program that is staged elsewhere than it will be.
hook_file() { # PROGRAM
    jq --arg program "$1" '.hook.args[-1] = $program' <"$LINFSP_STAGE/share/linfsp/hooks.d/linfsp.json"
}

# /etc/cdi is the one place where podman 4.3 looks.
write_cdi() {
    [ -d /etc/cdi ] || touch "$engines/made-cdi"
    bounded "$linfsp" cdi --output /etc/cdi/linfsp-test.json
}

remove_cdi() {
    rm -f /etc/cdi/linfsp-test.json
    [ ! -e "$engines/made-cdi" ] || rmdir /etc/cdi
    rm -f "$engines/made-cdi"
}

# The volumes that were made since the mark, by the service's log.
mark() {
    marked=$(wc -l <"$LINFSP_STATE/linfspd.log")
}

mounts_since_mark() {
    tail -n "+$((marked + 1))" "$LINFSP_STATE/linfspd.log" | grep -c 'event=mount result=done .*mount_point="/mnt/z"'
}

# COMMAND NAME runs a container in the foreground until its entry point is killed; its mount is awaited, then it is. $runs times.
first_act_mounts() { # COMMAND
    local i name child
    mark
    for ((i = 1; i <= runs; i++)); do
        name=first-$i
        "$1" "$name" "${memfs_entry[@]}" </dev/null >"$BATS_TEST_TMPDIR/output" 2>&1 3>&- 9>&- &
        child=$!
        wait_until 10 entry_point_has_mounted "$i" ||
            fail "container $i:" "$(cat "$BATS_TEST_TMPDIR/output")" "$(tail -n 5 "$LINFSP_STATE/linfspd.log")"
        entry_point | xargs -r kill -KILL
        wait_until 10 gone "$child" || fail "container $i does not end"
        wait "$child" || true
    done
    equal "mounts" "$(mounts_since_mark)" "$runs"
    wait_until 5 no_silos
}

entry_point_has_mounted() { # NUMBER
    [ "$(mounts_since_mark)" -ge "$1" ]
}

# Ours only: another run of tests on this machine has such processes, too.
entry_point() {
    local pid found=1
    for pid in $(pgrep -f '^/dev/linfsp/bin/memfs -i -F NTFS -m Z:$'); do
        is_ours "$pid" && echo "$pid" && found=0
    done
    return "$found"
}

no_silos() {
    [ "$("$linfsp" silos --json | jq length)" = 0 ]
}

witnessed_each() {
    equal "containers whose root had /dev/linfsp before it became their root" "$(grep -c mounted "$engines/witnessed")" "$runs"
}

lacks() { # ENGINE
    local lacking
    lacking=$("lacks_$1")
    [ -z "$lacking" ] || missing "${lacking//$'\n'/, }"
}

# ---- each way ---------------------------------------------------------------------------------------------------------------

bundle_with_hook() { # RUNTIME NAME COMMAND...
    local bundle=$engines/bundles/$2 status=0
    bundle_for "${@:2}"
    jq --arg linfsp "$linfsp" --arg witness "$engines/witness" \
        '.hooks.createRuntime = [{path: $linfsp, args: ["linfsp", "hook"]}, {path: $witness}]' <"$bundle/config.json" >"$bundle/new.json"
    mv "$bundle/new.json" "$bundle/config.json"
    run_bundle "$1" "$2" || status=$?
    rm -rf "$bundle"
    return "$status"
}

by_runc() { bundle_with_hook runc "$@"; }
by_crun() { bundle_with_hook crun "$@"; }

podman_run() { # RUNTIME NAME [GLOBAL-OPTION...] [-- OPTION...] -- COMMAND...
    local runtime=$1 name=$2 global=() options=()
    shift 2
    while [ "$1" != -- ]; do global+=("$1") && shift; done
    shift
    while [ "$1" != -- ]; do options+=("$1") && shift; done
    shift
    podman_root --runtime "$runtime" "${global[@]}" run --rm --name "$name" --network none "${podman_limits[@]}" \
        "${options[@]}" linfsp-test "$@"
}

by_podman_hooks() { podman_run crun "$1" --hooks-dir "$engines/hooks.d" -- -- "${@:2}"; }
by_podman_hooks_runc() { podman_run runc "$1" --hooks-dir "$engines/hooks.d" -- -- "${@:2}"; }
by_podman_cdi() { podman_run crun "$1" -- --device linfsp.dev/fs=all -- "${@:2}"; }
by_podman_runtime() { podman_run "$LINFSP_STAGE/bin/linfsp-runtime" "$1" -- -- "${@:2}"; }

by_containerd() { # NAME COMMAND...
    local status=0
    start_containerd && root_for "$1"
    ctr_here run --rm --runc-binary "$LINFSP_STAGE/bin/linfsp-runtime" --rootfs "$container_root" "$@" || status=$?
    rm -rf "$engines/bundles/$1"
    return "$status"
}

by_docker() { # NAME COMMAND...
    DOCKER_HOST=unix://$LINFSP_STATE/engines/runtime/docker.sock docker run --rm --name "$1" --network none --runtime linfsp \
        linfsp-test/busybox "${@:2}"
}

@test "hook: runc by hand: the first instruction mounts, $runs times" {
    lacks runc
    first_act_mounts by_runc
    witnessed_each
}

@test "hook: crun by hand: the first instruction mounts, $runs times" {
    lacks crun
    first_act_mounts by_crun
    witnessed_each
}

@test "hook: podman and hooks.d: the first instruction mounts, $runs times" {
    lacks podman_crun
    podman_image podman_root
    first_act_mounts by_podman_hooks
    witnessed_each
}

@test "hook: podman with runc and hooks.d: the first instruction mounts, $runs times" {
    lacks podman_runc
    podman_image podman_root
    first_act_mounts by_podman_hooks_runc
    witnessed_each
}

@test "hook: podman and a CDI device: the first instruction mounts, $runs times" {
    lacks podman_crun
    podman_image podman_root
    write_cdi
    first_act_mounts by_podman_cdi
    remove_cdi
}

@test "hook: containerd with linfsp-runtime: the first instruction mounts, $runs times" {
    lacks containerd
    first_act_mounts by_containerd
}

@test "hook: podman --runtime linfsp-runtime: the first instruction mounts, $runs times" {
    lacks podman_crun
    podman_image podman_root
    LINFSP_RUNTIME=crun first_act_mounts by_podman_runtime
}

@test "hook: docker --runtime linfsp: the first instruction mounts, $runs times" {
    [ -n "$DOCKER_HOST_PLAIN" ] || missing "Docker"
    private_engine "$LINFSP_STATE/engines/runtime" --add-runtime "linfsp=$LINFSP_STAGE/bin/linfsp-runtime"
    DOCKER_HOST=unix://$LINFSP_STATE/engines/runtime/docker.sock "$LINFSP_ROOT/test/helpers/images" busybox
    first_act_mounts by_docker
    end_engine "$LINFSP_STATE/engines/runtime" || true
}

# ---- it never stands in a container's way -----------------------------------------------------------------------------------

# The hook with a state of NAME's bundle and this pid; its words in $output: `hook PID [BUNDLE]`
run_hook() {
    timed bounded "$linfsp" hook <<<"{\"ociVersion\":\"1.0.2\",\"id\":\"x\",\"pid\":$1,\"bundle\":\"${2:-$engines/bundles/none}\"}" \
        >"$BATS_TEST_TMPDIR/output" 2>&1 || fail "linfsp hook exited with $?"
    output=$(cat "$BATS_TEST_TMPDIR/output")
    [ "$elapsed" -lt 1500 ] || fail "linfsp hook took $elapsed ms"
}

@test "hook: whatever it is given, it exits 0 and says what was wrong" {
    local text
    for text in '' '{' '[]' '{}' '"text"' '{"pid":0,"bundle":"/"}' '{"pid":"1","bundle":5}' '{"pid":99999999999,"bundle":"/"}' \
        "$(head -c 3000000 /dev/zero | tr '\0' ' ')"; do
        output=$(bounded "$linfsp" hook <<<"$text" 2>&1) || fail "exit status $? for: ${text:0:80}"
        has "$output" "linfsp hook: " "starts all the same"
    done
    output=$(bounded "$linfsp" hook --no-such-option </dev/null 2>&1)
    has "$output" "no-such-option"
    mkdir -p "$engines/bundles/broken"
    run_hook "$$" "$engines/bundles/absent"
    has "$output" "config.json" "No such file"
    echo '{"root":{"path":""}}' >"$engines/bundles/broken/config.json"
    run_hook "$$" "$engines/bundles/broken"
    has "$output" "config.json"
    echo '{"root":{"path":"rootfs"}}' >"$engines/bundles/broken/config.json"
    run_hook "$$" "$engines/bundles/broken" # a process of the host's own
    has "$output" "starts all the same"
    run_hook 4194303 "$engines/bundles/broken"
    has "$output" "starts all the same"
    has_not "$(cat "$LINFSP_STATE/linfspd.log")" Sanitizer
    service_answers
}

# The machine may be busy at one time, the hook late each time.
starts_in_time() { # CONTAINER
    local try
    for try in 1 2 3; do
        timed by_crun "$1-$try" true || fail "it did not start" || return
        [ "$elapsed" -ge 2000 ] || return 0
    done
    fail "$elapsed ms with a service that is $1"
}

@test "hook: a service that is stopped, suspended or killed delays a container by less than two seconds, and it starts" {
    bundle_for state true
    rm -rf "$engines/bundles/state"
    service_stop
    starts_in_time stopped
    service_start
    kill -STOP "$(service_pid)"
    starts_in_time suspended || { kill -CONT "$(service_pid)" && false; }
    kill -CONT "$(service_pid)"
    service_kill
    starts_in_time killed
    service_start
}

@test "hook: a hooks.d file and a CDI specification that outlive the program do no harm" {
    lacks podman_crun
    podman_image podman_root
    mkdir -p "$engines/stale.d"
    hook_file "$engines/there-is-no-such-program" >"$engines/stale.d/linfsp.json"
    podman_run crun stale --hooks-dir "$engines/stale.d" -- -- true
    write_cdi
    jq --arg program "$engines/there-is-no-such-program" '.devices[0].containerEdits.hooks[0].args[-1] = $program' \
        </etc/cdi/linfsp-test.json >"$engines/stale.json"
    cp "$engines/stale.json" /etc/cdi/linfsp-test.json
    podman_run crun stale -- --device linfsp.dev/fs=all -- true
    remove_cdi
}

@test "hook: only root of the host may have a container prepared" {
    local bundle=$engines/bundles/asked
    mkdir -p "$bundle/rootfs"
    echo '{"root": {"path": "rootfs"}}' >"$bundle/config.json"
    output=$(echo "{\"pid\":$$,\"bundle\":\"$bundle\"}" |
        setpriv --reuid 54321 --regid 54321 --clear-groups --inh-caps=-all "$linfsp" hook 2>&1)
    has "$output" "only root of the host"
}

# ---- linfsp cdi -------------------------------------------------------------------------------------------------------------

@test "hook: linfsp cdi writes a specification, whole or not at all, and says what it cannot" {
    local written=$BATS_TEST_TMPDIR/etc/linfsp.json
    "$linfsp" cdi --output "$written"
    equal "mode" "$(stat -c %a "$written")" 644
    cmp "$written" <("$linfsp" cdi)
    equal "device" "$(jq -r '"\(.kind)=\(.devices[0].name)"' <"$written")" linfsp.dev/fs=all
    equal "program" "$(jq -r '.devices[0].containerEdits.hooks[0].args[-1]' <"$written")" "$(readlink -f "$linfsp")"
    equal "beside it" "$(ls -A "$BATS_TEST_TMPDIR/etc")" linfsp.json
    refused "cannot write" -- "$linfsp" cdi --output "$BATS_TEST_TMPDIR/no/such/folder.json"
    refused "unexpected argument" -- "$linfsp" cdi more
    mkdir "$BATS_TEST_TMPDIR/taken"
    refused "cannot write" -- "$linfsp" cdi --output "$BATS_TEST_TMPDIR/taken"
    equal "left over" "$(ls -A "$BATS_TEST_TMPDIR" | sort | tr '\n' ' ')" "etc taken "
}

# ---- linfsp-runtime ---------------------------------------------------------------------------------------------------------

# A runtime that writes down how it was run.
fake_runtime() {
    printf '%s\n' '#!/bin/sh' 'printf "%s\n" "$@" >"${0%/*}/arguments"' 'exit 23' >"$BATS_TEST_TMPDIR/$1"
    chmod +x "$BATS_TEST_TMPDIR/$1"
}

@test "hook: linfsp-runtime hands every command line on as it is, and the exit status back" {
    local runtime=$LINFSP_STAGE/bin/linfsp-runtime status=0
    fake_runtime fake
    for line in "--version" "--root /x state name" "create --bundle /no/such name" "run -b $BATS_TEST_TMPDIR name"; do
        status=0
        # shellcheck disable=SC2086
        LINFSP_RUNTIME=$BATS_TEST_TMPDIR/fake "$runtime" $line 2>"$BATS_TEST_TMPDIR/said" || status=$?
        equal "exit status" "$status" 23
        equal "arguments" "$(tr '\n' ' ' <"$BATS_TEST_TMPDIR/arguments")" "$line "
    done
}

@test "hook: linfsp-runtime takes LINFSP_RUNTIME, else runc, else crun, and never itself" {
    local runtime=$LINFSP_STAGE/bin/linfsp-runtime
    has "$("$runtime" --version)" runc
    has "$(LINFSP_RUNTIME=crun "$runtime" --version)" crun
    has "$(LINFSP_RUNTIME=/usr/bin/crun "$runtime" --version)" crun
    has "$(LINFSP_RUNTIME=/no/such/runtime "$runtime" --version 2>&1)" "names no runtime" runc
    has "$(env -i "$runtime" --version)" runc
    ln -s "$runtime" "$BATS_TEST_TMPDIR/runc"
    has "$(PATH=$BATS_TEST_TMPDIR:$PATH "$BATS_TEST_TMPDIR/runc" --version)" "runc version"
    has "$(LINFSP_RUNTIME=$runtime "$runtime" --version 2>&1)" "names no runtime" runc
}

@test "hook: linfsp-runtime adds its hook once, and a bundle that it cannot change runs all the same" {
    local bundle=$engines/bundles/wrapped
    bundle_for wrapped true
    for _ in 1 2; do
        in_room env LINFSP_RUNTIME=crun "$LINFSP_STAGE/bin/linfsp-runtime" run --bundle "$bundle" wrapped
    done
    equal "hooks" "$(jq -c '[.hooks.createRuntime[] | .args[1]]' <"$bundle/config.json")" '["hook"]'
    equal "in the bundle" "$(ls -A "$bundle" | tr '\n' ' ')" "config.json rootfs "
    jq 'del(.hooks, .linux.seccomp)' <"$bundle/config.json" >"$BATS_TEST_TMPDIR/config.json"
    cp "$BATS_TEST_TMPDIR/config.json" "$bundle/config.json"
    in_room sh -c 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && cd "$1" && LINFSP_RUNTIME=crun "$2" run wrapped
        status=$?; cd / && umount "$1"; exit "$status"' sh "$bundle" "$LINFSP_STAGE/bin/linfsp-runtime" 2>"$BATS_TEST_TMPDIR/said"
    has "$(cat "$BATS_TEST_TMPDIR/said")" "linfsp-runtime: " "Read-only file system"
    cmp "$BATS_TEST_TMPDIR/config.json" "$bundle/config.json"
    rm -rf "$bundle"
}

# The workers are stopped meanwhile, so that both hooks wait at the same time.
@test "hook: two hooks for one container are both answered" {
    local first second pid
    [ -n "$DOCKER_HOST_PLAIN" ] || missing "Docker"
    mkdir -p "$engines/bundles/two"
    echo '{"root":{"path":"/"}}' >"$engines/bundles/two/config.json"
    pgrep -P "$(service_pid)" linfspd-worker | xargs kill -STOP
    container two busybox
    pid=$(pid_of two)
    "$linfsp" hook <<<"{\"pid\":$pid,\"bundle\":\"$engines/bundles/two\"}" >"$BATS_TEST_TMPDIR/first" 2>&1 3>&- &
    first=$!
    "$linfsp" hook <<<"{\"pid\":$pid,\"bundle\":\"$engines/bundles/two\"}" >"$BATS_TEST_TMPDIR/second" 2>&1 3>&- &
    second=$!
    sleep 0.2
    pgrep -P "$(service_pid)" linfspd-worker | xargs kill -CONT
    wait "$first" "$second"
    remove_container two
    has_not "$(cat "$BATS_TEST_TMPDIR/first" "$BATS_TEST_TMPDIR/second")" "does not answer in time"
}
