#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A random walk of containers, volumes, files and kills of the service, after each step of which all must be as a model says
# (test/reliability/model). Longer walks: LINFSP_STEPS=1000 ./check e2e model

load ../helpers/common.bash

setup_file() {
    wait_until 20 not service_answers
}

teardown_file() {
    nothing_left
}

@test "model: after each step of a random walk all is as the model says, whenever the service dies" {
    local world=()
    [ -n "$LINFSP_SYSROOT" ] || skip "a build is needed, not an installation"
    [ -n "${LINFSP_WORLD:-}" ] || world=("$LINFSP_ROOT/test/reliability/world")
    seed=${LINFSP_SEED:-$RANDOM}
    BOUND=900 bounded "${world[@]}" "$LINFSP_ROOT/test/reliability/model" "${LINFSP_BUILD:-$LINFSP_ROOT/build}" "${LINFSP_STEPS:-100}" "$seed" \
        >"$BATS_TEST_TMPDIR/walk" 2>&1 || fail "LINFSP_SEED=$seed" "$(tail -n 40 "$BATS_TEST_TMPDIR/walk")"
    has "$(tail -n 1 "$BATS_TEST_TMPDIR/walk")" "the service was killed" "create"
}
