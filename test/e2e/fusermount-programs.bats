#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Unmodified FUSE programs in default containers, which reach the service through the stand-in: libfuse 2 and 3, go-fuse and bazil's,
# as root and as uid 1000, in the foreground and in the background, with the options that fusermount3 takes.
load ../helpers/common

client=${LINFSP_STATE:-}/commfd-client
stand_in=${LINFSP_STAGE:-}/lib/linfsp/bin/fusermount3
programs=(bindfs sshfs squashfuse fuse-overlayfs gocryptfs rclone)

setup_file() {
    fuse_images || return
    [ -n "$DOCKER_HOST" ] || return 0
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -static -o "$client" "$LINFSP_ROOT/test/helpers/commfd-client.c"
    file_setup || return
    container own fuse
    container none fuse-bare
}

teardown_file() { file_teardown; }

setup() {
    [ -n "$DOCKER_HOST" ] || missing "Docker"
    at=/tmp/m
    for name in own none; do
        script_in "$name" 'mkdir -p /tmp/m /tmp/u/m && chown -R 1000:1000 /tmp/u'
    done
}

teardown() {
    rm -f "$BATS_TEST_TMPDIR/stopped"
    remove_container extra
    for name in own none; do
        for program in "${programs[@]}" commfd-client; do
            pids_in "$name" "${program:0:15}" | xargs -r kill -KILL
        done
        wait_until 3 no_mounts "$name" || fail "$(our_mounts "$(pid_of "$name")")"
        script_in "$name" 'rm -rf /tmp/m /tmp/u /tmp/w*'
    done
}

no_mounts() {
    ! our_mounts "$(pid_of "$1")" | grep -qE ' fuse(\.|$)'
}

# The command of a program that mounts at $at: `command_of PROGRAM fg|bg [OPTIONS]`
command_of() {
    local options=${3:+,$3} here
    here=$(dirname "$at")
    case $1-$2 in
    bindfs-fg) echo "exec bindfs -f -o rw$options /srv/source $at" ;;
    bindfs-bg) echo "bindfs -o rw$options /srv/source $at" ;;
    sshfs-fg) echo "exec sshfs -f -o ssh_command=fake-ssh$options host:/srv/source $at" ;;
    sshfs-bg) echo "sshfs -o ssh_command=fake-ssh$options host:/srv/source $at" ;;
    squashfuse-fg) echo "exec squashfuse -f ${3:+-o $3} /srv/image.squashfs $at" ;;
    squashfuse-bg) echo "squashfuse ${3:+-o $3} /srv/image.squashfs $at" ;;
    fuse-overlayfs-*)
        echo "mkdir -p $here/w1 $here/w2"
        echo "exec fuse-overlayfs $([ "$2" = bg ] || echo -f) -o lowerdir=/srv/source,upperdir=$here/w1,workdir=$here/w2$options $at"
        ;;
    gocryptfs-*)
        echo "mkdir -p $here/w1; [ -e $here/w1/gocryptfs.conf ] || gocryptfs -q -init -plaintextnames -scryptn 10 -extpass 'echo x' $here/w1"
        echo "exec gocryptfs -q $([ "$2" = bg ] || echo -fg) ${3:+-ko $3} -extpass 'echo x' $here/w1 $at"
        ;;
    rclone-*) echo "exec rclone mount --config /dev/null $([ "$2" = fg ] || echo --daemon) :local:/srv/source $at" ;;
    esac
}

# Starts a program as USER in container NAME and waits for its mount: `start NAME USER PROGRAM fg|bg [OPTIONS]`
start() {
    local name=$1 who=$2 mode=$4 script
    script="export HOME=/tmp; $(command_of "${@:3}")"
    if [ "$mode" = fg ]; then
        docker exec -u "$who" "$(full_name "$name")" sh -c "$script" >"$BATS_TEST_TMPDIR/output" 2>&1 3>&- &
    else
        BOUND=20 inside_as "$who" "$name" sh -c "$script" >"$BATS_TEST_TMPDIR/output" 2>&1 ||
            fail "$3 as $who in $name: $(cat "$BATS_TEST_TMPDIR/output")" || return
    fi
    wait_until 10 mounted "$name" "$at" || fail "$3 as $who in $name: $(cat "$BATS_TEST_TMPDIR/output")"
}

