#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Backing files: what a server in a container may have registered, and what it gains by it. src/worker/job-backing.c tells why.
load ../helpers/common

setup_file() {
    file_setup
    cheats=$LINFSP_STATE/cheats
    export cheats
    mkdir -p "$cheats/files"
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -Wall -static -I "$LINFSP_STAGE/include" -I "$LINFSP_ROOT/src" -o "$cheats/program" \
        "$LINFSP_ROOT/test/helpers/backing-cheats.c" "$(find "$LINFSP_STAGE/lib" -name liblinfsp.a)" -pthread
    chmod 777 "$cheats/files"
}
teardown_file() { file_teardown; }
teardown() {
    chattr -ai "$cheats/files/append" "$cheats/files/immutable" 2>/dev/null || true
    remove_containers
}

# `try CONTAINER ARGUMENT...`; 3: there is no pass-through
try() {
    local name=$1 status=0
    shift
    BOUND=60 bounded docker exec "$(full_name "$name")" /cheats/program "$@" >"$BATS_TEST_TMPDIR/said" 2>&1 || status=$?
    [ "$status" -ne 3 ] || missing "FUSE pass-through (Linux 6.9)" || return
    [ "$status" -eq 0 ] || fail "$(cat "$BATS_TEST_TMPDIR/said")"
}

cheating_container() { # NAME [OPTION...]
    container "$1" busybox -v "$cheats:/cheats" "${@:2}"
}

@test "pass-through: what allows its server less than the kernel would do is refused, and what is no plain file, or no connection" {
    cheating_container one
    try one refused Z: /cheats/files &
    trying=$!
    wait_until 5 test -e "$cheats/files/opened"
    chattr +a "$cheats/files/append"
    chattr +i "$cheats/files/immutable"
    wait "$trying"
    cat "$BATS_TEST_TMPDIR/said"
    for name in read-only write-only "name only" appending process folder append-only immutable; do
        grep -qx "$name: Operation not permitted" "$BATS_TEST_TMPDIR/said"
    done
    for name in device socket "no connection" "a file as connection" "a socket as connection"; do
        grep -qxE "$name: (Invalid argument|Operation not permitted)" "$BATS_TEST_TMPDIR/said"
    done
    grep -q "^file of the volume itself: " "$BATS_TEST_TMPDIR/said"
    not grep -q REGISTERED "$BATS_TEST_TMPDIR/said"
}

@test "pass-through: a volume has a bounded number of backing files, and its container is served as before" {
    cheating_container one
    try one many Z: /cheats/files
    equal "registered" "$(cat "$BATS_TEST_TMPDIR/said")" "16383: Too many open files"
    disk one z
}

# The kernel writes the backing file as whoever registered it. That was root, whose writes leave setuid in place.
@test "pass-through: a file is written with the rights of its server: setuid goes" {
    cheating_container one --user 1000
    printf 'a program' >"$cheats/files/setuid"
    chmod 4777 "$cheats/files/setuid"
    docker exec -d "$(full_name one)" /cheats/program serve Z: /cheats/files/setuid
    wait_mounted one /mnt/z
    script_in one 'printf another 1<>/mnt/z/file'
    equal "written" "$(cat "$cheats/files/setuid")" "anotheram"
    equal "mode" "$(stat -c %a "$cheats/files/setuid")" 777
}
