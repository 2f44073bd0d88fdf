#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# linfsp: every verb, in words and as JSON, on the host and in a container.
load ../helpers/common

setup_file() {
    source "$LINFSP_ROOT/packaging/packages.bash"
    install_packages fish zsh || return
    file_setup
}
teardown_file() { file_teardown; }
setup() { service_runs; }
teardown() {
    remove_containers
    end_host_memfs
}

# The output of `linfsp VERB... --json` is JSON for which the jq expression holds: `json 'EXPRESSION' VERB...`
json() {
    local output
    output=$(bounded "$linfsp" "${@:2}" --json) || fail "linfsp ${*:2} --json failed" || return
    jq -e "$1" >/dev/null <<<"$output" || fail "linfsp ${*:2} --json is not such that $1:" "$output"
}

json_in() { # NAME 'EXPRESSION' VERB...
    local output
    output=$(inside "$1" "$silo_bin/linfsp" "${@:3}" --json) || fail "linfsp ${*:3} --json failed in $1" || return
    jq -e "$2" >/dev/null <<<"$output" || fail "linfsp ${*:3} --json in $1 is not such that $2:" "$output"
}

@test "cli: version" {
    has "$("$linfsp" version)" 1.0.0
    json '.version == "1.0.0"' version
    container one scratch
    has "$(inside one "$silo_bin/linfsp" version)" 1.0.0
}

@test "cli: no verb, an unknown verb and an unknown option are named, with exit status 2; help is not an error" {
    for words in frobnicate '--frobnicate' 'status --frobnicate' 'path' 'umount'; do
        status=0
        # shellcheck disable=SC2086
        output=$("$linfsp" $words 2>&1) || status=$?
        [ "$status" -ne 0 ] || fail "linfsp $words succeeded" || return
        has "$output" "${words##* }" || return
    done
    help=$("$linfsp" --help)
    for verb in start stop status silos volumes umount path run doctor version; do
        has "$help" "$verb" || return
    done
}

@test "cli: a verb that is nearly one, or is called otherwise elsewhere, is asked after" {
    refused 'did you mean `linfsp volumes`' -- "$linfsp" volums
    refused 'did you mean `linfsp status`' -- "$linfsp" sttaus
    refused 'did you mean `linfsp umount`' -- "$linfsp" unmount
    refused 'did you mean `linfsp silos`' -- "$linfsp" help silo
    has_not "$("$linfsp" frobnicate 2>&1 || true)" 'did you mean'
    for words in 'umount Z' 'share Z //some/share' 'unshare Z' 'trace Z'; do
        # shellcheck disable=SC2086
        refused 'Z is no volume here: did you mean the letter, Z:?' -- "$linfsp" $words
    done
}

@test "cli: umount, share and unshare on the host name the container that has the mount point" {
    container one busybox
    disk one z
    number=$("$linfsp" volumes --json | jq '.[0].id')
    for words in 'umount /mnt/z' 'umount Z:' 'unshare /mnt/z' 'share /mnt/z //elsewhere/share'; do
        # shellcheck disable=SC2086
        refused "volume $number, in container $(full_name one): linfsp umount $number" -- "$linfsp" $words
    done
    refused 'linfsp volumes' -- "$linfsp" umount /mnt/y
    "$linfsp" umount "$number"
    wait_unmounted one /mnt/z
}

@test "cli: volumes shows the container's name, and who serves a volume now" {
    container one busybox
    inside one "$silo_bin/memfs" -b -F NTFS -m Z:
    wait_mounted one /mnt/z
    json ".[0].container == \"$(full_name one)\" and .[0].server_pid == $(pids_in one memfs)" volumes
    has "$("$linfsp" volumes)" "$(full_name one)"
    inner=$(inside one sh -c 'for pid in /proc/[0-9]*; do [ "$(cat $pid/comm)" = memfs ] && echo ${pid#/proc/}; done; true')
    json_in one ".[0].server_pid == $inner" volumes
}

