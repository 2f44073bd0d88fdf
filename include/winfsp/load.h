/* SPDX-License-Identifier: MIT */
/**
 * FspLoad: finds libwinfsp when the program runs. winfsp.h includes this.
 *
 * A program that is linked with libwinfsp has the library already, and FspLoad only says so. With WINFSP_LOAD defined
 * before winfsp.h is included nothing is linked, and FspLoad must succeed before any other function is called: in a
 * container it finds the library that the LinFsp service brought (/dev/linfsp/lib), else the file that LINFSP_WINFSP
 * in the environment names, else the directory in /etc/linfsp/library-path, else the default places. On Windows the DLL
 * is found by name, then by the registry's InstallDir.
 */
#ifndef WINFSP_LOAD_H
#define WINFSP_LOAD_H

#define FSP_API_FUNCTIONS(FUNCTION)                                                                                    \
    FUNCTION(FspFileSystemCreate)                                                                                      \
    FUNCTION(FspFileSystemSetMountPoint)                                                                               \
    FUNCTION(FspFileSystemStartDispatcher)                                                                             \
    FUNCTION(FspFileSystemSendResponse)                                                                                \
    FUNCTION(FspFileSystemPreflight)                                                                                   \
    FUNCTION(FspFileSystemDelete)                                                                                      \
    FUNCTION(FspFileSystemSetMountPointEx)                                                                             \
    FUNCTION(FspFileSystemRemoveMountPoint)                                                                            \
    FUNCTION(FspFileSystemStopDispatcher)                                                                              \
    FUNCTION(FspFileSystemGetOperationContext)                                                                         \
    FUNCTION(FspFileSystemNotify)                                                                                      \
    FUNCTION(FspFileSystemNotifyBegin)                                                                                 \
    FUNCTION(FspFileSystemNotifyEnd)                                                                                   \
    FUNCTION(FspFileSystemStopServiceIfNecessary)                                                                      \
    FUNCTION(FspFileSystemMountPointF)                                                                                 \
    FUNCTION(FspFileSystemEnterOperationF)                                                                             \
    FUNCTION(FspFileSystemLeaveOperationF)                                                                             \
    FUNCTION(FspFileSystemSetOperationGuardF)                                                                          \
    FUNCTION(FspFileSystemSetOperationGuardStrategyF)                                                                  \
    FUNCTION(FspFileSystemSetOperationF)                                                                               \
    FUNCTION(FspFileSystemGetDispatcherResultF)                                                                        \
    FUNCTION(FspFileSystemSetDispatcherResultF)                                                                        \
    FUNCTION(FspFileSystemSetDebugLogF)                                                                                \
    FUNCTION(FspFileSystemIsOperationCaseSensitiveF)                                                                   \
    FUNCTION(FspFileSystemOperationProcessIdF)                                                                         \
    FUNCTION(FspFileSystemAddDirInfo)                                                                                  \
    FUNCTION(FspFileSystemAddStreamInfo)                                                                               \
    FUNCTION(FspFileSystemAddNotifyInfo)                                                                               \
    FUNCTION(FspFileSystemAddEa)                                                                                       \
    FUNCTION(FspFileSystemEnumerateEa)                                                                                 \
    FUNCTION(FspFileSystemAcquireDirectoryBuffer)                                                                      \
    FUNCTION(FspFileSystemAcquireDirectoryBufferEx)                                                                    \
    FUNCTION(FspFileSystemFillDirectoryBuffer)                                                                         \
    FUNCTION(FspFileSystemReleaseDirectoryBuffer)                                                                      \
    FUNCTION(FspFileSystemReadDirectoryBuffer)                                                                         \
    FUNCTION(FspFileSystemDeleteDirectoryBuffer)                                                                       \
    FUNCTION(FspFileSystemFindReparsePoint)                                                                            \
    FUNCTION(FspFileSystemResolveReparsePoints)                                                                        \
    FUNCTION(FspFileSystemCanReplaceReparsePoint)                                                                      \
    FUNCTION(FspAccessCheckEx)                                                                                         \
    FUNCTION(FspPosixMapUidToSid)                                                                                      \
    FUNCTION(FspGetFileGenericMapping)                                                                                 \
    FUNCTION(FspCreateSecurityDescriptor)                                                                              \
    FUNCTION(FspSetSecurityDescriptor)                                                                                 \
    FUNCTION(FspDeleteSecurityDescriptor)                                                                              \
    FUNCTION(FspPosixSetUidMap)                                                                                        \
    FUNCTION(FspPosixMapSidToUid)                                                                                      \
    FUNCTION(FspDeleteSid)                                                                                             \
    FUNCTION(FspPosixMapPermissionsToSecurityDescriptor)                                                               \
    FUNCTION(FspPosixMergePermissionsToSecurityDescriptor)                                                             \
    FUNCTION(FspPosixMapSecurityDescriptorToPermissions)                                                               \
    FUNCTION(FspPosixMapWindowsToPosixPathEx)                                                                          \
    FUNCTION(FspPosixMapPosixToWindowsPathEx)                                                                          \
    FUNCTION(FspPosixDeletePath)                                                                                       \
    FUNCTION(FspPosixEncodeWindowsPath)                                                                                \
    FUNCTION(FspPosixDecodeWindowsPath)                                                                                \
    FUNCTION(FspPathPrefix)                                                                                            \
    FUNCTION(FspPathSuffix)                                                                                            \
    FUNCTION(FspPathCombine)                                                                                           \
    FUNCTION(FspServiceRunEx)                                                                                          \
    FUNCTION(FspServiceCreate)                                                                                         \
    FUNCTION(FspServiceDelete)                                                                                         \
    FUNCTION(FspServiceAllowConsoleMode)                                                                               \
    FUNCTION(FspServiceAcceptControl)                                                                                  \
    FUNCTION(FspServiceRequestTime)                                                                                    \
    FUNCTION(FspServiceSetExitCode)                                                                                    \
    FUNCTION(FspServiceGetExitCode)                                                                                    \
    FUNCTION(FspServiceLoop)                                                                                           \
    FUNCTION(FspServiceStop)                                                                                           \
    FUNCTION(FspServiceIsInteractive)                                                                                  \
    FUNCTION(FspServiceContextCheck)                                                                                   \
    FUNCTION(FspServiceLog)                                                                                            \
    FUNCTION(FspServiceLogV)                                                                                           \
    FUNCTION(FspNtStatusFromWin32)                                                                                     \
    FUNCTION(FspWin32FromNtStatus)                                                                                     \
    FUNCTION(FspEventLog)                                                                                              \
    FUNCTION(FspEventLogV)                                                                                             \
    FUNCTION(FspDebugLogSetHandle)                                                                                     \
    FUNCTION(FspDebugLog)                                                                                              \
    FUNCTION(FspDebugLogSD)                                                                                            \
    FUNCTION(FspDebugLogSid)                                                                                           \
    FUNCTION(FspDebugLogFT)                                                                                            \
    FUNCTION(FspDebugLogRequest)                                                                                       \
    FUNCTION(FspDebugLogResponse)                                                                                      \
    FUNCTION(FspVersion)                                                                                               \
    FUNCTION(FspSxsIdent)                                                                                              \
    FUNCTION(FspFileSystemOpEnter)                                                                                     \
    FUNCTION(FspFileSystemOpLeave)                                                                                     \
    FUNCTION(FspFileSystemOpCreate)                                                                                    \
    FUNCTION(FspFileSystemOpOverwrite)                                                                                 \
    FUNCTION(FspFileSystemOpCleanup)                                                                                   \
    FUNCTION(FspFileSystemOpClose)                                                                                     \
    FUNCTION(FspFileSystemOpRead)                                                                                      \
    FUNCTION(FspFileSystemOpWrite)                                                                                     \
    FUNCTION(FspFileSystemOpFlushBuffers)                                                                              \
    FUNCTION(FspFileSystemOpQueryInformation)                                                                          \
    FUNCTION(FspFileSystemOpSetInformation)                                                                            \
    FUNCTION(FspFileSystemOpQueryEa)                                                                                   \
    FUNCTION(FspFileSystemOpSetEa)                                                                                     \
    FUNCTION(FspFileSystemOpQueryVolumeInformation)                                                                    \
    FUNCTION(FspFileSystemOpSetVolumeInformation)                                                                      \
    FUNCTION(FspFileSystemOpQueryDirectory)                                                                            \
    FUNCTION(FspFileSystemOpFileSystemControl)                                                                         \
    FUNCTION(FspFileSystemOpDeviceControl)                                                                             \
    FUNCTION(FspFileSystemOpQuerySecurity)                                                                             \
    FUNCTION(FspFileSystemOpSetSecurity)                                                                               \
    FUNCTION(FspFileSystemOpQueryStreamInformation)                                                                    \
    FUNCTION(FspFsctlCreateVolume)                                                                                     \
    FUNCTION(FspFsctlMakeMountdev)                                                                                     \
    FUNCTION(FspFsctlUseMountmgr)                                                                                      \
    FUNCTION(FspFsctlTransact)                                                                                         \
    FUNCTION(FspFsctlStop)                                                                                             \
    FUNCTION(FspFsctlStop0)                                                                                            \
    FUNCTION(FspFsctlNotify)                                                                                           \
    FUNCTION(FspFsctlGetVolumeList)                                                                                    \
    FUNCTION(FspFsctlPreflight)                                                                                        \
    FUNCTION(FspFsctlServiceVersion)                                                                                   \
    FUNCTION(FspFsctlStartService)                                                                                     \
    FUNCTION(FspFsctlStopService)                                                                                      \
    FUNCTION(FspFsctlEnumServices)                                                                                     \
    FUNCTION(FspMountSet)                                                                                              \
    FUNCTION(FspMountRemove)                                                                                           \
    FUNCTION(FspCallNamedPipeSecurely)                                                                                 \
    FUNCTION(FspCallNamedPipeSecurelyEx)                                                                               \
    FUNCTION(FspLinuxUpper)                                                                                            \
    FUNCTION(FspLinuxLower)                                                                                            \
    FUNCTION(FspLinuxFormat)                                                                                           \
    FUNCTION(FspLinuxTime)                                                                                             \
    FUNCTION(FspLinuxDescriptorSize)                                                                                   \
    FUNCTION(FspLinuxParseSddl)                                                                                        \
    FUNCTION(FspLinuxToWide)                                                                                           \
    FUNCTION(FspLinuxToBytes)                                                                                          \
    FUNCTION(FspLinuxOpen)                                                                                             \
    FUNCTION(FspLinuxWrite)                                                                                            \
    FUNCTION(FspLinuxLock)                                                                                             \
    FUNCTION(FspLinuxSection)                                                                                          \
    FUNCTION(FspLinuxConditionSleep)                                                                                   \
    FUNCTION(FspLinuxConditionWake)                                                                                    \
    FUNCTION(FspLinuxThread)                                                                                           \
    FUNCTION(FspLinuxThreadCode)                                                                                       \
    FUNCTION(FspLinuxThreadId)                                                                                         \
    FUNCTION(FspLinuxEvent)                                                                                            \
    FUNCTION(FspLinuxEventSet)                                                                                         \
    FUNCTION(FspLinuxWait)                                                                                             \
    FUNCTION(FspLinuxClose)                                                                                            \
    FUNCTION(FspLinuxTimer)                                                                                            \
    FUNCTION(FspLinuxTimerSet)                                                                                         \
    FUNCTION(FspLinuxTimerWait)                                                                                        \
    FUNCTION(FspLinuxTimerClose)                                                                                       \
    FUNCTION(FspLinuxSleep)                                                                                            \
    FUNCTION(FspLinuxTicks)                                                                                            \
    FUNCTION(FspLinuxLastError)

