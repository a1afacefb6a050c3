package doctor

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/growarena/growarena/arena"
)

// memoryRows says how much memory there is, and of what kind.
func memoryRows(f files, features []arena.Feature) []Row {
	c := cgroupOf(f)
	return []Row{
		judgeMemory(f), judgeCgroup(c), judgeHigh(c), judgeGoLimit(c, debug.SetMemoryLimit(-1)),
		judgeShmem(f("/sys/kernel/mm/transparent_hugepage/shmem_enabled"), works(features, "collapse"), works(features, "huge pages anywhere")), judgeOvercommit(f),
	}
}

func judgeMemory(f files) Row {
	total, known := f.meminfo("MemTotal")
	free, _ := f.meminfo("MemAvailable")
	if !known {
		return missing("memory", "unknown", "/proc/meminfo cannot be read", "mount /proc")
	}
	return ok("memory", fmt.Sprintf("%s, of which %s are available", size(total), size(free)))
}

// works reports whether the system has a feature.
func works(features []arena.Feature, name string) bool {
	for _, f := range features {
		if f.Name == name {
			return f.Err == nil
		}
	}
	return false
}

// judgeShmem judges shmem_enabled, "always within_size advise [never] deny force", where huge pages
// are to be had all the same ahead of a writer, or anywhere.
func judgeShmem(setting string, collapse, everywhere bool) Row {
	const name, file = "huge pages for shared memory", "/sys/kernel/mm/transparent_hugepage/shmem_enabled"
	_, mode, _ := strings.Cut(setting, "[")
	mode, _, _ = strings.Cut(mode, "]")
	switch {
	case mode == "":
		return missing(name, "no such setting", "memory comes in small pages: filling takes some three times as long", "a kernel with CONFIG_TRANSPARENT_HUGEPAGE and CONFIG_SHMEM")
	case mode == "deny":
		return costs(name, "shmem_enabled is deny", "no huge pages at all: filling takes some three times as long, and moving an arena is slower", "echo advise > "+file)
	case mode == "never" && !collapse:
		return costs(name, "shmem_enabled is never, and MADV_COLLAPSE does not work", "memory comes in small pages: filling takes some three times as long", "echo advise > "+file)
	case mode == "never" && everywhere:
		return ok(name, "shmem_enabled is never; MADV_COLLAPSE makes them all the same, and HugeAlways mounts a tmpfs of its own")
	case mode == "never":
		return costs(name, "shmem_enabled is never; MADV_COLLAPSE makes them all the same", "only where memory is touched at random: HugeAlways has no effect (memory ahead of a writer is made huge regardless)", "echo advise > "+file+", or run as root: HugeAlways then mounts a tmpfs of its own")
	}
	return ok(name, "shmem_enabled is "+mode)
}

// judgeOvercommit judges vm.overcommit_memory.
func judgeOvercommit(f files) Row {
	const name = "vm.overcommit_memory"
	switch mode := f("/proc/sys/vm/overcommit_memory"); mode {
	case "":
		return ok(name, "no such setting")
	case "2":
		limit, _ := f.meminfo("CommitLimit")
		used, _ := f.meminfo("Committed_AS")
		return costs(name, fmt.Sprintf("2 (%s of %s in use)", size(used), size(limit)),
			"beyond that much memory the system gives no page: a touch is then a fault that ends the process, unless Options.Commit has taken the page before",
			"sysctl -w vm.overcommit_memory=0, or a higher vm.overcommit_ratio")
	default:
		return ok(name, mode)
	}
}
