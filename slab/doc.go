// Package slab is an allocator: memory of any size, from one byte to terabytes,
// outside the Go heap, freed by hand, safe for concurrent use, and grown without
// copying where it is large. A slice is valid until its Free, or until Realloc.
// Alloc and Free take 24 ns together by a [Local], about twice that without one.
//
// # When to use it, and when not
//
// Use it for millions of objects, which make garbage collections long, for large ones
// that grow, and where memory has to be given back at once. Use something else
//
//   - where you do not know when an object is free: make and new. Forgetting a Free
//     leaks, one too early is memory of somebody else's (Options.Debug finds both);
//   - for values with Go pointers: the garbage collector does not look here;
//   - for a few objects that are used again and again: sync.Pool. It takes 27 ns,
//     a Local 24 ns, at the size where the Local is worst (AMD Zen 3, 2 cores);
//   - for objects that one goroutine allocates and another frees: make takes 95 ns
//     for 16 bytes, an Allocator 159 ns;
//   - for one buffer that grows with readers: package arena; for very many buffers:
//     package pool.
//
// # Which type for which job
//
//	memory of any size, any goroutine      Allocator: Alloc, AllocZero, Realloc, Free
//	a goroutine that allocates much        its own Local
//	values and slices of one type          NewOf[T], MakeSlice[T], GrowSlice; Cache[T]
//	links between objects                  Ref[T], SliceRef[T]: numbers, no pointers
//	a cache of bytes                       a map to SliceRef[byte]; see the Example
//	free everything at once                FreeAll; or Discard, which ends the allocator
//	memory for arrow-go                    Arrow
//	free what others may be reading        Options.Domain and Allocator.Retire
//	find a leak, a use after free          Options.Debug; Options.Profile
//
// # When is a slice valid?
//
// From Alloc until Free or FreeAll, or until a Realloc that returns no error: it may move
// the bytes. What is retired is valid while a guard is held that was pinned before, and so is
// everything in an allocator that was ended by Discard.
//
// # One writer, many readers
//
// Readers pin a guard of an epoch.Domain, follow links from something published, and
// unpin. The writer unlinks an object and calls [Allocator.Retire] instead of Free:
// the object is freed when no guard is left that may see it. See the Example of
// Allocator.Retire.
//
// # Rules
//
//   - What Alloc returned is freed once, with its whole capacity, on any goroutine,
//     through the allocator or any Local of it.
//   - Freeing twice, what is retired, a foreign slice, the inside of an object, or a
//     slice whose capacity is not what was handed out panics with the values. Nothing
//     is damaged by trying, not even while others free and allocate the same pages.
//     What cannot be found out is freeing an address twice when somebody has been
//     given it again in between; Options.Debug makes that unlikely.
//   - No Go pointers inside. No locks, and no atomics that order anything else: the race
//     detector does not see this memory and would report falsely. Counters are fine.
//   - Close, FreeAll and Discard must be the only call at their time. A Local is used by one
//     goroutine at a time.
//
// # What it costs
//
// An object costs its size rounded up: small ones (to 32 KiB) to a size class, by 8
// bytes or an eighth at most; medium ones (to 1 MiB) to 4 KiB, large ones to a page. Alloc and Free take no lock for small objects and make no system call but to
// get more memory. The garbage collector sees a few arrays without pointers, whatever
// is allocated. An allocator that is used little takes little: 26 KB of Go heap, one
// descriptor and 4 MiB of addresses, and for large objects one more descriptor. Its
// regions of addresses become longer with what is in them: /proc/self/status shows up
// to eight times of that as VmSize, and memory only as RssShmem.
//
// # Memory that is free
//
// Pages that are free keep their memory for what comes, up to a 32nd of the pages in
// use and at least 4 MiB. What is beyond, and has not been needed for a tenth of a
// second, is given back to the system, the longest runs first. Where less than half
// of the objects of 8 KiB and more that were in use still are, the pages of the
// others are given back from between them, a tenth of a second later. A timer does
// that, which runs only while there is such memory; neither Alloc nor Free calls the
// system for it. Freed large objects keep up to 64 MiB until none was allocated or
// freed for a tenth of a second.
//
// [Allocator.Trim] gives all of that back at once, and all pages between objects in use
// that none of them lies on. A page with one object of 16 bytes in use stays: nothing
// is ever moved.
//
// # Debug mode
//
// With Options.Debug, which needs no other build:
//
//   - objects have no spare capacity and canaries behind, checked when freed;
//   - freed small objects are poisoned and not used again for a while (the last 256,
//     16 MiB at most); that the poison is still there is checked when that is over
//     and when they are used again. Use after free that reads shows 0xdb;
//   - pages of freed medium objects and ended spans (the last 64 runs), and freed
//     large objects (among the last 256), are inaccessible for a while: touching
//     them faults. The limits bound the VMAs that takes to some 640;
//   - Realloc moves what is not large, to find stale slices;
//   - panics say who allocated and who freed, and Close who allocated what is left.
//
// Every call takes a lock and a stack trace.
//
// # Profiles
//
// With Options.Profile one object in so many bytes is sampled, as by the heap profile.
// [WriteProfile] writes what is in use, in objects and in bytes, by who allocated it:
//
//	slab.WriteProfile(file)
//	go tool pprof file
//
// docs/production.md shows how to serve it over HTTP. Where the memory of allocators
// and everything else is tells growarena.Memory. Who pins what Retire waits for is
// in the profile "growarena.pins" of package runtime/pprof; see package epoch.
//
// # How it works
//
//	small   to 32 KiB   an object of a size class, in a span of its class
//	medium  to 1 MiB    a run of pages of its own
//	large   above       a band of a pool.Pool, which grows by moving page tables
//
// A span is a run of pages that holds objects of one size class; its objects are
// counted off in groups of 32. What is free in a group is one word on the Go heap, so
// handing out an object is one compare-and-swap on the word of the group that the
// caller's shard owns, and freeing it is one on the word of whatever group it is in,
// which also finds out when it is free already. Nothing is written into free objects.
// The states of a group are told in group.go, the order of locks in DESIGN.md.
package slab
