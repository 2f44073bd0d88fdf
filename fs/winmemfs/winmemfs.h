/* SPDX-License-Identifier: MIT */
/* What the files of winmemfs share. */
#ifndef WINMEMFS_H
#define WINMEMFS_H

#include "node.h"

typedef struct {
    ULONG DebugFlags;
    PWSTR DebugLogFile, FileSystemName, MountPoint, Prefix, RootSddl;
    BOOLEAN CaseInsensitive, FlushOnCleanup, LegacyUnlink;
    ULONG FileInfoTimeout, MaxNodes, MaxDelay;
    UINT64 MaxFileSize;
} OPTIONS;

/* FALSE: a usage was shown. */
BOOLEAN OptionsParse(ULONG Argc, PWSTR *Argv, OPTIONS *POptions);

extern const FSP_FILE_SYSTEM_INTERFACE MemfsInterface;

/* slow.c: with a delay, reads, writes and listings are answered later, by another thread. */
VOID SlowSetDelay(ULONG Milliseconds);
BOOLEAN SlowIsOn(VOID);
/* A response to the operation under way: sends it after the delay. FALSE: answer at once after all. */
BOOLEAN SlowAnswer(FSP_FILE_SYSTEM *FileSystem, NTSTATUS Status, ULONG Information, const FSP_FSCTL_FILE_INFO *Info);
/* Waits until everything is answered. */
VOID SlowWait(VOID);

#endif
