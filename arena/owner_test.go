package arena_test

import (
	"runtime"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/testutil"
)

// TestOwner drops the owner of Example_owner, in the middle of a method too: its
// memory goes, and not before.
func TestOwner(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	collect := func() {
		gone := make(chan struct{})
		runtime.AddCleanup(new([16]byte), func(c chan struct{}) { close(c) }, gone)
		for {
			runtime.GC()
			select {
			case <-gone:
				return
			default:
				runtime.Gosched()
			}
		}
	}
	before := addrspace.Default().Stats().Windows
	for range 3 {
		x := must(NewIndex("one two one"))
		n, err := x.WriteTo(writer(func(b []byte) (int, error) {
			collect() // Nobody holds x but WriteTo.
			return len(b), nil
		}))
		if n != 11 || err != nil {
			t.Fatal(n, err)
		}
	}
	for addrspace.Default().Stats().Windows > before {
		collect()
	}
	testutil.NoLeaks(t, func() { _ = addrspace.Default().Trim() })
}

// writer is a function as an io.Writer.
type writer func(b []byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }
