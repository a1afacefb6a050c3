//go:build !portable

package sys

import (
	"time"

	"golang.org/x/sys/unix"
)

// ThreadTime returns how long the calling thread has run so far, or 0 where the system does not
// tell. What a hypervisor does for the thread at a fault counts, what others run meanwhile does not.
func ThreadTime() time.Duration {
	if injected(CallClock) != 0 {
		return 0
	}
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
