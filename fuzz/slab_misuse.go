package fuzz

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/growarena/growarena/slab"
)

// slabMisuses are what panics, by what its text begins with, and changes nothing.
// A nil result: there is nothing to do it with.
var slabMisuses = []struct {
	says string
	f    func(*slabRun) func()
}{
	{"slab: Free of", (*slabRun).freeForeign},
	{"slab: Free of", (*slabRun).freeInside},
	{"slab: Free of", (*slabRun).freeShifted},
	{"slab: Free of", (*slabRun).freeCut},
	{"slab: Free of", (*slabRun).freeTwice},
	{"slab: Realloc of", (*slabRun).reallocFreed},
	{"slab: Retire of", (*slabRun).retireFreed},
	{"slab: Retire of", (*slabRun).retireTwice},
	{"slab: Free of", (*slabRun).freeRetired},
	{"slab: Realloc of", (*slabRun).reallocRetired},
	{"slab: Free of", (*slabRun).freeWritten},
	{"slab: ", (*slabRun).badNumbers},
}

func (r *slabRun) opMisuse() error {
	kind := r.in.below(len(slabMisuses) + 1)
	if kind == len(slabMisuses) {
		r.a.Free(nil)
		r.a.Free([]byte{})
		if o := r.pick(); o != nil {
			r.a.Free(o.b[:0:0])
		}
		return nil
	}
	m := slabMisuses[kind]
	f := m.f(r)
	if f == nil {
		return nil
	}
	before := r.a.Stats()
	if text := panicText(f); !strings.HasPrefix(text, m.says) {
		return fmt.Errorf("misuse %d: panic %q, want %q", kind, text, m.says)
	}
	after := r.a.Stats()
	// Taking a snapshot is not a use of anything.
	if fmt.Sprint(before) != fmt.Sprint(after) {
		return fmt.Errorf("misuse %d has changed %+v to %+v", kind, before, after)
	}
	if r.in.byte()&7 == 0 {
		return r.intact()
	}
	return nil
}

func (r *slabRun) freeForeign() func() {
	b := make([]byte, 1+r.in.size(1<<12))
	return func() { r.a.Free(b) }
}

// freeInside frees from the middle of an object to its end.
func (r *slabRun) freeInside() func() {
	o := r.pick()
	if o == nil || cap(o.b) < 2 {
		return nil
	}
	b := o.b[:cap(o.b)][1+r.in.below(cap(o.b)-1):]
	return func() { r.a.Free(b) }
}

// freeShifted frees as many bytes as an object has, from inside of it on.
func (r *slabRun) freeShifted() func() {
	o := r.pick()
	if o == nil || cap(o.b) < 2 {
		return nil
	}
	// Nobody reads or writes what lies behind the object.
	shift := 1 + r.in.below(cap(o.b)-1)
	b := bytesAt(startOf(o.b), shift+cap(o.b))[shift:]
	return func() { r.a.Free(b) }
}

// freeCut frees an object with a smaller capacity.
func (r *slabRun) freeCut() func() {
	o := r.pick()
	if o == nil || cap(o.b) < 2 {
		return nil
	}
	b := o.b[: 0 : 1+r.in.below(cap(o.b)-1)]
	return func() { r.a.Free(b) }
}

// gone returns a slice that was freed, and is no object again, or nil. What Locals
// do with those is found out later.
func (r *slabRun) gone() []byte {
	b := r.freed[r.in.below(len(r.freed))]
	if cap(b) == 0 || len(r.locals) > 0 {
		return nil
	}
	i := r.find(addrOf(b))
	if i < len(r.objects) && r.objects[i].start() == addrOf(b) {
		return nil // Or it is, perhaps of another size.
	}
	return b
}

func (r *slabRun) freeTwice() func() {
	b := r.gone()
	if b == nil {
		return nil
	}
	return func() { r.a.Free(b) }
}

func (r *slabRun) reallocFreed() func() {
	b := r.gone()
	if b == nil {
		return nil
	}
	n := 1 + r.in.size(1<<21)
	return func() { _, _ = r.a.Realloc(b, n) }
}

