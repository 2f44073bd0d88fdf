// SPDX-License-Identifier: MIT

// A file system in memory in Go that calls the unprefixed functions of WinFsp's FUSE API, as cgofuse's programs do. On
// Windows it does so without C, as those that are built with CGO_ENABLED=0; on Linux through a few lines of C.
package main

// #cgo LDFLAGS: -ldl
// #include "caller_linux.h"
import "C"

import (
	"fmt"
	"os"
	"unsafe"
)

// Linux's numbers.
const (
	eNAMETOOLONG = 36
	eNOTEMPTY    = 39
	eNODATA      = 61
)

var fs *memfs

func caller() (uid, gid uint32) {
	here := C.caller_context()
	return uint32(here.uid), uint32(here.gid)
}

func privateData() uintptr {
	return uintptr(C.caller_context().private_data)
}

func bytesAt(at *C.char, size C.size_t) []byte {
	if at == nil {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(at)), int(size))
}

func timespec(from timestamp) C.struct_timespec {
	return C.struct_timespec{tv_sec: C.__time_t(from.seconds), tv_nsec: C.__syscall_slong_t(from.nanoseconds)}
}

func describe(from *attributes, to *C.struct_stat) {
	*to = C.struct_stat{st_ino: C.__ino_t(from.inode), st_mode: C.__mode_t(from.mode),
		st_nlink: C.__nlink_t(from.links), st_uid: C.__uid_t(from.uid), st_gid: C.__gid_t(from.gid),
		st_rdev: C.__dev_t(from.device), st_size: C.__off_t(from.size), st_blksize: 4096,
		st_blocks: C.__blkcnt_t((from.size + 4095) / 4096 * 8), st_atim: timespec(from.times[0]),
		st_mtim: timespec(from.times[1]), st_ctim: timespec(from.times[2])}
}

func getattrOf(path string, handle uint64, to *C.struct_stat) C.int {
	var found attributes
	r := fs.getattr(path, handle, &found)
	if r == 0 {
		describe(&found, to)
	}
	return C.int(r)
}

//export go_getattr
func go_getattr(path *C.char, to *C.struct_stat) C.int { return getattrOf(C.GoString(path), 0, to) }

//export go_fgetattr
func go_fgetattr(path *C.char, to *C.struct_stat, info *C.struct_fuse_file_info) C.int {
	return getattrOf(C.GoString(path), uint64(info.fh), to)
}

//export go_readlink
func go_readlink(path, buffer *C.char, size C.size_t) C.int {
	target, r := fs.readlink(C.GoString(path))
	if r == 0 {
		to := bytesAt(buffer, size)
		to[copy(to[:size-1], target)] = 0
	}
	return C.int(r)
}

//export go_mknod
func go_mknod(path *C.char, mode C.mode_t, device C.dev_t) C.int {
	return C.int(fs.make(C.GoString(path), uint32(mode), uint32(device), ""))
}

//export go_mkdir
func go_mkdir(path *C.char, mode C.mode_t) C.int {
	return C.int(fs.make(C.GoString(path), uint32(mode)&0o7777|formatDir, 0, ""))
}

//export go_symlink
func go_symlink(target, path *C.char) C.int {
	return C.int(fs.make(C.GoString(path), formatLink|0o777, 0, C.GoString(target)))
}

//export go_unlink
func go_unlink(path *C.char) C.int { return C.int(fs.remove(C.GoString(path), false)) }

//export go_rmdir
func go_rmdir(path *C.char) C.int { return C.int(fs.remove(C.GoString(path), true)) }

//export go_rename
func go_rename(path, to *C.char) C.int { return C.int(fs.rename(C.GoString(path), C.GoString(to))) }

//export go_link
func go_link(path, to *C.char) C.int { return C.int(fs.link(C.GoString(path), C.GoString(to))) }

//export go_chmod
func go_chmod(path *C.char, mode C.mode_t) C.int {
	return C.int(fs.chmod(C.GoString(path), uint32(mode)))
}

//export go_chown
func go_chown(path *C.char, uid C.uid_t, gid C.gid_t) C.int {
	return C.int(fs.chown(C.GoString(path), uint32(uid), uint32(gid)))
}

//export go_truncate
func go_truncate(path *C.char, size C.off_t) C.int {
	return C.int(fs.truncate(C.GoString(path), 0, int64(size)))
}

//export go_ftruncate
func go_ftruncate(path *C.char, size C.off_t, info *C.struct_fuse_file_info) C.int {
	return C.int(fs.truncate(C.GoString(path), uint64(info.fh), int64(size)))
}

