#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# bats file_tags=machine
# Nothing of LinFsp's comes into a layer, or stays in a tree that outlives its container: while it is in use, afterwards, and after the
# container, or the service, was killed. A build makes the same layers as without it.
load ../helpers/common
load ../helpers/engines

setup_file() {
    file_setup || return
    mkdir -p "$engines/bundles/in-memory"
    mount -t tmpfs in-memory "$engines/bundles/in-memory" # the room has it, too
    room_open || return
    [ -z "$DOCKER_HOST" ] || "$LINFSP_ROOT/test/helpers/fuse-image" fuse fuse-bare >/dev/null 2>&1
}

teardown_file() {
    [ -z "$DOCKER_HOST" ] || docker image rm -f linfsp-test/{layers,kept,kit,unc-of-its-own} >/dev/null 2>&1 || true
    room_teardown
}

teardown() {
    remove_containers
    if find_guest; then kill -KILL "$guest"; fi # of a test that failed
    [ -n "$(service_pid)" ] || service_start
}

needs_docker() {
    [ -n "$DOCKER_HOST" ] || missing "Docker"
}

box() { # NAME IMAGE [OPTION...]
    container "$@"
    wait_until 5 inside "$1" test -d /dev/linfsp/unc/
}

no_changes() { # WHEN
    equal "docker diff, $1" "$(docker diff "$(full_name one)")" ""
}

@test "layers: /unc and letters are in no diff, commit or export, while they are there, after docker kill, and after the next start" {
    needs_docker
    box one debian
    before=$(inside one stat -c '%n %Y' / /mnt)
    no_changes "at first"
    share one y '\layers\one'
    disk one z
    script_in one 'echo x >/unc/layers/one/file; [ "$(cat /mnt/y/file)" = x ]; echo x >/mnt/z/file'
    no_changes "with letters"
    equal "the times of / and /mnt" "$(inside one stat -c '%n %Y' / /mnt)" "$before"
    equal "what is listed in /mnt" "$(inside one ls /mnt)" ""
    inside one ls / | { ! grep -x unc; }
    docker commit "$(full_name one)" linfsp-test/kept >/dev/null
    equal "the layers of a commit" "$(docker inspect -f '{{.RootFS.Layers}}' linfsp-test/kept)" "$(docker inspect -f '{{.RootFS.Layers}}' linfsp-test/debian)"
    docker export "$(full_name one)" | tar -t | { ! grep -E '^(unc|mnt/.)|linfsp'; }
    docker kill "$(full_name one)" >/dev/null
    no_changes "after docker kill"
    docker start "$(full_name one)" >/dev/null
    wait_until 5 inside one test -d /dev/linfsp/unc/
    share one y '\layers\one'
    disk one z
    no_changes "in its second life"
    inside one ls /unc/layers/one
}

# The folders of an image that a commit of the container has in its layer, and that a container without LinFsp has not.
copied() {
    docker commit "$(full_name one)" linfsp-test/kept >/dev/null
    rm -rf "$BATS_TEST_TMPDIR/saved" && mkdir "$BATS_TEST_TMPDIR/saved"
    docker save linfsp-test/kept | tar -C "$BATS_TEST_TMPDIR/saved" -x
    tar -tf "$BATS_TEST_TMPDIR/saved/$(jq -r '.[0].Layers[-1]' "$BATS_TEST_TMPDIR/saved/manifest.json")" | grep -xE '(mnt|bin|usr)/.*' || true
}

copied_nothing() {
    [ -z "$(copied)" ]
}

no_letter() {
    inside one /dev/linfsp/bin/fusermount3 -u "/mnt/$1"
}

@test "layers: a commit after a letter has no folder that overlayfs copied for it" {
    needs_docker
    box one debian
    before=$(inside one stat -c '%n %Y' / /mnt)
    copied_nothing
    disk one z
    no_letter z
    wait_until 5 copied_nothing
    equal "the times of / and /mnt" "$(inside one stat -c '%n %Y' / /mnt)" "$before"
    disk one z
    share one y '\layers\copied'
    no_letter z
    script_in one 'echo x >/mnt/y/file; mkdir /mnt/own; rmdir /mnt/own; ls -la /mnt'
    no_letter y
    # the container has changed the time of its /mnt, so that is the container's
    equal "after its own change" "$(copied)" mnt/
    script_in one 'touch /mnt/file; [ -e /mnt/file ]; [ "$(ls /mnt)" = file ]'
    remove_container one
    box one debian
    disk one z
    docker kill "$(full_name one)" >/dev/null
    wait_until 5 copied_nothing
    docker start "$(full_name one)" >/dev/null
    wait_until 5 inside one test -d /dev/linfsp/unc/
    script_in one '[ "$(ls -a /mnt)" = "$(printf ".\n..")" ]; mkdir /mnt/own; touch /mnt/own/file; [ -e /mnt/own/file ]; rm -r /mnt/own'
}

