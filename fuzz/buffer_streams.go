package fuzz

import (
	"bytes"
	"io"
	"testing/iotest"

	"github.com/growarena/growarena/internal/testutil"
)

// noise is what operations on buffers write: a part of it text, a part no UTF-8.
var noise = func() []byte {
	p := make([]byte, bufferSizeMax+1<<16)
	x := uint64(1)
	for i := range p {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		p[i] = byte(x >> 32)
		if i>>8&1 == 0 {
			p[i] &= 0x7f
		}
	}
	return p
}()

// noiseAt returns n bytes of noise, other ones for other k.
func noiseAt(n, k int) []byte {
	at := k & 0xffff
	return noise[at : at+n]
}

// scripted returns a reader of p that behaves in one of several legal ways, or, the
// last ones, does not.
func scripted(p []byte, kind int) io.Reader {
	r := io.Reader(bytes.NewReader(p))
	switch kind % 10 {
	case 0:
		return iotest.DataErrReader(r)
	case 1:
		return io.MultiReader(r, iotest.ErrReader(iotest.ErrTimeout))
	case 2:
		return iotest.HalfReader(r)
	case 3:
		return &testutil.Scribbler{R: r, Most: 1 + len(p)/10}
	case 4:
		return iotest.TimeoutReader(&testutil.Scribbler{R: r, Most: 300})
	case 5:
		return iotest.OneByteReader(io.LimitReader(r, 1000))
	case 6:
		return &liar{r: r, lie: -1}
	case 7:
		return &liar{r: r, lie: 1}
	}
	return struct{ io.Reader }{r}
}

// liar is a reader whose second read returns a wrong count: a negative one, or
// one above what it was asked for.
type liar struct {
	r     io.Reader
	lie   int
	calls int
}

func (l *liar) Read(p []byte) (int, error) {
	if l.calls++; l.calls < 2 {
		return l.r.Read(p[:min(len(p), 100)])
	}
	if l.lie < 0 {
		return -1, nil
	}
	return len(p) + 1, nil
}

// drain returns a writer to w that takes everything, or does not, for p bytes of
// content.
func drain(w io.Writer, most, kind int) io.Writer {
	switch kind % 6 {
	case 0:
		return iotest.TruncateWriter(w, int64(most))
	case 1:
		return &takes{w: w, most: most}
	case 2:
		return &takes{w: w, most: most, err: iotest.ErrTimeout}
	case 3:
		return &takes{w: w, most: most, lie: 1 << 30}
	}
	return w
}

// takes is a writer that takes so many bytes, and returns lie more.
type takes struct {
	w         io.Writer
	most, lie int
	err       error
}

func (t *takes) Write(p []byte) (int, error) {
	n, _ := t.w.Write(p[:min(len(p), t.most)])
	return n + t.lie, t.err
}
