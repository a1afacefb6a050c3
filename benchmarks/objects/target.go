package objects

import (
	"github.com/growarena/growarena/benchmarks/internal/work"
)

// object is memory that somebody has asked for.
type object struct {
	b []byte
	p *[]byte // by which a sync.Pool knows it
}

// target is what objects are taken from. Nobody uses it any more when close is
// called.
type target struct {
	worker func() handle // for one goroutine
	close  func() error
}

// handle is one goroutine's way to a target.
type handle struct {
	get func(n int) (object, error)
	put func(object) error

	// pairs takes an object, writes to it, looks at it and gives it back, n times:
	// what get and put do, without calls through a variable.
	pairs func(n, size int) error

	// close gives up the handle; may be nil.
	close func()
}

// done closes h.
func (h handle) done() {
	if h.close != nil {
		h.close()
	}
}

// use marks b and checks it.
func use(b []byte, seed int) error {
	work.Mark(b, uint64(seed))
	return work.Check(b, uint64(seed))
}

// nothing is a target's close when there is nothing to do.
func nothing() error { return nil }
