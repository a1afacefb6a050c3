package arena_test

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

const mib = 1 << 20

// newArena makes an arena for a test, which frees it unless the test has.
func newArena(t testing.TB, opts arena.Options) *arena.Arena {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	if opts.Name == "" {
		opts.Name = t.Name()
	}
	a, err := arena.NewArena(opts)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func free(t testing.TB, a *arena.Arena) {
	t.Helper()
	if err := a.Free(); err != nil {
		t.Error(err)
	}
}

// How tests write and look: see testutil.
var pattern, fill, check = testutil.Pattern, testutil.Fill, testutil.Check

// ladders are the growth ladders every growth test is run on: each rung as the
// top one, and all of them.
var ladders = map[string]arena.Rungs{
	"all":    0,
	"extend": arena.RungInWindow | arena.RungExtend,
	"rehome": arena.RungInWindow | arena.RungRehome,
	"alias":  arena.RungInWindow | arena.RungAlias,
}

func init() {
	// Among 32 bits the kernel places windows, one next to the other: few can be extended.
	if bits.UintSize == 32 {
		delete(ladders, "extend")
	}
}

// rules are the pointer rules.
var rules = map[string]func(*arena.Options){
	"keep":    func(*arena.Options) {},
	"retire":  func(o *arena.Options) { o.Retire = true },
	"classic": func(o *arena.Options) { o.Domain = epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall}) },
}

// eachLadder runs f on every ladder under every pointer rule; in a short test on every ladder
// under one rule, and under every rule on one.
func eachLadder(t *testing.T, f func(t *testing.T, o arena.Options)) {
	for ladder, rungs := range ladders {
		for rule, set := range rules {
			if testing.Short() && rule != "keep" && ladder != "rehome" {
				continue
			}
			t.Run(ladder+"/"+rule, func(t *testing.T) {
				o := arena.Options{Name: t.Name(), Reserve: 2 * mib, Rungs: rungs}
				set(&o)
				f(t, o)
			})
		}
	}
}

// TestArena_GrowKeepsContents appends until several windows have been used and
// checks every byte, through the newest view and, where old pointers stay valid,
// through every slice ever handed out.
func TestArena_GrowKeepsContents(t *testing.T) {
	testutil.NeedsMoves(t)
	eachLadder(t, func(t *testing.T, o arena.Options) {
		a := newArena(t, o)
		defer free(t, a)
		total := 40 * mib
		if testing.Short() {
			total = 20 * mib // Three moves, from a window of 2 MiB.
		}
		rng := rand.New(rand.NewPCG(1, 2))
		var slices [][]byte
		for a.Len() < total {
			off := a.Len()
			b, err := a.Alloc(1 + rng.IntN(300<<10))
			if err != nil {
				t.Fatal(err)
			}
			if a.Offset(b) != off || cap(b) != len(b) {
				t.Fatalf("Alloc at %d: offset %d, len %d, cap %d", off, a.Offset(b), len(b), cap(b))
			}
			fill(b, off)
			slices = append(slices, b)
		}
		if i := check(a.Bytes(), 0); i >= 0 {
			t.Fatalf("byte %d is wrong through the newest view", i)
		}
		s := a.Stats()
		if o.Domain == nil && !o.Retire {
			off := 0
			for _, b := range slices {
				if i := check(b, off); i >= 0 {
					t.Fatalf("byte %d is wrong through the slice handed out", i)
				}
				off += len(b)
			}
			if s.Kept > s.Window {
				t.Errorf("kept windows are %d bytes, more than the current one's %d", s.Kept, s.Window)
			}
		}
		moves := map[arena.Rungs]int{
			arena.RungExtend: s.Growth.Extended, arena.RungRehome: s.Growth.Rehomed, arena.RungAlias: s.Growth.Aliased,
		}
		for rung, n := range moves {
			if o.Rungs&rung != 0 && n < 3 {
				t.Errorf("%v was climbed %d times: %+v", rung, n, s.Growth)
			}
			if o.Rungs != 0 && o.Rungs&rung == 0 && n > 0 {
				t.Errorf("%v was climbed although it is off", rung)
			}
		}
		if s.Len != a.Len() || s.Cap != a.Cap() || s.Cap < s.Len || s.Window < s.Cap {
			t.Errorf("Stats %+v with Len %d, Cap %d", s, a.Len(), a.Cap())
		}
	})
}

