package fuzz

import (
	"errors"
	"fmt"
	"strings"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/pool"
)

// poolOps are the operations on a pool.
var poolOps = []struct {
	name string
	do   func(*poolRun) error
}{
	{"alloc", func(r *poolRun) error { return r.alloc(r.size(r.most)) }},
	{"alloc small", func(r *poolRun) error { return r.alloc(r.size(8 << 10)) }},
	{"alloc room", func(r *poolRun) error { return r.alloc(r.nearRoom(0)) }},
	{"alloc many", poolAllocMany},
	{"grow", poolGrow},
	{"grow more", poolGrow},
	{"grow little", poolGrowLittle},
	{"grow twice", poolGrowTwice},
	{"grow to room", poolGrowToRoom},
	{"grow to window", poolGrowToWindow},
	{"write", poolWrite},
	{"write more", poolWrite},
	{"shrink", poolShrink},
	{"free", poolFree},
	{"trim", poolTrim},
	{"misuse", poolMisuse},
	{"overrun", poolOverrun},
	{"maps", (*poolRun).compareMaps},
	{"close", poolClose},
}

// size reads a length of at most most, often a long one.
func (r *poolRun) size(most int) int {
	if r.in.below(2) == 0 {
		return r.in.below(most + 1)
	}
	return r.in.size(most)
}

// pick returns one of the live buffers, nil if there is none.
func (r *poolRun) pick() *poolBuffer {
	if len(r.live) == 0 {
		return nil
	}
	return r.live[r.in.below(len(r.live))]
}

// name returns a slice by which the pool knows b: any of its addresses, and any
// length.
func (r *poolRun) name(b *poolBuffer) []byte {
	k := r.in.byte()
	s := b.places[k%len(b.places)]
	if k >= 128 {
		s = s[:0]
	}
	return s
}

func (r *poolRun) alloc(n int) error {
	if len(r.live) >= r.liveMax() {
		return nil
	}
	r.trace.args(n)
	p, err := r.p.Alloc(n)
	if e := r.mayFail(n, err); e != nil || err != nil {
		return e
	}
	if len(p) != n || cap(p) != n || addrOf(p)%mirrorPage != 0 {
		return fmt.Errorf("%d bytes of capacity %d at %#x", len(p), cap(p), addrOf(p))
	}
	b := &poolBuffer{places: [][]byte{p}, length: n, banded: n <= r.p.Room()}
	b.fit(n)
	b.moved = !b.banded
	if b.moved {
		r.rehomed++
	}
	r.used += n
	r.live = append(r.live, b)
	return b.want.compare(p, 0)
}

// poolAllocMany makes small buffers, and writes to each.
func poolAllocMany(r *poolRun) error {
	for range r.in.below(2 * poolManyMax) {
		n := len(r.live)
		if err := r.alloc(1 + r.in.size(64)); err != nil || len(r.live) == n {
			return err
		}
		b := r.live[n]
		r.write(b, b.newest(), 0, 1)
	}
	return nil
}

// poolWrite writes through any address.
func poolWrite(r *poolRun) error {
	b := r.pick()
	if b == nil {
		return nil
	}
	view := b.places[r.in.below(len(b.places))]
	n := r.in.size(min(len(view), 16<<10))
	if n == 0 {
		return nil
	}
	i := len(view) - n // The end is where mistakes are.
	if r.in.below(2) == 0 {
		i = r.in.below(i + 1)
	}
	r.trace.args(i, n)
	r.write(b, view, i, n)
	return nil
}

// write writes n bytes at i of b, through one of its addresses.
func (r *poolRun) write(b *poolBuffer, view []byte, i, n int) {
	p := noiseAt(n, r.in.byte()<<8|len(r.trace)&0xff)
	copy(view[i:], p)
	b.want.write(p, i)
}

