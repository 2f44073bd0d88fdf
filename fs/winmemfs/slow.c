/* SPDX-License-Identifier: MIT */
/* Answers that come later: a thread for each, which sleeps and sends. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* nanosleep, also with -std=c11 */
#endif
#include <stdlib.h>
#include <string.h>

#include "winmemfs.h"

#ifndef _WIN32
#include <pthread.h>
#include <time.h>
#endif

typedef struct {
    FSP_FILE_SYSTEM *FileSystem;
    FSP_FSCTL_TRANSACT_RSP Response;
} ANSWER;

static ULONG Delay;
static LONG Waiting;

VOID SlowSetDelay(ULONG Milliseconds) {
    Delay = Milliseconds;
}

BOOLEAN SlowIsOn(VOID) {
    return Delay > 0;
}

static VOID Pause(ULONG Milliseconds) {
#ifdef _WIN32
    Sleep(Milliseconds);
#else
    struct timespec Time = {Milliseconds / 1000, (long)(Milliseconds % 1000) * 1000000};
    nanosleep(&Time, NULL);
#endif
}

#ifdef _WIN32
static DWORD WINAPI Answer(PVOID Argument) {
#else
static void *Answer(void *Argument) {
#endif
    ANSWER *This = (ANSWER *)Argument;
    Pause(Delay);
    FspFileSystemSendResponse(This->FileSystem, &This->Response);
    free(This);
    __atomic_sub_fetch(&Waiting, 1, __ATOMIC_SEQ_CST);
    return 0;
}

static BOOLEAN StartThread(ANSWER *This) {
#ifdef _WIN32
    HANDLE Thread = CreateThread(NULL, 0, Answer, This, 0, NULL);
    if (Thread)
        CloseHandle(Thread);
    return Thread != NULL;
#else
    pthread_t Thread;
    if (pthread_create(&Thread, NULL, Answer, This) != 0)
        return FALSE;
    pthread_detach(Thread);
    return TRUE;
#endif
}

BOOLEAN SlowAnswer(FSP_FILE_SYSTEM *FileSystem, NTSTATUS Status, ULONG Information, const FSP_FSCTL_FILE_INFO *Info) {
    FSP_FSCTL_TRANSACT_REQ *Request = FspFileSystemGetOperationContext()->Request;
    ANSWER *This = (ANSWER *)calloc(1, sizeof *This);
    if (!This)
        return FALSE;
    This->FileSystem = FileSystem;
    This->Response.Size = sizeof This->Response;
    This->Response.Kind = Request->Kind;
    This->Response.Hint = Request->Hint;
    This->Response.IoStatus.Status = (UINT32)Status;
    This->Response.IoStatus.Information = Information;
    if (Info)
        This->Response.Rsp.Write.FileInfo = *Info;
    __atomic_add_fetch(&Waiting, 1, __ATOMIC_SEQ_CST);
    if (StartThread(This))
        return TRUE;
    __atomic_sub_fetch(&Waiting, 1, __ATOMIC_SEQ_CST);
    free(This);
    return FALSE;
}

VOID SlowWait(VOID) {
    while (__atomic_load_n(&Waiting, __ATOMIC_SEQ_CST) > 0)
        Pause(1);
}
