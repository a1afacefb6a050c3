// Package raw makes the bare system calls that a contender without a library
// makes, and counts them.
package raw

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/internal/sys"
)

var calls atomic.Int64

// Calls returns the calls made so far through this package.
func Calls() int64 { return calls.Load() }

// CountOurs counts the system calls that growarena makes until stop is called,
// which returns them.
func CountOurs() (stop func() float64) {
	var n atomic.Int64
	restore := sys.SetHook(func(sys.Call) syscall.Errno { n.Add(1); return 0 })
	return func() float64 {
		restore()
		return float64(n.Load())
	}
}

// Mapping is a mapped range.
type Mapping struct {
	base unsafe.Pointer
	n    int
}

const readWrite = unix.PROT_READ | unix.PROT_WRITE

// Anon maps n bytes of anonymous memory, where the kernel chooses.
func Anon(n int) (Mapping, error) {
	return mmap(-1, nil, n, readWrite, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
}

// Reserve maps n bytes that cannot be touched, to be made accessible by Protect.
func Reserve(n int) (Mapping, error) {
	return mmap(-1, nil, n, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
}

// File maps n bytes of a file from its beginning, with extra flags.
func File(fd, n, flags int) (Mapping, error) {
	return mmap(fd, nil, n, readWrite, unix.MAP_SHARED|unix.MAP_NORESERVE|flags)
}

// FileAt is File over the beginning of a range that is mapped.
func FileAt(at Mapping, fd, n int) (Mapping, error) {
	return mmap(fd, at.base, n, readWrite, unix.MAP_SHARED|unix.MAP_NORESERVE|unix.MAP_FIXED)
}

// AnonAt is Anon over the beginning of a range that is mapped.
func AnonAt(at Mapping, n int) (Mapping, error) {
	return mmap(-1, at.base, n, readWrite, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE|unix.MAP_FIXED)
}

func mmap(fd int, at unsafe.Pointer, n, prot, flags int) (Mapping, error) {
	calls.Add(1)
	p, err := unix.MmapPtr(fd, 0, at, uintptr(n), prot, flags)
	if err != nil {
		return Mapping{}, fmt.Errorf("mmap %d bytes: %w", n, err)
	}
	return Mapping{p, n}, nil
}

// Bytes returns the mapped bytes.
func (m Mapping) Bytes() []byte {
	// safety: the kernel has mapped n bytes there; the caller unmaps them last.
	return unsafe.Slice((*byte)(m.base), m.n)
}

// Len returns the length in bytes.
func (m Mapping) Len() int { return m.n }

// Slice returns n bytes from off on.
func (m Mapping) Slice(off, n int) Mapping {
	if off < 0 || n < 0 || off+n > m.n {
		panic(fmt.Sprintf("raw: [%d, %d+%d) of %d bytes", off, off, n, m.n))
	}
	// safety: within the mapping.
	return Mapping{unsafe.Add(m.base, off), n}
}

// Remap makes the mapping n bytes long, and moves it if it has to.
func (m Mapping) Remap(n int) (Mapping, error) {
	calls.Add(1)
	p, err := unix.MremapPtr(m.base, uintptr(m.n), nil, uintptr(n), unix.MREMAP_MAYMOVE)
	if err != nil {
		return m, fmt.Errorf("mremap from %d to %d bytes: %w", m.n, n, err)
	}
	return Mapping{p, n}, nil
}

// RemapTo moves the mapping over the beginning of a range that is mapped. With
// keep the old addresses stay mapped, without page tables.
func (m Mapping) RemapTo(at Mapping, keep bool) (Mapping, error) {
	calls.Add(1)
	flags := unix.MREMAP_MAYMOVE | unix.MREMAP_FIXED
	if keep {
		flags |= unix.MREMAP_DONTUNMAP
	}
	p, err := unix.MremapPtr(m.base, uintptr(m.n), at.base, uintptr(m.n), flags)
	if err != nil {
		return m, fmt.Errorf("mremap %d bytes elsewhere: %w", m.n, err)
	}
	return Mapping{p, m.n}, nil
}

// Protect makes the mapping readable and writable.
func (m Mapping) Protect() error {
	calls.Add(1)
	return unix.Mprotect(m.Bytes(), readWrite)
}

// Advise is madvise.
func (m Mapping) Advise(advice int) error {
	calls.Add(1)
	return unix.Madvise(m.Bytes(), advice)
}

// Unmap takes the mapping away.
func (m Mapping) Unmap() error {
	calls.Add(1)
	return unix.MunmapPtr(m.base, uintptr(m.n))
}

// Memfd returns a new memory file of n bytes.
func Memfd(n int) (fd int, err error) {
	calls.Add(1)
	fd, err = unix.MemfdCreate("growarena-raw", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("memfd_create: %w", err)
	}
	if err := Truncate(fd, n); err != nil {
		Close(fd)
		return -1, err
	}
	return fd, nil
}

// Truncate makes a file n bytes long.
func Truncate(fd, n int) error {
	calls.Add(1)
	if err := unix.Ftruncate(fd, int64(n)); err != nil {
		return fmt.Errorf("ftruncate to %d bytes: %w", n, err)
	}
	return nil
}

// Close closes a file.
func Close(fd int) error {
	calls.Add(1)
	return unix.Close(fd)
}

// Align returns how far into m the first address lies that is a multiple of align.
func (m Mapping) Align(align int) int { return int(-uintptr(m.base) & uintptr(align-1)) }

// Populate makes the pages of b, which begins one, be there and mapped for writing.
func Populate(b []byte) error { return populate(b, unix.MADV_POPULATE_WRITE) }

// PopulateRead maps the pages of b, which begins one, for reading.
func PopulateRead(b []byte) error { return populate(b, unix.MADV_POPULATE_READ) }

func populate(b []byte, advice int) error {
	calls.Add(1)
	if err := unix.Madvise(b, advice); err != nil {
		return fmt.Errorf("madvise(%d) of %d bytes: %w", advice, len(b), err)
	}
	return nil
}
