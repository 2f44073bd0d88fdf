#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# An image that means ill: links where the service works, a fusermount3 that is a trap, an /etc/passwd that lies, mount points that
# are exchanged while they are mounted on. It gains nothing, and the host and others are as before.
load ../helpers/common

client=${LINFSP_STATE:-}/commfd-client
hostile=${LINFSP_STATE:-}/hostile-image

setup_file() {
    [ -n "$DOCKER_HOST" ] || return 0
    "$LINFSP_ROOT/test/helpers/images" debian || return
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -static -o "$client" "$LINFSP_ROOT/test/helpers/commfd-client.c"
    mkdir -p "$hostile"
    file_setup
    container good busybox
    disk good z
}

teardown_file() { file_teardown; }

setup() {
    [ -n "$DOCKER_HOST" ] || missing "Docker"
    host_before=$(of_the_host)
}

# The same service serves others, and the host has not changed.
teardown() {
    local status=0
    remove_container evil
    docker image rm -f linfsp-test/evil >/dev/null 2>&1 || true
    timed service_answers || fail "the service does not answer" "$(tail -n 5 "$LINFSP_STATE/linfspd.log")" || status=1
    inside good touch /mnt/z/file || status=1
    equal "the host's files" "$(of_the_host)" "$host_before" || status=1
    no_hung_tasks || status=1
    return "$status"
}

# What a mistake would touch: identities and contents of the host's files that the traps lead to.
of_the_host() {
    stat -c '%n %i %s %Y %a %u' /etc /etc/passwd /etc/shadow /etc/hostname /usr/bin /usr/sbin /mnt /dev/null /dev/fuse
    cut -d' ' -f5 /proc/self/mountinfo | grep -vE '^(/unc|/run/linfsp|/var/lib/docker|/tmp|/run/docker)' | sort
}

# An image of linfsp-test/debian that SCRIPT has changed, and a container of it: `evil SCRIPT [OPTION...]`
evil() {
    local container tree=$hostile/tree
    rm -rf --one-file-system "$tree"
    mkdir -p "$tree"
    container=$(docker create --network=none linfsp-test/debian)
    docker export "$container" | tar -C "$tree" -x
    docker rm "$container" >/dev/null
    chroot "$tree" /bin/sh -euc "$1" || return
    tar -C "$tree" -c . | docker import --change 'CMD ["/probe", "wait"]' - linfsp-test/evil >/dev/null
    container evil evil "${@:2}"
}

ours_in() { # NAME: where FUSE and we are mounted, but for /dev/linfsp and /unc
    our_mounts "$(pid_of "$1")" | awk '{print $1}' | grep -vE '^(/dev/linfsp|/unc)(/|$)' | sort | tr '\n' ' '
}

nothing_of_ours_in() { # NAME
    [ -z "$(ours_in "$1")" ]
}

mounts_below() { # NAME FOLDER...
    local name=$1 folder
    shift
    for folder; do
        awk -v folder="$folder" '$5 == folder || index($5, folder "/") == 1 {print $5}' "/proc/$(pid_of "$name")/mountinfo"
    done
}

@test "hostile image: links in the place of /mnt, /unc, /usr/bin, /sbin" {
    evil 'mkdir /target /target/y; cp -a /usr/bin /programs; rm -rf /mnt; ln -s /target /mnt; ln -s /etc /unc
        rm -rf /sbin /usr/sbin; ln -s /target /usr/sbin; ln -s ../../../../../../target /sbin
        ln -s /etc/passwd /programs/fusermount3; ln -s /proc/1/root/etc/shadow /programs/fusermount
        PATH=/programs; rm -rf /usr/bin; ln -s /programs /usr/bin'
    sleep 0.5
    docker exec "$(full_name evil)" /dev/linfsp/bin/memfs -F NTFS -b -m Y: || true
    equal "mounts" "$(mounts_below evil /target /etc/passwd /etc/shadow /programs)" ""
    equal "in /target" "$(inside evil ls /target)" y
    inside evil grep -q '^root:' /etc/passwd
    BOUND=5 refused "" -- docker exec -u 1000 "$(full_name evil)" /dev/linfsp/bin/fusermount3 /target
}

