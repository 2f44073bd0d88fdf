# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# For ./check: clang-format, clang-tidy, cppcheck, shellcheck.

# The C files to look at: those that differ from the base, where there is one. A changed header means all.
c_files() {
    local changed
    if [ -n "${CHECK_BASE:-}" ] && changed=$(git diff --name-only --diff-filter=d "$CHECK_BASE" -- src fs include) &&
        ! grep -q '\.h$' <<<"$changed"; then
        grep '\.c$' <<<"$changed"
    else
        find src fs -name '*.c' | sort
    fi
}

# Only what the build compiles, and only what was not found clean before: a stamp is the hash of the file, all headers and the rules.
tidy() {
    local stamps=build/tidy-stamps rules file stamp
    mkdir -p "$stamps"
    rules=$(find src include fs -name '*.h' | sort | xargs cat .clang-tidy | sha256sum)
    while read -r file; do
        grep -q "\"file\": \".*/\?$file\"" build/compile_commands.json || continue
        stamp=$stamps/$(cat "$file" - <<<"$rules" | sha256sum | cut -c1-32)
        [ -e "$stamp" ] || printf '%s\0%s\0' "$file" "$stamp"
    done < <(c_files) |
        xargs -0 -r -n 2 -P "$(nproc)" bash -c "$(declare -f tidy_one); tidy_one \"\$@\"" tidy
}

# The analyzer takes twenty times as long as all the rest. So unit tests do without it, and CI has it look less deep unless the file
# differs from the base: a fifth of the time. Then it does not follow calls, and takes for NULL whatever they might have left so.
tidy_one() { # FILE STAMP
    local options=() option
    if [[ $1 = */test-*.c ]]; then
        options=(--checks='-clang-analyzer-*')
    elif [ "${CI:-}" = true ] && [ -z "${CHECK_BASE:-}" ]; then
        options=(--checks='-clang-analyzer-core.NullDereference,-clang-analyzer-core.NonNullParamChecker')
        for option in -Xclang -analyzer-config -Xclang mode=shallow; do options+=(--extra-arg="$option"); done
    fi
    clang-tidy -p build --quiet "${options[@]}" --extra-arg=-Wno-unknown-warning-option "$1" 2>/dev/null && touch "$2"
}

lint_layout() {
    find src include fs test benchmarks -regex '.*\.\(c\|h\|cc\|hpp\)' -print0 | xargs -0 clang-format --dry-run -Werror
}

lint_cppcheck() {
    local files
    mapfile -t files < <(c_files)
    [ "${#files[@]}" -eq 0 ] || cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,portability,performance \
        --suppressions-list=packaging/cppcheck-suppressions -D_GNU_SOURCE -D__linux__ --library=packaging/cppcheck.cfg -I src -I include -j "$(nproc)" "${files[@]}"
}

lint_shell() {
    local scripts
    mapfile -t scripts < <(grep -rlE '^#!.*(bash|/sh|bats)' check demo bench package .ci packaging src test fs 2>/dev/null | grep -v '\.c$'
        find test packaging -name '*.bash')
    printf '%s\0' "${scripts[@]}" | xargs -0 -n 8 -P "$(nproc)" shellcheck -x
}

check_lint() {
    heading "lint"
    [ -f build/compile_commands.json ] || one "build" build build || return
    one "clang-format" lint_layout
    one "clang-tidy" tidy
    one "cppcheck" lint_cppcheck
    one "shellcheck" lint_shell
}
