//go:build heapbacked && (!linux || portable)

package sys

import (
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// HeapBacked reports that what is mapped is Go heap: the race detector sees it, and nothing in
// it ever faults.
const HeapBacked = true

// ReserveInPlace is how much is reserved of a buffer that can have no second window, where nobody asks
// for more. It is zeroed, and counts for the garbage collector as if it were in use.
const ReserveInPlace = 64 << 20

// canMap reports that there is memory.
const canMap = true

var pageSize = os.Getpagesize()

// heap is the ranges that are reserved. What keeps their memory, and has it stay where it is, is that it is
// listed here: everywhere else addresses are numbers.
var heap struct {
	sync.Mutex
	ranges []heapRange
}

// heapRange is a range of addresses in memory, which may have been given back in part. What is
// below used has been mapped before, so it may not be zero.
type heapRange struct {
	start, end, used uintptr
	memory           []byte
}

// heapRangeMax is the longest range there is: a window of a GiB, and what it is aligned with.
const heapRangeMax = 1<<30 + 8<<20

// reserve takes n bytes.
func reserve(n uintptr) (uintptr, syscall.Errno) {
	if uint64(n) > heapRangeMax {
		return 0, ENOMEM
	}
	memory := make([]byte, n)
	start := uintptr(unsafe.Pointer(unsafe.SliceData(memory))) // safety: a number; memory is listed.
	heap.Lock()
	defer heap.Unlock()
	heap.ranges = append(heap.ranges, heapRange{start, start + n, start, memory})
	return start, 0
}

// mapAnonymous has [addr, addr+n) be zero, if it is to be used at all.
func mapAnonymous(addr, n uintptr, prot int) syscall.Errno {
	if prot == ProtNone {
		return 0
	}
	heap.Lock()
	defer heap.Unlock()
	for i := range heap.ranges {
		if r := &heap.ranges[i]; r.start <= addr && addr+n <= r.end {
			if addr < r.used {
				zero(addr, min(addr+n, r.used)-addr)
			}
			r.used = max(r.used, addr+n)
			return 0
		}
	}
	return ENOMEM
}

// unmap forgets [addr, addr+n). The memory goes when all of it is forgotten, and nobody points
// there.
func unmap(addr, n uintptr) syscall.Errno {
	heap.Lock()
	defer heap.Unlock()
	var left []heapRange
	for _, r := range heap.ranges {
		if addr >= r.end || r.start >= addr+n {
			left = append(left, r)
			continue
		}
		if r.start < addr {
			left = append(left, heapRange{r.start, addr, min(r.used, addr), r.memory})
		}
		if addr+n < r.end {
			left = append(left, heapRange{addr + n, r.end, max(r.used, addr+n), r.memory})
		}
	}
	heap.ranges = left
	return 0
}

// protect does nothing: Go heap cannot be protected.
func protect(addr, n uintptr, prot int) syscall.Errno { return 0 }

// zero clears [addr, addr+n), which the race detector does not see.
func zero(addr, n uintptr) {
	if n > 0 {
		clear(unsafe.Slice((*byte)(Pointer(addr)), n))
	}
}

// touch does nothing: all there is has memory.
func touch(addr uintptr) {}
