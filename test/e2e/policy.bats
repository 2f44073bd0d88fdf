#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Rules in the configuration: who may have and do what, each refusal with its rule, and all of it changed without ending anything.
load ../helpers/common

setup_file() {
    export CONFIG=$LINFSP_STATE/policy.conf
    : >"$CONFIG"
    wait_until "${LINFSP_TEST_WAIT:-2}" not service_answers || fail "another LinFsp service runs" || return
    : >"$LINFSP_STATE/linfspd.log"
    service_start "--config=$CONFIG"
}
teardown_file() { file_teardown; }
setup() {
    our_service_answers || { service_stop; service_start "--config=$CONFIG"; }
}
teardown() {
    remove_containers
    rm -rf "$CONFIG.d"
    configured </dev/null
}

# What the service goes by from now on: standard input.
configured() {
    cat >"$CONFIG"
    bounded "$linfsp" reload
}

labelled() { # NAME LABEL...
    local name=$1 options=()
    shift
    for label; do
        options+=(--label "$label")
    done
    container "$name" busybox "${options[@]}"
}

policy_says() { # ANSWER ARGUMENT...
    local output
    output=$(bounded "$linfsp" policy test "${@:2}" 2>&1) || true
    has "$output" "$1"
}

@test "policy: the first rule that matches decides, and a refusal names it" {
    configured <<'END'
[rule builders]
name = *-build-*
disks = no
network_volumes = no

[rule rest]
claim = \ok\*
END
    container build-1 busybox
    container other busybox
    memfs_refused build-1 'rule "builders"' "it allows no disks" -- -F NTFS -m Z:
    memfs_refused build-1 'rule "builders"' "it allows no network volumes" -- -F NTFS -u '\ok\a'
    disk other z
    memfs_refused other 'rule "rest"' '"claim" has no pattern' -- -F NTFS -u '\no\a'
    share other y '\ok\a'
}

@test "policy: labels and images of Docker's containers" {
    configured <<'END'
[rule shop]
label = com.docker.compose.project=shop
claim = \shop\*

[rule image]
image = linfsp-test/debian*
claim = \debian\*

[rule nobody]
network_volumes = no
END
    labelled web com.docker.compose.project=shop
    labelled stranger com.docker.compose.project=shopping
    container debian debian
    share web y '\shop\a'
    memfs_refused stranger 'rule "nobody"' -- -F NTFS -u '\shop\b'
    share debian y '\debian\a'
    memfs_refused debian 'rule "image"' -- -F NTFS -u '\shop\c'
}

@test "policy: linfsp = off means not one file, link or mount" {
    configured <<'END'
[rule off]
label = linfsp=off
linfsp = off
END
    labelled plain linfsp=off
    labelled served linfsp=on
    disk served z
    inside served /probe stat /dev/linfsp
    sleep 0.5
    local pid
    pid=$(pid_of plain)
    equal "mounts of ours" "$(our_mounts "$pid")" ""
    [ ! -e "/proc/$pid/root/dev/linfsp" ] || fail "/dev/linfsp is there"
    [ ! -e "/proc/$pid/root/dev/fuse" ] || fail "/dev/fuse is there"
    [ ! -e "/proc/$pid/root/unc" ] && [ ! -L "/proc/$pid/root/unc" ] || fail "/unc is there"
    has "$(bounded "$linfsp" silos)" 'off: rule "off"'
    has "$(docker diff "$(full_name plain)")" "" && has_not "$(docker diff "$(full_name plain)")" linfsp unc fusermount
}

@test "policy: reloading ends nothing, and counts from then on" {
    container one busybox
    disk one z
    inside one /probe write /mnt/z/file kept
    configured <<'END'
[rule none]
disks = no
host = no
END
    equal "the file" "$(inside one /probe read /mnt/z/file)" kept
    memfs_refused one 'rule "none"' -- -F NTFS -m X:
    configured </dev/null
    disk one x
    kill -HUP "$(service_pid)"
    our_service_answers
    equal "the file" "$(inside one /probe read /mnt/z/file)" kept
}

