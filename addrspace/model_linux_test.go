//go:build !(386 || arm || mips || mipsle)

package addrspace

import (
	"errors"
	"flag"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/growarena/growarena/internal/sys"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the model test, 0 for a new one")

const unit = 256 << 10 // what the model maps and compares by

// modelWindow is what the model knows of a window.
type modelWindow struct {
	w     *Window
	r     Range
	units []int // per unit of the window: the file's unit mapped there, or -1
	shut  bool  // quarantined
}

func (m *modelWindow) mapped() (n int) {
	for _, u := range m.units {
		if u >= 0 {
			n += unit
		}
	}
	return n
}

// prefix returns how many units at the start are mapped in one piece, and
// whether nothing else is.
func (m *modelWindow) prefix() (n int, all bool) {
	for n < len(m.units) && m.units[n] >= 0 && m.units[n] == m.units[0]+n {
		n++
	}
	return n, n*unit == m.mapped()
}

// model is a Space, a naive list of its windows, and strangers in its zone.
type model struct {
	t       *testing.T
	rng     *rand.Rand
	s       *Space
	fd      int
	zone    Range
	windows []*modelWindow // sorted by start
	foreign []Range
	weights []int
}

const fileUnits = 64

// TestSpace_Model does random operations to a Space and to a sorted slice and
// compares them and /proc/self/maps after each.
func TestSpace_Model(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed=%d", seed)
	runs, ops := 20, 400
	if testing.Short() {
		runs, ops = 4, 200
	}
	fd := memfd(t, fileUnits*unit)
	fill := reserve(t, newSpace(t, Options{}), fileUnits*unit, ReserveOptions{})
	mapFile(t, fill, fileUnits*unit, fd)
	for i := range fileUnits {
		fill.data(fileUnits * unit)[i*unit] = byte(i + 1)
	}
	for run := range uint64(runs) {
		rng := rand.New(rand.NewPCG(seed, run))
		zone := testZones(256 * mib << rng.IntN(5))[0]
		m := &model{t: t, rng: rng, fd: fd, zone: zone, weights: make([]int, 9)}
		m.s = New(Options{
			Seed: 1 + run, Zones: []Range{zone},
			CacheWindows: rng.IntN(6) - 1, MaxVMAs: 20 + rng.IntN(200),
		})
		for i := range m.weights { // some operations rarely, some not at all
			m.weights[i] = rng.IntN(4) * rng.IntN(4)
		}
		m.weights[0] += 4
		for range ops {
			m.step()
			m.check()
			if t.Failed() {
				t.Fatalf("run %d of seed %d", run, seed)
			}
		}
		m.end()
	}
}

// step does one operation.
func (m *model) step() {
	total := 0
	for _, w := range m.weights {
		total += w
	}
	op, n := 0, m.rng.IntN(total)
	for n >= m.weights[op] {
		n -= m.weights[op]
		op++
	}
	if op == 0 {
		m.reserve()
		return
	}
	if op == 1 {
		m.stranger()
		return
	}
	if len(m.windows) == 0 {
		return
	}
	i := m.rng.IntN(len(m.windows))
	w := m.windows[i]
	switch op {
	case 2:
		m.refusable(w.w.Release())
		m.windows = slices.Delete(m.windows, i, i+1)
	case 3:
		m.refusable(w.w.Quarantine())
		w.shut = true
		for i := range w.units {
			w.units[i] = -1
		}
	case 4:
		m.refusable(m.s.Trim())
	case 5:
		if !w.shut {
			m.extend(w)
		}
	case 6:
		if !w.shut {
			m.mapFile(w)
		}
	case 7:
		if !w.shut {
			off := m.rng.IntN(len(w.units))
			n := 1 + m.rng.IntN(len(w.units)-off)
			if m.refusable(w.w.Unmap(off*unit, n*unit)) {
				for i := range n {
					w.units[off+i] = -1
				}
			}
		}
	case 8:
		m.rehome(w)
	}
}

// refusable reports success, and accepts no error but ErrNoSpace.
func (m *model) refusable(err error) bool {
	if err != nil && !errors.Is(err, ErrNoSpace) {
		m.t.Error(err)
	}
	return err == nil
}

func (m *model) reserve() {
	n := 2 * mib * (1 + m.rng.IntN(4))
	if m.rng.IntN(4) == 0 {
		n = 1 + m.rng.IntN(128*mib)
	}
	o := ReserveOptions{Compact: m.rng.IntN(3) == 0, Name: []string{"", "a", "b"}[m.rng.IntN(3)]}
	if m.rng.IntN(2) == 0 {
		o.Min = 1 + m.rng.IntN(n)
	}
	w, err := m.s.Reserve(n, o)
	if !m.refusable(err) {
		return
	}
	got := &modelWindow{w: w, r: w.Range(), units: make([]int, w.Size()/unit)}
	for i := range got.units {
		got.units[i] = -1
	}
	if w.Size() < o.Min || o.Min == 0 && w.Size() < n || w.Size() >= n+2*mib {
		m.t.Errorf("%d bytes for %d, %+v", w.Size(), n, o)
	}
	m.windows = append(m.windows, got)
	slices.SortFunc(m.windows, func(a, b *modelWindow) int { return int(a.r.Start>>1) - int(b.r.Start>>1) })
}

