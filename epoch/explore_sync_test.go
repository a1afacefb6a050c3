//go:build explore

package epoch

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// This file is sync.go for the explorer: each operation is a point where
// another task may go on, and part of the state hash. Outside of an execution
// the types do what sync/atomic and sync do, now and then yielding before it,
// so that the stress tests reach rare orders under this tag too.

// yieldOneIn is how rarely an operation yields outside of the explorer. Not
// before each: then goroutines take turns, in one order.
const yieldOneIn = 16

// perhapsYield is a scheduling point outside of the explorer.
func perhapsYield() {
	if rand.IntN(yieldOneIn) == 0 {
		runtime.Gosched()
	}
}

// atomicUint32 has no points: it only ever says whether pins are traced.
type atomicUint32 = atomic.Uint32

type atomicUint64 struct {
	v atomic.Uint64
	c cell
}

func (a *atomicUint64) Load() uint64 {
	x := exploring
	if x == nil {
		perhapsYield()
		return a.v.Load()
	}
	x.point(nil)
	v := a.v.Load()
	x.saw(v)
	return v
}

func (a *atomicUint64) Store(v uint64) {
	x := exploring
	if x == nil {
		perhapsYield()
		a.v.Store(v)
		return
	}
	x.point(nil)
	a.v.Store(v)
	a.c.set(x, v)
}

func (a *atomicUint64) CompareAndSwap(old, v uint64) bool {
	x := exploring
	if x == nil {
		perhapsYield()
		return a.v.CompareAndSwap(old, v)
	}
	x.point(nil)
	if !a.v.CompareAndSwap(old, v) {
		x.saw(1)
		return false
	}
	x.saw(2)
	a.c.set(x, v)
	return true
}

type atomicInt64 struct{ u atomicUint64 }

func (a *atomicInt64) Load() int64   { return int64(a.u.Load()) }
func (a *atomicInt64) Store(v int64) { a.u.Store(uint64(v)) }
func (a *atomicInt64) CompareAndSwap(old, v int64) bool {
	return a.u.CompareAndSwap(uint64(old), uint64(v))
}

func (a *atomicInt64) Add(n int64) int64 {
	x := exploring
	if x == nil {
		perhapsYield()
		return int64(a.u.v.Add(uint64(n)))
	}
	x.point(nil)
	v := a.u.v.Add(uint64(n))
	x.saw(v)
	a.u.c.set(x, v)
	return int64(v)
}

type atomicPointer[T any] struct {
	p atomic.Pointer[T]
	c cell
}

func (a *atomicPointer[T]) Load() *T {
	x := exploring
	if x == nil {
		perhapsYield()
		return a.p.Load()
	}
	x.point(nil)
	x.saw(a.c.last)
	return a.p.Load()
}

func (a *atomicPointer[T]) Store(p *T) {
	x := exploring
	if x == nil {
		perhapsYield()
		a.p.Store(p)
		return
	}
	x.point(nil)
	a.p.Store(p)
	a.c.set(x, x.pointerID(p, p == nil))
}

func (a *atomicPointer[T]) CompareAndSwap(old, p *T) bool {
	x := exploring
	if x == nil {
		perhapsYield()
		return a.p.CompareAndSwap(old, p)
	}
	x.point(nil)
	if !a.p.CompareAndSwap(old, p) {
		x.saw(1)
		return false
	}
	x.saw(2)
	a.c.set(x, x.pointerID(p, p == nil))
	return true
}

// A mutex hands the history of its last holder on to the next, in place of
// the data it protects.
type mutex struct {
	mu   sync.Mutex
	held bool
	c    cell
}

func (m *mutex) Lock() {
	x := exploring
	if x == nil {
		m.mu.Lock()
		return
	}
	x.point(func() bool { return !m.held })
	m.held = true
	x.saw(m.c.last)
	m.c.set(x, mix(x.cur.id, 1))
}

// Unlock is not a point of its own: what follows it is one, or touches nothing
// that is shared.
func (m *mutex) Unlock() {
	x := exploring
	if x == nil {
		m.mu.Unlock()
		return
	}
	m.held = false
	m.c.set(x, x.cur.hist)
}

// spawn runs f in a goroutine of its own.
func spawn(f func()) {
	if x := exploring; x != nil {
		x.spawn("reaper", f)
		return
	}
	go f()
}

// stripe returns the caller's slot hint; in the explorer tasks take turns.
func stripe() uint64 {
	if x := exploring; x != nil {
		for i, t := range x.tasks {
			if t == x.cur {
				return uint64(i) << 63
			}
		}
	}
	return stackHash()
}

// scatter returns a random place to start looking in an overflow table.
func scatter() uint64 {
	if exploring != nil {
		return 0
	}
	return rand.Uint64()
}

// processStart makes the time of now monotonic and small.
var processStart = time.Now()

// now returns the monotonic time; in the explorer it stands still.
func now() time.Duration {
	if exploring != nil {
		return 0
	}
	return time.Since(processStart)
}

// An event is as in sync.go. In the explorer timeouts do not happen.
type event struct{ e *eventState }

type eventState struct {
	c    chan struct{}
	set  bool
	cell cell
}

func newEvent() event { return event{&eventState{c: make(chan struct{}, 1)}} }

func (e *event) set() {
	x := exploring
	if x == nil {
		select {
		case e.e.c <- struct{}{}:
		default:
		}
		return
	}
	x.point(nil)
	e.e.set = true
	e.e.cell.set(x, 1)
}

func (e *event) wait(timeout time.Duration) {
	x := exploring
	if x != nil {
		x.point(func() bool { return e.e.set })
		e.e.set = false
		e.e.cell.set(x, 0)
		return
	}
	if timeout <= 0 {
		<-e.e.c
		return
	}
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case <-e.e.c:
	case <-t.C:
	}
}

// A gate is as in sync.go.
type gate struct {
	c      chan struct{}
	isOpen bool
	cell   cell
}

func newGate() *gate { return &gate{c: make(chan struct{})} }

func (g *gate) open() {
	close(g.c)
	if x := exploring; x != nil {
		g.isOpen = true
		g.cell.set(x, 1)
	}
}

func (g *gate) wait(ctx context.Context) error {
	if x := exploring; x != nil {
		x.point(func() bool { return g.isOpen || ctx.Err() != nil })
		if g.isOpen {
			x.saw(1)
			return nil
		}
		x.saw(2)
		return ctx.Err()
	}
	select {
	case <-g.c:
		return nil
	default:
	}
	select {
	case <-g.c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