// TestArena_WritesThroughOldWindow writes through a slice of the first window
// after the arena has moved, and reads it through the last one.
func TestArena_WritesThroughOldWindow(t *testing.T) {
	for _, rungs := range []arena.Rungs{arena.RungRehome, arena.RungAlias} {
		t.Run(rungs.String(), func(t *testing.T) {
			a := newArena(t, arena.Options{Reserve: 2 * mib, Rungs: arena.RungInWindow | rungs})
			defer free(t, a)
			old, err := a.Alloc(mib)
			if err != nil {
				t.Fatal(err)
			}
			fill(old, 0)
			for range 4 {
				if err := a.Grow(2 * a.Cap()); err != nil {
					t.Fatal(err)
				}
				if i := check(a.Bytes(), 0); i >= 0 {
					t.Fatalf("byte %d is wrong in the new window", i)
				}
				for i := 0; i < len(old); i += 4096 {
					old[i]++
					if a.Bytes()[i] != old[i] {
						t.Fatalf("a store at %d through the old window is not seen in the new one", i)
					}
					a.Bytes()[i]--
					if old[i] != pattern(i) {
						t.Fatalf("a store at %d through the new window is not seen in the old one", i)
					}
				}
			}
		})
	}
}

// TestArena_AllocConcurrently hands out memory to many goroutines while windows
// change under them. No byte may be handed out twice.
func TestArena_AllocConcurrently(t *testing.T) {
	for ladder, rungs := range ladders {
		t.Run(ladder, func(t *testing.T) {
			a := newArena(t, arena.Options{Reserve: 2 * mib, Rungs: rungs})
			defer free(t, a)
			goroutines, loops := 8, 400
			if testing.Short() {
				loops = 150
			}
			var wg sync.WaitGroup
			var allocated atomic.Int64
			for g := range goroutines {
				wg.Go(func() {
					rng := rand.New(rand.NewPCG(uint64(g), 3))
					var mine [][]byte
					for range loops {
						n := 1 + rng.IntN(10_000)
						alignment := 1 << rng.IntN(8)
						b, err := a.AllocAligned(n, alignment)
						if err != nil {
							t.Error(err)
							return
						}
						if a.Offset(b)%alignment != 0 {
							t.Errorf("offset %d is no multiple of %d", a.Offset(b), alignment)
						}
						allocated.Add(int64(n))
						for i := range b {
							if b[i] != 0 {
								t.Errorf("fresh byte is %d", b[i])
								return
							}
							b[i] = byte(g + 1)
						}
						mine = append(mine, b)
					}
					for _, b := range mine {
						for i := range b {
							if b[i] != byte(g+1) {
								t.Errorf("goroutine %d finds a byte of %d", g+1, b[i])
								return
							}
						}
					}
				})
			}
			wg.Wait()
			if int64(a.Len()) < allocated.Load() {
				t.Errorf("Len %d, handed out %d", a.Len(), allocated.Load())
			}
		})
	}
}

