# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Nothing may stay behind: mounts on the host and in containers, folders, FUSE connections, processes, kernel complaints. What
# was there before the tests (a baseline, taken by setup_suite) does not count.

# The numbers of all FUSE connections; without those that only others have, when there are runs in other worlds.
fuse_connections() {
    local options=()
    [[ ${LINFSP_TEST_SERVICE_OPTIONS:-} != *--only-descendants* ]] || options=(--of-descendants)
    "${BASH_SOURCE[0]%/*}/fuse-connections" "${options[@]}"
}

# Whether COMMAND says so of a process, or of one that started it: `some_ancestor PID COMMAND...`
some_ancestor() {
    local pid=$1 stat
    while [ "${pid:-0}" -ge 1 ]; do
        ! "${@:2}" "$pid" || return 0
        stat=$(cat "/proc/$pid/stat" 2>/dev/null) || return 1
        read -r _ pid _ <<<"${stat##*) }"
    done
    return 1
}

# Whether a process was started by one that has our mount namespace, or has it: `is_ours PID`
is_ours() {
    [[ ${LINFSP_TEST_SERVICE_OPTIONS:-} != *--only-descendants* ]] || some_ancestor "$1" has_our_mounts # else the whole machine is
}

has_our_mounts() { # PID
    [ "$(readlink "/proc/$1/ns/mnt" 2>/dev/null)" = "$our_mount_namespace" ]
}
our_mount_namespace=$(readlink /proc/self/ns/mnt)

# Mount points of ours in a mount table: FUSE mounts, and all at or below our folders.
our_mounts() {
    awk '{ for (i = 7; i < NF && $i != "-"; i++);
           if ($(i + 1) ~ /^fuse(\.|blk|$)/ || $5 ~ /^\/(unc|run\/linfsp|dev\/linfsp)(\/|$)/) print $5, $(i + 1) }' "/proc/$1/mountinfo"
}

# Processes that run a program of the installation under test, or one that was injected.
our_processes() {
    local link exe
    for link in /proc/[0-9]*/exe; do
        exe=$(readlink "$link" 2>/dev/null) || continue
        case $exe in
        "$LINFSP_STAGE"/*bin/linfsp* | "$LINFSP_STAGE"/bin/memfs* | "$LINFSP_STAGE"/bin/ptfs* | "$LINFSP_STAGE"/lib/linfsp/* | /dev/linfsp/* | /run/linfsp/*) ! is_ours "${link//[^0-9]/}" || echo "${link//[^0-9]/} $exe" ;;
        esac
    done
}

# A program that ends by a fault counts when it is of ours: others of the machine may do as they like.
kernel_complaints() {
    dmesg 2>/dev/null | grep -E 'blocked for more than|hung task|WARNING:|BUG:|Oops|general protection|segfault|soft lockup|refcount_t' |
        grep -vE '\] (traps: )?[^ ]+\[[0-9]+\]:? (segfault|general protection)' || true
    dmesg 2>/dev/null | grep -E '\] (traps: )?(linfsp|memfs|ptfs|winmemfs|winptfs|fusermount)[^ ]*\[[0-9]+\]:? (segfault|general protection)' || true
}

take_baseline() {
    fuse_connections >"$LINFSP_STATE/baseline.connections"
    our_mounts self >"$LINFSP_STATE/baseline.mounts"
    kernel_complaints >"$LINFSP_STATE/baseline.kernel"
    [ -e /unc ] && touch "$LINFSP_STATE/baseline.unc"
    [ -e /run/linfsp ] && touch "$LINFSP_STATE/baseline.run"
    [ -e /mnt/z ] && touch "$LINFSP_STATE/baseline.letters"
    return 0
}

# The lines of standard input that the baseline does not have.
new_since() {
    grep -vxFf "$LINFSP_STATE/baseline.$1"
}

complain() { # WHAT, with lines on standard input
    local lines
    lines=$(cat)
    [ -z "$lines" ] || fail "left behind: $1:" "$lines"
}

# Each container of the tests that still runs: no mount of ours, no folder of ours.
containers_are_clean() {
    local id pid status=0
    for id in $(docker ps -q --filter label=linfsp-test); do
        pid=$(docker inspect -f '{{.State.Pid}}' "$id")
        our_mounts "$pid" | complain "mounts in container $id" || status=1
        [ ! -e "/proc/$pid/root/dev/linfsp" ] || fail "left behind: /dev/linfsp in container $id" || status=1
        [ ! -e "/proc/$pid/root/unc" ] || fail "left behind: /unc in container $id" || status=1
    done
    return "$status"
}

# FUSE connections that are there for the whole of so long: what another run is just making or ending is nobody's for a moment.
connections_that_stay() { # SECONDS
    local connections end=$((${EPOCHREALTIME/./} + $1 * 1000000))
    connections=$(fuse_connections | new_since connections)
    while [ -n "$connections" ] && [ "${EPOCHREALTIME/./}" -lt "$end" ]; do
        sleep 0.1
        connections=$(fuse_connections | grep -xFf - <(echo "$connections"))
    done
    [ -z "$connections" ] || echo "$connections"
}

connections_are_gone() { # SECONDS
    local connections
    connections=$(connections_that_stay "$1")
    [ -n "$connections" ] || return 0
    # one that nobody of ours has may be another world's, on its way out there: it is given as long as a test there may take
    if [[ ${LINFSP_TEST_SERVICE_OPTIONS:-} = *--only-descendants* ]]; then
        connections=$(connections_that_stay 60)
    fi
    [ -z "$connections" ] || fail "left behind: FUSE connections: $connections" "$(holders_of "$connections")"
}

holders_of() { # CONNECTIONS
    xargs "${BASH_SOURCE[0]%/*}/fuse-connections" --holders <<<"$1" 2>/dev/null | head -n 20
}

# To be called when the service is stopped.
nothing_left() {
    local status=0
    connections_are_gone 3 || status=1
    our_mounts self | new_since mounts | complain "mounts on the host" || status=1
    [ -e "$LINFSP_STATE/baseline.run" ] || [ ! -e /run/linfsp ] || fail "left behind: /run/linfsp: $(ls -A /run/linfsp)" || status=1
    [ -e "$LINFSP_STATE/baseline.unc" ] || [ ! -e /unc ] || fail "left behind: /unc" || status=1
    [ -e "$LINFSP_STATE/baseline.letters" ] || [ ! -e /mnt/z ] || fail "left behind: /mnt/z" || status=1
    our_processes | complain "processes" || status=1
    containers_are_clean || status=1
    no_hung_tasks || status=1
    kernel_complaints | new_since kernel | complain "complaints in the kernel's log" || status=1
    return "$status"
}

# No task of ours waits, twice within half a second, uninterruptibly for FUSE.
no_hung_tasks() {
    local first second
    first=$(tasks_waiting_for_fuse)
    [ -n "$first" ] || return 0
    sleep 0.5
    second=$(tasks_waiting_for_fuse)
    comm -12 <(sort <<<"$first") <(sort <<<"$second") | complain "tasks that wait for FUSE"
}

tasks_waiting_for_fuse() {
    local pid rest
    ps -eLo lwp=,stat=,wchan:32=,comm= | awk '$2 ~ /^D/ && $3 ~ /fuse|request_wait/' | while read -r pid rest; do
        ! is_ours "$pid" || echo "$pid $rest"
    done
}
