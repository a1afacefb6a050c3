package addrspace

import (
	"fmt"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/sys"
)

// ReserveOptions says what a window is for. The zero value is right for windows
// that may grow.
type ReserveOptions struct {
	// Name shows in /proc/self/maps as [anon:growarena: NAME], where the kernel
	// has names for mappings. It costs a system call.
	Name string

	// MapAll says that a file will be mapped over all of the window at once. It
	// gets no name in /proc/self/maps then, which the mapping would take away.
	MapAll bool

	// Compact says that the window will not be extended: it is placed near
	// others, where its page tables share pages with theirs.
	Compact bool

	// Min accepts a smaller window when there is no room for size: the half,
	// and so on, down to this many bytes. 0 means size or nothing.
	Min int

	// MapFlags are more flags of mmap(2) for what [Window.MapFile] maps in the window, and
	// in the windows it grows to: MAP_POPULATE, MAP_NONBLOCK, MAP_SYNC (of a file that
	// supports it; else MapFile fails), MAP_NORESERVE, which is always set. Others, such as
	// MAP_FIXED or MAP_PRIVATE, would break what a window is.
	MapFlags int

	// Advice is given to the kernel (madvise(2)), one after the other, for each part that
	// is mapped in the window, and in the windows it grows to: MADV_RANDOM,
	// MADV_HUGEPAGE, MADV_DONTFORK and so on. Parts are left out of core dumps unless
	// MADV_DODUMP is in it. What would change bytes or make accesses fail, such as
	// MADV_REMOVE, is not accepted. The kernel may refuse advice: that is no
	// error, it is counted (Stats.AdviceIgnored) and tried again when more is mapped.
	Advice []int

	// Align is what the window starts at a multiple of, and is a multiple of long: a
	// power of two. The pages of a file of huge pages need theirs (1 GiB). 0, or less
	// than [Alignment], means that.
	Align int
}

// check panics if the options for a window of size bytes are not to be had.
func (o *ReserveOptions) check(size int) {
	if o.Align != 0 && !align.IsPow2(o.Align) {
		panic(fmt.Sprintf("addrspace: Reserve of %d bytes: Align is %d, want a power of two", size, o.Align))
	}
	if !sys.MapFlagsFit(o.MapFlags) {
		panic(fmt.Sprintf("addrspace: Reserve of %d bytes: MapFlags is %#x, want MAP_POPULATE, MAP_NONBLOCK, MAP_SYNC, MAP_NORESERVE at most", size, o.MapFlags))
	}
	for _, advice := range o.Advice {
		if !sys.AdviceFits(advice) {
			panic(fmt.Sprintf("addrspace: Reserve of %d bytes: Advice has %d, which can change bytes or make accesses fail", size, advice))
		}
	}
}

// alignment returns what the window has to be aligned to.
func (o *ReserveOptions) alignment() uintptr { return max(uintptr(o.Align), Alignment) }
