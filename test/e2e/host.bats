#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# bats file_tags=machine
# The same memfs on the host itself: for root, and for an ordinary user, who may mount only on a directory of their own.
load ../helpers/common

setup_file() {
    file_setup
    install -d -o 54321 -g 54321 "$LINFSP_STATE/user"
}
teardown_file() { file_teardown; }
setup() { service_runs; }
teardown() {
    end_host_memfs
    remove_containers
    wait_until 5 no_host_volumes
}

no_host_volumes() {
    [ -z "$(our_mounts self | grep -E ' fuse\.' | new_since mounts)" ]
}

user=(setpriv --reuid 54321 --regid 54321 --clear-groups --inh-caps=-all)

user_memfs() {
    memfs_output=$BATS_TEST_TMPDIR/memfs.$RANDOM
    "${user[@]}" "$here_memfs" "$@" >"$memfs_output" 2>&1 3>&- &
    memfs_pid=$!
    echo "$memfs_pid" >>"$LINFSP_STATE/memfs.pids"
}

@test "host: root has a disk at a letter, which no container sees" {
    container one busybox
    start_memfs_here -i -F NTFS -m Z:
    wait_until 5 mounted_here /mnt/z fuse.NTFS || fail "$(cat "$memfs_output")"
    bounded sh -c 'echo hello >/mnt/z/File; cat /mnt/z/FILE' | grep hello
    not mounted one /mnt/z
    script_in one 'no test -e /mnt/z/File'
    kill -TERM "$memfs_pid"
    wait "$memfs_pid"
    not mounted_here /mnt/z
    [ ! -e /mnt/z ]
}

@test "host: root has one at a directory, which is made and removed" {
    start_memfs_here -F NTFS -m "$LINFSP_STATE/volume"
    wait_until 5 mounted_here "$LINFSP_STATE/volume" fuse.NTFS
    kill -KILL "$memfs_pid"
    wait_until 5 not test -e "$LINFSP_STATE/volume"
}

@test "host: a share of the host is in every container, earlier and later" {
    container early busybox
    start_memfs_here -i -F NTFS -m Y: -u '\host\share'
    wait_until 5 mounted_here /unc/host/share fuse.NTFS
    container late busybox
    bounded sh -c 'echo hello >/mnt/y/file'
    for name in early late; do
        equal "in $name" "$(inside "$name" cat /unc/host/share/file)" hello
        script_in "$name" "echo $name >/unc/host/share/$name"
        equal "from $name" "$(bounded cat "/mnt/y/$name")" "$name"
    done
    memfs_refused early '\host\share' -- -F NTFS -u '\host\share'
    # it would be mounted in every container
    mkdir /mnt/y/folder
    refused 'nothing may be mounted under /unc' -- "$here_memfs" -F NTFS -m /unc/host/share/folder
    not mounted early /dev/linfsp/unc/host/share/folder
    kill -TERM "$memfs_pid"
    wait_until 5 not mounted_here /unc/host/share
    wait_until 5 not mounted early /dev/linfsp/unc/host/share
}

@test "host: an ordinary user mounts on a directory of their own" {
    install -d -o 54321 -g 54321 "$LINFSP_STATE/user/empty"
    user_memfs -F NTFS -m "$LINFSP_STATE/user/empty"
    wait_until 5 mounted_here "$LINFSP_STATE/user/empty" fuse.NTFS || fail "$(cat "$memfs_output")"
    bounded "${user[@]}" sh -c 'echo x >"$1/file"; cat "$1/file"' sh "$LINFSP_STATE/user/empty"
    equal "owner of its root" "$(bounded "${user[@]}" stat -c %u "$LINFSP_STATE/user/empty")" 54321
    refused "Permission denied" -- stat "$LINFSP_STATE/user/empty"
    user_memfs -F NTFS -m "$LINFSP_STATE/user/made"
    wait_until 5 mounted_here "$LINFSP_STATE/user/made" fuse.NTFS || fail "$(cat "$memfs_output")"
    kill -TERM "$memfs_pid"
    wait_until 5 not test -e "$LINFSP_STATE/user/made"
}

