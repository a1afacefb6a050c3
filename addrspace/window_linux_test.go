package addrspace

import (
	"testing"
	"unsafe"

	"github.com/growarena/growarena/internal/sys"
)

func TestWindow_Life(t *testing.T) {
	s := New(Options{})
	w, err := s.Reserve(64<<20, ReserveOptions{Name: "life"})
	if err != nil {
		t.Fatal(err)
	}
	fd, err := sys.Memfd("life", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := sys.Truncate(fd, 8<<20); err != nil {
		t.Fatal(err)
	}
	defer sys.Close(fd)
	for off := 0; off < 8<<20; off += 4 << 20 {
		if err := w.MapFile(off, 4<<20, fd, int64(off), sys.ProtRead|sys.ProtWrite); err != nil {
			t.Fatal(err)
		}
	}
	b := unsafe.Slice((*byte)(w.Base()), w.Mapped())
	b[5<<20] = 7
	if err := w.Extend(64 << 20); err != nil {
		t.Fatal(err)
	}
	v, err := s.Reserve(256<<20, ReserveOptions{Compact: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Rehome(v); err != nil {
		t.Fatal(err)
	}
	c := unsafe.Slice((*byte)(v.Base()), v.Mapped())
	b[1]++
	if c[5<<20] != 7 || c[1] != 1 {
		t.Error("not coherent")
	}
	t.Logf("%+v", s.Stats())
	if s.Lookup(w.Range().Start) != w || s.Lookup(w.Range().End-1) != w || s.Lookup(w.Range().End) != nil {
		t.Error("Lookup")
	}
	if err := w.Quarantine(); err != nil {
		t.Fatal(err)
	}
	if err := w.Release(); err != nil {
		t.Fatal(err)
	}
	if err := v.Release(); err != nil {
		t.Fatal(err)
	}
	if err := s.Trim(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", s.Stats())
}