@test "policy: a configuration that is wrong is told, and changes nothing" {
    configured <<'END'
[rule none]
disks = no
host = no
END
    printf '[rule none]\ndisks = perhaps\n' >"$CONFIG"
    refused "stays as it was" "policy.conf:2" "disks takes yes or no" -- "$linfsp" reload
    container one busybox
    memfs_refused one 'rule "none"' -- -F NTFS -m Z:
    refused "policy.conf:2" -- "$linfsp" doctor --config "$CONFIG"
    kill -HUP "$(service_pid)"
    wait_until 3 grep -q "stays as it was" "$LINFSP_STATE/linfspd.log"
    our_service_answers
}

@test "policy: files of the folder override" {
    mkdir "$CONFIG.d"
    printf '[rule theirs]\nname = *\nclaim = \\a\\*\n' >"$CONFIG.d/50-site.conf"
    configured <<'END'
[rule ours]
network_volumes = no
END
    container one busybox
    share one y '\a\b'
    memfs_refused one 'rule "theirs"' -- -F NTFS -u '\c\d'
}

@test "policy: a rule's limits are its containers' own" {
    configured <<'END'
[rule few]
name = *-few
max_volumes = 1
END
    container few busybox
    container many busybox
    disk few z
    memfs_refused few "1 volume, and may have no more" 'max_volumes of rule "few"' -- -F NTFS -m X:
    disk many z
    disk many x
}

@test "policy: linfsp policy test tells what would be decided, and why" {
    configured <<'END'
[rule shop]
label = com.docker.compose.project=shop
claim = \shop\*
open_by = same-silo-group, host

[rule narrow]
name = *-narrow
open = \shop\pub*:ro, !\shop\*
END
    labelled web com.docker.compose.project=shop
    labelled store com.docker.compose.project=shop
    container stranger busybox
    container narrow busybox
    share web y '\shop\a'
    policy_says 'allowed: rule "shop"' --silo "$(full_name web)" claim '\shop\b'
    policy_says 'refused: rule "shop"' --silo "$(full_name web)" claim '//other/b'
    policy_says 'allowed: no rule' --silo "$(full_name stranger)" disk
    policy_says 'allowed: no rule: a container may open its own' --silo "$(full_name web)" open '\shop\a'
    policy_says 'allowed: rule "shop"' --silo "$(full_name store)" open '\shop\a'
    policy_says 'refused: rule "shop"' --silo "$(full_name stranger)" open '\shop\a'
    policy_says 'refused: rule "shop"' --silo "$(full_name narrow)" open '\shop\a'
    policy_says 'allowed: rule "shop"' --user 1000 open '\shop\a'
    policy_says 'root of the host may open all' open '\shop\a'
    policy_says 'no volume has this prefix' open '\shop\nothing'
    policy_says 'there is no container nobody' --silo nobody disk
    equal "as JSON" "$(bounded "$linfsp" policy test --json --silo "$(full_name web)" claim '\x\y' | jq -c '[.allowed, .rule]')" '[false,"shop"]'
}

@test "policy: it is for root of the host alone" {
    container one busybox
    refused "only root of the host" -- docker exec "$(full_name one)" "$silo_bin/linfsp" reload
    refused "only root of the host" -- docker exec "$(full_name one)" "$silo_bin/linfsp" policy test disk
    refused "only root of the host" -- setpriv --reuid 65534 --regid 65534 --clear-groups "$linfsp" reload
}

