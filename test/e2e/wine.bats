#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Windows file systems, compiled for Windows, in containers with Wine: Linux programs and Windows programs see the same files.
load ../helpers/common
load ../helpers/windows
load ../helpers/winfsp

setup_file() {
    file_setup || return
    need_wine || return
    build_windows_programs || return
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -w -static -pthread -o "$LINFSP_STATE/posix-check" "$LINFSP_ROOT"/test/helpers/posix-check/*.c
}
teardown_file() { file_teardown; }
teardown() { remove_containers; }

# memfs's own checks in a container, by one of its users: `checks_in [-u USER] NAME [OTHER CHECK...]`. A folder of 10,000 files takes a
# minute in Wine, which adds nothing to what the same library's checks on Linux show.
checks_in() {
    local user=0
    if [ "$1" = -u ]; then
        user=$2
        shift 2
    fi
    timeout 240 docker exec -u "$user" "$(full_name "$1")" /posix-check --jobs=2 /mnt/z '!directory_of_many' "${@:2}" || true
}

@test "wine: a FUSE program is a disk at /mnt/z, and drive Z: for Windows programs" {
    wine_container one
    start_windows one memfs-fuse -f Z:
    wait_windows one memfs-fuse /mnt/z fuse.FUSE
    script_in one 'echo from Linux >/mnt/z/linux; mkdir /mnt/z/folder; ln -s linux /mnt/z/link'
    has "$(windows_in one cmd /c 'dir Z:\')" linux folder
    has "$(windows_in one cmd /c 'type Z:\linux & echo from Windows>Z:\folder\windows & ren Z:\linux renamed')" "from Linux"
    script_in one '
        [ "$(tr -d "\r " </mnt/z/folder/windows)" = fromWindows ]
        [ "$(cat /mnt/z/renamed)" = "from Linux" ]
        [ "$(readlink /mnt/z/link)" = linux ]'
    end_windows one memfs-fuse
    wait_unmounted one /mnt/z
    script_in one '[ ! -e /mnt/z/folder ]; no ls -d /tmp/linfsp-wine*; no pgrep wineserver || ps ax | grep prefix'
}

@test "wine: a FUSE 3 program with a prefix is at /unc, on the host and in another container; \\\\server\\share in Wine" {
    wine_container one
    container two busybox
    start_windows one memfs-fuse3 -f '--VolumePrefix=\wine\share' -o FileSystemName=three Y:
    wait_windows one memfs-fuse3 /mnt/y fuse.FUSE-three
    echo host >/unc/wine/share/from-host
    equal "in the other container" "$(inside two cat /dev/linfsp/unc/wine/share/from-host)" host
    equal "by UNC in Wine" "$(windows_in one cmd /c 'type \\wine\share\from-host')" host
    end_windows one memfs-fuse3
    [ ! -e /unc/wine/share/from-host ]
}

@test "wine: a FUSE 3 program of uid 1000" {
    wine_container user -u 1000
    start_windows user memfs-fuse3 -f Z:
    wait_windows user memfs-fuse3 /mnt/z
    script_in user '
        echo mine >/mnt/z/file
        mkdir /mnt/z/d
        mv /mnt/z/file /mnt/z/d
        [ "$(cat /mnt/z/d/file)" = mine ]
        [ "$(stat -c %u /mnt/z/d/file)" = 1000 ]'
    end_windows user memfs-fuse3
}

@test "wine: a program of WinFsp's own API, found by FspLoad, as root and as uid 1000" {
    wine_container one
    start_windows one winhello Z:
    wait_windows one winhello /mnt/z fuse.winhello
    equal "its file" "$(inside one cat /mnt/z/hello)" "hello from WinFsp's API"
    has "$(windows_in one cmd /c 'type Z:\hello')" "hello from WinFsp's API"
    end_windows one winhello
    has "$(inside one cat /tmp/winhello.log)" "The service winhello has been started." "has been stopped."
    wine_container user -u 1000
    start_windows -u 1000 user winhello Z:
    wait_windows user winhello /mnt/z fuse.winhello
    equal "its file" "$(inside_as 1000 user cat /mnt/z/hello)" "hello from WinFsp's API"
    end_windows user winhello
}

@test "wine: each function and operation of the native API keeps its contract, as root and as uid 1000" {
    local user program
    for user in 0 1000; do
        wine_container "contracts$user" -u "$user" -e LINFSP_LAUNCH_D=/tmp/classes -e LINFSP_HAS_LAUNCHER=1 -e LINFSP_MAY_NOT_STOP=1
        script_in "contracts$user" 'mkdir /tmp/classes'
        docker exec -d "$(full_name "contracts$user")" /dev/linfsp/bin/linfsp launcher
        wait_until 5 inside "contracts$user" /dev/linfsp/bin/linfsp launchctl list
        run windows_in "contracts$user" /w/contracts.exe
        has "$output" "log wide narrow -5 abcd" "logv wide" "event 7" "debug text 5" "sid S-1-5-1000" "sd O:S-1-5-0" '>>Create "\x"'
        [ "$status" = 0 ] || fail "$output" || return
        for program in operations guard; do
            run windows_in "contracts$user" "/w/$program.exe"
            [ "$status" = 0 ] || fail "$program: $output" || return
        done
        # what we have of Windows' own functions on Linux does there what it does here
        run inside "contracts$user" sh -c 'cd /tmp && exec /dev/linfsp/bin/linfsp wine --prefix /tmp/prefix /w/windows-functions.exe'
        [ "$status" = 0 ] || fail "$output" || return
    done
}

@test "wine: a program that was written for Windows, with its threads, locks and timers: what changes by itself is seen" {
    wine_container tick
    start_windows tick tickfs Z:
    wait_windows tick tickfs /mnt/z fuse.tickfs
    wait_until 10 inside tick test -e /mnt/z/tick3
    equal "a file that came by itself" "$(inside tick cat /mnt/z/tick3)" "tick 03"
    end_windows tick tickfs
    wait_unmounted tick /mnt/z
}

@test "wine: each function of the FUSE API keeps its contract, with the caller's environment and without, as root and as uid 1000" {
    local user program
    for user in 0 1000; do
        wine_container "fuse$user" -u "$user"
        for program in fuse-contracts-2 fuse-contracts-2-plain fuse-contracts-3 fuse-contracts-3-plain; do
            run windows_in "fuse$user" "/w/$program.exe" Z:
            [ "$status" = 0 ] || fail "$program" "$output" || return
        done
    done
}

@test "wine: memfs's own checks hold for a program of the native API, as they do for it on Linux, as root and as uid 1000" {
    local user by_user=()
    for user in 0 1000; do
        [ "$user" = 0 ] || by_user=('!permission_denied' '!permission_sticky' '!special_device')
        wine_container "native$user" -u "$user" -v "$LINFSP_STATE/posix-check:/posix-check:ro"
        start_windows "native$user" winmemfs-x64 -F NTFS -n 100000 -s 100000000 -m Z:
        wait_windows "native$user" winmemfs-x64 /mnt/z fuse.NTFS || return
        all_that_it_can "$(checks_in -u "$user" "native$user" "${cannot[@]}" "${by_user[@]}")" || return
        end_windows "native$user" winmemfs-x64 || return
    done
}

@test "wine: memfs -i -F NTFS -m Z: of the native API is a disk, and with -u a network volume, names without case" {
    wine_container one
    container two busybox
    start_windows one winmemfs-x64 -i -F NTFS -m Z:
    wait_windows one winmemfs-x64 /mnt/z fuse.NTFS
    script_in one 'echo from Linux >/mnt/z/File; mkdir /mnt/z/folder; echo TITLE >/mnt/z/.windows-label'
    has "$(windows_in one cmd /c 'type Z:\FILE & echo hi>Z:\FOLDER\win & dir Z:\')" "from Linux" folder TITLE
    script_in one '[ "$(tr -d "\r " </mnt/z/Folder/WIN)" = hi ]; ls /mnt/z | grep -x File'
    end_windows one winmemfs-x64
    has "$(inside one cat /tmp/winmemfs-x64.log)" "has been started." "has been stopped."
    script_in one 'rm /tmp/winmemfs-x64.*'
    start_windows one winmemfs-x64 -i -F NTFS -m Y: -u '\memfs\wine'
    wait_windows one winmemfs-x64 /mnt/y fuse.NTFS
    echo host >/unc/memfs/wine/host
    equal "in the other container" "$(inside two cat /dev/linfsp/unc/memfs/wine/HOST)" host
    equal "in Wine" "$(windows_in one cmd /c 'type \\memfs\wine\host')" host
    end_windows one winmemfs-x64
}

@test "wine: a prefix does not have the drive of a volume that is served from it: nobody waits for the server of both" {
    wine_container one
    docker exec -d "$(full_name one)" /dev/linfsp/bin/linfsp wine --prefix /tmp/same /w/memfs-fuse.exe -f Z:
    wait_until 30 mounted one /mnt/z
    script_in one 'echo x >/mnt/z/file; no readlink /tmp/same/dosdevices/z:'
    refused "" -- docker exec "$(full_name one)" /dev/linfsp/bin/linfsp wine --prefix /tmp/same cmd /c 'type Z:\file'
    pids_in one memfs-fuse.exe | xargs -r kill -TERM
    wait_unmounted one /mnt/z
    wait_until 5 inside one readlink /tmp/same/dosdevices/z:
}

@test "wine: a Go program that calls the unprefixed names, as cgofuse does, as root and as uid 1000; memfs's own checks hold" {
    command -v go >/dev/null || { missing "Go (package golang-go)" && return; }
    (cd "$LINFSP_ROOT/test/helpers/go-fuse" && CGO_ENABLED=0 GOOS=windows GOFLAGS=-mod=mod GOCACHE=${GOCACHE:-$LINFSP_STATE/go} \
        go build -o "$windows/go-fuse.exe" .)
    local user by_user=()
    for user in 0 1000; do
        wine_container "go$user" -u "$user" -v "$LINFSP_STATE/posix-check:/posix-check:ro"
        start_windows "go$user" go-fuse -f -o attr_timeout=0 Z:
        wait_windows "go$user" go-fuse /mnt/z || return
        equal "who asks, and what init returned" "$(inside "go$user" readlink /mnt/z/who)" "uid $user, private data 4711" || return
        [ "$user" = 0 ] || by_user=(acl_grants) # needs root
        all_that_fuse_can "$(checks_in -u "$user" "go$user" '!link_too_many' '!range_over_4_gib')" volume_holes_take_nothing \
            "${by_user[@]}" || return
        end_windows "go$user" go-fuse || return
        has "$(inside "go$user" cat /tmp/go-fuse.log)" "destroyed with 4711" || return
    done
}

@test "wine: memfs's own checks hold for a FUSE program as far as FUSE can say it, as root and as uid 1000" {
    local user by_user=()
    for user in 0 1000; do
        wine_container "fuse$user" -u "$user" -v "$LINFSP_STATE/posix-check:/posix-check:ro"
        start_windows "fuse$user" memfs-fuse -f -o attr_timeout=0 Z:
        wait_windows "fuse$user" memfs-fuse /mnt/z || return
        [ "$user" = 0 ] || by_user=(acl_grants) # needs root
        all_that_fuse_can "$(checks_in -u "$user" "fuse$user" '!link_too_many' '!range_over_4_gib')" "${by_user[@]}" || return
        end_windows "fuse$user" memfs-fuse || return
    done
}

@test "wine: a folder that is passed through, as root and as uid 1000; memfs's own checks hold" {
    local user
    for user in 0 1000; do
        wine_container "folder$user" -u "$user" -v "$LINFSP_STATE/posix-check:/posix-check:ro"
        script_in "folder$user" 'mkdir /tmp/folder; echo below >/tmp/folder/file'
        start_windows "folder$user" winptfs 'B:\tmp\folder' Z:
        wait_windows "folder$user" winptfs /mnt/z fuse.winptfs || return
        script_in "folder$user" '
            [ "$(cat /mnt/z/FILE)" = below ]
            mkdir /mnt/z/d
            echo new >/mnt/z/d/new
            mv /mnt/z/d/new /mnt/z/d/moved
            [ "$(cat /tmp/folder/d/moved)" = new ]
            rm /mnt/z/file
            no cat /tmp/folder/file' || return
        all_that_it_can "$(checks_in -u "$user" "folder$user" "${windows_ptfs_cannot[@]}")" 20 || return
        end_windows "folder$user" winptfs || return
    done
}

@test "wine: faults of a program: nonsense is an error, a crash or a kill takes the mount away, and nobody hangs" {
    wine_container one
    start_windows one fuse-faults -f Z:
    wait_windows one fuse-faults /mnt/z
    script_in one '
        [ "$(ls /mnt/z | tr "\n" " ")" = "abort crash fine hang long nonsense " ]
        [ "$(head -c 3 /mnt/z/fine)" = fff ]
        no cat /mnt/z/long
        no cat /mnt/z/nonsense
        no mkdir /mnt/z/nothing
        no cat /mnt/z/crash'
    wait_unmounted one /mnt/z
    wait_until 15 inside one test -s /tmp/fuse-faults.status
    [ "$(inside one cat /tmp/fuse-faults.status)" -ne 0 ]
    script_in one 'rm /tmp/fuse-faults.*'
    start_windows one fuse-faults -f Z:
    wait_windows one fuse-faults /mnt/z
    docker exec -d "$(full_name one)" cat /mnt/z/hang
    wait_until 5 run_in_number 1 one cat
    pids_in one fuse-faults.exe | xargs -r kill -KILL
    wait_unmounted one /mnt/z
    wait_until 5 not run_in_number 1 one cat
}

# A file system of the native API that does one thing wrong, at /mnt/z, in a prefix that stays: `lie WHAT`
lie() {
    docker exec -d "$(full_name one)" /bin/bash -c '
        /dev/linfsp/bin/linfsp wine --prefix /tmp/lies /w/liar.exe "$0" Z: >/tmp/liar.log 2>&1
        echo $? >/tmp/liar.status' "$1"
    wait_until 30 mounted one /mnt/z || fail "$1" "$(inside one cat /tmp/liar.log)"
}

# It still ends as any other does.
ends_well() {
    pids_in one liar.exe | xargs -r kill -TERM
    wait_unmounted one /mnt/z && wait_until 15 inside one test -s /tmp/liar.status || return
    script_in one 'rm /tmp/liar.status'
}

@test "wine: a file system of the native API that lies gets an error, and nothing hangs" {
    wine_container one
    lie nothing
    equal "file" "$(inside one cat /mnt/z/f)" hello
    equal "listing" "$(inside one ls /mnt/z)" f
    ends_well
    local about
    for about in list-longer endless entry-short; do
        lie "$about"
        script_in one 'no ls /mnt/z; [ "$(cat /mnt/z/f)" = hello ]' || fail "$about" || return
        ends_well || return
    done
    for about in read-longer answer-longer descriptor-garbage descriptor-grows descriptor-longer pending-open nothing-there; do
        lie "$about"
        script_in one 'no cat /mnt/z/f' || fail "$about" || return
        ends_well || return
    done
    for about in stop-inside delete-inside; do
        lie "$about"
        inside one cat /mnt/z/f >/dev/null 2>&1 || [ $? -ne 124 ] || fail "$about" || return
        ends_well || fail "$about" || return
    done
    for about in name-garbage huge-size far-times type-flips null-context; do
        lie "$about"
        inside one stat /mnt/z/f >/dev/null || true
        ends_well || fail "$about" || return
    done
    lie strange-status
    script_in one 'no mkdir /mnt/z/d'
    ends_well
    lie answers
    equal "of several answers" "$(inside one cat /mnt/z/f)" hello
    ends_well
}

@test "wine: extended attributes, streams, reparse points, control codes and writes that lie about their sizes" {
    local about
    build_control "$windows/control"
    cp "$(command -v getfattr)" /usr/lib/*/libattr.so.1 "$windows"
    wine_container one -e LD_LIBRARY_PATH=/w
    for about in ea-longer ea-value ea-next; do
        lie "$about"
        script_in one 'no /w/getfattr -n user.B /mnt/z/f; [ "$(cat /mnt/z/f)" = hello ]' || fail "$about" || return
        ends_well || return
    done
    for about in stream-longer stream-past; do
        lie "$about"
        script_in one 'no /w/getfattr -d /mnt/z/f; [ "$(cat /mnt/z/f)" = hello ]' || fail "$about" || return
        ends_well || return
    done
    for about in reparse-longer reparse-length; do
        lie "$about"
        script_in one 'no readlink /mnt/z/f; [ "$(ls /mnt/z)" = f ]' || fail "$about" || return
        ends_well || return
    done
    for about in write-longer write-huge; do
        lie "$about"
        script_in one 'no dd if=/dev/zero of=/mnt/z/f bs=5 count=1 conv=notrunc; [ "$(cat /mnt/z/f)" = hello ]' || fail "$about" || return
        ends_well || return
    done
    lie control-longer
    script_in one 'no /w/control /mnt/z/f; [ "$(cat /mnt/z/f)" = hello ]'
    ends_well
    lie nothing
    script_in one 'no /w/getfattr -n user.B /mnt/z/f; dd if=/dev/zero of=/mnt/z/f bs=5 count=1 conv=notrunc'
    ends_well
    lie ea-true
    has "$(inside one /w/getfattr -d /mnt/z/f)" 'user.B="b"'
    ends_well
    lie control-true
    equal "the answer" "$(inside one /w/control /mnt/z/f)" cccccccc
    ends_well
}

