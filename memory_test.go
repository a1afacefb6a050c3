package growarena_test

import (
	"bytes"
	"fmt"
	"log"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/growarena/growarena"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/pool"
	"github.com/growarena/growarena/slab"
)

const mib = 1 << 20

// holder is something of each kind, and how it ends.
type holder struct {
	kind, name string
	hold       func(n int) // makes it hold n bytes more
	end        func()
}

// holders makes one of each kind.
func holders(t *testing.T) []holder {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	fill := func(b []byte, err error) {
		t.Helper()
		must(err)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
	}
	a, err := arena.NewArena(arena.Options{Name: "memory test"})
	must(err)
	quiet, err := arena.NewArena(arena.Options{Name: "without headroom", Headroom: -1})
	must(err)
	must(quiet.Grow(64 * mib)) // It has no step of its own any more.
	b := new(arena.Buffer)
	m, err := arena.NewLinearMemory(0, 256*mib, arena.LinearOptions{Name: "memory test"})
	must(err)
	p, err := pool.New(pool.Options{Name: "memory test"})
	must(err)
	s := slab.New(slab.Options{Name: "memory test"})
	var large [][]byte
	var small [][]byte
	size := 0
	return []holder{
		{"arena", "memory test", func(n int) {
			for ; n > 0; n -= 64 << 10 {
				fill(a.Alloc(64 << 10))
			}
		}, func() { must(a.Free()) }},
		{"arena", "without headroom", func(n int) {
			for ; n > 0; n -= 64 << 10 {
				fill(quiet.Alloc(64 << 10))
			}
		}, func() { must(quiet.Free()) }},
		{"buffer", "buffer", func(n int) { fill(nil, func() error { _, err := b.Write(make([]byte, n)); return err }()) }, func() { must(b.Free()) }},
		{"linear memory", "memory test", func(n int) { size += n; m.Reallocate(uint64(size)); must(m.Err()) }, m.Free},
		{"pool", "memory test", func(n int) {
			for ; n > 0; n -= mib {
				b, err := p.Alloc(mib)
				fill(b, err)
				large = append(large, b)
			}
		}, func() {
			for _, b := range large {
				p.Free(b)
			}
			must(p.Close())
		}},
		{"slab", "memory test", func(n int) {
			for size := 2 * mib; n > 0; n -= size {
				b, err := s.Alloc(size)
				fill(b, err)
				small = append(small, b)
				if len(small)%5 != 0 { // As much in objects of 512 KiB as in large ones.
					size = 512 << 10
				} else {
					size = 2 * mib
				}
			}
		}, func() {
			for _, b := range small {
				s.Free(b)
			}
			must(s.Close())
		}},
	}
}

// of returns what things of that kind and name hold.
func of(list []growarena.Holding, kind, name string) growarena.Holding {
	for _, h := range list {
		if h.Kind == kind && h.Name == name {
			return h
		}
	}
	return growarena.Holding{}
}

// TestMemory: what each kind of thing holds is counted once, under its kind and name, until
// its end.
func TestMemory(t *testing.T) {
	testutil.NeedsMoves(t)
	onLinux(t)
	before := growarena.Memory()
	all := holders(t)
	for i, h := range all {
		if got := of(growarena.Memory().Names, h.kind, h.name); got.Committed >= mib {
			t.Errorf("a new %s: %+v", h.kind, got)
		}
		n := (8 + i) * mib
		h.hold(n)
		now := growarena.Memory()
		got := of(now.Names, h.kind, h.name)
		if got.Committed < n || got.Committed > n+8*mib || got.Reserved < n || got.Count < 1 {
			t.Errorf("%s of %d bytes: %+v", h.kind, n, got)
		}
		if kind := of(now.Kinds, h.kind, ""); kind.Committed < got.Committed || kind.Count < got.Count {
			t.Errorf("all of kind %s: %+v", h.kind, kind)
		}
	}
	now := growarena.Memory()
	for _, list := range [][]growarena.Holding{now.Kinds, now.Names} {
		var sum growarena.Holding
		for _, h := range list {
			sum.Count += h.Count
			sum.Committed += h.Committed
			sum.Reserved += h.Reserved
		}
		if sum != (growarena.Holding{Count: now.Count, Committed: now.Committed, Reserved: now.Reserved}) {
			t.Errorf("parts are %+v, all is %+v", sum, now)
		}
	}
	if text := now.String(); !bytes.Contains([]byte(text), fmt.Appendf(nil, "%d", now.Committed)) {
		t.Errorf("%d bytes do not stand in\n%s", now.Committed, text)
	}
	for _, h := range all {
		h.end()
	}
	if after := growarena.Memory(); after.Count != before.Count || after.Committed != before.Committed {
		t.Errorf("after their end:\n%v\nbefore:\n%v", after, before)
	}
}