@test "layers: a commit while a letter is there has nothing of it, and the container notices nothing of that" {
    needs_docker
    box one debian
    disk one z
    before=$(inside one stat -c '%n %Y' / /mnt)
    for _ in 1 2; do
        equal "with a letter" "$(copied)" ""
        equal "the times of / and /mnt" "$(inside one stat -c '%n %Y' / /mnt)" "$before"
    done
    script_in one 'echo x >/mnt/z/file; mkdir /mnt/own; echo mine >/mnt/own/file; ls /mnt/own/file'
    has "$(copied)" mnt/own/file
    # one that is not stopped meanwhile, and goes on to write there
    docker exec -d "$(full_name one)" sh -c 'i=0; while [ ! -e /end ]; do i=$((i + 1)); echo $i >/mnt/own/$i && [ -e /mnt/own/$i ] || echo $i >>/lost; done; touch /ended'
    for _ in 1 2 3; do
        docker commit --pause=false "$(full_name one)" linfsp-test/kept >/dev/null
        docker diff "$(full_name one)" >/dev/null
    done
    script_in one 'touch /end; until [ -e /ended ]; do sleep 0.05; done; no test -e /lost; rm -r /mnt/own'
    # the same where /mnt is as it was in the image
    remove_container one
    box one debian
    disk one z
    docker exec -d "$(full_name one)" sh -c 'i=0; while [ ! -e /end ]; do mkdir /mnt/own && [ -d /mnt/own ] && rmdir /mnt/own || echo $? >>/lost; done; touch /ended'
    for _ in {1..5}; do
        docker diff "$(full_name one)" >/dev/null
        sleep 0.1
    done
    script_in one 'touch /end; until [ -e /ended ]; do sleep 0.05; done; no test -e /lost; echo kept >/mnt/file'
    no_letter z
    docker restart -t 0 "$(full_name one)" >/dev/null
    equal "its file in the next life" "$(inside one cat /mnt/file)" kept
}

@test "layers: a layer is read while the service restarts, and while it and the catcher die" {
    needs_docker
    box one debian
    disk one z
    service_stop
    service_start
    wait_until 5 inside one test -d /dev/linfsp/unc/
    disk one z
    equal "after a restart" "$(copied)" ""
    kill -KILL "$(catcher_pid)"
    wait_until 5 copied_nothing
    service_kill
    service_start
    wait_until 10 copied_nothing
    inside one ls /mnt/z
    # a service that died over it: what lies out of the layer is put back
    layer=$(docker inspect -f '{{.GraphDriver.Data.UpperDir}}' "$(full_name one)")
    service_kill
    mv "$layer/mnt" "$layer/../../linfsp-copied-$(stat -c %i "$layer/..")-mnt"
    inside one touch /mnt/file
    service_start
    wait_until 5 test -e "$layer/mnt/file"
    inside one ls /mnt/file
}

@test "layers: while a layer is read nothing comes into the folder that the engine removes with it" {
    needs_docker
    box one debian
    disk one z
    layer=$(docker inspect -f '{{.GraphDriver.Data.UpperDir}}' "$(full_name one)")
    python3 - "$layer" <<'EOF'
import os, sys, time
layer = sys.argv[1]
around = os.listdir(f"{layer}/..")
folder = os.open(layer, os.O_RDONLY | os.O_DIRECTORY)
assert "mnt" not in os.listdir(folder), "the copy of /mnt is in the layer"
assert os.listdir(f"{layer}/..") == around, os.listdir(f"{layer}/..")
os.close(folder)
end = time.monotonic() + 5
while not os.path.lexists(f"{layer}/mnt"):
    assert time.monotonic() < end, "the copy of /mnt is not back"
    time.sleep(0.01)
EOF
    for _ in {1..20}; do # an engine that removes it meanwhile
        remove_container one
        box one debian
        disk one z
        docker diff "$(full_name one)" >/dev/null &
        docker rm -f "$(full_name one)" >/dev/null
        wait $! || true
    done
    equal "left" "$(find "$layer/../.." -maxdepth 1 -name 'linfsp-*')" ""
}

