#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# bats file_tags=machine
# Every engine really run: a container of its makes a disk and a network volume, and leaves nothing behind, however it ends.
load ../helpers/common
load ../helpers/engines

setup_file() {
    file_setup && room_open
}

teardown_file() { room_teardown; }

# A test that failed leaves its container.
teardown() {
    local pid
    for pid in $(pgrep -f '^/bin/sh /guest.sh '); do
        ! is_ours "$pid" || kill -KILL "$pid"
    done
    [ -z "${guest_pid:-}" ] || wait_until 10 gone "$guest_pid" || kill -KILL "$guest_pid"
}

# The silo whose anchor runs guest.sh with that name: its JSON in $silo.
find_silo() { # NAME
    silo=
    local pid
    for pid in $("$linfsp" silos --json | jq '.[].init_pid'); do
        if pgrep --ns "$pid" --nslist mnt -f "guest.sh $1\$" >/dev/null; then
            silo=$("$linfsp" silos --json | jq ".[] | select(.init_pid == $pid)")
        fi
    done
    [ -n "$silo" ]
}

of_silo() { # MEMBER
    jq -r ".$1" <<<"$silo"
}

# Starts guest.sh in a container of the engine, and goes on when its volumes are there: `guest ENGINE NAME`
guest() {
    guest_log=$BATS_TEST_TMPDIR/$2.log
    "run_$1" "$2" /bin/sh /guest.sh "$2" </dev/null >"$guest_log" 2>&1 3>&- 9>&- &
    guest_pid=$!
    wait_until 15 test -s "/unc/engines/$2/ready" || fail "the container of $1 said:" "$(cat "$guest_log")" \
        "$(grep -v 'is ready$' "$LINFSP_STATE/linfspd.log" | tail -n 5)"
}

# What the host sees of a guest: `meet NAME CALLED-ENGINE OWNER`
meet() {
    find_silo "$1" || fail "no silo runs guest.sh $1: $("$linfsp" silos)"
    pid=$(of_silo init_pid)
    equal "state" "$(of_silo state)" ready
    equal "volumes" "$(of_silo volumes)" 2
    equal "engine" "$(of_silo 'engine // "none"')" "$2"
    case $2 in
    podman | lxc | containerd) equal "name" "$(of_silo name)" "$1" ;;
    esac
    connections=$("$linfsp" volumes --json | jq ".[] | select(.silo == $(jq .id <<<"$silo")) | .fuse_device")
    equal "connections" "$(grep -cxF "$connections" <(fuse_connections))" 2
    mounted_in "$pid" /mnt/z fuse.NTFS
    mounted_in "$pid" /mnt/y fuse.NTFS
    not mounted_here /mnt/z
    not mounted_here /mnt/y
    mounted_here "/unc/engines/$1" fuse.NTFS
    equal "read on the host" "$(bounded cat "/unc/engines/$1/file")" "from $1"
    equal "its owner on the host" "$(bounded stat -c %u "/unc/engines/$1/file")" "$3"
    bounded sh -c 'echo question >"$1/question"' sh "/unc/engines/$1"
    wait_until 5 test -s "/unc/engines/$1/answer"
    equal "the answer" "$(bounded cat "/unc/engines/$1/answer")" "answer to question"
}

# The guest's FUSE connections, by their numbers in $connections.
any_connection() {
    grep -qxF "$connections" <(fuse_connections)
}

# It is gone, with all that it had: `parted NAME`
parted() {
    wait_until 5 not find_silo "$1"
    wait_until 5 test ! -e "/unc/engines/$1"
    wait_until 5 not any_connection
    equal "volumes" "$("$linfsp" volumes --json | jq length)" 0
    if [ -d "$engines/bundles/$1/rootfs" ]; then
        wait_until 3 root_is_as_before "$1" ||
            fail "left in the container's root:" "$(diff <(tree_of "$engines/root") <(tree_of "$engines/bundles/$1/rootfs"))"
    fi
    no_hung_tasks
}

# A root that its engine keeps, keeps links to /dev/linfsp as well (docs/engines.md): to nowhere, as long as no container has it.
tree_of() {
    (cd "$1" && find . ! -lname '/dev/linfsp/*' | sort)
}

root_is_as_before() { # NAME
    [ "$(tree_of "$engines/root")" = "$(tree_of "$engines/bundles/$1/rootfs")" ]
}

# The whole life of two containers: one ends by itself, one is killed. OWNER: whom its root is on the host. CALLED: what `linfsp
# silos` says: `engine_works ENGINE CALLED [OWNER]`
engine_works() {
    local lacking name
    lacking=$("lacks_$1")
    [ -z "$lacking" ] || missing "${lacking//$'\n'/, }" || return
    for name in "$1-ends" "$1-killed"; do
        guest "$1" "$name"
        meet "$name" "$2" "${3:-0}"
        if [ "$name" = "$1-ends" ]; then
            bounded touch "/unc/engines/$name/end" || true # which may end while this is at it
            wait_until 10 gone "$guest_pid"
            wait "$guest_pid" || fail "the container of $1 ended with $?:" "$(cat "$guest_log")"
        else
            kill -KILL "$pid"
            wait_until 10 gone "$guest_pid"
        fi
        parted "$name"
    done
}

@test "engines: runc by hand" { engine_works runc none; }
@test "engines: crun by hand" { engine_works crun none; }
@test "engines: podman with runc" { engine_works podman_runc podman; }
@test "engines: podman with crun" { engine_works podman_crun podman; }
@test "engines: podman rootless" { engine_works podman_rootless podman "$engine_user"; }
@test "engines: containerd" { engine_works containerd containerd; }
@test "engines: LXC, privileged" { engine_works lxc lxc; }
@test "engines: LXC, unprivileged" { engine_works lxc_unprivileged lxc "$engine_ids"; }
@test "engines: systemd-nspawn" { engine_works nspawn systemd-nspawn; }
@test "engines: bubblewrap, root" { engine_works bubblewrap bubblewrap; }
@test "engines: bubblewrap, an ordinary user" { engine_works bubblewrap_user bubblewrap "$engine_user"; }
@test "engines: a container in a container" { engine_works nested podman; }
