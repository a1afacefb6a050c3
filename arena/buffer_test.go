package arena_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/testutil"
)

// write writes p and fails the test unless all of it is taken.
func write(t testing.TB, w io.Writer, p []byte) {
	t.Helper()
	if n, err := w.Write(p); n != len(p) || err != nil {
		t.Fatalf("Write of %d bytes: %d, %v", len(p), n, err)
	}
}

func seek(t testing.TB, s io.Seeker, offset int64, whence int, want int64) {
	t.Helper()
	if pos, err := s.Seek(offset, whence); pos != want || err != nil {
		t.Fatalf("Seek(%d, %d) = %d, %v, want %d", offset, whence, pos, err, want)
	}
}

// panics calls f and returns what it panics with.
func panics(t testing.TB, f func()) (value any) {
	t.Helper()
	defer func() {
		if value = recover(); value == nil {
			t.Helper()
			t.Error("no panic")
		}
	}()
	f()
	return nil
}

// TestBuffer_Zero uses a zero Buffer for everything that needs no arena, and sees
// it make one when it does.
func TestBuffer_Zero(t *testing.T) {
	var b arena.Buffer
	b.Reset()
	b.Truncate(0)
	b.Grow(0)
	b.Write(nil)
	b.WriteString("")
	if n, err := b.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("Read: %d, %v", n, err)
	}
	if n, err := b.Read(nil); n != 0 || err != nil {
		t.Errorf("Read of nothing: %d, %v", n, err)
	}
	if n, err := b.ReadAt(make([]byte, 1), 0); n != 0 || err != io.EOF {
		t.Errorf("ReadAt: %d, %v", n, err)
	}
	if n, err := b.WriteAt(nil, 1<<40); n != 0 || err != nil {
		t.Errorf("WriteAt of nothing: %d, %v", n, err)
	}
	seek(t, &b, 0, io.SeekEnd, 0)
	if n, err := b.WriteTo(io.Discard); n != 0 || err != nil {
		t.Errorf("WriteTo: %d, %v", n, err)
	}
	if b.Len() != 0 || b.Cap() != 0 || b.Available() != 0 || len(b.Bytes()) != 0 || cap(b.AvailableBuffer()) != 0 ||
		b.String() != "" || len(b.Next(5)) != 0 || b.UnreadByte() == nil || b.UnreadRune() == nil {
		t.Error("not empty")
	}
	if b.Arena() != nil {
		t.Error("has an arena")
	}
	if err := b.Free(); err != nil {
		t.Error(err)
	}
	if s := (*arena.Buffer)(nil).String(); s != "<nil>" {
		t.Errorf("nil is %q", s)
	}
	if runtime.GOOS != "linux" {
		if n, err := b.Write([]byte{1}); n != 0 || !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Write: %d, %v", n, err)
		}
		return
	}
	b.Reset()
	write(t, &b, []byte("one"))
	if b.Arena() == nil || b.String() != "one" || b.Arena().Len() != 3 {
		t.Errorf("holds %q", b.String())
	}
	if err := b.Free(); err != nil {
		t.Error(err)
	}
}

// TestBuffer_Free uses a Buffer after Free in every way that touches its bytes, but
// for ReadAt, which returns an error: TestArena_PinAfterFree.
func TestBuffer_Free(t *testing.T) {
	b := arena.NewBufferIn(newArena(t, arena.Options{}))
	write(t, b, []byte("some bytes"))
	if err := b.Free(); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(){
		"Write":           func() { b.Write([]byte("x")) },
		"WriteByte":       func() { b.WriteByte('x') },
		"WriteAt":         func() { b.WriteAt([]byte("x"), 0) },
		"ReadFrom":        func() { b.ReadFrom(strings.NewReader("x")) },
		"Read":            func() { b.Read(make([]byte, 1)) },
		"ReadByte":        func() { b.ReadByte() },
		"Bytes":           func() { b.Bytes() },
		"AvailableBuffer": func() { b.AvailableBuffer() },
		"Grow":            func() { b.Grow(1) },
		"Reset":           func() { b.Reset() },
		"Free":            func() { b.Free() },
		"NewBufferIn":     func() { arena.NewBufferIn(b.Arena()) },
	} {
		if msg := fmt.Sprint(panics(t, f)); !strings.Contains(msg, "after Free") {
			t.Errorf("%s: %s", name, msg)
		}
	}
}

