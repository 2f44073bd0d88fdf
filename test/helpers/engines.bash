# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Container engines beside Docker, each with `run_ENGINE NAME COMMAND...`: a container of that name in the foreground, with the
# engine's defaults as far as this machine allows, whose root is a busybox tree. Model: they run in the *room*, a mount namespace
# of the tests' own, in which /etc/passwd, /etc/subuid and /etc/subgid have an ordinary user with a range of ids, and in which
# hybrid cgroups look like plain version 1, because crun refuses the former. All that they keep is below $engines, which goes
# at the end. `lacks_ENGINE` says what this machine is short of, and nothing where the engine can run.

engines=${LINFSP_STATE:-}/others
engine_user=54322
engine_ids=300000
engines_environment=() # NAME=VALUE, for the containers' first processes: each engine has its own way to say that

# ---- the room -------------------------------------------------------------------------------------------------------------

lay_room() {
    mkdir -p "$engines"/{etc,home,run,bundles,lxc,podman}
    chmod 755 "$engines"
    chown "$engine_user:$engine_user" "$engines"/{home,run}
    chmod 700 "$engines/run"
    { cat /etc/passwd && echo "linfsp-test:x:$engine_user:$engine_user::$engines/home:/bin/sh"; } >"$engines/etc/passwd"
    { cat /etc/group && echo "linfsp-test:x:$engine_user:"; } >"$engines/etc/group"
    printf '%s\n' "linfsp-test:$engine_ids:65536" "root:$engine_ids:65536" >"$engines/etc/subuid"
    cp "$engines/etc/subuid" "$engines/etc/subgid"
}

room_enter() {
    local file
    for file in passwd group subuid subgid; do
        [ -e "/etc/$file" ] || touch "/etc/$file"
        mount --bind "$engines/etc/$file" "/etc/$file" || return
    done
    if [ -e /sys/fs/cgroup/unified/cgroup.controllers ]; then
        umount /sys/fs/cgroup/unified
    fi
    echo ready >"$engines/room.ready"
    exec sleep infinity
}

room_open() {
    lay_room
    lay_busybox_root "$engines/root"
    export engines
    export -f room_enter
    setsid unshare --mount --propagation slave bash -c room_enter </dev/null >"$engines/room.log" 2>&1 3>&- 9>&- &
    echo "$!" >"$engines/room.pid"
    wait_until 5 test -s "$engines/room.ready" || fail "$(cat "$engines/room.log")"
}

room_close() {
    [ -s "$engines/room.pid" ] || return 0
    end_rootless_podman
    end_containerd
    rmdir /run/systemd/nspawn/propagate/nspawn-* 2>/dev/null
    kill "$(cat "$engines/room.pid")"
    wait_until 5 gone "$(cat "$engines/room.pid")"
    awk -v folder="$engines/" 'index($5, folder) == 1 {print $5}' /proc/self/mountinfo | sort -r | xargs -r -n 1 umount -l
    rm -rf --one-file-system "$engines"
}

# The usual teardown_file of files that open it.
room_teardown() {
    local status=0
    room_close || status=1
    file_teardown || status=1
    return "$status"
}

# Runs a command in the room: not a function, and with absolute paths.
in_room() {
    nsenter --mount="/proc/$(cat "$engines/room.pid")/ns/mnt" -- "$@"
}

as_engine_user() {
    in_room setpriv --reuid "$engine_user" --regid "$engine_user" --clear-groups --inh-caps=-all env -i "PATH=$PATH" \
        "HOME=$engines/home" "XDG_RUNTIME_DIR=$engines/run" "$@"
}

# A tree for a container's root: static busybox, the folders an engine mounts on, and a script, which guest.sh is.
lay_busybox_root() {
    mkdir -p "$1"/{bin,dev,etc,proc,sys,root,run,usr,var,mnt}
    install -d -m 1777 "$1/tmp"
    cp "$(command -v busybox)" "$1/bin/busybox"
    "$1/bin/busybox" --list | while read -r name; do
        [ "$name" = busybox ] || ln -sf busybox "$1/bin/$name"
    done
    printf '%s\n' 'root:x:0:0:root:/root:/bin/sh' >"$1/etc/passwd"
    printf '%s\n' 'root:x:0:' >"$1/etc/group"
    cp "$LINFSP_ROOT/test/helpers/guest.sh" "$1/guest.sh"
    chmod 755 "$1/guest.sh"
}

# A copy of it for one container, owned by OWNER (0): `root_for NAME [OWNER]`; its path in $container_root. Where engines_tree names
# another tree, which nobody writes to, its files are shared, and only folders are the owner's.
root_for() {
    container_root=$engines/bundles/$1/rootfs
    mkdir -p "$engines/bundles/$1"
    if [ -n "${engines_tree:-}" ]; then
        cp -al "$engines_tree" "$container_root"
        [ "${2:-0}" = 0 ] || find "$container_root" -type d -exec chown "$2:$2" {} +
        return
    fi
    cp -a "$engines/root" "$container_root"
    [ "${2:-0}" = 0 ] || chown -hR "$2:$2" "$container_root"
}

