package arena

import (
	"errors"
	"fmt"
)

// ErrShared is what calls answer that would take bytes from other processes, or let others
// write them: see [Arena.Share].
var ErrShared = errors.New("the buffer is shared with other processes")

// Share says that other processes read the file, by offsets that somebody else tells them:
// what was handed out is not taken back from now on. Decommit, Trim, WritableFile and an Alias
// that is not ReadOnly return ErrShared, Truncate and Reset panic.
//
// With seal nobody can write to the file any more but through this arena's mapping, nor make
// it shorter, nor add a seal: F_SEAL_SHRINK, F_SEAL_FUTURE_WRITE and F_SEAL_SEAL. That
// needs a File that is a memfd of the caller's which is not sealed against it, and Linux 5.1;
// the error changes nothing, but for a seal against shrinking. A sealed file cannot be mapped
// for writing again: the arena goes to a bigger window by mremap, and makes none longer in place.
func (a *Arena) Share(seal bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.load()
	if seal {
		if err := a.file.SealWriting(); err != nil {
			return fmt.Errorf("arena: seal the file of %q: %w", a.name, err)
		}
		a.mapping.NoFile = true
	}
	a.shared.Store(true)
	return nil
}

// refuseShared returns ErrShared if the arena is shared.
func (a *Arena) refuseShared(what string) error {
	if !a.shared.Load() {
		return nil
	}
	return fmt.Errorf("arena: %s %q: %w: what was handed out stays as it is until Free", what, a.name, ErrShared)
}
