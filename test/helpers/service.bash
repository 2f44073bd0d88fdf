# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# The service under test: started from the staged installation, in the foreground with its log in LINFSP_STATE/linfspd.log, so
# that tests can stop, kill and start it again and read what it said.

service_pid() {
    cat "$LINFSP_STATE/linfspd.pid" 2>/dev/null
}

service_answers() {
    timeout 2 "$linfsp" status >/dev/null 2>&1
}

# Starts it and waits until it answers: `service_start [OPTION...]`
service_start() {
    "$linfspd" "$@" </dev/null >>"$LINFSP_STATE/linfspd.log" 2>&1 3>&- &
    echo "$!" >"$LINFSP_STATE/linfspd.pid"
    disown
    wait_until 5 service_answers || fail "linfspd does not answer; its log:" "$(tail -n 20 "$LINFSP_STATE/linfspd.log")"
}

service_stop() {
    local pid
    pid=$(service_pid)
    [ -n "$pid" ] || return 0
    BOUND=20 bounded "$linfsp" stop || fail "linfsp stop failed; the service's log:" "$(tail -n 20 "$LINFSP_STATE/linfspd.log")" ||
        kill -KILL "$pid"
    wait_until 5 gone "$pid"
    rm -f "$LINFSP_STATE/linfspd.pid"
}

service_kill() {
    local pid
    pid=$(service_pid)
    kill -KILL "$pid"
    wait_until 5 gone "$pid"
}

# The service said nothing that speaks of a defect of its own.
service_log_is_clean() {
    ! grep -nE 'Sanitizer|runtime error:|[Aa]ssert|SIGSEGV|core dumped|BUG' "$LINFSP_STATE/linfspd.log" >&2
}

# The usual setup_file and teardown_file.
file_setup() {
    : >"$LINFSP_STATE/linfspd.log"
    service_start
}

file_teardown() {
    local status=0
    remove_containers || status=1
    end_host_memfs
    service_stop || status=1
    service_log_is_clean || status=1
    nothing_left || status=1
    return "$status"
}

end_host_memfs() {
    local pid
    while read -r pid; do
        kill -KILL "$pid" 2>/dev/null
    done < <(cat "$LINFSP_STATE/memfs.pids" 2>/dev/null)
    rm -f "$LINFSP_STATE/memfs.pids"
}
