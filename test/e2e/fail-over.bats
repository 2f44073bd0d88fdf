#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Fail-over: a server that is killed, and the one that comes after it. Open files go on, nothing is done twice, and nobody waits without
# a bound.
load ../helpers/common

setup_file() {
    file_setup || return
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -w -static -pthread -o "$LINFSP_STATE/endures" "$LINFSP_ROOT/test/helpers/endures.c"
}
teardown_file() { file_teardown; }
setup() {
    service_runs
    here=$BATS_TEST_TMPDIR
    mkdir -p "$here/back" "$here/at"
    chmod 755 "$here"
    chmod 777 "$here/back" "$here/at"
}
teardown() {
    [ -n "${BATS_TEST_COMPLETED:-}" ] || grep -E 'event=(mount|held|taken-over|end) ' "$LINFSP_STATE/linfspd.log" | tail -n 8 >&2 || true
    [ -z "${killer:-}" ] || kill "$killer" 2>/dev/null || true
    [ -z "${reader:-}" ] || kill -KILL "$reader" 2>/dev/null || true
    remove_containers
    end_host_memfs
    ! mounted_here "$here/at" || "$linfsp" umount --force "$here/at"
    ! mountpoint -q "$here/tmpfs" || umount -l "$here/tmpfs"
}

# ptfs on the host, over a folder: `serve [FOLDER] [OPTION...]`. $server is its pid.
serve() {
    local folder=$here/back
    [[ ${1:-} == -* ]] || { folder=${1:-$folder} && shift; } || true
    "$LINFSP_STAGE/bin/ptfs" --fail-over -p "$folder" -m "$here/at" "$@" >>"$here/ptfs.log" 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
    server=$!
    echo "$server" >>"$LINFSP_STATE/memfs.pids"
}

server_is_attached() {
    "$linfsp" volumes --json | jq -e ".[] | select(.server_pid == $server and .attached != false)" >/dev/null
}

serve_and_wait() {
    serve "$@"
    wait_until 5 server_is_attached || fail "$(cat "$here/ptfs.log")"
}

kill_server() {
    kill -KILL "$server"
    wait "$server" 2>/dev/null || true
}

# Kills the server and starts another one, again and again, until it is ended itself: `replace_for_ever PERIOD [OPTION...]`
replace_for_ever() {
    local period=$1
    shift
    while :; do
        sleep "$period"
        kill_server
        serve "$@"
        echo >>"$here/kills"
    done
}

# Random steps with known outcomes, while servers are killed: `endure PERIOD SECONDS [OPTION...]`
endure() {
    local period=$1 seconds=$2
    shift 2
    serve_and_wait "$@"
    replace_for_ever "$period" "$@" 3>&- &
    killer=$!
    BOUND=$((seconds + 40)) bounded "$LINFSP_STATE/endures" "$here/at" "$seconds" 3 "${LINFSP_SEED:-$RANDOM}" >"$here/steps" 2>&1 ||
        fail "$(cat "$here/steps")" "after $(wc -l <"$here/kills") kills" "$(tail -n 3 "$here/ptfs.log")" || return
    kill "$killer"
    wait "$killer" 2>/dev/null || true
    killer=
    [ "$(wc -l <"$here/kills")" -ge $((seconds / 2)) ] || fail "only $(wc -l <"$here/kills") kills" || return
    [ "$(sed -n 's/ steps$//p' "$here/steps")" -ge 500 ] || fail "$(cat "$here/steps")"
}

@test "fail-over: open files of every kind go on with the next server" {
    serve_and_wait
    echo one >"$here/at/file"
    exec 4<>"$here/at/file" 5<>"$here/at/unnamed" 6<"$here/at"
    echo kept >&5
    rm "$here/at/unnamed"
    mkdir "$here/at/folder"
    ( cd "$here/at/folder" && exec sleep 60 ) 3>&- &
    sleeper=$!
    kill_server
    serve_and_wait
    echo two >&4
    echo more >&5
    kill_server
    serve_and_wait
    equal "the file" "$(cat "$here/at/file")" two
    equal "the file without a name" "$(cat /proc/self/fd/5 5<>/proc/self/fd/5)" $'kept\nmore'
    equal "its links" "$(stat -L -c %h /proc/self/fd/5)" 0
    equal "the folder that is open" "$(ls /proc/self/fd/6/)" $'file\nfolder'
    equal "who is in a folder" "$(readlink "/proc/$sleeper/cwd")" "$here/at/folder"
    [ "$(ls -A "$here/at" | wc -l)" -eq 2 ]
    exec 4>&- 5>&- 6<&-
    kill "$sleeper"
    wait "$sleeper" || true
    kill "$server"
    wait "$server"
    equal "what is left in the directory" "$(ls -A "$here/back")" $'file\nfolder'
}

