package fuzz

import (
	"errors"
	"fmt"
	"math"
	"os"
	"sync"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
)

// arenaModel is one arena and what it should be.
type arenaModel struct {
	run  *arenaRun
	name string
	a    *arena.Arena // nil if it could not be made
	disk *os.File     // the file of ours it is on, or nil
	want *mirror

	length, capacity, limit int
	size                    int // of the file that it is on, before

	freed   bool
	punched bool // memory was given back, so not all that was committed still is
	foreign bool // others have changed the length of the file that it is on
	others  int  // end of what others have put behind its end; 0 for nothing
	top     int  // the most that the length has been before it was made shorter

	window  arenaWindow   // the current one
	windows []arenaWindow // the old ones that are still mapped, the oldest first
	stats   arena.Stats   // the last ones

	// What is kept, the oldest first.
	slices  []keptSlice
	guards  []keptGuard
	aliases []keptAlias
	files   []*os.File
}

// arenaWindow is a window that shows the arena.
type arenaWindow struct {
	start uintptr
	size  int
	move  int // how many there were before
	all   []byte

	// death is when it was retired in a shared domain, by the run's clock; 0 if it
	// was not, for want of room there.
	death uint64
	later bool // a goroutine of its own waits for its pins
}

// exact reports whether windows are retired through a domain of the arena's own.
func (m *arenaModel) exact() bool { return m.run.opts.Retire }

// shows reports whether a guard or an alias may show bytes of the arena.
func (m *arenaModel) shows() bool {
	if len(m.aliases) > 0 {
		return true
	}
	if m.keeps() {
		return false
	}
	for _, other := range m.run.arenas {
		if len(other.guards) > 0 && (other == m || !m.exact()) {
			return true
		}
	}
	return false
}

// keeps reports whether old windows are kept.
func (m *arenaModel) keeps() bool { return !m.exact() && m.run.opts.Domain == nil }

// firstWindow notes the window that a new arena has.
func (m *arenaModel) firstWindow() error {
	m.stats = m.a.Stats()
	s := m.stats
	m.window = arenaWindow{start: addrOf(m.a.Bytes()), size: s.Window}
	reserve := m.run.opts.Reserve
	if reserve == 0 {
		reserve = min(256<<20, m.limit)
	}
	want := roundUp(max(reserve, m.size, 1))
	if s.Window != want && !(m.run.space.tight && s.Window < want && s.Window >= roundUp(max(m.size, 1))) {
		return fmt.Errorf("the first window is %d bytes, want %d", s.Window, want)
	}
	if s.Growth != (arena.Growth{}) || s.Len != m.size || s.Cap != m.size {
		return fmt.Errorf("a new arena on a file of %d bytes has %+v", m.size, s)
	}
	return nil
}

// roundUp rounds up to a length that windows and files have.
func roundUp(n int) int { return (n + arenaUnit - 1) &^ (arenaUnit - 1) }

// grown takes over what an operation has made of the capacity that needed so
// much of it and returned err: no more may have changed than that allows.
func (m *arenaModel) grown(need int, err error) error {
	if e := m.mayFail(need, err); e != nil {
		return e
	}
	s := m.a.Stats()
	g, old := s.Growth, m.stats.Growth
	steps := g.InWindow - old.InWindow + g.Extended - old.Extended + g.Rehomed - old.Rehomed + g.Aliased - old.Aliased
	start := addrOf(m.a.Bytes())
	if err != nil || need <= m.capacity {
		if s.Cap != m.capacity || steps != 0 || start != m.window.start || s.Window < m.window.size {
			return fmt.Errorf("nothing should have grown: %+v at %#x, before %+v at %#x", s, start, m.stats, m.window.start)
		}
		if need > m.capacity && need < math.MaxInt {
			m.retire() // What was refused is offered again, also when that is all it does.
		}
		m.window.size = s.Window // An attempt to grow may have made it longer.
		return nil
	}
	if most := max(need, m.capacity+max(m.capacity/4, arenaUnit)); s.Cap < need || s.Cap > min(m.limit, roundUp(most)) || s.Cap > s.Window {
		return fmt.Errorf("the capacity is %d of a window of %d; %d was needed, it was %d", s.Cap, s.Window, need, m.capacity)
	}
	if s.Cap%arenaUnit != 0 && s.Cap != m.limit {
		return fmt.Errorf("the capacity is %d, limit %d", s.Cap, m.limit)
	}
	m.capacity = s.Cap
	if start == m.window.start {
		m.retire()
	}
	want := old
	switch {
	case start == m.window.start && s.Window == m.window.size:
		want.InWindow++
	case start == m.window.start && s.Window > m.window.size && m.rungs()&arena.RungExtend != 0:
		want.Extended++
		m.window.size = s.Window
	case start == m.window.start:
		return fmt.Errorf("the window is %d bytes, was %d", s.Window, m.window.size)
	case s.Window < m.window.size:
		return fmt.Errorf("moved to a window of %d bytes, from %d", s.Window, m.window.size)
	default:
		switch { // Which of the two it is, only the counters tell.
		case g.Rehomed > old.Rehomed && m.rungs()&arena.RungRehome != 0:
			want.Rehomed++
		case m.rungs()&arena.RungAlias != 0:
			want.Aliased++
		}
		m.moved(start, s.Window)
	}
	if g != want {
		return fmt.Errorf("climbed %+v, want %+v: the window is at %#x, %d bytes", g, want, m.window.start, m.window.size)
	}
	if m.run.opts.Commit && m.others == 0 && s.Committed < m.stats.Committed+m.capacity-max(m.stats.Cap, 0)-arenaUnit {
		return fmt.Errorf("%d bytes are committed, %d were, for %d bytes of capacity more", s.Committed, m.stats.Committed, m.capacity-m.stats.Cap)
	}
	return nil
}

