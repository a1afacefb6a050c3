package slab

import (
	"reflect"
	"runtime"
	"testing"

	"github.com/growarena/growarena/internal/pointerfree"
)

// TestClassOf looks up every size: the class is the smallest that holds it, and
// above 56 bytes an eighth of it is wasted at most.
func TestClassOf(t *testing.T) {
	for n := 1; n <= smallMax; n++ {
		c := classOf(n)
		size := int(classSize[c])
		if size < n || c > 1 && int(classSize[c-1]) >= n {
			t.Fatalf("class %d of %d bytes is for %d", c, n, size)
		}
		if n > 56 && (size-n)*8 > size {
			t.Fatalf("%d bytes waste %d of %d", n, size-n, size)
		}
	}
}

// TestKinds checks what spans are made of: that the magic number finds the object
// that begins at an offset and finds none to begin where none does, and that no
// span has more groups than there may be.
func TestKinds(t *testing.T) {
	for c := 1; c < classCount; c++ {
		k := kinds[c]
		span := uint32(classPages[c]) * pageSize
		if k.size%8 != 0 || k.size >= 64 && k.size&(k.size-1) == 0 && span%k.size != 0 {
			t.Errorf("class %d: size %d", c, k.size)
		}
		if k.groups > groupsMax || k.groups*groupLen < k.objects || span/k.size != k.objects {
			t.Errorf("class %d: %+v", c, k)
		}
		if tail := span - k.objects*k.size; tail*16 > span {
			t.Errorf("class %d: %d of %d bytes of a span are never used", c, tail, span)
		}
		for off := range span {
			idx := uint32(uint64(off) * uint64(k.magic) >> 32)
			if begins := off%k.size == 0; begins && idx != off/k.size || !begins && idx*k.size == off {
				t.Fatalf("class %d: %d/%d is %d by magic", c, off, k.size, idx)
			}
		}
	}
	if kinds[0].objects != 0 || kinds[mediumClass].objects != 0 {
		t.Error("there are objects of no class")
	}
}

// TestAlignedClass checks the whole table of alignments: objects at multiples of
// the class's size are aligned.
func TestAlignedClass(t *testing.T) {
	for alignment := 1; alignment <= alignmentMax; alignment *= 2 {
		for n := 1; n <= smallMax; n += 1 + n/100 {
			if size := int(classSize[alignedClass(n, alignment)]); size < n || size%alignment != 0 {
				t.Fatalf("%d bytes at %d: size %d", n, alignment, size)
			}
		}
	}
}

// TestTables_PointerFree checks that the tables that grow with what is allocated
// hold no pointers, so that the garbage collector does not look into them.
func TestTables_PointerFree(t *testing.T) {
	for _, table := range []any{group{}, span{}, record{}, entry(0), kind{}} {
		typ := reflect.TypeOf(table)
		if path := pointerfree.In(typ); path != "" {
			t.Errorf("%v has a pointer: %s", typ, path)
		}
	}
}

// TestShards: there are a power of two of shards, four for each processor at least, and every number masked is one.
func TestShards(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for procs, want := range map[int]int{1: 4, 2: 8, 3: 16, 4: 16, 5: 32} {
		runtime.GOMAXPROCS(procs)
		a := New(Options{})
		if len(a.shards) != want || a.shardMask != uint32(want-1) {
			t.Errorf("%d shards with mask %#x for %d processors, want %d", len(a.shards), a.shardMask, procs, want)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestApart_BitOf: of a group that a Local has, each object has its bit, and nothing else has any.
func TestApart_BitOf(t *testing.T) {
	for c := 1; c < classCount; c++ {
		k := &kinds[c]
		h := apartGroup{base: 1 << 20, size: k.size, magic: k.magic, objects: min(k.objects, groupLen)}
		for i := range uintptr(groupLen + 2) {
			p, want := h.base+i*uintptr(k.size), uint32(1)<<i
			if i >= uintptr(h.objects) {
				want = 0
			}
			if got := h.bitOf(p, int(k.size)); got != want {
				t.Fatalf("object %d of %d bytes: %#x, want %#x", i, k.size, got, want)
			}
			if h.bitOf(p+1, int(k.size)) != 0 || h.bitOf(p, int(k.size)-1) != 0 {
				t.Fatalf("what is no object of %d bytes has a bit", k.size)
			}
		}
		if h.bitOf(h.base-uintptr(k.size), int(k.size)) != 0 {
			t.Fatalf("what lies before the group has a bit")
		}
	}
}

// TestCanTake: only of an owned group of its class that has a free object, and that nobody has apart.
func TestCanTake(t *testing.T) {
	const c = 7
	word := func(class, state, free uint64) uint64 { return class<<classShift | state | 3<<genShift | fresh | free }
	for name, tt := range map[string]struct {
		word uint64
		want bool
	}{
		"owned":               {word(c, owned, 1<<31), true},
		"owned, in use":       {word(c, owned, 0), false},
		"listed":              {word(c, listed, 1), false},
		"apart":               {word(c, owned|apart, 1), false},
		"of the class before": {word(c-1, owned, 1), false},
		"of the class behind": {word(c+1, owned, 1), false},
		"dead":                {0, false},
	} {
		if got := canTake(tt.word, c); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
