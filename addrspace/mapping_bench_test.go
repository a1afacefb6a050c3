//go:build !(386 || arm || mips || mipsle)

package addrspace

import (
	"fmt"
	"testing"

	"github.com/growarena/growarena/internal/sys"
)

// benchWindow returns a window with n bytes of a file mapped and touched.
func benchWindow(b *testing.B, s *Space, size, n int) (w *Window, fd int) {
	fd, err := sys.Memfd("addrspace benchmark", 0)
	if err != nil {
		b.Skip(err)
	}
	b.Cleanup(func() { _ = sys.Close(fd) }) // of a memfd: cannot fail
	if err := sys.Truncate(fd, int64(size)); err != nil {
		b.Fatal(err)
	}
	if w, err = s.Reserve(size, ReserveOptions{}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := w.Release(); err != nil {
			b.Fatal(err)
		}
		_ = s.Trim()
	})
	if n > 0 {
		if err := w.MapFile(0, n, fd, 0, sys.ProtRead|sys.ProtWrite); err != nil {
			b.Fatal(err)
		}
		if err := sys.Advise(w.start, uintptr(n), sys.AdvisePopulateWrite); err != nil {
			b.Skip(err)
		}
	}
	return w, fd
}

// BenchmarkMapTail maps 2 MiB behind what is mapped, against the two system
// calls for it.
func BenchmarkMapTail(b *testing.B) {
	const size, step = 1 << 30, 2 << 20
	for _, impl := range []string{"raw", "window"} {
		b.Run("impl="+impl, func(b *testing.B) {
			w, fd := benchWindow(b, New(Options{}), size, 0)
			off := 0
			for b.Loop() {
				if off == size {
					b.StopTimer()
					if impl == "raw" {
						_ = sys.Cover(w.start, size)
					} else if err := w.Unmap(0, size); err != nil {
						b.Fatal(err)
					}
					off = 0
					b.StartTimer()
				}
				if impl == "raw" {
					at := w.start + uintptr(off)
					if sys.MapShared(at, step, fd, int64(off), sys.ProtRead) != nil || sys.Advise(at, step, sys.AdviseDontDump) != nil {
						b.Fatal("refused")
					}
				} else if err := w.MapFile(off, step, fd, int64(off), sys.ProtRead); err != nil {
					b.Fatal(err)
				}
				off += step
			}
		})
	}
}

// BenchmarkRehome moves the page tables of a populated window to another one,
// and back. The pages are of 4 KiB.
func BenchmarkRehome(b *testing.B) {
	for _, n := range []int{2 << 20, 64 << 20, 1 << 30} {
		b.Run(fmt.Sprintf("size=%dMiB", n>>20), func(b *testing.B) {
			s := New(Options{})
			w, _ := benchWindow(b, s, n, n)
			for b.Loop() {
				b.StopTimer()
				v, err := s.Reserve(n, ReserveOptions{})
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if err := w.Rehome(v); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				// Back to w, whose own mapping has no page tables left.
				if err := sys.Remap(v.start, uintptr(n), uintptr(n), w.start, sys.RemapKeep); err != nil {
					b.Fatal(err)
				}
				if err := v.Release(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}

// BenchmarkExtend makes a window longer by 2 MiB.
func BenchmarkExtend(b *testing.B) {
	s := New(Options{CacheWindows: -1})
	w, err := s.Reserve(Alignment, ReserveOptions{})
	if err != nil {
		b.Skip(err)
	}
	for b.Loop() {
		if w.Extend(Alignment) != nil { // up to the next zone
			b.StopTimer()
			if err := w.Release(); err != nil {
				b.Fatal(err)
			}
			if w, err = s.Reserve(Alignment, ReserveOptions{}); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	}
	if err := w.Release(); err != nil {
		b.Fatal(err)
	}
}
