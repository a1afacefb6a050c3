package fuzz

import (
	"syscall"
	"time"
)

// cpuTime returns how long the process has kept processors busy, or 0 if that is
// not known.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
