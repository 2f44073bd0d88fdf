#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Programs in namespaces that were made in a container mount into these, and a program's mount has gone when the program has.
load ../helpers/common

setup_file() {
    fuse_images fuse fuse-bare >/dev/null && file_setup
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

box() { # NAME IMAGE [OPTION...]
    container "$@" --security-opt seccomp=unconfined
    wait_until 5 inside "$1" test -S /dev/linfsp/disk
}

# In a user and mount namespace made in a container: `nested [-u USER] NAME SCRIPT`
nested() {
    local user=0
    if [ "$1" = -u ]; then
        user=$2
        shift 2
    fi
    bounded docker exec -u "$user" "$(full_name "$1")" unshare -Urm /bin/sh -euxc \
        'no() { if "$@"; then echo "should have failed: $*" >&2; exit 1; fi; }
        wait_for() { i=0; until "$@"; do i=$((i + 1)); [ $i -lt 300 ]; sleep 0.02; done; } 2>/dev/null
        '"$2"
}

fuse_mounts() { # NAME
    grep -c ' - fuse' "/proc/$(pid_of "$1")/mountinfo" || true
}

volumes_of() { # NAME
    "$linfsp" volumes --json | jq "[.[] | select(.silo == \"$(docker inspect -f '{{.Id}}' "$(full_name "$1")")\")] | length"
}

has_volumes() { # NAME COUNT
    equal "volumes of $1" "$(volumes_of "$1")" "$2"
}

# ---- nested user namespaces ------------------------------------------------------------------------------------------------

@test "nested: root and an ordinary user mount into their own namespace, by libfuse 2 and 3" {
    box one fuse
    for who in 0 1000; do
        for program in 'bindfs /srv/source' 'sshfs -o ssh_command=fake-ssh host:/srv/source'; do
            nested -u $who one "mkdir /tmp/m$who; $program /tmp/m$who; cat /tmp/m$who/file | grep -qx hello
                grep -q ' /tmp/m$who fuse.*nosuid,nodev' /proc/self/mounts; fusermount3 -u /tmp/m$who; no grep ' /tmp/m$who fuse' /proc/self/mounts; rmdir /tmp/m$who" ||
                fail "$program as $who" || return
        done
    done
    equal "mounts in the container" "$(fuse_mounts one)" 0
    wait_until 5 has_volumes one 0
}

@test "nested: an image without a helper, a namespace in a namespace, umount(8), and a program of LinFsp's" {
    box bare fuse-bare
    nested bare 'mkdir /tmp/m; bindfs /srv/source /tmp/m; cat /tmp/m/file | grep -qx hello; umount /tmp/m; rmdir /tmp/m'
    nested bare "unshare -Urm sh -euc 'mkdir /tmp/m; bindfs /srv/source /tmp/m; grep -qx hello /tmp/m/file; umount /tmp/m; rmdir /tmp/m'"
    nested bare "mkdir /tmp/m; $silo_bin/memfs -b -m /tmp/m; echo x >/tmp/m/file; grep -q ' /tmp/m fuse' /proc/self/mounts
        $silo_bin/linfsp umount /tmp/m; no test -e /tmp/m/file; rmdir /tmp/m"
    has_not "$(docker diff "$(full_name bare)")" fusermount linfsp /usr
    wait_until 5 has_volumes bare 0
}

@test "nested: a volume goes with its server, and with its namespace" {
    box one fuse
    # shellcheck disable=SC2016
    nested one 'mkdir /tmp/m; bindfs -f /srv/source /tmp/m & wait_for test -e /tmp/m/file; kill -KILL $!
        gone() { ! grep " /tmp/m fuse" /proc/self/mounts; }; wait_for gone; rmdir /tmp/m'
    docker exec -d "$(full_name one)" unshare -Urmpf --kill-child sh -c 'mkdir -p /tmp/n; bindfs /srv/source /tmp/n; exec sleep 100'
    wait_until 5 has_volumes one 1
    inside one sh -c 'for p in /proc/[0-9]*; do grep -q "^sleep" $p/comm 2>/dev/null && [ "$(cat $p/cmdline | tr "\0" " ")" = "sleep 100 " ] && kill -KILL ${p#/proc/}; done; true'
    wait_until 5 has_volumes one 0
    inside one rmdir /tmp/n
}

@test "nested: volumes live through a restart of the service" {
    box one fuse
    docker exec -d "$(full_name one)" unshare -Urm sh -c 'mkdir /tmp/m; bindfs /srv/source /tmp/m; echo $$ >/tmp/pid; until [ -e /tmp/go ]; do sleep 0.1; done; cat /tmp/m/file >/tmp/read; fusermount3 -u /tmp/m; rmdir /tmp/m && echo removed >>/tmp/read'
    wait_until 5 inside one test -s /tmp/pid
    service_kill
    service_start
    inside one touch /tmp/go
    wait_until 10 inside one grep -qx removed /tmp/read
    equal "what was read" "$(inside one cat /tmp/read)" $'hello\nremoved'
    wait_until 5 has_volumes one 0
}

@test "nested: what the container's user may not, and what nobody may" {
    box one fuse
    # the root of a user namespace may mount where its user could not write: so it may without LinFsp
    nested -u 1000 one 'bindfs /srv/source /mnt; grep -qx hello /mnt/file; fusermount3 -u /mnt'
    nested -u 1000 one 'no bindfs /srv/source /proc; no bindfs /srv/source /dev; no bindfs /srv/source /sys'
    equal "mounts in the container" "$(fuse_mounts one)" 0
    # a namespace of another container's cannot be had: its socket does not lead there
    box two fuse
    inside two mkdir /tmp/m
    nested one 'mkdir -p /tmp/m; bindfs /srv/source /tmp/m; grep -qx hello /tmp/m/file; fusermount3 -u /tmp/m'
    equal "mounts in the other container" "$(fuse_mounts two)" 0
}

@test "nested: a file put in the stand-in's place is not executed with the helper's rights" {
    box one fuse
    # shellcheck disable=SC2016
    nested one 'printf "#!/bin/sh\ntouch /tmp/it-ran\n" >/tmp/f; chmod 755 /tmp/f; cp /bin/touch /tmp/t
        mount --bind /tmp/f /dev/linfsp/bin/fusermount3; no fusermount3 /tmp/it-ran
        umount /dev/linfsp/bin/fusermount3; mount --bind /tmp/t /dev/linfsp/bin/fusermount3; no fusermount3 /tmp/it-ran'
    inside one test ! -e /tmp/it-ran
    inside one fusermount3 --version | grep -q LinFsp
}

@test "nested: a storm of programs that load libfuse keeps nobody else waiting" {
    box one fuse
    box two fuse
    # shellcheck disable=SC2016
    docker exec -d "$(full_name one)" unshare -Urm sh -c 'for j in 1 2; do (while :; do bindfs --version >/dev/null; done) & done; sleep 6; kill 0'
    sleep 0.5
    for _ in 1 2 3 4 5; do
        timed inside two fusermount3 --version >/dev/null
        [ "$elapsed" -lt 3000 ] || fail "fusermount3 --version took $elapsed ms" || return
    done
}

# ---- ended with its program ------------------------------------------------------------------------------------------------

# So often a program is ended by a signal and its folder removed right after wait: `ends NAME COUNT COMMAND` (mounts on /tmp/m)
ends() {
    # shellcheck disable=SC2016
    BOUND=60 script_in "$1" 'set +x; n=0; failed=0; while [ $n -lt '"$2"' ]; do n=$((n + 1)); mkdir /tmp/m; '"$3"' 2>>/tmp/said & p=$!
        i=0; until [ -e /tmp/m/file ]; do i=$((i + 1)); [ $i -lt 500 ] || exit 1; sleep 0.01; done
        kill -'"${4:-TERM}"' $p; wait $p || true; rmdir /tmp/m || { failed=$((failed + 1)); sleep 0.5; rmdir /tmp/m; }; done
        cat /tmp/said; [ $failed = 0 ]; no grep "failed to unmount" /tmp/said'
}

@test "ended: the folder can be removed right after wait, for libfuse 2 and 3, on busy processors" {
    container one fuse
    wait_until 5 inside one test -S /dev/linfsp/disk
    # shellcheck disable=SC2016
    inside one sh -c 'for i in 1 2 3 4; do (end=$(($(date +%s) + 20)); while [ $(date +%s) -lt $end ]; do :; done) >/dev/null 2>&1 & done'
    ends one 15 'bindfs -f /srv/source /tmp/m'
    ends one 5 'bindfs -f /srv/source /tmp/m' HUP
    ends one 15 'sshfs -f -o ssh_command=fake-ssh host:/srv/source /tmp/m'
    ends one 5 'squashfuse -f /srv/image.squashfs /tmp/m'
}

@test "ended: mounted again right after wait, with files open, and with rm -r" {
    container one fuse
    wait_until 5 inside one test -S /dev/linfsp/disk
    # shellcheck disable=SC2016
    BOUND=40 script_in one 'set +x; mkdir /tmp/m; for i in 1 2 3 4 5 6 7 8 9 10; do bindfs -f /srv/source /tmp/m & p=$!
        until [ -e /tmp/m/file ]; do sleep 0.01; done; exec 5</tmp/m/file; kill $p; wait $p || true
        bindfs /srv/source /tmp/m; [ -e /tmp/m/file ]; exec 5<&-; fusermount3 -u /tmp/m; done
        bindfs -f /srv/source /tmp/m & p=$!; until [ -e /tmp/m/file ]; do sleep 0.01; done; kill $p; wait $p || true; rm -r /tmp/m'
}

@test "ended: a program's own signals, children and other mounts are left alone by that" {
    container one fuse
    wait_until 5 inside one test -S /dev/linfsp/disk
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -Wall -o "$BATS_TEST_TMPDIR/ends-itself" "$LINFSP_ROOT/test/helpers/ends-itself.c"
    docker cp "$BATS_TEST_TMPDIR/ends-itself" "$(full_name one):/usr/bin/ends-itself"
    script_in one 'mkdir /tmp/m; /usr/bin/ends-itself /tmp/m; rmdir /tmp/m'
}

# The service changes umount2 in a program behind whose instructions their last page has some 300 bytes left, which most have. So that it
# does not depend on the C library's size, room is made where there is none: `compile OUTPUT SOURCE COMPILER [OPTION...] -- [LIBRARY...]`
compile() {
    local output=$1 source=$2 command=() padding end
    shift 2
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        command+=("$1")
        shift
    done
    for padding in 0 1024; do
        printf '.text\n.skip %d\n.section .note.GNU-stack,"",%%progbits\n' $padding >"$BATS_TEST_TMPDIR/padding.s"
        # the linker warns of what libfuse cannot do when it is static
        "${command[@]}" -std=gnu11 -D_GNU_SOURCE -O2 -o "$output" "$LINFSP_ROOT/test/helpers/$source" "$BATS_TEST_TMPDIR/padding.s" "${@:2}" 2>/dev/null || return
        end=$(readelf -lW "$output" | awk '$1 == "LOAD" && / R E / {print "(" $3 " + " $6 ")"}')
        [ $(((end & 4095) + 336)) -gt 4096 ] || return 0
    done
    fail "$output: no room behind its instructions"
}

# A container with a program that unmounts by umount2(2), as root's libfuse does: `with_program NAME [FILE...]`
with_program() {
    container "$1" fuse
    wait_until 5 inside "$1" test -S /dev/linfsp/disk
    docker cp "$BATS_TEST_TMPDIR/unmounts-itself" "$(full_name "$1"):/usr/bin/unmounts-itself"
}

# `ends_by_itself NAME [EMULATOR]`
ends_by_itself() {
    # shellcheck disable=SC2016
    BOUND=60 script_in "$1" 'set +x; n=0; while [ $n -lt 15 ]; do n=$((n + 1)); mkdir /tmp/m; '"${2:-}"' /usr/bin/unmounts-itself /tmp/m & p=$!
        i=0; until grep -q " /tmp/m fuse" /proc/mounts; do i=$((i + 1)); [ $i -lt 500 ]; sleep 0.02; done
        kill $p; status=0; wait $p || status=$?; rmdir /tmp/m; [ $status = 0 ] || { echo "status $status"; exit 1; }; done'
}

@test "ended: the same for programs that are linked statically, with glibc or musl" {
    local how
    for how in "gcc -static" "gcc -static-pie" "gcc -static -no-pie" "gcc -static -Wl,-z,noseparate-code" "musl-gcc -idirafter /usr/include -static"; do
        # shellcheck disable=SC2086
        compile "$BATS_TEST_TMPDIR/unmounts-itself" unmounts-itself.c $how
        with_program one
        ends_by_itself one || fail "$how" || return
        remove_container one
    done
}

@test "ended: the same for programs of 32 bits" {
    command -v i686-linux-gnu-gcc >/dev/null || missing "i686-linux-gnu-gcc"
    compile "$BATS_TEST_TMPDIR/unmounts-itself" unmounts-itself.c i686-linux-gnu-gcc -static
    with_program one
    ends_by_itself one
    compile "$BATS_TEST_TMPDIR/unmounts-itself" unmounts-itself.c i686-linux-gnu-gcc
    with_program two
    inside two mkdir -p /lib32
    docker cp -L /usr/i686-linux-gnu/lib/ld-linux.so.2 "$(full_name two):/usr/lib/ld-linux.so.2"
    docker cp -L /usr/i686-linux-gnu/lib/libc.so.6 "$(full_name two):/lib32/libc.so.6"
    ends_by_itself two "/usr/lib/ld-linux.so.2 --library-path /lib32"
}

@test "ended: the same for a program of another machine, under QEMU" {
    command -v aarch64-linux-gnu-gcc >/dev/null && command -v qemu-aarch64-static >/dev/null || missing "aarch64-linux-gnu-gcc and qemu-user-static"
    aarch64-linux-gnu-gcc -static -std=gnu11 -D_GNU_SOURCE -O2 -o "$BATS_TEST_TMPDIR/unmounts-itself" "$LINFSP_ROOT/test/helpers/unmounts-itself.c"
    with_program one
    docker cp "$(command -v qemu-aarch64-static)" "$(full_name one):/usr/bin/qemu-aarch64-static"
    ends_by_itself one /usr/bin/qemu-aarch64-static
}

@test "ended: libfuse 2 and 3, linked statically, complain of nothing" {
    local version library
    container one fuse
    wait_until 5 inside one test -S /dev/linfsp/disk
    for version in 29 31; do
        library=fuse$([ $version = 29 ] || echo 3)
        # shellcheck disable=SC2046
        compile "$BATS_TEST_TMPDIR/static-fuse" static-fuse.c gcc -static -DFUSE_USE_VERSION=$version -D_FILE_OFFSET_BITS=64 -- $(pkg-config --cflags --libs --static "$library")
        docker cp "$BATS_TEST_TMPDIR/static-fuse" "$(full_name one):/usr/bin/static-fuse"
        ends one 10 'static-fuse -f /tmp/m'
    done
}
