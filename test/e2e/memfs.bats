#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# memfs is a whole file system: posix-check says so, in every mode and from every side; and its options do what they say.
load ../helpers/common

setup_file() {
    file_setup || return
    # -w: linking statically warns of functions that are not used there
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -w -static -pthread -o "$LINFSP_STATE/posix-check" "$LINFSP_ROOT"/test/helpers/posix-check/*.c || return
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -w -static -o "$LINFSP_STATE/twins" "$LINFSP_ROOT"/test/helpers/twins/*.c
}
teardown_file() { file_teardown; }
teardown() {
    [ ! -s "$BATS_TEST_TMPDIR/uring" ] || cat "$BATS_TEST_TMPDIR/uring" >"$uring_switch"
    end_host_memfs
    ! mountpoint -q "$BATS_TEST_TMPDIR/tmpfs" || umount "$BATS_TEST_TMPDIR/tmpfs"
    remove_containers
}

# No check may fail, and none be skipped but those named: `all_hold OUTPUT [CHECK...]`
all_hold() {
    local output=$1 skipped
    shift
    grep -q '^1\.\.[0-9]' <<<"$output" || fail "posix-check did not run: $output" || return
    if grep -A 1 '^not ok' <<<"$output"; then
        return 1
    fi
    skipped=$(sed -nE 's/^ok [0-9]+ - ([a-z_0-9]+) # SKIP.*/\1/p' <<<"$output" | sort | tr '\n' ' ')
    equal "checks skipped" "$skipped" "$([ $# -eq 0 ] || printf '%s\n' "$@" | sort | tr '\n' ' ')"
}

# How many links there may be at most is asked once: it takes its time, and is the same everywhere.
again='!link_too_many'

# In a container: `check_inside [-u USER] NAME [OPTION...] DIRECTORY`
check_inside() {
    local user=() name
    if [ "$1" = -u ]; then
        user=(-u "$2")
        shift 2
    fi
    name=$(full_name "$1")
    docker cp -q "$LINFSP_STATE/posix-check" "$name:/posix-check" 2>/dev/null || docker cp "$LINFSP_STATE/posix-check" "$name:/posix-check" || return
    timeout 240 docker exec "${user[@]}" "$name" /posix-check --jobs=4 "${@:2}" || true
}

@test "memfs: everything holds on a disk in a container, for its root" {
    container one busybox
    start_memfs one -n -1 -s -1 -m Z:
    wait_mounted one /mnt/z fuse.WinFsp-MEMFS
    all_hold "$(check_inside one /mnt/z)" volume_full volume_full_of_nodes xattr_trusted
}

@test "memfs: everything holds for an ordinary user, and with each name and attribute asked for each time" {
    container one busybox
    start_memfs -u 1000 one -n -1 -s -1 -t 0 -m Z:
    wait_mounted one /mnt/z fuse.WinFsp-MEMFS
    all_hold "$(check_inside -u 1000 one /mnt/z "$again")" volume_full volume_full_of_nodes xattr_trusted acl_grants \
        permission_denied permission_owner permission_setuid_is_cleared permission_root_keeps_setuid permission_setgid_directory \
        permission_setgid_of_foreign_group permission_sticky special_device xattr_capability_is_cleared
}

@test "memfs: everything holds on a share, from the host through /unc and from another container, at the same time" {
    container one busybox
    container two busybox
    start_memfs one -n -1 -s -1 -u '\memfs\whole'
    wait_until 5 mounted_here /unc/memfs/whole fuse.WinFsp-MEMFS
    inside two mkdir /dev/linfsp/unc/memfs/whole/two
    mkdir /unc/memfs/whole/host
    # programs are not executed from a share, and how full it is the other one changes, too
    local mine without=("$again" '!file_execute' '!volume_statfs' '!volume_holes_take_nothing')
    check_inside two /dev/linfsp/unc/memfs/whole/two "${without[@]}" >"$BATS_TEST_TMPDIR/two" &
    mine=$("$LINFSP_STATE/posix-check" --jobs=4 /unc/memfs/whole/host "${without[@]}" || true)
    wait
    all_hold "$mine" volume_full volume_full_of_nodes
    all_hold "$(cat "$BATS_TEST_TMPDIR/two")" volume_full volume_full_of_nodes xattr_trusted
}

