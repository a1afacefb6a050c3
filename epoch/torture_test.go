package epoch_test

import (
	"flag"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/growarena/growarena/epoch"
)

var tortureSeed = flag.Uint64("torture.seed", 0, "seed of the torture test, 0 for a new one")

// delays are what a goroutine of the torture test does between any two steps:
// mostly nothing, now and then it gives way, seldom it sleeps.
type delays struct{ rng *rand.Rand }

func (d delays) wait() {
	switch n := d.rng.IntN(64); {
	case n < 48:
	case n < 62:
		runtime.Gosched()
	default:
		time.Sleep(time.Duration(d.rng.IntN(300)) * time.Microsecond)
	}
}

// ages counts reads by how many versions had been published since the one read,
// in powers of two.
type ages [20]atomic.Int64

func (a *ages) add(age uint64) { a[min(bits.Len64(age), len(a)-1)].Add(1) }

func (a *ages) String() string {
	var b strings.Builder
	for i := range a {
		if n := a[i].Load(); n > 0 {
			fmt.Fprintf(&b, " <%d:%d", uint64(1)<<i, n)
		}
	}
	return b.String()
}

// TestTorture_Ages is what rcutorture does, for versions: readers are held up at
// random points and note how old what they read has become, and every window is
// poisoned by its Free. However old, it must be whole; and however long readers
// sleep, what waits for them is the windows of their own versions.
//
// One reader sleeps through a hundred versions each time, whatever the machine
// does, so there are reads of that age.
func TestTorture_Ages(t *testing.T) {
	seed := *tortureSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-torture.seed %d", seed)
	for _, slots := range []int{1, 64} {
		t.Run(fmt.Sprintf("slots=%d", slots), func(t *testing.T) { torture(t, seed, slots) })
	}
}

// dozed is how many versions the sleeping reader sleeps through.
const dozed = 100

func torture(t *testing.T, seed uint64, slots int) {
	const readers = 4 // besides the one that sleeps
	publications := uint64(6000)
	if testing.Short() {
		publications = 1000
	}
	d := epoch.NewDomain(epoch.Options{Name: "torture", Slots: slots})
	v := stressValue{windows: [2]*stressWindow{newStressWindow(0), newStressWindow(0)}, births: [2]uint64{2, 2}}
	publish(t, d, &stressValue{v.windows, v.births, v.numbers})

	var newest atomic.Uint64
	newest.Store(2)
	var seen ages
	var stop atomic.Bool
	defer stop.Store(true) // also after a failure
	var all sync.WaitGroup
	look := func(g *epoch.Guard) bool {
		err := g.Value().(*stressValue).check()
		// The version may be newer than what the writer has noted so far.
		seen.add(max(newest.Load(), g.Version()) - g.Version())
		if err != nil {
			t.Errorf("version %d: %v", g.Version(), err)
		}
		return err == nil
	}
	for i := range uint64(readers) {
		all.Go(func() {
			pause := delays{rand.New(rand.NewPCG(seed, i))}
			for !stop.Load() {
				g, err := d.Pin()
				if err != nil {
					t.Error(err)
					return
				}
				for range pause.rng.IntN(4) {
					pause.wait()
					if !look(&g) {
						return
					}
					pause.wait()
					if pause.rng.IntN(2) == 0 {
						if err := g.Refresh(); err != nil {
							t.Error(err)
							return
						}
					}
				}
				pause.wait()
				look(&g)
				g.Unpin()
				pause.wait()
			}
		})
	}
	rounds := make(chan struct{}) // one for each hundred versions
	slept := make(chan struct{})
	all.Go(func() {
		defer close(slept)
		for range publications / dozed / 2 {
			<-rounds
			g, err := d.Pin()
			if err != nil {
				t.Error(err)
				return
			}
			from := g.Version()
			look(&g)
			slept <- struct{}{}
			<-rounds
			if now := newest.Load(); now-from < dozed {
				t.Errorf("slept from version %d to %d only", from, now)
			}
			look(&g)
			g.Unpin()
			slept <- struct{}{}
		}
	})
	pause := delays{rand.New(rand.NewPCG(seed, readers))}
	for n := uint64(1); n <= publications; n++ {
		if n%dozed == 1 {
			rounds <- struct{}{}
			<-slept
		}
		i := pause.rng.IntN(2)
		old, birth := v.windows[i], v.births[i]
		v.windows[i], v.numbers[i] = newStressWindow(n), n
		v.births[i] = newest.Load() + 1
		sleepy := pause.rng.IntN(50) == 0
		version := publish(t, d, &stressValue{v.windows, v.births, v.numbers}, epoch.Retired{Birth: birth, Bytes: 64, Free: func() {
			if sleepy {
				time.Sleep(50 * time.Microsecond)
			}
			old.poison()
		}})
		newest.Store(version)
		if version != v.births[i] {
			t.Fatalf("version %d, want %d", version, v.births[i])
		}
		if n%16 == 0 {
			// A guard holds the two windows of its value; one window more may be
			// with the reaper.
			d.TryReclaim()
			if s := d.Stats(); s.Retired > 2*(readers+1)+1 {
				t.Fatalf("after version %d: %d windows wait for %d guards", version, s.Retired, readers+1)
			}
		}
		pause.wait()
	}
	<-slept
	stop.Store(true)
	all.Wait()
	t.Logf("ages in versions:%v", &seen)
	old := int64(0)
	for i := bits.Len(dozed); i < len(seen); i++ {
		old += seen[i].Load()
	}
	if old < int64(publications/dozed/2) {
		t.Errorf("%d reads are that old, the sleeper's alone are more", old)
	}
	if err := d.Shutdown(ctx, epoch.Retired{Birth: v.births[0], Free: v.windows[0].poison},
		epoch.Retired{Birth: v.births[1], Free: v.windows[1].poison}); err != nil {
		t.Error(err)
	}
	if s := d.Stats(); s.Pinned != 0 || s.Retired != 0 || s.Freed != publications+2 {
		t.Errorf("at the end: %+v", s)
	}
	eventually(t, "idle", d.Idle)
}