@test "wine: a request of the native API that is never answered ends with the volume, and a crash takes the mount along" {
    wine_container one
    lie never
    docker exec -d "$(full_name one)" cat /mnt/z/f
    wait_until 5 run_in_number 1 one cat
    ends_well
    wait_until 5 not run_in_number 1 one cat
    lie crash
    script_in one 'no cat /mnt/z/f'
    wait_unmounted one /mnt/z
    wait_until 15 inside one test -s /tmp/liar.status
}

@test "wine: the container's own process: docker stop ends it with status 0" {
    bounded docker run -d --name "$(full_name main)" --label linfsp-test --network=none "${wine_options[@]}" -v "$windows:/w:ro" \
        linfsp-test/debian /bin/bash -c 'until [ -e /dev/linfsp/bin/linfsp ]; do sleep 0.02; done
            exec /dev/linfsp/bin/linfsp wine /w/memfs-fuse.exe -f Z:' >/dev/null
    wait_until 30 mounted main /mnt/z
    BOUND=30 bounded docker stop -t 20 "$(full_name main)" >/dev/null
    equal "exit status" "$(docker inspect -f '{{.State.ExitCode}}' "$(full_name main)")" 0
}

@test "wine-setup: a prefix that is kept serves plain wine, and is prepared twice without harm" {
    wine_container one
    BOUND=60 script_in one '
        /dev/linfsp/bin/linfsp wine-setup /tmp/kept
        /dev/linfsp/bin/linfsp wine-setup /tmp/kept
        [ "$(readlink /tmp/kept/dosdevices/z:)" = /mnt/z ]
        [ "$(readlink /tmp/kept/dosdevices/b:)" = / ]
        [ "$(du -sm /tmp/kept | cut -f 1)" -lt 13 ]
        export WINEPREFIX=/tmp/kept WINEDEBUG=-all
        /usr/lib/wine/wine64 reg query "HKLM\\Software\\WinFsp" /v InstallDir /reg:32 | grep "Program Files (x86).WinFsp"'
}

@test "linfsp wine: says what is missing" {
    container bare debian
    local run=(docker exec "$(full_name bare)" /dev/linfsp/bin/linfsp)
    wait_until 5 "${run[@]}" version
    refused "Wine for 64-bit programs is not installed here" "apt install wine64" -- "${run[@]}" wine x.exe
    refused "it takes a Windows program" -- "${run[@]}" wine
    refused "it takes one folder" -- "${run[@]}" wine-setup
}
