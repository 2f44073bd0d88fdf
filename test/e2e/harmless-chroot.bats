#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# FUSE programs in a tree that a container's root goes to by chroot(8): they mount there as outside, and of what makes that possible
# nothing is left.
load ../helpers/common

setup_file() {
    fuse_images fuse >/dev/null && file_setup
}

teardown_file() {
    file_teardown
}

setup() {
    [ -n "$DOCKER_HOST" ] || missing "Docker"
}

teardown() {
    remove_containers
}

# A container with a tree in it: `tree NAME FOLDER [OPTION...]`
tree() {
    local name=$1 folder=$2
    shift 2
    container "$name" fuse "$@"
    wait_until 5 inside "$name" test -S /dev/linfsp/disk
    script_in "$name" "mkdir -p $folder/dev $folder/m $folder/tmp $folder/srv; chmod 1777 $folder/tmp; cp -a /usr /etc $folder; cp -a /srv/source $folder/srv
        ln -s usr/bin usr/sbin usr/lib usr/lib64 $folder
        mknod -m 666 $folder/dev/null c 1 3; mknod -m 666 $folder/dev/fuse c 10 229"
}

# What a program sees that runs in the tree: it mounts, what is mounted is read, and unmounted.
works='bindfs /srv/source /m && cat /m/file && fusermount3 -u /m && rmdir /m && mkdir /m'

in_no_layer() { # NAME
    has_not "$(docker diff "$(full_name "$1")")" linfsp
}

mounts_are() { # NAME COUNT
    equal "mounts of $1" "$(wc -l <"/proc/$(pid_of "$1")/mountinfo")" "$2"
}

@test "chroot: a FUSE program mounts in the tree, by libfuse 2 and 3, again and again" {
    tree one /c
    before=$(wc -l <"/proc/$(pid_of one)/mountinfo")
    for _ in 1 2 3; do
        equal "what it read" "$(inside one chroot /c sh -c "$works")" hello
        equal "and by sshfs" "$(inside one chroot /c sh -c 'sshfs -o ssh_command=fake-ssh h:/srv/source /m && cat /m/file && umount /m')" hello
    done
    wait_until 5 mounts_are one "$before"
    in_no_layer one
    # the tree is the container's own again
    inside one rm -rf /c
    inside one test ! -e /c
}

@test "chroot: a program in the foreground, its mount seen from outside, and its end" {
    tree one /c
    before=$(wc -l <"/proc/$(pid_of one)/mountinfo")
    docker exec -d "$(full_name one)" chroot /c bindfs -f /srv/source /m
    wait_until 5 inside one test -e /c/m/file
    in_no_layer one
    has "$("$linfsp" volumes)" /c/m
    inside one sh -c 'for p in /proc/[0-9]*; do ! grep -qx bindfs $p/comm || kill ${p#/proc/}; done'
    wait_until 5 mounts_are one "$before"
    inside one rm -r /c
}

@test "chroot: a helper that the tree lacks is there while a program runs, and in no layer" {
    tree one /c
    inside one rm /c/usr/bin/fusermount
    before=$(docker diff "$(full_name one)" | sort)
    for _ in 1 2 3; do
        equal "by libfuse 2" "$(inside one chroot /c sh -c 'bindfs /srv/source /m && cat /m/file && test -u /usr/bin/fusermount && fusermount -u /m')" hello
    done
    gone() { ! inside one test -e /c/usr/bin/fusermount; }
    wait_until 5 gone
    equal "the layer" "$(docker diff "$(full_name one)" | sort)" "$before"
    docker exec -d "$(full_name one)" chroot /c bindfs -f /srv/source /m
    wait_until 5 inside one test -e /c/m/file
    equal "the layer, while it runs" "$(docker diff "$(full_name one)" | sort)" "$before"
    image=$(docker commit "$(full_name one)")
    has_not "$(docker run --rm --label linfsp-test --network none "$image" ls -R /c/usr/bin /c/dev)" linfsp
    docker rmi "$image" >/dev/null
}

@test "chroot: by every way to name the tree" {
    tree one /opt/trees/c
    inside one ln -s trees /opt/link
    for way in '/opt/trees/c' '/opt/link/c' '--userspec=0:0 /opt/trees/c' '--groups 0 --userspec 0:0 /opt/trees/c' '-- /opt/trees/c' '/opt/../opt/trees/./c/'; do
        # shellcheck disable=SC2086
        equal "chroot $way" "$(inside one chroot $way sh -c "$works")" hello || return
    done
    equal "relative" "$(bounded docker exec -w /opt "$(full_name one)" chroot ./trees/c sh -c "$works")" hello
    equal "an ordinary user" "$(inside one chroot --userspec=1000:1000 /opt/trees/c sh -c 'mkdir /tmp/m && bindfs /srv/source /tmp/m && cat /tmp/m/file && fusermount3 -u /tmp/m')" hello
}

