package sys

import (
	"bytes"
	"encoding/hex"
	"math"
	"os"
	"strconv"
)

// maxMapCountDefault is the kernel's default (DEFAULT_MAX_MAP_COUNT,
// include/linux/mm.h).
const maxMapCountDefault = 65530

// MaxMapCount returns vm.max_map_count, the number of VMAs the process may have.
func MaxMapCount() int {
	b, err := os.ReadFile("/proc/sys/vm/max_map_count")
	if err != nil {
		return maxMapCountDefault
	}
	n, err := strconv.Atoi(string(bytes.TrimSpace(b)))
	if err != nil {
		return maxMapCountDefault
	}
	return n
}

// AddressesUsed returns the bytes of address space the process holds, as
// RLIMIT_AS counts them, or 0 where the system does not tell.
func AddressesUsed() uint64 {
	if injected(CallOpen) != 0 {
		return 0
	}
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, _, _ := bytes.Cut(b, []byte(" "))
	n, err := strconv.ParseUint(string(pages), 10, 64)
	if err != nil {
		return 0
	}
	return n * uint64(os.Getpagesize())
}

// AddressRoom returns the bytes of address space that RLIMIT_AS leaves to the process,
// math.MaxUint64 where there is no limit. Where the system does not tell how much is in
// use it is some part of that, found by taking it for a moment.
func AddressRoom() uint64 {
	if HeapBacked {
		return 8 * ReserveInPlace // There are more, but who asks takes a part of what there is.
	}
	limit := LimitAS()
	if limit == math.MaxUint64 {
		return limit
	}
	used := AddressesUsed()
	if used != 0 {
		return limit - min(limit, used)
	}
	for n := limit / 2; n >= 1<<20; n /= 2 {
		whole := uintptr(n) &^ (1<<20 - 1)
		if at, err := Reserve(0, whole); err == nil {
			_ = Unmap(at, whole) // All of a mapping, and the last one: it can be had.
			return uint64(whole)
		}
	}
	return 0
}

// VMA is one line of /proc/self/maps.
type VMA struct {
	Start, End uintptr
	Perms      string // "rw-s"
	Offset     int64  // in the file
	Path       string // file, or the kernel's name for it in brackets
	File       FileID // zero for none
}

// BootID returns a number that the system has drawn when it was started, 0 where it does
// not tell.
func BootID() (id [16]byte) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err == nil {
		_, _ = hex.Decode(id[:], bytes.ReplaceAll(bytes.TrimSpace(b), []byte("-"), nil))
	}
	return id
}
