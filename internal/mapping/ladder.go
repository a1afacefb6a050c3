package mapping

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/census"
	"github.com/growarena/growarena/internal/memfile"
)

// ErrFull means that a mapping's own limits do not allow it to grow.
var ErrFull = errors.New("arena full")

// ErrNoRehome is why page tables are not moved where they could not be.
var ErrNoRehome = fmt.Errorf("mremap with MREMAP_DONTUNMAP of shared memory: %w", errors.ErrUnsupported)

// Ladder says how mappings grow, of which very many may share one. It is immutable once
// it is used.
type Ladder struct {
	Name  string           // of windows
	Space *addrspace.Space // where they come from
	Rungs Rungs            // that may be climbed; within the window is always allowed
	Prot  int              // of the mapping: see package sys
	Huge  memfile.HugePages
	Own   bool // the files are ours: asking where they have data moves nobody's offset

	Align  int   // of windows, if that is more than usual
	Advice []int // for what is mapped in them: see addrspace.ReserveOptions

	// NoFile is set where the descriptors of parts may be closed, or map nothing more: a
	// bigger window then gets its mapping from the one before (mremap), and a window
	// becomes no longer in place. A mapping has one part. Open still needs the descriptor.
	NoFile bool

	// Alone is held while page tables move and until the new place is published;
	// nil if nobody is to be kept out.
	Alone sync.Locker
}

// Step is what a growth did.
type Step struct {
	Window *addrspace.Window // that shows the mapping now
	Rung   Rungs
	Moved  int // parts whose page tables moved
}

// Climb makes p at least least bytes long by the cheapest rung that gets there; where
// it needs a longer window, or another one, that has size bytes if it can. The parts
// that come behind are of s. The window p had stays as it is.
//
// The step is done when publish returns nil. What it refuses is undone, but for a window
// that has become longer in place: the next climb finds it so.
//
// Preconditions: p belongs to the caller; least <= size.
func (l *Ladder) Climb(p *Place, s Source, least, size int, publish func(Step) error) error {
	if census.Watched() {
		return l.climbWatched(p, s, least, size, publish)
	}
	return l.climb(p, s, least, size, publish)
}

// climbWatched is Climb where somebody watches.
func (l *Ladder) climbWatched(p *Place, s Source, least, size int, publish func(Step) error) error {
	seen := census.Step{At: time.Now(), Name: l.Name, Bytes: least}
	if p.Window != nil && !p.Lent {
		seen.From = p.Window.Size()
	}
	err := l.climb(p, s, least, size, func(s Step) error {
		// Before it is published: the window may have gone a moment later.
		r := s.Window.Range()
		seen.Rung, seen.Moved, seen.Start, seen.To = s.Rung.String(), s.Moved, r.Start, int(r.Len())
		return publish(s)
	})
	seen.Took = time.Since(seen.At)
	if err != nil {
		seen.Err = err.Error()
	}
	census.Tell(seen)
	return err
}

// climb is Climb.
func (l *Ladder) climb(p *Place, s Source, least, size int, publish func(Step) error) error {
	own := p.Window != nil && !p.Lent
	if own && least <= p.Window.Size() {
		if err := l.mapTail(p, s, least); err != nil {
			return err
		}
		return publish(Step{Window: p.Window, Rung: RungInWindow})
	}
	if memfile.InPlace && p.Window != nil {
		return fmt.Errorf("%w: %d bytes do not fit a window of %d, and on this system there is no way to a bigger one: have Options.Reserve, or Limit, be the most there can be",
			errors.ErrUnsupported, least, p.Window.Size())
	}
	var extendErr, moveErr error
	if own && !l.NoFile && l.Rungs&RungExtend != 0 {
		if extendErr = l.extend(p, s, least, size, publish); extendErr == nil {
			return nil
		}
	}
	if l.Rungs&(RungRehome|RungAlias) != 0 {
		if moveErr = l.move(p, s, least, size, publish); moveErr == nil {
			return nil
		}
	}
	switch {
	case extendErr != nil && moveErr != nil:
		return fmt.Errorf("extend: %w; move: %w", extendErr, moveErr)
	case extendErr != nil:
		return fmt.Errorf("extend: %w", extendErr)
	case moveErr != nil:
		return fmt.Errorf("move: %w", moveErr)
	}
	return fmt.Errorf("%w: the window holds %d bytes and Rungs (%v) allow no bigger one", ErrFull, p.Window.Size(), l.Rungs)
}

