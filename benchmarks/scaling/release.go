package scaling

import (
	"errors"
	"fmt"
	"time"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/internal/sys"
)

// file returns a memory file of n bytes.
func file(n int64) (fd int, err error) {
	if fd, err = sys.Memfd("scaling", 0); err != nil {
		return 0, err
	}
	if err := sys.Truncate(fd, n); err != nil {
		return 0, errors.Join(err, sys.Close(fd))
	}
	return fd, nil
}

// window releases a window of the case's size, mapped and touched, or only reserved.
func window(mapped bool) func(bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (s bench.Sample, err error) {
		fd, err := file(c.Size)
		if err != nil {
			return s, err
		}
		defer func() { err = errors.Join(err, sys.Close(fd)) }()
		space := addrspace.New(addrspace.Options{CacheWindows: -1})
		pages := int64(1)
		if mapped {
			pages = sparse.pages(c.Size)
		}
		v, err := repeat(repeats(pages), func() (time.Duration, error) {
			w, err := space.Reserve(int(c.Size), addrspace.ReserveOptions{})
			if err != nil {
				return 0, err
			}
			if mapped {
				if err := w.MapFile(0, int(c.Size), fd, 0, sys.ProtRead|sys.ProtWrite); err != nil {
					return 0, errors.Join(err, w.Release())
				}
				b := bytesAt(w.Range().Start, c.Size)
				sparse.mark(b)
				if err := sparse.check(b); err != nil {
					return 0, errors.Join(err, w.Release())
				}
			}
			start := time.Now()
			err = w.Release()
			return time.Since(start), err
		})
		if st := space.Stats(); err == nil && (st.Windows != 0 || st.VMAs != 0) {
			err = fmt.Errorf("not all was released: %+v", st)
		}
		s.Values = map[string]float64{"release-ns": v}
		return s, err
	}
}

// unmap is the bare system call for a mapping of the case's size.
func unmap(c bench.Case) (s bench.Sample, err error) {
	fd, err := file(c.Size)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, sys.Close(fd)) }()
	v, err := repeat(repeats(sparse.pages(c.Size)), func() (time.Duration, error) {
		at, err := sys.Reserve(0, uintptr(c.Size))
		if err != nil {
			return 0, err
		}
		if err := sys.MapShared(at, uintptr(c.Size), fd, 0, sys.ProtRead|sys.ProtWrite); err != nil {
			return 0, errors.Join(err, sys.Unmap(at, uintptr(c.Size)))
		}
		b := bytesAt(at, c.Size)
		sparse.mark(b)
		if err := sparse.check(b); err != nil {
			return 0, errors.Join(err, sys.Unmap(at, uintptr(c.Size)))
		}
		start := time.Now()
		err = sys.Unmap(at, uintptr(c.Size))
		return time.Since(start), err
	})
	s.Values = map[string]float64{"release-ns": v}
	return s, err
}

// freed frees an arena of the case's size, all of it in use.
func freed(c bench.Case) (bench.Sample, error) {
	v, err := repeat(repeats(full.pages(c.Size)), func() (time.Duration, error) {
		a, err := arena.NewArena(arena.Options{
			Name: "scaling", Reserve: int(c.Size), Headroom: -1, HugePages: arena.HugeNever,
			Space: addrspace.New(addrspace.Options{CacheWindows: -1}),
		})
		if err != nil {
			return 0, err
		}
		b, err := a.Alloc(int(c.Size))
		if err != nil {
			return 0, errors.Join(err, a.Free())
		}
		full.mark(b)
		if err := full.check(a.Bytes()); err != nil {
			return 0, errors.Join(err, a.Free())
		}
		start := time.Now()
		err = a.Free()
		return time.Since(start), err
	})
	return sample("free-ns", v, err)
}

// closed unmaps and closes a memory file of the case's size, all of it in use.
func closed(c bench.Case) (bench.Sample, error) {
	n := uintptr(c.Size)
	v, err := repeat(repeats(full.pages(c.Size)), func() (time.Duration, error) {
		fd, err := file(c.Size)
		if err != nil {
			return 0, err
		}
		at, err := sys.Reserve(0, n)
		if err != nil {
			return 0, errors.Join(err, sys.Close(fd))
		}
		if err := sys.MapShared(at, n, fd, 0, sys.ProtRead|sys.ProtWrite); err != nil {
			return 0, errors.Join(err, sys.Unmap(at, n), sys.Close(fd))
		}
		b := bytesAt(at, c.Size)
		full.mark(b)
		if err := full.check(b); err != nil {
			return 0, errors.Join(err, sys.Unmap(at, n), sys.Close(fd))
		}
		start := time.Now()
		err = errors.Join(sys.Unmap(at, n), sys.Close(fd))
		return time.Since(start), err
	})
	return sample("free-ns", v, err)
}
