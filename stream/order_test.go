package stream

import (
	"slices"
	"testing"
	"time"
)

// TestOrder: ranges are published in order whoever is first, and each call is made once, when
// it is due, by whoever makes it so.
func TestOrder(t *testing.T) {
	for name, order3 := range map[string][][2]int64{
		"in order":         {{0, 1}, {1, 3}, {3, 6}},
		"last first":       {{3, 6}, {1, 3}, {0, 1}},
		"middle first":     {{1, 3}, {3, 6}, {0, 1}},
		"first and last":   {{0, 1}, {3, 6}, {1, 3}},
		"last, then first": {{3, 6}, {0, 1}, {1, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			var o order
			var called []int64
			for at := int64(1); at <= 6; at++ {
				o.whenPublished(at, func() { called = append(called, at) })
			}
			forgotten := o.whenPublished(6, func() { t.Error("what was forgotten is called") })
			o.forget(forgotten)
			var done [6]bool
			for _, r := range order3 {
				o.publish(r[0], r[1])
				for i := r[0]; i < r[1]; i++ {
					done[i] = true
				}
				want := int64(slices.Index(append(done[:], false), false))
				if o.end.Load() != want || int64(len(called)) != want {
					t.Fatalf("after %v: the end is %d, called are %v, want %d", r, o.end.Load(), called, want)
				}
			}
			o.whenPublished(6, func() { called = append(called, 7) })
			if !slices.Equal(called, []int64{1, 2, 3, 4, 5, 6, 7}) {
				t.Errorf("called are %v", called)
			}
			if o.next.Load() != 0 || len(o.late) != 0 || len(o.calls) != 0 {
				t.Errorf("left: %v, %v", o.late, o.calls)
			}
		})
	}
}

// TestOrder_Wakes: a call alone is found by the publication that it waits for.
func TestOrder_Wakes(t *testing.T) {
	var o order
	called := 0
	o.whenPublished(2, func() { called++ })
	for i := range int64(3) {
		o.publish(i, i+1)
		if want := int(min(i, 1)); called != want {
			t.Errorf("after %d: called %d times, want %d", i+1, called, want)
		}
	}
}

// TestOrder_Far: an append that nobody waits for takes no lock and looks at nobody, however many
// wait for more; those that are due are called, and those that give up are forgotten.
func TestOrder_Far(t *testing.T) {
	var o order
	const n = 1000
	var called []int64
	var far []*call
	for i := range int64(n) {
		at := 100 + 7*i%n // In no order.
		far = append(far, o.whenPublished(at, func() { called = append(called, at) }))
	}
	for i, c := range far {
		if i%2 == 1 {
			o.forget(c)
			o.forget(c) // Again, as where it was called meanwhile.
		}
	}
	o.mu.Lock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range int64(99) {
			o.publish(i, i+1)
		}
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second): // Not a matter of time: it would be for ever.
		t.Error("publishing waits for a lock")
	}
	o.mu.Unlock()
	<-done
	if len(called) != 0 {
		t.Errorf("called are %v", called)
	}
	o.publish(99, 100+n/2)
	want := 0
	for i, c := range far {
		if due := i%2 == 0 && c.at <= 100+n/2; due {
			want++
		}
	}
	if len(called) != want || !slices.IsSorted(called) {
		t.Errorf("%d are called, want %d: %v", len(called), want, called)
	}
	o.publish(100+n/2, 100+n)
	if len(called) != n/2 || o.next.Load() != 0 || len(o.calls) != 0 {
		t.Errorf("%d are called of %d, %d left", len(called), n/2, len(o.calls))
	}
}