@test "layers: a commit by podman while a letter is there has nothing of it" {
    lacking=$(lacks_podman_runc)
    [ -z "$lacking" ] || missing "$lacking"
    tar -C "$engines/root" -c . | podman_root import - localhost/base >/dev/null 2>&1
    podman_root --runtime runc run -d --name committed --network none "${podman_limits[@]}" localhost/base /bin/sh -c \
        'until [ -S /dev/linfsp/disk ]; do sleep 0.05; done; /dev/linfsp/bin/memfs -b -i -m Z: && touch /ready; sleep 1000; true' >/dev/null
    wait_until 20 podman_root exec committed test -e /ready
    podman_root exec committed grep -q ' /mnt/z ' /proc/mounts
    podman_root commit -q committed localhost/kept >/dev/null
    podman_root save -q localhost/kept | tar -C "$BATS_TEST_TMPDIR" -x
    names=$(tar -tf "$BATS_TEST_TMPDIR/$(jq -r '.[0].Layers[-1]' "$BATS_TEST_TMPDIR/manifest.json")")
    podman_root rm -f -t 0 committed >/dev/null
    podman_root rmi -af >/dev/null 2>&1 || true
    has "$names" ready
    has_not "$names" mnt unc linfsp
}

@test "layers: a commit of a container that has ended has no folder that overlayfs copied for the stand-in" {
    needs_docker
    box one fuse-bare
    script_in one 'mkdir -p /tmp/m; bindfs /srv/source /tmp/m; cat /tmp/m/file'
    equal "while its programs run from there" "$(copied)" ""
    docker kill "$(full_name one)" >/dev/null
    wait_until 5 copied_nothing
    docker start "$(full_name one)" >/dev/null
    wait_until 5 inside one test -S /dev/linfsp/disk
    script_in one 'bindfs /srv/source /tmp/m; cat /tmp/m/file; touch /usr/bin/own; rm /usr/bin/own'
}

# An engine lists a layer in order to remove it, and then the folder around it, which must be empty by then.
@test "layers: a container is removed whose mounts somebody still has; and ten at once" {
    needs_docker
    box one debian
    disk one z
    nsenter -t "$(pid_of one)" -m sleep 60 3>&- &
    stays=$!
    docker rm -f "$(full_name one)" >/dev/null
    kill "$stays"
    for n in {1..10}; do
        box "many$n" debian
        disk "many$n" z
    done
    mapfile -t many < <(for n in {1..10}; do full_name "many$n"; done)
    docker rm -f "${many[@]}" >/dev/null
}

@test "layers: a /mnt that somebody is in when a letter goes stays in use" {
    needs_docker
    box one debian
    docker exec -d -w /mnt "$(full_name one)" sh -c 'until [ -e go ]; do sleep 0.1; done; cat own/file >seen'
    disk one z
    no_letter z
    sleep 1
    script_in one 'ls /mnt; mkdir /mnt/own; echo mine >/mnt/own/file; touch /mnt/go'
    wait_until 5 inside one grep mine /mnt/seen
    docker restart -t 0 "$(full_name one)" >/dev/null
    equal "its file in the next life" "$(inside one cat /mnt/own/file)" mine
}

@test "layers: a layer is as before when the service is killed while a letter is there, and the container then" {
    needs_docker
    box one debian
    disk one z
    service_kill
    docker kill "$(full_name one)" >/dev/null
    service_start
    wait_until 5 copied_nothing
}

@test "layers: nothing stays when the service is killed, and then the container" {
    needs_docker
    box one debian
    disk one z
    service_kill
    docker kill "$(full_name one)" >/dev/null
    no_changes "after both"
    service_start
    no_changes "with the next service"
}

