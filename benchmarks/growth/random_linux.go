package growth

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/benchmarks/internal/raw"
)

// random is memory that is touched at random, of 1 GiB, or 256 MiB if quick.
func random(quick bool) bench.Experiment {
	e := bench.Experiment{
		Name: randomName, Title: "Touching memory at random",
		Work: "New memory has a byte written in each of its pages of 4 KiB, in an order that visits all of them and knows no neighbours. " +
			"Making the memory and giving it back does not count. What is checked: each byte.",
		Metric: "seconds", Unit: "s", Columns: []string{"faults"},
		Axis: "size", AxisTitle: "bytes",
		Cases: []bench.Case{{Label: "1 GiB", Size: 1 << 30}},
		Contenders: []bench.Contender{
			{Name: "arena", Ours: true, Note: "HugeAlways", Run: touch(sparse(arena.HugeAlways))},
			{Name: smallPages, Ours: true, Note: "HugeNever", Run: touch(sparse(arena.HugeNever))},
			{Name: anonHuge, Note: "private memory, MADV_HUGEPAGE", Run: touch(anonymous(unix.MADV_HUGEPAGE))},
			{Name: "anonymous, small pages", Note: "private memory, MADV_NOHUGEPAGE", Run: touch(anonymous(unix.MADV_NOHUGEPAGE))},
		},
		Rounds: 5, Memory: bench.Times(1.1),
	}
	if quick {
		e.Cases = []bench.Case{{Label: "256 MiB", Size: 256 << 20}}
		e = e.Only("arena", anonHuge)
	}
	return e
}

// touch measures memory that open makes.
func touch(open func(n int) (b []byte, free func() error, err error)) func(bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (s bench.Sample, err error) {
		b, free, err := open(int(c.Size))
		if err != nil {
			return s, err
		}
		// Odd, and so it visits all of the pages, whose number is a power of two.
		const page, stride = 4096, 2654435761
		pages := len(b) / page
		faults, start := bench.Faults(), time.Now()
		for i := range pages {
			at := i * stride % pages
			b[at*page] = byte(at) | 1
		}
		s.Values = map[string]float64{"seconds": time.Since(start).Seconds(), "faults": float64(bench.Faults() - faults)}
		for at := range pages {
			if got := b[at*page]; got != byte(at)|1 {
				return s, fmt.Errorf("page %d has %d", at, got)
			}
		}
		return s, free()
	}
}

func sparse(pages arena.HugePages) func(int) ([]byte, func() error, error) {
	return func(n int) ([]byte, func() error, error) {
		a, err := arena.NewArena(arena.Options{Reserve: n, HugePages: pages, Headroom: -1})
		if err != nil {
			return nil, nil, err
		}
		b, err := a.AllocSparse(n)
		return b, a.Free, err
	}
}

func anonymous(advice int) func(int) ([]byte, func() error, error) {
	return func(n int) ([]byte, func() error, error) {
		m, err := raw.Anon(n)
		if err != nil {
			return nil, nil, err
		}
		return m.Bytes(), m.Unmap, m.Advise(advice)
	}
}
