#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Pods as a kubelet makes them: containerd's CRI plug-in, asked over its socket; a sandbox, two containers and a sidecar; RuntimeClass.
load ../helpers/common
load ../helpers/cri

setup_file() {
    source "$LINFSP_ROOT/packaging/packages.bash"
    install_packages python3-grpcio || return
    file_setup && start_cri
}

teardown_file() {
    local status=0
    end_cri || status=1
    file_teardown || status=1
    return "$status"
}

setup() { needs_cri; }
teardown() { remove_pods; }

# A container's own devices, and a file system there.
served() { # CONTAINER
    wait_until 10 cri exec "$1" test -S /dev/linfsp/disk
}

@test "cri: a pod's sidecar serves files to two containers of it, by a prefix; a third container has a disk of its own" {
    pod shared
    sidecar=$(cri container "$pod" sidecar "$image" sh -c 'until [ -S /dev/linfsp/net ]; do sleep 0.05; done; exec /dev/linfsp/bin/memfs -u //cri/data')
    one=$(cri container "$pod" one "$image" /probe wait)
    two=$(cri container "$pod" two "$image" -u 1000 /probe wait)
    served "$one"
    served "$two"
    wait_until 10 cri exec "$one" test -d /dev/linfsp/unc/cri/data
    cri exec "$one" sh -c 'echo text >/dev/linfsp/unc/cri/data/file'
    wait_until 10 cri exec "$two" test -e /dev/linfsp/unc/cri/data/file
    equal "uid 1000 in another container" "$(cri exec "$two" cat /dev/linfsp/unc/cri/data/file)" text
    cri exec "$two" /dev/linfsp/bin/memfs -b -m Z:
    cri exec "$two" sh -c 'echo own >/mnt/z/file'
    cri exec "$one" sh -c '[ ! -e /mnt/z/file ]'
    has "$("$linfsp" silos)" containerd
    # the sidecar is stopped as a kubelet stops it: nobody hangs, and the next attempt serves again
    cri stop "$sidecar" 2
    wait_until 10 not test -e /unc/cri
    sidecar=$(cri restart "$pod" sidecar "$image" sh -c 'until [ -S /dev/linfsp/net ]; do sleep 0.05; done; exec /dev/linfsp/bin/memfs -u //cri/data')
    wait_until 10 cri exec "$one" test -d /dev/linfsp/unc/cri/data
}

@test "cri: a container that is killed, and a pod that is removed while its files are in use, leave nothing" {
    pod killed
    server=$(cri container "$pod" server "$image" sh -c 'until [ -S /dev/linfsp/net ]; do sleep 0.05; done; exec /dev/linfsp/bin/memfs -u //cri/killed')
    user=$(cri container "$pod" user "$image" /probe wait)
    wait_until 10 test -d /unc/cri/killed
    served "$user"
    "$probe" scribble /unc/cri/killed/a >"$BATS_TEST_TMPDIR/writer" 2>&1 3>&- </dev/null &
    writer=$!
    wait_until 5 grep -q ready "$BATS_TEST_TMPDIR/writer"
    kill -KILL "$(cri pid "$server")"
    wait_until 10 gone "$writer"
    wait_until 10 not test -e /unc/cri
    cri exec "$user" /dev/linfsp/bin/memfs -b -m Z:
    cri remove "$pod"
    pods=()
    wait_until 10 no_volumes
}

no_volumes() {
    [ "$("$linfsp" volumes --json | jq length)" = 0 ]
}

@test "cri: RuntimeClass linfsp: the entry point may be /dev/linfsp/bin/memfs itself" {
    pod classed linfsp
    for number in 1 2 3; do
        server=$(cri container "$pod" "server$number" "$image" /dev/linfsp/bin/memfs -u "//cri/class$number") || fail "$(tail -n 3 "$cri/log")" || return
        wait_until 10 test -d "/unc/cri/class$number"
    done
}
