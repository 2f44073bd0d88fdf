#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# File systems written against WinFsp's API, built as their authors would, on the host and in containers.
load ../helpers/common
load ../helpers/winfsp

setup_file() {
    file_setup || return
    mkdir "$LINFSP_STATE/winfsp"
    export PKG_CONFIG_SYSROOT_DIR=$LINFSP_SYSROOT
    PKG_CONFIG_PATH=$(dirname "$(find "$LINFSP_STAGE/lib" -name winfsp.pc)")
    export PKG_CONFIG_PATH
    build winmemfs -static -- --static --cflags --libs || return
    build winmemfs-load -DWINFSP_LOAD -- --cflags || return
    build winmemfs-shared -- --cflags --libs || return
    build liar -static -- --static --cflags --libs || return
    build winptfs -D_GNU_SOURCE -static -- --static --cflags --libs || return
    build contracts -static -- --static --cflags --libs || return
    build operations -static -- --static --cflags --libs || return
    build guard -static -- --static --cflags --libs || return
    build winhello -static -- --static --cflags --libs || return
    build tickfs -Wno-unused-parameter -static -- --static --cflags --libs || return
    build tickfs-load -Wno-unused-parameter -DWINFSP_LOAD -- --cflags || return
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -w -static -pthread -o "$LINFSP_STATE/posix-check" "$LINFSP_ROOT"/test/helpers/posix-check/*.c
}
teardown_file() { file_teardown; }
teardown() {
    end_host_memfs
    remove_containers
}

# Compiles a file system of fs/, or one of test/helpers/winfsp-*.c: `build NAME [OPTION...] -- OPTION OF pkg-config...`
build() {
    local name=$1 options=() flags sources=("$LINFSP_ROOT/fs/${1%-*}"/*.c)
    [[ ${1%-*} != @(liar|contracts|operations|guard|tickfs) ]] || sources=("$LINFSP_ROOT/test/helpers/winfsp-${1%-*}.c")
    [ "$name" != winptfs ] || sources=("$LINFSP_ROOT"/fs/winptfs/{winptfs,folder-linux}.c)
    shift
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    read -ra flags < <(pkg-config "$@" winfsp)
    gcc -std=gnu11 -O2 -Wall -Wextra -Werror "${options[@]}" -o "$LINFSP_STATE/winfsp/$name" "${sources[@]}" "${flags[@]}" -pthread
}

# In a container, in the background: `start_in [-u USER] NAME PROGRAM ARGUMENT...`
start_in() {
    local user=()
    if [ "$1" = -u ]; then
        user=(-u "$2")
        shift 2
    fi
    docker cp "$LINFSP_STATE/winfsp/$2" "$(full_name "$1"):/winmemfs" 2>/dev/null
    docker exec -d "${user[@]}" "$(full_name "$1")" /winmemfs "${@:3}"
}

# Ends what start_in has started, and waits until /mnt/z has gone: `end_in NAME`
end_in() {
    pids_in "$1" winmemfs | xargs -r kill -TERM
    wait_unmounted "$1" /mnt/z
}

# On the host, mounted at $volume when this returns: `[at=FOLDER] start_here ARGUMENT...`
start_here() {
    volume=${at:-/mnt/w}
    said=$BATS_TEST_TMPDIR/said
    "$LINFSP_STATE/winfsp/winmemfs" "$@" -m "${at:-W:}" >"$said" 2>&1 3>&- &
    winmemfs_pid=$!
    echo "$winmemfs_pid" >>"$LINFSP_STATE/memfs.pids"
    wait_until 5 mounted_here "$volume" || fail "$(cat "$said")"
}

@test "winfsp: the seed's disk in a stock container, as root and as an ordinary user" {
    container one busybox
    start_in one winmemfs -i -F NTFS -m Z:
    wait_mounted one /mnt/z fuse.NTFS
    script_in one '
        echo hello >/mnt/z/File
        [ "$(cat /mnt/z/fILE)" = hello ]
        [ "$(ls /mnt/z)" = File ]'
    not mounted_here /mnt/z
    container two busybox
    start_in -u 1000 two winmemfs -i -F NTFS -m Z:
    wait_mounted two /mnt/z fuse.NTFS
    script_in -u 1000 two '
        mkdir /mnt/z/d
        echo x >/mnt/z/d/f
        mv /mnt/z/d /mnt/z/E
        [ "$(ls /mnt/z)" = E ]
        [ "$(stat -c %u /mnt/z/e/F)" = 1000 ]
        rm -r /mnt/z/E'
}

@test "winfsp: the seed's network volume, in the container, on the host and in another container" {
    container one busybox
    container two busybox
    start_in one winmemfs -i -F NTFS -m Y: -u '\memfs\share'
    wait_mounted one /mnt/y fuse.NTFS
    inside one sh -c 'echo shared >/mnt/y/file'
    equal "on the host" "$(bounded cat /unc/memfs/share/file)" shared
    equal "in the other container" "$(inside two cat /dev/linfsp/unc/memfs/share/file)" shared
    equal "in its own" "$(inside one cat /dev/linfsp/unc/memfs/share/file)" shared
    container three busybox
    start_in three winmemfs -i -F NTFS -u '\memfs\alone'
    wait_until 5 mounted_here /unc/memfs/alone fuse.NTFS
}

@test "winfsp: FspLoad finds the library in an image that knows nothing of it" {
    container debian debian
    start_in debian winmemfs-load -F NTFS -m Z:
    wait_mounted debian /mnt/z fuse.NTFS
    inside debian sh -c 'echo loaded >/mnt/z/f; grep loaded /mnt/z/f'
    container linked debian
    start_in linked winmemfs-shared -F NTFS -m Z:
    wait_mounted linked /mnt/z fuse.NTFS
}

@test "winfsp: and in an image with musl, of its own" {
    command -v musl-gcc >/dev/null || missing "musl-gcc (package musl-tools)"
    [ -e "$LINFSP_STAGE/lib/linfsp/lib/musl/libwinfsp.so.1" ] || missing "a build with -Dmusl=enabled"
    musl-gcc -std=gnu11 -O2 -Wall -Werror -fshort-wchar -DWINFSP_LOAD -isystem "$LINFSP_STAGE/include" -o "$LINFSP_STATE/winfsp/winmemfs-musl" \
        "$LINFSP_ROOT"/fs/winmemfs/*.c
    container musl musl
    start_in -u 1000 musl winmemfs-musl -i -F NTFS -m Z:
    wait_mounted musl /mnt/z fuse.NTFS
    script_in -u 1000 musl 'echo loaded >/mnt/z/f; mv /mnt/z/f /mnt/z/g; grep loaded /mnt/z/G; rm /mnt/z/g'
}

@test "winfsp: each function keeps its contract, as root and as an ordinary user" {
    for user in 0 1000; do
        container "contracts$user" busybox -u "$user" -e LINFSP_LAUNCH_D=/tmp/classes -e LINFSP_HAS_LAUNCHER=1 -e LINFSP_MAY_NOT_STOP=1
        docker cp "$LINFSP_STATE/winfsp/contracts" "$(full_name "contracts$user"):/contracts" 2>/dev/null
        script_in "contracts$user" 'mkdir /tmp/classes'
        docker exec -d "$(full_name "contracts$user")" /dev/linfsp/bin/linfsp launcher
        wait_until 5 inside "contracts$user" /dev/linfsp/bin/linfsp launchctl list
        run inside "contracts$user" /contracts
        has "$output" "log wide narrow -5 abcd" "logv wide" "event 7" "debug text 5" "sid S-1-5-1000" "sd O:S-1-5-0" '>>Create "\x"'
        [ "$status" = 0 ] || fail "$output" || return
    done
}

@test "winfsp: each operation and the guard keep their contracts, as root and as an ordinary user" {
    local user program
    for user in 0 1000; do
        container "operations$user" busybox -u "$user"
        wait_until 5 inside "operations$user" test -e /dev/linfsp/disk
        for program in operations guard; do
            docker cp "$LINFSP_STATE/winfsp/$program" "$(full_name "operations$user"):/$program" 2>/dev/null
            run inside "operations$user" "/$program"
            [ "$status" = 0 ] || fail "$program: $output" || return
        done
    done
}

@test "winfsp: a file system that is a C++ class, as root and as an ordinary user; what it throws is an error" {
    local flags how
    read -ra flags < <(pkg-config --static --cflags --libs winfsp)
    for how in -std=c++11 '-std=c++20 -O2 -Wshadow'; do
        # shellcheck disable=SC2086
        g++ $how -Wall -Wextra -Werror -static -o "$LINFSP_STATE/winfsp/class" "$LINFSP_ROOT/test/helpers/winfsp-class.cc" "${flags[@]}" -pthread
    done
    g++ -std=c++17 -Wall -Wextra -Werror -DWINFSP_LOAD -fsyntax-only "$LINFSP_ROOT/test/helpers/winfsp-class.cc" "${flags[@]}"
    for user in 0 1000; do
        container "class$user" busybox -u "$user"
        docker cp "$LINFSP_STATE/winfsp/class" "$(full_name "class$user"):/class" 2>/dev/null
        docker exec -d "$(full_name "class$user")" sh -c '/class Z: "\\class\\share" >/tmp/said 2>&1; echo "ended $?" >>/tmp/said'
        wait_mounted "class$user" /mnt/z fuse.CLASS || return
        script_in "class$user" 'cd /mnt/z; echo some text >a; echo more >>a; cp a b; mv b c; [ "$(cat a c | sort -u | tr "\n" " ")" = "more some text " ]
            [ "$(ls)" = "$(printf "a\nc")" ]; : >c; [ ! -s c ]; rm c; [ "$(ls)" = a ]; [ "$(stat -c %s a)" = 15 ]
            no cat none 2>/dev/null; echo throw >t; echo >unknown 2>/dev/null || true'
        has "$(inside "class$user" sh -c 'cat /mnt/z/t 2>&1; cat /mnt/z/unknown 2>&1; mkdir /mnt/z/d 2>&1')" \
            "read error: Input/output error" "unknown': Input/output error" "d': "
        equal "on the host" "$(bounded cat /unc/class/share/a | tr '\n' ' ')" "some text more "
        pids_in "class$user" class | xargs -r kill -TERM
        wait_until 10 inside "class$user" grep -q '^ended' /tmp/said
        has "$(inside "class$user" cat /tmp/said)" 'mounted at' 'stopped 1' unmounted 'ended 0'
        remove_container "class$user"
        wait_until 5 not test -e /unc/class
    done
}

@test "winfsp: a program that is told to stop ends with 0, and one that is killed leaves nothing" {
    local at=$BATS_TEST_TMPDIR/volume
    start_here -F NTFS
    kill -TERM "$winmemfs_pid"
    wait "$winmemfs_pid"
    not mounted_here "$volume"
    [ ! -e "$volume" ]
    has "$(cat "$said")" "has been started" "has been stopped"
    start_here -F NTFS
    umount "$volume"
    wait "$winmemfs_pid" # a program whose volume has ended ends
    start_here -F NTFS
    kill -KILL "$winmemfs_pid"
    wait_until 10 not mounted_here "$volume"
}

@test "winfsp: bad arguments are refused with a reason" {
    refused "winmemfs: a file system in memory" "has failed to start" -- "$LINFSP_STATE/winfsp/winmemfs" -x
    refused "c000000d" -- "$LINFSP_STATE/winfsp/winmemfs" -u 'noprefix'
    refused "c0000033" -- "$LINFSP_STATE/winfsp/winmemfs" -m /no/such/parent/at/all
    start_here -F NTFS
    refused "c0000035" -- "$LINFSP_STATE/winfsp/winmemfs" -m W:
}

@test "winfsp: memfs's own checks hold, as far as the API can say it" {
    start_here -n 100000 -s 100000000
    all_that_it_can "$(timeout 240 "$LINFSP_STATE/posix-check" --jobs=2 "$volume" "${cannot[@]}" || true)"
}

@test "winfsp: memfs's own checks hold without regard to case" {
    start_here -i -n 100000 -s 100000000
    all_that_it_can "$(timeout 240 "$LINFSP_STATE/posix-check" --jobs=2 --ignore-case "$volume" "${cannot[@]}" '!case_one_file' \
        '!case_rename' '!case_rename_case_only' '!case_hard_links' || true)"
}

@test "winfsp: memfs's own checks hold for an ordinary user in a container" {
    container one busybox
    start_in -u 1000 one winmemfs -n 100000 -s 100000000 -m Z:
    wait_mounted one /mnt/z
    docker cp "$LINFSP_STATE/posix-check" "$(full_name one):/posix-check"
    all_that_it_can "$(timeout 240 docker exec -u 1000 "$(full_name one)" /posix-check --jobs=2 /mnt/z "${cannot[@]}" '!permission_denied' \
        '!permission_sticky' '!special_device' || true)"
}

@test "winfsp: a folder that is passed through, by paths and directory buffers" {
    local folder=$BATS_TEST_TMPDIR/folder
    mkdir "$folder"
    echo below >"$folder/file"
    "$LINFSP_STATE/winfsp/winptfs" "$folder" W: >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
    echo "$!" >>"$LINFSP_STATE/memfs.pids"
    wait_until 5 mounted_here /mnt/w fuse.winptfs
    equal "file" "$(cat /mnt/w/file)" below
    ln -s file /mnt/w/link
    equal "link" "$(readlink "$folder/link")" file
    echo 'a:b?' >'/mnt/w/a:b?'
    equal "name" "$(cat "$folder/a:b?")" 'a:b?'
    rm /mnt/w/*
    all_that_it_can "$(timeout 240 "$LINFSP_STATE/posix-check" --jobs=2 /mnt/w "${cannot[@]}" \
        "${ptfs_cannot[@]}" || true)"
}

@test "winfsp: the smallest file system in a container, as root and as an ordinary user" {
    container one busybox
    wait_until 5 inside one test -e /dev/linfsp/disk
    local user
    for user in 0 1000; do
        start_in -u "$user" one winhello Z:
        wait_mounted one /mnt/z fuse.winhello || return
        equal "hello of uid $user" "$(inside_as "$user" one cat /mnt/z/hello)" "hello from WinFsp's API" || return
        end_in one || return
    done
}

@test "winfsp: a program that was written for Windows, with its threads, locks and timers: what changes by itself is seen" {
    local program
    container one debian
    for program in tickfs tickfs-load; do
        start_in one "$program" Z:
        wait_mounted one /mnt/z fuse.tickfs
        script_in one '
            next=1 # the first that is not there yet, which the kernel remembers
            while [ -e /mnt/z/tick$next ]; do next=$((next + 1)); done
            [ $next -gt 9 ] || for _ in $(seq 100); do [ -e /mnt/z/tick$next ] || sleep 0.1; done
            [ $next -gt 9 ] || [ "$(cat /mnt/z/tick$next)" = "tick 0$next" ]
            ls /mnt/z | grep -qx tick1
            no touch /mnt/z/new'
        end_in one
    done
}

@test "winfsp: a folder that is passed through in a container, as root and as an ordinary user; memfs's own checks hold" {
    container one busybox
    wait_until 5 inside one test -e /dev/linfsp/disk
    docker cp "$LINFSP_STATE/posix-check" "$(full_name one):/posix-check" 2>/dev/null
    local user only
    for user in 0 1000; do
        only=("${cannot[@]}" "${ptfs_cannot[@]}")
        [ "$user" = 0 ] || only+=('!permission_denied' '!permission_sticky')
        inside_as "$user" one mkdir "/tmp/folder$user"
        start_in -u "$user" one winptfs "/tmp/folder$user" Z:
        wait_mounted one /mnt/z fuse.winptfs || return
        inside_as "$user" one /bin/sh -c 'echo new >/mnt/z/new && mv /mnt/z/new /mnt/z/moved' || return
        equal "what was written" "$(inside one cat "/tmp/folder$user/moved")" new || return
        equal "its owner" "$(inside one stat -c %u "/tmp/folder$user/moved")" "$user" || return
        all_that_it_can "$(timeout 240 docker exec -u "$user" "$(full_name one)" /posix-check --jobs=2 /mnt/z "${only[@]}" || true)" || return
        end_in one || return
    done
}

@test "winfsp: answers that come later, by other threads" {
    start_here -M 3
    head -c 300000 /dev/urandom >"$BATS_TEST_TMPDIR/data"
    cp "$BATS_TEST_TMPDIR/data" "$volume/data"
    cmp "$BATS_TEST_TMPDIR/data" "$volume/data"
    mkdir "$volume/d"
    local i jobs
    for i in 1 2 3 4 5 6 7 8; do
        dd if="$BATS_TEST_TMPDIR/data" of="$volume/d/$i" bs=32k status=none &
    done
    mapfile -t jobs < <(jobs -p | grep -v "^$winmemfs_pid$")
    wait "${jobs[@]}"
    equal "files" "$(ls "$volume/d" | wc -l)" 8
    cmp "$BATS_TEST_TMPDIR/data" "$volume/d/5"
}

@test "winfsp: named streams, extended attributes, attributes and descriptors are xattrs" {
    start_here
    python3 - "$volume/f" <<'PYTHON'
import os, struct, sys
path = sys.argv[1]
open(path, "w").write("main")
os.setxattr(path, "user.stream", b"in a stream")
os.setxattr(path, "user.Big", b"x" * 60000)
os.setxattr(path, "user.ea.name", b"value")
assert os.getxattr(path, "user.stream") == b"in a stream"
assert len(os.getxattr(path, "user.Big")) == 60000
assert os.getxattr(path, "user.ea.NAME") == b"value"
assert sorted(os.listxattr(path)) == ["user.Big", "user.ea.NAME", "user.stream"], os.listxattr(path)
assert open(path).read() == "main"
os.removexattr(path, "user.stream")
os.removexattr(path, "user.ea.name")
assert os.listxattr(path) == ["user.Big"]
for name in "user.stream", "user.ea.none":
    try:
        os.getxattr(path, name)
        raise SystemExit("found " + name)
    except OSError as error:
        assert error.errno == 61, error
try:
    os.setxattr(path, "user.Big", b"y", os.XATTR_CREATE)
    raise SystemExit("created again")
except FileExistsError:
    pass
attributes = struct.unpack("<I", os.getxattr(path, "system.ntfs_attrib"))[0]
assert attributes & 0x20, hex(attributes)
os.setxattr(path, "system.ntfs_attrib", struct.pack("<I", 0x3))  # READONLY and HIDDEN
assert os.stat(path).st_mode & 0o222 == 0
os.chmod(path, 0o644)
assert struct.unpack("<I", os.getxattr(path, "system.ntfs_attrib"))[0] & 1 == 0
descriptor = os.getxattr(path, "system.ntfs_acl")
os.chmod(path, 0o600)
assert os.stat(path).st_mode & 0o777 == 0o600
os.setxattr(path, "system.ntfs_acl", descriptor)
assert os.stat(path).st_mode & 0o777 == 0o644
try:
    os.setxattr(path, "system.ntfs_acl", descriptor[:-1])
    raise SystemExit("half a descriptor was taken")
except OSError as error:
    assert error.errno == 22, error
os.symlink("target", path + ".link")
assert os.getxattr(path + ".link", "system.ntfs_reparse_data", follow_symlinks=False)[:4] == struct.pack("<I", 0xA000000C)
os.setxattr(path, "system.ntfs_crtime", struct.pack("<Q", 116444736000000000 + 10**16))
assert struct.unpack("<Q", os.getxattr(path, "system.ntfs_crtime"))[0] == 116444736000000000 + 10**16
PYTHON
    chown 1000 "$volume/f"
    refused "Operation not permitted" -- setpriv --reuid 1001 --clear-groups /usr/bin/python3 -c \
        'import os, sys; os.setxattr(sys.argv[1], "system.ntfs_attrib", b"\2\0\0\0")' "$volume/f"
}

@test "winfsp: a directory with a reparse point that Linux has no word for is a directory" {
    start_here -F NTFS
    mkdir "$volume/d"
    python3 -c 'import os, struct, sys
os.setxattr(sys.argv[1], "system.ntfs_reparse_data", struct.pack("<IHH", 0x80000017, 4, 0) + b"abcd")' "$volume/d"
    [ -d "$volume/d" ]
    equal "its listing" "$(bounded ls "$volume/d")" ""
    equal "its data" "$(getfattr --only-values -n system.ntfs_reparse_data "$volume/d" | tail -c 4)" abcd
    rmdir "$volume/d"
}

@test "winfsp: a stream is opened by its name behind a colon, where that is asked for" {
    start_here
    echo colon >"$volume/a:b"
    equal "listing" "$(ls "$volume")" a:b
    kill "$winmemfs_pid"
    wait "$winmemfs_pid"
    LINFSP_STREAM_NAMES=1 start_here
    echo main >"$volume/f"
    echo stream >"$volume/f:s"
    equal "stream" "$(cat "$volume/f:s")" stream
    equal "main" "$(cat "$volume/f")" main
    equal "listing" "$(ls "$volume")" f
    equal "xattr" "$(python3 -c 'import os, sys; print(os.getxattr(sys.argv[1], "user.s").decode(), end="")' "$volume/f")" stream
    rm "$volume/f:s"
    refused "No such file" -- cat "$volume/f:s"
    refused "No such file" -- cat "$volume/none:s"
}

@test "winfsp: a file is deleted at once where the volume allows it, else at its last close" {
    start_here
    exec 8<>"$volume/f"
    echo open >&8
    rm "$volume/f"
    echo new >"$volume/f"
    equal "the new one" "$(cat "$volume/f")" new
    exec 8>&-
    equal "the new one still" "$(cat "$volume/f")" new
    kill "$winmemfs_pid"
    wait "$winmemfs_pid"
    start_here -L
    exec 8<>"$volume/f"
    rm "$volume/f"
    [ ! -e "$volume/f" ]
    equal "listing" "$(ls "$volume")" ""
    refused "busy" -- sh -c 'echo x >"$1"' sh "$volume/f"
    mkdir "$volume/d"
    echo x >"$volume/d/g"
    exec 9<"$volume/d/g"
    refused "busy" -- mv "$volume/d" "$volume/e"
    exec 9<&- 8>&-
    wait_until 2 mv "$volume/d" "$volume/e"
    wait_until 2 sh -c 'echo x >"$1"' sh "$volume/f"
}

@test "winfsp: READONLY forbids deleting and writing" {
    start_here
    echo x >"$volume/f"
    python3 -c 'import os, sys; os.setxattr(sys.argv[1], "system.ntfs_attrib", b"\1\0\0\0")' "$volume/f"
    refused "not permitted" -- rm -f "$volume/f"
    refused "denied" -- sh -c 'echo y >"$1"' sh "$volume/f"
    chmod u+w "$volume/f"
    rm "$volume/f"
}

@test "winfsp: what a descriptor says beyond mode bits is enforced" {
    # uid 1000 (S-1-5-1000) may not, everybody else may
    start_here -S 'O:BAG:BAD:P(D;;FW;;;S-1-5-1000)(A;;FA;;;WD)'
    refused "denied" -- setpriv --reuid 1000 --clear-groups touch "$volume/f"
    setpriv --reuid 1001 --clear-groups touch "$volume/f"
    equal "owner" "$(stat -c %u "$volume/f")" 1001
}

@test "winfsp: times after writing, and what is set by hand, stay" {
    start_here
    echo x >"$volume/f"
    local before
    before=$(stat -c %Y "$volume/f")
    [ "$before" -ge "$(($(date +%s) - 10))" ]
    touch -d 2001-01-01 "$volume/f"
    equal "mtime" "$(stat -c %Y "$volume/f")" "$(date -d 2001-01-01 +%s)"
    exec 8>>"$volume/f"
    echo y >&8
    touch -d 2002-02-02 "$volume/f"
    exec 8>&-
    sleep 0.2
    equal "mtime after close" "$(stat -c %Y "$volume/f")" "$(date -d 2002-02-02 +%s)"
}

@test "winfsp: the time of creation is known" {
    start_here
    echo x >"$volume/f"
    python3 -c 'import os, struct, sys; os.setxattr(sys.argv[1], "system.ntfs_crtime", struct.pack("<Q", 116444736000000000 + 10**16))' "$volume/f"
    equal "birth" "$(stat -c %W "$volume/f")" 1000000000
}

@test "winfsp: control codes are ioctls" {
    start_here
    echo x >"$volume/f"
    python3 - "$volume/f" <<'PYTHON'
import fcntl, sys
with open(sys.argv[1]) as file:
    data = bytearray(b"abcdefgh")
    fcntl.ioctl(file, 3 << 30 | 8 << 16 | 0 << 8 | 0, data)
    assert data == b"hgfedcba", data
    try:
        fcntl.ioctl(file, 3 << 30 | 8 << 16 | 1, data)
        raise SystemExit("unknown code was taken")
    except OSError as error:
        assert error.errno == 25, error
PYTHON
}

@test "winfsp: the volume's label is what the ioctls of Linux get and set, for its owner only" {
    start_here -i
    bounded python3 - "$volume" <<'PYTHON'
import fcntl, os, sys

GET, SET = 2 << 30 | 256 << 16 | 0x94 << 8 | 49, 1 << 30 | 256 << 16 | 0x94 << 8 | 50

def on(path, command, data):
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, command, data)
    finally:
        os.close(fd)

def get(path):
    data = bytearray(256)
    on(path, GET, data)
    return data.rstrip(b"\0").decode()

def put(path, label):
    on(path, SET, label.encode().ljust(256, b"\0"))

def error_of(call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        return error.errno

root = sys.argv[1]
first = get(root)
assert first, first
put(root, "Bär \U0001f43b")
assert get(root) == "Bär \U0001f43b", get(root)
with open(root + "/file", "w"):
    pass
assert get(root + "/file") == "Bär \U0001f43b"
put(root, "x" * 32)
assert get(root) == "x" * 32
assert error_of(put, root, "x" * 33) == 22
assert get(root) == "x" * 32
put(root, "")
assert get(root) == ""
os.chmod(root, 0o777)
os.setuid(1000)
assert error_of(put, root, "mine") == 1
assert get(root) == ""
PYTHON
}

# A file system that does one thing wrong, mounted when this returns: `lie WHAT`; `believed`: it ends well when it is told to.
lie() {
    "$LINFSP_STATE/winfsp/liar" "$1" W: >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
    winmemfs_pid=$!
    echo "$winmemfs_pid" >>"$LINFSP_STATE/memfs.pids"
    wait_until 5 mounted_here /mnt/w fuse.liar
}
ends_well() {
    kill "$winmemfs_pid" 2>/dev/null || true
    wait "$winmemfs_pid" || fail "$(cat "$BATS_TEST_TMPDIR/said")" || return
    wait_until 5 not mounted_here /mnt/w
}

@test "winfsp: a file system that lies gets an error, and nothing hangs" {
    lie nothing
    equal "file" "$(bounded cat /mnt/w/f)" hello
    equal "listing" "$(bounded ls /mnt/w)" f
    ends_well
    local about program
    for about in entry-short entry-past list-longer endless entry-long; do
        lie "$about"
        refused "error" -- ls /mnt/w || fail "$about" || return
        equal "$about, the file" "$(bounded cat /mnt/w/f)" hello || return
        ends_well || return
    done
    lie slash
    equal "a name with a slash" "$(bounded ls /mnt/w)" ""
    ends_well
    for about in read-longer answer-longer; do
        lie "$about"
        refused "error" -- cat /mnt/w/f || fail "$about" || return
        ends_well || return
    done
    for about in descriptor-garbage descriptor-grows descriptor-longer pending-open nothing-there; do
        lie "$about"
        refused "f" -- cat /mnt/w/f || fail "$about" || return
        ends_well || return
    done
    for about in name-garbage huge-size far-times; do
        lie "$about"
        bounded stat /mnt/w/f >/dev/null || true
        bounded cat /mnt/w/f >/dev/null 2>&1 || true
        ends_well || fail "$about" || return
    done
    for about in same-index changing-index type-flips attributes-all null-context file-vanishes; do
        lie "$about"
        for program in stat cat 'ls -lR'; do
            # shellcheck disable=SC2086
            bounded $program /mnt/w/f >/dev/null 2>&1 || [ $? -lt 124 ] || fail "$about, $program" || return
        done
        ends_well || fail "$about" || return
    done
    for about in 0 1 2 3 4 5; do
        lie "entry-named-$about"
        bounded ls -a /mnt/w >"$BATS_TEST_TMPDIR/listed" 2>/dev/null || [ $? -lt 124 ] || fail "entry-named-$about" || return
        not grep / "$BATS_TEST_TMPDIR/listed"
        equal "entry-named-$about, the file" "$(bounded cat /mnt/w/f)" hello || return
        ends_well || return
    done
    lie strange-status
    refused "error" -- mkdir /mnt/w/d
    ends_well
    lie answers
    equal "of several answers" "$(bounded cat /mnt/w/f)" hello
    ends_well
}

@test "winfsp: a file system that ends itself from within an operation ends, and nothing hangs" {
    local about
    for about in stop-inside remove-inside delete-inside; do
        lie "$about"
        bounded cat /mnt/w/f >/dev/null 2>&1 || [ $? -ne 124 ] || fail "$about hangs" || return
        bounded ls /mnt/w >/dev/null 2>&1 || [ $? -ne 124 ] || fail "$about hangs afterwards" || return
        ends_well || fail "$about" || return
    done
}

@test "winfsp: an operation that removes the mount point while the program stops the dispatcher" {
    lie remove-while-stopping
    bounded cat /mnt/w/f >"$BATS_TEST_TMPDIR/read" 2>&1 3>&- &
    local reader=$!
    wait_until 5 grep -q "it reads" "$BATS_TEST_TMPDIR/said"
    ends_well
    wait "$reader" || [ $? -ne 124 ] || fail "cat hangs"
}

@test "winfsp: extended attributes, streams, reparse points, control codes and writes that lie about their sizes" {
    local about
    build_control "$LINFSP_STATE/control"
    for about in ea-longer ea-huge ea-value ea-name ea-next ea-back ea-overflow; do
        lie "$about"
        refused "error" -- getfattr -n user.B /mnt/w/f || fail "$about" || return
        refused "error" -- getfattr -d /mnt/w/f || fail "$about" || return
        ends_well || return
    done
    lie ea-cut
    refused "No such attribute" -- getfattr -n user.B /mnt/w/f
    ends_well
    lie ea-true
    has "$(bounded getfattr --absolute-names -d /mnt/w/f)" 'user.A="a"' 'user.B="b"'
    ends_well
    for about in stream-longer stream-huge stream-short stream-past stream-cut; do
        lie "$about"
        refused "error" -- getfattr -d /mnt/w/f || fail "$about" || return
        ends_well || return
    done
    lie stream-true
    has "$(bounded getfattr -m - /mnt/w/f)" user.s
    ends_well
    for about in reparse-longer reparse-huge reparse-cut reparse-offset reparse-length reparse-tag; do
        lie "$about"
        equal "$about, a target" "$(bounded readlink /mnt/w/f || true)" "" || return
        equal "$about, the rest" "$(bounded ls /mnt/w)" f || return
        ends_well || return
    done
    lie reparse-true
    equal "a target" "$(bounded readlink /mnt/w/f)" x
    ends_well
    for about in control-longer control-huge; do
        lie "$about"
        refused "error" -- "$LINFSP_STATE/control" /mnt/w/f || fail "$about" || return
        ends_well || return
    done
    lie control-true
    equal "the answer" "$(bounded "$LINFSP_STATE/control" /mnt/w/f)" cccccccc
    ends_well
    for about in write-longer write-huge write-none; do
        lie "$about"
        refused "error" -- dd if=/dev/zero of=/mnt/w/f bs=5 count=1 conv=notrunc || fail "$about" || return
        ends_well || return
    done
    lie write-true
    bounded dd if=/dev/zero of=/mnt/w/f bs=5 count=1 conv=notrunc status=none
    ends_well
}

@test "winfsp: a request that is never answered ends with the volume, and a crash takes the mount along" {
    lie never
    cat /mnt/w/f >/dev/null 2>&1 &
    local reader=$!
    sleep 0.3
    kill "$winmemfs_pid"
    wait "$winmemfs_pid" || true
    wait_until 5 gone "$reader"
    wait_until 5 not mounted_here /mnt/w
    lie crash
    refused "" -- cat /mnt/w/f
    wait_until 10 not mounted_here /mnt/w
}

@test "winfsp: the debug log has a line for each request and response" {
    start_here -d -1
    echo x >"$volume/file"
    kill "$winmemfs_pid"
    wait "$winmemfs_pid"
    has "$(cat "$said")" '>>Create "\file"' '<<Create IoStatus=0[2]' '>>Write' 'Length=2' '>>Cleanup' 'SetLastWriteTime' '>>Close'
}
