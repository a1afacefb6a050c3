package doctor

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/memfile"
)

// extent is what prices are compared of: a huge page, and as many small ones.
const extent = memfile.ExtentSize

// priceRows measures what memory costs at the moment.
func priceRows() []Row {
	huge, small := memfile.Prices()
	return []Row{
		judgeSmall(small, os.Getpagesize()),
		judgePrices(huge, small),
		judgeMove(arena.RungRehome),
		judgeMove(arena.RungAlias),
	}
}

// judgeSmall judges what an extent costs by page faults.
func judgeSmall(small time.Duration, page int) Row {
	const name = "price of a small page"
	if small <= 0 {
		return ok(name, "not known")
	}
	one := small / time.Duration(extent/page)
	value := fmt.Sprintf("%s, 2 MiB of them %s", short(one), short(small))
	if one <= dearPage {
		return ok(name, value)
	}
	return costs(name, value,
		fmt.Sprintf("touching a GiB for the first time takes %s: the host has to find each page, where 0.3 to 1.5 µs are usual", short(small*(1<<30/extent))),
		"at the host: memory of its own for this machine, no free page reporting, no balloon; here: memory that is kept and used again")
}

// dearPage is what a page fault costs on no machine that has its memory.
const dearPage = 4 * time.Microsecond

// judgePrices judges what 2 MiB cost, as a huge page and by page faults.
func judgePrices(huge, small time.Duration) Row {
	const name = "price of a huge page"
	if huge == 0 || small == 0 {
		return ok(name, "not known")
	}
	value := fmt.Sprintf("%s, small pages instead %s; a GiB that a cursor fills %s", short(huge), short(small), short(min(huge, small)*(1<<30/extent)))
	if huge <= small {
		return ok(name, value)
	}
	return costs(name, value,
		"the host has to find memory that was free for a while: HugeAuto leaves huge pages alone as long as that is so, and filling takes as long as with small pages",
		"nothing to do; if it is always so, memory that the host does not take back (no free page reporting, no balloon)")
}

const (
	// moved is how much moves when a move is measured.
	moved = 4 << 20

	// movesTried is how often, of which the fastest counts.
	movesTried = 3
)

// judgeMove measures what it costs to go to a bigger window by a rung.
func judgeMove(rung arena.Rungs) Row {
	name, how, then := "price of a move", "by page tables", "a page that was touched before costs nothing"
	if rung == arena.RungAlias {
		name, how, then = "price of a second mapping", "by mapping again", "each page that is touched again"
	}
	var best, again time.Duration
	for range movesTried {
		took, touch, err := measureMove(rung)
		if err != nil {
			return missing(name, err.Error(), "arenas do not go to a bigger window this way", "see growth, above")
		}
		if best == 0 || took < best {
			best, again = took, touch
		}
	}
	value := fmt.Sprintf("%s for %s of small pages, %s", short(best), size(moved), how)
	if rung == arena.RungAlias {
		value += "; then " + short(again) + " for " + then
	} else {
		value += "; " + then
	}
	return ok(name, value)
}

// measureMove makes an arena go to a bigger window by a rung, and returns how long that takes, and
// how long it takes to touch a page again behind it.
func measureMove(rung arena.Rungs) (took, touch time.Duration, err error) {
	a, err := arena.NewArena(arena.Options{
		Name: "doctor", Reserve: moved, Rungs: arena.RungInWindow | rung, Headroom: -1, HugePages: arena.HugeNever, Retire: true,
	})
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, a.Free()) }()
	b, err := a.Alloc(moved)
	if err != nil {
		return 0, 0, err
	}
	page := os.Getpagesize()
	for i := 0; i < moved; i += page {
		b[i] = 1
	}
	begin := time.Now()
	if err := a.Grow(moved); err != nil {
		return 0, 0, err
	}
	took = time.Since(begin)
	if g := a.Stats().Growth; grown(g, rung) != 1 {
		return 0, 0, fmt.Errorf("it grew, but not by this rung: %+v", g)
	}
	begin = time.Now()
	err = a.Read(func(b []byte) error {
		for i := 0; i < moved; i += page {
			if b[i] != 1 {
				return fmt.Errorf("it grew, and byte %d is %d", i, b[i])
			}
		}
		return nil
	})
	return took, time.Since(begin) / time.Duration(moved/page), err
}

// short returns a duration with three digits or so.
func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d >= 10*time.Microsecond:
		return d.Round(100 * time.Nanosecond).String()
	}
	return d.Round(10 * time.Nanosecond).String()
}
