//go:build !portable

package arena_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// TestArena_CommitAfterTrim: what Trim gives back is taken again before it is handed out, be
// it by Grow, by Alloc or by a Buffer; a refusal is an error, and all is as it was.
func TestArena_CommitAfterTrim(t *testing.T) {
	const size = 8 * mib
	takes := map[string]func(a *arena.Arena, b *arena.Buffer) error{
		"Grow":   func(a *arena.Arena, b *arena.Buffer) error { return a.Grow(size - a.Len()) },
		"Alloc":  func(a *arena.Arena, b *arena.Buffer) error { _, err := a.Alloc(size - a.Len()); return err },
		"Local":  func(a *arena.Arena, b *arena.Buffer) error { _, err := a.NewLocal().Alloc(size - a.Len()); return err },
		"Write":  func(a *arena.Arena, b *arena.Buffer) error { _, err := b.Write(make([]byte, size-a.Len())); return err },
		"beyond": func(a *arena.Arena, b *arena.Buffer) error { return a.Grow(2*size - a.Len()) },
		"by steps": func(a *arena.Arena, b *arena.Buffer) error {
			for a.Len() < size {
				if _, err := a.Alloc(100 << 10); err != nil {
					return err
				}
				if s := a.Stats(); s.Committed < s.Len {
					return errors.New("handed out without memory")
				}
			}
			return nil
		},
	}
	for rule, set := range rules {
		if testing.Short() && rule != "retire" {
			continue
		}
		for name, take := range takes {
			for _, huge := range []arena.HugePages{arena.HugeAuto, arena.HugeNever} {
				if testing.Short() && huge == arena.HugeAuto && name != "Grow" && name != "by steps" {
					continue
				}
				t.Run(rule+"/"+name, func(t *testing.T) {
					o := arena.Options{Name: "kept", Commit: true, HugePages: huge, Reserve: 4 * mib}
					set(&o)
					a := newArena(t, o)
					defer freeNow(t, a)
					b := arena.NewBufferIn(a)
					write(t, b, make([]byte, size))
					a.Truncate(1000)
					if err := a.Trim(); err != nil {
						t.Fatal(err)
					}
					before := a.Stats()
					if before.Committed > 64<<10 || before.Cap < size {
						t.Fatalf("after Trim: %+v", before)
					}
					if n := len(b.AvailableBuffer()[:b.Available()]); before.Committed < 1000+n {
						t.Errorf("%d bytes are available, %d committed", n, before.Committed)
					}
					restore := testutil.FailAll(sys.CallAllocate, syscall.ENOSPC)
					err := take(a, b)
					restore()
					if s := a.Stats(); !errors.Is(err, sys.ENOSPC) || s.Len > 1000+8000 || s.Cap != before.Cap {
						t.Errorf("refused: %v, %+v, before %+v", err, s, before)
					}
					if err := take(a, b); err != nil {
						t.Fatal(err)
					}
					want := size
					if name == "beyond" {
						want = 2 * size
					}
					if s := a.Stats(); s.Committed < want || s.Cap < want {
						t.Errorf("taken again: %+v", s)
					}
				})
			}
		}
	}
}

// TestArena_CommitFile: with Commit the holes of a caller's file get memory, or room on its
// file system, when it becomes an arena. Its bytes and its length stay.
func TestArena_CommitFile(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "holes"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const size = 5*mib + 5000
	if _, err := f.WriteAt([]byte("here"), 3*mib); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	restore := testutil.FailAll(sys.CallAllocate, syscall.ENOSPC)
	_, err = arena.NewArena(arena.Options{File: f, Commit: true})
	restore()
	if !errors.Is(err, sys.ENOSPC) {
		t.Errorf("where there is no room: %v", err)
	}
	a := newArena(t, arena.Options{File: f, Commit: true})
	defer free(t, a)
	if s := a.Stats(); s.Committed < size || s.Len != size {
		t.Errorf("%+v", s)
	}
	b := a.Bytes()
	if string(b[3*mib:][:4]) != "here" || b[0] != 0 || b[size-1] != 0 {
		t.Error("its bytes have changed")
	}
	info, err := f.Stat()
	if err != nil || info.Size() != size {
		t.Errorf("it is %d bytes long: %v", info.Size(), err)
	}
}

// TestLinearMemory_Commits follows what has memory step by step: all up to the size, by the
// page while it is small and by the huge page then, nothing twice, and after a refusal what
// there was.
func TestLinearMemory_Commits(t *testing.T) {
	m := newLinear(t, 0, 8*mib, arena.LinearOptions{})
	defer m.Free()
	page := os.Getpagesize()
	for _, step := range []struct {
		size, committed int
		refuse          bool
		calls           bool // There is something to take.
	}{
		{size: 1, committed: page, calls: true},
		{size: page, committed: page},
		{size: page + 1, committed: 2 * page, calls: true},
		{size: 16 * page, committed: 2 * page, refuse: true, calls: true},
		{size: 2 * page, committed: 2 * page},
		{size: 16 * page, committed: 16 * page, calls: true},
		{size: 1000, committed: 16 * page},
		{size: 25 * page, committed: 25 * page, calls: true},
		{size: 2*mib - page, committed: 2*mib - page, calls: true},
		{size: 2*mib + 1, committed: 2*mib - page, refuse: true, calls: true},
		{size: 2 * mib, committed: 2 * mib, calls: true},
		{size: 2*mib + 1, committed: 4 * mib, calls: true},
		{size: 4 * mib, committed: 4 * mib},
		{size: 8 * mib, committed: 4 * mib, refuse: true, calls: true},
		{size: 3 * mib, committed: 4 * mib},
		{size: 8 * mib, committed: 8 * mib, calls: true},
		{size: 8 * mib, committed: 8 * mib},
	} {
		asked := false
		restore := sys.SetHook(func(c sys.Call) syscall.Errno {
			asked = asked || c == sys.CallAllocate
			if step.refuse && c == sys.CallAllocate {
				return syscall.ENOSPC
			}
			return 0
		})
		b := m.Reallocate(uint64(step.size))
		restore()
		if (b == nil) != step.refuse || asked != step.calls {
			t.Errorf("%+v: %d bytes, memory was asked for: %v; %v", step, len(b), asked, m.Err())
		}
		// A refusal can leave the page with which a huge one begins.
		if s := m.Stats(); s.Committed != step.committed && !(step.refuse && s.Committed <= step.committed+2*page) {
			t.Errorf("%+v: %d bytes have memory", step, s.Committed)
		}
	}
}
