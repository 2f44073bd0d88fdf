#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Wrong options, prefixes and mount points: a clear error that names the offending thing, and nothing left behind.
load ../helpers/common

setup_file() {
    file_setup
    container one busybox
    script_in one 'mkdir -p /data/full /data/roots /data/busy; echo x >/data/full/file; echo x >/data/file
        ln -s /data/empty /data/link; ln -s /data/loop /data/loop; ln -s nowhere /data/dangling
        mkdir -p /data/empty /home/user/own; chown 1000:1000 /home/user/own; chmod 755 /data /data/roots'
}
teardown_file() { file_teardown; }

# Whatever was tried, the container and the host are as before.
teardown() {
    local status=0
    signal_memfs KILL one
    wait_until 5 no_fuse_mounts || status=1
    script_in one 'no test -e /mnt/z; no test -e /mnt/y; no test -e /data/new; test -d /data/empty; test -L /data/link' || status=1
    [ -z "$(ls -A /unc)" ] || fail "left in /unc: $(ls -A /unc)" || status=1
    our_service_answers || fail "the service has gone" || status=1
    return "$status"
}

no_fuse_mounts() {
    not grep -q ' fuse' <(our_mounts "$(pid_of one)")
}

@test "bad input: prefixes with one component, empty ones, dots" {
    for prefix in '\memfs' 'memfs' '\memfs\' '//memfs' '\memfs\\share' '\\\memfs\share' '\memfs\..' '\memfs\.' '\..\share' '\memfs\share\..\x' \
        'memfs\share' '\' '/'; do
        memfs_refused one "$prefix" -- -F NTFS -m Y: -u "$prefix" || return
        memfs_refused one "$prefix" -- -F NTFS -u "$prefix" || return
    done
    memfs_refused one prefix -- -F NTFS -m Y: -u ''
}