// TestArena_ReadersDuringGrowth lets readers check everything through guards
// while a writer grows the arena over every rung, and some guards sleep through
// many growths: delay-based reclamation would crash here.
func TestArena_ReadersDuringGrowth(t *testing.T) {
	eachLadder(t, func(t *testing.T, o arena.Options) {
		a := newArena(t, o)
		total := 48 * mib
		if testing.Short() {
			total = 20 * mib
		}
		var published atomic.Int64
		var wg sync.WaitGroup
		for r := range 3 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(r), 4))
				g, err := a.Pin()
				if err != nil {
					t.Error(err)
					return
				}
				defer func() { g.Unpin() }()
				for published.Load() < int64(total) {
					n := int(published.Load())
					switch rng.IntN(4) {
					case 0:
						err = g.Refresh()
					case 1:
						g.Unpin()
						g, err = a.Pin()
					case 2:
						time.Sleep(time.Duration(rng.IntN(3)) * time.Millisecond)
					}
					if err != nil {
						t.Error(err)
						return
					}
					b := g.Bytes()
					b = b[:min(len(b), n)]
					if len(b) == 0 {
						continue
					}
					for range 100 {
						if i := rng.IntN(len(b)); b[i] != pattern(i) {
							t.Errorf("byte %d of %d is %d, want %d", i, n, b[i], pattern(i))
							return
						}
					}
				}
			})
		}
		w, err := a.Pin()
		if err != nil {
			t.Fatal(err)
		}
		for a.Len() < total {
			off := a.Len()
			b, err := w.Alloc(64 << 10)
			if err != nil {
				t.Fatal(err)
			}
			fill(b, off)
			published.Store(int64(a.Len()))
		}
		w.Unpin()
		wg.Wait()
		if d := a.Domain(); d != nil {
			if err := d.Barrier(t.Context()); err != nil {
				t.Error(err)
			}
			if s := d.Stats(); s.Retired != 0 {
				t.Errorf("%d windows are still retired with no guard left", s.Retired)
			}
		}
		free(t, a)
	})
}

// TestArena_GuardOutlivesFree reads through a guard after Free: the window must
// stay until Unpin.
func TestArena_GuardOutlivesFree(t *testing.T) {
	for _, rule := range []string{"retire", "classic"} {
		t.Run(rule, func(t *testing.T) {
			o := arena.Options{}
			rules[rule](&o)
			a := newArena(t, o)
			b, err := a.Alloc(mib)
			if err != nil {
				t.Fatal(err)
			}
			fill(b, 0)
			g, err := a.Pin()
			if err != nil {
				t.Fatal(err)
			}
			b = g.Bytes()
			free(t, a)
			runtime.Gosched()
			if i := check(b, 0); i >= 0 {
				t.Errorf("byte %d is wrong after Free under a guard", i)
			}
			g.Unpin()
			if err := a.Domain().Barrier(t.Context()); err != nil {
				t.Error(err)
			}
			if rule == "retire" {
				if _, err := a.Pin(); !errors.Is(err, epoch.ErrClosed) {
					t.Errorf("Pin after Free: %v, want %v", err, epoch.ErrClosed)
				}
			}
		})
	}
}

// TestArena_PinAfterFree: a reader who comes too late gets an error, under every
// pointer rule the same, and leaves no pin behind, which would hold what others
// retire in the same domain.
func TestArena_PinAfterFree(t *testing.T) {
	for rule, set := range rules {
		t.Run(rule, func(t *testing.T) {
			o := arena.Options{Name: "gone"}
			set(&o)
			a := newArena(t, o)
			g, err := a.Pin()
			if err != nil {
				t.Fatal(err)
			}
			b := arena.NewBufferIn(a)
			free(t, a)
			_, pin := a.Pin()
			_, readAt := b.ReadAt(make([]byte, 1), 0)
			for what, err := range map[string]error{
				"Pin":           pin,
				"Read":          a.Read(func([]byte) error { return nil }),
				"Buffer.ReadAt": readAt,
				"Refresh":       g.Refresh(),
			} {
				if !errors.Is(err, epoch.ErrClosed) || !strings.Contains(err.Error(), `arena: pin "gone", which has been freed`) {
					t.Errorf("%s after Free: %v", what, err)
				}
			}
			if d := a.Domain(); d != nil {
				panics(t, func() { g.Unpin() }) // Refresh has done it.
				if err := d.Barrier(t.Context()); err != nil {
					t.Error(err)
				}
				if s := d.Stats(); s.Pinned != 0 {
					t.Errorf("%d pins are left", s.Pinned)
				}
			}
		})
	}
}