lacks_program() {
    local program
    for program; do
        command -v "$program" >/dev/null || echo "$program"
    done
}

lacks_user_namespaces() {
    as_engine_user unshare --user true 2>/dev/null || echo "user namespaces for ordinary users"
}

# ---- runc and crun, by hand -------------------------------------------------------------------------------------------------

lacks_runc() { lacks_program runc; }
lacks_crun() { lacks_program crun; }

# What `runc spec` makes, less a terminal and a network of its own, and less the limits that need CAP_SYS_RESOURCE.
bundle_for() { # NAME COMMAND...
    local bundle=$engines/bundles/$1
    root_for "$1"
    (cd "$bundle" && rm -f config.json && runc spec) || return
    jq --arg root "$container_root" '.process.terminal = false | del(.process.rlimits) | .root = {path: $root} | .process.args = $ARGS.positional
        | .process.env += ($environment | split(" ")) | .linux.namespaces |= map(select(.type != "network"))' \
        --arg environment "${engines_environment[*]}" --args -- "${@:2}" <"$bundle/config.json" >"$bundle/new.json" &&
        mv "$bundle/new.json" "$bundle/config.json"
}

run_runc() {
    bundle_for "$@" && run_bundle runc "$1"
}

run_crun() {
    bundle_for "$@" && run_bundle crun "$1"
}

run_bundle() { # RUNTIME NAME [OPTION...]
    in_room "$1" --root "$engines/run-$1" "${@:3}" run --bundle "$engines/bundles/$2" "$2"
}

# ---- podman -----------------------------------------------------------------------------------------------------------------

lacks_podman_runc() { lacks_program podman runc conmon; }
lacks_podman_crun() { lacks_program podman crun conmon; }
lacks_podman_rootless() { lacks_program podman crun conmon newuidmap slirp4netns && lacks_user_namespaces; }

podman_root() {
    in_room podman --root "$engines/podman/root" --runroot "$engines/podman/run" --tmpdir "$engines/podman/tmp" \
        --events-backend file --cgroup-manager cgroupfs "$@"
}

podman_rootless() {
    as_engine_user podman --cgroup-manager cgroupfs --events-backend file --runtime crun "$@"
}

# What podman is to run, in $podman_image: the tree as an image, or (engines_tree) a root: `podman_image PODMAN-FUNCTION NAME [OWNER]`
podman_image() {
    podman_image=(linfsp-test)
    if [ -n "${engines_tree:-}" ]; then
        root_for "$2" "${3:-0}"
        podman_image=(--rootfs "$container_root")
        return
    fi
    "$1" image exists linfsp-test || tar -C "$engines/root" -c . | "$1" import - linfsp-test >/dev/null 2>&1
}

# The limits that podman sets by default need CAP_SYS_RESOURCE.
podman_limits=(--ulimit nofile=1024:1024 --ulimit nproc=1000:1000)

run_podman() { # RUNTIME NAME COMMAND...
    podman_image podman_root "$2"
    podman_root --runtime "$1" run --rm --name "$2" --network none "${podman_limits[@]}" \
        "${engines_environment[@]/#/--env=}" "${podman_image[@]}" "${@:3}"
}

run_podman_runc() { run_podman runc "$@"; }
run_podman_crun() { run_podman crun "$@"; }

run_podman_rootless() { # NAME COMMAND...
    podman_image podman_rootless "$1" "$engine_user"
    podman_rootless run --rm --name "$1" --network none --cgroups disabled "${engines_environment[@]/#/--env=}" \
        "${podman_image[@]}" "${@:2}"
}

# The process that holds a rootless podman's namespaces.
end_rootless_podman() {
    local pid
    pid=$(cat "$engines/run/libpod/tmp/pause.pid" 2>/dev/null) || return 0
    kill "$pid" 2>/dev/null
    wait_until 5 gone "$pid"
}

# ---- containerd -------------------------------------------------------------------------------------------------------------

lacks_containerd() { lacks_program containerd ctr containerd-shim-runc-v2 runc; }

start_containerd() {
    [ ! -s "$engines/containerd.pid" ] || return 0
    mkdir -p "$engines/containerd"
    cat >"$engines/containerd.toml" <<END
version = 2
root = "$engines/containerd/root"
state = "$engines/containerd/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "$engines/containerd/sock"
END
    setsid containerd --config "$engines/containerd.toml" </dev/null >"$engines/containerd.log" 2>&1 3>&- 9>&- &
    echo "$!" >"$engines/containerd.pid"
    wait_until 10 ctr_here version >/dev/null 2>&1 || fail "$(tail -n 5 "$engines/containerd.log")"
}

