package fuzz

import "testing"

func TestInput(t *testing.T) {
	in := newInput([]byte{0xf0, 0x00, 255, 255, 255, 9}, 4)
	for i, w := range []int{1, 225, 0, 0} {
		if in.weights[i] != w {
			t.Errorf("weight %d is %d, not %d", i, in.weights[i], w)
		}
	}
	if op := in.op(); op != 1 { // 255 of 226
		t.Errorf("operation %d, not 1", op)
	}
	if n := in.below(1 << 16); n != 1<<16-1 {
		t.Errorf("read %d from two bytes", n)
	}
	if !in.more() {
		t.Error("at the end too soon")
	}
	in = newInput([]byte{0, 0, 3, 4}, 4) // of one operation
	for n := 0; in.more(); n++ {
		if op := in.op(); op != 0 || n == 2 {
			t.Fatalf("operation %d after %d of 2 bytes", op, n)
		}
	}
	for limit := range 1000 {
		for b := range 256 {
			in := &input{rest: []byte{byte(b), 200}}
			if n := in.size(limit); n < 0 || n > limit {
				t.Fatalf("a size of %d, limit %d", n, limit)
			}
		}
	}
	if in := (&input{}); in.more() || in.byte() != 0 || in.below(100) != 0 || in.size(100) != 0 {
		t.Error("the end is not zeros")
	}
}