@test "cli: volumes --watch shows them again when something has changed, and only then" {
    container one busybox
    "$linfsp" volumes --watch --json >"$BATS_TEST_TMPDIR/watched" 2>&1 3>&- &
    local watcher=$!
    wait_until 5 lines_are 1 "$BATS_TEST_TMPDIR/watched"
    inside one "$silo_bin/memfs" -b -F NTFS -m Z:
    wait_until 5 lines_are 2 "$BATS_TEST_TMPDIR/watched"
    sleep 2.5
    lines_are 2 "$BATS_TEST_TMPDIR/watched"
    signal_memfs KILL one
    wait_until 5 lines_are 3 "$BATS_TEST_TMPDIR/watched"
    kill "$watcher"
    wait "$watcher" || true
    equal "what was seen" "$(jq -c 'map(.mount_point)' "$BATS_TEST_TMPDIR/watched")" $'[]\n["/mnt/z"]\n[]'
    equal "people see" "$(timeout 3 "$linfsp" volumes --watch 2>&1 || true)" "$("$linfsp" volumes 2>&1)"
}

lines_are() { # COUNT FILE
    [ "$(wc -l <"$2")" -eq "$1" ]
}

@test "cli: a table is as wide as the terminal, and whole in a pipe" {
    container one busybox
    container two busybox
    deep=/tmp/$(printf 'a%.0s' {1..90})
    inside one mkdir "$deep"
    start_memfs one -F NTFS -m "$deep"
    wait_mounted one "$deep"
    has "$("$linfsp" volumes)" "$deep"
    narrow=$(COLUMNS=100 "$linfsp" volumes)
    has_not "$narrow" "$deep"
    while read -r line; do
        [ "${#line}" -le 100 ] || fail "wider than 100: $line" || return
    done <<<"$narrow"
    # what says nothing gives way first: there is no network volume
    "$linfsp" umount "$("$linfsp" volumes --json | jq '.[0].id')"
    disk two z
    narrow=$(COLUMNS=80 "$linfsp" volumes)
    has "$narrow" 'MOUNT POINT' SINCE "$(date +%Y-%m-%d) "
    has_not "$narrow" PREFIX
    has "$(COLUMNS=120 "$linfsp" volumes)" PREFIX
    while read -r line; do
        [ "${#line}" -le 70 ] || fail "wider than 70: $line" || return
    done < <(COLUMNS=70 "$linfsp" doctor | grep -vE '/[^ ]{40}')
    for verb in --help 'umount --help' 'doctor --help'; do
        # shellcheck disable=SC2086
        while read -r line; do
            [ "${#line}" -le 60 ] || fail "linfsp $verb, wider than 60: $line" || return
        done < <(COLUMNS=60 "$linfsp" $verb | grep -vE '^  (sudo )?(linfsp|memfs) ')
    done
    verbs=$("$linfsp" help | sed -n 's/^  \([a-z-]\{1,\}\)  *[a-z].*/linfsp \1/p')
    while read -r program verb; do
        # shellcheck disable=SC2086
        line=$(COLUMNS=80 "$(find "$LINFSP_STAGE"/{bin,sbin} -name "$program")" $verb --help | grep -vE '^  (sudo |docker |echo )?(linfsp|memfs|ptfs|docker) ' | grep -E '^.{81}' || true)
        equal "$program $verb --help, wider than 80" "$line" "" || return
    done <<<"$verbs"$'\nmemfs\nptfs\nlinfspd'
}

@test "cli: colours where a terminal is, and nowhere else" {
    on_terminal() { TERM=xterm bounded script -qec "$* $linfsp doctor" /dev/null </dev/null || true; }
    has "$(on_terminal)" $'\033[32mok'
    has_not "$(on_terminal NO_COLOR=1)" $'\033['
    has_not "$(on_terminal TERM=dumb)" $'\033['
    has_not "$("$linfsp" doctor || true)" $'\033['
}

@test "cli: JSON has null where nothing is known, and says its format" {
    container one busybox
    json '.format == 1' status
    json_in one '.format == 1 and .pid == null' status
    json_in one '.[0].init_pid | . == null or . > 0' silos
}

# The members that the manual names for a verb: words between underlines in its section of linfsp(1), or in its own page.
promised() { # VERB
    { sed -n "/^## linfsp $1 /,/^#/p" "$LINFSP_ROOT/man/linfsp.1.scd"; cat "$LINFSP_ROOT/man/linfsp-$1.1.scd" 2>/dev/null; } | grep -oE '_[a-z0-9_]+_' | sed 's/^_//; s/_$//' | sort -u
}