@test "memfs -i: everything holds, and names are one whatever their case" {
    container one busybox
    start_memfs one -i -F NTFS -n -1 -s -1 -m Z:
    wait_mounted one /mnt/z fuse.NTFS
    all_hold "$(check_inside one --ignore-case /mnt/z "$again")" volume_full volume_full_of_nodes xattr_trusted
}

# What it says when it is full: `full_and_empty NAME`. One after the other: they share the little room there is.
full_and_empty() {
    all_hold "$(check_inside "$1" --jobs=1 /mnt/z volume_full volume_full_of_nodes volume_statfs volume_holes_take_nothing \
        file_o_append rename_files directory_threads)" || return
    script_in "$1" '
        no dd if=/dev/zero of=/mnt/z/large bs=64k count=17 2>/tmp/why
        grep "No space left on device" /tmp/why
        [ "$(stat -c %s /mnt/z/large)" = 1048576 ]'
}

@test "memfs: a full volume says ENOSPC, stays consistent, and has room again afterwards" {
    container one busybox
    start_memfs one -n 64 -s 1M -m Z:
    wait_mounted one /mnt/z fuse.WinFsp-MEMFS
    equal "size of the volume, in KiB" "$(inside one df -k /mnt/z | awk 'END {print $2}')" 65536
    full_and_empty one
}

@test "memfs --pass-through: everything holds, from the first byte on and from a size on, for root and for an ordinary user" {
    container one busybox
    start_memfs one -n -1 -s -1 --pass-through=0 -m Z:
    start_memfs -u 1000 one -n -1 -s -1 --pass-through -m Y:
    wait_mounted one /mnt/z
    wait_mounted one /mnt/y
    check_inside -u 1000 one /mnt/y "$again" >"$BATS_TEST_TMPDIR/user" &
    all_hold "$(check_inside one /mnt/z "$again")" volume_full volume_full_of_nodes xattr_trusted
    wait
    all_hold "$(cat "$BATS_TEST_TMPDIR/user")" volume_full volume_full_of_nodes xattr_trusted acl_grants permission_denied permission_owner \
        permission_setuid_is_cleared permission_root_keeps_setuid permission_setgid_directory permission_setgid_of_foreign_group \
        permission_sticky special_device xattr_capability_is_cleared
}

@test "memfs --pass-through: what files and the volume may hold is held with -s, too" {
    container one busybox
    start_memfs one -n 64 -s 1M --pass-through=0 -m Z:
    wait_mounted one /mnt/z
    full_and_empty one
}

requests() { # LOG: reads and writes that memfs was asked for
    grep -acE '^[0-9]+ (READ|WRITE) inode' "$1" || true
}

@test "memfs --pass-through: large files are read, written and mapped without memfs, and it knows" {
    local log=$BATS_TEST_TMPDIR/log volume=$BATS_TEST_TMPDIR/volume ours=$BATS_TEST_TMPDIR/ours asked
    start_memfs_here -d -1 -D "$log" -n -1 -s -1 --pass-through -m "$volume"
    wait_until 5 mounted_here "$volume"
    head -c 5M /dev/urandom >"$ours"
    head -c 4M "$ours" >"$volume/large"
    echo small >"$volume/small"
    touch -d 2001-01-01 "$volume/large"
    asked=$(requests "$log")
    [ "$asked" -ge 5 ]
    cmp -n 4M "$ours" "$volume/large"
    equal "mtime after reading" "$(stat -c %Y "$volume/large")" "$(date -d 2001-01-01 +%s)"
    dd if="$ours" of="$volume/large" bs=4k skip=1000 seek=1000 conv=notrunc status=none
    equal "size" "$(stat -c %s "$volume/large")" 5242880
    equal "blocks" "$(stat -c %b "$volume/large")" 10240
    [ "$(stat -c %Y "$volume/large")" -gt "$(($(date +%s) - 60))" ]
    [ "$(stat -c %Z "$volume/large")" -ge "$(stat -c %Y "$volume/large")" ]
    cmp "$ours" "$volume/large"
    python3 -c 'import mmap, sys
with open(sys.argv[1], "r+b") as file, mmap.mmap(file.fileno(), 0) as map: map[4096:4100] = b"mmap"' "$volume/large"
    equal "what was mapped" "$(dd if="$volume/large" bs=4 skip=1024 count=1 status=none)" mmap
    ! grep -q "this kernel cannot" "$memfs_output" || skip "this kernel has no pass-through: Linux 6.9"
    equal "reads and writes that memfs was asked for" "$(requests "$log")" "$asked"
    equal "what is small" "$(cat "$volume/small")" small
    truncate -s 3 "$volume/large"
    equal "what is left" "$(cat "$volume/large")" "$(head -c 3 "$ours")"
    end_host_memfs
}

