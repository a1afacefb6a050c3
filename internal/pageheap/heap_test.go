package pageheap

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"unsafe"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/pointerfree"
	"github.com/growarena/growarena/internal/sys"
)

// newHeap makes a heap that needs a new region every 4 MiB, and counts how often it called
// for GiveBackIdle.
func newHeap(t *testing.T) (h *Heap, armed *int) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	h, armed = new(Heap), new(int)
	h.Init(Options{Name: "test", Space: addrspace.Default(), Arm: func() { *armed++ }})
	h.RegionMax = RegionMin
	return h, armed
}

// run is what a test took; the tag of each page is its number, plus 1 for the first.
type run struct {
	r       *Region
	page, n int
	held    bool
}

func (r *run) bytes() []byte {
	return unsafe.Slice((*byte)(sys.Pointer(r.r.Address(r.page))), r.n*PageSize)
}

func (r *run) enter(from int) {
	for i := from; i < r.n; i++ {
		r.r.SetTagLocked(r.page+i, uint64(i)<<32|uint64(r.n))
	}
	r.r.SetTagLocked(r.page, uint64(r.n))
}

// lengthOf is what EachLocked and CheckLocked ask for.
func lengthOf(_ *Region, _ int, tag uint64) int { return int(uint32(tag)) }

// TestHeap takes, lengthens, puts, holds, releases and gives back at random: pages are
// in one run at a time, zero where that is promised, counted, and found by address.
func TestHeap(t *testing.T) {
	h, _ := newHeap(t)
	rng := rand.New(rand.NewPCG(7, 19))
	var all []run
	zero := make([]byte, SetMax*PageSize)
	longer, steps := 0, 6000
	if testing.Short() {
		steps = 1500
	}
	for step := range steps {
		i := rng.IntN(40)
		h.Lock()
		switch op := rng.IntN(12); {
		case i >= len(all):
			n := 1 + rng.IntN(SetMax)
			r, page, stale, err := h.TakeLocked(n, rng.IntN(2) == 0)
			if err != nil {
				t.Fatal(err)
			}
			got := run{r: r, page: page, n: n}
			got.enter(0)
			stale.Clear(got.bytes())
			if !slices.Equal(got.bytes(), zero[:n*PageSize]) {
				t.Fatalf("step %d: %d pages are not zero", step, n)
			}
			got.bytes()[rng.IntN(n*PageSize)] = 1
			all = append(all, got)
		case all[i].held:
			h.ReleaseLocked(all[i].r, all[i].page, all[i].n)
			all = slices.Delete(all, i, i+1)
		case op < 3:
			h.PutLocked(all[i].r, all[i].page, all[i].n)
			all = slices.Delete(all, i, i+1)
		case op < 5:
			h.HoldLocked(all[i].r, all[i].page, all[i].n)
			all[i].held = true
		case op < 8 && all[i].n < SetMax:
			have, want := all[i].n, all[i].n+1+rng.IntN(SetMax-all[i].n)
			if h.RoomBehindLocked(all[i].r, all[i].page, have, want-have) {
				stale := h.LengthenLocked(all[i].r, all[i].page, have, want)
				all[i].n = want
				all[i].enter(0)
				stale.Clear(all[i].bytes())
				if tail := all[i].bytes()[have*PageSize:]; !slices.Equal(tail, zero[:len(tail)]) {
					t.Fatalf("step %d: what is behind %d pages is not zero", step, have)
				}
				longer++
			}
		case op < 10 && all[i].n > 1:
			n := 1 + rng.IntN(all[i].n-1)
			h.PutLocked(all[i].r, all[i].page+n, all[i].n-n)
			all[i].n = n
			all[i].enter(0)
		case step%20 == 0:
			h.Unlock()
			if err := h.Trim(); err != nil {
				t.Fatal(err)
			}
			h.Lock()
		default:
			h.Unlock()
			h.GiveBackIdle()
			h.Lock()
		}
		h.CheckLocked(lengthOf)
		want := Counts{}
		runs := 0
		for _, r := range all {
			if r.held {
				want.Held += r.n
				continue
			}
			runs++
			want.Used += r.n
			k := rng.IntN(r.n)
			p := r.r.Address(r.page+k) + uintptr(rng.IntN(PageSize))
			if tag, off := h.Lookup(p); int(uint32(tag)) != r.n || int(tag>>32) != k || uintptr(off) != p%PageSize {
				t.Fatalf("step %d: page %d of a run of %d has the tag %#x, %d", step, k, r.n, tag, off)
			}
		}
		if got := h.CountsLocked(); got.Used != want.Used || got.Held != want.Held {
			t.Fatalf("step %d: %+v, want %+v", step, got, want)
		}
		h.EachLocked(func(r *Region, page int, tag uint64) int {
			runs--
			if !slices.ContainsFunc(all, func(x run) bool { return x.r == r && x.page == page && x.n == int(tag) }) {
				t.Fatalf("step %d: nobody took the run at page %d", step, page)
			}
			return lengthOf(r, page, tag)
		})
		if runs != 0 {
			t.Fatalf("step %d: %d runs were left out", step, runs)
		}
		h.Unlock()
	}
	if len(h.Regions()) < 2 || longer == 0 {
		t.Errorf("%d regions, %d runs were lengthened", len(h.Regions()), longer)
	}
	if bytes, refused := h.Returned(); bytes == 0 || refused != 0 {
		t.Errorf("%d bytes returned, refused %d times", bytes, refused)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if tag, off := h.Lookup(all[0].r.base); tag != 0 || off != 0 || len(h.Regions()) != 0 {
		t.Errorf("after Close: tag %#x, %d", tag, off)
	}
}

// TestGiveBackIdle: what is free and more than is kept is called for, goes at the second
// look, and not before.
func TestGiveBackIdle(t *testing.T) {
	h, armed := newHeap(t)
	defer h.Close()
	var all []run
	h.Lock()
	for range 8 {
		r, page, _, err := h.TakeLocked(SetMax, false)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, run{r: r, page: page, n: SetMax})
		all[len(all)-1].enter(0)
	}
	was := *armed
	for i, r := range all {
		h.PutLocked(r.r, r.page, r.n)
		if kept := (i+1)*SetMax*PageSize <= KeepMin; kept != (*armed == was) {
			t.Errorf("%d pages are free, and called %d times", (i+1)*SetMax, *armed-was)
		}
	}
	h.Unlock()
	h.GiveBackIdle()
	if bytes, _ := h.Returned(); bytes != 0 {
		t.Errorf("%d bytes were given back that were free for no time", bytes)
	}
	h.GiveBackIdle()
	h.Lock()
	if c := h.CountsLocked(); c.Dirty*PageSize > KeepMin || c.Used != 0 || c.Free < 8*SetMax {
		t.Errorf("%+v", c)
	}
	h.CheckLocked(lengthOf)
	r, page, _, err := h.TakeLocked(SetMax, false)
	if err != nil {
		t.Fatal(err)
	}
	h.PutLocked(r, page, SetMax)
	h.Unlock()
	before, _ := h.Returned()
	for range 3 {
		h.GiveBackIdle()
	}
	if after, _ := h.Returned(); after != before {
		t.Errorf("%d bytes were given back of what is kept", after-before)
	}
}

