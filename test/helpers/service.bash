# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# The service under test: started from the staged installation, in the foreground with its log in LINFSP_STATE/linfspd.log, so
# that tests can stop, kill and start it again and read what it said. It has the capabilities that its systemd unit leaves it, and no others.

unit_capabilities() {
    sed -n 's/^CapabilityBoundingSet=//p' "$LINFSP_ROOT/packaging/linfspd.service.in" | tr ' ' '\n' |
        sed 's/^CAP_/+/' | tr '[:upper:]' '[:lower:]' | paste -sd,
}

# Becomes linfspd: `run_service [OPTION...]`. LINFSP_TEST_SERVICE_OPTIONS: more of them, for every service of a run.
run_service() {
    renice -n -15 -p "$BASHPID" >/dev/null # as the unit has it
    # shellcheck disable=SC2086
    exec setpriv --no-new-privs "--bounding-set=-all,$(unit_capabilities)" "$linfspd" ${LINFSP_TEST_SERVICE_OPTIONS:-} "$@" </dev/null >>"$LINFSP_STATE/linfspd.log" 2>&1 3>&- 9>&-
}

service_pid() {
    cat "$LINFSP_STATE/linfspd.pid" 2>/dev/null || true
}

# The pid of its catcher: of the processes of that name, the one that has a parent and a grandparent of that name, its keepers, and no
# more of them. A child that it has just forked may have its name, too, and while it is started anew there is none.
catcher_pid() {
    local pid above names
    names=" $(pgrep -g "$(service_pid)" -x linfspd-catcher | tr '\n' ' ')"
    for pid in $names; do
        above=$(ps -o ppid= -p "$pid" | tr -d ' ')
        [[ -n $above && $names == *" $above "* ]] || continue
        above=$(ps -o ppid= -p "$above" | tr -d ' ')
        [[ -n $above && $names == *" $above "* ]] || continue
        above=$(ps -o ppid= -p "$above" | tr -d ' ')
        [[ -n $above && $names != *" $above "* ]] || continue
        echo "$pid" && return
    done
    return 1
}

# The catcher and its keepers. They are stopped first: a keeper that saw another one's end would begin anew.
kill_all_catchers() {
    local signal
    for signal in STOP KILL; do
        pkill "-$signal" -g "$(service_pid)" -x linfspd-catcher
    done
}

service_answers() {
    timeout 2 "$linfsp" status >/dev/null 2>&1
}

# The service that answers is the one we started.
our_service_answers() {
    [ "$(timeout 2 "$linfsp" status --json 2>/dev/null | jq .pid)" = "$(service_pid)" ]
}

# Starts it and waits until it answers: `service_start [OPTION...]`
service_start() {
    run_service ${LINFSP_KEEP_LOG:+--debug} "$@" &
    echo "$!" >"$LINFSP_STATE/linfspd.pid"
    disown
    wait_until 5 our_service_answers || fail "linfspd does not answer; its log:" "$(tail -n 20 "$LINFSP_STATE/linfspd.log")"
}

# Starts it and returns as soon as it says READY, so that whatever follows is the first that meets it: `service_start_until_ready
# SECONDS`
service_start_until_ready() {
    local word=''
    rm -f "$LINFSP_STATE/ready"
    mkfifo "$LINFSP_STATE/ready"
    run_service --ready-fd=4 4>"$LINFSP_STATE/ready" &
    echo "$!" >"$LINFSP_STATE/linfspd.pid"
    disown
    IFS= read -r -t "$1" word <"$LINFSP_STATE/ready" || true
    equal "what the service says within $1 s" "$word" READY || fail "its log:" "$(tail -n 20 "$LINFSP_STATE/linfspd.log")"
}

service_stop() {
    local pid status=0
    pid=$(service_pid)
    [ -n "$pid" ] || return 0
    BOUND=20 bounded "$linfsp" stop >/dev/null || fail "linfsp stop failed; the service's log:" "$(tail -n 20 "$LINFSP_STATE/linfspd.log")" ||
        status=1
    wait_until 5 gone "$pid" || status=1
    if [ "$status" -ne 0 ]; then
        kill -KILL "$pid" 2>/dev/null
        sleep 0.2
        run_service &
        wait_until 5 service_answers && timeout 20 "$linfsp" stop
    fi
    rm -f "$LINFSP_STATE/linfspd.pid"
    return "$status"
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
    wait_until "${LINFSP_TEST_WAIT:-2}" not service_answers || fail "another LinFsp service runs" || return
    : >"$LINFSP_STATE/linfspd.log"
    service_start
}

# For the setup of files whose tests stop the service: one that failed half-way must not spoil the rest.
service_runs() {
    our_service_answers || { service_stop; service_start; }
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
