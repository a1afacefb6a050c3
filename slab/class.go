package slab

import (
	"sync"

	"github.com/growarena/growarena/internal/pageheap"
)

//go:generate go run mksizeclasses.go

const pageSize = pageheap.PageSize

// Which class a request belongs to is looked up: by units of 8 bytes up to
// fineMax, by units of 128 above, of which all larger classes are multiples.
const (
	fineMax     = 1024
	fineShift   = 3
	coarseShift = 7
)

var (
	fineClass   [fineMax >> fineShift]uint8
	coarseClass [smallMax >> coarseShift]uint8
	kinds       [128]kind
)

// kind is what Free must know of a class, by class; those that are none, and
// mediumClass, have no objects. The length is that of what indices are masked
// with.
type kind struct {
	size    uint32 // bytes of an object
	magic   uint32 // ⌈2³²/size⌉: off×magic>>32 is off/size where an object begins
	objects uint32 // in a span
	groups  uint32 // in a span
}

const kindMask = uint64(len(kinds) - 1)

// groupsMax is the most groups a span has.
const groupsMax = 32

func init() {
	c := 1
	for i := range fineClass {
		for int(classSize[c]) < (i+1)<<fineShift {
			c++
		}
		fineClass[i] = uint8(c)
	}
	c = 1
	for i := range coarseClass {
		for int(classSize[c]) < (i+1)<<coarseShift {
			c++
		}
		coarseClass[i] = uint8(c)
	}
	for c := 1; c < classCount; c++ {
		size := classSize[c]
		n := uint32(classPages[c]) * pageSize / size
		kinds[c] = kind{size: size, magic: ^uint32(0)/size + 1, objects: n, groups: (n + groupLen - 1) / groupLen}
	}
}

// classOf returns the class of a request of n bytes.
//
// Preconditions: 0 < n <= smallMax.
func classOf(n int) int {
	i := uint(n - 1)
	if i < fineMax {
		return int(fineClass[i>>fineShift])
	}
	return int(coarseClass[i>>coarseShift%uint(len(coarseClass))])
}

// alignedClass returns the class of a request of n bytes at a multiple of
// alignment: objects lie at multiples of their size from the start of a page.
//
// Preconditions: n and alignment, a power of two, are at most smallMax.
func alignedClass(n, alignment int) int {
	c := classOf(max(n, alignment))
	for int(classSize[c])&(alignment-1) != 0 {
		c++ // Ends: the largest class is a multiple of every alignment.
	}
	return c
}

// class is what the shards share of a size class.
type class struct {
	mu sync.Mutex

	// list holds groups with free objects that no shard owns. A group that has
	// died since may still be in it, and one can be in it twice: the group's word
	// says whether an entry is true. Protected by mu.
	list []uint32

	_ [64]byte // Locks of neighbours are taken by others.
}

// class returns what the shards share of a class, and makes it if nobody has needed it so
// far.
func (a *Allocator) class(c int) *class {
	p := &a.classes[c]
	if p.Load() == nil {
		p.CompareAndSwap(nil, new(class))
	}
	return p.Load()
}
