#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The helper of an image is the image's own: whoever looks at it, changes, replaces or removes it finds it as without LinFsp; only
# who executes it gets the stand-in. And nothing of LinFsp's comes into a layer.
load ../helpers/common

setup_file() {
    source "$LINFSP_ROOT/packaging/packages.bash"
    install_packages fuse3 bindfs || return
    file_setup || return
    [ -z "$DOCKER_HOST" ] || { "$LINFSP_ROOT/test/helpers/fuse-image" fuse fuse-bare >/dev/null 2>&1; }
}

teardown_file() {
    [ -z "$DOCKER_HOST" ] || docker image rm -f linfsp-test/built >/dev/null 2>&1 || true
    file_teardown
}

setup() {
    [ -n "$DOCKER_HOST" ] || missing "Docker"
}

teardown() {
    remove_containers
}

box() { # NAME IMAGE [OPTION...]
    container "$@"
    wait_until 5 inside "$1" test -S /dev/linfsp/disk
}

runs_the_stand_in() { # NAME [PATH]
    [[ $(inside "$1" "${2:-fusermount3}" --version) == *LinFsp* ]]
}

@test "helper: it is set-user-id root to whoever looks, and the image's own file" {
    box one fuse
    equal "mode and owner" "$(inside one stat -Lc '%a %u' /usr/bin/fusermount3)" "4755 0"
    inside one cat /usr/bin/fusermount3 | cmp - /usr/bin/fusermount3
    runs_the_stand_in one
    inside_as 1000 one fusermount3 --version | grep -q LinFsp
    not inside one grep -q fusermount /proc/self/mounts
}

@test "helper: where the image has none, what stands in is set-user-id, too" {
    box one fuse-bare
    equal "as it is found" "$(inside one stat -c '%a %u' "$silo_bin/fusermount3")" "4755 0"
    inside one sh -ec 'mkdir /tmp/m; bindfs /srv/source /tmp/m; for f in fusermount fusermount3; do stat -Lc "%a %u" "$(command -v $f)"; done >/tmp/found; fusermount3 -u /tmp/m'
    equal "under both names" "$(inside one cat /tmp/found)" $'4755 0\n4755 0'
    # it gives nobody a right: the mount is nosuid
    inside_as 1000 one sh -ec 'cp /bin/sleep /tmp/s; fusermount3 --version >/dev/null; ! fusermount3 -u /proc 2>/dev/null'
    grep ' /dev/linfsp ' "/proc/$(pid_of one)/mountinfo" | grep -q nosuid
}

@test "helper: every way of changing it has the result that it has without LinFsp" {
    box one fuse
    for change in 'chmod 4755 F' 'chmod 755 F && chmod u+s F' 'chown 0:0 F' 'cp F /tmp/f && mv /tmp/f F' 'cp F F.dpkg-new && mv F.dpkg-new F' \
        'cp -p F /tmp/f && cat /tmp/f >F' 'mv F F.old && mv F.old F' 'cp F /tmp/f && rm F && cp -p /tmp/f F' 'ln F F.link && rm F && mv F.link F' \
        'cp F /tmp/f && install -m 4755 /tmp/f F' 'touch -d @1 F' 'cp F /tmp/f && ln -sf /tmp/f F'; do
        inside one sh -ec "${change//F//usr/bin/fusermount3}" || fail "failed: $change" || return
        wait_until 15 runs_the_stand_in one || fail "not caught after: $change" || return
    done
    inside one rm /usr/bin/fusermount3
    inside one sh -c '! ls /usr/bin/fusermount3'
}

@test "helper: one that another program is written over is that program, and written back it is the helper" {
    box one fuse
    runs_the_stand_in one
    script_in one 'cp -p /usr/bin/fusermount3 /tmp/f; cp /bin/true /usr/bin/fusermount3; fusermount3 -u /nowhere; cat /bin/true >/usr/bin/fusermount3; fusermount3 -u /nowhere'
    inside one sh -c 'cat /tmp/f >/usr/bin/fusermount3'
    wait_until 15 runs_the_stand_in one
}

