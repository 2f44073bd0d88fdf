#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# FUSE programs from Debian's packages, as they are, in every kind of container: each kind of each engine runs all of them at once
# (test/helpers/try-programs.c says what is tried). What was seen goes, a line a cell, into LINFSP_RESULTS (build/programs.tsv), of which
# test/helpers/programs-table makes the table of docs/programs.md (./check table). The last test sees that it says the same.
load ../helpers/common
load ../helpers/engines

results=${LINFSP_RESULTS:-${LINFSP_ROOT:-}/build/programs.tsv}
table=${LINFSP_ROOT:-}/test/helpers/programs-table
programs=${LINFSP_STATE:-}/others/programs

setup_file() {
    fuse_images programs distroless programs-musl programs-scratch || return
    [ -n "$DOCKER_HOST" ] || return 0
    file_setup && room_open || return
    mkdir -p "$programs"
    container=$(docker create --network=none linfsp-test/programs)
    docker export "$container" | tar -x -C "$programs"
    docker rm "$container" >/dev/null
    echo "linfsp-test:x:$engine_user:$engine_user::/:/bin/sh" >>"$programs/etc/passwd" # for sshfs's sftp-server
    mkdir -p "$(dirname "$results")"
    : >"$results.new"
}

teardown_file() { room_teardown; }

setup() {
    [ -n "$DOCKER_HOST" ] || missing "Docker"
}

# Why a program cannot work, where that is known; what it printed must say so, too: `reason IMAGE PROGRAM PRINTED`
reason() {
    case $1:$2:$3 in
    *bwrap*:"what it mounts does not work: Permission denied" | *bwrap*:"what it mounts does not work: Value too large"*)
        echo "names owners that its mount does not know: bwrap puts it into a user namespace below that of its mounts" ;;
    *:ntfs-3g:*ntfs-3g-faq* | *bwrap*:ntfs-3g:*) echo "calls mount(2) itself, which it may not, and asks no helper" ;;
    musl*:"not in this image" | scratch*:"not in this image") echo "is linked with glibc, which the image has not" ;;
    *) return 1 ;;
    esac
}

# Runs all programs by COMMAND, which starts a container with the rest of its arguments: `tried ENGINE IMAGE COMMAND...`
tried() {
    local engine=$1 image=$2 output=$BATS_TEST_TMPDIR/output program result why seen=0 unexpected=()
    shift 2
    BOUND=90 "$@" /try-programs /tmp/try </dev/null >"$output" 2>&1 3>&- 9>&- || fail "$engine, $image:" "$(cat "$output")" || return
    while IFS=$'\t' read -r program result; do
        [ -n "$result" ] || continue
        seen=$((seen + 1))
        if [ "$result" != works ]; then
            why=$(reason "$image" "$program" "$result") || unexpected+=("$program: $result")
            result=${why:-$result}
        fi
        printf '%s\t%s\t%s\t%s\n' "$engine" "$image" "$program" "$result" >>"$results.new"
    done <"$output"
    equal "programs that said something" "$seen" "$("$programs/try-programs" --list | wc -l)" || fail "$(cat "$output")" || return
    [ "${#unexpected[@]}" -eq 0 ] || fail "$engine, $image:" "${unexpected[@]}"
}

in_docker() { # IMAGE [OPTION...] COMMAND...
    local options=()
    while [[ $2 != /* ]]; do
        options+=("$2")
        set -- "$1" "${@:3}"
    done
    container_once "$1" "${options[@]}" -- "${@:2}"
}

# An engine of test/helpers/engines.bash, with all programs in its container's root: `in_engine CALLED ENGINE [IMAGE]`
in_engine() {
    local lacking
    lacking=$("lacks_$2")
    [ -z "$lacking" ] || missing "${lacking//$'\n'/, }" || return
    engines_tree=$programs tried "$1" "${3:-Debian}" "run_$2" "programs-$2-$BATS_TEST_NUMBER"
}

@test "programs: Docker" { tried Docker Debian in_docker programs; }
@test "programs: Docker, uid 1000" { tried Docker "Debian, uid 1000" in_docker programs --user=1000; }
@test "programs: Docker, a read-only root" { tried Docker "Debian, --read-only" in_docker programs --read-only --tmpfs=/tmp; }
@test "programs: Docker, distroless" { tried Docker distroless in_docker distroless; }
@test "programs: Docker, musl" { tried Docker "musl (Alpine's layout)" in_docker programs-musl; }
@test "programs: Docker, scratch" { tried Docker scratch in_docker programs-scratch --tmpfs=/tmp; }

@test "programs: Docker with userns-remap" {
    [ -n "$DOCKER_HOST_REMAP" ] || missing "userns-remap"
    tar -C "$programs" -c . | docker --host "$DOCKER_HOST_REMAP" import - linfsp-test/programs >/dev/null
    DOCKER_HOST=$DOCKER_HOST_REMAP
    tried "Docker, userns-remap" Debian in_docker programs
    docker image rm -f linfsp-test/programs >/dev/null
}

@test "programs: podman with runc" { in_engine "podman, runc" podman_runc "Debian, /dev noexec"; }
@test "programs: podman with crun" { in_engine "podman, crun" podman_crun "Debian, /dev noexec"; }
@test "programs: podman, rootless" { in_engine "podman, rootless" podman_rootless; }
@test "programs: containerd" { in_engine "containerd, ctr" containerd; }
@test "programs: runc by hand" { in_engine runc runc; }
@test "programs: crun by hand" { in_engine crun crun; }
@test "programs: LXC, privileged" { in_engine LXC lxc; }
@test "programs: LXC, unprivileged" { in_engine "LXC, unprivileged" lxc_unprivileged; }
@test "programs: systemd-nspawn" { in_engine systemd-nspawn nspawn; }
@test "programs: bubblewrap, root" { in_engine bubblewrap bubblewrap; }
@test "programs: bubblewrap, an ordinary user" { in_engine "bubblewrap, a user's" bubblewrap_user "Debian, bwrap without --uid"; }
@test "programs: bubblewrap, an ordinary user, as root of a user namespace" {
    bubblewrap_options=(--uid 0 --gid 0)
    in_engine "bubblewrap, a user's" bubblewrap_user "Debian, --uid 0 --gid 0"
}
@test "programs: a container in a container" { in_engine "podman in podman" nested; }

@test "programs: docs/programs.md says what was seen" {
    mv "$results.new" "$results"
    [ "${LINFSP_TABLE:-}" != write ] || return 0
    "$table" compare "$results" "$LINFSP_ROOT/docs/programs.md" || fail "make it anew by ./check table"
}
