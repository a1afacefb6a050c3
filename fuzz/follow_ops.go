package fuzz

import (
	"errors"
	"fmt"
	"math"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/follow"
)

// followOps are the operations on an arena and its followers.
var followOps = []struct {
	name string
	do   func(*followRun) error
}{
	{"follow", followBegin},
	{"alloc", followAlloc},
	{"alloc more", followAlloc},
	{"grow", followGrow},
	{"write", followWrite},
	{"truncate", followTruncate},
	{"extend to all", func(r *followRun) error { return r.extend(func(*followModel) int { return r.length }) }},
	{"extend", func(r *followRun) error {
		return r.extend(func(*followModel) int { return r.in.size(followMax) })
	}},
	{"extend to the end", func(r *followRun) error {
		return r.extend(func(m *followModel) int { return r.near(m.l.Stats().Cap) })
	}},
	{"extend beyond", func(r *followRun) error {
		size, err := r.size()
		return errors.Join(err, r.extend(func(*followModel) int { return r.near(size) }))
	}},
	{"extend by a window", func(r *followRun) error {
		return r.extend(func(m *followModel) int { return r.near(m.l.Stats().Window) })
	}},
	{"reserve", followReserve},
	{"pin", followPin},
	{"refresh", followRefresh},
	{"unpin", followUnpin},
	{"read", followRead},
	{"close", followClose},
}

// near returns n or a number beside it, not below 0.
func (r *followRun) near(n int) int { return max(0, n+r.in.below(3)-1) }

// pick returns one of the followers, nil if there is none.
func (r *followRun) pick() *followModel {
	if len(r.followers) == 0 {
		return nil
	}
	return r.followers[r.in.below(len(r.followers))]
}

// followBegin makes one more follower.
func followBegin(r *followRun) error {
	if len(r.followers) == followersMax {
		return nil
	}
	in := r.in
	r.made++
	o := follow.Options{
		Name:         fmt.Sprintf("follower %d", r.made),
		Space:        r.space.Space,
		Reserve:      []int{0, 1, 1, 3<<20 + 1}[in.below(4)],
		NoDescriptor: in.below(2) == 0,
		Retire:       in.below(3) == 0,
		Rungs:        []arena.Rungs{0, arena.RungRehome | arena.RungAlias, arena.RungAlias, arena.RungExtend | arena.RungAlias, arena.RungInWindow}[in.below(5)],
	}
	if in.below(4) == 0 {
		o.Limit = 1 + in.size(followMax)
	}
	r.trace.args(o.Reserve, o.Limit, int(o.Rungs))
	l, err := follow.New(r.file, o)
	if err != nil {
		if r.space.tight && errors.Is(err, addrspace.ErrNoSpace) {
			return nil
		}
		return err
	}
	r.reaped = r.reaped || o.Retire
	r.followers = append(r.followers, &followModel{l: l, o: o})
	return nil
}

// followAlloc appends to the arena.
func followAlloc(r *followRun) error {
	n := r.in.size(1 << 20)
	r.trace.args(n)
	b, err := r.a.Alloc(n)
	if err != nil {
		if errors.Is(err, arena.ErrFull) && r.length+n > followMax || r.space.tight && errors.Is(err, addrspace.ErrNoSpace) {
			return nil
		}
		return err
	}
	r.want.zero(r.length, r.length+n)
	r.write(b, r.length)
	r.length += n
	return nil
}

// write writes to the end of b, which is at off.
func (r *followRun) write(b []byte, off int) {
	n := min(len(b), 4<<10)
	p := noiseAt(n, r.in.byte()<<8|len(r.trace)&0xff)
	copy(b[len(b)-n:], p)
	r.want.write(p, off+len(b)-n)
}

// followGrow makes the file longer, and not what is in it.
func followGrow(r *followRun) error {
	n := r.in.size(followMax - r.length)
	r.trace.args(n)
	if err := r.a.Grow(n); err != nil && (!r.space.tight || !errors.Is(err, addrspace.ErrNoSpace)) {
		return err
	}
	return nil
}

// followWrite changes what is there: all who follow see it.
func followWrite(r *followRun) error {
	if r.length == 0 {
		return nil
	}
	from := r.in.below(r.length)
	to := min(r.length, from+1+r.in.size(64<<10))
	r.trace.args(from, to)
	r.write(r.a.Bytes()[from:to], from)
	return nil
}

