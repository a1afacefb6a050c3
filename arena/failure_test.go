package arena_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// TestNewArena_EachFailure fails every system call of making an arena in turn:
// there is an error and nothing is left, or the call was one that may fail.
func TestNewArena_EachFailure(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(file, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, withFile := range []bool{false, true} {
		testutil.EachFailure(t, func(t *testing.T, arm testutil.Arm) {
			testutil.NoLeaks(t, trim)
			o := arena.Options{Name: "index", Space: addrspace.New(addrspace.Options{})}
			if withFile {
				f, err := os.OpenFile(file, os.O_RDWR, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				o.File = f
			}
			var a *arena.Arena
			err := arm(func() (err error) {
				a, err = arena.NewArena(o)
				return err
			})
			if err != nil {
				checkMessage(t, err, `arena: make "index": `)
				if a != nil {
					t.Error("an arena beside the error")
				}
			} else {
				free(t, a)
			}
			if err := o.Space.Trim(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestArena_GrowEachFailure fails every system call of climbing each rung in
// turn, under each pointer rule: length, capacity, contents and pointers are as
// they were, and the next growth works.
func TestArena_GrowEachFailure(t *testing.T) {
	eachLadder(t, func(t *testing.T, o arena.Options) {
		if testing.Short() && o.Rungs != 0 {
			t.Skip("all rungs at once will do")
		}
		for _, commit := range []bool{false, true} {
			testutil.EachFailure(t, func(t *testing.T, arm testutil.Arm) {
				o := o
				o.Commit = commit
				o.Name = "index"
				o.Space = addrspace.New(addrspace.Options{})
				if o.Domain != nil {
					o.Domain = epoch.NewDomain(epoch.Options{})
				}
				testutil.NoLeaks(t, func() { trim(); _ = o.Space.Trim() })
				a := newArena(t, o)
				b, err := a.Alloc(2 * mib)
				if err != nil {
					t.Fatal(err)
				}
				fill(b, 0)
				length, capacity := a.Len(), a.Cap()
				err = arm(func() error {
					_, err := a.Alloc(mib)
					return err
				})
				if err != nil {
					checkMessage(t, err, `arena: grow "index" by 1048576 bytes to 3145728: `)
					if a.Len() != length || a.Cap() != capacity {
						t.Errorf("after %v: Len %d, Cap %d; were %d, %d", err, a.Len(), a.Cap(), length, capacity)
					}
				}
				if i := check(a.Bytes()[:2*mib], 0); i >= 0 {
					t.Errorf("after %v: byte %d is wrong in the newest window", err, i)
				}
				if o.Domain == nil && !o.Retire {
					if i := check(b, 0); i >= 0 {
						t.Errorf("after %v: byte %d is wrong in the first window", err, i)
					}
				}
				// The next calls work, and what they hand out is zero.
				next, err := a.Alloc(mib)
				if err != nil {
					t.Fatalf("the next Alloc: %v", err)
				}
				for i, c := range next {
					if c != 0 {
						t.Fatalf("byte %d of the next Alloc is %d", i, c)
					}
				}
				if !commit { // Once more up the ladder.
					if err := a.Grow(16 * mib); err != nil {
						t.Fatalf("the next Grow: %v", err)
					}
				}
				if i := check(a.Bytes()[:2*mib], 0); i >= 0 {
					t.Errorf("byte %d is wrong at the end", i)
				}
				free(t, a)
				if d := a.Domain(); d != nil {
					if err := d.Barrier(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
	})
}

// TestArena_OtherEachFailure does the same for the other operations.
func TestArena_OtherEachFailure(t *testing.T) {
	ops := map[string]func(a *arena.Arena) error{
		"decommit": func(a *arena.Arena) error { return a.Decommit(mib, 4096) },
		"trim":     func(a *arena.Arena) error { return a.Trim() },
		"alias": func(a *arena.Arena) error {
			l, err := a.Alias(arena.AliasOptions{Len: mib, Repeat: 3})
			if err == nil {
				l.Release()
			}
			return err
		},
		"file": func(a *arena.Arena) error {
			f, err := a.File()
			if err == nil {
				f.Close()
			}
			return err
		},
		"free": func(a *arena.Arena) error { return a.Free() },
	}
	for name, op := range ops {
		t.Run(name, func(t *testing.T) {
			testutil.EachFailure(t, func(t *testing.T, arm testutil.Arm) {
				space := addrspace.New(addrspace.Options{})
				testutil.NoLeaks(t, func() { _ = space.Trim() })
				a := newArena(t, arena.Options{Name: "index", Space: space})
				b, err := a.Alloc(3 * mib)
				if err != nil {
					t.Fatal(err)
				}
				fill(b, 0)
				if err := arm(func() error { return op(a) }); err != nil {
					checkMessage(t, err, "arena: ")
					checkMessage(t, err, `"index"`)
				}
				if name == "free" {
					return
				}
				if i := check(a.Bytes()[:mib], 0); i >= 0 {
					t.Errorf("byte %d is wrong", i)
				}
				free(t, a)
			})
		})
	}
}

// TestArena_PrepareFails makes preparing ahead fail: the writer must not notice.
func TestArena_PrepareFails(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EBUSY, syscall.EINVAL, syscall.EAGAIN, syscall.ENOMEM} {
		t.Run(errno.Error(), func(t *testing.T) {
			a := newArena(t, arena.Options{})
			defer free(t, a)
			restore := testutil.FailAll(sys.CallFallocate, errno)
			for a.Len() < 24*mib {
				off := a.Len()
				b, err := a.Alloc(mib)
				if err != nil {
					restore()
					t.Fatal(err)
				}
				fill(b, off)
			}
			restore()
			if i := check(a.Bytes(), 0); i >= 0 {
				t.Errorf("byte %d is wrong", i)
			}
			if s := a.Stats(); s.PreparedByWriter > 0 && !s.HeadroomOff {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

// TestArena_RetiredLimit fills a domain that takes hardly anything: with a shared
// one windows wait in the arena, and go when the reader has gone.
func TestArena_RetiredLimit(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{MaxRetired: mib})
	a := newArena(t, arena.Options{Reserve: 2 * mib, Domain: d, Rungs: arena.RungInWindow | arena.RungRehome})
	g, err := d.Pin()
	if err != nil {
		t.Fatal(err)
	}
	for a.Len() < 20*mib {
		off := a.Len()
		b, err := a.Alloc(mib)
		if err != nil {
			t.Fatal(err)
		}
		fill(b, off)
	}
	if s := a.Stats(); s.Windows < 3 || s.Growth.Rehomed < 3 {
		t.Errorf("stats %+v: the reader holds up no window", s)
	}
	if i := check(a.Bytes(), 0); i >= 0 {
		t.Errorf("byte %d is wrong", i)
	}
	free(t, a)
	g.Unpin()
	if err := d.Barrier(t.Context()); err != nil {
		t.Error(err)
	}
}

// checkMessage checks that an error says what it must and wraps an errno.
func checkMessage(t *testing.T, err error, want string) {
	t.Helper()
	if !strings.Contains(err.Error(), want) {
		t.Errorf("error %q does not contain %q", err, want)
	}
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		t.Errorf("error %q wraps no errno", err)
	}
}
