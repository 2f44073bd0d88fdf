/* SPDX-License-Identifier: MIT */
#include "node.h"

#include <stdlib.h>
#include <string.h>

#ifndef _WIN32
#include <sched.h>
#endif

#define ALLOCATION_UNIT 4096u
#define FIRST_TABLE_SIZE 1024u

UINT64 SystemTime(VOID) {
    FILETIME Time;
    GetSystemTimeAsFileTime(&Time);
    return (UINT64)Time.dwHighDateTime << 32 | Time.dwLowDateTime;
}

WCHAR FoldUnit(WCHAR Unit) {
#ifdef _WIN32
    return (WCHAR)(UINT_PTR)CharUpperW((LPWSTR)(UINT_PTR)Unit);
#else
    return FspLinuxUpper(Unit);
#endif
}

/* ---- nodes ----------------------------------------------------------------------------------------------------- */

NODE *NodeCreate(MEMFS *Memfs, PCWSTR Name, SIZE_T Length) {
    NODE *Node = (NODE *)calloc(1, sizeof *Node);
    UINT64 Now = SystemTime();
    if (!Node || Length >= NAME_UNITS || !NodeSetName(Node, Name, Length)) {
        free(Node);
        return NULL;
    }
    Node->References = 1;
    Node->Info.CreationTime = Node->Info.LastAccessTime = Now;
    Node->Info.LastWriteTime = Node->Info.ChangeTime = Now;
    Node->Info.IndexNumber = ++Memfs->NextIndex;
    return Node;
}

BOOLEAN NodeSetName(NODE *Node, PCWSTR Name, SIZE_T Length) {
    PWSTR Copy = (PWSTR)malloc((Length + 1) * sizeof *Copy);
    if (!Copy)
        return FALSE;
    memcpy(Copy, Name, Length * sizeof *Copy);
    Copy[Length] = 0;
    free(Node->Name);
    Node->Name = Copy;
    Node->NameLength = Length;
    return TRUE;
}

VOID NodeReference(NODE *Node) {
    __atomic_fetch_add(&Node->References, 1, __ATOMIC_SEQ_CST);
}

VOID NodeDereference(NODE *Node) {
    if (__atomic_sub_fetch(&Node->References, 1, __ATOMIC_SEQ_CST) > 0)
        return;
    if (Node->File)
        NodeDereference(Node->File);
    NodeDeleteAttributes(Node);
    free(Node->Name);
    free(Node->Data);
    free(Node->Security);
    free(Node->Reparse);
    free(Node->Entries);
    free(Node->Streams);
    free(Node);
}

static VOID LetOthersRun(VOID) {
#ifdef _WIN32
    SwitchToThread();
#else
    sched_yield();
#endif
}

VOID NodeLock(NODE *Node) {
    while (__atomic_exchange_n(&Node->Busy, 1, __ATOMIC_ACQUIRE))
        LetOthersRun();
}

VOID NodeUnlock(NODE *Node) {
    __atomic_store_n(&Node->Busy, 0, __ATOMIC_RELEASE);
}