@test "host: a user's disk can be given to a container where /etc/fuse.conf has user_allow_other, and there only" {
    [ -n "$DOCKER_HOST" ] || missing "Docker"
    [ -e /etc/fuse.conf ] || missing "/etc/fuse.conf"
    install -d -o 54321 -g 54321 "$LINFSP_STATE/user/given"
    user_memfs -F NTFS -m "$LINFSP_STATE/user/given"
    wait_until 5 mounted_here "$LINFSP_STATE/user/given" fuse.NTFS || fail "$(cat "$memfs_output")"
    not container_once busybox -v "$LINFSP_STATE/user/given:/data" -- ls /data
    kill -TERM "$memfs_pid"
    wait_until 5 not mounted_here "$LINFSP_STATE/user/given"
    echo user_allow_other >"$BATS_TEST_TMPDIR/fuse.conf"
    mount --bind "$BATS_TEST_TMPDIR/fuse.conf" /etc/fuse.conf
    user_memfs -F NTFS -m "$LINFSP_STATE/user/given"
    wait_until 5 mounted_here "$LINFSP_STATE/user/given" fuse.NTFS || fail "$(cat "$memfs_output")" || { umount /etc/fuse.conf && return 1; }
    umount /etc/fuse.conf
    bounded "${user[@]}" sh -c 'echo hello >"$1/file"' sh "$LINFSP_STATE/user/given"
    equal "what the container reads" "$(container_once busybox -v "$LINFSP_STATE/user/given:/data" -- cat /data/file)" hello
    container_once busybox -v "$LINFSP_STATE/user/given:/data" -- ls -a /data | grep -qx file
    kill -TERM "$memfs_pid"
    wait_until 5 not mounted_here "$LINFSP_STATE/user/given"
}

@test "host: an ordinary user may not mount on a letter, nor on a directory of somebody else, not even a writable one" {
    install -d "$LINFSP_STATE/roots"
    install -d -m 1777 "$LINFSP_STATE/anyones"
    refused "only root may use letters" -- "${user[@]}" "$here_memfs" -F NTFS -m Z: || return
    for target in "$LINFSP_STATE/roots" "$LINFSP_STATE/anyones" /tmp /etc /home; do
        refused "$target" -- "${user[@]}" "$here_memfs" -F NTFS -m "$target" || return
    done
    refused "$LINFSP_STATE/roots/new" -- "${user[@]}" "$here_memfs" -F NTFS -m "$LINFSP_STATE/roots/new"
    no_host_volumes
    [ ! -e /mnt/z ]
    [ ! -e "$LINFSP_STATE/roots/new" ]
}

@test "host: an ordinary user can not unmount another's volume, nor stop the service" {
    start_memfs_here -F NTFS -m Y: -u '\host\share'
    wait_until 5 mounted_here /unc/host/share
    refused '' -- "${user[@]}" "$linfsp" umount '\host\share'
    refused '' -- "${user[@]}" "$linfsp" umount /mnt/y
    refused root -- "${user[@]}" "$linfsp" stop
    mounted_here /unc/host/share
    service_answers
}

@test "host: a link in the place of the mount point is not followed elsewhere" {
    install -d -o 54321 -g 54321 "$LINFSP_STATE/user"
    "${user[@]}" ln -sfn /etc "$LINFSP_STATE/user/link"
    refused "$LINFSP_STATE/user/link" -- "${user[@]}" "$here_memfs" -F NTFS -m "$LINFSP_STATE/user/link"
    not mounted_here /etc
    "${user[@]}" rm "$LINFSP_STATE/user/link"
}

@test "host: memfs starts the service itself where it may, and is told how where it may not" {
    service_stop
    refused "linfsp start" -- "${user[@]}" "$here_memfs" -F NTFS -m "$LINFSP_STATE/user/none"
    [ ! -e "$LINFSP_STATE/user/none" ]
    start_memfs_here -F NTFS -m Z:
    wait_until 8 mounted_here /mnt/z fuse.NTFS || fail "$(cat "$memfs_output")"
    "$linfsp" status
    end_host_memfs
    wait_until 5 not mounted_here /mnt/z
    BOUND=20 bounded "$linfsp" stop
    not service_answers
    nothing_left
    service_start
}