// TestRefused: what the system does not take back stays as it is, is counted, and is
// tried again; so do pages in use.
func TestRefused(t *testing.T) {
	h, _ := newHeap(t)
	defer h.Close()
	h.Lock()
	r, page, _, err := h.TakeLocked(SetMax, false)
	if err != nil {
		t.Fatal(err)
	}
	took := run{r: r, page: page, n: SetMax}
	took.enter(0)
	h.Unlock()
	restore := sys.SetHook(func(c sys.Call) syscall.Errno {
		if c == sys.CallPunch || c == sys.CallMadvise {
			return syscall.EIO
		}
		return 0
	})
	if err := h.Punch(r, page, 1); !errors.Is(err, syscall.EIO) {
		t.Errorf("Punch: %v", err)
	}
	h.Lock()
	h.PutLocked(r, page, SetMax)
	before := h.CountsLocked()
	h.Unlock()
	if err := h.Trim(); !errors.Is(err, syscall.EIO) {
		t.Errorf("Trim: %v", err)
	}
	restore()
	h.Lock()
	if after := h.CountsLocked(); after != before {
		t.Errorf("%+v, before %+v", after, before)
	}
	h.CheckLocked(lengthOf)
	h.Unlock()
	if bytes, refused := h.Returned(); bytes != 0 || refused != 2 {
		t.Errorf("%d bytes returned, refused %d times, want 0, 2", bytes, refused)
	}
	if err := h.Trim(); err != nil {
		t.Error(err)
	}
	if got := h.Committed(); got != 0 {
		t.Errorf("%d bytes of memory stay", got)
	}
}

// TestRegions_Full: there are so many regions and no more.
func TestRegions_Full(t *testing.T) {
	h, _ := newHeap(t)
	if _, err := h.newRegionLocked(regionsMax); !errors.Is(err, errRegions) {
		t.Error(err)
	}
}

// TestTables_PointerFree: the garbage collector does not look into what there is of pages.
func TestTables_PointerFree(t *testing.T) {
	if path := pointerfree.In(reflect.TypeFor[pageChunk]()); path != "" {
		t.Errorf("it has a pointer: %s", path)
	}
}
