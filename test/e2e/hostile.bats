#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A container that means ill: on the sockets, and towards others. The service survives, others are served meanwhile.
load ../helpers/common

setup_file() {
    file_setup
    mkdir -p "$LINFSP_STATE/hostile"
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -Wall -static -I "$LINFSP_ROOT/src" -o "$LINFSP_STATE/hostile/client" \
        "$LINFSP_ROOT/test/helpers/hostile-client.c"
    container evil busybox
    docker cp "$LINFSP_STATE/hostile/client" "$(full_name evil):/client"
    container good busybox
    disk good z
    share good y '\memfs\good'
    ls "/proc/$(service_pid)/fd" | wc -l >"$LINFSP_STATE/hostile/descriptors"
    cp "$LINFSP_STATE/linfspd.pid" "$LINFSP_STATE/hostile/pid"
}
teardown_file() { file_teardown; }

# Whatever was done: the same service answers, holds as many descriptors as before, and the good container's volumes work.
teardown() {
    local status=0
    end_clients
    others_are_served || status=1
    kill -0 "$(cat "$LINFSP_STATE/hostile/pid")" || fail "the service died" "$(tail "$LINFSP_STATE/linfspd.log")" || status=1
    # workers of a rush are kept for some seconds
    wait_until 20 descriptors_as_before || fail "descriptors: $(ls -l "/proc/$(service_pid)/fd")" || status=1
    equal "mounts in the evil container" "$(our_mounts "$(pid_of evil)" | grep -c ' fuse')" 0 || status=1
    return "$status"
}

end_clients() {
    pids_in evil client | xargs -r kill
}

descriptors_as_before() {
    [ "$(ls "/proc/$(service_pid)/fd" | wc -l)" -le $(($(cat "$LINFSP_STATE/hostile/descriptors") + 2)) ]
}

others_are_served() {
    timed service_answers || fail "the service does not answer" || return
    [ "$elapsed" -lt 1500 ] || fail "the service took $elapsed ms to answer" || return
    start_memfs good -F NTFS -m /tmp/volume || return
    wait_until 3 mounted good /tmp/volume || return
    inside good "$silo_bin/linfsp" umount /tmp/volume || return
    script_in good 'echo x >/mnt/z/file; echo y >/mnt/y/file' || return
    equal "the good one's share" "$(bounded cat /unc/memfs/good/file)" y
}

attack() { # VERB [NUMBER]: on both sockets
    local socket
    for socket in disk net; do
        BOUND=60 inside evil /client "$1" "/dev/linfsp/$socket" "${@:2}" || return
    done
}

@test "hostile: garbage" {
    attack garbage 300
}

@test "hostile: truncated messages" {
    attack truncated
}

@test "hostile: each message, cut at every byte" {
    attack cut
}

@test "hostile: each message, with descriptors of strange kinds" {
    attack strange
}

@test "hostile: over-long messages" {
    attack overlong
}

@test "hostile: wrong headers, unknown types and flags, unterminated strings" {
    attack headers
}

@test "hostile: descriptors where none belong" {
    attack descriptors
}

@test "hostile: what a container may not ask for: stop, others' volumes" {
    attack forbidden
    mounted good /mnt/z
    mounted_here /unc/memfs/good
}

@test "hostile: too many connections: bounded, while others are served" {
    docker exec -d "$(full_name evil)" sh -c 'ulimit -n 20000; /client crowd /dev/linfsp/disk 5000 >/tmp/crowd; true'
    wait_until 10 script_in evil 'grep held /tmp/crowd'
    sleep 0.3
    others_are_served
    [ "$(ls "/proc/$(service_pid)/fd" | wc -l)" -lt 1600 ] # max_connections_per_silo is 1200
    end_clients
    wait_until 5 script_in evil "$silo_bin/linfsp volumes"
}

