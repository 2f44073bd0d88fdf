# fish completion for memfs and ptfs
# SPDX-License-Identifier: MIT
for program in memfs memfs-x64 ptfs
    complete -c $program -f
    complete -c $program -s m -l mount-point -r -F -d 'X:, * or a directory'
    complete -c $program -s u -l prefix -x -d '\\\\server\\share: a network volume'
    complete -c $program -s t -l timeout -x -d 'Milliseconds that the kernel may remember'
    complete -c $program -l help
    complete -c $program -l version
end
for program in memfs memfs-x64
    complete -c $program -s n -l nodes -x -d 'Most files and directories'
    complete -c $program -s s -l file-size -x -d 'Largest file'
    complete -c $program -s i -l ignore-case -d 'Names differing in case only are one'
    complete -c $program -s F -l name -x -d 'What mount shows'
    complete -c $program -s S -l root-sddl -x -d 'Who owns the root'
    complete -c $program -s f -l flush -d "Drop a file's pages when it is closed"
    complete -c $program -l pass-through -d 'The kernel reads and writes large files'
    complete -c $program -l take-over -d 'Go on with the volume of a running memfs'
    complete -c $program -s M -l max-delay -x -d 'Milliseconds'
    complete -c $program -s P -l percent -x
    complete -c $program -s R -l rarefy -x
    complete -c $program -s d -l debug -x -d 'Trace requests'
    complete -c $program -s D -l log-file -r -F
    complete -c $program -s b -l background -d 'Return once mounted'
end
complete -c ptfs -s p -l directory -r -F -d 'What is shown'
complete -c ptfs -s F -l file-system -x -d 'What mount shows'
complete -c ptfs -s r -l read-only
complete -c ptfs -l fail-over -d 'Wait for another ptfs if this one is killed'
complete -c ptfs -l pass-through -x -d 'The kernel reads and writes files of this size'
complete -c ptfs -l no-pass-through
complete -c ptfs -s d -l debug
