#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What programs do with a share they never went to before, what they may not, and what a hostile container's root does to its /unc.
load ../helpers/common

setup_file() { file_setup; }
teardown_file() { file_teardown; }
setup() { service_runs; }
teardown() {
    kill -CONT "$(service_pid)" 2>/dev/null || true
    umount -l "$BATS_TEST_TMPDIR/bound" 2>/dev/null || true
    remove_containers && end_host_memfs
}

# Each way has a share of its own, since the first that goes there mounts it.
ways() { # FOLDER OF SHARES; a program for python3
    cat <<'END'
import ctypes, errno, os, signal, socket, struct, sys
signal.alarm(20)
unc = sys.argv[1]
libc = ctypes.CDLL(None, use_errno=True)

watched = unc + "/inotify/"  # without the slash it watches the empty folder of a share that nobody has opened
inotify = libc.inotify_init1(0)
assert libc.inotify_add_watch(inotify, watched.encode(), 0x100) >= 0, os.strerror(ctypes.get_errno())  # IN_CREATE
open(watched + "/new", "w").close()
event = os.read(inotify, 4096)
assert event[16:].rstrip(b"\0") == b"new", event

listener = socket.socket(socket.AF_UNIX)
listener.bind(unc + "/socket/s")
listener.listen()
client = socket.socket(socket.AF_UNIX)
client.connect(unc + "/socket/s")
listener.accept()[0].send(b"hello")
assert client.recv(16) == b"hello"

open(unc + "/executed/inside", "w").close()
with open("/bin/true", "rb") as program, open(unc + "/executed/true", "wb") as copy:
    copy.write(program.read())
os.chmod(unc + "/executed/true", 0o755)
try:
    os.execv(unc + "/executed/true", ["true"])
except PermissionError:  # noexec
    pass

child = os.fork()
if child == 0:
    os.chroot(unc + "/root")
    os.chdir("/")
    open("/here", "w").close()
    os._exit(os.listdir("/") != ["here"])
assert os.waitpid(child, 0)[1] == 0

os.mkdir(unc + "/made/folder")
os.rename(unc + "/made/folder", unc + "/made/other")
os.symlink("other", unc + "/made/link")
assert os.readlink(unc + "/made/link") == "other"
assert os.statvfs(unc + "/statvfs/.").f_blocks > 0
try:
    os.rename(unc + "/made/other", unc + "/root/other")
    raise SystemExit("two volumes are one")
except OSError as error:
    assert error.errno == errno.EXDEV, error
folder = os.open(unc + "/opened", os.O_RDONLY | os.O_DIRECTORY)
os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
assert os.listdir(folder) == ["file"]
END
}

@test "ways: inotify, a socket, chroot, mkdir, rename, statvfs, openat: each is a first access; execve is refused, on the host and inside" {
    container server busybox
    for way in inotify socket executed root made statvfs opened; do
        start_memfs server -F NTFS -u "\\host\\$way"
        start_memfs server -F NTFS -u "\\inside\\$way"
    done
    for way in inotify socket executed root made statvfs opened; do
        wait_until 5 test -e "/unc/host/$way" -a -e "/unc/inside/$way"
    done
    ways >"$BATS_TEST_TMPDIR/ways"
    BOUND=30 bounded "$(command -v /usr/bin/python3 || command -v python3)" "$BATS_TEST_TMPDIR/ways" /unc/host
    [ -x /usr/bin/python3 ] || missing "the distribution's python3"
    container one debian -v /usr:/usr:ro
    BOUND=30 bounded docker exec -i "$(full_name one)" /usr/bin/python3 - /dev/linfsp/unc/inside <"$BATS_TEST_TMPDIR/ways"
}

@test "ways: mount --bind of a share is a first access, and goes when the share does" {
    container server busybox
    share server y '\memfs\share'
    script_in server 'echo hello >/mnt/y/file'
    mkdir "$BATS_TEST_TMPDIR/bound"
    bounded mount --bind /unc/memfs/share "$BATS_TEST_TMPDIR/bound"
    equal "through it" "$(bounded cat "$BATS_TEST_TMPDIR/bound/file")" hello
    signal_memfs KILL server
    wait_until 5 not test -e /unc/memfs
    BOUND=3 refused '' -- cat "$BATS_TEST_TMPDIR/bound/file"
}

