package arena_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/testutil"
)

type point struct {
	x, y float64
	tag  [3]uint16
	next arena.Ref[point]
}

func TestNew(t *testing.T) {
	a := newArena(t, arena.Options{Reserve: 2 * mib})
	defer free(t, a)
	if _, err := a.Alloc(3); err != nil { // So that alignment is to be seen to.
		t.Fatal(err)
	}
	p := arena.New[point](a)
	if *p != (point{}) {
		t.Errorf("New is %+v", *p)
	}
	if off := arena.RefTo(a, p).Offset(); off%8 != 0 {
		t.Errorf("New at offset %d", off)
	}
	s := arena.MakeSlice[uint32](a, 5, 9)
	if len(s) != 5 || cap(s) != 9 {
		t.Errorf("MakeSlice has len %d, cap %d", len(s), cap(s))
	}
	c := arena.Clone(a, point{x: 1, tag: [3]uint16{7, 8, 9}})
	d := arena.CloneSlice(a, []uint16{1, 2, 3})
	if c.x != 1 || c.tag[2] != 9 || len(d) != 3 || cap(d) != 3 || d[2] != 3 {
		t.Errorf("clones are %+v and %v", *c, d)
	}
	if e := arena.MakeSlice[struct{}](a, 3, 4); len(e) != 3 {
		t.Errorf("MakeSlice of nothing has len %d", len(e))
	}
}

// TestRef builds a list that lies in the arena alone while the arena moves, and
// walks it through the newest window, a guard, and a pointer of old.
func TestRef(t *testing.T) {
	testutil.NeedsMoves(t)
	for _, rule := range []string{"keep", "retire"} {
		t.Run(rule, func(t *testing.T) {
			o := arena.Options{Reserve: 2 * mib, Rungs: arena.RungInWindow | arena.RungRehome}
			rules[rule](&o)
			a := newArena(t, o)
			defer free(t, a)
			var head arena.Ref[point]
			const n = 300_000
			for i := range n {
				p := arena.New[point](a)
				p.x, p.y, p.next = float64(i), 1, head
				head = arena.RefTo(a, p)
			}
			walk := func(at func(arena.Ref[point]) *point) {
				t.Helper()
				i := n
				for p := at(head); p != nil; p = at(p.next) {
					i--
					if p.x != float64(i) || p.y != 1 {
						t.Fatalf("element %d holds %v", i, p.x)
					}
				}
				if i != 0 {
					t.Fatalf("the list ends at %d", i)
				}
			}
			walk(func(r arena.Ref[point]) *point { return r.In(a) })
			g, err := a.Pin()
			if err != nil {
				t.Fatal(err)
			}
			defer g.Unpin()
			walk(func(r arena.Ref[point]) *point { return r.At(&g) })
			if rule == "keep" {
				// A pointer from the first window still makes a Ref.
				first, err := a.Alloc(8)
				if err != nil {
					t.Fatal(err)
				}
				off := a.Offset(first)
				if err := a.Grow(8 * a.Cap()); err != nil {
					t.Fatal(err)
				}
				if got := a.Offset(first); got != off {
					t.Errorf("offset %d through an old window, was %d", got, off)
				}
			}
			if a.Stats().Growth.Rehomed < 2 {
				t.Errorf("growth %+v", a.Stats().Growth)
			}
		})
	}
}

// TestPointerFree checks that what New refuses is told beforehand, in the same words.
func TestPointerFree(t *testing.T) {
	if err := arena.PointerFree[point](); err != nil {
		t.Error(err)
	}
	err := arena.PointerFree[struct {
		n    int
		name [2]string
	}]()
	if err == nil || !strings.Contains(err.Error(), "contains a pointer (name: string)") {
		t.Errorf("%v, want where the pointer is", err)
	}
}

func TestNew_PointerFreeOnly(t *testing.T) {
	a := newArena(t, arena.Options{Name: "x"})
	defer free(t, a)
	type inner struct{ S []int }
	tests := map[string]struct {
		f    func()
		want string
	}{
		"pointer":        {func() { arena.New[*int](a) }, "*int contains a pointer"},
		"string":         {func() { arena.New[string](a) }, "string contains a pointer"},
		"deep":           {func() { arena.New[struct{ a [2]inner }](a) }, "(a: S: []int)"},
		"interface":      {func() { arena.New[any](a) }, "contains a pointer"},
		"map":            {func() { arena.MakeSlice[map[int]int](a, 1, 1) }, "contains a pointer"},
		"func":           {func() { arena.Clone(a, func() {}) }, "contains a pointer"},
		"time":           {func() { arena.Clone(a, time.Time{}) }, "loc: *time.Location"},
		"foreign":        {func() { arena.RefTo(a, new(int)) }, `RefTo in "x" of a *int that is in none of its windows`},
		"nil":            {func() { arena.RefTo[int](a, nil) }, `in none of its windows`},
		"nil offset":     {func() { arena.Ref[int]{}.Offset() }, "Offset of a nil arena.Ref[int]"},
		"negative len":   {func() { arena.MakeSlice[int](a, -1, 0) }, `arena: MakeSlice in "x": length -1, capacity 0`},
		"cap below len":  {func() { arena.MakeSlice[int](a, 2, 1) }, `arena: MakeSlice in "x": length 2, capacity 1`},
		"beyond memory":  {func() { arena.MakeSlice[int](a, 0, math.MaxInt) }, `arena full`},
		"ref out of cap": {func() { big := otherRef(t); big.In(a) }, `does not fit "x" with a capacity of`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for range 2 { // The second time the type is remembered.
				func() {
					defer func() {
						if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), tt.want) {
							t.Errorf("panic %v, want %q", r, tt.want)
						}
					}()
					tt.f()
				}()
			}
		})
	}
	if _, err := arena.TryMakeSlice[uint64](a, 0, math.MaxInt/4); err == nil {
		t.Error("no error for more bytes than an int counts")
	}
}

// otherRef returns a Ref into an arena that is larger than the one it will be
// used with.
func otherRef(t *testing.T) arena.Ref[int] {
	o := newArena(t, arena.Options{})
	defer free(t, o)
	if _, err := o.Alloc(100 * mib); err != nil {
		t.Fatal(err)
	}
	return arena.RefTo(o, arena.New[int](o))
}

func TestNew_NoHeapAllocation(t *testing.T) {
	a := newArena(t, arena.Options{})
	defer free(t, a)
	if err := a.Grow(mib); err != nil {
		t.Fatal(err)
	}
	var sum float64
	if n := testing.AllocsPerRun(500, func() {
		p := arena.New[point](a)
		sum += arena.RefTo(a, p).In(a).x
		arena.MakeSlice[uint64](a, 3, 3)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
