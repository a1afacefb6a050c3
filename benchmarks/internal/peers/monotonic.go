package peers

import "sync"

// Monotonic hands out the bytes of a few large buffers of the Go heap one after
// the other and takes all of them back at once, as the arenas in Go libraries
// do. It belongs to one goroutine.
type Monotonic struct {
	buffers [][]byte
	at      int // buffers[at] is the one that is being handed out,
	off     int // from here on
}

// NewMonotonic returns an arena of n buffers of size bytes each.
func NewMonotonic(size, n int) *Monotonic {
	m := &Monotonic{buffers: make([][]byte, n)}
	for i := range m.buffers {
		m.buffers[i] = make([]byte, size)
	}
	return m
}

// Alloc returns n bytes that are zero, aligned to 8, or nil if all is handed out.
func (m *Monotonic) Alloc(n int) []byte {
	for {
		buf := m.buffers[m.at]
		if end := m.off + n; end <= len(buf) {
			b := buf[m.off:end:end]
			m.off = (end + 7) &^ 7
			return b
		}
		if m.at+1 == len(m.buffers) {
			return nil
		}
		m.at, m.off = m.at+1, 0
	}
}

// Reset takes back what was handed out, and clears it.
func (m *Monotonic) Reset() {
	for _, buf := range m.buffers[:m.at] {
		clear(buf)
	}
	buf := m.buffers[m.at]
	clear(buf[:min(m.off, len(buf))])
	m.at, m.off = 0, 0
}

// LockedMonotonic is Monotonic behind a mutex, for several goroutines.
type LockedMonotonic struct {
	mu sync.Mutex
	m  *Monotonic
}

// NewLockedMonotonic returns an arena of n buffers of size bytes each.
func NewLockedMonotonic(size, n int) *LockedMonotonic {
	return &LockedMonotonic{m: NewMonotonic(size, n)}
}

// Alloc is Monotonic.Alloc.
func (l *LockedMonotonic) Alloc(n int) []byte {
	l.mu.Lock()
	b := l.m.Alloc(n)
	l.mu.Unlock()
	return b
}

// Reset is Monotonic.Reset.
func (l *LockedMonotonic) Reset() {
	l.mu.Lock()
	l.m.Reset()
	l.mu.Unlock()
}
