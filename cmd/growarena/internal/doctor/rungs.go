package doctor

import (
	"errors"
	"fmt"

	"github.com/growarena/growarena/arena"
)

// ladder is the growth ladder, with what it costs to do without a rung.
var ladder = []struct {
	name, works, cost, change string
}{
	{"in-window", "the file grows, the window stays", "no arena can grow", ""},
	{"extend", "the window grows where it is", "arenas that outgrow their window move", "more address space: see limits"},
	{"rehome", "page tables move to a bigger window", "growth beyond a window maps the file a second time: readers take a page fault for each page", "Linux 5.13 or newer, or a sandbox that knows mremap with MREMAP_DONTUNMAP"},
	{"alias", "the file is mapped again in a bigger window", "nothing to fall back on where page tables cannot be moved", "more address space: see limits"},
}

// rungRows makes an arena climb each rung.
func rungRows() []Row {
	var rows []Row
	for _, l := range ladder {
		name := l.name
		if err := climb(name); err != nil {
			rows = append(rows, missing(name, err.Error(), l.cost, l.change))
		} else {
			rows = append(rows, ok(name, l.works))
		}
	}
	return rows
}

// climb makes a small arena grow by one rung, and looks whether what it held is
// there after that.
func climb(name string) (err error) {
	rung, err := arena.ParseRung(name)
	if err != nil {
		return err
	}
	const small, big = 2 << 20, 6 << 20
	o := arena.Options{Name: "doctor", Reserve: small, Rungs: arena.RungInWindow | rung, Headroom: -1, Retire: true}
	if rung == arena.RungInWindow {
		o.Reserve = 2 * big
	}
	a, err := arena.NewArena(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Free()) }()
	text := "what was there before"
	b, err := a.Alloc(len(text))
	if err != nil {
		return err
	}
	copy(b, text)
	before := a.Stats().Growth
	if err := a.Grow(big); err != nil {
		return err
	}
	after := a.Stats().Growth
	if got, had := grown(after, rung), grown(before, rung); got <= had {
		return fmt.Errorf("it grew, but not by this rung: %+v", after)
	}
	return a.Read(func(b []byte) error {
		if string(b) != text {
			return fmt.Errorf("it grew, and holds %q instead of %q", b, text)
		}
		return nil
	})
}

// grown returns how often rung was climbed.
func grown(g arena.Growth, rung arena.Rungs) int {
	switch rung {
	case arena.RungInWindow:
		return g.InWindow
	case arena.RungExtend:
		return g.Extended
	case arena.RungRehome:
		return g.Rehomed
	}
	return g.Aliased
}
