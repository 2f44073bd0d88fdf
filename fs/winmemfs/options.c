/* SPDX-License-Identifier: MIT */
/* winmemfs's command line: the options of WinFsp's memfs. */
#include <stdio.h>

#include "winmemfs.h"

static const char Usage[] =
    "winmemfs: a file system in memory, written against WinFsp's API\n"
    "\n"
    "  winmemfs -i -F NTFS -m Z:                      a disk\n"
    "  winmemfs -i -F NTFS -u '\\memfs\\share'          a network volume\n"
    "\n"
    "  -d FLAGS       kinds of requests to log (-1: all)\n"
    "  -D FILE        where to log to (-: standard error)\n"
    "  -f             flush and purge caches on cleanup\n"
    "  -F NAME        the file system's name\n"
    "  -i             names that differ in case only are one\n"
    "  -L             WinFsp's older rules for deleting and renaming open files\n"
    "  -m MOUNTPOINT  X:, * or a directory\n"
    "  -M DELAY       milliseconds after which reads, writes and listings are answered\n"
    "  -n NODES       the most files (default 1024)\n"
    "  -s SIZE        the most bytes of a file (default 16777216)\n"
    "  -S SDDL        the root's security descriptor\n"
    "  -t TIMEOUT     for how long attributes are remembered, in milliseconds (default -1: for good)\n"
    "  -u PREFIX      \\SERVER\\SHARE\n";

/* The value behind an option, NULL where there is none. */
static PWSTR Value(ULONG Argc, PWSTR *Argv, ULONG *PIndex) {
    return *PIndex + 1 < Argc ? Argv[++*PIndex] : NULL;
}

static BOOLEAN Number(PWSTR Text, UINT64 *PNumber) {
    PWSTR End = NULL;
    if (!Text)
        return FALSE;
    *PNumber = Text[0] == '-' ? (UINT64)-1 : wcstoull(Text, &End, 0);
    return Text[0] == '-' || (End != Text && !*End);
}

static BOOLEAN TakeText(PWSTR Text, PWSTR *PText) {
    *PText = Text;
    return Text != NULL;
}

static BOOLEAN TakeNumber(PWSTR Text, ULONG *PNumber) {
    UINT64 Big;
    if (!Number(Text, &Big))
        return FALSE;
    *PNumber = Big > 0xffffffff ? 0xffffffff : (ULONG)Big;
    return TRUE;
}

static BOOLEAN TakeOption(ULONG Argc, PWSTR *Argv, ULONG *PIndex, OPTIONS *Options) {
    WCHAR Letter = Argv[*PIndex][1];
    switch (Letter) {
    case 'f':
        return Options->FlushOnCleanup = TRUE;
    case 'i':
        return Options->CaseInsensitive = TRUE;
    case 'L':
        return Options->LegacyUnlink = TRUE;
    case 'd':
        return TakeNumber(Value(Argc, Argv, PIndex), &Options->DebugFlags);
    case 'n':
        return TakeNumber(Value(Argc, Argv, PIndex), &Options->MaxNodes);
    case 't':
        return TakeNumber(Value(Argc, Argv, PIndex), &Options->FileInfoTimeout);
    case 'M':
        return TakeNumber(Value(Argc, Argv, PIndex), &Options->MaxDelay);
    case 's':
        return Number(Value(Argc, Argv, PIndex), &Options->MaxFileSize);
    case 'D':
        return TakeText(Value(Argc, Argv, PIndex), &Options->DebugLogFile);
    case 'F':
        return TakeText(Value(Argc, Argv, PIndex), &Options->FileSystemName);
    case 'm':
        return TakeText(Value(Argc, Argv, PIndex), &Options->MountPoint);
    case 'u':
        return TakeText(Value(Argc, Argv, PIndex), &Options->Prefix);
    case 'S':
        return TakeText(Value(Argc, Argv, PIndex), &Options->RootSddl);
    default:
        return FALSE;
    }
}

BOOLEAN OptionsParse(ULONG Argc, PWSTR *Argv, OPTIONS *POptions) {
    OPTIONS Options = {0};
    Options.FileInfoTimeout = INFINITE;
    Options.MaxNodes = 1024;
    Options.MaxFileSize = 16 * 1024 * 1024;
    BOOLEAN Good = TRUE;
    for (ULONG I = 1; Good && I < Argc; I++)
        Good = Argv[I][0] == '-' && Argv[I][1] && !Argv[I][2] && TakeOption(Argc, Argv, &I, &Options);
    if (!Good || (!Options.MountPoint && !Options.Prefix)) {
        fputs(Usage, stderr);
        return FALSE;
    }
    *POptions = Options;
    return TRUE;
}