// TestArena_TrimFile gives back all whole pages of a file that does not end with one.
func TestArena_TrimFile(t *testing.T) {
	testutil.NeedsMoves(t)
	fd, err := sys.Memfd(t.Name(), 0)
	if err != nil {
		t.Skip(err)
	}
	f := os.NewFile(uintptr(fd), t.Name())
	defer f.Close()
	if _, err := f.Write(make([]byte, 5000)); err != nil {
		t.Fatal(err)
	}
	a := newArena(t, arena.Options{File: f})
	defer free(t, a)
	a.Reset()
	if err := a.Trim(); err != nil {
		t.Fatal(err)
	}
	if s := a.Stats(); s.Committed > os.Getpagesize() || s.Cap != 5000 {
		t.Errorf("after Reset and Trim: %+v", s)
	}
	if info, err := f.Stat(); err != nil || info.Size() != 5000 {
		t.Errorf("the file is %d bytes: %v", info.Size(), err)
	}
}

// TestArena_ZeroAfterReset hands memory out again and checks that it is clear.
func TestArena_ZeroAfterReset(t *testing.T) {
	testutil.NeedsMoves(t)
	a := newArena(t, arena.Options{})
	defer free(t, a)
	for round := range 4 {
		for a.Len() < 20*mib {
			b, err := a.Alloc(100_003)
			if err != nil {
				t.Fatal(err)
			}
			for i := range b {
				if b[i] != 0 {
					t.Fatalf("round %d: byte %d is %d", round, a.Offset(b)+i, b[i])
				}
				b[i] = 0xff
			}
		}
		switch round {
		case 0:
			a.Reset()
		case 1:
			a.Truncate(3*mib + 1)
		case 2:
			a.Reset()
			if err := a.Trim(); err != nil {
				t.Fatal(err)
			}
			if c := a.Stats().Committed; c != 0 {
				t.Errorf("%d bytes are committed after Reset and Trim", c)
			}
		}
	}
}

// TestArena_Decommit gives memory back under the eyes of an alias.
func TestArena_Decommit(t *testing.T) {
	testutil.NeedsMoves(t)
	a := newArena(t, arena.Options{Headroom: -1})
	defer free(t, a)
	b, err := a.Alloc(8 * mib)
	if err != nil {
		t.Fatal(err)
	}
	fill(b, 0)
	before := a.Stats().Committed
	if err := a.Decommit(mib+1, 4*mib); err != nil {
		t.Fatal(err)
	}
	if c := a.Stats().Committed; c > before-4*mib+2*os.Getpagesize() {
		t.Errorf("committed went from %d to %d", before, c)
	}
	for i, c := range b {
		want := pattern(i)
		if i > mib && i <= 5*mib {
			want = 0
		}
		if c != want {
			t.Fatalf("byte %d is %d, want %d", i, c, want)
		}
	}
}

// TestArena_Commit makes Grow take the memory: afterwards nothing faults in more.
func TestArena_Commit(t *testing.T) {
	for _, huge := range []arena.HugePages{arena.HugeAuto, arena.HugeNever} {
		a := newArena(t, arena.Options{Commit: true, HugePages: huge, Reserve: 2 * mib})
		if err := a.Grow(33 * mib); err != nil {
			t.Fatal(err)
		}
		if s := a.Stats(); s.Committed < 33*mib || s.Committed > s.Cap+2*mib {
			t.Errorf("huge %d: %d bytes are committed for a capacity of %d", huge, s.Committed, s.Cap)
		}
		b, err := a.Alloc(33 * mib)
		if err != nil {
			t.Fatal(err)
		}
		fill(b, 0)
		free(t, a)
	}
}

// TestArena_HugeTLB uses the reserved pool if there is one, and else checks that
// an empty pool is an error and not a signal.
func TestArena_HugeTLB(t *testing.T) {
	a, err := arena.NewArena(arena.Options{Name: t.Name(), HugePages: arena.HugeTLB2M})
	if err != nil {
		t.Skipf("no hugetlb: %v", err)
	}
	defer free(t, a)
	b, err := a.Alloc(3 * mib)
	if err != nil {
		if !errors.Is(err, sys.ENOSPC) && !errors.Is(err, sys.ENOMEM) || !strings.Contains(err.Error(), "/hugepages-2048kB/nr_hugepages") {
			t.Errorf("Alloc with an empty pool: %v", err)
		}
		if a.Len() != 0 || a.Cap() != 0 {
			t.Errorf("after the error Len is %d, Cap %d", a.Len(), a.Cap())
		}
		return
	}
	fill(b, 0)
}

