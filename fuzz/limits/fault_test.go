//go:build linux && !(386 || arm || mips || mipsle)

package limits

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/pool"
)

// bad is an address that faults when it is touched.
type bad struct {
	addr  uintptr
	touch func()
	after func(t *testing.T) // gives back what there is

	signal string // that the kernel sends
	window string // the window's name, "" where there is none any more
	offset int    // in it
}

// bads are the ways to touch what is not there. Each is made by a function that may skip.
var bads = map[string]func(t *testing.T) bad{
	"bytes of a freed arena": func(t *testing.T) bad {
		s := addrspace.New(addrspace.Options{})
		a, err := arena.NewArena(arena.Options{Name: "index", Space: s})
		must(t, err)
		b, err := a.Alloc(mib)
		must(t, err)
		must(t, a.Free())
		return touching(b, 4711, "SIGSEGV", func(t *testing.T) { must(t, s.Trim()) })
	},
	"a store through a read-only alias": func(t *testing.T) bad {
		a, err := arena.NewArena(arena.Options{Name: "index"})
		must(t, err)
		_, err = a.Alloc(mib)
		must(t, err)
		l, err := a.Alias(arena.AliasOptions{ReadOnly: true})
		must(t, err)
		x := touching(l.Bytes(), 815, "SIGSEGV", func(t *testing.T) {
			l.Release()
			must(t, a.Free())
		})
		x.window, x.offset = "index alias", 815
		return x
	},
	"a page beyond the end of the file": func(t *testing.T) bad {
		a, err := arena.NewArena(arena.Options{Name: "index"})
		must(t, err)
		b, err := a.Alloc(mib)
		must(t, err)
		off := a.Cap() + 4711 // In the window, which maps beyond the file.
		x := touching(unsafe.Slice(&b[0], off+1), off, "SIGBUS", func(t *testing.T) { must(t, a.Free()) })
		x.window, x.offset = "index", off
		return x
	},
	"a file that somebody made shorter": func(t *testing.T) bad {
		f, err := os.Create(filepath.Join(t.TempDir(), "data"))
		must(t, err)
		a, err := arena.NewArena(arena.Options{Name: "index", File: f})
		must(t, err)
		b, err := a.Alloc(mib)
		must(t, err)
		b[mib/2] = 1
		must(t, f.Truncate(int64(os.Getpagesize())))
		x := touching(b, mib/2, "SIGBUS", func(t *testing.T) {
			_ = a.Free() // Says that the file was made shorter, or cuts it anew.
			must(t, f.Close())
		})
		x.window, x.offset = "index", mib/2
		return x
	},
	"the guard behind a buffer of a pool": func(t *testing.T) bad {
		p, err := pool.New(pool.Options{Name: "index", Band: 256 * kib})
		must(t, err)
		b, err := p.Alloc(100)
		must(t, err)
		if _, err := p.Alloc(100); err != nil { // The next band.
			t.Fatal(err)
		}
		if p.Stats().GuardsRefused > 0 || !hasFeature("guards") {
			must(t, closeAnyway(p))
			t.Skip("no MADV_GUARD_INSTALL of shared files (Linux 6.15)")
		}
		// The guard is the first page of the next band, right behind this one.
		w := addrspace.Default().Lookup(addressOf(b))
		next := (int(addressOf(b)-w.Range().Start)/(256*kib) + 1) * 256 * kib
		off := next - int(addressOf(b)-w.Range().Start)
		x := touching(unsafe.Slice(&b[0], off+1), off, "SIGSEGV", func(t *testing.T) { _ = closeAnyway(p) })
		x.window, x.offset = "index", next
		return x
	},
	"a window that nothing is mapped in": func(t *testing.T) bad {
		w, err := addrspace.Default().Reserve(2*mib, addrspace.ReserveOptions{Name: "index"})
		must(t, err)
		x := touching(unsafe.Slice((*byte)(w.Base()), 2*mib), 42, "SIGSEGV", func(t *testing.T) { must(t, w.Release()) })
		x.window, x.offset = "index", 42
		return x
	},
	"a window in quarantine": func(t *testing.T) bad {
		w, err := addrspace.Default().Reserve(2*mib, addrspace.ReserveOptions{Name: "index"})
		must(t, err)
		must(t, w.Quarantine())
		x := touching(unsafe.Slice((*byte)(w.Base()), 2*mib), 2*mib-1, "SIGSEGV", func(t *testing.T) { must(t, w.Release()) })
		x.window, x.offset = "index", 2*mib-1
		return x
	},
}

