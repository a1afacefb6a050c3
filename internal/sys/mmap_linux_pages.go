//go:build !portable && linux && (386 || arm || mips || mipsle)

package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// mmap is mmap2(2), the 32-bit form, which counts the offset in units of 4096.
func mmap(addr, n uintptr, prot, flags, fd int, off int64) (uintptr, syscall.Errno) {
	if e := injected(CallMmap); e != 0 {
		return 0, e
	}
	got, _, e := unix.Syscall6(unix.SYS_MMAP2, addr, n, uintptr(prot), uintptr(flags), uintptr(fd), uintptr(off/4096))
	return got, e
}
