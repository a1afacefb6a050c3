package fuzz

import (
	"bytes"
	"fmt"
	"sync"
)

// mirrorPage is the unit in which a mirror knows what has been written.
const mirrorPage = 4096

// A mirror is what memory should hold. Of its bytes, all zero in the beginning, it
// knows the pages that were ever written: comparing those is comparing everything
// that has been written, and is fast.
type mirror struct {
	data    []byte
	written []uint64 // a bit for each page
	pages   []int    // the same as a list
	sample  int      // which page is looked at next for being zero
}

// mirrors are those of one size that are not in use, all zero: making one costs
// much more than most programs.
type mirrors struct {
	size int // of each. Immutable.
	mu   sync.Mutex
	free []*mirror // Protected by mu.
}

func (l *mirrors) get() *mirror {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.free)
	if n == 0 {
		return &mirror{data: make([]byte, l.size), written: make([]uint64, (l.size/mirrorPage+63)/64)}
	}
	m := l.free[n-1]
	l.free = l.free[:n-1]
	return m
}

// put makes m zero and takes it back.
func (l *mirrors) put(m *mirror) {
	for _, p := range m.pages {
		clear(m.page(p))
	}
	m.pages = m.pages[:0]
	clear(m.written)
	m.sample = 0
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free = append(l.free, m)
}

// drop leaves those that are not in use to the garbage collector.
func (l *mirrors) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free = nil
}

func (m *mirror) page(p int) []byte { return m.data[p*mirrorPage : (p+1)*mirrorPage] }

// write puts p at off.
func (m *mirror) write(p []byte, off int) {
	if len(p) == 0 {
		return
	}
	copy(m.data[off:], p)
	for k := off / mirrorPage; k <= (off+len(p)-1)/mirrorPage; k++ {
		if bit := uint64(1) << (k % 64); m.written[k/64]&bit == 0 {
			m.written[k/64] |= bit
			m.pages = append(m.pages, k)
		}
	}
}

// zero makes [from, to) zero.
func (m *mirror) zero(from, to int) {
	if to-from < mirrorPage {
		clear(m.data[from:max(from, to)])
		return
	}
	for _, p := range m.pages {
		if lo, hi := max(from, p*mirrorPage), min(to, (p+1)*mirrorPage); lo < hi {
			clear(m.data[lo:hi])
		}
	}
}

// compare compares b, which shows the bytes from off on, with the written pages,
// and a few others with zeros.
func (m *mirror) compare(b []byte, off int) error {
	end := off + len(b)
	for _, p := range m.pages {
		if err := m.compareRange(b, off, max(off, p*mirrorPage), min(end, (p+1)*mirrorPage)); err != nil {
			return err
		}
	}
	if len(b) > 0 {
		m.sample += 1_000_003
		at := off + m.sample%len(b)
		return m.compareRange(b, off, at, min(end, at+64))
	}
	return nil
}

// compareRange is compare for [lo, hi).
func (m *mirror) compareRange(b []byte, off, lo, hi int) error {
	if lo >= hi || bytes.Equal(b[lo-off:hi-off], m.data[lo:hi]) {
		return nil
	}
	for i := lo; i < hi; i++ {
		if b[i-off] != m.data[i] {
			return fmt.Errorf("byte %d is %d, want %d", i, b[i-off], m.data[i])
		}
	}
	return nil
}
