package main

import (
	"bytes"
	"context"
	"os"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
)

// moving are rungs that move: there is nearly always room to extend, and then nothing is
// tried.
const moving = arena.RungInWindow | arena.RungRehome | arena.RungAlias

// A mode is how an arena is made, and what is to be given back after it.
type mode func(*arena.Options) (after func() error)

func byDefault(*arena.Options) func() error { return nil }

func committed(o *arena.Options) func() error {
	o.Commit, o.Rungs = true, moving
	return nil
}

// retiring has no rung to fall back to: what moves is page tables, or nothing.
func retiring(o *arena.Options) func() error {
	o.Retire, o.Rungs = true, arena.RungInWindow|arena.RungRehome
	return nil
}

func shared(o *arena.Options) func() error {
	d := epoch.NewDomain(epoch.Options{Name: "smoke domain"})
	o.Domain, o.Rungs = d, moving
	return func() error { return d.Shutdown(context.Background()) }
}

func arenaStep(m mode) func(env) (kept, error) {
	return func(e env) (kept, error) {
		o := arena.Options{Name: "smoke arena", Reserve: 2 * mib, Commit: e.commit}
		after := m(&o)
		return useArena(e, o, after)
	}
}

// hugeStep has an arena without huge pages, and one with as many as there are.
func hugeStep(e env) (kept, error) {
	k, err := useArena(e, arena.Options{Name: "smoke small pages", Reserve: 2 * mib, Rungs: moving, HugePages: arena.HugeNever}, nil)
	if k.free != nil {
		err = worse(err, k.check())
		err = worse(err, k.free())
	}
	k, hugeErr := useArena(e, arena.Options{Name: "smoke huge pages", Reserve: 2 * mib, Rungs: moving, HugePages: arena.HugeAlways}, nil)
	return k, worse(err, hugeErr)
}

// fileStep has an arena on a file, which has its content in the end.
func fileStep(e env) (kept, error) {
	f, err := os.CreateTemp(e.dir, "growarena-smoke")
	if err != nil {
		return kept{}, err
	}
	const before = "what was there before"
	if _, err := f.WriteString(before); err != nil {
		return kept{}, err
	}
	closeFile := func() error {
		if err := os.Remove(f.Name()); err != nil {
			return err
		}
		return f.Close()
	}
	k, err := useArena(e, arena.Options{Name: "smoke file", Reserve: 2 * mib, Rungs: moving, File: f, Commit: e.commit}, nil)
	if k.free == nil {
		if text, readErr := os.ReadFile(f.Name()); readErr != nil || !bytes.HasPrefix(text, []byte(before)) {
			err = wrongf("the file begins with %.30q, %v, after %w", text, readErr, err)
		}
		return k, worse(err, closeFile())
	}
	return kept{k.check, func() error {
		want := []byte(before)
		freeErr := k.free()
		if got := make([]byte, len(want)); freeErr == nil {
			_, freeErr = f.ReadAt(got, 0)
			if freeErr == nil && !bytes.Equal(got, want) {
				freeErr = wrongf("the file begins with %q", got)
			}
		}
		return worse(freeErr, closeFile())
	}}, err
}

// useArena fills an arena, gives back parts of it, and fills it again. It keeps the arena
// unless a growth was refused.
func useArena(e env, o arena.Options, after func() error) (kept, error) {
	if after == nil {
		after = func() error { return nil }
	}
	a, err := arena.NewArena(o)
	if err != nil {
		return kept{}, worse(err, after())
	}
	g, err := a.Pin()
	if err != nil {
		return kept{}, wrongf("pin: %w", err)
	}
	u := &arenaUser{a: a, g: g} // A file's content is looked at by who brings it.
	k := kept{u.check, func() error {
		u.g.Unpin()
		return worse(a.Free(), after())
	}}
	if err := u.use(e.size); err != nil {
		if word, _ := verdict(err); word != "WRONG" {
			err = worse(err, u.check()) // What was refused has changed nothing.
		}
		return kept{}, worse(err, k.free())
	}
	return k, nil
}

type arenaUser struct {
	a *arena.Arena
	g arena.Guard
	c content
}

func (u *arenaUser) use(size int) error {
	if err := u.fill(size, 1); err != nil {
		return err
	}
	if err := u.check(); err != nil {
		return err
	}
	var refused error
	if at, n := size/4+777, size/4; refused == nil {
		if refused = u.a.Decommit(at, n); refused == nil {
			u.c.set(at, n, 0)
		}
	}
	if err := u.check(); err != nil {
		return err
	}
	u.a.Truncate(size / 2)
	u.c.cut(size / 2)
	if err := u.fill(size*3/4, 2); err != nil { // Of what has been cut off.
		return worse(refused, err)
	}
	refused = worse(refused, u.a.Trim())
	if err := u.a.Grow(size); err != nil {
		return worse(refused, err)
	}
	if err := u.fill(size+size/2, 3); err != nil {
		return worse(refused, err)
	}
	return worse(refused, u.check())
}

// fill allocates up to size bytes.
func (u *arenaUser) fill(size int, seed uint32) error {
	for i := 0; u.a.Len() < size; i++ {
		off, capacity := u.a.Len(), u.a.Cap()
		n := min(sizes[i%len(sizes)], size-off)
		b, err := u.g.Alloc(n)
		if err != nil {
			if l, c := u.a.Len(), u.a.Cap(); l != off || c < capacity {
				return wrongf("an error changed %d of %d to %d of %d bytes: %w", off, capacity, l, c, err)
			}
			return err
		}
		if err := zero(b, "handed out"); err != nil {
			return err
		}
		u.c.put(b, off, seed)
	}
	return nil
}

func (u *arenaUser) check() error {
	if err := u.g.Refresh(); err != nil {
		return wrongf("refresh: %w", err)
	}
	b := u.g.Bytes()
	if len(b) != u.a.Len() {
		return wrongf("%d bytes are shown, of %d", len(b), u.a.Len())
	}
	return u.c.check(b, 0)
}

// ringStep writes to a ring across its seam.
func ringStep(e env) (kept, error) {
	a, err := arena.NewArena(arena.Options{Name: "smoke ring", Reserve: 2 * mib, Commit: e.commit})
	if err != nil {
		return kept{}, err
	}
	err = useRing(a)
	return kept{}, worse(err, a.Free())
}

func useRing(a *arena.Arena) error {
	const n = 64 * kib
	if _, err := a.Alloc(n); err != nil {
		return err
	}
	ring, err := a.Alias(arena.AliasOptions{Len: n, Repeat: 2})
	if err != nil {
		return err
	}
	defer ring.Release()
	b := ring.Bytes()
	if len(b) != 2*n {
		return wrongf("the ring has %d bytes, want %d", len(b), 2*n)
	}
	for pos := 0; pos < 10*n; pos += 7001 {
		var c content
		c.put(b[pos%n:pos%n+7001], pos, uint32(pos)|1)
		for _, seen := range [][]byte{b, append(a.Bytes()[:n:n], a.Bytes()[:n]...)} {
			if err := c.check(seen[pos%n:pos%n+7001], pos); err != nil {
				return err
			}
		}
		if pos == 70*7001 { // The arena moves away, the ring stays.
			if err := a.Grow(4 * mib); err != nil {
				return err
			}
		}
	}
	return nil
}
