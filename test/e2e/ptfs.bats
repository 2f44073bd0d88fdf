#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# ptfs shows a folder as it is: what is allowed, refused and changed there is so in the volume.
load ../helpers/common

setup_file() {
    file_setup || return
    for program in privileges supplementary; do
        gcc -std=gnu11 -D_GNU_SOURCE -O2 -w -static -o "$LINFSP_STATE/$program" "$LINFSP_ROOT/test/helpers/$program.c" || return
    done
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -w -static -pthread -o "$LINFSP_STATE/posix-check" "$LINFSP_ROOT"/test/helpers/posix-check/*.c
}
teardown_file() { file_teardown; }
setup() {
    here=$BATS_TEST_TMPDIR
    mkdir -p "$here/tmpfs" "$here/ext4"
    chmod 755 "$here"
    mount -t tmpfs -o mode=777 none "$here/tmpfs"
}
teardown() {
    end_host_memfs
    ! mountpoint -q "$here/ext4" || umount "$here/ext4"
    umount "$here/tmpfs"
    remove_containers
}

with_ext4() {
    type mkfs.ext4 >/dev/null 2>&1 || missing "mkfs.ext4" || return
    truncate -s 64M "$here/image"
    mkfs.ext4 -q "$here/image"
    mount -o loop "$here/image" "$here/ext4" || missing "a loop device" || return
    chmod 777 "$here/ext4"
}

# A file system on the host, mounted when this returns: `serve NAME PROGRAM OPTION...`
serve() {
    mkdir -p "$here/$1"
    "$LINFSP_STAGE/bin/$2" "${@:3}" -m "$here/$1" >"$here/$1.log" 2>&1 3>&- &
    echo "$!" >>"$LINFSP_STATE/memfs.pids"
    wait_until 5 mounted_here "$here/$1"
}

# A stranger's chown(2) with -1 for both ids cannot be told from a write (fs/common/privileges.h): its refusal, and the new ctime of what
# is allowed, are not known to memfs. The kernel removes capabilities ahead of that by itself. Nor can root's, for a file that has
# capabilities.
known() {
    sed -E '/^f?chown -1 -1; root; 6777 capable/d; /^f?chown -1 -1; (member|stranger).*(capable|2666):/d
        /^f?chown -1 -1; (member|stranger)/s/: Operation not permitted/: Success/'
}

# Runs a program that writes lines in each folder, all at once, and compares what it says with what it says of the first:
# `all_alike PROGRAM FOLDER...`
all_alike() {
    local program=$1 pids=() folder
    shift
    for folder; do
        "$LINFSP_STATE/$program" "$here/$folder" >"$here/said.${folder//\//-}" 2>&1 &
        pids+=("$!")
    done
    wait "${pids[@]}"
    for folder; do
        [ "$(grep -c ': Success' "$here/said.${folder//\//-}")" -gt 100 ] || fail "$folder" "$(cat "$here/said.${folder//\//-}")" || return
        diff <(known <"$here/said.${1//\//-}") <(known <"$here/said.${folder//\//-}") >"$here/differs" ||
            fail "$folder is not like $1:" "$(cat "$here/differs")" || return
    done
}

@test "ptfs, memfs: set-user-ID, set-group-ID and capabilities go when they go on tmpfs, and that is seen at once" {
    mkdir -m 777 "$here/tmpfs/real" "$here/tmpfs/back" "$here/tmpfs/back0"
    serve memfs memfs -n -1 -s -1
    serve memfs-0 memfs -n -1 -s -1 -t 0
    serve memfs-ever memfs -n -1 -s -1 -t -1
    serve memfs-passed memfs -n -1 -s -1 --pass-through=0 -t -1
    serve ptfs ptfs -p "$here/tmpfs/back" -t -1
    all_alike privileges tmpfs/real memfs memfs-0 memfs-ever memfs-passed ptfs
}

@test "ptfs: set-user-ID, set-group-ID and capabilities go when they go on ext4" {
    with_ext4
    mkdir -m 777 "$here/ext4/real" "$here/ext4/back" "$here/ext4/back0"
    serve ptfs ptfs -p "$here/ext4/back"
    serve ptfs-0 ptfs -p "$here/ext4/back0" -t 0
    all_alike privileges ext4/real ptfs ptfs-0
}

@test "ptfs: it is the same without pass-through, and with pass-through of each file" {
    mkdir -m 777 "$here/tmpfs/real" "$here/tmpfs/back" "$here/tmpfs/back0"
    serve ptfs ptfs --no-pass-through -p "$here/tmpfs/back" -t -1
    serve ptfs-passed ptfs --pass-through=0 -p "$here/tmpfs/back0" -t -1
    all_alike privileges tmpfs/real ptfs ptfs-passed
}

@test "ptfs: a stranger may not take set-user-ID from another's program" {
    cp /bin/true "$here/tmpfs/program"
    chmod 4755 "$here/tmpfs/program"
    serve ptfs ptfs -p "$here/tmpfs"
    serve memfs memfs -n -1 -s -1
    cp /bin/true "$here/memfs/program"
    chmod 4755 "$here/memfs/program"
    cd "$here/ptfs"
    refused "Operation not permitted" -- setpriv --reuid=1234 --regid=1234 --clear-groups \
        /usr/bin/python3 -c 'import os; os.chown("program", -1, -1)'
    # memfs is not told who has a file open: it does nothing either, but does not say so
    cd "$here/memfs"
    setpriv --reuid=1234 --regid=1234 --clear-groups /usr/bin/python3 -c 'import os; os.chown("program", -1, -1)' || true
    cd /
    for folder in ptfs memfs; do
        equal "mode in $folder" "$(stat -c %a "$here/$folder/program")" 4755
    done
}

@test "ptfs: the folder's ACLs, default ACLs, further groups and trusted attributes of links hold in the volume" {
    with_ext4
    mkdir -m 777 "$here"/tmpfs/{real,back,back0} "$here"/ext4/{real,back}
    serve ptfs ptfs -p "$here/tmpfs/back"
    serve ptfs-0 ptfs -p "$here/tmpfs/back0" -t 0
    serve ptfs-e ptfs -p "$here/ext4/back" --no-pass-through
    serve memfs memfs -n -1 -s -1
    all_alike supplementary tmpfs/real ptfs ptfs-0 memfs ext4/real ptfs-e
}

@test "ptfs: everything that posix-check knows holds, on the host and in a container" {
    # tmpfs has no FALLOC_FL_ZERO_RANGE
    without=('!link_too_many' '!range_zero')
    mkdir -m 777 "$here/tmpfs/back"
    serve ptfs ptfs -p "$here/tmpfs/back"
    output=$("$LINFSP_STATE/posix-check" --jobs=4 "$here/ptfs" "${without[@]}" || true)
    [[ $output =~ 1\.\.[0-9]+ ]] || fail "posix-check did not run: $output"
    not grep -A 1 '^not ok' <<<"$output"
    container one busybox --tmpfs /folder
    docker exec -d "$(full_name one)" "$silo_bin/ptfs" -p /folder -m Z:
    wait_mounted one /mnt/z
    docker cp -q "$LINFSP_STATE/posix-check" "$(full_name one):/posix-check"
    output=$(timeout 240 docker exec "$(full_name one)" /posix-check --jobs=4 /mnt/z "${without[@]}" || true)
    [[ $output =~ 1\.\.[0-9]+ ]] || fail "posix-check did not run: $output"
    not grep -A 1 '^not ok' <<<"$output"
}

# A container in which ptfs may have 200 descriptors, and a folder of 3,000 files in 60 folders there.
big_tree() {
    container big busybox --ulimit nofile=200:200 --tmpfs /folder
    script_in big 'for d in $(seq 60); do mkdir -p /folder/$((d % 6))/$d; for f in $(seq 50); do echo $d-$f >/folder/$((d % 6))/$d/$f; done; done'
    docker exec -d "$(full_name big)" "$silo_bin/ptfs" -p /folder -m Z: "$@"
    wait_mounted big /mnt/z
}

@test "ptfs: a tree of more files than there are descriptors is listed, read, changed and removed" {
    big_tree -t -1
    for _ in 1 2; do
        equal "files" "$(inside big /bin/sh -c 'find /mnt/z -type f | wc -l')" 3000
        equal "contents" "$(BOUND=60 inside big /bin/sh -c 'find /mnt/z -type f -exec cat {} + | sort -u | wc -l')" 3000
    done
    script_in big 'cd /mnt/z; ls -lR . >/dev/null; test "$(cat 5/5/7)" = 5-7
        mv 5/5 4/moved; find . >/dev/null; test "$(cat 4/moved/7)" = 5-7; test "$(cat /folder/4/moved/50)" = 5-50
        ln 1/1/1 2/link; find . >/dev/null; rm 1/1/1; find . >/dev/null; test "$(cat 2/link)" = 1-1
        chmod 600 3/3/*; chown 1000 3/3/*; touch 3/3/*; find . >/dev/null; test "$(stat -c %a%u /folder/3/3/9)" = 6001000'
    # while files are open, and by several at once
    BOUND=60 script_in big 'cd /mnt/z; exec 3<4/4/1 4<4/4/2 5<4/4/3 6>>4/4/4; rm 4/4/1; mv 4/4/2 4/4/1
        for i in 1 2 3 4; do find . -type f -exec cat {} + >/dev/null & done; wait
        test "$(cat <&3)" = 4-1; test "$(cat <&4)" = 4-2; echo more >&6; test "$(tail -n 1 /folder/4/4/4)" = more'
    # a folder that somebody is in is removed
    script_in big 'mkdir /mnt/z/cwd; cd /mnt/z/cwd; find /mnt/z >/dev/null; rmdir ../cwd; find /mnt/z >/dev/null; no ls nothing; stat . >/dev/null'
    BOUND=60 script_in big 'rm -rf /mnt/z/*; test -z "$(ls -A /folder)"; for f in $(seq 400); do echo $f >/mnt/z/$f; done; test "$(cat /folder/*| wc -l)" = 400'
}

@test "ptfs: with few descriptors what is moved and replaced behind its back is found again" {
    big_tree -t 0
    script_in big 'find /mnt/z >/dev/null; mv /folder/0/6 /folder/moved; mkdir /folder/0/6; echo new >/folder/0/6/1
        test "$(cat /mnt/z/0/6/1)" = new; test "$(cat /mnt/z/moved/1)" = 6-1; find /mnt/z >/dev/null
        rm -r /folder/moved; echo file >/folder/moved; test "$(cat /mnt/z/moved)" = file; no cat /mnt/z/moved/1'
}

# Which files the kernel reads and writes by itself is seen by whether ptfs is asked to (-d).
asked() { # NAME OF A REQUEST: how often, since the last time
    local seen=$here/seen.$1 count
    sync "$here/ptfs"
    count=$(grep -cE "^[0-9]+ $1 inode" "$here/ptfs.log" || true)
    echo $((count - $(cat "$seen" 2>/dev/null || echo 0)))
    echo "$count" >"$seen"
}

@test "ptfs: the kernel reads and writes large files by itself, small ones come through ptfs" {
    mkdir "$here/tmpfs/back"
    head -c 2M /dev/urandom >"$here/tmpfs/back/medium"
    head -c 33M /dev/urandom >"$here/tmpfs/back/large"
    echo small >"$here/tmpfs/back/small"
    serve ptfs ptfs -d -p "$here/tmpfs/back"
    ! grep -q "FUSE pass-through" "$here/ptfs.log" || missing "FUSE pass-through (Linux 6.9)"
    cd "$here/ptfs"
    asked READ >/dev/null
    cmp large "$here/tmpfs/back/large"
    equal "reads of a large file" "$(asked READ)" 0
    cmp medium "$here/tmpfs/back/medium"
    [ "$(asked READ)" -gt 0 ] || fail "a file of 2 MiB that is only read is not read through ptfs"
    cmp medium "$here/tmpfs/back/medium"
    equal "reads of what was read before" "$(asked READ)" 0
    printf x 1<>medium
    equal "writes to a file of 2 MiB that is changed in place" "$(asked WRITE)" 0
    equal "what was written" "$(head -c 1 "$here/tmpfs/back/medium")" x
    cmp medium "$here/tmpfs/back/medium"
    printf y 1<>small
    [ "$(asked WRITE)" -gt 0 ] || fail "a small file is not written through ptfs"
    equal "no question when a file is closed" "$(asked FLUSH)" 0
    cd /
}

@test "ptfs: --pass-through=SIZE and what is no size" {
    serve ptfs ptfs -d --pass-through=0 -p "$here/tmpfs"
    echo small >"$here/tmpfs/small"
    cat "$here/ptfs/small"
    equal "reads of a small file" "$(asked READ)" 0
    for size in "" x 1X -1 1MM 99999999999999999999; do
        refused "size" -- "$LINFSP_STAGE/bin/ptfs" "--pass-through=$size" -p / -m Z:
    done
}

@test "ptfs: a directory that it cannot show is named with the reason" {
    echo x >"$BATS_TEST_TMPDIR/file"
    refused "/nowhere: No such file or directory" -- "$LINFSP_STAGE/bin/ptfs" -p /nowhere -m Z:
    refused "file: Not a directory" -- "$LINFSP_STAGE/bin/ptfs" -p "$BATS_TEST_TMPDIR/file" -m Z:
}
