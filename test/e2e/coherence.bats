#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What the kernel remembers of a volume, so as not to ask again, is never seen to be out of date: what one side changes, the others see at
# once; where a time-out was asked for and files change behind the volume's back, after that.
load ../helpers/common

setup_file() { file_setup; }
teardown_file() { file_teardown; }
teardown() { remove_containers && end_host_memfs; }

here=/unc/memfs/same
there=/dev/linfsp/unc/memfs/same

# A share of container one's; container two and the host look at it.
begin() { # OPTION...
    container one busybox
    container two busybox
    start_memfs one -n -1 -s -1 -u '\memfs\same' "$@"
    wait_until 5 mounted_here "$here"
}

# Each thing is looked at first, twice, so that it is remembered where anything is; then another side changes it.
names_and_links() {
    equal "$1: absent names" "$(bounded sh -c "ls $here/made $here/moved 2>/dev/null; ls $here/made 2>/dev/null")" ""
    script_in two "no ls $there/made; no ls $there/made; echo kept >$there/old; ln -s first $there/link"
    equal "$1: a link" "$(bounded readlink "$here/link") $(bounded readlink "$here/link")" "first first" || return
    script_in two "echo text >$there/made; mv $there/old $there/moved; ln -sfn second $there/link"
    equal "$1: a name that was absent" "$(bounded cat "$here/made")" text
    equal "$1: a name that was moved" "$(bounded cat "$here/moved")" kept
    [ ! -e "$here/old" ] || fail "$1: old is there still"
    equal "$1: a link to elsewhere" "$(bounded readlink "$here/link")" second
    bounded rm "$here/made"
    script_in two "no cat $there/made; no ls $there/made; [ \$(readlink $there/link) = second ]"
    script_in one "mkdir $there/made"
    equal "$1: a folder where a file was" "$(inside two ls -d "$there/made/.")" "$there/made/."
}

listings_and_attributes() {
    bounded sh -c "mkdir $here/folder && cd $here/folder && touch a b c && ls -l >/dev/null && ls -l >/dev/null"
    equal "$1: names" "$(inside two ls "$there/folder" | tr '\n' ' ')" "a b c "
    equal "$1: sizes" "$(inside two stat -c %s "$there/folder/a" "$there/folder/b" | tr '\n' ' ')" "0 0 "
    script_in one "cd $there/folder; echo 12345 >a; chmod 600 b; rm c; touch d"
    equal "$1: names afterwards, on the host" "$(bounded ls "$here/folder" | tr '\n' ' ')" "a b d "
    equal "$1: names afterwards, in two" "$(inside two ls "$there/folder" | tr '\n' ' ')" "a b d "
    equal "$1: a size in a listing" "$(bounded ls -l "$here/folder" | awk '$NF == "a" { print $5 }')" 6
    equal "$1: a size in two" "$(inside two stat -c %s "$there/folder/a")" 6
    equal "$1: a mode in two" "$(inside two stat -c %a "$there/folder/b")" 600
}

contents() {
    script_in two "echo first >$there/file; cat $there/file $there/file >/dev/null"
    equal "$1: contents" "$(bounded cat "$here/file" "$here/file" | tr '\n' ' ')" "first first "
    script_in one "echo other >$there/file"
    equal "$1: other contents of the same length, on the host" "$(bounded cat "$here/file")" other
    equal "$1: and in two" "$(inside two cat "$there/file")" other
    bounded sh -c "exec 3<$here/file; printf X | dd of=$here/file conv=notrunc bs=1 2>/dev/null; read -r line <&3; [ \"\$line\" = Xther ]"
    equal "$1: written in place, in one" "$(inside one cat "$there/file")" Xther
}

all_is_seen() { # OPTION...
    begin "$@"
    names_and_links "memfs $*"
    listings_and_attributes "memfs $*"
    contents "memfs $*"
}

@test "coherence: two containers and the host see each other's changes at once: remembered for ever, as memfs does by itself" {
    all_is_seen
}

@test "coherence: the same for a minute (-t 60000), and not at all (-t 0)" {
    all_is_seen -t 60000
    remove_containers
    wait_until 5 not mounted_here "$here"
    all_is_seen -t 0
}

@test "coherence: the same without regard to case (-i)" {
    all_is_seen -i -F NTFS
}

@test "coherence: the same with --pass-through" {
    all_is_seen --pass-through=0
}

# ptfs's folder is changed behind its back, in the container: what was asked for with -t is how long that may go unseen.
behind_its_back() { # MS
    docker exec -d "$(full_name one)" "$silo_bin/ptfs" -t "$1" -p /folder -u "\\memfs\\same"
    wait_until 5 mounted_here "$here"
    equal "before" "$(bounded sh -c "ls $here; cat $here/file; readlink $here/link; ls $here/new 2>/dev/null" | tr '\n' ' ')" "file link old aim "
    script_in one 'echo longer >/folder/file; ln -sfn other /folder/link; echo new >/folder/new'
}

changes_are_seen() {
    [ "$(bounded stat -c %s "$here/file") $(bounded cat "$here/file") $(bounded readlink "$here/link") $(bounded cat "$here/new")" = \
        "7 longer other new" ]
}

@test "coherence: a folder that changes behind ptfs: at once with -t 0, after -t otherwise" {
    container one busybox
    script_in one 'mkdir /folder; echo old >/folder/file; ln -s aim /folder/link'
    behind_its_back 0
    changes_are_seen
    script_in one 'kill $(pidof ptfs); rm /folder/new; echo old >/folder/file; ln -sfn aim /folder/link'
    wait_until 5 not mounted_here "$here"
    behind_its_back 1000
    sleep 1.1
    changes_are_seen
}