//go:noinline
func makeForProfile(t *testing.T) *arena.Arena {
	a, err := arena.NewArena(arena.Options{Commit: true})
	if err == nil {
		err = a.Grow(6 * mib)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestWriteProfile: arenas are shown with who made them, in bytes.
func TestWriteProfile(t *testing.T) {
	onLinux(t)
	var all []*arena.Arena
	for range 3 {
		all = append(all, makeForProfile(t))
	}
	p := profileOf(t)
	if p.Default != "inuse_space" {
		t.Errorf("what is shown is %s", p.Default)
	}
	n, held, reserved := p.Sum(t, "inuse_objects/count", "makeForProfile"), p.Sum(t, "inuse_space/bytes", "makeForProfile"), p.Sum(t, "reserved_space/bytes", "makeForProfile")
	if n != 3 || held < 18*mib || held > 24*mib || reserved < 3*256*mib {
		t.Errorf("%d arenas of %d bytes, %d reserved", n, held, reserved)
	}
	for _, s := range p.Samples {
		if bytes.Contains([]byte(s.Stack[0]), []byte("growarena/arena.")) {
			t.Errorf("the innermost function is of the library: %v", s.Stack)
		}
	}
	for _, a := range all {
		if err := a.Free(); err != nil {
			t.Error(err)
		}
	}
	if n := profileOf(t).Sum(t, "inuse_objects/count", "makeForProfile"); n != 0 {
		t.Errorf("%d arenas after Free", n)
	}
}

func profileOf(t *testing.T) *testutil.Profile {
	t.Helper()
	var b bytes.Buffer
	if err := growarena.WriteProfile(&b); err != nil {
		t.Fatal(err)
	}
	return testutil.ReadProfile(t, b.Bytes())
}

// TestSetMemoryLimit: Go's own limit is what is left at each step, and all of it again in the
// end.
func TestSetMemoryLimit(t *testing.T) {
	testutil.NeedsMoves(t)
	onLinux(t)
	const n = 1 << 40
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	defer growarena.SetMemoryLimit(math.MaxInt64)
	if was := growarena.SetMemoryLimit(n); was != math.MaxInt64 {
		t.Errorf("the limit was %d", was)
	}
	start := n - debug.SetMemoryLimit(-1) // What other tests have left.
	for _, h := range holders(t) {
		h.hold(4 * mib)
		held := int64(of(growarena.Memory().Names, h.kind, h.name).Committed)
		h.hold(16 * mib)
		// Late by a step or two, and as much may have been prepared ahead.
		if less := n - debug.SetMemoryLimit(-1) - start; less < held+8*mib || less > held+24*mib {
			t.Errorf("%s: Go has %d bytes less, with 16 MiB more than %d", h.kind, less, held)
		}
		h.end()
		if left := n - debug.SetMemoryLimit(-1); left != start {
			t.Errorf("%s: after its end Go has %d bytes less", h.kind, left-start)
		}
	}
}

// TestSetMemoryLimit_Alloc: Alloc pays nothing for it.
func TestSetMemoryLimit_Alloc(t *testing.T) {
	onLinux(t)
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	defer growarena.SetMemoryLimit(math.MaxInt64)
	growarena.SetMemoryLimit(1 << 40)
	a, err := arena.NewArena(arena.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Free()
	if allocs := testing.AllocsPerRun(100, func() { _, err = a.Alloc(64) }); allocs != 0 || err != nil {
		t.Errorf("%v allocations on the Go heap, %v", allocs, err)
	}
}

// TestSetMemoryLimit_Container: in a container of 96 MiB with 56 MiB in an arena, and a heap that
// is collected for want of memory only, a program lives that is killed without the limit.
func TestSetMemoryLimit_Container(t *testing.T) {
	onLinux(t)
	if testutil.Race {
		t.Skip("the race detector takes more than the container has")
	}
	for _, limited := range []bool{false, true} {
		t.Run(fmt.Sprintf("limited=%v", limited), func(t *testing.T) {
			var group string
			if !testutil.IsChild(t) {
				group = testutil.MemoryGroup(t, 96*mib)
			}
			r := testutil.Child(t, testutil.ChildOptions{Enter: testutil.EnterGroup(group)})
			if r == nil {
				fillContainer(t, limited)
				return
			}
			if r.Passed() != limited {
				t.Error(r)
			}
		})
	}
}

var garbage []byte

func fillContainer(t *testing.T, limited bool) {
	debug.SetGCPercent(-1)
	const n = 88 * mib
	debug.SetMemoryLimit(n)
	if limited {
		growarena.SetMemoryLimit(n)
	}
	a, err := arena.NewArena(arena.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Free()
	for a.Len() < 56*mib {
		b, err := a.Alloc(64 << 10)
		if err != nil {
			t.Fatal(err)
		}
		for i := range b {
			b[i] = 1
		}
		garbage = make([]byte, 64<<10)
	}
	for range 8 << 10 { // 512 MiB.
		garbage = make([]byte, 64<<10)
		for i := 0; i < len(garbage); i += 4096 {
			garbage[i] = 1
		}
	}
}

func onLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
}

func ExampleMemory() {
	a, err := arena.NewArena(arena.Options{Name: "log", Limit: 256 << 20})
	if err != nil {
		log.Fatal(err)
	}
	defer a.Free()
	if _, err := a.Alloc(1 << 20); err != nil {
		log.Fatal(err)
	}
	for _, h := range growarena.Memory().Names {
		if h.Name == "log" {
			fmt.Println(h.Kind, h.Name, h.Reserved>>20, "MiB of addresses")
		}
	}
	// Output: arena log 256 MiB of addresses
}

func ExampleWriteProfile() {
	file, err := os.CreateTemp("", "memory")
	if err != nil {
		log.Fatal(err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	// Then: go tool pprof memory…
	if err := growarena.WriteProfile(file); err != nil {
		log.Fatal(err)
	}
}

func ExampleSetMemoryLimit() {
	// GOMEMLIMIT, or what the program has set, counts what is outside the heap from now on.
	growarena.SetMemoryLimit(debug.SetMemoryLimit(-1))
}

// TestMemory_Disk: what a file on a disk holds is no memory, and takes nothing of the limit.
func TestMemory_Disk(t *testing.T) {
	onLinux(t)
	f, err := os.CreateTemp(".", "disk") // Package temporary directories may be memory.
	if err != nil {
		t.Skip("the directory of the tests cannot be written to:", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if fs, err := sys.FileSystemOf(int(f.Fd())); err != nil || fs.Memory {
		t.Skipf("the directory of the tests is no disk: %+v, %v", fs, err)
	}
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	defer growarena.SetMemoryLimit(math.MaxInt64)
	a, err := arena.NewArena(arena.Options{Name: "disk", File: f})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Free()
	const limit = 1 << 40
	growarena.SetMemoryLimit(limit)
	before := growarena.Memory().Committed
	for range 8 {
		b, err := a.Alloc(mib)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
	}
	// As the arena has told it, for Memory asks anew.
	if left := debug.SetMemoryLimit(-1); left < limit-int64(before) {
		t.Errorf("Go's limit is %d below, with %d bytes of memory", limit-left, before)
	}
	now := growarena.Memory()
	if got := of(now.Names, "arena", "disk"); got.Committed != 0 || got.Disk < 8*mib || now.Disk < got.Disk {
		t.Errorf("of 8 MiB on a disk: %+v of %+v", got, now)
	}
	if left := debug.SetMemoryLimit(-1); left != limit-int64(now.Committed) || now.Committed > before {
		t.Errorf("Go's limit is %d below, with %d bytes of memory (%d before)", limit-left, now.Committed, before)
	}
}
