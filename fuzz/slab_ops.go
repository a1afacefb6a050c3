package fuzz

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/growarena/growarena/slab"
)

// slabOps are the operations, with names for reports. Set by init, since a chapter
// is a program itself.
var slabOps []struct {
	name string
	f    func(*slabRun) error
}

func init() {
	slabOps = append(slabOps, []struct {
		name string
		f    func(*slabRun) error
	}{
		{"alloc", (*slabRun).opAlloc},
		{"free", (*slabRun).opFree},
		{"realloc", (*slabRun).opRealloc},
		{"zero", (*slabRun).opZero},
		{"aligned", (*slabRun).opAligned},
		{"words", (*slabRun).opWords},
		{"retire", (*slabRun).opRetire},
		{"pin", (*slabRun).opPin},
		{"unpin", (*slabRun).opUnpin},
		{"many", (*slabRun).opMany},
		{"free many", (*slabRun).opFreeMany},
		{"trim", (*slabRun).opTrim},
		{"misuse", (*slabRun).opMisuse},
		{"local", (*slabRun).opLocal},
		{"refer", (*slabRun).opRefer},
		{"chapter", (*slabRun).opChapter},
	}...)
}

// size reads how much to allocate, if the bounds allow it: small mostly, for what
// is large takes long.
func (r *slabRun) size() int {
	n := 0
	switch b := r.in.byte(); {
	case b < 150:
		n = r.in.size(1 << 10)
	case b < 220:
		n = r.in.size(slabSmall + 64)
	case b < 245:
		n = slabSmall + r.in.size(128<<10)
	default:
		n = r.in.size(4 << 20)
	}
	r.trace.args(n)
	if len(r.objects) >= slabLive || n > slabMedium && r.sum.bytes+n > slabBytes {
		return 0
	}
	return n
}

// way returns through what to allocate and free this time: the allocator, or a
// Local if there are any.
func (r *slabRun) way() slabWay {
	if n := len(r.locals); n > 0 {
		if i := r.in.below(n + 1); i < n {
			return r.locals[i]
		}
	}
	return r.a
}

// slabWay is an allocator or a Local of it.
type slabWay interface {
	Alloc(n int) ([]byte, error)
	AllocZero(n int) ([]byte, error)
	Free(b []byte)
}

// refused returns nil if err is right to say that there is no room for n bytes.
func (r *slabRun) refused(err error, n int, more int) error {
	if !errors.Is(err, slab.ErrLimit) || r.limit == 0 {
		return err
	}
	if charged := r.a.Stats().Charged; charged+more+slabSpan <= r.limit && len(r.locals) == 0 {
		return fmt.Errorf("with %d bytes charged there is room for %d: %w", charged, n, err)
	}
	return nil
}

// got takes what was handed out for n bytes into the model and writes to it.
func (r *slabRun) got(b []byte, n, alignment int) error {
	o := &slabObject{b: b, kind: r.kindOf(n, alignment)}
	if err := r.checkShape(o, n); err != nil {
		return err
	}
	if n == 0 {
		return nil
	}
	if o.start()%uintptr(alignment) != 0 {
		return fmt.Errorf("%v is not aligned to %d", o, alignment)
	}
	if err := r.insert(o); err != nil {
		return err
	}
	r.write(o)
	return r.near(o)
}

// checkShape checks length, capacity and natural alignment of o, which n bytes
// were asked for.
func (r *slabRun) checkShape(o *slabObject, n int) error {
	spare, most := cap(o.b)-n, 0
	switch {
	case r.debug || n == 0 || o.kind == slabIsLarge:
	case o.kind == slabIsMedium:
		most = slabPage - 1
	default:
		most = max(7, n/7) // 12.5 % of the object
	}
	if o.b == nil || len(o.b) != n || spare < 0 {
		return fmt.Errorf("%v, want %d bytes", o, n)
	}
	if spare > most && !o.words && n >= 8 {
		return fmt.Errorf("%v has %d bytes to spare, more than %d", o, spare, most)
	}
	natural := 8
	if !r.debug {
		natural = min(cap(o.b)&-cap(o.b), 4096)
	}
	if n >= 8 && o.start()%uintptr(natural) != 0 {
		return fmt.Errorf("%v is not aligned to %d", o, natural)
	}
	return nil
}

func (r *slabRun) opAlloc() error {
	n := r.size()
	b, err := r.way().Alloc(n)
	if err != nil {
		return r.refused(err, n, n)
	}
	return r.got(b, n, 1)
}

