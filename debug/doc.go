// Package debug serves what growarena does in a running program over HTTP, in the manner of
// net/http/pprof: windows on a map of the address space; arenas, streams, pools, allocators
// and shared buffers; pins, who holds them, and what waits for them; memory that is tracked, and checkpoints; huge pages; growth steps as
// they happen.
//
//	http.Handle("/debug/growarena/", debug.Handler())
//
// # When to use it, and when not
//
// Use it to see why memory or addresses are not given back, who pins them, and what a program's
// buffers do. Serve it where net/http/pprof is served: on an address that only those reach who
// may know names, addresses and stacks of the program. Something else is simpler for one
// number: Stats of each type, or growarena.Memory.
//
// # Which call for which job
//
//	a page for a browser, live                /debug/growarena/
//	one JSON object: schema.json              /debug/growarena/?format=json
//	Prometheus, in the text format            /debug/growarena/?format=prometheus
//	what the live page gets: server-sent      /debug/growarena/?format=events
//	events named "state" and "steps"
//
// Importing the package registers nothing: only the handler that is mounted serves.
//
// # When is a figure valid?
//
// At the moment of the look, and each by itself: things are asked one after the other. One
// that does not answer within a second, because somebody grows it just now or
// is stuck in doing so, is shown as busy, without figures.
//
// # What it costs
//
//   - Nothing while nobody looks, but 0.1 µs when an [epoch.Domain], an [addrspace.Space] or a
//     [slab.Allocator] is made, so that it is known, and a load at each growth step.
//   - A look: some microseconds for each arena, pool, stream or follower, which are two or three
//     system calls, a scan of the slots of each domain, a millisecond for ten million objects
//     of an allocator. Each is asked for its Stats, which takes its lock for as long: growing
//     waits for that, at most. Reading, appending and allocating take no such lock. The page tables of memory that is tracked are
//     looked at: 0.5 ms for each GiB.
//   - A page that is open looks once a second, and leaves forty-nine fiftieths of the time to the program.
//
// No byte of a window is read or written, but the page of numbers that a shm.Writer publishes.
//
// [epoch.Domain]: https://pkg.go.dev/github.com/growarena/growarena/epoch#Domain
// [addrspace.Space]: https://pkg.go.dev/github.com/growarena/growarena/addrspace#Space
// [slab.Allocator]: https://pkg.go.dev/github.com/growarena/growarena/slab#Allocator
package debug
