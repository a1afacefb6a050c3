// Package arena provides byte buffers that grow to terabytes without copying,
// without stopping readers, and with every old address still valid until
// nobody can be using it.
//
// An [Arena] is one backing file (a memfd unless the caller brings a file) and
// one current window, a range of addresses from package addrspace over which
// the file is mapped. The file offset of a byte is its offset in every window,
// so a window is a view of the arena and two windows are two views of the same
// bytes: growing into a bigger window elsewhere moves page tables, not bytes,
// and what is written through the old window is seen through the new one.
//
// # Lengths
//
// Length ≤ capacity ≤ limit, as with a slice. Length is what has been handed
// out, capacity is what the file holds and the window maps, the limit is the
// caller's. [Arena.Alloc] raises the length with one atomic operation, and then it
// is for its caller to write the bytes: others see a length that holds bytes not yet written.
// A system call is made when the length passes the capacity, and, to prepare memory, when
// it enters an extent of 2 MiB (Options.Headroom). Where many goroutines
// allocate, a [Local] for each takes the length in larger steps.
//
// # The growth ladder
//
// Cheapest first; a rung the kernel does not offer is found out by trying it
// once and is left out from then on ([Rungs], [Features]):
//
//	rung      what it does                                         when
//	(none)    capacity is there                                    no system call
//	InWindow  ftruncate; the window maps beyond the file's end     the window has room
//	Extend    make the window longer where it is                   nothing lies behind it
//	Rehome    move the page tables to a bigger window; the old     Linux 5.13
//	          one stays mapped and refaults lazily
//	Alias     map the file a second time in a bigger window        everywhere
//
// # The pointer rule
//
// One of three, chosen when the arena is made:
//
//	default         every pointer ever handed out stays valid until Free: old windows are kept.
//	Options.Domain  a pointer is valid while a guard of that domain, pinned before the pointer
//	                was obtained, is held: old windows are retired (the classic rule of RCU).
//	Options.Retire  a slice got from a [Guard] is valid while that guard is pinned and not
//	                refreshed: old windows are retired through a domain of the arena's own, and
//	                a stalled guard holds up the window it sees and no other (the exact rule).
//
// Kept windows cost addresses, not memory: together they are at most as long as
// the current one, or twice as long where the limit keeps that one short, and
// after Rehome they carry no page tables.
//
// # States of a byte of the file
//
//	Absent     beyond the file's end: touching it is SIGBUS; capacity ends before
//	Sparse     in the file, no page yet: reads as zero, the first touch allocates
//	Committed  has a page
//
// Grow makes Absent bytes Sparse (or Committed, with Options.Commit), a touch or
// the headroom helper commits, Decommit and Trim make Sparse again. A memfd never
// becomes shorter (it is sealed), so no window can lose what it maps; a caller's file
// does when somebody cuts it, and then touching what is gone is a fault: [CatchFault].
//
// # Rules for users
//
//   - No Go pointers inside: the collector does not look here.
//   - Free ends it all; a use afterwards panics, and a stale pointer faults.
//   - Alloc, Grow, Bytes, Pin and the like may be called by many goroutines at
//     once. Reset, Truncate, Trim and Free need the arena to themselves, but for
//     readers; Decommit needs its range.
//   - No finalizer, cleanup or weak pointer on a value in an arena: the runtime ends the
//     process, because the value is not of its heap.
//   - Do not keep locks or atomics inside: the race detector is blind there and
//     would report falsely.
//
// # Lock order
//
// Arena.mu, then Arena.prep, then the locks of addrspace and epoch. No lock is
// taken between Pin and Unpin, nor by Alloc within the capacity. None is held while
// a shared domain retires windows: it may run Frees of others meanwhile.
package arena