@test "ways: a stranger's rm -rf, chmod -R, find, du and df reach no share and wait for none, though its server hangs" {
    container server busybox
    container stranger debian
    share server y '\memfs\share'
    script_in server 'echo hello >/mnt/y/file; chmod 600 /mnt/y/file'
    signal_memfs STOP server
    wait_until 5 test -e /unc/memfs
    before=$(grep -c . "/proc/$(pid_of stranger)/mountinfo")
    BOUND=20 script_in stranger 'df >/dev/null; df -a >/dev/null; sync; findmnt >/dev/null; find / -xdev >/dev/null
        find /dev /unc/ >/dev/null; du -x / >/dev/null 2>&1 || true; du -s /dev /unc/ >/dev/null 2>&1
        chmod -R 777 /unc/ /dev/linfsp 2>/dev/null || true; rm -rf /unc/* /dev/linfsp/unc/*; rm -rf /unc/ 2>/dev/null || true'
    equal "its mounts" "$(grep -c . "/proc/$(pid_of stranger)/mountinfo")" "$before"
    BOUND=5 bounded findmnt >/dev/null
    BOUND=5 bounded df >/dev/null
    BOUND=5 bounded find /unc -xdev >/dev/null
    signal_memfs CONT server
    equal "the file" "$(bounded stat -c '%a %s' /unc/memfs/share/file)" "600 6"
}

@test "abuse: root of a container binds, moves and unmounts its /unc: others notice nothing, and what ends is gone there, too" {
    container server busybox
    container other busybox
    container root busybox --cap-add SYS_ADMIN --security-opt apparmor=unconfined --security-opt seccomp=unconfined
    share server y '\memfs\share'
    script_in server 'echo hello >/mnt/y/file'
    script_in root 'mkdir /bound /moved; mount --bind /dev/linfsp/unc /bound; cat /bound/memfs/share/file
        mount --bind /dev/linfsp/unc/memfs /moved; cat /moved/share/file; umount -l /moved
        mount --bind /dev/linfsp/unc/memfs/share /moved; cat /moved/file; umount /moved
        mkdir /elsewhere; mount --move /unc /elsewhere; cat /elsewhere/memfs/share/file; no cat /unc/memfs/share/file
        mount --move /elsewhere /unc; cat /unc/memfs/share/file
        umount -l /dev/linfsp/unc/memfs/share; cat /dev/linfsp/unc/memfs/share/file
        umount -l /dev/linfsp/unc; no cat /dev/linfsp/unc/memfs/share/file; cat /bound/memfs/share/file'
    docker exec -d "$(full_name root)" unshare -m sh -c 'cd /bound/memfs/share && exec sleep 60'
    equal "elsewhere" "$(inside other cat /unc/memfs/share/file)" hello
    equal "on the host" "$(bounded cat /unc/memfs/share/file)" hello
    signal_memfs KILL server
    wait_until 5 not grep -q ' - fuse\.NTFS ' "/proc/$(pid_of root)/mountinfo"
    wait_until 5 not test -e /unc/memfs
    share server y '\memfs\share'
    equal "the next one, through its bind" "$(inside root ls /bound/memfs/share)" ""
    equal "elsewhere" "$(inside other ls /unc/memfs/share)" ""
}

# All that autofs offers its daemon, and all that changes a folder: `PATH...` prints what was allowed, and how often something was not.
autofs_calls() {
    cat <<'END'
import fcntl, os, struct, sys
call = lambda number, size=0, way=0: way << 30 | size << 16 | 0x93 << 8 | number
ready, fail, catatonic = call(0x60), call(0x61), call(0x62)
others = [call(0x64, 8, 3), call(0x65, 256 + 12, 2), call(0x66, 4, 1)]  # SETTIMEOUT, EXPIRE, EXPIRE_MULTI
refused = 0

def tried(what, act):
    global refused
    try:
        act()
        print("allowed:", what)
    except OSError:
        refused += 1

for path in sys.argv[1:]:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    for token in range(200):
        tried("READY", lambda: fcntl.ioctl(fd, ready, token))
        tried("FAIL", lambda: fcntl.ioctl(fd, fail, token))
    for number in others:
        tried("call %x" % number, lambda: fcntl.ioctl(fd, number, bytearray(512), True))
    tried("CATATONIC", lambda: fcntl.ioctl(fd, catatonic, 0))
    for name, act in (("mkdir", lambda: os.mkdir(path + "/new")), ("symlink", lambda: os.symlink("/", path + "/new")),
                      ("rmdir", lambda: os.rmdir(path + "/memfs")), ("unlink", lambda: os.unlink(path + "/memfs")),
                      ("rename", lambda: os.rename(path + "/memfs", path + "/other")), ("create", lambda: open(path + "/file", "w")),
                      ("mknod", lambda: os.mknod(path + "/file")), ("chmod", lambda: os.chmod(path, 0o777)),
                      ("chown", lambda: os.chown(path, 1, 1)), ("setxattr", lambda: os.setxattr(path, "user.x", b"x"))):
        tried(name, act)
print("refused:", refused)
END
}

@test "abuse: root of a container may call nothing of autofs's, and change nothing in its /unc or in a folder of the host's" {
    container server busybox
    share server y '\memfs\share'
    script_in server 'echo hello >/mnt/y/file'
    container one debian -v /usr:/usr:ro -v /unc/memfs:/media:rslave --security-opt apparmor=unconfined --security-opt seccomp=unconfined
    inside one ls /unc/memfs/share
    wait_until 6 not in_table "$(pid_of one)" /dev/linfsp/unc/memfs/share
    for user in "" "unshare --user --map-root-user --mount"; do
        # shellcheck disable=SC2086
        said=$(autofs_calls | bounded docker exec -i "$(full_name one)" $user python3 - /unc /unc/memfs /media)
        equal "as ${user:-root}" "$said" "refused: 1242" || return
    done
    equal "there" "$(inside one cat /unc/memfs/share/file)" hello
    equal "by the host's folder" "$(inside one cat /media/share/file)" hello
    equal "on the host" "$(bounded cat /unc/memfs/share/file)" hello
}

# It may call them with CAP_SYS_ADMIN, in the initial user namespace: that is its own /unc.
@test "abuse: root of a container that may mount cuts its own /unc off: others go on, and the service does not run hot" {
    container server busybox
    container other busybox
    container one debian -v /usr:/usr:ro --cap-add SYS_ADMIN --security-opt apparmor=unconfined --security-opt seccomp=unconfined
    share server y '\memfs\share'
    script_in server 'echo hello >/mnt/y/file'
    inside one ls /unc/memfs/share >/dev/null
    autofs_calls | bounded docker exec -i "$(full_name one)" python3 - /unc/memfs /unc | grep -c 'allowed: CATATONIC'
    ticks() { awk '{print $14 + $15}' "/proc/$(service_pid)/stat"; }
    before=$(ticks)
    sleep 3
    [ "$(($(ticks) - before))" -lt 150 ] || fail "the service took $(($(ticks) - before)) ticks in 3 s" || return
    [ "$(wc -l <"$LINFSP_STATE/linfspd.log")" -lt 2000 ] || fail "the log has $(wc -l <"$LINFSP_STATE/linfspd.log") lines" || return
    status=0
    bounded docker exec "$(full_name one)" cat /unc/memfs/nothing/file || status=$?
    [ "$status" -eq 1 ] || fail "status $status" || return
    equal "elsewhere" "$(inside other cat /unc/memfs/share/file)" hello
    equal "on the host" "$(bounded cat /unc/memfs/share/file)" hello
    remove_container one
    signal_memfs KILL server
    wait_until 5 not test -e /unc/memfs
}

@test "abuse: copies of a mount namespace, made in a container by its root and by its user, open by themselves and get no more" {
    container server busybox
    container one debian --security-opt apparmor=unconfined --security-opt seccomp=unconfined
    share server y '\memfs\share'
    script_in server 'echo hello >/mnt/y/file; chmod 644 /mnt/y/file'
    for propagation in private slave unchanged; do
        equal "its user, $propagation" "$(inside_as 1000 one unshare --user --map-root-user --mount --propagation=$propagation cat /unc/memfs/share/file)" \
            hello || return
        wait_until 6 not in_table "$(pid_of one)" /dev/linfsp/unc/memfs/share
    done
    refused "ermission denied" -- docker exec -u 1000 "$(full_name one)" unshare --user --map-root-user --mount \
        sh -c 'echo x >/unc/memfs/share/file'
    docker exec -d -u 1000 "$(full_name one)" unshare --user --map-root-user --mount sh -c 'cd /unc/memfs/share && exec sleep 60'
    wait_until 5 pgrep --ns "$(pid_of one)" --nslist pid -x sleep # pids_in knows the container's own mount namespace
    signal_memfs KILL server
    for pid in $(pgrep --ns "$(pid_of one)" --nslist pid -x sleep); do
        wait_until 5 not grep -q ' - fuse\.NTFS ' "/proc/$pid/mountinfo" || return
    done
    wait_until 5 not test -e /unc/memfs
}

@test "abuse: a container that ends in the middle of its first access leaves nothing, and delays nobody" {
    container server busybox
    container one busybox
    container two busybox
    share server y '\memfs\share'
    script_in server 'echo hello >/mnt/y/file'
    kill -STOP "$(service_pid)"
    docker exec -d "$(full_name one)" cat /unc/memfs/share/file
    docker exec -d "$(full_name two)" cat /unc/memfs/share/file
    wait_until 5 pids_in one cat
    BOUND=15 bounded docker kill "$(full_name one)" >/dev/null
    kill -CONT "$(service_pid)"
    equal "in the other" "$(inside two cat /unc/memfs/share/file)" hello
    equal "on the host" "$(bounded cat /unc/memfs/share/file)" hello
    wait_until 5 eval "! $linfsp silos --json | jq -e --arg id \"$(id_of one)\" '.[] | select(.id == \$id)'"
    signal_memfs KILL server
    wait_until 5 not test -e /unc/memfs
}

# There are no programs and no /proc on the stage: what is needed is opened before.
stage_mounts() {
    python3 -c '
import ctypes, os
proc = os.open("/proc/self", os.O_PATH)
assert ctypes.CDLL(None).setns(os.open("/run/linfsp/private/stage", os.O_RDONLY), 0x20000) == 0
print(len(os.fdopen(os.open("mountinfo", os.O_RDONLY, dir_fd=proc)).readlines()))'
}

# What the service has, and what it wrote: lines of `name number`.
service_has() {
    local pid candidates
    pid=$(service_pid)
    # of each container that is just being started somewhere on this machine it holds a pidfd and the mount table, for 30 s at most
    candidates=$(find "/proc/$pid/fd" -lname '/proc/*/mountinfo' | wc -l)
    echo "descriptors $(($(find "/proc/$pid/fd" -lname '*' ! -lname 'socket:*' | wc -l) - 2 * candidates))" # sockets of workers come and go
    echo "sockets $(($(find "/proc/$pid/fd" -lname 'socket:*' | wc -l) - $(pgrep -cP "$pid")))"
    echo "journal $(find /run/linfsp/journal -type f | wc -l)"
    echo "files $(find /run/linfsp -xdev 2>/dev/null | wc -l)"
    echo "mounts $(grep -c . "/proc/$pid/mountinfo")"
    echo "stage $(stage_mounts)"
}

