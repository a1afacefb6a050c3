package fuzz

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/sys"
)

// any returns one of the arenas, mostly the live one: what is kept of those that
// were freed is as good as before.
func (r *arenaRun) any() *arenaModel {
	if n := r.in.below(4 * len(r.arenas)); n < len(r.arenas) {
		return r.arenas[n]
	}
	return r.live()
}

// opKeep takes a slice that the pointer rule makes good for longer.
func opKeep(m *arenaModel) error {
	in := m.run.in
	list := &m.slices
	switch {
	case m.exact():
		return nil
	case !m.keeps():
		if len(m.guards) == 0 {
			return nil
		}
		list = &m.guards[in.below(len(m.guards))].under
	}
	off := in.size(m.length)
	n := in.size(m.length - off)
	m.run.trace.args(off, n)
	if len(*list) < 2*arenaKeptMax {
		*list = append(*list, keptSlice{m.a.Bytes()[off : off+n], off})
	}
	return nil
}

func opPin(m *arenaModel) error {
	if len(m.guards) == arenaKeptMax {
		return nil
	}
	g, err := m.a.Pin()
	if err != nil {
		return err
	}
	m.guards = append(m.guards, m.pinned(g))
	return nil
}

func opRefresh(m *arenaModel) error {
	m = m.run.any()
	if len(m.guards) == 0 || m.freed && !m.exact() {
		return nil
	}
	i := m.run.in.below(len(m.guards))
	m.run.trace.args(i)
	g := m.guards[i].g
	err := g.Refresh()
	if m.freed {
		kept(&m.guards, i)
		if !errors.Is(err, epoch.ErrClosed) {
			return fmt.Errorf("after Free, Refresh: %v", err)
		}
		return nil
	}
	m.guards[i] = m.pinned(g)
	return err
}

func opUnpin(m *arenaModel) error {
	m = m.run.any()
	if len(m.guards) == 0 {
		return nil
	}
	i := m.run.in.below(len(m.guards))
	m.run.trace.args(i)
	g := kept(&m.guards, i).g
	twice := g
	g.Unpin()
	if !m.keeps() {
		return mustPanic("Unpin twice", twice.Unpin)
	}
	return nil
}

func opAlias(m *arenaModel) error {
	in := m.run.in
	pages := m.capacity / systemPage
	if pages == 0 || len(m.aliases) == arenaKeptMax {
		return nil
	}
	first := in.below(pages)
	o := arena.AliasOptions{Off: first * systemPage, ReadOnly: in.below(2) == 0, Repeat: in.below(4)}
	l := keptAlias{off: o.Off, n: (pages - first) * systemPage, times: max(o.Repeat, 1), readOnly: o.ReadOnly}
	if n := in.size(pages - first); n > 0 {
		o.Len = n * systemPage
		l.n = o.Len
	} else if l.n = roundUpPage(m.length) - o.Off; l.n <= 0 {
		return nil
	}
	if l.n*l.times > arenaMax {
		return nil
	}
	m.run.trace.args(l.off, l.n, l.times)
	var err error
	l.l, err = m.a.Alias(o)
	if err != nil {
		if m.run.space.tight && errors.Is(err, addrspace.ErrNoSpace) {
			return nil
		}
		return err
	}
	l.start, l.size = addrOf(l.l.Bytes()), roundUp(l.n*l.times)
	m.aliases = append(m.aliases, l)
	return m.compareAlias(&m.aliases[len(m.aliases)-1])
}

// systemPage is the page size of the system, of which aliases are.
var systemPage = os.Getpagesize()

// roundUpPage returns n as whole pages.
func roundUpPage(n int) int { return (n + systemPage - 1) &^ (systemPage - 1) }

func opReleaseAlias(m *arenaModel) error {
	m = m.run.any()
	if len(m.aliases) == 0 {
		return nil
	}
	i := m.run.in.below(len(m.aliases))
	m.run.trace.args(i)
	l := kept(&m.aliases, i).l
	l.Release()
	return errors.Join(
		mustPanic("Bytes of a released alias", func() { l.Bytes() }),
		mustPanic("Release of a released alias", l.Release))
}

