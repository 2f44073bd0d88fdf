# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Once before and after all files of a run: the staged installation, the engines, the images, the baseline. Run by
# `./check e2e [FILE]`, or by hand as root: `bats test/e2e/disk.bats` after a build in build/ (LINFSP_BUILD names another one;
# LINFSP_KEEP_LOG a file to keep the service's log in). linfsp-tests, of the package of that name, tests what is installed.

setup_suite() {
    [ "$(id -u)" = 0 ] || { echo "the end-to-end tests need root" >&2 && return 1; }
    exec 9>/run/lock/linfsp-test.lock
    source "$BATS_TEST_DIRNAME/../helpers/engine.bash"
    flock "$(how_to_share)" -w 1800 9 || { echo "another run of these tests goes on" >&2 && return 1; }
    LINFSP_ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    LINFSP_STATE=$(mktemp -d /tmp/linfsp-test.XXXXXX)
    chmod 755 "$LINFSP_STATE"
    export LINFSP_ROOT LINFSP_STATE LINFSP_STAGE LINFSP_SYSROOT DOCKER_HOST DOCKER_HOST_PLAIN DOCKER_HOST_REMAP
    find_installation || return
    source "$LINFSP_ROOT/test/helpers/common.bash"
    if [ -z "${LINFSP_TEST_WAIT:-}" ] && service_answers; then
        echo "a LinFsp service runs on this machine: these tests start and kill their own; stop it first (linfsp stop)" >&2
        return 1
    fi
    find_engines
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -static -o "$LINFSP_STATE/probe" "$LINFSP_ROOT/test/helpers/probe.c"
    take_baseline
}

# What is tested: the staged build, or (LINFSP_INSTALLED: a prefix, such as /usr) what is installed there.
find_installation() {
    LINFSP_SYSROOT=
    LINFSP_STAGE=${LINFSP_INSTALLED:-}
    [ -z "$LINFSP_STAGE" ] || return 0
    LINFSP_SYSROOT=$LINFSP_STATE/stage
    LINFSP_STAGE=$LINFSP_SYSROOT/usr/local
    meson install -C "${LINFSP_BUILD:-$LINFSP_ROOT/build}" --no-rebuild --quiet --destdir "$LINFSP_SYSROOT" || return
    chmod -R a+rX "$LINFSP_SYSROOT"
}

# The machine's own engine where it answers, else one of ours; and a remapped one. Empty: there is none.
find_engines() {
    local sockets=$LINFSP_STATE/engines
    DOCKER_HOST_REMAP=
    mkdir -p "$sockets"
    if ! docker version >/dev/null 2>&1; then
        DOCKER_HOST=
        if private_engine "$sockets/plain"; then
            DOCKER_HOST=unix://$sockets/plain/docker.sock
        fi
    else
        DOCKER_HOST=$(docker context inspect -f '{{.Endpoints.docker.Host}}')
        touch "$LINFSP_STATE/engine-is-not-ours"
    fi
    DOCKER_HOST_PLAIN=$DOCKER_HOST
    if [ -n "$DOCKER_HOST" ]; then
        remove_containers
        "$LINFSP_ROOT/test/helpers/images" || return
        if private_remapped_engine "$sockets/remapped"; then
            DOCKER_HOST_REMAP=unix://$sockets/remapped/docker.sock
            DOCKER_HOST=$DOCKER_HOST_REMAP "$LINFSP_ROOT/test/helpers/images" busybox debian
        fi
    fi
}

teardown_suite() {
    [ -n "${LINFSP_STATE:-}" ] || return 0
    source "$LINFSP_ROOT/test/helpers/common.bash"
    if [ -e "$LINFSP_STATE/engine-is-not-ours" ]; then
        remove_containers
        docker image ls -q 'linfsp-test/*' | sort -u | xargs -r docker image rm -f >/dev/null
    fi
    for engine in "$LINFSP_STATE"/engines/*; do
        end_engine "$engine"
    done
    [ -z "${LINFSP_KEEP_LOG:-}" ] || cp "$LINFSP_STATE/linfspd.log" "$LINFSP_KEEP_LOG"
    rm -rf --one-file-system "$LINFSP_STATE"
}
