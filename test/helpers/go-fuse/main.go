// SPDX-License-Identifier: MIT

// A Windows file system in Go that calls the FUSE API's unprefixed functions without C, as cgofuse's programs do that are
// built with CGO_ENABLED=0. Its root has a file "hello", and a file "who" that tells who reads it.
package main

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

const (
	enoent      = 2
	modeDir     = 0o040755
	modeFile    = 0o100644
	opGetattr   = 0
	opOpen      = 14
	opRead      = 15
	opReaddir   = 26
	opInit      = 29
	opDestroy   = 30
	nOperations = 58
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
	times          [6]int64
	blksize        int32
	_              int32
	blocks         int64
	born           [2]int64
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
	library    *syscall.DLL
	getContext *syscall.Proc
)

func text(at uintptr) string {
	bytes := []byte{}
	for ; ; at++ {
		b := *(*byte)(unsafe.Pointer(at))
		if b == 0 {
			return string(bytes)
		}
		bytes = append(bytes, b)
	}
}

func failed(errno int) uintptr {
	return uintptr(-errno)
}

func contents(path string) ([]byte, bool) {
	switch path {
	case "/hello":
		return []byte("hello from Go\n"), true
	case "/who":
		at, _, _ := getContext.Call()
		who := (*context)(unsafe.Pointer(at))
		return []byte(fmt.Sprintf("uid %d, private data %d\n", who.uid, who.privateData)), true
	}
	return nil, false
}

func getattr(path, at uintptr) uintptr {
	st := (*stat)(unsafe.Pointer(at))
	name := text(path)
	if name == "/" {
		st.mode = modeDir
		st.nlink = 2
		return 0
	}
	data, found := contents(name)
	if !found {
		return failed(enoent)
	}
	st.mode = modeFile
	st.nlink = 1
	st.size = int64(len(data))
	return 0
}

func open(path, info uintptr) uintptr {
	if _, found := contents(text(path)); !found {
		return failed(enoent)
	}
	return 0
}

func read(path, buffer, size uintptr, offset int64, info uintptr) uintptr {
	data, found := contents(text(path))
	if !found {
		return failed(enoent)
	}
	if offset >= int64(len(data)) {
		return 0
	}
	return uintptr(copy(unsafe.Slice((*byte)(unsafe.Pointer(buffer)), size), data[offset:]))
}

func readdir(path, buffer, filler uintptr, offset int64, info uintptr) uintptr {
	for _, name := range []string{".", "..", "hello", "who"} {
		bytes := append([]byte(name), 0)
		syscall.SyscallN(filler, buffer, uintptr(unsafe.Pointer(&bytes[0])), 0, 0)
	}
	return 0
}

func initialize(connection uintptr) uintptr {
	return 4711
}

func destroy(data uintptr) uintptr {
	fmt.Fprintf(os.Stderr, "destroyed with %d\n", data)
	return 0
}

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
	var operations [nOperations]uintptr
	operations[opGetattr] = syscall.NewCallback(getattr)
	operations[opOpen] = syscall.NewCallback(open)
	operations[opRead] = syscall.NewCallback(read)
	operations[opReaddir] = syscall.NewCallback(readdir)
	operations[opInit] = syscall.NewCallback(initialize)
	operations[opDestroy] = syscall.NewCallback(destroy)
	arguments := make([]*byte, 0, len(os.Args)+1)
	for _, argument := range os.Args {
		arguments = append(arguments, syscall.StringBytePtr(argument))
	}
	arguments = append(arguments, nil)
	status, _, _ := library.MustFindProc("fuse_main_real").Call(uintptr(len(os.Args)),
		uintptr(unsafe.Pointer(&arguments[0])), uintptr(unsafe.Pointer(&operations[0])), unsafe.Sizeof(operations), 0)
	os.Exit(int(int32(status)))
}
