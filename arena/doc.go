// Package arena provides byte buffers that grow to terabytes without copying and
// without stopping their readers. A slice of an arena stays valid, and in place,
// however the arena grows, until Free ends it (with Options.Retire: while its Guard is
// pinned). Alloc takes 11 ns, moving a full GiB to a bigger place 0.1 to 0.3 ms; an
// arena takes one descriptor, one mapping and 256 MiB of addresses.
//
// # When to use it, and when not
//
// Use an [Arena] for one sequence of bytes, from a megabyte up, whose final size
// nobody knows, that must be contiguous, and that others read while it grows. Use
// something else
//
//   - where bytes need not be contiguous: a list of chunks made by make. With warm Go
//     heap it takes a third of the time at best (64 MiB: 5 ms against 15); in a fresh
//     process an arena takes a tenth of it (30 ms against 295);
//   - where the size is known: make([]byte, 0, size), 8 ms at best and 380 ms;
//   - where a lock is never contended: a slice and a sync.RWMutex. RLock and RUnlock
//     take 6.5 ns, 32 where several meet; Pin and Unpin 18;
//   - below a megabyte: make, or package slab. Making, touching and freeing an
//     arena takes 12 µs, and over 100 µs on some virtual machines;
//   - for thousands of growing buffers: package pool.
//
// # Which type for which job
//
//	bytes that grow                            Arena: Alloc, Bytes
//	readers beside a writer                    Guard, by Arena.Pin; Arena.Read
//	many goroutines that allocate              a Local for each, by Arena.NewLocal
//	a goroutine that looks again and again     a LocalGuard, by Arena.NewLocalGuard
//	what was a bytes.Buffer                    Buffer
//	values of types without pointers           New[T], MakeSlice[T]; links: Ref[T]
//	a ring buffer, a view; of others' memory   Alias, by Arena.Alias; by AliasOf
//	memory of a WebAssembly instance           LinearMemory
//	a file that grows                          Options.File
//	another process; HTTP; a snapshot          Arena.File; Arena.NewReader; Arena.Checkpoint
//
// # When is a slice valid?
//
// As long as the option says that the arena was made with:
//
//	(none)          until Free. Old windows are kept.
//	Options.Retire  a slice from a Guard: until that guard's Unpin or Refresh. A slice
//	                from Alloc or Bytes: until the next growth. A guard that is held
//	                long keeps one old window, the one it sees.
//	Options.Domain  while some guard of that domain is held that was pinned before
//	                the slice was obtained. One that is held long keeps all windows
//	                retired since. Very many arenas may share a domain.
//
// # One writer, many readers
//
//	a, err := arena.NewArena(arena.Options{Retire: true})
//
//	b, err := a.Alloc(len(record))   // the writer
//	copy(b, record)
//	written.Store(int64(a.Len()))    // an atomic.Int64 of yours: readers stop there
//
//	n := written.Load()              // a reader; it never waits
//	err = a.Read(func(b []byte) error { return scan(b[:n]) })
//
// Alloc makes the length longer before its caller has written the bytes, so the
// readers need that number. A [Buffer] needs none: what a Guard or Read shows ends at
// a whole Write.
//
//	buf := arena.NewBufferIn(a)      // the writer
//	_, err = buf.Write(record)
//
//	err = a.Read(func(b []byte) error { return scan(b) }) // a reader
//
// Nothing here wakes a reader that waits for more: use a channel or a sync.Cond. To test
// that readers survive a move, set a small Options.Reserve and Options.Rungs without
// RungExtend: a window that is full is mostly made longer in place.
// The file recipe_test.go has a log file, an HTTP server and a ring buffer.
//
// # Rules
//
//   - No Go pointers inside: the collector does not look here. [New] and its like
//     panic for types that have some.
//   - Free ends it all. A use of the arena afterwards panics, a use of a slice
//     faults, or reads what has taken the place later. [CatchFault] makes an error
//     of a fault.
//   - Alloc, Grow, Bytes, Pin, Read, Stats, Alias and File may be called by any number
//     of goroutines at once. Reset, Truncate, Trim and Free must be the only call
//     that writes or allocates; readers with guards may go on. Beside Free they may
//     only with Options.Retire or Options.Domain: without, a guard protects nothing
//     from Free, so stop the readers first. Decommit needs its range for itself.
//   - No finalizer, weak pointer or cleanup on a value in an arena, which is not of the
//     runtime's heap: the first two end the process, runtime.AddCleanup panics.
//   - No locks inside, and no atomics that order anything else: the race detector does
//     not see this memory and would report falsely. Counters are fine. To find races in what
//     lies in arenas, test with -race -tags portable,heapbacked: they lie in the Go heap then.
//
// # What it costs
//
//   - Alloc within the capacity is one atomic operation: 11 ns for 64 bytes, written.
//     Where several goroutines allocate it takes 90 ns, and from a [Local] for each
//     20 ns. Nothing is allocated on the Go heap.
//   - Growing within the window is one system call, and makes the file a quarter
//     longer. Moving to a bigger window takes 0.1 to 0.3 ms per GiB in use. Nothing
//     is copied.
//   - Memory: what was written, and up to an eighth of the length (256 MiB at most)
//     prepared ahead of a writer that moves on: Options.Headroom.
//   - Addresses, not memory: the window, 256 MiB at first (Options.Reserve), and old
//     windows. A window is twice as long as the one before, so old ones together
//     are no longer than the current one. Where RLIMIT_AS or Options.Limit allows
//     no doubling they may be twice as long as it.
//   - One descriptor, and one mapping for each window.
//
// Times are of an AMD Zen 3, 2 cores, where a page fault takes 1 µs.
//
// # How it works
//
// An arena is one backing file (a memfd, unless Options.File is set) and one current
// window, a range of addresses over which the file is mapped. The offset of a byte in
// the file is its offset in every window, so two windows show the same bytes: moving
// to a bigger window moves page tables, not bytes, and what is written through
// the old window is seen through the new one. Length ≤ capacity ≤ limit, as with
// a slice: length is what has been handed out, capacity what the file holds and
// the window maps, the limit is Options.Limit.
//
// When the capacity is used up the cheapest way that works is taken. What a kernel
// does not offer is found out by trying it once ([Rungs], [Features]):
//
//	InWindow  the file becomes longer: the window maps beyond its end   the window has room
//	Extend    the window becomes longer where it is                     nothing lies behind it
//	Rehome    page tables move to a bigger window; the old one stays    Linux 5.13
//	Alias     the file is mapped a second time, in a bigger window      everywhere
//
// DESIGN.md of the module has the states of a byte and the order of locks.
package arena
