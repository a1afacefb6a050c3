package arena

import (
	"fmt"
	"math"
	"math/bits"
	"sync"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/census"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
)

// linearReserve bounds the first window of a LinearMemory: 16 times what 32-bit
// WebAssembly can address, and still thousands of them fit the address space.
const linearReserve = 64 << 30

// LinearOptions say how to make a [LinearMemory]. The zero value works.
type LinearOptions struct {
	// Name appears in errors and in /proc/self/maps. "" means "linear memory".
	Name string

	// Lazy leaves it to the kernel to give a page when it is first touched.
	// Otherwise Reallocate takes the memory, so that running out of it is a nil
	// from Reallocate, as with [Options].Commit, with the same exception: at a memory
	// cgroup's limit the kernel ends the process where it has no MADV_COLLAPSE, as
	// Linux before 6.1.
	Lazy bool

	// Space holds the window. nil means addrspace.Default().
	Space *addrspace.Space
}

// LinearMemory is the memory of a WebAssembly instance: bytes that grow up to a
// maximum and never move. Its methods are those of wazero's
// experimental.LinearMemory; as nothing moves it also serves memory that threads
// share. Make one with [NewLinearMemory].
//
// The whole maximum is reserved as one window: addresses, not memory. Where a
// limit is set on the address space (RLIMIT_AS, ulimit -v) that would leave
// nothing to others, so the window begins small there and is made longer in
// place, as growing needs it.
//
// A LinearMemory belongs to one goroutine at a time, but slices of it may be in
// use anywhere meanwhile.
type LinearMemory struct {
	_ [0]sync.Mutex // go vet finds copies.

	arena     *Arena // Immutable.
	limit     int    // Immutable.
	lazy      bool   // Immutable.
	committed int    // end of what has memory; not used if lazy
	err       error  // of the last Reallocate
}

// NewLinearMemory makes an empty memory that is going to have capacity bytes soon
// and at most limit bytes ever. The error is that of [NewArena].
func NewLinearMemory(capacity, limit uint64, opts LinearOptions) (*LinearMemory, error) {
	if opts.Name == "" {
		opts.Name = "linear memory"
	}
	limit = min(limit, uint64(align.Down(math.MaxInt, extentSize)))
	reserve := min(limit, linearReserve)
	if sys.LimitAS() != math.MaxUint64 || bits.UintSize == 32 {
		reserve = min(capacity, reserve)
	}
	a, err := NewArena(Options{
		Name:     opts.Name,
		Reserve:  int(max(reserve, 1)), // 0 would mean a default,
		Limit:    int(max(limit, 1)),   // or none; Reallocate checks the limit itself.
		Headroom: -1,                   // There is no cursor that moves.
		Rungs:    RungInWindow | RungExtend,
		Space:    opts.Space,
	})
	if err != nil {
		return nil, err
	}
	census.Attribute(a, "linear memory", opts.Name)
	return &LinearMemory{arena: a, limit: int(limit), lazy: opts.Lazy}, nil
}

// Reallocate makes the memory size bytes long and returns it, beginning where it
// always did. What is new reads as zero, but a memory that was made shorter has
// its old bytes when it grows again. The result is nil, and the memory as it was,
// if size is above the limit, what lies behind the window is taken, or the system
// has no memory: [LinearMemory.Err] tells. Panics after Free.
func (m *LinearMemory) Reallocate(size uint64) []byte {
	m.err = m.grow(size)
	if m.err != nil {
		return nil
	}
	m.arena.length.Store(int64(size)) // For Stats.
	return m.arena.load().Slice(0, int(size))
}

// Err returns why the last Reallocate returned nil, or nil if it did not.
func (m *LinearMemory) Err() error { return m.err }

// Stats returns what [Arena.Stats] does; Len is the size.
func (m *LinearMemory) Stats() Stats { return m.arena.Stats() }

// Free gives memory and addresses back: no slice from Reallocate may be used any
// more. Panics if it was called before.
func (m *LinearMemory) Free() { _ = m.arena.Free() } // It has no file that could fail to be cut.

// grow makes [0, size) usable.
func (m *LinearMemory) grow(size uint64) error {
	a := m.arena
	v := a.load()
	if size > uint64(m.limit) {
		return a.growError(v.Cap, int(min(size, math.MaxInt)), fmt.Errorf("%w: the limit is %d bytes", ErrFull, m.limit))
	}
	n := int(size)
	if n > v.Cap {
		if err := a.grow(n); err != nil {
			return err
		}
	}
	if m.lazy || n <= m.committed {
		return nil
	}
	defer a.note()
	if err := m.commit(n); err != nil {
		return a.growError(m.committed, n, err)
	}
	return nil
}

// commit gives [0, n) memory: by the page while it is small, because many
// instances never need more, and by the huge page from then on.
func (m *LinearMemory) commit(n int) (err error) {
	a := m.arena
	a.mu.Lock()
	defer a.mu.Unlock()
	to, _ := align.Up(n, a.file.Page())
	if to < extentSize {
		err = memfile.Commit(a.file.Fd(), int64(m.committed), a.load().Addr(m.committed), to-m.committed, false)
	} else {
		to, _ = align.Up(n, extentSize) // As the size of the file is.
		err = a.commitRange(a.load(), m.committed, to)
	}
	if err == nil {
		m.committed = to
	}
	return err
}
