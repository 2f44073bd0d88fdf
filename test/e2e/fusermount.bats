#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The stand-in beside libfuse's own fusermount3, on the host: the same calls, as root and as an ordinary user, must have the same
# results: words, exit statuses, what comes over _FUSE_COMMFD, and the mount. Where they differ on purpose a test says so.
# commfd-client plays libfuse.
load ../helpers/common

real=/usr/bin/fusermount3
stand_in=${LINFSP_STAGE:-}/lib/linfsp/bin/fusermount3
client=${LINFSP_STATE:-}/commfd-client
place=${LINFSP_STATE:-}/fusermount
# A user with a name: libfuse's helper wants one.
ordinary=daemon

setup_file() {
    source "$LINFSP_ROOT/packaging/packages.bash"
    install_packages fuse3 || return
    file_setup || return
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -o "$client" "$LINFSP_ROOT/test/helpers/commfd-client.c"
    mkdir -p "$place"
    # where udev is missing only root may open the device, and libfuse's helper asks with its caller's rights
    if [ "$(stat -c %a /dev/fuse)" != 666 ]; then
        mknod -m 666 "$LINFSP_STATE/fuse-node" c 10 229
        mount --bind "$LINFSP_STATE/fuse-node" /dev/fuse
    fi
}

teardown_file() {
    ! mountpoint -q /dev/fuse || umount /dev/fuse
    file_teardown
}

setup() {
    [ -u "$real" ] || missing "libfuse's own fusermount3 (package fuse3)"
    user=root
    rm -rf "$place"
    install -d "$place/roots" "$place/parent"
    install -d -o "$ordinary" "$place/mine" "$place/parent/mine"
    install -d -m 1777 "$place/sticky"
    install -o "$ordinary" /dev/null "$place/file"
    touch "$place/roots/file"
    ln -s mine "$place/link"
    mknod "$place/device" c 1 3
    at=$place/mine
}

teardown() {
    end_server
    unmount_all
}

unmount_all() {
    awk -v place="$place/" 'index($5, place) == 1 {print $5}' /proc/self/mountinfo | xargs -r -n 1 umount -l
}

as() { # USER COMMAND...
    local who=$1
    shift
    [ "$who" = root ] || set -- setpriv --reuid "$who" --regid "$who" --clear-groups "$@"
    bounded "$@"
}

# What a helper does: `observe HELPER [CLIENT-OPTION...] -- ARGUMENT...`
observe() {
    local helper=$1 options=() status=0
    shift
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    as "$user" "$client" --at "$at" "${options[@]}" "$helper" "$@" || status=$?
    unmount_all
    [ "$status" -eq 0 ] || echo "client: $status"
}

# Both must do the same: `same [CLIENT-OPTION...] -- ARGUMENT...`. What they did is left in $did.
same() {
    local expected
    expected=$(observe "$real" "$@")
    did=$(observe "$stand_in" "$@")
    equal "as $user: fusermount3 $*" "$did" "$expected"
}

# The same, for root and the ordinary user.
same_for_both() {
    for user in root "$ordinary"; do
        same "$@" || return
    done
}

# A file system served through a helper until end_server; `serve HELPER [OPTIONS]`
serve() {
    local fifo=$BATS_TEST_TMPDIR/fifo
    rm -f "$fifo"
    mkfifo "$fifo"
    "$client" --serve --at "$at" "$1" -o "${2:-rw}" "$at" <"$fifo" >"$BATS_TEST_TMPDIR/served" 2>&1 3>&- &
    server=$!
    exec 7>"$fifo"
    wait_until 5 grep -q serving "$BATS_TEST_TMPDIR/served" || fail "$(cat "$BATS_TEST_TMPDIR/served")"
}

serve_as() { # USER HELPER [OPTIONS]
    local fifo=$BATS_TEST_TMPDIR/fifo
    rm -f "$fifo"
    mkfifo "$fifo"
    setpriv --reuid "$1" --regid "$1" --clear-groups "$client" --serve --at "$at" "$2" -o "${3:-rw}" "$at" \
        <"$fifo" >"$BATS_TEST_TMPDIR/served" 2>&1 3>&- &
    server=$!
    exec 7>"$fifo"
    wait_until 5 grep -q serving "$BATS_TEST_TMPDIR/served" || fail "$(cat "$BATS_TEST_TMPDIR/served")"
}

end_server() {
    [ -n "${server:-}" ] || return 0
    exec 7>&-
    wait_until 5 gone "$server" || kill -KILL "$server"
    server=
}

