package arena

import (
	"errors"
	"fmt"
	"io"
)

// Restore makes the arena, which is empty, n bytes long, those of src at [0, n): what Checkpoint has
// written, of Checkpoint.Len bytes. Panics if the arena is not empty or n is negative. An error leaves it empty; it is that of Alloc, or says at
// which offset reading has failed; io.ErrUnexpectedEOF if src has less. Nobody else may use the arena meanwhile.
func (a *Arena) Restore(src io.ReaderAt, n int) error {
	if a.Len() > 0 {
		panic(fmt.Sprintf("arena: Restore into %q, which has %d bytes", a.name, a.Len()))
	}
	if err := a.Grow(n); err != nil { // All or nothing.
		return err
	}
	for off := 0; off < n; {
		b, err := a.Alloc(min(n-off, extentSize))
		if err == nil {
			var got int
			if got, err = src.ReadAt(b, int64(off)); got == len(b) {
				err = nil
			} else if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
		}
		if err != nil {
			a.Truncate(0)
			return fmt.Errorf("arena: restore %q: read %d bytes at offset %d: %w", a.name, len(b), off, err)
		}
		off += len(b)
	}
	return nil
}