@test "layers: /unc is a real path, takes no mount more than /dev/linfsp/unc would, and works on a read-only root, too" {
    needs_docker
    box one debian
    box two debian --read-only
    for name in one two; do
        equal "mounts of ours in $name" "$(inside "$name" grep -cE 'linfsp-(run|unc)' /proc/self/mountinfo)" 2
    done
    share one y '\layers\real'
    for name in one two; do
        equal "the real path in $name" "$(inside "$name" sh -c 'cd /dev/linfsp/unc/layers/real && pwd -P')" /unc/layers/real
        equal "of it in $name" "$(inside "$name" realpath /unc/layers/real)" /unc/layers/real
    done
}

@test "layers: when the service stops /unc is free; what a container has there is its own" {
    needs_docker
    box one debian
    disk one z
    service_stop
    script_in one 'no test -e /unc; no test -e /mnt/z; mkdir /unc; echo mine >/unc/file; mkdir /mnt/z; echo mine >/mnt/z/file'
    service_start
    wait_until 5 inside one test -d /dev/linfsp/unc/
    script_in one '[ "$(cat /unc/file /mnt/z/file)" = "$(printf "mine\nmine")" ]; rm -r /unc /mnt/z'
    no_changes "of its own things"
}

@test "layers: an image's /unc is left alone, also where the container has removed it" {
    needs_docker
    printf '%s\n' 'FROM linfsp-test/debian' 'RUN mkdir /unc && echo image >/unc/file' >"$BATS_TEST_TMPDIR/Dockerfile"
    DOCKER_BUILDKIT=0 docker build -q --network none -t linfsp-test/unc-of-its-own "$BATS_TEST_TMPDIR" >/dev/null
    box one unc-of-its-own
    equal "its file" "$(inside one cat /unc/file)" image
    inside one rm -r /unc
    docker restart -t 0 "$(full_name one)" >/dev/null
    wait_until 5 inside one test -d /dev/linfsp/unc/
    inside one sh -c '! ls /unc 2>/dev/null'
    equal "docker diff" "$(docker diff "$(full_name one)")" "D /unc"
}

# A Dockerfile of what people write, with all times fixed, so that the same steps make the same layers. The last one cannot be: COPY
# sets the time of the folder.
write_dockerfile() { # FOLDER FROM
    mkdir -p "$1"
    printf '#!/bin/sh\necho mine\n' >"$1/f"
    chmod 755 "$1/f"
    touch -d @1000000000 "$1/f"
    cat >"$1/Dockerfile" <<END
FROM $2
RUN true
RUN mkdir -p /unc && echo ok >/unc/x && touch -d @1000000000 /unc/x /unc
RUN mkdir -p /mnt/z/in && touch -d @1000000000 /mnt/z/in /mnt/z /mnt
RUN mkdir /tmp/m && bindfs /srv/source /tmp/m && cat /tmp/m/file >/got && fusermount3 -u /tmp/m && rmdir /tmp/m && touch -d @1000000000 /tmp /got
COPY f /usr/bin/fusermount3
END
}

# Compares the layers of a build with and without the service, and looks at what the build with it gave: `compare_builds HOW BASE`
compare_builds() {
    local how=$1 context=$BATS_TEST_TMPDIR/context
    write_dockerfile "$context" "$2"
    build "$how" linfsp-test/layers "$context" >/dev/null
    docker image inspect linfsp-test/layers | jq -r '.[].RootFS.Layers[:-1][]' >"$BATS_TEST_TMPDIR/with"
    equal "what FUSE gave" "$(container_once layers -- cat /got)" hello
    equal "what is at /unc" "$(container_once layers -- cat /unc/x)" ok
    equal "the copied file" "$(container_once layers -- fusermount3)" mine
    service_stop
    sed -i 's/bindfs .srv.source .tmp.m/true/; s/fusermount3 -u .tmp.m/true/; s,/tmp/m/file,/srv/source/file,' "$context/Dockerfile"
    build "$how" linfsp-test/layers "$context" >/dev/null
    docker image inspect linfsp-test/layers | jq -r '.[].RootFS.Layers[:-1][]' >"$BATS_TEST_TMPDIR/without"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/without")" -gt 4 ]
    diff "$BATS_TEST_TMPDIR/without" "$BATS_TEST_TMPDIR/with"
}

@test "layers: a build makes the same layers with and without the service, and has FUSE" {
    needs_docker
    compare_builds legacy linfsp-test/fuse
}

