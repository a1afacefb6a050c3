package slab

import (
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"syscall"
	"testing"

	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// spansOf returns an allocator with n objects of size bytes, each full of its number, and those.
func spansOf(t *testing.T, n, size int) (*Allocator, [][]byte) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	a := New(Options{})
	all := make([][]byte, n)
	for i := range all {
		b, err := a.Alloc(size)
		if err != nil {
			t.Fatal(err)
		}
		fill(b, byte(i)|1)
		all[i] = b
	}
	return a, all
}

// TestPunch_LastPage: of spans whose last object alone is free the last pages are given back, and nothing of
// the span behind.
func TestPunch_LastPage(t *testing.T) {
	testutil.NeedsMoves(t)
	for _, size := range []int{punchSize, 16 << 10, smallMax} {
		inSpan := int(kinds[classOf(size)].objects)
		a, all := spansOf(t, 9*inSpan, size) // Of the last span a group is a shard's own.
		for i := inSpan - 1; i < 8*inSpan; i += inSpan {
			a.Free(all[i])
			all[i] = nil
		}
		before := a.Stats().Returned
		a.idle.mu.Lock()
		if err := a.punch(classOf(punchSize)); err != nil {
			t.Fatal(err)
		}
		a.idle.mu.Unlock()
		if got := int(a.Stats().Returned - before); got != 8*size {
			t.Errorf("objects of %d bytes: %d were given back of 8", size, got)
		}
		for i, b := range all {
			for k := range b {
				if b[k] != byte(i)|1 {
					t.Fatalf("objects of %d bytes: byte %d of number %d, in use, is %#x", size, k, i, b[k])
				}
			}
		}
		for _, b := range all {
			if b != nil {
				a.Free(b)
			}
		}
		a.Check()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestPunch_Refused: what the system refuses to take back is an error of Trim, and all stays as it is.
func TestPunch_Refused(t *testing.T) {
	a, all := spansOf(t, 64, punchSize)
	for i := 0; i < len(all); i += 2 {
		a.Free(all[i])
	}
	n := 0
	restore := sys.SetHook(func(c sys.Call) syscall.Errno {
		if c == sys.CallPunch {
			if n++; n == 1 { // And no other.
				return syscall.ENOSPC
			}
		}
		return 0
	})
	err := a.Trim()
	restore()
	if !errors.Is(err, syscall.ENOSPC) || n < 2 {
		t.Errorf("Trim with the first of %d refused: %v", n, err)
	}
	for i := 1; i < len(all); i += 2 {
		if all[i][0] != byte(i)|1 {
			t.Errorf("object %d is %#x", i, all[i][0])
		}
		a.Free(all[i])
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// TestProfile_Counts: what a reallocation adds is counted, and no more, and of what is no longer sampled nothing is left.
func TestProfile_Counts(t *testing.T) {
	p := newProfile(1 << 30)
	defer p.close()
	var s shard
	s.begun.Store(true)
	s.unsampled.Store(1000)
	p.recount(&s, 8192, 100, 300, false)
	if got := s.unsampled.Load(); got != 800 {
		t.Errorf("%d bytes to go, want 800", got)
	}
	p.recount(&s, 8192, 300, 100, false)
	p.recount(&s, 8192, 300, 300, false)
	if got := s.unsampled.Load(); got != 800 || p.has(8192) {
		t.Errorf("shorter: %d bytes to go, sampled %v", got, p.has(8192))
	}
	p.recount(&s, 8192, 100, 901, false)
	if !p.has(8192) {
		t.Error("a point lies in what it grew by, and it is not sampled")
	}
	if !p.forget(8192) || p.forget(8192) || p.has(8192) {
		t.Error("it is not forgotten once")
	}
	for i := range p.filter {
		if n := p.filter[i].Load(); n != 0 {
			t.Errorf("%d are left in the filter", n)
		}
	}
}

// TestUnused: a page is unused when no object on it is in use, also one that begins or ends on another.
func TestUnused(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 41))
	for c := 1; c < classCount; c++ {
		k := &kinds[c]
		for range 20 {
			var free [groupsMax]uint32
			used := make([]bool, classPages[c])
			for i := range k.objects {
				if rng.Uint32N(k.objects) > 1 { // Few are in use.
					free[i/groupLen] |= 1 << (i % groupLen)
					continue
				}
				for p := i * k.size / pageSize; p <= ((i+1)*k.size-1)/pageSize; p++ {
					used[p] = true
				}
			}
			for p := range used {
				if got := k.unused(p, &free); got == used[p] {
					t.Fatalf("objects of %d bytes: page %d of %d is unused: %v", k.size, p, len(used), got)
				}
			}
		}
	}
}

// TestIdle_Peak: how much of the large spans was in use is known from who freed it, if nobody else has looked.
func TestIdle_Peak(t *testing.T) {
	a, all := spansOf(t, 1000, punchSize)
	a.idle.mu.Lock()
	a.idle.set.Store(true) // The timer is not set any more.
	a.idle.timer.Stop()
	a.idle.peak = 0
	a.idle.next.Store(0)
	a.idle.mu.Unlock()
	for _, b := range all {
		a.Free(b)
	}
	a.idle.mu.Lock()
	peak, next := a.idle.peak, a.idle.next.Load()
	a.idle.next.Store(math.MaxInt64)
	a.idle.peak = 0
	a.idle.mu.Unlock()
	if peak < 500*punchSize || peak > 1000*punchSize || next == 0 {
		t.Errorf("of %d bytes in use %d were seen, the next look is at %d", 1000*punchSize, peak, next)
	}
	for i := range all {
		b, err := a.Alloc(punchSize)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = b
	}
	for _, b := range all {
		a.Free(b)
	}
	if a.idle.peak != 0 {
		t.Errorf("looked too soon: %d bytes", a.idle.peak)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// TestRetired_NoneLeft: when the last medium or large object that was retired is gone, Free looks for none any more.
func TestRetired_NoneLeft(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
	a := New(Options{Domain: d})
	for _, n := range []int{100 << 10, 2 << 20} {
		for range 3 {
			b, err := a.Alloc(n)
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Retire(b); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := d.Barrier(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := a.retired.entered.Load(); n != 0 {
		t.Errorf("%d count as retired", n)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// TestPlaces: goroutines that are there at once look for their shards in places of their own, nearly always.
func TestPlaces(t *testing.T) {
	a := New(Options{})
	const n = 16
	c, end := make(chan any), make(chan struct{})
	for range n {
		go func() {
			c <- a.place()
			<-end
		}()
	}
	places := map[any]bool{}
	for range n {
		places[<-c] = true
	}
	close(end)
	if len(places) < n/2 {
		t.Errorf("%d goroutines have %d places", n, len(places))
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// TestTakeLast: of a group that was freed into the one free object is taken, if the group is still of that class, and
// once; and groups that were freed into are found.
func TestTakeLast(t *testing.T) {
	const size = 64
	a, all := spansOf(t, 4*groupLen, size)
	b := all[groupLen/2]
	c := classOf(size)
	o, ok := a.smallAt(addrOf(b), cap(b))
	if !ok {
		t.Fatal("it is no object")
	}
	a.Free(b)
	if p := a.takeLast(c+1, o.group); p != 0 {
		t.Errorf("an object of another class: %#x", p)
	}
	s := a.shard()
	found := false
	for g := s.nextRecent(c); g != 0; g = s.nextRecent(c) {
		found = found || g == o.group
	}
	if !found {
		t.Error("the group is not among those that were freed into")
	}
	if p := a.takeLast(c, o.group); p != addrOf(b) {
		t.Errorf("taken is %#x, free was %#x", p, addrOf(b))
	}
	if p := a.takeLast(c, o.group); p != 0 {
		t.Errorf("taken twice: %#x", p)
	}
	for _, b := range all {
		a.Free(b)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// TestPunch_Unseen: who frees most of what was used while nobody could look how much that was, since somebody
// else looked or it is too soon after the last look, has it given back all the same.
func TestPunch_Unseen(t *testing.T) {
	testutil.NeedsMoves(t)
	for name, blind := range map[string]func(a *Allocator) (end func()){
		"somebody else looks": func(a *Allocator) func() {
			a.idle.mu.Lock()
			return a.idle.mu.Unlock
		},
		"too soon": func(a *Allocator) func() {
			a.idle.next.Store(math.MaxInt64)
			return func() {}
		},
	} {
		const size, n = 16 << 10, 1000
		a, all := spansOf(t, n, size)
		end := blind(a)
		for i, b := range all {
			if i%3 != 0 {
				a.Free(b)
			}
		}
		a.idle.timer.Stop() // What it does is done here.
		end()
		a.giveBackIdle()
		if got := a.Stats().Returned; got < n*size/2 {
			t.Errorf("%s: %d bytes are given back of %d", name, got, n*size*2/3)
		}
		for i, b := range all {
			if i%3 == 0 {
				a.Free(b)
			}
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}
