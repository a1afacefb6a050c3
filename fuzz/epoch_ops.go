package fuzz

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/growarena/growarena/epoch"
)

// epochOps are the operations, with names for reports.
var epochOps = []struct {
	name string
	f    func(*epochRun) error
}{
	{"pin", (*epochRun).opPin},
	{"unpin", (*epochRun).opUnpin},
	{"refresh", (*epochRun).opRefresh},
	{"copy", (*epochRun).opCopy},
	{"publish", (*epochRun).opPublish},
	{"retire", (*epochRun).opRetire},
	{"reclaim", (*epochRun).opReclaim},
	{"synchronize", (*epochRun).opSynchronize},
	{"barrier", (*epochRun).opBarrier},
	{"close", (*epochRun).opClose},
	{"stats", (*epochRun).opStats},
	{"misuse", (*epochRun).opMisuse},
	{"read", (*epochRun).opRead},
	{"unblock", (*epochRun).opUnblock},
	{"pin many", (*epochRun).opPinMany},
	{"unpin many", (*epochRun).opUnpinMany},
}

// wantError checks that err is one of the domain's, or is nil if want is.
func wantError(err error, want error) error {
	if (err == nil) != (want == nil) || err != nil && !errors.Is(err, want) {
		return fmt.Errorf("the error is %v, want %v", err, want)
	}
	return nil
}

// things makes some things, each with a number of bytes that fits the limit more
// or less.
func (e *epochRun) things(n int, birth uint64) []*epochThing {
	var things []*epochThing
	for range n {
		b := e.in.byte()
		t := &epochThing{birth: birth, bytes: int64(b >> 3)}
		switch {
		case b&7 == 0:
			t.chain = e.chains
		case b&7 == 1 && !e.loose && !e.slow():
			t.unblock = make(chan struct{})
		}
		things = append(things, t)
		if t.unblock != nil {
			e.lives = append(e.lives, t) // counted by slow
		}
	}
	e.lives = slices.DeleteFunc(e.lives, func(t *epochThing) bool { return slices.Contains(things, t) })
	return things
}

// slow reports whether there is a thing that takes long to free. With two, the
// second could be freed by the goroutine that is to let the first go.
func (e *epochRun) slow() bool {
	isSlow := func(t *epochThing) bool { return t.unblock != nil }
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.ContainsFunc(e.lives, isSlow) || slices.ContainsFunc(e.retired, isSlow)
}

// takeLives takes up to n things out of the value.
func (e *epochRun) takeLives(n int) []*epochThing {
	var taken []*epochThing
	for range min(n, len(e.lives)) {
		i := e.in.below(len(e.lives))
		taken = append(taken, e.lives[i])
		e.lives = slices.Delete(e.lives, i, i+1)
	}
	return taken
}

func (e *epochRun) full() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.lives)+len(e.retired) >= epochThings
}

// opPublish publishes a value that contains some things more and some less.
func (e *epochRun) opPublish() error {
	b := e.in.byte()
	var fresh []*epochThing
	if !e.full() {
		fresh = e.things(b>>2&3, 1) // their births follow
	}
	drop := e.takeLives(b & 3)
	value := any(b)
	if b>>4&7 == 0 {
		value = e.value
	}
	wait := b>>7 == 1
	version, err := e.publish(drop, func(r []epoch.Retired) (uint64, error) {
		if wait {
			return e.d.PublishWait(ended, value, r...)
		}
		return e.d.Publish(value, r...)
	})
	if version == 0 {
		e.lives = append(e.lives, drop...)
		if errors.Is(err, errRefused) {
			return nil
		}
		return err
	}
	for _, t := range fresh {
		t.birth = version
	}
	e.lives = append(e.lives, fresh...)
	e.value = value
	return err
}

// errRefused says that the domain was right to refuse.
var errRefused = errors.New("refused")

// publish lets call publish a version that drops things. It returns the version,
// or 0 and an error, which is errRefused if the model agrees.
func (e *epochRun) publish(drop []*epochThing, call func([]epoch.Retired) (uint64, error)) (uint64, error) {
	n := int64(0)
	for _, t := range drop {
		n += t.bytes
	}
	e.calling.Store(true)
	least := e.newest() + 1
	version, err := call(e.drop(drop))
	e.calling.Store(false)
	if err != nil {
		e.undrop(drop)
	} else {
		e.dropped(drop, version)
	}
	var want error
	switch {
	case e.closed:
		want = epoch.ErrClosed
	case e.limit > 0 && n > e.limit-e.held(drop):
		want = epoch.ErrRetired
	}
	if wrong := wantError(err, want); wrong != nil {
		return 0, fmt.Errorf("dropping %d bytes at %d of %d: %w", n, e.held(drop), e.limit, wrong)
	}
	if err != nil {
		return 0, errRefused
	}
	e.scanned = e.scanned || len(drop) > 0 // by the reaper, which was woken
	return version, e.published(version, least)
}

// opRetire retires things: new ones by the classic rule, or some of the value's.
func (e *epochRun) opRetire() error {
	b := e.in.byte()
	var things []*epochThing
	if b&1 == 0 && !e.full() {
		things = e.things(1+b>>1&3, 0)
	} else {
		things = e.takeLives(1 + b>>1&3)
	}
	if len(things) == 0 {
		return wantError(e.d.Retire(), nil)
	}
	before := e.newest()
	_, err := e.publish(things, func(r []epoch.Retired) (uint64, error) {
		if err := e.d.Retire(r...); err != nil {
			return 0, err
		}
		return e.bumped(before)
	})
	if err != nil {
		for _, t := range things {
			if t.birth != 0 {
				e.lives = append(e.lives, t)
			}
		}
	}
	if errors.Is(err, errRefused) {
		return nil
	}
	return err
}

func (e *epochRun) opStats() error {
	if err := e.settle(); err != nil {
		return err
	}
	for _, g := range e.guards {
		if err := e.look(g); err != nil {
			return err
		}
	}
	return e.agree()
}

// opMisuse does what panics and changes nothing.
func (e *epochRun) opMisuse() error {
	b := e.in.byte()
	var f func()
	want := ""
	switch b & 3 {
	case 0:
		f, want = func() { new(epoch.Guard).Unpin() }, "epoch: Unpin of a Guard that Pin did not return"
	case 1:
		f, want = func() { _ = new(epoch.Guard).Refresh() }, "epoch: Refresh of a Guard that Pin did not return"
	case 2:
		// Born in the version that drops it, or later.
		r := epoch.Retired{Birth: e.version + 1 + uint64(b>>2&1), Free: func() { panic("freed what was never retired") }}
		if e.closed {
			r.Birth--
			f, want = func() { _ = e.d.Shutdown(ended, r) }, "has Birth"
			break
		}
		f, want = func() { _, _ = e.d.Publish(b, epoch.Retired{}, r) }, "has Birth"
	default:
		f, want = func() { _ = e.d.Retire(epoch.Retired{Bytes: -1}) }, "has -1 Bytes"
	}
	if text := panicText(f); !strings.Contains(text, want) {
		return fmt.Errorf("panic %q, want %q", text, want)
	}
	return nil
}

func (e *epochRun) opRead() error {
	called := errors.New("called")
	err := e.d.Read(func(v any) error {
		if v != e.value {
			return fmt.Errorf("read %v, want %v", v, e.value)
		}
		return called
	})
	if e.closed {
		return wantError(err, epoch.ErrClosed)
	}
	return wantError(err, called)
}