// extend makes the current window longer in place, by as much as to be size
// long, or least if there is not enough room.
func (l *Ladder) extend(p *Place, s Source, least, size int, publish func(Step) error) error {
	w := p.Window
	err := w.Extend(size - w.Size())
	if err != nil && least < size {
		err = w.Extend(least - w.Size())
	}
	if err != nil {
		return err
	}
	// From here on the window stays longer whatever happens.
	if err := l.mapTail(p, s, least); err != nil {
		return err
	}
	return publish(Step{Window: w, Rung: RungExtend})
}

// mapTail maps more behind the parts of p: as far as its window reaches, or at least up
// to least.
func (l *Ladder) mapTail(p *Place, s Source, least int) error {
	off := p.Mapped
	if least <= off {
		return nil
	}
	g, err := s.Take(off, p.Window.Size()-off, least-off)
	if err != nil {
		return err
	}
	if err := l.mapPart(p.Window, off, g); err != nil {
		s.Return(g)
		return err
	}
	p.add(g)
	l.advise(p)
	return nil
}

// mapPart maps g at off of w.
func (l *Ladder) mapPart(w *addrspace.Window, off int, g Part) error {
	return w.MapFile(off, g.N, g.Fd, g.Off, l.Prot)
}

// advise tells the kernel about huge pages. In all of it, not the tail alone: at
// vm.max_map_count it is refused when it would cut a VMA, and then the next tail makes
// that good.
func (l *Ladder) advise(p *Place) { l.Huge.Advise(p.Addr(), p.Mapped) }

// move goes to a window elsewhere, of size or at least least bytes. Where p was it stays
// mapped.
func (l *Ladder) move(p *Place, s Source, least, size int, publish func(Step) error) error {
	w, err := l.reserve(size, least, false)
	if err != nil {
		return err
	}
	if l.Alone != nil {
		l.Alone.Lock()
		defer l.Alone.Unlock()
	}
	var tail Part // None, where what there is will do.
	if least > p.Mapped {
		tail, err = s.Take(p.Mapped, w.Size()-p.Mapped, least-p.Mapped)
		if err != nil {
			Release(w)
			return err
		}
	}
	next := p.in(w, tail)
	step, err := l.fill(p, &next)
	if err == nil {
		err = publish(step)
	}
	if err != nil {
		// The old place takes what has moved from the file again.
		if tail.N > 0 {
			s.Return(tail)
		}
		Release(w)
		return err
	}
	*p = next
	return nil
}

// reserve takes a window of size or at least least bytes.
func (l *Ladder) reserve(size, least int, compact bool) (*addrspace.Window, error) {
	return l.Space.Reserve(size, addrspace.ReserveOptions{
		Name: l.Name, MapAll: true, Min: least, Compact: compact, Align: l.Align, Advice: l.Advice,
	})
}

// fill maps the parts of to, which are those of from and more. What from shows comes
// there by moving its page tables or, where that is off or fails, by mapping the file
// again.
func (l *Ladder) fill(from, to *Place) (Step, error) {
	if l.NoFile {
		return l.duplicate(from, to)
	}
	step := Step{Window: to.Window, Rung: RungRehome}
	off := 0
	for _, g := range to.Parts {
		if err := l.show(from, to, off, g, max(min(g.N, from.Mapped-off), 0), &step); err != nil {
			return step, err
		}
		off += g.N
	}
	l.advise(to)
	return step, nil
}

// duplicate is fill where only the window that from has leads to the file.
func (l *Ladder) duplicate(from, to *Place) (Step, error) {
	step := Step{Window: to.Window, Rung: RungAlias}
	err := l.moveTables(from, to, 0, from.Mapped)
	have := 0 // bytes of to that are mapped
	switch {
	case err == nil:
		step.Rung, step.Moved = RungRehome, 1
		if to.Mapped == from.Mapped {
			break
		}
		// The kernel duplicates from what is mapped on. So what comes behind comes with the
		// last extent of what has moved, which loses its page tables.
		have = from.Mapped - memfile.ExtentSize
		if err := to.Window.Unmap(have, memfile.ExtentSize); err != nil {
			return step, err
		}
		err = from.Window.Duplicate(from.At+have, to.Mapped-have, to.Window, have)
	case l.Rungs&RungAlias != 0:
		err = from.Window.Duplicate(from.At, to.Mapped, to.Window, 0)
	}
	if err == nil {
		l.advise(to)
	}
	return step, err
}

// moveTables moves the page tables of [off, off+n) of from to the same place in to. An
// error has changed nothing.
func (l *Ladder) moveTables(from, to *Place, off, n int) error {
	if l.Rungs&RungRehome == 0 || !memfile.CanRehome() {
		return ErrNoRehome
	}
	return from.Window.RehomePart(from.At+off, n, to.Window, off)
}