ctr_here() {
    ctr --address "$engines/containerd/sock" "$@"
}

run_containerd() { # NAME COMMAND...
    start_containerd && root_for "$1" && ctr_here run --rm "${engines_environment[@]/#/--env=}" --rootfs "$container_root" "$@"
}

end_containerd() {
    local pid
    pid=$(cat "$engines/containerd.pid" 2>/dev/null) || return 0
    kill "$pid"
    wait_until 10 gone "$pid"
}

# ---- LXC --------------------------------------------------------------------------------------------------------------------

lacks_lxc() { lacks_program lxc-execute; }
lacks_lxc_unprivileged() { lacks_program lxc-execute newuidmap; }

lxc_configure() { # NAME
    mkdir -p "$engines/lxc/$1"
    cat >"$engines/lxc/$1/config" <<END
lxc.uts.name = $1
lxc.rootfs.path = dir:$container_root
lxc.net.0.type = empty
lxc.mount.auto = proc:mixed sys:ro
lxc.autodev = 1
END
    printf '%s\n' "${engines_environment[@]/#/lxc.environment = }" >>"$engines/lxc/$1/config"
}

run_lxc() { # NAME COMMAND...
    root_for "$1" && lxc_configure "$1" && in_room lxc-execute -P "$engines/lxc" -n "$1" -- "${@:2}"
}

run_lxc_unprivileged() {
    root_for "$1" "$engine_ids" && lxc_configure "$1" || return
    printf '%s\n' "lxc.idmap = u 0 $engine_ids 65536" "lxc.idmap = g 0 $engine_ids 65536" >>"$engines/lxc/$1/config"
    in_room lxc-execute -P "$engines/lxc" -n "$1" -- "${@:2}"
}

# ---- systemd-nspawn and bubblewrap ----------------------------------------------------------------------------------------

lacks_nspawn() { lacks_program systemd-nspawn; }

# Without machined, which needs systemd as process 1.
run_nspawn() { # NAME COMMAND...
    root_for "$1" && in_room systemd-nspawn --quiet --register=no --keep-unit --resolv-conf=off --timezone=off \
        --link-journal=no --pipe --machine "$1" --directory "$container_root" "${engines_environment[@]/#/--setenv=}" "${@:2}"
}

# In $bubblewrap_environment.
bubblewrap_words() {
    local variable
    bubblewrap_environment=()
    for variable in "${engines_environment[@]}"; do
        bubblewrap_environment+=(--setenv "${variable%%=*}" "${variable#*=}")
    done
}

lacks_bubblewrap() { lacks_program bwrap; }
lacks_bubblewrap_user() { lacks_program bwrap && lacks_user_namespaces; }

run_bubblewrap() { # NAME COMMAND...
    bubblewrap_words
    root_for "$1" && in_room bwrap --bind "$container_root" / --dev /dev --proc /proc --unshare-pid --die-with-parent \
        "${bubblewrap_environment[@]}" "${@:2}"
}

run_bubblewrap_user() { # NAME COMMAND...
    bubblewrap_words
    root_for "$1" "$engine_user" && as_engine_user bwrap "${bubblewrap_options[@]}" --bind "$container_root" / --dev /dev --proc /proc \
        --unshare-all --die-with-parent "${bubblewrap_environment[@]}" "${@:2}"
}

# ---- a container in a container -------------------------------------------------------------------------------------------

# podman in a podman container that may do everything and has the host's programs.
lacks_nested() { lacks_program podman crun conmon; }

run_nested() { # NAME COMMAND...
    local inner='tar -C /inner -c . | podman --cgroup-manager cgroupfs --storage-driver vfs import - inner >/dev/null 2>&1; image=inner'
    local tree=$engines/root:/inner:ro
    if [ -n "${engines_tree:-}" ]; then
        root_for "$1"
        tree=$container_root:/inner
        inner='image="--rootfs /inner"'
    fi
    engines_tree='' podman_image podman_root "$1"
    podman_root --runtime crun run --rm --name "$1-outer" --network none --privileged "${podman_limits[@]}" -v /usr:/usr:ro \
        -v /etc:/etc:ro -v "$tree" --tmpfs /var --tmpfs /tmp --tmpfs /run linfsp-test \
        /bin/sh -euc 'ln -s usr/lib usr/lib64 / && mkdir -p /var/tmp /var/lib/containers
            '"$inner"'
            name=$1 && shift
            exec podman --cgroup-manager cgroupfs --storage-driver vfs --events-backend file --runtime crun run --rm --name "$name" \
                --network none --cgroups disabled --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 $image "$@"' sh "$@"
}
