package fuzz

import "fmt"

// nearRoom reads a length about that which fits a band, at least least.
func (r *poolRun) nearRoom(least int) int {
	if r.p.Room() > poolSizeMax {
		return max(r.in.size(r.most), least)
	}
	return min(max(r.p.Room()-2+r.in.below(5), least), poolSizeMax)
}

func poolGrow(r *poolRun) error {
	if b := r.pick(); b != nil {
		return r.grow(b, max(r.size(r.most), b.length))
	}
	return nil
}

func poolGrowTwice(r *poolRun) error {
	if b := r.pick(); b != nil {
		return r.grow(b, max(min(2*b.length+1, r.most), b.length))
	}
	return nil
}

func poolGrowLittle(r *poolRun) error {
	if b := r.pick(); b != nil {
		return r.grow(b, min(b.length+r.in.size(8<<10), poolSizeMax))
	}
	return nil
}

func poolGrowToRoom(r *poolRun) error {
	if b := r.pick(); b != nil {
		return r.grow(b, r.nearRoom(b.length))
	}
	return nil
}

// poolGrowToWindow makes a buffer as long as its window has room for, or one byte
// less or more.
func poolGrowToWindow(r *poolRun) error {
	b := r.pick()
	if b == nil || !b.moved {
		return nil
	}
	at := addrOf(b.newest())
	n := int(r.space.Lookup(at).Range().End-at) - 1 + r.in.below(3)
	if n < b.length || n > poolSizeMax {
		return nil
	}
	return r.grow(b, n)
}

// grow makes b n bytes long.
func (r *poolRun) grow(b *poolBuffer, n int) error {
	r.trace.args(b.length, n)
	p, err := r.p.Grow(r.name(b), n)
	if e := r.mayFail(n-b.length, err); e != nil || err != nil {
		return e
	}
	if len(p) != n || cap(p) != n {
		return fmt.Errorf("%d bytes of capacity %d, want %d", len(p), cap(p), n)
	}
	last := len(b.places) - 1
	outgrown := !b.moved && n > r.p.Room()
	switch stays := addrOf(p) == addrOf(b.places[last]); {
	case !stays && !outgrown && !b.moved, stays && outgrown:
		return fmt.Errorf("from %d to %d bytes, room %d: moved %v", b.length, n, r.p.Room(), !stays)
	case stays:
		b.places[last] = p
	default:
		b.places = append(b.places, p)
		r.rehomed++
		r.moves++
	}
	if outgrown {
		b.moved = true
		r.outgrown++
	}
	r.used += n - b.length
	b.length = n
	b.fit(n)
	return r.compareBuffer(b)
}