func TestBuffer_New(t *testing.T) {
	defer newArena(t, arena.Options{}).Free() // Skips where there are none.
	content := []byte("some content")
	for _, b := range []*arena.Buffer{arena.NewBuffer(content), arena.NewBufferString(string(content))} {
		content[0] = 'S'
		if b.String() != "some content" || b.UnreadByte() == nil {
			t.Errorf("holds %q", b)
		}
		content[0] = 's'
		write(t, b, []byte(", and more"))
		if s, err := b.ReadString(','); s != "some content," || err != nil {
			t.Errorf("%q, %v", s, err)
		}
		if err := b.Free(); err != nil {
			t.Error(err)
		}
	}
	if b := arena.NewBuffer(make([]byte, 0, 100)); b.Arena() != nil {
		t.Error("an empty one has an arena")
	}
}

// TestBuffer_In makes a Buffer over an arena that holds something.
func TestBuffer_In(t *testing.T) {
	a := newArena(t, arena.Options{})
	defer free(t, a)
	p, err := a.Alloc(5)
	if err != nil {
		t.Fatal(err)
	}
	copy(p, "begin")
	b := arena.NewBufferIn(a)
	write(t, b, []byte("-end"))
	if b.String() != "begin-end" || a.Len() != 9 || b.Arena() != a {
		t.Errorf("holds %q", b)
	}
}

// TestBuffer_File reads a caller's file dry and writes to it: reading must not
// shorten it.
func TestBuffer_File(t *testing.T) {
	testutil.NeedsMoves(t)
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	old := bytes.Repeat([]byte("0123456789abcdef"), 10000)
	write(t, f, old)
	for range 2 {
		b := arena.NewBufferIn(newArena(t, arena.Options{File: f}))
		if got, err := io.ReadAll(b); err != nil || !bytes.Equal(got, old) {
			t.Fatalf("read %d bytes, %v", len(got), err)
		}
		write(t, b, []byte("more"))
		b.Next(4)
		write(t, b, []byte("!"))
		if err := b.Free(); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(f.Name())
		if old = append(old, "more!"...); err != nil || !bytes.Equal(got, old) {
			t.Fatalf("the file has %d bytes, want %d, %v", len(got), len(old), err)
		}
		b = arena.NewBufferIn(newArena(t, arena.Options{File: f}))
		b.Reset()
		old = bytes.Repeat([]byte("new"), 70000)
		write(t, b, old)
		b.Next(len(old)) // Kept, as before Reset.
		write(t, b, []byte("!"))
		old = append(old, '!')
		if err := b.Free(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBuffer_Pipe sends far more through a Buffer than it may hold, with more or
// less in it at a time, and at the limit of its arena.
func TestBuffer_Pipe(t *testing.T) {
	testutil.NeedsMoves(t)
	for name, c := range map[string]struct{ limit, fill, message, capMax int }{
		"drained each time":           {0, 0, 100, 2 * mib},
		"some always left":            {0, 300 << 10, 100 << 10, 2 * mib},
		"nearly full, at the limit":   {2 * mib, 3 * mib / 2, 400 << 10, 2 * mib},
		"nearly full, grows at first": {0, 3 * mib / 2, 300 << 10, 6 * mib},
		"a limit of a page":           {4096, 2000, 1000, 4096},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBuffer(t, arena.Options{Limit: c.limit})
			p, q := make([]byte, c.message), make([]byte, c.message)
			fill(p, 0)
			sent, got := 0, 0
			send := func() {
				fill(p, sent)
				write(t, b, p)
				sent += len(p)
			}
			for b.Len() < c.fill {
				send()
			}
			for sent < 20*mib {
				send()
				if n, err := b.Read(q); n != len(q) || err != nil {
					t.Fatalf("Read: %d, %v", n, err)
				}
				if i := check(q, got); i >= 0 {
					t.Fatalf("byte %d is wrong", i)
				}
				got += len(q)
			}
			if b.Len() != sent-got || b.Cap() > c.capMax {
				t.Errorf("Len %d, want %d; Cap %d, want at most %d", b.Len(), sent-got, b.Cap(), c.capMax)
			}
			if s := b.Arena().Stats(); c.fill == 0 && s.Committed > 256<<10 {
				t.Errorf("a pipe of small messages holds %d bytes of memory", s.Committed)
			}
		})
	}
}

// TestBuffer_LastBytes fills a Buffer up to the limit of its arena, where less
// than a read's usual room, or only what has been read, is left to be had.
func TestBuffer_LastBytes(t *testing.T) {
	const limit = 2*mib + 100 // The first growth leaves 100 bytes to a second one.
	for name, c := range map[string]struct {
		wrote, read int
		write       func(b *arena.Buffer, p []byte) (int64, error)
		n           int
	}{
		"ReadFrom, capacity left": {limit - 150, 0, readFrom, 149},
		"ReadFrom, limit left":    {limit - 50, 0, readFrom, 49},
		"ReadFrom, read bytes":    {limit, 400, readFrom, 399},
		"Write, read bytes":       {limit, 400, writeAll, 400},
		"Write, both":             {limit - 100, 400, writeAll, 500},
		"ReadFrom, both":          {limit - 100, 400, readFrom, 499},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBuffer(t, arena.Options{Limit: limit})
			p := make([]byte, c.wrote)
			fill(p, 0)
			write(t, b, p)
			b.Next(c.read)
			q := make([]byte, c.n)
			fill(q, c.wrote)
			if n, err := c.write(b, q); n != int64(c.n) || err != nil {
				t.Errorf("%d, %v, want %d", n, err, c.n)
			}
			if i := check(b.Bytes(), c.read); i >= 0 || b.Len() != c.wrote-c.read+c.n {
				t.Errorf("Len %d, byte %d is wrong", b.Len(), i)
			}
		})
	}
}

