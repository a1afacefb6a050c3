package slab

import (
	"math/bits"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/pageheap"
	"github.com/growarena/growarena/internal/sys"
)

// checkLists panics if a group is in a state it cannot be in, or in no list though
// it is listed, or if large objects are counted wrong.
//
// Preconditions: nobody uses the allocator.
func (a *Allocator) checkLists() {
	type group struct{ c, g int }
	listings, owners := make(map[group]int), make(map[group]int)
	for c := 1; c < classCount; c++ {
		for _, g := range a.class(c).list {
			listings[group{c, int(g)}]++
		}
		for s := range a.allShards() {
			owners[group{c, int(s.current[c].Load())}]++
			for k := range s.recent[c] {
				listings[group{c, int(s.recent[c][k].Load())}]++
			}
		}
	}
	for l := range a.locals.open {
		for c := range l.current {
			owners[group{c, int(l.current[c].number)}]++
			if m := l.more[c]; m != nil {
				for i := range m.groups {
					owners[group{c, int(m.groups[i].number)}]++
				}
			}
		}
	}
	var used, spans int64 // bytes of large objects, and of their spans
	a.eachSpan(func(e entry, _ *pageheap.Region, _ int) {
		c := int(e.class())
		if kinds[c].size >= punchSize {
			spans += int64(classPages[c]) * pageSize
		}
		for i := range kinds[c].groups {
			g := group{c, int(e.number() + i)}
			v := a.groups.at(e.number() + i).word.Load()
			must(v>>classShift == uint64(c), "group %d of the span of %d is of class %d, want %d", i, e.number(), v>>classShift, c)
			must(v&freeBits&^objectsIn(int(kinds[c].objects), int(i)) == 0, "group %+v has objects that do not exist: %#x", g, v)
			must((v&owned != 0) == (owners[g] == 1) && owners[g] <= 1, "group %+v has %d owners, and its word is %#x", g, owners[g], v)
			must(v&owned != 0 || v&listed != 0 == (v&freeBits != 0), "group %+v, which nobody owns, is listed or has free objects, but not both: %#x", g, v)
			if n := int64(kinds[c].size); n >= punchSize {
				count := objectsIn(int(kinds[c].objects), int(i))
				if v&owned == 0 {
					count &^= v
				}
				used += n * int64(bits.OnesCount64(count))
			}
			must(v&marked != 0 == (a.retired.groups[e.number()+i] != 0), "group %+v has retired objects %#x: %#x", g, a.retired.groups[e.number()+i], v)
			must(v&listed == 0 || listings[g] > 0, "group %+v has %d free objects and is in no list: %#x", g, bits.OnesCount64(v&freeBits), v)
		}
	})
	must(a.idle.spans.Load() == spans, "spans of large objects are counted as %d bytes, want %d", a.idle.spans.Load(), spans)
	for s := range a.allShards() {
		used -= s.used.Load()
	}
	must(used == 0, "of large objects %d bytes more are used than are counted", used)
}

// Check panics if an invariant does not hold. Nobody uses a.
func (a *Allocator) Check() {
	a.idle.mu.Lock() // But the timer.
	defer a.idle.mu.Unlock()
	a.checkLists()
	a.pages.Lock()
	defer a.pages.Unlock()
	a.checkPagesLocked()
	a.large.mu.Lock()
	defer a.large.mu.Unlock()
	pages := a.pages.CountsLocked()
	want := int64(pages.Used+pages.Held)*pageSize + int64(a.large.bytes)
	must(a.budget.charged.Load() == want, "%d bytes are charged, want %d", a.budget.charged.Load(), want)
}

