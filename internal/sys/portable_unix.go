//go:build unix && (!linux || portable) && !heapbacked

package sys

import (
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// canMap reports that there are calls to map memory with.
const canMap = true

var pageSize = unix.Getpagesize()

// reserve maps n bytes that cannot be accessed, where the system likes.
func reserve(n uintptr) (uintptr, syscall.Errno) {
	p, err := unix.MmapPtr(-1, 0, nil, n, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|noReserve)
	return uintptr(p), errno(err)
}

// mapAnonymous maps zeroes over [addr, addr+n), which is ours.
func mapAnonymous(addr, n uintptr, prot int) syscall.Errno {
	_, err := unix.MmapPtr(-1, 0, Pointer(addr), n, prot, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_FIXED|noReserve)
	return errno(err)
}

func unmap(addr, n uintptr) syscall.Errno {
	return errno(unix.MunmapPtr(Pointer(addr), n))
}

func protect(addr, n uintptr, prot int) syscall.Errno {
	return errno(unix.Mprotect(bytesAt(addr, n), prot))
}

// zero clears [addr, addr+n), which can be written to.
func zero(addr, n uintptr) {
	if n > 0 {
		clear(bytesAt(addr, n))
	}
}

// touch has the page at addr get memory, whatever others write to it meanwhile.
func touch(addr uintptr) { (*atomic.Uint32)(Pointer(addr &^ 3)).Add(0) }

func bytesAt(addr, n uintptr) []byte { return unsafe.Slice((*byte)(Pointer(addr)), n) }

func errno(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	if e, ok := err.(syscall.Errno); ok {
		return e
	}
	return EINVAL
}