func readFrom(b *arena.Buffer, p []byte) (int64, error) { return b.ReadFrom(bytes.NewReader(p)) }
func writeAll(b *arena.Buffer, p []byte) (int64, error) { return count(b.Write(p)) }

// TestBuffer_SlicesSurvive takes slices of a Buffer that then grows through
// several windows: where old windows are kept, each stays where it is and shows
// the same bytes as the newest view.
func TestBuffer_SlicesSurvive(t *testing.T) {
	first, most := 30*mib, 60*mib
	if testing.Short() {
		first, most = 12*mib, 24*mib
	}
	for ladder, rungs := range ladders {
		t.Run(ladder, func(t *testing.T) {
			b := newBuffer(t, arena.Options{Reserve: 2 * mib, Rungs: rungs})
			p := make([]byte, mib)
			fill(p, 0)
			write(t, b, p)
			peeked, _ := b.Peek(1000)
			all := b.Bytes()
			for b.Len() < first {
				fill(p, b.Len())
				write(t, b, p)
			}
			if i := max(check(peeked, 0), check(all, 0), check(b.Bytes(), 0)); i >= 0 {
				t.Errorf("byte %d is wrong", i)
			}
			all[77]++
			if b.Bytes()[77] != pattern(77)+1 || peeked[77] != all[77] {
				t.Error("a write through an old slice is not seen through the new one")
			}
			all[77]--
			next := b.Next(2 * mib)
			b.ReadAt(nil, 0) // Keeps what has been read.
			for b.Arena().Len() < most {
				fill(p, b.Arena().Len())
				write(t, b, p)
			}
			if i := max(check(next, 0), check(b.Bytes(), 2*mib)); i >= 0 {
				t.Errorf("byte %d is wrong", i)
			}
		})
	}
}

// TestBuffer_Available appends to AvailableBuffer: nothing is copied, and what is
// left there unwritten shows nowhere.
func TestBuffer_Available(t *testing.T) {
	b := newBuffer(t, arena.Options{})
	b.WriteByte('<')
	spare := b.AvailableBuffer()
	p := strconv.AppendInt(spare, 1234567, 10)
	if len(spare) != 0 || cap(spare) != b.Available() || cap(p) != cap(spare) {
		t.Fatalf("len %d, cap %d, Available %d", len(spare), cap(spare), b.Available())
	}
	write(t, b, p[:4])
	if b.String() != "<1234" {
		t.Errorf("holds %q", b)
	}
	if p[0]++; b.String() != "<2234" {
		t.Error("Write has copied to another place")
	}
	b.WriteAt([]byte{'>'}, 8)
	if b.String() != "<2234\x00\x00\x00>" {
		t.Errorf("holds %q after a gap", b)
	}
	copy(b.AvailableBuffer()[:5], "xxxxx")
	q, err := b.Arena().Alloc(5)
	if err != nil || !bytes.Equal(q, make([]byte, 5)) {
		t.Errorf("Alloc hands out %q, %v", q, err)
	}
}

