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

@test "scope: nobody goes to another group's by the name that the table has for it, neither in a container nor on the host" {
    local name
    project a1 a
    container alone debian
    container stranger debian
    share a1 y '\\.\data\cache'
    share alone y '\\.\data\cache'
    inside a1 /bin/sh -c 'echo of-a >/mnt/y/f; chmod 644 /mnt/y/f'
    inside alone /bin/sh -c 'echo own >/mnt/y/f; chmod 644 /mnt/y/f'
    name=$(printf '/unc/\037compose:a/data/cache/f')
    refused "No such file" -- docker exec "$(full_name stranger)" cat "$name"
    refused "No such file" -- docker exec "$(full_name a1)" cat "$name"
    refused "No such file" -- setpriv --reuid 65534 --regid 65534 --clear-groups cat "$name"
    refused "No such file" -- docker exec "$(full_name stranger)" /bin/sh -c 'i=0; while [ $i -lt 30 ]; do
        cat "$(printf "/unc/\037silo:$i/data/cache/f")" 2>/dev/null && exit 0; i=$((i + 1)); done; cat /unc/nothing'
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

@test "scope: rules say who opens what is local, and how; linfsp policy test and the audit agree" {
    printf '%s\n' '[rule reader]' 'name = *-a2' 'open = \.\data\*:ro' '[rule none]' 'name = *-a3' 'open = \pub\*' '[rule server]' 'name = *-a1' \
        'open_by = host' >"$LINFSP_STATE/scope.conf"
    service_stop
    service_start "--config=$LINFSP_STATE/scope.conf"
    local case said
    for case in a1 a2 a3 a4; do
        project "$case" a
    done
    project stranger b
    share a1 y '\\.\data\cache'
    inside a1 /bin/sh -c 'echo of-a >/mnt/y/f'
    holds a2 /unc/data/cache/f of-a
    refused "Read-only" -- docker exec "$(full_name a2)" /bin/sh -c 'echo x >/unc/data/cache/f'
    refused "ermission denied" -- docker exec "$(full_name a3)" cat /unc/data/cache/f
    inside a4 /bin/sh -c 'echo of-4 >/unc/data/cache/f'
    for case in 'a1:allowed: no rule' 'a2:allowed, read-only: rule "reader"' 'a3:refused: rule "none"' 'a4:allowed: no rule' \
        'stranger:no volume has this prefix'; do
        said=$("$linfsp" policy test --silo "$(full_name "${case%%:*}")" open '\\.\data\cache' 2>&1) || true
        has "$said" "${case#*:}" || return
    done
    said=$(grep -F "event=open result=refused silo=\"$(id_of a3)\"" "$LINFSP_STATE/linfspd.log") || fail "no line of the refusal" || return
    has "$said" 'prefix="\\\\.\\data\\cache"' 'rule="none"' || return
    remove_containers
    service_stop
    service_start
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
