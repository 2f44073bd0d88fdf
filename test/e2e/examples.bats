#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What examples/ and README.md show, as it stands there. Engines without a network of their own: only that is changed.
load ../helpers/common
load ../helpers/windows

setup_file() {
    source "$LINFSP_ROOT/packaging/packages.bash"
    install_packages buildah docker-compose podman-compose podman || return
    file_setup
    export COMPOSE_PROJECT_NAME=linfsp-test-example
    cat >"$LINFSP_STATE/no-network.yaml" <<-'END'
	services:
	  files:
	    network_mode: none
	  web:
	    network_mode: none
	END
}
teardown_file() { file_teardown; }
teardown() {
    compose kill >/dev/null 2>&1
    compose rm -f >/dev/null 2>&1
    PODMAN=$BATS_TEST_TMPDIR/podman "$LINFSP_ROOT/examples/pod" linfsp-test down >/dev/null 2>&1
    end_podman
    remove_containers
}

compose() {
    local program=docker-compose options=()
    command -v docker-compose >/dev/null || program='docker compose'
    [ -z "${DOCKER_HOST:-}" ] || options=(-H "$DOCKER_HOST")
    # shellcheck disable=SC2086
    IMAGE=linfsp-test/busybox BOUND=60 bounded $program "${options[@]}" -f "$LINFSP_ROOT/examples/compose/compose.yaml" -f "$LINFSP_STATE/no-network.yaml" "$@"
}

# What the two of an example exchange is seen on the host, and goes with them.
exchanged() { # PREFIX
    wait_until 20 test -s "/unc/$1/file" || return
    equal "what web wrote" "$(bounded cat "/unc/$1/file")" "written by web"
}

@test "examples: two services of Docker Compose share files by a prefix" {
    command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1 || missing "Docker Compose" || return
    compose up -d || fail "docker-compose up" || return
    exchanged compose-example/data
    wait_until 10 compose_logs 'written by web'
    compose kill
    wait_until 10 not test -e /unc/compose-example
}

compose_logs() {
    compose logs web | grep -q "$1"
}

# Lines of README.md, as they stand there but for the image, and a network that the tests' engine does not have
readme() { # PATTERN
    grep -E "^    $1" "$LINFSP_ROOT/README.md" || fail "README.md has no line $1"
}

@test "examples: README: its first command" {
    local line
    line=$(readme 'docker run .*memfs -b')
    [[ $line == *'docker run --rm debian:12 '* ]]
    line=${line/docker run --rm debian:12/docker run --rm --network none --label linfsp-test linfsp-test/debian}
    has "$(BOUND=30 bounded bash -c "$line")" WinFsp-MEMFS /mnt/z
    [ -z "$(docker ps --quiet --filter ancestor=linfsp-test/debian)" ]
}

@test "examples: README: four file systems, and what the command says of them" {
    local line
    container one debian
    inside one mkdir -p /srv/data
    inside one touch /srv/data/old
    wait_until 5 inside one test -x "$silo_bin/memfs" # who types is slower
    readme '(memfs|ptfs) ' >"$BATS_TEST_TMPDIR/lines"
    equal "file systems" "$(wc -l <"$BATS_TEST_TMPDIR/lines")" 4
    { echo "PATH=$silo_bin:\$PATH" && cat "$BATS_TEST_TMPDIR/lines"; } | BOUND=20 bounded docker exec -i "$(full_name one)" sh
    for line in /mnt/z /data /mnt/y; do
        wait_mounted one "$line" || return
    done
    equal "passed through" "$(inside one ls /mnt/y)" old
    bounded touch /unc/memfs/share/from-the-host
    has "$("$linfsp" status)" 1.0.0
    has "$("$linfsp" silos)" linfsp-test-one
    has "$("$linfsp" volumes)" /mnt/z /data /mnt/y /unc/memfs/share
    has "$("$linfsp" top -n 1)" /unc/memfs/share
    # the two columns of the table, each a command and what it is for
    readme 'linfsp ' | sed -E 's/   +/\n/g' | grep '^ *linfsp ' >"$BATS_TEST_TMPDIR/verbs"
    equal "verbs" "$(awk '{print $2}' "$BATS_TEST_TMPDIR/verbs" | sort -u | tr '\n' ' ')" "doctor path run silos status top umount volumes "
    has "$(eval "\"$(dirname "$linfsp")\"/$(grep ' path' "$BATS_TEST_TMPDIR/verbs")")" /unc/nas/photos
    BOUND=20 bounded docker exec "$(full_name one)" sh -c "PATH=$silo_bin:\$PATH; $(grep ' umount' "$BATS_TEST_TMPDIR/verbs")"
    wait_unmounted one /mnt/z
}

