package arena_test

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/iotest"
	"time"

	"github.com/growarena/growarena/arena"
)

// buffer is the method set of bytes.Buffer.
type buffer interface {
	io.ReadWriter
	io.ByteScanner
	io.RuneScanner
	io.ByteWriter
	io.StringWriter
	io.ReaderFrom
	io.WriterTo
	fmt.Stringer
	Available() int
	AvailableBuffer() []byte
	Bytes() []byte
	Cap() int
	Grow(n int)
	Len() int
	Next(n int) []byte
	Peek(n int) ([]byte, error)
	ReadBytes(delim byte) ([]byte, error)
	ReadString(delim byte) (string, error)
	Reset()
	Truncate(n int)
	WriteRune(r rune) (int, error)
}

// file is what a Buffer has beyond that.
type file interface {
	buffer
	io.Seeker
	io.ReaderAt
	io.WriterAt
}

var (
	_ buffer = (*bytes.Buffer)(nil)
	_ file   = (*arena.Buffer)(nil)
	_ file   = (*fileModel)(nil)
)

// newBuffer makes a Buffer for a test and frees it when that ends.
func newBuffer(t testing.TB, opts arena.Options) *arena.Buffer {
	t.Helper()
	a := newArena(t, opts)
	t.Cleanup(func() { freeNow(t, a) })
	return arena.NewBufferIn(a)
}

// freeNow frees a and waits until its windows have been released.
func freeNow(t testing.TB, a *arena.Arena) {
	t.Helper()
	free(t, a)
	if d := a.Domain(); d != nil {
		if err := d.Barrier(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// outcome is what an operation did, for comparing.
type outcome struct {
	n        int64
	data     string
	err      string
	panicked bool
}

// The operations of a test sequence. The first are those of bytes.Buffer.
const (
	opWrite = iota
	opWriteString
	opWriteByte
	opWriteRune
	opWriteAvailable
	opReadFrom
	opRead
	opReadShort
	opNext
	opPeek
	opReadByte
	opReadRune
	opReadBytes
	opReadString
	opUnreadByte
	opUnreadRune
	opWriteTo
	opGrow
	opTruncate
	opReset
	pipeOps

	opSeek = iota - 1
	opReadAt
	opWriteAt
	allOps
)

var opNames = [...]string{
	"Write", "WriteString", "WriteByte", "WriteRune", "Write(AvailableBuffer)", "ReadFrom",
	"Read", "Read(short)", "Next", "Peek", "ReadByte", "ReadRune", "ReadBytes", "ReadString",
	"UnreadByte", "UnreadRune", "WriteTo", "Grow", "Truncate", "Reset", "Seek", "ReadAt", "WriteAt",
}

// noise is what the operations write: some text, some of it no UTF-8.
var noise = func() []byte {
	p := make([]byte, 5*mib)
	rng := rand.NewChaCha8([32]byte{1})
	rng.Read(p)
	for i := range p[:len(p)/2] {
		p[i] &= 0x7f
	}
	return p
}()

// do does one operation on b and says what came of it. How much, what and where
// is decided by n, which is any number below 4 MiB.
func do(b buffer, op, n int) (o outcome) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(runtime.Error); ok {
				if _, ours := b.(*arena.Buffer); ours {
					panic(r) // Misuse panics with words.
				}
			}
			o.panicked = true
		}
	}()
	at := n * 31 % mib
	p := noise[at : at+n]
	var err error
	switch op {
	case opWrite:
		o.n, err = count(b.Write(p))
	case opWriteString:
		o.n, err = count(b.WriteString(string(p)))
	case opWriteByte:
		err = b.WriteByte(noise[n])
	case opWriteRune:
		o.n, err = count(b.WriteRune(rune(n)*17 - 40))
	case opWriteAvailable:
		o.n, err = count(b.Write(append(b.AvailableBuffer(), p...)))
	case opReadFrom:
		o.n, err = b.ReadFrom(reader(p))
	case opRead:
		q := make([]byte, n)
		o.n, err = count(b.Read(q))
		o.data = string(q[:o.n])
	case opReadShort:
		q := make([]byte, n%100)
		o.n, err = count(b.Read(q))
		o.data = string(q[:o.n])
	case opNext:
		o.data = string(b.Next(n - 3))
	case opPeek:
		var q []byte
		q, err = b.Peek(n - 3)
		o.data = string(q)
	case opReadByte:
		var c byte
		c, err = b.ReadByte()
		o.n = int64(c)
	case opReadRune:
		var r rune
		var size int
		r, size, err = b.ReadRune()
		o.n, o.data = int64(r), fmt.Sprint(size)
	case opReadBytes:
		var q []byte
		q, err = b.ReadBytes(byte(n))
		o.data = string(q)
		if (q == nil) != (len(q) == 0) {
			o.data = "empty but not nil"
		}
	case opReadString:
		o.data, err = b.ReadString(byte(n))
	case opUnreadByte:
		err = b.UnreadByte()
	case opUnreadRune:
		err = b.UnreadRune()
	case opWriteTo:
		var w bytes.Buffer
		switch n % 4 {
		case 0:
			o.n, err = b.WriteTo(iotest.TruncateWriter(&w, int64(n/4)))
		case 1:
			o.n, err = b.WriteTo(&takes{&w, n / 4, nil})
		case 2:
			o.n, err = b.WriteTo(&takes{&w, n / 4, iotest.ErrTimeout})
		default:
			o.n, err = b.WriteTo(&w)
		}
		o.data = w.String()
	case opGrow:
		b.Grow(n%mib - 3)
		if n%mib >= 3 && b.Available() < n%mib-3 {
			o.err = "Grow did not"
		}
	case opTruncate:
		b.Truncate(n - 3)
	case opReset:
		b.Reset()
	case opSeek:
		o.n, err = b.(file).Seek(int64(n/4)-int64(n%7*40), n%4)
	case opReadAt:
		q := make([]byte, n%5000)
		o.n, err = count(b.(file).ReadAt(q, int64(n/4)-1000))
		o.data = string(q[:o.n])
	case opWriteAt:
		o.n, err = count(b.(file).WriteAt(p[:min(n, 5000)], int64(n)-int64(n%7*40)))
	}
	switch {
	case err == io.EOF || err == io.ErrShortWrite || err == iotest.ErrTimeout:
		o.err = err.Error()
	case err != nil:
		o.err = "error"
	}
	return o
}

