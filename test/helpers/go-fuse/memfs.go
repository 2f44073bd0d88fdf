// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"
)

// Errors that have the same number in every C library here; the others are each caller's.
const (
	ePERM   = 1
	eNOENT  = 2
	eBUSY   = 16
	eEXIST  = 17
	eNOTDIR = 20
	eISDIR  = 21
	eINVAL  = 22
	eFBIG   = 27
	eRANGE  = 34
)

const (
	formatMask    = 0o170000
	formatDir     = 0o040000
	formatRegular = 0o100000
	formatLink    = 0o120000
	setgid        = 0o2000
	nameMax       = 255
	sizeMax       = 1 << 40
)

type timestamp struct{ seconds, nanoseconds int64 }

// What stat(2) tells of a node.
type attributes struct {
	inode            uint64
	mode, links      uint32
	uid, gid, device uint32
	size             int64
	times            [3]timestamp // of access, writing, change
}

// A file, directory, symbolic link or something special. It lives for as long as a name or a handle leads to it.
type node struct {
	attributes
	data    []byte
	entries map[string]*node
	xattrs  map[string][]byte
}

// A file system in memory: the operations of FUSE 2, by path. Each returns a negative errno, 0 or a count.
type memfs struct {
	mutex     sync.Mutex
	root      *node
	who       *node // a symbolic link whose target tells who asks, and what init returned
	lastInode uint64
	handles   map[uint64]*node
	handle    uint64
}

func newMemfs(uid, gid uint32) *memfs {
	fs := &memfs{handles: map[uint64]*node{}}
	fs.root = fs.newNode(formatDir|0o777, 0, uid, gid)
	fs.root.links = 2
	fs.who = fs.newNode(formatLink|0o777, 0, uid, gid)
	addName(fs.root, "who", fs.who)
	return fs
}

func now() timestamp {
	t := time.Now()
	return timestamp{t.Unix(), int64(t.Nanosecond())}
}

func (n *node) isDir() bool { return n.mode&formatMask == formatDir }

func (n *node) written() {
	n.times[1] = now()
	n.times[2] = n.times[1]
}

func (fs *memfs) newNode(mode, device, uid, gid uint32) *node {
	fs.lastInode++
	t := now()
	n := &node{attributes: attributes{inode: fs.lastInode, mode: mode, uid: uid, gid: gid, device: device,
		times: [3]timestamp{t, t, t}}}
	if n.isDir() {
		n.entries = map[string]*node{}
	}
	return n
}

// The directory of a path's last component, and that component ("" for the root).
func (fs *memfs) parentOf(path string) (*node, string, int) {
	at := fs.root
	words := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for _, word := range words[:len(words)-1] {
		if !at.isDir() {
			return nil, "", -eNOTDIR
		}
		if at = at.entries[word]; at == nil {
			return nil, "", -eNOENT
		}
	}
	name := words[len(words)-1]
	if !at.isDir() {
		return nil, "", -eNOTDIR
	}
	if len(name) > nameMax {
		return nil, "", -eNAMETOOLONG
	}
	return at, name, 0
}

// The node of a handle if there is one, else of the path.
func (fs *memfs) find(path string, handle uint64) (*node, int) {
	if n := fs.handles[handle]; n != nil {
		return n, 0
	}
	parent, name, r := fs.parentOf(path)
	if r < 0 {
		return nil, r
	}
	if name == "" {
		return fs.root, 0
	}
	if n := parent.entries[name]; n != nil {
		return n, 0
	}
	return nil, -eNOENT
}

// Does something to a node, under the lock.
func (fs *memfs) with(path string, handle uint64, do func(n *node) int) int {
	fs.mutex.Lock()
	defer fs.mutex.Unlock()
	n, r := fs.find(path, handle)
	if r < 0 {
		return r
	}
	return do(n)
}

func addName(parent *node, name string, n *node) {
	parent.entries[name] = n
	n.links++
	if n.isDir() {
		n.links++
		parent.links++
	}
	parent.written()
	n.times[2] = now()
}

func removeName(parent *node, name string) {
	n := parent.entries[name]
	delete(parent.entries, name)
	n.links--
	if n.isDir() {
		n.links--
		parent.links--
	}
	parent.written()
	n.times[2] = now()
}