type_of() { # NAME: type, mount options, super options at $at
    awk -v at="$at" '$5 == at { for (i = 7; $i != "-"; i++); print $(i + 1), $(i + 2), $6, $(i + 3) }' "/proc/$(pid_of "$1")/mountinfo" | tail -n 1
}

# What is mounted works, for who mounted it: `works NAME USER PROGRAM`
works() {
    case $3 in
    gocryptfs) script_in -u "$2" "$1" "echo hello >$at/file" ;;
    esac
    equal "$3 as $2 in $1" "$(inside_as "$2" "$1" cat "$at/file")" hello || return
    case $3 in
    squashfuse | gocryptfs) ;;
    *) script_in -u "$2" "$1" "ls $at/folder | grep -qx inner; echo new >$at/new; grep -qx new $at/new; rm $at/new" ;;
    esac
}

ended() { # NAME PROGRAM
    [ -z "$(pids_in "$1" "${2:0:15}")" ]
}

# A round of a program's life, unmounted in the end by `fusermount3 FLAGS`: `life NAME USER PROGRAM fg|bg FLAGS [HELPER]`
life() {
    start "$1" "$2" "$3" "$4" || return
    works "$1" "$2" "$3" || return
    inside_as "$2" "$1" "${6:-fusermount3}" "$5" "$at" || fail "$3 as $2 in $1: ${6:-fusermount3} $5 failed" || return
    not mounted "$1" "$at" || fail "$3 as $2 in $1: still mounted" || return
    wait_until 5 ended "$1" "$3" || fail "$3 as $2 in $1: still runs"
}


# In the foreground and in the background, in an image with libfuse's own helper and in one with none, as root and as uid 1000.
everywhere() { # PROGRAM
    local name
    for name in own none; do
        at=/tmp/m
        life "$name" 0 "$1" fg -u || return
        life "$name" 0 "$1" bg -uz fusermount || return
        at=/tmp/u/m
        life "$name" 1000 "$1" fg -uz || return
        life "$name" 1000 "$1" bg -uq || return
    done
}

@test "programs: bindfs (libfuse 2)" {
    everywhere bindfs
}

@test "programs: sshfs (libfuse 3)" {
    everywhere sshfs
}

@test "programs: squashfuse (libfuse 3)" {
    everywhere squashfuse
}

@test "programs: fuse-overlayfs (libfuse 3)" {
    everywhere fuse-overlayfs
}

@test "programs: gocryptfs (go-fuse)" {
    everywhere gocryptfs
}

@test "programs: rclone (bazil's)" {
    everywhere rclone
}

@test "programs: the options of fusermount3, with libfuse 2 and 3" {
    for who in 0 1000; do
        at=/tmp/m
        [ "$who" = 0 ] || at=/tmp/u/m
        for program in bindfs sshfs; do
            for options in allow_other auto_unmount fsname=name subtype=type ro default_permissions max_read=65536 \
                allow_other,auto_unmount,fsname=a,subtype=b,ro,default_permissions; do
                start own "$who" "$program" bg "$options" || return
                line=$(type_of own)
                case $program-$options in
                *-*,*) has "$line" " ro," nosuid nodev allow_other default_permissions ;;
                *-allow_other | *-default_permissions | bindfs-max_read*) has "$line" "$options" ;;
                sshfs-fsname*) has "$line" " name " ;; # bindfs says its own
                sshfs-subtype*) has "$line" "fuse.type " ;;
                *-ro) has "$line" " ro," ;;
                esac || return
                equal "$program -o $options" "$(inside_as "$who" own cat "$at/file")" hello || return
                inside_as "$who" own fusermount3 -u "$at" || return
                wait_until 5 ended own "$program" || return
            done
        done
    done
}

