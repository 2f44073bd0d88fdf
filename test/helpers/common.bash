# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What every end-to-end test file loads. Model: setup_suite.bash has found or started an engine, made the images, and staged an
# installation of the build; a file starts one service in setup_file and stops it in teardown_file, where nothing may be left
# behind; its tests make their own containers, which teardown removes. Whatever could hang on a file system is bounded.
#
# Exported by setup_suite: LINFSP_ROOT (the checkout), LINFSP_STAGE (the prefix it was installed to), LINFSP_SYSROOT (what that prefix
# is in; empty: this machine's own root), LINFSP_STATE (a folder for this run), DOCKER_HOST and DOCKER_HOST_PLAIN (the engine), DOCKER_HOST_REMAP (a second one, with userns-remap; empty where it cannot run).

linfsp=${LINFSP_STAGE:-}/bin/linfsp
linfspd=${LINFSP_STAGE:-}/sbin/linfspd
here_memfs=${LINFSP_STAGE:-}/bin/memfs
probe=${LINFSP_STATE:-}/probe
silo_bin=/dev/linfsp/bin

source "${BASH_SOURCE[0]%/*}/engine.bash"
source "${BASH_SOURCE[0]%/*}/service.bash"
source "${BASH_SOURCE[0]%/*}/leftovers.bash"

# ---- saying what is wrong -----------------------------------------------------------------------------------------------

fail() {
    printf '%s\n' "$@" >&2
    return 1
}

# A machine that lacks something: the test is skipped by name; where everything must run (CI=true) that is a failure.
missing() {
    if [ "${CI:-}" = true ]; then
        fail "CI=true, but this machine lacks $1"
        return 1
    fi
    skip "this machine lacks $1"
}

equal() { # WHAT ACTUAL EXPECTED
    [ "$2" = "$3" ] || fail "$1: expected '$3', got '$2'"
}

has() { # TEXT PART...
    local text=$1 part
    shift
    for part; do
        [[ $text == *"$part"* ]] || fail "expected '$part' in: $text" || return
    done
}

has_not() { # TEXT PART...
    local text=$1 part
    shift
    for part; do
        [[ $text != *"$part"* ]] || fail "did not expect '$part' in: $text" || return
    done
}

# COMMAND must fail by itself, in time, and say each PART of an error: `refused 'PART' ['PART'...] -- COMMAND...`
refused() {
    local parts=() output status=0
    while [ "$1" != -- ]; do
        parts+=("$1")
        shift
    done
    shift
    output=$(bounded "$@" 2>&1) || status=$?
    [ "$status" -ne 0 ] || fail "succeeded, but should have failed: $*" "$output" || return
    [ "$status" -ne 124 ] && [ "$status" -ne 137 ] || fail "hung: $*" "$output" || return
    has "$output" "${parts[@]}"
}

# memfs in a container must fail, and say each PART: `memfs_refused [-u USER] NAME PART... -- ARGUMENT...`
memfs_refused() {
    local user=() name parts=()
    if [ "$1" = -u ]; then
        user=(-u "$2")
        shift 2
    fi
    name=$1
    shift
    while [ "$1" != -- ]; do
        parts+=("$1")
        shift
    done
    shift
    refused "${parts[@]}" -- docker exec "${user[@]}" "$(full_name "$name")" "$silo_bin/memfs" "$@"
}

# Within BOUND seconds (20: a busy machine takes its time over `docker exec`), or killed.
bounded() {
    local status=0
    timeout -k 2 "${BOUND:-20}" "$@" || status=$?
    [ "$status" -ne 124 ] || echo "ended after ${BOUND:-20} s: $*" >&2
    return "$status"
}

# Polls until COMMAND succeeds, and shows what it said last if it never does: `wait_until SECONDS COMMAND...`
wait_until() {
    local end=$((${EPOCHREALTIME/./} + $1 * 1000000)) output
    shift
    until output=$("$@" 2>&1); do
        if [ "${EPOCHREALTIME/./}" -gt "$end" ]; then
            fail "waited in vain for: $*" "$output"
            return 1
        fi
        sleep 0.02
    done
}

