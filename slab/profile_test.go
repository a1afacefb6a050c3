package slab_test

import (
	"bytes"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/growarena/growarena/slab"
)

func inUse(t *testing.T) (int, string) {
	t.Helper()
	p := pprof.Lookup("growarena.inuse")
	if p == nil {
		t.Fatal("there is no profile growarena.inuse")
	}
	var text bytes.Buffer
	if err := p.WriteTo(&text, 1); err != nil {
		t.Fatal(err)
	}
	return p.Count(), text.String()
}

//go:noinline
func allocForProfile(t *testing.T, a *slab.Allocator, n int) []byte {
	b, err := a.Alloc(n)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestProfile_InUse allocates 16 MiB in objects of several sizes: the profile has
// about an entry for each 64 KiB, by whoever called Alloc, and none in the end.
func TestProfile_InUse(t *testing.T) {
	const rate = 64 << 10
	for _, n := range []int{64, 1000, 20_000, 200_000, 4 * mib} {
		a := newAllocator(t, slab.Options{Profile: rate})
		var all [][]byte
		bytes := 0
		for bytes < 16*mib {
			all = append(all, allocForProfile(t, a, n))
			bytes += cap(all[len(all)-1])
		}
		count, text := inUse(t)
		if want := bytes / rate; count < want*3/4 || count > want*5/4 {
			t.Errorf("objects of %d bytes: %d entries for %d bytes, want about %d", n, count, bytes, want)
		}
		lines := strings.SplitN(text, "\n", 5)
		if len(lines) < 3 || !strings.Contains(lines[2], "slab_test.allocForProfile") {
			t.Errorf("objects of %d bytes: the innermost function is not who called Alloc:\n%.500s", n, text)
		}
		for _, b := range all {
			a.Free(b)
		}
		if count, text := inUse(t); count != 0 {
			t.Errorf("objects of %d bytes: %d entries with nothing in use:\n%.500s", n, count, text)
		}
		closeEmpty(t, a)
	}
}

// TestProfile_Realloc lets objects grow: what is sampled follows, and goes with
// Close.
func TestProfile_Realloc(t *testing.T) {
	const rate = 64 << 10
	a := newAllocator(t, slab.Options{Profile: rate})
	b := allocForProfile(t, a, 100)
	for n := 100; n <= 32*mib; n *= 2 {
		var err error
		if b, err = a.Realloc(b, n); err != nil {
			t.Fatal(err)
		}
	}
	if count, _ := inUse(t); count < 256 || count > 1024 {
		t.Errorf("%d entries for %d bytes, want about %d", count, len(b), len(b)/rate)
	}
	b, err := a.Realloc(b, 2*mib)
	if err != nil {
		t.Fatal(err)
	}
	if count, _ := inUse(t); count > 64 {
		t.Errorf("%d entries for %d bytes, want about %d", count, len(b), len(b)/rate)
	}
	if a.Close() == nil {
		t.Error("an object is in use, Close says nothing")
	}
	if count, _ := inUse(t); count != 0 {
		t.Errorf("%d entries after Close", count)
	}
}
