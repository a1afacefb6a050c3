package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Faults returns the page faults of this process so far.
func Faults() int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return int64(u.Minflt) + int64(u.Majflt) // int32 on some systems
}

// CPUTime returns the processor time of this process so far, in seconds.
func CPUTime() float64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// RSS returns the resident memory of this process in bytes, the pages of shared
// files it has touched included.
func RSS() int64 { return status("VmRSS:") }

// PeakRSS returns the most that RSS has been since the process began.
func PeakRSS() int64 { return status("VmHWM:") }

// PageTables returns the bytes of this process's page tables.
func PageTables() int64 { return status("VmPTE:") }

// VMAs returns the number of this process's mappings.
func VMAs() int64 {
	b, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		panic(err)
	}
	return int64(bytes.Count(b, []byte{'\n'}))
}

// Mapped returns the bytes of address space at which this process has a file mapped.
func Mapped(path string) (n int64) {
	b, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		panic(err)
	}
	for l := range bytes.Lines(b) {
		at, rest, _ := strings.Cut(strings.TrimSuffix(string(l), "\n"), " ")
		if from, to, _ := strings.Cut(at, "-"); strings.HasSuffix(rest, " "+path) {
			n += address(to) - address(from)
		}
	}
	return n
}

// address is a number of /proc/self/maps.
func address(s string) int64 {
	n, err := strconv.ParseInt(s, 16, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// status returns a line of /proc/self/status that is in kB, in bytes.
func status(line string) int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	for l := range bytes.Lines(b) {
		if f := bytes.Fields(l); len(f) == 3 && string(f[0]) == line {
			n, err := strconv.ParseInt(string(f[1]), 10, 64)
			if err != nil {
				panic(err)
			}
			return n << 10
		}
	}
	panic(fmt.Sprintf("bench: no %s in /proc/self/status", line))
}
