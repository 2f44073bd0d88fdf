/* SPDX-License-Identifier: MIT */
/**
 * The types, constants and status codes of Windows NT that WinFsp's API is made of, for programs on Linux.
 *
 * winfsp.h includes this where there is no <windows.h>. Types have the sizes that they have on 64-bit Windows: LONG,
 * ULONG, DWORD and NTSTATUS are 32 bits, WCHAR is 16 bits.
 *
 * WCHAR and text. Compiled with -fshort-wchar (pkg-config --cflags winfsp has it) L"text" is an array of WCHAR, as on
 * Windows; winfsp/win32.h then gives the wide functions of the C library that programs use most, for 16 bits. Without
 * -fshort-wchar u"text" is an array of WCHAR, and the C library's wide functions are left alone.
 */
#ifndef WINFSP_NT_H
#define WINFSP_NT_H

#include <stddef.h>
#include <stdint.h>

#include <winfsp/nt-constants.h>

/* ---- types ----------------------------------------------------------------------------------------------------- */

#define VOID void
#define CONST const
#define IN
#define OUT
#define OPTIONAL
#define WINAPI
#define NTAPI
#define CALLBACK
#define APIENTRY
#define FORCEINLINE static inline
/* What Microsoft's headers note about parameters. */
#define _In_
#define _In_opt_
#define _In_z_
#define _In_reads_(count)
#define _In_reads_bytes_(size)
#define _Inout_
#define _Inout_opt_
#define _Out_
#define _Out_opt_
#define _Out_writes_(count)
#define _Out_writes_bytes_(size)
#define _Outptr_
#define _Success_(condition)
#define _Printf_format_string_
#define DUMMYUNIONNAME
#define DUMMYSTRUCTNAME
#define ANYSIZE_ARRAY 1
#define UNREFERENCED_PARAMETER(p) ((void)(p))

/* Words of Microsoft's compiler. */
#define __int64 long long
#define __int3264 long /* as wide as a pointer */
#define __cdecl
#define __stdcall
#define __forceinline inline __attribute__((always_inline))
#define __declspec(what) FSP_DECLSPEC_##what
#define FSP_DECLSPEC_selectany __attribute__((weak)) /* one of all that the program's files define */
#define FSP_DECLSPEC_align(bytes) __attribute__((aligned(bytes)))
#define FSP_DECLSPEC_dllexport __attribute__((visibility("default")))
#define FSP_DECLSPEC_dllimport
#define FSP_DECLSPEC_noinline __attribute__((noinline))
#define FSP_DECLSPEC_noreturn __attribute__((noreturn))
#define FSP_DECLSPEC_novtable
#define FSP_DECLSPEC_thread __thread

#ifdef __cplusplus
#if __SIZEOF_WCHAR_T__ == 2
typedef wchar_t WCHAR;
#else
typedef char16_t WCHAR;
#endif
#else
typedef unsigned short WCHAR; /* what both L"" with -fshort-wchar and u"" are made of */
#endif

typedef char CHAR;
typedef int8_t INT8;
typedef uint8_t UINT8, UCHAR, BYTE, BOOLEAN;
typedef int16_t INT16, SHORT;
typedef uint16_t UINT16, USHORT, WORD;
typedef int32_t INT32, LONG, NTSTATUS, BOOL, INT;
typedef uint32_t UINT32, ULONG, DWORD, UINT, ACCESS_MASK, SECURITY_INFORMATION;
typedef int64_t INT64, LONGLONG, LONG64;
typedef uint64_t UINT64, ULONGLONG, ULONG64, DWORD64;
typedef intptr_t INT_PTR, LONG_PTR, SSIZE_T;
typedef uintptr_t UINT_PTR, ULONG_PTR, DWORD_PTR;
typedef size_t SIZE_T;
typedef void *PVOID, *LPVOID, *HANDLE, *PSID, *PSECURITY_DESCRIPTOR, *HMODULE;
typedef const void *LPCVOID;
typedef HANDLE *PHANDLE;
typedef CHAR *PSTR, *PCHAR, *LPSTR;
typedef const CHAR *PCSTR, *LPCSTR;
typedef WCHAR *PWSTR, *PWCHAR, *LPWSTR;
typedef const WCHAR *PCWSTR, *LPCWSTR;
typedef UINT8 *PUINT8, *PUCHAR, *PBYTE, *PBOOLEAN;
typedef UINT16 *PUINT16, *PUSHORT, *PWORD;
typedef UINT32 *PUINT32, *PULONG, *PDWORD, *LPDWORD;
typedef INT32 *PLONG, *PBOOL;
typedef NTSTATUS *PNTSTATUS;
typedef UINT64 *PUINT64, *PULONGLONG, *PULONG64;
typedef SIZE_T *PSIZE_T;
typedef BOOL *LPBOOL;
typedef WORD *LPWORD;
typedef LONG *LPLONG;
typedef INT *PINT;
typedef UINT *PUINT;
typedef LONGLONG *PLONGLONG;
typedef uint64_t DWORDLONG;
typedef int32_t HRESULT;
typedef ACCESS_MASK *PACCESS_MASK;
typedef SECURITY_INFORMATION *PSECURITY_INFORMATION;

