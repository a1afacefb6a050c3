package work

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strconv"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// NoRoom says why work that takes so many bytes of memory is not done here, ""
// where there is enough.
func NoRoom(n int64) string {
	if have := min(available(), allowed()); n > have {
		return fmt.Sprintf("takes %.1f GiB, and %.1f GiB are available", float64(n)/(1<<30), float64(have)/(1<<30))
	}
	return ""
}

// available returns how many bytes of memory can be had without swapping, as
// proc_meminfo(5) estimates it.
func available() int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return math.MaxInt64 // not Linux: try
	}
	for line := range bytes.Lines(b) {
		if f := bytes.Fields(line); len(f) == 3 && string(f[0]) == "MemAvailable:" {
			if kib, err := strconv.ParseInt(string(f[1]), 10, 64); err == nil {
				return kib << 10
			}
		}
	}
	return math.MaxInt64
}

// allowed returns how many bytes the memory control group allows.
func allowed() int64 {
	n, err := memlimit.FromCgroup()
	if err != nil || n == 0 || n > math.MaxInt64 {
		return math.MaxInt64 // no such limit
	}
	return int64(n)
}