@test "programs: others see a mount with allow_other, and only then" {
    at=/tmp/u/m
    start own 1000 sshfs bg
    refused '' -- docker exec "$(full_name own)" cat "$at/file"
    inside_as 1000 own fusermount3 -u "$at"
    start own 1000 sshfs bg allow_other
    equal "root" "$(inside own cat "$at/file")" hello
    inside_as 1000 own fusermount3 -u "$at"
}

@test "programs: blkdev, and unknown options, are refused" {
    docker cp "$client" "$(full_name own):/tmp/client"
    for who in 0 1000; do
        at=/tmp/m
        [ "$who" = 0 ] || at=/tmp/u/m
        refused "option" -- docker exec -u "$who" "$(full_name own)" squashfuse -o blkdev /srv/image.squashfs "$at" || return
        not mounted own "$at"
        out=$(inside_as "$who" own /tmp/client --at "$at" fusermount3 -o bogus "$at")
        has "$out" eof "fusermount3: unknown option 'bogus'" "mount none" "exit 1" || return
    done
}

@test "programs: one that is killed leaves nothing, with auto_unmount and without" {
    for who in 0 1000; do
        at=/tmp/m
        [ "$who" = 0 ] || at=/tmp/u/m
        for options in rw auto_unmount; do
            for program in bindfs sshfs fuse-overlayfs; do
                start own "$who" "$program" bg "$options" || return
                pids_in own "${program:0:15}" | xargs kill -KILL
                wait_until 3 not mounted own "$at" || return
                wait_until 3 ended own fusermount3 || return
                script_in own "ls $at" || return
            done
        done
    done
}

@test "programs: one that ends by itself leaves nothing" {
    for who in 0 1000; do
        at=/tmp/m
        [ "$who" = 0 ] || at=/tmp/u/m
        for options in rw auto_unmount; do
            start own "$who" bindfs bg "$options" || return
            pids_in own bindfs | xargs kill -TERM
            wait_until 3 not mounted own "$at" || return
            wait_until 3 ended own fusermount3 || return
        done
    done
}

@test "programs: -u leaves what is in use" {
    start own 0 bindfs bg
    docker exec -d "$(full_name own)" /probe hold "$at/file"
    wait_until 3 run_in_number 2 own probe
    refused "failed to unmount $at: Device or resource busy" -- docker exec "$(full_name own)" fusermount3 -u "$at"
    equal "quiet" "$(inside own fusermount3 -uq "$at" 2>&1)" ""
    mounted own "$at"
    inside own fusermount3 -uz "$at"
    not mounted own "$at"
}

@test "programs: uid 1000 may not mount on root's folder, nor unmount root's mount" {
    script_in own 'install -d /tmp/roots'
    refused "" -- docker exec -u 1000 "$(full_name own)" bindfs /srv/source /tmp/roots
    refused "" -- docker exec -u 1000 "$(full_name own)" bindfs /srv/source /etc
    not mounted own /etc
    start own 0 bindfs bg
    refused "entry for $at not found" -- docker exec -u 1000 "$(full_name own)" fusermount3 -u "$at"
    mounted own "$at"
    inside own fusermount3 -u "$at"
}

@test "programs: in a container with a read-only root" {
    container extra fuse --read-only --tmpfs /tmp
    for who in 0 1000; do
        at=/tmp/$who/m
        inside_as "$who" extra mkdir -p "$at"
        life extra "$who" gocryptfs bg -u || return
        life extra "$who" squashfuse fg -uz || return
    done
}

@test "programs: the stand-in in an image that has nothing else" {
    container extra scratch --tmpfs /tmp -v "$client:/client:ro" -e PATH=/bin:/usr/bin
    for helper in fusermount3 fusermount; do
        out=$(inside extra /client --at /tmp "/dev/linfsp/bin/$helper" /tmp)
        has "$out" "message 1 0 1" "fd fuse init" "mount fuse /dev/fuse" "exit 0" || return
        wait_until 3 not mounted extra /tmp fuse
    done
}