#if defined(_WIN32)

static inline NTSTATUS FspLoad(PVOID *PModule) {
    static const WCHAR DllPath[] = L"bin\\winfsp-x64.dll"; /* in the installation's folder */
    WCHAR Path[MAX_PATH] = {0};
    DWORD Size = sizeof Path - sizeof DllPath;
    HKEY Key;
    HMODULE Module = LoadLibraryW(DllPath + 4);
    if (PModule)
        *PModule = NULL;
    if (!Module) {
        if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, L"Software\\WOW6432Node\\WinFsp", 0, KEY_READ, &Key) != ERROR_SUCCESS)
            return STATUS_OBJECT_NAME_NOT_FOUND;
        LONG Result = RegQueryValueExW(Key, L"InstallDir", NULL, NULL, (BYTE *)Path, &Size);
        RegCloseKey(Key);
        if (Result != ERROR_SUCCESS)
            return STATUS_OBJECT_NAME_NOT_FOUND;
        memcpy(Path + wcslen(Path), DllPath, sizeof DllPath); /* strsafe.h, where it comes first, forbids lstrcatW */
        Module = LoadLibraryW(Path);
    }
    if (!Module)
        return STATUS_DLL_NOT_FOUND;
    if (PModule)
        *PModule = Module;
    return STATUS_SUCCESS;
}

