package arena_test

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

const wasmPage = 64 << 10

func newLinear(t testing.TB, capacity, limit uint64, o arena.LinearOptions) *arena.LinearMemory {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	m, err := arena.NewLinearMemory(capacity, limit, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestLinearMemory grows as a module does, page by page and then in large steps,
// up to the limit and not beyond. The bytes stay and stay where they are, what is
// new is zero, and memory is taken as far as it is asked for.
func TestLinearMemory(t *testing.T) {
	testutil.NeedsMoves(t)
	for _, lazy := range []bool{false, true} {
		t.Run(fmt.Sprintf("lazy=%v", lazy), func(t *testing.T) {
			limit := 64 * mib
			if testing.Short() {
				limit = 16 * mib
			}
			m := newLinear(t, wasmPage, uint64(limit), arena.LinearOptions{Lazy: lazy})
			defer m.Free()
			first := m.Reallocate(0)
			if first == nil || len(first) != 0 {
				t.Fatalf("Reallocate to 0 gives %v", first)
			}
			have := 0
			for have < limit {
				n := min(max(have+wasmPage, have+have/2&^(wasmPage-1)), limit)
				b := m.Reallocate(uint64(n))
				if len(b) != n || cap(b) != n || unsafe.SliceData(b) != unsafe.SliceData(first) {
					t.Fatalf("Reallocate to %d gives %d of %d bytes at %p, began at %p: %v", n, len(b), cap(b), b, first, m.Err())
				}
				for i, c := range b[have:] {
					if c != 0 {
						t.Fatalf("byte %d is %d", have+i, c)
					}
				}
				s := m.Stats()
				unit := 2 * mib
				if n < unit {
					unit = wasmPage
				}
				// The kernel may hold more for the part we have looked at.
				if s.Len != n || s.Limit != limit || !lazy && (s.Committed < n || s.Committed > n+unit) {
					t.Errorf("at %d bytes: %+v", n, s)
				}
				fill(b[have:], have)
				have = n
			}
			for _, size := range []uint64{uint64(limit) + 1, uint64(limit) + wasmPage, math.MaxInt64, math.MaxUint64} {
				if b := m.Reallocate(size); b != nil || !errors.Is(m.Err(), arena.ErrFull) {
					t.Errorf("Reallocate to %d gives %d bytes, %v", size, len(b), m.Err())
				}
			}
			b := m.Reallocate(uint64(limit)) // As memory.grow by 0.
			if i := check(b, 0); len(b) != limit || i >= 0 || m.Err() != nil {
				t.Errorf("%d bytes, byte %d is wrong, %v", len(b), i, m.Err())
			}
			if s := m.Stats(); s.Windows != 1 || s.Growth.Rehomed+s.Growth.Aliased != 0 {
				t.Errorf("it moved: %+v", s)
			}
		})
	}
}

func TestLinearMemory_Shrink(t *testing.T) {
	m := newLinear(t, 0, 4*mib, arena.LinearOptions{})
	defer m.Free()
	fill(m.Reallocate(3*mib), 0)
	if b := m.Reallocate(mib); len(b) != mib || cap(b) != mib {
		t.Errorf("%d of %d bytes", len(b), cap(b))
	}
	if i := check(m.Reallocate(3*mib), 0); i >= 0 {
		t.Errorf("byte %d is wrong", i)
	}
}

// TestLinearMemory_LazyTakesNothing sizes a memory as big as it gets, and more of
// them than there is memory.
func TestLinearMemory_LazyTakesNothing(t *testing.T) {
	testutil.NeedsMoves(t)
	if math.MaxInt == math.MaxInt32 {
		t.Skip("no room")
	}
	for range 100 {
		m := newLinear(t, 0, 4<<30, arena.LinearOptions{Lazy: true})
		defer m.Free()
		b := m.Reallocate(4 << 30)
		if b == nil {
			t.Fatal(m.Err())
		}
		b[0], b[len(b)-1] = 1, 2
		if s := m.Stats(); s.Committed > 4*mib {
			t.Fatalf("%d bytes taken", s.Committed)
		}
	}
}

// TestLinearMemory_Limits makes memories that are never larger than an int, and
// ones that are nothing.
func TestLinearMemory_Limits(t *testing.T) {
	m := newLinear(t, 0, 0, arena.LinearOptions{})
	if b := m.Reallocate(0); b == nil || len(b) != 0 {
		t.Errorf("Reallocate to 0 gives %v, %v", b, m.Err())
	}
	if b := m.Reallocate(1); b != nil || !errors.Is(m.Err(), arena.ErrFull) {
		t.Errorf("Reallocate beyond a limit of 0 gives %d bytes, %v", len(b), m.Err())
	}
	m.Free()

	m = newLinear(t, wasmPage, math.MaxUint64, arena.LinearOptions{})
	if b := m.Reallocate(wasmPage); len(b) != wasmPage {
		t.Errorf("without a limit: %d bytes, %v", len(b), m.Err())
	}
	if s := m.Stats(); uint64(s.Window) > 64<<30 {
		t.Errorf("it reserves %d bytes", s.Window)
	}
	m.Free()
}

func TestLinearMemory_UseAfterFree(t *testing.T) {
	m := newLinear(t, 0, mib, arena.LinearOptions{Name: "guest"})
	b := m.Reallocate(mib)
	m.Free()
	for name, f := range map[string]func(){
		"Reallocate": func() { m.Reallocate(mib) },
		"Free":       func() { m.Free() },
	} {
		func() {
			defer func() {
				if r := recover(); fmt.Sprint(r) != `arena: use of "guest" after Free` {
					t.Errorf("%s panics with %v", name, r)
				}
			}()
			f()
		}()
	}
	testutil.NeedsFaults(t)
	func() {
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		defer func() {
			if recover() == nil {
				t.Error("a byte after Free does not fault")
			}
		}()
		b[0]++
	}()
}

// TestLinearMemory_OutOfMemory has the kernel refuse memory.
func TestLinearMemory_OutOfMemory(t *testing.T) {
	m := newLinear(t, 0, 16*mib, arena.LinearOptions{})
	defer m.Free()
	func() {
		defer testutil.FailAll(sys.CallAllocate, sys.ENOSPC)()
		for _, size := range []uint64{wasmPage, 8 * mib} {
			if b := m.Reallocate(size); b != nil || !errors.Is(m.Err(), sys.ENOSPC) {
				t.Errorf("%d bytes, %v", len(b), m.Err())
			}
		}
	}()
	if b := m.Reallocate(8 * mib); b == nil {
		t.Error(m.Err())
	}
}

// TestLinearMemory_LimitAS makes memories of up to 4 GiB where there are fewer
// addresses. They begin small and grow where they are, as far as it goes, and
// then leave room to others.
func TestLinearMemory_LimitAS(t *testing.T) {
	testutil.NeedsMoves(t)
	if runtime.GOOS != "linux" || math.MaxInt == math.MaxInt32 {
		t.Skip("needs 64-bit Linux")
	}
	if !testutil.InChild(t, "-v 3000000") {
		return
	}
	var all []*arena.LinearMemory
	for range 8 {
		m := newLinear(t, wasmPage, 4<<30, arena.LinearOptions{Lazy: true})
		defer m.Free()
		if m.Reallocate(wasmPage) == nil {
			t.Fatal(m.Err())
		}
		all = append(all, m)
	}
	m := all[0]
	first := m.Reallocate(wasmPage)
	size := uint64(wasmPage)
	for {
		b := m.Reallocate(size + 16*mib)
		if b == nil {
			break
		}
		if unsafe.SliceData(b) != unsafe.SliceData(first) {
			t.Fatal("it moved")
		}
		size += 16 * mib
		b[size-1] = 1
	}
	if !errors.Is(m.Err(), addrspace.ErrNoSpace) || !strings.Contains(m.Err().Error(), "RLIMIT_AS") {
		t.Errorf("at the limit: %v", m.Err())
	}
	if size < 512*mib {
		t.Errorf("only %d bytes fit", size)
	}
	t.Logf("%d bytes fit", size)
}

// TestLinearMemory_Shared has goroutines write and read what they have while the
// memory grows, as threads of a module do.
func TestLinearMemory_Shared(t *testing.T) {
	m := newLinear(t, 0, 64*mib, arena.LinearOptions{})
	defer m.Free()
	const part = mib
	b := m.Reallocate(4 * part)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			own := b[g*part : (g+1)*part]
			for round := byte(1); ; round++ {
				for i := range own {
					own[i] = round
				}
				for i := range own {
					if own[i] != round {
						t.Errorf("goroutine %d: byte %d is %d, wrote %d", g, i, own[i], round)
						return
					}
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for n := uint64(4 * part); n < 64*mib; n += 3 * mib {
		if m.Reallocate(n) == nil {
			t.Error(m.Err())
			break
		}
	}
	close(stop)
	wg.Wait()
}