func count(n int, err error) (int64, error) { return int64(n), err }

// reader returns a reader of p that behaves in one of several legal ways.
func reader(p []byte) io.Reader {
	r := io.Reader(bytes.NewReader(p))
	switch len(p) % 7 {
	case 0:
		return iotest.DataErrReader(r)
	case 1:
		return io.MultiReader(r, iotest.ErrReader(iotest.ErrTimeout))
	case 2:
		return iotest.HalfReader(r)
	case 3:
		return &scribbler{r: r, most: 1 + len(p)/10}
	case 4:
		return iotest.TimeoutReader(&scribbler{r: r, most: 300})
	case 5:
		return iotest.OneByteReader(io.LimitReader(r, 1000))
	}
	return struct{ io.Reader }{r}
}

// scribbler is a reader that uses all of what it is given as scratch space, as it
// may, returns little, and returns nothing now and then.
type scribbler struct {
	r     io.Reader
	most  int
	calls int
}

func (s *scribbler) Read(p []byte) (int, error) {
	for i := range p[:min(len(p), s.most+5000)] {
		p[i] = 0xee
	}
	if s.calls++; s.calls%3 == 0 {
		return 0, nil
	}
	return s.r.Read(p[:min(len(p), s.most)])
}

// takes is a writer that takes so many bytes.
type takes struct {
	w    io.Writer
	most int
	err  error
}

func (t *takes) Write(p []byte) (int, error) {
	n, _ := t.w.Write(p[:min(len(p), t.most)])
	return n, t.err
}

