package fuzz

import (
	"fmt"
	"slices"
	"strings"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/sys"
)

// opMisuse does what panics and, as is compared afterwards, changes nothing.
func (r *spaceRun) opMisuse() error {
	kind := r.in.below(4)
	f, says := (func())(nil), ""
	switch kind {
	case 0:
		f, says = r.misuseReserve()
	case 1:
		f, says = r.misuseDead()
	case 2:
		f, says = r.misusePart()
	default:
		f, says = r.misuseRehome()
	}
	if f == nil {
		return nil
	}
	if text := panicText(f); !strings.HasPrefix(text, "addrspace: ") || !strings.Contains(text, says) || strings.Contains(text, "BUG") {
		return fmt.Errorf("misuse %d: panic %q, want %q", kind, text, says)
	}
	return nil
}

// misuseReserve asks for what cannot be.
func (r *spaceRun) misuseReserve() (func(), string) {
	n, o := 0, addrspace.ReserveOptions{}
	switch r.in.below(4) {
	case 0:
		n = -r.in.byte()
	case 1:
		n, o.Min = 1+r.in.byte(), 300
	case 2:
		n, o.Min = 1, -1
	}
	return func() { _, _ = r.s.Reserve(n, o) }, "Reserve of"
}

// misuseDead uses a window that was released.
func (r *spaceRun) misuseDead() (func(), string) {
	if len(r.dead) == 0 {
		return nil, ""
	}
	w := r.dead[r.in.below(len(r.dead))]
	all := []func(){
		func() { w.Range() }, func() { w.Size() }, func() { w.Name() }, func() { w.Mapped() }, func() { w.Base() },
		func() { w.SetTouched(1) }, func() { _ = w.Release() }, func() { _ = w.Quarantine() }, func() { _ = w.Extend(1) },
		func() { _ = w.Unmap(0, spaceUnit) },
		func() { _ = w.MapFile(0, spaceUnit, r.lab.fd, 0, sys.ProtRead) },
	}
	return all[r.in.below(len(all))], "it was released"
}

// misusePart maps and unmaps what is no part of a window, or mapped already.
func (r *spaceRun) misusePart() (func(), string) {
	p := r.pick()
	if p == nil {
		return nil, ""
	}
	mapIt := func(off, n int) func() {
		return func() { _ = p.w.MapFile(off, n, r.lab.fd, 0, sys.ProtRead) }
	}
	if p.shut {
		all := []func(){mapIt(0, spaceUnit), func() { _ = p.w.Unmap(0, spaceUnit) }, func() { _ = p.w.Extend(1) }}
		return all[r.in.below(len(all))], "it is quarantined"
	}
	b := r.in.byte()
	size := int(p.Len())
	switch b & 7 {
	case 0:
		return mapIt(1, spaceUnit), "not whole pages inside it"
	case 1:
		return mapIt(0, spaceUnit+1+b>>3), "not whole pages inside it"
	case 2:
		return mapIt(size-spaceUnit, 2*spaceUnit), "not whole pages inside it"
	case 3:
		return mapIt(-spaceUnit, spaceUnit), "not whole pages inside it"
	case 4:
		return func() { _ = p.w.Unmap(size, spaceUnit) }, "not whole pages inside it"
	case 5:
		return func() { _ = p.w.Unmap(0, 0) }, "not whole pages inside it"
	case 6:
		return func() { _ = p.w.Extend(-b >> 3) }, "Extend of window"
	}
	i := slices.IndexFunc(p.units, func(u spaceSlot) bool { return u.at >= 0 })
	if i < 0 {
		return nil, ""
	}
	return mapIt(max(i-b>>3, 0)*spaceUnit, (min(i, b>>3)+1)*spaceUnit), "part of it is mapped"
}

// misuseRehome rehomes what is no prefix, or to where there is no room.
func (r *spaceRun) misuseRehome() (func(), string) {
	p, q := r.pick(), r.pick()
	if p == nil {
		return nil, ""
	}
	f := func() { _ = p.w.Rehome(q.w) }
	switch {
	case p == q:
		return f, "not two windows of a Space"
	case p.shut || q.shut:
		return f, "it is quarantined"
	case p.mapped() == 0:
		return nil, ""
	case !p.isPrefix():
		return f, "its mapped part is not a prefix"
	}
	n := parts(p.units)[0].n
	if uintptr(n)*spaceUnit > q.Len() || slices.ContainsFunc(q.units[:min(n, len(q.units))], func(u spaceSlot) bool { return u.at >= 0 }) {
		return f, "Reserved there"
	}
	return nil, ""
}
