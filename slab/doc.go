// Package slab is a drop-in allocator: memory of any size, from one byte to
// terabytes, outside the Go heap, to be freed by hand, safe for concurrent use,
// and grown without copying where it is large.
//
// An [Allocator] hands out byte slices of three kinds, by size:
//
//	small   to 32 KiB   an object of a size class, in a span of its class
//	medium  to 1 MiB    a run of pages of its own
//	large   above       a band of an arena.Pool, which grows by moving page tables
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
//	Listed    in its class's list of groups with free objects
//	Full      neither: all objects are in use; the first Free lists it
//	Dead      part of no span
//
//	take     Listed → Owned     when a shard's group has nothing left
//	leave    Owned  → Full      when a shard goes on to another group
//	free     Full   → Listed
//	sweep    Listed → Dead      when all groups of a span are Listed with nothing in use
//
// # Safety
//
// Freeing twice, a foreign slice, the inside of an object, or a slice whose
// capacity is not what was handed out panics with the values; nothing is
// damaged by trying.
//
// # Memory
//
// Pages of spans and runs that are free are kept up to an eighth of what is in
// use and at least 16 MiB, and given back to the system beyond; [Allocator.Trim]
// gives all of them back.
//
// # Lock order
//
// class.mu, then pages.mu, then the locks of package arena.
package slab
