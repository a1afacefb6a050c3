package census

import (
	"runtime"
	"slices"
	"sync"
	"testing"
)

// seenAs returns what Look finds of that name.
func seenAs(name string) (found []Seen) {
	for _, s := range Look() {
		if s.Name == name {
			found = append(found, s)
		}
	}
	return found
}

// TestEnter: what holds nothing can be looked at until its end, and is counted nowhere.
func TestEnter(t *testing.T) {
	key := new(box)
	thing := Enter(key, "view", "entered")
	found := seenAs("entered")
	if len(found) != 1 || found[0].Kind != "view" || found[0].Key != any(key) || len(found[0].Made()) == 0 {
		t.Fatalf("%+v", found)
	}
	if e := find("entered"); len(e) != 0 {
		t.Errorf("it is counted: %+v", e)
	}
	asked := 0
	ask := func() bool {
		return found[0].Ask(func(h Held) {
			asked++
			if h != (Held{}) {
				t.Errorf("it holds %+v", h)
			}
		})
	}
	if !ask() || asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	thing.Remove()
	if ask() || asked != 1 || len(seenAs("entered")) != 0 {
		t.Errorf("after its end: asked %d times, found %v", asked, seenAs("entered"))
	}
}

// TestAsk: what holds something says how much.
func TestAsk(t *testing.T) {
	b, _ := add(t, "kind", "asked", 5)
	b.h.Reserved = 7
	var got Held
	if !seenAs("asked")[0].Ask(func(h Held) { got = h }) || got != b.h {
		t.Errorf("%+v", got)
	}
}

// TestMention: what is mentioned is found as long as somebody refers to it, and not kept by it.
func TestMention(t *testing.T) {
	type thing struct{ _ [64]byte }
	count := func() (n int) {
		for _, p := range Mentioned() {
			if _, ok := p.(*thing); ok {
				n++
			}
		}
		return n
	}
	kept := new(thing)
	Mention(kept)
	for range 10 * mentionedMin {
		Mention(new(thing))
	}
	for range 10 {
		runtime.GC()
	}
	if got := count(); got != 1 || !slices.Contains(Mentioned(), any(kept)) {
		t.Errorf("%d are found of one that lives", got)
	}
	m := &mentioned
	for n := 2*len(m.all) + mentionedMin; n > 0; n-- { // So that it is looked through.
		Mention(kept)
	}
	for _, get := range m.all {
		if get() == nil {
			t.Error("there is a place still for what is gone")
		}
	}
	runtime.KeepAlive(kept)
}

// TestWatch: who watches gets each step, the oldest first, and the newest where there are too many; who
// has ended gets none.
func TestWatch(t *testing.T) {
	Tell(Step{Bytes: 1}) // To nobody.
	if Watched() {
		t.Fatal("somebody watches")
	}
	w, other := NewWatch(), NewWatch()
	if !Watched() {
		t.Error("nobody watches")
	}
	Tell(Step{Bytes: 2})
	<-w.More()
	Tell(Step{Bytes: 3})
	if steps, lost := w.Take(); len(steps) != 2 || steps[0].Bytes != 2 || steps[1].Bytes != 3 || lost != 0 {
		t.Errorf("%v, %d lost", steps, lost)
	}
	if steps, _ := w.Take(); steps != nil {
		t.Errorf("again: %v", steps)
	}
	w.End()
	w.End()
	var all sync.WaitGroup
	for range 2 { // More than are kept, by several, and some again.
		all.Go(func() {
			for range stepsMax {
				Tell(Step{})
			}
		})
	}
	all.Wait()
	for i := range stepsMax/2 + 1 {
		Tell(Step{Bytes: 10 + i})
	}
	steps, lost := other.Take()
	if len(steps) != stepsMax || lost != 2*stepsMax+2+stepsMax/2+1-stepsMax {
		t.Errorf("%d steps, %d lost", len(steps), lost)
	}
	for i, s := range steps[stepsMax/2-1:] {
		if s.Bytes != 10+i {
			t.Fatalf("step %d is %d", i, s.Bytes)
		}
	}
	if steps, _ := w.Take(); steps != nil {
		t.Errorf("who has ended gets %v", steps)
	}
	other.End()
	if Watched() {
		t.Error("somebody watches still")
	}
}

// TestWatched: where nobody watches a growth pays a load for it, and allocates nothing.
func TestWatched(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() {
		if Watched() {
			t.Error("somebody watches")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