# Docker hands on UTF-8 only, so the bytes are made in the container.
@test "bad input: prefixes with control characters or invalid UTF-8 are refused, and shown harmlessly" {
    for bytes in 'sh\tare' 'sh\nare' '\033[31mred' '\177' '\377\376' '\300\257' '\355\240\200' 'a\370b'; do
        refused memfs -- docker exec -e "BYTES=$bytes" "$(full_name one)" sh -c '
            prefix=$(printf "\\\\memfs\\\\$BYTES")
            exec /dev/linfsp/bin/memfs -F NTFS -m Y: -u "$prefix"' || return
        output=$(docker exec -e "BYTES=$bytes" "$(full_name one)" sh -c '
            exec /dev/linfsp/bin/memfs -F NTFS -m Y: -u "$(printf "\\\\memfs\\\\$BYTES")"' 2>&1 || true)
        has "$output" prefix
        has_not "$output" $'\x1b' $'\x7f' $'\xff'
    done
}

@test "bad input: mount points with control characters or invalid UTF-8 are refused, shown harmlessly, and not left behind" {
    for bytes in 'new\nline' '\033[31mred' '\377'; do
        # shellcheck disable=SC2016
        output=$(docker exec -e "BYTES=$bytes" "$(full_name one)" sh -c '
            mkdir -p /tmp/odd; cd /tmp/odd
            /dev/linfsp/bin/memfs -F NTFS -m "/tmp/odd/$(printf "$BYTES")" && exit
            mkdir "$(printf "$BYTES")" && cd * && /dev/linfsp/bin/memfs -F NTFS -m made' 2>&1) && fail "it was mounted"
        equal "errors in: $output" "$(grep -c 'mount point /tmp/odd/.*control characters' <<<"$output")" 2
        has_not "$output" $'\x1b' $'\xff'
        # shellcheck disable=SC2016
        docker exec -e "BYTES=$bytes" "$(full_name one)" sh -c 'rmdir "/tmp/odd/$(printf "$BYTES")"'
    done
}

@test "bad input: prefixes that are too long" {
    long=$(printf 'a%.0s' {1..256})
    memfs_refused one 'aaaa' 255 -- -F NTFS -m Y: -u "\\memfs\\$long"
    memfs_refused one 'memfs' long -- -F NTFS -m Y: -u "\\memfs$(printf "\\\\${long:0:100}%.0s" {1..10})"
    memfs_refused one 'memfs' components -- -F NTFS -m Y: -u "\\memfs$(printf '\\b%.0s' {1..60})"
    memfs_refused one 'memfs' components -- -F NTFS -m Y: -u "\\memfs$(printf '\\%s' {1..6000} | head -c 20000)"
}

@test "bad input: mount points that are missing, files, not empty, or busy" {
    memfs_refused one /no/such/folder -- -F NTFS -m /no/such/folder
    memfs_refused one /data/file -- -F NTFS -m /data/file
    memfs_refused one /data/file/below -- -F NTFS -m /data/file/below
    memfs_refused one /data/full -- -F NTFS -m /data/full
    start_memfs one -F NTFS -m /data/busy
    wait_mounted one /data/busy
    memfs_refused one /data/busy -- -F other -m /data/busy
    script_in one 'test -z "$(ls /data/busy)"; no touch /data/full/file/x'
}

@test "bad input: mount points under /proc, /sys or /dev, and the root itself" {
    for target in /proc /proc/self /proc/1 /proc/sys /sys /sys/fs /sys/fs/cgroup /dev /dev/linfsp /dev/linfsp/bin /dev/linfsp/unc /dev/new /dev/pts \
        / /..; do
        memfs_refused one "$target" -- -F NTFS -m "$target" || return
    done
    script_in one 'no test -e /dev/new; ls /proc/self/status /sys/fs >/dev/null; test -c /dev/null'
}

@test "bad input: mount points that are symbolic links, to whatever" {
    for target in /data/link /data/loop /data/dangling /data/loop/x /data/dangling/x; do
        memfs_refused one "$target" -- -F NTFS -m "$target" || return
    done
    not mounted one /data/empty
}

@test "bad input: mount points that are not the caller's" {
    for target in /data/empty /data/roots /root /tmp /; do
        memfs_refused -u 1000 one "$target" -- -F NTFS -m "$target" || return
    done
    memfs_refused -u 1000 one /data/new -- -F NTFS -m /data/new
    start_memfs -u 1000 one -F NTFS -m /home/user/own
    wait_mounted one /home/user/own
}

@test "bad input: a mount point replaced while mounting, by its owner, gains nothing" {
    container race busybox
    script_in race 'mkdir -p /home/user/a /root/secret; chown 1000:1000 /home/user/a; chmod 711 /root; chmod 700 /root/secret
        echo x >/root/secret/file; ln -s /root/secret /home/user/b; chown -h 1000:1000 /home/user/b; chown 1000:1000 /home/user'
    docker exec -d -u 1000 "$(full_name race)" /probe swap /home/user/a /home/user/b 120
    for tries in 1 2 3 4 5 6 7 8 9 10; do
        bounded docker exec -u 1000 "$(full_name race)" timeout 0.4 "$silo_bin/memfs" -F NTFS -m /home/user/a >/dev/null 2>&1 || true
        not mounted race /root/secret || fail "mounted over root's folder at try $tries" || return
    done
    equal "root's file" "$(inside race cat /root/secret/file)" x
    remove_container race
}

@test "bad input: letters that are none" {
    for letter in '1:' 'ZZ:' ':' ''; do
        memfs_refused one "$letter" -- -F NTFS -m "$letter" || return
    done
}

@test "bad input: unknown, missing and malformed options" {
    memfs_refused one -Q -- -F NTFS -m Z: -Q
    memfs_refused one frobnicate -- -F NTFS -m Z: --frobnicate
    memfs_refused one surplus -- -F NTFS -m Z: surplus
    memfs_refused one -m -- -F NTFS -m
    memfs_refused one -m -- -F NTFS
    memfs_refused one -u -- -F NTFS -m Y: -u
    for option in '-n -5' '-n many' '-n 99999999999999999999' '-s 10x' '-t soon' '-M x' '-P 101' '-P x' '-R x' '-d zz'; do
        # shellcheck disable=SC2086
        memfs_refused one "${option#* }" -- -F NTFS -m Z: $option || return
    done
    memfs_refused one nonsense -- -F NTFS -m Z: -S nonsense
    memfs_refused one /no/such/log -- -F NTFS -m Z: -d -1 -D /no/such/log
}

@test "bad input: file system names that mount(8) could not show" {
    for name in 'a/b' 'a b' 'a,b' $'a\nb' 'a\b' '' "$(printf 'n%.0s' {1..64})"; do
        memfs_refused one -F -- -F "$name" -m Z: || return
    done
}

@test "bad input: more volumes than a silo may have are refused by name, and the silo goes on" {
    service_stop
    echo 'max_volumes_per_silo = 64' >"$BATS_TEST_TMPDIR/few.conf"
    service_start "--config=$BATS_TEST_TMPDIR/few.conf"
    container many busybox
    docker exec -d "$(full_name many)" sh -c 'for i in $(seq 80); do /dev/linfsp/bin/memfs -n 16 -F NTFS -m /tmp/v$i 2>>/tmp/errors & done; wait'
    wait_until 20 script_in many 'grep -q "64 volumes" /tmp/errors'
    equal "how many it has" "$(grep -c ' fuse.NTFS ' "/proc/$(pid_of many)/mountinfo")" 64
    container other busybox
    disk other z
    remove_container many
    remove_container other
    service_stop
    service_start
}

@test "bad input: names with blanks, quotes and backslashes are what they were when the service comes back" {
    local paths=('/tmp/ begins and ends ' "/tmp/it's" '/tmp/"\quoted\"' '/tmp/%s%n' '/tmp/prefix x') path
    for path in "${paths[@]}"; do
        start_memfs one -F NTFS -m "$path"
        wait_until 5 volume_listed "$path" || return
    done
    start_memfs one -F NTFS -u "//a b/c'd %s"
    wait_until 5 mounted_as '\a b\c'"'"'d %s'
    service_kill
    service_start
    for path in "${paths[@]}"; do
        wait_until 8 volume_listed "$path" || return
        inside one "$silo_bin/linfsp" umount "$path"
        script_in one "$(printf 'no test -e %q' "$path")" || return
    done
    wait_until 8 mounted_as '\a b\c'"'"'d %s'
    "$linfsp" umount '\a b\c'"'"'d %s'
    no_fuse_mounts
}

volume_listed() {
    "$linfsp" volumes --json | jq -e --arg path "$1" 'any(.[]; .mount_point == $path and .attached)'
}

mounted_as() {
    "$linfsp" volumes --json | jq -e --arg prefix "$1" 'any(.[]; .prefix == $prefix and .attached)'
}