@test "programs: without a service the error says where it is to be started" {
    service_stop
    docker cp "$stand_in" "$(full_name none):/tmp/fusermount3"
    for who in 0 1000; do
        out=$(inside_as "$who" none sh -c '_FUSE_COMMFD=0 /tmp/fusermount3 /tmp 2>&1 <>/dev/null' || true)
        has "$out" "sending file descriptor" || return
    done
    docker cp "$client" "$(full_name none):/tmp/client"
    out=$(inside none /tmp/client /tmp/fusermount3 /tmp/m)
    has "$out" "the LinFsp service is not running on the host of this container" "linfsp start" eof "exit 1"
    has "$(inside none sh -c '/tmp/fusermount3 -u /tmp/m 2>&1' || true)" "failed to unmount /tmp/m: Invalid argument"
    service_start
    script_in none 'rm /tmp/fusermount3 /tmp/client'
}

@test "programs: a container with the device and CAP_SYS_ADMIN goes on as before, with a service and without" {
    container extra fuse --device /dev/fuse --cap-add SYS_ADMIN --security-opt apparmor=unconfined --security-opt seccomp=unconfined
    script_in extra 'mkdir -p /tmp/m; chmod 666 /dev/fuse; mkdir -p /tmp/u/m; chown -R 1000 /tmp/u'
    life extra 0 bindfs bg -u
    life extra 0 sshfs fg -uz
    start extra 0 sshfs bg auto_unmount
    works extra 0 sshfs
    pids_in extra sshfs | xargs kill -KILL
    wait_until 3 not mounted extra "$at"
    # the image's own set-user-id helper
    at=/tmp/u/m
    life extra 1000 sshfs bg -u
    # the stand-in, if it comes to be called there, uses its caller's rights
    at=/tmp/m
    docker cp "$stand_in" "$(full_name extra):/tmp/fusermount3"
    docker cp "$client" "$(full_name extra):/tmp/client"
    service_stop
    direct_is_as_usual
    service_start
    direct_is_as_usual
}

direct_is_as_usual() {
    local out
    out=$(inside extra /tmp/client --at "$at" /tmp/fusermount3 -o ro,fsname=a,subtype=b,max_read=8192,allow_other "$at")
    has "$out" "message 1 0 1" "fd fuse init" "mount fuse.b a ro,nosuid,nodev" "max_read=8192" allow_other "exit 0" || return
    inside extra /tmp/fusermount3 -uz "$at" || return
    not mounted extra "$at" || return
    out=$(inside extra /tmp/client --at "$at" /tmp/fusermount3 -o suid,dev "$at")
    has "$out" "fd fuse init" "mount fuse /dev/fuse rw," || return
    has_not "$out" nosuid nodev "err " || return
    inside extra umount "$at" || return
    out=$(inside extra /tmp/client --at "$at" /tmp/fusermount3 -o bogus "$at")
    has "$out" "unknown option 'bogus'" "mount none" "exit 1" || return
    out=$(inside extra /tmp/client --at "$at" /tmp/fusermount3 -o auto_unmount "$at")
    has "$out" "fd fuse init" stays "closed: exit 0, unmounted" || return
    has "$(inside extra sh -c "/tmp/fusermount3 -u $at 2>&1" || true)" "failed to unmount $at: Invalid argument"
}

@test "programs: a mount is shared by -o unc=" {
    docker cp "$client" "$(full_name own):/tmp/client"
    container extra busybox
    docker exec "$(full_name own)" sh -c '/tmp/client --serve --at /tmp/m fusermount3 -o "unc=\server\share,subtype=x" /tmp/m < <(sleep 3; echo)' \
        >"$BATS_TEST_TMPDIR/output" 2>&1 3>&- &
    wait_until 5 mounted own /tmp/m fuse.x || fail "$(cat "$BATS_TEST_TMPDIR/output")"
    wait_until 3 mounted_here /unc/server/share
    wait_until 3 mounted extra /dev/linfsp/unc/server/share
    bounded ls /unc/server/share
    inside extra ls /dev/linfsp/unc/server/share
    inside own fusermount3 -uz /tmp/m
    wait_until 3 not mounted_here /unc/server/share
    wait_until 3 not mounted extra /dev/linfsp/unc/server/share
    script_in own 'rm /tmp/client'
}

