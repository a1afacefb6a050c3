//go:build linux && !(386 || arm || mips || mipsle)

package limits

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/stream"
)

// TestMemoryGroup_CommittedInEveryWay: at a memory cgroup's limit there is an error and
// nobody is killed, in whatever pages the memory was asked for, and also where it had been
// given back, or a file has holes. Each way takes all that there is, and its memory is
// stored to in the end.
func TestMemoryGroup_CommittedInEveryWay(t *testing.T) {
	if !collapses() {
		t.Skip("no MADV_COLLAPSE: at a cgroup's limit the OOM killer comes first")
	}
	ways := map[string]func() error{
		"small pages": func() error { return takeAll(arena.Options{Commit: true, HugePages: arena.HugeNever}) },
		"huge pages":  func() error { return takeAll(arena.Options{Commit: true, HugePages: arena.HugeAlways}) },
		"several at once": func() error {
			errs := make(chan error)
			for range 3 {
				go func() { errs <- takeAll(arena.Options{Commit: true, HugePages: arena.HugeNever}) }()
			}
			return errors.Join(<-errs, <-errs, <-errs)
		},
		"a stream": func() error {
			s, err := stream.New(stream.Options{Name: "way", Commit: true})
			if err != nil {
				return err
			}
			defer s.Close()
			for p := make([]byte, mib); err == nil; {
				_, err = s.Append(p)
			}
			return err
		},
		"small memories": func() error {
			var all []*arena.LinearMemory
			defer func() {
				for _, m := range all {
					m.Free()
				}
			}()
			for {
				m, err := arena.NewLinearMemory(mib, mib, arena.LinearOptions{})
				if err != nil {
					return err
				}
				all = append(all, m)
				for n := uint64(64 << 10); n <= mib; n += 64 << 10 {
					b := m.Reallocate(n)
					if b == nil {
						return m.Err()
					}
					touch(b)
				}
			}
		},
		"after Trim": func() error {
			a, err := arena.NewArena(arena.Options{Name: "way", Commit: true, HugePages: arena.HugeNever})
			if err != nil {
				return err
			}
			defer a.Free()
			if err := errors.Join(a.Grow(64*mib), a.Trim()); err != nil {
				return err
			}
			other, err := arena.NewArena(arena.Options{Name: "way", Commit: true})
			if err != nil {
				return err
			}
			defer other.Free()
			if err := other.Grow(32 * mib); err != nil {
				return err
			}
			b, err := a.Alloc(64 * mib) // Within the capacity, but not within the limit.
			touch(b)
			return err
		},
		"a file with holes": func() error {
			fd, err := sys.Memfd("holes", 0)
			if err != nil {
				return err
			}
			f := os.NewFile(uintptr(fd), "holes")
			defer f.Close()
			if err := f.Truncate(2 * groupLimit); err != nil {
				return err
			}
			a, err := arena.NewArena(arena.Options{Name: "way", File: f, Commit: true})
			if err == nil {
				defer a.Free()
				touch(a.Bytes())
			}
			return err
		},
	}
	for name, take := range ways {
		if testing.Short() && (name == "small memories" || name == "small pages" || name == "several at once") {
			continue
		}
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			if r, killed := inGroup(t); r != nil {
				if !r.Passed() || killed > 0 {
					t.Errorf("%d processes were killed; the child: %v", killed, r)
				}
				return
			}
			for range 2 {
				err := take()
				if !errors.Is(err, sys.EBUSY) && !errors.Is(err, sys.ENOMEM) {
					t.Fatalf("at the limit: %v", err)
				}
				if !strings.Contains(err.Error(), "memory cgroup's limit") {
					t.Errorf("it does not say what to change: %v", err)
				}
			}
		})
	}
}

// takeAll grows an arena until it cannot.
func takeAll(o arena.Options) error {
	o.Name = "way"
	a, err := arena.NewArena(o)
	if err != nil {
		return err
	}
	defer a.Free()
	for {
		b, err := a.Alloc(mib)
		if err != nil {
			return err
		}
		touch(b)
		if a.Len() > groupLimit {
			return fmt.Errorf("%d bytes are in a group of %d", a.Len(), groupLimit)
		}
	}
}

// touch stores to every page of b.
func touch(b []byte) {
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
}
