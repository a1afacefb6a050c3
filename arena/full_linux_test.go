//go:build !portable && linux && !(386 || arm || mips || mipsle)

package arena

import (
	"errors"
	"math"
	"os"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/sys"
)

// TestArena_FileTooLong: no window can map a file of nearly as many bytes as there
// are numbers for, and no arena grows to that.
func TestArena_FileTooLong(t *testing.T) {
	fd, err := sys.Memfd("too long", 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "too long")
	defer f.Close()
	length := func(n int64) {
		t.Helper()
		if err := f.Truncate(n); err != nil {
			t.Fatal(err)
		}
	}
	length(math.MaxInt - 4096)
	if _, err := NewArena(Options{File: f, Limit: math.MaxInt}); !errors.Is(err, addrspace.ErrNoSpace) {
		t.Errorf("made on it: %v", err)
	}
	length(0)
	if _, err := NewArena(Options{File: f, Reserve: math.MaxInt}); !errors.Is(err, addrspace.ErrNoSpace) {
		t.Errorf("with a window for as much: %v", err)
	}
	a, err := NewArena(Options{File: f, Limit: math.MaxInt})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Free(); err != nil {
			t.Error(err)
		}
	}()
	if err := a.Grow(math.MaxInt); !errors.Is(err, sys.EFBIG) {
		t.Errorf("grown to all there are numbers for: %v", err)
	}
	if a.Cap() != 0 {
		t.Errorf("Cap %d", a.Cap())
	}
}
