//go:build !portable && linux && !(386 || arm || mips || mipsle || s390x)

package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// mmap is mmap(2) where the system call takes six arguments and a byte offset.
// unix.MmapPtr is not used: it takes the hint as a pointer.
func mmap(addr, n uintptr, prot, flags, fd int, off int64) (uintptr, syscall.Errno) {
	if e := injected(CallMmap); e != 0 {
		return 0, e
	}
	got, _, e := unix.Syscall6(unix.SYS_MMAP, addr, n, uintptr(prot), uintptr(flags), uintptr(fd), uintptr(off))
	return got, e
}
