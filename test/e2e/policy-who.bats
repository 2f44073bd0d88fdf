#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Who a container is to the rules: pods by what their runtime puts into the OCI bundle, control groups; and what counts for nothing.
load ../helpers/common
load ../helpers/cri
load ../helpers/crio
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
    crio_end
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
label = io.kubernetes.container.name=sidecar
claim = \sidecar\*

[rule back]
label = io.kubernetes.cri.sandbox-namespace=back
claim = \back\*

[rule shop]
label = io.kubernetes.pod.namespace=shop
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
    pod -n back web
    container_of_pod app
    claims "$container" //back/a
    # names of a pod's own choice, labels, and annotations that pretend to be the runtime's: none of them makes it one of the shop
    pod -n default -l io.kubernetes.pod.namespace=shop -a io.kubernetes.pod.namespace=shop -a io.kubernetes.cri.sandbox-namespace=back \
        -a io.kubernetes.container.name=sidecar -a io.kubernetes.cri.container-name=sidecar shop
    container_of_pod shop
    claim_refused "$container" //shop/b nobody
    wait_until 5 test -e /unc/shop/a -a -e /unc/sidecar/a -a -e /unc/storage/a -a -e /unc/back/a
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

@test "policy: no annotation of a pod makes it one of another pod's group, or of a Compose project" {
    needs_cri || return
    configured <<'RULES'
[rule grouped]
host = no
open_by = same-silo-group
RULES
    container web busybox --label com.docker.compose.project=shop
    container friend busybox --label com.docker.compose.project=shop
    share web y '\shop\a'
    inside friend ls /unc/shop/a/
    pod one
    first=$pod
    container_of_pod server
    claims "$container" //pods/one
    pod -a "io.kubernetes.cri-o.SandboxID=$first" -a "io.kubernetes.cri.sandbox-id=$first" two
    container_of_pod stranger
    pod_cannot_open "$container" pods/one
    pod -a com.docker.compose.project=shop -a io.podman.compose.project=shop three
    container_of_pod stranger
    pod_cannot_open "$container" shop/a
}

pod_cannot_open() { # CONTAINER SHARE
    BOUND=60 refused "ermission denied" -- /usr/bin/python3 "$LINFSP_ROOT/test/helpers/cri.py" "$cri/sock" exec "$1" ls "/dev/linfsp/unc/$2/"
}

@test "policy: what CRI-O's conmon and runc have of a pod: namespace, container, labels of its sandbox, and no more" {
    local lacking
    lacking=$(lacks_crio)
    [ -z "$lacking" ] || missing "${lacking//$'\n'/, }" || return
    configured <<'RULES'
[rule sidecars]
label = io.kubernetes.container.name=sidecar
claim = \sidecar\*

[rule storage]
label = tier=storage
claim = \storage\*

[rule shop]
label = io.kubernetes.pod.namespace=shop
claim = \shop\*

[rule groups]
host = no
claim = \.\*
open_by = same-silo-group
RULES
    crio_pod web '{"app":"web"}'
    crio_container app shop
    crio_exec "$container" /dev/linfsp/bin/memfs -b -u //shop/a
    crio_refused "$container" //storage/a shop
    crio_container sidecar shop
    crio_exec "$container" /dev/linfsp/bin/memfs -b -u //sidecar/a
    crio_pod files '{"tier":"storage","io.kubernetes.container.name":"sidecar"}'
    crio_container app other
    crio_exec "$container" /dev/linfsp/bin/memfs -b -u //storage/a
    crio_pod stranger '{"io.kubernetes.pod.namespace":"shop"}'
    crio_container app default "$(jq -n --arg pod "$(crio_id pod web)" '{"io.kubernetes.pod.namespace": "shop",
        "io.kubernetes.cri.sandbox-namespace": "shop", "io.kubernetes.cri.sandbox-id": $pod, "io.kubernetes.cri-o.SandboxID": $pod}')"
    crio_refused "$container" //shop/b groups
    # the scope of a pod: its containers', and nobody else's
    crio_exec "$container" /dev/linfsp/bin/memfs -b -u //./data/cache
    crio_container second default
    crio_exec "$container" ls /dev/linfsp/unc/data/cache/
    crio_pod web '{"app":"web"}'
    crio_container third shop
    ! crio_exec "$container" ls /dev/linfsp/unc/data/cache/ || fail "a pod sees what is local to another"
}

crio_refused() { # CONTAINER PREFIX RULE
    refused "rule \"$3\"" -- runc exec "$1" /dev/linfsp/bin/memfs -F NTFS -u "$2"
}

