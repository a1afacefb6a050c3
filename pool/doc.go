// Package pool holds very many growable byte buffers in one memory file and few
// mappings: 300,000 of them under the default limits of a system that ends at
// 65,530 mappings and 20,000 descriptors. No growth copies, and every address a
// buffer ever had stays valid until it is freed.
//
// Use it for many buffers of pages to gigabytes whose final size nobody knows:
// one log, column or message queue per customer, per connection, per key. For
// one buffer, or some hundreds, take an arena.Arena: it has guards, aliases and
// a file of its own. For objects that do not grow take package slab, and below a
// page make.
//
//	p, err := pool.New(pool.Options{Name: "logs"})
//	b, err := p.Alloc(100)      // zeroed
//	b, err = p.Grow(b, 1<<30)   // not copied; the old b shows the same bytes
//	p.Free(b)
//
// # When is a slice valid?
//
// From Alloc or Grow until Free of the buffer or Close of the pool. A slice from
// before a Grow stays valid with its old length, and names the buffer.
//
// # What it costs
//
// A page of memory at least for each buffer, and addresses: Options.Band for
// each (16 MiB unless you say otherwise). Alloc, and Grow within the band, take
// one lock and make no system call, but for the first use of a band and for
// memory that is prepared for large buffers.
package pool
