# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# For ./check: two versions. A memfs that was started last week meets today's service, and today's programs a service that is not replaced yet.

check_versions() { # [COMMIT]
    local commit=${1:-} this=$root/build-other/this/usr/local other=$root/build-other/other/stage/usr/local lock=/run/lock/linfsp-test.lock
    heading "two versions"
    if [ "$(id -u)" != 0 ]; then
        skip "two versions" "they need root"
        return
    fi
    [ -n "$commit" ] || commit=$(test/reliability/other-version 2>/dev/null)
    if [ -z "$commit" ]; then
        echo "not tried: this is no checkout with the history of older versions"
        return
    fi
    one "build" build build && one "packages" install_packages bubblewrap jq || return
    one "this version" meson install -C build --no-rebuild --quiet --destdir "$root/build-other/this" || return
    one "version ${commit:0:12}" test/reliability/other-version "$commit" build-other/other || return
    one "older programs, this service" flock -o "$lock" test/reliability/world test/reliability/versions "$this" "$other"
    one "this version's programs, the older service" flock -o "$lock" test/reliability/world test/reliability/versions "$other" "$this"
}
