//go:build !portable

package pool

import (
	"bytes"
	"errors"
	"syscall"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// The tests in this file are about what a refusal leaves behind: nothing.

// TestPool_RefusedGrowthLeavesNothing: a buffer that cannot leave its band has
// taken nothing of the file of tails, wherever it failed.
func TestPool_RefusedGrowthLeavesNothing(t *testing.T) {
	memfile.CanRehome() // Finds out with system calls of its own, once.
	space := addrspace.New(addrspace.Options{CacheWindows: -1})
	p, err := New(Options{Name: t.Name(), Band: bandMin, Space: space})
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Alloc(100)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for n := 1; ; n++ {
		made := 0
		restore := sys.SetHook(func(c sys.Call) syscall.Errno {
			if c == sys.CallMmap {
				made++
			}
			if c == sys.CallMmap && made >= n { // and whatever is tried instead
				return syscall.ENOMEM
			}
			return 0
		})
		got, err := p.Grow(b, 3*bandMin)
		restore()
		if err == nil {
			b = got
			break
		}
		refused++
		if s := p.Stats(); s.Far != 0 || s.Windows != 0 || s.Len != 100 {
			t.Errorf("mappings from number %d on failed: %+v", n, s)
		}
	}
	if refused < 2 {
		t.Errorf("refused %d times: not at the tail", refused)
	}
	p.Free(b)
	if s := p.Stats(); s.Far != 0 {
		t.Errorf("all is free: %+v", s)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// TestPool_TailOwed: memory of a tail that the system does not take back when the
// buffer is freed is tried again by Trim, until it does.
func TestPool_TailOwed(t *testing.T) {
	p, err := New(Options{Name: t.Name(), Band: bandMin})
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Alloc(4 * bandMin)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] = 1
	restore := testutil.FailAll(sys.CallPunch, syscall.ENOSPC)
	p.Free(b)
	for range 2 {
		if err := p.Trim(); !errors.Is(err, sys.ENOSPC) {
			t.Errorf("Trim: %v", err)
		}
	}
	restore()
	if s := p.Stats(); s.Far == 0 || s.Committed == 0 {
		t.Errorf("given back although that failed: %+v", s)
	}
	if err := p.Trim(); err != nil {
		t.Error(err)
	}
	if s := p.Stats(); s.Far != 0 || s.Committed != 0 {
		t.Errorf("after Trim: %+v", s)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// TestPool_OutgrowsRoomAlone: a buffer that has outgrown the room of its band, and not the
// band, needs nothing behind it, where there is nothing to be had either.
func TestPool_OutgrowsRoomAlone(t *testing.T) {
	const band = 4 << 20
	times := 10
	if testing.Short() {
		times = 3
	}
	p, err := New(Options{Band: band})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	b, err := p.Alloc(p.Room())
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		b[i] = 1
	}
	// As RLIMIT_FSIZE does; where addresses are short the windows are, too.
	restore := testutil.FailAll(sys.CallFtruncate, syscall.EFBIG)
	defer restore()
	for _, n := range []int{p.Room() + 1, band - p.start(0)} {
		if b, err = p.Grow(b, n); err != nil {
			t.Fatal(err)
		}
	}
	restore()
	for _, n := range []int{band, times * band} {
		if b, err = p.Grow(b, n); err != nil {
			t.Fatal(err)
		}
	}
	ones := bytes.Repeat([]byte{1}, p.Room())
	if !bytes.Equal(b[:p.Room()], ones) || !bytes.Equal(b[p.Room():], make([]byte, len(b)-p.Room())) {
		t.Error("the bytes are others, or what is new is not zero")
	}
	p.Free(b)
}
