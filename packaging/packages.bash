# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: MIT
# The Debian 12 packages that building, trying and testing LinFsp take, and how they come onto a machine. For ./check and ./demo.

build_packages=(gcc libc6-dev libcap-dev libjson-c-dev libseccomp-dev libsystemd-dev libutf8proc-dev meson
    musl-tools ninja-build pkgconf uthash-dev)
check_packages=(acl attr bats bubblewrap busybox-static clang clang-format clang-tidy cppcheck crun docker.io
    e2fsprogs fuse-overlayfs g++ gcc-aarch64-linux-gnu gcc-i686-linux-gnu gcc-mingw-w64-x86-64-posix git golang-go jq kmod libc6-dev-arm64-cross
    libc6-dev-i386-cross libclang-rt-14-dev libcmocka-dev lxc plocate podman procps python3 python3-yaml qemu-user-static rsync scdoc shellcheck slirp4netns strace systemd-container uidmap util-linux wine64 wine64-tools xz-utils)
# Engines, clients and file systems that single files of test/e2e take besides. They install what they need when they run alone.
e2e_packages=(bindfs buildah docker-compose fio fish fuse3 pacman-package-manager podman-compose postgresql-15 prometheus python3-grpcio rpm sqlite3 zsh)
# The small virtual machine, and what is put into it.
vm_packages=(bindfs bubblewrap busybox-static crun fuse3 jq qemu-system-x86 runc xz-utils)
demo_packages=(busybox-static kmod procps util-linux)
embedded_packages=(bubblewrap)

missing_packages() {
    local package
    for package; do
        [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null)" = "ii " ] || echo "$package"
    done
}

# Installs what is missing; without a word, and in no time, where nothing is. Services that come with a package are not started.
install_packages() {
    local missing policy=/usr/sbin/policy-rc.d made_policy='' status=0
    mapfile -t missing < <(missing_packages "$@")
    # Another docker than Debian's will do.
    if command -v dockerd >/dev/null && command -v docker >/dev/null; then
        mapfile -t missing < <(printf '%s\n' "${missing[@]}" | grep -vx docker.io)
    fi
    [ "${#missing[@]}" -gt 0 ] && [ -n "${missing[0]}" ] || return 0
    if [ "$(id -u)" != 0 ]; then
        echo "missing packages, and only root can install them: apt-get install ${missing[*]}" >&2
        return 1
    fi
    echo "installing: ${missing[*]}"
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && made_policy=1
    fi
    apt_get install "${missing[@]}" || { apt_get update && apt_get install "${missing[@]}"; } || status=$?
    [ -z "$made_policy" ] || rm -f "$policy"
    return "$status"
}

apt_get() {
    local verb=$1 options=(-o Dpkg::Use-Pty=0)
    shift
    # A machine of CI need not survive a power cut, and synchronizing each file takes longer than writing it.
    [ "${CI:-}" != true ] || options+=(-o Dpkg::Options::=--force-unsafe-io)
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y "${options[@]}" "$verb" --no-install-recommends "$@" </dev/null >/dev/null
}
