# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# For ./check: virtual machines.

check_vm() {
    heading "virtual machines"
    if [ "$(id -u)" != 0 ]; then
        skip "virtual machines" "they need root"
        return
    fi
    [ $# -gt 0 ] || set -- 5.10 6.1 6.1-selinux 6.12
    machines run --table docs/kernels.md "$@"
}

check_vm_small() {
    heading "a small virtual machine"
    one "build" build build || return
    if [ "$(id -u)" != 0 ]; then
        skip "a small virtual machine" "it needs root"
        return
    fi
    machines small build "$@"
}

# The same as a part of everything: a machine of which something fails is booted once more, as the files of such tests are run. It takes
# a minute; one that stands still is given up after three.
check_kernel() {
    local passed_before=$passed failed_before=$failed failures_before=("${failures[@]}") first name
    export VM_TIMEOUT=180
    check_vm_small
    [ "$failed" -gt "$failed_before" ] || return 0
    first=("${failures[@]:${#failures_before[@]}}")
    passed=$passed_before failed=$failed_before failures=("${failures_before[@]}")
    check_vm_small
    for name in "${first[@]}"; do
        printf '%s\n' "${failures[@]}" | grep -qxF -- "$name" || unsteady+=("$name")
    done
}

# Runs a script of test/vm, which says what came of it in lines of TAP.
machines() { # SCRIPT ARGUMENT...
    test/vm/"$1" "${@:2}" 2>&1 | tee "$temporary/tap-machines"
    [ "${PIPESTATUS[0]}" -eq 0 ] || grep -q '^not ok ' "$temporary/tap-machines" || echo "not ok test/vm/$1" >>"$temporary/tap-machines"
    count passed "$(grep -c '^ok ' "$temporary/tap-machines")"
    count failed "$(grep -c '^not ok ' "$temporary/tap-machines")"
    while read -r name; do
        failures+=("$name")
    done < <(sed -n 's/^not ok //p' "$temporary/tap-machines")
}