// tester applies operations to a Buffer and to what it should be: a bytes.Buffer
// while it is a pipe, a fileModel from the first Seek, ReadAt or WriteAt until it
// is reset.
type tester struct {
	testing.TB
	b    *arena.Buffer
	pipe *bytes.Buffer
	file *fileModel
	log  []string // The last operations.

	// wrote is whether the last operation was a write: what a position is then.
	wrote bool
}

// newTester returns a tester of b, empty. The bytes.Buffer it compares with works
// in space, so that it seldom grows.
func newTester(t testing.TB, b *arena.Buffer, space []byte) *tester {
	return &tester{TB: t, b: b, pipe: bytes.NewBuffer(space[:0])}
}

// do does one operation. thorough is for comparing all of the content after.
func (t *tester) do(op, n int, thorough bool) {
	t.Helper()
	t.log = append(t.log, fmt.Sprintf("%s(%d)", opNames[op], n))
	t.log = t.log[max(0, len(t.log)-8):]
	first := op >= pipeOps && t.file == nil
	if first {
		t.beFile()
	}
	var want outcome
	var model buffer = t.pipe
	if t.file != nil {
		model = t.file
	}
	want = do(model, op, n)
	got := do(t.b, op, n)
	if got != want {
		t.Fatalf("%v: got %v, want %v", t.log, clip(got), clip(want))
	}
	t.compare(model, thorough)
	if first && op == opSeek && want.err != "" {
		t.file = nil // It remains a pipe.
	}
	switch {
	case op == opReset, op == opTruncate && n-3 == 0:
		t.file = nil
		t.pipe.Reset()
	case want.panicked, op == opGrow, op == opReadBytes, op == opReadString:
		// A difference that is ours to make: what can be unread after a panic;
		// after a Grow that has dropped what was read; and after a read of nothing,
		// where bytes.Buffer does not do as its documentation says.
		t.b.Write(nil)
		model.Write(nil)
		t.wrote = true
		return
	}
	switch {
	case op <= opReadFrom:
		t.wrote = true
	case op == opPeek, op == opTruncate && n > 3, want.err != "" && (op == opUnreadByte || op == opUnreadRune || op == opSeek):
	default:
		t.wrote = false
	}
}

// beFile begins to expect a file: its bytes are those the arena holds, the last
// of them unread.
func (t *tester) beFile() {
	t.Helper()
	var held []byte
	if t.b.Arena() != nil {
		held = bytes.Clone(t.b.Arena().Bytes())
	}
	if !bytes.HasSuffix(held, t.pipe.Bytes()) {
		t.Fatalf("%v: the arena does not end with what is unread", t.log)
	}
	t.file = &fileModel{data: held, off: len(held) - t.pipe.Len(), last: -2}
	if !t.wrote {
		t.file.last = 0
		t.b.Truncate(t.b.Len()) // Nothing to be unread.
		t.pipe.Truncate(t.pipe.Len())
		if t.b.Len() == 0 {
			t.file = &fileModel{} // That was a Reset.
		}
	}
}

func (t *tester) compare(model buffer, thorough bool) {
	t.Helper()
	got, want := t.b.Bytes(), model.Bytes()
	if len(got) != len(want) || t.b.Len() != len(want) {
		t.Fatalf("%v: %d bytes, Len %d, want %d", t.log, len(got), t.b.Len(), len(want))
	}
	if cap(got) != len(got) {
		t.Fatalf("%v: %d bytes of capacity %d", t.log, len(got), cap(got))
	}
	const edge = 2000
	if n := len(got); n <= 4*edge || thorough {
		if !bytes.Equal(got, want) {
			t.Fatalf("%v: content differs", t.log)
		}
	} else if !bytes.Equal(got[:edge], want[:edge]) || !bytes.Equal(got[n-edge:], want[n-edge:]) {
		t.Fatalf("%v: content differs", t.log)
	}
	if f, ok := model.(*fileModel); ok && thorough {
		if held := t.b.Arena(); held != nil && !bytes.Equal(held.Bytes(), f.data) {
			t.Fatalf("%v: bytes before the position differ: %d held, want %d", t.log, held.Len(), len(f.data))
		}
	}
	if a := t.b.Arena(); a != nil {
		end := a.Len()
		if t.file != nil && t.file.seeked {
			end = max(end, t.file.off)
		}
		if t.b.Cap() != a.Cap() || t.b.Available() != max(a.Cap()-end, 0) || cap(t.b.AvailableBuffer()) != t.b.Available() {
			t.Fatalf("%v: Cap %d, Available %d, arena's %d and %d", t.log, t.b.Cap(), t.b.Available(), a.Cap(), a.Len())
		}
	}
}