not() {
    ! "$@"
}

# Milliseconds that COMMAND takes, in $elapsed; its status is kept.
timed() {
    local start=${EPOCHREALTIME/./} status=0
    "$@" || status=$?
    elapsed=$(((${EPOCHREALTIME/./} - start) / 1000))
    return "$status"
}

# ---- mounts and processes -------------------------------------------------------------------------------------------------

# The mount table of a process: `mounted_in PID PATH [TYPE]`. A share is mounted when somebody goes there, so that is done first.
mounted_in() {
    local path=$2
    [ ! -L "/proc/$1/root/dev/linfsp/unc" ] || path=${2#/dev/linfsp} # a link would lead to the /unc of whoever follows it
    case $path in
    /unc/*/* | /dev/linfsp/unc/*/*) timeout 5 stat "/proc/$1/root$path/." >/dev/null 2>&1 || return ;;
    esac
    in_table "$@"
}

# The same without going there. What is below /dev/linfsp/unc is below /unc where a container has that.
in_table() { # PID PATH [TYPE]
    awk -v path="$2" -v other="${2#/dev/linfsp}" -v type="${3:-}" '
        $5 == path || (other ~ /^\/unc/ && $5 == other) { for (i = 7; i < NF && $i != "-"; i++); if (type == "" || $(i + 1) == type) found = 1 }
        END { exit !found }' "/proc/$1/mountinfo" 2>/dev/null
}

mounted() { # NAME PATH [TYPE]
    mounted_in "$(pid_of "$1")" "$2" "${3:-}"
}

mounted_here() { # PATH [TYPE]
    mounted_in self "$1" "${2:-}"
}

wait_mounted() { # NAME PATH [TYPE]
    wait_until 5 mounted "$@" || fail "not mounted in $1: $2" "$(grep fuse "/proc/$(pid_of "$1")/mountinfo")" \
        "$(tail -n 5 "$LINFSP_STATE/linfspd.log")"
}

wait_unmounted() { # NAME PATH
    wait_until 5 not mounted "$@"
}

# Pids, as the host counts, of the processes called COMM in a container: `pids_in NAME COMM`
pids_in() {
    local init
    init=$(pid_of "$1")
    [ "${init:-0}" -gt 1 ] && pgrep --ns "$init" --nslist mnt -x "$2"
}

# So many processes of that name, or more, run in a container: for wait_until, which must look anew each time.
run_in_number() { # COUNT NAME PROGRAM
    [ "$(pids_in "$2" "$3" | wc -l)" -ge "$1" ]
}

signal_memfs() { # SIGNAL NAME: every memfs of a container
    pids_in "$2" memfs | xargs -r kill "-$1"
}

gone() { # PID...
    local pid
    for pid; do
        [ ! -d "/proc/$pid" ] || grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2>/dev/null || return
    done
}

# ---- file systems ---------------------------------------------------------------------------------------------------------

# Starts memfs in a container, in the background: `start_memfs [-u USER] NAME ARGUMENT...`
start_memfs() {
    local user=()
    if [ "$1" = -u ]; then
        user=(-u "$2")
        shift 2
    fi
    docker exec -d "${user[@]}" "$(full_name "$1")" "$silo_bin/memfs" "${@:2}"
}

# A disk at a letter, mounted when this returns: `disk NAME LETTER`
disk() {
    start_memfs "$1" -i -F NTFS -m "${2^^}:" && wait_mounted "$1" "/mnt/${2,,}" fuse.NTFS
}

# A network volume, mounted when this returns: `share NAME LETTER PREFIX`
share() {
    start_memfs "$1" -i -F NTFS -m "${2^^}:" -u "$3" && wait_mounted "$1" "/mnt/${2,,}" fuse.NTFS
}

# memfs on the host, as a child: pid in $memfs_pid, output in $memfs_output.
start_memfs_here() {
    memfs_output=$BATS_TEST_TMPDIR/memfs.$RANDOM
    "$here_memfs" "$@" >"$memfs_output" 2>&1 3>&- &
    memfs_pid=$!
    echo "$memfs_pid" >>"$LINFSP_STATE/memfs.pids"
}
