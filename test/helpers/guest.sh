#!/bin/sh
# SPDX-License-Identifier: MIT
# What the tests of the engines run as a container's entry point: `guest.sh NAME`. It has a disk at /mnt/z and a network volume
# \engines\NAME at /mnt/y, says so by the file "ready" there, answers the host's file "question", and ends by its file "end".
set -eu
name=$1
programs=/dev/linfsp/bin
share=/dev/linfsp/unc/engines/$name

wait_for() { # WHAT COMMAND...
    what=$1 left=1000
    shift
    until "$@"; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || { echo "guest: waited in vain for $what" >&2 && exit 1; }
        sleep 0.01
    done
}

mounted() {
    grep -q " $1 fuse.NTFS " /proc/mounts
}

wait_for /dev/linfsp test -S /dev/linfsp/disk
"$programs/memfs" -i -F NTFS -m Z: &
disk=$!
"$programs/memfs" -i -F NTFS -m Y: -u "\\engines\\$name" &
network=$!
wait_for /mnt/z mounted /mnt/z
wait_for /mnt/y mounted /mnt/y
wait_for "$share" test -d "$share"

echo disk >/mnt/z/File
[ "$(cat /mnt/z/FILE)" = disk ]
echo "from $name" >"$share/file"
[ "$(cat /mnt/y/file)" = "from $name" ]
echo ready >/mnt/y/ready
wait_for "the host's question" test -s /mnt/y/question
cp /mnt/y/question /mnt/z/question
echo "answer to $(cat /mnt/z/question)" >/mnt/y/answer
wait_for "the end" test -e /mnt/y/end
# LXC's init, for one, waits for all others.
[ $$ = 1 ] || kill "$disk" "$network"
