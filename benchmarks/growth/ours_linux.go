package growth

import (
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/benchmarks/internal/raw"
)

// ours are growarena's contenders; the first is the one in the goals.
func ours() []bench.Contender {
	all := []bench.Contender{
		contender("arena", alloc(arena.Options{})),
		contender("arena.Buffer", buffer),
		contender("arena, 2 MiB window", alloc(arena.Options{Reserve: 2 << 20})),
		contender("arena, rehoming", alloc(arena.Options{Reserve: 2 << 20, Rungs: arena.RungInWindow | arena.RungRehome})),
		contender("arena, no headroom", alloc(arena.Options{Headroom: -1})),
	}
	notes := []string{
		"NewArena(Options{}), Alloc and copy",
		"the zero Buffer, Write",
		"Options{Reserve: 2 << 20}: it outgrows its window again and again, and mostly extends it",
		"the same, but it has to move to another window each time",
		"Options{Headroom: -1}: nothing is prepared by another goroutine",
	}
	for i := range all {
		all[i].Ours, all[i].Note = true, notes[i]
	}
	return all
}

// pricing are an arena with huge pages where they pay, with none, and with nothing else.
func pricing() []bench.Contender {
	all := []bench.Contender{
		contender("arena", alloc(arena.Options{})),
		contender(smallPages, alloc(arena.Options{HugePages: arena.HugeNever})),
		contender("arena, huge pages", alloc(arena.Options{HugePages: arena.HugeAlways})),
	}
	notes := []string{"HugeAuto", "HugeNever", "HugeAlways: whatever they cost"}
	for i := range all {
		all[i].Ours, all[i].Note = i == 0, notes[i]
	}
	return all
}

func alloc(o arena.Options) func(int) (target, error) {
	return func(int) (target, error) {
		calls := raw.CountOurs()
		a, err := arena.NewArena(o)
		if err != nil {
			calls()
			return target{}, err
		}
		return target{
			write: func(p []byte) error {
				b, err := a.Alloc(len(p))
				copy(b, p)
				return err
			},
			bytes: a.Bytes,
			calls: calls,
			held:  func() int { return a.Stats().Committed },
			free:  a.Free,
		}, nil
	}
}

func buffer(int) (target, error) {
	b := new(arena.Buffer)
	return target{
		write: func(p []byte) error { _, err := b.Write(p); return err },
		bytes: b.Bytes,
		calls: raw.CountOurs(),
		held:  func() int { return b.Arena().Stats().Committed },
		free:  b.Free,
	}, nil
}