@test "hostile: descriptors that block whoever closes them, on connections that are served, turned away, or not accepted yet" {
    docker exec -d "$(full_name evil)" sh -c 'ulimit -n 20000; /client linger /dev/linfsp/disk 300 >/tmp/linger; true'
    wait_until 10 script_in evil 'grep held /tmp/linger'
    others_are_served
    end_clients
    others_are_served
}

@test "hostile: a folder that a container was given to read only is not written to" {
    local shown=$LINFSP_STATE/hostile/shown
    mkdir -p "$shown/bin" "$shown/mnt/full"
    container reader busybox -v "$shown/bin:/usr/bin:ro" -v "$shown/mnt:/mnt:ro"
    docker exec "$(full_name reader)" /dev/linfsp/bin/memfs -F NTFS -m Z: || true
    remove_container reader
    equal "what is in it" "$(cd "$shown" && find . | sort | tr '\n' ' ')" ". ./bin ./mnt ./mnt/full "
}

@test "hostile: in a folder that a container was given to write to, in the place of its programs, nothing is left" {
    local shown=$LINFSP_STATE/hostile/given
    mkdir -p "$shown"
    container writer busybox -v "$shown:/usr/bin"
    wait_until 5 script_in writer 'test -S /dev/linfsp/disk'
    script_in writer 'touch /usr/bin/fusermount3.new; rm /usr/bin/fusermount3.new; sleep 0.5'
    remove_container writer
    equal "what is in it" "$(ls -A "$shown")" ""
}

@test "hostile: clients that connect and say nothing are shown out" {
    BOUND=60 inside evil /client silent /dev/linfsp/disk 45
}

@test "hostile: a flood of requests whose answers nobody reads" {
    docker exec -d "$(full_name evil)" /client flood /dev/linfsp/disk 5
    docker exec -d "$(full_name evil)" /client flood /dev/linfsp/net 5
    sleep 0.5
    before=$(awk '/VmRSS/ {print $2}' "/proc/$(service_pid)/status")
    for _ in 1 2 3; do
        others_are_served
    done
    sleep 2
    after=$(awk '/VmRSS/ {print $2}' "/proc/$(service_pid)/status")
    [ "$after" -lt $((before + 16384)) ] || fail "the service grew from $before to $after KiB"
}

@test "hostile: clients that connect and go, and volumes whose client has gone before they were made" {
    attack hasty 1000
    wait_until 5 script_in evil 'no grep /mnt/h /proc/mounts'
    wait_until 5 script_in evil 'no test -e /mnt/h'
}

@test "hostile: the injected folder is read-only and shows the container its own only" {
    script_in evil '
        no touch /dev/linfsp/file; no rm /dev/linfsp/disk; no mv /dev/linfsp/disk /dev/linfsp/other
        no chmod 777 /dev/linfsp/bin/memfs; no chmod 777 /dev/linfsp/disk; no chown 1000 /dev/linfsp
        no sh -c "echo x >/dev/linfsp/bin/memfs"; no ln /dev/linfsp/disk /dev/linfsp/again; no mkdir /dev/linfsp/unc/x
        no setfattr -n user.x -v y /dev/linfsp/bin/memfs
        no mount -o remount,rw /dev/linfsp; no umount /dev/linfsp
        [ "$(ls /dev/linfsp | sort | tr "\n" " ")" = "bin disk lib net unc " ]
        no test -e /run/linfsp'
    options=$(awk '$5 == "/dev/linfsp" {print $6}' "/proc/$(pid_of evil)/mountinfo")
    has ",$options," ,ro, ,nosuid, ,nodev,
}

@test "hostile: one container learns nothing of another from its mounts, sockets and lists" {
    good=$(id_of good)
    has_not "$(cat "/proc/$(pid_of evil)/mountinfo")" "${good:0:12}"
    has_not "$(inside evil sh -c 'ls -laR /dev/linfsp; cat /proc/net/unix; /dev/linfsp/bin/linfsp silos; /dev/linfsp/bin/linfsp volumes;
        /dev/linfsp/bin/linfsp status' 2>&1)" "${good:0:12}" linfsp-test-good
    evil_sockets=$(stat -c %i "/proc/$(pid_of evil)/root/dev/linfsp/disk")
    good_sockets=$(stat -c %i "/proc/$(pid_of good)/root/dev/linfsp/disk")
    [ "$evil_sockets" != "$good_sockets" ]
}