func TestArena_Limit(t *testing.T) {
	a := newArena(t, arena.Options{Name: "index", Limit: 3*mib + 5})
	defer free(t, a)
	if _, err := a.Alloc(3 * mib); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		b, err := a.Alloc(6)
		if !errors.Is(err, arena.ErrFull) || b != nil {
			t.Fatalf("Alloc past the limit: %v, %v", b, err)
		}
	}
	want := fmt.Sprintf(`arena: grow "index" by 1 bytes to %d: arena full: the limit is %d bytes`, 3*mib+6, 3*mib+5)
	if _, err := a.Alloc(6); err == nil || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	if b, err := a.Alloc(5); err != nil || len(b) != 5 {
		t.Fatalf("Alloc up to the limit: %v", err)
	}
	if a.Len() != a.Limit() || a.Cap() != a.Limit() {
		t.Errorf("Len %d, Cap %d, Limit %d", a.Len(), a.Cap(), a.Limit())
	}
	if _, err := a.Alloc(math.MaxInt); !errors.Is(err, arena.ErrFull) {
		t.Errorf("Alloc(MaxInt): %v", err)
	}
	if err := a.Grow(math.MaxInt); !errors.Is(err, arena.ErrFull) {
		t.Errorf("Grow(MaxInt): %v", err)
	}
}

// TestArena_Unlimited asks for more than there are addresses.
func TestArena_Unlimited(t *testing.T) {
	a := newArena(t, arena.Options{})
	defer free(t, a)
	sizes := []int{math.MaxInt, math.MaxInt - 4096}
	if bits.UintSize == 64 {
		sizes = append(sizes, math.MaxInt/8, math.MaxInt/8192)
	}
	for _, n := range sizes {
		if _, err := a.Alloc(n); err == nil {
			t.Errorf("Alloc(%d) succeeded", n)
		}
		if a.Len() != 0 || a.Cap() != 0 {
			t.Fatalf("after Alloc(%d): Len %d, Cap %d", n, a.Len(), a.Cap())
		}
	}
	if _, err := a.Alloc(1); err != nil {
		t.Fatal(err)
	}
}

