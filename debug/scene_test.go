package debug

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/follow"
	"github.com/growarena/growarena/pool"
	"github.com/growarena/growarena/shm"
	"github.com/growarena/growarena/slab"
	"github.com/growarena/growarena/stream"
	"github.com/growarena/growarena/track"
)

const mib = 1 << 20

// hostile is what a name can hold that somebody else has chosen.
const hostile = "<script>alert('x')</script>\"&\\\r\n\nevent: steps\ndata: \xff</td>"

// scene has one of everything, all of the same name.
type scene struct {
	name  string
	arena *arena.Arena // It has moved, and a guard keeps the old window.

	tracked bool // arena, with a checkpoint and a page written since, and some other memory with two, where the system can
}

// newScene makes one of everything, until the end of the test.
func newScene(t *testing.T, name string) *scene {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ends := func(end func() error) {
		t.Cleanup(func() {
			if err := end(); err != nil {
				t.Error(err)
			}
		})
	}
	s := &scene{name: name}
	var err error
	s.arena, err = arena.NewArena(arena.Options{Name: name, Reserve: 4 * mib, Retire: true, Rungs: arena.RungInWindow | arena.RungAlias, HugePages: arena.HugeNever})
	must(err)
	ends(s.arena.Free)
	b, err := s.arena.Alloc(mib)
	must(err)
	fill(b)
	g, err := s.arena.Pin()
	must(err)
	t.Cleanup(g.Unpin)
	must(s.arena.Grow(8 * mib))

	feed, err := stream.New(stream.Options{Name: name})
	must(err)
	ends(feed.Close)
	_, err = feed.Append(make([]byte, 3<<10))
	must(err)

	p, err := pool.New(pool.Options{Name: name})
	must(err)
	ends(p.Close)
	buffer, err := p.Alloc(5000)
	must(err)
	fill(buffer)
	t.Cleanup(func() { p.Free(buffer) })

	a := slab.New(slab.Options{Name: name})
	ends(a.Close)
	var objects [][]byte
	for range 100 {
		o, err := a.Alloc(128)
		must(err)
		objects = append(objects, o)
	}
	for _, o := range objects[:40] {
		a.Free(o)
	}
	t.Cleanup(func() {
		for _, o := range objects[40:] {
			a.Free(o)
		}
	})

	w, err := shm.Create(shm.Options{Name: name})
	must(err)
	ends(w.Close)
	_, err = w.Write([]byte("published"))
	must(err)
	files, err := w.Files()
	must(err)
	f, err := shm.Follow(files, shm.FollowOptions{Name: name})
	must(err)
	ends(f.Close)
	must(files.Close())

	file, err := s.arena.File()
	must(err)
	defer file.Close()
	l, err := follow.New(file, follow.Options{Name: name})
	must(err)
	ends(l.Close)
	must(l.Extend(mib))

	d := epoch.NewDomain(epoch.Options{Name: name, Trace: true, StallAfter: time.Nanosecond})
	holdPin(t, d)
	must(d.Retire(epoch.Retired{Bytes: 12345}))

	space := addrspace.New(addrspace.Options{})
	window, err := space.Reserve(4*mib, addrspace.ReserveOptions{Name: name})
	must(err)
	ends(func() error { _ = window.Release(); return space.Trim() })
	s.track(t, b)
	return s
}

// track tracks the arena, whose bytes are b, and some other memory.
func (s *scene) track(t *testing.T, b []byte) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	err := s.arena.Track()
	if errors.Is(err, track.ErrUnsupported) {
		t.Log("nothing is tracked: ", err)
		return
	}
	must(err)
	_, err = s.arena.Checkpoint(discard{}, arena.CheckpointOptions{})
	must(err)
	b[0]++
	other, err := arena.NewArena(arena.Options{HugePages: arena.HugeNever})
	must(err)
	t.Cleanup(func() { must(other.Free()) })
	memory, err := other.Alloc(mib)
	must(err)
	tracker, err := track.New(memory)
	must(err)
	t.Cleanup(tracker.Close)
	for _, err := range tracker.Dirty() {
		must(err)
	}
	memory[0], memory[mib-1] = 1, 1
	s.tracked = true
}

type discard struct{}

func (discard) WriteAt(b []byte, _ int64) (int, error) { return len(b), nil }

// holdPin pins until the end of the test.
//
//go:noinline
func holdPin(t *testing.T, d *epoch.Domain) {
	g, err := d.Pin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		g.Unpin()
		d.TryReclaim()
	})
}

func fill(b []byte) {
	for i := range b {
		b[i] = 1
	}
}

// get returns what a handler answers to a request for a format.
func get(t *testing.T, h http.Handler, format string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/debug/growarena/?format="+format, nil))
	if w.Code != http.StatusOK {
		t.Fatalf("?format=%s: %d\n%s", format, w.Code, w.Body)
	}
	return w
}

func contains(t *testing.T, where string, text []byte, want ...string) {
	t.Helper()
	for _, s := range want {
		if !bytes.Contains(text, []byte(s)) {
			t.Errorf("%s: %q is not there", where, s)
		}
	}
}
