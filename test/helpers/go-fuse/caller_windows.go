// SPDX-License-Identifier: MIT

// A file system in memory in Go that calls the unprefixed functions of WinFsp's FUSE API, as cgofuse's programs do. On
// Windows it does so without C, as those that are built with CGO_ENABLED=0; on Linux through a few lines of C.
package main

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// Microsoft's numbers.
const (
	eNAMETOOLONG = 38
	eNOTEMPTY    = 41
	eNODATA      = 120
)

// struct fuse_operations, by the number of its member.
const (
	opGetattr     = 0
	opReadlink    = 2
	opMknod       = 3
	opMkdir       = 4
	opUnlink      = 5
	opRmdir       = 6
	opSymlink     = 7
	opRename      = 8
	opLink        = 9
	opChmod       = 10
	opChown       = 11
	opTruncate    = 12
	opOpen        = 14
	opRead        = 15
	opWrite       = 16
	opStatfs      = 17
	opRelease     = 19
	opSetxattr    = 21
	opGetxattr    = 22
	opListxattr   = 23
	opRemovexattr = 24
	opOpendir     = 25
	opReaddir     = 26
	opReleasedir  = 27
	opInit        = 29
	opDestroy     = 30
	opCreate      = 32
	opFtruncate   = 33
	opFgetattr    = 34
	opUtimens     = 36
	nOperations   = 58
)

type stat struct {
	dev            uint32
	_              uint32
	ino            uint64
	mode           uint32
	nlink          uint16
	_              uint16
	uid, gid, rdev uint32
	_              uint32
	size           int64
	times          [3]timestamp
	blksize        int32
	_              int32
	blocks         int64
	born           timestamp
}

type statvfs struct {
	bsize, frsize, blocks, bfree, bavail, files, ffree, favail, fsid, flag, namemax uint64
}

type fileInfo struct {
	_  [16]byte
	fh uint64
	_  uint64
}

type context struct {
	fuse        uintptr
	uid, gid    uint32
	pid         int32
	_           int32
	privateData uintptr
	umask       uint32
}

var (
	fs         *memfs
	library    *syscall.DLL
	getContext *syscall.Proc
)

func contextHere() *context {
	at, _, _ := getContext.Call()
	return (*context)(at2pointer(at))
}

func caller() (uid, gid uint32) {
	here := contextHere()
	return here.uid, here.gid
}

func privateData() uintptr {
	return contextHere().privateData
}

// An address that the library gave.
func at2pointer(at uintptr) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&at))
}

func bytesAt(at, size uintptr) []byte {
	if at == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(at2pointer(at)), size)
}

func text(at uintptr) string {
	length := uintptr(0)
	for *(*byte)(at2pointer(at + length)) != 0 {
		length++
	}
	return string(bytesAt(at, length))
}

func handleOf(info uintptr) *uint64 {
	return &(*fileInfo)(at2pointer(info)).fh
}

func describe(from *attributes, at uintptr) {
	*(*stat)(at2pointer(at)) = stat{ino: from.inode, mode: from.mode, nlink: uint16(from.links), uid: from.uid,
		gid: from.gid, rdev: from.device, size: from.size, times: from.times, blksize: 4096,
		blocks: (from.size + 4095) / 4096 * 8, born: from.times[2]}
}

func getattrOf(path string, handle uint64, at uintptr) uintptr {
	var found attributes
	r := fs.getattr(path, handle, &found)
	if r == 0 {
		describe(&found, at)
	}
	return uintptr(r)
}

func getattr(path, at uintptr) uintptr        { return getattrOf(text(path), 0, at) }
func fgetattr(path, at, info uintptr) uintptr { return getattrOf(text(path), *handleOf(info), at) }

func readlink(path, buffer, size uintptr) uintptr {
	target, r := fs.readlink(text(path))
	if r == 0 {
		to := bytesAt(buffer, size)
		to[copy(to[:size-1], target)] = 0
	}
	return uintptr(r)
}

func mknod(path, mode, device uintptr) uintptr {
	return uintptr(fs.make(text(path), uint32(mode), uint32(device), ""))
}

func mkdir(path, mode uintptr) uintptr {
	return uintptr(fs.make(text(path), uint32(mode)&0o7777|formatDir, 0, ""))
}

func symlink(target, path uintptr) uintptr {
	return uintptr(fs.make(text(path), formatLink|0o777, 0, text(target)))
}

func unlink(path uintptr) uintptr      { return uintptr(fs.remove(text(path), false)) }
func rmdir(path uintptr) uintptr       { return uintptr(fs.remove(text(path), true)) }
func rename(path, to uintptr) uintptr  { return uintptr(fs.rename(text(path), text(to))) }
func link(path, to uintptr) uintptr    { return uintptr(fs.link(text(path), text(to))) }
func chmod(path, mode uintptr) uintptr { return uintptr(fs.chmod(text(path), uint32(mode))) }

func chown(path, uid, gid uintptr) uintptr {
	return uintptr(fs.chown(text(path), uint32(uid), uint32(gid)))
}

func truncate(path uintptr, size int64) uintptr { return uintptr(fs.truncate(text(path), 0, size)) }

func ftruncate(path uintptr, size int64, info uintptr) uintptr {
	return uintptr(fs.truncate(text(path), *handleOf(info), size))
}

func utimens(path, times uintptr) uintptr {
	both := (*[2]timestamp)(at2pointer(times))
	return uintptr(fs.utimens(text(path), both[0], both[1]))
}

