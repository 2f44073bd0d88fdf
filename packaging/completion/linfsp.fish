# fish completion for linfsp
# SPDX-License-Identifier: MIT

# What a verb can be given, of the volumes there are: as in completion for bash. Containers choose these names: fish quotes them,
# nothing evaluates them.
function __linfsp_targets
    set -l inside
    test -e /dev/linfsp; and set inside 1
    linfsp volumes --json 2>/dev/null | awk -F'"' -v inside="$inside" -v verb="$argv[1]" '
        /^ *"id": / { gsub(/[^0-9]/, "", $3); id = $3 }
        /^ *"silo": / { here = inside || $4 == "host" }
        /^ *"mount_point": "/ && here && !/\\\\/ { print $4 }
        /^ *"mount_point": "/ && !here && verb !~ /share/ { print id }
        /^ *"unc_path": "/ && verb != "share" && !/\\\\/ { print $4 }'
end

# As `linfsp help` lists them: two blanks, the verb, what it does.
function __linfsp_verbs
    linfsp help 2>/dev/null | sed -n 's/^  \([a-z-]\{1,\}\)  *\([a-z].*\)/\1\t\2/p;/^On the host/q'
end

complete -c linfsp -f
complete -c linfsp -n __fish_use_subcommand -a '(__linfsp_verbs)'
complete -c linfsp -n '__fish_seen_subcommand_from help' -a '(__linfsp_verbs)'
complete -c linfsp -n __fish_use_subcommand -l help -d 'Tell about linfsp'
complete -c linfsp -n __fish_use_subcommand -l version -d 'Show versions'

complete -c linfsp -n 'not __fish_use_subcommand' -l help -d 'Tell about this verb'
complete -c linfsp -n '__fish_seen_subcommand_from status silos volumes path version doctor bench events top' -l json -d 'For programs'
complete -c linfsp -n '__fish_seen_subcommand_from volumes' -s w -l watch -d 'Again, whenever something has changed'
complete -c linfsp -n '__fish_seen_subcommand_from start' -s f -l foreground -d 'Log to this terminal'
complete -c linfsp -n '__fish_seen_subcommand_from umount' -s a -l all -d 'Every volume listed here'
complete -c linfsp -n '__fish_seen_subcommand_from umount' -s l -l lazy -d 'Also while files are open'
complete -c linfsp -n '__fish_seen_subcommand_from umount' -s f -l force -d 'Who uses it gets errors'
complete -c linfsp -n '__fish_seen_subcommand_from umount' -a '(__linfsp_targets umount)'
complete -c linfsp -n '__fish_seen_subcommand_from share' -a '(__linfsp_targets share)'
complete -c linfsp -n '__fish_seen_subcommand_from unshare' -a '(__linfsp_targets unshare)'
complete -c linfsp -n '__fish_seen_subcommand_from run' -l bind -r -d 'Show a host folder inside: SRC:DST[:ro]'
complete -c linfsp -n '__fish_seen_subcommand_from run' -l keep-caps -d "Keep root's capabilities"
complete -c linfsp -n '__fish_seen_subcommand_from run' -l name -x -d 'Host name of the container'
complete -c linfsp -n '__fish_seen_subcommand_from run' -l network -d "Share the host's network"
complete -c linfsp -n '__fish_seen_subcommand_from run' -l read-only -d 'The root cannot be written'
complete -c linfsp -n '__fish_seen_subcommand_from run' -l user-namespace -d 'User ids of its own'
complete -c linfsp -n '__fish_seen_subcommand_from await' -l timeout -x -d Milliseconds
complete -c linfsp -n '__fish_seen_subcommand_from run await' -a '(__fish_complete_subcommand)'
complete -c linfsp -n '__fish_seen_subcommand_from bench' -l against -r -F -d 'Measure another file system too'
complete -c linfsp -n '__fish_seen_subcommand_from bench' -l threads -x
complete -c linfsp -n '__fish_seen_subcommand_from bench' -l seconds -x
complete -c linfsp -n '__fish_seen_subcommand_from cdi' -l output -r -F
complete -c linfsp -n '__fish_seen_subcommand_from doctor' -s c -l config -r -F
complete -c linfsp -n '__fish_seen_subcommand_from path bench' -F
complete -c linfsp -n '__fish_seen_subcommand_from policy' -a 'test disk claim open'
complete -c linfsp -n '__fish_seen_subcommand_from policy' -l silo -x
complete -c linfsp -n '__fish_seen_subcommand_from policy' -l user -x
complete -c linfsp -n '__fish_seen_subcommand_from policy' -l json
complete -c linfsp -n '__fish_seen_subcommand_from top trace' -s s -l seconds -x
complete -c linfsp -n '__fish_seen_subcommand_from top' -s n -l turns -x
complete -c linfsp -n '__fish_seen_subcommand_from trace' -a '(__linfsp_targets trace)'
complete -c linfsp -n '__fish_seen_subcommand_from metrics' -s o -l output -r -F
complete -c linfsp -n '__fish_seen_subcommand_from metrics' -s l -l listen -r -F
complete -c linfsp -n '__fish_seen_subcommand_from wine' -l prefix -r -F
complete -c linfsp -n '__fish_seen_subcommand_from wine wine-setup' -F
complete -c linfsp -n '__fish_seen_subcommand_from fsptool' -a 'lsvol lsdrv id perm ver'
complete -c linfsp -n '__fish_seen_subcommand_from launchctl' -a 'start startWithSecret stop info list quit'