@test "cli: linfsp(1) names each member of what --json prints, which is its promise" {
    container one busybox
    share one z '\promised\share'
    bounded cat /unc/promised/share/nothing 2>/dev/null || true
    local verb words printed
    while read -r verb words; do
        # shellcheck disable=SC2086
        printed=$(bounded "$linfsp" $verb $words --json | jq -r '[if type == "array" then .[] else . end | keys[]] | unique[]')
        [ -n "$printed" ] || fail "linfsp $verb --json printed no member" || return
        equal "members of linfsp $verb --json that linfsp(1) does not name" "$(comm -23 <(sort <<<"$printed") <(promised "$verb") | tr '\n' ' ')" "" || return
    done <<-'VERBS'
	status
	silos
	volumes
	top -n 1 -s 0.1
	path /unc/promised/share
	policy test disk
	version
	doctor
	bench --seconds 0.05 /unc/promised/share
	VERBS
    bounded timeout 5 "$linfsp" events --json >"$BATS_TEST_TMPDIR/events" 3>&- &
    sleep 0.5
    container two busybox
    disk two z
    wait_until 5 grep -q mount "$BATS_TEST_TMPDIR/events"
    printed=$(jq -rs '[.[] | keys[]] | unique[]' "$BATS_TEST_TMPDIR/events")
    equal "members of linfsp events --json that linfsp(1) does not name" "$(comm -23 <(sort <<<"$printed") <(promised events))" ""
}

@test "cli: doctor finds a configuration that is named and not there" {
    refused /nope -- "$linfsp" doctor --config /nope
}

@test "cli: lines of the log have a time, and the container's name" {
    container one busybox
    disk one z
    has "$(grep event=mount "$LINFSP_STATE/linfspd.log")" "name=\"$(full_name one)\""
    grep -qE '^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z linfspd: ' "$LINFSP_STATE/linfspd.log" || fail "$(head -n 3 "$LINFSP_STATE/linfspd.log")"
    has "$("$linfsp" status)" "$LINFSP_STATE/linfspd.log"
}

@test "cli: status" {
    has "$("$linfsp" status)" 1.0.0 /unc
    json ".pid == $(service_pid) and .version == \"1.0.0\" and .volumes == 0" status
    container one busybox
    share one y '\memfs\share'
    disk one z
    json_in one '.version == "1.0.0" and .volumes == 2 and .shares == 1' status
    json '.volumes == 2 and .shares == 1' status
    json_in one '(.pid // 0) == 0' status
}

@test "cli: silos lists each container by id, engine, name, init pid and volumes" {
    container one busybox
    container two debian
    disk one z
    one=$(id_of one)
    json "map(select((.id | startswith(\"${one:0:12}\")) and .engine == \"docker\" and .init_pid == $(pid_of one) and .volumes == 1)) | length == 1" silos
    json "map(select(.init_pid == $(pid_of two) and .volumes == 0)) | length == 1" silos
    json 'map(.since) | all' silos
    list=$("$linfsp" silos)
    has "$list" "${one:0:12}" docker "$(pid_of one)"
    wait_until 3 has_in_silos linfsp-test-one
    remove_container two
    wait_until 3 json "map(select(.name == \"linfsp-test-two\")) | length == 0" silos
}

has_in_silos() {
    "$linfsp" silos --json | jq -e --arg name "$1" 'map(select(.name == $name)) | length == 1' >/dev/null
}

@test "cli: volumes lists silo, mount point, prefix, file system, server and where it is mounted" {
    container one busybox
    container two busybox
    disk one z
    share two y '\memfs\Share'
    json 'length == 2' volumes
    json "map(select(.mount_point == \"/mnt/z\" and .file_system_name == \"NTFS\" and (.prefix // \"\") == \"\"
        and .server_pid == $(pids_in one memfs))) | length == 1" volumes
    json 'map(select(.mount_point == "/mnt/y" and .prefix == "\\memfs\\Share" and .unc_path == "/unc/memfs/Share")) | length == 1' volumes
    list=$("$linfsp" volumes)
    has "$list" /mnt/z /mnt/y '\memfs\Share' NTFS
    start_memfs_here -F hosts -m X: -u '\host\share'
    wait_until 5 mounted_here /mnt/x
    json 'map(select(.silo == "host" and .mount_point == "/mnt/x")) | length == 1' volumes
}

