#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Off for one container, with every engine: not one file, link or mount of ours, whoever says so.
load ../helpers/common
load ../helpers/engines

export CONFIG=${LINFSP_STATE:-}/linfsp.conf
kinds=(runc crun podman_runc podman_crun podman_rootless containerd lxc lxc_unprivileged nspawn bubblewrap bubblewrap_user)

setup_file() {
    : >"$CONFIG"
    : >"$LINFSP_STATE/linfspd.log"
    service_start --config "$CONFIG" && room_open || return
    # what a container's first process sees, when the service has had time
    cat >"$engines/root/look.sh" <<'END'
sleep 0.5
awk '{ for (i = 7; $i != "-"; i++); print $5, $6, $(i + 1) }' /proc/self/mountinfo | sort
ls -a / /dev /mnt
find /dev /mnt /usr -exec stat -c '%n %a %u %g %t %T' {} + | grep -v '^/dev/pts/[0-9]'
END
}

teardown_file() { room_teardown; }

teardown() {
    engines_environment=()
    [ -n "$(service_pid)" ] || service_start --config "$CONFIG"
    configured </dev/null
}

configured() {
    cat >"$CONFIG"
    [ -z "$(service_pid)" ] || bounded "$linfsp" reload
}

runs_everywhere() { # KIND: whether it can be run here
    lacking=$("lacks_$1")
    [ -z "$lacking" ] || missing "$lacking"
}

# What a container of this kind sees, in files NAME.KIND: `look NAME KIND...`
look() {
    local name=$1 kind
    shift
    for kind; do
        runs_everywhere "$kind" || return
        BOUND=30 "run_$kind" "look-$kind" /bin/sh /look.sh </dev/null >"$BATS_FILE_TMPDIR/$name.$kind" 2>"$BATS_TEST_TMPDIR/errors" 3>&- 9>&- ||
            fail "$kind: $(tail -n 5 "$BATS_TEST_TMPDIR/errors")" || return
        grep -q ' /dev/pts ' <(sed 's/^/ /' "$BATS_FILE_TMPDIR/$name.$kind") || fail "$kind saw nothing: $(cat "$BATS_FILE_TMPDIR/$name.$kind")" || return
        rm -rf "${engines:?}/bundles/look-$kind" "${engines:?}/lxc/look-$kind"
    done
}

# Containers see without a service what they saw in the run NAME.
same_as_without() { # NAME KIND...
    local name=$1 kind
    shift
    service_stop
    look without "$@" || return
    service_start --config "$CONFIG"
    for kind; do
        diff "$BATS_FILE_TMPDIR/without.$kind" "$BATS_FILE_TMPDIR/$name.$kind" || fail "$kind, off, is not as without LinFsp" || return
    done
}

@test "off: LINFSP=off in the environment that the engine gives its container" {
    look on "${kinds[@]}"
    for kind in "${kinds[@]}"; do
        grep -q /dev/linfsp "$BATS_FILE_TMPDIR/on.$kind" || fail "$kind has no LinFsp, so that nothing is tested" || return
    done
    engines_environment=(LINFSP=off)
    look off "${kinds[@]}"
    engines_environment=()
    same_as_without off "${kinds[@]}"
}

@test "off: other values of LINFSP do not switch it off" {
    engines_environment=(LINFSP=on NOTLINFSP=off)
    look on nspawn
    grep -q /dev/linfsp "$BATS_FILE_TMPDIR/on.nspawn"
}

@test "off: a container that runs when the service starts" {
    local pid
    for kind in lxc bubblewrap nspawn; do
        runs_everywhere "$kind"
        service_stop
        engines_environment=(LINFSP=off)
        "run_$kind" "early-$kind" /bin/sh -c 'sleep 6; true' </dev/null >/dev/null 2>&1 3>&- 9>&- &
        engine=$!
        engines_environment=()
        wait_until 5 pgrep -f '^/bin/sh -c sleep 6'
        service_start --config "$CONFIG"
        sleep 0.5
        pid=$(pgrep -f '^/bin/sh -c sleep 6' | tail -n 1)
        has_not "$(cat "/proc/$pid/mountinfo")" linfsp-run linfsp-unc
        [ ! -e "/proc/$pid/root/dev/linfsp" ] || fail "$kind: /dev/linfsp is there" || return
        kill -KILL "$pid"
        wait "$engine" || true
    done
}

@test "off: by a rule for the engine, or for a container's name" {
    # an engine with mounts of its own is not taken at its word (adr/0022)
    # shellcheck disable=SC2317
    in_room() { "$@"; }
    configured <<'END'
[rule engines]
engine = bubblewrap
linfsp = off
[rule more-engines]
engine = systemd-nspawn
linfsp = off
[rule containers]
name = look-*
linfsp = off
END
    look by-rule podman_runc podman_crun containerd lxc nspawn bubblewrap
    same_as_without by-rule podman_runc podman_crun containerd lxc nspawn bubblewrap
}
