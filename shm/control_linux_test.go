//go:build !portable && !exploreshm

package shm

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"os"
	"testing"
)

// TestControl_Corrupt: whatever is written to a control page, a follower says ErrCorrupt and
// keeps what it has.
func TestControl_Corrupt(t *testing.T) {
	for name, spoil := range map[string]func(l *layout){
		"state":             func(l *layout) { l.state.Store(7) },
		"state back":        func(l *layout) { l.state.Store(uint32(StateClosed)) }, // Then live again.
		"generation back":   func(l *layout) { l.generation.Store(0) },
		"length back":       func(l *layout) { l.length.Store(99) },
		"length far":        func(l *layout) { l.length.Store(math.MaxUint64) },
		"behind capacity":   func(l *layout) { l.length.Store(l.capacity.Load() + 1) },
		"behind the file":   func(l *layout) { l.capacity.Store(1 << 40); l.length.Store(1 << 40) },
		"front":             func(l *layout) { l.front.Store(101) },
		"front back":        func(l *layout) { l.front.Store(9) },
		"front far":         func(l *layout) { l.front.Store(math.MaxUint64) },
		"capacity":          func(l *layout) { l.capacity.Store(1) },
		"length, capacity":  func(l *layout) { l.capacity.Store(math.MaxUint64); l.length.Store(math.MaxUint64) },
		"longest, capacity": func(l *layout) { l.capacity.Store(math.MaxInt); l.length.Store(math.MaxInt) },
	} {
		t.Run(name, func(t *testing.T) {
			w := create(t, Options{Droppable: true})
			write(t, w, 100)
			if err := w.DropFront(10); err != nil {
				t.Fatal(err)
			}
			f := follower(t, w, FollowOptions{})
			spoil(w.l)
			if name == "state back" {
				if err := f.Wait(soon(t), 101); err == nil {
					t.Fatal("no end")
				}
				w.l.state.Store(uint32(StateLive))
			}
			_, err := f.look()
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("got %v", err)
			}
			if err := f.Wait(soon(t), 101); !errors.Is(err, ErrCorrupt) {
				t.Errorf("Wait: %v", err)
			}
			g, err := f.data.Pin()
			if err != nil {
				t.Fatal(err)
			}
			defer g.Unpin()
			if b := g.Bytes(); len(b) != 100 || wrongAt(b, 0) >= 0 {
				t.Errorf("%d bytes are left, wrong at %d", len(b), wrongAt(b, 0))
			}
		})
	}
}

// TestControl_Refused: a control page that this program cannot follow is refused.
func TestControl_Refused(t *testing.T) {
	for name, spoil := range map[string]func(l *layout){
		"empty":      func(l *layout) { l.magic.Store(0) },
		"magic":      func(l *layout) { l.magic.Add(1) },
		"byte order": func(l *layout) { l.magic.Store(bits.ReverseBytes64(magic)) },
		"version":    func(l *layout) { l.version.Store(2) },
		"header":     func(l *layout) { l.header.Store(128) },
		"page":       func(l *layout) { l.page.Store(uint32(4 * os.Getpagesize())) },
		"flags":      func(l *layout) { l.flags.Store(1 << 31) },
		"next flag":  func(l *layout) { l.flags.Store(flagsKnown + 1) },
		"sealed":     func(l *layout) { l.flags.Store(flagSealed) }, // Which it is not.
		"data":       func(l *layout) { l.inode.Add(1) },
	} {
		t.Run(name, func(t *testing.T) {
			w := create(t, Options{Unsealed: true})
			write(t, w, 100)
			files, err := w.Files()
			if err != nil {
				t.Fatal(err)
			}
			defer files.Close()
			spoil(w.l)
			f, err := Follow(files, FollowOptions{})
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("got %v", err)
			}
			if err == nil {
				f.Close()
			}
		})
	}
}

// FuzzControl writes anything to a control page while it is followed.
func FuzzControl(f *testing.F) {
	f.Add([]byte{}, uint16(0))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff}, uint16(88))
	f.Add(make([]byte, headerSize), uint16(0))
	f.Add(binary.NativeEndian.AppendUint64(nil, 1<<40), uint16(80))
	f.Add(binary.NativeEndian.AppendUint64(nil, math.MaxUint64), uint16(96))
	f.Add(binary.NativeEndian.AppendUint64(nil, 4999), uint16(96))
	f.Add(binary.NativeEndian.AppendUint64(nil, 2), uint16(96))
	f.Add([]byte{0, 0, 0, 0}, uint16(20))
	f.Fuzz(func(t *testing.T, b []byte, at uint16) {
		w := create(t, Options{Unsealed: true, Droppable: true})
		write(t, w, 5000)
		if err := w.DropFront(3); err != nil {
			t.Fatal(err)
		}
		before := follower(t, w, FollowOptions{})
		if len(b) > headerSize || int(at)+len(b) > headerSize {
			return
		}
		if _, err := w.control.WriteAt(b, int64(at)); err != nil {
			t.Fatal(err)
		}
		files, err := w.Files()
		if err != nil {
			t.Fatal(err)
		}
		defer files.Close()
		after, err := Follow(files, FollowOptions{})
		if err != nil && !errors.Is(err, ErrCorrupt) {
			t.Errorf("Follow: %v", err)
		}
		if err == nil {
			defer after.Close()
		}
		for _, l := range []*Follower{before, after} {
			if l == nil {
				continue
			}
			if n, err := l.Poll(); err != nil && !errors.Is(err, ErrCorrupt) || n > 2<<20 {
				t.Errorf("Poll: %d, %v", n, err)
			}
			if err := l.Read(func([]byte) error { return nil }); err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrDropped) {
				t.Errorf("Read: %v", err)
			}
			g, err := l.Pin()
			if err != nil {
				continue
			}
			if first := g.Front(); first < 5000 {
				if b := g.Bytes()[:min(g.Len(), 5000)-first]; wrongAt(b, first) >= 0 {
					t.Errorf("[%d, %d) is wrong at %d", first, g.Len(), wrongAt(b, first))
				}
			}
			if err := g.Check(g.Front()); err != nil && !errors.Is(err, ErrDropped) {
				t.Errorf("Check: %v", err)
			}
			g.Unpin()
		}
		w.l.length.Store(0)
		w.l.capacity.Store(0)
	})
}

// TestControl_FrontOfAll: a front in a buffer that does not say that bytes can go is corrupt.
func TestControl_FrontOfAll(t *testing.T) {
	w := create(t, Options{})
	write(t, w, 100)
	f := follower(t, w, FollowOptions{})
	w.l.front.Store(1)
	if _, err := f.look(); !errors.Is(err, ErrCorrupt) || f.Front() != 0 {
		t.Errorf("%v, the front is %d", err, f.Front())
	}
}
