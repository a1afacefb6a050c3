package pool_test

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"syscall"
	"testing"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/pool"
)

// TestPool_Misuse checks what breaking the rules is told.
func TestPool_Misuse(t *testing.T) {
	p := newPool(t, pool.Options{Name: "index"})
	live, freed, moved := alloc(t, p, 5000), alloc(t, p, 5000), alloc(t, p, 32*mib)
	gone := alloc(t, p, 32*mib)
	p.Free(freed)
	p.Free(gone)
	foreign := make([]byte, 10)
	tests := map[string]struct {
		want string
		f    func()
	}{
		"freed twice":                {"freed already", func() { p.Free(freed) }},
		"grown after Free":           {"pool: Grow of", func() { _, _ = p.Grow(freed, 6000) }},
		"moved, freed twice":         {"not a buffer of this pool, or freed already", func() { p.Free(gone) }},
		"foreign":                    {`in "index": not a buffer of this pool`, func() { p.Free(foreign) }},
		"nil":                        {"pool: Free of 0x0 in ", func() { p.Free(nil) }},
		"inside":                     {fmt.Sprintf("the buffer there begins at %#x", addressOf(live)), func() { p.Free(live[1:]) }},
		"inside a moved one":         {"not a buffer of this pool", func() { p.Len(moved[4096:]) }},
		"Grow to less":               {"pool: Grow of a buffer of 5000 bytes in \"index\" to 4999: use Shrink", func() { _, _ = p.Grow(live, 4999) }},
		"Grow of a moved one":        {"to 5: use Shrink", func() { _, _ = p.Grow(moved, 5) }},
		"Shrink to more":             {"pool: Shrink of a buffer of 5000 bytes in \"index\" to 5001", func() { p.Shrink(live, 5001) }},
		"Shrink below zero":          {"to -1", func() { p.Shrink(moved, -1) }},
		"negative":                   {"pool: Alloc of -1 bytes", func() { _, _ = p.Alloc(-1) }},
		"band is no power of two":    {"Band is 65537", func() { _, _ = pool.New(pool.Options{Band: 64*kib + 1}) }},
		"band is small":              {"Band is 32768", func() { _, _ = pool.New(pool.Options{Band: 32 * kib}) }},
		"negative limit":             {"Limit is -1", func() { _, _ = pool.New(pool.Options{Limit: -1}) }},
		"negative reserve":           {"Reserve -1, want 0", func() { _, _ = pool.New(pool.Options{Reserve: -1}) }},
		"beyond the end of all used": {"not a buffer of this pool", func() { p.Free(beyond(live, 1<<30)[1<<29:]) }},
	}
	if bits.UintSize == 32 || testutil.HeapBacked {
		delete(tests, "beyond the end of all used") // There may be no such addresses, and -race looks at what is made of them.
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { mustPanic(t, tt.want, tt.f) })
	}
	if p.Owns(freed) || p.Owns(foreign) || p.Owns(nil) || p.Owns(live[1:]) || !p.Owns(live[:0]) || !p.Owns(moved) {
		t.Error("Owns is wrong")
	}
	before := p.Stats()
	err := p.Close()
	after := p.Stats()
	if s := after; before.Moved == 0 || before.Rehomed == 0 || s.Rehomed != before.Rehomed || s.Limit != before.Limit ||
		s.Buffers+s.Len+s.Committed+s.Kept+s.Runs+s.Reserved+s.Moved+s.Windows+s.Far != 0 {
		t.Errorf("Stats after Close: %+v, before: %+v", s, before)
	}
	if err == nil || err.Error() != `pool: close "index": 2 buffers of 33559432 bytes were not freed` {
		t.Errorf("Close with live buffers: %v", err)
	}
	for name, f := range map[string]func(){
		"Alloc": func() { _, _ = p.Alloc(1) }, "Free": func() { p.Free(live) }, "Close": func() { _ = p.Close() },
		"Trim": func() { _ = p.Trim() }, "Owns": func() { p.Owns(live) },
	} {
		t.Run(name+" after Close", func(t *testing.T) { mustPanic(t, `of "index" after Close`, f) })
	}
}

// TestPool_MisuseMeanwhile frees a buffer while a system call for it is under way.
func TestPool_MisuseMeanwhile(t *testing.T) {
	testutil.NeedsMoves(t)
	probeKernel(t)
	p := newPool(t, pool.Options{Name: "index", Band: 256 * kib})
	defer closePool(t, p)
	b := alloc(t, p, 200*kib)
	meanwhile := func(f func()) {
		t.Helper()
		old, tried := b, false
		restore := sys.SetHook(func(sys.Call) syscall.Errno {
			if !tried {
				tried = true
				mustPanic(t, "another call with this buffer is under way", func() { p.Free(old) })
			}
			return 0
		})
		f()
		restore()
		if !tried {
			t.Error("no system call")
		}
	}
	meanwhile(func() { b = p.Shrink(b, 1) })
	meanwhile(func() { b = grow(t, p, b, mib) })
	meanwhile(func() { b = grow(t, p, b, 10*mib) })
	meanwhile(func() { b = p.Shrink(b, 200*kib) })
	p.Free(b)
}

func mustPanic(t *testing.T, want string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), want) || !strings.HasPrefix(fmt.Sprint(r), "pool: ") {
			t.Errorf("panic is %v, want %q", r, want)
		}
	}()
	f()
}

// overrun writes over the end of the band b lies in and checks that this faults
// at the first byte of the next one.
func overrun(t *testing.T, what string, b []byte, band int) {
	t.Helper()
	end, _ := align.Up(addressOf(b)+1, uintptr(band))
	var fault *arena.FaultError
	err := arena.CatchFault(nil, func() error {
		n := int(end - addressOf(b))
		over := beyond(b, n+1)
		over[n-1] = 0
		over[n] = 0
		return nil
	})
	if !errors.As(err, &fault) || fault.Addr != end {
		t.Errorf("%s: writing from %#x over the end at %#x: %v", what, addressOf(b), end, err)
	}
}

// TestPool_Guards runs over the end of a band: of a new one, of one beside a
// buffer that has outgrown its own, and of the one that was the last of its run.
func TestPool_Guards(t *testing.T) {
	testutil.NoLeaks(t, trim)
	p := newPool(t, pool.Options{Band: 64 * kib})
	defer closePool(t, p)
	if p.Room() == 64*kib {
		t.Skip("no guard pages here")
	}
	b, c := alloc(t, p, 100), alloc(t, p, 100)
	overrun(t, "fresh band", b, 64*kib)
	old := c
	c = grow(t, p, c, 10*mib)
	overrun(t, "the next buffer has moved", b, 64*kib)
	if old[0] = 5; c[0] != 5 {
		t.Error("the old address shows other bytes")
	}
	p.Free(c)
	overrun(t, "the next band is free", b, 64*kib)
	p.Free(b)

	if bits.UintSize == 32 {
		return
	}
	wide := newPool(t, pool.Options{Band: 1 << 30})
	defer closePool(t, wide)
	var all [][]byte
	for range 66 {
		all = append(all, alloc(t, wide, 10))
	}
	for i := range 65 {
		overrun(t, "longer run", all[i], 1<<30)
	}
	for _, b := range all {
		wide.Free(b)
	}
}
