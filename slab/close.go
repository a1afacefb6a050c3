package slab

import (
	"errors"
	"fmt"
	"io"
)

// ErrRetired means that retired objects wait for guards that are still pinned.
var ErrRetired = errors.New("retired objects wait for guards")

var _ io.Closer = (*Allocator)(nil)

// Close gives everything back, also what is in use: an error says how much that
// was, in debug mode also who allocated it, and its memory is gone all the same: who
// drops all objects at once may ignore it.
// The allocator must not be used any more. Only with retired objects that wait
// for guards does Close do nothing, for their readers may be looking at them; the
// error wraps ErrRetired. Not safe for concurrent use.
func (a *Allocator) Close() error {
	a.mustBeOpen("Close")
	if n := a.retired.await(a.domain); n > 0 {
		return fmt.Errorf("slab: close %q: %d %w", a.name, n, ErrRetired)
	}
	a.closeLocals()
	if a.watch != nil {
		a.watch.drain(a)
	}
	s := a.Stats()
	var errs []error
	if s.Objects > 0 {
		errs = append(errs, fmt.Errorf("%d objects of %d bytes are in use", s.Objects, s.Live))
	}
	if a.watch != nil {
		errs = append(errs, a.watch.close())
	}
	a.idle.close(a)
	for s := range a.allShards() {
		for c := range s.current {
			s.current[c].Store(0)
		}
	}
	errs = append(errs, a.pages.Close())
	a.large.close()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("slab: close %q: %w", a.name, err)
	}
	return nil
}
