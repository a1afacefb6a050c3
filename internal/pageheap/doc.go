// Package pageheap hands out runs of pages: it is the room below package slab, which
// makes objects of them.
//
//	region.go    where pages come from: arenas that never move, and the page table
//	fit.go       free runs, by length: two-level segregated fit
//	heap.go      pages in use, free, and held
//	fresh.go     which free pages have memory, and which of them old bytes
//	decommit.go  what is given back to the system, and when
//
// A page is in use, free, or held: neither in use nor to be used again, until it is
// released. What it is used for is its owner's affair, who enters a number of its own, the
// tag, for each page in use into the page table; [Heap.Lookup] finds it by address.
//
// The lock of a heap is its owner's to take, so that what the owner knows of pages
// changes together with them: [Heap.Lock], then methods whose names end in Locked. All
// others are for who does not hold it, and what they read is read without it.
package pageheap
