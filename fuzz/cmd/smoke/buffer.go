package main

import (
	"io"

	"github.com/growarena/growarena/arena"
)

// bufferStep writes, overwrites and reads a Buffer as a file.
func bufferStep(e env) (kept, error) {
	a, err := arena.NewArena(arena.Options{Name: "smoke buffer", Reserve: 2 * mib, Commit: e.commit, Rungs: moving})
	if err != nil {
		return kept{}, err
	}
	b := arena.NewBufferIn(a)
	var c content
	check := func() error {
		if n := a.Len(); n != c.end() {
			return wrongf("%d bytes, %d were written", n, c.end())
		}
		return c.check(a.Bytes(), 0)
	}
	if err = useBuffer(b, &c, e.size); err != nil {
		err = worse(err, check())
		return kept{}, worse(err, b.Free())
	}
	return kept{check, b.Free}, check()
}

func useBuffer(b *arena.Buffer, c *content, size int) error {
	half, scratch := size/2, make([]byte, 100*kib)
	for i, off := 0, 0; off < half; i++ {
		n := min(sizes[i%len(sizes)], half-off, len(scratch))
		text := scratch[:n]
		new(content).put(text, off, 1)
		wrote, err := b.Write(text)
		c.set(off, wrote, 1)
		if err != nil {
			return err
		}
		off += wrote
	}
	n, err := b.ReadFrom(&source{half, size, 2})
	c.set(half, int(n), 2)
	if err != nil {
		return err
	}
	if int(n) != size-half {
		return wrongf("read %d bytes, want %d", n, size-half)
	}
	middle, text := half-50_000, scratch[:100_000]
	if _, err := b.Seek(int64(middle), io.SeekStart); err != nil {
		return wrongf("seek: %w", err)
	}
	c.put(text, middle, 3)
	if _, err := b.Write(text); err != nil {
		return wrongf("overwriting: %w", err)
	}
	clear(text)
	if n, err := b.ReadAt(text, int64(middle)); err != nil || n != len(text) {
		return wrongf("ReadAt returned %d bytes, %v", n, err)
	}
	return c.check(text, middle)
}

// source reads what seed makes of offsets up to end.
type source struct {
	off, end int
	seed     uint32
}

func (s *source) Read(b []byte) (n int, err error) {
	if s.off == s.end {
		return 0, io.EOF
	}
	n = min(len(b), s.end-s.off, 300*kib)
	new(content).put(b[:n], s.off, s.seed)
	s.off += n
	return n, nil
}
