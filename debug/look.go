package debug

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/follow"
	"github.com/growarena/growarena/internal/census"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/pool"
	"github.com/growarena/growarena/shm"
	"github.com/growarena/growarena/slab"
	"github.com/growarena/growarena/stream"
	"github.com/growarena/growarena/track"
)

// pinsMax is how many pins of a domain are described.
const pinsMax = 16

// look asks all that lives.
func look(a *asking) *state {
	s := &state{
		Time:      time.Now(),
		Program:   program{filepath.Base(os.Args[0]), os.Getpid(), runtime.Version(), runtime.GOMAXPROCS(0)},
		HugePages: memfile.HugeNow(),
	}
	if n := census.SetLimit(-1); n != math.MaxInt64 {
		s.Memory.Limit = n
	}
	list := []question{s.askSpace("default", addrspace.Default())}
	for _, seen := range census.Look() {
		if q, ok := s.askThing(seen); ok {
			list = append(list, q)
		}
	}
	spaces := 0
	for _, p := range census.Mentioned() {
		switch p := p.(type) {
		case *epoch.Domain:
			list = append(list, s.askDomain(p))
		case *addrspace.Space:
			spaces++
			list = append(list, s.askSpace(fmt.Sprint(spaces), p))
		case *slab.Allocator:
			list = append(list, s.askSlab(p))
		}
	}
	a.all(list)
	s.sort()
	s.Took = time.Since(s.Time)
	return s
}

// row is a pointer to what is listed.
type row[R any] interface {
	*R
	its() *label
}

// asked returns the question whose answer is a row of list: r, completed by fill, which reports
// whether there is anything to show.
func asked[R any, P row[R]](key any, list *[]R, r R, fill func(P) bool) question {
	return question{
		key: key,
		ask: func() func() {
			full := r
			if !fill(&full) {
				return func() {}
			}
			return func() { *list = append(*list, full) }
		},
		busy: func() {
			empty := r
			P(&empty).its().Busy = true
			*list = append(*list, empty)
		},
	}
}

// holder is a row of something that package census knows.
type holder[R any] interface {
	row[R]
	head() *thing
}

// askedOf is asked for something of package census, which does not end meanwhile.
func askedOf[R any, P holder[R]](seen census.Seen, list *[]R, r R, fill func(P)) question {
	*P(&r).head() = thing{label: label{Name: seen.Name}, Kind: seen.Kind, Made: madeBy(seen.Made())}
	return asked(seen.Key, list, r, func(r P) bool {
		return seen.Ask(func(h census.Held) {
			t := r.head()
			t.Committed, t.Disk, t.Reserved = h.Committed, h.Disk, h.Reserved
			fill(r)
		})
	})
}

// askThing returns how to ask something of package census, and false for what has no place
// here.
func (s *state) askThing(seen census.Seen) (question, bool) {
	switch key := seen.Key.(type) {
	case *arena.Arena:
		return askedOf(seen, &s.Arenas, arenaState{Domain: nameOf(key.Domain())}, func(r *arenaState) {
			r.Stats = key.Stats()
			r.Tracking, r.Tracked = key.TrackStats()
		}), true
	case *track.Tracker:
		return askedOf(seen, &s.Trackers, trackerState{}, func(r *trackerState) { r.Stats = key.Stats() }), true
	case *pool.Pool:
		return askedOf(seen, &s.Pools, poolState{}, func(r *poolState) { r.Stats = key.Stats() }), true
	case sequence:
		return askedOf(seen, &s.Streams, streamState{Domain: nameOf(key.Domain())}, func(r *streamState) {
			r.Stats = key.Stats()
		}), true
	case *follow.Follower:
		return askedOf(seen, &s.Followers, followerState{Domain: nameOf(key.Domain())}, func(r *followerState) {
			r.Stats = key.Stats()
		}), true
	case *shm.Writer:
		return askedOf(seen, &s.ShmWriters, shmWriterState{}, func(r *shmWriterState) {
			var err error
			r.Stats, err = key.Stats()
			r.Err = text(err)
		}), true
	case *shm.Follower:
		return askedOf(seen, &s.ShmFollowers, shmFollowerState{}, func(r *shmFollowerState) {
			state, generation := key.State()
			alive, err := key.Alive()
			r.Front, r.Len, r.State, r.Generation, r.Sealed = key.Front(), key.Len(), state.String(), generation, key.Sealed()
			r.Alive, r.Err = alive, text(err)
		}), true
	}
	return question{}, false
}

