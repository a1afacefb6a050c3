package pool

import (
	"errors"
	"fmt"
	"math"
	"math/bits"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/align"
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
	if e := bits.Len(uint(max(2*uint(least), 4*uint(m.mapped))) - 1); e < bits.UintSize-1 {
		size = 1 << e
	}
	var extendErr error
	if w := m.newest(); w != nil {
		if extendErr = p.extendMoved(m, w, least, size); extendErr == nil {
			return nil
		}
	}
	if err := p.rehomeMoved(m, least, size); err != nil {
		return errors.Join(extendErr, err)
	}
	return nil
}

// extendMoved makes window w of m longer where it is: to size bytes, or least.
func (p *Pool) extendMoved(m *moved, w *addrspace.Window, least, size int) error {
	if w.Size() < least {
		err := w.Extend(size - w.Size())
		if err != nil && least < size {
			err = w.Extend(least - w.Size())
		}
		if err != nil {
			return err
		}
	}
	tail, err := p.mapTail(w, m.mapped, least)
	if err != nil {
		return err // The window stays longer: the next call finds it so.
	}
	m.addPart(tail)
	p.count(&p.stats.Extended)
	return nil
}

// rehomeMoved takes m to another window, of size bytes or at least least. Where
// it was it stays mapped.
func (p *Pool) rehomeMoved(m *moved, least, size int) error {
	w, err := p.space.Reserve(size, addrspace.ReserveOptions{Name: p.name, MapAll: true, Min: least})
	if err != nil {
		return err
	}
	off := 0
	for _, g := range m.parts {
		if err := p.moveTables(m.at+uintptr(off), w, off, g); err != nil {
			release(w)
			return err
		}
		off += g.n
	}
	tail, err := p.mapTail(w, m.mapped, least)
	if err != nil {
		// The old place takes the page tables' entries from the file again.
		release(w)
		return err
	}
	m.addPart(tail)
	m.at = w.Range().Start
	m.windows = append(m.windows, w)
	p.count(&p.stats.Rehomed)
	return nil
}

// addPart puts g behind the last part, or makes that longer where the file goes
// on.
func (m *moved) addPart(g part) {
	if g.n == 0 {
		return
	}
	m.mapped += g.n
	if len(m.parts) > 0 {
		last := &m.parts[len(m.parts)-1]
		if last.fd == g.fd && last.off+int64(last.n) == g.off {
			last.n += g.n
			return
		}
	}
	m.parts = append(m.parts, g)
}

// mapTail maps a new part of the far file over w from off on, as far as w
// reaches or at least up to least. The part is empty where nothing is needed: what has
// outgrown the room of its band may still be shorter than that.
func (p *Pool) mapTail(w *addrspace.Window, off, least int) (part, error) {
	if off == least {
		return part{}, nil
	}
	g, dirty, err := p.far.take(off, w.Size()-off, least-off)
	if err != nil {
		return part{}, err
	}
	if err := p.mapPart(w, off, g); err != nil {
		p.far.give(g, dirty)
		return part{}, err
	}
	clear(bytesAt(sys.Pointer(w.Range().Start+uintptr(off)), dirty))
	return g, nil
}

// moveTables maps part g, which is mapped at from, over w at off, and moves its
// page tables there where the kernel can. From stays mapped.
//
// The part is mapped first, so that w knows about it, and the move puts the same
// mapping in its place, with the page tables.
func (p *Pool) moveTables(from uintptr, w *addrspace.Window, off int, g part) error {
	if err := p.mapPart(w, off, g); err != nil {
		return err
	}
	if !memfile.CanMoveKeep() {
		return nil
	}
	to, n := w.Range().Start+uintptr(off), uintptr(g.n)
	if sys.MoveKeep(from, n, to) == nil {
		p.count(&p.stats.TablesMoved)
		return nil
	}
	// The kernel unmaps the goal before it moves. Where it failed in between
	// there is a hole, which can be had; otherwise the mapping is still there.
	if _, err := sys.Reserve(to, n); err != nil {
		return nil
	}
	if err := sys.MapShared(to, n, g.fd, g.off, sys.ProtRead|sys.ProtWrite); err != nil {
		return err
	}
	_ = sys.Advise(to, n, sys.AdviseDontDump) // as MapFile did; refused, a core dump is longer
	p.huge.Advise(to, g.n)
	return nil
}