share_of_a_remapped_container() {
    container remapped busybox || return
    docker cp "$client" "$(full_name remapped):/client"
    docker exec -e LINFSP_UNC=//server/remapped "$(full_name remapped)" sh -c 'mkdir /m; (sleep 3; echo) | /client --serve --at /m /dev/linfsp/bin/fusermount3 /m' \
        >"$BATS_TEST_TMPDIR/output" 2>&1 3>&- &
    wait_until 5 mounted_here /unc/server/remapped || fail "$(cat "$BATS_TEST_TMPDIR/output")" || return
    bounded ls /unc/server/remapped || return
    remove_container remapped
    wait_until 5 not mounted_here /unc/server/remapped
}

@test "programs: LINFSP_UNC shares what a program mounts that refuses -o unc=, in a user namespace, too" {
    container extra busybox
    at=/tmp/m
    for program in bindfs sshfs; do
        script_in own "mkdir -p /tmp/m; export LINFSP_UNC='\\server\\$program'; $(command_of "$program" bg)"
        equal "$program, here" "$(bounded cat "/unc/server/$program/file")" hello || return
        equal "$program, there" "$(inside extra cat "/unc/server/$program/file")" hello || return
        inside own fusermount3 -u /tmp/m
        not mounted_here "/unc/server/$program" || return
    done
    refused 'in use' -- docker exec "$(full_name own)" sh -c 'export LINFSP_UNC=//server/twice; mkdir -p /tmp/w1 /tmp/w2
        bindfs /srv/source /tmp/w1; bindfs /srv/source /tmp/w2'
    inside own fusermount3 -u /tmp/w1
    [ -n "$DOCKER_HOST_REMAP" ] || missing "an engine with userns-remap"
    DOCKER_HOST=$DOCKER_HOST_REMAP share_of_a_remapped_container
}

shared() { # PREFIX-PATH: on the host and in another container
    mounted_here "/unc/$1" && mounted extra "/dev/linfsp/unc/$1"
}

own_linfsp() { # USER ARGUMENT...
    inside_as "$1" own "$silo_bin/linfsp" "${@:2}"
}

own_linfsp_refused() { # PART USER ARGUMENT...
    refused "$1" -- docker exec -u "$2" "$(full_name own)" "$silo_bin/linfsp" "${@:3}"
}

@test "programs: linfsp share gives what a program mounted a prefix, and linfsp unshare takes it back" {
    container extra busybox
    for who in 0 1000; do
        at=/tmp/m
        [ "$who" = 0 ] || at=/tmp/u/m
        for program in bindfs sshfs; do
            start own "$who" "$program" bg allow_other || return
            own_linfsp "$who" share "$at" '\nas\photos' || return
            wait_until 3 shared nas/photos || return
            equal "$program on the host" "$(bounded cat /unc/nas/photos/file)" hello || return
            script_in extra 'grep -qx hello /dev/linfsp/unc/nas/photos/file' || return
            has "$("$linfsp" volumes)" '\nas\photos' "$at" || return
            own_linfsp_refused "shared already" "$who" share "$at" '\nas\again' || return
            if [ "$program" = bindfs ]; then
                own_linfsp "$who" unshare '\nas\photos' || return
                wait_until 3 not mounted_here /unc/nas/photos || return
                equal "where it was mounted" "$(inside_as "$who" own cat "$at/file")" hello || return
                own_linfsp "$who" share "$at" //nas/photos || return
                wait_until 3 shared nas/photos || return
                inside_as "$who" own fusermount3 -u "$at" || return
            else
                pids_in own sshfs | xargs kill -KILL
            fi
            wait_until 5 not mounted_here /unc/nas/photos || return
            wait_until 5 not test -e /unc/nas || return
            wait_until 5 ended own "$program" || return
        done
    done
}

