//go:build linux && !(386 || arm || mips || mipsle)

package limits

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/pool"
	"github.com/growarena/growarena/slab"
	"golang.org/x/sys/unix"
)

// TestExec_InheritsNothing: a program that is started while there are arenas, pools and
// allocators has neither their descriptors nor their windows, and they go on as if
// nothing had been.
func TestExec_InheritsNothing(t *testing.T) {
	testutil.NoLeaks(t, trim)
	a, err := arena.NewArena(arena.Options{Name: "index", Retire: true})
	must(t, err)
	b, err := a.Alloc(mib)
	must(t, err)
	mark(b)
	file, err := a.File()
	must(t, err)
	p, err := pool.New(pool.Options{Name: "pool", Band: 64 * kib})
	must(t, err)
	pooled, err := p.Alloc(100)
	must(t, err)
	pooled, err = p.Grow(pooled, mib) // In the far file.
	must(t, err)
	mark(pooled)
	s := slab.New(slab.Options{Name: "objects"})
	object, err := s.Alloc(100)
	must(t, err)
	mark(object)
	w, err := addrspace.Default().Reserve(2*mib, addrspace.ReserveOptions{Name: "window"})
	must(t, err)

	times := 5
	if testing.Short() {
		times = 2
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { // Descriptors are made closed on exec, so there is no moment at which one leaks.
			for range times {
				out, err := exec.Command("sh", "-c", "ls -l /proc/$$/fd; cat /proc/$$/maps").CombinedOutput()
				if err != nil {
					t.Errorf("%v\n%s", err, out)
				}
				for _, ours := range []string{"memfd:", "growarena"} {
					if strings.Contains(string(out), ours) {
						t.Errorf("the child has %q:\n%s", ours, out)
					}
				}
			}
		})
	}
	for range 20 {
		c, err := arena.NewArena(arena.Options{Name: "another"})
		must(t, err)
		must(t, c.Grow(mib))
		must(t, c.Free())
	}
	wg.Wait()
	marked(t, b)
	marked(t, pooled)
	marked(t, object)
	must(t, a.Grow(512*mib)) // Into another window.
	marked(t, a.Bytes())
	must(t, w.Release())
	s.Free(object)
	must(t, s.Close())
	p.Free(pooled)
	must(t, p.Close())
	must(t, file.Close())
	must(t, a.Free())
}

// TestExec_SharesTheFile: who is given Arena.WritableFile sees the arena's bytes at its offsets
// and the arena sees what he writes, through growth and after Free; he cannot make the
// file shorter, so he cannot make a touch of the arena fault.
func TestExec_SharesTheFile(t *testing.T) {
	if testutil.IsChild(t) {
		shareFile(t)
		return
	}
	testutil.NoLeaks(t, trim)
	a, err := arena.NewArena(arena.Options{Name: "index", Reserve: 2 * mib})
	must(t, err)
	b, err := a.Alloc(2 * mib)
	must(t, err)
	copy(b[mib:], "from the parent")
	file, err := a.WritableFile()
	must(t, err)
	must(t, a.Grow(16*mib))
	r := testutil.Child(t, testutil.ChildOptions{Files: []*os.File{file}})
	if !r.Passed() {
		t.Errorf("the child: %v", r)
	}
	if got := b[mib : mib+14]; string(got) != "from the child" {
		t.Errorf("the arena has %q", got)
	}
	must(t, a.Free())
	got := make([]byte, 14)
	if _, err := file.ReadAt(got, mib); err != nil || string(got) != "from the child" {
		t.Errorf("after Free the file has %q, %v", got, err)
	}
	must(t, file.Close())
}

// shareFile is the other process of TestExec_SharesTheFile.
func shareFile(t *testing.T) {
	file := os.NewFile(3, "shared")
	got := make([]byte, 15)
	if _, err := file.ReadAt(got, mib); err != nil || string(got) != "from the parent" {
		t.Errorf("the file has %q, %v", got, err)
	}
	if err := file.Truncate(mib); !errors.Is(err, unix.EPERM) {
		t.Errorf("making it shorter: %v", err)
	}
	a, err := arena.NewArena(arena.Options{Name: "theirs", File: file})
	must(t, err)
	if !bytes.Equal(a.Bytes()[mib:mib+15], got) {
		t.Errorf("the arena has %q", a.Bytes()[mib:mib+15])
	}
	copy(a.Bytes()[mib:], "from the child ")
	must(t, a.Free())
	if _, err := file.Seek(0, io.SeekEnd); err != nil {
		t.Error(err)
	}
	must(t, file.Close())
}

// trim gives back what the default space keeps for reuse.
func trim() { _ = addrspace.Default().Trim() }
