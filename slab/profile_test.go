package slab_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/slab"
)

func inUse(t *testing.T) *testutil.Profile {
	t.Helper()
	var b bytes.Buffer
	if err := slab.WriteProfile(&b); err != nil {
		t.Fatal(err)
	}
	return testutil.ReadProfile(t, b.Bytes())
}

const (
	inUseObjects = "inuse_objects/count"
	inUseSpace   = "inuse_space/bytes"
)

//go:noinline
func allocForProfile(t *testing.T, a *slab.Allocator, n int) []byte {
	b, err := a.Alloc(n)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestProfile_InUse allocates 16 MiB in objects of several sizes: the profile has about so
// many objects and bytes, by whoever called Alloc, and none in the end.
func TestProfile_InUse(t *testing.T) {
	const rate = 32 << 10
	for _, n := range []int{64, 1000, 20_000, 200_000, 4 * mib} {
		a := newAllocator(t, slab.Options{Profile: rate})
		var all [][]byte
		bytes := 0
		for bytes < 16*mib {
			all = append(all, allocForProfile(t, a, n))
			bytes += cap(all[len(all)-1])
		}
		p := inUse(t)
		if p.Default != "inuse_space" {
			t.Errorf("what is shown is %s", p.Default)
		}
		// 512 samples, of which the standard deviation is 23.
		if got := p.Sum(t, inUseSpace, ""); got < int64(bytes)*3/4 || got > int64(bytes)*5/4 {
			t.Errorf("objects of %d bytes: %d bytes, want about %d", n, got, bytes)
		}
		if got := p.Sum(t, inUseObjects, ""); got < int64(len(all))*3/4 || got > int64(len(all))*5/4 {
			t.Errorf("objects of %d bytes: %d of them, want about %d", n, got, len(all))
		}
		for _, s := range p.Samples {
			if !strings.Contains(s.Stack[0], "slab_test.allocForProfile") {
				t.Errorf("objects of %d bytes: the innermost function is not who called Alloc: %v", n, s.Stack)
			}
		}
		for _, b := range all {
			a.Free(b)
		}
		if p := inUse(t); len(p.Samples) != 0 {
			t.Errorf("objects of %d bytes: with nothing in use there is %v", n, p.Samples)
		}
		closeEmpty(t, a)
	}
}

// TestProfile_Exact: an object much longer than the distance between samples is there with
// its own length.
func TestProfile_Exact(t *testing.T) {
	a := newAllocator(t, slab.Options{Profile: 4 << 10})
	b := allocForProfile(t, a, 4*mib)
	p := inUse(t)
	if got, n := p.Sum(t, inUseSpace, "allocForProfile"), p.Sum(t, inUseObjects, "allocForProfile"); got != int64(cap(b)) || n != 1 {
		t.Errorf("%d objects of %d bytes, want one of %d", n, got, cap(b))
	}
	a.Free(b)
	closeEmpty(t, a)
}

// TestProfile_Realloc lets objects grow: what is sampled follows, and goes with
// Close.
func TestProfile_Realloc(t *testing.T) {
	a := newAllocator(t, slab.Options{Profile: 64 << 10})
	b := allocForProfile(t, a, 100)
	for n := 100; n <= 32*mib; n *= 2 {
		var err error
		if b, err = a.Realloc(b, n); err != nil {
			t.Fatal(err)
		}
	}
	if got := inUse(t).Sum(t, inUseSpace, ""); got != int64(cap(b)) {
		t.Errorf("%d bytes for %d", got, cap(b))
	}
	b, err := a.Realloc(b, 2*mib)
	if err != nil {
		t.Fatal(err)
	}
	if got := inUse(t).Sum(t, inUseSpace, ""); got != int64(cap(b)) {
		t.Errorf("%d bytes for %d", got, cap(b))
	}
	if a.Close() == nil {
		t.Error("an object is in use, Close says nothing")
	}
	if p := inUse(t); len(p.Samples) != 0 {
		t.Errorf("after Close there is %v", p.Samples)
	}
}
