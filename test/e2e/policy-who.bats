#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Who a container is to the rules: pods by what their runtime puts into the OCI bundle, control groups; and what counts for nothing.
load ../helpers/common
load ../helpers/cri
load ../helpers/engines

setup_file() {
    source "$LINFSP_ROOT/packaging/packages.bash"
    install_packages python3-grpcio || return
    export CONFIG=$LINFSP_STATE/policy-who.conf
    : >"$CONFIG"
    wait_until "${LINFSP_TEST_WAIT:-2}" not service_answers || fail "another LinFsp service runs" || return
    : >"$LINFSP_STATE/linfspd.log"
    service_start "--config=$CONFIG"
    start_cri
}

teardown_file() {
    local status=0
    end_cri || status=1
    [ ! -d "$LINFSP_STATE/podman" ] || rm -rf --one-file-system "$LINFSP_STATE/podman"
    file_teardown || status=1
    return "$status"
}

setup() { our_service_answers || service_start "--config=$CONFIG"; }

teardown() {
    remove_pods
    [ ! -d "$LINFSP_STATE/podman" ] || podman_here rm -f -t 0 --all >/dev/null
    remove_containers
}

# What the service goes by from now on: standard input.
configured() {
    cat >"$CONFIG"
    bounded "$linfsp" reload
}

# A container of the pod made last: its id in $container.
container_of_pod() { # NAME
    container=$(cri container "$pod" "$1" "$image" /probe wait) || fail "$(tail -n 3 "$cri/log")" || return
    wait_until 10 cri exec "$container" test -S /dev/linfsp/net
}

claims() { # CONTAINER PREFIX
    cri exec "$1" /dev/linfsp/bin/memfs -b -u "$2"
}

claim_refused() { # CONTAINER PREFIX RULE
    BOUND=60 refused "rule \"$3\"" -- /usr/bin/python3 "$LINFSP_ROOT/test/helpers/cri.py" "$cri/sock" exec "$1" \
        /dev/linfsp/bin/memfs -F NTFS -u "$2"
}

@test "policy: pods, by namespace, pod and container name as containerd puts them into the OCI bundle, and by annotations" {
    needs_cri || return
    configured <<'RULES'
[rule sidecars]
label = io.kubernetes.cri.container-name=sidecar
claim = \sidecar\*

[rule shop]
label = io.kubernetes.cri.sandbox-namespace=shop
claim = \shop\*

[rule storage]
label = example.com/tier=storage
claim = \storage\*

[rule nobody]
host = no
network_volumes = no
RULES
    pod -n shop web
    container_of_pod app
    claims "$container" //shop/a
    claim_refused "$container" //storage/a shop
    container_of_pod sidecar
    claims "$container" //sidecar/a
    claim_refused "$container" //shop/b sidecars
    pod -n other -a example.com/tier=storage files
    container_of_pod app
    claims "$container" //storage/a
    claim_refused "$container" //shop/b storage
    # names of a pod's own choice, labels, and annotations that pretend to be the runtime's: none of them makes it one of the shop
    pod -n default -l io.kubernetes.cri.sandbox-namespace=shop -a io.kubernetes.cri.sandbox-namespace=shop shop
    container_of_pod shop
    claim_refused "$container" //shop/b nobody
    wait_until 5 test -e /unc/shop/a -a -e /unc/sidecar/a -a -e /unc/storage/a
}

@test "policy: same-silo-group is a pod: its containers open what others may not" {
    needs_cri || return
    configured <<'RULES'
[rule pods]
label = io.kubernetes.cri.sandbox-namespace=*
open_by = same-silo-group
RULES
    pod -n shop one
    container_of_pod server
    claims "$container" //pods/one
    container_of_pod reader
    cri exec "$container" ls /dev/linfsp/unc/pods/one/
    pod -n shop two
    container_of_pod stranger
    BOUND=60 refused "ermission denied" -- /usr/bin/python3 "$LINFSP_ROOT/test/helpers/cri.py" "$cri/sock" exec "$container" \
        ls /dev/linfsp/unc/pods/one/
}

# In the host's own mount namespace: the word of an engine that is elsewhere counts for nothing.
podman_here() {
    BOUND=60 bounded podman --root "$LINFSP_STATE/podman/root" --runroot "$LINFSP_STATE/podman/run" --tmpdir "$LINFSP_STATE/podman/tmp" \
        --storage-driver vfs --events-backend file --cgroup-manager cgroupfs "$@"
}

podman_claims() { # CONTAINER PREFIX
    podman_here exec "$1" /dev/linfsp/bin/memfs -b -F NTFS -u "$2"
}

podman_refused() { # CONTAINER PREFIX RULE
    local said
    ! said=$(podman_claims "$1" "$2" 2>&1) || fail "$1 has $2" || return
    has "$said" "rule \"$3\""
}

@test "policy: annotations as CRI-O has them, through podman with crun and with runc" {
    local lacking runtime case runtimes=(crun runc)
    lacking=$(lacks_podman_crun; lacks_podman_runc)
    [ -z "$lacking" ] || missing "${lacking//$'\n'/, }" || return
    [ ! -e /sys/fs/cgroup/unified/cgroup.controllers ] || runtimes=(runc) # crun refuses hybrid cgroups
    configured <<'RULES'
[rule shop]
label = io.kubernetes.pod.namespace=shop
claim = \shop\*

[rule app]
label = app=web
claim = \web\*

[rule nobody]
host = no
network_volumes = no
RULES
    lay_busybox_root "$LINFSP_STATE/podman/tree"
    tar -C "$LINFSP_STATE/podman/tree" -c . | podman_here import - linfsp-test >/dev/null 2>&1
    for runtime in "${runtimes[@]}"; do
        for case in shop:io.kubernetes.pod.namespace=shop web:app=web stranger:app=web2; do
            podman_here --runtime "$runtime" run -d --name "$runtime-${case%%:*}" --network none --annotation "${case#*:}" \
                "${podman_limits[@]}" --ulimit memlock=65536:65536 linfsp-test /bin/sleep 1000 >/dev/null
            wait_until 10 podman_here exec "$runtime-${case%%:*}" test -S /dev/linfsp/net
        done
        podman_claims "$runtime-shop" "//shop/$runtime"
        podman_claims "$runtime-web" "//web/$runtime"
        podman_refused "$runtime-web" //shop/x app
        podman_refused "$runtime-stranger" //web/x nobody
        wait_until 5 test -e "/unc/shop/$runtime" -a -e "/unc/web/$runtime"
    done
}

@test "policy: control groups, of pods and of Docker's containers" {
    configured <<'RULES'
[rule low]
cgroup = /kubepods/besteffort/podlow/*, */linfsp-test-low/*
disks = no
network_volumes = no
RULES
    container low busybox --cgroup-parent /linfsp-test-low
    container other busybox
    memfs_refused low 'rule "low"' -- -F NTFS -m Z:
    disk other z
    needs_cri || return
    pod low
    container_of_pod app
    claim_refused "$container" //cgroup/a low
    pod high
    container_of_pod app
    claims "$container" //cgroup/a
}
