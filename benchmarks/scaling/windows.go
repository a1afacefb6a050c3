package scaling

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/internal/sys"
)

// windowSize is how long the windows of a crowd are.
const windowSize = addrspace.Alignment

// crowd reserves n windows and calls f. cache says whether released ones are kept to
// be handed out again.
func crowd(n int, cache bool, f func(*addrspace.Space, []*addrspace.Window) error) (err error) {
	o := addrspace.Options{MaxVMAs: sys.MaxMapCount()}
	if !cache {
		o.CacheWindows = -1
	}
	space := addrspace.New(o)
	windows := make([]*addrspace.Window, 0, n)
	defer func() {
		for _, w := range windows {
			err = errors.Join(err, w.Release())
		}
		err = errors.Join(err, space.Trim())
	}()
	for range n {
		w, err := space.Reserve(windowSize, addrspace.ReserveOptions{})
		if err != nil {
			return err
		}
		windows = append(windows, w)
	}
	if err := f(space, windows); err != nil {
		return err
	}
	if st := space.Stats(); st.Windows != n || st.ReservedBytes != uint64(n)*windowSize {
		return fmt.Errorf("%d windows live, the space says %+v", n, st)
	}
	return nil
}

// turnover reserves and releases a window beside as many as the case's Count.
func turnover(cache bool, ops int) func(bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (bench.Sample, error) {
		var d time.Duration
		err := crowd(c.Count, cache, func(space *addrspace.Space, _ []*addrspace.Window) error {
			turn := func(n int) error {
				for range n {
					w, err := space.Reserve(windowSize, addrspace.ReserveOptions{})
					if err != nil {
						return err
					}
					if err := w.Release(); err != nil {
						return err
					}
				}
				return nil
			}
			if err := turn(ops / 10); err != nil {
				return err
			}
			start := time.Now()
			err := turn(ops)
			d = time.Since(start)
			return err
		})
		return sample("ns/op", float64(d.Nanoseconds())/float64(ops), err)
	}
}

// questions is how many addresses are asked for in turn: more than a cache would
// remember the answers of.
const questions = 1 << 16

// lookups asks for the windows of random addresses, one of them with each call of the
// function that ask returns, which reports the number of the window.
func lookups(ops int, ask func(*addrspace.Space, []*addrspace.Window) func(addr uintptr, window int) bool) func(bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (bench.Sample, error) {
		var d time.Duration
		err := crowd(c.Count, false, func(space *addrspace.Space, windows []*addrspace.Window) error {
			found := ask(space, windows)
			addrs, which := make([]uintptr, questions), make([]int, questions)
			for i := range addrs {
				which[i] = rand.IntN(len(windows))
				addrs[i] = windows[which[i]].Range().Start + rand.N[uintptr](windowSize)
			}
			right := 0
			start := time.Now()
			for i := range ops {
				if q := i % questions; found(addrs[q], which[q]) {
					right++
				}
			}
			d = time.Since(start)
			if right != ops {
				return fmt.Errorf("%d of %d windows found", right, ops)
			}
			return nil
		})
		return sample("ns/op", float64(d.Nanoseconds())/float64(ops), err)
	}
}

// askSpace finds windows by Space.Lookup.
func askSpace(space *addrspace.Space, windows []*addrspace.Window) func(uintptr, int) bool {
	return func(addr uintptr, window int) bool { return space.Lookup(addr) == windows[window] }
}

// askSlice finds them in a sorted slice, which nobody could add a window to.
func askSlice(_ *addrspace.Space, windows []*addrspace.Window) func(uintptr, int) bool {
	type place struct {
		start  uintptr
		window *addrspace.Window
	}
	var places []place
	for _, w := range windows {
		places = append(places, place{w.Range().Start, w})
	}
	slices.SortFunc(places, func(a, b place) int {
		if a.start < b.start {
			return -1
		}
		return 1
	})
	return func(addr uintptr, window int) bool {
		i, exact := slices.BinarySearchFunc(places, addr, func(p place, addr uintptr) int {
			switch {
			case p.start < addr:
				return -1
			case p.start > addr:
				return 1
			}
			return 0
		})
		if !exact {
			i--
		}
		return i >= 0 && places[i].window == windows[window]
	}
}
