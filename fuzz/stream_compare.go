package fuzz

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/growarena/growarena/stream"
)

// valueOf returns what stands in row e: 8 bytes, of which narrower columns have the
// lowest. It is never 0 in any byte.
func valueOf(e int64) uint64 { return uint64(e)*0x9e3779b97f4a7c15 | 0x0101010101010101 }

// streamBytes are what stands in a stream, over and over. How many they are has nothing in
// common with pages.
var streamBytes = sync.OnceValue(func() []byte {
	b := make([]byte, 8<<20-9)
	for i := range b {
		b[i] = byte(valueOf(int64(i)) >> 40)
	}
	return b
})

// eachPart calls f with the parts of streamBytes that stand in [from, from+n), where nothing
// has failed: part begins at i.
func eachPart(from int64, n int, f func(i int, part []byte)) {
	all := streamBytes()
	for i := 0; i < n; {
		part := all[(from+int64(i))%int64(len(all)):]
		part = part[:min(len(part), n-i, 16<<10)]
		f(i, part)
		i += len(part)
	}
}

// byteAt returns what stands in byte off of a stream.
func (r *streamRun) byteAt(off int64) byte {
	if r.isZero(off) {
		return 0
	}
	return streamBytes()[off%int64(len(streamBytes()))]
}

// isZero reports whether an append has failed at e.
func (r *streamRun) isZero(e int64) bool {
	return slices.ContainsFunc(r.zeros, func(z [2]int64) bool { return z[0] <= e && e < z[1] })
}

// fill writes rows from number from on, which are zero before.
func (r *streamRun) fill(rows stream.Rows, from int64) error {
	one, three, eight := r.one.In(rows), r.three.In(rows), r.eight.In(rows)
	if len(one) != rows.Len() || len(three) != len(one) || len(eight) != len(one) {
		return fmt.Errorf("%d rows are %d, %d and %d values", rows.Len(), len(one), len(three), len(eight))
	}
	for i := range one {
		if one[i] != 0 || three[i] != [3]byte{} || eight[i] != 0 {
			return fmt.Errorf("row %d is not zero at first", from+int64(i))
		}
		v := valueOf(from + int64(i))
		one[i], three[i], eight[i] = byte(v), [3]byte{byte(v), byte(v >> 8), byte(v >> 16)}, v
	}
	return nil
}

// fillBytes is fill for a stream.
func (r *streamRun) fillBytes(b []byte, from int64) error {
	if n := bytes.Count(b, []byte{0}); n != len(b) {
		return fmt.Errorf("%d of %d bytes from %d on are not zero at first", len(b)-n, len(b), from)
	}
	eachPart(from, len(b), func(i int, part []byte) { copy(b[i:], part) })
	return nil
}

// wantBytes compares b, what a stream shows from off on.
func (r *streamRun) wantBytes(b []byte, off int64) error {
	var err error
	eachPart(off, len(b), func(i int, part []byte) {
		have := b[i:][:len(part)]
		if err != nil || bytes.Equal(have, part) {
			return
		}
		from, to := off+int64(i), off+int64(i+len(part))
		zero := func(z [2]int64) bool { return z[0] <= from && to <= z[1] }
		if slices.ContainsFunc(r.zeros, zero) && bytes.Count(have, []byte{0}) == len(part) {
			return
		}
		for k := i; k < i+len(part); k++ { // There are zeros in it, or worse.
			if want := r.byteAt(off + int64(k)); b[k] != want {
				err = fmt.Errorf("byte %d is %#x, want %#x", off+int64(k), b[k], want)
				return
			}
		}
	})
	return err
}

// compare compares the numbers, and what guards see: all of it, or here and there.
func (r *streamRun) compare(all bool) error {
	end := r.end()
	if r.Len() != end || r.Front() != r.front {
		return fmt.Errorf("[%d, %d), want [%d, %d)", r.Front(), r.Len(), r.front, end)
	}
	st := r.Stats()
	if st.Front != r.front || st.Len != end || r.closed && (st.Files != 0 || st.Window != 0 || st.Committed != 0) || !r.closed && st.Files == 0 {
		return fmt.Errorf("%+v", st)
	}
	for _, g := range r.guards {
		if err := r.compareGuard(g, all); err != nil {
			return err
		}
	}
	if len(r.guards) == 0 { // Then nothing else needs these.
		r.zeros = slices.DeleteFunc(r.zeros, func(z [2]int64) bool { return z[1] <= r.front })
	}
	return nil
}

