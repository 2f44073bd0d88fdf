#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A helper comes, is upgraded and goes by rpm, pacman and what apk does as without LinFsp, also while a FUSE program runs that the image had no helper
# for: the same exit statuses, the same messages, the same files. (dpkg: harmless-packages.bats.)
load ../helpers/common

manager_packages=(rpm pacman-package-manager)

setup_file() {
    [ -n "$DOCKER_HOST" ] || return 0
    source "$LINFSP_ROOT/packaging/packages.bash"
    install_packages fuse3 bindfs "${manager_packages[@]}" || return
    "$LINFSP_ROOT/test/helpers/fuse-image" fuse-bare >/dev/null 2>&1 || return
    local tree=$LINFSP_STATE/managers/tree version container
    lay_managers "$tree" || return
    for version in 1 2; do
        lay_helper "$LINFSP_STATE/managers/$version" "$version" || return
        make_rpm "$version" && make_pacman "$version" || return
        mkdir -p "$tree/apk" && cp -a "$LINFSP_STATE/managers/$version" "$tree/apk/" && rm -f "$tree/apk/$version"/.[A-Z]* || return
        chmod -R u-s "$tree/apk" || return
    done
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -static -o "$tree/usr/bin/apk" "$LINFSP_ROOT/test/helpers/like-apk.c" || return
    container=$(docker create --network=none linfsp-test/fuse-bare)
    tar -C "$tree" -c . | docker cp - "$container:/" || return
    docker commit "$container" linfsp-test/managers >/dev/null
    docker rm "$container" >/dev/null
    file_setup
}

teardown_file() {
    [ -z "$DOCKER_HOST" ] || docker image rm -f linfsp-test/managers >/dev/null 2>&1 || true
    file_teardown
}

setup() {
    [ -n "$DOCKER_HOST" ] || missing "Docker"
}

teardown() {
    remove_containers
    [ -n "$(service_pid)" ] || service_start
}

# The managers, with what they load, and their databases.
lay_managers() { # FOLDER
    mkdir -p "$1"/usr/{bin,lib,lib64} "$1"/var/{lib/{rpm,pacman},cache/pacman/pkg} "$1"/etc/pacman.d/{gnupg,hooks} "$1/packages" || return
    ln -s usr/bin usr/lib usr/lib64 "$1/" || return
    local programs=(/usr/bin/{rpm,pacman,find,sort,grep,sed,cksum})
    { printf '%s\n' "${programs[@]}" && ldd "${programs[@]}" | grep -oE '/[^ )]+' | grep -v ':$' | while read -r library; do
        echo "$library" && readlink -f "$library"
    done && find /usr/lib/rpm; } | sort -u | tar -C / --no-recursion -cf - -T - 2>/dev/null | tar -C "$1" --keep-directory-symlink -xf - || return
    rm "$1"/{bin,lib,lib64}
    printf '%s\n' '[options]' 'Architecture = auto' 'SigLevel = Never' 'LocalFileSigLevel = Never' >"$1/etc/pacman.conf"
    cat >"$1/script" <<'END'
#!/bin/sh
# Each step: what it says, its status, and what there is then.
export LC_ALL=C
look() {
    find / -xdev \( -name '*fusermount*' -o -name 'fuse.conf*' \) ! -path '/dev/*' ! -path '/apk/*' -printf '%p %M %U %G %s %n %l\n' | sort
    [ ! -e /etc/fuse.conf ] || cksum </usr/bin/fusermount3
}
step() {
    echo "== $*"
    "$@" >/tmp/said 2>&1
    echo "status $?"
    grep -v Size /tmp/said
    rm -f /tmp/said
    look
}
eval "${BEFORE:-true}"
case $1 in
rpm)
    step rpm -i --nodeps /packages/fuse3-1-1.x86_64.rpm
    step rpm -V --nodeps fuse3
    step rpm -U --nodeps /packages/fuse3-2-1.x86_64.rpm
    step rpm -U --nodeps --oldpackage /packages/fuse3-1-1.x86_64.rpm
    step rpm --setperms fuse3
    step rpm -i --nodeps --force /packages/fuse3-1-1.x86_64.rpm
    step rpm -e fuse3
    ;;
pacman)
    step pacman --noconfirm --noprogressbar -U /packages/fuse3-1-1-x86_64.pkg.tar.gz
    step pacman --noconfirm --noprogressbar -U /packages/fuse3-2-1-x86_64.pkg.tar.gz
    step pacman --noconfirm --noprogressbar -U /packages/fuse3-1-1-x86_64.pkg.tar.gz
    step pacman -Qk fuse3
    step pacman --noconfirm --noprogressbar -Rns fuse3
    ;;