# F: /usr/bin/fusermount3, where the stand-in is while a FUSE program runs.
@test "helper: where the image has none, every way of putting one there has the result that it has without LinFsp, while a program is served" {
    box one fuse-bare
    docker cp "$(command -v busybox)" "$(full_name one):/usr/bin/busybox"
    inside one sh -ec 'mkdir /tmp/m /tmp/tree; cp /bin/true /tmp/tree/fusermount3; busybox tar -C /tmp/tree -cf /tmp/own.tar fusermount3
        cd /tmp/tree; echo fusermount3 | busybox cpio -o -H newc >/tmp/own.cpio; mkdir -p /tmp/root/usr/bin; cp /bin/true /tmp/root/usr/bin/fusermount3; busybox tar -C /tmp/root -cf /tmp/root.tar usr; busybox gzip -c /bin/true >/tmp/fusermount3.gz'
    for way in 'cp OWN F' 'install -m 4755 OWN F' 'cp OWN /tmp/f && mv /tmp/f F' 'ln -s OWN F' 'ln -sf OWN F' 'ln OWN F' 'cp OWN /usr/bin/' 'busybox tar -C /usr/bin -xf /tmp/own.tar' 'busybox cp OWN F' \
        'rm -f F && touch F && cat OWN >F' 'cp OWN /usr/bin/.apk.0123 && mv /usr/bin/.apk.0123 F' 'cd /usr/bin && cp OWN fusermount3' 'cp OWN F.new && mv F.new F' 'cp -a /tmp/tree/. /bin/.' \
        'cd /; busybox tar xf /tmp/root.tar' 'cd /usr/bin; busybox tar -xf /tmp/own.tar' 'cd /tmp; busybox tar -C/usr/bin -xf /tmp/own.tar' 'cd /usr/bin; busybox cpio -i </tmp/own.cpio' \
        'cd /; cp -r /tmp/root/. .' 'install --target-directory=/usr/bin OWN' 'cp /tmp/fusermount3.gz /usr/bin; cd /usr/bin; busybox gunzip fusermount3.gz' 'busybox mknod F p; rm F; cp OWN F'; do
        way=${way//F//usr/bin/fusermount3}
        way=${way//OWN//tmp/tree/fusermount3}
        script_in one "bindfs /srv/source /tmp/m; [ -e /usr/bin/fusermount3 ]; ($way); [ \$(stat -Lc %s /usr/bin/fusermount3) = \$(stat -c %s /bin/true) ]" || fail "$way" || return
        script_in one '[ "$(cat /tmp/m/file)" = hello ]; umount /tmp/m; rm /usr/bin/fusermount3' || fail "after $way" || return
    done
    script_in one 'bindfs /srv/source /tmp/m; for c in rm "chmod 755" "mv -t /tmp"; do no $c /usr/bin/fusermount3 2>/tmp/said; grep "No such file" /tmp/said; done; rm -f /usr/bin/fusermount3'
    wait_until 5 inside one fusermount3 -u /tmp/m # the stand-in is back when the last of these has ended
    has_not "$(docker diff "$(full_name one)")" " /usr/bin/fusermount"
}

# busybox has rpm and dpkg among its commands, so that all of its commands and shells were taken for package managers.
@test "helper: where the image has none, the stand-in gives way to busybox's package managers, and to no other command of busybox's" {
    box one fuse-bare
    inside one mkdir -p /usr/local/bin
    docker cp "$(command -v busybox)" "$(full_name one):/usr/local/bin/busybox"
    script_in one 'cd /usr/local/bin; for n in sh cat rpm dpkg; do ln -s busybox $n; done; mkfifo /tmp/package; mkdir /tmp/m; bindfs /srv/source /tmp/m'
    wait_until 5 inside one test -e /usr/bin/fusermount3
    inside one /usr/local/bin/sh -ec 'for i in $(seq 20); do busybox true; /usr/local/bin/cat /tmp/m/file >/dev/null; [ -e /usr/bin/fusermount3 ]; done'
    inside one busybox sh -ec 'sleep 0.2; [ -e /usr/bin/fusermount3 ]'
    for way in rpm 'busybox rpm'; do
        inside one sh -c "exec $way -qp /tmp/package" >/dev/null 2>&1 3>&- &
        wait_until 5 inside one test ! -e /usr/bin/fusermount3
        inside one sh -c 'echo >/tmp/package'
        wait_until 5 inside one test -e /usr/bin/fusermount3
    done
    inside one fusermount3 -u /tmp/m
}

# With an upgrade of LinFsp, too, the next service finds the stand-in of the one before.
@test "helper: the stand-in of a service that was killed gives way as well, and is there for the next program" {
    box one fuse-bare
    script_in one 'mkdir /tmp/m; bindfs /srv/source /tmp/m; [ -e /usr/bin/fusermount3 ]'
    service_kill
    service_start
    wait_until 5 inside one sh -c 'rm -f /usr/bin/fusermount3'
    script_in one 'cp /bin/true /usr/bin/fusermount3; cat /tmp/m/file; rm /usr/bin/fusermount3; umount /tmp/m; bindfs /srv/source /tmp/m; fusermount3 -u /tmp/m'
    has_not "$(docker diff "$(full_name one)")" bin/fusermount
}

@test "helper: a program that starts long after another one finds the stand-in again" {
    box one fuse-bare
    script_in one 'mkdir /tmp/m; bindfs /srv/source /tmp/m; fusermount3 -u /tmp/m'
    wait_until 40 inside one test ! -e /usr/bin/fusermount3
    script_in one 'bindfs /srv/source /tmp/m; cat /tmp/m/file; fusermount3 -u /tmp/m'
}

@test "helper: found in every folder of the PATH, and by its full path" {
    mkdir -p "$BATS_TEST_TMPDIR"/{tool,local}
    cp -p /usr/bin/fusermount3 "$BATS_TEST_TMPDIR/tool/"
    box one fuse -e PATH=/opt/tool/bin:/usr/local/bin:/usr/bin:/bin -v "$BATS_TEST_TMPDIR/tool:/opt/tool/bin" -v "$BATS_TEST_TMPDIR/local:/usr/local/bin"
    wait_until 15 runs_the_stand_in one
    inside one cp -p /opt/tool/bin/fusermount3 /usr/local/bin/fusermount
    for path in /opt/tool/bin/fusermount3 /usr/local/bin/fusermount /bin/fusermount3; do
        wait_until 15 runs_the_stand_in one "$path" || fail "$path" || return
    done
    "$BATS_TEST_TMPDIR/tool/fusermount3" --version | { ! grep LinFsp; } # the same file, on the host
}

@test "helper: found in the folders that start files of shells add to the PATH" {
    local folders=(/opt/conda/bin /opt/miniconda3/bin /home/linuxbrew/.linuxbrew/bin /nix/var/nix/profiles/default/bin /run/wrappers/bin) volumes=() folder
    mkdir "$BATS_TEST_TMPDIR/tool"
    cp -p /usr/bin/fusermount3 "$BATS_TEST_TMPDIR/tool/"
    for folder in "${folders[@]}"; do
        volumes+=(-v "$BATS_TEST_TMPDIR/tool:$folder")
    done
    box one fuse "${volumes[@]}"
    for folder in "${folders[@]}"; do
        wait_until 15 runs_the_stand_in one "$folder/fusermount3" || fail "$folder" || return
        equal "with $folder first" "$(inside one sh -c 'PATH='"$folder"':$PATH; mkdir -p /tmp/m; rclone mount --config /dev/null --daemon :local:/srv/source /tmp/m && cat /tmp/m/file && fusermount3 -u /tmp/m')" hello
    done
}

@test "helper: found where only the PATH of one program has it, first or alone" {
    box one fuse
    script_in one 'mkdir -p /odd/one /odd/two /tmp/m /tmp/secret
        for folder in one two; do cp -p /usr/bin/fusermount3 /odd/$folder/fusermount3; cp -p /usr/bin/fusermount3 /odd/$folder/fusermount; done
        echo secret | gocryptfs -q -init /tmp/secret
        rclone() { env PATH="$1" rclone mount --config /dev/null --daemon :local:/srv/source /tmp/m; [ "$(cat /tmp/m/file)" = hello ]; /bin/fusermount3 -u /tmp/m; }
        rclone /odd/one:/usr/bin:/bin
        rclone /odd/two:/usr/bin:/bin
        rclone /usr/bin:/bin
        mkdir /odd/four /odd/five; cp -p /usr/bin/fusermount3 /odd/four/; cp -p /usr/bin/fusermount3 /odd/five/
        echo secret | PATH=/odd/four:/usr/bin:/bin gocryptfs -q /tmp/secret /tmp/m; echo x >/tmp/m/file; /bin/fusermount3 -u /tmp/m
        # and libfuse, which looks in the PATH where its own folder has none
        mv /usr/bin/fusermount3 /usr/bin/fusermount /odd
        env PATH=/odd/five:/usr/bin:/bin squashfuse /srv/image.squashfs /tmp/m; ls /tmp/m/file; /odd/five/fusermount3 -u /tmp/m
        cd /odd; env PATH=five:/usr/bin:/bin squashfuse /srv/image.squashfs /tmp/m; ls /tmp/m/file; five/fusermount3 -u /tmp/m'
    remove_container one
    # where the image has a helper nowhere else, in a program's own PATH, and by a link to a folder
    box one fuse-bare -v /usr/bin/fusermount3:/odd/store/bin/fusermount3:ro
    script_in one 'ln -s store /odd/profile; mkdir -p /tmp/m
        env PATH=/odd/profile/bin:/usr/bin:/bin rclone mount --config /dev/null --daemon :local:/srv/source /tmp/m; [ "$(cat /tmp/m/file)" = hello ]'
}

@test "helper: a script, or a program that is none, is left alone" {
    mkdir -p "$BATS_TEST_TMPDIR/local"
    printf '#!/bin/sh\necho mine\n' >"$BATS_TEST_TMPDIR/local/fusermount3"
    chmod 755 "$BATS_TEST_TMPDIR/local/fusermount3"
    cp /usr/bin/true "$BATS_TEST_TMPDIR/local/fusermount"
    box one fuse -v "$BATS_TEST_TMPDIR/local:/usr/local/bin"
    equal "the script" "$(inside one /usr/local/bin/fusermount3)" mine
    has "$(inside one /usr/local/bin/fusermount --version)" coreutils
}

@test "helper: a program that is traced, or has no new privileges, and many at once" {
    box one fuse
    inside_as 1000 one setpriv --no-new-privs fusermount3 --version | grep -q LinFsp
    inside one sh -c 'i=0; while [ $i -lt 40 ]; do fusermount3 --version & i=$((i + 1)); done | grep -c LinFsp; wait' | grep -qx 40
}

@test "helper: by every way to execute it, and by every name of its file" {
    local said user
    gcc -std=gnu11 -O2 -static -pthread -o "$BATS_TEST_TMPDIR/executes" "$LINFSP_ROOT/test/helpers/executes.c"
    box one fuse -v "$BATS_TEST_TMPDIR/executes:/executes:ro"
    wait_until 15 runs_the_stand_in one
    for user in 0 1000; do
        said=$(inside_as "$user" one /executes /usr/bin/fusermount3 --version)
        equal "ways that end well, for $user" "$(grep -c ': 0$' <<<"$said")" 13
        equal "ways to the stand-in, for $user" "$(grep -c LinFsp <<<"$said")" 13 || fail "$said" || return
    done
    inside one sh -ec 'mkdir -p "/opt/with blank"; ln /usr/bin/fusermount3 "/usr/bin/hard link"; ln -s /usr/bin/fusermount3 "/opt/with blank/f"
        printf "#!/bin/sh\nexec /usr/bin/fusermount3 \"\$@\"\n" >/opt/script; chmod 755 /opt/script'
    for name in "/usr/bin/hard link" "/opt/with blank/f" /opt/script /proc/self/root/usr/bin/fusermount3 /usr/bin/../bin/./fusermount3; do
        runs_the_stand_in one "$name" || fail "$name" || return
    done
    inside one sh -ec 'cd /usr; bin/fusermount3 --version; cd bin; ./fusermount3 --version; nice -n 5 setsid ./fusermount3 --version' >"$BATS_TEST_TMPDIR/said"
    equal "from its folder" "$(grep -c LinFsp "$BATS_TEST_TMPDIR/said")" 3
}

# A service whose catcher has not died yet: the delays before the next one are short.
new_service() {
    service_stop
    service_start
}

# The pids of the two keepers, the first one first, and of the catcher.
keepers() {
    local catcher second
    catcher=$(catcher_pid) && second=$(parent_of "$catcher") && parent_of "$second" && echo "$second"
}

parent_of() {
    sed 's/.*) . \([0-9]*\) .*/\1/' "/proc/$1/stat"
}

catcher() {
    catcher_pid
}

@test "umount: busybox's unmounts, by its name, by a link and by a hard link, and what is not FUSE's it is refused" {
    box one fuse
    docker cp "$(command -v busybox)" "$(full_name one):/usr/bin/busybox"
    script_in one 'mkdir /b /h /tmp/m; ln -s /usr/bin/busybox /b/umount; ln /usr/bin/busybox /h/umount; bindfs /srv/source /tmp/m'
    wait_until 5 inside one busybox umount /tmp/m # it was put there a moment ago
    for way in 'busybox umount' 'busybox umount -l' /b/umount /h/umount; do
        script_in one "bindfs /srv/source /tmp/m; $way /tmp/m; no grep ' /tmp/m ' /proc/mounts" || fail "$way" || return
    done
    refused "" -- docker exec "$(full_name one)" busybox umount /proc
}

@test "umount: by every name of the mount point, by its source, several at once, and all of a type" {
    box one fuse -v "$(command -v busybox):/usr/local/bin/busybox:ro"
    script_in one 'mkdir -p /a/b /m /m2 /m3; ln -s /a/b /absolute; ln -s a /relative; ln -s absolute /twice; cd /a
        gone() { no grep -E " (/a/b|/m|/m2) fuse" /proc/mounts; }
        for umount in umount "busybox umount" "umount --lazy" "umount -f" "busybox umount -l" "umount --"; do
            for name in /a/b /a/b/ /a/../a/./b b ./b ../a/b /absolute /relative/b /twice ../twice; do
                bindfs /srv/source /a/b; ls /a/b/file; $umount $name; gone
            done
            bindfs /srv/source /m; $umount /srv/source; gone
        done
        cd /; bindfs /srv/source /m; bindfs /srv/source /m2; umount m /m2; gone
        bindfs /srv/source /m; bindfs /srv/source /m2; squashfuse /srv/image.squashfs /m3
        umount -a -t fuse; gone; grep " /m3 " /proc/mounts
        bindfs /srv/source /m; umount -a --types=fuse.squashfuse,fuse; no grep fuse /proc/mounts
        bindfs /srv/source /m; umount -t fuse /m; gone'
    # what is not all about FUSE is said by the image'"'"'s umount, as without LinFsp
    script_in one 'bindfs /srv/source /m; ln -s /proc /process; ln -s loop /loop
        for what in /proc /process /nothing /loop "/m /proc" "-R /m" "-a -t proc" "-a -t fuse,proc" "-a -t fuse /m"; do
            umount $what >/said 2>&1 && exit 1; no grep -i fusermount /said; cat /m/file
        done; umount /m'
}

@test "catcher: it has a cage: few capabilities, no new ones, few system calls" {
    for pid in $(keepers) "$(catcher)"; do
        has "$(cat "/proc/$pid/status")" "NoNewPrivs:	1" "Seccomp:	2"
    done
    equal "capabilities of the catcher" "$(sed -n 's/^CapPrm:\t0*//p' "/proc/$(catcher)/status")" 80004 # SYS_PTRACE, DAC_READ_SEARCH
    for pid in $(keepers); do
        equal "capabilities of a keeper" "$(sed -n 's/^CapPrm:\t0*//p' "/proc/$pid/status")" 280004 # and SYS_ADMIN
    done
}

@test "catcher: killed, it is started again; meanwhile the image's own helper runs, and nothing waits" {
    box one fuse
    runs_the_stand_in one
    before=$(catcher)
    second=$(parent_of "$before")
    kill -STOP "$second" # so that there is time to look
    kill -KILL "$before"
    inside one fusermount3 --version | grep -q "fusermount3 version"
    kill -CONT "$second"
    wait_until 5 runs_the_stand_in one
    not equal "the catcher" "$(catcher)" "$before"
    grep -q 'event=catcher .*started again (1 time ' "$LINFSP_STATE/linfspd.log"
    # what starts later is served as well, and so is what is installed now
    box two fuse
    runs_the_stand_in two
    inside one sh -ec 'cp -p /usr/bin/fusermount3 /tmp/f; mv /tmp/f /usr/bin/fusermount3'
    wait_until 15 runs_the_stand_in one
    new_service
}

@test "catcher: killed again and again while helpers run, it harms none of them" {
    box one fuse
    inside one sh -c 'i=0; while [ $i -lt 150 ]; do fusermount3 --version || echo "failed: $?"; i=$((i + 1)); done' >"$BATS_TEST_TMPDIR/versions" 2>&1 &
    many=$!
    for i in 1 2 3 4 5; do
        sleep 0.0$((RANDOM % 10))
        kill -KILL "$(catcher)" 2>/dev/null || true
        wait_until 10 catcher
    done
    wait "$many"
    equal "runs that did not tell their version" "$(grep -vcE '^fusermount3 (version|.*LinFsp)' "$BATS_TEST_TMPDIR/versions" || true)" 0
    equal "runs" "$(wc -l <"$BATS_TEST_TMPDIR/versions")" 150
    wait_until 20 runs_the_stand_in one
    new_service
}

@test "catcher: killed while a program waits for its stand-in, that program goes on" {
    box one fuse-bare
    for i in 1 2 3; do
        inside one sh -c 'mkdir -p /tmp/m; timeout 20 bindfs /srv/source /tmp/m; [ $? -ne 124 ]' &
        program=$!
        sleep 0.0$((RANDOM % 6))
        kill -KILL "$(catcher)" 2>/dev/null || true
        wait "$program" || fail "the program hung, or was killed" || return
        inside one sh -c 'umount /tmp/m 2>/dev/null || fusermount3 -u /tmp/m 2>/dev/null' || true
        wait_until 10 catcher
    done
    new_service
}

@test "catcher: killed with a keeper, or a keeper killed alone, it is started again" {
    box one fuse
    for victims in first second both; do
        before=$(catcher)
        read -r first second <<<"$(keepers | tr '\n' ' ')"
        case $victims in
        first) kill -KILL "$first" ;;
        second) kill -KILL "$second" ;;
        both) kill -KILL "$first" "$before" ;;
        esac
        wait_until 5 catcher_other_than "$before"
        wait_until 5 runs_the_stand_in one || fail "$victims" || return
        has_not "$(bounded "$linfsp" doctor || true)" "without linfspd-catcher"
    done
    not grep -q 'linfspd-catcher has ended' "$LINFSP_STATE/linfspd.log"
    new_service
}