func poolShrink(r *poolRun) error {
	b := r.pick()
	if b == nil {
		return nil
	}
	n := b.length - r.in.size(b.length)
	switch r.in.below(4) {
	case 0:
		n = r.in.size(b.length)
	case 1: // Amid what was written.
		if pages := b.want.pages; len(pages) > 0 {
			n = min(pages[r.in.below(len(pages))]*mirrorPage+r.in.below(mirrorPage), b.length)
		}
	}
	r.trace.args(b.length, n)
	p := r.p.Shrink(r.name(b), n)
	if len(p) != n || addrOf(p) != addrOf(b.newest()) {
		return fmt.Errorf("%d bytes at %#x, want %d at %#x", len(p), addrOf(p), n, addrOf(b.newest()))
	}
	r.used -= b.length - n
	b.length = n
	b.want.zero(n, len(b.want.data))
	for i := range b.places {
		b.places[i] = b.places[i][:min(len(b.places[i]), n)]
	}
	b.places[len(b.places)-1] = p
	return nil
}

func poolFree(r *poolRun) error {
	if len(r.live) == 0 {
		return nil
	}
	return r.free(r.in.below(len(r.live)))
}

// free frees buffer i.
func (r *poolRun) free(i int) error {
	r.trace.args(r.live[i].length)
	b := kept(&r.live, i)
	r.p.Free(r.name(b))
	r.used -= b.length
	b.putMirror()
	for _, place := range b.places {
		if r.p.Owns(place) {
			return fmt.Errorf("it still owns %#x", addrOf(place))
		}
	}
	return errors.Join(
		mustPanic("Free twice", func() { r.p.Free(b.newest()) }),
		mustPanic("Len after Free", func() { r.p.Len(b.places[0]) }),
		mustPanic("Grow after Free", func() { r.p.Grow(b.places[0], poolSizeMax) }),
		mustPanic("Shrink after Free", func() { r.p.Shrink(b.newest(), 0) }))
}

func poolTrim(r *poolRun) error {
	if err := r.p.Trim(); err != nil {
		return err
	}
	s := r.p.Stats()
	if s.Kept != 0 {
		return fmt.Errorf("after Trim: %+v", s)
	}
	if len(r.live) == 0 && (s.Committed != 0 || s.Far != 0) {
		return fmt.Errorf("after Trim of an empty pool: %+v", s)
	}
	return nil
}

// compareMaps compares the kernel's mappings with the Space's windows.
func (r *poolRun) compareMaps() error {
	var windows []addrspace.Range
	for w := range r.space.All() {
		windows = append(windows, w.Range())
	}
	return r.space.maps(windows, func(_ int, _ uintptr, v sys.VMA) error {
		bands := v.Path == "/memfd:"+r.p.Name()+" (deleted)"
		tails := v.Path == "/memfd:pool tails (deleted)"
		if v.Perms == "rw-s" && (bands || tails) || v.Perms == "---p" && !strings.HasPrefix(v.Path, "/") {
			return nil
		}
		return fmt.Errorf("%+v in a window of the pool", v)
	})
}

// emptyStats returns an error if a closed pool says that it holds anything.
func emptyStats(s pool.Stats) error {
	if s.Buffers+s.Len+s.Committed+s.Kept+s.Runs+s.Reserved+s.Moved+s.Windows+s.Far != 0 || s.PreparedOff {
		return fmt.Errorf("pool.Stats after Close: %+v", s)
	}
	return nil
}

// poolClose closes the pool, whatever is live in it.
func poolClose(r *poolRun) error {
	p := r.p
	r.p = nil
	err := p.Close()
	if (err != nil) != (len(r.live) > 0) {
		return fmt.Errorf("with %d live buffers Close returns %v", len(r.live), err)
	}
	for _, b := range r.live {
		b.putMirror()
	}
	r.live = nil
	return errors.Join(
		mustPanic("Alloc after Close", func() { p.Alloc(1) }),
		mustPanic("Close twice", func() { p.Close() }),
		mustPanic("Trim after Close", func() { p.Trim() }),
		emptyStats(p.Stats()))
}
