package main

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"testing"
)

// TestIndex: the index does as a map does.
func TestIndex(t *testing.T) {
	x, model := newIndex(), map[string]place{}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 50_000 {
		key := fmt.Sprint(random.IntN(5000))
		switch random.IntN(3) {
		case 0, 1:
			p := place{int64(i), int32(i)}
			if err := x.put([]byte(key), p); err != nil {
				t.Fatal(err)
			}
			model[key] = p
		case 2:
			_, want := model[key]
			delete(model, key)
			if got := x.remove([]byte(key)); got != want {
				t.Fatalf("remove of %q: %v", key, got)
			}
		}
		want, ok := model[key]
		if got, has := x.get([]byte(key)); has != ok || got != want {
			t.Fatalf("under %q is %v, %v, want %v, %v", key, got, has, want, ok)
		}
	}
	if x.count != len(model) || x.a.Stats().Objects != 2*len(model) {
		t.Errorf("%d entries in %d objects, want %d", x.count, x.a.Stats().Objects, len(model))
	}
	for key := range maps.Keys(model) {
		x.remove([]byte(key))
	}
	if err := x.a.Close(); err != nil {
		t.Error(err)
	}
}

func TestRun(t *testing.T) {
	if err := run(io.Discard, 10_000); err != nil {
		t.Error(err)
	}
}
