// Package placement lets benchmarks see where package addrspace would place very many
// windows, more than the system's limits allow, without reserving any.
package placement

// Simulate returns a simulation of a Space with default options, on the kind of
// machine this is. Package addrspace sets it; import that, too.
var Simulate func() Simulation

// Simulation is an address space that nobody else uses. Its functions are not safe
// for concurrent use.
type Simulation struct {
	// Zones are where windows may lie, each from its first address up to but not
	// including the second, in no particular order.
	Zones [][2]uintptr

	// Place returns where a window of size bytes, rounded up to a multiple of
	// addrspace.Alignment, would begin, and false if there is no room. The place is
	// taken from then on. It panics if size is not positive.
	Place func(size int, compact bool) (start uintptr, ok bool)

	// Collisions returns how often a random place was given up.
	Collisions func() uint64
}
