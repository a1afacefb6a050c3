package pins

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/puzpuzpuz/xsync/v4"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/benchmarks/internal/peers"
	"github.com/growarena/growarena/epoch"
)

// answer is what a reader reads of the bytes it has protected.
const answer = 0x2a2b2c2d

// payload is what is protected: bytes that somebody may want to take away.
type payload struct{ b []byte }

// newPayload returns a payload that holds answer.
func newPayload() *payload {
	p := &payload{make([]byte, 64)}
	binary.LittleEndian.PutUint64(p.b, answer)
	return p
}

// word reads what the reader came for.
func (p *payload) word() uint64 { return binary.LittleEndian.Uint64(p.b) }

// protector is a way to protect reads. read does n protected reads on one
// goroutine and returns the sum of what was read; close gives all back.
type protector struct {
	read  func(n int) (sum uint64)
	close func() error
}

// none is a protector's close when there is nothing to give back.
func none() error { return nil }

// rwmutex is a lock that whoever takes the bytes away holds meanwhile.
func rwmutex() (protector, error) {
	var mu sync.RWMutex
	p := newPayload()
	return protector{func(n int) (sum uint64) {
		for range n {
			mu.RLock()
			sum += p.word()
			mu.RUnlock()
		}
		return sum
	}, none}, nil
}

// rbmutex is the same with a lock that is biased towards readers.
func rbmutex() (protector, error) {
	mu := xsync.NewRBMutex()
	p := newPayload()
	return protector{func(n int) (sum uint64) {
		for range n {
			t := mu.RLock()
			sum += p.word()
			mu.RUnlock(t)
		}
		return sum
	}, none}, nil
}

// striped counts the readers, in as many counters as keep them apart.
func striped() (protector, error) {
	s := new(peers.Striped)
	p := newPayload()
	return protector{func(n int) (sum uint64) {
		for range n {
			c := s.Acquire()
			sum += p.word()
			s.Release(c)
		}
		return sum
	}, none}, nil
}

// pointer is what is left when nothing can ever be taken away but by the garbage
// collector.
func pointer() (protector, error) {
	var p atomic.Pointer[payload]
	p.Store(newPayload())
	return protector{func(n int) (sum uint64) {
		for range n {
			sum += p.Load().word()
		}
		return sum
	}, none}, nil
}

// domain returns a domain that has published a payload.
func domain() (*epoch.Domain, error) {
	d := epoch.NewDomain(epoch.Options{})
	_, err := d.Publish(newPayload())
	return d, err
}

// pin is a guard of a domain for each read.
func pin() (protector, error) {
	d, err := domain()
	return protector{func(n int) (sum uint64) {
		for range n {
			g, err := d.Pin()
			if err != nil {
				panic(err)
			}
			sum += g.Value().(*payload).word()
			g.Unpin()
		}
		return sum
	}, none}, err
}

// local is a pin of a goroutine's own for each read.
func local() (protector, error) {
	d, err := domain()
	return protector{func(n int) (sum uint64) {
		l := d.NewLocal()
		defer l.Close()
		for range n {
			v, err := l.Pin()
			if err != nil {
				panic(err)
			}
			sum += v.(*payload).word()
			l.Unpin()
		}
		return sum
	}, none}, err
}

// refresh is one guard, moved on before each read.
func refresh() (protector, error) {
	d, err := domain()
	return protector{func(n int) (sum uint64) {
		g, err := d.Pin()
		if err != nil {
			panic(err)
		}
		for range n {
			if err := g.Refresh(); err != nil {
				panic(err)
			}
			sum += g.Value().(*payload).word()
		}
		g.Unpin()
		return sum
	}, none}, err
}

// newArena returns an arena that retires its windows and holds answer.
func newArena() (*arena.Arena, error) {
	a, err := arena.NewArena(arena.Options{Name: "pins", Retire: true})
	if err != nil {
		return nil, err
	}
	b, err := a.Alloc(64)
	if err != nil {
		return nil, err
	}
	binary.LittleEndian.PutUint64(b, answer)
	return a, nil
}

// arenaPin is a guard of an arena for each read.
func arenaPin() (protector, error) {
	a, err := newArena()
	if err != nil {
		return protector{}, err
	}
	return protector{func(n int) (sum uint64) {
		for range n {
			g, err := a.Pin()
			if err != nil {
				panic(err)
			}
			sum += binary.LittleEndian.Uint64(g.Bytes())
			g.Unpin()
		}
		return sum
	}, a.Free}, nil
}

// arenaLocal is a pin of a goroutine's own guard for each read.
func arenaLocal() (protector, error) {
	a, err := newArena()
	if err != nil {
		return protector{}, err
	}
	return protector{func(n int) (sum uint64) {
		g := a.NewLocalGuard()
		defer g.Close()
		for range n {
			if err := g.Pin(); err != nil {
				panic(err)
			}
			sum += binary.LittleEndian.Uint64(g.Bytes())
			g.Unpin()
		}
		return sum
	}, a.Free}, nil
}

// arenaRefresh is one guard of an arena, moved on before each read.
func arenaRefresh() (protector, error) {
	a, err := newArena()
	if err != nil {
		return protector{}, err
	}
	return protector{func(n int) (sum uint64) {
		g, err := a.Pin()
		if err != nil {
			panic(err)
		}
		for range n {
			if err := g.Refresh(); err != nil {
				panic(err)
			}
			sum += binary.LittleEndian.Uint64(g.Bytes())
		}
		g.Unpin()
		return sum
	}, a.Free}, nil
}

// check returns an error unless sum is what n reads give.
func check(sum uint64, n int) error {
	if sum != uint64(n)*answer {
		return fmt.Errorf("%d reads sum to %#x, want %#x", n, sum, uint64(n)*answer)
	}
	return nil
}
