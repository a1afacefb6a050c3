package placement

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/growarena/growarena/addrspace"
	placing "github.com/growarena/growarena/internal/placement"
)

// size is how long a window is.
const size = addrspace.Alignment

// user is the addresses of a process on x86-64 but for the first and the last; where
// addresses have 32 bits, some that exist.
var user = addrspace.Range{Start: size, End: 1<<(31+16*(^uintptr(0)>>63)) - size}

// layout is where windows lie.
type layout struct {
	starts     []uintptr         // of the windows, by ascending address
	zones      []addrspace.Range // where windows may lie
	collisions int               // places that were looked at and taken
}

// placement is a way to place n windows.
type placement func(n int) (layout, error)

// packed puts one beside the other, from a random address on.
func packed(n int) (layout, error) {
	base := user.Start + rand.N((user.Len()-uintptr(n)*size)/size)*size
	l := layout{zones: []addrspace.Range{user}}
	for i := range n {
		l.starts = append(l.starts, base+uintptr(i)*size)
	}
	return l, nil
}

// random draws each place from all addresses, again where somebody is.
func random(n int) (layout, error) {
	l := layout{zones: []addrspace.Range{user}}
	taken := make(map[uintptr]struct{}, n)
	for len(l.starts) < n {
		at := user.Start + rand.N(user.Len()/size)*size
		if _, ok := taken[at]; ok {
			l.collisions++
			continue
		}
		taken[at] = struct{}{}
		l.starts = append(l.starts, at)
	}
	slices.Sort(l.starts)
	return l, nil
}

// spaced places as a Space does.
func spaced(o addrspace.ReserveOptions) placement {
	return func(n int) (layout, error) {
		s := placing.Simulate()
		l := layout{zones: ranges(s.Zones)}
		for i := range n {
			at, ok := s.Place(size, o.Compact)
			if !ok {
				return l, fmt.Errorf("no room for window %d", i)
			}
			l.starts = append(l.starts, at)
		}
		l.collisions = int(s.Collisions())
		slices.Sort(l.starts)
		return l, nil
	}
}

// ranges returns the zones of a simulation.
func ranges(zones [][2]uintptr) (r []addrspace.Range) {
	for _, z := range zones {
		r = append(r, addrspace.Range{Start: z[0], End: z[1]})
	}
	return r
}

// check returns an error unless there are n windows, apart from each other and in
// the zones.
func (l layout) check(n int) error {
	if len(l.starts) != n {
		return fmt.Errorf("%d windows, want %d", len(l.starts), n)
	}
	for i, at := range l.starts {
		if i > 0 && at < l.starts[i-1]+size {
			return fmt.Errorf("windows at %#x and %#x overlap", l.starts[i-1], at)
		}
		if z := l.zoneOf(at); !z.Contains(at) || at+size > z.End {
			return fmt.Errorf("the window at %#x is in no zone", at)
		}
	}
	return nil
}

// zoneOf returns the zone that addr is in, or no addresses.
func (l layout) zoneOf(addr uintptr) addrspace.Range {
	for _, z := range l.zones {
		if z.Contains(addr) {
			return z
		}
	}
	return addrspace.Range{}
}

// hits returns in percent how many windows cannot become n bytes long where they are
// while all others stay as they are: the next one begins too early, or the addresses
// end.
func (l layout) hits(n uintptr) float64 {
	hits := 0
	for i, at := range l.starts {
		if i+1 < len(l.starts) && l.starts[i+1] < at+n || l.zoneOf(at).End < at+n {
			hits++
		}
	}
	return 100 * float64(hits) / float64(len(l.starts))
}

// largestGap returns the length of the longest free range within a zone.
func (l layout) largestGap() (longest uintptr) {
	for _, z := range l.zones {
		at := z.Start
		i, _ := slices.BinarySearch(l.starts, z.Start)
		for ; i < len(l.starts) && l.starts[i] < z.End; i++ {
			longest = max(longest, l.starts[i]-at)
			at = l.starts[i] + size
		}
		longest = max(longest, z.End-at)
	}
	return longest
}

// reach is how many addresses the entries of one page of page tables translate, by
// level; the page of the highest level is there anyway.
var reach = []uint64{2 << 20, 1 << 30, 512 << 30}

// tableBytes returns how many bytes of page tables it takes to have a page mapped in
// every window.
func (l layout) tableBytes() (n int) {
	for _, r := range reach {
		last := ^uint64(0)
		for _, at := range l.starts { // ascending, so those of a table follow each other
			if uint64(at)/r != last {
				last = uint64(at) / r
				n += 4096
			}
		}
	}
	return n
}

// values returns what is to be known of the layout without touching it.
func (l layout) values() map[string]float64 {
	n := float64(len(l.starts))
	return map[string]float64{
		"collisions":         float64(l.collisions),
		"to-64MiB-percent":   l.hits(64 << 20),
		"to-1GiB-percent":    l.hits(1 << 30),
		"largest-gap-bytes":  float64(l.largestGap()),
		"window-table-bytes": float64(l.tableBytes()) / n,
	}
}