// stranger maps something in the zone behind the Space's back, or unmaps it.
func (m *model) stranger() {
	if n := len(m.foreign); n > 4 || n > 0 && m.rng.IntN(2) == 0 {
		i := m.rng.IntN(n)
		ok(m.t, sys.Unmap(m.foreign[i].Start, m.foreign[i].Len()))
		m.foreign = slices.Delete(m.foreign, i, i+1)
		return
	}
	n := uintptr(4096 * (1 + m.rng.IntN(1000)))
	at := m.zone.Start + uintptr(m.rng.Uint64N(uint64(m.zone.Len()-n)))&^4095
	r := Range{at, at + n}
	if _, err := sys.Reserve(at, n); err == nil {
		// Of a file, or it would merge with a window that happens to touch it.
		ok(m.t, sys.MapShared(at, n, m.fd, 0, sys.ProtRead))
		m.foreign = append(m.foreign, r)
	}
}

func (m *model) extend(w *modelWindow) {
	n := 2 * mib * (1 + m.rng.IntN(8))
	if !m.refusable(w.w.Extend(n)) {
		return
	}
	w.r.End += uintptr(n)
	for range n / unit {
		w.units = append(w.units, -1)
	}
}

func (m *model) mapFile(w *modelWindow) {
	off := m.rng.IntN(len(w.units))
	if m.rng.IntN(2) == 0 {
		off, _ = w.prefix()
	}
	most := 0
	for off+most < len(w.units) && w.units[off+most] < 0 {
		most++
	}
	if most == 0 {
		return
	}
	n := 1 + m.rng.IntN(min(most, fileUnits))
	at := m.rng.IntN(fileUnits - n + 1)
	if off > 0 && w.units[off-1] >= 0 && m.rng.IntN(4) > 0 { // continue the part before
		if at = w.units[off-1] + 1; at+n > fileUnits {
			return
		}
	}
	if !m.refusable(w.w.MapFile(off*unit, n*unit, m.fd, int64(at*unit), readWrite)) {
		return
	}
	for i := range n {
		w.units[off+i] = at + i
	}
}

func (m *model) rehome(w *modelWindow) {
	v := m.windows[m.rng.IntN(len(m.windows))]
	n, all := w.prefix()
	if v == w || v.shut || w.shut || !all || n > len(v.units) || v.mapped() > 0 {
		return
	}
	if m.refusable(w.w.Rehome(v.w)) {
		copy(v.units, w.units[:n])
	}
}

// check compares the Space, the model and the kernel.
func (m *model) check() {
	m.s.agree(m.t, m.foreign...)
	i, mapped, reserved := 0, 0, 0
	for w := range m.s.All() {
		if i >= len(m.windows) || w != m.windows[i].w || w.Range() != m.windows[i].r {
			m.t.Errorf("window %v is not the model's", w)
			return
		}
		mw := m.windows[i]
		if w.Mapped() != mw.mapped() {
			m.t.Errorf("%d bytes of %v mapped, want %d", w.Mapped(), w, mw.mapped())
			return
		}
		mapped += w.Mapped()
		reserved += w.Size()
		for u, at := range mw.units {
			if at >= 0 && w.data(w.Size())[u*unit] != byte(at+1) {
				m.t.Errorf("unit %d of %v shows %d of the file, want %d", u, w, w.data(w.Size())[u*unit]-1, at)
			}
		}
		i++
	}
	st := m.s.Stats()
	if i != len(m.windows) || st.Windows != i || st.MappedBytes != uint64(mapped) || st.ReservedBytes != uint64(reserved) || st.Stuck != 0 {
		m.t.Errorf("%d windows, want %d; %+v", i, len(m.windows), st)
	}
	if st.VMAs > st.MaxVMAs {
		m.t.Errorf("%d VMAs of %d", st.VMAs, st.MaxVMAs)
	}
	for range 4 {
		addr := m.zone.Start + uintptr(m.rng.Uint64N(uint64(m.zone.Len())))
		var want *Window
		for _, w := range m.windows {
			if w.r.Contains(addr) {
				want = w.w
			}
		}
		if got := m.s.Lookup(addr); got != want {
			m.t.Errorf("Lookup(%#x) = %v, want %v", addr, got, want)
		}
	}
}

// end releases everything.
func (m *model) end() {
	for _, w := range m.windows {
		ok(m.t, w.w.Release())
	}
	for _, r := range m.foreign {
		ok(m.t, sys.Unmap(r.Start, r.Len()))
	}
	ok(m.t, m.s.Trim())
	m.s.agree(m.t)
}