@test "policy: what an ordinary user's container calls itself counts for nothing" {
    configured <<'END'
[rule trusted]
engine = bubblewrap
name = trusted
claim = \trusted\*

[rule nobody]
host = no
network_volumes = no
END
    command -v bwrap >/dev/null || missing bubblewrap
    local by_user
    by_user=$(bounded setpriv --reuid 65534 --regid 65534 --clear-groups bwrap --unshare-all --hostname trusted --ro-bind /usr /usr --symlink usr/bin /bin \
        --symlink usr/lib /lib --symlink usr/lib64 /lib64 --dev /dev --proc /proc --tmpfs /tmp -- /bin/sh -c '
            until [ -S /dev/linfsp/net ]; do sleep 0.05; done
            /dev/linfsp/bin/memfs -b -F NTFS -u "\\trusted\\user"' 2>&1) && fail "an ordinary user's box was taken for root's" "$by_user"
    has "$by_user" 'rule "nobody"'
}

@test "policy: a range of users is those who own the containers on the host" {
    command -v bwrap >/dev/null || missing bubblewrap
    configured <<'END'
[rule users]
user = 60000-65535
claim = \users\*
max_volumes = 1

[rule nobody]
host = no
network_volumes = no
END
    local said uid
    for uid in 65534 59999; do
        said=$(bounded setpriv --reuid $uid --regid $uid --clear-groups bwrap --unshare-all --die-with-parent --ro-bind /usr /usr \
            --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 --dev /dev --proc /proc --tmpfs /tmp -- /bin/sh -c '
                until [ -S /dev/linfsp/net ]; do sleep 0.05; done
                /dev/linfsp/bin/memfs -b -F NTFS -u "\\users\\a" && echo claimed
                /dev/linfsp/bin/memfs -b -F NTFS -u "\\users\\b"
                kill -KILL -1' 2>&1) || true
        case $uid in
        65534) has "$said" claimed "1 volume, and may have no more" || return ;;
        *) has "$said" 'rule "nobody"' && has_not "$said" claimed || return ;;
        esac
    done
}

@test "policy: who may open what, and how, is decided at the first access" {
    configured <<'END'
[rule store]
name = *-store
open_by = same-silo-group, host

[rule reader]
name = *-reader
open = \all\*:ro
END
    container store debian --label com.docker.compose.project=p
    container friend debian --label com.docker.compose.project=p
    container stranger debian
    container server debian
    container reader debian
    share store y '\own\s'
    share server y '\all\s'
    inside store /bin/sh -c 'echo own >/mnt/y/f'
    inside server /bin/sh -c 'echo all >/mnt/y/f'
    equal "in its group" "$(inside friend cat /unc/own/s/f)" own
    equal "on the host" "$(bounded cat /unc/own/s/f)" own
    refused "ermission denied" -- docker exec "$(full_name stranger)" cat /unc/own/s/f
    equal "everybody's" "$(inside stranger cat /unc/all/s/f)" all
    equal "to read" "$(inside reader cat /unc/all/s/f)" all
    refused "Read-only" -- docker exec "$(full_name reader)" /bin/sh -c 'echo x >/unc/all/s/g'
    refused "ermission denied" -- docker exec "$(full_name reader)" ls /unc/own/s
    grep -q 'event=open result=refused.*open_by' "$LINFSP_STATE/linfspd.log"
}

@test "policy: a container that was given a folder of the host's opens for itself there, and for nobody else" {
    configured <<'END'
[rule reader]
name = *-reader
open = \nas\*:ro

[rule refused]
name = *-refused
open = none
END
    container server debian
    for name in reader refused consumer; do
        container "$name" debian -v /unc/nas:/media:rslave
    done
    share server y '\nas\photos'
    inside server /bin/sh -c 'echo hello >/mnt/y/f; chmod 666 /mnt/y/f'
    openers() { bounded "$linfsp" volumes --json | jq -r '.[].opened_by[].container'; }
    docker exec -d "$(full_name reader)" sh -c 'cd /media/photos && exec sleep 100' # before all others
    wait_until 5 grep -q ' /media/photos ' "/proc/$(pid_of reader)/mountinfo"
    refused "Read-only" -- docker exec "$(full_name reader)" /bin/sh -c 'echo x >/media/photos/f'
    equal "who has opened it" "$(openers)" "$(full_name reader)"
    refused "ermission denied" -- docker exec "$(full_name refused)" cat /media/photos/f
    equal "another's" "$(inside consumer /bin/sh -c 'echo more >>/media/photos/f; cat /media/photos/f' | tr '\n' ' ')" "hello more "
    refused "ermission denied" -- docker exec "$(full_name refused)" cat /media/photos/f
    bounded sh -c 'echo host >>/unc/nas/photos/f'
    equal "who has opened it now" "$(openers)" host
    refused "Read-only" -- docker exec "$(full_name reader)" /bin/sh -c 'echo x >/media/photos/f'
    signal_memfs KILL server
    for name in reader refused consumer; do
        wait_until 5 not grep -q ' /media/photos ' "/proc/$(pid_of "$name")/mountinfo" || return
    done
    wait_until 5 not test -e /unc/nas/photos
}

