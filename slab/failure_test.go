package slab_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"
	"unsafe"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/slab"
)

// TestFailure_EachSystemCall makes every system call of every operation fail in
// turn, in an allocator that holds something of each kind. What the operation
// returns is an error and nothing has changed, or it has done without.
func TestFailure_EachSystemCall(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	ops := map[string]func(a *slab.Allocator, held [][]byte) ([]byte, error){
		"small":  func(a *slab.Allocator, _ [][]byte) ([]byte, error) { return a.Alloc(5000) },
		"medium": func(a *slab.Allocator, _ [][]byte) ([]byte, error) { return a.Alloc(mib) },
		"large":  func(a *slab.Allocator, _ [][]byte) ([]byte, error) { return a.Alloc(2 * mib) },
		"huge":   func(a *slab.Allocator, _ [][]byte) ([]byte, error) { return a.Alloc(40 * mib) },
		"aligned": func(a *slab.Allocator, _ [][]byte) ([]byte, error) {
			return a.AllocAligned(5000, 4096)
		},
		"trim": func(a *slab.Allocator, _ [][]byte) ([]byte, error) { return nil, a.Trim() },
		"free": func(a *slab.Allocator, _ [][]byte) ([]byte, error) {
			b, err := a.Alloc(20 * mib)
			if err == nil {
				a.Free(b)
			}
			return nil, err
		},
	}
	for i, n := range []int{200, 50 << 10, 3 * mib} {
		for _, to := range []int{400, 200 << 10, 30 * mib} {
			ops[fmt.Sprintf("realloc from %d to %d", n, to)] = func(a *slab.Allocator, held [][]byte) ([]byte, error) {
				b, err := a.Realloc(held[i], to)
				if err == nil {
					held[i] = b
				}
				return nil, err
			}
		}
	}
	for name, op := range ops {
		for _, debug := range []bool{false, true} {
			for _, warm := range []bool{false, true} {
				if debug && !warm {
					continue
				}
				t.Run(fmt.Sprintf("%s/debug=%v/warm=%v", name, debug, warm), func(t *testing.T) {
					testutil.EachFailure(t, func(t *testing.T, arm testutil.Arm) { tryOp(t, arm, op, debug, warm) })
				})
			}
		}
		if testing.Short() {
			break
		}
	}
}

func tryOp(t *testing.T, arm testutil.Arm, op func(*slab.Allocator, [][]byte) ([]byte, error), debug, warm bool) {
	a := slab.New(slab.Options{Debug: debug})
	var held [][]byte
	for i, n := range []int{200, 50 << 10, 3 * mib} {
		b := mustAlloc(t, a, n)
		fillWith(b[:200], byte(i+1))
		held = append(held, b)
	}
	if warm { // with free pages, of which there is too much
		for _, n := range []int{mib, 2 * mib, 100} {
			a.Free(mustAlloc(t, a, n))
		}
	}
	before := a.Stats()
	var got []byte
	err := arm(func() (err error) {
		got, err = op(a, held)
		return err
	})
	if err != nil && !debug {
		if s := a.Stats(); s.Objects != before.Objects || s.Live != before.Live {
			t.Errorf("%v: there were %d objects of %d bytes, now %d of %d", err, before.Objects, before.Live, s.Objects, s.Live)
		}
	}
	a.Free(got)
	if got, err = op(a, held); err != nil {
		t.Errorf("once more: %v", err)
	}
	a.Free(got)
	for i, b := range held {
		if n := min(len(b), 200); !bytes.Equal(b[:n], bytes.Repeat([]byte{byte(i + 1)}, n)) {
			t.Errorf("object %d has changed", i)
		}
		a.Free(b)
	}
	if s := a.Stats(); !debug && (s.Objects != 0 || s.Live != 0) {
		t.Errorf("all is free: %+v", s)
	}
	closeEmpty(t, a)
}

func TestFailure_Close(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	testutil.EachFailure(t, func(t *testing.T, arm testutil.Arm) {
		a := slab.New(slab.Options{})
		for _, n := range []int{200, 50 << 10, 3 * mib} {
			a.Free(mustAlloc(t, a, n))
		}
		if err := arm(a.Close); err != nil {
			t.Error(err)
		}
	})
}

// TestFailure_TooMuch asks for what no machine has.
func TestFailure_TooMuch(t *testing.T) {
	for _, debug := range []bool{false, true} {
		a := newAllocator(t, slab.Options{Debug: debug})
		b := mustAlloc(t, a, 2*mib)
		for _, n := range []int{math.MaxInt, math.MaxInt - 1, math.MaxInt - 8, math.MaxInt - 4096, math.MaxInt/2 + 1, math.MaxInt >> 13} {
			if b, err := a.Alloc(n); err == nil || b != nil {
				t.Errorf("Alloc(%d) gave %d bytes and %v", n, len(b), err)
			}
			if b, err := a.AllocZero(n); err == nil || b != nil {
				t.Errorf("AllocZero(%d) gave %d bytes and %v", n, len(b), err)
			}
			if b, err := a.AllocAligned(n, 4096); err == nil || b != nil {
				t.Errorf("AllocAligned(%d, 4096) gave %d bytes and %v", n, len(b), err)
			}
			if b, err := a.Realloc(b, n); err == nil || b != nil {
				t.Errorf("Realloc(2 MiB, %d) gave %d bytes and %v", n, len(b), err)
			}
		}
		a.Free(b)
		closeEmpty(t, a)
	}
}

