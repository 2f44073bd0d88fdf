# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# For ./check: the tests of test/e2e, shared out among lanes, and what is done when one fails or says nothing.

check_e2e() {
    local files=() packages file
    heading "end-to-end tests"
    one "build" build build || return
    for file; do
        file=test/e2e/$(basename "$file" .bats).bats
        [ -f "$file" ] || { echo "check: there is no $file" >&2 && exit 2; }
        files+=("$file")
    done
    [ "${#files[@]}" -gt 0 ] || files=(test/e2e/*.bats)
    if [ "$(id -u)" != 0 ]; then
        skip "end-to-end tests" "they need root"
        return
    fi
    if [ ! -c /dev/fuse ] && ! modprobe fuse 2>/dev/null; then
        skip "end-to-end tests" "this machine has no /dev/fuse"
        return
    fi
    has_tested=true
    "$root/test/helpers/clean-up"
    if [ $# -eq 0 ]; then # once, on this machine: a world forgets what was installed in it
        mapfile -t packages < <(test/helpers/fuse-image --packages | tr ' ' '\n')
        one "packages of single tests" install_packages "${e2e_packages[@]}" "${packages[@]}" || return
    fi
    if [ "${#files[@]}" -eq 1 ] || ! test/reliability/world true; then
        run_bats "$temporary/tap" "${files[@]}"
    else
        run_lanes "$temporary/tap" "${files[@]}"
        [ -z "${SECONDS_TO:-}" ] || seconds_of "$temporary/tap" "${files[@]}" >"$SECONDS_TO"
    fi
    again
    count_tap "$temporary/tap"
}

# The files are shared out among LANES runs, each in a world and with a service of its own, at the same time: a test mostly waits. Then
# come those whose tags say that they need the machine itself, its disk for instance: a world is in memory.
run_lanes() { # OUTPUT FILE...
    local output=$1 lane files machine others lanes=()
    shift
    mapfile -t machine < <(grep -l '^# bats file_tags=machine' "$@")
    mapfile -t others < <(grep -L '^# bats file_tags=machine' "$@")
    for ((lane = 1; lane <= ${LANES:-2}; lane++)); do
        mapfile -t files < <(lane_of "$lane" "${LANES:-2}" "${others[@]}")
        LINFSP_TEST_SERVICE_OPTIONS=--only-descendants run_bats "$output.$lane" "${files[@]}" | sed -u "s/^/$lane: /" &
        lanes+=("$!")
    done
    wait "${lanes[@]}"
    [ "${#machine[@]}" -eq 0 ] || run_bats "$output.machine" "${machine[@]}"
    cat "$output".* >"$output"
}

# Which of the files a lane gets: each file, those that take longest first, goes to the lane that has least to do. How long a file takes
# stands in test/e2e/seconds; one that is not there counts two seconds for each test.
lane_of() { # LANE LANES FILE...
    grep -c '^@test' "${@:3}" | awk -F'[: ]' 'NR == FNR { seconds[$1] = $2; next } { print $1 ":" ($1 in seconds ? seconds[$1] : 2 * $2) }' \
        test/e2e/seconds - | sort -t: -k2,2nr -k1,1 | awk -F: -v lane="$1" -v lanes="$2" '
        { for (least = i = 1; i <= lanes; i++) if (load[i] < load[least]) least = i; load[least] += $2; if (least == lane) print $1 }'
}

# What test/e2e/seconds should be, from the tests' own times: `SECONDS_TO=test/e2e/seconds ./check e2e`.
seconds_of() { # TAP FILE...
    awk 'FNR == 1 { input++ }
        input < files && match($0, /^@test "[^"]*"/) { file[substr($0, 8, RLENGTH - 8)] = FILENAME; next }
        /^(not )?ok / && match($0, / in [0-9]+ms/) {
            time = substr($0, RSTART + 4, RLENGTH - 6); name = substr($0, 1, RSTART - 1); sub(/^(not )?ok [0-9]+ /, "", name)
            if (name in file) seconds[file[name]] += time / 1000
        }
        END { for (name in seconds) printf "%s %.0f\n", name, seconds[name] }' files=$# "${@:2}" "$1" | sort
}

run_bats() { # OUTPUT FILE...
    local guard world=()
    [ -z "${LINFSP_TEST_SERVICE_OPTIONS:-}" ] || world=(test/reliability/world)
    : >"$1"
    guard_against_silence "$1" "$BASHPID" &
    guard=$!
    "${world[@]}" bats --timing --tap "${@:2}" 2>&1 </dev/null | tee "$1"
    kill "$guard" 2>/dev/null
    wait "$guard" 2>/dev/null
}

# A test that waits for good must not take all others with it: after SILENCE seconds without a word whatever it waits for is ended, so
# that it fails and is torn down.
guard_against_silence() { # OUTPUT PID
    local test pid now
    while sleep 10; do
        printf -v now '%(%s)T' -1
        [ $((now - $(stat -c %Y "$1"))) -gt "${SILENCE:-400}" ] || continue
        for test in $(descendants "$2" | awk '/bats-exec-test / {print $1}'); do
            descendants "$test" | grep -vE '^[0-9]+ [^ ]*(linfspd|dockerd|containerd)' | while read -r pid command; do
                echo "# nothing was said for ${SILENCE:-400} s: ended: $command"
                kill -KILL "$pid"
            done
        done
        touch "$1"
    done 2>/dev/null
}

# The processes below a process, each with its command line, the deepest first.
descendants() { # PID
    ps -e -o pid=,ppid=,args= | awk -v root="$1" '
        { pid = $1; parent[pid] = $2; $1 = $2 = ""; command[pid] = substr($0, 3) }
        function depth(pid, n) {
            for (n = 0; pid in parent && pid != root; n++)
                pid = parent[pid]
            return pid == root ? n : 0
        }
        END { for (pid in command) if (depth(pid) > 0) print depth(pid), pid, command[pid] }' | sort -rn | cut -d' ' -f2-
}

# What failed may have failed of a busy machine. The files of up to three such tests are run once more: a test that passes there
# counts as passed, and is named at the end as unsteady, since that is a defect too (of the test or of the product).
again() {
    local name names files
    mapfile -t names < <(failed_in "$temporary/tap")
    [ "${#names[@]}" -eq 0 ] || cp "$temporary/tap" "$temporary/tap-first"
    [ "${#names[@]}" -gt 0 ] && [ "${#names[@]}" -le 5 ] || return 0
    mapfile -t files < <(sed -n 's/^#.*\<in test file \(test\/e2e\/[a-z-]*\.bats\),.*/\1/p' "$temporary/tap" | sort -u)
    [ "${#files[@]}" -gt 0 ] || return 0
    heading "once more: ${files[*]}"
    run_bats "$temporary/tap-again" "${files[@]}"
    for name in "${names[@]}"; do
        passed_again "$name" || continue
        unsteady+=("$name")
        awk -v name="$name" '/^not ok / { line = $0; sub(/^not ok [0-9]* /, "", line); sub(/ in [0-9]*ms$/, "", line)
            if (line == name && name ~ /_file failed$/) next
            if (line == name) sub(/^not /, "") } { print }' \
            "$temporary/tap" >"$temporary/tap-mended" && mv "$temporary/tap-mended" "$temporary/tap"
    done
}

