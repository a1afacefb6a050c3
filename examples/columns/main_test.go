package main

import (
	"io"
	"testing"
)

// TestStores: a query is about the last rows, in all columns, and what is old is dropped.
func TestStores(t *testing.T) {
	const keep, n = 100_000, 500_000
	g, err := newGroup(keep)
	if err != nil {
		t.Fatal(err)
	}
	l := &locked{keep: keep}
	for name, test := range map[string]struct {
		store
		held func() int64
	}{
		"group":  {g, func() int64 { return g.Len() - g.Front() }},
		"locked": {l, func() int64 { return int64(len(l.times)) }},
	} {
		if got, err := test.query(10); got != 0 || err != nil {
			t.Errorf("%s: the sum of nothing is %v, %v", name, got, err)
		}
		for first := int64(0); first < n; first += batch {
			if err := test.write(first, batch); err != nil {
				t.Fatal(err)
			}
			if first%(batch*1000) == 0 {
				want, count := 0., int64(0)
				for i := first + batch - 1; i >= 0 && count < 1000; i-- {
					want += float64(i % 100)
					count++
				}
				if got, err := test.query(1000); got != want || err != nil {
					t.Fatalf("%s: the sum of the last 1000 of %d is %v, %v, want %v", name, first+batch, got, err, want)
				}
			}
			if held := test.held(); held > keep+dropEvery+batch || held < min(first+batch, keep) {
				t.Fatalf("%s: %d of %d rows are there", name, held, first+batch)
			}
		}
		if err := test.close(); err != nil {
			t.Error(err)
		}
	}
}

func TestRun(t *testing.T) {
	if err := run(io.Discard, 300_000, 50_000); err != nil {
		t.Error(err)
	}
}
