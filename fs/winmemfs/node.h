/* SPDX-License-Identifier: MIT */
/*
 * winmemfs's files: a tree of nodes in memory, by WinFsp's types alone. Compiles for Linux and for Windows.
 *
 * Model. A node is a file, a directory or a named stream of one of these. A directory has its entries sorted by name, a
 * file its streams; a hash table of all nodes finds one by its parent and name. The tree has one reference to a node,
 * every context that is open has another; a node that was removed from the tree lives until the last one is given back.
 *
 * Locks. Who changes names holds WinFsp's operation guard exclusively. WinFsp's lock on each file guards its data and
 * extended attributes. A file's information, security descriptor, reparse point and list of streams are also read by
 * name, without that lock: NodeLock guards them, for as long as a copy takes.
 */
#ifndef WINMEMFS_NODE_H
#define WINMEMFS_NODE_H

#include <winfsp/winfsp.h>

#include <winfsp/win32.h>

#define NAME_UNITS 256 /* with the NUL */

typedef struct ATTRIBUTE ATTRIBUTE;
typedef struct NODE NODE;
typedef struct MEMFS MEMFS;

struct ATTRIBUTE { /* an extended attribute */
    ATTRIBUTE *Next;
    FILE_FULL_EA_INFORMATION Ea; /* its name and value behind it */
};

struct NODE {
    NODE *Parent; /* of a stream: its file. NULL: the root, or removed */
    NODE *File; /* of a stream: its file, with a reference, also when both are removed. Else NULL */
    LONG References;
    LONG Busy; /* NodeLock */
    BOOLEAN IsStream, IsDirectory; /* which never change */
    PWSTR Name; /* NUL-terminated */
    SIZE_T NameLength;
    SIZE_T Hash; /* of parent and name */
    NODE *NextOfHash;
    FSP_FSCTL_FILE_INFO Info;
    UINT8 *Data; /* Info.AllocationSize bytes */
    PSECURITY_DESCRIPTOR Security;
    SIZE_T SecuritySize;
    PVOID Reparse;
    SIZE_T ReparseSize;
    ATTRIBUTE *Attributes;
    NODE **Entries;
    SIZE_T EntryCount, EntryCapacity;
    NODE **Streams;
    SIZE_T StreamCount, StreamCapacity;
};

struct MEMFS {
    FSP_FILE_SYSTEM *FileSystem;
    NODE *Root;
    NODE **Table; /* TableSize chains, a power of two */
    SIZE_T TableSize;
    BOOLEAN CaseInsensitive;
    ULONG MaxNodes, NodeCount;
    UINT64 MaxFileSize;
    UINT64 NextIndex;
    WCHAR Label[32];
    UINT16 LabelLength; /* bytes */
};

UINT64 SystemTime(VOID);
/* Upper case; on Linux what libwinfsp compares names by. */
WCHAR FoldUnit(WCHAR Unit);

/* With one reference, the caller's. NULL: out of memory. */
NODE *NodeCreate(MEMFS *Memfs, PCWSTR Name, SIZE_T Length);
/* Of a node that is not in the tree. FALSE: out of memory. */
BOOLEAN NodeSetName(NODE *Node, PCWSTR Name, SIZE_T Length);
VOID NodeReference(NODE *Node);
/* Frees it with the last reference. */
VOID NodeDereference(NODE *Node);

/* Waits for the lock on Info, Security, Reparse, EntryCount and Streams. */
VOID NodeLock(NODE *Node);
VOID NodeUnlock(NODE *Node);

static inline NODE *NodeFile(NODE *Node) {
    return Node->File ? Node->File : Node;
}

/* The node of a path, "\a\b" or "\a\b:stream"; NULL: none. *PStatus then says whether the parent is missing. */
NODE *NodeFind(MEMFS *Memfs, PCWSTR Path, NTSTATUS *PStatus);
/* The directory that a path's last component would stand in, and that component. */
NODE *NodeFindParent(MEMFS *Memfs, PCWSTR Path, PCWSTR *PName, SIZE_T *PLength, NTSTATUS *PStatus);
/* The entry after a name, where it begins: an index. */
SIZE_T NodeIndexAfter(MEMFS *Memfs, NODE *Directory, PCWSTR Name);
/* An entry by its name, or NULL. */
NODE *NodeEntry(MEMFS *Memfs, const NODE *Directory, PCWSTR Name, SIZE_T Length);

/* Puts a node into its parent, as an entry or a stream; the tree takes a reference. */
NTSTATUS NodeInsert(MEMFS *Memfs, NODE *Parent, NODE *Node, BOOLEAN Stream);
/* Takes it out; the tree's reference is given back. */
VOID NodeTakeOut(MEMFS *Memfs, NODE *Node);
/* The same, and takes its streams off it. */
VOID NodeRemove(MEMFS *Memfs, NODE *Node);

/* "\a\b:stream" of a node, at most Units with the NUL. FALSE: longer. */
BOOLEAN NodePath(const NODE *Node, PWSTR Path, SIZE_T Units);

NTSTATUS NodeSetAllocation(MEMFS *Memfs, NODE *Node, UINT64 Size);
NTSTATUS NodeSetSize(MEMFS *Memfs, NODE *Node, UINT64 Size);
NTSTATUS NodeSetSecurity(NODE *Node, PSECURITY_DESCRIPTOR Security);
NTSTATUS NodeSetReparse(NODE *Node, PVOID Data, SIZE_T Size);
/* Sets, or with an empty value deletes. */
NTSTATUS NodeSetAttribute(NODE *Node, PFILE_FULL_EA_INFORMATION Ea);
VOID NodeDeleteAttributes(NODE *Node);

#endif
