#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A network volume: claimed by one container, the same files everywhere under /unc.
load ../helpers/common

setup_file() { file_setup; }
teardown_file() { file_teardown; }
teardown() { remove_containers && end_host_memfs; }

@test "network: /mnt/y in its container, /unc/memfs/share there, on the host and in containers started earlier and later" {
    container early busybox
    container one busybox
    share one y '\memfs\share'
    container late busybox
    mounted one /unc/memfs/share || mounted one /dev/linfsp/unc/memfs/share
    script_in one 'echo from-one >/mnt/y/file; [ "$(cat /unc/memfs/share/file)" = from-one ]'
    equal "read on the host" "$(bounded cat /unc/memfs/share/file)" from-one
    for other in early late; do
        equal "read in $other" "$(inside "$other" cat /unc/memfs/share/file)" from-one
        not mounted "$other" /mnt/y
    done
    not mounted_here /mnt/y
}

@test "network: written on one side, read on the other, whichever it is" {
    container one busybox
    container two busybox
    share one y '\memfs\share'
    bounded sh -c 'echo from-host >/unc/memfs/share/host-file'
    script_in two 'echo from-two >/unc/memfs/share/two-file; mkdir /unc/memfs/share/two-folder'
    equal "the host's, in one" "$(inside one cat /mnt/y/host-file)" from-host
    equal "the host's, in two" "$(inside two cat /unc/memfs/share/host-file)" from-host
    equal "two's, in one" "$(inside one cat /mnt/y/two-file)" from-two
    equal "two's, on the host" "$(bounded cat /unc/memfs/share/two-file)" from-two
    script_in one 'echo changed >/mnt/y/host-file; rm /mnt/y/two-file; rmdir /mnt/y/two-folder'
    equal "changed in one, on the host" "$(bounded cat /unc/memfs/share/host-file)" changed
    [ "$(bounded ls /unc/memfs/share)" = host-file ]
}

@test "network: the host is not exposed: nosuid, nodev, noexec on /unc" {
    container one busybox
    share one y '\memfs\share'
    bounded ls /unc/memfs/share && inside one ls /unc/memfs/share
    for place in "$(awk '$5 == "/unc/memfs/share" {print $6}' /proc/self/mountinfo)" \
        "$(awk '$5 ~ /\/unc\/memfs\/share$/ {print $6}' "/proc/$(pid_of one)/mountinfo" | head -n 1)"; do
        has "$place" nosuid nodev noexec || return
    done
    script_in one 'cp /bin/busybox /mnt/y/program; chmod 4755 /mnt/y/program'
    not bounded /unc/memfs/share/program true
    script_in one 'if mknod /mnt/y/null c 1 3; then no sh -c "echo x >/mnt/y/null"; fi'
}

@test "network: //server/share and \\\\server\\share are taken as well, and deeper prefixes" {
    container one busybox
    start_memfs one -F NTFS -m X: -u '//slash/share'
    start_memfs one -F NTFS -m W: -u '\\double\share'
    start_memfs one -F NTFS -m V: -u '\trailing\share\'
    start_memfs one -F NTFS -m U: -u '\deep\er\share'
    wait_mounted one /mnt/x
    wait_mounted one /mnt/w
    wait_mounted one /mnt/v
    wait_mounted one /mnt/u
    for path in slash/share double/share trailing/share deep/er/share; do
        mounted_here "/unc/$path" || fail "not at /unc/$path" "$(ls /unc/*)" || return
    done
}

@test "network: a volume needs no drive" {
    container one busybox
    start_memfs one -F NTFS -u '\memfs\driveless'
    wait_until 5 mounted_here /unc/memfs/driveless fuse.NTFS
    script_in one 'echo there >/unc/memfs/driveless/file'
    equal "read on the host" "$(bounded cat /unc/memfs/driveless/file)" there
}

@test "network: a second claim of a prefix fails by name, from any container and the host, in any case of letters" {
    container one busybox
    container two busybox
    share one y '\memfs\share'
    for claim in '\memfs\share' '\MEMFS\Share' '//Memfs/SHARE' '\memfs\share\'; do
        memfs_refused two 'memfs\share' -- -F NTFS -m Y: -u "$claim" || return
    done
    memfs_refused one '\memfs\share' -- -F NTFS -m X: -u '\memfs\share'
    refused 'memfs\share' -- "$here_memfs" -F NTFS -m Y: -u '\MEMFS\share'
    not mounted two /mnt/y
    not mounted one /mnt/x
    not mounted_here /mnt/y
    [ ! -e "/proc/$(pid_of two)/root/mnt/y" ]
    script_in one 'echo still >/mnt/y/there'
    equal "the first one goes on" "$(bounded cat /unc/memfs/share/there)" still
}

@test "network: a prefix is free again when its volume has gone" {
    container one busybox
    container two busybox
    share one y '\memfs\share'
    kill -KILL "$(pids_in one memfs)"
    wait_unmounted one /mnt/y
    wait_until 3 not mounted_here /unc/memfs/share
    share two y '\memfs\share'
    script_in two 'echo second >/mnt/y/file'
    equal "the second one's" "$(bounded cat /unc/memfs/share/file)" second
}

@test "network: shares of one server stand side by side; /unc itself can be written by nobody" {
    container one busybox
    container two busybox
    share one y '\memfs\a'
    share two y '\memfs\b'
    equal "listed on the host" "$(ls /unc/memfs | sort | tr '\n' ' ')" "a b "
    equal "listed in a container that serves one" "$(inside one ls /unc/memfs | tr -d '\r' | tr '\n' ' ')" "a "
    inside one ls /unc/memfs/b
    equal "listed where it was opened" "$(inside one ls /unc/memfs | sort | tr -d '\r' | tr '\n' ' ')" "a b "
    script_in one 'no mkdir /unc/mine; no mkdir /unc/memfs/mine; no touch /unc/file; no rmdir /unc/memfs/b'
}

@test "network: /unc in any case of letters of server and share" {
    container one busybox
    share one y '\memfs\Share'
    script_in one 'echo x >/mnt/y/file'
    equal "by linfsp path" "$("$linfsp" path '\\MEMFS\share\file')" /unc/memfs/Share/file
}

@test "network: an ordinary user of another container reads and writes as its mode bits say" {
    container one busybox
    container two busybox --user 1000
    share one y '\memfs\share'
    script_in one 'echo open >/mnt/y/open; chmod 666 /mnt/y/open; echo closed >/mnt/y/closed; chmod 600 /mnt/y/closed'
    equal "readable" "$(inside two cat /unc/memfs/share/open)" open
    script_in two 'echo by-1000 >/unc/memfs/share/open'
    refused enied -- docker exec "$(full_name two)" cat /unc/memfs/share/closed
    equal "what 1000 wrote" "$(inside one cat /mnt/y/open)" by-1000
}
