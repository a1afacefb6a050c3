//go:build !portable && linux && !(386 || arm || mips || mipsle)

package arena_test

import (
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/testutil"
)

// TestArena_Advice: what is advised holds in each window, on whichever rung the arena came
// there, and for all of what is mapped in it.
func TestArena_Advice(t *testing.T) {
	for _, rungs := range []arena.Rungs{arena.RungExtend, arena.RungRehome | arena.RungAlias, arena.RungAlias} {
		a := newArena(t, arena.Options{Reserve: 2 * mib, Rungs: rungs, Advice: []int{unix.MADV_RANDOM, unix.MADV_DONTFORK}})
		for n := mib; n <= 8*mib; n *= 2 {
			b, err := a.Alloc(n)
			if err != nil {
				t.Fatal(err)
			}
			for _, addr := range []uintptr{addressOf(a.Bytes()), addressOf(b) + uintptr(n) - 1} {
				if flags := testutil.VMFlags(t, addr); !slices.Contains(flags, "rr") || !slices.Contains(flags, "dc") || !slices.Contains(flags, "dd") {
					t.Errorf("%v, %d bytes: flags %v", rungs, a.Len(), flags)
				}
			}
		}
		if g := a.Stats().Growth; g.Extended+g.Rehomed+g.Aliased < 2 {
			t.Errorf("%v: %+v", rungs, g)
		}
		free(t, a)
	}
}

// TestNewArena_HugePagesAnywhere: a window for pages of 1 GiB is aligned to one also where the
// kernel chooses its place, and where it need not grow.
func TestNewArena_HugePagesAnywhere(t *testing.T) {
	full := addrspace.New(addrspace.Options{Zones: []addrspace.Range{{Start: 1 << 60, End: 1<<60 + 1<<30}}, CacheWindows: -1})
	for _, limit := range []int{0, 1 << 30, 4 << 30} {
		a, err := arena.NewArena(arena.Options{HugePages: arena.HugeTLB1G, Space: full, Limit: limit})
		if err != nil {
			t.Skipf("no pages of 1 GiB: %v", err)
		}
		for w := range full.All() {
			if r := w.Range(); r.Start%(1<<30) != 0 || r.Len()%(1<<30) != 0 {
				t.Errorf("limit %d: window %v", limit, w)
			}
		}
		free(t, a)
	}
}

func addressOf(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
