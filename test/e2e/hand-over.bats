#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A memfs that another one takes over from: no call fails, all stays as it was, and if it does not come off the first one goes on.
load ../helpers/common

setup_file() {
    file_setup || return
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -w -static -pthread -o "$LINFSP_STATE/endures" "$LINFSP_ROOT/test/helpers/endures.c"
}
teardown_file() { file_teardown; }
setup() {
    service_runs
    here=$BATS_TEST_TMPDIR
    mkdir -p "$here/at"
    chmod 755 "$here"
}
teardown() {
    for pid in ${helpers:-}; do kill -KILL "$pid" 2>/dev/null || true; done
    remove_containers
    end_host_memfs
    ! mounted_here "$here/at" || "$linfsp" umount --force "$here/at"
}

serve_here() {
    start_memfs_here -m "$here/at" "$@"
    wait_until 5 mounted_here "$here/at"
    wait_until 5 grep -q ' on ' "$memfs_output"
}

# Returns once the next memfs has the volume, in $memfs_pid; the one before has ended by then, or soon.
take_over_here() {
    before=$memfs_pid
    start_memfs_here --take-over -m "$here/at" "$@"
    wait_until 10 grep -q ' on ' "$memfs_output" || fail "$(cat "$memfs_output")" || return
    wait "$before" || fail "the memfs that handed over ended with $?"
}

server() { # of the volume at $here/at
    "$linfsp" volumes --json | jq -r --arg at "$here/at" '.[] | select(.mount_point == $at) | .server_pid'
}

is_served_by() { # PID
    [ "$(server)" = "$1" ]
}

@test "hand-over: twenty in a row, under random steps in a container, on the host and in another container" {
    container one busybox
    container two busybox
    start_memfs one -m Z: -u '\memfs\handed'
    wait_mounted one /mnt/z
    docker cp -q "$LINFSP_STATE/endures" "$(full_name one)":/endures
    script_in one 'mkdir /mnt/z/a'
    mkdir /unc/memfs/handed/b
    docker exec "$(full_name one)" /endures /mnt/z/a 300 3 7 >"$here/in" 2>&1 3>&- &
    inside=$!
    BOUND=330 bounded "$LINFSP_STATE/endures" /unc/memfs/handed/b 300 2 8 >"$here/out" 2>&1 3>&- &
    outside=$!
    helpers="$inside $outside"
    script_in two '(set +x; exec 2>/tmp/errors; while :; do echo x; sleep 0.02; done) >/unc/memfs/handed/lines &'
    for i in {1..20}; do
        sleep 0.2
        BOUND=20 bounded docker exec "$(full_name one)" "$silo_bin/memfs" -b --take-over -m Z: >"$here/said" 2>&1 ||
            fail "hand-over $i: $(cat "$here/said")" "$(cat "$here/in" "$here/out")" || return
        kill -0 "$inside" "$outside" || fail "$(cat "$here/in" "$here/out")" || return
    done
    sleep 0.5
    kill -0 "$inside" "$outside" || fail "$(cat "$here/in" "$here/out")" # a wrong step would have ended it
    pids_in one endures | xargs kill -KILL
    kill "$outside"
    equal "what was wrong" "$(cat "$here/in" "$here/out")" ""
    equal "errors in the other container" "$(script_in two 'cat /tmp/errors')" ""
    count=$(wc -l </unc/memfs/handed/lines)
    sleep 0.5
    [ "$(wc -l </unc/memfs/handed/lines)" -gt "$count" ]
    wait_until 5 eval '[ "$(pids_in one memfs | wc -w)" -eq 1 ]'
}

# All that can be seen of a tree, and what is in it.
describe() {
    ( cd "$here/at" && find . -printf '%p %i %y %m %U %G %n %s %b %A@ %T@ %C@ %l\n' | sort && find . -type f -exec sha256sum {} + | sort &&
        getfattr -Rhd -m - . 2>/dev/null ) | grep -v '^\. '
}