func TestArena_Misuse(t *testing.T) {
	freed := newArena(t, arena.Options{Name: "x"})
	free(t, freed)
	a := newArena(t, arena.Options{Name: "x", Limit: 4 * mib})
	defer free(t, a)
	if _, err := a.Alloc(100); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		f    func()
		want string
	}{
		"negative alloc":     {func() { a.Alloc(-1) }, `arena: Alloc of -1 bytes in "x"`},
		"negative sparse":    {func() { a.AllocSparse(-5) }, `arena: Alloc of -5 bytes in "x"`},
		"negative aligned":   {func() { a.AllocAligned(-5, 8) }, `arena: Alloc of -5 bytes in "x"`},
		"odd alignment":      {func() { a.AllocAligned(8, 3) }, `arena: AllocAligned in "x": alignment is 3, want a power of two up to 2097152`},
		"zero alignment":     {func() { a.AllocAligned(8, 0) }, `arena: AllocAligned in "x": alignment is 0, want a power of two up to 2097152`},
		"large alignment":    {func() { a.AllocAligned(8, 4*mib) }, `arena: AllocAligned in "x": alignment is 4194304, want a power of two up to 2097152`},
		"negative grow":      {func() { a.Grow(-1) }, `arena: Grow of "x" by -1 bytes`},
		"truncate up":        {func() { a.Truncate(101) }, `arena: Truncate of "x" to 101 bytes: length is 100`},
		"truncate negative":  {func() { a.Truncate(-1) }, `arena: Truncate of "x" to -1 bytes: length is 100`},
		"decommit outside":   {func() { a.Decommit(4*mib, 1) }, `arena: Decommit of "x": 1 bytes at 4194304 are not within [0,`},
		"decommit negative":  {func() { a.Decommit(-1, 1) }, `arena: Decommit of "x": 1 bytes at -1 are not within [0,`},
		"decommit overflow":  {func() { a.Decommit(1, math.MaxInt) }, `are not within [0,`},
		"alias of odd range": {func() { a.Alias(arena.AliasOptions{Off: 1, Len: 4096}) }, `arena: Alias of "x": [1, 4097) is not a range of pages`},
		"alias outside":      {func() { a.Alias(arena.AliasOptions{Off: 0, Len: 64 * mib}) }, `are not within [0,`},
		"foreign slice":      {func() { a.Offset(make([]byte, 1)) }, `arena: Offset in "x" of a slice that is in none of its windows`},
		"negative limit":     {func() { arena.NewArena(arena.Options{Limit: -1}) }, `make "arena": Reserve is 0, Limit -1, want 0 or more`},
		"domain and retire": {func() {
			arena.NewArena(arena.Options{Retire: true, Domain: epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})})
		}, `both Domain and Retire are set`},
		"unknown rung":          {func() { arena.NewArena(arena.Options{Rungs: 128}) }, `Rungs is 0x80`},
		"unknown huge pages":    {func() { arena.NewArena(arena.Options{HugePages: 77}) }, `HugePages is 77`},
		"alloc after free":      {func() { freed.Alloc(1) }, `arena: use of "x" after Free`},
		"bytes after free":      {func() { freed.Bytes() }, `arena: use of "x" after Free`},
		"grow after free":       {func() { freed.Grow(1) }, `arena: use of "x" after Free`},
		"double free":           {func() { freed.Free() }, `arena: use of "x" after Free`},
		"trim after free":       {func() { freed.Trim() }, `arena: use of "x" after Free`},
		"reset after free":      {func() { freed.Reset() }, `arena: use of "x" after Free`},
		"file after free":       {func() { freed.File() }, `arena: use of "x" after Free`},
		"decommit after free":   {func() { freed.Decommit(0, 0) }, `arena: use of "x" after Free`},
		"alias after free":      {func() { freed.Alias(arena.AliasOptions{}) }, `arena: use of "x" after Free`},
		"zero alloc after free": {func() { freed.Alloc(1 << 20) }, `arena: use of "x" after Free`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), tt.want) {
					t.Errorf("panic %v, want %q", r, tt.want)
				}
			}()
			tt.f()
		})
	}
}

func TestArena_AllocNothing(t *testing.T) {
	a := newArena(t, arena.Options{})
	defer free(t, a)
	b, err := a.Alloc(0)
	if err != nil || b == nil || len(b) != 0 {
		t.Errorf("Alloc(0) = %v, %v", b, err)
	}
}

// TestArena_NoHeapAllocation asserts what hot paths cost.
func TestArena_NoHeapAllocation(t *testing.T) {
	for rule, set := range rules {
		t.Run(rule, func(t *testing.T) {
			o := arena.Options{}
			set(&o)
			a := newArena(t, o)
			defer free(t, a)
			if err := a.Grow(mib); err != nil {
				t.Fatal(err)
			}
			allocs := testing.AllocsPerRun(1000, func() {
				if _, err := a.Alloc(64); err != nil {
					t.Fatal(err)
				}
				g, err := a.Pin()
				if err != nil {
					t.Fatal(err)
				}
				_ = g.Bytes()
				if err := g.Refresh(); err != nil {
					t.Fatal(err)
				}
				g.Unpin()
				_ = a.Bytes()
			})
			if allocs != 0 {
				t.Errorf("%v allocations", allocs)
			}
		})
	}
}