@test "layers: BuildKit makes the same layers with and without the service, and has FUSE" {
    needs_docker
    find_buildkit
    # where an image lacks them BuildKit makes these files in each step, and so changes the time of /etc
    local container
    container=$(docker create --network=none linfsp-test/fuse)
    mkdir "$BATS_TEST_TMPDIR/etc"
    touch "$BATS_TEST_TMPDIR"/etc/{hosts,resolv.conf}
    docker cp "$BATS_TEST_TMPDIR/etc" "$container:/"
    docker commit "$container" linfsp-test/kit >/dev/null
    docker rm "$container" >/dev/null
    compare_builds buildkit linfsp-test/kit
}

@test "layers: what a step of a build says, and its status, are the same with and without the service" {
    needs_docker
    find_buildkit
    local service how step status context=$BATS_TEST_TMPDIR/context
    local steps=('[ ! -e /unc ]' 'mkdir /unc' 'exit 7' 'ls /mnt/z' 'mount -t tmpfs none /mnt' 'umount /proc' 'chmod 4755 /usr/bin/fusermount3'
        'rm /usr/bin/fusermount3' 'mv /usr/bin/fusermount3 /x && cp -p /x /usr/bin/fusermount3 && ln /usr/bin/fusermount3 /y' 'rmdir /unc'
        'chown 5:5 /usr/bin/fusermount3' 'ln -sf /bin/true /usr/bin/fusermount3 && fusermount3')
    mkdir "$context"
    for service in with without; do
        [ "$service" = with ] || service_stop
        for how in legacy buildkit; do
            for step in "${steps[@]}"; do
                printf 'FROM linfsp-test/fuse\nRUN %s\n' "$step" >"$context/Dockerfile"
                build "$how" linfsp-test/layers "$context" >/dev/null 2>&1 && status=0 || status=$?
                echo "$how: $step: $status"
            done >>"$BATS_TEST_TMPDIR/$service"
        done
    done
    grep -q ': 0$' "$BATS_TEST_TMPDIR/without" && grep -q ': 1$' "$BATS_TEST_TMPDIR/without"
    diff "$BATS_TEST_TMPDIR/without" "$BATS_TEST_TMPDIR/with"
}

@test "layers: what an image has at /unc, by each kind of step, is what a container of it has, and so is what it was given there" {
    needs_docker
    find_buildkit
    local service how step status context=$BATS_TEST_TMPDIR/context
    local steps=('WORKDIR /unc' 'WORKDIR /unc/a/b' 'COPY f /unc/' 'COPY f /unc' 'ADD f /unc/sub/f' 'VOLUME /unc' 'RUN mkdir /unc\nVOLUME /unc'
        'RUN ln -s /tmp /unc')
    mkdir "$context"
    touch "$context/f"
    for service in with without; do
        [ "$service" = with ] || service_stop
        for how in legacy buildkit; do
            for step in "${steps[@]}"; do
                printf '%b\n' "FROM linfsp-test/busybox\n$step" >"$context/Dockerfile"
                build "$how" linfsp-test/layers "$context" >/dev/null 2>&1 && status=0 || status=$?
                echo "$how: $step: $status: $(container_once layers -- sh -c 'exec 2>&1; sleep 0.3; pwd; ls -ldL /unc; ls -a /unc; echo x >/unc/new; cat /unc/new' 2>&1 | sed 's/ [A-Z][a-z][a-z] .*:.. / /')"
            done >>"$BATS_TEST_TMPDIR/$service"
        done
        for step in '-w /unc' '-w /unc/a' '-v /unc' '--tmpfs /unc' '-v /etc/hostname:/unc/a/b'; do
            # shellcheck disable=SC2086
            echo "$step: $(container_once busybox $step -- sh -c 'exec 2>&1; sleep 0.3; pwd; ls -aR /unc; echo x >/unc/new; cat /unc/new' 2>&1)" >>"$BATS_TEST_TMPDIR/$service"
        done
    done
    grep -q ': 0: ' "$BATS_TEST_TMPDIR/without"
    diff <(sort "$BATS_TEST_TMPDIR/without") <(sort "$BATS_TEST_TMPDIR/with")
}

