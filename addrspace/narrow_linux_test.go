//go:build !portable && (386 || arm || mips || mipsle)

package addrspace

import (
	"errors"
	"testing"
	"unsafe"

	"github.com/growarena/growarena/internal/sys"
)

// TestSpace_NarrowAddresses: with 32 bits there are no zones; the kernel places
// the windows, and everything else is as it is elsewhere.
func TestSpace_NarrowAddresses(t *testing.T) {
	s := New(Options{})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	fd, err := sys.Memfd("narrow", 0)
	must(err)
	defer sys.Close(fd)
	must(sys.Truncate(fd, 4<<20))
	w, err := s.Reserve(16<<20, ReserveOptions{})
	must(err)
	v, err := s.Reserve(1<<30, ReserveOptions{Min: 8 << 20, Compact: true})
	must(err)
	must(w.MapFile(0, 4<<20, fd, 0, sys.ProtRead|sys.ProtWrite))
	unsafe.Slice((*byte)(w.Base()), 4<<20)[3<<20] = 7
	must(w.Rehome(v))
	if unsafe.Slice((*byte)(v.Base()), 4<<20)[3<<20] != 7 {
		t.Error("not the same bytes")
	}
	if _, err := s.Reserve(1<<31-1, ReserveOptions{}); !errors.Is(err, ErrNoSpace) {
		t.Errorf("%v", err)
	}
	if st := s.Stats(); st.KernelPlaced != 2 || s.Lookup(w.Range().Start) != w || s.Lookup(v.Range().End-1) != v {
		t.Errorf("%+v", st)
	}
	if err := w.Extend(2 << 20); err != nil && !errors.Is(err, ErrNoSpace) {
		t.Error(err)
	}
	must(w.Quarantine())
	must(w.Release())
	must(v.Release())
	must(s.Trim())
	if st := s.Stats(); st.VMAs != 0 {
		t.Errorf("%+v", st)
	}
}
