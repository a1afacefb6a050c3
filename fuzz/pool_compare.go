package fuzz

import "fmt"

// compare compares everything after an operation.
func (r *poolRun) compare() error {
	s := r.space.Stats()
	if s.Stuck != 0 || s.Quarantined != 0 {
		return fmt.Errorf("space %+v", s)
	}
	if r.p == nil {
		if s.Windows != 0 {
			return fmt.Errorf("%d windows without a pool", s.Windows)
		}
		return nil
	}
	if err := r.compareStats(s.Windows); err != nil {
		return err
	}
	for i, b := range r.live {
		if err := r.compareBuffer(b); err != nil {
			return fmt.Errorf("buffer %d, of %d bytes at %#x: %w", i, b.length, addrOf(b.newest()), err)
		}
		for k, c := range r.live[:i] {
			x, y := addrOf(b.newest()), addrOf(c.newest())
			if x < y+uintptr(c.length) && y < x+uintptr(b.length) || x == y {
				return fmt.Errorf("buffers %d and %d overlap", i, k)
			}
		}
	}
	if r.space.due() {
		return r.compareMaps()
	}
	return nil
}

// compareStats compares the counters with what they should be in a Space with so
// many windows.
func (r *poolRun) compareStats(windows int) error {
	s := r.p.Stats()
	moved, own := 0, 0
	for _, b := range r.live {
		if b.moved {
			moved++
		}
		own += b.windows()
	}
	if s.Buffers != len(r.live) || s.Len != r.used || s.Limit != r.opts.Limit || s.Room != r.p.Room() ||
		s.Moved != moved || s.Windows != own || s.Outgrown != r.outgrown || s.Rehomed != r.rehomed {
		return fmt.Errorf("%+v, want %d buffers of %d bytes, %d moved to %d windows, %d outgrown, %d rehomed",
			s, len(r.live), r.used, moved, own, r.outgrown, r.rehomed)
	}
	if s.Runs+s.Windows != windows || s.Runs < 1 || s.Reserved < s.Runs*r.band || s.Bands*r.band > s.Reserved {
		return fmt.Errorf("%+v, but %d windows", s, windows)
	}
	if canRehome() && !r.space.tight && s.TablesMoved < r.moves {
		return fmt.Errorf("%+v, want page tables moved at least %d times", s, r.moves)
	}
	keep := r.opts.Keep
	if keep == 0 {
		keep = 64 << 20
	}
	if s.Kept < 0 || s.Kept > max(keep, 0) || s.Committed < 0 || s.Far < 0 || s.Far > 0 && own == 0 { // A window longer than a band's room may need no more than the band.
		return fmt.Errorf("%+v, may keep %d", s, keep)
	}
	old := r.stats
	if s.Bands < old.Bands || s.Extended < old.Extended || s.TablesMoved < old.TablesMoved || s.Punches < old.Punches || s.GuardsRefused > 0 && !r.space.tight {
		return fmt.Errorf("%+v, before %+v", s, old)
	}
	r.stats = s
	return nil
}

// compareBuffer compares a buffer through its newest and its oldest address.
func (r *poolRun) compareBuffer(b *poolBuffer) error {
	newest, oldest := b.newest(), b.places[0]
	if len(newest) != b.length {
		return fmt.Errorf("it is %d bytes", len(newest))
	}
	if err := b.want.compare(newest, 0); err != nil {
		return err
	}
	if n := r.p.Len(oldest[:0]); n != b.length || !r.p.Owns(newest) {
		return fmt.Errorf("Len %d at the oldest address, Owns %v", n, r.p.Owns(newest))
	}
	if len(b.places) > 1 {
		if err := b.want.compare(oldest, 0); err != nil {
			return fmt.Errorf("oldest of %d addresses: %w", len(b.places), err)
		}
		i := len(r.trace) % len(b.places)
		if err := b.want.compare(b.places[i], 0); err != nil {
			return fmt.Errorf("address %d of %d: %w", i, len(b.places), err)
		}
	}
	return nil
}
