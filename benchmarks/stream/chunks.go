package stream

import "sync/atomic"

// chunkRows is how many rows a chunk has.
const chunkRows = 64 << 10

// chunk is the columns of some rows, on the Go heap.
type chunk struct {
	u [wide][chunkRows]uint64
	v [narrow][chunkRows]uint32
}

// chunked is a table of chunks: what one does without a library where columns need not be in
// one piece. Readers take no lock, and the garbage collector has what was dropped.
type chunked struct {
	list atomic.Pointer[chunkList]
	end  atomic.Int64
}

// chunkList is what readers load, as one. It never changes, but for what is behind end.
type chunkList struct {
	front  int64 // the first row that is not dropped
	first  int64 // row of the first chunk
	chunks []*chunk
}

func openChunks(int64) (table, error) {
	t := new(chunked)
	t.list.Store(new(chunkList))
	return t, nil
}

func (t *chunked) write(first int64, n int) error {
	for n > 0 {
		l := t.list.Load()
		i := int(first % chunkRows)
		if i == 0 {
			// Readers of the old list do not look behind its end.
			l = &chunkList{l.front, l.first, append(l.chunks, new(chunk))}
			t.list.Store(l)
		}
		k, now := l.chunks[len(l.chunks)-1], min(n, chunkRows-i)
		for c := range k.u {
			fill(k.u[c][i:i+now], c, first)
		}
		for c := range k.v {
			fill(k.v[c][i:i+now], wide+c, first)
		}
		first += int64(now)
		n -= now
	}
	t.end.Store(first)
	return nil
}

func (t *chunked) drop(to int64) error {
	l := *t.list.Load()
	l.front = to
	if n := (to - l.first) / chunkRows; n > 0 {
		l.first += n * chunkRows
		l.chunks = append([]*chunk(nil), l.chunks[n:]...)
	}
	t.list.Store(&l)
	return nil
}

func (t *chunked) read(pick uint64, last, other *row) error {
	for {
		// The end first: the list loaded after it has all rows before it.
		end := t.end.Load()
		if l := t.list.Load(); l.front < end {
			l.get(end-1, last)
			l.get(chosen(l.front, end, pick), other)
			return nil
		}
	}
}

func (l *chunkList) get(number int64, r *row) {
	k, i := l.chunks[(number-l.first)/chunkRows], (number-l.first)%chunkRows
	r.number = number
	for c := range k.u {
		r.values[c] = k.u[c][i]
	}
	for c := range k.v {
		r.values[wide+c] = uint64(k.v[c][i])
	}
}

func (t *chunked) committed() int { return 0 }
func (t *chunked) close() error   { return nil }