// TestArena_Headroom appends enough that memory is prepared ahead, and checks
// that what was prepared is bounded and right.
func TestArena_Headroom(t *testing.T) {
	testutil.NeedsMoves(t)
	a := newArena(t, arena.Options{})
	defer free(t, a)
	most := 128 * mib
	if testing.Short() {
		most = 64 * mib
	}
	for a.Len() < most {
		off := a.Len()
		b, err := a.Alloc(64 << 10)
		if err != nil {
			t.Fatal(err)
		}
		b[0], b[len(b)-1] = pattern(off), pattern(off+len(b)-1)
	}
	s := a.Stats()
	if !s.HeadroomOff && s.PreparedByWriter+s.PreparedByHelper == 0 {
		t.Errorf("nothing was prepared: %+v", s)
	}
	if over := s.Committed - s.Len; over > s.Len/8+4*mib {
		t.Errorf("%d bytes are committed beyond the length of %d", over, s.Len)
	}
	for off := 0; off < a.Len(); off += 64 << 10 {
		if b := a.Bytes(); b[off] != pattern(off) || b[off+64<<10-1] != pattern(off+64<<10-1) {
			t.Fatalf("bytes at %d are wrong", off)
		}
	}
	a.Truncate(a.Len() / 2)
	if err := a.Trim(); err != nil {
		t.Fatal(err)
	}
	if c := a.Stats().Committed; c > a.Len()+2*mib {
		t.Errorf("%d bytes are committed after Trim to %d", c, a.Len())
	}
}

func TestArena_AliasReadOnlyAndRing(t *testing.T) {
	testutil.NeedsMoves(t)
	a := newArena(t, arena.Options{})
	page := os.Getpagesize()
	b, err := a.Alloc(4 * page)
	if err != nil {
		t.Fatal(err)
	}
	fill(b, 0)
	ring, err := a.Alias(arena.AliasOptions{Off: page, Len: 2 * page, Repeat: 3})
	if err != nil {
		t.Fatal(err)
	}
	r := ring.Bytes()
	if len(r) != 6*page {
		t.Fatalf("the ring has %d bytes", len(r))
	}
	r[5*page] = 77 // Page 1 of the third round.
	if b[2*page] != 77 || r[page] != 77 || r[3*page] != 77 {
		t.Error("a store into the ring is not seen in every round")
	}
	b[2*page] = pattern(2 * page)
	for i := range r {
		if want := pattern(page + i%(2*page)); r[i] != want {
			t.Fatalf("byte %d of the ring is %d, want %d", i, r[i], want)
		}
	}
	ro, err := a.Alias(arena.AliasOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	v := ro.Bytes()
	err = arena.CatchFault(nil, func() error { v[3] = 1; return nil })
	var fault *arena.FaultError
	if !errors.As(err, &fault) || fault.Offset != 3 {
		t.Errorf("a store through a read-only alias: %v", err)
	}
	free(t, a)
	if i := check(v[:4*page], 0); i >= 0 {
		t.Errorf("byte %d of the alias is wrong after Free of the arena", i)
	}
	ro.Release()
	ring.Release()
}

// TestArena_File uses a file of the caller's: its content is the arena's, and
// what is written is in the file, which Free cuts to the length.
func TestArena_File(t *testing.T) {
	testutil.NeedsMoves(t)
	name := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(name, []byte("hello, "), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	a := newArena(t, arena.Options{File: f, Reserve: 2 * mib})
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if string(a.Bytes()) != "hello, " {
		t.Fatalf("the arena holds %q", a.Bytes())
	}
	b, err := a.Alloc(5 * mib)
	if err != nil {
		t.Fatal(err)
	}
	copy(b, "world")
	b[len(b)-1] = '!'
	dup, err := a.File()
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 12)
	if _, err := dup.ReadAt(got, 0); err != nil || string(got) != "hello, world" {
		t.Errorf("read %q through File: %v", got, err)
	}
	dup.Close()
	free(t, a)
	content, err := os.ReadFile(name)
	if err != nil || len(content) != 7+5*mib || string(content[:12]) != "hello, world" || content[len(content)-1] != '!' {
		t.Errorf("the file has %d bytes, begins %q: %v", len(content), content[:min(12, len(content))], err)
	}
}

// TestArena_FileShrunk cuts a caller's file behind the arena's back: growing
// says so, touching what is gone is a fault that can be caught, and what is left
// stays readable.
func TestArena_FileShrunk(t *testing.T) {
	testutil.NeedsMoves(t)
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	a := newArena(t, arena.Options{Name: "shrunk", File: f})
	b, err := a.Alloc(4 * mib)
	if err != nil {
		t.Fatal(err)
	}
	fill(b, 0)
	if err := f.Truncate(mib); err != nil {
		t.Fatal(err)
	}
	if err := a.Grow(64 * mib); !errors.Is(err, arena.ErrShrunk) || !strings.Contains(err.Error(), `"shrunk"`) {
		t.Errorf("Grow: %v, want %v", err, arena.ErrShrunk)
	}
	var got byte
	err = arena.CatchFault(nil, func() error { got = b[3*mib]; return nil })
	var fault *arena.FaultError
	if !errors.As(err, &fault) || fault.Offset != 3*mib || fault.Window != "shrunk" {
		t.Errorf("touching what is gone: %v (read %d)", err, got)
	}
	if i := check(b[:mib], 0); i >= 0 {
		t.Errorf("byte %d is wrong", i)
	}
	free(t, a)
}

func TestArena_FileClosedOrOdd(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := arena.NewArena(arena.Options{File: f}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a closed file: %v", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if _, err := arena.NewArena(arena.Options{File: r}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a pipe: %v", err)
	}
}