@test "hand-over: attributes, contents, open files, locks, listings and watches are as before" {
    serve_here -n 5000 -s 300M
    mkdir -p "$here/at/folder/inner"
    for i in {1..400}; do echo "$i" >"$here/at/folder/$i"; done
    head -c 3000000 /dev/urandom >"$here/at/large"
    truncate -s 250M "$here/at/sparse"
    echo end >>"$here/at/sparse"
    ln -s /nowhere "$here/at/link"
    ln "$here/at/large" "$here/at/second"
    mkfifo "$here/at/fifo"
    touch -d '1999-01-01 00:00:00.123456789' "$here/at/folder"
    setfattr -n user.note -v text "$here/at/large"
    setfacl -m u:77:r "$here/at/large"
    setfacl -d -m g:88:rx "$here/at/folder"
    exec 4<>"$here/at/unnamed" 5<"$here/at/folder" 6<>"$here/at/locked"
    echo kept >&4
    rm "$here/at/unnamed"
    flock -n 6
    python3 -c '
import ctypes, os, sys
c = ctypes.CDLL(None)
fd = c.inotify_init()
assert c.inotify_add_watch(fd, sys.argv[1].encode(), 0x100) > 0  # IN_CREATE
print(os.read(fd, 4096)[16:].rstrip(bytes(1)).decode(), flush=True)' "$here/at/folder" >"$here/watched" 2>&1 3>&- &
    watcher=$!
    ( cd "$here/at/folder/inner" && exec sleep 60 ) 3>&- &
    helpers="$! $watcher"
    sleep 0.5
    describe >"$here/first" # it sets the times of access
    describe >"$here/before"
    df --output=size,used,itotal,iused "$here/at" | tail -n 1 >"$here/room"
    for _ in 1 2 3; do
        take_over_here
        describe | diff "$here/before" - | head -n 20 && [ "${PIPESTATUS[1]}" = 0 ] || return
        df --output=size,used,itotal,iused "$here/at" | tail -n 1 | diff "$here/room" -
    done
    equal "the file without a name" "$(cat /proc/self/fd/4 4<>/proc/self/fd/4)" kept
    equal "the directory that is open" "$(ls /proc/self/fd/5/ | wc -l)" 401
    refused '' -- flock -n "$here/at/locked" true
    touch "$here/at/folder/new"
    wait_until 5 grep -qx new "$here/watched"
    equal "who is in a folder" "$(readlink "/proc/${helpers%% *}/cwd")" "$here/at/folder/inner"
    exec 4>&- 5<&- 6>&-
    refused 'No space left' -- sh -c "head -c 301M /dev/zero >'$here/at/toolarge'" # the limits went along
}

@test "hand-over: a listing goes on where it was" {
    serve_here
    mkdir "$here/at/many"
    ( cd "$here/at/many" && seq 5000 | xargs touch )
    cat >"$here/list.py" <<'END'
import ctypes, os, sys
class Dirent(ctypes.Structure):
    _fields_ = [("ino", ctypes.c_uint64), ("off", ctypes.c_int64), ("reclen", ctypes.c_uint16), ("type", ctypes.c_uint8), ("name", ctypes.c_char * 256)]
c = ctypes.CDLL(None, use_errno=True)
c.opendir.restype = ctypes.c_void_p
c.readdir.restype = ctypes.POINTER(Dirent)
c.opendir.argtypes, c.readdir.argtypes = [ctypes.c_char_p], [ctypes.c_void_p]
d = c.opendir(sys.argv[1].encode())
names = [c.readdir(d).contents.name for _ in range(100)]
print("begun", flush=True)
sys.stdin.readline()
while entry := c.readdir(d):
    names.append(entry.contents.name)
print(len(names), len(set(names)), ctypes.get_errno(), flush=True)
END
    coproc LIST { python3 "$here/list.py" "$here/at/many" 3>&-; }
    read -r line <&"${LIST[0]}"
    equal "the listing" "$line" begun
    take_over_here
    touch "$here/at/many/another"
    take_over_here
    echo >&"${LIST[1]}"
    read -r line <&"${LIST[0]}"
    has "5002 5002 0 5003 5003 0" "$line"
}

@test "hand-over: names without case, and memory files that the kernel reads and writes" {
    serve_here -i -s -1 -n -1 --pass-through=4096
    echo one >"$here/at/Name"
    head -c 1000000 /dev/urandom >"$here/at/File"
    content=$(sha256sum <"$here/at/file")
    exec 4<>"$here/at/FILE"
    equal "name" "$(cat "$here/at/nAME")" one
    take_over_here
    equal "name" "$(cat "$here/at/nAME")" one
    equal "content" "$(sha256sum <"$here/at/file")" "$content"
    printf tail >>"$here/at/file"
    head -c 4 >"$here/head" <&4
    equal "through the open file" "$(sha256sum <"$here/head")" "$(head -c 4 "$here/at/file" | sha256sum)"
    printf HEAD >&4
    exec 4>&-
    take_over_here
    equal "what was written there" "$(dd if="$here/at/file" bs=1 skip=4 count=4 status=none)" HEAD
    equal "the end" "$(tail -c 4 "$here/at/file")" tail
    [ "$(stat -c %i "$here/at/FILE")" = "$(stat -c %i "$here/at/File")" ]
}