apk)
    step apk add /apk/1
    step apk add /apk/2
    step apk fix
    step apk add /apk/1
    step apk del
    ;;
esac
exit 0
END
    chmod 755 "$1/script"
}

# What both packages hold.
lay_helper() { # FOLDER VERSION
    mkdir -p "$1"/{etc,usr/bin} && cp /usr/bin/fusermount3 "$1/usr/bin/" && echo "$2" >>"$1/usr/bin/fusermount3" &&
        chmod 4755 "$1/usr/bin/fusermount3" && ln -s fusermount3 "$1/usr/bin/fusermount" && echo "# $2" >"$1/etc/fuse.conf"
}

make_rpm() { # VERSION
    local work=$LINFSP_STATE/managers
    cat >"$work/spec" <<END
Name: fuse3
Version: $1
Release: 1
Summary: a helper
License: none
BuildArch: x86_64
AutoReqProv: no
%description
A helper.
%install
cp -a $work/$1/etc $work/$1/usr %{buildroot}/
%files
%attr(4755,root,root) /usr/bin/fusermount3
/usr/bin/fusermount
%config /etc/fuse.conf
%post
chmod 4755 /usr/bin/fusermount3
%postun
[ ! -e /usr/bin/fusermount3 ] || chmod u+s /usr/bin/fusermount3
END
    rpmbuild -bb --define "_topdir $work/rpm" --define '_build_id_links none' --define 'debug_package %{nil}' --define '__os_install_post %{nil}' \
        "$work/spec" >"$work/said" 2>&1 || fail "$(tail -n 5 "$work/said")" || return
    cp "$work"/rpm/RPMS/x86_64/*.rpm "$work/tree/packages/"
}

make_pacman() { # VERSION
    local folder=$LINFSP_STATE/managers/$1
    printf '%s\n' 'pkgname = fuse3' "pkgver = $1-1" 'pkgdesc = a helper' 'url = none' 'builddate = 1' 'packager = none' 'size = 1' 'arch = x86_64' \
        'backup = etc/fuse.conf' >"$folder/.PKGINFO"
    printf '%s\n' 'post_install() {' 'chmod 4755 /usr/bin/fusermount3' '}' 'post_upgrade() {' 'chmod u+s /usr/bin/fusermount3' '}' >"$folder/.INSTALL"
    tar -C "$folder" --owner 0 --group 0 -czf "$LINFSP_STATE/managers/tree/packages/fuse3-$1-1-x86_64.pkg.tar.gz" .PKGINFO .INSTALL etc usr
}

# What a manager says and does with the service, a FUSE program running meanwhile, is what it does without.
compare() { # MANAGER
    local service
    for service in served used without; do
        [ "$service" != without ] || service_stop
        container "$service" managers -e "BEFORE=$([ $service = served ] || echo 'mkdir -p /tmp/m; bindfs /packages /tmp/m 2>/dev/null; rm -f /tmp/x')" -- sleep 600
        [ "$service" = without ] || wait_until 5 inside "$service" test -S /dev/linfsp/disk
        BOUND=60 inside "$service" /script "$1" >"$BATS_TEST_TMPDIR/$service"
        [ "$service" != used ] || equal "entries of the folder that is served" "$(inside used ls /tmp/m | wc -l)" 4 || return
        docker diff "$(full_name "$service")" | grep -vE ' /tmp(/m)?$' | sort >"$BATS_TEST_TMPDIR/$service.diff"
    done
    grep -q '/usr/bin/fusermount3 -rwsr-xr-x 0 0' "$BATS_TEST_TMPDIR/without"
    not grep '^status [1-9]' "$BATS_TEST_TMPDIR/without"
    for service in served used; do
        diff "$BATS_TEST_TMPDIR/without" "$BATS_TEST_TMPDIR/$service" || return
        diff "$BATS_TEST_TMPDIR/without.diff" "$BATS_TEST_TMPDIR/$service.diff" || return
    done
}

@test "managers: rpm installs, verifies, upgrades, downgrades, reinstalls and removes a helper as without LinFsp" {
    compare rpm
}

@test "managers: pacman installs, upgrades, downgrades, checks and removes a helper as without LinFsp" {
    compare pacman
}

@test "managers: what apk does to files to install, upgrade, downgrade, fix and remove a helper is done as without LinFsp" {
    compare apk
}
