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

# Until something is so, a second at most: what ptfs watches is told to the kernel within some milliseconds.
soon() {
    for _ in $(seq 20); do
        "$@" 2>/dev/null && return
        sleep 0.05
    done
    fail "not within a second: $*"
}

same_output() { # EXPECTED COMMAND...
    [ "$("${@:2}" 2>/dev/null)" = "$1" ]
}

requests() {
    grep -cE 'LOOKUP|GETATTR' "$BATS_TEST_TMPDIR/trace" || true
}

@test "coherence: ptfs without -t watches its folder: nothing is asked twice, and what changes behind its back is seen at once" {
    back=$BATS_TEST_TMPDIR/back place=$BATS_TEST_TMPDIR/place
    mkdir -p "$back/d" "$place" && echo old >"$back/file" && echo a >"$back/d/a" && ln "$back/file" "$back/d/link"
    "$LINFSP_STAGE/bin/ptfs" -d -p "$back" -m "$place" >/dev/null 2>"$BATS_TEST_TMPDIR/trace" 3>&- &
    wait_until 5 mounted_here "$place"
    look() { bounded sh -c "stat '$place/d' '$place/d/a' >/dev/null; [ ! -e '$place/d/none' ]"; }
    look && look
    before=$(requests)
    sleep 1.3
    look
    equal "questions after more than a second" "$(requests)" "$before"

    equal "a file" "$(cat "$place/file" "$place/d/a" | tr '\n' ' ')" "old a "
    echo other >"$back/d/a" && soon same_output other cat "$place/d/a"
    printf Z | dd of="$back/d/a" conv=notrunc bs=1 2>/dev/null && soon same_output Zther cat "$place/d/a"
    chmod 600 "$back/d/a" && soon same_output 600 stat -c %a "$place/d/a"
    touch -d 2001-01-01 "$back/d/a" && soon same_output 978307200 env TZ=UTC stat -c %Y "$place/d/a"
    echo made >"$back/d/none" && soon same_output made cat "$place/d/none"
    mv "$back/d/none" "$back/d/moved" && soon same_output made cat "$place/d/moved" && soon test ! -e "$place/d/none"
    mv "$back/d/moved" "$back/d/a" && soon same_output made cat "$place/d/a"
    mv "$back/d" "$back/e" && soon same_output made cat "$place/e/a" && soon test ! -e "$place/d"
    echo more >"$back/e/b" && soon same_output "a b link " sh -c "ls '$place/e' | tr '\n' ' '"
    rm "$back/e/a" && soon test ! -e "$place/e/a" && mkdir "$back/e/a" && soon test -d "$place/e/a"
    chmod 700 "$back/e" && soon same_output 700 stat -c %a "$place/e"
    sleep 1 && echo "by its other name" >"$back/e/link"
    sleep 1.1 && same_output "by its other name" cat "$place/file"
    rm -r "$back/e" && soon test ! -e "$place/e"
    equal "left" "$(ls "$place")" file
    bounded fusermount3 -u "$place" || "$linfsp" umount "$place"
}

listings() {
    grep -c READDIR "$BATS_TEST_TMPDIR/trace" || true
}

@test "coherence: the kernel keeps listings of what ptfs watches, and what changes behind its back is listed at once" {
    back=$BATS_TEST_TMPDIR/back place=$BATS_TEST_TMPDIR/place
    mkdir -p "$back/d" "$place" && touch "$back"/d/{a,b,c}
    "$LINFSP_STAGE/bin/ptfs" -d -p "$back" -m "$place" >/dev/null 2>"$BATS_TEST_TMPDIR/trace" 3>&- &
    wait_until 5 mounted_here "$place"
    names() { ls "$place/d" | tr '\n' ' '; }
    sleep 0.1
    equal "names" "$(names)" "a b c "
    before=$(listings)
    equal "names" "$(names)" "a b c "
    sleep 1.3
    equal "names" "$(names)" "a b c "
    equal "questions of listings that are kept" "$(listings)" "$before"

    for i in {1..20}; do
        touch "$back/d/n$i" && soon same_output "a b c n$i " names
        rm "$back/d/n$i" && soon same_output "a b c " names
        # the kernel learns of the new name before it is told that the directory has changed
        names >"$BATS_TEST_TMPDIR/names" && touch "$back/d/m$i" && [ -e "$place/d/m$i" ] && soon same_output "a b c m$i " names
        rm "$place/d/m$i" && same_output "a b c " names
        mkdir "$place/d/o" && same_output "a b c o " names
        mv "$back/d/o" "$back/d/p$i" && soon same_output "a b c p$i " names
        rmdir "$back/d/p$i"
        soon same_output "a b c " names
    done
    # a modification time that is set back
    touch -d @1000 "$back/d"
    sleep 0.1
    names >/dev/null && same_output "a b c " names
    touch "$back/d/new" && touch -d @1000 "$back/d" && soon same_output "a b c new " names
    rm "$back/d/new" && touch -d @1000 "$back/d" && soon same_output "a b c " names
    # what is read while others list and change
    mkdir "$back/many" && (cd "$back/many" && seq 2000 | xargs touch)
    sleep 0.1
    ls "$place/many" >/dev/null
    python3 - "$place/many" "$back/many" <<'EOF'
import os, subprocess, sys
place, back = sys.argv[1:]
for turn in range(10):
    with os.scandir(place) as entries:
        seen = [next(entries).name for _ in range(100 + turn)]
        gone = {seen[-1], str(1990 - turn)}
        for name in gone:
            os.unlink(f"{back}/{name}")
        subprocess.run(["ls", place], stdout=subprocess.DEVNULL, check=True)
        seen += [entry.name for entry in entries]
    left = set(os.listdir(back))
    assert len(seen) == len(set(seen)), "some are listed twice"
    assert left <= set(seen), f"not listed: {sorted(left - set(seen))[:5]}"
EOF
    "$linfsp" umount "$place"
}

@test "coherence: what changes behind ptfs while others change it through the volume" {
    back=$BATS_TEST_TMPDIR/back place=$BATS_TEST_TMPDIR/place
    mkdir -p "$back" "$place"
    "$LINFSP_STAGE/bin/ptfs" -p "$back" -m "$place" >/dev/null 3>&- &
    wait_until 5 mounted_here "$place"
    # many more events than are read at a time, and, with 20,000 and more, than the kernel keeps
    (cd "$place" && for i in $(seq 3000); do echo "$i" >f"$i"; done) & writers=$!
    (cd "$back" && for i in $(seq 3000); do echo "$i" >g"$i"; done) & writers+=" $!"
    (cd "$place" && for i in $(seq 3000); do [ -e "g$i" ] || continue; done) & writers+=" $!"
    # shellcheck disable=SC2086
    wait $writers
    equal "names" "$(find "$place" -type f | wc -l)" 6000
    find "$place" -type f -size 1 >/dev/null
    (cd "$back" && for i in $(seq 3000); do echo "again $i" >f"$i"; done)
    all_again() { [ "$(cd "$place" && cat f* | grep -c again)" = 3000 ]; }
    soon all_again
    (cd "$back" && rm -f f*)
    none_left() { [ "$(cd "$place" && for i in $(seq 3000); do [ -e "f$i" ] && echo "$i"; done | wc -l)" = 0 ]; }
    soon none_left
    "$linfsp" umount "$place"
}