// TestBuffer_Scratch reads from a reader that uses all it is given as scratch
// space: bytes that are held stay, and what was scribbled does not show.
func TestBuffer_Scratch(t *testing.T) {
	b := newBuffer(t, arena.Options{})
	if n, err := b.ReadFrom(&testutil.Scribbler{R: strings.NewReader("abc"), Most: 3}); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	b.WriteAt([]byte("z"), 6)
	if b.String() != "abc\x00\x00\x00z" {
		t.Errorf("holds %q", b)
	}
	seek(t, b, 1, io.SeekStart, 1)
	if n, err := b.ReadFrom(&testutil.Scribbler{R: strings.NewReader("BC"), Most: 1}); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	if got := b.Arena().Bytes(); string(got) != "aBC\x00\x00\x00z" {
		t.Errorf("holds %q", got)
	}
	seek(t, b, 2, io.SeekEnd, 9)
	if n, err := b.ReadFrom(&testutil.Scribbler{R: strings.NewReader(""), Most: 1}); n != 0 || err != nil || b.Arena().Len() != 7 {
		t.Errorf("a stream of nothing: %d, %v, %d bytes held", n, err, b.Arena().Len())
	}
	if n, err := b.ReadFrom(&testutil.Scribbler{R: strings.NewReader("end"), Most: 5}); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	if got := b.Arena().Bytes(); string(got) != "aBC\x00\x00\x00z\x00\x00end" {
		t.Errorf("holds %q", got)
	}
}

// sizes records how much it is asked for.
type sizes struct {
	r     io.Reader
	asked []int
}

func (s *sizes) Read(p []byte) (int, error) {
	s.asked = append(s.asked, len(p))
	return s.r.Read(p)
}

func TestBuffer_ReadFromSizes(t *testing.T) {
	b := newBuffer(t, arena.Options{})
	in := make([]byte, 20*mib+5)
	fill(in, 0)
	r := &sizes{r: bytes.NewReader(in)}
	if n, err := b.ReadFrom(r); n != int64(len(in)) || err != nil {
		t.Fatal(n, err)
	}
	if i := check(b.Bytes(), 0); i >= 0 {
		t.Errorf("byte %d is wrong", i)
	}
	if slices.Min(r.asked) < bytes.MinRead || slices.Max(r.asked) != 2*mib || len(r.asked) > 25 {
		t.Errorf("asked for %v", r.asked)
	}
}

// count of a reader and the error it comes with.
type answer struct {
	n   int
	err error
}

func (a answer) Read([]byte) (int, error)  { return a.n, a.err }
func (a answer) Write([]byte) (int, error) { return a.n, a.err }

func TestBuffer_BadStreams(t *testing.T) {
	b := newBuffer(t, arena.Options{})
	write(t, b, []byte("content"))
	for _, n := range []int{-1, math.MinInt, 64<<10 + 1, math.MaxInt} {
		if msg := panics(t, func() { b.ReadFrom(answer{n, nil}) }); !strings.Contains(fmt.Sprint(msg), fmt.Sprint(n)) {
			t.Errorf("ReadFrom panics with %v", msg)
		}
	}
	for _, n := range []int{-1, math.MinInt, 8, math.MaxInt} {
		if msg := panics(t, func() { b.WriteTo(answer{n, nil}) }); !strings.Contains(fmt.Sprint(msg), fmt.Sprint(n)) {
			t.Errorf("WriteTo panics with %v", msg)
		}
	}
	if n, err := b.ReadFrom(answer{0, nil}); n != 0 || err != io.ErrNoProgress {
		t.Errorf("a reader that never gets on: %d, %v", n, err)
	}
	panics(t, func() { b.ReadFrom(panicReader{}) })
	if n, err := b.WriteTo(answer{3, nil}); n != 3 || err != io.ErrShortWrite {
		t.Errorf("short: %d, %v", n, err)
	}
	if b.String() != "tent" || b.UnreadByte() == nil {
		t.Errorf("holds %q", b)
	}
}

type panicReader struct{}

func (panicReader) Read(p []byte) (int, error) {
	copy(p, "half")
	panic("reader")
}