@test "examples: README: a file system for WinFsp as a Linux program" {
    local line
    ln -s "$LINFSP_ROOT"/{examples,fs,include,src} "$BATS_TEST_TMPDIR/"
    cd "$BATS_TEST_TMPDIR" || return
    export PKG_CONFIG_SYSROOT_DIR=$LINFSP_SYSROOT
    PKG_CONFIG_PATH=$(dirname "$(find "$LINFSP_STAGE/lib" -name winfsp.pc)")
    export PKG_CONFIG_PATH
    BOUND=120 bounded bash -ec "$(readme 'gcc -static')"
    line=$(readme 'docker run .*/memfs:/memfs')
    [[ $line == *'docker run '*' debian:12 '* ]]
    line=${line/docker run/docker run -d --network none --label linfsp-test --name linfsp-test-readme}
    BOUND=30 bounded bash -ec "${line/debian:12/linfsp-test/debian}"
    wait_mounted readme /mnt/z fuse.NTFS
}

# The image that examples/wine/Dockerfile makes, but for the machine's own Wine in place of what its RUN takes from the network.
build_wine_image() {
    sed -e 's,^FROM .*,FROM linfsp-test/debian,' -e '/^RUN /d' "$LINFSP_ROOT/examples/wine/Dockerfile" >"$BATS_TEST_TMPDIR/Dockerfile"
    DOCKER_BUILDKIT=0 BOUND=60 bounded docker build -q -t linfsp-wine -f "$BATS_TEST_TMPDIR/Dockerfile" "$BATS_TEST_TMPDIR" >/dev/null
}

@test "examples: README: the same as a Windows program" {
    local line
    need_wine || return
    mkdir "$BATS_TEST_TMPDIR/here"
    ln -s "$LINFSP_ROOT"/{examples,fs,include,src} "$BATS_TEST_TMPDIR/here/"
    build_wine_image
    cd "$BATS_TEST_TMPDIR/here" || return
    line=$(readme 'examples/wine/cc')
    [[ $line == *' && docker build -t linfsp-wine examples/wine' ]]
    BOUND=120 bounded bash -ec "${line%% &&*}"
    equal "of Windows" "$(head -c 2 memfs-x64.exe)" MZ
    line=$(readme 'docker run .*memfs-x64')
    line=${line/docker run/docker run -d --network none --label linfsp-test --name linfsp-test-windows ${wine_options[*]}}
    BOUND=30 bounded bash -ec "$line"
    BOUND=60 wait_until 60 mounted windows /mnt/y fuse.NTFS
    bounded touch /unc/memfs/share/from-the-host
    script_in windows '[ -e /mnt/y/from-the-host ]'
    BOUND=30 bounded docker stop -t 20 linfsp-test-windows >/dev/null
    equal "exit status" "$(docker inspect -f '{{.State.ExitCode}}' linfsp-test-windows)" 0
    bounded docker rm linfsp-test-windows >/dev/null
    bounded docker image rm linfsp-wine >/dev/null
}