func (r *slabRun) retireFreed() func() {
	b := r.gone()
	if b == nil {
		return nil
	}
	return func() { _ = r.a.Retire(b) }
}

// waiting returns one of the objects that wait for guards, or nil.
func (r *slabRun) waiting() *slabObject {
	from := r.in.below(len(r.objects) + 1)
	i := slices.IndexFunc(r.objects[from:], func(o *slabObject) bool { return o.retired != 0 })
	if i < 0 {
		return nil
	}
	return r.objects[from+i]
}

func (r *slabRun) retireTwice() func() {
	o := r.waiting()
	if o == nil {
		return nil
	}
	return func() { _ = r.a.Retire(o.b) }
}

// freeRetired frees what waits for guards, through the allocator or a Local.
func (r *slabRun) freeRetired() func() {
	o, way := r.waiting(), r.way()
	if o == nil {
		return nil
	}
	return func() { way.Free(o.b) }
}

func (r *slabRun) reallocRetired() func() {
	o := r.waiting()
	if o == nil {
		return nil
	}
	n := 1 + r.in.size(1<<21)
	return func() { _, _ = r.a.Realloc(o.b, n) }
}

// freeWritten frees, in debug mode, an object that was written behind its end.
func (r *slabRun) freeWritten() func() {
	o := r.pick()
	if o == nil || !r.debug {
		return nil
	}
	behind := &bytesAt(startOf(o.b), len(o.b)+8)[len(o.b)+r.in.below(8)]
	return func() {
		was := *behind
		*behind++
		defer func() { *behind = was }()
		r.a.Free(o.b)
	}
}

func (r *slabRun) badNumbers() func() {
	switch r.in.below(5) {
	case 0:
		return func() { _, _ = r.a.Alloc(-1 - r.in.byte()) }
	case 1:
		return func() { _, _ = r.a.Realloc(nil, -1) }
	case 2:
		return func() { _, _ = r.a.AllocAligned(8, 3*(1+r.in.byte())) }
	case 3:
		return func() { _, _ = r.a.AllocAligned(8, 8192<<r.in.below(8)) }
	}
	return func() { _, _ = slab.MakeSlice[uint64](r.a, -1) }
}

// closeInUse closes an allocator that is not empty: with retired objects that wait
// it refuses, with others it says how many there were.
func (r *slabRun) closeInUse() error {
	if r.seed&1 != 0 {
		return r.discard()
	}
	if r.sum.waiting > 0 {
		if err := r.a.Close(); !errors.Is(err, slab.ErrRetired) {
			return fmt.Errorf("closed with %d objects that wait for guards: %v", r.sum.waiting, err)
		}
	}
	for len(r.pins) > 0 {
		if err := r.unpin(0); err != nil {
			return err
		}
	}
	if err := errors.Join(r.agree(), r.intact()); err != nil {
		return err
	}
	for len(r.locals) > 0 {
		r.closeLocal(0)
	}
	before := r.a.Stats()
	err := r.a.Close()
	want := ""
	if n := r.sum.objects; n > 0 {
		want = fmt.Sprintf("%d objects of ", n)
	}
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		return fmt.Errorf("closing says %v, want %q", err, want)
	}
	after := r.a.Stats()
	left := slab.Stats{Returned: after.Returned, Refused: after.Refused}
	if !reflect.DeepEqual(after, left) || after.Returned < before.Returned || after.Refused < before.Refused {
		return fmt.Errorf("slab.Stats after Close: %+v, before: %+v", after, before)
	}
	return r.d.Shutdown(ended)
}

// discard ends an allocator that is not empty, under guards or not: as long as there are
// any, all stays as it is.
func (r *slabRun) discard() error {
	err := r.intact()
	if e := r.a.Discard(); e != nil {
		return errors.Join(err, e)
	}
	if len(r.pins) > 0 {
		err = errors.Join(err, r.intact())
	}
	for _, p := range r.pins {
		p.Unpin()
	}
	if text := panicText(func() { _, _ = r.a.Alloc(1) }); !strings.HasPrefix(text, "slab: Alloc on") {
		err = errors.Join(err, fmt.Errorf("after Discard Alloc panics with %q", text))
	}
	return errors.Join(err, r.d.Shutdown(ended))
}