@test "fail-over: what is asked for meanwhile waits, and is done once" {
    serve_and_wait
    kill_server
    mkdir "$here/at/one" 3>&- &
    first=$!
    ( set -C && echo x >"$here/at/two" ) 3>&- &
    second=$!
    sleep 0.3
    kill -0 "$first" "$second"
    serve_and_wait
    wait "$first"
    wait "$second"
    equal "what is there" "$(ls "$here/back")" $'one\ntwo'
    refused 'File exists' -- mkdir "$here/at/one"
}

@test "fail-over: ptfs is killed again and again under random steps" {
    endure 0.4 6
}

@test "fail-over: ptfs is killed again and again under random steps, tmpfs, no caches" {
    mkdir "$here/tmpfs"
    mount -t tmpfs none "$here/tmpfs"
    endure 0.2 5 "$here/tmpfs" -t 0
}

# There always is a request that waits for a server. Somebody else is held up, and it is looked for who does that.
@test "fail-over: a volume whose servers change is not taken for one that hangs" {
    mkdir "$here/other"
    start_memfs_here -m "$here/other"
    wait_until 5 mounted_here "$here/other"
    "$linfsp" umount --force "$here/other" # which looks for who holds locks of its files, for 12 s
    endure 0.2 10 -t 0
}

# Hands a page of a file of the volume to write(2), for the first time, when the file "go" is there. While no server answers it waits
# in the middle of that call, as who holds a lock by memory that does not come does.
page_reader() {
    python3 -c 'import mmap, os, sys, time
target = os.memfd_create("target")
with open(sys.argv[1] + "/at/page", "rb") as file:
    page = memoryview(mmap.mmap(file.fileno(), 4096, prot=mmap.PROT_READ))
    open(sys.argv[1] + "/ready", "w").close()
    while not os.path.exists(sys.argv[1] + "/go"):
        time.sleep(0.01)
    os.pwrite(target, page, 0)' "$here"
}

@test "fail-over: a volume whose next server is long in coming is not taken for one that hangs" {
    sleep 13 # what the test before has looked for would make this search one that lasts
    truncate -s 4096 "$here/back/page"
    mkdir "$here/other"
    start_memfs_here -m "$here/other"
    wait_until 5 mounted_here "$here/other"
    serve_and_wait -t 0
    page_reader 3>&- &
    reader=$!
    wait_until 10 test -e "$here/ready"
    kill_server
    touch "$here/go"
    "$linfsp" umount --force "$here/other" # which looks for who holds locks of its files, for 12 s
    sleep 5 # as on a machine whose CPUs others have
    serve_and_wait -t 0
    wait_until 20 gone "$reader"
    wait "$reader"
    reader=
}

# ptfs in a container, over /folder: `serve_in NAME OPTION...`
serve_in() {
    local name=$1
    shift
    docker exec -d "$(full_name "$name")" "$silo_bin/ptfs" --fail-over -p /folder "$@"
}

attached_in() { # NAME
    "$linfsp" volumes --json | jq -e --arg id "$(id_of "$1")" '.[] | select(.silo == $id and .attached != false)' >/dev/null
}

waiting_in() { # NAME
    "$linfsp" volumes --json | jq -e --arg id "$(id_of "$1")" '.[] | select(.silo == $id and .attached == false)' >/dev/null
}

kill_in() { # NAME
    pids_in "$1" ptfs | xargs kill -KILL
    wait_until 5 waiting_in "$1"
}

@test "fail-over: a network volume of a container is served on, and open files of the host and of another container with it" {
    container one busybox
    container two busybox
    script_in one 'mkdir /folder'
    serve_in one -m Z: -u '\memfs\folder'
    wait_mounted one /mnt/z
    exec 7<>/unc/memfs/folder/file
    script_in two '(set +x; exec 2>/tmp/errors; while :; do echo x; sleep 0.05; done) >/unc/memfs/folder/other &'
    for text in first second third; do
        echo "$text" >&7
        kill_in one
        serve_in one -m Z: -u '\memfs\folder'
        wait_until 5 attached_in one
    done
    echo last >&7
    exec 7>&-
    equal "the host's file" "$(script_in one 'cat /folder/file')" $'first\nsecond\nthird\nlast'
    equal "errors in the other container" "$(script_in two 'cat /tmp/errors')" ""
    before=$(script_in one 'wc -l </folder/other')
    sleep 0.5
    [ "$(script_in one 'wc -l </folder/other')" -gt "$before" ]
}

