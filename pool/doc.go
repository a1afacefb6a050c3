// Package pool holds very many growable byte buffers in one memory file and few
// mappings: 300,000 of them under the default limits of a system that ends at
// 65,530 mappings and 20,000 descriptors. No growth copies, and every address a
// buffer ever had stays valid until it is freed. A buffer takes a page of memory at
// least, and 16 MiB of addresses.
//
// # When to use it, and when not
//
// Use it for many buffers of pages to gigabytes whose final size nobody knows: one
// log, column or message queue for each customer, connection or key. Use something
// else
//
//   - for one buffer, or some hundreds: an arena.Arena. It has guards, aliases and
//     a file of its own;
//   - for objects that do not grow: package slab;
//   - for less than a page (4 KiB) each: make, or package slab. A buffer has a page
//     of memory at least;
//   - where appending may copy: append. It needs up to twice the memory while it
//     copies, and old slices do not see what is written to the new one.
//
// # Which call for which job
//
//	make a buffer of n bytes, zeroed   Pool.Alloc
//	make it longer                     Pool.Grow; old slices stay valid
//	make it shorter, keep the buffer   Pool.Shrink
//	end it                             Pool.Free
//	see what is held                   Pool.Stats
//	give back what is kept for reuse   Pool.Trim
//	end it all                         Pool.Close; its error says what was not freed
//
// # When is a slice valid?
//
// From Alloc or Grow until Free of the buffer or Close of the pool. A slice from
// before a Grow stays valid with its old length, and names the buffer.
//
//	p, err := pool.New(pool.Options{Name: "logs"})
//	b, err := p.Alloc(100)      // zeroed
//	b, err = p.Grow(b, 1<<30)   // not copied; the old b shows the same bytes
//	p.Free(b)
//
// To append, call Grow for each record; within the band it is one lock:
//
//	n := len(b)
//	b, err = p.Grow(b, n+len(record))
//	copy(b[n:], record)
//
// # One writer, many readers
//
// The writer hands readers the slice that Grow returned, through an atomic.Pointer
// or a channel, when it has written what they are to read. Readers of older slices
// go on: they see the same bytes. Free must wait until all readers are done; an
// epoch.Domain tells when.
//
// # Rules
//
//   - Methods may be called by any number of goroutines. Grow, Shrink and Free need
//     the buffer to themselves, but for readers and writers of its bytes.
//   - Freeing twice, and a slice that is no buffer of the pool, panic with the values.
//   - No Go pointers inside. No locks, and no atomics that order anything else: the race
//     detector does not see this memory and would report falsely. Counters are fine.
//
// # What it costs
//
//   - Memory: a page at least for each buffer. Of freed buffers up to 64 MiB are kept
//     for reuse (Options.Keep).
//   - Addresses: Options.Band for each buffer, 16 MiB unless you say otherwise. A
//     buffer that outgrows its band (from 15 MiB on) gets a window and a mapping of
//     its own.
//   - Alloc, and Grow within the band, take one lock and make no system call, but
//     for the first use of a band and for memory that is prepared for large buffers.
//     Grow beyond the band moves page tables and copies nothing.
//   - One descriptor, two when a buffer has outgrown its band. One mapping for each
//     run of bands (Stats.Runs), of which the first has 64 GiB, 4096 bands.
//
// States, invariants and the order of locks are told in pool.go.
package pool
