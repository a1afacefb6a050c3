package addrspace

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSegment_Joins(t *testing.T) {
	g := segment{off: 0, n: 8, fd: 3, fileOff: 80, prot: 3}
	h := segment{off: 8, n: 8, fd: 3, fileOff: 88, prot: 3}
	if !g.joins(h) || h.joins(g) {
		t.Error("a tail does not join, or joins the wrong way")
	}
	for name, change := range map[string]func(*segment){
		"another file":         func(h *segment) { h.fd = 4 },
		"not the next bytes":   func(h *segment) { h.fileOff++ },
		"not the next address": func(h *segment) { h.off++ },
		"another protection":   func(h *segment) { h.prot = 1 },
		"unadvised":            func(h *segment) { h.unadvised = true },
	} {
		c := h
		change(&c)
		if g.joins(c) {
			t.Errorf("%s joins", name)
		}
	}
}

// TestSegments_Model compares the list with one number per unit.
func TestSegments_Model(t *testing.T) {
	const size = 40
	rng := rand.New(rand.NewPCG(1, 1))
	var l segments
	var units [size]int // fd*1000 + file offset, 0 for Reserved
	for range 5000 {
		off := rng.IntN(size)
		n := 1 + rng.IntN(size-off)
		if rng.IntN(2) == 0 {
			l = l.cut(uintptr(off), uintptr(n))
			clear(units[off : off+n])
		} else {
			n = 1 + rng.IntN(min(n, 8))
			free := true
			for _, u := range units[off : off+n] {
				free = free && u == 0
			}
			if l.overlap(uintptr(off), uintptr(n)) == free {
				t.Fatalf("overlap(%d, %d) = %v in %v", off, n, free, units)
			}
			if !free {
				continue
			}
			fd, at := 1+rng.IntN(2), rng.IntN(3)
			if off > 0 && units[off-1] > 0 && rng.IntN(4) > 0 {
				fd, at = units[off-1]/1000, units[off-1]%1000+1
			}
			l = l.add(segment{off: uintptr(off), n: uintptr(n), fd: fd, fileOff: int64(at)})
			for i := range n {
				units[off+i] = fd*1000 + at + i
			}
		}
		// What the units say the list must be.
		var want segments
		vmas, bytes := 0, 0
		for i, u := range units {
			if u == 0 {
				if i == 0 || units[i-1] != 0 {
					vmas++
				}
				continue
			}
			bytes++
			if i > 0 && units[i-1] > 0 && units[i-1]+1 == u {
				want[len(want)-1].n++
			} else {
				want = append(want, segment{off: uintptr(i), n: 1, fd: u / 1000, fileOff: int64(u % 1000)})
				vmas++
			}
		}
		if !slices.Equal(l, want) || l.vmas(size) != vmas || l.bytes() != uintptr(bytes) {
			t.Fatalf("segments %+v of %d VMAs, want %+v of %d", l, l.vmas(size), want, vmas)
		}
		off, n = rng.IntN(size), 1+rng.IntN(8)
		covered, whole, inOne := off+n <= size, segment{}, false
		for i := off; i < min(off+n, size); i++ {
			covered = covered && units[i] != 0
		}
		for _, g := range want {
			if g.off <= uintptr(off) && uintptr(off+n) <= g.end() {
				whole, inOne = segment{off: uintptr(off), n: uintptr(n), fd: units[off] / 1000, fileOff: int64(units[off] % 1000)}, true
			}
		}
		if l.covers(uintptr(off), uintptr(n)) != covered {
			t.Fatalf("covers(%d, %d) = %v in %v", off, n, !covered, units)
		}
		if g, ok := l.part(uintptr(off), uintptr(n)); g != whole || ok != inOne {
			t.Fatalf("part(%d, %d) = %+v, %v in %v", off, n, g, ok, units)
		}
		i := rng.IntN(size)
		if units[i] == 0 {
			lo, hi := i, i+1
			for ; lo > 0 && units[lo-1] == 0; lo-- {
			}
			for ; hi < size && units[hi] == 0; hi++ {
			}
			if a, b := l.hole(uintptr(i), size); a != uintptr(lo) || b != uintptr(hi) {
				t.Fatalf("hole(%d) = %d, %d in %v", i, a, b, units)
			}
		}
	}
}

// TestSegments_Covers asks for ranges with and without holes.
func TestSegments_Covers(t *testing.T) {
	l := segments{{off: 0, n: 4}, {off: 4, n: 4, fd: 1}, {off: 10, n: 2}}
	for _, tt := range []struct {
		off, n uintptr
		want   bool
	}{{0, 4, true}, {1, 2, true}, {0, 8, true}, {2, 6, true}, {0, 9, false}, {8, 1, false}, {9, 2, false}, {10, 2, true}, {10, 3, false}, {20, 1, false}, {4, 5, false}, {7, 1, true}} {
		if got := l.covers(tt.off, tt.n); got != tt.want {
			t.Errorf("[%d, %d) covered: %v", tt.off, tt.off+tt.n, got)
		}
	}
}