func TestBuffer_Misuse(t *testing.T) {
	b := newBuffer(t, arena.Options{})
	write(t, b, []byte("0123456789"))
	b.Next(2)
	for want, f := range map[string]func(){
		"arena: Buffer.Truncate to -1 bytes: 8 are unread": func() { b.Truncate(-1) },
		"arena: Buffer.Truncate to 9 bytes: 8 are unread":  func() { b.Truncate(9) },
		"arena: Buffer.Grow by -1 bytes":                   func() { b.TryGrow(-1) },
		"arena: Buffer.Next of -1 bytes":                   func() { b.Next(-1) },
		"arena: Buffer.Peek of -1 bytes":                   func() { b.Peek(-1) },
	} {
		if msg := panics(t, f); msg != want {
			t.Errorf("%v, want %s", msg, want)
		}
	}
	if b.String() != "23456789" {
		t.Errorf("holds %q", b)
	}
	for _, c := range []struct {
		offset int64
		whence int
	}{{-1, io.SeekStart}, {-3, io.SeekCurrent}, {-11, io.SeekEnd}, {math.MaxInt64, io.SeekEnd}, {math.MinInt64, io.SeekEnd}, {0, 3}, {0, -1}} {
		if pos, err := b.Seek(c.offset, c.whence); err == nil {
			t.Errorf("Seek(%d, %d) = %d", c.offset, c.whence, pos)
		}
	}
	if n, err := b.ReadAt(make([]byte, 1), -1); n != 0 || err == nil || err == io.EOF {
		t.Errorf("ReadAt: %d, %v", n, err)
	}
	for _, off := range []int64{-1, math.MaxInt64, math.MaxInt} {
		if n, err := b.WriteAt(make([]byte, 1), off); n != 0 || err == nil {
			t.Errorf("WriteAt: %d, %v", n, err)
		}
	}
	seek(t, b, math.MaxInt, io.SeekStart, math.MaxInt)
	if n, err := b.Write([]byte{1}); n != 0 || !errors.Is(err, arena.ErrFull) {
		t.Errorf("Write at the end of the world: %d, %v", n, err)
	}
	if n, err := b.ReadFrom(strings.NewReader("x")); n != 0 || !errors.Is(err, arena.ErrFull) {
		t.Errorf("ReadFrom there: %d, %v", n, err)
	}
	if err := b.TryGrow(math.MaxInt); !errors.Is(err, arena.ErrFull) {
		t.Errorf("TryGrow there: %v", err)
	}
	if b.Len() != 0 || b.Available() != 0 || b.Arena().Len() != 10 {
		t.Errorf("Len %d, Available %d, %d bytes held", b.Len(), b.Available(), b.Arena().Len())
	}
}

// TestBuffer_SeekFirst finds the position of the first Seek after each kind of
// operation: where a file's would be.
func TestBuffer_SeekFirst(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(b *arena.Buffer)
		want int64
	}{
		"after nothing":    {func(b *arena.Buffer) {}, 0},
		"after Write":      {func(b *arena.Buffer) { b.Write([]byte("xy")) }, 12},
		"after WriteByte":  {func(b *arena.Buffer) { b.Next(3); b.WriteByte('x') }, 11},
		"after ReadFrom":   {func(b *arena.Buffer) { b.ReadFrom(strings.NewReader("xyz")) }, 13},
		"after Read":       {func(b *arena.Buffer) { b.WriteByte('x'); b.Next(3) }, 3},
		"after EOF":        {func(b *arena.Buffer) { io.ReadAll(b) }, 10},
		"after UnreadByte": {func(b *arena.Buffer) { b.ReadByte(); b.ReadByte(); b.UnreadByte() }, 1},
		"after WriteAt":    {func(b *arena.Buffer) { b.WriteAt([]byte("xy"), 20) }, 0},
		"after both":       {func(b *arena.Buffer) { b.WriteByte('x'); b.WriteAt([]byte("xy"), 20) }, 22},
		"after Peek":       {func(b *arena.Buffer) { b.WriteByte('x'); b.Peek(1) }, 11},
		"after dropping": {func(b *arena.Buffer) {
			b.Write(make([]byte, 64<<10))
			b.Next(b.Len())
			b.Write([]byte("xyz"))
		}, 3},
	} {
		a := newArena(t, arena.Options{})
		p, _ := a.Alloc(10)
		copy(p, "0123456789")
		b := arena.NewBufferIn(a)
		c.do(b)
		if pos, err := b.Seek(0, io.SeekCurrent); pos != c.want || err != nil {
			t.Errorf("%s: %d, %v, want %d", name, pos, err, c.want)
		}
		free(t, a)
	}
}

