//go:build !portable

package fuzz

import (
	"syscall"
	"time"
)

// cpuTime returns how long the process has kept processors busy, and how much of
// that was in the kernel, or 0 if that is not known.
func cpuTime() (all, kernel time.Duration) {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0, 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), time.Duration(u.Stime.Nano())
}
