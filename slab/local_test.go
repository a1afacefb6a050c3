package slab_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/growarena/growarena/slab"
)

// TestLocal_FreeTwice frees objects twice in all ways there are: through the Local
// they are from, another, and the allocator. Somebody panics, sooner or later, and
// no object is handed out twice.
func TestLocal_FreeTwice(t *testing.T) {
	const n = 48
	for _, order := range []string{"own own", "own other", "own shared", "other own", "shared own", "shared shared", "other shared"} {
		t.Run(order, func(t *testing.T) {
			a := newAllocator(t, slab.Options{})
			ways := map[string]source{"own": a.NewLocal(), "other": a.NewLocal(), "shared": a}
			own := ways["own"].(*slab.Local)
			held := map[*byte]int{}
			get := func() []byte {
				b, err := own.Alloc(n)
				if err != nil {
					t.Fatal(err)
				}
				held[&b[0]]++
				if held[&b[0]] > 1 {
					t.Fatalf("%p was handed out twice", &b[0])
				}
				return b
			}
			first := get()
			for range 20 {
				get()
			}
			first = first[:0]
			said := panics(func() {
				for way := range strings.FieldsSeq(order) {
					ways[way].Free(first)
				}
				held[&first[:1][0]] = 0
				for range 100 { // At the latest when it would be handed out.
					get()
				}
			})
			if !strings.Contains(said, "free already") && !strings.Contains(said, "freed twice") ||
				!strings.Contains(said, fmt.Sprintf("%p", &first[:1][0])) {
				t.Fatalf("panicked with %q", said)
			}
			// Nothing is damaged: what is free once can be used.
			held[&first[:1][0]] = 0
			for range 100 {
				get()
			}
			for p, times := range held {
				if times != 1 {
					t.Errorf("%p was handed out %d times", p, times)
				}
			}
			own.Trim()
			if s := a.Stats(); s.Objects != len(held) {
				t.Errorf("%d objects are held, Stats says %d", len(held), s.Objects)
			}
			if err := a.Close(); err == nil {
				t.Error("Close says nothing of what is in use")
			}
		})
	}
}

// TestLocal_FreeTwiceBeforeClose frees an object twice and closes the Local.
func TestLocal_FreeTwiceBeforeClose(t *testing.T) {
	a := newAllocator(t, slab.Options{})
	l := a.NewLocal()
	first, err := l.Alloc(100)
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Alloc(100) // Not the first of its group.
	if err != nil {
		t.Fatal(err)
	}
	l.Free(first)
	l.Free(b)
	a.Free(b)
	if said := panics(func() { _ = l.Close() }); !strings.Contains(said, fmt.Sprintf("at %p: freed twice", &b[0])) {
		t.Errorf("Close panicked with %q, want that of %p", said, &b[0])
	}
	closeEmpty(t, a)
}

func TestLocal_Misuse(t *testing.T) {
	a, other := newAllocator(t, slab.Options{Name: "x"}), newAllocator(t, slab.Options{})
	l := a.NewLocal()
	b, err := l.Alloc(100)
	if err != nil {
		t.Fatal(err)
	}
	foreign := mustAlloc(t, other, 100)
	for want, f := range map[string]func(){
		"8 bytes inside":                func() { l.Free(b[8:]) },
		"capacity":                      func() { l.Free(b[:50:50]) },
		"not allocated by \"x\"":        func() { l.Free(foreign) },
		"Alloc of -1 bytes":             func() { _, _ = l.Alloc(-1) },
		`Free on a Local of "x" after`:  func() { c := a.NewLocal(); c.Close(); c.Free(b) },
		`Alloc on a Local of "x" after`: func() { c := a.NewLocal(); c.Close(); _, _ = c.Alloc(1) },
		`Trim on a Local of "x" after`:  func() { c := a.NewLocal(); c.Close(); c.Trim() },
		`Close`:                         func() { c := a.NewLocal(); c.Close(); c.Close() },
	} {
		if said := panics(f); !strings.Contains(said, want) {
			t.Errorf("panicked with %q, want %q", said, want)
		}
	}
	l.Free(nil)
	l.Free(b)
	other.Free(foreign)
	closeEmpty(t, a)
	closeEmpty(t, other)
	if said := panics(func() { _, _ = l.Alloc(1) }); said == "" {
		t.Error("a Local outlives its allocator")
	}
	if said := panics(func() { a.NewLocal() }); said == "" {
		t.Error("a closed allocator makes a Local")
	}
}