@test "hostile image: a /dev of its own, with links in the place of linfsp and fuse" {
    mkdir -p "$hostile/dev" "$hostile/seen"
    ln -s /etc "$hostile/dev/linfsp"
    ln -s /etc/shadow "$hostile/dev/fuse"
    ln -s /etc "$hostile/dev/shm"
    mknod -m 666 "$hostile/dev/null" c 1 3
    before=$(find "$hostile/dev" -type l -printf '%P %l\n' | sort)
    # Docker itself may find this too much; then there is nothing to see
    container evil debian -v "$hostile/dev:/dev" -v "$hostile/seen:/seen" || return 0
    sleep 0.5
    equal "mounts" "$(mounts_below evil /etc/passwd /etc/shadow /dev/linfsp)" ""
    not test -e "/proc/$(pid_of evil)/root/etc/disk"
    equal "its /dev" "$(find "$hostile/dev" -type l -printf '%P %l\n' | sort)" "$before"
}

@test "hostile image: /dev/linfsp and /dev/fuse replaced by links, by the container's root" {
    container evil debian
    wait_until 5 script_in evil 'test -S /dev/linfsp/disk'
    script_in evil 'rm -f /dev/fuse; ln -s /etc/shadow /dev/fuse; ln -sf /dev/linfsp/disk /dev/x; no rm -rf /dev/linfsp; no mv /dev/linfsp /dev/old'
    service_kill
    service_start
    wait_until 5 inside evil /dev/linfsp/bin/linfsp status
    equal "the link" "$(inside evil readlink /dev/fuse)" /etc/shadow
    equal "mounts" "$(mounts_below evil /etc/shadow)" ""
    service_stop
    service_start
    script_in evil 'test -L /dev/fuse; test -s /etc/passwd'
    remove_container good
    container good busybox
    disk good z
}

@test "hostile image: its fusermount3 is a trap: a script, a FIFO, a folder, a device" {
    evil 'printf "%s\n" "#!/bin/sh" "echo \$(id -u) \$(cat /proc/self/uid_map) >>/tmp/ran" "exec sleep 1000" >/usr/bin/fusermount3
        chmod 6755 /usr/bin/fusermount3; mkfifo /usr/bin/fusermount; mkdir -p /usr/sbin/umount.fuse'
    wait_until 5 script_in evil 'test -S /dev/linfsp/disk'
    docker cp "$client" "$(full_name evil):/tmp/client"
    script_in evil 'mkdir /tmp/m'
    # a script is the image's own affair: it is not run by anything of ours
    has "$(inside evil /tmp/client --at /tmp/m /dev/linfsp/bin/fusermount3 /tmp/m)" "fd fuse init" "exit 0"
    not script_in evil 'test -e /tmp/ran'
    remove_container evil
    for kind in 'mkfifo' 'mkdir -p' 'ln -s /dev/zero' 'ln -s fusermount3'; do
        evil "rm -rf /usr/bin/fusermount3; $kind /usr/bin/fusermount3" || return
        wait_until 5 script_in evil 'test -S /dev/linfsp/disk' || return
        has "$("$linfsp" silos)" ready || return
        docker cp "$client" "$(full_name evil):/tmp/client"
        has "$(inside evil /tmp/client --at /tmp /dev/linfsp/bin/fusermount3 /tmp)" "fd fuse init" "exit 0" || return
        remove_container evil
        docker image rm -f linfsp-test/evil >/dev/null
    done
}

