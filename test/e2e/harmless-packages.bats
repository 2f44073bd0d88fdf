#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Real packages of FUSE programs are installed, upgraded, installed again, removed and purged by dpkg as without LinFsp: the same exit
# statuses, the same messages, the same files. In a running container, and in a build.
load ../helpers/common

# What dpkg and the packages' own scripts take.
dpkg_packages=(dpkg tar diffutils libzstd1 liblzma5 zlib1g libbz2-1.0 libmd0 libfuse2 debconf perl-base)

setup_file() {
    [ -n "$DOCKER_HOST" ] || return 0
    source "$LINFSP_ROOT/packaging/packages.bash"
    install_packages bindfs || return
    local work=$LINFSP_STATE/packages
    mkdir -p "$work/debs" "$work/tree"/{var/log,var/lib/dpkg/{info,updates,triggers,alternatives},debs,usr/sbin,usr/bin} || return
    get_packages "$work/debs" || { touch "$work/lacking" && return 0; }
    make_newer "$work/debs" || return
    lay_dpkg "$work/tree" && cp "$work/debs"/* "$work/tree/debs/" && cp "$LINFSP_STATE/packages/script" "$work/tree/script" || return
    local container
    container=$(docker create --network=none linfsp-test/debian)
    tar -C "$work/tree" -c . | docker cp - "$container:/" || return
    docker commit "$container" linfsp-test/dpkg >/dev/null
    docker rm "$container" >/dev/null
    file_setup
}

# From the cache of the machine's packages or from its mirror.
get_packages() {
    (cd "$1" && chmod 777 . && apt-get download -q -q fuse3 libfuse3-3 sshfs bindfs >/dev/null 2>&1) && [ "$(ls "$1" | wc -l)" = 4 ]
}

# An upgrade of fuse3: the same in a later version.
make_newer() {
    local tree=$LINFSP_STATE/packages/newer
    dpkg-deb -R "$1"/fuse3_*.deb "$tree" && sed -i 's/^Version: .*/&+newer/' "$tree/DEBIAN/control" && echo newer >>"$tree/bin/fusermount3" &&
        dpkg-deb --root-owner-group -Znone -b "$tree" "$1/newer.deb" >/dev/null
}

lay_dpkg() {
    mkdir -p "$1"/usr/{lib,lib64} && ln -s usr/bin usr/sbin usr/lib usr/lib64 "$1/" || return
    dpkg -L "${dpkg_packages[@]}" | sort -u | grep -vE '^/usr/share/(doc|man|locale)' | while read -r path; do
        [ -d "$path" ] || [ ! -e "$path" ] || echo "$path"
    done | tar -C / --no-recursion -cf - -T - 2>/dev/null | tar -C "$1" --keep-directory-symlink -xf - || return
    rm "$1"/{bin,sbin,lib,lib64} # the base has these links
    # dpkg removes a folder that no package has: also the link /bin
    printf '%s\n' 'Package: base-files' 'Status: install ok installed' 'Maintainer: none' 'Version: 1' 'Architecture: all' 'Description: folders' \
        >"$1/var/lib/dpkg/status"
    printf '%s\n' /. /bin /sbin /lib /lib64 /usr /usr/bin /usr/sbin /usr/lib /usr/share /etc >"$1/var/lib/dpkg/info/base-files.list"
    cat >"$LINFSP_STATE/packages/script" <<'END'
#!/bin/sh
# Each step: what it says, its status, and what there is of it then.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C
step() {
    echo "== $*"
    dpkg --force-depends "$@" >/tmp/said 2>&1
    echo "status $?"
    grep -v 'Reading database' /tmp/said
    rm -f /tmp/said
    find / -xdev \( -name '*fuse*' -o -name 'mount.*' -o -name 'sshfs*' -o -name 'bindfs*' \) ! -path '/dev/*' ! -path '/debs/*' \
        -printf '%p %M %U %G %s %l\n' | sort
    dpkg -V fuse3 sshfs bindfs 2>&1
}
step -i /debs/libfuse3*.deb /debs/fuse3*.deb /debs/sshfs*.deb /debs/bindfs*.deb
eval "${BETWEEN:-true}"
step -i /debs/newer.deb
step -i /debs/fuse3*.deb
step -r sshfs fuse3
step -i /debs/fuse3*.deb
step --configure -a
step -P bindfs sshfs fuse3 libfuse3-3
exit 0
END
    chmod 755 "$LINFSP_STATE/packages/script"
}