// sequence is what a Stream and a Group have in common.
type sequence interface {
	Stats() stream.Stats
	Domain() *epoch.Domain
}

func (s *state) askDomain(d *epoch.Domain) question {
	return asked(d, &s.Domains, domainState{label: label{Name: d.Name()}}, func(r *domainState) bool {
		stats := d.Stats()
		r.Stats = domainStatsOf(stats)
		for _, p := range append(d.Pins(pinsMax), stats.Lost...) {
			r.Pins = append(r.Pins, pin{p.Version, p.Local, p.Age, p.Bytes, p.Lost, frames(p.Stack)})
		}
		return !stats.Closed || stats.Pinned+stats.Retired > 0
	})
}

func (s *state) askSlab(a *slab.Allocator) question {
	return asked(a, &s.Slabs, slabState{label: label{Name: a.Name()}}, func(r *slabState) bool {
		r.Stats = a.Stats()
		return r.Stats.Charged+r.Stats.FreePages+r.Stats.Held > 0 // Not closed, and used.
	})
}

func (s *state) askSpace(name string, p *addrspace.Space) question {
	return asked(p, &s.Spaces, spaceState{label: label{Name: name}}, func(r *spaceState) bool {
		r.Stats = p.Stats()
		for _, z := range p.Zones() {
			r.zones, r.Zones = append(r.zones, z), append(r.Zones, addressesOf(z))
		}
		for _, l := range p.Layout() {
			r.Places = append(r.Places, place{addressesOf(l.Range), l.State, l.Name, int(l.Len()), l.Mapped, l.Range})
		}
		return true
	})
}

func addressesOf(r addrspace.Range) addresses {
	return addresses{fmt.Sprintf("%#x", r.Start), fmt.Sprintf("%#x", r.End)}
}

// nameOf returns the name of a domain, "" of none.
func nameOf(d *epoch.Domain) string {
	if d == nil {
		return ""
	}
	return d.Name()
}

// text returns what an error says, "" of none.
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// frames returns a line for each frame of a stack.
func frames(stack []uintptr) (list []string) {
	if len(stack) == 0 {
		return nil
	}
	all := runtime.CallersFrames(stack)
	for more := true; more; {
		var f runtime.Frame
		f, more = all.Next()
		list = append(list, fmt.Sprintf("%s %s:%d", f.Function, filepath.Base(f.File), f.Line))
	}
	return list
}

// madeBy names the first function of a stack.
func madeBy(stack []uintptr) string {
	if len(stack) == 0 {
		return ""
	}
	return frames(stack[:1])[0]
}

// sort puts what takes most first, and sums up.
func (s *state) sort() {
	s.sum(sorted(s.Arenas), sorted(s.Streams), sorted(s.Pools))
	sorted(s.Followers)
	sorted(s.ShmWriters)
	sorted(s.ShmFollowers)
	sorted(s.Trackers)
	slices.SortStableFunc(s.Slabs, func(a, b slabState) int { return cmp.Compare(b.Stats.Charged, a.Stats.Charged) })
	slices.SortStableFunc(s.Domains, func(a, b domainState) int {
		return cmp.Or(cmp.Compare(b.Stats.RetiredBytes, a.Stats.RetiredBytes), cmp.Compare(b.Stats.Pinned, a.Stats.Pinned))
	})
}

// sum counts what things hold.
func (s *state) sum(lists ...[]*thing) {
	for _, t := range slices.Concat(lists...) {
		s.Memory.Count++
		s.Memory.Committed += t.Committed
		s.Memory.Disk += t.Disk
		s.Memory.Reserved += t.Reserved
	}
}

// sorted sorts rows, and returns what they have in common.
func sorted[R any, P holder[R]](list []R) (heads []*thing) {
	slices.SortFunc(list, func(a, b R) int {
		p, q := P(&a).head(), P(&b).head()
		return cmp.Or(cmp.Compare(q.Committed+q.Disk, p.Committed+p.Disk), cmp.Compare(q.Reserved, p.Reserved),
			cmp.Compare(p.Kind, q.Kind), cmp.Compare(p.Name, q.Name), cmp.Compare(p.Made, q.Made))
	})
	for i := range list {
		heads = append(heads, P(&list[i]).head())
	}
	return heads
}
