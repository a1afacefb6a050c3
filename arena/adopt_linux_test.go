//go:build !portable

package arena_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/dirty"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// private maps n bytes of private memory at off behind a multiple of 2 MiB, as C would, to be unmapped in the end.
func private(t *testing.T, off, n, advice int) []byte {
	t.Helper()
	needAdopt(t)
	b, err := unix.Mmap(-1, 0, n+off+4<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(b); err != nil {
			t.Error(err)
		}
	})
	if err := unix.Madvise(b, advice); err != nil {
		t.Log(err) // No huge pages here.
	}
	return b[gap(b, 2<<20)+off:][:n]
}

func needAdopt(t *testing.T) {
	t.Helper()
	a := newArena(t, arena.Options{})
	defer free(t, a)
	startTracking(t, a)
}

// TestAdopt: memory that is written by others all the time is the arena's, at its old place, too, and grows.
func TestAdopt(t *testing.T) {
	page := os.Getpagesize()
	for name, tt := range map[string]struct {
		off, n, advice int
	}{
		"small pages": {0, 6 << 20, unix.MADV_NOHUGEPAGE},
		"huge pages":  {0, 6 << 20, unix.MADV_HUGEPAGE},
		"odd place":   {12 * page, 5<<20 + 3*page, unix.MADV_HUGEPAGE},
	} {
		t.Run(name, func(t *testing.T) {
			b := private(t, tt.off, tt.n, tt.advice)
			rand.NewChaCha8([32]byte{1}).Read(b[:len(b)/2])
			a := newArena(t, arena.Options{Reserve: 2 << 20, Retire: true})
			var world sync.RWMutex
			var over atomic.Bool
			var wg sync.WaitGroup
			for i := range 2 {
				wg.Go(func() {
					r := rand.New(rand.NewPCG(1, uint64(i)))
					for n := 0; !over.Load() && n < 5000; n++ {
						world.RLock()
						b[r.IntN(len(b)/2)*2+i]++
						world.RUnlock()
					}
				})
			}
			var want []byte
			resumed := 0
			done, err := a.Adopt(b, arena.AdoptOptions{
				Quiesce: func() error { world.Lock(); want = bytes.Clone(b); return nil },
				Resume: func() {
					if !bytes.Equal(b, want) {
						t.Errorf("byte %d of the memory has changed", differs(b, want))
					}
					if !bytes.Equal(a.Bytes(), want) {
						t.Errorf("byte %d of the arena is not that of the memory", differs(a.Bytes(), want))
					}
					resumed++
					world.Unlock()
				},
			})
			if err != nil || resumed != 1 || done.Rounds == 0 || done.Copied < int64(len(b)/2) {
				t.Fatalf("%v, resumed %d times: %+v", err, resumed, done)
			}
			over.Store(true)
			wg.Wait()
			b[3<<20]++
			if !bytes.Equal(a.Bytes(), b) {
				t.Errorf("what is written through an old pointer is not in the arena: byte %d", differs(a.Bytes(), b))
			}
			if _, err := a.Alloc(40 << 20); err != nil { // It moves.
				t.Fatal(err)
			}
			a.Bytes()[5]++
			b[7]++
			if !bytes.Equal(a.Bytes()[:len(b)], b) {
				t.Error("after a move the arena and the memory show different bytes")
			}
			alias, err := a.Alias(arena.AliasOptions{})
			if err != nil || !bytes.Equal(alias.Bytes()[:len(b)], b) {
				t.Errorf("alias: %v", err)
			}
			alias.Release()
			if err := a.Track(); !errors.Is(err, arena.ErrTracked) {
				t.Errorf("Track beside the memory: %v", err)
			}
			old := bytes.Clone(b)
			free(t, a)
			if b[9]++; b[9] != old[9]+1 || !bytes.Equal(b[10:], old[10:]) {
				t.Error("after Free the memory has other bytes")
			}
		})
	}
}