catcher_other_than() {
    local now
    now=$(catcher) && [ "$now" != "$1" ]
}

@test "catcher: when its keepers have gone, too, the service says so and goes on" {
    box one fuse
    kill_all_catchers
    wait_until 3 grep -q 'linfspd-catcher has ended' "$LINFSP_STATE/linfspd.log"
    inside one fusermount3 --version | grep -q "fusermount3 version"
    inside one sh -ec '/dev/linfsp/bin/memfs -b -m Z:; echo x >/mnt/z/x; cat /mnt/z/x' | grep -qx x
    new_service
}

@test "device: chmod, chown and rm of /dev/fuse touch nothing but it" {
    box one debian
    before=$(inside one stat -c '%a %u %i' /dev/null)
    inside one sh -ec '[ -c /dev/fuse ]; exec 3<>/dev/fuse; chmod 600 /dev/fuse; chown 1000 /dev/fuse; rm /dev/fuse; mknod /dev/fuse c 10 229'
    equal "/dev/null" "$(inside one stat -c '%a %u %i' /dev/null)" "$before"
}

@test "device: given by --device without CAP_SYS_ADMIN, it is served; with it, it is left alone" {
    box one fuse --device /dev/fuse
    inside one sh -ec 'mkdir -p /tmp/m; bindfs /srv/source /tmp/m; cat /tmp/m/file; fusermount3 -u /tmp/m' | grep -qx hello
    box two fuse --device /dev/fuse --cap-add SYS_ADMIN --security-opt apparmor=unconfined
    inside two sh -ec 'mkdir -p /tmp/m; bindfs /srv/source /tmp/m; cat /tmp/m/file' | grep -qx hello
    equal "volumes of the second" "$("$linfsp" volumes --json | jq "[.[] | select(.mount_point == \"/tmp/m\")] | length")" 0
    not runs_the_stand_in two
}

@test "device: with CAP_SYS_ADMIN and no device, a test of /dev/fuse that says yes is followed by mounts that work" {
    [ -d /sys/fs/cgroup/devices ] || missing "control groups of version 1"
    box one fuse --cap-add SYS_ADMIN --security-opt apparmor=unconfined
    script_in one '[ -c /dev/fuse ]; mkdir -p /tmp/s /tmp/m; echo hello >/tmp/s/file
        for program in "bindfs /tmp/s /tmp/m" "sshfs -o ssh_command=fake-ssh host:/tmp/s /tmp/m"; do
            $program; grep -qx hello /tmp/m/file; umount /tmp/m; no grep -q " /tmp/m " /proc/mounts
        done'
    # it mounts by itself all the same
    script_in one 'mount -t tmpfs none /tmp/m; umount /tmp/m'
}

@test "layers: an image without a helper: programs mount, and docker diff finds nothing" {
    box one fuse-bare
    baseline=$(docker diff "$(full_name one)" | grep -v unc || true)
    inside one sh -ec 'mkdir -p /tmp/m; bindfs /srv/source /tmp/m; cat /tmp/m/file; rm -f /tmp/m/x; fusermount -u /tmp/m; rmdir /tmp/m' | grep -qx hello
    inside one sh -ec 'cd /tmp; mkdir m; HOME=/tmp rclone mount --daemon --config /dev/null :local:/srv/source m; cat m/file' | grep -qx hello
    has_not "$(docker diff "$(full_name one)")" fusermount linfsp /usr
    docker export "$(full_name one)" | tar -t | { ! grep -E 'linfsp|fusermount'; }
}

@test "layers: an image without a helper: its container is restarted while a program has it, and mounts each time" {
    container one fuse-bare -- sh -c 'until [ -S /dev/linfsp/disk ]; do sleep 0.05; done; mkdir -p /tmp/m; exec bindfs -f /srv/source /tmp/m'
    for round in 1 2 3; do
        wait_until 10 inside one test -e /tmp/m/file || fail "round $round" "$(docker logs "$(full_name one)" 2>&1)" || return
        [ "$round" -eq 3 ] || docker restart -t 1 "$(full_name one)" >/dev/null
    done
    has_not "$(docker diff "$(full_name one)")" fusermount linfsp-aside
}

@test "layers: a RUN that writes nothing leaves nothing, one that writes to our places leaves what it wrote" {
    mkdir "$BATS_TEST_TMPDIR/context"
    printf '#!/bin/sh\necho mine\n' >"$BATS_TEST_TMPDIR/context/f"
    chmod 755 "$BATS_TEST_TMPDIR/context/f"
    cat >"$BATS_TEST_TMPDIR/context/Dockerfile" <<'END'
FROM linfsp-test/fuse-bare
RUN sleep 1
COPY f /usr/bin/fusermount3
RUN mkdir -p /tmp/m && bindfs --version && ls /usr/bin
END
    DOCKER_BUILDKIT=0 docker build -q --network none -t linfsp-test/built "$BATS_TEST_TMPDIR/context"
    equal "the copied file" "$(container_once built -- fusermount3)" mine
    container=$(docker create linfsp-test/built x)
    docker export "$container" | tar -t >"$BATS_TEST_TMPDIR/list"
    docker rm "$container" >/dev/null
    not grep linfsp "$BATS_TEST_TMPDIR/list"
}

# The layer is another container's root as it is: what the kernel asks about the one file must not wait for what it asks about the other.
@test "helper: a library that two containers have, as a layer and over it, can be loaded in both" {
    local layer bundle=$BATS_TEST_TMPDIR/bundle
    command -v crun >/dev/null || missing crun
    container over fuse
    layer=$(docker inspect -f '{{.GraphDriver.Data.LowerDir}}' "$(full_name over)" | tr : '\n' | while read -r folder; do
        [ ! -e "$folder/usr/bin/bindfs" ] || echo "$folder"
    done | head -n 1)
    cp "$probe" "$layer/probe"
    mkdir "$bundle"
    (cd "$bundle" && crun spec && jq --arg root "$layer" '.root = {path: $root, readonly: false} | .process.args = ["/probe", "wait"] |
        .process.terminal = false | .linux.namespaces |= map(select(.type != "cgroup")) | .mounts |= map(select(.type != "cgroup"))' \
        config.json >new && mv new config.json)
    crun --cgroup-manager=disabled run -b "$bundle" linfsp-test-layer >/dev/null 2>&1 3>&- &
    wait_until 5 two_silos_are_there
    has "$(bounded docker exec "$(full_name over)" bindfs --version)" bindfs
    crun delete -f linfsp-test-layer
    rm "$layer/probe"
    remove_container over
}

two_silos_are_there() { # the one by Docker, and the one by crun
    [ "$("$linfsp" silos --json | jq '[.[] | select(.state == "ready")] | length')" -ge 2 ]
}
