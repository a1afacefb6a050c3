package stream

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"
)

// order publishes ranges in the order of their numbers, whoever finishes first, and tells
// those who wait for a number. It knows nothing of memory.
//
// A range [off, to) belongs to who has reserved it until he hands it over by publish.
// Ranges are disjoint and follow each other without a gap, so at any time one range at
// most begins at end, and only its owner moves end: a store will do. Who is not the
// next leaves his range in late, and the owner of the one before publishes it as well.
//
//	reserved ──publish──▶ published        it begins at end
//	reserved ──publish──▶ late ──publish of those before──▶ published
type order struct {
	// end is the end of what is published. Stored by the owner of the range that
	// begins there, loaded by anyone (atomic).
	end word

	// next is the least end at which there is something to do: what is late has its turn,
	// or a call is due. 0 where there is nothing. Stored with mu held, loaded by
	// publishers (atomic).
	next word

	_ [96]byte // Those who wait take mu; what stands before is for each publication.

	mu    mutex
	late  []span // what was finished before its turn, sorted, no two adjacent. Protected by mu.
	calls calls  // Protected by mu.
}

// span is a range of numbers.
type span struct{ from, to int64 }

// call is a function to be called, once, when at numbers are published.
type call struct {
	at    int64
	f     func()
	index int // in calls, -1 where it is not there. Protected by order.mu.
}

// calls is a heap (container/heap), whose first is due first: who publishes looks at nobody
// who waits for more.
type calls []*call

func (c calls) Len() int           { return len(c) }
func (c calls) Less(i, j int) bool { return c[i].at < c[j].at }
func (c calls) Swap(i, j int) {
	c[i], c[j] = c[j], c[i]
	c[i].index, c[j].index = i, j
}

func (c *calls) Push(x any) {
	one := x.(*call)
	one.index = len(*c)
	*c = append(*c, one)
}

func (c *calls) Pop() any {
	last := len(*c) - 1
	one := (*c)[last]
	one.index = -1
	(*c)[last] = nil
	*c = (*c)[:last]
	return one
}

// publish hands [from, to) over, to be seen when all before it is. What waits for that is
// called, with nothing locked.
//
// Preconditions: from < to, and the range is the caller's.
func (o *order) publish(from, to int64) {
	if o.end.Load() == from {
		o.end.Store(to)
		// Pairs with whenPublished and leave, which store next and look at end then.
		// Whichever comes second sees the other.
		if next := o.next.Load(); next == 0 || to < next {
			return
		}
		from = to // Nothing of it is left.
	}
	o.publishSlow(from, to)
}

// publishSlow is publish where it is not the turn of [from, to), or that is empty and
// somebody waits.
//
//go:noinline
func (o *order) publishSlow(from, to int64) {
	switch {
	case from == to:
		o.look()
	case o.turn(from):
		o.publish(from, to)
	default:
		o.leave(from, to)
	}
}

// turn waits a moment for end to be from.
func (o *order) turn(from int64) bool {
	for range turnSpins {
		if o.end.Load() == from {
			return true
		}
	}
	return false
}

// leave leaves [from, to) to the owner of the range before it.
func (o *order) leave(from, to int64) {
	o.insert(from, to)
	// The owner of the range before may have stored end before next was.
	o.look()
}

// insert puts [from, to) in late.
func (o *order) insert(from, to int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if end := o.end.Load(); from < end || o.isLate(from, to) {
		panic(fmt.Sprintf("stream: [%d, %d) is published a second time: the end is %d", from, to, end))
	}
	i := o.lateFrom(from)
	// Joined with its neighbours, so that behind one who stalls there is one range, and
	// never more than there are appends under way.
	if i < len(o.late) && o.late[i].from == to {
		to = o.late[i].to
		o.late = slices.Delete(o.late, i, i+1)
	}
	if i > 0 && o.late[i-1].to == from {
		o.late[i-1].to = to
	} else {
		o.late = slices.Insert(o.late, i, span{from, to})
	}
	o.settle() // Pairs with publish.
}

// lateFrom returns the index of the first range in late that begins at from or behind.
//
// Preconditions: mu is held.
func (o *order) lateFrom(from int64) int {
	i, _ := slices.BinarySearchFunc(o.late, from, func(s span, from int64) int { return cmp.Compare(s.from, from) })
	return i
}

// isLate reports whether something of [from, to) is in late.
//
// Preconditions: mu is held.
func (o *order) isLate(from, to int64) bool {
	i := o.lateFrom(from)
	return i < len(o.late) && o.late[i].from < to || i > 0 && o.late[i-1].to > from
}

// has reports whether number at has been handed over.
func (o *order) has(at int64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return at < o.end.Load() || o.isLate(at, at+1)
}

// look publishes what is late and has its turn, and calls what waits for it.
func (o *order) look() {
	for _, c := range o.due() {
		c.f()
	}
}

// due publishes what is late and has its turn, and returns the calls for what is
// published.
func (o *order) due() (due []*call) {
	o.mu.Lock()
	defer o.mu.Unlock()
	// A late range that begins at end is ours to publish: its owner has left it.
	if end := o.end.Load(); len(o.late) > 0 && o.late[0].from == end {
		o.end.Store(o.late[0].to)
		o.late = slices.Delete(o.late, 0, 1)
	}
	for end := o.end.Load(); len(o.calls) > 0 && o.calls[0].at <= end; {
		due = append(due, heap.Pop(&o.calls).(*call))
	}
	o.settle()
	return due
}

// settle says when there is something to do.
//
// Preconditions: mu is held.
func (o *order) settle() {
	next := int64(0)
	if len(o.late) > 0 {
		next = o.late[0].from
	}
	if len(o.calls) > 0 && (next == 0 || o.calls[0].at < next) {
		next = o.calls[0].at
	}
	if o.next.Load() != next {
		o.next.Store(next)
	}
}

// whenPublished has f called, once, when at numbers are published: at once, if they are.
func (o *order) whenPublished(at int64, f func()) *call {
	c := &call{at: at, f: f}
	o.mu.Lock()
	heap.Push(&o.calls, c)
	o.settle() // Pairs with publish.
	o.mu.Unlock()
	if o.end.Load() >= at {
		o.look()
	}
	return c
}

// forget takes c back, if it has not been called.
func (o *order) forget(c *call) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.index >= 0 {
		heap.Remove(&o.calls, c.index)
		o.settle()
	}
}
