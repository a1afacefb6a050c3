package growarena_test

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/testutil"
)

// entry is what the index of the test's log holds of a record. It lies in an
// arena and refers to the entry before it.
type entry struct {
	off, n int
	sum    uint32
	prev   arena.Ref[entry]
}

// TestEndToEnd runs a small log store on all packages at once: records are
// appended to one arena while readers check them through guards, through an
// alias of the first bytes and through the very first slice; an index of typed
// entries grows in a second arena that keeps its windows; a third shares the
// domain of others. Each rung of the ladder is climbed. In the end everything is
// given back: windows, descriptors, goroutines.
func TestEndToEnd(t *testing.T) {
	testutil.NeedsMoves(t)
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	ladders := []struct {
		rungs   arena.Rungs
		climbed func(arena.Growth) int
	}{
		{arena.RungInWindow | arena.RungExtend, func(g arena.Growth) int { return g.Extended }},
		{arena.RungInWindow | arena.RungRehome, func(g arena.Growth) int { return g.Rehomed }},
		{arena.RungInWindow | arena.RungAlias, func(g arena.Growth) int { return g.Aliased }},
	}
	for _, l := range ladders {
		t.Run(l.rungs.String(), func(t *testing.T) {
			space := addrspace.New(addrspace.Options{Seed: 1})
			testutil.NoLeaks(t, func() {
				if err := space.Trim(); err != nil {
					t.Error(err)
				}
			})
			growth := runLog(t, space, l.rungs)
			if n := l.climbed(growth); n < 3 {
				t.Errorf("the rung was climbed %d times: %+v", n, growth)
			}
			if s := space.Stats(); s.Windows != 0 {
				t.Errorf("%d windows are left", s.Windows)
			}
		})
	}
}

func runLog(t *testing.T, space *addrspace.Space, rungs arena.Rungs) arena.Growth {
	shared := epoch.NewDomain(epoch.Options{Name: "shared"})
	make := func(name string, o arena.Options) *arena.Arena {
		o.Name, o.Space, o.Rungs, o.Reserve = name, space, rungs, 2<<20
		a, err := arena.NewArena(o)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	records := make("records", arena.Options{Retire: true})
	index := make("index", arena.Options{})
	sums := make("sums", arena.Options{Domain: shared})

	// The index is published as the Ref of its last entry.
	var last atomic.Pointer[arena.Ref[entry]]
	var stop atomic.Bool
	var wg sync.WaitGroup

	// Readers walk the index backwards, through windows it left long ago too, and
	// check some records in the bytes their guard pins.
	for r := range 3 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(r), 5))
			for !stop.Load() {
				head := last.Load()
				if head == nil {
					runtime.Gosched()
					continue
				}
				g, err := records.Pin()
				if err != nil {
					t.Error(err)
					return
				}
				b := g.Bytes()
				for e := head.In(index); e != nil && rng.IntN(200) != 0; e = e.prev.In(index) {
					if e.off+e.n > len(b) {
						t.Errorf("record at %d of %d bytes is indexed, but %d bytes are seen", e.off, e.n, len(b))
						break
					}
					if rng.IntN(10) == 0 && crc32.ChecksumIEEE(b[e.off:e.off+e.n]) != e.sum {
						t.Errorf("record at %d of %d bytes is not what was written", e.off, e.n)
						break
					}
				}
				g.Unpin()
				// The sums are another arena of a domain that is shared.
				if err := shared.Read(func(any) error {
					if s := sums.Bytes(); len(s) >= 8 && binary.LittleEndian.Uint32(s) != 1 {
						return errors.New("the first sum is not 1")
					}
					return nil
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}

	var first []byte // The first record through its first address, and an alias.
	var alias *arena.Alias
	rng := rand.New(rand.NewPCG(42, 42))
	most := 40 << 20
	if testing.Short() {
		most = 14 << 20 // Three moves.
	}
	for count := 1; records.Len() < most; count++ {
		n := 1 + rng.IntN(128<<10)
		off := records.Len()
		b, err := records.Alloc(n)
		if err != nil {
			t.Fatal(err)
		}
		for i := range b {
			b[i] = byte(i*count) ^ byte(i>>8)
		}
		e := arena.New[entry](index)
		e.off, e.n, e.sum = off, n, crc32.ChecksumIEEE(b)
		if head := last.Load(); head != nil {
			e.prev = *head
		}
		// Enough of the others that they climb too.
		arena.MakeSlice[byte](index, 64<<10, 64<<10)
		binary.LittleEndian.PutUint32(arena.MakeSlice[byte](sums, 64<<10, 64<<10), uint32(count))
		// Readers come by way of this; what it leads to has been written.
		ref := arena.RefTo(index, e)
		last.Store(&ref)
		if alias == nil {
			if first = index.Bytes(); len(first) == 0 {
				t.Fatal("the index is empty")
			}
			if alias, err = records.Alias(arena.AliasOptions{Len: 2 << 20, ReadOnly: true}); err != nil {
				t.Fatal(err)
			}
		}
	}
	stop.Store(true)
	wg.Wait()

	// Everything once more by one goroutine: every record, through every way in.
	g, err := records.Pin()
	if err != nil {
		t.Fatal(err)
	}
	b, entries := g.Bytes(), 0
	var e *entry
	for ref := *last.Load(); !ref.IsNil(); ref = e.prev {
		e = ref.In(index)
		if crc32.ChecksumIEEE(b[e.off:e.off+e.n]) != e.sum {
			t.Fatalf("record at %d of %d bytes is not what was written", e.off, e.n)
		}
		if e.off+e.n <= 2<<20 && crc32.ChecksumIEEE(alias.Bytes()[e.off:e.off+e.n]) != e.sum {
			t.Fatalf("record at %d of %d bytes is wrong through the alias", e.off, e.n)
		}
		entries++
	}
	g.Unpin()
	if string(first) != string(index.Bytes()[:len(first)]) {
		t.Error("the index's first window does not show what its last one does")
	}
	t.Logf("%d records in %d bytes, growth %+v", entries, records.Len(), records.Stats().Growth)

	growth := records.Stats().Growth
	alias.Release()
	for _, a := range []*arena.Arena{records, index, sums} {
		d := a.Domain()
		if err := a.Free(); err != nil {
			t.Error(err)
		}
		if d == nil {
			continue
		}
		if err := d.Barrier(t.Context()); err != nil {
			t.Error(err)
		}
		if s := d.Stats(); s.Retired != 0 {
			t.Errorf("%d windows are still retired", s.Retired)
		}
	}
	if err := shared.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	return growth
}
