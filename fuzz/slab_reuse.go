package fuzz

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Making an allocator, and the first page faults in it, take longer than most
// programs. So most programs run in one that others have used before, which is
// also a state that a fresh one takes long to reach. What they find is reported
// only if it can be found in a fresh one: by the program alone, or by a program
// whose chapters are those that ran before, and it.

// slabHistory bounds how many programs an allocator serves, and so how long such
// a program is.
const slabHistory = 200

// slabUsed is an allocator that has served programs and is empty.
type slabUsed struct {
	*slabAllocator
	history [][]byte
}

// slabPool has used allocators by number of configuration.
var slabPool struct {
	mu   sync.Mutex
	free [len(slabConfigs)][]*slabUsed // Protected by mu.
}

// runSlab is Target.Run of "slab".
func runSlab(program []byte) error {
	config, fresh, rest := slabHeader(program)
	if fresh {
		return runFreshSlab(program)
	}
	u := takeSlab(config)
	if err := u.run(rest); err != nil {
		u.abandon()
		return confirmSlab(config, u.history, program, err)
	}
	u.history = append(u.history, slices.Clone(rest))
	return u.putBack(config)
}

// slabHeader reads the number of a configuration, and whether the program wants
// a fresh allocator, to close it as it leaves it.
func slabHeader(program []byte) (config int, fresh bool, rest []byte) {
	if len(program) == 0 {
		return 0, false, nil
	}
	return slabConfigOf(int(program[0])), program[0]>>4 == 15, program[1:]
}

// takeSlab returns a used allocator, or a new one.
func takeSlab(config int) *slabUsed {
	slabPool.mu.Lock()
	defer slabPool.mu.Unlock()
	if free := slabPool.free[config]; len(free) > 0 {
		slabPool.free[config] = free[:len(free)-1]
		return free[len(free)-1]
	}
	return &slabUsed{slabAllocator: newSlabAllocator(slabConfigs[config])}
}

// putBack keeps u for the next program, or ends it.
func (u *slabUsed) putBack(config int) error {
	if len(u.history) >= slabHistory {
		return u.close()
	}
	// Much memory is given back in between: there are many allocators.
	if s := u.a.Stats(); s.Kept > 4<<20 {
		if err := u.a.Trim(); err != nil {
			return err
		}
	}
	slabPool.mu.Lock()
	defer slabPool.mu.Unlock()
	slabPool.free[config] = append(slabPool.free[config], u)
	return nil
}

// settleSlab is Target.Settle of "slab".
func settleSlab() {
	slabPool.mu.Lock()
	defer slabPool.mu.Unlock()
	for i, free := range slabPool.free {
		for _, u := range free {
			if err := u.close(); err != nil {
				panic(fmt.Sprintf("BUG: an allocator is not empty between programs: %v", err))
			}
		}
		slabPool.free[i] = nil
	}
}

// run runs a program in s, a panic and a fault being errors.
func (s *slabAllocator) run(program []byte) error {
	return protect(func() error { return (&slabRun{slabAllocator: s}).run(program, false) })
}

// abandon gives back what can be of an allocator in which something went wrong. It
// may hold its own locks.
func (s *slabAllocator) abandon() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = protect(s.close)
	}()
	select {
	case <-done:
	case <-time.After(time.Second):
	}
}

// runFreshSlab runs a program in an allocator of its own.
func runFreshSlab(program []byte) error {
	config, fresh, rest := slabHeader(program)
	s := newSlabAllocator(slabConfigs[config])
	if !fresh {
		err := s.run(rest)
		if err == nil {
			return s.close()
		}
		s.abandon()
		return err
	}
	err := protect(func() error {
		r := &slabRun{slabAllocator: s}
		if err := r.run(rest, true); err != nil {
			return err
		}
		if err := r.closeInUse(); err != nil {
			return fmt.Errorf("slab: %v: %w", r.trace, err)
		}
		return nil
	})
	if err != nil {
		s.abandon()
	}
	return err
}

// A Longer error comes with another program than the one that was run: that one
// fails only after others, and Program, which contains them, fails by itself.
type Longer struct {
	Program []byte
	Err     error
}

// Error says what went wrong.
func (l *Longer) Error() string {
	return fmt.Sprintf("after other programs: %v\nby itself this one fails: %q", l.Err, l.Program)
}

// Unwrap returns what went wrong.
func (l *Longer) Unwrap() error { return l.Err }

// confirmSlab looks for a program that fails in a fresh allocator as program did
// in a used one.
func confirmSlab(config int, history [][]byte, program []byte, err error) error {
	if err := runFreshSlab(program); err != nil {
		return err
	}
	_, _, rest := slabHeader(program)
	fails := func(chapters [][]byte) error { return runFreshSlab(joinSlab(config, chapters)) }
	chapters := append(slices.Clone(history), rest)
	found := fails(chapters)
	if found == nil {
		return fmt.Errorf("not to be repeated, the program alone and the %d before it find nothing: %w", len(history), err)
	}
	end := time.Now().Add(patience)
	for n := len(chapters) / 2; n > 0; n /= 2 {
		for at := 0; at+n <= len(chapters) && time.Now().Before(end); {
			fewer := slices.Delete(slices.Clone(chapters), at, at+n)
			if err := fails(fewer); err != nil {
				chapters, found = fewer, err
			} else {
				at += n
			}
		}
	}
	return &Longer{joinSlab(config, chapters), found}
}

// joinSlab returns a program whose chapters are programs.
func joinSlab(config int, chapters [][]byte) []byte {
	// The weights: no operation but the last, which is a chapter, and operation 0,
	// which always has a weight of 1.
	last := len(slabOps) - 1
	program := append(make([]byte, 0, 1024), byte(config))
	for i := 0; i < len(slabOps); i += 2 {
		program = append(program, 0)
	}
	program[1+last/2] = 15 << (4 * (last % 2))
	for _, c := range chapters {
		program = append(program, 1, byte(len(c)>>8), byte(len(c)))
		program = append(program, c...)
	}
	return program
}