@test "hostile: a container with other processes of the host's in sight (--pid=host) cannot reach their sockets by /proc" {
    container watcher busybox --pid=host --user 1000
    refused '' -- docker exec "$(full_name watcher)" ls "/proc/$(pid_of good)/root/dev/linfsp"
    remove_container watcher
}

@test "hostile: the service's processes hold nothing open in a container, and are not seen there" {
    script_in evil 'no grep -l linfspd /proc/[0-9]*/comm'
    has_not "$(ls -l "/proc/$(service_pid)/fd")" " /mnt/"
    remove_container evil
    container evil busybox
    docker cp "$LINFSP_STATE/hostile/client" "$(full_name evil):/client"
}

@test "hostile: a volume that answers nothing delays neither the service nor other containers" {
    container stuck busybox
    share stuck y '\memfs\stuck'
    signal_memfs STOP stuck
    timeout -k 1 2 ls /unc/memfs/stuck/x >/dev/null 2>&1 3>&- &
    docker exec -d "$(full_name evil)" ls /unc/memfs/stuck/x
    sleep 0.2
    others_are_served
    bounded ls /unc >/dev/null
    container fresh busybox
    disk fresh z
    BOUND=5 bounded "$linfsp" volumes >/dev/null
    "$linfsp" umount '\memfs\stuck' || "$linfsp" umount --force '\memfs\stuck'
    wait_until 5 not mounted_here /unc/memfs/stuck
    remove_container stuck
    remove_container fresh
    no_hung_tasks
}

@test "hostile: a process whose command line cannot be read holds up nobody who asks which containers there are" {
    local folder=$LINFSP_STATE/hostile/unreadable
    install -d -o 54321 -g 54321 "$folder"
    gcc -std=gnu11 -D_GNU_SOURCE -O2 -Wall -static -I "$LINFSP_STAGE/include" -o "$LINFSP_STATE/hostile/program" \
        "$LINFSP_ROOT/test/helpers/unreadable.c" "$(find "$LINFSP_STAGE/lib" -name liblinfsp.a)" -pthread
    setpriv --reuid 54321 --regid 54321 --clear-groups --inh-caps=-all "$LINFSP_STATE/hostile/program" "$folder/fs" \
        >"$LINFSP_STATE/hostile/said" 2>&1 3>&- &
    program=$!
    wait_until 5 grep locked "$LINFSP_STATE/hostile/said"
    for _ in {1..20}; do
        sleep 0.1
        timed timeout 5 "$linfsp" silos >"$LINFSP_STATE/hostile/silos" || break
        [ "$elapsed" -lt 1500 ] || break
    done
    served=0
    others_are_served || served=$?
    # ps and pgrep would wait for its command line, too
    read -ra children <"/proc/$program/task/$program/children" || true
    kill -KILL "${children[@]}" "$program"
    has "$(cat "$LINFSP_STATE/hostile/silos")" " own "
    [ "$elapsed" -lt 1500 ] || fail "linfsp silos took $elapsed ms"
    [ "$served" -eq 0 ]
    wait_until 5 not mounted_here "$folder/fs"
}

