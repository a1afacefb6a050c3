package slab_test

import (
	"runtime"
	"testing"

	"github.com/growarena/growarena/slab"
)

// FuzzAllocator runs a program of operations, three bytes each, in an allocator
// and in a list of what is held, and compares.
func FuzzAllocator(f *testing.F) {
	f.Add([]byte("\x00\x10\x01\x00\x20\x05\x02\x01\x03\x01\x00\x00\x03\x00\x00\x01\x01\x01"), false)
	f.Add([]byte("\x00\xff\x0f\x00\xff\x0e\x02\x00\x0f\x02\x01\x02\x01\x00\x00\x00\xff\x0d\x03\x00\x00"), true)
	f.Fuzz(func(t *testing.T, program []byte, debug bool) {
		if runtime.GOOS != "linux" {
			t.Skip("needs Linux")
		}
		a := newAllocator(t, slab.Options{Debug: debug, Limit: 256 * mib})
		var held []object
		for ; len(program) >= 3; program = program[3:] {
			op, k := program[0], int(program[1])
			n := (k + 1) << (program[2] % 15) >> 1
			var err error
			switch {
			case op%4 == 0 || op%4 != 3 && len(held) == 0:
				var b []byte
				if op&16 == 0 {
					b, err = a.Alloc(n)
				} else {
					b, err = a.AllocAligned(n, 1<<(op>>5+2))
				}
				if err == nil {
					held = append(held, object{b, op + byte(k)})
					held[len(held)-1].write()
				}
			case op%4 == 1:
				i := k % len(held)
				if !held[i].intact() {
					t.Fatalf("an object of %d bytes has changed", len(held[i].b))
				}
				a.Free(held[i].b)
				held[i] = held[len(held)-1]
				held = held[:len(held)-1]
			case op%4 == 2:
				o := &held[k%len(held)]
				old := len(o.b)
				var b []byte
				if b, err = a.Realloc(o.b, n); err == nil {
					o.b = b[:min(old, n)]
					if !o.intact() {
						t.Fatalf("Realloc from %d to %d bytes lost something", old, n)
					}
					o.b = b
					o.write()
				} else if !o.intact() {
					t.Fatalf("Realloc from %d to %d bytes failed, and lost something", old, n)
				}
			default:
				err = a.Trim()
			}
			if err != nil {
				t.Logf("op %d, %d bytes: %v", op%4, n, err)
			}
		}
		objects := 0
		for _, o := range held {
			if cap(o.b) > 0 {
				objects++
			}
		}
		if s := a.Stats(); !debug && s.Objects != objects {
			t.Fatalf("%d objects are held, Stats says %d", objects, s.Objects)
		}
		for _, o := range held {
			if !o.intact() {
				t.Fatalf("an object of %d bytes has changed", len(o.b))
			}
			a.Free(o.b)
		}
		closeEmpty(t, a)
	})
}