@test "fail-over: nobody but the same user, in the same container, with the same file system takes a volume over" {
    container one busybox
    container two busybox
    for name in one two; do script_in "$name" 'mkdir -m 777 /folder /at; echo mine >/folder/file'; done
    serve_in one -m /at
    wait_mounted one /at
    kill_in one
    serve_in two -m /at
    wait_mounted two /at
    docker exec -d -u 1000 "$(full_name one)" "$silo_bin/ptfs" --fail-over -p /folder -m /at
    docker exec -d "$(full_name one)" "$silo_bin/ptfs" --fail-over -F other -p /folder -m /at
    sleep 1.5
    waiting_in one || fail "$("$linfsp" volumes)"
    serve_in one -m /at
    wait_until 5 attached_in one
    equal "the volume" "$(script_in one 'cat /at/file')" mine
}

@test "fail-over: without another server the volume ends in time, and leaves nothing" {
    service_stop # of what a busy silo does the log has a bounded number of lines a minute
    service_start
    serve_and_wait --fail-over=2
    exec 4<"$here/at"
    kill_server
    ( cat "$here/at/file" ) >"$here/said" 2>&1 3>&- 4<&- &
    reader=$!
    sleep 1
    kill -0 "$reader"
    wait_until 5 gone "$reader"
    reader=
    grep -qE 'not connected|connection abort' "$here/said" || fail "$(cat "$here/said")"
    exec 4<&-
    wait_until 5 not mounted_here "$here/at"
    wait_until 5 grep -q 'no other one took the volume over in time' "$LINFSP_STATE/linfspd.log"
}

@test "fail-over: a killed container does not wait for its held volume, nor does who is killed outside" {
    container one busybox
    script_in one 'mkdir /folder; echo x >/folder/file'
    docker exec -d "$(full_name one)" "$silo_bin/ptfs" --fail-over=300 -t 0 -p /folder -u '\memfs\folder' -m /at
    wait_mounted one /at
    for _ in 1 2 3 4; do docker exec -d "$(full_name one)" sh -c 'while cat /at/file; do :; done'; done
    bash -c 'while cat /unc/memfs/folder/file; do :; done' >/dev/null 2>&1 3>&- &
    reader=$!
    sleep 0.5
    kill_in one
    timed docker kill "$(full_name one)"
    [ "$elapsed" -lt 10000 ] || fail "docker kill took $elapsed ms"
    wait_until 10 gone "$reader" # its volume has ended
    reader=
}

# A server that has taken requests and hangs in them: its directory is on a volume that is stopped.
@test "fail-over: whoever is killed while the dead server had the request is free within seconds" {
    mkdir "$here/slow"
    start_memfs_here -m "$here/slow"
    wait_until 5 mounted_here "$here/slow"
    echo x >"$here/slow/file"
    serve_and_wait "$here/slow" --fail-over=300 -t 0
    kill -STOP "$memfs_pid"
    for i in 1 2 3; do
        cat "$here/at/file" >/dev/null 2>&1 3>&- &
        readers[i]=$!
    done
    sleep 0.5
    kill -KILL "${readers[@]}"
    sleep 0.3
    kill -0 "${readers[@]}"
    kill_server
    wait_until 10 gone "${readers[@]}"
    kill -CONT "$memfs_pid"
    wait_until 5 not mounted_here "$here/at"
}

@test "fail-over: the service is killed, then the server: the next server goes on" {
    serve_and_wait
    exec 4>"$here/at/file"
    echo one >&4
    service_kill
    echo two >&4
    service_start
    wait_until 5 server_is_attached
    sleep 0.5
    kill_server
    serve_and_wait
    echo three >&4
    exec 4>&-
    equal "the file" "$(cat "$here/back/file")" $'one\ntwo\nthree'
}

@test "fail-over: the administrator's word, and a limit" {
    service_stop
    echo 'max_fail_over = 0' >"$here/linfsp.conf"
    service_start --config="$here/linfsp.conf"
    serve_and_wait
    grep -q 'the volume ends with this program' "$here/ptfs.log" || fail "$(cat "$here/ptfs.log")"
    kill_server
    wait_until 5 not mounted_here "$here/at"
    service_stop
}