#elif !defined(WINFSP_LOAD)

static inline NTSTATUS FspLoad(PVOID *PModule) {
    if (PModule)
        *PModule = NULL;
    return STATUS_SUCCESS;
}

#else

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#define FSP_SONAME "libwinfsp.so.1"
#ifdef __GLIBC__
#define FSP_LIBRARY_FOLDER ""
#else
#define FSP_LIBRARY_FOLDER "musl/"
#endif

/* In C++ a name that was used without it may not become a member's. */
#ifdef __cplusplus
#define FSP_GLOBAL ::
#else
#define FSP_GLOBAL
#endif
struct FspLoadedFunctions {
    PVOID Module;
#define FSP_LOADED_MEMBER(name) __typeof__(FSP_GLOBAL name) *name;
    FSP_API_FUNCTIONS(FSP_LOADED_MEMBER)
#undef FSP_LOADED_MEMBER
};

/* One for the whole program, however many of its files include this. */
__attribute__((weak, visibility("hidden"))) struct FspLoadedFunctions FspLoaded;

static inline NTSTATUS FspLoadFrom(const char *Path) {
    struct FspLoadedFunctions Found;
    PVOID Symbol;
    memset(&Found, 0, sizeof Found);
    Found.Module = dlopen(Path, RTLD_NOW | RTLD_LOCAL);
    if (!Found.Module)
        return STATUS_DLL_NOT_FOUND;
#define FSP_LOADED_FIND(name)                                                                                          \
    Symbol = dlsym(Found.Module, #name);                                                                               \
    memcpy(&Found.name, &Symbol, sizeof Symbol);
    FSP_API_FUNCTIONS(FSP_LOADED_FIND)
#undef FSP_LOADED_FIND
    if (!Found.FspFileSystemCreate) {
        dlclose(Found.Module);
        return STATUS_DLL_NOT_FOUND;
    }
    FspLoaded = Found;
    return STATUS_SUCCESS;
}

/* The installation that /etc/linfsp/library-path names in its one line. */
static inline NTSTATUS FspLoadConfigured(void) {
    char Line[1024], Path[1100];
    FILE *File = fopen("/etc/linfsp/library-path", "re");
    if (!File)
        return STATUS_DLL_NOT_FOUND;
    char *Got = fgets(Line, sizeof Line, File);
    fclose(File);
    if (!Got || Line[0] != '/')
        return STATUS_DLL_NOT_FOUND;
    Line[strcspn(Line, "\r\n")] = 0;
    snprintf(Path, sizeof Path, "%s/" FSP_SONAME, Line);
    return FspLoadFrom(Path);
}

/** STATUS_DLL_NOT_FOUND: there is no library where it was looked for. Calling it again does nothing. */
static inline NTSTATUS FspLoad(PVOID *PModule) {
    static const char *const Places[] = {FSP_SONAME, "/usr/local/lib/linfsp/lib/" FSP_LIBRARY_FOLDER FSP_SONAME,
                                         "/usr/lib/linfsp/lib/" FSP_LIBRARY_FOLDER FSP_SONAME};
    static const char Silo[] = "/dev/linfsp/lib/" FSP_LIBRARY_FOLDER FSP_SONAME;
    const char *Named = getauxval(AT_SECURE) ? NULL : getenv("LINFSP_WINFSP");
    NTSTATUS Result = FspLoaded.Module ? STATUS_SUCCESS : FspLoadFrom(Silo);
    if (!NT_SUCCESS(Result) && Named && *Named)
        Result = FspLoadFrom(Named);
    else if (!NT_SUCCESS(Result))
        Result = FspLoadConfigured();
    for (size_t I = 0; !NT_SUCCESS(Result) && !(Named && *Named) && I < sizeof Places / sizeof *Places; I++)
        Result = FspLoadFrom(Places[I]);
    if (PModule)
        *PModule = FspLoaded.Module;
    return Result;
}

#define FspFileSystemCreate (FspLoaded.FspFileSystemCreate)
#define FspFileSystemSetMountPoint (FspLoaded.FspFileSystemSetMountPoint)
#define FspFileSystemStartDispatcher (FspLoaded.FspFileSystemStartDispatcher)
#define FspFileSystemSendResponse (FspLoaded.FspFileSystemSendResponse)
#define FspFileSystemPreflight (FspLoaded.FspFileSystemPreflight)
#define FspFileSystemDelete (FspLoaded.FspFileSystemDelete)
#define FspFileSystemSetMountPointEx (FspLoaded.FspFileSystemSetMountPointEx)
#define FspFileSystemRemoveMountPoint (FspLoaded.FspFileSystemRemoveMountPoint)
#define FspFileSystemStopDispatcher (FspLoaded.FspFileSystemStopDispatcher)
#define FspFileSystemGetOperationContext (FspLoaded.FspFileSystemGetOperationContext)
#define FspFileSystemNotify (FspLoaded.FspFileSystemNotify)
#define FspFileSystemNotifyBegin (FspLoaded.FspFileSystemNotifyBegin)
#define FspFileSystemNotifyEnd (FspLoaded.FspFileSystemNotifyEnd)
#define FspFileSystemStopServiceIfNecessary (FspLoaded.FspFileSystemStopServiceIfNecessary)
#define FspFileSystemMountPointF (FspLoaded.FspFileSystemMountPointF)
#define FspFileSystemEnterOperationF (FspLoaded.FspFileSystemEnterOperationF)
#define FspFileSystemLeaveOperationF (FspLoaded.FspFileSystemLeaveOperationF)
#define FspFileSystemSetOperationGuardF (FspLoaded.FspFileSystemSetOperationGuardF)
#define FspFileSystemSetOperationGuardStrategyF (FspLoaded.FspFileSystemSetOperationGuardStrategyF)
#define FspFileSystemSetOperationF (FspLoaded.FspFileSystemSetOperationF)
#define FspFileSystemGetDispatcherResultF (FspLoaded.FspFileSystemGetDispatcherResultF)
#define FspFileSystemSetDispatcherResultF (FspLoaded.FspFileSystemSetDispatcherResultF)
#define FspFileSystemSetDebugLogF (FspLoaded.FspFileSystemSetDebugLogF)
#define FspFileSystemIsOperationCaseSensitiveF (FspLoaded.FspFileSystemIsOperationCaseSensitiveF)
#define FspFileSystemOperationProcessIdF (FspLoaded.FspFileSystemOperationProcessIdF)
#define FspFileSystemAddDirInfo (FspLoaded.FspFileSystemAddDirInfo)
#define FspFileSystemAddStreamInfo (FspLoaded.FspFileSystemAddStreamInfo)
#define FspFileSystemAddNotifyInfo (FspLoaded.FspFileSystemAddNotifyInfo)
#define FspFileSystemAddEa (FspLoaded.FspFileSystemAddEa)
#define FspFileSystemEnumerateEa (FspLoaded.FspFileSystemEnumerateEa)
#define FspFileSystemAcquireDirectoryBuffer (FspLoaded.FspFileSystemAcquireDirectoryBuffer)
#define FspFileSystemAcquireDirectoryBufferEx (FspLoaded.FspFileSystemAcquireDirectoryBufferEx)
#define FspFileSystemFillDirectoryBuffer (FspLoaded.FspFileSystemFillDirectoryBuffer)
#define FspFileSystemReleaseDirectoryBuffer (FspLoaded.FspFileSystemReleaseDirectoryBuffer)
#define FspFileSystemReadDirectoryBuffer (FspLoaded.FspFileSystemReadDirectoryBuffer)
#define FspFileSystemDeleteDirectoryBuffer (FspLoaded.FspFileSystemDeleteDirectoryBuffer)
#define FspFileSystemFindReparsePoint (FspLoaded.FspFileSystemFindReparsePoint)
#define FspFileSystemResolveReparsePoints (FspLoaded.FspFileSystemResolveReparsePoints)
#define FspFileSystemCanReplaceReparsePoint (FspLoaded.FspFileSystemCanReplaceReparsePoint)
#define FspAccessCheckEx (FspLoaded.FspAccessCheckEx)
#define FspPosixMapUidToSid (FspLoaded.FspPosixMapUidToSid)
#define FspGetFileGenericMapping (FspLoaded.FspGetFileGenericMapping)
#define FspCreateSecurityDescriptor (FspLoaded.FspCreateSecurityDescriptor)
#define FspSetSecurityDescriptor (FspLoaded.FspSetSecurityDescriptor)
#define FspDeleteSecurityDescriptor (FspLoaded.FspDeleteSecurityDescriptor)
#define FspPosixSetUidMap (FspLoaded.FspPosixSetUidMap)
#define FspPosixMapSidToUid (FspLoaded.FspPosixMapSidToUid)
#define FspDeleteSid (FspLoaded.FspDeleteSid)
#define FspPosixMapPermissionsToSecurityDescriptor (FspLoaded.FspPosixMapPermissionsToSecurityDescriptor)
#define FspPosixMergePermissionsToSecurityDescriptor (FspLoaded.FspPosixMergePermissionsToSecurityDescriptor)
#define FspPosixMapSecurityDescriptorToPermissions (FspLoaded.FspPosixMapSecurityDescriptorToPermissions)
#define FspPosixMapWindowsToPosixPathEx (FspLoaded.FspPosixMapWindowsToPosixPathEx)
#define FspPosixMapPosixToWindowsPathEx (FspLoaded.FspPosixMapPosixToWindowsPathEx)
#define FspPosixDeletePath (FspLoaded.FspPosixDeletePath)
#define FspPosixEncodeWindowsPath (FspLoaded.FspPosixEncodeWindowsPath)
#define FspPosixDecodeWindowsPath (FspLoaded.FspPosixDecodeWindowsPath)
#define FspPathPrefix (FspLoaded.FspPathPrefix)
#define FspPathSuffix (FspLoaded.FspPathSuffix)
#define FspPathCombine (FspLoaded.FspPathCombine)
#define FspServiceRunEx (FspLoaded.FspServiceRunEx)
#define FspServiceCreate (FspLoaded.FspServiceCreate)
#define FspServiceDelete (FspLoaded.FspServiceDelete)
#define FspServiceAllowConsoleMode (FspLoaded.FspServiceAllowConsoleMode)
#define FspServiceAcceptControl (FspLoaded.FspServiceAcceptControl)
#define FspServiceRequestTime (FspLoaded.FspServiceRequestTime)
#define FspServiceSetExitCode (FspLoaded.FspServiceSetExitCode)
#define FspServiceGetExitCode (FspLoaded.FspServiceGetExitCode)
#define FspServiceLoop (FspLoaded.FspServiceLoop)
#define FspServiceStop (FspLoaded.FspServiceStop)
#define FspServiceIsInteractive (FspLoaded.FspServiceIsInteractive)
#define FspServiceContextCheck (FspLoaded.FspServiceContextCheck)
#define FspServiceLog (FspLoaded.FspServiceLog)
#define FspServiceLogV (FspLoaded.FspServiceLogV)
#define FspNtStatusFromWin32 (FspLoaded.FspNtStatusFromWin32)
#define FspWin32FromNtStatus (FspLoaded.FspWin32FromNtStatus)
#define FspEventLog (FspLoaded.FspEventLog)
#define FspEventLogV (FspLoaded.FspEventLogV)
#define FspDebugLogSetHandle (FspLoaded.FspDebugLogSetHandle)
#define FspDebugLog (FspLoaded.FspDebugLog)
#define FspDebugLogSD (FspLoaded.FspDebugLogSD)
#define FspDebugLogSid (FspLoaded.FspDebugLogSid)
#define FspDebugLogFT (FspLoaded.FspDebugLogFT)
#define FspDebugLogRequest (FspLoaded.FspDebugLogRequest)
#define FspDebugLogResponse (FspLoaded.FspDebugLogResponse)
#define FspVersion (FspLoaded.FspVersion)
#define FspSxsIdent (FspLoaded.FspSxsIdent)
#define FspFileSystemOpEnter (FspLoaded.FspFileSystemOpEnter)
#define FspFileSystemOpLeave (FspLoaded.FspFileSystemOpLeave)
#define FspFileSystemOpCreate (FspLoaded.FspFileSystemOpCreate)
#define FspFileSystemOpOverwrite (FspLoaded.FspFileSystemOpOverwrite)
#define FspFileSystemOpCleanup (FspLoaded.FspFileSystemOpCleanup)
#define FspFileSystemOpClose (FspLoaded.FspFileSystemOpClose)
#define FspFileSystemOpRead (FspLoaded.FspFileSystemOpRead)
#define FspFileSystemOpWrite (FspLoaded.FspFileSystemOpWrite)
#define FspFileSystemOpFlushBuffers (FspLoaded.FspFileSystemOpFlushBuffers)
#define FspFileSystemOpQueryInformation (FspLoaded.FspFileSystemOpQueryInformation)
#define FspFileSystemOpSetInformation (FspLoaded.FspFileSystemOpSetInformation)
#define FspFileSystemOpQueryEa (FspLoaded.FspFileSystemOpQueryEa)
#define FspFileSystemOpSetEa (FspLoaded.FspFileSystemOpSetEa)
#define FspFileSystemOpQueryVolumeInformation (FspLoaded.FspFileSystemOpQueryVolumeInformation)
#define FspFileSystemOpSetVolumeInformation (FspLoaded.FspFileSystemOpSetVolumeInformation)
#define FspFileSystemOpQueryDirectory (FspLoaded.FspFileSystemOpQueryDirectory)
#define FspFileSystemOpFileSystemControl (FspLoaded.FspFileSystemOpFileSystemControl)
#define FspFileSystemOpDeviceControl (FspLoaded.FspFileSystemOpDeviceControl)
#define FspFileSystemOpQuerySecurity (FspLoaded.FspFileSystemOpQuerySecurity)
#define FspFileSystemOpSetSecurity (FspLoaded.FspFileSystemOpSetSecurity)
#define FspFileSystemOpQueryStreamInformation (FspLoaded.FspFileSystemOpQueryStreamInformation)
#define FspFsctlCreateVolume (FspLoaded.FspFsctlCreateVolume)
#define FspFsctlMakeMountdev (FspLoaded.FspFsctlMakeMountdev)
#define FspFsctlUseMountmgr (FspLoaded.FspFsctlUseMountmgr)
#define FspFsctlTransact (FspLoaded.FspFsctlTransact)
#define FspFsctlStop (FspLoaded.FspFsctlStop)
#define FspFsctlStop0 (FspLoaded.FspFsctlStop0)
#define FspFsctlNotify (FspLoaded.FspFsctlNotify)
#define FspFsctlGetVolumeList (FspLoaded.FspFsctlGetVolumeList)
#define FspFsctlPreflight (FspLoaded.FspFsctlPreflight)
#define FspFsctlServiceVersion (FspLoaded.FspFsctlServiceVersion)
#define FspFsctlStartService (FspLoaded.FspFsctlStartService)
#define FspFsctlStopService (FspLoaded.FspFsctlStopService)
#define FspFsctlEnumServices (FspLoaded.FspFsctlEnumServices)
#define FspMountSet (FspLoaded.FspMountSet)
#define FspMountRemove (FspLoaded.FspMountRemove)
#define FspCallNamedPipeSecurely (FspLoaded.FspCallNamedPipeSecurely)
#define FspCallNamedPipeSecurelyEx (FspLoaded.FspCallNamedPipeSecurelyEx)
#define FspLinuxUpper (FspLoaded.FspLinuxUpper)
#define FspLinuxLower (FspLoaded.FspLinuxLower)
#define FspLinuxFormat (FspLoaded.FspLinuxFormat)
#define FspLinuxTime (FspLoaded.FspLinuxTime)
#define FspLinuxDescriptorSize (FspLoaded.FspLinuxDescriptorSize)
#define FspLinuxParseSddl (FspLoaded.FspLinuxParseSddl)
#define FspLinuxToWide (FspLoaded.FspLinuxToWide)
#define FspLinuxToBytes (FspLoaded.FspLinuxToBytes)
#define FspLinuxOpen (FspLoaded.FspLinuxOpen)
#define FspLinuxWrite (FspLoaded.FspLinuxWrite)
#define FspLinuxLock (FspLoaded.FspLinuxLock)
#define FspLinuxSection (FspLoaded.FspLinuxSection)
#define FspLinuxConditionSleep (FspLoaded.FspLinuxConditionSleep)
#define FspLinuxConditionWake (FspLoaded.FspLinuxConditionWake)
#define FspLinuxThread (FspLoaded.FspLinuxThread)
#define FspLinuxThreadCode (FspLoaded.FspLinuxThreadCode)
#define FspLinuxThreadId (FspLoaded.FspLinuxThreadId)
#define FspLinuxEvent (FspLoaded.FspLinuxEvent)
#define FspLinuxEventSet (FspLoaded.FspLinuxEventSet)
#define FspLinuxWait (FspLoaded.FspLinuxWait)
#define FspLinuxClose (FspLoaded.FspLinuxClose)
#define FspLinuxTimer (FspLoaded.FspLinuxTimer)
#define FspLinuxTimerSet (FspLoaded.FspLinuxTimerSet)
#define FspLinuxTimerWait (FspLoaded.FspLinuxTimerWait)
#define FspLinuxTimerClose (FspLoaded.FspLinuxTimerClose)
#define FspLinuxSleep (FspLoaded.FspLinuxSleep)
#define FspLinuxTicks (FspLoaded.FspLinuxTicks)
#define FspLinuxLastError (FspLoaded.FspLinuxLastError)

#endif
#endif