func (m *arenaModel) rungs() arena.Rungs {
	if m.run.opts.Rungs == 0 {
		return arena.RungInWindow | arena.RungExtend | arena.RungRehome | arena.RungAlias
	}
	return m.run.opts.Rungs
}

// mayFail checks that err is what is due for needing so much capacity: none, or
// one that has a reason.
func (m *arenaModel) mayFail(need int, err error) error {
	const moves = arena.RungRehome | arena.RungAlias
	fits := need <= m.window.size
	switch {
	case need > m.limit:
		if !errors.Is(err, arena.ErrFull) {
			return fmt.Errorf("%d bytes with a limit of %d: %v", need, m.limit, err)
		}
	case need <= m.capacity || fits:
		if err != nil {
			return fmt.Errorf("%d bytes in a window of %d: %w", need, m.window.size, err)
		}
	case need > mirrorMax: // As many as are asked for to be refused.
		if err == nil {
			return fmt.Errorf("%d bytes were granted", need)
		}
	case m.rungs()&(moves|arena.RungExtend) == 0:
		if !errors.Is(err, arena.ErrFull) {
			return fmt.Errorf("%d bytes in a window of %d that must not change: %v", need, m.window.size, err)
		}
	case err != nil && m.rungs()&moves != 0 && !m.run.space.tight && (canRehome() || m.rungs()&arena.RungAlias != 0):
		return fmt.Errorf("%d bytes: %w", need, err)
	case err != nil && !errors.Is(err, addrspace.ErrNoSpace) && !errors.Is(err, errors.ErrUnsupported):
		return fmt.Errorf("%d bytes: %w", need, err)
	}
	return nil
}

// compareStats compares the counters.
func (m *arenaModel) compareStats() error {
	s := m.a.Stats()
	kept := 0
	for _, w := range m.windows {
		kept += w.size
	}
	if s.Len != m.length || s.Cap != m.capacity || s.Limit != m.limit || s.Window != m.window.size ||
		s.Windows != 1+len(m.windows) || s.Kept != kept {
		return fmt.Errorf("%+v, want Len %d, Cap %d, Limit %d, Window %d, Windows %d, Kept %d", s,
			m.length, m.capacity, m.limit, m.window.size, 1+len(m.windows), kept)
	}
	most := s.Window
	if s.Window == roundUp(min(m.limit, mirrorMax)) {
		most *= 2 // It is as short as the limit makes it.
	}
	if m.keeps() && !m.run.space.tight && kept > most {
		return fmt.Errorf("windows of %d bytes are kept, the current one is %d", kept, s.Window)
	}
	if m.a.Len() != s.Len || m.a.Cap() != s.Cap || m.a.Limit() != s.Limit || m.a.Name() != m.name {
		return fmt.Errorf("Len %d, Cap %d, Limit %d of %q, want %+v", m.a.Len(), m.a.Cap(), m.a.Limit(), m.a.Name(), s)
	}
	if s.Growth != m.stats.Growth && s.Cap == m.stats.Cap {
		return fmt.Errorf("%+v without having grown, before %+v", s.Growth, m.stats.Growth)
	}
	// What is not touched may be prepared, but not beyond the last unit.
	there := roundUp(max(m.capacity, m.others))
	switch {
	case m.disk != nil:
		// Making the file longer takes the page at its end, also if growing fails then.
		size, _, err := m.fileSize(0)
		if err != nil {
			return err
		}
		there += (1 + max(size-there, 0)/arenaUnit) * os.Getpagesize()
	case m.run.opts.HugePages == arena.HugeAlways:
		// In a tmpfs of its own the file has huge pages also behind the capacity, where a growth that
		// failed has made it longer.
		there = math.MaxInt
	}
	if s.Committed < 0 || s.Committed > there {
		return fmt.Errorf("%d bytes are committed, of a capacity of %d", s.Committed, m.capacity)
	}
	if o := m.run.opts; o.Commit && !m.punched && s.Committed < m.capacity-m.size {
		return fmt.Errorf("%d bytes are committed, the capacity is %d", s.Committed, m.capacity)
	} else if o.Headroom < 0 && (s.PreparedByWriter != 0 || s.PreparedByHelper != 0 || s.HeadroomOff) {
		return fmt.Errorf("prepared with no headroom: %+v", s)
	}
	if s.PreparedByWriter < m.stats.PreparedByWriter || s.PreparedByHelper < m.stats.PreparedByHelper {
		return fmt.Errorf("prepared %+v, before %+v", s, m.stats)
	}
	m.stats = s
	m.window.all = m.a.Bytes()
	return nil
}

// canRehome reports whether the kernel can move page tables.
var canRehome = sync.OnceValue(func() bool {
	for _, f := range arena.Features() {
		if f.Name == "move page tables" {
			return f.Err == nil
		}
	}
	return false
})
