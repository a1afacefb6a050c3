package doctor

import (
	"errors"
	"fmt"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/sys"
)

// absent says of a kernel feature what it costs to do without, and how to get it.
type absent struct {
	cost, change string
	root         bool // Where it is not permitted privilege is what is missing, which change says.
}

// absents are for the features of [arena.Features], by name. A name that is not
// here gets the plain answer.
var absents = map[string]absent{
	"memfd":               {cost: "files in /dev/shm, or where TMPDIR says if that is a tmpfs, stand in: they are bounded as that is, and a touch beyond is a fault", change: "Linux 3.17 or newer; a seccomp profile that allows memfd_create"},
	"seals":               {cost: "somebody who gets the file of an arena can make it shorter: a touch is then a fault", change: "Linux 3.17 or newer"},
	"alias":               {cost: "arenas cannot move", change: "a kernel or sandbox with coherent shared mappings"},
	"move page tables":    {cost: "growth beyond a window maps the file a second time: readers take a page fault for each page", change: "Linux 5.13 or newer"},
	"duplicate":           {cost: "followers keep their descriptors, and memory of others gets no aliases", change: "a kernel or sandbox whose mremap takes a length of 0"},
	"collapse":            {cost: "memory ahead of the writer comes in small pages: filling takes some three times as long; and with Options.Commit, or a LinearMemory, the limit of a memory cgroup is answered by the OOM killer, not by an error", change: "Linux 6.12 or newer, or 6.1 with shmem_enabled other than never, with CONFIG_TRANSPARENT_HUGEPAGE and CONFIG_SHMEM, shmem_enabled not deny, and pages of 4 KiB (with 16 KiB a huge page is 32 MiB long)"},
	"huge pages anywhere": {cost: "memory that is touched at random comes in small pages, also with HugeAlways: a table of a GiB is filled some ten times slower", change: "echo advise > /sys/kernel/mm/transparent_hugepage/shmem_enabled, or run as root, of a user namespace with a mount namespace of its own if need be (Linux 5.2)", root: true},
	"populate":            {cost: "memory is not made ready ahead where huge pages are not to be had", change: "Linux 5.14 or newer"},
	"punch hole":          {cost: "memory goes back only when an arena is freed; what is freed before is cleared and used again", change: "Linux 3.5 or newer; for a file, a file system with holes"},
	"guards":              {cost: "buffers of a pool have no inaccessible pages between them", change: "Linux 6.15 or newer"},
	"VMA names":           {cost: "windows are not named in /proc/self/maps", change: "Linux 5.17 or newer, with CONFIG_ANON_VMA_NAME"},
	"hugetlb 2 MiB":       {cost: "nothing, unless you ask for HugeTLB2M: then growing is an error", change: "sysctl -w vm.nr_hugepages=512 (takes 1 GiB out of ordinary use)"},
}

// featureRows judges each kernel feature.
func featureRows(features []arena.Feature) []Row {
	var rows []Row
	for _, f := range features {
		rows = append(rows, judgeFeature(f))
	}
	return rows
}

func judgeFeature(f arena.Feature) Row {
	if f.Err == nil {
		return ok(f.Name, f.Use)
	}
	a, known := absents[f.Name]
	if !known {
		a = absent{cost: "you do without: " + f.Use, change: "a newer kernel"}
	}
	// These say that it is not the kernel's age.
	if !a.root && (errors.Is(f.Err, sys.EPERM) || errors.Is(f.Err, sys.EACCES)) {
		a.change = "a seccomp profile or security module that allows it"
	}
	if errors.Is(f.Err, errors.ErrUnsupported) && !errors.Is(f.Err, sys.ENOSYS) && !errors.Is(f.Err, sys.EOPNOTSUPP) {
		a.change = "Linux"
	}
	return missing(f.Name, fmt.Sprint(f.Err), a.cost, a.change)
}
