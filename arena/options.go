package arena

import (
	"fmt"
	"os"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/mapping"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
)

// reserveDefault is the length of the first window where neither Reserve nor
// Limit says otherwise. Big enough that most arenas never climb beyond the
// cheapest rung, small enough that 200,000 of them fit the address space.
const reserveDefault = 256 << 20

// HugePages says how an arena or a pool uses huge pages.
type HugePages = memfile.HugePages

// How huge pages are used.
const (
	// HugeAuto makes huge pages ahead of a cursor that moves through memory, and for
	// memory that is committed. Memory touched at random keeps small pages. Each huge page is
	// timed: where they are dearer than the page faults they replace, as in virtual machines whose
	// host takes free memory back, the process leaves them alone, with HugeNever's behaviour, and
	// looks again after 8 to 128 extents of 2 MiB. Committed memory is huge whatever it costs.
	HugeAuto = memfile.HugeAuto
	// HugeNever leaves all pages small.
	HugeNever = memfile.HugeNever
	// HugeAlways asks the kernel for huge pages everywhere, also for memory that is touched at
	// random. By advice (MADV_HUGEPAGE) that has an effect where
	// /sys/kernel/mm/transparent_hugepage/shmem_enabled is advise or more. Elsewhere, and unless
	// that is deny, memory comes from a tmpfs that is mounted for it alone, attached to no
	// directory, if the process may mount one: as root, also root of a user namespace that has a
	// mount namespace of its own, from Linux 5.2 on. Such a file knows no seals. Where neither
	// is to be had it does what HugeAuto does, whatever huge pages cost. Each touch takes 2 MiB: for
	// memory all of which is going to be used.
	HugeAlways = memfile.HugeAlways
	// HugeTLB2M takes pages of 2 MiB from the system's reserved pool
	// (vm.nr_hugepages); an empty pool is an error when growing.
	HugeTLB2M = memfile.HugeTLB2M
	// HugeTLB1G takes pages of 1 GiB from the reserved pool.
	HugeTLB1G = memfile.HugeTLB1G
)

// Options say how to make an [Arena]. The zero value works.
type Options struct {
	// Name appears in errors and in /proc/self/maps. "" means "arena".
	Name string

	// Reserve is the length in bytes of the first window: address space, not
	// memory. Up to there growing is one cheap system call, beyond there the
	// arena has to find a bigger window. 0 means 256 MiB, or Limit if that is smaller.
	// Where the address space is limited the arena makes do with less.
	Reserve int

	// Limit is the most the arena can hold in bytes; growing beyond fails with
	// ErrFull. 0 means no limit but the system's.
	Limit int

	// Commit makes Grow, and Alloc where it grows, take the memory at once, so that
	// running out of it is an error with everything undone, never a signal at a
	// store. The holes of a File get memory when the arena is made, what Trim gave
	// back when it is grown into again; what Decommit gave back does not. One limit
	// stays a signal: a memory cgroup's (SIGKILL by the OOM killer) where the kernel
	// has no MADV_COLLAPSE, as Linux before 6.1. Elsewhere growing is refused when less
	// than 2 MiB would be left below that limit, which are for the rest of the process.
	// Growing near the limit holds them while it asks, up to some milliseconds: heap that is taken just
	// then can still meet the limit. Leave off trying again and again where it was refused.
	// Without Commit the kernel gives a page when it is first touched.
	Commit bool

	// HugePages says how to use huge pages.
	HugePages HugePages

	// Headroom bounds how many bytes may be prepared ahead of a cursor that
	// moves on steadily: memory that is ready costs a fraction of a page fault.
	// 0 means 256 MiB (and never more than an eighth of the length), a negative
	// number means none.
	Headroom int

	// Rungs restricts the growth ladder: to which rungs an arena may climb that
	// has outgrown its window. 0 means all that the kernel offers. Growing within
	// the window is always allowed.
	Rungs Rungs

	// Advice is given to the kernel (madvise(2)) for each window, so that no growth loses
	// it: MADV_RANDOM, MADV_DONTFORK, MADV_DODUMP and so on. What
	// [addrspace.ReserveOptions] does not accept panics.
	Advice []int

	// Domain makes the arena retire old windows through this domain, which may
	// be shared by very many arenas: a pointer is then valid only while a guard
	// of the domain, pinned before the pointer was obtained, is held.
	Domain *epoch.Domain

	// Retire makes the arena retire old windows through a domain of its own: a
	// slice from a [Guard] is then valid while that guard is pinned and not
	// refreshed, and a slice from Alloc or Bytes until the next growth.
	// Exclusive with Domain.
	Retire bool

	// Space holds the windows. nil means addrspace.Default().
	Space *addrspace.Space

	// File is the backing file, instead of a memfd: a regular file on disk, in
	// /dev/shm, or opened with O_TMPFILE, readable and writable. Its content is
	// the arena's, its size the length. The caller may close his. While the
	// arena lives the file is longer than Len, with zeros behind the data, and
	// stays so after a crash; Free cuts it to Len.
	//
	// Nothing is synced by itself: os.File.Sync on any descriptor of the file, the
	// caller's own for one, writes out what was stored through the arena, too.
	//
	// Growing never makes the file shorter: what others append to it stays until
	// the arena hands out the place, cleared, and Free does not cut it off. One
	// that others have cut is ErrShrunk when growing, and a fault where touched.
	//
	// The file is locked against other arenas, in this process and in others, until
	// Free: NewArena returns ErrInUse to the second, and says who has it. It is a
	// write lock on the whole file (F_OFD_SETLK), so programs that ask for locks see
	// it, too; those that do not are not kept out. Where the file system knows no
	// such locks the file is only kept from other arenas of this process.
	File *os.File

	// NoLock leaves File unlocked, for writers that have agreed who writes where, or
	// for a caller who holds a lock on it already. Free does not cut it then, and Trim
	// gives back only what was handed out, since others may use what this arena has
	// made longer.
	NoLock bool

	// Dropped is how many bytes at the beginning of File nobody reads any more: Commit leaves them
	// without the memory that they do not have.
	Dropped int
}

// check panics if the options contradict themselves.
func (o *Options) check() {
	switch {
	case o.Reserve < 0, o.Limit < 0:
		panic(fmt.Sprintf("arena: make %q: Reserve is %d, Limit %d, want 0 or more", o.Name, o.Reserve, o.Limit))
	case o.Dropped < 0, o.Dropped > 0 && o.File == nil:
		panic(fmt.Sprintf("arena: make %q: Dropped is %d (with a File: %t), want 0 or more, of a File", o.Name, o.Dropped, o.File != nil))
	case o.Domain != nil && o.Retire:
		panic(fmt.Sprintf("arena: make %q: both Domain and Retire are set", o.Name))
	case o.File != nil && (o.HugePages == HugeTLB2M || o.HugePages == HugeTLB1G):
		panic(fmt.Sprintf("arena: make %q: a File cannot take pages from the hugetlb pool", o.Name))
	case o.HugePages > HugeTLB1G:
		panic(fmt.Sprintf("arena: make %q: HugePages is %d", o.Name, o.HugePages))
	case o.Rungs&^mapping.AllRungs != 0:
		panic(fmt.Sprintf("arena: make %q: Rungs is %#x", o.Name, uint8(o.Rungs)))
	}
	for _, advice := range o.Advice {
		if !sys.AdviceFits(advice) {
			panic(fmt.Sprintf("arena: make %q: Advice has %d, which can change bytes or make accesses fail", o.Name, advice))
		}
	}
}