@test "layers: podman build makes the same layers with and without the service" {
    lacking=$(lacks_podman_runc)
    [ -z "$lacking" ] || missing "$lacking"
    write_dockerfile "$BATS_TEST_TMPDIR/context" localhost/base
    sed -i '/bindfs/d' "$BATS_TEST_TMPDIR/context/Dockerfile"
    local tree=$BATS_TEST_TMPDIR/tree
    cp -a "$engines/root" "$tree"
    mkdir -p "$tree/usr/bin"
    tar -C "$tree" -c . | podman_root import - localhost/base >/dev/null 2>&1
    for isolation in oci chroot; do
        for service in with without; do
            [ "$service" = with ] || service_stop
            network=$([ $isolation = chroot ] && echo host || echo none)
            podman_root --runtime runc build --isolation $isolation --ulimit nofile=1024:1024 --no-cache --network "$network" --timestamp 0 --layers \
                -t localhost/layers "$BATS_TEST_TMPDIR/context" >"$BATS_TEST_TMPDIR/output" 2>&1 || fail "$isolation, $service:" "$(tail -n 5 "$BATS_TEST_TMPDIR/output")" || return
            podman_root image inspect localhost/layers | jq -r '.[].RootFS.Layers[]' >"$BATS_TEST_TMPDIR/$service"
            [ "$service" = with ] || service_start
        done
        diff "$BATS_TEST_TMPDIR/without" "$BATS_TEST_TMPDIR/with" || fail "by $isolation" || return
    done
    podman_root rmi -af >/dev/null 2>&1 || true
}

# What a tree holds, with modes, owners and times.
tree_of() {
    (cd "$1" && find . -printf '%p %M %U %T@ %l\n' | sort)
}

# Runs a container of this kind, has it serve /mnt/z, and kills it.
serve_and_be_killed() { # KIND
    local kind=$1
    guest=
    "run_$kind" "layers-$kind" /bin/sh -c 'until [ -S /dev/linfsp/disk ]; do sleep 0.05; done; /dev/linfsp/bin/memfs -b -i -m Z:; sleep 1000; true' >"$BATS_TEST_TMPDIR/output" 2>&1 3>&- 9>&- &
    { wait_until 10 find_guest && find_guest; } || fail "$(cat "$BATS_TEST_TMPDIR/output")" || return
    wait_until 10 in_table "$guest" /mnt/z fuse.WinFsp-MEMFS || fail "$(cat "$BATS_TEST_TMPDIR/output")" || return
    [ -d "/proc/$guest/root/dev/linfsp/unc/" ]
    kill -KILL "$(init_of "$guest")"
    wait_until 10 gone "$guest"
    wait || true
}

# The first process of a process' pid namespace: LXC has one of its own there.
init_of() { # PID
    local pid=$1 parent
    while parent=$(awk '{ print $4 }' "/proc/$pid/stat") && [ "$(readlink "/proc/$parent/ns/pid")" = "$(readlink "/proc/$1/ns/pid")" ]; do
        pid=$parent
    done
    echo "$pid"
}

# The first process of a guest, in $guest: the one whose root has guest.sh and which runs our script.
find_guest() {
    guest=$(pgrep -f '^/bin/sh -c until \[ -S /dev/linfsp/disk' | while read -r pid; do
        if [ -e "/proc/$pid/root/guest.sh" ] && is_ours "$pid"; then
            echo "$pid"
            break
        fi
    done)
    [ -n "$guest" ]
}

# A container of each of these kinds is killed while it has a letter, and its root, one for each, must be as before.
compare_trees() { # KIND...
    local kind
    for kind; do
        [ -z "$("lacks_$kind")" ] || continue
        root_for() { # once, so that the tree can be compared
            container_root=$engines/bundles${below:-}/$1/rootfs
            mkdir -p "$engines/bundles/$1"
            [ -d "$container_root" ] || { mkdir -p "$container_root" && cp -a "$engines/root/." "$container_root"; }
        }
        root_for "layers-$kind"
        serve_and_be_killed "$kind" || return
        wait_until 5 tree_is_as_before "$container_root" || {
            diff <(tree_of "$engines/root") <(tree_of "$container_root")
            fail "$kind"
            return 1
        }
    done
}

@test "trees: a runc bundle, an LXC and an nspawn tree are as before when their container was killed" {
    compare_trees runc crun lxc nspawn
}

lacks_podman_rootfs() { lacks_podman_runc; }

run_podman_rootfs() { # NAME COMMAND...
    root_for "$1" && podman_root --runtime runc run --rm --name "$1" --network none "${podman_limits[@]}" --rootfs "$container_root" "${@:2}"
}

@test "trees: the same where the tree is on a tmpfs of the host's" {
    below=/in-memory
    compare_trees runc crun nspawn podman_rootfs
}