// TestAdopt_Sparse: what was never written takes no memory.
func TestAdopt_Sparse(t *testing.T) {
	b := private(t, 0, 64<<20, unix.MADV_NOHUGEPAGE)
	b[33<<20] = 7
	a := newArena(t, arena.Options{})
	defer free(t, a)
	if _, err := a.Adopt(b, arena.AdoptOptions{}); err != nil {
		t.Fatal(err)
	}
	if n := a.Stats().Committed; n > 4<<20 || a.Len() != len(b) || a.Bytes()[33<<20] != 7 || b[33<<20] != 7 {
		t.Errorf("%d bytes are committed of %d", n, a.Len())
	}
}

// TestAdopt_Refused: what is not to be adopted says why, stays as it is, and leaves the arena empty.
func TestAdopt_Refused(t *testing.T) {
	b := private(t, 0, 1<<20, unix.MADV_NOHUGEPAGE)
	page := os.Getpagesize()
	heap := make([]byte, 3*page)
	heap = heap[gap(heap, page):][:page]
	shared, err := unix.Mmap(-1, 0, page, 3, unix.MAP_SHARED|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(shared)
	f, err := os.Create(filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(int64(page)); err != nil {
		t.Fatal(err)
	}
	file, err := unix.Mmap(int(f.Fd()), 0, page, 3, unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(file)
	two := private(t, 0, 4*page, unix.MADV_NOHUGEPAGE)
	if err := unix.Madvise(two[2*page:], unix.MADV_DONTFORK); err != nil {
		t.Fatal(err)
	}
	readOnly := private(t, 0, page, unix.MADV_NOHUGEPAGE)
	if err := unix.Mprotect(readOnly, unix.PROT_READ); err != nil {
		t.Fatal(err)
	}
	a := newArena(t, arena.Options{})
	defer free(t, a)
	for name, tt := range map[string]struct {
		b    []byte
		want string
	}{
		"empty":           {b[:0], "empty"},
		"not whole pages": {b[:page+1], "whole pages"},
		"Go heap":         {heap, "Go memory"},
		"shared":          {shared, "shared already"},
		"of a file":       {file, "not anonymous"},
		"two mappings":    {two, "more than one mapping"},
		"read-only":       {readOnly, "cannot be written"},
	} {
		if _, err := a.Adopt(tt.b, arena.AdoptOptions{}); err == nil || !strings.Contains(err.Error(), tt.want) || a.Len() != 0 {
			t.Errorf("%s: %v, want %q; the arena has %d bytes", name, err, tt.want, a.Len())
		}
	}
	b[0] = 1
	why := errors.New("they do not stop")
	if _, err := a.Adopt(b, arena.AdoptOptions{Quiesce: func() error { return why }, Resume: func() { t.Error("resumed") }}); !errors.Is(err, why) || a.Len() != 0 || b[0] != 1 {
		t.Errorf("%v, the arena has %d bytes", err, a.Len())
	}
	startTracking(t, a)
	if _, err := a.Adopt(b, arena.AdoptOptions{}); !errors.Is(err, arena.ErrTracked) {
		t.Errorf("into an arena that is tracked: %v", err)
	}
	a.Untrack()
	onFile := newArena(t, arena.Options{File: f})
	defer free(t, onFile)
	onFile.Reset()
	if _, err := onFile.Adopt(b, arena.AdoptOptions{}); err == nil || !strings.Contains(err.Error(), "caller's") {
		t.Errorf("into an arena on a file: %v", err)
	}
	if err := a.Share(false); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Adopt(b, arena.AdoptOptions{}); !errors.Is(err, arena.ErrShared) {
		t.Errorf("into an arena that is shared: %v", err)
	}
	full := newArena(t, arena.Options{})
	defer free(t, full)
	alloc(t, full, 1)
	mustPanic(t, "Adopt", func() { _, _ = full.Adopt(b, arena.AdoptOptions{}) })
}

// TestAdopt_Faults: each system call may fail, and all that come after it: the memory is as it was, the arena empty, and the
// next time succeeds.
func TestAdopt_Faults(t *testing.T) {
	for _, all := range []bool{false, true} {
		for n := 0; ; n++ {
			b := private(t, 0, 1<<20, unix.MADV_NOHUGEPAGE)
			b[5], b[1<<20-1] = 5, 6
			a := newArena(t, arena.Options{})
			held, stopped := false, false
			var err error
			calls := testutil.Tap(func() {
				_, err = a.Adopt(b, arena.AdoptOptions{Quiesce: func() error { held, stopped = true, true; b[9] = 9; return nil }, Resume: func() { held = false }})
			}, func(made int, c sys.Call) syscall.Errno {
				if made < n || made > n && !all || c == sys.CallClose || c == sys.CallFindData {
					return 0
				}
				if c == sys.CallMunmap {
					return 0 // Nobody could give it back.
				}
				if errnos := testutil.Errnos(c); len(errnos) > 0 {
					return errnos[0]
				}
				return 0
			})
			if b[5] != 5 || b[1<<20-1] != 6 || held || stopped && b[9] != 9 {
				t.Fatalf("call %d, %v: the memory has changed, or is still held", n, calls)
			}
			if err != nil {
				if a.Len() != 0 {
					t.Fatalf("call %d, %v: %v, and the arena has %d bytes", n, calls[n], err, a.Len())
				}
				if _, err := a.Adopt(b, arena.AdoptOptions{}); err != nil {
					t.Fatalf("call %d, %v: the next time: %v", n, calls[n], err)
				}
			}
			if b[77]++; !bytes.Equal(a.Bytes(), b) {
				t.Fatalf("call %d: the memory is not the arena's", n)
			}
			free(t, a)
			if n >= len(calls) {
				break
			}
		}
	}
}

// TestAdopt_Panic: a panic of the caller's functions leaves the memory as it was, and the arena empty or with all of it.
func TestAdopt_Panic(t *testing.T) {
	b := private(t, 0, 1<<20, unix.MADV_NOHUGEPAGE)
	b[5] = 5
	a := newArena(t, arena.Options{})
	defer free(t, a)
	mustPanic(t, "they do not stop", func() {
		_, _ = a.Adopt(b, arena.AdoptOptions{Quiesce: func() error { panic("arena: they do not stop") }})
	})
	if a.Len() != 0 || b[5] != 5 {
		t.Errorf("Quiesce has panicked: the arena has %d bytes", a.Len())
	}
	mustPanic(t, "nor go on", func() {
		_, _ = a.Adopt(b, arena.AdoptOptions{Resume: func() { panic("arena: nor go on") }})
	})
	if b[6] = 6; !bytes.Equal(a.Bytes(), b) || b[5] != 5 {
		t.Errorf("Resume has panicked: the arena has %d bytes, the memory %d", a.Len(), b[:7])
	}
}

// TestAdopt_Gone: memory that cannot be read, or that is unmapped meanwhile, is an error.
func TestAdopt_Gone(t *testing.T) {
	page := os.Getpagesize()
	a := newArena(t, arena.Options{})
	defer free(t, a)
	b := private(t, 0, 1<<20, unix.MADV_NOHUGEPAGE)
	b[5], b[1<<20-1] = 5, 6
	_, err := a.Adopt(b, arena.AdoptOptions{Quiesce: func() error { return sys.Unmap(dirty.RangeOf(b[8*page:]).Start, uintptr(2*page)) }})
	if !errors.Is(err, unix.EFAULT) || a.Len() != 0 || b[5] != 5 || b[1<<20-1] != 6 {
		t.Errorf("unmapped meanwhile: %v, the arena has %d bytes", err, a.Len())
	}
	c := private(t, 0, 1<<20, unix.MADV_NOHUGEPAGE)
	c[5], c[1<<20-1] = 5, 6
	if err := sys.Advise(dirty.RangeOf(c[8*page:]).Start, uintptr(page), sys.AdviseGuardInstall); err != nil {
		t.Skip("no guards: ", err)
	}
	_, err = a.Adopt(c, arena.AdoptOptions{})
	if !errors.Is(err, unix.EFAULT) || !strings.Contains(err.Error(), "has a guard") || a.Len() != 0 || c[5] != 5 || c[1<<20-1] != 6 {
		t.Errorf("a guard in it: %v, the arena has %d bytes", err, a.Len())
	}
}