@test "cli: in a container silos and volumes show its own only" {
    container one busybox
    container two busybox
    container none busybox
    disk one z
    share two y '\memfs\share'
    json_in one 'length == 1 and .[0].mount_point == "/mnt/z"' volumes
    json_in two 'length == 1 and .[0].prefix == "\\memfs\\share"' volumes
    json_in none 'length == 0' volumes
    one=$(id_of one)
    json_in one "length == 1 and (.[0].id | startswith(\"${one:0:12}\"))" silos
    has_not "$(inside one "$silo_bin/linfsp" silos; inside one "$silo_bin/linfsp" volumes)" "$(id_of two)" share
    pid=$(inside two pidof memfs)
    json_in two ".[0].server_pid == $pid" volumes
    json_in two '[.pid, .injections, .failures, .resident_bytes, .cpu_ns] == [null, null, null, null, null]' status # the host's
    json '.pid > 0 and .injections >= 3 and .failures == 0 and .resident_bytes > 0 and .cpu_ns > 0' status
}

@test "cli: path, both ways" {
    equal "path" "$("$linfsp" path '\\memfs\share\a\b')" /unc/memfs/share/a/b
    equal "path with one backslash" "$("$linfsp" path '\memfs\share')" /unc/memfs/share
    equal "path with slashes" "$("$linfsp" path '//memfs/share/a')" /unc/memfs/share/a
    equal "back" "$("$linfsp" path /unc/memfs/share/a/b)" '\\memfs\share\a\b'
    json '.path == "/unc/memfs/share/a"' path '\\memfs\share\a'
    container one busybox
    share one y '\memfs\share' # without any network volume there is no /unc
    equal "in a container" "$(inside one "$silo_bin/linfsp" path '\\memfs\share\a\b')" /unc/memfs/share/a/b
    for bad in 'memfs' '\\memfs' '\\memfs\..\a' /etc/passwd; do
        refused "$bad" -- "$linfsp" path "$bad" || return
    done
}

@test "cli: umount, share, unshare and trace take a path that leads through links" {
    container one busybox
    # shellcheck disable=SC2016
    script_in one 'mkdir -p /tmp/real/m; ln -s real /tmp/link; ln -s real/m /tmp/direct'
    for path in /tmp/link/m /tmp/direct; do
        start_memfs one -i -m /tmp/real/m
        wait_mounted one /tmp/real/m
        inside one "$silo_bin/linfsp" share "$path" '\by\link'
        inside one "$silo_bin/linfsp" unshare "$path"
        has_not "$(inside one timeout -s INT 1 "$silo_bin/linfsp" trace "$path" 2>&1)" "is no volume"
        inside one "$silo_bin/linfsp" umount "$path"
        wait_unmounted one /tmp/real/m
    done
    refused "is no volume here" -- docker exec "$(full_name one)" "$silo_bin/linfsp" umount /tmp/link/m
}

@test "cli: umount says what there is not" {
    refused /mnt/q -- "$linfsp" umount /mnt/q
    for words in 'umount /mnt/q' 'share /mnt/q //a/b' 'unshare /mnt/q' 'trace /mnt/q' 'bench /mnt/q'; do
        # shellcheck disable=SC2086
        equal "how often linfsp $words names it" "$("$linfsp" $words 2>&1 | grep -o /mnt/q | wc -l)" 1 || return
    done
    refused '\no\such' -- "$linfsp" umount '\no\such'
    container one busybox
    container two busybox
    share one y '\memfs\share'
    refused '\memfs\share' -- docker exec "$(full_name two)" "$silo_bin/linfsp" umount '\memfs\share'
    refused /mnt/y -- docker exec "$(full_name two)" "$silo_bin/linfsp" umount /mnt/y
    refused '' -- docker exec -u 1000 "$(full_name one)" "$silo_bin/linfsp" umount /mnt/y
    mounted one /mnt/y
}

