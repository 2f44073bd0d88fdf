#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# liblinfsp as an author meets it: installed headers and pkg-config; one binary, loaded at run time, on the host and in images.
load ../helpers/common

setup_file() {
    file_setup
    mkdir "$LINFSP_STATE/library"
    export PKG_CONFIG_SYSROOT_DIR=$LINFSP_SYSROOT
    PKG_CONFIG_PATH=$(dirname "$(find "$LINFSP_STAGE/lib" -name linfsp.pc)")
    export PKG_CONFIG_PATH
}
teardown_file() { file_teardown; }
teardown() {
    end_host_memfs
    remove_containers
}

# Compiles fs/hello, as its author would: `build NAME COMPILER [OPTION...] -- [OPTION OF pkg-config...]`
build() {
    local name=$1 command=("$2") flags
    shift 2
    while [ "$1" != -- ]; do
        command+=("$1")
        shift
    done
    shift
    read -ra flags < <(pkg-config "$@" linfsp)
    "${command[@]}" -std=gnu11 -O2 -Wall -Wextra -Werror -Wno-unused-parameter -Wno-missing-field-initializers \
        -o "$LINFSP_STATE/library/$name" "$LINFSP_ROOT/fs/hello/hello.c" "${flags[@]}"
}

serves_on_host() { # [ENVIRONMENT...] NAME
    env "${@:1:$#-1}" "$LINFSP_STATE/library/${*: -1}" -m Z: text=here >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
    echo "$!" >>"$LINFSP_STATE/memfs.pids"
    wait_until 5 mounted_here /mnt/z || fail "$(cat "$BATS_TEST_TMPDIR/said")" || return
    equal "on the host" "$(bounded cat /mnt/z/text)" here || return
    kill "$!"
    wait_until 5 not mounted_here /mnt/z
}

serves_in() { # IMAGE NAME
    container "$1" "$1"
    docker cp "$LINFSP_STATE/library/$2" "$(full_name "$1"):/hello"
    docker exec -d "$(full_name "$1")" /hello -m X: -u "//hello/$1" text=there
    wait_mounted "$1" /mnt/x || fail "$(docker exec "$(full_name "$1")" timeout 1 /hello -m X: a=b 2>&1)" || return
    equal "in $1" "$(inside "$1" cat /mnt/x/text)" there || return
    equal "of $1, on the host" "$(bounded cat "/unc/hello/$1/text")" there
}

@test "library: linked, shared" {
    build shared gcc -- --cflags --libs
    serves_on_host LD_LIBRARY_PATH="$PKG_CONFIG_PATH/.." shared
}

@test "library: linked statically, it runs in every image" {
    build static gcc -static -- --static --cflags --libs
    serves_on_host static
    serves_in musl static
    serves_in debian static
}

@test "library: fsp_load: one binary, on the host and in a glibc image that has nothing of LinFsp" {
    build loaded gcc -DLINFSP_LOAD -- --cflags
    serves_on_host LINFSP_LIBRARY="$LINFSP_STAGE/lib/linfsp/lib/liblinfsp.so.1" loaded
    serves_on_host LD_LIBRARY_PATH="$PKG_CONFIG_PATH/.." loaded
    serves_in debian loaded
}

@test "library: fsp_load: the same for musl" {
    build loaded-musl musl-gcc -DLINFSP_LOAD -- --cflags
    serves_on_host LINFSP_LIBRARY="$LINFSP_STAGE/lib/linfsp/lib/musl/liblinfsp.so.1" loaded-musl
    serves_in musl loaded-musl
}

@test "library: fsp_load says what it found, and what to do" {
    build loaded gcc -DLINFSP_LOAD -- --cflags
    refused LINFSP_LIBRARY "/nowhere/liblinfsp.so" "linfsp start" -- \
        env LINFSP_LIBRARY=/nowhere/liblinfsp.so "$LINFSP_STATE/library/loaded" -m Z: a=b
    refused "invalid ELF header" -- env LINFSP_LIBRARY=/etc/passwd "$LINFSP_STATE/library/loaded" -m Z: a=b
}
