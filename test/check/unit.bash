# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# For ./check: the builds; unit tests plain, under sanitizers and counted by lines; fuzzers.

# What only the plain build needs is left out of the others: no unit test runs Windows programs, musl or a foreign architecture's library.
natives=(-Dmusl=disabled -Dwine=disabled -Dforeign=)
# What is built to be looked into need not be fast: optimizing is most of a build's time.
light=(-Doptimization=1)

configure() { # FOLDER [MESON-OPTION...]
    if [ -f "$1/build.ninja" ]; then
        meson configure "$@"
    else
        rm -rf "$1" && meson setup "$@"
    fi
}

build() { # FOLDER [MESON-OPTION...]
    configure "$1" -Dwerror=true -Dtests=enabled "${@:2}" && ninja -C "$1"
}

# The unit tests of a build, each counted: meson writes a line of JSON for each.
unit_tests() { # NAME FOLDER [MESON-OPTION...]
    local log=$2/meson-logs/testlog.json bad name
    rm -f "$log"
    meson test -C "$2" --no-rebuild --print-errorlogs --timeout-multiplier 3 "${@:3}" 2>&1 | grep -vE '^(ninja|$)'
    if [ ! -s "$log" ]; then
        count failed 1
        failures+=("$1: no test ran")
        return
    fi
    count passed "$(grep -cE '"result": "(OK|EXPECTEDFAIL)"' "$log")"
    count skipped "$(grep -c '"result": "SKIP"' "$log")"
    bad=$(grep -vE '"result": "(OK|EXPECTEDFAIL|SKIP)"' "$log" | sed -n 's/.*"name": "\([^"]*\)".*/\1/p')
    while read -r name; do
        if passes_alone "$2" "$name"; then
            count passed 1
            unsteady+=("$1: $name")
        else
            count failed 1
            failures+=("$1: $name")
        fi
    done < <(grep . <<<"$bad")
}

# A test that has failed beside others is run once more, as those of test/e2e are.
passes_alone() { # FOLDER NAME
    local name=${2##* / }
    meson test -C "$1" --no-rebuild --print-errorlogs --timeout-multiplier 3 "${name#linfsp:}" </dev/null 2>&1
}

# What has threads, and no more of the tree than it takes.
build_threads() {
    local targets
    configure build-thread -Dwerror=true -Dtests=enabled "${natives[@]}" "${light[@]}" -Db_sanitize=thread -Db_lundef=false || return
    ninja -C build-thread build.ninja || return # what is read next must be of this tree
    mapfile -t targets < <(meson introspect --tests build-thread | jq -r '.[] | select(any(.suite[]; endswith(":threads"))) | .cmd[]' |
        sed "s|^$PWD/build-thread/||" | grep '^[a-z].*/' | sort -u)
    ninja -C build-thread "${targets[@]}"
}

build_fuzzers() {
    local targets
    CC=clang configure build-fuzz "${natives[@]}" -Dfuzzers=true -Dwerror=false || return
    mapfile -t targets < <(ninja -C build-fuzz -t targets all | sed -n 's/^\(.*\/fuzz-[a-z-]*\): .*/\1/p' | grep -v standalone)
    ninja -C build-fuzz "${targets[@]}"
}

check_fuzz() {
    local target name
    heading "fuzzers"
    one "build of the fuzzers" build_fuzzers || return
    while read -r target; do
        name=${target##*/}
        mkdir -p "$temporary/corpus/$name"
        one "$name, ${FUZZ_SECONDS:-5} s" "$target" -max_total_time="${FUZZ_SECONDS:-5}" -timeout=30 -print_final_stats=1 \
            -artifact_prefix="$root/build-fuzz/" "$temporary/corpus/$name" "${target/#build-fuzz\/test\/fuzz\/fuzz-/test/fuzz/seeds/}"
    done < <(find build-fuzz -type f -perm -1 -name 'fuzz-*' ! -name '*standalone*')
}

build_sanitizers() {
    build build-sanitize "${natives[@]}" "${light[@]}" -Db_sanitize=address,undefined -Db_lundef=false
}

check_unit() {
    check_plain && check_instrumented && check_fuzz
}

check_plain() {
    heading "build"
    one "build" build build || return
    heading "unit tests"
    unit_tests "unit test" build
}

check_instrumented() {
    heading "unit tests under sanitizers"
    one "build with sanitizers" build_sanitizers &&
        UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 ASAN_OPTIONS=detect_stack_use_after_return=1 \
            unit_tests "unit test under sanitizers" build-sanitize
    heading "unit tests under the thread sanitizer"
    one "build with the thread sanitizer" build_threads &&
        unit_tests "unit test under the thread sanitizer" build-thread --suite threads
}

# Tests that need root are skipped without it, and the floors are missed.
build_coverage() {
    configure build-coverage -Dtests=enabled "${natives[@]}" -Doptimization=0 -Ddebug=false -Db_coverage=true &&
        find build-coverage -name '*.gcda' -delete && ninja -C build-coverage meson-test-prereq
}

covered_tests() {
    local tests=(meson test -C build-coverage --no-rebuild --print-errorlogs --timeout-multiplier 3)
    "${tests[@]}" || "${tests[@]}"
}

check_coverage() {
    heading "coverage"
    if [ "$(id -u)" != 0 ]; then
        skip "coverage" "it needs root"
        return
    fi
    one "build for coverage" build_coverage || return
    one "unit tests for coverage" covered_tests || return
    one "coverage" test/helpers/coverage.py build-coverage test/coverage-floors
    sed 's/^/    /' "$temporary/output"
}