# Next ones, killed while they are at it, until one is quicker or might have been; adds those that were in the middle to $middle.
kill_in_the_middle() {
    local i helpers first sum
    serve_here -s -1 -n -1
    head -c 100000000 /dev/urandom >"$here/at/file"
    sum=$(sha256sum <"$here/at/file")
    first=$memfs_pid
    rm -f "$here/failed"
    ( i=0; while echo $((i += 1)) >"$here/at/counter" && sync "$here/at/counter"; do :; done; echo failed >"$here/failed" ) 2>"$here/errors" 3>&- &
    helpers=$!
    for i in {1..40}; do
        start_memfs_here --take-over -m "$here/at"
        sleep "0.0$((RANDOM % 4))$((RANDOM % 10))"
        ! grep -qs " on " "$memfs_output" || break # it has the volume
        kill -KILL "$memfs_pid"
        wait "$memfs_pid" || true
        # from the moment at which it says so it might have had it
        [ ! -e "$here/failed" ] || break
        BOUND=15 bounded ls "$here/at" >/dev/null || fail "round $i: $(cat "$here/errors")" || return
        is_served_by "$first" || fail "round $i: served by $(server)" || return
        middle=$((middle + 1))
    done
    if [ ! -e "$here/failed" ]; then
        kill -0 "$helpers" || return
        equal "content" "$(sha256sum <"$here/at/file")" "$sum" || return
    fi
    end_host_memfs || true
    wait "$helpers" || true
    wait_until 5 not mounted_here "$here/at"
}

# How far they have got is left to chance, and whoever has the volume then has all of it.
@test "hand-over: the next one is killed in the middle, and the first one goes on" {
    middle=0
    for ((tries = 1; middle < 3; tries++)); do
        kill_in_the_middle
        [ "$tries" -lt 20 ] || fail "only $middle were in the middle"
    done
}

@test "hand-over: the next one stops in the middle, and whoever waits does not wait for ever" {
    serve_here -s -1 -n -1
    head -c 300000000 /dev/urandom >"$here/at/file"
    first=$memfs_pid
    start_memfs_here --take-over -m "$here/at"
    sleep 0.03
    kill -STOP "$memfs_pid"
    helpers=$memfs_pid
    if ! grep -q ' on ' "$memfs_output"; then
        BOUND=25 bounded touch "$here/at/new" || fail "it hung"
        is_served_by "$first"
        kill -CONT "$memfs_pid"
        wait "$memfs_pid" && fail "it ended as if it had the volume" || true
        grep -q 'its server goes on' "$memfs_output" || fail "$(cat "$memfs_output")"
        equal "size" "$(stat -c %s "$here/at/file")" 300000000
    else
        skip "it was too fast to be stopped in the middle"
    fi
}

@test "hand-over: who gets none, and is told why" {
    refused 'no volume of yours' -- "$here_memfs" --take-over -m "$here/at"
    serve_here -F one
    refused 'no volume of yours' -- "$here_memfs" --take-over -m "$here/at"
    first=$memfs_pid
    start_memfs_here -F one -m Y:
    wait_until 5 mounted_here /mnt/y
    refused 'no volume of yours' -- setpriv --reuid 1000 --regid 1000 --clear-groups "$here_memfs" --take-over -F one -m Y:
    kill "$memfs_pid"
    memfs_pid=$first
    refused 'would be any' -- "$here_memfs" --take-over -m '*'
    take_over_here -F one
    kill "$memfs_pid"
    wait "$memfs_pid"
    "$LINFSP_STAGE/bin/ptfs" -p / -m "$here/at" >"$here/ptfs" 2>&1 3>&- &
    server=$!
    echo "$server" >>"$LINFSP_STATE/memfs.pids"
    wait_until 5 mounted_here "$here/at"
    refused 'cannot hand a volume over' -- "$here_memfs" --take-over -F "$(findmnt -no FSTYPE "$here/at" | sed 's/^fuse.//')" -m "$here/at"
    [ -e "$here/at/etc" ]
    kill "$server"
    wait "$server" || true
    wait_until 5 not mounted_here "$here/at"
}

@test "hand-over: the service may be killed before and after" {
    serve_here
    echo one >"$here/at/file"
    service_kill
    service_start
    take_over_here
    service_kill
    service_start
    wait_until 10 is_served_by "$memfs_pid"
    take_over_here
    equal "the file" "$(cat "$here/at/file")" one
    kill "$memfs_pid"
    wait "$memfs_pid"
    wait_until 5 not mounted_here "$here/at"
}