// TestBuffer_UnreadDropped cannot take back what Grow has dropped.
func TestBuffer_UnreadDropped(t *testing.T) {
	b := newBuffer(t, arena.Options{})
	write(t, b, make([]byte, 2*mib))
	b.Next(2*mib - 10)
	b.ReadByte()
	b.Grow(1000)
	if b.Cap() != 2*mib || b.Arena().Len() != 9 {
		t.Fatalf("Cap %d, %d bytes held", b.Cap(), b.Arena().Len())
	}
	if err := b.UnreadByte(); err == nil || b.Len() != 9 {
		t.Errorf("%v, Len %d", err, b.Len())
	}
}

// TestBuffer_WriteSeeker uses a Buffer as an io.WriteSeeker, as encoders do that
// learn what belongs at the beginning when they are done.
func TestBuffer_WriteSeeker(t *testing.T) {
	b := newBuffer(t, arena.Options{})
	encode := func(w io.WriteSeeker) {
		io.WriteString(w, "size=????;")
		start, _ := w.Seek(0, io.SeekCurrent)
		for i := range 100 {
			fmt.Fprintf(w, "%02d,", i)
		}
		end, _ := w.Seek(0, io.SeekCurrent)
		w.Seek(5, io.SeekStart)
		io.WriteString(w, "....")
		w.Seek(-4, io.SeekCurrent)
		fmt.Fprintf(w, "%04d", end-start)
		w.Seek(0, io.SeekEnd)
		io.WriteString(w, "end")
	}
	encode(b)
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	encode(f)
	want, _ := os.ReadFile(f.Name())
	if b.Len() != 0 {
		t.Errorf("%d bytes behind the position", b.Len())
	}
	seek(t, b, 0, io.SeekStart, 0)
	if b.String() != string(want) {
		t.Errorf("got %q, want %q", b, want)
	}
	b.Reset()
	write(t, b, []byte("pipe"))
	if b.String() != "pipe" {
		t.Errorf("after Reset: %q", b)
	}
}

// TestBuffer_Reader checks the reading side with what the library has for that.
func TestBuffer_Reader(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 10, 1000, 100_000} {
		content := make([]byte, n)
		fill(content, 0)
		b := newBuffer(t, arena.Options{})
		write(t, b, content)
		b.Truncate(b.Len()) // A position at the end is for who goes on writing.
		seek(t, b, 0, io.SeekStart, 0)
		if err := iotest.TestReader(b, content); err != nil {
			t.Errorf("%d bytes, file: %v", n, err)
		}
		if n > 0 {
			b := arena.NewBuffer(content)
			if err := iotest.TestReader(b, content); err != nil {
				t.Errorf("%d bytes, not sought before: %v", n, err)
			}
			free(t, b.Arena())
		}
	}
}

// TestBuffer_Users hands a Buffer to packages that use it through interfaces.
func TestBuffer_Users(t *testing.T) {
	b := newBuffer(t, arena.Options{})
	z := zip.NewWriter(b)
	w, err := z.Create("name")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("a line\n", 5000)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(b, int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	f, err := r.Open("name")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := newBuffer(t, arena.Options{})
	if n, err := io.Copy(lines, f); n != int64(len(text)) || err != nil {
		t.Fatal(n, err)
	}
	n := 0
	for s := bufio.NewScanner(lines); s.Scan(); n++ {
		if s.Text() != "a line" {
			t.Fatalf("line %d: %q", n, s.Text())
		}
	}
	if n != 5000 {
		t.Errorf("%d lines", n)
	}
}

// TestBuffer_HotPaths checks what the hot paths do not do: allocate, and call the
// system.
func TestBuffer_HotPaths(t *testing.T) {
	b := newBuffer(t, arena.Options{})
	b.Grow(mib)
	p := make([]byte, 100)
	write(t, b, make([]byte, 1000))
	calls := testutil.CountCalls(func() {
		if n := testing.AllocsPerRun(500, func() {
			b.Write(p)
			b.WriteByte('x')
			b.WriteString("string")
			b.WriteRune('ö')
			b.Read(p)
			b.Next(5)
			b.ReadByte()
			b.ReadRune()
			b.Peek(5)
			b.UnreadByte()
		}); n != 0 {
			t.Errorf("reading and writing allocate %v times", n)
		}
		if n := testing.AllocsPerRun(100, func() {
			b.WriteAt(p, 500)
			b.ReadAt(p, 400)
			b.Seek(600, io.SeekStart)
			b.Write(p)
			b.Reset()
			b.Write(p)
		}); n != 0 {
			t.Errorf("use as a file allocates %v times", n)
		}
	})
	if len(calls) != 0 {
		t.Errorf("system calls within the capacity: %v", calls)
	}
}
