//go:build !portable

package arena_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// TestArena_HugePagesThatPay: where huge pages are dearer than small ones HugeAuto prepares small
// ones, and looks now and then; HugeAlways does not ask.
func TestArena_HugePagesThatPay(t *testing.T) {
	if !memfile.CanCollapse() {
		t.Skip("this kernel makes no huge pages")
	}
	extents := 64
	if testing.Short() {
		extents = 24
	}
	for name, tt := range map[string]struct {
		price     time.Duration
		huge      arena.HugePages
		min, most int // huge pages, some of them ahead
	}{
		"cheap":  {time.Microsecond, arena.HugeAuto, extents - 4, extents * 5 / 4},
		"dear":   {time.Second, arena.HugeAuto, 1, 5},
		"always": {time.Second, arena.HugeAlways, extents - 4, extents * 5 / 4},
		"never":  {time.Microsecond, arena.HugeNever, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			defer memfile.FixPrices(tt.price, time.Millisecond)()
			// No tmpfs of its own, in which HugeAlways has huge pages without calls.
			restore := testutil.FailAll(sys.CallFsopen, syscall.EPERM)
			a := newArena(t, arena.Options{HugePages: tt.huge})
			restore()
			calls := testutil.CountCalls(func() {
				for a.Len() < extents<<21 {
					off := a.Len()
					b, err := a.Alloc(64 << 10)
					if err != nil {
						t.Fatal(err)
					}
					fill(b, off)
				}
				if i := check(a.Bytes(), 0); i >= 0 {
					t.Errorf("byte %d is wrong", i)
				}
				free(t, a) // Waits for the helper.
			})
			// Each takes a page first, to be made a huge one of.
			if n := calls[sys.CallAllocate]; n < tt.min || n > tt.most {
				t.Errorf("%d huge pages for %d extents", n, extents)
			}
			if calls[sys.CallClock] > 0 {
				t.Error("the price is given, and is measured")
			}
		})
	}
}
