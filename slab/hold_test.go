package slab

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"syscall"
	"testing"

	"github.com/growarena/growarena/internal/sys"
)

// TestDebug_LargePages: where pages of the system are larger than ours, what debug mode
// makes inaccessible begins and ends at one, and no object lies in it.
func TestDebug_LargePages(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	for _, system := range []int{4 << 10, 16 << 10, 64 << 10} {
		if system == 16<<10 && testing.Short() {
			continue
		}
		t.Run(fmt.Sprint(system), func(t *testing.T) {
			a := New(Options{Debug: true})
			a.runUnit = max(system/pageSize, a.runUnit)
			rng := rand.New(rand.NewPCG(1, 31))
			var live [][]byte
			drop := func(k int) {
				a.Free(live[k])
				live = slices.Delete(live, k, k+1)
			}
			times := 2000
			if testing.Short() {
				times = 400
			}
			for range times {
				n := 1 + rng.IntN(mediumMax)
				if rng.IntN(2) == 0 {
					n = 1 + rng.IntN(smallMax)
				}
				b, err := a.Alloc(n)
				if err != nil {
					t.Fatal(err)
				}
				if live = append(live, b); len(live) > 50 {
					drop(rng.IntN(len(live)))
				}
				a.pages.Lock()
				for _, h := range a.watch.debug.runs {
					if start := h.r.Address(h.page); start%uintptr(system) != 0 || h.n*pageSize%system != 0 {
						t.Fatalf("%d bytes at %#x are inaccessible, pages have %d", h.n*pageSize, start, system)
					}
				}
				a.pages.Unlock()
			}
			if s := a.Stats(); s.Held == 0 {
				t.Error("nothing was held")
			}
			a.pages.Lock()
			a.checkPagesLocked()
			a.pages.Unlock()
			for len(live) > 0 {
				drop(0)
			}
			if err := a.Trim(); err != nil {
				t.Error(err)
			}
			if s := a.Stats(); s.Charged != 0 || s.FreePages == 0 {
				t.Errorf("%+v", s)
			}
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestPages_PunchRefused: where the system takes no pages back out of the middle of a file,
// those that are free are used again, and zero when they shall be.
func TestPages_PunchRefused(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	for _, errno := range []syscall.Errno{syscall.EOPNOTSUPP, syscall.EIO} { // It cannot, or something is wrong.
		t.Run(errno.Error(), func(t *testing.T) { usesRefusedPages(t, errno) })
	}
}

func usesRefusedPages(t *testing.T, errno syscall.Errno) {
	const turns, n, size = 4, 20, 1 << 20
	a := New(Options{Limit: 64 << 20})
	defer sys.SetHook(func(c sys.Call) syscall.Errno {
		if c == sys.CallPunch || c == sys.CallMadvise {
			return errno
		}
		return 0
	})()
	for turn := range turns {
		var all [][]byte
		for range n {
			b, err := a.AllocZero(size)
			if err != nil {
				t.Fatal(err)
			}
			if i := slices.IndexFunc(b, func(c byte) bool { return c != 0 }); i >= 0 {
				t.Fatalf("turn %d: byte %d is %#x", turn, i, b[i])
			}
			fill(b, 0xff)
			all = append(all, b)
		}
		for _, b := range all {
			a.Free(b)
		}
		_ = a.Trim() // May say what the system refused.
		if got := a.pages.Committed(); got > 2*n*size {
			t.Errorf("turn %d: %d bytes of memory, and at most %d were ever in use", turn, got, n*size)
		}
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// TestDebug_LargeEnd: the addresses of large objects that debug mode hides are given back at last.
func TestDebug_LargeEnd(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	a := New(Options{Debug: true})
	for range 10 {
		b, err := a.Alloc(2 << 20)
		if err != nil {
			t.Fatal(err)
		}
		a.Free(b)
	}
	if n := a.large.pool.Load().Stats().Buffers; n != 10 {
		t.Errorf("%d of 10 are hidden", n)
	}
	if err := a.Trim(); err != nil {
		t.Fatal(err)
	}
	if n := a.large.pool.Load().Stats().Buffers; n != 0 {
		t.Errorf("%d are left", n)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// TestLarge_Quiet: memory of large objects is idle when none has come or gone for a while, not when
// as many have come as have gone.
func TestLarge_Quiet(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	a := New(Options{})
	for range 3 {
		a.idle.mu.Lock() // Or the timer looks meanwhile.
		b, err := a.Alloc(2 << 20)
		if err != nil {
			t.Fatal(err)
		}
		a.Free(b)
		if again, err := a.large.trimIdle(); !again || err != nil {
			t.Errorf("one has come and gone: again is %v, %v", again, err)
		}
		if again, err := a.large.trimIdle(); again || err != nil {
			t.Errorf("none has: again is %v, %v", again, err)
		}
		a.idle.mu.Unlock()
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}