@test "host: one ordinary user with all the connections and volumes there are keeps out neither root nor another user" {
    service_stop
    printf 'max_volumes_per_silo = 64\nmax_connections_per_silo = 128\n' >"$BATS_TEST_TMPDIR/linfsp.conf"
    service_start "--config=$BATS_TEST_TMPDIR/linfsp.conf"
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -static -I "$LINFSP_ROOT/src" -o "$LINFSP_STATE/user/client" "$LINFSP_ROOT/test/helpers/hostile-client.c"
    "${user[@]}" "$LINFSP_STATE/user/client" crowd /run/linfsp/host/disk 2000 >"$BATS_TEST_TMPDIR/crowd" 2>&1 3>&- &
    client=$!
    wait_until 5 grep held "$BATS_TEST_TMPDIR/crowd"
    install -d -o 54322 "$LINFSP_STATE/other"
    for who in 0 54322; do
        timed setpriv --reuid "$who" --clear-groups "$linfsp" volumes
        [ "$elapsed" -lt 1500 ]
        setpriv --reuid "$who" --clear-groups "$here_memfs" -b -F NTFS -m "$LINFSP_STATE/other/$who"
        setpriv --reuid "$who" --clear-groups "$linfsp" umount "$LINFSP_STATE/other/$who"
    done
    refused '' -- "${user[@]}" "$linfsp" volumes
    kill "$client"
    wait_until 5 "${user[@]}" "$linfsp" volumes
    made=0
    while "${user[@]}" "$here_memfs" -b -n 1 -s 0 -F NTFS -m "$LINFSP_STATE/user/v$made" >/dev/null 2>"$BATS_TEST_TMPDIR/refusal"; do
        made=$((made + 1))
    done
    equal "volumes of the user" "$made" 64
    has "$(cat "$BATS_TEST_TMPDIR/refusal")" max_volumes_per_silo
    for who in 0 54322; do
        setpriv --reuid "$who" --clear-groups "$here_memfs" -b -F NTFS -m "$LINFSP_STATE/other/$who"
        setpriv --reuid "$who" --clear-groups "$linfsp" umount "$LINFSP_STATE/other/$who"
    done
    "${user[@]}" "$linfsp" umount --all
    wait_until 5 no_host_volumes
    service_stop
    service_start
}

# A container that a user makes, in a user namespace of its own: `bubble UID`. Its pid goes to $bubbles.
bubble() {
    setpriv --reuid "$1" --regid "$1" --clear-groups --inh-caps=-all bwrap --die-with-parent --unshare-user --unshare-pid --uid "$RANDOM" \
        --ro-bind /usr /usr --symlink usr/lib /lib --symlink usr/lib64 /lib64 --dev /dev /usr/bin/sleep 60 >/dev/null 2>&1 3>&- &
    bubbles+=("$!")
}

# Those that this test made: the machine may have others.
silos_there() { # COUNT
    local pid count=0
    for pid in $("$linfsp" silos --json | jq '.[].init_pid'); do
        if some_ancestor "$pid" is_this_test; then
            count=$((count + 1))
        fi
    done
    [ "$count" = "$1" ]
}

is_this_test() { # PID
    [ "$1" = "$$" ]
}

@test "host: an ordinary user's containers are served up to a number; another's, and root's, as ever" {
    command -v bwrap >/dev/null || missing bubblewrap
    bubbles=()
    service_stop
    echo "max_silos_per_user = 3" >"$BATS_TEST_TMPDIR/linfsp.conf"
    service_start "--config=$BATS_TEST_TMPDIR/linfsp.conf"
    for _ in {1..6}; do bubble 54321; done
    wait_until 5 silos_there 3
    sleep 0.3
    silos_there 3
    has "$(tail -n 5 "$LINFSP_STATE/linfspd.log")" "user 54321 has 3 containers" max_silos_per_user
    bubble 54322
    wait_until 5 silos_there 4
    bubble 0
    wait_until 5 silos_there 5
    # room again
    kill "${bubbles[@]:0:6}"
    wait_until 5 silos_there 2
    bubble 54321
    wait_until 5 silos_there 3
    kill "${bubbles[@]:6}"
    wait_until 5 silos_there 0
    service_stop
    service_start
}

@test "host: a folder of the host's that is a container's root, to be read only, stays as it is, and letters work there" {
    local tree=$LINFSP_STATE/tree before
    case $(stat -f -c %T "$LINFSP_STATE") in
    overlayfs | tmpfs) skip "this machine has its temporary files on no disk" ;;
    esac
    mkdir -p "$tree"/{bin,usr/bin,sbin,dev,proc,mnt,tmp}
    cp "$(command -v busybox)" "$tree/bin/busybox"
    ln -sf busybox "$tree/bin/sh"
    before=$(find "$tree" | sort)
    bounded bwrap --die-with-parent --unshare-pid --ro-bind "$tree" / --dev /dev --proc /proc \
        /bin/sh -c 'for _ in 1 2 3 4 5 6 7 8 9; do [ -x /dev/linfsp/bin/memfs ] || busybox sleep 0.3; done
            /dev/linfsp/bin/memfs -b -F NTFS -m Z: >/dev/null && echo kept >/mnt/z/file && busybox cat /mnt/z/file' \
        >"$BATS_TEST_TMPDIR/said" 2>&1
    equal "said" "$(cat "$BATS_TEST_TMPDIR/said")" kept
    equal "the folder" "$(find "$tree" | sort)" "$before"
}
