package sys

import (
	"bufio"
	"bytes"
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

// VMA is one line of /proc/self/maps.
type VMA struct {
	Start, End uintptr
	Perms      string // "rw-s"
	Offset     int64  // in the file
	Path       string // file, or the kernel's name for it in brackets
}

// Maps calls f for every VMA of the process in order of address until f returns
// false. The process may change meanwhile: what f sees is no snapshot.
func Maps(f func(VMA) bool) error {
	file, err := os.Open("/proc/self/maps")
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 8<<10), 1<<20) // One read returns a page at most.
	for lines.Scan() {
		if v, ok := parseVMA(lines.Bytes()); ok && !f(v) {
			return nil
		}
	}
	return lines.Err()
}

// parseVMA reads "start-end perms offset dev inode path" (proc_pid_maps(5)).
func parseVMA(line []byte) (VMA, bool) {
	var field [5][]byte
	rest := line
	for i := range field {
		field[i], rest, _ = bytes.Cut(bytes.TrimLeft(rest, " "), []byte(" "))
	}
	lo, hi, ok := bytes.Cut(field[0], []byte("-"))
	start, err1 := strconv.ParseUint(string(lo), 16, 64)
	end, err2 := strconv.ParseUint(string(hi), 16, 64)
	off, err3 := strconv.ParseInt(string(field[2]), 16, 64)
	if !ok || err1 != nil || err2 != nil || err3 != nil {
		return VMA{}, false
	}
	return VMA{
		Start: uintptr(start), End: uintptr(end),
		Perms: string(field[1]), Offset: off,
		Path: string(bytes.TrimLeft(rest, " ")),
	}, true
}