# Output and status of an unmount by HELPER, as USER: `unmounts USER HELPER ARGUMENT...`
unmounts() {
    local status=0 output
    output=$(cd / && as "$1" bash -c 'exec -a fusermount3 "$@" 2>&1' - "${@:2}") || status=$?
    echo "$status: $output"
}

# A mount by each helper, then by each the same unmount: `same_unmount USER ARGUMENT...`
same_unmount() {
    local expected
    expected=$(unmounts "$1" "$real" "${@:2}")
    equal "as $1: fusermount3 ${*:2}" "$(unmounts "$1" "$stand_in" "${@:2}")" "$expected"
}

# ---- words and usage ----------------------------------------------------------------------------------------------------

@test "fusermount: help, version and wrong usage" {
    same_for_both -- -h
    same_for_both -- --help "$at"
    has "$did" "[options] mountpoint" "exit 1"
    same_for_both --
    same_for_both -- -o ro
    same_for_both -- "$at" "$at"
    same_for_both -- -z "$at"
    same_for_both -- -x "$at"
    same_for_both -- -U "$at"
    same_for_both -- --bogus "$at"
    same_for_both -- -o
    same_for_both -- -u
    same_for_both -- ""
    same_for_both -- -u ""
    has "$did" "invalid mountpoint ''"
    for user in root "$ordinary"; do
        for helper in "$real" "$stand_in"; do
            did=$(observe "$helper" -- -V)
            [[ $did =~ out\ fusermount3\ version:\ [0-9]+\.[0-9]+\.[0-9]+ ]] || fail "$did" || return
            has "$did" "exit 0"
        done
    done
}

@test "fusermount: --sync-init of libfuse 3.18 is refused without a word" {
    for user in root "$ordinary"; do
        did=$(observe "$stand_in" -- --sync-init -o rw -- "$at")
        has "$did" eof "mount none" "exit 1" || return
        has_not "$did" err || return
    done
}

@test "fusermount: also under the name fusermount" {
    did=$(observe "${stand_in%3}" -- "$at")
    has "$did" "message 1 0 1" "fd fuse init" "exit 0"
    has "$(observe "${stand_in%3}" -- -z "$at")" "err fusermount: -z can only be used with -u"
}

@test "fusermount: without a socket, or with one that is none" {
    same_for_both --no-socket -- "$at"
    has "$did" "old style mounting not supported" "exit 1"
    for user in root "$ordinary"; do
        for text in 77 abc -1; do
            expected=$(observe "$real" --socket "$text" -- "$at" | grep -v ^mount)
            did=$(observe "$stand_in" --socket "$text" -- "$at")
            has "$did" "mount none" # libfuse's leaves a dead mount
            equal "as $user: _FUSE_COMMFD=$text" "$(grep -v ^mount <<<"$did")" "$expected" || return
        done
    done
}

# ---- mounting -----------------------------------------------------------------------------------------------------------

@test "fusermount: a mount, and each option" {
    same_for_both -- "$at"
    has "$did" "message 1 0 1" "fd fuse init" "mount fuse /dev/fuse rw,nosuid,nodev,relatime" "exit 0"
    same_for_both -- -- "$at"
    same_for_both -- "$at" -o ro
    for options in rw ro rw,ro ro,rw noexec exec noatime atime sync async dirsync nosuid,nodev nonempty default_permissions \
        max_read=8192 max_read=131072 fsname=name subtype=type fsname=name,subtype=type fsname=a,fsname=b \
        'fsname=a\,b\\c,subtype=x.y' 'fsname=auto_unmount\,x' fsname=user@host:/path \
        rw,nosuid,nodev,fsname=bindfs,subtype=bindfs ro,noexec,noatime,sync,default_permissions \
        fd=3,rootmode=40000,user_id=5,group_id=5; do
        same_for_both -- -o "$options" -- "$at" || return
        has "$did" "exit 0" "fd fuse init" || return
    done
}

@test "fusermount: allow_other is root's on the host" {
    same -- -o allow_other "$at"
    has "$did" ",allow_other" "exit 0"
    user=$ordinary
    for helper in "$real" "$stand_in"; do
        did=$(observe "$helper" -- -o allow_other "$at")
        has "$did" eof "fusermount3: option allow_other" "mount none" "exit 1"
    done
}