# podman with a store of this test's, and in place of podman's defaults what a machine without privileges of its own takes.
make_podman() {
    cat >"$BATS_TEST_TMPDIR/podman" <<-END
	#!/bin/bash
	options=(--root "$BATS_TEST_TMPDIR/store" --runroot "$BATS_TEST_TMPDIR/run" --tmpdir "$BATS_TEST_TMPDIR/tmp" --events-backend file --cgroup-manager cgroupfs --runtime runc)
	if [ "\$1" = run ]; then
	    shift
	    arguments=()
	    while [ \$# -gt 0 ]; do
	        case \$1 in
	        --net | --network | --network-alias) shift ;;
	        *) arguments+=("\$1") ;;
	        esac
	        shift
	    done
	    set -- run --network none --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 "\${arguments[@]}"
	fi
	exec podman "\${options[@]}" "\$@"
	END
    chmod +x "$BATS_TEST_TMPDIR/podman"
    docker save linfsp-test/busybox | "$BATS_TEST_TMPDIR/podman" load >/dev/null 2>&1
}

end_podman() {
    [ ! -e "$BATS_TEST_TMPDIR/store" ] || awk -v folder="$BATS_TEST_TMPDIR/" 'index($5, folder) == 1 {print $5}' /proc/self/mountinfo | sort -r | xargs -r -n 1 umount -l
}

@test "examples: two containers of a pod of podman share files" {
    command -v podman >/dev/null && command -v runc >/dev/null || missing "podman and runc" || return
    make_podman || fail "podman takes no image" || return
    PODMAN=$BATS_TEST_TMPDIR/podman BOUND=60 bounded "$LINFSP_ROOT/examples/pod" linfsp-test/busybox up
    exchanged pod-example/data
    PODMAN=$BATS_TEST_TMPDIR/podman BOUND=60 bounded "$LINFSP_ROOT/examples/pod" linfsp-test/busybox down
    wait_until 10 not test -e /unc/pod-example
}

# buildah with the same store.
make_buildah() {
    cat >"$BATS_TEST_TMPDIR/buildah" <<-END
	#!/bin/bash
	verb=\$1
	shift
	options=()
	[ "\$verb" != run ] || options=(--isolation oci --runtime runc)
	exec buildah --root "$BATS_TEST_TMPDIR/store" --runroot "$BATS_TEST_TMPDIR/run" "\$verb" "\${options[@]}" "\$@"
	END
    chmod +x "$BATS_TEST_TMPDIR/buildah"
}

@test "examples: an image built with buildah, with a file system in the build step, serves files when it runs" {
    command -v buildah >/dev/null && command -v podman >/dev/null && command -v runc >/dev/null || missing "buildah, podman and runc" || return
    make_podman || fail "podman takes no image" || return
    make_buildah
    BUILDAH=$BATS_TEST_TMPDIR/buildah BOUND=60 bounded "$LINFSP_ROOT/examples/buildah" localhost/linfsp-test/busybox linfsp-test-built || fail "buildah"
    equal "what the build step made" "$(BOUND=30 bounded "$BATS_TEST_TMPDIR/podman" run --rm localhost/linfsp-test-built cat /result)" 1000
    BOUND=30 bounded "$BATS_TEST_TMPDIR/podman" run -d --name linfsp-test-built localhost/linfsp-test-built
    wait_until 10 test -d /unc/buildah-example/data
    BOUND=30 bounded "$BATS_TEST_TMPDIR/podman" rm -f -t 0 linfsp-test-built
    wait_until 10 not test -e /unc/buildah-example
}

@test "examples: podman-compose takes the same file" {
    command -v podman-compose >/dev/null && command -v runc >/dev/null || missing "podman-compose" || return
    make_podman || fail "podman takes no image" || return
    (cd "$LINFSP_ROOT/examples/compose" && IMAGE=linfsp-test/busybox BOUND=60 bounded podman-compose --podman-path "$BATS_TEST_TMPDIR/podman" \
        -f compose.yaml up -d) || fail "podman-compose up" || return
    exchanged compose-example/data
    (cd "$LINFSP_ROOT/examples/compose" && IMAGE=linfsp-test/busybox BOUND=60 bounded podman-compose --podman-path "$BATS_TEST_TMPDIR/podman" \
        -f compose.yaml down -t 1)
    wait_until 10 not test -e /unc/compose-example
}
