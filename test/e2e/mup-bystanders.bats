#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Programs that walk through everything there is, in containers and on a host that have nothing to do with a share. Its server hangs.
load ../helpers/common

setup_file() { file_setup; }
teardown_file() { file_teardown; }
setup() {
    service_runs
    container server busybox
    share server y '\memfs\share'
    script_in server 'echo hello >/mnt/y/file; chmod 600 /mnt/y/file'
    wait_until 5 not in_table self /unc/memfs/share # nobody uses it on the host any more
    signal_memfs STOP server
}
teardown() {
    signal_memfs CONT server
    remove_containers
}

# A container with the host's programs and none of its own mounts but LinFsp's. It never names a share.
bystander() { # OPTION...
    container bystander debian -v /usr:/usr:ro "$@"
    before=$(mounts_of bystander)
}

mounts_of() { # NAME
    grep -c . "/proc/$(pid_of "$1")/mountinfo"
}

# Nothing was mounted for its sake, and the file of the share is as it was.
untouched() {
    equal "mounts of the bystander" "$(mounts_of bystander)" "$before"
    signal_memfs CONT server
    equal "the file" "$(bounded stat -c '%a %s' /unc/memfs/share/file)" "600 6"
}

@test "bystanders: updatedb that leaves out no kind of file system finds no share" {
    command -v updatedb.plocate >/dev/null || missing "plocate"
    bystander
    BOUND=30 script_in bystander 'updatedb.plocate -l no -o /tmp/db -U / --prunefs "" --prunepaths "/usr /proc /sys" --prune-bind-mounts no
        plocate -d /tmp/db /dev/linfsp/bin/memfs; no plocate -d /tmp/db memfs/share'
    untouched
}

@test "bystanders: tar and rsync of the whole tree, within one file system and over all of them" {
    command -v rsync >/dev/null || missing "rsync"
    bystander
    BOUND=60 script_in bystander 'mkdir /tmp/copy
        tar --one-file-system -cf /tmp/one.tar --exclude=./tmp --exclude=./usr -C / .
        tar -cf /tmp/all.tar --exclude=./tmp --exclude=./usr --exclude=./proc --exclude=./sys --warning=no-file-ignored -C / .
        rsync -ax --exclude=/tmp --exclude=/usr / /tmp/copy/
        rsync -a --exclude=/tmp --exclude=/usr --exclude=/var --exclude=/proc --exclude=/sys / /tmp/copy/
        tar -tf /tmp/all.tar >/tmp/list; no grep unc/memfs /tmp/list; no test -e /tmp/copy/unc/memfs; test -d /tmp/copy/etc'
    untouched
}

@test "bystanders: find, chmod, chown and du of everything, df, findmnt, mount, sync" {
    bystander
    BOUND=60 script_in bystander 'find / -xdev >/dev/null; find / -path /proc -prune -o -name file -print >/tmp/found
        no grep -q memfs /tmp/found
        for folder in /unc/ /dev /mnt; do chmod -R o+w $folder 2>/dev/null || true; chown -R 1 $folder 2>/dev/null || true; done
        du -x / >/dev/null; du -s --exclude=/proc / >/dev/null; df >/dev/null; df -a >/dev/null 2>&1 || true
        findmnt >/dev/null; findmnt --df >/dev/null; mount >/dev/null; sync; ls -lR /unc/ /dev/linfsp >/dev/null'
    untouched
}

@test "bystanders: root of a container unmounts all, as a shutdown does; the share goes on elsewhere" {
    bystander --cap-add SYS_ADMIN --security-opt apparmor=unconfined --security-opt seccomp=unconfined
    BOUND=30 script_in bystander 'sync; umount -a -t nosysfs,noproc 2>/dev/null || true; umount -a -l 2>/dev/null || true; sync'
    signal_memfs CONT server
    equal "the file" "$(bounded stat -c '%a %s' /unc/memfs/share/file)" "600 6"
    equal "in its own container" "$(inside server cat /mnt/y/file)" hello
    timed remove_container bystander
    [ "$elapsed" -lt 10000 ] || fail "it took $elapsed ms to remove the container"
}

@test "bystanders: the host's updatedb, find, du, df, findmnt and sync" {
    command -v updatedb.plocate >/dev/null || missing "plocate"
    BOUND=30 bounded updatedb.plocate -l no -o "$BATS_TEST_TMPDIR/db" -U /unc # Debian's configuration leaves out autofs
    not plocate -d "$BATS_TEST_TMPDIR/db" memfs/share
    bounded find /unc -xdev >/dev/null
    bounded du -sx /unc >/dev/null
    bounded df >/dev/null
    bounded df -a >/dev/null 2>&1
    bounded findmnt >/dev/null
    bounded sync
    bounded ls -l /unc /unc/memfs >/dev/null
    not in_table self /unc/memfs/share
}

# Lines of mount point and type.
mount_points() { # NAME
    awk '{for (i = 7; $i != "-"; i++); print $5, $(i + 1)}' "/proc/$(pid_of "$1")/mountinfo" | sort
}

# docs/adr/0047
@test "bystanders: a container that uses nothing has two mounts of ours, whatever is published" {
    container without busybox -e LINFSP=off
    container bystander busybox
    wait_until 5 script_in bystander 'test -S /dev/linfsp/net'
    ours=$(comm -13 <(mount_points without) <(mount_points bystander))
    equal "mounts of ours" "$ours" $'/dev/linfsp tmpfs\n/unc autofs'
    signal_memfs CONT server
    for n in $(seq 20); do
        start_memfs server -F NTFS -u "\\memfs\\v$n"
    done
    wait_until 20 eval '[ "$("$linfsp" volumes --json | jq length)" -eq 21 ]'
    container late busybox
    wait_until 5 script_in late 'test -S /dev/linfsp/net'
    for name in bystander late; do
        equal "mounts of ours in $name" "$(comm -13 <(mount_points without) <(mount_points "$name"))" "$ours" || return
    done
}