func opFile(m *arenaModel) error {
	if len(m.files) == arenaKeptMax/2 {
		return nil
	}
	f, err := m.a.WritableFile()
	if err != nil {
		return err
	}
	m.files = append(m.files, f)
	ro, err := m.a.File()
	if err != nil {
		return err
	}
	defer ro.Close()
	if _, err := ro.WriteAt([]byte{1}, 0); err == nil {
		return errors.New("arena.File is writable")
	}
	return errors.Join(m.checkSize(f), m.compareFile(f), m.compareFile(ro))
}

// checkSize checks how long the file is, and that nobody can make it shorter.
func (m *arenaModel) checkSize(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	if size < int64(m.capacity) || size%arenaUnit != 0 && size != int64(m.size) && m.others == 0 {
		return fmt.Errorf("the file is %d bytes, the capacity %d", size, m.capacity)
	}
	if m.disk == nil && size > 0 && m.run.opts.HugePages != arena.HugeAlways { // Which may have no seals.
		if err := f.Truncate(size - 1); !errors.Is(err, os.ErrPermission) {
			return fmt.Errorf("making the file shorter: %v", err)
		}
	}
	return nil
}

// opWriteFile writes to a descriptor.
func opWriteFile(m *arenaModel) error {
	m = m.run.any()
	if len(m.files) == 0 || m.length == 0 {
		return nil
	}
	in := m.run.in
	f := m.files[in.below(len(m.files))]
	n := in.size(min(m.length, m.run.writeMost))
	off := in.below(m.length - n + 1)
	m.run.trace.args(off, n)
	p := noiseAt(n, in.byte())
	if got, err := f.WriteAt(p, int64(off)); got != n || err != nil {
		return fmt.Errorf("%d bytes of %d written: %w", got, n, err)
	}
	m.want.write(p, off)
	return m.compareFile(io.ReaderAt(f))
}

func opCloseFile(m *arenaModel) error {
	m = m.run.any()
	if len(m.files) == 0 {
		return nil
	}
	return kept(&m.files, m.run.in.below(len(m.files))).Close()
}

// opFault touches what must not be touched: a read-only alias, or what is in the
// window but not in the file.
func opFault(m *arenaModel) error {
	if m = m.run.any(); len(m.aliases) > 0 && m.aliases[0].readOnly {
		l := m.aliases[0]
		i := m.run.in.below(l.n * l.times)
		m.run.trace.args(i)
		return m.mustFault(l.l.Bytes()[i:], m.name+" alias", i)
	}
	if m.freed {
		return nil
	}
	f, err := m.a.File()
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if end := roundUpPage(int(info.Size())); err == nil && end < m.window.size {
		m.run.trace.args(end)
		return m.mustFault(bytesAt(sys.Pointer(m.window.start+uintptr(end)), 1), m.name, end)
	}
	return err
}

// mustFault checks that a store to b[0] is a fault, at that offset of a window.
func (m *arenaModel) mustFault(b []byte, window string, off int) error {
	err := arena.CatchFault(m.run.space.Space, func() error {
		b[0]++
		return nil
	})
	var fault *arena.FaultError
	if !errors.As(err, &fault) || fault.Addr != addrOf(b) || fault.Window != window || fault.Offset != off {
		return fmt.Errorf("a store at %#x, %d in %q: %v", addrOf(b), off, window, err)
	}
	return nil
}

// opShorten makes a file of ours shorter behind the arena's back, which must not
// grow then, and longer again.
func opShorten(m *arenaModel) error {
	if m.disk == nil || m.others > 0 { // It would be theirs that is cut.
		return nil
	}
	info, err := m.disk.Stat()
	if err != nil || info.Size() == 0 || info.Size() > mirrorMax {
		return err
	}
	size := int(info.Size())
	short := size - 1 - m.run.in.size(size-1)
	need := m.capacity + 1
	m.run.trace.args(size, short)
	m.punched, m.foreign = true, true
	m.want.zero(short, mirrorMax)
	if err := m.disk.Truncate(int64(short)); err != nil {
		return err
	}
	want := arena.ErrShrunk
	if need > m.limit {
		want = arena.ErrFull
	}
	if err := m.a.Grow(need - m.length); !errors.Is(err, want) {
		return fmt.Errorf("Grow on a file made shorter: %v, want %v", err, want)
	}
	if err := m.disk.Truncate(int64(size)); err != nil {
		return err
	}
	return m.grown(m.capacity, nil)
}
