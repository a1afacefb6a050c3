package fuzz

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
)

// mustPanic checks that f panics, in words, because a rule is broken.
func mustPanic(what string, f func()) (err error) {
	defer func() {
		r := recover()
		_, ok := r.(runtime.Error)
		if text := fmt.Sprint(r); r == nil || ok || strings.Contains(text, "BUG") {
			err = fmt.Errorf("%s: panic %v", what, r)
		}
	}()
	f()
	return nil
}

// opArenaMisuse breaks a rule: it is a panic, and nothing has changed.
func opArenaMisuse(m *arenaModel) error {
	a, name := m.a, m.name
	bad := func(o arena.Options) func() {
		return func() { arena.NewArena(o) }
	}
	misuses := []struct {
		what string
		f    func()
	}{
		{"Alloc(-1)", func() { a.Alloc(-1) }},
		{"AllocAligned(1, 3)", func() { a.AllocAligned(1, 3) }},
		{"AllocAligned(1, 4 MiB)", func() { a.AllocAligned(1, 4<<20) }},
		{"AllocAligned(-1, 8)", func() { a.AllocAligned(-1, 8) }},
		{"Grow(-1)", func() { a.Grow(-1) }},
		{"Truncate(-1)", func() { a.Truncate(-1) }},
		{"Truncate beyond", func() { a.Truncate(m.length + 1) }},
		{"Decommit beyond", func() { a.Decommit(m.capacity, 1) }},
		{"Decommit before", func() { a.Decommit(-1, 1) }},
		{"Decommit of less than nothing", func() { a.Decommit(0, -1) }},
		{"Alias within a page", func() { a.Alias(arena.AliasOptions{Off: 1, Len: systemPage}) }},
		{"Alias of half a page", func() { a.Alias(arena.AliasOptions{Len: systemPage / 2}) }},
		{"Alias beyond", func() { a.Alias(arena.AliasOptions{Len: roundUpPage(m.capacity) + systemPage}) }},
		{"Alias -1 times", func() { a.Alias(arena.AliasOptions{Len: systemPage, Repeat: -1}) }},
		{"Offset of something else", func() { a.Offset(m.want.data) }},
		{"MakeSlice(-1)", func() { arena.TryMakeSlice[byte](a, -1, 0) }},
		{"MakeSlice of pointers", func() { arena.TryMakeSlice[*byte](a, 1, 1) }},
		{"RefTo something else", func() { arena.RefTo(a, new(int)) }},
		{"two rules", bad(arena.Options{Name: name, Retire: true, Domain: epoch.NewDomain(epoch.Options{})})},
		{"Reserve -1", bad(arena.Options{Name: name, Reserve: -1})},
		{"an unknown rung", bad(arena.Options{Name: name, Rungs: 64})},
		{"MaxRetired", func() { epoch.NewDomain(epoch.Options{MaxRetired: -1}) }},
	}
	i := m.run.in.below(len(misuses))
	m.run.trace.add(misuses[i].what)
	return mustPanic(misuses[i].what, misuses[i].f)
}

// freedMisuse uses an arena that was freed.
func (m *arenaModel) freedMisuse() error {
	a := m.a
	var errs []error
	for what, f := range map[string]func(){
		"Alloc":    func() { a.Alloc(1) },
		"Bytes":    func() { a.Bytes() },
		"Grow":     func() { a.Grow(1) },
		"Truncate": func() { a.Truncate(0) },
		"Cap":      func() { a.Cap() },
		"Trim":     func() { a.Trim() },
		"Decommit": func() { a.Decommit(0, 0) },
		"Alias":    func() { a.Alias(arena.AliasOptions{}) },
		"File":     func() { a.File() },
		"Free":     func() { a.Free() },
	} {
		errs = append(errs, mustPanic(what+" after Free", f))
	}
	if s := a.Stats(); s.Len != 0 || s.Cap != 0 || s.Committed != 0 || s.Window != 0 {
		errs = append(errs, fmt.Errorf("arena.Stats after Free: %+v", s))
	}
	// A reader need not know of Free.
	if _, err := a.Pin(); !errors.Is(err, epoch.ErrClosed) {
		errs = append(errs, fmt.Errorf("arena.Pin after Free: %w", err))
	}
	if err := a.Read(func([]byte) error { return nil }); !errors.Is(err, epoch.ErrClosed) {
		errs = append(errs, fmt.Errorf("arena.Read after Free: %w", err))
	}
	return errors.Join(errs...)
}