// followTruncate makes the arena shorter, and not its file: followers go on showing what
// was there, until it is handed out again.
func followTruncate(r *followRun) error {
	r.length = r.in.size(r.length)
	r.trace.args(r.length)
	r.a.Truncate(r.length)
	return nil
}

// extend extends one of the followers to as much as length says.
func (r *followRun) extend(length func(*followModel) int) error {
	m := r.pick()
	if m == nil {
		return nil
	}
	n := length(m)
	r.trace.args(n)
	size, err := r.size()
	if err != nil {
		return err
	}
	before := m.l.Stats()
	err = m.l.Extend(n)
	after := m.l.Stats()
	if err == nil {
		m.length = max(m.length, n)
	} else {
		r.errors++
	}
	tight := r.space.tight && errors.Is(err, addrspace.ErrNoSpace)
	// Of two reasons without a descriptor the window comes first.
	stuck := n > before.Window && m.o.Rungs == arena.RungInWindow && errors.Is(err, follow.ErrFull)
	switch {
	case n <= before.Cap:
		if err != nil || after != before && after.Len == before.Len {
			return fmt.Errorf("within the capacity: %v, %+v", err, after)
		}
	case n > before.Limit:
		if !errors.Is(err, follow.ErrFull) {
			return fmt.Errorf("beyond the limit: %v", err)
		}
	case n > size:
		if !errors.Is(err, follow.ErrBeyond) && (!m.o.NoDescriptor || !tight && !stuck) {
			return fmt.Errorf("beyond the file of %d: %v", size, err)
		}
	case n > before.Window && m.o.Rungs == arena.RungInWindow:
		if !stuck {
			return fmt.Errorf("beyond the only window: %v", err)
		}
	case err != nil && !tight:
		return err
	}
	if err != nil && (after.Len != before.Len || after.Cap != before.Cap || after.Windows > before.Windows || after.Growth != before.Growth) {
		return fmt.Errorf("after %v: %+v, before %+v", err, after, before)
	}
	return nil
}

// followReserve makes a window longer before the file is.
func followReserve(r *followRun) error {
	m := r.pick()
	if m == nil {
		return nil
	}
	n := r.in.size(followMax)
	r.trace.args(n)
	before := m.l.Stats()
	err := m.l.Reserve(n)
	after := m.l.Stats()
	if after.Len != before.Len || after.Cap != before.Cap || err == nil && after.Window < n {
		return fmt.Errorf("%v: %+v, before %+v", err, after, before)
	}
	switch full := n > before.Window && (n > before.Limit || m.o.Rungs == arena.RungInWindow); {
	case full && !errors.Is(err, follow.ErrFull):
		return fmt.Errorf("there is no room for it: %v", err)
	case !full && err != nil && (!r.space.tight || !errors.Is(err, addrspace.ErrNoSpace)):
		return err
	}
	return nil
}

// followRead reads by the interfaces of package io, and misuses them.
func followRead(r *followRun) error {
	m := r.pick()
	if m == nil {
		return nil
	}
	p := make([]byte, 1+r.in.size(8<<10))
	off := r.in.size(m.length + 2)
	n, err := m.l.ReadAt(p, int64(off))
	if want := max(0, min(len(p), m.length-off)); n != want || (err != nil) != (n < len(p)) {
		return fmt.Errorf("ReadAt %d of %d: %d, %v, want %d", len(p), off, n, err, want)
	}
	if n, err := m.l.ReadAt(p, -1); n != 0 || err == nil {
		return fmt.Errorf("ReadAt -1: %d, %v", n, err)
	}
	if s := m.l.NewReader(); s.Size() != int64(m.length) {
		return fmt.Errorf("a reader of %d bytes", s.Size())
	}
	if err := m.l.Extend(math.MaxInt); err == nil {
		return errors.New("there are MaxInt bytes")
	}
	return errors.Join(
		m.l.Read(func(b []byte) error {
			if len(b) != m.length {
				return fmt.Errorf("Read shows %d bytes", len(b))
			}
			return r.want.compare(p[:n], off)
		}),
		mustPanic("Extend to -1", func() { _ = m.l.Extend(-1) }),
		mustPanic("two rules", func() { _, _ = follow.New(r.file, follow.Options{Retire: true, Domain: new(epoch.Domain)}) }))
}

func followClose(r *followRun) error {
	if len(r.followers) == 0 {
		return nil
	}
	return r.close(r.in.below(len(r.followers)))
}
