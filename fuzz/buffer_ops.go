package fuzz

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing/iotest"

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
)

// bufferOp is an operation on a buffer. Those before pipeOps are bytes.Buffer's.
type bufferOp int

const (
	opWrite bufferOp = iota
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
	opSeek
	opReadAt
	opWriteAt
	opHold // Takes a slice of the content, to see what becomes of it.
	opDrop
	bufferOps

	pipeOps = opSeek
)

var bufferOpNames = [bufferOps]string{
	"Write", "WriteString", "WriteByte", "WriteRune", "Write(AvailableBuffer)", "ReadFrom",
	"Read", "Read(short)", "Next", "Peek", "ReadByte", "ReadRune", "ReadBytes", "ReadString",
	"UnreadByte", "UnreadRune", "WriteTo", "Grow", "Truncate", "Reset", "Seek", "ReadAt", "WriteAt",
	"hold", "drop",
}

// writes reports whether op adds bytes, or moves those that are there to make
// room for more.
func (op bufferOp) writes() bool { return op <= opReadFrom || op == opGrow || op == opWriteAt }

// outcome is what an operation did, for comparing.
type outcome struct {
	n        int64
	data     string
	err      string
	panicked bool
}

func (o outcome) String() string {
	data := fmt.Sprintf("%q", o.data)
	if len(o.data) > 40 {
		data = fmt.Sprintf("%.40q… (%d bytes)", o.data, len(o.data))
	}
	return fmt.Sprintf("{%d, %s, error %q, panic %v}", o.n, data, o.err, o.panicked)
}

// do does one operation on b and says what came of it. How much, what and where
// is decided by n, from 0 to bufferSizeMax, and k, any number of two bytes.
func (op bufferOp) do(b buffer, n, k int) (o outcome) {
	defer func() {
		if r := recover(); r != nil {
			if _, ours := b.(*arena.Buffer); ours {
				checkMisuse(r)
			}
			o.panicked = true
		}
	}()
	var err error
	switch op {
	case opWrite:
		o.n, err = count(b.Write(noiseAt(n, k)))
	case opWriteString:
		o.n, err = count(b.WriteString(string(noiseAt(n, k))))
	case opWriteByte:
		err = b.WriteByte(byte(k))
	case opWriteRune:
		o.n, err = count(b.WriteRune(rune(k)*17 - 40))
	case opWriteAvailable:
		// Not asked for elsewhere: whoever lends it expects it to be scribbled on.
		q := b.AvailableBuffer()
		if _, ours := b.(*arena.Buffer); ours && (len(q) != 0 || cap(q) != b.Available()) {
			o.data = "not what is available"
		}
		o.n, err = count(b.Write(append(q, noiseAt(n, k)...)))
	case opReadFrom:
		o.n, err = b.ReadFrom(scripted(noiseAt(n, k), k))
	case opRead, opReadShort:
		if op == opReadShort {
			n = n % 100
		}
		q := make([]byte, min(n, b.Len()+k%3))
		o.n, err = count(b.Read(q))
		o.data = string(q[:o.n])
	case opNext:
		q := b.Next(n - k%4)
		o.data = content(b, q)
	case opPeek:
		var q []byte
		q, err = b.Peek(n - k%4)
		o.data = content(b, q)
	case opReadByte:
		var c byte
		c, err = b.ReadByte()
		o.n = int64(c)
	case opReadRune:
		var r rune
		var size int
		r, size, err = b.ReadRune()
		o.n = int64(r)<<8 | int64(size)
	case opReadBytes:
		var q []byte
		q, err = b.ReadBytes(byte(k))
		o.data = string(q)
		if (q == nil) != (len(q) == 0) {
			o.data = "empty but not nil"
		}
	case opReadString:
		o.data, err = b.ReadString(byte(k))
	case opUnreadByte:
		err = b.UnreadByte()
	case opUnreadRune:
		err = b.UnreadRune()
	case opWriteTo:
		var w bytes.Buffer
		o.n, err = b.WriteTo(drain(&w, n, k))
		o.data = w.String()
	case opGrow:
		b.Grow(n - k%4)
		if n > 3 && b.Available() < n-k%4 {
			o.err = "Grow did not"
		}
	case opTruncate:
		b.Truncate(n - k%4)
	case opReset:
		b.Reset()
	case opSeek:
		o.n, err = b.(file).Seek(int64(n)-int64(k>>2%300), k%4)
	case opReadAt:
		q := make([]byte, k%5000)
		o.n, err = count(b.(file).ReadAt(q, int64(n)-int64(k%7)))
		o.data = string(q[:o.n])
	case opWriteAt:
		o.n, err = count(b.(file).WriteAt(noiseAt(k%5000, k), int64(n)-int64(k%7)))
	}
	switch {
	case err == io.EOF || err == io.ErrShortWrite || err == iotest.ErrTimeout:
		o.err = err.Error()
	case err != nil:
		o.err = "error"
	}
	return o
}

// content returns what b has returned a slice of: in ours there is no room for an
// append to write to.
func content(b buffer, p []byte) string {
	if _, ours := b.(*arena.Buffer); ours && cap(p) != len(p) {
		return "spare capacity"
	}
	return string(p)
}

func count(n int, err error) (int64, error) { return int64(n), err }

// checkMisuse panics again unless what r says is that a rule was broken by the
// caller: in words, and not those for bugs.
func checkMisuse(r any) {
	if _, ok := r.(runtime.Error); ok {
		panic(r)
	}
	if text := fmt.Sprint(r); strings.Contains(text, "BUG") || !strings.HasPrefix(text, "arena: ") {
		panic(r)
	}
}
