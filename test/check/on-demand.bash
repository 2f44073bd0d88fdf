# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# For ./check: what is run where it is asked for only: the table of programs, faults at every step, ordinary work.

# The table of docs/programs.md, from what the tests see on this machine; that they see it there is their last test.
check_table() {
    export LINFSP_RESULTS=$temporary/programs.tsv
    LINFSP_TABLE='write' check_e2e programs
    [ "$failed" -eq 0 ] && one "table" test/helpers/programs-table write "$LINFSP_RESULTS" docs/programs.md
}

check_reliability() {
    local programs=(src/service/linfspd src/worker/linfspd-worker src/catcher/linfspd-catcher) how lock=/run/lock/linfsp-test.lock
    heading "reliability"
    one "build" build build || return
    one "build with fault points" configure build-faults -Dfault-points=true -Dtests=disabled "${natives[@]}" &&
        one "programs with fault points" ninja -C build-faults "${programs[@]}" || return
    for how in kill fail; do
        one "$how at every point" flock -o "$lock" test/reliability/world test/reliability/points build build-faults "$how" brief
    done
    one "random walk against a model" flock -o "$lock" test/reliability/world test/reliability/model build 300
    one "random kills" flock -o "$lock" test/reliability/world test/reliability/kills build 50 50 400 50
}

check_ordinary() {
    heading "ordinary work"
    if [ "$(id -u)" != 0 ]; then
        skip "ordinary work" "it needs root"
        return
    fi
    one "build" build build && one "ordinary work" test/ordinary-work/run build
    cat "$temporary/output"
}
