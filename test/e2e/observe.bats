#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What is going on, seen from outside: counters, latencies, traces and metrics of volumes that run, whoever serves them.
load ../helpers/common

setup_file() {
    source "$LINFSP_ROOT/packaging/packages.bash"
    install_packages prometheus || return
    file_setup
}
teardown_file() { file_teardown; }
setup() { service_runs; }
teardown() {
    [ -z "${helper:-}" ] || kill "$helper" 2>/dev/null || true
    [ -z "${prometheus:-}" ] || { kill "$prometheus" && wait "$prometheus"; } 2>/dev/null || true
    remove_containers
}

# The row of a volume in `linfsp top`, as JSON, by where it is: `row MOUNT-POINT [SECONDS]`
row() {
    bounded "$linfsp" top -n 1 -s "${2:-0.5}" --json | jq -c --arg where "$1" '.[] | select(.mount_point == $where or .unc_path == $where)'
}

# Does something with the volume at /mnt/z of container one for two seconds.
keep_busy() {
    # shellcheck disable=SC2016
    docker exec -d "$(full_name one)" /bin/sh -c 'end=$(($(date +%s) + 3)); while [ "$(date +%s)" -lt $end ]; do echo x >/mnt/z/f; cat /mnt/z/f; cat /mnt/z/nothing; done' 2>/dev/null
    sleep 0.3
}

@test "observe: top counts requests, errors, bytes and latencies" {
    container one debian
    disk one z
    equal "requests of a volume that does nothing" "$(row /mnt/z | jq ".requests_per_second == 0")" true
    equal "its latency" "$(row /mnt/z | jq .latency_p99_ns)" null
    keep_busy
    local busy
    busy=$(row /mnt/z 1)
    jq -e '.requests_per_second > 50 and .errors_per_second >= 1 and .bytes_written_per_second >= 2 and .name == "linfsp-test-one"' <<<"$busy" ||
        fail "$busy"
    jq -e '.latency_p50_ns > 500 and .latency_p50_ns <= .latency_p90_ns and .latency_p90_ns <= .latency_p99_ns and .waiting == 0' <<<"$busy" ||
        fail "$busy"
    has "$(bounded "$linfsp" top -n 1 -s 0.2)" REQUESTS/s linfsp-test-one /mnt/z
}

@test "observe: a server that went into the background, and one in its container, are found" {
    container one debian
    inside one "$silo_bin/memfs" -b -F NTFS -m Z: >/dev/null
    keep_busy
    jq -e '.requests_per_second > 10' <<<"$(row /mnt/z 1)"
    has "$(inside one "$silo_bin/linfsp" top -n 1 -s 0.2)" /mnt/z
}

@test "observe: requests that wait are told, of a server that hangs too" {
    container one debian
    disk one z
    signal_memfs STOP one
    docker exec -d "$(full_name one)" cat /mnt/z/some
    waiting() { [ "$(row /mnt/z 0.1 | jq .waiting)" -ge 1 ]; }
    wait_until 5 waiting
    signal_memfs CONT one
    not_waiting() { [ "$(row /mnt/z 0.1 | jq .waiting)" -eq 0 ]; }
    wait_until 5 not_waiting
}

@test "observe: trace shows requests and answers of a running server, and then it is quiet again" {
    container one debian
    disk one z
    bounded "$linfsp" trace -s 2 "$("$linfsp" volumes --json | jq ".[0].id")" >"$BATS_TEST_TMPDIR/by-number" 2>&1 3>&- 9>&- &
    helper=$!
    sleep 0.5
    script_in one 'echo x >/mnt/z/seen; cat /mnt/z/seen; no cat /mnt/z/absent'
    wait "$helper" || true
    has "$(cat "$BATS_TEST_TMPDIR/by-number")" 'CREATE inode 1 "seen"' 'LOOKUP inode 1 "absent"' 'No such file'
    has "$(docker exec "$(full_name one)" "$silo_bin/linfsp" trace -s 0.2 Z: 2>&1; echo "status $?")" "status 0"
    refused "is no volume here" -- "$linfsp" trace /nowhere
}

