# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Windows programs for the tests: compiled by mingw-w64 and Go, against our headers and the names that our DLL exports. They run in
# containers that have the machine's own Wine.

windows=$LINFSP_STATE/windows

# What a container needs of the machine to run Wine: the programs, their libraries, and what they read.
wine_options=(-v /usr/lib/wine:/usr/lib/wine:ro -v /usr/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:ro
    -v /usr/share/wine:/usr/share/wine:ro)

# Skips where the machine has no Wine, or no compiler for Windows, or the DLL was not built.
need_wine() {
    [ -e /usr/lib/wine/wine64 ] || { missing "Wine (package wine64)" && return; }
    command -v x86_64-w64-mingw32-gcc >/dev/null || { missing "mingw-w64 (package gcc-mingw-w64-x86-64-posix)" && return; }
    [ -e "$LINFSP_STAGE/lib/linfsp/lib/winfsp-x64.dll" ] || { missing "winegcc (package wine64-tools)" && return; }
}

# Compiles what the tests run, once: memfs-fuse and memfs-fuse3, fuse-contracts-..., winhello, winptfs, contracts, operations, guard,
# windows-functions, tickfs, liar, winmemfs-x64, fuse-faults.
build_windows_programs() {
    local include=$LINFSP_ROOT/include contracts=$LINFSP_ROOT/test/helpers/fuse-contracts.c
    local two=(-I"$include/winfsp/fuse" -DFUSE_USE_VERSION=26) three=(-I"$include/winfsp/fuse3" -DFUSE_USE_VERSION=30)
    mkdir -p "$windows"
    compile_windows memfs-fuse "$LINFSP_ROOT/fs/memfs-fuse/memfs-fuse.c" "${two[@]}" &&
        compile_windows memfs-fuse3 "$LINFSP_ROOT/fs/memfs-fuse/memfs-fuse.c" "${three[@]}" &&
        compile_windows fuse-contracts-2 "$contracts" "${two[@]}" &&
        compile_windows fuse-contracts-2-plain "$contracts" "${two[@]}" -DWITHOUT_ENV &&
        compile_windows fuse-contracts-3 "$contracts" "${three[@]}" &&
        compile_windows fuse-contracts-3-plain "$contracts" "${three[@]}" -DWITHOUT_ENV &&
        compile_windows winhello "$LINFSP_ROOT/fs/winhello/winhello.c" &&
        compile_windows winptfs "$LINFSP_ROOT"/fs/winptfs/{winptfs,folder-windows}.c &&
        compile_windows contracts "$LINFSP_ROOT/test/helpers/winfsp-contracts.c" &&
        compile_windows operations "$LINFSP_ROOT/test/helpers/winfsp-operations.c" &&
        compile_windows guard "$LINFSP_ROOT/test/helpers/winfsp-guard.c" &&
        compile_windows windows-functions "$LINFSP_ROOT/src/winfsp/test-windows.c" &&
        compile_windows tickfs "$LINFSP_ROOT/test/helpers/winfsp-tickfs.c" -municode &&
        compile_windows liar "$LINFSP_ROOT/test/helpers/winfsp-liar.c" &&
        compile_windows winmemfs-x64 "$LINFSP_ROOT"/fs/winmemfs/*.c &&
        compile_windows fuse-faults "$LINFSP_ROOT/test/helpers/fuse-faults.c" -I"$include/winfsp/fuse"
}

compile_windows() { # NAME SOURCE-OR-OPTION...
    "$LINFSP_ROOT/examples/wine/cc" -Wall -Werror -o "$windows/$1.exe" "${@:2}"
}

# A container with Wine, and the programs in /w: `wine_container NAME [OPTION...]`
wine_container() {
    container "$1" debian "${wine_options[@]}" -v "$windows:/w:ro" "${@:2}"
}

# Starts a Windows file system in a container, in the background: `start_windows [-u USER] NAME PROGRAM ARGUMENT...`. Its output and
# exit status are in /tmp/PROGRAM.log and .status of the container.
start_windows() {
    local user=()
    if [ "$1" = -u ]; then
        user=(-u "$2")
        shift 2
    fi
    # shellcheck disable=SC2016
    docker exec -d "${user[@]}" "$(full_name "$1")" /bin/bash -c '
        name=$1
        shift
        /dev/linfsp/bin/linfsp wine "/w/$name.exe" "$@" >"/tmp/$name.log" 2>&1 &
        echo $! >"/tmp/$name.pid"
        wait $!
        echo $? >"/tmp/$name.status"' bash "${@:2}"
}

# Waits for it: `wait_windows NAME PROGRAM PATH [TYPE]`
wait_windows() {
    wait_until 30 mounted "$1" "$3" "${4:-}" || fail "not mounted in $1: $3" "$(inside "$1" cat "/tmp/$2.log")"
}

# Runs a Windows program in a container to its end, in a prefix that stays: `windows_in NAME PROGRAM ARGUMENT...`
windows_in() {
    BOUND=60 inside "$1" /dev/linfsp/bin/linfsp wine --prefix /tmp/prefix "${@:2}"
}

# Ends a Windows file system by SIGTERM; its exit status must be 0: `end_windows NAME PROGRAM`
end_windows() {
    # shellcheck disable=SC2016
    inside "$1" /bin/bash -c 'kill "$(cat "/tmp/$1.pid")"' bash "$2" || return
    wait_until 15 inside "$1" test -s "/tmp/$2.status" || return
    equal "exit status of $2" "$(inside "$1" cat "/tmp/$2.status")" 0 || fail "$(inside "$1" cat "/tmp/$2.log")"
}
