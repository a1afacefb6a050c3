package fuzz

import (
	"fmt"
	"slices"
	"strings"

	"github.com/growarena/growarena/slab"
)

// opLocal makes a Local or closes one.
func (r *slabRun) opLocal() error {
	if i := r.in.below(slabLocals + 1); i < len(r.locals) {
		r.closeLocal(i)
	} else if len(r.locals) < slabLocals {
		r.locals = append(r.locals, r.a.NewLocal())
	}
	return nil
}

// opRefer refers to objects that are in use, and finds them by that as they were handed
// out. What it cannot refer to panics.
func (r *slabRun) opRefer() error {
	for range 1 + r.in.below(4) {
		o := r.pick()
		if o == nil {
			continue
		}
		n := r.in.below(cap(o.b) + 1)
		ref := slab.SliceRefTo(r.a, o.b[:n])
		if got := ref.In(r.a); len(got) != n || cap(got) != cap(o.b) || addrOf(got) != o.start() || ref.Len() != n {
			return fmt.Errorf("by its SliceRef %v has %d bytes, capacity %d, at %#x; want %d bytes", o, len(got), cap(got), addrOf(got), n)
		}
		if cap(o.b) > 1 {
			shifted := o.b[:cap(o.b)][1:]
			if text := panicText(func() { slab.SliceRefTo(r.a, shifted) }); !strings.HasPrefix(text, "slab: SliceRefTo of") {
				return fmt.Errorf("SliceRefTo inside of %v: panic %q", o, text)
			}
		}
	}
	return nil
}

func (r *slabRun) closeLocal(i int) {
	r.locals[i].Close()
	r.locals = slices.Delete(r.locals, i, i+1)
}
