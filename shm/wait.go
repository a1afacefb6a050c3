package shm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/follow"
	"github.com/growarena/growarena/internal/sys"
)

// How long a follower that waits sleeps at most before it looks by itself. One of them, the
// watchman, looks often whether the writer lives, and wakes the others when it does not, or
// when somebody has put the bell back; everyone looks often where there is no bell. The others
// look in case the watchman was killed, the less often the longer nothing has come: a turn of a
// process takes 0.2 ms of a processor.
const watchTurn = 4 * time.Millisecond

// The first turn of others, and the longest; variables for tests.
var (
	sleepTurn = 100 * time.Millisecond
	idleTurn  = time.Second
)

// sleepers bounds how many threads of the process sleep in futex calls: the Go runtime ends a
// process with 10,000. Who finds no room sleeps in turns, by timers.
var sleepers = make(chan struct{}, 256)

// waiters are those of one follower. One goroutine sleeps for all of them, and exists only as
// long as there are some.
type waiters struct {
	mu      sync.Mutex
	n       int           // who waits. Protected by mu.
	running bool          // the goroutine. Protected by mu.
	closed  bool          // Protected by mu.
	change  chan struct{} // closed when there is something to look at. Protected by mu.

	page *addrspace.Window // of the bell; nil before the first wait. Of the goroutine, and Close behind it.
}

// Wait returns when n bytes are published, which can then be read. It returns io.EOF if the
// writer has closed the buffer with fewer, ErrWriterGone if it has ended without, which is
// noticed within some milliseconds, follow.ErrFull if Max is less, the error of Poll, or
// ctx's. Another writer may take over later: then Wait works again.
func (f *Follower) Wait(ctx context.Context, n int) error {
	return f.waitBeyond(ctx, max(n, 0)-1)
}

// waitBeyond is Wait until more than n bytes are published.
func (f *Follower) waitBeyond(ctx context.Context, n int) error {
	if err := f.enter(); err != nil {
		return err
	}
	defer f.leave()
	for {
		if err := f.ready(n); err != errNotYet {
			return err
		}
		change, err := f.change()
		if err != nil {
			return err
		}
		if err := f.ready(n); err != errNotYet {
			return err
		}
		select {
		case <-change:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// errNotYet says that one has to wait on.
var errNotYet = errors.New("not yet")

// wakeOthers wakes who else sleeps on the page, here and in other processes.
func (f *Follower) wakeOthers() {
	if f.attachMapped() == nil {
		_ = sys.FutexWake(seqAddr(f.page))
		f.detach(f.l)
	}
}

// ready looks whether waitBeyond is over.
func (f *Follower) ready(n int) error {
	if _, err := f.lookFor(n); err != errNotYet {
		return err
	}
	if alive, err := f.Alive(); err != nil || alive {
		if err == nil {
			err = errNotYet
		}
		return err
	}
	// It may have published, and closed, before it ended: look once more. A buffer that is
	// being taken over has had another writer before.
	s, err := f.lookFor(n)
	if err != errNotYet {
		return err
	}
	f.wakeOthers()
	return f.wrap(fmt.Errorf("%w: it ended without closing the buffer, of which it had published %d bytes", ErrWriterGone, s.length))
}

// lookFor looks whether more than n bytes are there, or will not be as far as the page says.
func (f *Follower) lookFor(n int) (snapshot, error) {
	s, err := f.look()
	switch {
	case err != nil:
		return s, err
	case f.shown(s) > n:
		return s, nil
	case s.length > f.max:
		return s, f.wrap(fmt.Errorf("%w: %d bytes are published, and Max is %d", follow.ErrFull, s.length, f.max))
	case s.state == StateClosed:
		return s, io.EOF
	}
	return s, errNotYet
}

// enter makes the caller one who waits: until leave Close ends nothing that he uses.
func (f *Follower) enter() error {
	w := &f.waiters
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return f.wrap(os.ErrClosed)
	}
	w.n++
	return nil
}

// change returns a channel that is closed at the next change.
//
// Preconditions: enter.
func (f *Follower) change() (<-chan struct{}, error) {
	w := &f.waiters
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, f.wrap(os.ErrClosed)
	}
	if w.change == nil {
		w.change = make(chan struct{})
	}
	if !w.running {
		w.running = true
		go f.sleep()
	}
	return w.change, nil
}

// leave ends what enter began.
func (f *Follower) leave() {
	f.waiters.mu.Lock()
	defer f.waiters.mu.Unlock()
	f.waiters.n--
}

// announce has those who wait look.
func (w *waiters) announce() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.change != nil {
		close(w.change)
		w.change = nil
	}
}

