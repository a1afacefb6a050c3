package epoch

// Pin pins the newest version and returns the guard of it. It takes no lock
// and does not wait. Its only error is ErrClosed.
//
// A pin is two steps in this order: write the version into a slot, then see
// that it still is the newest. Pairs with Publish and scanLocked, which store
// the new version and then read the slots. Whichever comes second sees the
// other: if the scan missed the slot, it ran before the write, so what it
// frees was out of cur before that too, and the pin, seeing a newer version,
// moves on to it; if the pin saw no newer version, every later scan sees the
// slot.
func (d *Domain) Pin() (Guard, error) {
	h := stripe()
	v := d.cur.Load()
	if v == nil || d.traced.Load() != 0 {
		return d.pinSlow(h)
	}
	s := &d.slots[(h>>(d.shift&63))&d.mask].word
	old := s.Load()
	if old&activeBit != 0 {
		return d.pinSlow(h)
	}
	w := nextWord(old, v.version)
	if !s.CompareAndSwap(old, w) {
		return d.pinSlow(h)
	}
	if d.cur.Load() != v {
		return d.settleNew(s, w)
	}
	return Guard{d: d, slot: s, word: w, view: v}, nil
}

// pinSlow pins when the slot of the hash is taken, when pins are traced, or
// when the Domain is closed.
//
//go:noinline
func (d *Domain) pinSlow(h uint64) (Guard, error) {
	v := d.cur.Load()
	if v == nil {
		return Guard{}, d.closeE
	}
	s, w, t, i := d.claim(h, v.version)
	if d.traced.Load() != 0 {
		d.trace(t, i, w)
	}
	return d.settleNew(s, w)
}

// settleNew makes a guard of a slot in state Claimed.
//
//go:noinline
func (d *Domain) settleNew(s *atomicUint64, w uint64) (Guard, error) {
	v, w := d.settle(s, w)
	if v == nil {
		return Guard{}, d.closeE
	}
	g := Guard{d: d, slot: s, word: w, view: v}
	if d.leases {
		g.lend(5) // Add, lend, settleNew, pinSlow, Pin: such domains always pin slowly
	}
	return g, nil
}

// settle takes a slot from Claimed to Pinned: it writes the newest version
// until it still is the newest afterwards. It returns the view and the word it
// left in the slot, or nil, the slot being Free, if the Domain is closed.
//
// A version written and left again counts as unpinned: a scan may have seen
// it there and be waiting for it.
func (d *Domain) settle(s *atomicUint64, w uint64) (*view, uint64) {
	for {
		v := d.cur.Load()
		if v == nil {
			if !s.CompareAndSwap(w, freeWord(w)) {
				d.misuse("Refresh", s, w)
			}
			d.left(versionOf(w))
			return nil, 0
		}
		// Versions are published once each, so the version says which view.
		old := versionOf(w)
		if v.version == old {
			return v, w
		}
		next := movedWord(w, v.version)
		if !s.CompareAndSwap(w, next) {
			d.misuse("Refresh", s, w)
		}
		w = next
		d.left(old)
	}
}

// left tells the countdown that a pin of version has ended. The one that
// brings it to zero wakes the reaper.
//
// The slot was written before want is read. Pairs with collectLocked, which
// starts the countdown before it reads the slots: either the scan sees the slot
// without the version, or this sees the countdown.
func (d *Domain) left(version uint64) {
	if d.want.Load() > 0 {
		d.leftSlow(version)
	}
}

//go:noinline
func (d *Domain) leftSlow(version uint64) {
	// Versions that nothing waiting ever lived in do not count, or readers
	// that come and go would keep the reaper busy for nothing.
	if version >= d.maxDeath.Load() {
		return
	}
	for {
		n := d.want.Load()
		if n <= 0 {
			return // another one decided, or nothing waits any more
		}
		if d.want.CompareAndSwap(n, n-1) {
			if n == 1 {
				d.wake.set()
			}
			return
		}
	}
}
