# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Containers of pods as CRI-O leaves them: Debian has no CRI-O, but its conmon and its runc, which do the work. Here they get CRI-O's
# arguments and bundles; a pod's sandbox is a bundle that nothing runs in, as CRI-O has it (drop_infra_ctr). `crio_end` in teardown.

export crio=${LINFSP_STATE:-}/crio

lacks_crio() {
    local program
    for program in conmon runc jq; do
        command -v "$program" >/dev/null || echo "$program"
    done
}

crio_id() { # WORDS: 64 hex digits
    sha256sum <<<"$*" | cut -d ' ' -f 1
}

# The sandbox of a pod with these labels, a JSON object; its id in $sandbox.
crio_pod() { # NAME LABELS
    sandbox=$(crio_id pod "$1")
    mkdir -p "$crio/$sandbox/userdata"
    jq -n --arg labels "$2" '{annotations: {"io.kubernetes.cri-o.Labels": $labels}}' >"$crio/$sandbox/userdata/config.json"
}

# Starts a container of the sandbox made last, with these annotations of the pod, a JSON object; its id in $container.
crio_container() { # NAME NAMESPACE [ANNOTATIONS]
    local userdata kubelet
    container=$(crio_id container "$sandbox" "$1")
    userdata=$crio/$container/userdata
    [ -e "$crio/tree/bin/sh" ] || lay_busybox_root "$crio/tree"
    kubelet=$(jq -n --arg name "$1" --arg space "$2" --arg sandbox "$sandbox" '{"io.kubernetes.cri-o.SandboxID": $sandbox,
        "io.kubernetes.container.name": $name, "io.kubernetes.pod.namespace": $space, "io.kubernetes.cri-o.ContainerType": "container"}')
    mkdir -p "$userdata" "$crio/exits"
    runc spec --bundle "$userdata"
    jq --arg root "$crio/tree" --argjson pod "${3:-"{}"}" --argjson kubelet "$kubelet" '.root = {path: $root, readonly: false} |
        .process.args = ["/bin/sleep", "1000"] | .process.terminal = false | .annotations = $pod + $kubelet |
        .linux.namespaces |= map(select(.type != "cgroup"))' "$userdata/config.json" >"$userdata/new"
    mv "$userdata/new" "$userdata/config.json"
    bounded conmon -b "$userdata" -c "$container" -u "$container" -n "k8s_$1_pod_$2_0" -r "$(command -v runc)" -p "$userdata/pidfile" \
        -l "k8s-file:$userdata/log" --exit-dir "$crio/exits" --socket-dir-path "$crio/exits" 3>&- 9>&- >/dev/null
    wait_until 10 test -s "$userdata/pidfile"
    bounded runc start "$container"
    wait_until 10 crio_exec "$container" test -S /dev/linfsp/net
}

crio_exec() { # CONTAINER COMMAND...
    bounded runc exec "$@"
}

crio_end() {
    local folder
    for folder in "$crio"/*/userdata; do
        [ ! -s "$folder/pidfile" ] || bounded runc delete --force "$(basename "$(dirname "$folder")")" || true
    done
    [ ! -d "$crio" ] || rm -rf --one-file-system "$crio"
}
