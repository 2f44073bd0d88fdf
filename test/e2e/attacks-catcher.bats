#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The catcher is asked before programs of all containers are executed: nobody can make it wait for them.
load ../helpers/common
load ../helpers/attacks

setup_file() {
    source "$LINFSP_ROOT/packaging/packages.bash"
    install_packages fuse3 || return
    build_attacks
    file_setup || return
    [ -z "$DOCKER_HOST" ] || "$LINFSP_ROOT/test/helpers/fuse-image" fuse >/dev/null 2>&1
}

teardown() {
    end_under
    remove_containers
    no_hung_tasks
}

# A user's container whose helper is on layers above a FUSE file system that stops answering: `start_under SILENCE`
start_under() {
    chmod 711 "$BATS_TEST_TMPDIR" "${BATS_TEST_TMPDIR%/*}" "${BATS_TEST_TMPDIR%/*/*}"
    install -d -o 54321 -g 54321 "$BATS_TEST_TMPDIR/under"
    [ -e "$BATS_TEST_TMPDIR/fuse" ] || mknod -m 666 "$BATS_TEST_TMPDIR/fuse" c 10 229 # the machine's may be root's alone
    build_helper
    setpriv --reuid 54321 --regid 54321 --clear-groups --inh-caps=-all "$attacks/under" "$BATS_TEST_TMPDIR/under" \
        "$BATS_TEST_TMPDIR/helper" "$BATS_TEST_TMPDIR/fuse" "$1" >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- </dev/null &
    under=$!
    wait_until 15 grep -q ready "$BATS_TEST_TMPDIR/said" || fail "no attack: $(cat "$BATS_TEST_TMPDIR/said")"
}

build_helper() {
    gcc -static -include stdio.h -x c -o "$BATS_TEST_TMPDIR/helper" - <<<'int main() { puts("_FUSE_COMMFD of the image"); }'
}

end_under() {
    [ -z "${under:-}" ] || kill -KILL "$under" 2>/dev/null # its children end with it
    under=
}

@test "attacks: a helper on an overlayfs above a FUSE file system that hangs keeps nobody else's helper waiting" {
    container one fuse
    wait_until 15 runs_the_stand_in one
    for silence in open read flush getattr mark; do
        start_under "$silence" || return
        # as long as it answers it is served like any
        [ "$silence" = mark ] || has "$(cat "$BATS_TEST_TMPDIR/said")" LinFsp || fail "$silence" || return
        nobody_waits_but_the_attacker one || fail "$silence" || return
        end_under
    done
}

@test "attacks: the same, in a user namespace that root of a container made" {
    container one fuse
    wait_until 15 runs_the_stand_in one
    container evil busybox --security-opt seccomp=unconfined --device /dev/fuse
    build_helper
    docker cp "$BATS_TEST_TMPDIR/helper" "$(full_name evil):/helper"
    docker cp "$attacks/under" "$(full_name evil):/under"
    inside evil mkdir /folder
    attack_in evil under /folder /helper /dev/fuse open
    nobody_waits_but_the_attacker one
}

@test "attacks: a mount namespace whose end waits, and that ends while its mount table is read, keeps nobody else waiting" {
    container one fuse
    wait_until 15 runs_the_stand_in one
    container evil busybox --security-opt seccomp=unconfined --device /dev/fuse
    build_helper
    docker cp "$BATS_TEST_TMPDIR/helper" "$(full_name evil):/bin/fusermount3"
    docker cp "$attacks/last" "$(full_name evil):/last"
    wait_until 15 runs_the_stand_in evil
    inside evil mkdir /folder
    attack_in evil last /folder /dev/fuse /bin/fusermount3
    nobody_waits_but_the_attacker one
}

@test "attacks: a program that is executed with arguments in memory that hangs keeps nobody else's program waiting" {
    container one fuse
    wait_until 15 runs_the_stand_in one
    attacker evil
    attack_in evil hung argv /bin/busybox
    nobody_waits_but_the_attacker one
    timed inside evil busybox true
    [ "$elapsed" -lt 2000 ] || fail "another program of the attacker's container took $elapsed ms"
}

@test "attacks: a helper that is executed while another thread is held in execve keeps nobody else's helper waiting" {
    container one fuse
    wait_until 15 runs_the_stand_in one
    local catcher
    catcher=$(catcher_pid)
    attacker evil
    build_helper
    docker cp "$BATS_TEST_TMPDIR/helper" "$(full_name evil):/bin/fusermount3"
    wait_until 15 runs_the_stand_in evil
    attack_in evil hung exec /bin/fusermount3
    nobody_waits_but_the_attacker one
    equal "the catcher" "$(catcher_pid)" "$catcher"
}

nobody_waits_but_the_attacker() { # NAME: of another container
    for _ in {1..10}; do
        timed inside "$1" fusermount3 --version
        [ "$elapsed" -lt 2000 ] || fail "another container's helper took $elapsed ms" || return
        sleep 0.2
    done
    wait_until 5 runs_the_stand_in "$1"
    all_is_well
}

runs_the_stand_in() { # NAME
    [[ $(inside "$1" fusermount3 --version) == *LinFsp* ]]
}
