package dirty

import (
	"errors"
	"fmt"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/sys"
)

// Range is a range of addresses.
type Range struct{ Start, End uintptr }

// String says how long it is, and where.
func (r Range) String() string { return fmt.Sprintf("%d bytes at %#x", r.End-r.Start, r.Start) }

// Check returns what is wrong with a caller's memory, b, that lies there: it is empty, not of
// whole pages, of the Go runtime, or not mapped writable. Else it returns an address in each mapping that it is of, for [Watcher.Try].
func (r Range) Check(b []byte) (mappings []uintptr, err error) {
	switch {
	case r.Start == r.End:
		return nil, errors.New("it is empty")
	case !align.Is(r.Start, pageSize) || !align.Is(r.End, pageSize):
		return nil, fmt.Errorf("it is not of whole pages: let it begin and end at multiples of %d", pageSize)
	case isGo(b):
		return nil, errors.New("it is Go memory, which changes whenever the collector runs: use memory that was mapped (mmap, an arena, C)")
	}
	at, readOnly := r.Start, sys.VMA{}
	err = sys.Maps(func(v sys.VMA) bool {
		switch {
		case v.End <= at:
			return true
		case v.Start > at:
			return false
		case v.Perms[1] != 'w':
			readOnly = v
			return false
		}
		mappings = append(mappings, at)
		at = v.End
		return at < r.End
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: what is mapped is seen in /proc/self/maps: mount /proc", err)
	case readOnly.End != 0:
		return nil, fmt.Errorf("%w: it cannot be written at %#x (%s %s): map it writable, or leave that part out", sys.EACCES, at, readOnly.Perms, readOnly.Path)
	case at < r.End:
		return nil, fmt.Errorf("%w: nothing is mapped at %#x", sys.EFAULT, at)
	}
	return mappings, nil
}
