package pool

import "github.com/growarena/growarena/internal/census"

// Stats is a snapshot of what a [Pool] holds and has done.
type Stats struct {
	Buffers int // Live ones.
	Len     int // Sum of their lengths in bytes.
	Limit   int // 0 is none.
	Room    int // What a buffer can grow to in its band.

	// Committed is the memory the files hold: what was touched, and Kept. Kept
	// is what freed buffers may still have of it, to be handed out again.
	Committed, Kept int

	Bands    int // Bands ever used.
	Runs     int // Windows that hold them, one VMA each.
	Reserved int // Length of those windows in bytes of address space.
	Moved    int // Live buffers with windows of their own,
	Windows  int // those windows, the old ones included,
	Far      int // and the bytes of the far file behind them: numbers, not memory.

	Outgrown      int // Buffers that left their band.
	Rehomed       int // Times a buffer went to a window (with those that never had a band),
	Extended      int // or its window was made longer instead.
	TablesMoved   int // Parts of buffers whose page tables moved along.
	Punches       int // Times memory was given back.
	GuardsRefused int // Guard pages the kernel did not give, or that would lie in memory that is tracked (package track).

	Prepared    int  // Huge pages made when buffers grew, before anyone touched them.
	PreparedOff bool // That failed within the last second, and is left alone for now.
}

// holds is what package census is told.
func (p *Pool) holds() (h census.Held) {
	p.mu.Lock()
	for _, r := range p.runs {
		h.Reserved += r.window.Size()
	}
	for at, m := range p.moved {
		if at == m.first {
			for _, w := range m.windows {
				h.Reserved += w.Size()
			}
		}
	}
	p.mu.Unlock()
	h.Committed = p.file.Allocated() + p.far.allocated()
	return h
}

// noteStep is how many bytes come or go, by their lengths, before the files are asked again.
const noteStep = 1 << 20

// passed counts n bytes that have come, or are gone, for note.
func (p *Pool) passed(n int) {
	if census.Limited() {
		p.unnoted.Add(int64(n))
	}
}

// note tells package census, where it wants to know, how much memory there is, if that may
// have changed. mu is not held.
func (p *Pool) note() {
	if census.Limited() && p.unnoted.Load() >= noteStep {
		p.unnoted.Store(0)
		p.thing.Note(p.file.Allocated() + p.far.allocated())
	}
}

// Stats returns a snapshot. After Close what it holds is 0; what is counted stays.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	s, open := p.stats, !p.closed
	s.Buffers, s.Len, s.Limit, s.Room = p.live, p.used, p.limit, p.room
	s.Kept, s.Bands, s.Runs = p.kept, int(p.next), len(p.runs)
	for _, r := range p.runs {
		s.Reserved += r.window.Size()
	}
	for at, m := range p.moved {
		if at == m.first {
			s.Moved++
			s.Windows += len(m.windows)
		}
	}
	p.mu.Unlock()
	p.far.mu.Lock()
	s.Far = p.far.taken
	p.far.mu.Unlock()
	s.Prepared = int(p.prepared.Load())
	if open {
		s.PreparedOff = !p.mayPrepare()
		s.Committed = p.file.Allocated() + p.far.allocated()
	}
	return s
}