@test "policy: each grant and refusal that a rule decided names it in the log: of claims, opens and mounts" {
    configured <<'END'
[rule no-disks]
name = *-strict
disks = no
claim = \audit\*
open = \audit\*

[rule others]
host = no
END
    container strict busybox
    container free busybox
    memfs_refused strict 'rule "no-disks"' -- -F NTFS -m Z:
    memfs_refused strict 'rule "no-disks"' -- -F NTFS -u '\other\a'
    start_memfs strict -F NTFS -u '\audit\a'
    start_memfs free -F NTFS -u '\other\b'
    disk free z
    wait_until 5 test -e /unc/audit -a -e /unc/other
    inside free ls /unc/audit/a >/dev/null
    refused "ermission denied" -- docker exec "$(full_name strict)" ls /unc/other/b
    local line id
    id=$(id_of strict)
    while read -r line; do
        grep -qE "$line" "$LINFSP_STATE/linfspd.log" || fail "nothing in the log is $line" "$(tail -n 20 "$LINFSP_STATE/linfspd.log")" || return
    done <<END
event=mount result=refused silo="$id".* uid=0 pid=[0-9]+ .*rule ..no-disks
event=claim result=refused silo="$id".* uid=0 pid=[0-9]+ prefix="..other..a" .*rule ..no-disks
event=claim result=done silo="$id".* uid=0 pid=[0-9]+ prefix="..audit..a" .*rule ..no-disks
event=mount result=done silo="$(id_of free)".* uid=0 pid=[0-9]+ .*mount_point="/mnt/z" .*rule ..others
event=open result=done silo="$(id_of free)".* uid=0 pid=[0-9]+ prefix="..audit..a" .*rule ..(no-disks|others)
event=open result=refused silo="$id".* uid=0 pid=[0-9]+ prefix="..other..b" .*rule ..no-disks
END
}

@test "policy: the audit as JSON: silo, user, pid, prefix and rule of claims, opens, mounts and ends, granted and refused" {
    configured <<'END'
audit_json = yes
[rule few]
name = *-few
claim = \audit\*
open = !\other\*, \*
max_volumes = 1
END
    container few busybox
    container other busybox
    share few y '\audit\x'
    start_memfs other -F NTFS -u '\other\y'
    wait_until 5 test -e /unc/other
    memfs_refused few 'max_volumes of rule "few"' -- -F NTFS -m X:
    refused "ermission denied" -- docker exec "$(full_name few)" ls /unc/other/y
    inside other ls /unc/audit/x
    refused "another user" -- docker exec -u 1000 "$(full_name few)" "$silo_bin/linfsp" umount /mnt/y
    refused "another user" -- docker exec -u 1000 "$(full_name few)" "$silo_bin/linfsp" unshare /mnt/y
    "$linfsp" umount '\audit\x'
    memfs_refused few 'rule "few"' -- -F NTFS -u '\none\x'
    disk few z
    inside few "$silo_bin/linfsp" umount Z:
    wait_until 5 audited end "done" '.text == "unmounted" and .pid > 0 and .mount_point == "/mnt/z"'
    # a path as long as paths get, with what is escaped in it
    long=/$(printf '%0200d/"%.0s' {1..38})end
    inside few mkdir -p "$long"
    start_memfs few -F NTFS -m "$long"
    wait_until 5 audited mount "done" '(.mount_point | length) > 3800 and (.mount_point | endswith("/\"end")) and .uid == 0'
    local line
    while IFS='|' read -r line; do
        eval "audited $line" || fail "no line: $line" "$(audit_lines)" || return
    done <<'END'
claim done '.prefix == "\\audit\\x" and .rule == "few" and .uid == 0 and .pid > 0 and (.silo | length) == 64'
claim refused '.prefix == "\\none\\x" and .rule == "few" and .uid == 0 and .pid > 0 and (.silo | length) == 64'
mount refused '.rule == "few" and .uid == 0 and .pid > 0 and (.silo | length) == 64'
mount done '.mount_point == "/mnt/z" and .rule == "few" and .uid == 0 and .pid > 0'
open refused '.prefix == "\\other\\y" and .rule == "few" and .uid == 0 and .pid > 0'
open done '.prefix == "\\audit\\x" and .rule == "few" and .uid == 0 and .pid > 0'
end refused '.prefix == "\\audit\\x" and .uid == 1000 and .pid > 0 and (.silo | length) == 64'
end done '.prefix == "\\audit\\x" and .text == "unmounted from the host" and .uid == 0 and .pid > 0'
END
    equal "refused ends" "$(audit_lines | jq -s '[.[] | select(.event == "end" and .result == "refused")] | length')" 2
}

