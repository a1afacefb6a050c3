package slab

import "sync"

//go:generate go run mksizeclasses.go

// Which class a request belongs to is looked up: by units of 8 bytes up to
// lookupFine, by units of 128 above, of which all larger classes are multiples.
const (
	lookupFine  = 1024
	fineStep    = 8
	coarseStep  = 128
	coarseCount = smallMax/coarseStep + 1
)

var (
	fineClass   [lookupFine/fineStep + 1]uint8
	coarseClass [coarseCount]uint8
	classMagic  [classCount]uint32 // ⌈2³²/size⌉: off×magic>>32 is off/size for off within a span
)

func init() {
	c := 0
	for i := range fineClass {
		for int(classSize[c]) < i*fineStep {
			c++
		}
		fineClass[i] = uint8(c)
	}
	c = 0
	for i := range coarseClass {
		for int(classSize[c]) < i*coarseStep {
			c++
		}
		coarseClass[i] = uint8(c)
	}
	for c, size := range classSize {
		classMagic[c] = ^uint32(0)/size + 1
	}
}

// classOf returns the class of a request of n bytes.
//
// Preconditions: 0 <= n <= smallMax.
func classOf(n int) int {
	if n <= lookupFine {
		return int(fineClass[uint(n+fineStep-1)/fineStep])
	}
	return int(coarseClass[uint(n+coarseStep-1)/coarseStep])
}

// class is what the shards share of a size class.
type class struct {
	mu sync.Mutex

	// list holds groups with free objects that no shard owns. A group that has
	// died since may still be in it, and one can be in it twice: the group's word
	// says whether an entry is true. Protected by mu.
	list []uint32

	spans int // of this class. Protected by mu.

	_ [64]byte // Locks of neighbours are taken by others.
}
