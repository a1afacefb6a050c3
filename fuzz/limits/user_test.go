//go:build linux && !(386 || arm || mips || mipsle)

package limits

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/pool"
	"github.com/growarena/growarena/slab"
)

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)

func TestMain(m *testing.M) {
	testutil.Main(m, func() { _ = addrspace.Default().Trim() }) // what stays is reported
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// user is someone who takes memory, or addresses, until they are refused.
type user struct {
	// more takes more, by about so many bytes, and writes to it where it can be
	// written to.
	more func(n int) error

	// check checks all that was written.
	check func(t *testing.T)

	// less gives back about all that was taken; more works afterwards.
	less func(t *testing.T)

	// close gives everything back.
	close func(t *testing.T)
}

// users are the ways to take memory.
var users = map[string]func(t *testing.T) *user{
	"windows": windows, "arena": oneArena, "arenas": arenas, "pool": inPool, "linear memory": linear, "slab": allocator,
}

// windows reserves one window after the other.
func windows(t *testing.T) *user {
	s := addrspace.New(addrspace.Options{})
	var all []*addrspace.Window
	less := func(t *testing.T) {
		for _, w := range all {
			must(t, w.Release())
		}
		all = nil
	}
	return &user{
		more: func(n int) error {
			w, err := s.Reserve(n, addrspace.ReserveOptions{Min: addrspace.Alignment})
			if err == nil {
				all = append(all, w)
			}
			return err
		},
		check: func(t *testing.T) {
			for _, w := range all {
				if s.Lookup(w.Range().Start) != w {
					t.Errorf("%v is not found", w)
				}
			}
		},
		less: less,
		close: func(t *testing.T) {
			less(t)
			must(t, s.Trim())
		},
	}
}

// oneArena makes one arena longer and longer.
func oneArena(t *testing.T) *user {
	a, err := arena.NewArena(arena.Options{Name: "index", Headroom: -1})
	must(t, err)
	var parts objects
	return &user{
		more:  func(n int) error { return parts.take(a.Alloc(n)) },
		check: parts.check,
		less: func(t *testing.T) {
			// The addresses stay; it is about the length.
			a.Reset()
			must(t, a.Trim())
			parts.all = nil
		},
		close: func(t *testing.T) { must(t, a.Free()) },
	}
}

// arenas makes one arena after the other.
func arenas(t *testing.T) *user {
	var all []*arena.Arena
	var parts objects
	less := func(t *testing.T) {
		for _, a := range all {
			must(t, a.Free())
		}
		all, parts.all = nil, nil
	}
	return &user{
		more: func(n int) error {
			a, err := arena.NewArena(arena.Options{Name: "index", Reserve: n, Limit: n})
			if err != nil {
				return err
			}
			all = append(all, a)
			return parts.take(a.Alloc(100))
		},
		check: parts.check, less: less, close: less,
	}
}

// inPool makes one buffer after the other.
func inPool(t *testing.T) *user {
	p, err := pool.New(pool.Options{Name: "index", Band: mib})
	must(t, err)
	var parts objects
	less := func(t *testing.T) {
		for _, b := range parts.all {
			p.Free(b)
		}
		parts.all = nil
	}
	return &user{
		more:  func(n int) error { return parts.take(p.Alloc(n)) },
		check: parts.check,
		less:  less,
		close: func(t *testing.T) {
			less(t)
			must(t, p.Close())
		},
	}
}

// linear makes one memory longer and longer.
func linear(t *testing.T) *user {
	m, err := arena.NewLinearMemory(0, 64<<30, arena.LinearOptions{Name: "index", Lazy: true})
	must(t, err)
	var now []byte
	return &user{
		more: func(n int) error {
			b := m.Reallocate(uint64(len(now) + n))
			if b == nil {
				return m.Err()
			}
			mark(b[len(now):])
			now = b
			return nil
		},
		check: func(t *testing.T) {
			if len(now) > 0 {
				marked(t, now[len(now)-1:])
			}
		},
		less: func(t *testing.T) { now = m.Reallocate(0) },
		close: func(t *testing.T) {
			m.Free()
		},
	}
}

// allocator allocates one object after the other.
func allocator(t *testing.T) *user {
	a := slab.New(slab.Options{Name: "index"})
	var parts objects
	less := func(t *testing.T) {
		for _, b := range parts.all {
			a.Free(b)
		}
		parts.all = nil
	}
	return &user{
		more:  func(n int) error { return parts.take(a.Alloc(n)) },
		check: parts.check,
		less:  less,
		close: func(t *testing.T) {
			less(t)
			must(t, a.Close())
		},
	}
}

// objects are slices that were handed out, and marked.
type objects struct{ all [][]byte }

func (o *objects) take(b []byte, err error) error {
	if err == nil {
		mark(b)
		o.all = append(o.all, b)
	}
	return err
}

func (o *objects) check(t *testing.T) {
	t.Helper()
	for _, b := range o.all {
		marked(t, b)
	}
}

// mark writes the first byte of b and the last.
func mark(b []byte) { b[0], b[len(b)-1] = 0xa5, 0xa5 }

func marked(t *testing.T, b []byte) {
	t.Helper()
	if b[0] != 0xa5 || b[len(b)-1] != 0xa5 {
		t.Fatalf("%d bytes begin with %#x and end with %#x", len(b), b[0], b[len(b)-1])
	}
}

// full takes more, by n bytes at a time, until that is refused, and checks that the
// refusal is an error that says what it must, that nothing is lost by it, and that the
// runtime goes on: with a larger heap and more threads. It returns how often there was
// more.
func (u *user) full(t *testing.T, n int, is error, says ...string) (times int) {
	t.Helper()
	var err error
	for err == nil {
		if err = u.more(n); err == nil {
			times++
		}
	}
	again := u.more(n)
	for _, err := range []error{err, again} {
		if !errors.Is(err, is) {
			t.Errorf("at the limit: %v, want %v", err, is)
			continue
		}
		for _, text := range says {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%q does not contain %q", err, text)
			}
		}
	}
	u.check(t)
	heap := make([][]byte, 0, 64)
	for range 64 {
		heap = append(heap, make([]byte, mib))
	}
	runtime.KeepAlive(heap)
	threads := make(chan struct{})
	for range 8 {
		go func() {
			runtime.LockOSThread()
			<-threads
		}()
	}
	close(threads)
	u.check(t)
	return times
}

// again gives back and takes anew.
func (u *user) again(t *testing.T, n int) {
	t.Helper()
	u.less(t)
	for range 4 {
		if err := u.more(n); err != nil {
			t.Fatalf("after giving back: %v", err)
		}
	}
	u.check(t)
}