// compareGuard compares what g sees.
func (r *streamRun) compareGuard(g *streamGuard, all bool) error {
	if g.g.Front() != g.front || g.g.Len() != g.end {
		return fmt.Errorf("a guard of [%d, %d), want [%d, %d)", g.g.Front(), g.g.Len(), g.front, g.end)
	}
	n := int(g.end - g.front)
	step := 1
	if !all {
		step = max(1, n/64)
	}
	if r.s != nil {
		b := g.g.All()
		if len(b) != n || cap(b) != n {
			return fmt.Errorf("a guard of [%d, %d) has %d bytes of capacity %d", g.front, g.end, len(b), cap(b))
		}
		if all {
			return r.wantBytes(b, g.front)
		}
		for i := 0; i < n; i += step {
			if err := r.wantBytes(b[i:i+1], g.front+int64(i)); err != nil {
				return err
			}
		}
		return nil
	}
	one, three, eight := r.one.View(&g.g), r.three.View(&g.g), r.eight.View(&g.g)
	if len(one) != n || len(three) != n || len(eight) != n {
		return fmt.Errorf("a guard of [%d, %d) has %d, %d and %d rows", g.front, g.end, len(one), len(three), len(eight))
	}
	for i := 0; i < n; i += step {
		v := valueOf(g.front + int64(i))
		if (one[i] != byte(v) || eight[i] != v) && r.isZero(g.front+int64(i)) {
			v = 0
		}
		if one[i] != byte(v) || three[i] != [3]byte{byte(v), byte(v >> 8), byte(v >> 16)} || eight[i] != v {
			return fmt.Errorf("row %d is %#x, %#x, %#x, want %#x, in a guard of [%d, %d)", g.front+int64(i), one[i], three[i], eight[i], v, g.front, g.end)
		}
	}
	return nil
}

// pin pins a guard.
func (r *streamRun) pin() error {
	if len(r.guards) == streamGuardsMax {
		return nil
	}
	g, err := r.Pin()
	if err != nil || r.closed {
		return r.pinError(err)
	}
	r.guards = append(r.guards, &streamGuard{g, r.front, r.end()})
	return nil
}

// refresh refreshes a guard.
func (r *streamRun) refresh() error {
	if len(r.guards) == 0 {
		return nil
	}
	i := r.in.below(len(r.guards))
	g := r.guards[i]
	if err := g.g.Refresh(); err != nil || r.closed {
		r.guards = slices.Delete(r.guards, i, i+1)
		return r.pinError(err)
	}
	g.front, g.end = r.front, r.end()
	return nil
}

// unpin looks at all that a guard sees, and unpins it.
func (r *streamRun) unpin() error {
	if len(r.guards) == 0 {
		return nil
	}
	i := r.in.below(len(r.guards))
	err := r.compareGuard(r.guards[i], true)
	r.guards[i].g.Unpin()
	r.guards = slices.Delete(r.guards, i, i+1)
	return err
}

// bytes asks a guard for a part of it, or for what it does not have.
func (r *streamRun) bytes() error {
	if len(r.guards) == 0 || r.s == nil {
		return nil
	}
	g := r.guards[r.in.below(len(r.guards))]
	off := g.front + int64(r.in.size(int(g.end-g.front)+2)) - int64(r.in.below(3))
	n := r.in.size(int(g.end-g.front)+2) - r.in.below(8)/7
	r.trace.args(int(off), n)
	b, err := g.g.Bytes(off, n)
	want := error(nil)
	switch {
	case off < 0 || n < 0:
		want = stream.ErrRange
	case off < g.front:
		want = stream.ErrDropped
	case off+int64(n) > g.end:
		want = stream.ErrRange
	}
	if err == nil && want == nil && len(b) == n {
		return r.wantBytes(b, off)
	}
	if !errors.Is(err, want) || err == nil {
		return fmt.Errorf("%d bytes at %d of [%d, %d): %d, %v, want %v", n, off, g.front, g.end, len(b), err, want)
	}
	return nil
}

// read reads by a Reader.
func (r *streamRun) read() error {
	if r.s == nil {
		return nil
	}
	end := r.end()
	from := r.front + int64(r.in.size(int(end-r.front)+1)) - int64(r.in.below(2))
	n := r.in.size(1 << 16)
	r.trace.args(int(from), n)
	b := make([]byte, n)
	got, err := r.s.NewReader(max(from, 0)).ReadAt(b, 0)
	from = max(from, 0)
	want := error(nil)
	switch {
	case r.closed:
		want = stream.ErrClosed
	case from < r.front && from < end:
		want = stream.ErrDropped
	case n > 0 && from+int64(n) > end:
		want = io.EOF
	}
	if !errors.Is(err, want) || want != stream.ErrClosed && want != stream.ErrDropped && got != int(min(int64(n), max(end-from, 0))) {
		return fmt.Errorf("read of %d at %d of [%d, %d): %d, %v, want %v", n, from, r.front, end, got, err, want)
	}
	return r.wantBytes(b[:got], from)
}
