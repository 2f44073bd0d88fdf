#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# As long as nobody on the machine has a network volume, /unc in a container is the container's: what is done there has the result that
# it has without LinFsp. It comes with the first network volume, everywhere at once, and leaves alone what a container has there by then.
load ../helpers/common

setup_file() {
    file_setup || return
    [ -z "$DOCKER_HOST" ] || "$LINFSP_ROOT/test/helpers/fuse-image" fuse >/dev/null 2>&1
}
teardown_file() { file_teardown; }
setup() { service_runs; }
teardown() {
    remove_containers
    DOCKER_HOST=$DOCKER_HOST_PLAIN
}

box() { # NAME IMAGE [OPTION...]
    container "$@"
    wait_until 5 inside "$1" test -S /dev/linfsp/disk
}

# What each way of using /unc says, its status, and what is there then.
write_ways() { # FILE
    cat >"$1" <<'END'
mkdir /unc
rmdir /unc
rmdir /unc
mkdir -p /unc/a/b && echo x >/unc/a/b/c
cp -r /unc /copy && rm -rf /unc
mv /copy /unc
mv /unc /else
ln -s /else /unc
rm /unc
cp -r /else /unc
rm -rf /unc
echo text >/unc
rm /unc
mkdir -m 700 /unc && chmod 755 /unc && chown 1000:1000 /unc && touch -d @1000 /unc
tar -C / -cf /tar unc && rm -rf /unc
tar -C / -xf /tar
tar -C / -xf /tar
rm -r /unc
cd / && mkdir unc && cd unc && echo here >file && pwd -P
ls -A /unc; ls / | grep unc
rm -rf /unc /else /copy /tar
ls /unc
stat -c %F /unc
test -e /unc
mknod /unc p
rm /unc
END
}

every_way() { # NAME FILE
    docker exec -i "$(full_name "$1")" sh -c 'n=0; while read -r way; do n=$((n + 1)); echo "== $way"
        sh -c "$way" </dev/null 2>&1; echo "status $?"; stat -c "%F %a %u %g" /unc 2>&1; done' <"$2"
    docker diff "$(full_name "$1")" | sort
}

# The same in a container of the same image that goes without LinFsp.
compare_ways() { # IMAGE OPTION...
    write_ways "$BATS_TEST_TMPDIR/ways"
    box one "$@"
    container off "$@" -e LINFSP=off
    every_way off "$BATS_TEST_TMPDIR/ways" >"$BATS_TEST_TMPDIR/without" 2>&1 || return
    every_way one "$BATS_TEST_TMPDIR/ways" >"$BATS_TEST_TMPDIR/with" 2>&1 || return
    grep -q 'status 0' "$BATS_TEST_TMPDIR/without" && grep -q 'status 1' "$BATS_TEST_TMPDIR/without" || return
    diff "$BATS_TEST_TMPDIR/without" "$BATS_TEST_TMPDIR/with" || return
    remove_container one off
}

@test "unc: every way of making, moving and removing it has the result that it has without LinFsp" {
    [ -n "$DOCKER_HOST" ] || missing "Docker"
    compare_ways busybox
    compare_ways debian
    compare_ways debian --read-only
    compare_ways debian --user 1000
    mkdir "$BATS_TEST_TMPDIR/given"
    compare_ways busybox -v "$BATS_TEST_TMPDIR/given:/unc"
}

@test "unc: the same in a container with a user namespace of its own" {
    [ -n "$DOCKER_HOST_REMAP" ] || missing "a second engine"
    DOCKER_HOST=$DOCKER_HOST_REMAP
    compare_ways busybox
    box one busybox
    share one y '\remapped\share'
    inside one ls /unc/remapped/share
    signal_memfs TERM one
    wait_until 20 not in_table "$(pid_of one)" /unc
    script_in one 'mkdir /unc; rmdir /unc; [ -d /dev/linfsp/unc ]'
}

@test "unc: programs and the engine make it without a command" {
    [ -n "$DOCKER_HOST" ] || missing "Docker"
    box one fuse
    mkdir -p "$BATS_TEST_TMPDIR/unc/sub"
    echo copied >"$BATS_TEST_TMPDIR/unc/sub/file"
    docker cp -q "$BATS_TEST_TMPDIR/unc" "$(full_name one):/unc"
    equal "what docker cp has put there" "$(inside one cat /unc/sub/file)" copied
    script_in one 'rm -r /unc; no test -e /unc'
    box two debian
    bounded docker exec "$(full_name two)" bash -c 'mkfifo /unc && [ -p /unc ] && rm /unc && : >/unc && [ -f /unc ]'
}

