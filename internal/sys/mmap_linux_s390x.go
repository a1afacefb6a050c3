//go:build !portable

package sys

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mmap is old_mmap of s390x, which takes its arguments in memory.
func mmap(addr, n uintptr, prot, flags, fd int, off int64) (uintptr, syscall.Errno) {
	if e := injected(CallMmap); e != 0 {
		return 0, e
	}
	args := [6]uintptr{addr, n, uintptr(prot), uintptr(flags), uintptr(fd), uintptr(off)}
	got, _, e := unix.Syscall(unix.SYS_MMAP, uintptr(unsafe.Pointer(&args)), 0, 0) // safety: args is alive for the call.
	return got, e
}
