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
    "${command[@]}" -std=c11 -O2 -Wall -Wextra -Werror \
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

@test "library: linked statically with musl, which has other names for large files" {
    command -v musl-gcc >/dev/null || missing musl-gcc || return
    build static-musl musl-gcc -static -- --static --cflags --libs
    serves_on_host static-musl
    serves_in musl static-musl
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

@test "library: fsp_load in a static program says that it cannot" {
    build loaded-static gcc -static -DLINFSP_LOAD -- --cflags
    refused "linked statically" "without -static" -- "$LINFSP_STATE/library/loaded-static" -m Z: a=b
}

# An image of another architecture: a static /probe, and a /hello that finds liblinfsp when it runs, with the C library of that
# architecture. `foreign_image NAME TRIPLET LOADER [FILE...]`: FILE is put there, too
foreign_image() {
    local name=$1 triplet=$2 loader=$3 tree=$BATS_TEST_TMPDIR/$1
    mkdir -p "$tree"/{bin,lib,dev,proc,sys,tmp,mnt}
    "$triplet-gcc" -std=gnu11 -D_GNU_SOURCE -O2 -static -o "$tree/probe" "$LINFSP_ROOT/test/helpers/probe.c" || return
    cp -L "/usr/$triplet/lib/libc.so.6" "/usr/$triplet/lib/$loader" "$tree/lib/" || return
    build "$name" "$triplet-gcc" -DLINFSP_LOAD -- --cflags || return
    cp "$LINFSP_STATE/library/$name" "$tree/hello"
    [ $# -lt 4 ] || cp "${@:4}" "$tree/"
    tar -C "$tree" -c . | docker import --change 'CMD ["/probe", "wait"]' - "linfsp-test/$name" >/dev/null
}

@test "library: fsp_load: a container of i386 gets a library for i386" {
    command -v i686-linux-gnu-gcc >/dev/null || missing "i686-linux-gnu-gcc" || return
    foreign_image i386 i686-linux-gnu ld-linux.so.2
    container i386 i386
    docker exec -d "$(full_name i386)" /hello -m X: -u //hello/i386 text=there
    wait_mounted i386 /mnt/x || fail "$(docker exec "$(full_name i386)" /hello -m X: a=b 2>&1)"
    equal "in i386" "$(inside i386 /probe read /mnt/x/text)" there
    equal "on the host" "$(bounded cat /unc/hello/i386/text)" there
    has "$(inside i386 /dev/linfsp/bin/linfsp version)" linfsp # a program of the host's architecture
    container debian debian
    equal "the library of another container" "$(inside debian head -c 5 /dev/linfsp/lib/liblinfsp.so.1 | od -An -tx1 | tr -d ' ')" 7f454c4602
}

@test "library: fsp_load: a container of arm64 gets a library for arm64, under an emulator" {
    command -v aarch64-linux-gnu-gcc >/dev/null && command -v qemu-aarch64-static >/dev/null || missing "aarch64-linux-gnu-gcc and qemu-user-static" || return
    [ "$(uname -m)" = x86_64 ] || skip "this machine needs no emulator"
    foreign_image arm64 aarch64-linux-gnu ld-linux-aarch64.so.1 "$(command -v qemu-aarch64-static)"
    container arm64 arm64 -- /qemu-aarch64-static /probe wait
    docker exec -d "$(full_name arm64)" /qemu-aarch64-static /hello -m X: -u //hello/arm64 text=there
    BOUND=20 wait_mounted arm64 /mnt/x || fail "$(docker exec "$(full_name arm64)" /qemu-aarch64-static /hello -m X: a=b 2>&1)"
    equal "in arm64" "$(inside arm64 /qemu-aarch64-static /probe read /mnt/x/text)" there
    equal "on the host" "$(bounded cat /unc/hello/arm64/text)" there
}

@test "library: the guide's smallest file system, as it stands there: options, background, its end" {
    local folder=$LINFSP_STATE/library flags
    awk '/^```c$/ {inside = 1; next} /^```$/ && inside {exit} inside' "$LINFSP_ROOT/docs/writing-a-file-system.md" >"$folder/empty.c"
    read -ra flags < <(pkg-config --cflags linfsp)
    gcc -std=c11 -Wall -Wextra -Werror -o "$folder/empty" "$folder/empty.c" "${flags[@]}" -L"$LINFSP_STAGE/lib" -llinfsp
    export LD_LIBRARY_PATH=$LINFSP_STAGE/lib
    equal "said" "$(bounded "$folder/empty" -b -m Z:)" /mnt/z
    mounted_here /mnt/z fuse.empty # when the command returns
    equal "entries" "$(bounded ls -A /mnt/z)" ""
    refused "/mnt/z" -- "$folder/empty" -b -m Z: # its own error, and its status, though it went into the background
    bounded "$linfsp" umount Z:
    wait_until 5 not mounted_here /mnt/z
    has "$(bounded "$folder/empty" -h)" "Usage:" MOUNT-POINT
    refused "Usage:" -- "$folder/empty" --what
    refused "no arguments are taken" -- "$folder/empty" here
    "$folder/empty" -m Z: -u //hello/empty >/dev/null 2>&1 3>&- &
    echo "$!" >>"$LINFSP_STATE/memfs.pids"
    wait_until 5 mounted_here /mnt/z
    kill -TERM "$!"
    wait "$!" || fail "ended by SIGTERM: status $?"
    not mounted_here /mnt/z
}

@test "library: every example compiles by itself, also with -std=c11, and without a warning" {
    local flags file
    read -ra flags < <(pkg-config --cflags linfsp winfsp)
    for file in "$LINFSP_ROOT"/fs/{hello,winhello,winmemfs,winptfs}/*.c; do
        [ "${file##*/}" != folder-windows.c ] || continue
        gcc -Wall -Wextra -Werror -fsyntax-only "$file" "${flags[@]}"
        gcc -std=c11 -Wall -Wextra -Werror -fsyntax-only "$file" "${flags[@]}"
    done
}
