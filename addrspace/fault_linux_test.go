//go:build !portable && !(386 || arm || mips || mipsle)

package addrspace

import (
	"runtime/debug"
	"testing"

	"github.com/growarena/growarena/internal/sys"
)

// faultAt runs f and returns the address it faults at, or 0.
func faultAt(t *testing.T, f func()) (addr uintptr) {
	t.Helper()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			fault, isFault := r.(interface{ Addr() uintptr })
			if !isFault {
				panic(r)
			}
			addr = fault.Addr()
		}
	}()
	f()
	return 0
}

var sink byte

// TestWindow_Faults touches a window in every state: what is not mapped faults
// at exactly the touched address.
func TestWindow_Faults(t *testing.T) {
	s := newSpace(t, Options{CacheWindows: 4})
	fd := memfd(t, 4*mib)
	w := reserve(t, s, 8*mib, ReserveOptions{})
	b := w.data(8 * mib)
	check := func(what string, i int, fault bool) {
		t.Helper()
		want := uintptr(0)
		if fault {
			want = w.start + uintptr(i)
		}
		if got := faultAt(t, func() { sink = b[i] }); got != want {
			t.Errorf("%s: reading byte %d faults at %#x, want %#x", what, i, got, want)
		}
		if got := faultAt(t, func() { b[i] = 1 }); got != want {
			t.Errorf("%s: writing byte %d faults at %#x, want %#x", what, i, got, want)
		}
	}
	check("Reserved", 0, true)
	check("Reserved", 8*mib-1, true)
	mapFile(t, w, 4*mib, fd)
	check("Mapped", 0, false)
	check("Mapped", 4*mib-1, false)
	check("behind the mapped prefix", 4*mib, true)
	ok(t, w.Unmap(2*mib, 2*mib))
	check("Mapped", 2*mib-1, false)
	check("unmapped", 2*mib, true)
	ok(t, w.Quarantine())
	check("Quarantined", 12345, true)
	check("Quarantined", 2*mib-1, true)
	ok(t, w.Release())
	check("released into the cache", 54321, true)

	ro := reserve(t, s, 2*mib, ReserveOptions{})
	ok(t, ro.MapFile(0, 2*mib, fd, 0, sys.ProtRead))
	r := ro.data(2 * mib)
	if at := faultAt(t, func() { sink = r[7] }); at != 0 {
		t.Errorf("reading faults at %#x", at)
	}
	if at := faultAt(t, func() { r[7] = 1 }); at != ro.start+7 {
		t.Errorf("writing what is read-only faults at %#x, want %#x", at, ro.start+7)
	}
}
