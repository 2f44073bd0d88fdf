#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A disk: memfs in a stock container, seen there and nowhere else.
load ../helpers/common

setup_file() { file_setup; }
teardown_file() { file_teardown; }
teardown() { remove_containers; }

@test "disk: memfs -i -F NTFS -m Z: mounts /mnt/z with type fuse.NTFS, and files are kept there" {
    container one busybox
    start_memfs one -i -F NTFS -m Z:
    wait_mounted one /mnt/z fuse.NTFS
    script_in one '
        mount | grep " on /mnt/z type fuse.NTFS "
        echo hello >/mnt/z/greeting
        [ "$(cat /mnt/z/greeting)" = hello ]
        mkdir /mnt/z/folder
        cp /bin/busybox /mnt/z/folder/
        cmp /bin/busybox /mnt/z/folder/busybox
        /mnt/z/folder/busybox true
        [ "$(ls /mnt/z | sort | tr "\n" " ")" = "folder greeting " ]
        rm -r /mnt/z/folder
        [ ! -e /mnt/z/folder ]'
    options=$(awk '$5 == "/mnt/z" {print $6}' "/proc/$(pid_of one)/mountinfo")
    has "$options" nosuid nodev
}

@test "disk: it is seen neither on the host nor in a second container" {
    container early busybox
    container one busybox
    disk one z
    container late busybox
    script_in one 'echo secret >/mnt/z/secret-of-one'
    not mounted_here /mnt/z
    equal "FUSE mounts on the host" "$(our_mounts self | grep -c '/mnt/z')" 0
    [ ! -e /mnt/z/secret-of-one ]
    has_not "$(ls -R /unc)" secret-of-one
    for other in early late; do
        not mounted "$other" /mnt/z
        script_in "$other" '
            no grep /mnt/z /proc/mounts
            no test -e /mnt/z/secret-of-one
            no grep fuse.NTFS /proc/mounts'
    done
}

@test "disk: two containers have a Z: each, with files of their own" {
    container one busybox
    container two busybox
    disk one z
    disk two z
    script_in one 'echo 1 >/mnt/z/number'
    script_in two 'no test -e /mnt/z/number; echo 2 >/mnt/z/number'
    equal "the first one's file" "$(inside one cat /mnt/z/number)" 1
    equal "the second one's file" "$(inside two cat /mnt/z/number)" 2
}

@test "disk: the seed's name, memfs-x64, works too" {
    container one busybox
    docker exec -d "$(full_name one)" "$silo_bin/memfs-x64" -i -F NTFS -m Z:
    wait_mounted one /mnt/z fuse.NTFS
}

@test "disk: a letter in lower case, *, and letters that are taken" {
    container one busybox
    start_memfs one -i -F NTFS -m 'y:'
    wait_mounted one /mnt/y fuse.NTFS
    start_memfs one -F first -m '*'
    wait_mounted one /mnt/z fuse.first
    start_memfs one -F second -m '*'
    wait_mounted one /mnt/x fuse.second
    memfs_refused one /mnt/z -- -F NTFS -m Z:
    equal "mounts" "$(grep -c ' fuse\.' "/proc/$(pid_of one)/mountinfo")" 3
}

@test "disk: a directory is made and removed again; an empty one is taken and kept" {
    container one busybox
    script_in one 'mkdir -p /data/empty'
    start_memfs one -F NTFS -m /data/new
    start_memfs one -F NTFS -m /data/empty
    wait_mounted one /data/new fuse.NTFS
    wait_mounted one /data/empty fuse.NTFS
    signal_memfs TERM one
    wait_unmounted one /data/new
    wait_unmounted one /data/empty
    wait_until 2 script_in one 'test ! -e /data/new'
    script_in one 'test -d /data/empty'
}

@test "disk: the folder of a letter goes with the mount" {
    container one debian
    [ ! -e "/proc/$(pid_of one)/root/mnt/z" ]
    disk one z
    kill "$(pids_in one memfs)"
    wait_unmounted one /mnt/z
    wait_until 2 script_in one 'test ! -e /mnt/z'
}

@test "disk: -i ignores case and keeps it, without it case counts" {
    container one busybox
    disk one z
    start_memfs one -F NTFS -m Y:
    wait_mounted one /mnt/y
    script_in one '
        echo one >/mnt/z/ReadMe
        [ "$(cat /mnt/z/README)" = one ]
        [ "$(cat /mnt/z/readme)" = one ]
        [ "$(ls /mnt/z)" = ReadMe ]
        mkdir /mnt/z/Größe
        test -d /mnt/z/GRÖSSE || test -d /mnt/z/GRÖßE
        rmdir /mnt/z/gRÖße
        mv /mnt/z/readme /mnt/z/between
        mv /mnt/z/BETWEEN /mnt/z/README
        [ "$(ls /mnt/z)" = README ]
        rm /mnt/z/readMe
        no test -e /mnt/z/README
        echo one >/mnt/y/ReadMe
        no test -e /mnt/y/README
        echo two >/mnt/y/README
        [ "$(cat /mnt/y/ReadMe)" = one ]'
}

@test "disk: without -F the file system is called WinFsp-MEMFS" {
    container one busybox
    start_memfs one -m Z:
    wait_mounted one /mnt/z fuse.WinFsp-MEMFS
}

@test "disk: -n and -s bound it: volume size is their product, full says ENOSPC, and room comes back" {
    container one busybox
    start_memfs one -F NTFS -n 8 -s 1048576 -m Z:
    wait_mounted one /mnt/z
    script_in one '
        set -- $(df -k /mnt/z | tail -n 1)
        while [ $# -gt 5 ]; do shift; done
        size=$(stat -f -c "%b %S" /mnt/z)
        [ $((${size% *} * ${size#* })) -eq $((8 * 1048576)) ]
        i=0
        while [ $i -lt 20 ] && touch /mnt/z/$i; do i=$((i + 1)); done 2>/tmp/why
        grep -i "no space" /tmp/why
        [ $i -ge 6 ] && [ $i -le 8 ]
        rm /mnt/z/*
        dd if=/dev/zero of=/mnt/z/most bs=65536 count=16
        no dd if=/dev/zero of=/mnt/z/big bs=65536 count=17
        [ "$(stat -c %s /mnt/z/big)" -le 1048576 ]
        rm /mnt/z/*
        dd if=/dev/zero of=/mnt/z/again bs=65536 count=16'
}

@test "disk: memfs --help tells of each option, and of the limits that -n and -s bring with them" {
    container one busybox
    help=$(inside one "$silo_bin/memfs" --help)
    has "$help" 1024 16M ENOSPC
    for option in -d -D -f -F -i -m -M -n -P -R -s -S -t -u; do
        has "$help" " $option" || return
    done
    equal "the same on the host" "$("$here_memfs" --help)" "$help"
}