# What a file does before and after its tests has no line where it succeeds.
passed_again() { # NAME
    if [[ $1 = setup_file\ failed || $1 = teardown_file\ failed ]]; then
        ! failed_in "$temporary/tap-again" | grep -qxF "$1"
    else
        sed -nE 's/^ok [0-9]+ (.*) in [0-9]+ms$/\1/p' "$temporary/tap-again" | grep -qxF "$1"
    fi
}

# What the tests that failed said, once more at the end, where it is found.
say_again() { # TAP
    [ ! -s "$1" ] || awk 'function leave() {
            from = lines > 32 ? lines - 24 : 9
            if (from > 9) print "# […]"
            for (i = from; i <= lines; i++) print line[i]
            lines = 0
        }
        /^(not )?ok |^1\.\./ { leave(); shown = /^not ok / }
        shown { line[++lines] = $0; if (lines <= 8) print }
        END { leave() }' "$1"
}

failed_in() { # TAP
    sed -nE 's/^not ok [0-9]+ //; T; s/ in [0-9]+ms$//; p' "$1"
}

count_tap() {
    local planned seen
    planned=$(awk -F. '/^1\.\.[0-9]+$/ { sum += $3 } END { print sum + 0 }' "$1")
    seen=$(grep -cE '^(not )?ok ' "$1")
    count passed "$(grep -E '^ok ' "$1" | grep -vc ' # skip')"
    count skipped "$(grep -cE '^ok .* # skip' "$1")"
    count failed "$(grep -cE '^not ok ' "$1")"
    while read -r name; do
        failures+=("$name")
    done < <(failed_in "$1")
    if [ "$planned" -eq 0 ] || [ "$seen" -lt "$planned" ]; then
        count failed 1
        failures+=("end-to-end tests: $seen of $planned ran")
    fi
}
