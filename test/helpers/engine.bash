# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Docker for the tests. A running engine is used as it is; where none runs, a private one is started, with everything of its own
# under one folder, and ended by its pid. Containers are called linfsp-test-NAME and carry the label linfsp-test.

# How a run locks the machine, for flock: runs whose services serve their own containers only may go on at the same time.
how_to_share() {
    case ${LINFSP_TEST_SERVICE_OPTIONS:-} in
    *--only-descendants*) echo --shared ;;
    *) echo --exclusive ;;
    esac
}

# Starts a dockerd of our own: `private_engine FOLDER [DOCKERD-OPTION...]`. Its address is unix://FOLDER/docker.sock
private_engine() {
    launch_engine "$1" dockerd "${@:2}"
}

# The same with userns-remap to a range of ids that nobody else uses, and without touching the machine's own /etc/subuid: dockerd
# gets a mount namespace in which a file of ours lies over it.
private_remapped_engine() {
    mkdir -p "$1"
    echo 'nobody:300000:65536' >"$1/subids"
    touch /etc/subuid /etc/subgid
    # shellcheck disable=SC2016
    launch_engine "$1" unshare --mount bash -c '
        mount --bind "$1" /etc/subuid && mount --bind "$1" /etc/subgid && shift && exec dockerd "$@"' \
        dockerd "$1/subids" --userns-remap=nobody:nogroup
}

# The packages of the FUSE programs that are tried, and images with these programs: `fuse_images [IMAGE...]`
fuse_images() {
    source "$LINFSP_ROOT/packaging/packages.bash"
    # shellcheck disable=SC2046
    install_packages $("$LINFSP_ROOT/test/helpers/fuse-image" --packages) || return
    [ -z "$DOCKER_HOST" ] || "$LINFSP_ROOT/test/helpers/fuse-image" "$@"
}

launch_engine() { # FOLDER COMMAND...
    local folder=$1 end=$((SECONDS + 30))
    mkdir -p "$folder"
    setsid "${@:2}" --iptables=false --bridge=none --data-root "$folder/data" --exec-root "$folder/exec" \
        --pidfile "$folder/pid" --host "unix://$folder/docker.sock" </dev/null >"$folder/log" 2>&1 3>&- 9>&- &
    echo "$!" >"$folder/dockerd.pid"
    until docker --host "unix://$folder/docker.sock" version >/dev/null 2>&1; do
        if [ "$SECONDS" -gt "$end" ] || ! kill -0 "$(cat "$folder/dockerd.pid")" 2>/dev/null; then
            tail -n 15 "$folder/log" >&2
            end_engine "$folder"
            return 1
        fi
        sleep 0.1
    done
}

# Ends an engine that private_engine started, its containers, and what it mounted; removes its folder.
end_engine() {
    local folder=$1 pid
    [ -d "$folder" ] || return 0
    DOCKER_HOST=unix://$folder/docker.sock remove_containers_of_engine
    pid=$(cat "$folder/dockerd.pid" 2>/dev/null)
    if [ -n "$pid" ] && kill "$pid" 2>/dev/null; then
        for _ in {1..100}; do
            [ -d "/proc/$pid" ] || break
            sleep 0.1
        done
        kill -KILL "$pid" 2>/dev/null
    fi
    wait "$pid" 2>/dev/null || true
    end_engine_children "$folder"
    awk -v folder="$folder/" 'index($5, folder) == 1 {print $5}' /proc/self/mountinfo | sort -r | xargs -r -n 1 umount -l
    rm -rf --one-file-system "$folder"
}

# containerd and shims that outlived their dockerd: known by our folder in their command lines.
end_engine_children() {
    local pid
    for pid in $(pgrep -f -- "$1/exec"); do
        case $(cat "/proc/$pid/comm" 2>/dev/null) in
        containerd* | dockerd | runc) kill -KILL "$pid" 2>/dev/null ;;
        esac
    done
}

