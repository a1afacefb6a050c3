package shm

import "math"

// The steps of the protocol, in the order that makes it right: what is read in one order is
// written in the other. The explorer (explore_test.go) runs them in every order in which the steps of writer,
// followers and the next writer can come, with a writer that ends at each of them.

// publish says that so many bytes are complete, of data that is at least capacity long.
func (l *layout) publish(capacity, length int) {
	if c := uint64(capacity); c > l.capacity.Load() {
		l.capacity.Store(c) // Before the length: see numbers.
	}
	released()
	l.length.Store(uint64(length)) // store-release: the bytes come before it.
	l.seq.Add(1)                   // Before the look at the bell: who has rung it sleeps only if seq has not moved.
}

// raise makes a word at least n.
func raise(w *word64, n uint64) {
	for {
		old := w.Load()
		if old >= n || w.CompareAndSwap(old, n) {
			return
		}
	}
}

// drop says that what is before front is not needed any more, and then gives it back: who has
// read some of it sees so, if it was gone by then (kept).
func (l *layout) drop(front int, giveBack func() error) error {
	l.front.Store(uint64(front)) // Behind the length, see numbers.
	return giveBack()
}

// kept reports whether what is from off on was not dropped before this call: whatever of it was
// read before is what was published.
func (l *layout) kept(off int) bool {
	readBefore()
	return off >= 0 && l.front.Load() <= uint64(off)
}

// finish says that nothing more comes.
func (l *layout) finish() {
	l.state.Store(uint32(StateClosed)) // Behind the last length: see read.
	l.seq.Add(1)
}

// suspend says that another writer is going to begin.
func (l *layout) suspend() { l.state.Store(uint32(StateInit)) }

// begin says that a writer is there, after suspend or in a page that nobody knows.
func (l *layout) begin(generation uint64) {
	l.generation.Store(generation) // Before the state: within a generation that does not go back.
	l.state.Store(uint32(StateLive))
	l.seq.Add(1)
}

// ring says that somebody is going to sleep on the seq that he has seen before.
func (b *bell) ring() { b.waiting.Store(1) }

// rung reports whether somebody may sleep, and puts the bell back. Then the caller wakes
// all who sleep.
//
// Who rings between the two lines would sleep on with the bell put back: so seq moves once
// more, and is another than the one that he has seen.
func (l *layout) rung(b *bell) bool {
	if b.waiting.Load() == 0 {
		return false
	}
	b.waiting.Store(0)
	l.seq.Add(1)
	return true
}

// rereads bounds how often a page is read again that is being taken over.
const rereads = 8

// read reads line 1. What it returns fits in itself and behind last; what does not is an
// ErrCorrupt. While a writer begins the numbers are those of the one before.
//
// The writer stores the other way around: capacity, length, state, seq. So whoever has seen
// a seq sees all that was published with it, who has seen that it is closed sees the last
// length, and no length is beyond a capacity that is loaded later.
func (l *layout) read(last snapshot) (snapshot, error) {
	s := snapshot{seq: l.seq.Load()} // load-acquire: see Writer.Publish.
	for range rereads {
		s.generation = l.generation.Load()
		s.state = State(l.state.Load())
		if s.generation == l.generation.Load() {
			break
		}
		s.state = StateInit
	}
	return l.numbers(s, last)
}

// numbers completes s, whose state and generation have been read.
func (l *layout) numbers(s, last snapshot) (snapshot, error) {
	front, flags := l.front.Load(), l.flags.Load()
	// Of what has been on a disk since before the system was started that counts which was synced.
	old := flags&flagOnDisk != 0 && !l.ofThisBoot()
	length := l.length.Load() // load-acquire: the bytes below it are there.
	capacity := l.capacity.Load()
	if synced := l.synced.Load(); old {
		length, front = min(length, synced), min(front, synced)
	}
	switch {
	case s.generation == 0:
		return last, corrupt("its generation is 0")
	case s.state > StateClosed:
		return last, corrupt("its state is %d", uint32(s.state))
	case s.generation < last.generation:
		return last, corrupt("its generation went back from %d to %d", last.generation, s.generation)
	case s.generation == last.generation && s.state < last.state && s.state != StateInit:
		return last, corrupt("it is %v again, and was %v", s.state, last.state)
	case length > math.MaxInt:
		return last, corrupt("its length is %d", length)
	case int(length) < last.length:
		return last, corrupt("its length went back from %d to %d", last.length, length)
	case length > capacity:
		return last, corrupt("its length is %d, its capacity %d", length, capacity)
	case front > 0 && flags&flagDrops == 0:
		return last, corrupt("its front is %d, and it is not droppable", front)
	case front > length:
		return last, corrupt("its front is %d, its length %d", front, length)
	case int(front) < last.front:
		return last, corrupt("its front went back from %d to %d", last.front, front)
	}
	s.length, s.front = int(length), int(front)
	acquired()
	return s, nil
}