# Runtimes themselves make folders and devices to mount on.
tree_is_as_before() {
    ! diff <(tree_of "$engines/root") <(tree_of "$1") | grep -E '^[<>]' | grep -E 'unc|linfsp|/mnt|dev/fuse'
}

@test "trees: a chroot, with or without a mount namespace, is no container: nothing is put there" {
    local tree=$BATS_TEST_TMPDIR/tree
    cp -a "$engines/root" "$tree"
    before=$(tree_of "$tree")
    for how in "" "unshare --mount" "unshare --mount --pid --fork"; do
        $how chroot "$tree" /bin/sleep 2 3>&- &
        sleep 1
        equal "the tree under: $how chroot" "$(tree_of "$tree")" "$before"
        wait
        equal "the tree after: $how chroot" "$(tree_of "$tree")" "$before"
    done
    before=$(ls -d /dev/linfsp 2>/dev/null || true)
    unshare --mount sh -c 'mount --rbind /dev "$1/dev" && exec chroot "$1" /bin/sleep 2' sh "$tree" 3>&- &
    sleep 1
    has_not "$(cat "/proc/$!/mountinfo")" linfsp
    equal "the host's /dev" "$(ls -d /dev/linfsp 2>/dev/null || true)" "$before"
    wait
    # with a /dev of its own, on a tmpfs of its own, or of the host's: what it has is what the administrator mounted
    for how in "" "mount --bind / / &&" "mount -t tmpfs own /mnt && cp -a \"\$1/.\" /mnt && set -- /mnt &&"; do
        unshare --mount sh -c "$how"' mount -t tmpfs own "$1/dev" && mknod "$1/dev/null" c 1 3 && exec chroot "$1" /bin/sleep 2' sh "$tree" 3>&- &
        chrooted=$!
        wait_until 5 runs_sleep "$chrooted"
        sleep 0.5
        has_not "$(cat "/proc/$chrooted/mountinfo")" linfsp
        equal "its /dev: $how" "$(ls "/proc/$chrooted/root/dev")" null
        [ ! -e "/proc/$chrooted/root/unc" ] || fail "/unc is there: $how" || return
        has "$("$linfsp" silos --json | jq -r ".[] | select(.init_pid == $chrooted) | .state")" off
        wait
    done
}

# Administrators, mkosi and mmdebstrap do so, with nothing mounted at the tree's /dev. On many machines /tmp is a tmpfs.
@test "trees: one in memory that is made the root of a mount namespace is as before, whoever has that memory mounted" {
    local memory=$BATS_TEST_TMPDIR/memory how before
    mkdir "$memory"
    cat >"$BATS_TEST_TMPDIR/pivot" <<'END'
mount --bind "$1" "$1" && cd "$1" && mkdir old && pivot_root . old && exec /bin/sh -c 'umount -l /old; rmdir /old; exec sleep 2'
END
    # the tmpfs is the host's; then that of a runtime, which has a mount namespace of its own
    for how in "" "unshare --mount"; do
        $how sh -euc 'mount -t tmpfs trees "$1"; cp -a "$2" "$1/tree"; find "$1/tree" | sort >"$3"; sleep 0.1
            unshare --mount sh "$4" "$1/tree"; find "$1/tree" | sort >"$5"; umount "$1"' \
            sh "$memory" "$engines/root" "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/pivot" "$BATS_TEST_TMPDIR/after" 3>&-
        grep -q /bin/sleep "$BATS_TEST_TMPDIR/before"
        diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after" || fail "left by: $how" || return
    done
}

runs_sleep() {
    [ "$(cat "/proc/$1/comm")" = sleep ] || [ "$(cat "/proc/$1/comm")" = busybox ]
}

@test "trees: one with the /unc of an older LinFsp boots as a host, and the service starts there" {
    service_stop
    ! [ -e /unc ] || [ -d /unc ]
    made=$([ -e /unc ] || echo made)
    [ -n "$made" ] || rmdir /unc || missing "an empty /unc"
    ln -s /dev/linfsp/unc /unc
    service_start
    status=0
    [ -d /unc ] && [ ! -L /unc ] || status=1
    ls /unc || status=1
    service_stop
    [ -n "$made" ] || mkdir /unc
    service_start
    [ "$status" = 0 ]
}