@test "memfs --pass-through: a share's files are the same at once on all sides" {
    container one busybox
    container two busybox
    start_memfs one -n -1 -s -1 --pass-through=0 -u '\memfs\passed'
    wait_until 5 mounted_here /unc/memfs/passed
    local there=/dev/linfsp/unc/memfs/passed
    script_in one "dd if=/dev/zero of=$there/f bs=64k count=16; sleep 60 <$there/f >/dev/null 2>&1 &"
    equal "size, on the host" "$(stat -c %s /unc/memfs/passed/f)" 1048576
    echo host >>/unc/memfs/passed/f
    equal "size, in another container" "$(inside two stat -c %s "$there/f")" 1048581
    equal "its end there" "$(inside two tail -c 5 "$there/f")" host
    script_in two "echo two | dd of=$there/f conv=notrunc bs=4 count=1"
    equal "its start, on the host" "$(head -c 4 /unc/memfs/passed/f)" two
    inside two truncate -s 4 "$there/f"
    equal "all of it, in the first" "$(inside one cat "$there/f")" two
}

@test "memfs over io_uring: everything holds, passed through or not" {
    local volume=$BATS_TEST_TMPDIR/volume checking
    allow_uring || skip "this kernel has no FUSE over io_uring: Linux 6.14"
    LINFSP_TRANSPORT=io_uring start_memfs_here -n -1 -s -1 -m "$volume.plain"
    LINFSP_TRANSPORT=io_uring start_memfs_here -n -1 -s -1 --pass-through=0 -m "$volume.passed"
    wait_until 5 mounted_here "$volume.plain"
    wait_until 5 mounted_here "$volume.passed"
    equal "volumes that go by it" "$("$LINFSP_STAGE/bin/linfsp" volumes | grep -c io_uring)" 2
    "$LINFSP_STATE/posix-check" --jobs=4 "$volume.plain" "$again" >"$volume.checked" &
    checking=$!
    all_hold "$("$LINFSP_STATE/posix-check" --jobs=4 "$volume.passed" "$again" || true)" volume_full volume_full_of_nodes
    wait "$checking" || true
    all_hold "$(cat "$volume.checked")" volume_full volume_full_of_nodes
}

uring_switch=/sys/module/fuse/parameters/enable_uring

# Until the test's end.
allow_uring() {
    cat "$uring_switch" >"$BATS_TEST_TMPDIR/uring" 2>/dev/null && echo Y >"$uring_switch"
}

@test "memfs: without -n and -s only memory is a limit; df says so" {
    container one busybox
    start_memfs one -m Z:
    wait_mounted one /mnt/z fuse.WinFsp-MEMFS
    script_in one '
        dd if=/dev/zero of=/mnt/z/large bs=1M count=40 2>/dev/null
        mkdir /mnt/z/many
        i=0
        while [ "$i" -lt 1500 ]; do : >/mnt/z/many/$i; i=$((i + 1)); done'
    equal "a file of 40 MiB" "$(inside one stat -c %s /mnt/z/large)" 41943040
    half=$(awk '/^MemTotal/ {print int($2 / 2)}' /proc/meminfo)
    shown=$(inside one df -k /mnt/z | awk 'END {print $2}')
    [ "$shown" -le "$((half + 1024))" ] || fail "df shows $shown KiB, and half of the memory is $half"
}

