#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What keeps data that must not be lost: fio with verification and SQLite in a container, PostgreSQL on the host through /unc, all on one
# volume at once, by each transport, while the service is restarted every two seconds, and while the server is killed.
load ../helpers/common

postgres_bin=/usr/lib/postgresql/15/bin

setup_file() {
    source "$LINFSP_ROOT/packaging/packages.bash"
    install_packages fio postgresql-15 sqlite3 || return
    fuse_images fuse databases || return
    file_setup || return
    # made once: it takes longer than copying it
    install -d -o postgres -m 755 "$LINFSP_STATE/postgres"
    as_postgres "$postgres_bin/initdb" -D "$LINFSP_STATE/postgres/empty" --data-checksums --no-sync >"$LINFSP_STATE/initdb" || {
        cat "$LINFSP_STATE/initdb" >&2
        return 1
    }
}
teardown_file() { file_teardown; }
setup() {
    [ -n "$DOCKER_HOST" ] || missing "Docker"
    service_runs
    here=$(mktemp -d "$LINFSP_STATE/databases.XXXXXX") # where PostgreSQL's user gets to
    chmod 755 "$here"
    seconds=${LINFSP_SECONDS:-6}
    container own databases
}
teardown() {
    rm -f "$here/goes-on"
    wait_for_background
    stop_postgres immediate 2>/dev/null
    [ ! -s "$here/uring" ] || cat "$here/uring" >/sys/module/fuse/parameters/enable_uring
    remove_containers
    end_host_memfs
}

as_postgres() {
    (cd / && exec setpriv --reuid postgres --regid postgres --clear-groups "$@" 3>&-)
}

# ---- the three -----------------------------------------------------------------------------------------------------------

start_postgres() { # FOLDER
    cluster=$1
    install -d -o postgres -m 700 "$cluster"
    cp -a "$LINFSP_STATE/postgres/empty/." "$cluster/"
    install -d -o postgres -m 755 "$here/socket"
    run_postgres
    as_postgres pgbench -h "$here/socket" -q -i -s 1 postgres >"$here/pgbench.init" 2>&1 || fail "$(cat "$here/pgbench.init")"
}

run_postgres() {
    as_postgres "$postgres_bin/pg_ctl" -D "$cluster" -w -t 60 -l "$here/socket/log" \
        -o "-k $here/socket -h '' -c shared_buffers=2MB -c wal_sync_method=fdatasync -c max_wal_size=32MB -c checkpoint_timeout=30s" start \
        >"$here/pg_ctl" 2>&1 || fail "$(cat "$here/pg_ctl")" "$(tail -n 20 "$here/socket/log")"
}

stop_postgres() { # MODE
    [ -z "${cluster:-}" ] || as_postgres "$postgres_bin/pg_ctl" -D "$cluster" -w -t 60 -m "$1" stop >/dev/null
}

# Each transaction writes one row of history and adds as much to one account, teller and branch: the sums are equal, whatever happened.
postgres_works() {
    as_postgres pgbench -h "$here/socket" -n -c 4 -T "$seconds" postgres >"$here/pgbench" 2>&1
}