@test "chroot: where nobody wants FUSE, or it would stay, nothing is done" {
    tree one /c
    before=$(wc -l <"/proc/$(pid_of one)/mountinfo")
    inside one rm /c/dev/fuse
    docker exec -d "$(full_name one)" chroot /c sleep 30
    wait_until 5 inside one sh -c 'cat /proc/[0-9]*/root/dev/null; for p in /proc/[0-9]*; do [ "$(readlink $p/root)" != /c ] || exit 0; done; exit 1'
    mounts_are one "$before"
    in_no_layer one
    # a tree with a device, and without libfuse's helper: it may be removed at once
    script_in one 'mknod -m 666 /c/dev/fuse c 10 229; rm /c/usr/bin/fusermount*; for i in 1 2 3 4 5; do chroot /c true; done; rm -r /c/dev'
    # the host's folder
    shared=$LINFSP_STATE/shared-tree
    mkdir -p "$shared/dev"
    mknod -m 666 "$shared/dev/fuse" c 10 229
    cp /bin/busybox "$shared/busybox"
    container two fuse -v "$shared:/c"
    wait_until 5 inside two test -S /dev/linfsp/disk
    inside two chroot /c /busybox true
    equal "what is in the host's folder" "$(ls "$shared/dev")" fuse
    rm -rf "$shared"
    # and what is no tree at all
    inside two sh -c '! chroot /nowhere true; ! chroot; ! chroot --version --nonsense; chroot --help' >/dev/null
    inside two chroot / true
}

@test "chroot: busybox's, by its name, by a link and by a hard link" {
    tree one /c
    before=$(wc -l <"/proc/$(pid_of one)/mountinfo")
    docker cp "$(command -v busybox)" "$(full_name one):/usr/bin/busybox"
    script_in one 'mkdir /b; ln -s /usr/bin/busybox /b/chroot; mkdir /h; ln /usr/bin/busybox /h/chroot'
    hello_by() { [ "$(inside one "$@" /c sh -c "$works")" = hello ]; }
    wait_until 5 hello_by busybox chroot # it was put there a moment ago
    for way in 'busybox chroot' '/b/chroot' '/h/chroot'; do
        # shellcheck disable=SC2086
        equal "by $way" "$(inside one $way /c sh -c "$works")" hello
        wait_until 5 mounts_are one "$before"
    done
    in_no_layer one
    equal "another command" "$(inside one busybox echo chroot umount)" "chroot umount"
}

@test "chroot: an image whose commands are all one file executes as many of them as without LinFsp" {
    container one busybox
    container two busybox -e LINFSP=off
    wait_until 5 inside one test -S /dev/linfsp/disk
    for name in one two; do
        inside "$name" sh -c 'mkdir /all; for n in sh true chroot umount seq; do ln /bin/busybox /all/$n; done'
    done
    # shellcheck disable=SC2016
    loop='for i in $(/all/seq 300); do /all/true; done'
    best_one=999999 best_two=999999
    for _ in 1 2 3 4 5; do
        BOUND=60 timed inside one /all/sh -c "$loop"
        [ "$elapsed" -gt "$best_one" ] || best_one=$elapsed
        BOUND=60 timed inside two /all/sh -c "$loop"
        [ "$elapsed" -gt "$best_two" ] || best_two=$elapsed
    done
    echo "with: $best_one ms, without: $best_two ms"
    [ "$best_one" -lt $((2 * best_two)) ]
}

@test "chroot: trees are as they were when the service stops, and work again when it is back" {
    tree one /c
    docker exec -d "$(full_name one)" chroot /c sleep 60
    wait_until 5 inside one sh -c 'mountpoint -q /c/dev/fuse || grep -q " /c/dev/fuse " /proc/self/mounts'
    service_stop
    has_not "$(cat "/proc/$(pid_of one)/mountinfo")" ' /c/'
    service_start
    wait_until 5 inside one test -S /dev/linfsp/disk
    equal "afterwards" "$(inside one chroot /c sh -c "$works")" hello
}

@test "chroot: a storm of them holds up neither the container nor others" {
    tree one /c
    container two fuse
    wait_until 5 inside two test -S /dev/linfsp/disk
    # shellcheck disable=SC2016
    docker exec -d "$(full_name one)" sh -c 'for j in 1 2 3; do (i=0; while [ $i -lt 150 ]; do i=$((i + 1)); chroot /c true; done; touch /tmp/done$j) & done; wait'
    for _ in 1 2 3 4 5; do
        timed inside two fusermount3 --version >/dev/null
        [ "$elapsed" -lt 3000 ] || fail "fusermount3 --version took $elapsed ms" || return
    done
    wait_until 60 inside one sh -c 'test -e /tmp/done1 && test -e /tmp/done2 && test -e /tmp/done3'
    equal "afterwards" "$(inside one chroot /c sh -c "$works")" hello
    in_no_layer one
}