@test "hostile image: an /etc/passwd that lies makes nobody root" {
    evil 'printf "%s\n" "root:x:1000:1000::/:/bin/sh" "user:x:0:0::/:/bin/sh" >/etc/passwd; echo "user:x:0:user" >/etc/group
        echo user_allow_other >/etc/fuse.conf; install -d -m 755 /roots; install -d -o 1000 /own'
    wait_until 5 script_in evil 'test -S /dev/linfsp/disk'
    docker cp "$client" "$(full_name evil):/tmp/client"
    for place in /roots /etc /root /usr/bin; do
        out=$(inside_as 1000 evil /tmp/client --at "$place" /dev/linfsp/bin/fusermount3 "$place" || true)
        has "$out" "mount none" "exit 1" || return
    done
    has "$(inside_as 1000 evil /tmp/client --at /own /dev/linfsp/bin/fusermount3 /own)" "user_id=1000,group_id=" "fd fuse init" "exit 0"
    docker exec -d "$(full_name evil)" /tmp/client --serve --at /roots /dev/linfsp/bin/fusermount3 -o auto_unmount /roots </dev/null
    refused "" -- docker exec -u 1000 "$(full_name evil)" /dev/linfsp/bin/fusermount3 -uz /roots
    refused "" -- docker exec -u 1000 "$(full_name evil)" /dev/linfsp/bin/linfsp stop
}

@test "hostile image: a mount point exchanged with a link to root's folder, over 10000 times, while it is mounted on" {
    container evil debian
    wait_until 5 script_in evil 'test -S /dev/linfsp/disk'
    docker cp "$client" "$(full_name evil):/tmp/client"
    script_in evil 'mkdir -p /home/user/a /secret; chmod 755 /secret; echo x >/secret/file; ln -s /secret /home/user/b
        chown -h 1000:1000 /home/user /home/user/a /home/user/b'
    docker exec -u 1000 "$(full_name evil)" /probe swap /home/user/a /home/user/b 12 >"$BATS_TEST_TMPDIR/swaps" 2>&1 3>&- &
    swapper=$!
    sleep 0.2
    # shellcheck disable=SC2016
    out=$(BOUND=30 inside_as 1000 evil sh -c 'end=$(($(date +%s) + 8)); while [ $(date +%s) -lt $end ]; do
        /tmp/client --at /secret /dev/linfsp/bin/fusermount3 /home/user/a; done')
    equal "mounts on root's folder" "$(grep -c 'mount fuse' <<<"$out" || true)" 0
    # some were refused, some done: it was a race
    [ "$(grep -c 'exit 0' <<<"$out")" -gt 5 ] || fail "done: $(grep -c 'exit 0' <<<"$out")"
    [ "$(grep -c 'exit 1' <<<"$out")" -gt 5 ] || fail "refused: $(grep -c 'exit 1' <<<"$out")"
    wait "$swapper"
    swaps=$(awk '{print $1}' "$BATS_TEST_TMPDIR/swaps")
    [ "${swaps:-0}" -ge 10000 ] || fail "exchanged ${swaps:-0} times"
    equal "root's file" "$(inside evil cat /secret/file)" x
    wait_until 3 nothing_of_ours_in evil
}

@test "hostile image: what is exchanged while it is unmounted: root's mount stays" {
    container evil debian
    wait_until 5 script_in evil 'test -S /dev/linfsp/disk'
    docker cp "$client" "$(full_name evil):/tmp/client"
    script_in evil 'mkdir -p /home/user/a /roots; chown -h 1000:1000 /home/user /home/user/a; ln -s /roots /home/user/b; chown -h 1000 /home/user/b'
    start_memfs evil -F NTFS -m /roots/fs
    wait_mounted evil /roots/fs
    docker exec "$(full_name evil)" ln -sfn /roots/fs /home/user/b
    docker exec -d -u 1000 "$(full_name evil)" /probe swap /home/user/a /home/user/b 5
    # shellcheck disable=SC2016
    BOUND=20 inside_as 1000 evil sh -c 'end=$(($(date +%s) + 4)); while [ $(date +%s) -lt $end ]; do
        /dev/linfsp/bin/fusermount3 -uz /home/user/a; umount /home/user/a; done' >/dev/null 2>&1 || true
    mounted evil /roots/fs
    script_in evil 'echo x >/roots/fs/file'
}
