package fuzz

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/follow"
	"github.com/growarena/growarena/internal/sys"
)

const (
	// followMax bounds the length of the arena that is followed, followersMax how many
	// follow it at once, followOpsMax the operations of a program.
	followMax, followersMax, followOpsMax = 12 << 20, 4, 300

	// followFileMax is more than its file.
	followFileMax = 32 << 20
)

var followMirrors = mirrors{size: followFileMax}

// followRun is one run of the target "follow": an arena that is written to, and followers
// of its file, in one Space, beside a mirror of the file's bytes.
type followRun struct {
	in    *input
	trace trace
	space *testSpace

	a      *arena.Arena
	file   *os.File // of a
	want   *mirror
	length int // of a

	followers []*followModel
	made      int  // followers
	reaped    bool // windows may go at any time
	errors    int  // of Extend, as expected
}

// followModel is a follower and what it should be.
type followModel struct {
	l       *follow.Follower
	o       follow.Options
	length  int
	last    follow.Stats
	guards  []*follow.Guard
	lengths []int    // of guards
	old     [][]byte // slices of before, where old windows are kept
}

// runFollow is Target.Run of "follow".
func runFollow(program []byte) error {
	r := &followRun{in: newInput(program, len(followOps))}
	return r.run(func() {})
}

// run runs the program and calls look after each operation.
func (r *followRun) run(look func()) error {
	r.want = followMirrors.get()
	defer func() { followMirrors.put(r.want) }()
	err := protect(func() error {
		if err := r.start(); err != nil || r.a == nil {
			return err
		}
		for n := 0; r.in.more() && n < followOpsMax; n++ {
			op := followOps[r.in.op()]
			r.trace.add(op.name)
			if err := errors.Join(op.do(r), r.compare()); err != nil {
				return err
			}
			look()
		}
		return r.finish()
	})
	if err != nil {
		err = errors.Join(fmt.Errorf("%v: %w", r.trace, err), protect(r.abandon))
	}
	return err
}

// start makes the arena, as the program's first bytes say.
func (r *followRun) start() error {
	var err error
	if r.space, err = newTestSpace(r.in); err != nil {
		return err
	}
	o := arena.Options{Name: "followed", Space: r.space.Space, Limit: followMax, Reserve: []int{1, 4 << 20, 16 << 20}[r.in.below(3)], Headroom: -1}
	if r.in.below(4) == 0 {
		o.HugePages = arena.HugeNever
	}
	o.Commit = r.in.below(8) == 0
	if r.a, err = arena.NewArena(o); err != nil {
		r.a = nil
		if !r.space.tight || !errors.Is(err, addrspace.ErrNoSpace) {
			return err
		}
		return r.space.empty()
	}
	r.file, err = r.a.File()
	return err
}

// size returns how long the file is.
func (r *followRun) size() (int, error) {
	info, err := r.file.Stat()
	if err != nil {
		return 0, err
	}
	return int(info.Size()), nil
}

// compare compares everything after an operation.
func (r *followRun) compare() error {
	if n := r.a.Len(); n != r.length {
		return fmt.Errorf("the arena has %d bytes, want %d", n, r.length)
	}
	if err := r.want.compare(r.a.Bytes(), 0); err != nil {
		return fmt.Errorf("the arena: %w", err)
	}
	size, err := r.size()
	if err != nil {
		return err
	}
	for i, m := range r.followers {
		if err := m.compare(r.want, size); err != nil {
			return fmt.Errorf("follower %d of %d bytes: %w", i, m.length, err)
		}
	}
	if s := r.space.Stats(); s.Stuck != 0 || s.Quarantined != 0 {
		return fmt.Errorf("space %+v", s)
	}
	if !r.reaped && r.space.due() {
		return r.maps()
	}
	return nil
}