static VOID MarkChanged(NODE *Directory) {
    Directory->Info.LastWriteTime = Directory->Info.ChangeTime = SystemTime();
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

static BOOLEAN SameNames(const MEMFS *Memfs, PCWSTR A, SIZE_T ALength, PCWSTR B, SIZE_T BLength) {
    if (ALength != BLength)
        return FALSE;
    if (memcmp(A, B, ALength * sizeof *A) == 0)
        return TRUE;
    for (SIZE_T I = 0; Memfs->CaseInsensitive; I++)
        if (I == ALength || FoldUnit(A[I]) != FoldUnit(B[I]))
            return I == ALength;
    return FALSE;
}

static int CompareNames(const MEMFS *Memfs, PCWSTR A, SIZE_T ALength, PCWSTR B, SIZE_T BLength) {
    SIZE_T Length = ALength < BLength ? ALength : BLength;
    for (SIZE_T I = 0; I < Length; I++) {
        WCHAR Left = Memfs->CaseInsensitive ? FoldUnit(A[I]) : A[I];
        WCHAR Right = Memfs->CaseInsensitive ? FoldUnit(B[I]) : B[I];
        if (Left != Right)
            return Left < Right ? -1 : 1;
    }
    return ALength == BLength ? 0 : ALength < BLength ? -1 : 1;
}

/* Where a name stands among sorted nodes, or would. */
static SIZE_T Search(const MEMFS *Memfs, NODE *const *Nodes, SIZE_T Count, PCWSTR Name, SIZE_T Length,
                     BOOLEAN *PFound) {
    SIZE_T From = 0, To = Count;
    *PFound = FALSE;
    while (From < To) {
        SIZE_T Middle = From + (To - From) / 2;
        int Order = CompareNames(Memfs, Nodes[Middle]->Name, Nodes[Middle]->NameLength, Name, Length);
        if (Order == 0) {
            *PFound = TRUE;
            return Middle;
        }
        if (Order < 0)
            From = Middle + 1;
        else
            To = Middle;
    }
    return From;
}

/* The hash of a name under its parent is begun, goes on with each unit, and is ended. */
static SIZE_T HashBegin(const NODE *Parent) {
    return (SIZE_T)Parent >> 4;
}

static SIZE_T HashUnit(BOOLEAN Fold, SIZE_T Hash, WCHAR Unit) {
    return Hash * 31 + (Fold ? FoldUnit(Unit) : Unit);
}

static SIZE_T HashEnd(SIZE_T Hash) {
    return Hash ^ Hash >> 15;
}

static SIZE_T HashName(const MEMFS *Memfs, const NODE *Parent, PCWSTR Name, SIZE_T Length) {
    SIZE_T Hash = HashBegin(Parent);
    for (SIZE_T I = 0; I < Length; I++)
        Hash = HashUnit(Memfs->CaseInsensitive, Hash, Name[I]);
    return HashEnd(Hash);
}

static NODE *FindHashed(const MEMFS *Memfs, const NODE *Parent, BOOLEAN Stream, PCWSTR Name, SIZE_T Length,
                        SIZE_T Hash) {
    NODE *Node = Memfs->TableSize ? Memfs->Table[Hash & (Memfs->TableSize - 1)] : NULL;
    while (Node && (Node->Hash != Hash || Node->Parent != Parent || Node->IsStream != Stream ||
                    !SameNames(Memfs, Node->Name, Node->NameLength, Name, Length)))
        Node = Node->NextOfHash;
    return Node;
}

NODE *NodeEntry(MEMFS *Memfs, const NODE *Directory, PCWSTR Name, SIZE_T Length) {
    return FindHashed(Memfs, Directory, FALSE, Name, Length, HashName(Memfs, Directory, Name, Length));
}

SIZE_T NodeIndexAfter(MEMFS *Memfs, NODE *Directory, PCWSTR Name) {
    BOOLEAN Found;
    SIZE_T Index = Search(Memfs, Directory->Entries, Directory->EntryCount, Name, wcslen(Name), &Found);
    return Index + (Found ? 1 : 0);
}

/* A component of a path: it ends at a backslash, a colon or the path's end. */
typedef struct {
    PCWSTR Name;
    SIZE_T Length;
    SIZE_T Hash; /* of a name in Parent */
    NODE *Parent;
    BOOLEAN Stream; /* it is the name of a stream of Parent */
} COMPONENT;

static BOOLEAN EndsComponent(WCHAR Unit) {
    return Unit <= '\\' && (Unit == '\\' || Unit == ':' || Unit == 0);
}

static VOID ReadComponent(const MEMFS *Memfs, PCWSTR At, COMPONENT *Component) {
    const BOOLEAN Fold = Memfs->CaseInsensitive;
    SIZE_T Hash = HashBegin(Component->Parent);
    PCWSTR End;
    while (*At == '\\')
        At++;
    for (End = At; !EndsComponent(*End); End++)
        Hash = HashUnit(Fold, Hash, *End);
    Component->Name = At;
    Component->Length = (SIZE_T)(End - At);
    Component->Hash = HashEnd(Hash);
}

static NODE *FindComponent(const MEMFS *Memfs, const COMPONENT *Component) {
    if (Component->Length == 0)
        return Component->Parent;
    return FindHashed(Memfs, Component->Parent, Component->Stream, Component->Name, Component->Length, Component->Hash);
}

/* The last component of a path. A stream's name may have ":$DATA" behind it. */
static NTSTATUS Walk(const MEMFS *Memfs, PCWSTR Path, COMPONENT *Component) {
    Component->Parent = Memfs->Root;
    Component->Stream = FALSE;
    for (;;) {
        ReadComponent(Memfs, Path, Component);
        PCWSTR End = Component->Name + Component->Length;
        if (!*End)
            return STATUS_SUCCESS;
        NODE *Node = FindComponent(Memfs, Component);
        if (*End == ':') { /* the stream of a file: the file is the parent */
            Component->Parent = Node;
            Component->Stream = TRUE;
            ReadComponent(Memfs, End + 1, Component);
            return Node ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND;
        }
        if (!Node || !Node->IsDirectory)
            return Node ? STATUS_NOT_A_DIRECTORY : STATUS_OBJECT_PATH_NOT_FOUND;
        Component->Parent = Node;
        Path = End;
    }
}

NODE *NodeFindParent(MEMFS *Memfs, PCWSTR Path, PCWSTR *PName, SIZE_T *PLength, NTSTATUS *PStatus) {
    COMPONENT Component;
    *PStatus = Walk(Memfs, Path, &Component);
    if (!NT_SUCCESS(*PStatus))
        return NULL;
    *PName = Component.Name;
    *PLength = Component.Length;
    return Component.Parent;
}

NODE *NodeFind(MEMFS *Memfs, PCWSTR Path, NTSTATUS *PStatus) {
    COMPONENT Component;
    *PStatus = Walk(Memfs, Path, &Component);
    NODE *Node = NT_SUCCESS(*PStatus) ? FindComponent(Memfs, &Component) : NULL;
    if (!Node && NT_SUCCESS(*PStatus))
        *PStatus = STATUS_OBJECT_NAME_NOT_FOUND;
    return Node;
}

BOOLEAN NodePath(const NODE *Node, PWSTR Path, SIZE_T Units) {
    SIZE_T At = Units - 1;
    Path[At] = 0;
    for (; Node->Parent; Node = Node->Parent) {
        SIZE_T Length = Node->NameLength;
        if (At < Length + 1)
            return FALSE;
        At -= Length;
        memcpy(Path + At, Node->Name, Length * sizeof *Path);
        Path[--At] = Node->IsStream ? ':' : '\\';
    }
    if (Path[At] != '\\') {
        if (At == 0)
            return FALSE;
        Path[--At] = '\\';
    }
    memmove(Path, Path + At, (Units - At) * sizeof *Path);
    return TRUE;
}

/* ---- the tree -------------------------------------------------------------------------------------------------- */

static VOID PutIntoTable(MEMFS *Memfs, NODE *Node) {
    NODE **Place = &Memfs->Table[Node->Hash & (Memfs->TableSize - 1)];
    Node->NextOfHash = *Place;
    *Place = Node;
}

static VOID TakeOutOfTable(MEMFS *Memfs, NODE *Node) {
    NODE **Place = &Memfs->Table[Node->Hash & (Memfs->TableSize - 1)];
    while (*Place != Node)
        Place = &(*Place)->NextOfHash;
    *Place = Node->NextOfHash;
}

/* A table that cannot grow is slower; one that is not there at all is an error. */
static BOOLEAN GrowTable(MEMFS *Memfs) {
    if (Memfs->NodeCount < Memfs->TableSize)
        return TRUE;
    SIZE_T OldSize = Memfs->TableSize, Size = OldSize ? OldSize * 2 : FIRST_TABLE_SIZE;
    NODE **Old = Memfs->Table, **Table = (NODE **)calloc(Size, sizeof(PVOID));
    if (!Table)
        return OldSize > 0;
    Memfs->Table = Table;
    Memfs->TableSize = Size;
    for (SIZE_T I = 0; I < OldSize; I++)
        for (NODE *Node = Old[I], *Next; Node; Node = Next) {
            Next = Node->NextOfHash;
            PutIntoTable(Memfs, Node);
        }
    free(Old);
    return TRUE;
}

static BOOLEAN InsertAt(NODE ***PNodes, SIZE_T *PCount, SIZE_T *PCapacity, SIZE_T Index, NODE *Node) {
    if (*PCount == *PCapacity) {
        SIZE_T Larger = *PCapacity ? *PCapacity * 2 : 8;
        NODE **Grown = (NODE **)realloc(*PNodes, Larger * sizeof(PVOID));
        if (!Grown)
            return FALSE;
        *PNodes = Grown;
        *PCapacity = Larger;
    }
    memmove(*PNodes + Index + 1, *PNodes + Index, (*PCount - Index) * sizeof(PVOID));
    (*PNodes)[Index] = Node;
    ++*PCount;
    return TRUE;
}

NTSTATUS NodeInsert(MEMFS *Memfs, NODE *Parent, NODE *Node, BOOLEAN Stream) {
    BOOLEAN Found;
    NODE ***PNodes = Stream ? &Parent->Streams : &Parent->Entries;
    SIZE_T *PCount = Stream ? &Parent->StreamCount : &Parent->EntryCount;
    SIZE_T *PCapacity = Stream ? &Parent->StreamCapacity : &Parent->EntryCapacity;
    SIZE_T Index = Search(Memfs, *PNodes, *PCount, Node->Name, Node->NameLength, &Found);
    if (Found)
        return STATUS_OBJECT_NAME_COLLISION;
    if (!GrowTable(Memfs))
        return STATUS_INSUFFICIENT_RESOURCES;
    NodeLock(Parent);
    BOOLEAN Inserted = InsertAt(PNodes, PCount, PCapacity, Index, Node);
    if (Inserted && !Stream)
        MarkChanged(Parent);
    NodeUnlock(Parent);
    if (!Inserted)
        return STATUS_INSUFFICIENT_RESOURCES;
    Node->Parent = Parent;
    Node->IsStream = Stream;
    if (Stream) {
        NodeReference(Parent);
        Node->File = Parent;
    }
    Node->Hash = HashName(Memfs, Parent, Node->Name, Node->NameLength);
    PutIntoTable(Memfs, Node);
    NodeReference(Node);
    Memfs->NodeCount++;
    return STATUS_SUCCESS;
}

static VOID TakeOut(const MEMFS *Memfs, NODE **Nodes, SIZE_T *PCount, const NODE *Node) {
    BOOLEAN Found;
    SIZE_T Index = Search(Memfs, Nodes, *PCount, Node->Name, Node->NameLength, &Found);
    if (!Found)
        return;
    memmove(Nodes + Index, Nodes + Index + 1, (*PCount - Index - 1) * sizeof(PVOID));
    --*PCount;
}

VOID NodeTakeOut(MEMFS *Memfs, NODE *Node) {
    NODE *Parent = Node->Parent;
    if (!Parent)
        return;
    NodeLock(Parent);
    if (Node->IsStream)
        TakeOut(Memfs, Parent->Streams, &Parent->StreamCount, Node);
    else {
        TakeOut(Memfs, Parent->Entries, &Parent->EntryCount, Node);
        MarkChanged(Parent);
    }
    NodeUnlock(Parent);
    TakeOutOfTable(Memfs, Node);
    Node->Parent = NULL;
    Memfs->NodeCount--;
    NodeDereference(Node);
}

VOID NodeRemove(MEMFS *Memfs, NODE *Node) {
    while (Node->Parent && Node->StreamCount)
        NodeTakeOut(Memfs, Node->Streams[Node->StreamCount - 1]);
    NodeTakeOut(Memfs, Node);
}

/* ---- contents -------------------------------------------------------------------------------------------------- */

NTSTATUS NodeSetAllocation(MEMFS *Memfs, NODE *Node, UINT64 Size) {
    UINT64 Whole = (Size + ALLOCATION_UNIT - 1) / ALLOCATION_UNIT * ALLOCATION_UNIT;
    if (Size > Memfs->MaxFileSize)
        return STATUS_DISK_FULL;
    if (Whole != Node->Info.AllocationSize) {
        UINT8 *Data = NULL;
        if (Whole > 0) {
            Data = (UINT8 *)realloc(Node->Data, (SIZE_T)Whole);
            if (!Data)
                return STATUS_INSUFFICIENT_RESOURCES;
        } else
            free(Node->Data);
        Node->Data = Data;
    }
    NodeLock(Node);
    Node->Info.AllocationSize = Whole;
    if (Node->Info.FileSize > Whole)
        Node->Info.FileSize = Whole;
    NodeUnlock(Node);
    return STATUS_SUCCESS;
}

/* A file grows by half as much again, so that appending is not copying. */
NTSTATUS NodeSetSize(MEMFS *Memfs, NODE *Node, UINT64 Size) {
    if (Size > Node->Info.AllocationSize || Size + ALLOCATION_UNIT <= Node->Info.FileSize) {
        UINT64 Wanted = Size;
        if (Size > Node->Info.AllocationSize && Node->Info.AllocationSize + Node->Info.AllocationSize / 2 > Size)
            Wanted = Node->Info.AllocationSize + Node->Info.AllocationSize / 2;
        if (Wanted > Memfs->MaxFileSize)
            Wanted = Size;
        NTSTATUS Result = NodeSetAllocation(Memfs, Node, Wanted);
        if (!NT_SUCCESS(Result))
            return Result;
    }
    if (Size > Node->Info.FileSize && Node->Data)
        memset(Node->Data + Node->Info.FileSize, 0, (SIZE_T)(Size - Node->Info.FileSize));
    NodeLock(Node);
    Node->Info.FileSize = Size;
    NodeUnlock(Node);
    return STATUS_SUCCESS;
}

/* A copy; NULL for nothing. FALSE: out of memory. */
static BOOLEAN CopyBytes(const VOID *Data, SIZE_T Size, PVOID *PCopy) {
    *PCopy = Size ? malloc(Size) : NULL;
    if (*PCopy)
        memcpy(*PCopy, Data, Size);
    return *PCopy || !Size;
}

NTSTATUS NodeSetSecurity(NODE *Node, PSECURITY_DESCRIPTOR Security) {
    SIZE_T Size = Security ? GetSecurityDescriptorLength(Security) : 0;
    PVOID Copy, Old;
    if (!CopyBytes(Security, Size, &Copy))
        return STATUS_INSUFFICIENT_RESOURCES;
    NodeLock(Node);
    Old = Node->Security;
    Node->Security = Copy;
    Node->SecuritySize = Size;
    Node->Info.ChangeTime = SystemTime();
    NodeUnlock(Node);
    free(Old);
    return STATUS_SUCCESS;
}

NTSTATUS NodeSetReparse(NODE *Node, PVOID Data, SIZE_T Size) {
    PVOID Copy, Old;
    if (!CopyBytes(Data, Data ? Size : 0, &Copy))
        return STATUS_INSUFFICIENT_RESOURCES;
    NodeLock(Node);
    Old = Node->Reparse;
    Node->Reparse = Copy;
    Node->ReparseSize = Copy ? Size : 0;
    Node->Info.ReparseTag = 0;
    if (Copy) {
        memcpy(&Node->Info.ReparseTag, Copy, sizeof Node->Info.ReparseTag);
        Node->Info.FileAttributes |= FILE_ATTRIBUTE_REPARSE_POINT;
    } else
        Node->Info.FileAttributes &= ~(UINT32)FILE_ATTRIBUTE_REPARSE_POINT;
    NodeUnlock(Node);
    free(Old);
    return STATUS_SUCCESS;
}

/* ---- extended attributes --------------------------------------------------------------------------------------- */

static int CompareAttributes(const FILE_FULL_EA_INFORMATION *A, const FILE_FULL_EA_INFORMATION *B) {
    if (A->EaNameLength != B->EaNameLength)
        return 1;
    for (int I = 0; I < A->EaNameLength; I++)
        if (FoldUnit((UCHAR)A->EaName[I]) != FoldUnit((UCHAR)B->EaName[I]))
            return 1;
    return 0;
}

NTSTATUS NodeSetAttribute(NODE *Node, PFILE_FULL_EA_INFORMATION Ea) {
    ATTRIBUTE **Place = &Node->Attributes, *New = NULL;
    SIZE_T Size = FIELD_OFFSET(FILE_FULL_EA_INFORMATION, EaName) + Ea->EaNameLength + 1u + Ea->EaValueLength;
    while (*Place && CompareAttributes(&(*Place)->Ea, Ea) != 0)
        Place = &(*Place)->Next;
    if (Ea->EaValueLength) {
        New = (ATTRIBUTE *)malloc(FIELD_OFFSET(ATTRIBUTE, Ea) + Size);
        if (!New)
            return STATUS_INSUFFICIENT_RESOURCES;
        memcpy(&New->Ea, Ea, Size);
        New->Ea.NextEntryOffset = 0;
    }
    UINT32 EaSize = Node->Info.EaSize;
    if (*Place) {
        ATTRIBUTE *Old = *Place;
        *Place = Old->Next;
        EaSize -= FspFileSystemGetEaPackedSize(&Old->Ea);
        free(Old);
    }
    if (New) {
        New->Next = *Place;
        *Place = New;
        EaSize += FspFileSystemGetEaPackedSize(&New->Ea);
    }
    NodeLock(Node);
    Node->Info.EaSize = EaSize;
    NodeUnlock(Node);
    return STATUS_SUCCESS;
}

VOID NodeDeleteAttributes(NODE *Node) {
    while (Node->Attributes) {
        ATTRIBUTE *Next = Node->Attributes->Next;
        free(Node->Attributes);
        Node->Attributes = Next;
    }
    NodeLock(Node);
    Node->Info.EaSize = 0;
    NodeUnlock(Node);
}