teardown_file() {
    [ -z "$DOCKER_HOST" ] || docker image rm -f linfsp-test/{dpkg,packages} >/dev/null 2>&1 || true
    file_teardown
}

setup() {
    [ -n "$DOCKER_HOST" ] || missing "Docker"
    [ ! -e "$LINFSP_STATE/packages/lacking" ] || missing "packages from a mirror"
}

teardown() {
    remove_containers
    [ -n "$(service_pid)" ] || service_start
}

said_in() { # SERVICE [OPTION...]
    container "$1" dpkg "${@:2}" -- sleep 600
    [ "$1" = without ] || wait_until 5 inside "$1" test -S /dev/linfsp/disk
    BOUND=60 inside "$1" /script >"$BATS_TEST_TMPDIR/$1"
    docker diff "$(full_name "$1")" | sort >"$BATS_TEST_TMPDIR/$1.diff"
}

@test "packages: dpkg installs, upgrades, reinstalls, removes and purges fuse3, sshfs and bindfs as without LinFsp" {
    said_in with
    service_stop
    said_in without
    grep -q '/usr/bin/fusermount3 -rwsr-xr-x 0 0' "$BATS_TEST_TMPDIR/without"
    not grep '^status [1-9]' "$BATS_TEST_TMPDIR/without"
    diff "$BATS_TEST_TMPDIR/without" "$BATS_TEST_TMPDIR/with"
    diff "$BATS_TEST_TMPDIR/without.diff" "$BATS_TEST_TMPDIR/with.diff"
}

@test "packages: the same while a FUSE program is in use" {
    said_in with -e 'BETWEEN=mkdir -p /tmp/m; bindfs /debs /tmp/m && ls /tmp/m >/tmp/list'
    equal "what FUSE gave" "$(inside with grep -c deb /tmp/list)" 5
    inside with sh -c 'umount /tmp/m'
    service_stop
    said_in without
    diff "$BATS_TEST_TMPDIR/without" "$BATS_TEST_TMPDIR/with"
}

# `compare_builds HOW`
compare_builds() {
    mkdir "$BATS_TEST_TMPDIR/context"
    printf '%s\n' 'FROM linfsp-test/dpkg' 'RUN dpkg --force-depends -i /debs/libfuse3*.deb /debs/fuse3*.deb /debs/bindfs*.deb' \
        'RUN dpkg --force-depends -i /debs/newer.deb' 'RUN dpkg --force-depends -r bindfs' >"$BATS_TEST_TMPDIR/context/Dockerfile"
    for service in with without; do
        [ "$service" = with ] || service_stop
        build "$1" linfsp-test/packages "$BATS_TEST_TMPDIR/context" >/dev/null
        layers_of linfsp-test/packages >"$BATS_TEST_TMPDIR/$service"
    done
    grep -q 'rwsr-xr-x 0/0 .* usr/bin/fusermount3' "$BATS_TEST_TMPDIR/without"
    diff "$BATS_TEST_TMPDIR/without" "$BATS_TEST_TMPDIR/with"
}

@test "packages: dpkg in a build: the same files with and without the service" {
    compare_builds legacy
}

@test "packages: dpkg in a build by BuildKit: the same files with and without the service" {
    find_buildkit
    compare_builds buildkit
}

# The entries of all layers, without times.
layers_of() { # IMAGE
    local folder=$BATS_TEST_TMPDIR/saved layer
    rm -rf "$folder" && mkdir "$folder"
    docker save "$1" | tar -C "$folder" -x
    jq -r '.[0].Layers[]' "$folder/manifest.json" | while read -r layer; do
        echo "layer"
        tar --numeric-owner -tvf "$folder/$layer" | awk '{$4 = $5 = ""; print}'
    done
}