// compare compares a follower with the mirror of a file of so many bytes.
func (m *followModel) compare(want *mirror, size int) error {
	s := m.l.Stats()
	limit := m.o.Limit
	if limit == 0 {
		limit = math.MaxInt &^ (arenaUnit - 1)
	}
	if s.Len != m.length || m.l.Len() != m.length || s.Limit != limit || s.Cap != m.l.Cap() || s.Cap < m.length || s.Cap > min(size, limit, s.Window) ||
		s.Descriptor == m.o.NoDescriptor || s.Windows < 1 || !m.o.Retire && s.Windows != 1+s.Growth.Rehomed+s.Growth.Aliased {
		return fmt.Errorf("%+v, limit %d, file of %d", s, limit, size)
	}
	if s.Cap < m.last.Cap || s.Window < m.last.Window || m.o.NoDescriptor && s.Growth.Extended > 0 {
		return fmt.Errorf("%+v, before %+v", s, m.last)
	}
	m.last = s
	b := m.l.Bytes()
	if len(b) != m.length || cap(b) != m.length {
		return fmt.Errorf("Bytes returns %d of %d", len(b), cap(b))
	}
	if err := want.compare(b, 0); err != nil {
		return err
	}
	for i, g := range m.guards {
		b := g.Bytes()
		if len(b) != m.lengths[i] {
			return fmt.Errorf("guard %d shows %d bytes, want %d", i, len(b), m.lengths[i])
		}
		if err := want.compare(b, 0); err != nil {
			return fmt.Errorf("guard %d: %w", i, err)
		}
	}
	for i, b := range m.old {
		if err := want.compare(b, 0); err != nil {
			return fmt.Errorf("old slice %d: %w", i, err)
		}
	}
	return nil
}

// maps compares the kernel's mappings with the Space's windows.
func (r *followRun) maps() error {
	var windows []addrspace.Range
	for w := range r.space.All() {
		windows = append(windows, w.Range())
	}
	return r.space.maps(windows, func(_ int, _ uintptr, v sys.VMA) error {
		if v.Path == "/memfd:followed (deleted)" && (v.Perms == "rw-s" || v.Perms == "r--s") {
			return nil
		}
		return fmt.Errorf("%+v in a window", v)
	})
}

// finish ends all and looks whether all has been given back.
func (r *followRun) finish() error {
	r.trace.add("finish")
	for len(r.followers) > 0 {
		if err := r.close(0); err != nil {
			return err
		}
	}
	if err := errors.Join(r.a.Free(), r.file.Close()); err != nil {
		return err
	}
	r.a = nil
	return errors.Join(r.space.empty(), r.space.maps(nil, nil))
}

// close ends follower i and waits for its windows.
func (r *followRun) close(i int) error {
	m := kept(&r.followers, i)
	d := m.l.Domain()
	held := 0 // Guards outlive Close where windows are retired.
	if d == nil || r.in.below(2) == 0 {
		for _, g := range m.guards {
			g.Unpin()
		}
		m.guards = nil
	}
	if err := m.l.Close(); err != nil {
		return err
	}
	for k, g := range m.guards {
		held++
		if b := g.Bytes(); len(b) != m.lengths[k] {
			return fmt.Errorf("after Close a guard shows %d bytes, want %d", len(b), m.lengths[k])
		} else if err := r.want.compare(b, 0); err != nil {
			return fmt.Errorf("a guard after Close: %w", err)
		}
		g.Unpin()
	}
	if d != nil {
		if err := d.Shutdown(context.Background()); err != nil {
			return err
		}
	}
	s := m.l.Stats()
	if s.Len+s.Cap+s.Window+s.Windows+s.Kept != 0 || s.Descriptor || s.Growth != m.last.Growth {
		return fmt.Errorf("after Close, with %d guards held: %+v, before %+v", held, s, m.last)
	}
	return errors.Join(
		mustPanic("Bytes after Close", func() { m.l.Bytes() }),
		mustPanic("Close twice", func() { _ = m.l.Close() }))
}

// abandon gives back what there is after a difference.
func (r *followRun) abandon() error {
	if r.space == nil {
		return nil
	}
	var errs []error
	for _, m := range r.followers {
		errs = append(errs, protect(func() error {
			for _, g := range m.guards {
				g.Unpin()
			}
			return m.l.Close()
		}))
	}
	if r.a != nil {
		errs = append(errs, protect(r.a.Free), r.file.Close())
	}
	return errors.Join(append(errs, r.space.abandon())...)
}
