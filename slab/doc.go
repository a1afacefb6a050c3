// Package slab is a drop-in allocator: memory of any size, from one byte to
// terabytes, outside the Go heap, to be freed by hand, safe for concurrent use,
// and grown without copying where it is large.
//
// An [Allocator] hands out byte slices of three kinds, by size:
//
//	small   to 32 KiB   an object of a size class, in a span of its class
//	medium  to 1 MiB    a run of pages of its own
//	large   above       a band of a pool.Pool, which grows by moving page tables
//
// [NewOf], [MakeSlice] and [Cache] hand out values of types without pointers, and
// a [Ref] links them. [Arrow] is the allocator arrow-go asks for.
//
// # Small
//
// A span is a run of pages that holds objects of one size class; its objects are
// counted off in groups of 32. What is free in a group is one word on the Go heap,
// so handing out an object is one compare-and-swap on the word of the group that
// the caller's shard owns, and freeing it is one on the word of whatever group it
// is in, which also finds out when it is free already. No lock is taken, nothing
// is written into free objects, and the garbage collector sees a few arrays
// without pointers, whatever is allocated.
//
// # States of a group
//
//	Owned     some shard takes objects from it
//	Apart     a Local has it, and only that takes objects from it; or nobody does,
//	          while pages of it are given back
//	Listed    among its shard's recent groups or in its class's list, with free objects
//	Full      neither: all objects are in use; the first Free lists it
//	Ending    Listed, and nobody takes from it: it is Dead in a moment, or Listed again
//	Dead      part of no span
//
//	own      Listed → Owned     when a shard's group has nothing left
//	disown   Owned  → Full      when a shard goes on to another group; Listed
//	                            if something was freed meanwhile
//	setApart Owned  → Apart     when a Local's group has nothing left
//	punch    Listed → Apart     when pages of its span are given back
//	giveUp   Apart  → Full      when a Local goes on to another group, or ends;
//	                            Listed if it has free objects
//	takeLast Listed → Full      when there is but one free object
//	put      Full   → Listed
//	sweep    Listed → Ending    when nothing is in use in it
//	         Ending → Dead      when all groups of a span are
//	         Ending → Listed    when others are not
//	newSpan  Dead   → Owned, Listed
//
// Lists are hints: an entry may be out of date, or there twice. The word decides,
// and has the class and a generation in it, so that whoever acts on an old idea of
// a group fails in the compare-and-swap that would act.
//
// # Safety
//
// Freeing twice, what is retired, a foreign slice, the inside of an object, or a slice
// whose capacity is not what was handed out panics with the values; nothing is damaged
// by trying, not even while others free and allocate the same pages. What cannot
// be found out is freeing an address twice when somebody has been given it again
// in between; [Options].Debug makes that unlikely.
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
// With Options.Profile the profile "growarena.inuse" of package runtime/pprof has an
// entry for each so many bytes in use, by who allocated them, to be read with
//
//	pprof.Lookup("growarena.inuse").WriteTo(file, 0)
//	go tool pprof file
//
// or through net/http/pprof. An object of very many times that counts as 4096
// entries. Who pins what Retire waits for is in "growarena.pins"; see package epoch.
//
// # Memory
//
// Pages of spans and runs that are free keep their memory for what comes, up to a
// 32nd of the pages in use and at least 4 MiB. What is beyond and has not been
// needed for a tenth of a second is given back to the system, the longest runs first.
// When of the objects of 8 KiB and more in spans less than half of what was in use
// still is, the pages of the others are given back from between them, a tenth of a
// second later. A timer does that, which runs only while there is such memory, so
// that Alloc and Free do not call the system for it. Freed large objects keep up to
// 64 MiB until none was allocated or freed for a tenth of a second.
//
// [Allocator.Trim] gives all of that back, ends the spans that only a shard holds on
// to, and gives back all pages between objects in use that none of them lies on. A
// page with one object of 16 bytes in use stays: nothing is ever moved.
//
// An allocator that is used little takes little: 40 KB of Go heap, one descriptor and 4
// MiB of addresses, and for large objects one more descriptor. Its regions of addresses
// become longer with what is in them: /proc/self/status shows up to eight times of that
// as VmSize, and memory only as RssShmem.
//
// # Lock order
//
// idle.mu, class.mu, then that of pages, then the locks of package arena. The locks of debug
// mode, of the profile, of large and of retired are held alone, or last.
package slab
