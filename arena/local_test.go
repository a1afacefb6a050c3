package arena_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/testutil"
)

// TestLocal hands out pieces of many sizes and alignments, by every pointer rule, in an arena
// that moves: all are zeroed, aligned, apart from each other, and keep what was written.
func TestLocal(t *testing.T) {
	testutil.NeedsMoves(t)
	for name, set := range rules {
		t.Run(name, func(t *testing.T) {
			o := arena.Options{Reserve: 2 << 20, Rungs: arena.RungInWindow | arena.RungRehome}
			set(&o)
			a := newArena(t, o)
			defer free(t, a)
			type piece struct{ off, n int }
			const workers = 4
			pieces := make([][]piece, workers)
			locals := make([]*arena.Local, workers)
			take := func(w, i int) {
				n, alignment := i*7%1500, 1<<(i%9)
				b, err := locals[w].AllocAligned(n, alignment)
				if err != nil {
					t.Error(err)
					return
				}
				if len(b) != n || cap(b) != n || !allZero(b) {
					t.Errorf("%d bytes, capacity %d, of %d, zeroed: %v", len(b), cap(b), n, allZero(b))
				}
				if n == 0 {
					return
				}
				off := a.Offset(b)
				if off%alignment != 0 {
					t.Errorf("%d bytes at offset %d, want a multiple of %d", n, off, alignment)
				}
				pieces[w] = append(pieces[w], piece{off, n})
			}
			for w := range locals {
				locals[w] = a.NewLocal()
			}
			const each = 3000
			if name == "keep" {
				var g sync.WaitGroup
				for w := range workers {
					g.Go(func() {
						for i := range each {
							take(w, i)
						}
					})
				}
				g.Wait()
			} else { // In turns, as a slice is good until somebody grows.
				for i := range workers * each {
					take(i%workers, i/workers)
				}
			}
			all := a.Bytes()
			for w := range pieces {
				for _, p := range pieces[w] {
					for i := range p.n {
						if all[p.off+i]++; all[p.off+i] > 1 {
							t.Fatalf("the byte at %d was handed out twice", p.off+i)
						}
					}
				}
			}
			if g := a.Stats().Growth; g.Rehomed == 0 {
				t.Errorf("the arena has not moved: %+v", g)
			}
		})
	}
}

// TestLocal_AfterReset: after the arena was made shorter a Local does not go on with what
// is others' now, and what it hands out is zeroed.
func TestLocal_AfterReset(t *testing.T) {
	a := newArena(t, arena.Options{})
	defer free(t, a)
	l := a.NewLocal()
	for range 3 {
		first := mustAlloc(t, l, 100)
		for i := range first {
			first[i] = 1
		}
		a.Reset()
		other, err := a.Alloc(5000)
		if err != nil {
			t.Fatal(err)
		}
		b := mustAlloc(t, l, 100)
		if !allZero(b) || a.Offset(b) < len(other) {
			t.Errorf("after Reset: at %d, zeroed: %v", a.Offset(b), allZero(b))
		}
		a.Truncate(2500)
		if b := mustAlloc(t, l, 100); !allZero(b) || a.Offset(b) != 2500 {
			t.Errorf("after Truncate: at %d, zeroed: %v", a.Offset(b), allZero(b))
		}
		a.Reset()
	}
}

// TestLocal_Contiguous: a Local that has the arena to itself wastes nothing between blocks.
func TestLocal_Contiguous(t *testing.T) {
	a := newArena(t, arena.Options{})
	defer free(t, a)
	l := a.NewLocal()
	for i := range 10_000 {
		if off := a.Offset(mustAlloc(t, l, 48)); off != i*48 {
			t.Fatalf("piece %d is at %d", i, off)
		}
	}
}

// TestLocal_Limit: at the arena's limit what there is room for can be had.
func TestLocal_Limit(t *testing.T) {
	a := newArena(t, arena.Options{Limit: 2 << 20})
	defer free(t, a)
	if _, err := a.Alloc(2<<20 - 1000); err != nil {
		t.Fatal(err)
	}
	l := a.NewLocal()
	for range 10 {
		mustAlloc(t, l, 100)
	}
	if b, err := l.Alloc(1); err == nil {
		t.Errorf("beyond the limit: %d bytes", len(b))
	}
	if _, err := l.Alloc(4 << 20); err == nil {
		t.Error("far beyond the limit")
	}
}

func TestLocal_Misuse(t *testing.T) {
	a := newArena(t, arena.Options{})
	l := a.NewLocal()
	mustAlloc(t, l, 10)
	mustPanic(t, "Alloc of -1 bytes", func() { _, _ = l.Alloc(-1) })
	mustPanic(t, "alignment is 3", func() { _, _ = l.AllocAligned(1, 3) })
	mustPanic(t, "contains a pointer", func() { arena.NewFrom[*int](l) })
	free(t, a)
	mustPanic(t, "after Free", func() { _, _ = l.Alloc(10) })
	mustPanic(t, "after Free", func() { a.NewLocal() })
}

func TestLocal_NoAllocs(t *testing.T) {
	a := newArena(t, arena.Options{Domain: epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})})
	defer free(t, a)
	l := a.NewLocal()
	if n := testing.AllocsPerRun(1000, func() {
		p := arena.NewFrom[[3]uint64](l)
		p[2]++
		if p[0] != 0 || p[2] != 1 {
			t.Error("it is not zero")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func mustAlloc(t *testing.T, l *arena.Local, n int) []byte {
	t.Helper()
	b, err := l.Alloc(n)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func allZero(b []byte) bool { return bytes.Count(b, []byte{0}) == len(b) }

// mustPanic fails unless f panics with a message of the package that has want in it.
func mustPanic(t *testing.T, want string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), want) || !strings.HasPrefix(fmt.Sprint(r), "arena: ") {
			t.Errorf("panic is %v, want %q", r, want)
		}
	}()
	f()
}