@test "unc: it comes with the first network volume, before the volume's program says that it is there, in every container that has none" {
    [ -n "$DOCKER_HOST" ] || missing "Docker"
    local name ours
    box one debian
    box own debian
    box file debian
    box read-only debian --read-only
    box server debian
    script_in own 'mkdir -p /unc/server && echo mine >/unc/server/file'
    script_in file 'echo mine >/unc'
    for name in one own file read-only; do
        ours=$(inside "$name" grep -cE 'linfsp-(run|unc)' /proc/self/mountinfo)
        equal "mounts of ours in $name" "$ours" 2
        inside "$name" test -d /dev/linfsp/unc
    done
    share server y '\server\share'
    echo text >"/proc/$(pid_of server)/root/mnt/y/file"
    for name in one server read-only; do
        equal "in $name" "$(inside "$name" cat /unc/server/share/file)" text
        equal "its real path in $name" "$(inside "$name" sh -c 'cd /dev/linfsp/unc/server/share && pwd -P')" /unc/server/share
    done
    equal "a container's own" "$(inside own cat /unc/server/file)" mine
    equal "a container's own file" "$(inside file cat /unc)" mine
    for name in own file; do
        equal "beside that" "$(inside "$name" cat /dev/linfsp/unc/server/share/file)" text
    done
    for name in one own file read-only server; do
        equal "mounts of ours in $name" "$(inside "$name" grep -cE ' (/dev/linfsp|/unc|/dev/linfsp/unc) .* linfsp-(run|unc) ' /proc/self/mountinfo)" 2
    done
    equal "docker diff of one" "$(docker diff "$(full_name one)")" ""
    box late debian
    equal "in one that starts later" "$(inside late cat /unc/server/share/file)" text
    signal_memfs TERM server
    wait_until 5 not test -e /unc/server
    script_in own 'rm -r /unc && mkdir /unc && rmdir /unc'
}

@test "unc: twenty containers have it when memfs says that its volume is there" {
    [ -n "$DOCKER_HOST" ] || missing "Docker"
    local i lacking=0
    for i in {1..20}; do
        container "box$i" busybox
    done
    for i in {1..20}; do
        wait_until 10 inside "box$i" test -S /dev/linfsp/disk
    done
    "$here_memfs" -b -i -F NTFS -u '\host\share' 3>&-
    for i in {1..20}; do
        in_table "$(pid_of "box$i")" /unc autofs || lacking=$((lacking + 1))
    done
    "$linfsp" umount '\\host\share'
    equal "containers without /unc" "$lacking" 0
}

@test "unc: a container that waits for it has it after a restart of the service, and after a kill" {
    [ -n "$DOCKER_HOST" ] || missing "Docker"
    local end
    for end in service_stop service_kill; do
        box one debian
        "$end"
        service_start
        wait_until 5 inside one test -S /dev/linfsp/disk
        script_in one 'mkdir /unc && rmdir /unc'
        share one y '\one\share'
        inside one test -d /unc/one/share
        inside one test -d /dev/linfsp/unc/one/share
        remove_container one
    done
}

@test "unc: linfsp share waits for it, too" {
    [ -n "$DOCKER_HOST" ] || missing "Docker"
    box one debian
    box two debian
    disk one z
    inside one "$silo_bin/linfsp" share /mnt/z '\\one\later'
    inside two test -d /unc/one/later
}

@test "unc: it goes some seconds after the last network volume, and comes again" {
    [ -n "$DOCKER_HOST" ] || missing "Docker"
    local name
    box one debian
    box two debian
    box own debian
    box three busybox
    inside own mkdir /unc
    share one y '\one\share'
    bounded docker exec -d "$(full_name two)" sh -c 'cd /unc && exec sleep 1000'
    inside three ls /unc/one/share
    signal_memfs TERM one
    for name in one two three; do
        wait_until 20 not in_table "$(pid_of "$name")" /unc
        wait_until 5 script_in "$name" 'mkdir /unc; rmdir /unc; [ -d /dev/linfsp/unc ]'
        equal "docker diff of $name" "$(docker diff "$(full_name "$name")")" ""
    done
    [ -n "$(pids_in two sleep)" ]
    script_in own 'rmdir /unc'
    share one y '\one\share'
    for name in one two three; do
        inside "$name" ls /unc/one/share
    done
    inside own ls /dev/linfsp/unc/one/share
}
