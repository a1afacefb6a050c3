package pool

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/mapping"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
)

// enlarge maps more behind the parts of m, in the window m has or in one
// elsewhere, so that it holds n bytes. An error has changed nothing.
//
// Preconditions: m belongs to the caller.
func (p *Pool) enlarge(m *moved, n int) error {
	if n > math.MaxInt-2*memfile.ExtentSize { // The start is less than one extent.
		return fmt.Errorf("%w: no window holds %d bytes", addrspace.ErrNoSpace, n)
	}
	least, _ := align.Up(m.start+n, memfile.ExtentSize)
	// Four times what there was, so that a buffer that grows on and on moves a
	// few times only, and at least twice what it needs now. A power of two, for
	// windows are recycled by size.
	size := least
	if e := bits.Len(uint(max(2*uint(least), 4*uint(m.place.Mapped))) - 1); e < bits.UintSize-1 {
		size = 1 << e
	}
	t, from := tail{far: &p.far}, m.place.Mapped
	return p.ladder.Climb(&m.place, &t, least, size, func(s mapping.Step) error {
		clear(bytesAt(sys.Pointer(s.Window.Range().Start+uintptr(from)), t.dirty))
		p.mu.Lock()
		defer p.mu.Unlock()
		if s.Rung&(mapping.RungInWindow|mapping.RungExtend) != 0 {
			p.stats.Extended++
			return nil
		}
		m.windows = append(m.windows, s.Window)
		p.stats.Rehomed++
		p.stats.TablesMoved += s.Moved
		return nil
	})
}

// tail takes what a buffer goes on with from the far file.
type tail struct {
	far   *farFile
	dirty int // bytes at the start of what was taken last that are not zero
}

// Take takes a range to be mapped at off.
func (t *tail) Take(off, n, least int) (g part, err error) {
	g, t.dirty, err = t.far.take(off, n, least)
	return g, err
}

// Return gives g back, which Take has taken last.
func (t *tail) Return(g part) { t.far.give(g, t.dirty) }
