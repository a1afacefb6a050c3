package fuzz

// followPin takes a guard, and keeps a slice where those stay valid.
func followPin(r *followRun) error {
	m := r.pick()
	if m == nil || len(m.guards) == arenaKeptMax {
		return nil
	}
	g, err := m.l.Pin()
	if err != nil {
		return err
	}
	m.guards, m.lengths = append(m.guards, &g), append(m.lengths, m.length)
	if !m.o.Retire && len(m.old) < arenaKeptMax {
		m.old = append(m.old, m.l.Bytes())
	}
	return nil
}

// guard returns one of a follower's guards; nil if there is none.
func (r *followRun) guard() (m *followModel, i int) {
	if m = r.pick(); m == nil || len(m.guards) == 0 {
		return nil, 0
	}
	return m, r.in.below(len(m.guards))
}

func followRefresh(r *followRun) error {
	m, i := r.guard()
	if m == nil {
		return nil
	}
	m.lengths[i] = m.length
	return m.guards[i].Refresh()
}

func followUnpin(r *followRun) error {
	m, i := r.guard()
	if m == nil {
		return nil
	}
	kept(&m.lengths, i)
	g := kept(&m.guards, i)
	twin := *g
	g.Unpin()
	if m.o.Retire {
		return mustPanic("Unpin twice", func() { twin.Unpin() })
	}
	return nil
}