@test "cli: bench measures a volume, alone and against another directory, and leaves nothing behind" {
    BOUND=120 # what each operation prepares takes as long as it takes
    container one busybox
    disk one z
    json_in one 'length == 14 and all(.error or (.per_second > 0 and .p50_us <= .p99_us)) and
        any(.operation == "create" and .per_second > 0)' bench --seconds 0.01 /mnt/z
    json_in one 'all(.error or .against.error or .ratio > 0) and any(.ratio > 0)' bench --seconds 0.01 --threads 2 --against /tmp /mnt/z
    list=$(inside one sh -c "$silo_bin/linfsp bench --seconds 0.15 /mnt/z 2>/tmp/progress")
    has "$list" OPERATION mkdir read-4k-direct
    has "$(inside one cat /tmp/progress)" '14 operations' ': 6 s, and up to a minute' ' of 14: '
    equal "what is left" "$(inside one ls /mnt/z /tmp | grep -c bench)" 0
    refused /nowhere -- "$linfsp" bench /nowhere
    refused 'which mount point' -- "$linfsp" bench
    refused '--threads' -- "$linfsp" bench --threads 0 /tmp
}

@test "cli: doctor tells of kernel, features and engines; each finding says what it costs and how to mend it" {
    status=0
    output=$(bounded "$linfsp" doctor) || status=$?
    [ "$status" -le 1 ] || fail "doctor failed: $status" "$output"
    has "$output" "$(uname -r)" /dev/fuse
    json 'type == "object" or type == "array"' doctor || [ "$status" = 1 ]
    bounded setpriv --reuid 1000 --regid 1000 --clear-groups "$linfsp" doctor --json >"$BATS_TEST_TMPDIR/user" || true
    jq -e 'any(.area == "engines") and all(.status != "problem" or .area != "engines")' "$BATS_TEST_TMPDIR/user" ||
        fail "an ordinary user's engine is called broken" "$(cat "$BATS_TEST_TMPDIR/user")"
    bounded "$linfsp" doctor --json | jq -e '[.. | objects | select(has("status") and .status != "ok")] | all((.cost // "") != "" and (.mend // "") != "")'
}

@test "cli: doctor and the log say so when the service runs without its catcher" {
    has_not "$(bounded "$linfsp" doctor || true)" "without linfspd-catcher"
    ends() { grep -c "linfspd-catcher has ended" "$LINFSP_STATE/linfspd.log" || true; }
    before=$(ends)
    more_ends() { [ "$(ends)" -gt "$before" ]; }
    kill_all_catchers
    wait_until 5 more_ends
    has "$(bounded "$linfsp" doctor || true)" "the service runs without linfspd-catcher" "linfsp restart"
    service_kill
    service_start
    has_not "$(bounded "$linfsp" doctor || true)" "without linfspd-catcher"
}

@test "cli: start when it runs says so; stop, stop again, start, status" {
    "$linfsp" start
    equal "the same service" "$("$linfsp" status --json | jq .pid)" "$(service_pid)"
    service_stop
    refused "linfsp start" -- "$linfsp" status
    has "$("$linfsp" stop 2>&1 || true)" "not running"
    [ ! -e /var/log/linfspd.log ] || mv /var/log/linfspd.log "$BATS_TEST_TMPDIR/log"
    truncate --size 2M /var/log/linfspd.log
    # shellcheck disable=SC2086
    BOUND=15 bounded "$linfsp" start -- ${LINFSP_TEST_SERVICE_OPTIONS:-} 3>&-
    equal "a log that had become large" "$(stat -c %s /var/log/linfspd.log.1)" 2097152
    has "$(cat /var/log/linfspd.log)" serving
    rm /var/log/linfspd.log.1
    [ ! -e "$BATS_TEST_TMPDIR/log" ] || mv "$BATS_TEST_TMPDIR/log" /var/log/linfspd.log
    json '.pid > 0' status
    container one busybox
    disk one z
    "$linfsp" status --json | jq .pid >"$LINFSP_STATE/linfspd.pid"
    service_stop
    nothing_left
    service_start
}