func (fs *memfs) makeLocked(path string, mode, device uint32, target string) (*node, int) {
	parent, name, r := fs.parentOf(path)
	if r < 0 {
		return nil, r
	}
	if name == "" || parent.entries[name] != nil {
		return nil, -eEXIST
	}
	uid, gid := caller()
	n := fs.newNode(mode, device, uid, gid)
	if parent.mode&setgid != 0 {
		n.gid = parent.gid
		if n.isDir() {
			n.mode |= setgid
		}
	}
	n.data = []byte(target)
	n.size = int64(len(target))
	addName(parent, name, n)
	return n, 0
}

func (fs *memfs) make(path string, mode, device uint32, target string) int {
	fs.mutex.Lock()
	defer fs.mutex.Unlock()
	_, r := fs.makeLocked(path, mode, device, target)
	return r
}

func (fs *memfs) getattr(path string, handle uint64, to *attributes) int {
	return fs.with(path, handle, func(n *node) int {
		*to = n.attributes
		return 0
	})
}

func (fs *memfs) readlink(path string) (target string, r int) {
	r = fs.with(path, 0, func(n *node) int {
		if n.mode&formatMask != formatLink {
			return -eINVAL
		}
		target = string(n.data)
		if n == fs.who {
			uid, _ := caller()
			target = fmt.Sprintf("uid %d, private data %d", uid, privateData())
		}
		return 0
	})
	return
}

func (fs *memfs) link(path, newPath string) int {
	return fs.with(path, 0, func(n *node) int {
		parent, name, r := fs.parentOf(newPath)
		switch {
		case r < 0:
			return r
		case name == "" || parent.entries[name] != nil:
			return -eEXIST
		case n.isDir():
			return -ePERM
		}
		addName(parent, name, n)
		return 0
	})
}

func (fs *memfs) remove(path string, directory bool) int {
	fs.mutex.Lock()
	defer fs.mutex.Unlock()
	parent, name, r := fs.parentOf(path)
	if r < 0 {
		return r
	}
	n := parent.entries[name]
	switch {
	case name == "":
		return -eBUSY
	case n == nil:
		return -eNOENT
	case directory && !n.isDir():
		return -eNOTDIR
	case !directory && n.isDir():
		return -eISDIR
	case len(n.entries) > 0:
		return -eNOTEMPTY
	}
	removeName(parent, name)
	return 0
}

func (fs *memfs) rename(path, newPath string) int {
	fs.mutex.Lock()
	defer fs.mutex.Unlock()
	parent, name, r := fs.parentOf(path)
	if r < 0 {
		return r
	}
	newParent, newName, r := fs.parentOf(newPath)
	if r < 0 {
		return r
	}
	n, before := parent.entries[name], newParent.entries[newName]
	switch {
	case n == nil:
		return -eNOENT
	case n == before:
		return 0
	case before != nil && before.isDir() && !n.isDir():
		return -eISDIR
	case before != nil && !before.isDir() && n.isDir():
		return -eNOTDIR
	case before != nil && len(before.entries) > 0:
		return -eNOTEMPTY
	}
	if before != nil {
		removeName(newParent, newName)
	}
	addName(newParent, newName, n)
	removeName(parent, name)
	return 0
}

func (fs *memfs) chmod(path string, mode uint32) int {
	return fs.with(path, 0, func(n *node) int {
		n.mode = n.mode&formatMask | mode&0o7777
		n.times[2] = now()
		return 0
	})
}

func (fs *memfs) chown(path string, uid, gid uint32) int {
	return fs.with(path, 0, func(n *node) int {
		if uid != ^uint32(0) {
			n.uid = uid
		}
		if gid != ^uint32(0) {
			n.gid = gid
		}
		n.times[2] = now()
		return 0
	})
}

func (n *node) resize(size int64) int {
	if size < 0 || size > sizeMax {
		return -eFBIG
	}
	if size > int64(cap(n.data)) {
		room := make([]byte, size, size+size/2)
		copy(room, n.data)
		n.data = room
	} else {
		old := len(n.data)
		n.data = n.data[:size]
		for i := old; i < len(n.data); i++ {
			n.data[i] = 0
		}
	}
	n.size = size
	return 0
}

