package pool

import (
	"errors"
	"slices"
	"sync"

	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
)

// farFile is the file behind the tails of buffers that have outgrown their band,
// made when the first one does. Its ranges are handed out lowest first and are
// recycled, so it is no longer than needed; like the bands' file it is sparse.
//
// It is a file of its own because offsets above the bands' would have to leave
// room for all bands that may ever come: RLIMIT_FSIZE, where there is one,
// would refuse every tail. To memory and to page faults it makes no difference.
type farFile struct {
	page  int // page size. Immutable.
	mu    sync.Mutex
	file  *memfile.File // nil before the first take. Its fd is immutable until close, the rest protected by mu.
	end   int           // all ranges handed out are below. Protected by mu.
	free  []hole        // ranges below end that are not, by offset, no two adjacent. Protected by mu.
	owed  []owed        // ranges given that still hold memory: giving it back failed. Protected by mu.
	taken int           // bytes handed out. Protected by mu.
}

// hole is a free range of the far file, of whole extents: it has no memory and
// reads as zero.
type hole struct{ off, n int }

// owed is a range whose first bytes may hold memory.
type owed struct {
	part
	high int
}

// take hands out a zero range of n bytes or, where RLIMIT_FSIZE does not allow
// that, of least, to be mapped at off of a window: at an offset in the file that
// differs from it by whole extents, as huge pages need. The file reaches as far.
//
// Preconditions: off+n and off+least are multiples of memfile.ExtentSize.
func (f *farFile) take(off, n, least int) (part, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		file, err := memfile.New("pool tails", 0)
		if err != nil {
			return part{}, err
		}
		f.file = file
	}
	skew := off % memfile.ExtentSize
	at := f.find(skew + n)
	err := f.file.Grow(at + skew + n)
	if errors.Is(err, sys.EFBIG) && least < n {
		n, at = least, f.find(skew+least)
		err = f.file.Grow(at + skew + n)
	}
	if err != nil {
		return part{}, err
	}
	f.cut(at, skew+n)
	return part{f.file.Fd(), int64(at + skew), n}, nil
}

// find returns the lowest offset with n free bytes.
func (f *farFile) find(n int) int {
	for _, h := range f.free {
		if h.n >= n {
			return h.off
		}
	}
	return f.end
}

// cut takes [off, off+n) out of the free ranges.
//
// Preconditions: off is what find returned for n.
func (f *farFile) cut(off, n int) {
	f.taken += n
	if off == f.end {
		f.end += n
		return
	}
	k, _ := f.search(off)
	f.free[k].off += n
	f.free[k].n -= n
	if f.free[k].n == 0 {
		f.free = slices.Delete(f.free, k, k+1)
	}
}

// give takes g back, of which the first high bytes may hold memory. If that
// cannot be given back now, retry tries again.
func (f *farFile) give(g part, high int) {
	err := f.punchHigh(g, high)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.owed = append(f.owed, owed{g, high})
		return
	}
	f.put(g)
}

// punchHigh gives the memory of the first high bytes of g back.
func (f *farFile) punchHigh(g part, high int) error {
	if high == 0 {
		return nil
	}
	return punch(g.fd, g.off, high, f.page)
}

// retry gives back what could not be given back before.
func (f *farFile) retry() error {
	f.mu.Lock()
	list := f.owed
	f.owed = nil
	f.mu.Unlock()
	var errs error
	for _, o := range list {
		err := f.punchHigh(o.part, o.high)
		f.mu.Lock()
		if err == nil {
			f.put(o.part)
		} else {
			f.owed = append(f.owed, o)
		}
		f.mu.Unlock()
		errs = errors.Join(errs, err)
	}
	return errs
}

// put adds a range without memory to the free ones and joins it with its
// neighbours.
//
// Preconditions: mu is held.
func (f *farFile) put(g part) {
	skew := int(g.off) % memfile.ExtentSize
	off, n := int(g.off)-skew, g.n+skew
	f.taken -= n
	k, _ := f.search(off)
	if k < len(f.free) && f.free[k].off == off+n {
		n += f.free[k].n
		f.free = slices.Delete(f.free, k, k+1)
	}
	if k > 0 && f.free[k-1].off+f.free[k-1].n == off {
		k--
		off, n = f.free[k].off, n+f.free[k].n
		f.free = slices.Delete(f.free, k, k+1)
	}
	if off+n == f.end {
		f.end = off // The file cannot be made shorter, but its end is free again.
		return
	}
	f.free = slices.Insert(f.free, k, hole{off, n})
}

// search returns the index of the first free range at or behind off.
func (f *farFile) search(off int) (int, bool) {
	return slices.BinarySearchFunc(f.free, off, func(h hole, off int) int { return h.off - off })
}

// close closes the file, if there is one.
func (f *farFile) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file != nil {
		f.file.Close()
		f.file = nil
	}
}

// allocated returns the bytes of memory the file holds.
func (f *farFile) allocated() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return 0
	}
	return f.file.Allocated()
}
