#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# bats file_tags=machine
# packaging/kubernetes: the manifests against the published schemas; and what their containers run, as Kubernetes would run it, by
# Docker: the node's service in a privileged container of the host's pids, and the pod with its sidecar. That service takes all containers
# of the machine.
load ../helpers/common

manifests=$LINFSP_ROOT/packaging/kubernetes
node_packages=(kubernetes-models@5.1.0 js-yaml@4.1.0 typescript@5.6.3)
export LINFSP_TEST_NODE=${LINFSP_TEST_CACHE:-/var/cache/linfsp-test}/kubernetes

setup_file() {
    wait_until 2 not service_answers || fail "another LinFsp service runs" || return
    : >"$LINFSP_STATE/linfspd.log"
    node_installed || install_node_packages
}

teardown_file() {
    local status=0
    remove_containers || status=1
    end_engine "$LINFSP_STATE/engines/runtime" || true
    nothing_left || status=1
    return "$status"
}

teardown() {
    if service_answers; then
        timeout 20 "$linfsp" stop || true
    fi
    remove_containers
}

node_installed() {
    [ "$(cat "$LINFSP_TEST_NODE/packages" 2>/dev/null)" = "${node_packages[*]}" ]
}

install_node_packages() {
    command -v node npm >/dev/null || return 0
    rm -rf "$LINFSP_TEST_NODE"
    mkdir -p "$LINFSP_TEST_NODE"
    echo '{"private": true}' >"$LINFSP_TEST_NODE/package.json"
    (cd "$LINFSP_TEST_NODE" && BOUND=120 bounded npm install --no-audit --no-fund --ignore-scripts --loglevel=error "${node_packages[@]}") \
        </dev/null >"$BATS_FILE_TMPDIR/npm.log" 2>&1 && echo "${node_packages[*]}" >"$LINFSP_TEST_NODE/packages"
    return 0
}

needs_node() {
    node_installed || missing "node, npm or a registry for ${node_packages[*]}"
}

kubernetes() {
    BOUND=60 bounded node "$LINFSP_ROOT/test/helpers/kubernetes.mjs" "$@"
}

# A copy of a manifest with a mistake in it must be found wanting: `mistaken FILE SED-SCRIPT PART`
mistaken() {
    sed "$2" "$manifests/$1" >"$BATS_TEST_TMPDIR/$1"
    not cmp -s "$manifests/$1" "$BATS_TEST_TMPDIR/$1"
    BOUND=60 refused "$3" -- node "$LINFSP_ROOT/test/helpers/kubernetes.mjs" check "$BATS_TEST_TMPDIR/$1"
}