@test "memfs: WinFsp's limits, 1024 nodes of 16 MiB, where only one of the two is given" {
    container one busybox
    start_memfs one -n 1024 -m Z:
    wait_mounted one /mnt/z fuse.WinFsp-MEMFS
    equal "nodes" "$(inside one df -i /mnt/z | awk 'END {print $2, $3}')" "1024 1"
    equal "size, in KiB" "$(inside one df -k /mnt/z | awk 'END {print $2}')" 16777216
    script_in one '
        no dd if=/dev/zero of=/mnt/z/large bs=1M count=17 2>/tmp/why
        grep "No space left on device" /tmp/why
        rm /mnt/z/large
        i=1
        while touch /mnt/z/$i 2>/tmp/why; do i=$((i + 1)); done
        [ "$i" = 1024 ]
        grep "No space left on device" /tmp/why'
    has "$(inside one /dev/linfsp/bin/memfs --help)" "1024" "16M" "ENOSPC" "-1"
}

@test "memfs: memory is given back when files go" {
    container one busybox
    start_memfs one -n -1 -s -1 -m Z:
    wait_mounted one /mnt/z fuse.WinFsp-MEMFS
    local pid
    pid=$(pids_in one memfs)
    inside one dd if=/dev/zero of=/mnt/z/large bs=1M count=300
    [ "$(resident "$pid")" -gt 300000 ]
    inside one rm /mnt/z/large
    wait_until 10 is_small "$pid"
    script_in one 'mkdir /mnt/z/many; cd /mnt/z/many; i=0; while [ $i -lt 20000 ]; do : >$i; i=$((i + 1)); done; cd /; rm -r /mnt/z/many'
    wait_until 10 is_small "$pid"
}

resident() { awk '$1 == "VmRSS:" {print $2}' "/proc/$1/status"; }
is_small() { [ "$(resident "$1")" -lt 60000 ]; }

@test "memfs -S: owner and mode of the root, or a clear refusal" {
    container one busybox
    start_memfs one -m Z: -S 'O:S-1-22-1-1000G:S-1-22-2-100D:P(A;;FA;;;OW)(A;;FRFX;;;WD)'
    wait_mounted one /mnt/z
    equal "owner, group and mode" "$(inside one stat -c '%u %g %a' /mnt/z)" "1000 100 755"
    memfs_refused one -S AU -- -m Y: -S 'D:(A;;FA;;;AU)'
}

@test "memfs -M -P -R: slow, and nothing is lost" {
    container one busybox
    start_memfs one -n -1 -s -1 -m Z: -M 30 -P 50 -R 1
    wait_mounted one /mnt/z
    all_hold "$(check_inside one /mnt/z file_write_and_read file_o_append file_truncate file_shared_mmap directory_entries range_copy)"
    timed inside one dd if=/dev/zero of=/mnt/z/f bs=4k count=100 conv=fsync
    [ "$elapsed" -gt 300 ]
}

@test "memfs -f: what was read is not kept once the file is closed" {
    start_memfs_here -d -1 -D "$BATS_TEST_TMPDIR/kept" -m "$BATS_TEST_TMPDIR/a"
    start_memfs_here -d -1 -D "$BATS_TEST_TMPDIR/dropped" -f -m "$BATS_TEST_TMPDIR/b"
    wait_until 5 mounted_here "$BATS_TEST_TMPDIR/a"
    wait_until 5 mounted_here "$BATS_TEST_TMPDIR/b"
    for directory in a b; do
        dd if=/dev/zero of="$BATS_TEST_TMPDIR/$directory/f" bs=64k count=1 status=none
        for times in 1 2 3; do
            cat "$BATS_TEST_TMPDIR/$directory/f" >/dev/null
        done
    done
    equal "reads of what is kept" "$(grep -cE '^[0-9]+ READ inode' "$BATS_TEST_TMPDIR/kept")" 0
    [ "$(grep -cE '^[0-9]+ READ inode' "$BATS_TEST_TMPDIR/dropped")" -ge 3 ]
    end_host_memfs
    wait_until 5 not mounted_here "$BATS_TEST_TMPDIR/b"
}