@test "hostile: root of a user namespace does not get devices and set-user-ID programs onto a network volume" {
    # shellcheck disable=SC2016
    (cd / && BOUND=20 bounded setpriv --reuid 54321 --regid 54321 --clear-groups --inh-caps=-all \
        bwrap --die-with-parent --unshare-user --uid 0 --gid 0 --cap-add ALL --unshare-pid --tmpfs / --ro-bind /usr /usr --symlink usr/bin /bin \
        --symlink usr/lib /lib --symlink usr/lib64 /lib64 --proc /proc --dev /dev --dir /tmp \
        --setenv PATH /usr/bin:/usr/sbin:/dev/linfsp/bin sh -c '
        until test -x /dev/linfsp/bin/memfs; do sleep 0.05; done
        memfs -b -F NTFS -m Y: -u "//un/share" || exit
        ls /dev/linfsp/unc/un/share /dev/linfsp/unc/memfs/good >/dev/null || exit # each is mounted when somebody goes there
        for path in /mnt/y /dev/linfsp /dev/linfsp/unc /dev/linfsp/unc/un/share /dev/linfsp/unc/memfs/good; do
            for option in dev suid; do
                mount -o "remount,bind,$option" "$path" 2>&1 && echo "got $option on $path"
            done
        done
        mkdir /tmp/again && mount --bind /mnt/y /tmp/again && echo bound
        mount -o remount,bind,dev /tmp/again 2>&1 && echo "got dev on another mount of it"') \
        </dev/null >"$LINFSP_STATE/hostile/remounts" 2>&1 3>&- || true
    output=$(cat "$LINFSP_STATE/hostile/remounts")
    equal "attempts refused: $output" "$(grep -ci 'permission denied' <<<"$output")" 11
    has "$output" bound
    has_not "$output" "got "
    wait_until 5 not mounted_here /unc/un/share
}

@test "hostile: the folder above a mount point changes places with another while it is mounted on and unmounted" {
    script_in evil 'mkdir -p /pair/a/point /pair/b/point/kept; touch /pair/b/point/file'
    docker exec "$(full_name evil)" /probe swap /pair/a /pair/b 8 >"$BATS_TEST_TMPDIR/swaps" 2>&1 3>&- &
    swapper=$!
    while kill -0 "$swapper" 2>/dev/null; do
        inside evil sh -c "$silo_bin/memfs -b -F NTFS -m /pair/a/point || $silo_bin/memfs -b -F NTFS -m /pair/b/point" || true
        inside evil "$silo_bin/linfsp" umount --all || inside evil "$silo_bin/linfsp" umount --all --lazy || true
    done >"$BATS_TEST_TMPDIR/said" 2>&1
    wait "$swapper"
    [ "$(awk '{print $1}' "$BATS_TEST_TMPDIR/swaps")" -ge 10000 ] || fail "$(cat "$BATS_TEST_TMPDIR/swaps")"
    grep -q ' on /pair' "$BATS_TEST_TMPDIR/said" || fail "never mounted:" "$(cat "$BATS_TEST_TMPDIR/said")"
    signal_memfs KILL evil
    wait_until 5 script_in evil 'no grep " /pair" /proc/mounts'
    equal "what is there" "$(inside evil sh -c 'cd /pair && find . | sed "s,^./[ab],.," | sort -u | tr "\n" " "')" \
        ". ./point ./point/file ./point/kept "
    script_in evil 'rm -r /pair'
}

@test "hostile: a mount whose folder hangs, once it is shared, leaves nothing under /unc" {
    script_in evil '/dev/linfsp/bin/memfs -b -F NTFS -t 0 -m H: && mkdir /mnt/h/folder' # -t 0: what the kernel remembered would do without asking
    BOUND=30 inside evil sh -c '/client hung /dev/linfsp/disk /mnt/h/folder "$(pidof memfs)"'
    wait_until 5 not mounted_here /unc/evil/hung
    wait_until 5 script_in evil 'no test -e /unc/evil'
    signal_memfs KILL evil
    wait_until 5 script_in evil 'no grep /mnt/h /proc/mounts'
}

@test "hostile: files named like the helper, coming and going by the thousand, cost the service next to nothing" {
    local before most=0 now
    before=$(ls "/proc/$(service_pid)/fd" | wc -l)
    docker exec -d "$(full_name evil)" /client names /usr/bin 4
    for _ in {1..30}; do
        now=$(ls "/proc/$(service_pid)/fd" | wc -l)
        most=$((now > most ? now : most))
        sleep 0.1
    done
    [ "$most" -lt $((before + 50)) ] || fail "from $before descriptors to $most"
    others_are_served
}
