package follow

import (
	"fmt"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/mapping"
)

// reserveDefault is the length of the first window where neither the file, Reserve nor
// Limit says otherwise: that of an arena.
const reserveDefault = 256 << 20

// Options say how to make a [Follower]. The zero value works.
type Options struct {
	// Name appears in errors. "" means "follower".
	Name string

	// Reserve is the length in bytes of the first window: addresses, not memory. Up to
	// there following makes no mapping, beyond there the follower has to find a bigger
	// window. 0 means 256 MiB, or Limit if that is smaller; it is as long as the file in
	// any case.
	Reserve int

	// Limit is the most that can be followed in bytes; beyond, Extend fails with ErrFull.
	// 0 means no limit but the system's. Windows of followers for which Reserve and Limit
	// are the same are placed near each other, where their page tables share pages: right
	// for very many.
	Limit int

	// Rungs restricts how a bigger window is reached, as [arena.Options.Rungs] does. 0
	// means all that the kernel offers.
	Rungs arena.Rungs

	// Domain makes the follower retire old windows through this domain, which may be
	// shared by very many followers, arenas and others: a slice is then valid only while a guard of the
	// domain, pinned before the slice was obtained, is held.
	Domain *epoch.Domain

	// Retire makes the follower retire old windows through a domain of its own: a slice
	// from a [Guard] is then valid while that guard is pinned and not refreshed, and a
	// slice from Bytes until the next Extend. Exclusive with Domain.
	Retire bool

	// Space holds the windows. nil means addrspace.Default().
	Space *addrspace.Space

	// MayShrink says that the file's writer cuts it off at times, though never what Extend was told
	// of: what he has made it longer by and not written, as an arena on a file does in Free. Without
	// it Extend calls a file corrupt, by ErrShrunk, that is shorter than it was.
	MayShrink bool

	// NoDescriptor closes the follower's descriptor once the file is mapped: it then holds
	// one mapping of the kernel's and no descriptor. A bigger window gets its mapping from
	// the one before. The file's length cannot be asked for any more, so Extend looks
	// whether the page of the last byte is in the file, by reading it: a length that ends
	// within the file's last page, but behind its end, is not noticed, and reads as zero
	// there. Not for files of the hugetlb pool.
	NoDescriptor bool
}

// check panics if the options contradict themselves.
func (o *Options) check() {
	switch {
	case o.Reserve < 0, o.Limit < 0:
		panic(fmt.Sprintf("follow: make %q: Reserve is %d, Limit %d, want 0 or more", o.Name, o.Reserve, o.Limit))
	case o.Domain != nil && o.Retire:
		panic(fmt.Sprintf("follow: make %q: both Domain and Retire are set", o.Name))
	case o.Rungs&^mapping.AllRungs != 0:
		panic(fmt.Sprintf("follow: make %q: Rungs is %#x", o.Name, uint8(o.Rungs)))
	}
}