# The same random steps there and on tmpfs; then many processes at once: `like_tmpfs SEED OPTION-OF-TWINS... -- VOLUME`
like_tmpfs() {
    local seed=$1 options=()
    shift
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    mkdir -p "$BATS_TEST_TMPDIR/tmpfs"
    mountpoint -q "$BATS_TEST_TMPDIR/tmpfs" || mount -t tmpfs -o mode=777,nosuid,nodev none "$BATS_TEST_TMPDIR/tmpfs" || return
    rm -rf "$BATS_TEST_TMPDIR"/tmpfs/*
    timeout 100 "$LINFSP_STATE/twins" compare "${options[@]}" --seed="$seed" --steps="${LINFSP_STEPS:-1500}" "$BATS_TEST_TMPDIR/tmpfs" "$2"
}

storm() { # SEED OPTION-OF-TWINS... VOLUME
    timeout 200 "$LINFSP_STATE/twins" storm --seed="$1" --steps="${LINFSP_STEPS:-1500}" "${@:2}"
}

@test "memfs: what random steps do is what they do on tmpfs, and many at once leave nothing that does not fit" {
    local here=$BATS_TEST_TMPDIR seed=${LINFSP_SEED:-1}
    start_memfs_here -n -1 -s -1 -m "$here/plain"
    start_memfs_here -n -1 -s -1 -t 0 -m "$here/asked"
    start_memfs_here -n -1 -s -1 --pass-through=0 -m "$here/passed"
    start_memfs_here -n 250 -s 16K -m "$here/tiny"
    wait_until 5 mounted_here "$here/tiny"
    for seed in "$seed" "$((seed + 1))"; do
        like_tmpfs "$seed" --cached -- "$here/plain"
        like_tmpfs "$seed" -- "$here/asked"
        like_tmpfs "$seed" --cached --kills-privileges -- "$here/passed"
        storm "$seed" "$here/plain"
        storm "$seed" "$here/passed"
        storm "$seed" "$here/tiny"
    done
}

@test "memfs -i: what random steps do is what they do on tmpfs, in whatever case they spell names" {
    local here=$BATS_TEST_TMPDIR seed=${LINFSP_SEED:-1}
    start_memfs_here -i -n -1 -s -1 -m "$here/ignoring"
    wait_until 5 mounted_here "$here/ignoring"
    like_tmpfs "$seed" --cached --ignore-case -- "$here/ignoring"
    storm "$seed" --ignore-case "$here/ignoring"
}

@test "memfs -i: no spelling that a file was known by keeps it, once it is removed" {
    local volume=$BATS_TEST_TMPDIR/ignoring
    start_memfs_here -i -n -1 -s -1 -m "$volume"
    wait_until 5 mounted_here "$volume"
    mkdir "$volume/folder" "$volume/other"
    head -c 1M /dev/urandom >"$volume/file"
    python3 - "$volume" <<'END'
import ctypes, os, sys
os.chdir(sys.argv[1])
exchange = 2
assert ctypes.CDLL(None).renameat2(-100, b"FOLDER", -100, b"file", exchange) == 0 # the file is now known as FOLDER
os.link("folder", "other/folder")
os.stat("Folder"), os.stat("other/Folder") # one spelling in two directories
os.unlink("folder"), os.unlink("other/folder")
END
    wait_until 5 usage_is "$volume" 2
}

usage_is() { # VOLUME NODES, with its root
    local free
    free=$(stat -f -c %d "$1")
    [ "$(($(stat -f -c %c "$1") - free))" -eq "$(($2 + 1))" ]
}

@test "memfs: file handles are good for as long as the file is there, on a disk and on a share, with and without -i" {
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -w -static -o "$LINFSP_STATE/handles" "$LINFSP_ROOT/test/helpers/handles.c"
    start_memfs_here -m "$BATS_TEST_TMPDIR/disk"
    wait_until 5 mounted_here "$BATS_TEST_TMPDIR/disk"
    "$LINFSP_STATE/handles" "$BATS_TEST_TMPDIR/disk"
    container one busybox
    start_memfs one -i -u '\memfs\handles'
    wait_until 5 mounted_here /unc/memfs/handles
    "$LINFSP_STATE/handles" /unc/memfs/handles
    start_memfs one -n -1 -s -1 --pass-through=0 -u '\memfs\passed'
    wait_until 5 mounted_here /unc/memfs/passed
    "$LINFSP_STATE/handles" /unc/memfs/passed
}
