package memfile

import (
	"errors"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/growarena/growarena/internal/sys"
)

// Feature is something the kernel may or may not offer.
type Feature struct {
	Name string // short, as in a table
	Use  string // what it is good for here
	Err  error  // why it does not work; nil if it does
}

// Features finds out by trying what this kernel offers. The arena itself tries
// each once, when it first needs it, and never asks for versions: emulated
// kernels and back-ported patches make those worthless.
func Features() []Feature {
	var all []Feature
	for _, p := range probes {
		all = append(all, Feature{Name: p.name, Use: p.use, Err: p.try()})
	}
	return all
}

type probe struct {
	name, use string
	try       func() error
}

var probes = []probe{
	{"memfd", "backing files that need no file system", func() error {
		fd, err := sys.Memfd("growarena probe", 0)
		if err != nil {
			return err
		}
		return sys.Close(fd)
	}},
	{"seals", "nobody can make a backing file shorter", trySeal},
	{"alias", "growing into a bigger window by a second mapping", withTrial(tryAlias)},
	{"move page tables", "growing into a bigger window without page faults (mremap MREMAP_DONTUNMAP)", withTrial(tryRehome)},
	{"duplicate", "aliases and followers without a descriptor (mremap of length 0)", withTrial(tryDuplicate)},
	{"collapse", "huge pages ahead of the cursor whatever shmem_enabled says (MADV_COLLAPSE)", withTrial(tryCollapse)},
	{"huge pages anywhere", "HugeAlways: huge pages for memory touched at random, by advice or in a tmpfs of one's own", func() error {
		advice := withTrial(tryHugeAdvice)()
		if advice == nil {
			return nil
		}
		f, err := inOwnTmpfs("growarena probe")
		if err != nil {
			return errors.Join(err, advice)
		}
		f.Close()
		return nil
	}},
	{"populate", "page tables filled ahead (MADV_POPULATE_WRITE)", withTrial(func(t *trial) error {
		return sys.Advise(t.addr, ExtentSize, sys.AdvisePopulateWrite)
	})},
	{"punch hole", "memory given back while the buffer lives", withTrial(func(t *trial) error {
		return Punch(t.fd, 0, t.addr, ExtentSize)
	})},
	{"guards", "inaccessible pages between bands that cost no VMA (MADV_GUARD_INSTALL)", withTrial(tryGuard)},
	{"VMA names", "windows named in /proc/self/maps", withTrial(func(t *trial) error {
		return sys.Name(t.spare, ExtentSize, "growarena: probe")
	})},
	{"hugetlb 2 MiB", "HugeTLB2M: pages of the reserved pool (vm.nr_hugepages)", tryHugeTLB},
}

// InPlace reports that nothing moves on this system, and that there is one mapping of a
// file: see sys.Portable.
const InPlace = sys.Portable

// ReserveInPlace is the least length of the first window there, which is the only one.
const ReserveInPlace = sys.ReserveInPlace

// What the probes found, remembered. Each says why something is missing here, nil
// where it is not.
var (
	// NoRehome: page tables of shared memory that move, and the old place stays mapped.
	NoRehome = remember(withTrial(tryRehome))

	// NoDuplicate: a second mapping of what is mapped, without its file.
	NoDuplicate = remember(withTrial(tryDuplicate))

	NoCollapse = remember(withTrial(tryCollapse))

	// noHugeAdvice: huge pages where a file without a name is touched, for the advice alone.
	noHugeAdvice = remember(withTrial(tryHugeAdvice))

	// NoGuard: guard pages that take no VMA, for mappings of files.
	NoGuard = remember(withTrial(tryGuard))
)

// CanRehome reports whether the system has it, as far as is known.
func CanRehome() bool { return NoRehome() == nil }

// CanCollapse reports whether the system has it, as far as is known.
func CanCollapse() bool { return NoCollapse() == nil }

// CanGuard reports whether the system has it, as far as is known.
func CanGuard() bool { return NoGuard() == nil }

// remember returns a function that tries try once and remembers what it said. A failure
// for want of memory or room says nothing about what the system can do: the answer
// is that nothing is missing, so that the real call tells, and somebody tries again later.
func remember(try func() error) func() error {
	var found atomic.Pointer[error]
	var mu sync.Mutex
	var next time.Time // Protected by mu.
	return func() error {
		if f := found.Load(); f != nil {
			return *f
		}
		mu.Lock()
		defer mu.Unlock()
		if f := found.Load(); f != nil {
			return *f
		}
		if time.Now().Before(next) {
			return nil
		}
		err := try()
		if err != nil && !isAbsent(err) {
			next = time.Now().Add(tryAgain)
			return nil
		}
		found.Store(&err)
		return err
	}
}

// tryAgain is how long a trial that had no room is not repeated: at a memory cgroup's
// limit it makes the kernel look for memory, which takes milliseconds.
const tryAgain = time.Second

// isAbsent reports whether err of a trial says that the system lacks something, and not
// that there is no memory or room for it now.
func isAbsent(err error) bool { return sys.IsDenied(err) || errors.Is(err, errFaked) }