@test "cli: start, when a service hangs, says soon how it is ended; that helps, and volumes go on" {
    local pid
    container hung busybox
    disk hung z
    pid=$(service_pid)
    kill -STOP "$pid"
    BOUND=12 refused "does not answer: kill -KILL" "volumes go on" -- "$linfsp" start
    kill -KILL "$pid"
    wait_until 5 not kill -0 "$pid"
    service_start
    inside hung sh -c 'echo on >/mnt/z/on && cat /mnt/z/on'
}

@test "cli: run: a container without an engine, where memfs works" {
    command -v bwrap >/dev/null || missing bubblewrap
    equal "hello" "$(bounded "$linfsp" run -- echo hello)" hello
    status=0
    bounded "$linfsp" run sh -c 'exit 7' || status=$?
    equal "exit status" "$status" 7
    has "$(bounded "$linfsp" run --name builder -- sh -ec '
        /dev/linfsp/bin/memfs -i -F NTFS -m Z: &
        for i in $(seq 100); do grep -q " /mnt/z fuse.NTFS " /proc/mounts && break; sleep 0.02; done
        echo works >/mnt/z/file
        cat /mnt/z/FILE
        /dev/linfsp/bin/linfsp silos
        kill $!; wait')" works bubblewrap builder
    not mounted_here /mnt/z
    wait_until 3 json 'map(select(.engine == "bubblewrap")) | length == 0' silos
}

@test "cli: run: FUSE programs work in it, and the host's umount" {
    command -v bwrap >/dev/null && command -v bindfs >/dev/null || missing bubblewrap and bindfs || return
    equal "bindfs" "$(bounded "$linfsp" run sh -ec '
        mkdir /tmp/from /tmp/to
        echo works >/tmp/from/file
        bindfs /tmp/from /tmp/to
        cat /tmp/to/file
        umount /tmp/to
        ls /tmp/to')" works
    has "$(bounded "$linfsp" run sh -ec 'mkdir /tmp/to; bindfs /usr /tmp/to; linfsp volumes')" /tmp/to
    equal "umount" "$(bounded "$linfsp" run sh -ec 'memfs -b -m Z: >/dev/null; umount /mnt/z; linfsp volumes' 2>&1)" "linfsp volumes: there is no volume"
}

@test "cli: run: network volumes reach it, and leave it" {
    command -v bwrap >/dev/null || missing bubblewrap
    start_memfs_here -F NTFS -u '\host\share'
    wait_until 5 mounted_here /unc/host/share
    bounded sh -c 'echo hello >/unc/host/share/file'
    equal "the host's share in it" "$(bounded "$linfsp" run -- cat /unc/host/share/file)" hello
    "$linfsp" run -- /dev/linfsp/bin/memfs -F NTFS -u '\run\share' >"$BATS_TEST_TMPDIR/run" 2>&1 3>&- &
    run_pid=$!
    wait_until 5 mounted_here /unc/run/share || fail "$(cat "$BATS_TEST_TMPDIR/run")"
    bounded sh -c 'echo x >/unc/run/share/file'
    kill -TERM "$run_pid"
    wait_until 5 gone "$run_pid"
    wait_until 5 not mounted_here /unc/run/share
}

# What bash would put on the line behind `linfsp VERB WORD`, an entry a line: `completed VERB WORD`
completed() {
    PATH=$LINFSP_STAGE/bin:$PATH bash -c '
        source "$1"
        COMP_WORDS=(linfsp "$2" "$3") COMP_CWORD=2
        _linfsp
        printf "%s\n" "${COMPREPLY[@]}"' bash "$LINFSP_ROOT/packaging/completion/linfsp" "$1" "$2"
}

completed_by_fish() { # VERB
    PATH=$LINFSP_STAGE/bin:$PATH fish --no-config -c "source $LINFSP_ROOT/packaging/completion/linfsp.fish; complete -C 'linfsp $1 '" | cut -f 1
}

completed_by_zsh() { # VERB
    PATH=$LINFSP_STAGE/bin:$PATH zsh -fc "compadd() { print -l \${(P)2}; }; verb=$1
        $(sed -n '/^_linfsp_targets() {/,/^}/p' "$LINFSP_ROOT/packaging/completion/_linfsp")
        _linfsp_targets"
}