// touching returns the store to b[i] as something bad.
func touching(b []byte, i int, signal string, after func(t *testing.T)) bad {
	return bad{addr: uintptr(unsafe.Pointer(&b[i])), touch: func() { b[i] = 1 }, signal: signal, after: after}
}

func addressOf(b []byte) uintptr { return uintptr(unsafe.Pointer(&b[0])) }

// closeAnyway closes a pool whose buffers are live.
func closeAnyway(p *pool.Pool) error {
	if p.Close() == nil {
		return errors.New("no error for live buffers")
	}
	return nil
}

func hasFeature(name string) bool {
	for _, f := range arena.Features() {
		if f.Name == name {
			return f.Err == nil
		}
	}
	return false
}

// TestFault_IsAPanicWithTheAddress: with debug.SetPanicOnFault whatever the kernel sends
// is a panic of that goroutine alone, which knows the address.
func TestFault_IsAPanicWithTheAddress(t *testing.T) {
	for name, prepare := range bads {
		t.Run(name, func(t *testing.T) {
			testutil.NoLeaks(t, trim)
			x := prepare(t)
			defer x.after(t)
			for range 3 { // Again and again: the handler is not used up.
				func() {
					defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
					defer func() {
						fault, ok := recover().(interface{ Addr() uintptr })
						if !ok || fault.Addr() != x.addr {
							t.Errorf("a touch of %#x panics with %v", x.addr, fault)
						}
					}()
					x.touch()
				}()
			}
		})
	}
}

// TestFault_IsCaught: CatchFault makes an error of it that names the window and the
// offset, where there still is a window, in many goroutines at once.
func TestFault_IsCaught(t *testing.T) {
	for name, prepare := range bads {
		t.Run(name, func(t *testing.T) {
			testutil.NoLeaks(t, trim)
			x := prepare(t)
			defer x.after(t)
			if x.window == "" {
				t.Skip("the window is gone: the fault goes on as a panic")
			}
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					var fault *arena.FaultError
					err := arena.CatchFault(nil, func() error { x.touch(); return nil })
					if !errors.As(err, &fault) || fault.Addr != x.addr || fault.Window != x.window || fault.Offset != x.offset {
						t.Errorf("%v: %+v, want %#x, offset %d of %q", err, fault, x.addr, x.offset, x.window)
					}
				})
			}
			wg.Wait()
		})
	}
}

// TestFault_EndsTheProcess: without either the process ends, and says the signal and the
// address.
func TestFault_EndsTheProcess(t *testing.T) {
	for name, prepare := range bads {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name != "bytes of a freed arena" && name != "a page beyond the end of the file" {
				t.Skip("one of each signal will do")
			}
			r := testutil.Child(t, testutil.ChildOptions{Ulimit: "-c 0"})
			if r == nil {
				x := prepare(t)
				fmt.Printf("touching %#x by %s\n", x.addr, x.signal)
				x.touch()
				return
			}
			var addr uintptr
			var signal string
			for line := range strings.Lines(r.Output) {
				if at := strings.Index(line, "touching 0x"); at >= 0 {
					if _, err := fmt.Sscanf(line[at:], "touching %v by %s", &addr, &signal); err != nil {
						t.Errorf("%q: %v", line, err)
					}
				}
			}
			if r.Passed() || addr == 0 || !strings.Contains(r.Output, fmt.Sprintf("unexpected fault address %#x", addr)) ||
				!strings.Contains(r.Output, "[signal "+signal) {
				t.Errorf("the child: %v", r)
			}
		})
	}
}
