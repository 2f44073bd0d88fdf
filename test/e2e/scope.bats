#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# \\.\name: prefixes that are local to a Compose project, a pod, a user's containers or one container.
load ../helpers/common

setup_file() { file_setup; }
teardown_file() { file_teardown; }
setup() { service_runs; }
teardown() { remove_containers; }

project() { # NAME PROJECT
    container "$1" debian --label "com.docker.compose.project=$2"
}

holds() { # NAME PATH TEXT
    equal "$2 in $1" "$(inside "$1" cat "$2")" "$3"
}

@test "scope: two projects have the same local prefix, and each sees its own" {
    project a1 a
    project a2 a
    project b1 b
    project b2 b
    share a1 y '\\.\data\cache'
    share b1 y '\\.\data\cache'
    inside a1 /bin/sh -c 'echo of-a >/mnt/y/f'
    inside b1 /bin/sh -c 'echo of-b >/mnt/y/f'
    holds a2 /unc/data/cache/f of-a
    holds b2 /unc/data/cache/f of-b
    holds a1 /unc/data/cache/f of-a
    inside a2 /bin/sh -c 'echo back >/unc/data/cache/g'
    holds a1 /mnt/y/g back
}

@test "scope: nobody else sees it: other containers, the host" {
    project a1 a
    container other debian
    share a1 y '\\.\data\cache'
    refused "No such file" -- docker exec "$(full_name other)" ls /unc/data/cache
    refused "No such file" -- ls /unc/data/cache
    has_not "$(ls -A /unc)" data compose
    has "$("$linfsp" volumes)" '\\.\data\cache'
    has_not "$(inside other "$silo_bin/linfsp" volumes)" cache
}

@test "scope: a container of no project has a scope of its own" {
    container one debian
    container two debian
    share one y '\\.\data\cache'
    share two y '\\.\data\cache'
    inside one /bin/sh -c 'echo one >/unc/data/cache/f'
    inside two /bin/sh -c 'echo two >/unc/data/cache/f'
    holds one /mnt/y/f one
    holds two /mnt/y/f two
}

@test "scope: within one it is taken once, and comes before the whole host's of the same name" {
    project a1 a
    project a2 a
    container other debian
    share a1 y '\\.\data\cache'
    memfs_refused a2 "in use" -- -F NTFS -u '\\.\DATA\Cache'
    share other y '\\data\cache'
    inside other /bin/sh -c 'echo of-all >/mnt/y/f'
    inside a1 /bin/sh -c 'echo of-a >/mnt/y/f'
    holds a2 /unc/data/cache/f of-a
    equal "the host's" "$(cat /unc/data/cache/f)" of-all
    holds other /unc/data/cache/f of-all
}

@test "scope: as a container's first act" {
    local i
    for i in 1 2 3 4 5; do
        container "first$i" debian --label com.docker.compose.project=quick -- /bin/sh -c \
            "until [ -x $silo_bin/memfs ]; do :; done; exec $silo_bin/memfs -F NTFS -u '\\\\.\\q\\$i'"
    done
    project late quick
    for i in 1 2 3 4 5; do
        wait_until 5 inside late ls "/unc/q/$i"
    done
}

@test "scope: ends with its server, and survives the service" {
    project a1 a
    project a2 a
    share a1 y '\\.\data\cache'
    inside a1 /bin/sh -c 'echo kept >/mnt/y/f'
    holds a2 /unc/data/cache/f kept
    service_kill
    service_start
    holds a2 /unc/data/cache/f kept
    project a3 a
    wait_until 5 inside a3 cat /unc/data/cache/f
    inside a1 "$silo_bin/linfsp" umount '\\.\data\cache'
    refused "No such file" -- docker exec "$(full_name a2)" ls /unc/data/cache
}