service_memory() { # KiB
    awk '$1 == "RssAnon:" {print $2}' "/proc/$(service_pid)/status"
}

claim_and_release() { # COUNT
    BOUND=$((30 + $1 / 200)) bounded docker exec "$(full_name one)" sh -c \
        "/helper/claims --unseen --count=$1 '--prefix=\\claims\\x' >/dev/null"
}

@test "abuse: claims and releases without end: as many as LINFSP_CLAIMS says, and nothing is left of them" {
    mkdir "$BATS_TEST_TMPDIR/helper"
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -static -I "$LINFSP_STAGE/include" -I "$LINFSP_ROOT/src" -o "$BATS_TEST_TMPDIR/helper/claims" \
        "$LINFSP_ROOT/benchmarks/volume-create.c" "$(find "$LINFSP_STAGE/lib" -name liblinfsp.a)" -pthread
    container one busybox -v "$BATS_TEST_TMPDIR/helper:/helper:ro"
    container two busybox
    share two y '\memfs\share'
    claim_and_release 200
    wait_until 5 not test -e /unc/claims
    service_has >"$BATS_TEST_TMPDIR/before"
    memory=$(service_memory)
    timed claim_and_release "${LINFSP_CLAIMS:-2000}"
    echo "$((elapsed * 1000 / ${LINFSP_CLAIMS:-2000})) us each, $(($(service_memory) - memory)) KiB more" >&3
    wait_until 5 not test -e /unc/claims
    same() { diff <(service_has) "$BATS_TEST_TMPDIR/before"; }
    wait_until 5 same
    [ "$(service_memory)" -le $((memory + 1024)) ] || fail "the service has $(service_memory) KiB, and had $memory"
    equal "volumes" "$("$linfsp" volumes --json | jq length)" 1
    bounded ls /unc/memfs/share
}

@test "abuse: claims whose servers are killed, sixty of them, one after the other" {
    container one busybox
    before=$(find /run/linfsp/journal -type f | wc -l)
    BOUND=60 script_in one 'i=0
        while [ $i -lt 60 ]; do
            /dev/linfsp/bin/memfs -F NTFS -u "\\claims\\x" & p=$!
            n=0; until /dev/linfsp/bin/linfsp volumes | grep -q claims || [ $n -gt 200 ]; do n=$((n + 1)); done
            kill -9 $p; wait $p || true; i=$((i + 1))
            while /dev/linfsp/bin/linfsp volumes | grep -q claims; do :; done
        done >/dev/null 2>&1'
    wait_until 5 not test -e /unc/claims
    equal "entries of the journal" "$(find /run/linfsp/journal -type f | wc -l)" "$before"
    equal "volumes" "$("$linfsp" volumes --json | jq length)" 0
}