@test "cli: completion offers what volumes are called, and runs nothing of it" {
    canary=$BATS_TEST_TMPDIR/canary
    # shellcheck disable=SC2016
    for path in '$(touch${IFS}'"$canary"')' '`touch${IFS}'"$canary"'`' 'a b'; do
        mkdir -p "$BATS_TEST_TMPDIR/here/$path" || return
        start_memfs_here -m "$BATS_TEST_TMPDIR/here/$path" || return
        wait_until 5 json "any(.mount_point == $(jq -n --arg path "$BATS_TEST_TMPDIR/here/$path" '$path'))" volumes || return
    done
    offered=$(completed umount '')
    [ ! -e "$canary" ] || fail "completion ran a name as a command"
    # shellcheck disable=SC2016
    has "$offered" '\$\(touch\$' '\`touch\$' '/a\ b'
    equal "what begins so" "$(completed umount "$BATS_TEST_TMPDIR/here/a")" "$BATS_TEST_TMPDIR/here/a\\ b"
    for shell in fish zsh; do
        command -v "$shell" >/dev/null || missing "$shell" || return
        # shellcheck disable=SC2016
        has "$("completed_by_$shell" umount)" '$(touch' '`touch' '/a b' || return
        [ ! -e "$canary" ] || fail "completion for $shell ran a name as a command" || return
    done
}

@test "cli: completion on the host offers the number of what a container has at a mount point" {
    container one busybox
    share one y '\memfs\share'
    start_memfs_here -m Z:
    wait_until 5 mounted_here /mnt/z
    inner=$("$linfsp" volumes --json | jq '.[] | select(.container) | .id')
    for how in 'completed umount ""' 'completed_by_fish umount' 'completed_by_zsh umount'; do
        equal "$how" "$(eval "$how" | grep -v ^- | sort | tr '\n' ' ')" "/mnt/z /unc/memfs/share $inner " || return
        equal "${how/umount/unshare}" "$(eval "${how/umount/unshare}" | sort | tr '\n' ' ')" "/mnt/z /unc/memfs/share " || return
        equal "${how/umount/share}" "$(eval "${how/umount/share}" | tr '\n' ' ')" "/mnt/z " || return
    done
}

@test "cli: completion knows every verb: bash, zsh and fish" {
    verbs=$("$linfsp" help | sed -n 's/^  \([a-z-]\{1,\}\)  *[a-z].*/\1/p;/^On the host/q' | sort)
    offered=$(bash -c 'source "$1"; COMP_WORDS=(linfsp "") COMP_CWORD=1; _linfsp; printf "%s\n" "${COMPREPLY[@]}"' bash \
        "$LINFSP_ROOT/packaging/completion/linfsp" | grep -vxE -- '--.*|await' | sort)
    equal "bash" "$offered" "$verbs"
    command -v fish >/dev/null || missing fish || return
    equal "fish" "$(completed_by_fish '' | sort)" "$verbs"
    has "$(fish --no-config -c "source $LINFSP_ROOT/packaging/completion/memfs.fish; complete -C 'memfs --'")" --file-size --background
    command -v zsh >/dev/null || missing zsh || return
    zsh -n "$LINFSP_ROOT/packaging/completion/_linfsp"
    zsh -n "$LINFSP_ROOT/packaging/completion/_memfs"
    offered=$(PATH=$LINFSP_STAGE/bin:$PATH zsh -fc "_describe() { print -l \${verbs%%:*}; }; _linfsp_verbs() { $(sed -n '/^_linfsp_verbs() {/,/^}/{//d;p}' "$LINFSP_ROOT/packaging/completion/_linfsp") }; _linfsp_verbs" | sort)
    equal "zsh" "$offered" "$verbs"
}

