package growarena

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/growarena/growarena/internal/census"
	"github.com/growarena/growarena/internal/pproto"
)

// Holding is what things of one kind, or of one kind and name, hold.
type Holding struct {
	Kind      string // "arena", "buffer", "linear memory", "pool", "slab", …: what was made
	Name      string // its Options.Name; "" for all of a kind
	Count     int    // arenas, pools and so on; of an allocator each of its regions and its pool
	Committed int    // bytes of memory
	Disk      int    // bytes of files on a disk: pages of theirs in memory are the kernel's cache
	Reserved  int    // bytes of address space, without windows kept for reuse
}

// Holdings is what all arenas, buffers, pools and allocators of the process hold outside
// the Go heap. [Memory] returns it.
type Holdings struct {
	Count, Committed, Disk, Reserved int // Of all of them.

	Kinds []Holding // By kind, those with the most memory first.
	Names []Holding // By kind and name, those with the most memory first.
}

// Memory returns what the process holds outside the Go heap through this library. What was not
// freed is counted, whether the program still knows it or not; what guards or aliases keep
// of an arena after its Free is not. Each thing is asked, which takes a system call or two,
// a few microseconds; nothing is counted in advance, so Alloc and Free pay nothing for it.
// Safe for concurrent use.
func Memory() Holdings {
	var h Holdings
	kinds, names := make(map[Holding]*Holding), make(map[Holding]*Holding)
	add := func(to map[Holding]*Holding, key Holding, e census.Entry) {
		sum := to[key]
		if sum == nil {
			sum = &Holding{Kind: key.Kind, Name: key.Name}
			to[key] = sum
		}
		sum.Count++
		sum.Committed += e.Committed
		sum.Disk += e.Disk
		sum.Reserved += e.Reserved
	}
	for _, e := range census.List() {
		h.Count++
		h.Committed += e.Committed
		h.Disk += e.Disk
		h.Reserved += e.Reserved
		add(kinds, Holding{Kind: e.Kind}, e)
		add(names, Holding{Kind: e.Kind, Name: e.Name}, e)
	}
	h.Kinds, h.Names = sorted(kinds), sorted(names)
	return h
}

// sorted returns the holdings, those with the most memory first.
func sorted(m map[Holding]*Holding) (list []Holding) {
	for _, h := range m {
		list = append(list, *h)
	}
	slices.SortFunc(list, func(a, b Holding) int {
		return cmp.Or(cmp.Compare(b.Committed, a.Committed), cmp.Compare(b.Disk, a.Disk), cmp.Compare(b.Reserved, a.Reserved),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// String returns a table with a line for each name, and the sum.
func (h Holdings) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "kind\tname\tcount\tcommitted\tdisk\treserved")
	for _, n := range append(slices.Clone(h.Names), Holding{Kind: "all", Count: h.Count, Committed: h.Committed, Disk: h.Disk, Reserved: h.Reserved}) {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\n", n.Kind, n.Name, n.Count, n.Committed, n.Disk, n.Reserved)
	}
	_ = w.Flush() // To memory.
	return b.String()
}

// WriteProfile writes a profile of what [Memory] counts, by who made it, in the format of go
// tool pprof: inuse_objects is their number, inuse_space their memory in bytes, as in the
// heap profile, reserved_space their addresses. For objects of allocators, by who allocated them,
// there is slab.WriteProfile.
func WriteProfile(w io.Writer) error {
	var samples []pproto.Sample
	for _, e := range census.List() {
		samples = append(samples, pproto.Sample{Stack: e.Made, Values: []int64{1, int64(e.Reserved), int64(e.Committed)}})
	}
	units := []pproto.Unit{{Type: "inuse_objects", Unit: "count"}, {Type: "reserved_space", Unit: "bytes"}, {Type: "inuse_space", Unit: "bytes"}}
	if err := pproto.Write(w, units, 1, samples); err != nil {
		return fmt.Errorf("growarena: write profile: %w", err)
	}
	return nil
}

// SetMemoryLimit makes n bytes the limit of what the process holds: Go's own memory, which
// [runtime/debug.SetMemoryLimit] limits, and the memory that is committed outside the heap (files on a
// disk are none: Holding.Disk). It sets Go's limit to n less
// the latter and keeps it so, so that the heap makes room for arenas, pools and allocators; it is
// not a limit of theirs, which the Limit of their options is. It returns the previous limit,
// [math.MaxInt64] if there was none. A negative n only asks, math.MaxInt64 ends it and leaves Go
// without a limit. To have GOMEMLIMIT count both:
//
//	growarena.SetMemoryLimit(debug.SetMemoryLimit(-1))
//
// As with GOMEMLIMIT, leave a tenth of a container's memory to the program itself, to stacks of
// threads and to the kernel. What is outside the heap is asked for where memory is taken or given
// back in a step that is slow anyway, not by a timer:
//
//   - an arena, whatever is built on it, and the small and medium objects of an allocator: when its
//     capacity grows, when Alloc enters another 2 MiB, and at Decommit, Trim and Free. So Go's
//     limit is late by 2 MiB for each writer that moves on. Bytes of one larger Alloc, and those of
//     Alloc under AllocSparse, are seen when they have been touched and the next step comes;
//   - a pool, and large objects: at its next call after buffers of 1 MiB together have come,
//     and when as much is gone;
//   - everything: at this call, and at [Memory].
//
// Where the heap holds more than what is left it is collected out of turn and its free memory
// given back, on a goroutine of its own, at most once for each sixteenth of n. Go's limit is never set below 4 MiB: if
// more than n is committed outside the heap, no collection can help. While there is a limit a step takes a
// microsecond or two longer. Whoever else calls debug.SetMemoryLimit is overruled by the next step.
func SetMemoryLimit(n int64) int64 { return census.SetLimit(n) }
