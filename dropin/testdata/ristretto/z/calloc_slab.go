// Memory of ristretto from a slab instead of jemalloc: this file in the place of
// calloc_nojemalloc.go and calloc_jemalloc.go of its package z. ../main.go runs with it.

package z

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/growarena/growarena/slab"
)

var (
	calloc    = slab.New(slab.Options{Name: "ristretto"})
	callocMem = slab.NewArrow(calloc, slab.ArrowOptions{})

	dallocsMu sync.Mutex
	dallocs   = map[*byte]dalloc{} // What is in use, by where it begins.
)

type dalloc struct {
	t  string
	sz int
}

// Calloc returns n bytes that are zero, to be given back by Free. tag is what Leaks
// lists them under.
func Calloc(n int, tag string) []byte {
	if n == 0 {
		return []byte{}
	}
	b := callocMem.Allocate(n)[:n:n]
	dallocsMu.Lock()
	dallocs[&b[0]] = dalloc{tag, n}
	dallocsMu.Unlock()
	atomic.AddInt64(&numBytes, int64(n))
	return b
}

// CallocNoRef is Calloc.
func CallocNoRef(n int, tag string) []byte { return Calloc(n, tag) }

// Free gives back what begins where b does.
func Free(b []byte) {
	if cap(b) == 0 {
		return
	}
	p := &b[:1][0]
	dallocsMu.Lock()
	d := dallocs[p]
	delete(dallocs, p)
	dallocsMu.Unlock()
	callocMem.Free(b) // Panics if it is not in use.
	atomic.AddInt64(&numBytes, -int64(d.sz))
}

// Leaks lists what is in use, by tag.
func Leaks() string {
	dallocsMu.Lock()
	defer dallocsMu.Unlock()
	if len(dallocs) == 0 {
		return "NO leaks found."
	}
	bytes := map[string]int{}
	for _, d := range dallocs {
		bytes[d.t] += d.sz
	}
	var s strings.Builder
	fmt.Fprintln(&s, "Allocations:")
	for _, tag := range slices.Sorted(maps.Keys(bytes)) {
		fmt.Fprintf(&s, "%d bytes at file: %s\n", bytes[tag], tag)
	}
	return s.String()
}

// StatsPrint prints the allocator's statistics.
func StatsPrint() { fmt.Printf("%+v\n", calloc.Stats()) }

// ReadMemStats says what is in use, in how many pages, how many of them may have
// memory, and how much was given back to the system.
func ReadMemStats(m *MemStats) {
	if m == nil {
		return
	}
	s := calloc.Stats()
	m.Allocated = uint64(s.Live)
	m.Active = uint64(s.Charged)
	m.Resident = uint64(s.Charged + s.Kept)
	m.Retained = uint64(s.FreePages - s.Kept)
}
