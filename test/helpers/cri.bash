# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# containerd with its CRI plug-in, asked as a kubelet asks it: `start_cri` in setup_file, `end_cri` in teardown_file, `remove_pods` in
# teardown. Model: $cri is a folder with all of it, $pods has the sandboxes that a test made.

export cri=${LINFSP_STATE:-}/cri
export CRI_LOGS=$cri
image=docker.io/linfsp-test/busybox:latest
pods=()

lacks_cri() {
    local program
    for program in containerd ctr containerd-shim-runc-v2 runc; do
        command -v "$program" >/dev/null || echo "$program"
    done
}

# Nothing, where a program is lacking. Pods' annotations reach the OCI bundle, as far as containerd lets them.
start_cri() {
    [ -z "$(lacks_cri)" ] || return 0
    mkdir -p "$cri"
    cat >"$cri/config.toml" <<TOML
version = 2
root = "$cri/root"
state = "$cri/state"
[grpc]
address = "$cri/sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "docker.io/linfsp-test/busybox:latest"
restrict_oom_score_adj = true
disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
pod_annotations = ["*", "*/*"]
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.linfsp]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.linfsp.options]
BinaryName = "$LINFSP_STAGE/bin/linfsp-runtime"
TOML
    setsid containerd --config "$cri/config.toml" </dev/null >"$cri/log" 2>&1 3>&- 9>&- &
    echo "$!" >"$cri/pid"
    wait_until 20 ctr --address "$cri/sock" version || fail "$(tail -n 5 "$cri/log")" || return
    docker save linfsp-test/busybox | ctr --address "$cri/sock" -n k8s.io images import - >/dev/null
}

end_cri() {
    local pid
    pid=$(cat "$cri/pid" 2>/dev/null) || return 0
    kill "$pid"
    wait_until 10 gone "$pid"
    awk -v folder="$cri/" 'index($5, folder) == 1 {print $5}' /proc/self/mountinfo | sort -r | xargs -r -n 1 umount -l
}

needs_cri() {
    [ -s "$cri/pid" ] || missing "containerd with its CRI plug-in, and runc"
}

cri() {
    BOUND=60 bounded /usr/bin/python3 "$LINFSP_ROOT/test/helpers/cri.py" "$cri/sock" "$@"
}

pod() { # [OPTION...] NAME [HANDLER]: as cri.py's
    pod=$(cri pod "$@") || fail "no sandbox: $(grep -E 'cri|level=error' "$cri/log" | tail -n 3)" || return
    pods+=("$pod")
}

remove_pods() {
    local pod
    for pod in "${pods[@]}"; do
        cri remove "$pod" || true
    done
    pods=()
}
