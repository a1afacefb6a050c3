// Package growarena is the front page of a library for very large byte buffers that
// grow while other goroutines read them: nothing is copied, no reader is stopped,
// and old addresses stay valid until nobody can be using them. The memory lies
// outside the Go heap, in memory files, without cgo. For Linux.
//
// # When to use it, and when not
//
// Use it where a gigabyte must not be copied to become two, where readers must not
// wait for a writer that grows, or where millions of objects make garbage
// collections long. Use something else where bytes need not be contiguous (a list of
// chunks made by make), where the size is known (make), where a sync.RWMutex is never
// contended, and below a megabyte. You free what you take; the collector does not.
//
// # Which package for which job
//
//	one sequence of bytes that grows, with readers    arena.Arena
//	a bytes.Buffer of gigabytes                       arena.Buffer
//	a log that many append to, read and follow        stream.Stream
//	a log, queue or column for each of very many      pool.Pool
//	what another process makes longer                 shm.Follower, follow.Follower
//	objects of any size; links between them           slab.Allocator, slab.Ref
//	memory for arrow-go                               slab.Arrow
//	memory of WebAssembly instances                   arena.LinearMemory
//	when may a thing be freed that others read?       epoch.Domain
//	which pages of memory were written                track.Tracker
//	ranges of addresses to map files into             addrspace.Space
//	where the memory is; GOMEMLIMIT for all of it     Memory, SetMemoryLimit
//
// # When is a slice valid?
//
// Of an arena or a pool: until Free, however much it grows; an arena can give old
// addresses back when no reader pins them (Options.Retire). Of a stream: until Unpin
// of its guard. An object of an allocator: until its Free or Realloc.
//
// # What it costs
//
//	Alloc of 64 bytes        11 ns from an arena; make: 64 ns
//	Alloc and Free           24 ns by a slab.Local
//	Pin and Unpin            18 ns; RLock and RUnlock: 6.5 ns alone, 32 ns contended
//	move a GiB, old addresses stay    0.3 ms
//	an arena                 one descriptor, one mapping, 256 MiB of addresses
//	a buffer of a pool       a page of memory, 16 MiB of addresses
//
// As of an AMD EPYC (Zen 3), 2 cores, Linux 6.18. README.md has the table, and
// docs/production.md says how it behaves in containers and under limits.
//
// Begin with [github.com/growarena/growarena/arena]. The program in cmd/growarena
// uses it all on real input. Packages import downwards only: each may be used without
// those above.
package growarena
