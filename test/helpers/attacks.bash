# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# The attack programs (test/helpers/attacks), for test files that load ../helpers/common before this.

attacks=$LINFSP_STATE/attacks

# Builds them, once a run.
build_attacks() {
    [ ! -e "$attacks/built" ] || return 0
    mkdir -p "$attacks"
    chmod 755 "$attacks"
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -Wall -static -I "$LINFSP_STAGE/include" -o "$attacks/hung" \
        "$LINFSP_ROOT/test/helpers/attacks/hung.c" "$(find "$LINFSP_STAGE/lib" -name liblinfsp.a)" -pthread || return
    local name
    for name in loud box pass reuse still bytes flood under last many deep; do
        gcc -std=gnu11 -D_GNU_SOURCE -O2 -Wall -static -I "$LINFSP_ROOT/src" -o "$attacks/$name" \
            "$LINFSP_ROOT/test/helpers/attacks/$name.c" -pthread || return
    done
    touch "$attacks/built"
}

# What each file of attacks begins and ends with; one that does more has a teardown of its own.
setup_file() {
    build_attacks
    file_setup
}
teardown_file() { file_teardown; }
setup() { service_runs; }
teardown() {
    remove_containers
    no_hung_tasks
}

# A container with the attack programs in it: `attacker NAME [OPTION...]`
attacker() {
    container "$1" busybox "${@:2}" || return
    docker cp "$attacks/hung" "$(full_name "$1"):/hung" && docker cp "$attacks/loud" "$(full_name "$1"):/loud"
}

# Starts an attack in a container, and waits until it says "ready": `attack_in NAME PROGRAM ARGUMENT...`
attack_in() {
    local name=$1
    shift
    attack_output=$BATS_TEST_TMPDIR/attack.$name.$RANDOM
    docker exec "$(full_name "$name")" "/$1" "${@:2}" >"$attack_output" 2>&1 3>&- </dev/null &
    wait_until 10 grep -q ready "$attack_output" || fail "no attack: $(cat "$attack_output")"
    sleep 0.3
}

# Others are served, in time, and a new container is.
all_is_well() {
    timed service_answers || fail "the service does not answer" || return
    [ "$elapsed" -lt 1500 ] || fail "the service took $elapsed ms to answer" || return
    local name=well$RANDOM
    container "$name" busybox || return
    disk "$name" z || return
    script_in "$name" 'echo x >/mnt/z/file' || return
    remove_container "$name"
}
