package fuzz

import (
	"context"
	"errors"
	"fmt"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/stream"
)

const (
	// streamMax bounds the live bytes, streamGuardsMax and streamOpenMax the guards and the
	// appends under way at once, streamOpsMax the operations of a program.
	streamMax, streamGuardsMax, streamOpenMax, streamOpsMax = 8 << 20, 6, 8, 400
)

// sequence is what a Stream and a Group have in common.
type sequence interface {
	Len() int64
	Front() int64
	DropFront(to int64) error
	Pin() (stream.Guard, error)
	Wait(ctx context.Context, off int64) error
	CloseWrite()
	Close() error
	Stats() stream.Stats
	Domain() *epoch.Domain
}

// streamRun is one run of the target "stream": a stream, or a group of three columns, and
// what is known of its elements. What stands in one follows from its number, so the model
// is numbers.
type streamRun struct {
	in    *input
	trace trace
	space *testSpace

	sequence
	s     *stream.Stream // nil if it is a group
	g     *stream.Group
	one   stream.Column[uint8]
	three stream.Column[[3]byte]
	eight stream.Column[uint64]

	limit       int64 // of live elements
	front, tail int64
	taken       []*streamRange // not readable yet, in order
	zeros       [][2]int64     // what has failed and others have appended behind, and is live or in a guard
	guards      []*streamGuard
	over        bool // CloseWrite
	closed      bool
	depth       int   // of AppendFuncs under way
	failed      error // what differed in one of them
	ops         int

	late, kept, refused int // ranges that were done before their turn; failures that left zeros; errors met
}

// streamRange is an append under way.
type streamRange struct {
	from, to int64
	rows     stream.Rows // of a group
	moves    int         // of the sequence when it was taken
	done     bool
}

// streamGuard is a guard and what it should see.
type streamGuard struct {
	g          stream.Guard
	front, end int64
}

// runStream is Target.Run of "stream".
func runStream(program []byte) error {
	r := &streamRun{in: newInput(program, len(streamOps))}
	return r.run()
}

// run runs the program.
func (r *streamRun) run() error {
	err := protect(func() error {
		if made, err := r.start(); err != nil || !made {
			return err
		}
		if err := r.play(); err != nil {
			return err
		}
		return r.finish()
	})
	if err != nil && r.sequence != nil {
		err = errors.Join(fmt.Errorf("%v: %w", r.trace, err), protect(r.abandon))
	}
	return err
}

// play does operations until the program ends, or, in an AppendFunc, for a while.
func (r *streamRun) play() error {
	for left := 4 + r.in.below(16); r.in.more() && r.ops < streamOpsMax && (r.depth == 0 || left > 0); left-- {
		r.ops++
		op := streamOps[r.in.op()]
		r.trace.add(op.name)
		if err := errors.Join(op.do(r), r.failed, r.compare(r.ops%16 == 0)); err != nil {
			return err
		}
	}
	return nil
}

// start makes the stream or the group, as the program's first bytes say.
func (r *streamRun) start() (made bool, err error) {
	if r.space, err = newTestSpace(r.in); err != nil {
		return false, err
	}
	o := stream.Options{
		Name: "fuzzed", Space: r.space.Space, Limit: []int{streamMax, streamMax, streamMax / 8}[r.in.below(3)],
		Reserve: []int{1, 1, 4 << 20, 16 << 20}[r.in.below(4)], Commit: r.in.below(8) == 0,
	}
	if r.in.below(4) == 0 {
		o.HugePages = arena.HugeNever
	}
	switch r.in.below(4) {
	case 0:
		o.Domain = epoch.NewDomain(epoch.Options{})
	case 1: // Refuses windows, so that they wait.
		o.Domain = epoch.NewDomain(epoch.Options{MaxRetired: 1 << 20})
	}
	row := int64(1)
	if r.in.below(2) == 0 {
		if r.s, err = stream.New(o); err == nil {
			r.sequence = r.s
		}
	} else {
		row = 12
		if r.g, err = stream.NewGroup(o, &r.one, &r.three, &r.eight); err == nil {
			r.sequence = r.g
		}
	}
	if err != nil {
		if !r.space.tight || !errors.Is(err, addrspace.ErrNoSpace) {
			return false, err
		}
		return false, r.space.empty()
	}
	r.limit = int64(o.Limit) / row
	return true, nil
}

// end returns the end of what can be read.
func (r *streamRun) end() int64 {
	for len(r.taken) > 0 && r.taken[0].done {
		r.taken = r.taken[1:]
	}
	if len(r.taken) > 0 {
		return r.taken[0].from
	}
	return r.tail
}

// refusal returns an error if err is not what appending n elements may return now.
func (r *streamRun) refusal(n int64, err error) error {
	r.refused++
	switch {
	case r.over && errors.Is(err, stream.ErrClosed):
		return nil
	case !r.over && r.tail-r.front+n > r.limit && errors.Is(err, stream.ErrFull):
		return nil
	case r.space.tight && errors.Is(err, addrspace.ErrNoSpace):
		return nil
	}
	return fmt.Errorf("appending %d behind [%d, %d): %w", n, r.front, r.tail, err)
}

// take takes down that n elements were taken.
func (r *streamRun) take(at, n int64) (*streamRange, error) {
	if at != r.tail || r.over || r.tail-r.front+n > r.limit {
		return nil, fmt.Errorf("%d were taken at %d, want at %d of [%d, …), limit %d, over: %v", n, at, r.tail, r.front, r.limit, r.over)
	}
	x := &streamRange{from: at, to: at + n, moves: r.Stats().Moves}
	r.tail += n
	r.taken = append(r.taken, x)
	return x, nil
}

// done takes down that x was published.
func (r *streamRun) done(x *streamRange) {
	x.done = true
	if r.taken[0] != x {
		r.late++
	}
}

// canceled takes down that x was taken back, or is zeros now.
func (r *streamRun) canceled(x *streamRange, back bool) error {
	last := x.to == r.tail && !r.over
	switch {
	case back && !last:
		return fmt.Errorf("[%d, %d) was taken back, and others are behind it, or it is over", x.from, x.to)
	case !back && last && x.moves == r.Stats().Moves:
		return fmt.Errorf("[%d, %d) was not taken back, and nothing is behind it", x.from, x.to)
	case back:
		r.tail = x.from
		r.taken = r.taken[:len(r.taken)-1]
	default:
		r.zeros = append(r.zeros, [2]int64{x.from, x.to})
		r.kept++
		r.done(x)
	}
	return nil
}

// finish ends everything and looks whether all was given back.
func (r *streamRun) finish() error {
	for _, x := range r.taken {
		if !x.done {
			x.rows.Publish()
			x.done = true
		}
	}
	if err := r.compare(true); err != nil {
		return err
	}
	for _, g := range r.guards {
		g.g.Unpin()
	}
	if !r.closed {
		if err := r.Close(); err != nil {
			return err
		}
	}
	return r.giveBack()
}

// giveBack waits for what goes with the last guard.
func (r *streamRun) giveBack() error {
	if err := r.Domain().Shutdown(context.Background()); err != nil {
		return err
	}
	return r.space.settled()
}

// abandon gives back what can be after a difference.
func (r *streamRun) abandon() error {
	for _, x := range r.taken {
		if !x.done && r.g != nil {
			x.rows.Publish()
		}
	}
	for _, g := range r.guards {
		g.g.Unpin()
	}
	if !r.closed {
		_ = r.Close()
	}
	return r.space.abandon()
}