@test "programs: linfsp share refuses what is another user's, what others may not look into, a prefix in use, and no volume" {
    container extra busybox
    share extra y '\nas\taken'
    start own 0 sshfs bg # bindfs of root's has allow_other in any case
    own_linfsp_refused "allow_other" 0 share "$at" '\nas\photos'
    inside own fusermount3 -u "$at"
    start own 0 bindfs bg allow_other
    own_linfsp_refused "" 1000 share "$at" '\nas\photos'
    own_linfsp_refused "in use" 0 share "$at" '\NAS\taken'
    own_linfsp_refused "" 0 share /etc '\nas\photos'
    own_linfsp_refused "" 0 unshare '\nas\taken'
    refused "" -- docker exec "$(full_name extra)" /dev/linfsp/bin/linfsp share "$at" '\nas\photos'
    not mounted_here /unc/nas/photos
    mounted_here /unc/nas/taken
    own_linfsp 0 share "$at" '\nas\photos'
    own_linfsp_refused "" 1000 unshare '\nas\photos'
    mounted_here /unc/nas/photos
    inside own fusermount3 -u "$at"
}

# ---- programs installed later ------------------------------------------------------------------------------------------------

answers() { # NAME WORD
    [[ $(inside "$1" fusermount3 --version) == *$2* ]]
}

@test "programs: a package manager installs a helper, replaces it and removes it; the stand-in is run in its place" {
    container later debian
    docker cp /usr/bin/fusermount3 "$(full_name later):/tmp/helper"
    for version in 1 2; do
        # as dpkg does it: written beside its place, then renamed over it
        script_in later '
            cp /tmp/helper /usr/bin/fusermount3.dpkg-new; chmod 4755 /usr/bin/fusermount3.dpkg-new
            mv /usr/bin/fusermount3.dpkg-new /usr/bin/fusermount3; chmod 4755 /usr/bin/fusermount3'
        wait_until 3 answers later LinFsp
        inside later cat /usr/bin/fusermount3 | cmp - /usr/bin/fusermount3
    done
    # what only has such a name is the image's own affair
    script_in later 'printf "#!/bin/sh\necho mine\n" >/tmp/mine; chmod 755 /tmp/mine; mv /tmp/mine /usr/bin/fusermount3'
    wait_until 3 answers later mine
    inside later rm /usr/bin/fusermount3
    remove_container later
}

# To the service, its device closing is the end of a server: that of one who could write, as servers do.
close_device() {
    (: <>"$(compgen -G '/run/linfsp/private/volume-*')")
}

workers() {
    pgrep -P "$(service_pid)" linfspd-worker
}

# A worker that does not answer for some seconds is replaced: its successor is stopped as well, as soon as it is there. Until the file
# has gone. Without a process of its own for each look, so that a worker does not get far.
keep_workers_stopped() { # FILE
    local service children pid name
    service=$(service_pid)
    while [ -e "$1" ]; do
        read -r children <"/proc/$service/task/$service/children"
        for pid in $children; do
            { read -r name <"/proc/$pid/comm" && [[ $name = linfspd-worker* ]] && kill -STOP "$pid"; } 2>/dev/null
        done
    done
}

# A mount whose server's device closes while the workers are stopped; what its program says is in `output`.
end_while_it_is_made() {
    local stopper asker
    touch "$BATS_TEST_TMPDIR/stopped"
    keep_workers_stopped "$BATS_TEST_TMPDIR/stopped" 3>&- &
    stopper=$!
    docker exec "$(full_name own)" /tmp/client --at /tmp/m fusermount3 -o 'unc=\new\one' /tmp/m >"$BATS_TEST_TMPDIR/output" 2>&1 3>&- &
    asker=$!
    wait_until 10 close_device
    sleep 0.2
    rm "$BATS_TEST_TMPDIR/stopped"
    wait "$stopper"
    workers | xargs -r kill -CONT
    wait_until 10 gone "$asker" || fail "it still waits"
}