# A docker command that has the engine build with BuildKit, in $buildkit: Debian's can, newer ones need a plugin for it.
find_buildkit() {
    local image
    for buildkit in $(type -ap docker); do
        if image=$(printf 'FROM scratch\nLABEL linfsp-test=1\n' | DOCKER_BUILDKIT=1 BOUND=60 bounded "$buildkit" build -q - 2>/dev/null); then
            docker image rm "$image" >/dev/null
            return
        fi
    done
    missing "a docker command with BuildKit"
}

# Builds by docker's own builder, or by BuildKit: `build legacy|buildkit IMAGE FOLDER [OPTION...]`
build() {
    case $1 in
    legacy) DOCKER_BUILDKIT=0 BOUND=120 bounded docker build --no-cache --network none -q -t "$2" "${@:4}" "$3" ;;
    buildkit) DOCKER_BUILDKIT=1 BOUND=120 bounded "$buildkit" build --no-cache --network none -q -t "$2" "${@:4}" "$3" ;;
    esac
}

full_name() {
    echo "linfsp-test-$1"
}

# Runs a container in the background: `container NAME IMAGE [OPTION...] [-- COMMAND...]`
container() {
    local name=$1 image=$2 options=()
    shift 2
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    [ $# -eq 0 ] || shift
    bounded docker run -d --name "$(full_name "$name")" --label linfsp-test --network=none "${options[@]}" \
        "linfsp-test/$image" "$@" >/dev/null
}

# Runs a container to its end, in the foreground: `container_once IMAGE [OPTION...] [-- COMMAND...]`
container_once() {
    local image=$1 options=()
    shift
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    [ $# -eq 0 ] || shift
    bounded docker run --rm --label linfsp-test --network=none "${options[@]}" "linfsp-test/$image" "$@"
}

inside() { # NAME COMMAND...
    bounded docker exec "$(full_name "$1")" "${@:2}"
}

inside_as() { # USER NAME COMMAND...
    bounded docker exec -u "$1" "$(full_name "$2")" "${@:3}"
}

# Runs a script in a container; it stops at the first command that fails. `no COMMAND` is for what must fail: errexit overlooks `!`.
script_in() { # [-u USER] NAME SCRIPT
    local user=()
    if [ "$1" = -u ]; then
        user=(-u "$2")
        shift 2
    fi
    bounded docker exec "${user[@]}" "$(full_name "$1")" /bin/sh -euxc \
        'no() { if "$@"; then echo "should have failed: $*" >&2; exit 1; fi; }
        '"$2"
}

# The init of a container, as the host counts: looked up once.
pid_of() {
    local key=$LINFSP_STATE/pid.$1.${DOCKER_HOST//\//-}
    if [ ! -s "$key" ] || ! [ -d "/proc/$(cat "$key")" ]; then
        docker inspect -f '{{.State.Pid}}' "$(full_name "$1")" >"$key" 2>/dev/null
    fi
    cat "$key"
}

id_of() {
    docker inspect -f '{{.Id}}' "$(full_name "$1")"
}

remove_container() { # NAME...
    local name
    for name; do
        rm -f "$LINFSP_STATE/pid.$name".*
        BOUND=30 bounded docker rm -f "$(full_name "$name")" >/dev/null 2>&1
    done
}

# All containers of the tests, in both engines.
remove_containers() {
    local engine status=0
    rm -f "${LINFSP_STATE:?}"/pid.*
    for engine in $DOCKER_HOST_PLAIN $DOCKER_HOST_REMAP; do
        DOCKER_HOST=$engine remove_containers_of_engine || status=1
    done
    return "$status"
}

remove_containers_of_engine() {
    local ids
    ids=$(BOUND=10 bounded docker ps -aq --filter label=linfsp-test 2>/dev/null) || return 0 # it runs no more
    # shellcheck disable=SC2086
    [ -z "$ids" ] || BOUND=60 bounded docker rm -f $ids >/dev/null
}
