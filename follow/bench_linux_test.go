//go:build !portable && !(386 || arm || mips || mipsle)

package follow_test

import (
	"os"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/follow"
	"github.com/growarena/growarena/internal/sys"
)

// BenchmarkExtend measures what a follower does when it hears of more: within what the
// file was seen to have, within the window, and beside that the bare fstat.
func BenchmarkExtend(b *testing.B) {
	const window = 1 << 30
	for _, bare := range []bool{false, true} {
		open := func(b *testing.B) (*arena.Arena, *follow.Follower) {
			a, err := arena.NewArena(arena.Options{Reserve: window, Headroom: -1})
			ok(b, err)
			_, err = a.AllocSparse(window)
			ok(b, err)
			f, err := a.File()
			ok(b, err)
			l, err := follow.New(f, follow.Options{Reserve: window, NoDescriptor: bare})
			ok(b, err)
			ok(b, f.Close())
			return a, l
		}
		b.Run("known/descriptor="+strconv.FormatBool(!bare), func(b *testing.B) {
			a, l := open(b)
			ok(b, l.Extend(1<<20))
			n := 0
			for b.Loop() {
				n = (n + 64) % (1 << 20)
				if err := l.Extend(n); err != nil {
					b.Fatal(err)
				}
			}
			ok(b, l.Close())
			ok(b, a.Free())
		})
	}
	b.Run("file is longer", func(b *testing.B) {
		fd, err := sys.Memfd("bench", 0)
		ok(b, err)
		f := os.NewFile(uintptr(fd), "bench")
		l, err := follow.New(f, follow.Options{Reserve: window})
		ok(b, err)
		n := 0
		for b.Loop() {
			n++
			if err := unix.Ftruncate(fd, int64(n)); err != nil { // A call more.
				b.Fatal(err)
			}
			if err := l.Extend(n); err != nil {
				b.Fatal(err)
			}
		}
		ok(b, l.Close())
		ok(b, f.Close())
	})
	b.Run("fstat", func(b *testing.B) {
		fd, err := unix.MemfdCreate("bench", unix.MFD_CLOEXEC)
		ok(b, err)
		var st unix.Stat_t
		for b.Loop() {
			if err := unix.Fstat(fd, &st); err != nil {
				b.Fatal(err)
			}
		}
		ok(b, unix.Close(fd))
	})
}

// BenchmarkPin measures a reader of a follower, beside one of a lock.
func BenchmarkPin(b *testing.B) {
	w := fileWriter(b, b.TempDir())
	ok(b, w.append(noise(4096)))
	for name, o := range map[string]follow.Options{"keep": {}, "retire": {Retire: true}} {
		b.Run(name, func(b *testing.B) {
			l := begin(b, w, o)
			ok(b, l.Extend(4096))
			for b.Loop() {
				g, err := l.Pin()
				if err != nil {
					b.Fatal(err)
				}
				sink = g.Bytes()
				g.Unpin()
			}
			ok(b, l.Close())
		})
	}
	b.Run("RWMutex", func(b *testing.B) {
		var mu sync.RWMutex
		for b.Loop() {
			mu.RLock()
			sink = nil
			mu.RUnlock()
		}
	})
}

// BenchmarkMove measures going to a bigger window with so many bytes that have been read.
func BenchmarkMove(b *testing.B) {
	const n = 256 << 20
	fd, err := sys.Memfd("bench", 0)
	ok(b, err)
	f := os.NewFile(uintptr(fd), "bench")
	ok(b, f.Truncate(n))
	ok(b, sys.Allocate(fd, 0, n))
	for _, bare := range []bool{false, true} {
		b.Run("descriptor="+strconv.FormatBool(!bare), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				ok(b, f.Truncate(n))
				l, err := follow.New(f, follow.Options{Limit: 4 * n, Reserve: n, NoDescriptor: bare, Rungs: arena.RungRehome | arena.RungAlias})
				ok(b, err)
				ok(b, l.Extend(n))
				for i := 0; i < n; i += 4096 {
					sum += int(l.Bytes()[i])
				}
				ok(b, f.Truncate(2*n))
				b.StartTimer()
				ok(b, l.Extend(n+1))
				b.StopTimer()
				if g := l.Stats().Growth; g.Rehomed+g.Aliased != 1 {
					b.Errorf("%+v", g)
				}
				ok(b, l.Close())
				b.StartTimer()
			}
		})
	}
	ok(b, f.Close())
}