//export go_utimens
func go_utimens(path *C.char, times *C.struct_timespec) C.int {
	both := unsafe.Slice(times, 2)
	return C.int(fs.utimens(C.GoString(path), timestamp{int64(both[0].tv_sec), int64(both[0].tv_nsec)},
		timestamp{int64(both[1].tv_sec), int64(both[1].tv_nsec)}))
}

func openAny(path *C.char, info *C.struct_fuse_file_info, directory bool) C.int {
	handle, r := fs.open(C.GoString(path), directory)
	if r == 0 {
		info.fh = C.uint64_t(handle)
	}
	return C.int(r)
}

//export go_open
func go_open(path *C.char, info *C.struct_fuse_file_info) C.int { return openAny(path, info, false) }

//export go_opendir
func go_opendir(path *C.char, info *C.struct_fuse_file_info) C.int { return openAny(path, info, true) }

//export go_release
func go_release(path *C.char, info *C.struct_fuse_file_info) C.int {
	return C.int(fs.release(uint64(info.fh)))
}

//export go_create
func go_create(path *C.char, mode C.mode_t, info *C.struct_fuse_file_info) C.int {
	handle, r := fs.create(C.GoString(path), uint32(mode))
	if r == 0 {
		info.fh = C.uint64_t(handle)
	}
	return C.int(r)
}

//export go_read
func go_read(path, buffer *C.char, size C.size_t, offset C.off_t, info *C.struct_fuse_file_info) C.int {
	return C.int(fs.read(C.GoString(path), uint64(info.fh), bytesAt(buffer, size), int64(offset)))
}

//export go_write
func go_write(path, buffer *C.char, size C.size_t, offset C.off_t, info *C.struct_fuse_file_info) C.int {
	return C.int(fs.write(C.GoString(path), uint64(info.fh), bytesAt(buffer, size), int64(offset)))
}

//export go_statfs
func go_statfs(path *C.char, to *C.struct_statvfs) C.int {
	blocks, free, nodes, freeNodes := fs.statfs()
	*to = C.struct_statvfs{f_bsize: 4096, f_frsize: 4096, f_blocks: C.ulong(blocks), f_bfree: C.ulong(free),
		f_bavail: C.ulong(free), f_files: C.ulong(nodes), f_ffree: C.ulong(freeNodes),
		f_favail: C.ulong(freeNodes), f_namemax: nameMax}
	return 0
}

//export go_readdir
func go_readdir(path *C.char, buffer, fill unsafe.Pointer, offset C.off_t, info *C.struct_fuse_file_info) C.int {
	return C.int(fs.readdir(C.GoString(path), uint64(info.fh), func(name string, of *attributes) {
		text := C.CString(name)
		defer C.free(unsafe.Pointer(text))
		if of == nil {
			C.caller_fill(fill, buffer, text, nil)
			return
		}
		var found C.struct_stat
		describe(of, &found)
		C.caller_fill(fill, buffer, text, &found)
	}))
}

//export go_setxattr
func go_setxattr(path, name, value *C.char, size C.size_t, flags C.int) C.int {
	return C.int(fs.setxattr(C.GoString(path), C.GoString(name), bytesAt(value, size), flags&1 != 0, flags&2 != 0))
}

//export go_getxattr
func go_getxattr(path, name, value *C.char, size C.size_t) C.int {
	return C.int(fs.getxattr(C.GoString(path), C.GoString(name), bytesAt(value, size)))
}

//export go_listxattr
func go_listxattr(path, names *C.char, size C.size_t) C.int {
	return C.int(fs.listxattr(C.GoString(path), bytesAt(names, size)))
}

//export go_removexattr
func go_removexattr(path, name *C.char) C.int {
	return C.int(fs.removexattr(C.GoString(path), C.GoString(name)))
}

//export go_init
func go_init(connection unsafe.Pointer) uintptr { return 4711 }

//export go_destroy
func go_destroy(data uintptr) { fmt.Fprintf(os.Stderr, "destroyed with %d\n", data) }

func main() {
	if wrong := C.caller_load(); wrong != nil {
		fmt.Fprintln(os.Stderr, C.GoString(wrong))
		os.Exit(2)
	}
	fs = newMemfs(uint32(os.Getuid()), uint32(os.Getgid()))
	arguments := make([]*C.char, 0, len(os.Args)+1)
	for _, argument := range os.Args {
		arguments = append(arguments, C.CString(argument))
	}
	arguments = append(arguments, nil)
	os.Exit(int(C.caller_main(C.int(len(os.Args)), &arguments[0])))
}