@test "policy: labels that an image brings are not its container's, but Compose's are though it labels its images" {
    local compose=(com.docker.compose.project=shop com.docker.compose.service=web)
    configured <<'RULES'
[rule shop]
label = com.docker.compose.project=shop, tier=storage
claim = \shop\*

[rule nobody]
host = no
network_volumes = no
RULES
    bounded docker create --name linfsp-test-labels linfsp-test/busybox >/dev/null
    bounded docker commit --change "LABEL ${compose[0]} ${compose[1]} tier=storage" linfsp-test-labels linfsp-test/labelled >/dev/null
    bounded docker rm linfsp-test-labels >/dev/null
    container image labelled
    container given labelled --label tier=storage2
    container operator busybox --label tier=storage
    container composed labelled --label "${compose[0]}" --label com.docker.compose.oneoff=False
    memfs_refused image 'rule "nobody"' -- -F NTFS -u '\shop\a'
    memfs_refused given 'rule "nobody"' -- -F NTFS -u '\shop\a'
    share operator y '\shop\b'
    share composed y '\shop\c'
    remove_containers
    bounded docker rmi linfsp-test/labelled >/dev/null
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

# The runtimes that podman can have here: $podman_runtimes.
needs_podman_here() {
    local lacking
    lacking=$(lacks_podman_crun; lacks_podman_runc)
    [ -z "$lacking" ] || missing "${lacking//$'\n'/, }" || return
    podman_runtimes=(crun runc)
    [ ! -e /sys/fs/cgroup/unified/cgroup.controllers ] || podman_runtimes=(runc) # crun refuses hybrid cgroups
    [ -d "$LINFSP_STATE/podman/tree" ] || lay_busybox_root "$LINFSP_STATE/podman/tree"
    podman_here image exists linfsp-test || tar -C "$LINFSP_STATE/podman/tree" -c . | podman_here import - linfsp-test >/dev/null 2>&1
}

podman_container() { # RUNTIME NAME IMAGE [OPTION...]
    podman_here --runtime "$1" run -d --name "$2" --network none "${@:4}" "${podman_limits[@]}" --ulimit memlock=65536:65536 "$3" \
        /bin/sleep 1000 >/dev/null
    wait_until 10 podman_here exec "$2" test -S /dev/linfsp/net
}

@test "policy: annotations as CRI-O has them, through podman with crun and with runc" {
    local runtime case
    needs_podman_here || return
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
    for runtime in "${podman_runtimes[@]}"; do
        for case in shop:io.kubernetes.pod.namespace=shop web:app=web stranger:app=web2; do
            podman_container "$runtime" "$runtime-${case%%:*}" linfsp-test --annotation "${case#*:}"
        done
        podman_claims "$runtime-shop" "//shop/$runtime"
        podman_claims "$runtime-web" "//web/$runtime"
        podman_refused "$runtime-web" //shop/x app
        podman_refused "$runtime-stranger" //web/x nobody
        wait_until 5 test -e "/unc/shop/$runtime" -a -e "/unc/web/$runtime"
    done
}

@test "policy: podman's labels, from its database; what an image brings is not its container's" {
    needs_podman_here || return
    configured <<'RULES'
[rule storage]
label = tier=storage
claim = \storage\*

[rule project]
label = io.podman.compose.project=*
claim = \project\*
open_by = same-silo-group

[rule nobody]
host = no
network_volumes = no
RULES
    tar -C "$LINFSP_STATE/podman/tree" -c . | podman_here import --change 'LABEL tier=storage io.podman.compose.project=shop' - labelled >/dev/null 2>&1
    podman_container runc storage linfsp-test --label tier=storage --label other=x
    podman_container runc image labelled
    podman_container runc store linfsp-test --label io.podman.compose.project=shop --label io.podman.compose.service=store
    podman_container runc friend labelled --label io.podman.compose.project=shop --label io.podman.compose.service=friend
    podman_container runc stranger linfsp-test --label io.podman.compose.project=other
    podman_claims storage //storage/a
    podman_refused storage //project/a storage
    podman_refused image //storage/b nobody
    podman_claims store //project/b
    podman_here exec friend ls /dev/linfsp/unc/project/b/
    ! podman_here exec stranger ls /dev/linfsp/unc/project/b/ || fail "another project's" || return
    ! podman_here exec image ls /dev/linfsp/unc/project/b/ || fail "an image names itself one of a project"
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
