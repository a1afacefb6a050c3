package addrspace

import (
	"slices"

	"github.com/growarena/growarena/internal/sys"
)

// enter enters g, which has just been mapped, into the list, and gives the window's advice for
// it: on every new part, also where it will merge, since neighbours merge only when they have
// been advised alike.
//
// Preconditions: w.mu is held; w.space.mu is not.
func (w *Window) enter(g segment) {
	g.unadvised = !w.advise(g)
	w.setSegs(w.segs.add(g))
	if g.unadvised {
		w.mustSettle(w.segs)
		w.space.ignored()
	}
}

// advise gives the kernel the window's advice for g, and reports whether it took all.
//
// Preconditions: w.mu is held; g is mapped.
func (w *Window) advise(g segment) (taken bool) {
	taken = slices.Contains(w.opts.Advice, sys.AdviseDoDump) || sys.Advise(w.start+g.off, g.n, sys.AdviseDontDump) == nil
	for _, advice := range w.opts.Advice {
		taken = sys.Advise(w.start+g.off, g.n, advice) == nil && taken
	}
	return taken
}

// adviseAgain repeats advice where it was refused before: at
// vm.max_map_count madvise answers EAGAIN when it would have to cut a VMA, and
// until it is heard the parts do not merge. A kernel that never takes it sets
// the flag for no part, and then all of them merge just the same.
//
// Preconditions: w.mu is held; w.space.mu is not.
func (w *Window) adviseAgain() {
	for {
		i := slices.IndexFunc(w.segs, func(g segment) bool { return g.unadvised })
		if i < 0 {
			return
		}
		g := w.segs[i]
		if !w.advise(g) {
			return
		}
		g.unadvised = false
		w.setSegs(w.segs.cut(g.off, g.n).add(g))
		w.mustSettle(w.segs)
	}
}

// ignored counts advice that the kernel did not take.
func (s *Space) ignored() {
	s.mu.Lock()
	s.stats.AdviceIgnored++
	s.mu.Unlock()
}