postgres_is_whole() {
    local sums
    sums=$(as_postgres psql -h "$here/socket" -qAt -c 'select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history),
        (select sum(bbalance) from pgbench_branches) = (select sum(delta) from pgbench_history), (select count(*) from pgbench_history) > 0' postgres)
    equal "PostgreSQL's sums" "$sums" 't|t|t' || return
    as_postgres "$postgres_bin/pg_amcheck" -h "$here/socket" --install-missing -a >"$here/amcheck" 2>&1 || fail "$(cat "$here/amcheck")" || return
    stop_postgres fast || return
    as_postgres "$postgres_bin/pg_checksums" --check -D "$cluster" >"$here/checksums" 2>&1 || fail "$(cat "$here/checksums")"
}

# Not mixed with reads: what overlaps fio then finds wrong on any file system.
fio_works() { # FOLDER-IN-CONTAINER
    inside own fio --name=verified --directory="$1" --size=8m --rw=randwrite --bsrange=4k-64k --bs_unaligned=1 --ioengine=psync --numjobs=2 \
        --fsync=32 --verify=crc32c --verify_fatal=1 --do_verify=1 --loops=3 --randseed="$RANDOM" --output-format=terse
}

# Rows that were committed are there, and count up without a gap.
sqlite_works() { # FOLDER-IN-CONTAINER
    script_in own '
        end=$(($(date +%s) + '"$seconds"')) n=0
        sqlite3 '"$1"'/db "pragma journal_mode = '"${2:-delete}"'; create table t (n integer primary key, s text)" >/dev/null || exit
        while [ "$(date +%s)" -lt "$end" ]; do
            n=$((n + 1))
            sqlite3 '"$1"'/db "insert into t values ($n, hex(randomblob(500)))" || exit
        done
        echo "$n" >/tmp/rows
        [ "$(sqlite3 '"$1"'/db "pragma integrity_check; select count(*) = $n and max(n) = $n from t")" = "ok
1" ]' 2>"$here/sqlite"
}

# ---- all at once ----------------------------------------------------------------------------------------------------------

background=()
wait_for_background() {
    local pid
    for pid in "${background[@]}"; do
        wait "$pid"
    done
    background=()
}

while_it_goes_on() { # COMMAND...
    touch "$here/goes-on"
    while [ -e "$here/goes-on" ]; do
        "$@" || return
    done 3>&- &
    background+=("$!")
}

restart_service() {
    sleep 2
    [ -e "$here/goes-on" ] || return 0
    service_kill
    service_start
    echo >>"$here/restarts"
}

# The three on a share, by what they see it as: `all_hold SHARE-ON-HOST SHARE-IN-CONTAINER`
all_hold() {
    local fio sqlite postgres
    mkdir -m 777 "$1/fio" "$1/sqlite"
    start_postgres "$1/postgres" || return
    while_it_goes_on restart_service
    fio_works "$2/fio" >"$here/fio" 2>&1 3>&- & fio=$!
    sqlite_works "$2/sqlite" 3>&- & sqlite=$!
    postgres_works & postgres=$!
    wait "$fio" || fail "fio: $(grep -v "^3;fio" "$here/fio")" || return
    wait "$sqlite" || fail "SQLite: $(cat "$here/sqlite")" || return
    wait "$postgres" || fail "pgbench: $(cat "$here/pgbench")" || return
    rm "$here/goes-on"
    wait_for_background
    [ "$(wc -l <"$here/restarts")" -ge 2 ] || fail "the service was restarted $(wc -l <"$here/restarts") times" || return
    postgres_is_whole
}

@test "databases: memfs in a container, and all of it through /unc at once, while the service is killed every two seconds" {
    start_memfs own -n -1 -s -1 -u '\memfs\data'
    wait_until 5 test -d /unc/memfs/data
    all_hold /unc/memfs/data /dev/linfsp/unc/memfs/data
}

@test "databases: memfs in a container, files passed through" {
    start_memfs own -n -1 -s -1 --pass-through=0 -u '\memfs\data'
    wait_until 5 test -d /unc/memfs/data
    all_hold /unc/memfs/data /dev/linfsp/unc/memfs/data
}

@test "databases: memfs over io_uring" {
    cat /sys/module/fuse/parameters/enable_uring >"$here/uring" 2>/dev/null && echo Y >/sys/module/fuse/parameters/enable_uring ||
        skip "this kernel has no FUSE over io_uring: Linux 6.14"
    LINFSP_TRANSPORT=io_uring start_memfs_here -n -1 -s -1 -u '\memfs\data'
    wait_until 5 test -d /unc/memfs/data
    all_hold /unc/memfs/data /dev/linfsp/unc/memfs/data
}

@test "databases: ptfs in a container" {
    script_in own 'mkdir -m 777 /srv/data'
    docker exec -d "$(full_name own)" "$silo_bin/ptfs" -p /srv/data -u '\ptfs\data'
    wait_until 5 test -d /unc/ptfs/data
    all_hold /unc/ptfs/data /dev/linfsp/unc/ptfs/data
}

# ---- the server is killed -------------------------------------------------------------------------------------------------

serve() {
    "$LINFSP_STAGE/bin/ptfs" --fail-over -p "$here/back" -m "$here/at" >>"$here/ptfs.log" 2>&1 3>&- &
    server=$!
    echo "$server" | tee "$here/server" >>"$LINFSP_STATE/memfs.pids"
}

replace_server() {
    sleep 0.5
    kill -KILL "$(cat "$here/server")"
    serve
    echo >>"$here/kills"
}

@test "databases: PostgreSQL goes on while ptfs is killed twice a second" {
    mkdir -m 777 "$here/back" "$here/at"
    serve
    wait_until 5 mounted_here "$here/at"
    start_postgres "$here/at/postgres"
    while_it_goes_on replace_server
    postgres_works || fail "pgbench: $(cat "$here/pgbench")" "$(tail -n 20 "$here/socket/log")"
    rm "$here/goes-on"
    wait_for_background
    [ "$(wc -l <"$here/kills")" -ge "$seconds" ] || fail "$(wc -l <"$here/kills") kills"
    postgres_is_whole
}