@test "programs: a volume that is ended while it is being made: its program is told at once" {
    local try
    docker cp "$client" "$(full_name own):/tmp/client"
    # on a busy machine it may be made before the workers are stopped, or not be asked for in time
    for try in 1 2 3 4 5 6; do
        end_while_it_is_made && grep -q eof "$BATS_TEST_TMPDIR/output" && break
        wait_until 5 not mounted own /tmp/m
    done
    has "$(cat "$BATS_TEST_TMPDIR/output")" eof "the volume was ended while it was being made: its server has ended" "exit 1"
    wait_until 3 not mounted own /tmp/m
    not mounted_here /unc/new/one
    equal "volumes" "$("$linfsp" volumes --json | jq length)" 0
    script_in own 'rm /tmp/client'
}

@test "programs: two that mount over each other are unmounted from the top" {
    at=/tmp/m
    script_in own 'mkdir -p /tmp/m /tmp/w1; echo upper >/tmp/w1/file; bindfs /srv/source /tmp/m; bindfs -o nonempty /tmp/w1 /tmp/m'
    equal "on top" "$(inside own cat /tmp/m/file)" upper
    inside own fusermount3 -u /tmp/m
    equal "below it" "$(inside own cat /tmp/m/file)" hello
    inside own fusermount3 -uz /tmp/m
    not mounted own /tmp/m
    wait_until 5 ended own bindfs
}

@test "programs: of several that mount over each other and die together, or one by one from below, nothing stays" {
    at=/tmp/m
    local stack='servers=; mkdir -p /tmp/m; for i in 1 2 3 4; do
        bindfs -f -o nonempty /srv/source /tmp/m & servers="$servers $!"
        until [ "$(grep -c " /tmp/m " /proc/mounts)" = $i ]; do sleep 0.02; done; done'
    script_in own "$stack"'; kill -KILL $servers'
    wait_until 5 not mounted own /tmp/m
    script_in own "$stack"'; set -- $servers; kill -KILL $1 $2 $3; sleep 0.3; cat /tmp/m/file; kill -KILL $4'
    wait_until 5 not mounted own /tmp/m
    equal "volumes" "$("$linfsp" volumes --json | jq length)" 0
}

@test "programs: a mount whose folder has another name by now is unmounted by that" {
    at=/tmp/u/m
    for undo in 'fusermount3 -u' 'fusermount3 -uz' umount; do
        start own 1000 bindfs bg || return
        inside_as 1000 own mv /tmp/u/m /tmp/u/w1 2>/dev/null && fail "a mount point was renamed" && return 1
        inside own mv /tmp/u /tmp/w2
        equal file "$(inside_as 1000 own cat /tmp/w2/m/file)" hello || return
        read -ra command <<<"$undo"
        inside_as 1000 own "${command[@]}" /tmp/w2/m || fail "$undo" || return
        not mounted own /tmp/w2/m || return
        inside own mv /tmp/w2 /tmp/u
        wait_until 5 ended own bindfs || return
    done
    start own 1000 bindfs bg
    script_in own 'mv /tmp/u /tmp/w2; mkdir -m 777 /tmp/u'
    refused 'not found' -- docker exec -u 1001 "$(full_name own)" fusermount3 -u /tmp/w2/m
    inside own fusermount3 -u /tmp/w2/m
}

@test "programs: one that is unmounted while it ends, by whomever, is unmounted, and nobody is told to close files" {
    script_in own 'mkdir -p /tmp/m'
    for _ in {1..10}; do
        inside own bindfs /srv/source /tmp/m
        pids_in own bindfs | xargs -r kill
        said=$(inside own sh -c '/dev/linfsp/bin/linfsp umount /tmp/m & /dev/linfsp/bin/linfsp umount /tmp/m; wait' 2>&1 || true)
        has_not "$said" "files in it are open" || return
        wait_until 5 not mounted own /tmp/m || return
        wait_until 5 ended own bindfs || return
    done
}