func openAny(path, info uintptr, directory bool) uintptr {
	handle, r := fs.open(text(path), directory)
	if r == 0 {
		*handleOf(info) = handle
	}
	return uintptr(r)
}

func open(path, info uintptr) uintptr    { return openAny(path, info, false) }
func opendir(path, info uintptr) uintptr { return openAny(path, info, true) }
func release(path, info uintptr) uintptr { return uintptr(fs.release(*handleOf(info))) }

func create(path, mode, info uintptr) uintptr {
	handle, r := fs.create(text(path), uint32(mode))
	if r == 0 {
		*handleOf(info) = handle
	}
	return uintptr(r)
}

func read(path, buffer, size uintptr, offset int64, info uintptr) uintptr {
	return uintptr(fs.read(text(path), *handleOf(info), bytesAt(buffer, size), offset))
}

func write(path, buffer, size uintptr, offset int64, info uintptr) uintptr {
	return uintptr(fs.write(text(path), *handleOf(info), bytesAt(buffer, size), offset))
}

func statfs(path, at uintptr) uintptr {
	blocks, free, nodes, freeNodes := fs.statfs()
	*(*statvfs)(at2pointer(at)) = statvfs{bsize: 4096, frsize: 4096, blocks: blocks, bfree: free, bavail: free,
		files: nodes, ffree: freeNodes, favail: freeNodes, namemax: nameMax}
	return 0
}

func readdir(path, buffer, filler uintptr, offset int64, info uintptr) uintptr {
	return uintptr(fs.readdir(text(path), *handleOf(info), func(name string, of *attributes) {
		var found stat
		at := uintptr(0)
		if of != nil {
			at = uintptr(unsafe.Pointer(&found))
			describe(of, at)
		}
		bytes := append([]byte(name), 0)
		syscall.SyscallN(filler, buffer, uintptr(unsafe.Pointer(&bytes[0])), at, 0)
	}))
}

func setxattr(path, name, value, size, flags uintptr) uintptr {
	return uintptr(fs.setxattr(text(path), text(name), bytesAt(value, size), flags&1 != 0, flags&2 != 0))
}

func getxattr(path, name, value, size uintptr) uintptr {
	return uintptr(fs.getxattr(text(path), text(name), bytesAt(value, size)))
}

func listxattr(path, names, size uintptr) uintptr {
	return uintptr(fs.listxattr(text(path), bytesAt(names, size)))
}

func removexattr(path, name uintptr) uintptr { return uintptr(fs.removexattr(text(path), text(name))) }

func initialize(connection uintptr) uintptr { return 4711 }

func destroy(data uintptr) uintptr {
	fmt.Fprintf(os.Stderr, "destroyed with %d\n", data)
	return 0
}

var members = map[int]interface{}{opGetattr: getattr, opReadlink: readlink, opMknod: mknod, opMkdir: mkdir,
	opUnlink: unlink, opRmdir: rmdir, opSymlink: symlink, opRename: rename, opLink: link, opChmod: chmod,
	opChown: chown, opTruncate: truncate, opOpen: open, opRead: read, opWrite: write, opStatfs: statfs,
	opRelease: release, opSetxattr: setxattr, opGetxattr: getxattr, opListxattr: listxattr,
	opRemovexattr: removexattr, opOpendir: opendir, opReaddir: readdir, opReleasedir: release, opInit: initialize,
	opDestroy: destroy, opCreate: create, opFtruncate: ftruncate, opFgetattr: fgetattr, opUtimens: utimens}

// As cgofuse finds the DLL: by name, or where the registry says.
func load() (*syscall.DLL, error) {
	const wow64 = 0x200
	var key syscall.Handle
	if err := syscall.RegOpenKeyEx(syscall.HKEY_LOCAL_MACHINE, syscall.StringToUTF16Ptr(`Software\WinFsp`), 0,
		syscall.KEY_READ|wow64, &key); err != nil {
		return nil, err
	}
	defer syscall.RegCloseKey(key)
	folder := make([]uint16, syscall.MAX_PATH)
	size, kind := uint32(len(folder)*2), uint32(0)
	if err := syscall.RegQueryValueEx(key, syscall.StringToUTF16Ptr("InstallDir"), nil, &kind,
		(*byte)(unsafe.Pointer(&folder[0])), &size); err != nil {
		return nil, err
	}
	return syscall.LoadDLL(syscall.UTF16ToString(folder) + `bin\winfsp-x64.dll`)
}

func main() {
	var err error
	if library, err = load(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	getContext = library.MustFindProc("fuse_get_context")
	for _, name := range []string{"fuse_exit", "fuse_opt_parse", "fuse_opt_free_args", "fuse_notify"} {
		library.MustFindProc(name)
	}
	uid, gid := caller() // outside of a request: whose the file system is
	fs = newMemfs(uid, gid)
	var operations [nOperations]uintptr
	for number, function := range members {
		operations[number] = syscall.NewCallback(function)
	}
	arguments := make([]*byte, 0, len(os.Args)+1)
	for _, argument := range os.Args {
		arguments = append(arguments, syscall.StringBytePtr(argument))
	}
	arguments = append(arguments, nil)
	status, _, _ := library.MustFindProc("fuse_main_real").Call(uintptr(len(os.Args)),
		uintptr(unsafe.Pointer(&arguments[0])), uintptr(unsafe.Pointer(&operations[0])), unsafe.Sizeof(operations), 0)
	os.Exit(int(int32(status)))
}
