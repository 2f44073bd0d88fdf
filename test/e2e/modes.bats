#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The ways a stock Docker runs a container: whatever the flags, the user and the image, both kinds of volume work.
load ../helpers/common

setup_file() { file_setup; }
teardown_file() { file_teardown; }
teardown() { remove_containers; }

# Both kinds of volume in container NAME, started as its own user, by a probe that any image has.
works_in() {
    local name=$1
    disk "$name" z || return
    inside "$name" /probe write /mnt/z/file disk || return
    equal "what the disk holds" "$(inside "$name" /probe read /mnt/z/file)" disk || return
    not mounted_here /mnt/z || return
    share "$name" y "\\memfs\\$name" || return
    inside "$name" /probe write /mnt/y/file shared || return
    equal "what the share holds, on the host" "$(bounded cat "/unc/memfs/$name/file")" shared || return
    equal "what the share holds, in its container" "$(inside "$name" /probe read "/dev/linfsp/unc/memfs/$name/file")" shared
}

# The owner of a new volume's root is who mounted it.
root_belongs_to() { # NAME UID
    equal "owner of /mnt/z" "$(inside "$1" /probe stat /mnt/z | cut -d' ' -f2)" "$2"
}

@test "modes: default" {
    container default busybox
    works_in default
    root_belongs_to default 0
}

@test "modes: --read-only" {
    container read-only debian --read-only
    works_in read-only
    inside read-only ls /dev/linfsp/unc
    refused "Read-only" -- docker exec "$(full_name read-only)" touch /mnt/file
    refused "Read-only" -- docker exec "$(full_name read-only)" touch /file
    inside read-only /bin/sh -c 'kill -TERM $(cat /proc/[0-9]*/stat | grep "(memfs)" | cut -d" " -f1)'
    wait_unmounted read-only /mnt/z
    wait_unmounted read-only /mnt/y
    equal "what stays in /mnt" "$(inside read-only ls -A /mnt)" ""
}

@test "modes: --read-only, in an image without /mnt: works or names it" {
    container read-only busybox --read-only --tmpfs /tmp
    if start_memfs read-only -F NTFS -m Z: && wait_until 2 mounted read-only /mnt/z 2>/dev/null; then
        inside read-only /probe write /mnt/z/file disk
    else
        memfs_refused read-only /mnt -- -F NTFS -m Z:
        start_memfs read-only -F NTFS -m /tmp/folder
        wait_mounted read-only /tmp/folder fuse.NTFS
    fi
}

@test "modes: --user 1000" {
    container user busybox --user 1000
    works_in user
    root_belongs_to user 1000
}

@test "modes: --user 1000 --read-only" {
    container user debian --user 1000 --read-only
    works_in user
    root_belongs_to user 1000
}

@test "modes: root and a user have a disk each in one container" {
    container both busybox
    start_memfs both -F NTFS -m Z:
    start_memfs -u 1000 both -F NTFS -m Y:
    wait_mounted both /mnt/z
    wait_mounted both /mnt/y
    root_belongs_to both 0
    equal "owner of /mnt/y" "$(inside both stat -c %u /mnt/y)" 1000
    script_in -u 1000 both 'echo x >/mnt/y/file; chmod 600 /mnt/y/file; [ "$(stat -c %u /mnt/y/file)" = 1000 ]'
    script_in both 'cat /mnt/y/file; echo x >/mnt/z/file; chmod 600 /mnt/z/file'
    script_in -u 1000 both 'no cat /mnt/z/file; no chmod 666 /mnt/z/file'
}

@test "modes: --cap-drop=ALL" {
    container bare busybox --cap-drop=ALL
    works_in bare
}

@test "modes: --security-opt no-new-privileges" {
    container strict busybox --security-opt no-new-privileges
    works_in strict
}

@test "modes: --cap-drop=ALL --security-opt no-new-privileges --user 1000 --read-only, all at once" {
    container caged debian --cap-drop=ALL --security-opt no-new-privileges --user 1000 --read-only
    works_in caged
}

@test "modes: a container of --pid=host --ipc=host --uts=host, and one of --privileged" {
    container open busybox --pid=host --ipc=host --uts=host
    works_in open
    container mighty busybox --privileged || skip "--privileged containers cannot run on this machine"
    works_in mighty
}

@test "modes: glibc image" {
    container glibc debian
    works_in glibc
}

@test "modes: musl image" {
    container musl musl
    works_in musl
}

@test "modes: image of one static binary, without a shell" {
    container static scratch
    works_in static
    container static-user scratch --user 1000 --read-only --cap-drop=ALL
    if start_memfs static-user -F NTFS -u '\memfs\static-user'; then
        wait_until 5 mounted_here /unc/memfs/static-user
        equal "read in another" "$(inside static /probe list /dev/linfsp/unc/memfs/static-user)" ""
    fi
}

@test "modes: userns-remap, as root and as user 1000, glibc and static" {
    [ -n "$DOCKER_HOST_REMAP" ] || missing "an engine with userns-remap"
    DOCKER_HOST=$DOCKER_HOST_REMAP
    container remapped busybox
    equal "the first uid" "$(awk '{print $2}' "/proc/$(pid_of remapped)/uid_map")" 300000
    works_in remapped
    root_belongs_to remapped 0
    container remapped-user debian --user 1000 --read-only --cap-drop=ALL
    works_in remapped-user
    root_belongs_to remapped-user 1000
}

@test "modes: userns-remap: ids come out right on both sides of a share, and foreign ones do not leak in" {
    [ -n "$DOCKER_HOST_REMAP" ] || missing "an engine with userns-remap"
    container plain busybox
    DOCKER_HOST=$DOCKER_HOST_REMAP
    container remapped busybox
    share remapped y '\memfs\remapped'
    script_in remapped 'echo x >/mnt/y/by-root; touch /mnt/y/by-user; chown 1000:1000 /mnt/y/by-user; chmod 644 /mnt/y/*'
    equal "readable on the host" "$(bounded cat /unc/memfs/remapped/by-root)" x
    equal "its owner in the container" "$(inside remapped stat -c %u /mnt/y/by-root)" 0
    equal "the other's owner in the container" "$(inside remapped stat -c %u /mnt/y/by-user)" 1000
    DOCKER_HOST=${DOCKER_HOST_PLAIN:?}
    equal "readable in another container" "$(inside plain cat /unc/memfs/remapped/by-root)" x
}
