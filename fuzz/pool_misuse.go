package fuzz

import (
	"errors"
	"fmt"
	"sync"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/pool"
)

// poolMisuse breaks a rule: it is a panic, and nothing has changed.
func poolMisuse(r *poolRun) error {
	p := r.p
	misuses := []poolMisuseCase{
		{"Alloc(-1)", func() { p.Alloc(-1) }},
		{"Free of something else", func() { p.Free(noise) }},
		{"Grow of nil", func() { p.Grow(nil, 1) }},
		{"a band of 3 pages", func() { pool.New(pool.Options{Band: 12 << 10}) }},
		{"Limit -1", func() { pool.New(pool.Options{Limit: -1}) }},
	}
	if b := r.pick(); b != nil {
		misuses = append(misuses,
			poolMisuseCase{"Shrink to more", func() { p.Shrink(b.newest(), b.length+1) }},
			poolMisuseCase{"Shrink(-1)", func() { p.Shrink(b.newest(), -1) }},
			poolMisuseCase{"Grow(-1)", func() { p.Grow(b.newest(), -1) }})
		if b.length > 1 {
			misuses = append(misuses,
				poolMisuseCase{"Grow to less", func() { p.Grow(b.newest(), b.length-1) }},
				poolMisuseCase{"Free within", func() { p.Free(b.newest()[1:]) }},
				poolMisuseCase{"Len in the middle", func() { p.Len(b.newest()[b.length/2:]) }})
		}
	}
	m := misuses[r.in.below(len(misuses))]
	r.trace.add(m.what)
	return mustPanic(m.what, m.f)
}

type poolMisuseCase struct {
	what string
	f    func()
}

// hasGuards reports whether the kernel has guard pages without VMAs.
var hasGuards = sync.OnceValue(func() bool {
	for _, f := range arena.Features() {
		if f.Name == "guards" {
			return f.Err == nil
		}
	}
	return false
})

// poolOverrun reads beyond the end of a band.
func poolOverrun(r *poolRun) error {
	b := r.pick()
	if b == nil || !b.banded || r.opts.NoGuards || !hasGuards() || r.stats.GuardsRefused > 0 {
		return nil
	}
	run := r.space.Lookup(addrOf(b.places[0])).Range()
	next := (int(addrOf(b.places[0])-run.Start)/r.band + 1) * r.band
	r.trace.args(next)
	if next >= int(run.Len()) {
		return nil
	}
	beyond := bytesAt(sys.Pointer(run.Start+uintptr(next)), 1)
	err := arena.CatchFault(r.space.Space, func() error { return fmt.Errorf("read %d", beyond[0]) })
	var fault *arena.FaultError
	if !errors.As(err, &fault) || fault.Addr != addrOf(beyond) || fault.Window != r.p.Name() || fault.Offset != next {
		return fmt.Errorf("reading beyond a band: %w", err)
	}
	return nil
}
