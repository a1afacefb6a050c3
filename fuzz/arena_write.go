package fuzz

import (
	"errors"
	"fmt"
)

// write writes n bytes at i of b, which shows the arena from off on.
func (m *arenaModel) write(b []byte, off, i, n int) {
	p := noiseAt(n, m.run.in.byte()<<8|len(m.run.trace)&0xff)
	copy(b[i:i+n], p)
	m.want.write(p, off+i)
}

// opArenaWrite writes through anything that shows the arena.
func opArenaWrite(m *arenaModel) error {
	if m.length == 0 {
		return nil
	}
	in := m.run.in
	view, off := m.a.Bytes(), 0
	switch kind := in.below(5); {
	case kind == 1 && len(m.slices) > 0:
		s := m.slices[in.below(len(m.slices))]
		view, off = s.b, s.off
	case kind == 2 && len(m.guards) > 0:
		view = m.guards[in.below(len(m.guards))].g.Bytes()
	case kind == 3 && len(m.guards) > 0:
		if g := m.guards[in.below(len(m.guards))]; len(g.under) > 0 {
			view, off = g.under[len(g.under)-1].b, g.under[len(g.under)-1].off
		}
	case kind == 4 && len(m.aliases) > 0:
		return m.writeAlias(&m.aliases[in.below(len(m.aliases))])
	}
	// What lies beyond the length is not to be written to.
	room := min(off+len(view), m.length) - off
	if room <= 0 {
		return nil
	}
	n := in.size(min(room, m.run.writeMost))
	if n == 0 {
		return nil
	}
	i := in.below(room - n + 1)
	m.run.trace.args(off, i, n)
	m.write(view, off, i, n)
	return nil
}

// writeAlias writes through an alias, also across the end of a repetition.
func (m *arenaModel) writeAlias(l *keptAlias) error {
	b := l.l.Bytes()
	n := m.run.in.size(min(l.n, m.run.writeMost))
	if l.readOnly || n == 0 {
		return nil
	}
	i := m.run.in.below(len(b) - n + 1)
	m.run.trace.args(l.off, i, n)
	if i%l.n+n > l.n {
		if l.off+l.n > m.length {
			return nil
		}
		p := noiseAt(n, m.run.in.byte())
		copy(b[i:], p)
		first := l.n - i%l.n
		m.want.write(p[:first], l.off+i%l.n)
		m.want.write(p[first:], l.off)
		return nil
	}
	if l.off+i%l.n+n <= m.length {
		m.write(b[i:], l.off+i%l.n, 0, n)
	}
	return nil
}

func opArenaRead(m *arenaModel) error {
	called := errors.New("called")
	err := m.a.Read(func(b []byte) error {
		if len(b) != m.length || addrOf(b) != m.window.start {
			return fmt.Errorf("%d bytes at %#x", len(b), addrOf(b))
		}
		if err := m.want.compare(b, 0); err != nil {
			return err
		}
		return called
	})
	if err != called {
		return fmt.Errorf("Read: %w", err)
	}
	return nil
}