@test "kubernetes: the manifests are what the published schemas say" {
    needs_node
    kubernetes check "$manifests"/*.yaml
    mistaken node-service.yaml 's/hostPID/hostPid/' hostPid
    mistaken node-service.yaml 's/hostPID: true/hostPID: "true"/' hostPID
    mistaken node-service.yaml '/^  selector:/,/^  update/{/^  update/!d}' selector
    mistaken runtime-class.yaml 's/handler/handlers/' handler
    mistaken runtime-class.yaml 's/RuntimeClass/RunTimeClass/' RunTimeClass
    mistaken shared-pod.yaml 's/allowPrivilegeEscalation/allowEscalation/' allowEscalation
}

# What Helm would make of a template, without its comments.
chart() { # TEMPLATE NAMESPACE [KEY=VALUE...]
    /usr/bin/python3 "$LINFSP_ROOT/test/helpers/helm-render.py" "$LINFSP_ROOT/packaging/helm/linfsp" "$@" | grep -v '^#'
}

@test "kubernetes: the Helm chart, rendered with its own values, is the manifests; values take effect" {
    /usr/bin/python3 -c 'import yaml' 2>/dev/null || missing "python3-yaml" || return
    equal "the node's service" "$(chart node-service.yaml linfsp-system)" "$(sed '1,/^---/d' "$manifests/node-service.yaml" | grep -v '^#')"
    equal "the runtime class" "$(chart runtime-class.yaml any)" "$(grep -v '^#' "$manifests/runtime-class.yaml")"
    equal "no runtime class" "$(chart runtime-class.yaml any runtimeClass=false)" ''
    rendered=$(chart node-service.yaml other image.repository=registry.example/node image.tag=9 nodeFolder=/var/lib/linfsp)
    has "$rendered" 'image: registry.example/node:9' 'namespace: other' 'path: /var/lib/linfsp' '"serve", "/var/lib/linfsp"'
    has_not "$rendered" /opt/linfsp linfsp/node:1
    equal "the chart's version" "$(sed -n 's/^version: //p' "$LINFSP_ROOT/packaging/helm/linfsp/Chart.yaml")" "$("$linfsp" version --json | jq -r .version)"
}

@test "kubernetes: the manifests agree with each other, with the image and with the version" {
    needs_node
    local service version
    service=$(kubernetes json "$manifests/node-service.yaml" | jq '.[] | select(.kind == "DaemonSet")')
    version=$("$linfsp" version --json | jq -r .version)
    equal "images" "$(jq -r '[.spec.template.spec | .initContainers[], .containers[] | .image] | unique[]' <<<"$service")" "linfsp/node:$version"
    equal "selected labels" "$(jq -c .spec.selector.matchLabels <<<"$service")" "$(jq -c .spec.template.metadata.labels <<<"$service")"
    equal "runtime class" "$(kubernetes json "$manifests/shared-pod.yaml" | jq -r '.[0].spec.runtimeClassName')" \
        "$(kubernetes json "$manifests/runtime-class.yaml" | jq -r '.[0].metadata.name')"
    jq -r '.spec.template.spec | .initContainers[], .containers[] | .command[0]' <<<"$service" | while read -r program; do
        grep -q "$program\$" "$manifests/Dockerfile" || fail "the image has no $program"
    done
    # what the pod security standard "restricted" asks for
    kubernetes json "$manifests/shared-pod.yaml" | jq -e '.[0].spec | .securityContext.runAsNonRoot and
        .securityContext.seccompProfile.type == "RuntimeDefault" and (.volumes == null) and
        ([.initContainers[], .containers[]] | all(.securityContext.allowPrivilegeEscalation == false and
            .securityContext.capabilities.drop == ["ALL"]))'
}

# The node image, as near as this machine comes to it: its programs at their places in an image of glibc's kind, with the
# libraries of this machine. `node_container NAME [DOCKER-OPTION...] -- VERB...`
node_container() {
    local options=() name=$1
    shift
    while [ "$1" != -- ]; do options+=("$1") && shift; done
    shift
    bounded docker run --name "$(full_name "$name")" --label linfsp-test --network=none --read-only -v /usr:/usr:ro \
        -v "$LINFSP_STAGE:/usr/local:ro" -v "$manifests/node:/node-script:ro" "${options[@]}" linfsp-test/debian /node-script "$@"
}

node_install() {
    docker run --rm --label linfsp-test --network=none --read-only --cap-drop=ALL --security-opt no-new-privileges -v /usr:/usr:ro \
        -v "$LINFSP_STAGE:/usr/local:ro" -v "$manifests/node:/node-script:ro" -v "$LINFSP_STATE/opt:/node" \
        linfsp-test/debian /node-script install /node
}

# What a privileged container has; or as much of it as this machine itself has. Where process 1 is closed even to root, another one of
# the host's stands for it.
node_rights() {
    rights=(--pid=host --privileged)
    [ -r /proc/1/ns/mnt ] || rights+=(-e "LINFSP_NODE_PID=$$")
    if ! docker run --rm --label linfsp-test --network=none --privileged linfsp-test/busybox true 2>/dev/null; then
        rights=("${rights[@]/--privileged/--cap-add=ALL}" --cap-drop=SYS_RESOURCE
            --security-opt seccomp=unconfined --security-opt apparmor=unconfined --device-cgroup-rule 'c 10:229 rwm')
    fi
}

node_serve() { # NAME
    node_container "$1" -d "${rights[@]}" -- serve "$LINFSP_STATE/opt" >/dev/null
    wait_until 10 service_answers || fail "$(docker logs "$(full_name "$1")" 2>&1)"
}

@test "kubernetes: the node's pod installs the service, runs it in the node's namespaces, and is replaced without a volume's end" {
    [ -n "$DOCKER_HOST_PLAIN" ] || missing "Docker"
    local rights
    node_rights
    mkdir -p "$LINFSP_STATE/opt"
    node_install
    node_install # an upgrade
    equal "what is half there" "$(find "$LINFSP_STATE/opt" -name '*.new')" ''
    container early busybox
    node_serve first
    node_container ready --rm "${rights[@]}" -- run "$LINFSP_STATE/opt" status | grep 'linfspd .* runs'
    equal "monitor" "$("$linfsp" status --json | jq -r .monitor)" proc-connector
    container late busybox
    share late y '\memfs\share'
    script_in late 'echo kept >/mnt/y/file'
    equal "on the node" "$(bounded cat /unc/memfs/share/file)" kept
    equal "in a container started before" "$(inside early cat /dev/linfsp/unc/memfs/share/file)" kept
    BOUND=15 bounded docker stop -t 10 "$(full_name first)" >/dev/null
    not service_answers
    equal "while no service runs" "$(bounded cat /unc/memfs/share/file)" kept
    node_serve second
    wait_until 5 volume_is_attached
    equal "with the next service" "$(inside early cat /dev/linfsp/unc/memfs/share/file)" kept
    node_container stop --rm "${rights[@]}" -- run "$LINFSP_STATE/opt" stop
    wait_unmounted late /mnt/y
    [ ! -e /unc/memfs ]
    not service_answers
    equal "the container" "$(docker inspect -f '{{.State.Status}}' "$(full_name second)")" running
    has "$(docker logs "$(full_name second)" 2>&1)" "starts again with a new pod"
    BOUND=15 bounded docker stop -t 10 "$(full_name second)" >/dev/null
    equal "its exit status" "$(docker inspect -f '{{.State.ExitCode}}' "$(full_name second)")" 0
}

volume_is_attached() {
    "$linfsp" volumes --json | jq -e 'length == 1 and .[0].attached != false'
}

# A container of a pod's, by what the manifest says of it: `pod_container POD-JSON CONTAINER-FILTER NAME`
pod_container() {
    local options=() command
    jq -e "$2.securityContext.readOnlyRootFilesystem" <<<"$1" >/dev/null && options+=(--read-only)
    jq -e "$2.securityContext.capabilities.drop == [\"ALL\"]" <<<"$1" >/dev/null && options+=(--cap-drop=ALL)
    jq -e "$2.securityContext.allowPrivilegeEscalation == false" <<<"$1" >/dev/null && options+=(--security-opt no-new-privileges)
    mapfile -t -d '' command < <(jq -j --arg uid "$pod_uid" "$2.command[] | gsub(\"\\\\$\\\\(POD_UID\\\\)\"; \$uid) + \"\\u0000\"" <<<"$1")
    bounded docker run -d --name "$(full_name "$3")" --label linfsp-test --network=none --runtime linfsp \
        --user "$(jq -r '.spec.securityContext | "\(.runAsUser):\(.runAsGroup)"' <<<"$1")" -e "POD_UID=$pod_uid" "${options[@]}" \
        linfsp-test/busybox "${command[@]}" >/dev/null
}

@test "kubernetes: a pod's sidecar shares a file system with its application by prefix" {
    needs_node
    [ -n "$DOCKER_HOST_PLAIN" ] || missing "Docker"
    local pod probe pod_uid=0f3c1b52-7a4e-4d52-9d0a-2f5f6f6f0c11 runtime=$LINFSP_STATE/engines/runtime
    pod=$(kubernetes json "$manifests/shared-pod.yaml" | jq '.[0]')
    private_engine "$runtime" --add-runtime "linfsp=$LINFSP_STAGE/bin/linfsp-runtime"
    DOCKER_HOST=unix://$runtime/docker.sock
    "$LINFSP_ROOT/test/helpers/images" busybox
    service_start
    pod_container "$pod" '.spec.initContainers[0]' files
    mapfile -t probe < <(jq -r '.spec.initContainers[0].startupProbe.exec.command[]' <<<"$pod")
    wait_until 10 inside files "${probe[@]}" || fail "$(docker logs "$(full_name files)" 2>&1)"
    pod_container "$pod" '.spec.containers[0]' application
    wait_until 10 test -s "/unc/$pod_uid/data/file" || fail "$(docker logs "$(full_name application)" 2>&1)"
    equal "what the application wrote, in the sidecar" "$(inside files cat "/dev/linfsp/unc/$pod_uid/data/file")" \
        "written by the application"
    remove_container application files
    wait_until 5 test ! -e "/unc/$pod_uid"
    service_stop
    end_engine "$runtime" || true
    service_log_is_clean
}
