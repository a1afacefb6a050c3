package arena_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// TestTyped_Full asks for values that the arena has no room for: the forms that
// return an error do, the others panic with it.
func TestTyped_Full(t *testing.T) {
	a := newArena(t, arena.Options{Limit: 16})
	defer free(t, a)
	if p, err := arena.TryNew[[17]byte](a); p != nil || !errors.Is(err, arena.ErrFull) {
		t.Errorf("TryNew: %v, %v", p, err)
	}
	if s, err := arena.TryMakeSlice[uint64](a, 1, 3); s != nil || !errors.Is(err, arena.ErrFull) {
		t.Errorf("TryMakeSlice: %v, %v", s, err)
	}
	for name, f := range map[string]func(){
		"New":       func() { arena.New[[17]byte](a) },
		"MakeSlice": func() { arena.MakeSlice[uint64](a, 1, 3) },
		"Clone":     func() { arena.Clone(a, [3]uint64{}) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if err, ok := recover().(error); !ok || !errors.Is(err, arena.ErrFull) {
					t.Errorf("panics with %v", err)
				}
			}()
			f()
			t.Error("no panic")
		})
	}
	if b, err := a.Alloc(16); err != nil || len(b) != 16 {
		t.Errorf("what there is room for: %v", err)
	}
}

// TestGuard_Refused: a guard that cannot be had or refreshed says so.
func TestGuard_Refused(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
	a := newArena(t, arena.Options{Domain: d, Limit: 4096})
	b := arena.NewBufferIn(a)
	if _, err := b.Write([]byte("here")); err != nil {
		t.Fatal(err)
	}
	g, err := a.Pin()
	if err != nil {
		t.Fatal(err)
	}
	if p, err := g.Alloc(5000); p != nil || !errors.Is(err, arena.ErrFull) {
		t.Errorf("Alloc above the limit: %v", err)
	}
	if string(g.Bytes()) != "here" {
		t.Errorf("the guard shows %q", g.Bytes())
	}
	done := make(chan error)
	go func() { done <- d.Shutdown(t.Context()) }()
	for d.Read(func(any) error { return nil }) == nil {
		runtime.Gosched()
	}
	if p, err := g.Alloc(1); p != nil || !errors.Is(err, epoch.ErrClosed) {
		t.Errorf("Alloc in a closed domain: %v", err)
	}
	if err := <-done; err != nil { // The guard is unpinned.
		t.Error(err)
	}
	if err := a.Read(func([]byte) error { return nil }); !errors.Is(err, epoch.ErrClosed) {
		t.Errorf("Read in a closed domain: %v", err)
	}
	if n, err := b.ReadAt(make([]byte, 2), 0); n != 0 || !errors.Is(err, epoch.ErrClosed) {
		t.Errorf("ReadAt in a closed domain: %d, %v", n, err)
	}
	free(t, a)
}

