package arena_test

import (
	"runtime"
	"strings"
	"testing"
	"weak"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/testutil"
)

// TestArena_NoFinalizers: what the runtime attaches to values of its own heap ends the process,
// or panics, where the value is in an arena, as the package comment says.
func TestArena_NoFinalizers(t *testing.T) {
	testutil.NeedsFaults(t)
	for name, tt := range map[string]struct {
		attach func(p *int)
		want   string
	}{
		"finalizer":    {func(p *int) { runtime.SetFinalizer(p, func(*int) {}) }, "fatal error: "},
		"weak pointer": {func(p *int) { weak.Make(p) }, "fatal error: "},
		"cleanup":      {func(p *int) { runtime.AddCleanup(p, func(int) {}, 1) }, "panic: runtime.AddCleanup: "},
	} {
		t.Run(name, func(t *testing.T) {
			if r := testutil.Child(t, testutil.ChildOptions{}); r != nil {
				if r.Passed() || !strings.Contains(r.Output, tt.want) || strings.Contains(r.Output, "still here") {
					t.Errorf("the child has ended so: %v", r)
				}
				return
			}
			a := newArena(t, arena.Options{})
			p := arena.New[int](a)
			tt.attach(p)
			t.Log("still here")
			free(t, a)
		})
	}
}
