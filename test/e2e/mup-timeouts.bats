#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Nobody waits for ever at a share: who asks it something gets an error after its time-out, whatever serves it.
load ../helpers/common
load ../helpers/attacks

setup_file() {
    build_attacks
    fuse_images || return
    [ -n "$DOCKER_HOST" ] || return 0
    wait_until "${LINFSP_TEST_WAIT:-2}" not service_answers || fail "another LinFsp service runs" || return
    : >"$LINFSP_STATE/linfspd.log"
    # 30 s is the least there is
    printf '[rule short]\nname = *-short*\nrequest_timeout = 30\n' >"$LINFSP_STATE/timeouts.conf"
    service_start "--config=$LINFSP_STATE/timeouts.conf"
}
teardown_file() { file_teardown; }
setup() { [ -n "$DOCKER_HOST" ] || missing "Docker"; }
teardown() {
    [ -z "${walkers:-}" ] || kill -KILL "${walkers[@]}" 2>/dev/null || true
    pids_in long memfs | xargs -r kill -CONT
    remove_containers
}

# Somebody on the host asks for a file, in the background: `asks SHARE`
asks() {
    (cat "/unc/timeouts/$1/new" >"$BATS_TEST_TMPDIR/$1" 2>&1 || true; date +%s >"$BATS_TEST_TMPDIR/$1.at") 3>&- 9>&- &
    walkers+=("$!")
}

@test "timeouts: of liblinfsp's servers, of programs that came by fusermount3 or were shared later; those of other containers go on" {
    container short busybox
    container short-own fuse
    container long busybox
    share short y '\timeouts\native'
    share long y '\timeouts\long'
    docker exec -d -e 'LINFSP_UNC=\timeouts\brought' "$(full_name short-own)" bindfs -f /srv/source /tmp
    script_in short-own 'mkdir -p /mnt/later'
    docker exec -d "$(full_name short-own)" bindfs -f -o allow_other /srv/source /mnt/later
    wait_mounted short-own /mnt/later
    inside short-own "$silo_bin/linfsp" share /mnt/later '\timeouts\shared'
    for share in native long brought shared; do
        wait_until 5 ls "/unc/timeouts/$share/"
    done
    signal_memfs STOP short
    signal_memfs STOP long
    pids_in short-own bindfs | xargs kill -STOP
    for share in native long brought shared; do asks "$share"; done
    local begin=$SECONDS
    for share in native brought shared; do
        wait_until 65 test -e "$BATS_TEST_TMPDIR/$share.at" || fail "$share: somebody still waits after $((SECONDS - begin)) s" || return
        equal "$share" "$(sed 's/.*: //' "$BATS_TEST_TMPDIR/$share" | grep -cxE \
            'Transport endpoint is not connected|Software caused connection abort|Connection timed out|Input/output error')" 1 ||
            fail "$(cat "$BATS_TEST_TMPDIR/$share")" || return
        BOUND=3 refused '' -- ls "/unc/timeouts/$share/" # at once
    done
    echo "after $((SECONDS - begin)) s" >&3
    [ $((SECONDS - begin)) -ge 29 ] || fail "it took $((SECONDS - begin)) s only"
    not test -e "$BATS_TEST_TMPDIR/long.at"
    signal_memfs CONT short # the kernel cut it off; it notices when it runs again
    for share in native brought shared; do wait_until 5 not test -e "/unc/timeouts/$share"; done
    signal_memfs CONT long
    wait_until 5 test -e "$BATS_TEST_TMPDIR/long.at"
    equal "who waited longer" "$(sed 's/.*: //' "$BATS_TEST_TMPDIR/long")" "No such file or directory"
}

# Whoever lists a folder into memory that never comes holds its lock: also in a folder that the host gave to the container to read.
@test "timeouts: a folder that the host shares with a container read-only is frozen for the host until the container's volume ends" {
    mkdir "$BATS_TEST_TMPDIR/shared"
    attacker listing-short -v "$BATS_TEST_TMPDIR/shared:/shared:ro"
    local begin=$SECONDS
    attack_in listing-short hung list /shared
    (touch "$BATS_TEST_TMPDIR/shared/new" && date +%s >"$BATS_TEST_TMPDIR/made.at") 3>&- 9>&- &
    walkers+=("$!")
    sleep 2
    not test -e "$BATS_TEST_TMPDIR/made.at"
    wait_until 65 test -e "$BATS_TEST_TMPDIR/made.at" || fail "the host still waits after $((SECONDS - begin)) s"
    echo "after $((SECONDS - begin)) s" >&3
    touch "$BATS_TEST_TMPDIR/shared/more"
}