// TestRealloc_Pages makes medium objects that lie side by side longer and shorter, at
// random, and looks after each step whether pages, page table and counters are right, and
// whether what is behind the new end can be had.
func TestRealloc_Pages(t *testing.T) {
	a := smallRegions(t)
	rng := rand.New(rand.NewPCG(5, 41))
	var all [][]byte
	pages := func() int { return smallMax/pageSize + 1 + rng.IntN(24) }
	sum, inPlace := 0, 0
	for step := range 3000 {
		i := rng.IntN(24)
		switch {
		case i >= len(all):
			b, err := a.Alloc(pages() * pageSize)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b)
			sum += cap(b)
			fill(b, byte(len(b)>>13))
		case rng.IntN(5) == 0:
			sum -= cap(all[i])
			a.Free(all[i])
			all = append(all[:i], all[i+1:]...)
		default:
			b, n := all[i], pages()*pageSize-rng.IntN(pageSize)
			sum -= cap(b)
			got, err := a.Realloc(b, n)
			if err != nil {
				t.Fatal(err)
			}
			want := cap(b)
			if n > cap(b) || n <= cap(b)/2 {
				want = (n + pageSize - 1) / pageSize * pageSize
			}
			if len(got) != n || cap(got) != want {
				t.Fatalf("step %d: Realloc from %d to %d bytes gives %d, capacity %d", step, cap(b), n, len(got), cap(got))
			}
			if n > cap(b) && addrOf(got) == addrOf(b) {
				inPlace++
			}
			for k, c := range got[:min(len(b), n)] {
				if c != byte(cap(b)>>13) {
					t.Fatalf("step %d: byte %d has changed", step, k)
				}
			}
			all[i] = got
			sum += cap(got)
			got = got[:cap(got)]
			all[i] = got
			fill(got, byte(len(got)>>13))
		}
		a.Check()
		if s := a.Stats(); s.MediumObjects != len(all) || s.MediumBytes != sum || s.Live != sum {
			t.Fatalf("step %d: %d objects of %d bytes, Stats says %+v", step, len(all), sum, s)
		}
	}
	if inPlace < 100 {
		t.Errorf("only %d became longer where they were", inPlace)
	}
	for _, b := range all {
		a.Free(b)
	}
	a.Check()
	if err := a.Trim(); err != nil {
		t.Error(err)
	}
	if s := a.Stats(); s.Kept != 0 || s.Charged != 0 {
		t.Errorf("%+v", s)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// Quiet reports whether no timer runs that gives memory back.
func (a *Allocator) Quiet() bool { return !a.idle.set.Load() }

// TestSweep_KeepsListed lets goroutines take and free objects of a span that others try
// to end, which cannot be, for one object stays in use: every group with free objects
// is still in a list then.
func TestSweep_KeepsListed(t *testing.T) {
	a := smallRegions(t)
	a.shardMask = 0 // All have the same recent groups.
	const n = 16
	c := classOf(n)
	loops := 20_000
	if testing.Short() {
		loops = 3000
	}
	var all [][]byte
	for range kinds[c].objects {
		b, err := a.Alloc(n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	e, _ := a.look(addrOf(all[0]))
	for _, b := range all[:len(all)-1] {
		a.Free(b)
	}
	var done atomic.Bool
	var takers, sweepers sync.WaitGroup
	for range 2 {
		sweepers.Go(func() {
			for !done.Load() {
				a.sweep(c, e.number())
			}
		})
		takers.Go(func() {
			var held [2 * groupLen][]byte
			for range loops {
				for i := range held {
					b, err := a.Alloc(n)
					if err != nil {
						t.Error(err)
						return
					}
					held[i] = b
				}
				for _, b := range held {
					a.Free(b)
				}
			}
		})
	}
	takers.Wait()
	done.Store(true)
	sweepers.Wait()
	a.Check()
	if got := len(a.class(c).list); got > 100*int(kinds[c].groups) {
		t.Errorf("the list of a class with some %d groups has %d entries", 2*kinds[c].groups, got)
	}
	a.Free(all[len(all)-1])
	a.Check()
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// TestSweep_KeepsEntry looks for a group in the middle of a sweep that fails, as shards and
// Locals do: what it finds Ending is Listed again in a moment, so its entry must stay.
func TestSweep_KeepsEntry(t *testing.T) {
	a := smallRegions(t)
	const n = 16
	c := classOf(n)
	var all [][]byte
	for range kinds[c].objects {
		b, err := a.Alloc(n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	e, _ := a.look(addrOf(all[0]))
	last := all[len(all)-1]
	for _, b := range all[:len(all)-1] {
		a.Free(b)
	}
	cl := a.class(c)
	cl.mu.Lock()
	ending := a.beginEndLocked(c, e.number())
	cl.mu.Unlock()
	if ending == 0 || ending == int(kinds[c].groups) {
		t.Fatalf("%d of %d groups are ending, and in one of them something is in use", ending, kinds[c].groups)
	}
	if p, g := a.popRecent(a.shard(), c); p != 0 || g != 0 {
		t.Errorf("an object at %#x, or group %d, was taken of a span that ends", p, g)
	}
	cl.mu.Lock()
	a.undoEndLocked(e.number(), ending)
	cl.mu.Unlock()
	a.Check()
	a.Free(last)
	if err := a.Trim(); err != nil {
		t.Error(err)
	}
	if s := a.Stats(); s.Objects != 0 || s.Charged != 0 {
		t.Errorf("all is freed: %+v", s)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// TestTrim_CountsLarge: what a shard had of a group, and gives up, no longer counts as
// used.
func TestTrim_CountsLarge(t *testing.T) {
	for _, n := range []int{punchSize, 16 << 10, smallMax} {
		a := smallRegions(t)
		var all [][]byte
		for range 5 {
			b, err := a.Alloc(n)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b)
		}
		a.Check() // All of the shard's group counts.
		a.trimClass(classOf(n))
		a.Check() // Five do.
		for _, b := range all {
			a.Free(b)
		}
		a.Check()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestClose_AwaitsFrees closes an allocator while a retired object is being freed, which
// no guard keeps any more: Close waits until it is.
func TestClose_AwaitsFrees(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	synctest.Test(t, func(t *testing.T) {
		a := New(Options{Domain: epoch.NewDomain(epoch.Options{})})
		b, err := a.Alloc(100)
		if err != nil {
			t.Fatal(err)
		}
		a.retired.freeing.Add(1) // As Retire does.
		closed := make(chan error, 1)
		go func() { closed <- a.Close() }()
		synctest.Wait() // Close waits, or is over.
		select {
		case err := <-closed:
			t.Errorf("Close has not waited: %v", err)
			a.retired.freeing.Done()
		default:
			a.Free(b)
			a.retired.freeing.Done()
			if err := <-closed; err != nil {
				t.Error(err)
			}
		}
	})
}

// TestFree_TwiceWhilePunched frees what is free already while the pages it lies on are
// being given back: that panics, and what gives them back does not.
func TestFree_TwiceWhilePunched(t *testing.T) {
	for _, n := range []int{100, 5000, 16 << 10, 32 << 10} {
		a := smallRegions(t)
		var all [][]byte
		for range 4 * kinds[classOf(n)].objects {
			b, err := a.Alloc(n)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b)
		}
		free := all[len(all)/4 : len(all)/2]
		for _, b := range free[:len(free)-1] {
			a.Free(b)
		}
		before := a.Stats()
		var caught, called atomic.Int32
		restore := sys.SetHook(func(c sys.Call) syscall.Errno {
			if c == sys.CallPunch && called.Add(1) == 1 {
				for _, b := range free[:len(free)-1] {
					if text := attempt(func() { a.Free(b) }); strings.Contains(text, "free already") {
						caught.Add(1)
					}
				}
				a.Free(free[len(free)-1]) // Not free, and freed by others at any time.
			}
			return 0
		})
		text := attempt(func() {
			if err := a.Trim(); err != nil {
				t.Error(err)
			}
		})
		restore()
		if text != "" {
			t.Fatalf("%d bytes: Trim: %s", n, text)
		}
		if called.Load() == 0 || int(caught.Load()) != len(free)-1 {
			t.Errorf("%d bytes: of %d that were freed twice %d were caught; %d calls", n, len(free)-1, caught.Load(), called.Load())
		}
		a.Check()
		if s := a.Stats(); s.Objects != before.Objects-1 {
			t.Errorf("%d bytes: %+v, before %+v", n, s, before)
		}
		for i, b := range all {
			if i < len(all)/4 || i >= len(all)/2 {
				a.Free(b)
			}
		}
		a.Check()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		runtime.KeepAlive(all)
	}
}

// TestFree_LooksAtNoSpans frees objects of 4 to 32 KiB while whoever looks at spans has to
// wait: what Free takes does not depend on what else there is.
func TestFree_LooksAtNoSpans(t *testing.T) {
	for _, n := range []int{4 << 10, 16 << 10, 32 << 10} {
		a := smallRegions(t)
		var all [][]byte
		for range 32 << 20 / n {
			b, err := a.Alloc(n)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b)
		}
		free := func(from int) { // Every second, so that no span ends.
			for i := from; i < len(all); i += 2 {
				a.Free(all[i])
			}
		}
		a.pages.Lock()
		freed := make(chan struct{})
		go func() {
			free(0)
			close(freed)
		}()
		select {
		case <-freed:
		case <-time.After(30 * time.Second):
			t.Errorf("Free of %d bytes waits for what looks at spans", n)
		}
		a.pages.Unlock()
		<-freed
		free(1)
		a.Check()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}