@test "fusermount: suid, dev and blkdev" {
    user=$ordinary
    same -- -o suid "$at"
    has "$did" "unsafe option suid ignored" "rw,nosuid,nodev,relatime" "exit 0"
    same -- -o dev,ro "$at"
    same -- -o blkdev "$at"
    has "$did" "option blkdev is privileged" eof "exit 1"
    same -- -o suid,dev,blkdev "$at"
    # On purpose not even root's: a volume's server is not root's host
    user=root
    did=$(observe "$stand_in" -- -o suid,dev "$at")
    has "$did" "unsafe option suid ignored" "unsafe option dev ignored" "rw,nosuid,nodev" "exit 0"
    did=$(observe "$stand_in" -- -o blkdev "$at")
    has "$did" eof "err fusermount3: " blkdev "mount none" "exit 1"
}

@test "fusermount: unknown options and wrong values" {
    for options in foo foo=bar,ro ro,foo user=x Ro nosuidx; do
        same_for_both -- -o "$options" "$at" || return
        has "$did" eof "unknown option" "mount none" "exit 1" || return
    done
    for user in root "$ordinary"; do
        for helper in "$real" "$stand_in"; do
            for options in max_read=x blksize=512; do
                did=$(observe "$helper" -- -o "$options" "$at")
                has "$did" eof "err fusermount3: " "mount none" "exit 1" || return
            done
        done
    done
}

# It goes into mount tables as the type: it must not be mistaken for anything else there.
@test "fusermount: a subtype is a plain name" {
    user=$ordinary
    for name in a/b 'a b' 'ä' 'x(y)'; do
        did=$(observe "$stand_in" -- -o "subtype=$name" "$at")
        has "$did" eof "letters, digits" "mount none" "exit 1" || return
    done
    did=$(observe "$stand_in" -- -o subtype=a.b-c_1 "$at")
    has "$did" "mount fuse.a.b-c_1" "exit 0"
}

@test "fusermount: options that begin with x- are for others" {
    for user in root "$ordinary"; do
        did=$(observe "$stand_in" -- -o rw,x-gvfs-hide,x-systemd.requires=a.mount,X-mount.mkdir,subtype=x "$at")
        has "$did" "fd fuse init" "mount fuse.x" "exit 0" || return
    done
}

@test "fusermount: of a long name the beginning is shown, of other long options nothing is cut" {
    for user in root "$ordinary"; do
        for length in 255 256 511 600 3000; do
            did=$(observe "$stand_in" -- -o "ro,fsname=$(printf "%0${length}d" 0),subtype=x" "$at")
            has "$did" "fd fuse init" "mount fuse.x $(printf '%0255d' 0) ro" "exit 0" || return
        done
        did=$(observe "$stand_in" -- -o "fsname=$(printf 'ä%.0s' {1..400}),subtype=x" "$at")
        has "$did" "mount fuse.x $(printf 'ä%.0s' {1..127}) rw" "exit 0" || return
        did=$(observe "$stand_in" -- -o "fsname=$(printf '\\,%.0s' {1..400}),subtype=x" "$at")
        has "$did" "mount fuse.x ,,,," "exit 0" || return
        did=$(observe "$stand_in" -- -o "$(printf 'rw,%.0s' {1..1000})" "$at")
        has "$did" eof "mount options too long" "mount none" "exit 1" || return
    done
}

@test "fusermount: a user mounts where they may write, as the kernel sees it, and in sticky folders on their own only" {
    user=$ordinary
    install -d -m 775 -g "$ordinary" "$place/group"
    install -d -m 777 "$place/open"
    install -d -m 700 "$place/listed"
    install -m 666 /dev/null "$place/open-file"
    install -d -m 555 -o "$ordinary" "$place/mine-read-only"
    for target in "$place/group" "$place/open" "$place/open-file"; do
        at=$target
        same -- "$target" || return
        has "$did" "fd fuse init" "exit 0" || return
    done
    at=$place/mine-read-only
    same -- "$at"
    has "$did" "no write access" "exit 1"
    if setfacl -m "u:$ordinary:rwx" "$place/listed" 2>/dev/null; then
        at=$place/listed
        same -- "$at"
        has "$did" "mount fuse" "exit 0"
    fi
}

@test "fusermount: -u follows a link to the mount point" {
    for user in root "$ordinary"; do
        serve_as "$user" "$stand_in"
        as "$user" "$stand_in" -u "$place/link"
        not mounted_here "$at"
        end_server
    done
}