// errFaked is why a call that succeeds is no good.
var errFaked = errors.New("the kernel says yes, and does not do it")

// trial is what a probe tries things on: some extents of a memfd mapped at addr,
// and one reserved extent at spare.
type trial struct {
	fd          int
	addr, spare uintptr
}

const (
	// trialExtents is how many extents the memfd has.
	trialExtents = roomExtents + 1

	// trialSize is room for them and the spare one, aligned, with one between them.
	trialSize = (trialExtents + 3) * ExtentSize
)

// leftover are the starts of trials that the kernel did not take back, which at
// vm.max_map_count can be if they have merged with a neighbour's mapping. The next
// trial gives them back.
var leftover struct {
	mu     sync.Mutex
	starts []uintptr // Protected by mu.
}

// EndTrials unmaps the trial at start and those that are left over.
func EndTrials(start ...uintptr) {
	leftover.mu.Lock()
	defer leftover.mu.Unlock()
	leftover.starts = slices.DeleteFunc(append(leftover.starts, start...), func(start uintptr) bool {
		return sys.Unmap(start, trialSize) == nil
	})
}

// withTrial returns a function that tries f. The addresses are of the kernel's
// choosing and never become pointers, so giving them back is harmless.
func withTrial(f func(*trial) error) func() error {
	return func() error {
		EndTrials()
		file, err := create("growarena probe", 0)
		if err != nil {
			return err
		}
		defer file.Close()
		fd := file.fd
		if err := sys.Truncate(fd, trialExtents*ExtentSize); err != nil {
			return err
		}
		start, err := sys.Reserve(0, trialSize)
		if err != nil {
			return err
		}
		defer EndTrials(start)
		addr := (start + ExtentSize - 1) &^ (ExtentSize - 1)
		if err := sys.MapShared(addr, trialExtents*ExtentSize, fd, 0, sys.ProtRead|sys.ProtWrite); err != nil {
			return err
		}
		return f(&trial{fd: fd, addr: addr, spare: addr + (trialExtents+1)*ExtentSize})
	}
}

// trySeal seals a file of its own: those of trials have their seals, and take no more.
func trySeal() error {
	fd, err := sys.Memfd("growarena probe", 0)
	if err != nil {
		return err
	}
	return errors.Join(sys.Seal(fd, sys.SealShrink|sys.SealSeal), sys.Close(fd))
}

func tryAlias(t *trial) error {
	if err := sys.MapShared(t.spare, ExtentSize, t.fd, 0, sys.ProtRead|sys.ProtWrite); err != nil {
		return err
	}
	return t.sameBytes()
}

func tryRehome(t *trial) error {
	bytesAt(sys.Pointer(t.addr), 1)[0] = 1 // Something to move.
	if err := sys.Remap(t.addr, ExtentSize, ExtentSize, t.spare, sys.RemapKeep); err != nil {
		return err
	}
	return t.sameBytes()
}

func tryDuplicate(t *trial) error {
	if err := sys.Remap(t.addr, 0, ExtentSize, t.spare, 0); err != nil {
		return err
	}
	return t.sameBytes()
}

// sameBytes checks that both places show the same memory: on private memory, or
// under an emulated kernel, a call can succeed and not do that.
func (t *trial) sameBytes() error {
	one, two := bytesAt(sys.Pointer(t.addr), ExtentSize), bytesAt(sys.Pointer(t.spare), ExtentSize)
	one[1], two[2] = 7, 9
	if two[1] != 7 || one[2] != 9 {
		return errFaked
	}
	return nil
}

func tryGuard(t *trial) error {
	return sys.Advise(t.addr, uintptr(os.Getpagesize()), sys.AdviseGuardInstall)
}

// tryCollapse also looks whether all of the extent has memory then: where a huge page is
// 32 MiB, as with small ones of 16 KiB, a kernel can say yes and make none.
func tryCollapse(t *trial) error {
	_, huge, err := makeHuge(t.fd, 0, t.addr)
	if !huge {
		return err
	}
	if pages, err := sys.Resident(t.addr, ExtentSize); err == nil && pages < ExtentSize/os.Getpagesize() {
		return errFaked
	}
	return nil
}

// tryHugeAdvice touches a byte, and looks whether all of the extent has memory then.
func tryHugeAdvice(t *trial) error {
	if err := sys.Advise(t.addr, ExtentSize, sys.AdviseHugePage); err != nil {
		return err
	}
	bytesAt(sys.Pointer(t.addr), 1)[0] = 1
	if pages, err := sys.Resident(t.addr, ExtentSize); err == nil && pages < ExtentSize/os.Getpagesize() {
		return errFaked
	}
	return nil
}

func tryHugeTLB() error {
	fd, err := sys.Memfd("growarena probe", 2<<20)
	if err != nil {
		return err
	}
	defer sys.Close(fd)
	if err := sys.Truncate(fd, 2<<20); err != nil {
		return err
	}
	return sys.Allocate(fd, 0, 2<<20)
}
