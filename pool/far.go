package pool

import (
	"errors"
	"slices"
	"sync"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/mapping"
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
	page  int              // page size. Immutable.
	space *addrspace.Space // for mappings of a moment. Immutable.
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

// take hands out a range of n bytes or, where RLIMIT_FSIZE does not allow
// that, of least, to be mapped at off of a window: at an offset in the file that
// differs from it by whole extents, as huge pages need. The file reaches as far. All of
// it is zero but the first dirty bytes.
//
// Preconditions: off+n and off+least are multiples of memfile.ExtentSize.
func (f *farFile) take(off, n, least int) (g part, dirty int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if g, dirty, ok := f.takeOwed(off%memfile.ExtentSize, n, least); ok {
		return g, dirty, nil
	}
	if f.file == nil {
		file, err := memfile.New("pool tails", memfile.HugeAuto)
		if err != nil {
			return part{}, 0, err
		}
		f.file = file
	}
	skew := off % memfile.ExtentSize
	at := f.find(skew + n)
	err = f.grow(at+skew+n, least)
	if errors.Is(err, sys.EFBIG) && least < n {
		n, at = least, f.find(skew+least)
		err = f.grow(at+skew+n, least)
	}
	if err != nil {
		return part{}, 0, err
	}
	f.cut(at, skew+n)
	return part{Fd: f.file.Fd(), Off: int64(at + skew), N: n}, 0, nil
}

// grow makes the file n bytes long, of which so many are going to be used soon.
func (f *farFile) grow(n, soon int) error {
	if n < 0 {
		return sys.EFBIG // Offsets have 32 bits here.
	}
	if err := f.file.Room(soon); err != nil {
		return err
	}
	return f.file.GrowSparse(n)
}

// takeOwed takes a range that holds memory still, because that could not be given back: what
// the system does not take is used again. Less than n bytes will do, if it is least.
//
// Preconditions: mu is held.
func (f *farFile) takeOwed(skew, n, least int) (g part, dirty int, ok bool) {
	for k, o := range f.owed {
		// The range begins in the first extent, or in the second where what is dirty in the
		// first would be in front of it.
		start := align.Down(int(o.Off), memfile.ExtentSize) + skew
		if start > int(o.Off) {
			start += memfile.ExtentSize
		}
		end := int(o.Off) + o.N
		if start > end || end-start < least {
			continue
		}
		f.owed = slices.Delete(f.owed, k, k+1)
		n = min(n, end-start)
		if lead := start - skew; lead > int(o.Off) {
			f.putOwed(owed{part{Fd: o.Fd, Off: o.Off, N: lead - int(o.Off)}, min(o.high, lead-int(o.Off))})
		}
		high := int(o.Off) + o.high
		if rest := start + n; rest < end {
			f.putOwed(owed{part{Fd: o.Fd, Off: int64(rest), N: end - rest}, max(high-rest, 0)})
		}
		return part{Fd: o.Fd, Off: int64(start), N: n}, min(max(high-start, 0), n), true
	}
	return part{}, 0, false
}

// putOwed puts a range back among those that are owed, or the free ones if it has no memory.
//
// Preconditions: mu is held.
func (f *farFile) putOwed(o owed) {
	if o.high == 0 {
		f.put(o.part)
		return
	}
	f.owed = append(f.owed, o)
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
	err := punch(g.Fd, g.Off, 0, high, f.page)
	if !errors.Is(err, memfile.ErrNoPunch) || f.space == nil {
		return err
	}
	// There is another way, which needs a mapping.
	n, _ := align.Up(high, f.page)
	w, reserveErr := f.space.Reserve(n, addrspace.ReserveOptions{MapAll: true, Compact: true})
	if reserveErr != nil {
		return err
	}
	defer mapping.Release(w)
	if w.MapFile(0, n, g.Fd, g.Off, sys.ProtRead|sys.ProtWrite) != nil {
		return err
	}
	return punch(g.Fd, g.Off, w.Range().Start, high, f.page)
}

// retry gives back what could not be given back before.
func (f *farFile) retry() (errs []error) {
	f.mu.Lock()
	list := f.owed
	f.owed = nil
	f.mu.Unlock()
	for _, o := range list {
		err := f.punchHigh(o.part, o.high)
		f.mu.Lock()
		if err == nil {
			f.put(o.part)
		} else {
			f.owed = append(f.owed, o)
		}
		f.mu.Unlock()
		errs = append(errs, err)
	}
	return errs
}

// put adds a range without memory to the free ones and joins it with its
// neighbours.
//
// Preconditions: mu is held.
func (f *farFile) put(g part) {
	skew := int(g.Off) % memfile.ExtentSize
	off, n := int(g.Off)-skew, g.N+skew
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
		f.file, f.taken = nil, 0
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
