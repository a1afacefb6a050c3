package arena

import (
	"errors"
	"fmt"
	"sync"

	"github.com/growarena/growarena/internal/align"
)

const (
	// localMin and localMax bound the blocks that a Local takes: twice as much each
	// time, so that one that takes little wastes little. Where several goroutines
	// move the cursor at once each move costs a hundred nanoseconds; with 64 KiB
	// that is a tenth of a nanosecond for 64 bytes.
	localMin = 1 << 10
	localMax = 64 << 10

	// localShare is the part of a block up to which an allocation is taken from it.
	// Larger ones go to the arena, and the rest of the block stays for what comes.
	localShare = 4
)

// Local hands out memory of an [Arena] for one goroutine at a time: it takes blocks of up
// to 64 KiB and hands out pieces of them, without atomic operations that others would wait
// for. Many goroutines that allocate from one arena have a Local each. Make one with
// [Arena.NewLocal]; it needs no end.
//
// What is handed out is the arena's, with the same pointer rule, and zeroed. Pieces of
// different goroutines lie in turns, block by block, and the rest of a block that nothing
// is taken from any more is lost. Truncate, Reset and Free of the arena end the block, and so do
// a writable Alias and a WritableFile.
type Local struct {
	_ [0]sync.Mutex // go vet finds copies.

	a     *Arena
	v     *view  // that the block was last looked at in; nil for no block
	off   int    // of the rest of the block
	end   int    // of the block
	cuts  uint64 // a.cuts when the block was taken
	block int    // length of the next block
}

// NewLocal returns a Local, which takes nothing before it is used.
func (a *Arena) NewLocal() *Local {
	a.load()
	return &Local{a: a, block: localMin}
}

// Alloc is [Arena.Alloc], except that consecutive slices need not be contiguous.
func (l *Local) Alloc(n int) ([]byte, error) {
	if v := l.v; uint(n) <= uint(l.end-l.off) && l.a.mapping.View() == v && l.a.cuts.Load() == l.cuts {
		b := v.Slice(l.off, n)
		l.off += n
		return b, nil
	}
	return l.allocSlow(n, 1)
}

// AllocAligned is [Arena.AllocAligned].
func (l *Local) AllocAligned(n, alignment int) ([]byte, error) {
	if !align.IsPow2(alignment) || alignment > extentSize {
		panic(fmt.Sprintf("arena: AllocAligned in %q: alignment is %d, want a power of two up to %d", l.a.name, alignment, extentSize))
	}
	start := align.Down(l.off+alignment-1, alignment)
	if v := l.v; start <= l.end && uint(n) <= uint(l.end-start) && l.a.mapping.View() == v && l.a.cuts.Load() == l.cuts {
		l.off = start + n
		return v.Slice(start, n), nil
	}
	return l.allocSlow(n, alignment)
}

// NewFrom is [New] from a Local.
func NewFrom[T any](l *Local) *T {
	b, err := l.AllocAligned(layout[T]())
	if err != nil {
		panic(err)
	}
	return valueAt[T](b)
}

// allocSlow is AllocAligned where the block does not do.
func (l *Local) allocSlow(n, alignment int) ([]byte, error) {
	v, cuts := l.a.load(), l.a.cuts.Load()
	if l.cuts != cuts {
		l.off, l.end = 0, 0 // The block is nobody's any more, or others'.
	}
	l.v, l.cuts = v, cuts // The same bytes, if they are elsewhere now.
	start := align.Down(l.off+alignment-1, alignment)
	if start > l.end || uint(n) > uint(l.end-start) {
		if n < 0 || n > l.block/localShare || alignment > l.block/localShare {
			return l.direct(n, alignment)
		}
		if int64(l.a.Len()) < l.a.lent.Load() {
			return l.direct(n, alignment) // A block would not stay clean.
		}
		if err := l.take(); errors.Is(err, ErrFull) {
			return l.direct(n, alignment) // There may be room for so little.
		} else if err != nil {
			return nil, err
		}
		start = align.Down(l.off+alignment-1, alignment)
	}
	l.off = start + n
	return l.v.Slice(start, n), nil
}

// take takes a block.
func (l *Local) take() error {
	v, off, err := l.a.alloc(l.block, 1)
	if err != nil {
		return err
	}
	if off != l.end { // Else it goes on where the last one ends.
		l.off = off
	}
	l.v, l.end, l.block = v, off+l.block, min(2*l.block, localMax)
	return nil
}

// direct allocates without a block.
func (l *Local) direct(n, alignment int) ([]byte, error) {
	v, start, err := l.a.alloc(n, alignment)
	if err != nil {
		return nil, err
	}
	return v.Slice(start, n), nil
}
