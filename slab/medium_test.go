package slab

import (
	"testing"

	"github.com/growarena/growarena/epoch"
)

// TestResize_Retired: a medium object that somebody retires while it is being reallocated is not resized, shorter or
// longer: guards may see all of it.
func TestResize_Retired(t *testing.T) {
	a := New(Options{Domain: epoch.NewDomain(epoch.Options{})})
	b, err := a.Alloc(100 << 10)
	if err != nil {
		t.Fatal(err)
	}
	g, err := a.domain.Pin()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Retire(b); err != nil {
		t.Fatal(err)
	}
	before := a.Stats().Charged
	for _, n := range []int{50 << 10, 200 << 10} {
		if got := a.resize(b, n, false); got != nil {
			t.Errorf("it is %d bytes long now", cap(got))
		}
	}
	if now := a.Stats().Charged; now != before {
		t.Errorf("%d bytes are charged, before %d", now, before)
	}
	g.Unpin()
	if err := a.domain.Barrier(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}