// TestLocal_Groups takes and gives back more objects than one group has, in every
// order: those of the last groups are at hand again, and none is lost.
func TestLocal_Groups(t *testing.T) {
	for name, order := range map[string]func(i, n int) int{
		"first first": func(i, _ int) int { return i },
		"last first":  func(i, n int) int { return n - 1 - i },
		"mixed":       func(i, n int) int { return i * 7 % n },
	} {
		t.Run(name, func(t *testing.T) {
			a := newAllocator(t, slab.Options{})
			l := a.NewLocal()
			for _, n := range []int{31, 100, 1000} {
				for round := range 20 {
					held := make([]object, n)
					for i := range held {
						b, err := l.Alloc(100)
						if err != nil {
							t.Fatal(err)
						}
						held[i] = object{b, byte(i ^ round)}
						held[i].write()
					}
					for i := range held {
						o := held[order(i, n)]
						if !o.intact() {
							t.Fatal("an object has changed")
						}
						l.Free(o.b)
					}
					if said := panics(func() { l.Free(held[n/2].b) }); n == 31 && !strings.Contains(said, "free already") {
						t.Fatalf("freed twice: %q", said)
					} else if said == "" {
						t.Fatal("freed twice, nobody says so")
					}
				}
			}
			l.Trim()
			if s := a.Stats(); s.Objects != 0 {
				t.Errorf("%d objects are in use", s.Objects)
			}
			closeEmpty(t, a)
		})
	}
}

// TestLocal_Limit takes what a limit allows through two Locals: what one has at
// hand counts, until it gives it back.
func TestLocal_Limit(t *testing.T) {
	a := newAllocator(t, slab.Options{Limit: 1 << 20})
	one, two := a.NewLocal(), a.NewLocal()
	var held [][]byte
	for {
		b, err := one.Alloc(1000)
		if err != nil {
			break
		}
		held = append(held, b)
	}
	if len(held) < 900 {
		t.Errorf("only %d objects of 1000 bytes fit into a MiB", len(held))
	}
	if _, err := two.Alloc(100); err == nil {
		t.Error("more than the limit")
	}
	for _, b := range held {
		two.Free(b)
	}
	one.Trim()
	if b, err := two.Alloc(30_000); err != nil {
		t.Error(err)
	} else {
		a.Free(b)
	}
	closeEmpty(t, a)
}

// TestLocal_Zero checks that AllocZero clears what was used before.
func TestLocal_Zero(t *testing.T) {
	a := newAllocator(t, slab.Options{})
	l := a.NewLocal()
	for _, n := range []int{1, 100, 5000, 100 << 10, 2 * mib} {
		for range 3 {
			b, err := l.AllocZero(n)
			if err != nil {
				t.Fatal(err)
			}
			all := object{b[:cap(b)], 0}
			if !all.intact() {
				t.Errorf("%d bytes are not zero", n)
			}
			fillWith(all.b, 1)
			l.Free(b)
		}
	}
	closeEmpty(t, a)
}

// panics runs f and returns what it panics with, or "".
func panics(f func()) (said string) {
	defer func() {
		if v := recover(); v != nil {
			said = fmt.Sprint(v)
		}
	}()
	f()
	return ""
}

// TestLocal_CloseAfterAllocator: a Local is closed with its allocator, and closing it then
// is nothing; what is wrong is said by its name.
func TestLocal_CloseAfterAllocator(t *testing.T) {
	a := newAllocator(t, slab.Options{Name: "mine"})
	l, closed := a.NewLocal(), a.NewLocal()
	closed.Close()
	mustFail(t, func() { _ = closed.Close() }, `slab: Close on a Local of "mine" after Close`)
	mustFail(t, closed.Trim, `slab: Trim on a Local of "mine" after Close`)
	closeEmpty(t, a)
	l.Close()
	l.Close()
	mustFail(t, l.Trim, `slab: Trim on a Local of "mine" after Close`)
	mustFail(t, func() { _, _ = l.Alloc(1) }, `slab: Alloc on a Local of "mine" after Close`)
	mustFail(t, func() { l.Free(make([]byte, 1)) }, `slab: Free on a Local of "mine" after Close`)
}