func (fs *memfs) truncate(path string, handle uint64, size int64) int {
	return fs.with(path, handle, func(n *node) int {
		n.written()
		return n.resize(size)
	})
}

func (fs *memfs) utimens(path string, accessed, written timestamp) int {
	return fs.with(path, 0, func(n *node) int {
		n.times = [3]timestamp{accessed, written, now()}
		return 0
	})
}

func (fs *memfs) newHandle(n *node) uint64 {
	fs.handle++
	fs.handles[fs.handle] = n
	return fs.handle
}

func (fs *memfs) open(path string, directory bool) (handle uint64, r int) {
	r = fs.with(path, 0, func(n *node) int {
		if directory && !n.isDir() {
			return -eNOTDIR
		}
		handle = fs.newHandle(n)
		return 0
	})
	return
}

func (fs *memfs) create(path string, mode uint32) (uint64, int) {
	fs.mutex.Lock()
	defer fs.mutex.Unlock()
	n, r := fs.makeLocked(path, mode&0o7777|formatRegular, 0, "")
	if r < 0 {
		return 0, r
	}
	return fs.newHandle(n), 0
}

func (fs *memfs) release(handle uint64) int {
	fs.mutex.Lock()
	defer fs.mutex.Unlock()
	delete(fs.handles, handle)
	return 0
}

func (fs *memfs) read(path string, handle uint64, buffer []byte, offset int64) int {
	return fs.with(path, handle, func(n *node) int {
		if offset < 0 || offset >= n.size {
			return 0
		}
		return copy(buffer, n.data[offset:])
	})
}

func (fs *memfs) write(path string, handle uint64, buffer []byte, offset int64) int {
	return fs.with(path, handle, func(n *node) int {
		if end := offset + int64(len(buffer)); end > n.size {
			if r := n.resize(end); r < 0 {
				return r
			}
		}
		n.written()
		return copy(n.data[offset:], buffer)
	})
}

// Calls fill for each entry, "." and ".." first.
func (fs *memfs) readdir(path string, handle uint64, fill func(name string, of *attributes)) int {
	return fs.with(path, handle, func(n *node) int {
		names := make([]string, 0, len(n.entries))
		for name := range n.entries {
			names = append(names, name)
		}
		sort.Strings(names)
		fill(".", nil)
		fill("..", nil)
		for _, name := range names {
			fill(name, &n.entries[name].attributes)
		}
		return 0
	})
}

func (fs *memfs) setxattr(path, name string, value []byte, create, replace bool) int {
	return fs.with(path, 0, func(n *node) int {
		_, there := n.xattrs[name]
		if there && create {
			return -eEXIST
		}
		if !there && replace {
			return -eNODATA
		}
		if n.xattrs == nil {
			n.xattrs = map[string][]byte{}
		}
		n.xattrs[name] = append([]byte{}, value...)
		n.times[2] = now()
		return 0
	})
}

// As much as there is, or its size if the buffer has none.
func give(buffer, value []byte) int {
	if len(buffer) > 0 && len(value) > len(buffer) {
		return -eRANGE
	}
	copy(buffer, value)
	return len(value)
}

func (fs *memfs) getxattr(path, name string, buffer []byte) int {
	return fs.with(path, 0, func(n *node) int {
		value, there := n.xattrs[name]
		if !there {
			return -eNODATA
		}
		return give(buffer, value)
	})
}

func (fs *memfs) listxattr(path string, buffer []byte) int {
	return fs.with(path, 0, func(n *node) int {
		var names []byte
		for name := range n.xattrs {
			names = append(append(names, name...), 0)
		}
		return give(buffer, names)
	})
}

func (fs *memfs) removexattr(path, name string) int {
	return fs.with(path, 0, func(n *node) int {
		if _, there := n.xattrs[name]; !there {
			return -eNODATA
		}
		delete(n.xattrs, name)
		return 0
	})
}

// What statvfs(2) tells: blocks in all and free, nodes in all and free.
func (fs *memfs) statfs() (blocks, free, nodes, freeNodes uint64) {
	fs.mutex.Lock()
	defer fs.mutex.Unlock()
	return 1 << 20, 1 << 19, 1 << 20, 1<<20 - fs.lastInode
}
