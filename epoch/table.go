package epoch

// Slots are where pins are recorded. The first table is made with the Domain;
// when a pin finds it full, an overflow table is added. The states of a slot:
//
//	Free     nobody's; keeps the sequence number of its last pin
//	Claimed  a version is written, but not yet known to be the newest
//	Pinned   the version was the newest after it was written; a Guard names it
//
//	Free --Pin--> Claimed --validate--> Pinned --Unpin--> Free
//	Pinned --Refresh--> Claimed; Claimed --domain closed--> Free

// Sizes of the slot tables.
const (
	// slotBytes keeps two readers' words apart by two cache lines: one for
	// the word and one because the hardware prefetches lines in pairs.
	slotBytes = 128

	// slotsMin is the least size of the first table. With 64 slots the stack
	// hash put 16 goroutines on 16 different slots in each of 200 runs, and
	// 64 slots cost 8 KiB.
	slotsMin = 64

	// slotsPerProc scales the first table on larger machines: running readers
	// are at most GOMAXPROCS, and a table one eighth full rarely collides.
	slotsPerProc = 8

	// neighbours is how many further slots of the first table a pin tries
	// when the slot of its hash is taken.
	neighbours = 4

	// probes is how many words of an overflow table a pin tries before the
	// table counts as full. With 4 the tables grew to 21 words per held pin,
	// with 32 they stay below 4.
	probes = 32
)

// A slot is one reader's place in the first table, alone on its cache lines.
type slot struct {
	word atomicUint64 // Written by whoever pins here, read by scans (atomic).
	_    [slotBytes - 8]byte
}

// A table is an overflow table: words for the pins that found no slot in the
// first table, which are many only when many pins are held for long. They are
// packed, because a scan reads all of them and held pins do not write.
type table struct {
	base   int            // number of the first word among all slots. Immutable.
	words  []atomicUint64 // a power of two of them. Written by whoever pins here (atomic).
	traces traceArray     // who pinned; see trace.go.
}

// A tableList is an immutable list of overflow tables, each twice as large as
// the one before. Pins use the last; scans read all.
type tableList []*table

// newSlots returns n slots, none of which lies at the start of its allocation.
// Go checks a pointer for nil by reading through it, and for an array that is
// a read of the first element: with slot 0 there every pin would touch the
// line of the reader that happens to use slot 0.
func newSlots(n int) []slot {
	return make([]slot, n+1)[1:]
}

// claim writes version into a free slot, leaving it in state Claimed, and
// returns the word's address, the word, and the slot's table (nil: the first)
// and index in it. It does not fail: when all tables are full it adds one.
func (d *Domain) claim(h, version uint64) (s *atomicUint64, w uint64, t *table, i int) {
	home := (h >> (d.shift & 63)) & d.mask
	for k := range min(uint64(neighbours)+1, d.mask+1) {
		i := (home + k) & d.mask
		s := &d.slots[i].word
		if w, ok := tryClaim(s, version); ok {
			return s, w, nil, int(i)
		}
	}
	for {
		list := d.over.Load()
		if list != nil {
			t := (*list)[len(*list)-1]
			mask := uint64(len(t.words) - 1)
			// A random start, not the hash: one goroutine may hold very
			// many pins, and they must not all look in the same place.
			start := scatter()
			for k := range min(uint64(probes), mask+1) {
				i := (start + k) & mask
				if w, ok := tryClaim(&t.words[i], version); ok {
					return &t.words[i], w, t, int(i)
				}
			}
		}
		d.addTable(list)
	}
}

// tryClaim claims s if it is free.
func tryClaim(s *atomicUint64, version uint64) (uint64, bool) {
	old := s.Load()
	if old&activeBit != 0 {
		return 0, false
	}
	w := nextWord(old, version)
	return w, s.CompareAndSwap(old, w)
}

// addTable publishes old with one more table. Without effect if another pin has
// added one since old was loaded.
//
// The list is published before any word of the new table is claimed. Pairs
// with scanLocked, which loads the list before it reads words and after the
// retired things were fixed: a scan that misses the table runs before the
// claim, and then the pin's validation sees what the scan's writer published.
func (d *Domain) addTable(old *tableList) {
	n, base := max(len(d.slots), 1), len(d.slots)
	var list tableList
	if old != nil {
		last := (*old)[len(*old)-1]
		n, base = 2*len(last.words), last.base+len(last.words)
		list = append(list, *old...)
	}
	list = append(list, &table{base: base, words: make([]atomicUint64, n)})
	d.over.CompareAndSwap(old, &list)
}

// slotsLen returns the number of slots and words in all tables.
func (d *Domain) slotsLen() int {
	if list := d.over.Load(); list != nil {
		last := (*list)[len(*list)-1]
		return last.base + len(last.words)
	}
	return len(d.slots)
}

// slotNumber returns the number of the slot whose word is at s, or -1 if it is
// not one of d's. It looks at every slot: for error texts only. d.mu is not held.
func (d *Domain) slotNumber(s *atomicUint64) int {
	for i := range d.slots {
		if &d.slots[i].word == s {
			return i
		}
	}
	if list := d.over.Load(); list != nil {
		for _, t := range *list {
			for i := range t.words {
				if &t.words[i] == s {
					return t.base + i
				}
			}
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, l := range d.locals {
		if l != nil && &l.slot == s {
			return localBase + i
		}
	}
	return -1
}
