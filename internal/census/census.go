// Package census knows which things that hold memory outside the Go heap live in this
// process: of what kind, by which name, who made them, and how much they hold. It also
// keeps Go's memory limit at what they leave of one for the whole process.
//
// Things are added where they are made and removed where they end. What they hold is
// asked of them when somebody wants to know; nothing is counted meanwhile, unless there
// is a limit to be kept. See Note.
//
// For package debug it also knows what holds no memory of its own (Enter, Mention), and
// passes on growth steps while somebody watches (Watch).
package census

import (
	"runtime"
	"slices"
	"strings"
	"sync"
)

// Held is what a thing holds, in bytes.
type Held struct {
	Committed int // memory
	Disk      int // of files on a disk: neither memory nor limited
	Reserved  int // addresses
}

// Thing is one that holds memory, from Add until Remove.
type Thing struct {
	key   any // Immutable.
	made  []uintptr
	holds bool // It holds something, or may: List has it. Immutable.

	kind, name string // Protected by things.mu.

	// mu is held while the thing is asked, and is the first of all locks.
	mu   sync.Mutex
	held func() Held // nil if it holds nothing, or has ended. Protected by mu.
	gone bool        // It has ended. Protected by mu.

	counted int  // bytes of it in the total. Protected by limit.mu.
	ended   bool // Protected by limit.mu.
}

// things are those that live.
var things struct {
	mu  sync.Mutex
	all map[any]*Thing // by what Add was given. Protected by mu.
}

// stackDepth is how many frames are kept of who made a thing.
const stackDepth = 32

// Add adds a thing, which is known by key, usually a pointer to it. held is called at any
// time until Remove, by any goroutine, with no lock of the caller's held.
func Add(key any, kind, name string, held func() Held) *Thing {
	return enlist(&Thing{key: key, kind: kind, name: name, held: held, holds: true})
}

// enlist adds t, made by who called the caller.
func enlist(t *Thing) *Thing {
	var pcs [stackDepth]uintptr
	t.made = slices.Clone(pcs[:runtime.Callers(3, pcs[:])])
	things.mu.Lock()
	defer things.mu.Unlock()
	if things.all == nil {
		things.all = make(map[any]*Thing)
	}
	things.all[t.key] = t
	return t
}

// Remove ends a thing. It waits for who is asking it.
func (t *Thing) Remove() {
	things.mu.Lock()
	delete(things.all, t.key)
	things.mu.Unlock()
	t.mu.Lock()
	t.held, t.gone = nil, true
	t.mu.Unlock()
	limit.end(t)
}

// Attribute makes a thing that was added a part of another one's, of that kind and name.
func Attribute(key any, kind, name string) {
	things.mu.Lock()
	defer things.mu.Unlock()
	if t := things.all[key]; t != nil {
		t.kind, t.name = kind, name
	}
}

// ask returns what the thing holds, nothing if it has ended.
func (t *Thing) ask() Held {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held == nil {
		return Held{}
	}
	return t.held()
}

// Entry is what is known about a thing.
type Entry struct {
	Kind, Name string
	Made       []uintptr // who made it, as runtime.Callers has it
	Held
}

// List returns an entry for each thing that lives. It asks all of them, which takes some
// microseconds for each.
func List() (list []Entry) {
	alive := live()
	list = make([]Entry, len(alive))
	things.mu.Lock()
	for i, t := range alive {
		list[i] = Entry{Kind: t.kind, Name: t.name}
	}
	things.mu.Unlock()
	for i, t := range alive { // Without a lock: it may take long.
		list[i].Made, list[i].Held = t.caller(), t.ask()
		limit.set(t, list[i].Committed)
	}
	return list
}

// live returns the things that live and may hold something, in no order.
func live() (list []*Thing) {
	things.mu.Lock()
	defer things.mu.Unlock()
	for _, t := range things.all {
		if t.holds {
			list = append(list, t)
		}
	}
	return list
}

// caller returns the stack of who made the thing, from the first frame that is not the
// library's on, or all of it if there is none.
func (t *Thing) caller() []uintptr {
	for i := range t.made {
		// One frame at a time, for one of them may stand for several that were inlined.
		f, _ := runtime.CallersFrames(t.made[i : i+1]).Next()
		if !IsOwn(f.Function) {
			return t.made[i:]
		}
	}
	return t.made
}

const module = "github.com/growarena/growarena/"

// programs are the parts of the module that use the library, and do not belong to it.
var programs = []string{"cmd/", "examples/", "benchmarks/", "dropin/", "fuzz"}

// IsOwn reports whether a function, by its full name, is of the library and not of its
// tests or of a program.
func IsOwn(function string) bool {
	path, ok := strings.CutPrefix(function, module)
	if !ok || slices.ContainsFunc(programs, func(p string) bool { return strings.HasPrefix(path, p) }) {
		return false
	}
	pkg, _, _ := strings.Cut(path[strings.LastIndexByte(path, '/')+1:], ".")
	return !strings.HasSuffix(pkg, "_test")
}