# The options that a verb offers in a shell, sorted, without --help.
options_in() { # SHELL VERB
    case $1 in
        bash) bash -c 'source "$1"; COMP_WORDS=(linfsp "$2" --) COMP_CWORD=2; _linfsp; printf "%s\n" "${COMPREPLY[@]}"' bash "$LINFSP_ROOT/packaging/completion/linfsp" "$2" ;;
        fish) PATH=$LINFSP_STAGE/bin:$PATH fish --no-config -c "source $LINFSP_ROOT/packaging/completion/linfsp.fish; complete -C 'linfsp $2 --'" | cut -f 1 ;;
        zsh) zsh -fc '_arguments() { print -l -- "$@"; }; words=(linfsp $1 "") CURRENT=3; source $2' zsh "$2" "$LINFSP_ROOT/packaging/completion/_linfsp" ;;
    esac | grep -oE -- '--[a-z-]+' | grep -vx -- --help | sort -u
}

@test "cli: completion knows every option of every verb: bash, zsh and fish" {
    local verb shell options
    for verb in $("$linfsp" help | sed -n 's/^  \([a-z-]\{1,\}\)  *[a-z].*/\1/p;/^On the host/q') await; do
        options=$("$linfsp" "$verb" --help | sed '/^examples:/,$d' | grep -oE '(^|[[ ,])--[a-z-]+' | grep -oE -- '--[a-z-]+' | grep -vx -- --help | sort -u)
        for shell in bash fish zsh; do
            command -v "$shell" >/dev/null || missing "$shell" || return
            equal "options of linfsp $verb in $shell" "$(options_in "$shell" "$verb" | xargs)" "$(xargs <<<"$options")" || return
        done
    done
}

@test "linfsp fsptool: lists as WinFsp's does, and converts ids and permissions" {
    container one busybox
    share one y '\memfs\tool'
    local tool=(inside one /dev/linfsp/bin/linfsp fsptool)
    [[ $("${tool[@]}" lsvol) =~ ^Y:\ \ \\Device\\Volume\{[0-9a-f-]{36}\}\\memfs\\tool$ ]]
    equal "devices" "$("${tool[@]}" lsdrv | tr '\n' ' ')" "WinFsp.Disk WinFsp.Net "
    [[ $("${tool[@]}" ver) =~ ^[0-9]+\.[0-9]+\.[0-9]+ ]]
    has "$("${tool[@]}" id 1000)" "(uid=1000)" S-1-5-1000
    has "$("${tool[@]}" id S-1-5-1000)" "(uid=1000)"
    has "$("${tool[@]}" perm 1000:1000:0750)" "O:S-1-5-1000G:S-1-" "D:P(A;;" "(perm=1000:1000:0750)"
    has "$("${tool[@]}" perm /bin)" "(perm=0:0:0755)"
    refused "neither a SID nor a number nor a user" -- docker exec "$(full_name one)" /dev/linfsp/bin/linfsp fsptool id nobody-at-all
    refused "it takes lsvol" -- docker exec "$(full_name one)" /dev/linfsp/bin/linfsp fsptool load
}

@test "cli: umount names who keeps a volume busy; a mount point that is mounted already is called so" {
    local user
    container one busybox
    disk one z
    docker exec -d "$(full_name one)" sh -c 'cd /mnt/z && exec sleep 1000'
    wait_until 5 run_in_number 1 one sleep
    user=$(inside one pidof sleep)
    refused "Z: cannot unmount: Device or resource busy: pid $user (sleep) works in it; end" -- docker exec -w /mnt/z "$(full_name one)" "$silo_bin/linfsp" umount Z:
    refused "pid $(pids_in one sleep) (sleep) works in it" -- "$linfsp" umount "$("$linfsp" volumes --json | jq '.[0].id')"
    inside one kill "$user"
    docker exec -d "$(full_name one)" sh -c 'exec sleep 1000 >/mnt/z/open'
    wait_until 5 inside one test -e /mnt/z/open
    refused "(sleep) has a file open" -- docker exec "$(full_name one)" "$silo_bin/linfsp" umount /mnt/z
    memfs_refused one "/mnt/z is a mount point already" -- -m /mnt/z
    inside one "$silo_bin/linfsp" umount --force Z:
    wait_unmounted one /mnt/z
    # the command itself is in nobody's way
    disk one y
    bounded docker exec -w /mnt/y "$(full_name one)" "$silo_bin/linfsp" umount Y:
    wait_unmounted one /mnt/y
}
