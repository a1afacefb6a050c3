package doctor

import (
	"fmt"
	"math"
	"math/bits"
	"os"
	"runtime"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/sys"
)

// machineRows says what kind of machine this is.
func machineRows(f files) []Row {
	kernel := f("/proc/sys/kernel/osrelease")
	if kernel == "" {
		kernel = "unknown"
	}
	end := highestMapping()
	return []Row{
		ok("system", fmt.Sprintf("%s/%s, kernel %s", runtime.GOOS, runtime.GOARCH, kernel)),
		ok("Go", runtime.Version()),
		judgeProcessors(runtime.NumCPU(), runtime.GOMAXPROCS(0)),
		ok("page size", size(uint64(os.Getpagesize()))),
		judgeAddresses(end),
		windowRow(),
	}
}

func judgeProcessors(cpus, procs int) Row {
	value := fmt.Sprintf("%d, of which Go uses %d", cpus, procs)
	if procs > 1 {
		return ok("processors", value)
	}
	return costs("processors", value,
		"no helper prepares memory ahead of the writer: it would take the processor from it",
		"if there are more: GOMAXPROCS, or the container's CPU limit")
}

// highestMapping returns where the highest mapping of the process ends: the
// kernel lays the stack at the top of the address space. 0 if nothing is known.
func highestMapping() (end uint64) {
	_ = sys.Maps(func(v sys.VMA) bool { // unreadable: nothing is known
		// vsyscall, at the very top, is the kernel's.
		if v.End>>(bits.UintSize-1) == 0 {
			end = max(end, uint64(v.End))
		}
		return true
	})
	return end
}

func judgeAddresses(end uint64) Row {
	const name = "addresses"
	if end == 0 {
		return missing(name, "unknown", "windows avoid what is foreign only by trial: /proc/self/maps cannot be read", "mount /proc")
	}
	n := bits.Len64(end - 1)
	value := fmt.Sprintf("%d bits (the highest mapping ends at %#x)", n, end)
	if n < 47 {
		return costs(name, value,
			"windows lie closer together: an arena moves more often instead of being extended, and few big ones fit",
			"a kernel with more bits (on arm64 CONFIG_ARM64_VA_BITS_48), a 64-bit build")
	}
	return ok(name, value)
}

// windowTry is the biggest window that is tried: all the addresses that most
// 64-bit machines have.
const windowTry = 1 << min(47, bits.UintSize-2)

// windowRow finds the biggest window that can be reserved at this moment.
func windowRow() Row {
	if limit := sys.LimitAS(); limit != math.MaxUint64 {
		// Not tried: while the window is there nothing is left for the Go heap.
		return judgeWindow(limit-min(limit, sys.AddressesUsed()), "that RLIMIT_AS leaves")
	}
	space := addrspace.New(addrspace.Options{CacheBytes: -1, CacheWindows: -1})
	w, err := space.Reserve(windowTry, addrspace.ReserveOptions{Name: "doctor", Min: addrspace.Alignment})
	if err != nil {
		return missing("biggest window", err.Error(), "no arena can be made", "")
	}
	n := uint64(w.Size())
	if err := w.Release(); err != nil {
		return missing("biggest window", err.Error(), "address space cannot be given back", "")
	}
	return judgeWindow(n, "reserved in a trial")
}

// windowMin is the least biggest window that leaves room for an arena of some
// gigabytes to move into twice its length.
const windowMin = 64 << 30

func judgeWindow(n uint64, how string) Row {
	value := fmt.Sprintf("%s of addresses, %s", size(n), how)
	if n >= windowMin {
		return ok("biggest window", value)
	}
	return costs("biggest window", value,
		"arenas can become no bigger, and to move one takes the old and the new window at once",
		"see addresses and RLIMIT_AS")
}