// TestFailure_AddressSpace runs out of addresses, in a process of its own.
func TestFailure_AddressSpace(t *testing.T) {
	if runtime.GOOS != "linux" || unsafe.Sizeof(uintptr(0)) < 8 {
		t.Skip("needs Linux on 64 bits")
	}
	if !testutil.InChild(t, "-v 4000000") {
		return
	}
	a := slab.New(slab.Options{})
	var all [][]byte
	for _, n := range []int{100 << 20, 1 << 20, 1000} {
		for len(all) < 1<<20 {
			b, err := a.Alloc(n)
			if err != nil {
				if n > 1000 && !errors.Is(err, addrspace.ErrNoSpace) {
					t.Logf("Alloc(%d): %v", n, err)
				}
				break
			}
			all = append(all, b)
			if n == 1000 && len(all) > 100_000 {
				break
			}
		}
	}
	for _, b := range all {
		a.Free(b)
	}
	closeEmpty(t, a)
}

// TestLimit allocates up to the limit: beyond is an error, and what is freed can
// be had again in any size.
func TestLimit(t *testing.T) {
	const limit = 8 * mib
	for name, o := range map[string]slab.Options{"plain": {Limit: limit}, "debug": {Limit: limit, Debug: true}} {
		t.Run(name, func(t *testing.T) {
			a := newAllocator(t, o)
			for _, n := range []int{1000, 5000, 32 << 10, 200 << 10, 2 * mib, 8*mib - 8192} {
				var all [][]byte
				for {
					b, err := a.Alloc(n)
					if err != nil {
						if !errors.Is(err, slab.ErrLimit) {
							t.Fatal(err)
						}
						break
					}
					all = append(all, b)
				}
				if s := a.Stats(); s.Charged > limit {
					t.Errorf("%d bytes are charged", s.Charged)
				}
				if len(all)*n < limit*3/4 && n > 64 {
					t.Errorf("only %d objects of %d bytes fit into %d", len(all), n, limit)
				}
				if _, err := a.Realloc(all[0], n+limit/2+mib); !errors.Is(err, slab.ErrLimit) {
					t.Errorf("Realloc beyond the limit: %v", err)
				}
				for _, b := range all {
					a.Free(b)
				}
			}
			closeEmpty(t, a)
		})
	}
}

func TestClose(t *testing.T) {
	a := newAllocator(t, slab.Options{Name: "x"})
	b := mustAlloc(t, a, 100)
	big := mustAlloc(t, a, 2*mib)
	if err := a.Close(); err == nil || err.Error() != `slab: close "x": 2 objects of 2097256 bytes are in use` {
		t.Errorf("Close with 2 objects in use says %v", err)
	}
	for name, f := range map[string]func(){
		"Alloc":        func() { a.Alloc(1) },
		"Alloc large":  func() { a.Alloc(2 * mib) },
		"AllocAligned": func() { a.AllocAligned(1, 64) },
		"Realloc":      func() { a.Realloc(b, 200) },
		"Free":         func() { a.Free(b) },
		"Free large":   func() { a.Free(big) },
		"Trim":         func() { a.Trim() },
		"Close":        func() { a.Close() },
	} {
		t.Run(name, func(t *testing.T) { mustFail(t, f, `on "x" after Close`) })
	}
	if s := a.Stats(); s.Objects != 0 || s.FreePages != 0 {
		t.Errorf("after Close: %+v", s)
	}
}

// TestRetire retires objects while a guard is pinned: they stay until it is
// unpinned, and Close waits for that.
func TestRetire(t *testing.T) {
	for _, debug := range []bool{false, true} {
		d := epoch.NewDomain(epoch.Options{})
		a := newAllocator(t, slab.Options{Domain: d, Debug: debug})
		if err := a.Retire(nil); err != nil {
			t.Error(err)
		}
		for _, n := range []int{100, 100 << 10, 2 * mib} {
			b := mustAlloc(t, a, n)
			b[0] = 5
			g, err := d.Pin()
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Retire(b); err != nil {
				t.Fatal(err)
			}
			mustFail(t, func() { a.Retire(b) }, "retired already")
			mustFail(t, func() { a.Retire(b[8:]) }, "slab: Retire of")
			if err := a.Close(); !errors.Is(err, slab.ErrRetired) {
				t.Errorf("Close with a retired object: %v", err)
			}
			if b[0] != 5 {
				t.Errorf("a retired object of %d bytes has changed under a guard", n)
			}
			g.Unpin()
			if err := d.Barrier(context.Background()); err != nil {
				t.Fatal(err)
			}
			mustFail(t, func() { a.Retire(b) }, "slab: Retire of", "free already")
		}
		if err := d.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		b := mustAlloc(t, a, 100)
		if err := a.Retire(b); !errors.Is(err, epoch.ErrClosed) {
			t.Errorf("Retire in a closed domain: %v", err)
		}
		a.Free(b)
		closeEmpty(t, a)
	}
}