// TestNewArena_Refused makes arenas of what cannot be one.
func TestNewArena_Refused(t *testing.T) {
	testutil.NeedsMoves(t)
	name := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(name, make([]byte, 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	if _, err := arena.NewArena(arena.Options{File: f, Limit: 4999}); !errors.Is(err, arena.ErrFull) ||
		!strings.Contains(fmt.Sprint(err), "the file holds 5000 bytes, the limit is 4999") {
		t.Errorf("a file above the limit: %v", err)
	}
	func() {
		defer func() {
			if text := fmt.Sprint(recover()); !strings.Contains(text, "a File cannot take pages from the hugetlb pool") {
				t.Errorf("a file of huge pages: panic %q", text)
			}
		}()
		_, _ = arena.NewArena(arena.Options{File: f, HugePages: arena.HugeTLB2M})
	}()
	// Where the kernel has such pages making the arena takes none yet.
	if a, err := arena.NewArena(arena.Options{HugePages: arena.HugeTLB1G, Limit: 1 << 30}); err == nil {
		free(t, a)
	}
	full := addrspace.New(addrspace.Options{MaxVMAs: 1})
	w, err := full.Reserve(1, addrspace.ReserveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if m, err := arena.NewLinearMemory(1, 1<<20, arena.LinearOptions{Space: full}); m != nil || !errors.Is(err, addrspace.ErrNoSpace) {
		t.Errorf("a linear memory without a window: %v", err)
	}
	if err := errors.Join(w.Release(), full.Trim()); err != nil {
		t.Error(err)
	}
}

// TestNewArena_NoRehome: an arena that could move its page tables only is refused at once
// where the kernel does not do that, and not when its first window is full.
func TestNewArena_NoRehome(t *testing.T) {
	testutil.NeedsMoves(t)
	real := memfile.NoRehome
	defer func() { memfile.NoRehome = real }()
	memfile.NoRehome = func() error { return sys.EINVAL }
	for _, forced := range []arena.Rungs{arena.RungRehome, arena.RungInWindow | arena.RungRehome} {
		a, err := arena.NewArena(arena.Options{Name: "log", Rungs: forced})
		if a != nil || !errors.Is(err, errors.ErrUnsupported) || !errors.Is(err, sys.EINVAL) || !strings.Contains(fmt.Sprint(err), "RungAlias, too") {
			t.Errorf("%v: %v", forced, err)
		}
	}
	for _, open := range []arena.Rungs{0, arena.RungInWindow, arena.RungRehome | arena.RungAlias, arena.RungRehome | arena.RungExtend} {
		a := newArena(t, arena.Options{Reserve: 2 * mib, Rungs: open})
		if err := a.Grow(8 * mib); (err != nil) != (open == arena.RungInWindow) {
			t.Errorf("%v: %v", open, err)
		}
		free(t, a)
	}
}

// TestArena_FileNotCut: Free says that it could not cut the caller's file, and has
// done all else.
func TestArena_FileNotCut(t *testing.T) {
	testutil.NeedsMoves(t)
	testutil.NoLeaks(t, trim)
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	a := newArena(t, arena.Options{Name: "log", File: f})
	if _, err := a.Alloc(10); err != nil {
		t.Fatal(err)
	}
	restore := testutil.FailAll(sys.CallFtruncate, syscall.EPERM)
	err = a.Free()
	restore()
	if !errors.Is(err, sys.EPERM) || !strings.Contains(err.Error(), `arena: cut the file of "log" to 10 bytes`) {
		t.Errorf("Free: %v", err)
	}
}

// TestCatchFault_Says checks the texts of faults, and that those outside of all
// windows go on.
func TestCatchFault_Says(t *testing.T) {
	testutil.NeedsMoves(t)
	a := newArena(t, arena.Options{Name: "said"})
	defer free(t, a)
	if _, err := a.Alloc(4096); err != nil {
		t.Fatal(err)
	}
	l, err := a.Alias(arena.AliasOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	b := l.Bytes()
	err = arena.CatchFault(nil, func() error { b[7] = 1; return nil })
	var fault *arena.FaultError
	var cause runtime.Error
	if !errors.As(err, &fault) || !errors.As(err, &cause) {
		t.Fatalf("%v is no fault", err)
	}
	want := fmt.Sprintf("arena: fault at %#x, offset 7 of %q", fault.Addr, "said alias")
	if !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%q, want %q", err, want)
	}
	elsewhere := addrspace.New(addrspace.Options{})
	defer func() {
		if _, ok := recover().(runtime.Error); !ok {
			t.Error("a fault in no window of the Space did not go on")
		}
		l.Release()
	}()
	_ = arena.CatchFault(elsewhere, func() error { b[7] = 1; return nil })
}

// TestArena_FallsBackToLess: where the system refuses a comfortable step, the
// arena grows by what is needed.
func TestArena_FallsBackToLess(t *testing.T) {
	testutil.NeedsMoves(t)
	a := newArena(t, arena.Options{Headroom: -1})
	defer free(t, a)
	if err := a.Grow(64 * mib); err != nil { // A step is 16 MiB from here on.
		t.Fatal(err)
	}
	if _, err := a.Alloc(a.Cap()); err != nil {
		t.Fatal(err)
	}
	before := a.Cap()
	restore := testutil.FailNth(sys.CallFtruncate, 1, syscall.EFBIG)
	err := a.Grow(1)
	restore()
	if got := a.Cap() - before; err != nil || got < 1 || got >= 16*mib {
		t.Errorf("grown by %d bytes, %v", got, err)
	}
}

// TestBuffer_NothingIsRoom: a stream cannot be read into a buffer that gets no
// arena, or that is full.
func TestBuffer_NothingIsRoom(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	var b arena.Buffer
	restore := testutil.FailAll(sys.CallMemfdCreate, syscall.EMFILE)
	n, err := b.ReadFrom(strings.NewReader("text"))
	restore()
	if n != 0 || !errors.Is(err, sys.EMFILE) || b.Arena() != nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
	if n, err := b.ReadFrom(io.LimitReader(bytes.NewReader(make([]byte, 10)), 3)); n != 3 || err != nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
	if n, err := b.WriteRune('x'); n != 1 || err != nil {
		t.Errorf("WriteRune: %d, %v", n, err)
	}
	if err := b.Free(); err != nil {
		t.Error(err)
	}
}
