package stream

import (
	"slices"
	"testing"
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
			if o.after.Load() || len(o.late) != 0 || len(o.calls) != 0 {
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
