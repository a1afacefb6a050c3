//go:build !(386 || arm || mips || mipsle)

package placement

import (
	"math"
	"slices"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/internal/sys"
)

func TestExperiments(t *testing.T) {
	for _, e := range Experiments(true) {
		most := 64
		if e.Name == "placement-density" {
			most = 2 // pages of each window
		}
		bench.Smoke(t, func(c bench.Case) bench.Case {
			c.Count = min(c.Count, most)
			return c
		}, e)
	}
}

// TestLayout has windows of which everything is known.
func TestLayout(t *testing.T) {
	const gib = 1 << 30
	z := addrspace.Range{Start: 512 * gib, End: 1024 * gib}
	l := layout{zones: []addrspace.Range{z, {Start: 4 * 512 * gib, End: 4*512*gib + size}}, starts: []uintptr{
		512 * gib, 512*gib + size, 512*gib + 64<<20 + size, 514 * gib, 1024*gib - 32<<20,
	}}
	if err := l.check(5); err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{
		"collisions":         0,
		"to-64MiB-percent":   40, // the first, and the last, which the zone's end is in the way of
		"to-1GiB-percent":    60, // and the second
		"largest-gap-bytes":  510*gib - size - 32<<20,
		"window-table-bytes": 4096 * (5 + 3 + 1) / 5.0,
	}
	for name, got := range l.values() {
		if got != want[name] {
			t.Errorf("%s is %v, want %v", name, got, want[name])
		}
	}
	overlap, outside := l, l
	overlap.starts = []uintptr{512 * gib, 512*gib + 4096}
	outside.starts = []uintptr{511 * gib, 512 * gib}
	if overlap.check(2) == nil || outside.check(2) == nil || l.check(4) == nil {
		t.Error("a layout that is wrong passes")
	}
}

// TestRandom compares with what chance says: of n random windows about
// n·(1-exp(-n·d/A)) have another one less than d before their end.
func TestRandom(t *testing.T) {
	const n = 65_536
	l, err := random(n)
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []uintptr{64 << 20, 1 << 30} {
		want := 100 * (1 - math.Exp(-n*float64(to-size)/float64(user.Len())))
		if got := l.hits(to); math.Abs(got-want) > 0.1*want {
			t.Errorf("growing to %d MiB %.2f %% hit a neighbour, want %.2f %%", to>>20, got, want)
		}
	}
}

// TestTables: what is computed is what the kernel counts.
func TestTables(t *testing.T) {
	const n = 300
	for _, c := range mappings(func(bench.Case) (windows, pages, reads int) { return n, 1, 1 }) {
		if why := c.Why(bench.Case{}); why != "" {
			t.Logf("%s: %s", c.Name, why)
			continue
		}
		s, err := c.Run(bench.Case{})
		if err != nil {
			t.Fatal(err)
		}
		// The Go heap grows too, and may take tables or share those of a window.
		got, want := s.Values["window-table-bytes"], s.Values["computed-table-bytes"]
		if math.Abs(got-want)*n > 16*4096+0.02*want*n {
			t.Errorf("%s: page tables of %.0f bytes per window, computed %.0f", c.Name, got, want)
		}
	}
}

// TestLines: reads that go wrong are noticed, and windows show what is theirs.
func TestLines(t *testing.T) {
	const n, pages = 10, 3
	fd, err := sys.Memfd("placement test", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(fd)
	if err := sys.Truncate(fd, n*size); err != nil {
		t.Fatal(err)
	}
	m, err := mapSpaced(addrspace.ReserveOptions{})(n, fd)
	if err != nil {
		t.Fatal(err)
	}
	addrs := lines(m.order, pages)
	if len(addrs) != n*pages || !slices.IsSorted(m.starts) {
		t.Errorf("%d lines, windows %#x", len(addrs), m.starts)
	}
	for _, read := range []func([]uintptr, int) (float64, error){chase, scatter} {
		if _, err := read(addrs, 3); err != nil {
			t.Error(err)
		}
		at(addrs[7]).id++
		if _, err := read(addrs, 3); err == nil {
			t.Error("a line that has changed is not noticed")
		}
		at(addrs[7]).id--
	}
	at(addrs[0]).next = addrs[0]
	if _, err := chase(addrs, 1); err == nil {
		t.Error("a ring that is broken is not noticed")
	}
	if err := m.free(); err != nil {
		t.Error(err)
	}
}

func BenchmarkPlacement(b *testing.B) { bench.Run(b, Experiments(testing.Short())...) }
