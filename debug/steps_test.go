package debug

import (
	"os"
	"testing"

	"github.com/growarena/growarena/follow"
	"github.com/growarena/growarena/internal/census"
	"github.com/growarena/growarena/pool"
	"github.com/growarena/growarena/stream"
)

// TestSteps: whatever grows tells who watches, with the window that it has then.
func TestSteps(t *testing.T) {
	newScene(t, "beside") // Which has grown before anybody watched.
	w := census.NewWatch()
	defer w.End()
	check := func(name string, least int, rungs ...string) {
		t.Helper()
		steps, lost := w.Take()
		for _, s := range steps {
			for _, rung := range rungs {
				if s.Name == name && s.Rung == rung && s.To >= least && s.To > s.From && s.Start > 0 && s.Err == "" && !s.At.IsZero() && s.Took >= 0 {
					return
				}
			}
		}
		t.Errorf("%s: no step is of %v, to a window of %d bytes: %+v, %d lost", name, rungs, least, steps, lost)
	}

	s, err := stream.New(stream.Options{Name: "stream", Reserve: 4 * mib})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 6 {
		if _, err := s.Append(make([]byte, mib)); err != nil {
			t.Fatal(err)
		}
	}
	check("stream", 6*mib, "move")

	p, err := pool.New(pool.Options{Name: "pool", Band: mib})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	b, err := p.Alloc(1000)
	if err != nil {
		t.Fatal(err)
	}
	if b, err = p.Grow(b, 3*mib); err != nil {
		t.Fatal(err)
	}
	defer p.Free(b)
	check("pool", 3*mib, "rehome", "alias")

	f, err := os.CreateTemp(t.TempDir(), "followed")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(8 * mib); err != nil {
		t.Fatal(err)
	}
	l, err := follow.New(f, follow.Options{Name: "follower", Reserve: 2 * mib})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Reserve(32 * mib); err != nil {
		t.Fatal(err)
	}
	check("follower", 32*mib, "extend", "rehome", "alias")
}
