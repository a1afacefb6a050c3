package addrspace

import "slices"

// segment is a mapped part of a window: what one VMA of the kernel holds.
type segment struct {
	off, n    uintptr // in the window
	fd        int     // the file, by the descriptor it was mapped with
	fileOff   int64   // of the segment's first byte
	prot      int
	unadvised bool // advice was refused, so the VMA merges with none that has it
}

func (g segment) end() uintptr { return g.off + g.n }

// joins reports whether the kernel keeps g and h, which follows it, as one VMA:
// contiguous in address and file, and alike in everything else (vma_merge in
// mm/vma.c). Descriptors stand for files: the kernel compares the open file, so
// a duplicate counts as the same and is taken here for another, which counts a
// VMA too many, never too few.
func (g segment) joins(h segment) bool {
	return g.end() == h.off && g.fd == h.fd && g.fileOff+int64(g.n) == h.fileOff &&
		g.prot == h.prot && g.unadvised == h.unadvised
}

// segments are the mapped parts of one window, sorted and disjoint; neighbours
// that join are one segment. The functions below return changed lists and may
// use the memory of the old one.
type segments []segment

// overlap reports whether any part of [off, off+n) is mapped.
func (l segments) overlap(off, n uintptr) bool {
	for _, g := range l {
		if g.off < off+n && off < g.end() {
			return true
		}
	}
	return false
}

// covers reports whether each byte of [off, off+n) is mapped.
func (l segments) covers(off, n uintptr) bool {
	for _, g := range l {
		if g.off <= off && off < g.end() {
			if off+n <= g.end() {
				return true
			}
			n -= g.end() - off
			off = g.end()
		}
	}
	return false
}

// part returns what of a segment is mapped in [off, off+n), and false if no single
// segment covers that.
func (l segments) part(off, n uintptr) (segment, bool) {
	for _, g := range l {
		if g.off <= off && off+n <= g.end() {
			g.fileOff += int64(off - g.off)
			g.off, g.n = off, n
			return g, true
		}
	}
	return segment{}, false
}

// add returns l with g.
//
// Preconditions: g overlaps no segment of l.
func (l segments) add(g segment) segments {
	i, _ := slices.BinarySearchFunc(l, g.off, func(s segment, off uintptr) int {
		if s.off < off {
			return -1
		}
		return 1
	})
	if i < len(l) && g.joins(l[i]) {
		g.n += l[i].n
		l = slices.Delete(l, i, i+1)
	}
	if i > 0 && l[i-1].joins(g) {
		l[i-1].n += g.n
		return l
	}
	return slices.Insert(l, i, g)
}

// cut returns l without [off, off+n), in memory of its own. A segment that sticks
// out on both sides becomes two.
func (l segments) cut(off, n uintptr) segments {
	kept := make(segments, 0, len(l)+1)
	for _, g := range l {
		if head := g; g.off < off {
			head.n = min(g.end(), off) - g.off
			kept = append(kept, head)
		}
		if tail := g; g.end() > off+n {
			tail.off = max(g.off, off+n)
			tail.n = g.end() - tail.off
			tail.fileOff += int64(tail.off - g.off)
			kept = append(kept, tail)
		}
	}
	return kept
}

// bytes returns how much is mapped, in bytes.
func (l segments) bytes() (n uintptr) {
	for _, g := range l {
		n += g.n
	}
	return n
}

// vmas returns how many VMAs a window of n bytes with these segments is: the
// segments and the Reserved holes between and beside them.
func (l segments) vmas(n uintptr) int {
	count, at := len(l), uintptr(0)
	for _, g := range l {
		if g.off > at {
			count++
		}
		at = g.end()
	}
	if at < n {
		count++
	}
	return count
}

// hole returns the Reserved part of a window of n bytes that contains off.
//
// Preconditions: off is not mapped.
func (l segments) hole(off, n uintptr) (start, end uintptr) {
	end = n
	for _, g := range l {
		if g.end() <= off {
			start = g.end()
		} else if g.off > off {
			return start, g.off
		}
	}
	return start, end
}
