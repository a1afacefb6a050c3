//go:build !linux || portable

package sys

import (
	"math"
	"sync"
)

// Portable reports that a memory file is emulated: anonymous memory, each
// part at one place in this process. There is no second mapping of it, no moving, and no
// descriptor for others.
const Portable = true

// memory is an emulated memory file. Its bytes are those of its mappings, no two of which
// are of the same part.
type memory struct {
	id    uint64
	size  int64
	parts []part
	gone  []part // what was mapped and is not any more: its bytes are lost
}

// part is a part of a file, and where it is mapped.
type part struct {
	off, end int64
	addr     uintptr
}

// clip returns what is in both, if anything.
func (p part) clip(off, end int64) (part, bool) {
	lo, hi := max(off, p.off), min(end, p.end)
	return part{lo, hi, p.addr + uintptr(lo-p.off)}, lo < hi
}

// files are the emulated files by their descriptors, which begin where no system's are.
var files = struct {
	sync.Mutex
	open map[int]*memory
	live []*memory // with something mapped, also after the last Close
	next int
}{open: map[int]*memory{}, next: 1 << 30}

// lookup returns the file of fd, and an error for a descriptor of the system's.
//
// Preconditions: files is locked.
func lookup(c Call, fd int) (*memory, error) {
	if e := injected(c); e != 0 {
		return nil, result(c, e)
	}
	f := files.open[fd]
	if f == nil {
		return nil, unsupported(c)
	}
	return f, nil
}

// with calls f with the file of fd, for call c.
func with(c Call, fd int, f func(*memory) error) error {
	files.Lock()
	defer files.Unlock()
	m, err := lookup(c, fd)
	if err != nil {
		return err
	}
	return f(m)
}

// Memfd creates an emulated file. There are none of huge pages.
func Memfd(name string, hugePage int) (int, error) {
	if e := injected(CallMemfdCreate); e != 0 {
		return -1, result(CallMemfdCreate, e)
	}
	if hugePage != 0 || !canMap {
		return -1, unsupported(CallMemfdCreate)
	}
	files.Lock()
	defer files.Unlock()
	fd := files.next
	files.next++
	files.open[fd] = &memory{id: uint64(fd)}
	return fd, nil
}

// Dup returns another descriptor of an emulated file.
func Dup(fd int) (int, error) {
	again := -1
	err := with(CallDup, fd, func(m *memory) error {
		again = files.next
		files.next++
		files.open[again] = m
		return nil
	})
	return again, err
}

// Close ends fd. What is mapped stays.
func Close(fd int) error {
	return with(CallClose, fd, func(*memory) error {
		delete(files.open, fd)
		return nil
	})
}

// Truncate sets the length of fd.
func Truncate(fd int, n int64) error {
	return with(CallFtruncate, fd, func(m *memory) error {
		if n < m.size {
			if err := m.punch(n, m.size); err != nil {
				return err
			}
		}
		m.size = n
		return nil
	})
}

// Extend makes fd n bytes long, or leaves it alone if it is longer.
func Extend(fd int, n int64) error {
	return with(CallExtend, fd, func(m *memory) error {
		m.size = max(m.size, n)
		return nil
	})
}

// ExtendByWriting is Extend.
func ExtendByWriting(fd int, n int64) error { return Extend(fd, n) }

// Punch gives the pages of [off, off+n) back: they read as zero.
func Punch(fd int, off, n int64) error {
	return with(CallPunch, fd, func(m *memory) error { return m.punch(off, off+n) })
}

// punch zeroes [off, end) as far as it is mapped, and gives whole pages back.
func (m *memory) punch(off, end int64) error {
	for _, p := range m.parts {
		p, ok := p.clip(off, end)
		if !ok {
			continue
		}
		first, last := up(p.addr), down(p.addr+uintptr(p.end-p.off))
		if first >= last {
			zero(p.addr, uintptr(p.end-p.off))
			continue
		}
		if e := mapAnonymous(first, last-first, ProtRead|ProtWrite); e != 0 {
			return result(CallPunch, e)
		}
		zero(p.addr, first-p.addr)
		zero(last, p.addr+uintptr(p.end-p.off)-last)
	}
	m.gone = without(m.gone, off, end) // Zeroes are not lost.
	return nil
}

// without returns what is left of parts without [off, end).
func without(parts []part, off, end int64) (left []part) {
	for _, p := range parts {
		for _, rest := range [][2]int64{{p.off, off}, {end, p.end}} {
			if rest, ok := p.clip(rest[0], rest[1]); ok {
				left = append(left, rest)
			}
		}
	}
	return left
}

// down and up round to the limits of pages.
func down(addr uintptr) uintptr { return addr &^ uintptr(pageSize-1) }
func up(addr uintptr) uintptr   { return down(addr + uintptr(pageSize-1)) }

// Allocate touches the pages of [off, off+n), as far as they are mapped. Where there is no
// memory for that the system ends the process, and there is no error.
func Allocate(fd int, off, n int64) error {
	return with(CallAllocate, fd, func(m *memory) error {
		for _, p := range m.parts {
			if p, ok := p.clip(off, off+n); ok {
				for at := p.addr; at < p.addr+uintptr(p.end-p.off); at = down(at) + uintptr(pageSize) {
					touch(at)
				}
			}
		}
		return nil
	})
}

// SeekData returns off: that what there is is data is all that is known.
func SeekData(fd int, off int64) (int64, error) {
	err := with(CallSeek, fd, func(m *memory) error {
		if off >= m.size {
			return result(CallSeek, ENXIO)
		}
		return nil
	})
	return off, err
}

// DataIn returns all of [off, end) that is in the file.
func DataIn(fd int, off, end int64) (from, to int64, err error) {
	err = with(CallFindData, fd, func(m *memory) error {
		if from, to = off, min(end, m.size); from >= to {
			from, to = end, end
		}
		return nil
	})
	return from, to, err
}

// Stat describes fd. How much memory it has is not known: what is mapped of it, at most.
func Stat(fd int) (info FileInfo, err error) {
	err = with(CallFstat, fd, func(m *memory) error {
		info = FileInfo{ID: FileID{Inode: m.id}, Size: m.size, Regular: true, Perm: 0o600}
		for _, p := range m.parts {
			if p, ok := p.clip(0, m.size); ok {
				info.Allocated += p.end - p.off
			}
		}
		return nil
	})
	return info, err
}

// FileSystemOf says that fd is memory.
func FileSystemOf(fd int) (FileSystem, error) {
	return FileSystem{Memory: true}, with(CallFstatfs, fd, func(*memory) error { return nil })
}

// FreeIn says that nothing bounds fd.
func FreeIn(fd int) (int64, error) {
	return math.MaxInt64, with(CallFstatfs, fd, func(*memory) error { return nil })
}
