//go:build !unix && !heapbacked

package sys

import "syscall"

// canMap reports that nothing can be mapped.
const canMap = false

const pageSize = 4096

func reserve(n uintptr) (uintptr, syscall.Errno)           { return 0, ENOSYS }
func mapAnonymous(addr, n uintptr, prot int) syscall.Errno { return ENOSYS }
func unmap(addr, n uintptr) syscall.Errno                  { return ENOSYS }
func protect(addr, n uintptr, prot int) syscall.Errno      { return ENOSYS }
func zero(addr, n uintptr)                                 {}
func touch(addr uintptr)                                   {}
