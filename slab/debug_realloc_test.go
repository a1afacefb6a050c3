package slab_test

import (
	"bytes"
	"math"
	"runtime"
	"syscall"
	"testing"

	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/slab"
)

// TestDebug_FreeWithinRealloc: who frees an object while it is being moved is told so; its
// pages do not go from under the copy.
func TestDebug_FreeWithinRealloc(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	for _, n := range []int{100, 100 << 10} {
		a := slab.New(slab.Options{Debug: true})
		b := mustAlloc(t, a, n)
		for i := range b {
			b[i] = 1
		}
		tried := false
		// The next object is the first large one: a file is made for it, with b in hand.
		restore := sys.SetHook(func(c sys.Call) syscall.Errno {
			if c == sys.CallMemfdCreate && !tried {
				tried = true
				mustFail(t, func() { a.Free(b) }, "Free of")
			}
			return 0
		})
		got, err := a.Realloc(b, 2<<20)
		restore()
		if err != nil || !bytes.Equal(got[:n], bytes.Repeat([]byte{1}, n)) {
			t.Fatalf("Realloc of %d bytes: %v, or others", n, err)
		}
		if !tried {
			t.Error("Realloc made no file: nothing is tested")
		}
		mustFail(t, func() { a.Free(b) }, "free already")
		a.Free(got)

		// Refused, it is as it was.
		b = mustAlloc(t, a, n)
		if _, err := a.Realloc(b, math.MaxInt/2); err == nil {
			t.Error("Realloc to half of all numbers: no error")
		}
		a.Free(b)
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}