func clip(o outcome) outcome {
	if len(o.data) > 40 {
		o.data = fmt.Sprintf("%.40q… (%d bytes)", o.data, len(o.data))
	}
	return o
}

// TestBuffer_Model applies random operations to a Buffer and to a bytes.Buffer, or
// a model of a file, and compares what they return and hold. Windows begin small,
// so the arena moves; small operations are most of them, so that unreading, runes
// and the like meet all states.
func TestBuffer_Model(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	space := make([]byte, 24*mib)
	ops := 1500
	if testing.Short() {
		ops = 300
	}
	for name, most := range map[string]int{"pipe": pipeOps, "file": allOps} {
		t.Run(name, func(t *testing.T) {
			eachLadder(t, func(t *testing.T, o arena.Options) {
				name := fnv.New64()
				io.WriteString(name, t.Name())
				rng := rand.New(rand.NewPCG(seed, name.Sum64()))
				m := newTester(t, newBuffer(t, o), space)
				for i := range ops {
					op := rng.IntN(most)
					// Emptying is rarer than filling, and huge is rarer than small.
					if (op == opReset || op == opRead || op == opReadFrom || op == opTruncate) && rng.IntN(4) != 0 {
						op = rng.IntN(6)
					}
					n := rng.IntN(1 + 1<<rng.IntN(12))
					if rng.IntN(30) == 0 {
						n = rng.IntN(3 * mib / 2)
					}
					if m.b.Len() > 12*mib {
						op, n = opNext, m.b.Len()-rng.IntN(mib)
					}
					if m.b.Cap() > 40*mib {
						op, n = opReset, 0
					}
					m.do(op, n, i%100 == 0)
				}
			})
		})
	}
}

// FuzzBuffer is TestBuffer_Model with sequences the fuzzer makes: a byte chooses
// the pointer rule, three each an operation and its number.
func FuzzBuffer(f *testing.F) {
	f.Add([]byte{0, opWrite, 1, 200, opNext, 0, 40, opWrite, 0, 3, opUnreadByte, 0, 0})
	f.Add([]byte{1, opWrite, 255, 255, opRead, 200, 0, opWrite, 255, 255, opWrite, 255, 255, opReadFrom, 240, 3})
	f.Add([]byte{2, opWriteAt, 190, 0, opSeek, 3, 1, opWriteAvailable, 9, 9, opReadFrom, 130, 3, opTruncate, 0, 100, opReadAt, 8, 0})
	f.Add([]byte{0, opWriteRune, 100, 100, opReadRune, 0, 0, opUnreadRune, 0, 0, opReadString, 0, 65, opReset, 0, 0})
	space := make([]byte, 24*mib)
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) == 0 {
			return
		}
		o := arena.Options{Reserve: 2 * mib}
		rules[[]string{"keep", "retire", "classic"}[in[0]%3]](&o)
		m := newTester(t, newBuffer(t, o), space)
		in = in[1:min(len(in), 1+3*100)]
		for ; len(in) >= 3 && m.b.Cap() < 20*mib; in = in[3:] {
			n := int(in[1])<<8 | int(in[2])
			n = n & 0x3fff << []int{0, 0, 3, 6}[n>>14]
			m.do(int(in[0])%allOps, n, false)
		}
		if m.file != nil {
			m.compare(m.file, true)
		} else {
			m.compare(m.pipe, true)
		}
	})
}
