package census

import (
	"math"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
)

// fakeGo takes the place of Go's limit.
func fakeGo(t *testing.T) *int64 {
	t.Helper()
	var now int64 = -1
	old := setGo
	setGo = func(n int64) int64 { was := now; now = n; return was }
	t.Cleanup(func() {
		SetLimit(math.MaxInt64)
		setGo = old
	})
	return &now
}

type box struct{ h Held }

func (b *box) held() Held { return b.h }

func add(t *testing.T, kind, name string, committed int) (*box, *Thing) {
	t.Helper()
	b := &box{Held{Committed: committed}}
	thing := Add(b, kind, name, b.held)
	t.Cleanup(func() { thing.Remove() }) // A second time does nothing.
	return b, thing
}

func find(name string) (found []Entry) {
	for _, e := range List() {
		if e.Name == name {
			found = append(found, e)
		}
	}
	return found
}

func TestList(t *testing.T) {
	b, thing := add(t, "kind", "list", 5)
	add(t, "kind", "another", 6)
	b.h = Held{Committed: 7, Reserved: 8} // Asked for, not remembered.
	found := find("list")
	if len(found) != 1 || found[0].Kind != "kind" || found[0].Held != b.h {
		t.Fatalf("%+v", found)
	}
	Attribute(b, "whole", "list")
	Attribute(new(box), "nobody", "list")
	if found := find("list"); len(found) != 1 || found[0].Kind != "whole" {
		t.Errorf("as a part of another thing: %+v", found)
	}
	thing.Remove()
	if found := find("list"); len(found) != 0 {
		t.Errorf("after its end: %+v", found)
	}
}

// TestMade: the stack begins with who called into the library.
func TestMade(t *testing.T) {
	for function, want := range map[string]bool{
		"github.com/growarena/growarena/arena.NewArena":              true,
		"github.com/growarena/growarena/internal/pageheap.(*Heap).A": true,
		"github.com/growarena/growarena/arena_test.TestX":            false,
		"github.com/growarena/growarena/cmd/growarena/x.Y":           false,
		"github.com/growarena/growarena/fuzz.run":                    false,
		"github.com/growarena/growarena_test.TestX":                  false,
		"example.com/arena.New":                                      false,
		"main.main":                                                  false,
	} {
		if got := IsOwn(function); got != want {
			t.Errorf("%s: %v", function, got)
		}
	}
	add(t, "kind", "made", 1)
	made := find("made")[0].Made // All of the library, but for package testing.
	f, _ := runtime.CallersFrames(made).Next()
	if !strings.HasPrefix(f.Function, "testing.") {
		t.Errorf("the first frame is %s", f.Function)
	}
}

// TestLimit: Go has what things leave of the limit, at each step that is told.
func TestLimit(t *testing.T) {
	left := fakeGo(t)
	const n = 1 << 40
	b, thing := add(t, "kind", "limit", 100)
	if was := SetLimit(n); was != math.MaxInt64 || *left != n-100 {
		t.Errorf("was %d; %d are left", was, *left)
	}
	if !Limited() {
		t.Error("things are not to tell")
	}
	_, other := add(t, "kind", "limit", 0)
	other.Note(1000)
	thing.Note(150)
	if *left != n-1150 {
		t.Errorf("%d below the limit", n-*left)
	}
	b.h.Committed = 170 // Nobody tells, but is asked.
	List()
	other.Remove()
	if *left != n-170 {
		t.Errorf("%d below the limit, with one thing of 170", n-*left)
	}
	if was := SetLimit(-1); was != n || *left != n-170 {
		t.Errorf("asking: %d, %d below the limit", was, n-*left)
	}
	if was := SetLimit(2 * n); was != n || *left != 2*n-170 {
		t.Errorf("another limit: was %d, %d below", was, 2*n-*left)
	}
	thing.Remove()
	thing.Note(500) // Was under way.
	if *left != 2*n {
		t.Errorf("%d below the limit when all have ended", 2*n-*left)
	}
	if SetLimit(math.MaxInt64); *left != math.MaxInt64 || Limited() {
		t.Errorf("without a limit Go's is %d", *left)
	}
}

// TestLimit_Exceeded: Go keeps what it needs to run.
func TestLimit_Exceeded(t *testing.T) {
	left := fakeGo(t)
	_, thing := add(t, "kind", "exceeded", 0)
	SetLimit(64 << 20)
	for _, committed := range []int{61 << 20, 64 << 20, 1 << 30} {
		if thing.Note(committed); *left != least {
			t.Errorf("%d are left of 64 MiB with %d committed", *left, committed)
		}
	}
	if thing.Note(0); *left != 64<<20 {
		t.Errorf("%d are left with nothing committed", *left)
	}
}

// TestRemove_Waits: nobody is asking a thing when Remove has returned, so that what it is
// asked for may go.
func TestRemove_Waits(t *testing.T) {
	asked, release := make(chan bool), make(chan bool)
	var released atomic.Bool
	key := new(box)
	thing := Add(key, "kind", "waits", func() Held {
		close(asked)
		<-release
		return Held{}
	})
	done := make(chan bool)
	go func() { defer close(done); List() }()
	<-asked
	go func() {
		for {
			things.mu.Lock()
			_, there := things.all[key]
			things.mu.Unlock()
			if !there { // Remove is under way.
				released.Store(true)
				close(release)
				return
			}
			runtime.Gosched()
		}
	}()
	thing.Remove()
	if !released.Load() {
		t.Error("Remove has not waited for who was asking")
	}
	<-done
}
