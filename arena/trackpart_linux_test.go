//go:build !portable

package arena_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/track"
)

// TestArena_TrackedInPart: an arena of which a Tracker tracks a part grows by another rung, or says why not and is as it was, and
// grows on when the Tracker is closed; one that is tracked all through moves.
func TestArena_TrackedInPart(t *testing.T) {
	for name, tt := range map[string]struct {
		rungs arena.Rungs
		part  int    // of 2 MiB that is tracked
		fails string // what the error says; "" is none
		moved arena.Growth
	}{
		"part":              {0, mib, "", arena.Growth{Aliased: 1}},
		"part, no rehome":   {arena.RungInWindow | arena.RungAlias, mib, "", arena.Growth{Aliased: 1}},
		"part, rehome only": {arena.RungInWindow | arena.RungRehome, mib, "a part of it is tracked (package track)", arena.Growth{}},
		"all":               {arena.RungInWindow | arena.RungRehome, 2 * mib, "", arena.Growth{Rehomed: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.rungs == 0 {
				tt.rungs = arena.RungInWindow | arena.RungRehome | arena.RungAlias
			}
			a := newArena(t, arena.Options{Reserve: 2 * mib, Rungs: tt.rungs, Headroom: -1})
			defer free(t, a)
			b := alloc(t, a, 2*mib)
			fill(b, 0)
			tr, err := track.New(b[:tt.part])
			if errors.Is(err, track.ErrUnsupported) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			look(t, tr)
			before := a.Stats()
			err = a.Grow(8 * mib)
			switch {
			case tt.fails == "" && err != nil:
				t.Error(err)
			case tt.fails != "" && (err == nil || !strings.Contains(err.Error(), tt.fails)):
				t.Errorf("the error is %v, want one with %q", err, tt.fails)
			case tt.fails != "" && (a.Cap() != before.Cap || a.Stats().Windows != before.Windows || &a.Bytes()[0] != &b[0]):
				t.Errorf("after an error: %+v, before %+v", a.Stats(), before)
			}
			if g := a.Stats().Growth; g.Aliased != tt.moved.Aliased || g.Rehomed != tt.moved.Rehomed {
				t.Errorf("growth %+v, want %+v", g, tt.moved)
			}
			if i := check(a.Bytes(), 0); i >= 0 {
				t.Errorf("byte %d is wrong", i)
			}
			b[5]++ // By the old window, which is tracked on.
			if found := look(t, tr); found == 0 {
				t.Error("a write to the window that is tracked was not found")
			}
			b[5]--
			tr.Close()
			if err := a.Grow(32 * mib); err != nil {
				t.Errorf("when nobody tracks it: %v", err)
			}
			if i := check(a.Bytes(), 0); i >= 0 {
				t.Errorf("byte %d is wrong in the end", i)
			}
		})
	}
}

// look returns how many bytes a Tracker finds.
func look(t *testing.T, tr *track.Tracker) (n int) {
	t.Helper()
	for r, err := range tr.Dirty() {
		if err != nil {
			t.Fatal(err)
		}
		n += r.Len
	}
	return n
}