audit_lines() {
    sed -n 's/^[^{]*\({"event".*}\)$/\1/p' "$LINFSP_STATE/linfspd.log"
}

audited() { # EVENT RESULT CONDITION
    audit_lines | jq -se "any(.[]; .event == \"$1\" and .result == \"$2\" and ($3))" >/dev/null
}

@test "policy: browse = yes lists all that may be opened there, and nothing else; reloading shows and hides it" {
    container hidden busybox --label com.docker.compose.project=h
    container server busybox --label com.docker.compose.project=s
    share hidden y '\own\s'
    share server y '\pub\a'
    container plain busybox
    container browser busybox
    equal "before" "$(inside browser ls /unc/)" ""
    configured <<'END'
[rule browser]
name = *-browser
open = !\pub\secret*, \pub\*, \own\*, \late\*
browse = yes

[rule hidden]
name = *-hidden
open_by = same-silo-group
END
    wait_until 5 inside browser test -e /unc/pub
    equal "its folders" "$(inside browser ls /unc/ | tr -d '\r')" pub
    equal "in one" "$(inside browser ls /unc/pub/ | tr -d '\r')" a
    start_memfs server -F NTFS -u '\pub\secret1'
    start_memfs server -F NTFS -u '\pub\b'
    start_memfs server -F NTFS -u '\late\c\d'
    wait_until 5 inside browser test -e /unc/late
    wait_until 5 eval '[ "$(inside browser ls /unc/pub/ | sort | tr -d "\r" | tr "\n" " ")" = "a b " ]'
    equal "deeper" "$(inside browser ls /unc/late/c | tr -d '\r')" d
    not in_table "$(pid_of browser)" /dev/linfsp/unc/pub/a
    container second-browser busybox
    wait_until 5 eval '[ "$(inside second-browser ls /unc/ | sort | tr -d "\r" | tr "\n" " ")" = "late pub " ]'
    equal "who has no such rule" "$(inside plain ls /unc/)" ""
    inside browser ls /unc/pub/a
    configured </dev/null
    wait_until 5 eval '[ "$(inside browser ls /unc/ | tr -d "\r")" = pub ]'
    equal "what was opened stays" "$(inside browser ls /unc/pub | tr -d '\r')" a
    signal_memfs KILL server
    wait_until 5 eval '[ -z "$(inside browser ls /unc/)" ]'
}

@test "policy: LINFSP=off in a container's environment means nothing of ours" {
    container plain busybox -e LINFSP=off
    container served busybox
    disk served z
    sleep 0.5
    local pid
    pid=$(pid_of plain)
    equal "mounts of ours" "$(our_mounts "$pid")" ""
    [ ! -e "/proc/$pid/root/dev/linfsp" ] || fail "/dev/linfsp is there"
    [ ! -e "/proc/$pid/root/dev/fuse" ] || fail "/dev/fuse is there"
    [ ! -L "/proc/$pid/root/unc" ] || fail "/unc is there"
    equal "docker diff" "$(docker diff "$(full_name plain)")" ""
    has "$(bounded "$linfsp" silos)" "off: LINFSP=off"
}

@test "policy: silos says why a container is left alone, and shows where a long reason is cut" {
    local rule=a-rule-whose-name-is-so-long-that-the-reason-does-not-fit-there
    configured <<END
[rule $rule]
name = $(full_name left)
linfsp = off
END
    container left busybox
    state_of_left() {
        bounded "$linfsp" silos --json | jq -r --arg name "$(full_name left)" '.[] | select(.name == $name).state'
    }
    wait_until 5 eval '[ -n "$(state_of_left)" ]'
    grep -qE '^off: rule "a-rule-whose-name-.*…$' <<<"$(state_of_left)" || fail "it says: $(state_of_left)"
}
