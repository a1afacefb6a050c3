package doctor

import (
	"fmt"
	"math"

	"github.com/growarena/growarena/internal/sys"
)

// limitRows reads the limits that arenas meet first.
func limitRows(f files) []Row {
	maps, known := f.number("/proc/sys/vm/max_map_count")
	if !known {
		maps = uint64(sys.MaxMapCount())
	}
	return []Row{
		judgeMaps(maps),
		judgeFiles(sys.LimitFiles()),
		judgeLimitAS(sys.LimitAS(), sys.AddressesUsed()),
		judgeFileSize(sys.LimitFileSize()),
	}
}

// manyArenas is how many arenas are enough for anybody who does not make one for
// each of very many small things.
const manyArenas = 100_000

func judgeMaps(n uint64) Row {
	// Windows take at most half: at the limit itself the Go runtime cannot grow
	// its heap. An arena's window is one mapping, or two while only a part of it
	// is mapped.
	arenas := n / 2 / 2
	value := fmt.Sprintf("%s mappings", count(n))
	if arenas >= manyArenas {
		return ok("vm.max_map_count", value)
	}
	return costs("vm.max_map_count", value,
		fmt.Sprintf("windows may be half of them: room for %s arenas at least (buffers of a pool.Pool need none each)", count(arenas)),
		"sysctl -w vm.max_map_count=1048576")
}

func judgeFiles(n uint64) Row {
	const name = "RLIMIT_NOFILE"
	if n >= manyArenas {
		return ok(name, unlimited(n, count)+" descriptors")
	}
	return costs(name, count(n)+" descriptors",
		"each arena takes one, beside your own files and sockets (buffers of a pool.Pool take none)",
		"ulimit -n 1048576 (LimitNOFILE= in a unit)")
}

func judgeLimitAS(limit, used uint64) Row {
	const name = "RLIMIT_AS"
	if limit == math.MaxUint64 {
		return ok(name, "unlimited")
	}
	return costs(name, fmt.Sprintf("%s, of which %s are in use", size(limit), size(used)),
		"windows are address space, and count in full however little they hold; to move an arena takes the old and the new one at once. The Go runtime ends the process when nothing is left for its own heap",
		"ulimit -v unlimited (LimitAS=infinity in a unit); to limit memory use a cgroup")
}

func judgeFileSize(n uint64) Row {
	const name = "RLIMIT_FSIZE"
	if n == math.MaxUint64 {
		return ok(name, "unlimited")
	}
	return costs(name, size(n),
		"it applies to memory files too: no arena can become bigger",
		"ulimit -f unlimited (LimitFSIZE=infinity in a unit)")
}

// unlimited returns n as text.
func unlimited(n uint64, text func(uint64) string) string {
	if n == math.MaxUint64 {
		return "unlimited"
	}
	return text(n)
}