@test "fusermount: mount points that are missing, links, devices, files" {
    for target in "$place/none" "$place/none/inner" /nonexistent/a/b "$place/file/inner"; do
        at=$target
        same_for_both -- "$target" || return
        has "$did" eof "mount none" "exit 1" || return
    done
    user=$ordinary
    for target in "$place/link" "$place/link/" "$place/device" /dev/null; do
        at=$target
        same -- "$target" || return
        has "$did" "is not a directory or a regular file" || return
    done
    at=$place/file
    same_for_both -- -o subtype=x "$place/file"
    has "$did" "fd fuse init" "exit 0"
    at=$place/mine
    same_for_both -- "$place/link/."
    same_for_both -- "$place/mine///"
    same_for_both -- "$place/roots/../mine"
    has "$did" "mount fuse" "exit 0"
}

@test "fusermount: an ordinary user mounts on nothing that is not theirs" {
    user=$ordinary
    for target in "$place/roots" "$place/sticky" "$place/roots/file" /tmp /etc /etc/passwd /proc /root/secret; do
        at=$target
        same -- "$target" || return
        has "$did" eof "exit 1" || return
        has_not "$did" "mount fuse" || return
    done
    for helper in "$real" "$stand_in"; do
        at=/proc/self/fd
        did=$(observe "$helper" -- /proc/self/fd)
        has "$did" eof "exit 1" || return
    done
}

@test "fusermount: a relative mount point, and a folder that was removed" {
    cd "$place"
    same_for_both -- mine
    same_for_both -- ./mine
    same_for_both -- parent/../mine
    has "$did" "mount fuse" "exit 0"
    cd "$place/parent"
    rmdir "$place/parent/mine" "$place/parent"
    same_for_both -- x
    has "$did" eof "exit 1"
}

@test "fusermount: when the program ends, its mount goes" {
    for user in root "$ordinary"; do
        as "$user" "$client" --at "$at" "$stand_in" "$at" >/dev/null
        wait_until 3 not mounted_here "$at" || return
    done
}

# ---- auto_unmount -------------------------------------------------------------------------------------------------------

@test "fusermount: auto_unmount stays until its socket closes" {
    same -- -o auto_unmount,rw "$at"
    has "$did" "message 1 0 1" "fd fuse init" stays "closed: exit 0, unmounted"
    # libfuse 3.14's leaves an ordinary user's mount behind here: it looks at it with root's eyes, which are not allowed to
    user=$ordinary
    did=$(observe "$stand_in" -- -o auto_unmount,fsname=x "$at")
    has "$did" "message 1 0 1" "fd fuse init" stays "closed: exit 0, unmounted"
}

@test "fusermount: --comm-fd and --auto-unmount of newer versions" {
    for user in root "$ordinary"; do
        did=$(observe "$stand_in" --by-option -- -o ro "$at")
        has "$did" "message 1 0 1" "fd fuse init" "mount fuse /dev/fuse ro" "exit 0"
        did=$(observe "$stand_in" --by-option -- -o auto_unmount "$at")
        has "$did" stays "closed: exit 0, unmounted"
        did=$(observe "$stand_in" --no-socket -- --auto-unmount "$at")
        has "$did" eof "exit 1"
    done
}

@test "fusermount: auto_unmount holds nothing of its caller's open" {
    # the pipe ends when the client does, although the helper stays a moment longer
    out=$(bounded "$client" --at "$at" bash -c '"$0" -o auto_unmount "$1"; exec sleep 0' "$stand_in" "$at")
    has "$out" "message 1 0 1"
    serve "$stand_in" auto_unmount
    helper=$(pgrep -P "$server")
    for fd in 0 1 2; do
        equal "fd $fd" "$(readlink "/proc/$helper/fd/$fd")" /dev/null
    done
    equal "its descriptors" "$(find "/proc/$helper/fd" -type l | wc -l)" 5
    end_server
    wait_until 3 gone "$helper"
    wait_until 3 not mounted_here "$at"
}

@test "fusermount: auto_unmount goes on over a restart of the service" {
    serve "$stand_in" auto_unmount
    helper=$(pgrep -P "$server")
    service_kill
    service_start
    sleep 0.5
    mounted_here "$at"
    bounded ls "$at"
    [ -d "/proc/$helper" ]
    sleep 11 # longer than the service waits for servers that do not come back
    mounted_here "$at"
    end_server
    wait_until 3 not mounted_here "$at"
    wait_until 3 gone "$helper"
}