@test "observe: an ordinary user traces nobody else's volume" {
    container one debian
    disk one z
    container user debian --user 1000
    disk user x
    inside_as 1000 user "$silo_bin/linfsp" trace -s 0.2 X:
    refused "is no volume here" -- setpriv --reuid 65534 --regid 65534 --clear-groups "$linfsp" trace 1 || refused "another user's" -- setpriv --reuid 65534 --regid 65534 --clear-groups "$linfsp" trace 1
}

@test "observe: metrics in Prometheus's format, as a file and over HTTP" {
    container one debian
    share one z '\watch\me'
    inside one /bin/sh -c 'echo x >/mnt/z/f'
    bounded "$linfsp" metrics -o "$BATS_TEST_TMPDIR/linfsp.prom"
    local text
    text=$(cat "$BATS_TEST_TMPDIR/linfsp.prom")
    has "$text" "linfsp_up 1" 'name="linfsp-test-one",prefix="\\watch\\me",mount_point="/mnt/z"' 'linfsp_volume_latency_seconds_bucket' 'le="+Inf"'
    awk '/^#/ { next } !/^[a-z_]+(\{[^}]*\})? [0-9.e+-]+$/ { print "no metric: " $0; bad = 1 } END { exit bad }' "$BATS_TEST_TMPDIR/linfsp.prom"
    awk '/^linfsp_volume_requests_total/ && $NF > 2 { found = 1 } END { exit !found }' "$BATS_TEST_TMPDIR/linfsp.prom"
    "$linfsp" metrics -l "$BATS_TEST_TMPDIR/socket" 3>&- 9>&- &
    helper=$!
    wait_until 3 test -S "$BATS_TEST_TMPDIR/socket"
    text=$(python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
print(b"".join(iter(lambda: s.recv(65536), b"")).decode())' "$BATS_TEST_TMPDIR/socket")
    has "$text" "200 OK" "linfsp_volumes 1"
    echo kept >"$BATS_TEST_TMPDIR/file"
    refused "Address already in use" -- "$linfsp" metrics -l "$BATS_TEST_TMPDIR/file"
    equal "a file of that name" "$(cat "$BATS_TEST_TMPDIR/file")" kept
    refused "only addresses of the loopback" -- "$linfsp" metrics -l 10.1.2.3:9000
}

# Whether an expression has values in that Prometheus: `known PORT EXPRESSION`
known() {
    [ -n "$(promtool query instant "http://127.0.0.1:$1" "$2" 2>/dev/null)" ]
}

@test "observe: Debian's Prometheus takes the metrics, and knows each expression of the dashboard" {
    command -v prometheus >/dev/null || missing prometheus || return
    container one debian
    share one z '\watch\me'
    local folder=$BATS_TEST_TMPDIR port expression expressions dashboard=$LINFSP_ROOT/packaging/grafana/linfsp.json
    "$linfsp" metrics -l 127.0.0.1:29851 3>&- 9>&- &
    helper=$!
    printf '%s\n' 'global: {scrape_interval: 1s, scrape_timeout: 1s}' \
        'scrape_configs: [{job_name: linfsp, static_configs: [{targets: ["127.0.0.1:29851"]}]}]' >"$folder/prometheus.yml"
    bounded "$linfsp" metrics | promtool check metrics
    port=29852
    prometheus --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/data" --web.listen-address=127.0.0.1:$port >"$folder/log" 2>&1 3>&- 9>&- &
    prometheus=$!
    wait_until 30 known $port 'linfsp_up == 1'
    docker exec -d "$(full_name one)" sh -c 'while :; do echo x >/mnt/z/f; cat /mnt/z/f /mnt/z/nothing >/dev/null 2>&1; sleep 0.1; done'
    wait_until 30 known $port 'rate(linfsp_volume_requests_total{prefix="\\watch\\me"}[1m]) > 0'
    mapfile -t expressions < <(jq -r '.panels[].targets[].expr' "$dashboard")
    [ "${#expressions[@]}" -ge 10 ]
    for expression in "${expressions[@]}"; do
        # whether something waits just now is chance
        wait_until 15 known $port "${expression% > 0}" || fail "Prometheus has no values for $expression" || return
    done
    jq -e 'all(.panels[]; [.targets[].refId] | length == (unique | length))' "$dashboard" || fail "two queries of one panel have the same name"
}

@test "observe: metrics of a service that does not answer" {
    service_stop
    equal "what is said" "$(bounded "$linfsp" metrics | grep -v '^#')" "linfsp_up 0"
    service_start
}