func (r *slabRun) opZero() error {
	n := r.size()
	b, err := r.way().AllocZero(n)
	if err != nil {
		return r.refused(err, n, n)
	}
	if err := zeros(b[:cap(b)]); err != nil {
		return err
	}
	return r.got(b, n, 1)
}

// zeros checks that b is zero: all of it where that is no news to the system, and
// what of it would be written to.
func zeros(b []byte) error {
	check := func(off, n int) error {
		if part := b[off : off+n]; bytes.Count(part, []byte{0}) != n {
			return fmt.Errorf("of %d zeroed bytes some in %d to %d are not", len(b), off, off+n)
		}
		return nil
	}
	if len(b) <= slabSmall {
		return check(0, len(b))
	}
	o := &slabObject{written: len(b)}
	var err error
	o.pieces(len(b), func(off, n int) {
		if err == nil {
			err = check(off, n)
		}
	})
	return err
}

func (r *slabRun) opAligned() error {
	alignment := 1 << r.in.below(13)
	n := r.size()
	b, err := r.a.AllocAligned(n, alignment)
	if err != nil {
		return r.refused(err, n, max(n, alignment))
	}
	if n > 0 && max(n, alignment) <= slabSmall && !r.debug {
		// It may be of a larger class, for the alignment's sake.
		o := &slabObject{b: b, kind: slabIsSmall}
		if len(b) != n || cap(b) < n || o.start()%uintptr(alignment) != 0 {
			return fmt.Errorf("%v, want %d bytes, aligned to %d", o, n, alignment)
		}
		if err := r.insert(o); err != nil {
			return err
		}
		r.write(o)
		return r.near(o)
	}
	return r.got(b, n, alignment)
}

// opWords makes a typed slice.
func (r *slabRun) opWords() error {
	n := r.size() / 8
	s, err := slab.MakeSlice[uint64](r.a, n)
	if err != nil {
		return r.refused(err, 8*n, 8*n)
	}
	o := &slabObject{b: bytesOf(s), kind: r.kindOf(8*n, 1), words: true}
	if n == 0 {
		return r.checkShape(o, 0)
	}
	if err := zeros(o.b); err != nil {
		return err
	}
	if err := r.insert(o); err != nil {
		return err
	}
	r.write(o)
	return errors.Join(r.checkShape(o, 8*n), r.near(o))
}

// pick returns an object that nobody has retired, or nil.
func (r *slabRun) pick() *slabObject {
	if len(r.objects) == 0 {
		return nil
	}
	o := r.objects[r.in.below(len(r.objects))]
	r.trace.args(cap(o.b))
	if o.retired != 0 {
		return nil
	}
	return o
}

func (r *slabRun) opFree() error {
	if o := r.pick(); o != nil {
		return r.free(o)
	}
	return nil
}

// free frees o.
func (r *slabRun) free(o *slabObject) error {
	if err := r.near(o); err != nil {
		return err
	}
	b := o.b
	r.remove(o)
	switch {
	case o.words:
		slab.FreeSlice(r.a, wordsOf(b))
	case r.in.byte()&1 == 0:
		r.way().Free(b)
	default:
		r.way().Free(b[:r.in.below(cap(b)+1)]) // Resliced.
	}
	r.freed[r.freedAt%len(r.freed)] = b
	r.freedAt++
	return nil
}

// opTrim gives back what can be; then all numbers are exact.
func (r *slabRun) opTrim() error {
	if r.in.byte()&7 != 0 {
		return nil // Memory that is given back takes long to come again.
	}
	for _, l := range r.locals {
		l.Trim()
	}
	if err := r.a.Trim(); err != nil {
		return err
	}
	return errors.Join(r.agreeExactly(), r.intact())
}

// opChapter begins a program of its own, with nothing in use before and after it.
// The programs that run one after the other in an allocator become one like this.
// It is no call of its own: how deep the stack is decides from which shard small
// objects come.
func (r *slabRun) opChapter() error {
	if r.outer != nil {
		return nil
	}
	if err := r.empty(); err != nil {
		return err
	}
	n := min(r.in.below(1<<16), len(r.in.rest))
	program := r.in.rest[:n]
	r.in.rest = r.in.rest[n:]
	r.outer, r.in = r.in, newInput(program, len(slabOps))
	r.seed, r.freed, r.freedAt = 0, [8][]byte{}, 0
	return nil
}