// TestArena_FileIsSealed checks that nobody who gets the file can cut it.
func TestArena_FileIsSealed(t *testing.T) {
	testutil.NeedsMoves(t)
	a := newArena(t, arena.Options{})
	defer free(t, a)
	if err := a.Grow(mib); err != nil {
		t.Fatal(err)
	}
	f, err := a.WritableFile()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(0); !errors.Is(err, sys.EPERM) {
		t.Errorf("cutting the file: %v, want %v", err, sys.EPERM)
	}
}

func TestCatchFault_PassesOthersOn(t *testing.T) {
	sentinel := errors.New("mine")
	if err := arena.CatchFault(nil, func() error { return sentinel }); err != sentinel {
		t.Errorf("error %v", err)
	}
	defer func() {
		if r := recover(); r != "mine" {
			t.Errorf("panic %v", r)
		}
	}()
	_ = arena.CatchFault(nil, func() error { panic("mine") })
}

func TestFeatures(t *testing.T) {
	for _, f := range arena.Features() {
		if f.Name == "" || f.Use == "" {
			t.Errorf("%+v has no name or use", f)
		}
		t.Logf("%-20s %v", f.Name, f.Err)
	}
}

func TestParseRung(t *testing.T) {
	for _, r := range []arena.Rungs{arena.RungInWindow, arena.RungExtend, arena.RungRehome, arena.RungAlias} {
		if got, err := arena.ParseRung(r.String()); got != r || err != nil {
			t.Errorf("ParseRung(%q) = %v, %v", r.String(), got, err)
		}
	}
	if _, err := arena.ParseRung("stairs"); err == nil {
		t.Error("no error for an unknown rung")
	}
}

// TestArena_StatsAfterFree: what is held is 0, but what guards see; what was counted stays.
func TestArena_StatsAfterFree(t *testing.T) {
	testutil.NeedsMoves(t)
	for name, retire := range map[string]bool{"Kept": false, "Retired": true} {
		t.Run(name, func(t *testing.T) {
			a := newArena(t, arena.Options{Reserve: 2 * mib, Limit: 64 * mib, Retire: retire, Rungs: arena.RungInWindow | arena.RungAlias})
			g, err := a.Pin()
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if _, err := a.Alloc(4 * mib); err != nil {
					t.Fatal(err)
				}
			}
			before := a.Stats()
			free(t, a)
			s := a.Stats()
			if retire {
				for end := time.Now().Add(10 * time.Second); s.Windows > 1 && time.Now().Before(end); s = a.Stats() {
					time.Sleep(time.Millisecond) // Others may pin the others for a moment.
				}
				if s.Windows != 1 || s.Kept == 0 { // The one that the guard sees.
					t.Errorf("a guard is pinned: %+v", s)
				}
				g.Unpin()
				if err := a.Domain().Shutdown(t.Context()); err != nil {
					t.Fatal(err)
				}
				s = a.Stats()
			}
			want := arena.Stats{
				Limit: 64 * mib, Growth: before.Growth,
				PreparedByWriter: before.PreparedByWriter, PreparedByHelper: before.PreparedByHelper,
			}
			if before.Growth.Aliased == 0 || s != want {
				t.Errorf("%+v, want %+v", s, want)
			}
		})
	}
}
