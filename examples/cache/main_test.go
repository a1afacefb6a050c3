package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestCaches: what is found is what was put last, what is used stays, and the limits hold.
func TestCaches(t *testing.T) {
	const limit = 4 << 20
	inSlab := newSlabCache(limit)
	onHeap := &mapCache{limit: limit, byKey: map[string]*value{}}
	for name, test := range map[string]struct {
		cache
		size func() int
	}{
		"slab": {inSlab, func() int { return inSlab.a.Stats().Charged }},
		"map":  {onHeap, func() int { return onHeap.size }},
	} {
		last, random, missed := map[string]int{}, rand.New(rand.NewPCG(1, 2)), 0
		for i := range 50_000 {
			key := fmt.Sprint(random.IntN(20_000))
			stamp := fmt.Sprintf("%s %d ", key, last[key])
			if got := test.get([]byte(key)); got == nil {
				missed++
			} else if !strings.HasPrefix(string(got), stamp) {
				t.Fatalf("%s: under %q is %.20q, want %q", name, key, got, stamp)
			}
			last[key] = i
			want := fmt.Sprintf("%s %d %*d", key, i, random.IntN(1000), 0)
			if err := test.put([]byte(key), []byte(want)); err != nil {
				t.Fatal(err)
			}
			test.get([]byte("0"))
		}
		if missed < 20_000 || missed > 49_000 {
			t.Errorf("%s: %d of 50,000 were not found", name, missed)
		}
		if test.size() > limit || test.size() < limit*3/4 {
			t.Errorf("%s: holds %d bytes, its limit is %d", name, test.size(), limit)
		}
		if _, ok := last["0"]; ok && test.get([]byte("0")) == nil {
			t.Errorf("%s: what is used all the time was evicted", name)
		}
	}
	if want := len(inSlab.byKey); inSlab.a.Stats().Objects != want || len(inSlab.queue) != want {
		t.Errorf("%d objects and %d in the queue for %d entries", inSlab.a.Stats().Objects, len(inSlab.queue), want)
	}
	inSlab.a.FreeAll()
	if err := inSlab.a.Close(); err != nil {
		t.Error(err)
	}
}

func TestRun(t *testing.T) {
	if err := run(io.Discard, 2<<20, 50_000); err != nil {
		t.Error(err)
	}
}
