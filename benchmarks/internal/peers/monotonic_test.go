package peers

import "testing"

func TestMonotonic(t *testing.T) {
	m := NewMonotonic(100, 3)
	for round := range 2 {
		n := 0
		for b := m.Alloc(30); b != nil; b = m.Alloc(30) {
			if len(b) != 30 || cap(b) != 30 {
				t.Fatalf("%d bytes of capacity %d", len(b), cap(b))
			}
			for i := range b {
				if b[i] != 0 {
					t.Fatalf("round %d: object %d is not zero", round, n)
				}
				b[i] = 1
			}
			n++
		}
		if n != 9 { // at 0, 32, 64 of each buffer
			t.Errorf("round %d: %d objects", round, n)
		}
		m.Reset()
	}
}
