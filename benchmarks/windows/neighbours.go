package windows

import (
	"errors"
	"math/rand/v2"
	"slices"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/benchmarks/internal/work"
	"github.com/growarena/growarena/internal/sys"
)

// placed is windows that were placed somehow, and can be made longer.
type placed interface {
	reserve() error
	// extend makes window i n bytes long where it is, and reports whether nothing
	// was in the way.
	extend(i int, n uintptr) (bool, error)
	free() error
}

// neighbours reserves the windows of a case and then makes each as long as the case
// says: reported are those that could not, in percent.
func neighbours(p func() placed) func(bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (s bench.Sample, err error) {
		all := p()
		for range c.Count {
			if err := all.reserve(); err != nil {
				return s, err
			}
		}
		hits := 0
		for i := range c.Count {
			ok, err := all.extend(i, uintptr(c.Size))
			if err != nil {
				return s, err
			}
			if !ok {
				hits++
			}
		}
		s.Values = map[string]float64{"percent": 100 * float64(hits) / float64(c.Count)}
		return s, all.free()
	}
}

// spaced is windows of a Space.
type spaced struct{ crowd }

// newSpaced returns no windows yet, in a Space that may have all mappings there are.
func newSpaced() placed {
	return &spaced{crowd{space: addrspace.New(addrspace.Options{MaxVMAs: sys.MaxMapCount(), CacheWindows: -1})}}
}

func (s *spaced) reserve() error {
	w, err := s.space.Reserve(size, s.options)
	s.live = append(s.live, w)
	return err
}

func (s *spaced) extend(i int, n uintptr) (bool, error) {
	err := s.live[i].Extend(int(n - size))
	if errors.Is(err, addrspace.ErrNoSpace) {
		return false, nil
	}
	return err == nil, err
}

// loose is windows without a Space.
type loose struct {
	place   func() uintptr // where the next one goes; 0 leaves it to the kernel
	windows []addrspace.Range
}

// newRandom returns windows at random places among all addresses of 47 bits, but
// for the last GiB: nothing that grows is to hit the end.
func newRandom() placed {
	return &loose{place: func() uintptr {
		return uintptr(1+rand.Uint64N((1<<47-1<<30)/size)) * size
	}}
}

// newPacked returns windows where the kernel puts them.
func newPacked() placed { return &loose{place: func() uintptr { return 0 }} }

func (l *loose) reserve() error {
	for {
		at, err := sys.Reserve(l.place(), size)
		if errors.Is(err, sys.EEXIST) {
			continue // somebody is there
		}
		if err == nil {
			l.windows = append(l.windows, addrspace.Range{Start: at, End: at + size})
		}
		return err
	}
}

func (l *loose) extend(i int, n uintptr) (bool, error) {
	w := &l.windows[i]
	_, err := sys.Reserve(w.End, n-size)
	if errors.Is(err, sys.EEXIST) {
		return false, nil
	}
	if err == nil {
		w.End = w.Start + n
	}
	return err == nil, err
}

// free goes through the windows from below, so that where they are neighbours none
// is cut out of the middle of others.
func (l *loose) free() error {
	slices.SortFunc(l.windows, func(a, b addrspace.Range) int {
		if a.Start < b.Start {
			return -1
		}
		return 1
	})
	for _, w := range l.windows {
		if err := sys.Unmap(w.Start, w.Len()); err != nil {
			return err
		}
	}
	return nil
}

// inRace says why random places are not used in a race build, "" in others.
func inRace(bench.Case) string { return work.Race() }