#define TRUE 1
#define FALSE 0
#define MAX_PATH 260
#define INFINITE 0xffffffffu
#define INVALID_HANDLE_VALUE ((HANDLE)(LONG_PTR)-1)

typedef union _LARGE_INTEGER {
    struct {
        DWORD LowPart;
        LONG HighPart;
    };
    LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER;

typedef union _ULARGE_INTEGER {
    struct {
        DWORD LowPart;
        DWORD HighPart;
    };
    ULONGLONG QuadPart;
} ULARGE_INTEGER, *PULARGE_INTEGER;

typedef struct _FILETIME {
    DWORD dwLowDateTime;
    DWORD dwHighDateTime;
} FILETIME, *PFILETIME, *LPFILETIME;

typedef struct _GUID {
    UINT32 Data1;
    UINT16 Data2, Data3;
    UINT8 Data4[8];
} GUID;

typedef struct _IO_STATUS_BLOCK {
    union {
        NTSTATUS Status;
        PVOID Pointer;
    };
    ULONG_PTR Information;
} IO_STATUS_BLOCK, *PIO_STATUS_BLOCK;

/* Opaque, with the size of the original: the layouts of FSP_FILE_SYSTEM and FSP_SERVICE depend on it. */
typedef struct _RTL_SRWLOCK {
    PVOID Ptr;
} SRWLOCK, *PSRWLOCK;
#define SRWLOCK_INIT                                                                                                   \
    { 0 }

typedef struct _RTL_CRITICAL_SECTION {
    PVOID Opaque[5];
} CRITICAL_SECTION, *PCRITICAL_SECTION;

typedef struct _RTL_CONDITION_VARIABLE {
    PVOID Ptr;
} CONDITION_VARIABLE, *PCONDITION_VARIABLE;
#define CONDITION_VARIABLE_INIT                                                                                        \
    { 0 }

typedef struct _SECURITY_ATTRIBUTES {
    DWORD nLength;
    LPVOID lpSecurityDescriptor;
    BOOL bInheritHandle;
} SECURITY_ATTRIBUTES, *PSECURITY_ATTRIBUTES, *LPSECURITY_ATTRIBUTES;

typedef DWORD (*LPTHREAD_START_ROUTINE)(LPVOID Parameter);
typedef struct _TP_CALLBACK_INSTANCE *PTP_CALLBACK_INSTANCE;
typedef struct _TP_CALLBACK_ENVIRON *PTP_CALLBACK_ENVIRON;
typedef struct _TP_TIMER *PTP_TIMER;
typedef VOID (*PTP_TIMER_CALLBACK)(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_TIMER Timer);

typedef PVOID SERVICE_STATUS_HANDLE;
typedef struct _SERVICE_STATUS {
    DWORD dwServiceType, dwCurrentState, dwControlsAccepted, dwWin32ExitCode, dwServiceSpecificExitCode, dwCheckPoint,
        dwWaitHint;
} SERVICE_STATUS;

#define ARRAYSIZE(array) (sizeof(array) / sizeof(*(array)))
#define _countof(array) (sizeof(array) / sizeof(*(array)))
#define LOBYTE(value) ((BYTE)((DWORD_PTR)(value)&0xff))
#define HIBYTE(value) ((BYTE)((DWORD_PTR)(value) >> 8 & 0xff))
#define LOWORD(value) ((WORD)((DWORD_PTR)(value)&0xffff))
#define HIWORD(value) ((WORD)((DWORD_PTR)(value) >> 16 & 0xffff))
#define MAKEWORD(low, high) ((WORD)((BYTE)(low) | (WORD)(BYTE)(high) << 8))
#define MAKELONG(low, high) ((LONG)((WORD)(low) | (DWORD)(WORD)(high) << 16))

#define ZeroMemory(to, size) memset((to), 0, (size))
#define FillMemory(to, size, byte) memset((to), (byte), (size))
#define CopyMemory(to, from, size) memcpy((to), (from), (size))
#define MoveMemory(to, from, size) memmove((to), (from), (size))
#define RtlZeroMemory(to, size) memset((to), 0, (size))
#define RtlFillMemory(to, size, byte) memset((to), (byte), (size))
#define RtlCopyMemory(to, from, size) memcpy((to), (from), (size))
#define RtlMoveMemory(to, from, size) memmove((to), (from), (size))
#if !defined(__cplusplus) && !defined(NOMINMAX)
#ifndef max
#define max(a, b) ((a) > (b) ? (a) : (b))
#endif
#ifndef min
#define min(a, b) ((a) < (b) ? (a) : (b))
#endif
#endif

#define CONTAINING_RECORD(address, type, field) ((type *)((char *)(address)-offsetof(type, field)))
#define FIELD_OFFSET(type, field) ((LONG)offsetof(type, field))

/* ---- security -------------------------------------------------------------------------------------------------- */

typedef struct _SID_IDENTIFIER_AUTHORITY {
    BYTE Value[6];
} SID_IDENTIFIER_AUTHORITY;
typedef struct _SID {
    BYTE Revision, SubAuthorityCount;
    SID_IDENTIFIER_AUTHORITY IdentifierAuthority;
    DWORD SubAuthority[ANYSIZE_ARRAY];
} SID;
typedef struct _ACL {
    BYTE AclRevision, Sbz1;
    WORD AclSize, AceCount, Sbz2;
} ACL, *PACL;
typedef struct _ACE_HEADER {
    BYTE AceType, AceFlags;
    WORD AceSize;
} ACE_HEADER;
typedef struct _ACCESS_ALLOWED_ACE {
    ACE_HEADER Header;
    ACCESS_MASK Mask;
    DWORD SidStart;
} ACCESS_ALLOWED_ACE, ACCESS_DENIED_ACE;
typedef struct _SECURITY_DESCRIPTOR_RELATIVE {
    BYTE Revision, Sbz1;
    WORD Control;
    DWORD Owner, Group, Sacl, Dacl;
} SECURITY_DESCRIPTOR_RELATIVE;
/* Of those that Windows knows by number the ones that FspCallNamedPipeSecurely is called with. */
typedef enum {
    WinNullSid = 0,
    WinWorldSid = 1,
    WinLocalSystemSid = 22,
    WinLocalServiceSid = 23,
    WinNetworkServiceSid = 24,
    WinBuiltinAdministratorsSid = 26,
    WinBuiltinUsersSid = 27
} WELL_KNOWN_SID_TYPE;
typedef struct _GENERIC_MAPPING {
    ACCESS_MASK GenericRead, GenericWrite, GenericExecute, GenericAll;
} GENERIC_MAPPING, *PGENERIC_MAPPING;

/* ---- files ------------------------------------------------------------------------------------------------------ */

typedef struct _REPARSE_DATA_BUFFER {
    ULONG ReparseTag;
    USHORT ReparseDataLength, Reserved;
    union {
        struct {
            USHORT SubstituteNameOffset, SubstituteNameLength, PrintNameOffset, PrintNameLength;
            ULONG Flags;
            WCHAR PathBuffer[1];
        } SymbolicLinkReparseBuffer;
        struct {
            USHORT SubstituteNameOffset, SubstituteNameLength, PrintNameOffset, PrintNameLength;
            WCHAR PathBuffer[1];
        } MountPointReparseBuffer;
        struct {
            UCHAR DataBuffer[1];
        } GenericReparseBuffer;
    };
} REPARSE_DATA_BUFFER, *PREPARSE_DATA_BUFFER;
#define REPARSE_DATA_BUFFER_HEADER_SIZE offsetof(REPARSE_DATA_BUFFER, GenericReparseBuffer)

typedef struct _REPARSE_GUID_DATA_BUFFER {
    ULONG ReparseTag;
    USHORT ReparseDataLength, Reserved;
    GUID ReparseGuid;
    struct {
        UCHAR DataBuffer[1];
    } GenericReparseBuffer;
} REPARSE_GUID_DATA_BUFFER, *PREPARSE_GUID_DATA_BUFFER;
#define REPARSE_GUID_DATA_BUFFER_HEADER_SIZE offsetof(REPARSE_GUID_DATA_BUFFER, GenericReparseBuffer)

typedef struct _FILE_FULL_EA_INFORMATION {
    ULONG NextEntryOffset;
    UCHAR Flags, EaNameLength;
    USHORT EaValueLength;
    CHAR EaName[1];
} FILE_FULL_EA_INFORMATION, *PFILE_FULL_EA_INFORMATION;
#define FILE_NEED_EA 0x80

/* ---- status codes ---------------------------------------------------------------------------------------------- */

#define NT_SUCCESS(status) ((NTSTATUS)(status) >= 0)
#define NT_INFORMATION(status) ((ULONG)(status) >> 30 == 1)
#define NT_WARNING(status) ((ULONG)(status) >> 30 == 2)
#define NT_ERROR(status) ((ULONG)(status) >> 30 == 3)

/* Name, value. src/winfsp/status.c matches them with errno values and Win32 errors. */
#define FSP_NT_STATUS_LIST(STATUS)                                                                                     \
    STATUS(STATUS_SUCCESS, 0x00000000)                                                                                 \
    STATUS(STATUS_PENDING, 0x00000103)                                                                                 \
    STATUS(STATUS_REPARSE, 0x00000104)                                                                                 \
    STATUS(STATUS_BUFFER_OVERFLOW, 0x80000005)                                                                         \
    STATUS(STATUS_NO_MORE_FILES, 0x80000006)                                                                           \
    STATUS(STATUS_DEVICE_BUSY, 0x80000011)                                                                             \
    STATUS(STATUS_EA_LIST_INCONSISTENT, 0x80000014)                                                                    \
    STATUS(STATUS_STOPPED_ON_SYMLINK, 0x8000002d)                                                                      \
    STATUS(STATUS_INVALID_EA_NAME, 0x80000013)                                                                         \
    STATUS(STATUS_INVALID_EA_FLAG, 0x80000015)                                                                         \
    STATUS(STATUS_UNSUCCESSFUL, 0xc0000001)                                                                            \
    STATUS(STATUS_NOT_IMPLEMENTED, 0xc0000002)                                                                         \
    STATUS(STATUS_INVALID_INFO_CLASS, 0xc0000003)                                                                      \
    STATUS(STATUS_INFO_LENGTH_MISMATCH, 0xc0000004)                                                                    \
    STATUS(STATUS_ACCESS_VIOLATION, 0xc0000005)                                                                        \
    STATUS(STATUS_INVALID_HANDLE, 0xc0000008)                                                                          \
    STATUS(STATUS_INVALID_PARAMETER, 0xc000000d)                                                                       \
    STATUS(STATUS_NO_SUCH_DEVICE, 0xc000000e)                                                                          \
    STATUS(STATUS_NO_SUCH_FILE, 0xc000000f)                                                                            \
    STATUS(STATUS_INVALID_DEVICE_REQUEST, 0xc0000010)                                                                  \
    STATUS(STATUS_END_OF_FILE, 0xc0000011)                                                                             \
    STATUS(STATUS_NO_MEDIA_IN_DEVICE, 0xc0000013)                                                                      \
    STATUS(STATUS_NO_MEMORY, 0xc0000017)                                                                               \
    STATUS(STATUS_ACCESS_DENIED, 0xc0000022)                                                                           \
    STATUS(STATUS_BUFFER_TOO_SMALL, 0xc0000023)                                                                        \
    STATUS(STATUS_OBJECT_TYPE_MISMATCH, 0xc0000024)                                                                    \
    STATUS(STATUS_OBJECT_NAME_INVALID, 0xc0000033)                                                                     \
    STATUS(STATUS_OBJECT_NAME_NOT_FOUND, 0xc0000034)                                                                   \
    STATUS(STATUS_OBJECT_NAME_COLLISION, 0xc0000035)                                                                   \
    STATUS(STATUS_OBJECT_PATH_INVALID, 0xc0000039)                                                                     \
    STATUS(STATUS_OBJECT_PATH_NOT_FOUND, 0xc000003a)                                                                   \
    STATUS(STATUS_OBJECT_PATH_SYNTAX_BAD, 0xc000003b)                                                                  \
    STATUS(STATUS_SHARING_VIOLATION, 0xc0000043)                                                                       \
    STATUS(STATUS_QUOTA_EXCEEDED, 0xc0000044)                                                                          \
    STATUS(STATUS_EA_TOO_LARGE, 0xc0000050)                                                                            \
    STATUS(STATUS_NONEXISTENT_EA_ENTRY, 0xc0000051)                                                                    \
    STATUS(STATUS_NO_EAS_ON_FILE, 0xc0000052)                                                                          \
    STATUS(STATUS_EA_CORRUPT_ERROR, 0xc0000053)                                                                        \
    STATUS(STATUS_FILE_LOCK_CONFLICT, 0xc0000054)                                                                      \
    STATUS(STATUS_LOCK_NOT_GRANTED, 0xc0000055)                                                                        \
    STATUS(STATUS_DELETE_PENDING, 0xc0000056)                                                                          \
    STATUS(STATUS_PRIVILEGE_NOT_HELD, 0xc0000061)                                                                      \
    STATUS(STATUS_LOGON_FAILURE, 0xc000006d)                                                                           \
    STATUS(STATUS_INVALID_ACL, 0xc0000077)                                                                             \
    STATUS(STATUS_INVALID_SID, 0xc0000078)                                                                             \
    STATUS(STATUS_INVALID_SECURITY_DESCR, 0xc0000079)                                                                  \
    STATUS(STATUS_DISK_FULL, 0xc000007f)                                                                               \
    STATUS(STATUS_INSUFFICIENT_RESOURCES, 0xc000009a)                                                                  \
    STATUS(STATUS_MEDIA_WRITE_PROTECTED, 0xc00000a2)                                                                   \
    STATUS(STATUS_DEVICE_NOT_READY, 0xc00000a3)                                                                        \
    STATUS(STATUS_PIPE_BROKEN, 0xc000014b)                                                                             \
    STATUS(STATUS_IO_TIMEOUT, 0xc00000b5)                                                                              \
    STATUS(STATUS_FILE_IS_A_DIRECTORY, 0xc00000ba)                                                                     \
    STATUS(STATUS_NOT_SUPPORTED, 0xc00000bb)                                                                           \
    STATUS(STATUS_BAD_NETWORK_PATH, 0xc00000be)                                                                        \
    STATUS(STATUS_NETWORK_BUSY, 0xc00000bf)                                                                            \
    STATUS(STATUS_NETWORK_ACCESS_DENIED, 0xc00000ca)                                                                   \
    STATUS(STATUS_BAD_NETWORK_NAME, 0xc00000cc)                                                                        \
    STATUS(STATUS_NOT_SAME_DEVICE, 0xc00000d4)                                                                         \
    STATUS(STATUS_FILE_RENAMED, 0xc00000d5)                                                                            \
    STATUS(STATUS_NO_SECURITY_ON_OBJECT, 0xc00000d7)                                                                   \
    STATUS(STATUS_CANT_WAIT, 0xc00000d8)                                                                               \
    STATUS(STATUS_INTERNAL_ERROR, 0xc00000e5)                                                                          \
    STATUS(STATUS_UNEXPECTED_IO_ERROR, 0xc00000e9)                                                                     \
    STATUS(STATUS_DIRECTORY_NOT_EMPTY, 0xc0000101)                                                                     \
    STATUS(STATUS_FILE_CORRUPT_ERROR, 0xc0000102)                                                                      \
    STATUS(STATUS_NOT_A_DIRECTORY, 0xc0000103)                                                                         \
    STATUS(STATUS_NAME_TOO_LONG, 0xc0000106)                                                                           \
    STATUS(STATUS_TOO_MANY_OPENED_FILES, 0xc000011f)                                                                   \
    STATUS(STATUS_CANCELLED, 0xc0000120)                                                                               \
    STATUS(STATUS_CANNOT_DELETE, 0xc0000121)                                                                           \
    STATUS(STATUS_FILE_DELETED, 0xc0000123)                                                                            \
    STATUS(STATUS_FILE_CLOSED, 0xc0000128)                                                                             \
    STATUS(STATUS_DLL_NOT_FOUND, 0xc0000135)                                                                           \
    STATUS(STATUS_IO_DEVICE_ERROR, 0xc0000185)                                                                         \
    STATUS(STATUS_NOT_FOUND, 0xc0000225)                                                                               \
    STATUS(STATUS_RETRY, 0xc000022d)                                                                                   \
    STATUS(STATUS_CONNECTION_REFUSED, 0xc0000236)                                                                      \
    STATUS(STATUS_CONNECTION_RESET, 0xc000020d)                                                                        \
    STATUS(STATUS_HOST_UNREACHABLE, 0xc000023d)                                                                        \
    STATUS(STATUS_TOO_MANY_LINKS, 0xc0000265)                                                                          \
    STATUS(STATUS_NOT_A_REPARSE_POINT, 0xc0000275)                                                                     \
    STATUS(STATUS_IO_REPARSE_TAG_INVALID, 0xc0000276)                                                                  \
    STATUS(STATUS_IO_REPARSE_TAG_MISMATCH, 0xc0000277)                                                                 \
    STATUS(STATUS_IO_REPARSE_DATA_INVALID, 0xc0000278)                                                                 \
    STATUS(STATUS_IO_REPARSE_TAG_NOT_HANDLED, 0xc0000279)                                                              \
    STATUS(STATUS_REPARSE_POINT_NOT_RESOLVED, 0xc0000280)                                                              \
    STATUS(STATUS_DIRECTORY_IS_A_REPARSE_POINT, 0xc0000281)                                                            \
    STATUS(STATUS_REPARSE_ATTRIBUTE_CONFLICT, 0xc00002b2)                                                              \
    STATUS(STATUS_CANNOT_MAKE, 0xc00002ea)                                                                             \
    STATUS(STATUS_FILE_TOO_LARGE, 0xc0000904)                                                                          \
    STATUS(STATUS_TIMEOUT, 0x00000102)                                                                                 \
    STATUS(STATUS_NO_MORE_ENTRIES, 0x8000001a)                                                                         \
    STATUS(STATUS_MORE_PROCESSING_REQUIRED, 0xc0000016)                                                                \
    STATUS(STATUS_DISK_CORRUPT_ERROR, 0xc0000032)                                                                      \
    STATUS(STATUS_DATA_ERROR, 0xc000003e)                                                                              \
    STATUS(STATUS_CRC_ERROR, 0xc000003f)                                                                               \
    STATUS(STATUS_EAS_NOT_SUPPORTED, 0xc000004f)                                                                       \
    STATUS(STATUS_INVALID_OWNER, 0xc000005a)                                                                           \
    STATUS(STATUS_NO_SUCH_USER, 0xc0000064)                                                                            \
    STATUS(STATUS_WRONG_PASSWORD, 0xc000006a)                                                                          \
    STATUS(STATUS_RANGE_NOT_LOCKED, 0xc000007e)                                                                        \
    STATUS(STATUS_FILE_INVALID, 0xc0000098)                                                                            \
    STATUS(STATUS_UNRECOGNIZED_VOLUME, 0xc000014f)                                                                     \
    STATUS(STATUS_INVALID_BUFFER_SIZE, 0xc0000206)                                                                     \
    STATUS(STATUS_CONNECTION_DISCONNECTED, 0xc000020c)                                                                 \
    STATUS(STATUS_NETWORK_UNREACHABLE, 0xc000023c)                                                                     \
    STATUS(STATUS_USER_MAPPED_FILE, 0xc0000243)                                                                        \
    STATUS(STATUS_VOLUME_DISMOUNTED, 0xc000026e)

#define FSP_NT_STATUS_VALUE(name, value) name = (NTSTATUS)(value##u),
enum { FSP_NT_STATUS_LIST(FSP_NT_STATUS_VALUE) };
#undef FSP_NT_STATUS_VALUE

#endif