// goOn reports whether anybody waits. If not, the goroutine ends, which end begins.
func (w *waiters) goOn(end func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n > 0 && !w.closed {
		return true
	}
	end()
	w.running = false
	return false
}

// endWaiting has Wait return, and returns when nobody waits nor sleeps any more.
func (f *Follower) endWaiting() {
	w := &f.waiters
	for {
		w.mu.Lock()
		w.closed = true
		over := !w.running && w.n == 0
		w.mu.Unlock()
		w.announce()
		if over {
			return
		}
		// All that sleep on the page wake up, also those of others, who look and sleep again.
		f.wakeOthers()
		time.Sleep(time.Millisecond)
	}
}

// sleep is the goroutine: it sleeps until something changes or the writer is gone, and then has
// those who wait look. Who wait do nothing at the end of a turn.
//
// Who waits has taken the channel before its look. So what was published after that look is
// either told by closing the channel, or is not yet told, and then nobody sleeps on it.
func (f *Follower) sleep() {
	attached := false
	watchman, overslept := false, false
	idle := sleepTurn
	told, any := uint32(0), false // The seq that was told last, if any was.
	for f.waiters.goOn(func() {
		if watchman && f.bell != nil {
			_ = sys.UnlockByte(fdOf(f.bell), watchedByte)
		}
		if attached && f.again != nil {
			_ = f.dropBell()
			f.detach(f.l)
		}
	}) {
		if !attached {
			if attached = f.attachMapped() == nil; !attached {
				time.Sleep(watchTurn)
				f.waiters.announce() // Who waits meets the error.
				continue
			}
			f.openBell()
		}
		turn := idle
		if watchman = watchman || f.becomeWatchman(); watchman {
			turn = watchTurn
		}
		s, err := f.look()
		if err == nil && any && s.seq == told {
			// The bell is rung behind the look at seq, which must not have moved since: see layout.rung.
			if err = f.ring(); err == nil {
				overslept = !f.sleepOn(s.seq, turn)
				if alive, err := f.Alive(); err == nil && alive {
					idle = min(2*idle, max(sleepTurn, idleTurn))
					continue // Nothing to tell, unless seq has moved.
				}
			}
		}
		if overslept && watchman && f.bell != nil {
			f.wakeOthers() // Seq has moved, and the writer has woken nobody.
		}
		idle, overslept = sleepTurn, false
		if err != nil {
			time.Sleep(watchTurn) // Who waits is told by its own look.
		}
		told, any = s.seq, true
		f.waiters.announce()
	}
}

// sleepOn sleeps while the page has that seq, for a turn at most, and reports whether somebody
// has woken it.
func (f *Follower) sleepOn(seq uint32, turn time.Duration) bool {
	select {
	case sleepers <- struct{}{}:
		defer func() { <-sleepers }()
		if woken, err := sys.FutexWait(seqAddr(f.page), seq, turn); err == nil {
			return woken
		}
	default:
	}
	time.Sleep(watchTurn)
	return false
}

// ring tells the writer that somebody sleeps.
func (f *Follower) ring() (err error) {
	if f.bell == nil {
		return nil
	}
	w := &f.waiters
	if w.page == nil {
		if w.page, err = mapPage(f.space, f.name+" bell", fdOf(f.bell), true); err != nil {
			return err
		}
	}
	return guarded(f.space, f.sealed, func() error {
		bellIn(w.page).ring()
		return nil
	})
}

// becomeWatchman reports whether this follower looks after the writer for all: one does, or
// where that cannot be agreed on everybody.
func (f *Follower) becomeWatchman() bool {
	return f.bell == nil || !errors.Is(sys.LockByte(fdOf(f.bell), watchedByte), sys.EAGAIN)
}