@test "fusermount: what was unmounted by hand leaves no helper" {
    serve "$stand_in" auto_unmount
    helper=$(pgrep -P "$server")
    equal "unmount" "$(unmounts root "$stand_in" -u "$at")" "0: "
    wait_until 3 gone "$helper"
    not mounted_here "$at"
}

# ---- unmounting -----------------------------------------------------------------------------------------------------------

@test "fusermount: -u of what is not mounted" {
    for who in root "$ordinary"; do
        for flags in -u -uz -uq -uzq; do
            same_unmount "$who" "$flags" "$at" || return
            same_unmount "$who" "$flags" "$place/none" || return
            same_unmount "$who" "$flags" "$place/none/inner" || return
        done
        same_unmount "$who" --unmount --lazy --quiet -- "$at" || return
    done
    same_unmount "$ordinary" -u /proc
    same_unmount "$ordinary" -u /
    has "$(unmounts "$ordinary" "$stand_in" -u "$at")" "1: fusermount3: entry for $at not found in /etc/mtab"
    has "$(unmounts root "$stand_in" -u "$at")" "1: fusermount3: failed to unmount $at: Invalid argument"
}

@test "fusermount: -u, -uz and -q of what is mounted" {
    for who in root "$ordinary"; do
        for flags in -u -uz -uq -uqz; do
            for helper in "$real" "$stand_in"; do
                if [ "$who" = root ]; then serve "$helper"; else serve_as "$who" "$helper"; fi
                mounted_here "$at" fuse
                equal "$who $helper $flags" "$(unmounts "$who" "$helper" "$flags" "$at")" "0: " || return
                not mounted_here "$at"
                end_server
            done
        done
    done
}

is_in() { # PID FOLDER
    [ "$(readlink -f "/proc/$1/cwd")" = "$2" ]
}

@test "fusermount: -u leaves what is in use, -uz does not" {
    for helper in "$real" "$stand_in"; do
        serve "$helper"
        (cd "$at" && exec sleep 30) 3>&- 7>&- &
        user_of_it=$!
        wait_until 5 is_in "$user_of_it" "$at"
        equal "$helper" "$(unmounts root "$helper" -u "$at")" \
            "1: fusermount3: failed to unmount $at: Device or resource busy"
        equal "$helper" "$(unmounts root "$helper" -u -q "$at")" "1: "
        mounted_here "$at"
        bounded ls "$at"
        equal "$helper" "$(unmounts root "$helper" -uz "$at")" "0: "
        not mounted_here "$at"
        kill "$user_of_it"
        end_server
    done
}

@test "fusermount: -u of another user's mount" {
    for helper in "$real" "$stand_in"; do
        serve "$helper"
        for flags in -u -uz; do
            equal "$helper" "$(unmounts "$ordinary" "$helper" "$flags" "$at")" \
                "1: fusermount3: entry for $at not found in /etc/mtab"
        done
        mounted_here "$at"
        end_server
        unmount_all
    done
    # root may
    serve_as "$ordinary" "$stand_in"
    equal "root" "$(unmounts root "$stand_in" -u "$at")" "0: "
    not mounted_here "$at"
}

@test "fusermount: a mount point with a blank, a comma and an umlaut" {
    install -d -o "$ordinary" "$place/a b, ü"
    at="$place/a\\040b,\\040ü" # as mountinfo shows it
    expected=$(as "$ordinary" "$client" --at "$at" "$real" -- "$place/a b, ü")
    umount -l "$place/a b, ü"
    equal "mount" "$(as "$ordinary" "$client" --at "$at" "$stand_in" -- "$place/a b, ü")" "$expected"
    has "$expected" "mount fuse"
    wait_until 3 not mounted_here "$at"
}

# ---- without a service ----------------------------------------------------------------------------------------------------

@test "fusermount: without a service it says how to start one" {
    service_stop
    for user in root "$ordinary"; do
        did=$(observe "$stand_in" -- "$at")
        has "$did" eof "err fusermount3: " "linfsp start" "mount none" "exit 1"
        has "$(unmounts "$user" "$stand_in" -u "$at")" "1: fusermount3: "
        equal "$user" "$(unmounts "$user" "$stand_in" -uq "$at")" "1: "
    done
    # who may unmount without it goes on to
    serve "$real"
    has "$(unmounts "$ordinary" "$stand_in" -u "$at")" "linfsp start"
    equal "root" "$(unmounts root "$stand_in" -u "$at")" "0: "
    end_server
    service_start
}
