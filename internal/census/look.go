package census

import (
	"slices"
	"sync"
	"weak"
)

// Enter adds a thing that holds nothing which List should count, such as a view of what
// another one holds: it can be looked at until Remove.
func Enter(key any, kind, name string) *Thing {
	return enlist(&Thing{key: key, kind: kind, name: name})
}

// Seen is a thing as Look found it.
type Seen struct {
	Kind, Name string
	Key        any // to be used within Ask alone

	thing *Thing
}

// Look returns the things that live, also those of Enter, in no order. It asks none of them.
func Look() (list []Seen) {
	things.mu.Lock()
	defer things.mu.Unlock()
	for _, t := range things.all {
		list = append(list, Seen{t.kind, t.name, t.key, t})
	}
	return list
}

// Made returns who made the thing, as runtime.Callers has it.
func (s Seen) Made() []uintptr { return s.thing.caller() }

// Ask calls f with what the thing holds, and reports whether it did: not if it has ended. Remove
// waits for f, so that what f uses of the thing does not go meanwhile.
func (s Seen) Ask(f func(Held)) bool {
	t := s.thing
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.gone {
		return false
	}
	var h Held
	if t.held != nil {
		h = t.held()
	}
	f(h)
	return true
}

// mentioned are what Mention was called for and lives, and some that do not any more.
var mentioned struct {
	mu    sync.Mutex
	all   []func() any // nil for what is gone. Protected by mu.
	clean int          // how many there are when those are next taken out. Protected by mu.
}

// mentionedMin is from how many on they are looked through.
const mentionedMin = 64

// Mention says that there is something that needs not be ended, and lives as long as somebody
// else refers to it.
func Mention[T any](p *T) {
	w := weak.Make(p)
	get := func() any {
		if p := w.Value(); p != nil {
			return p
		}
		return nil
	}
	m := &mentioned
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.all) >= m.clean { // Twice as many as lived: in all O(1) for each.
		m.all = slices.DeleteFunc(m.all, func(get func() any) bool { return get() == nil })
		m.clean = max(2*len(m.all), mentionedMin)
	}
	m.all = append(m.all, get)
}

// Mentioned returns what Mention was called for and lives, in the order of the calls.
func Mentioned() (list []any) {
	m := &mentioned
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, get := range m.all {
		if p := get(); p != nil {
			list = append(list, p)
		}
	}
	return list
}
