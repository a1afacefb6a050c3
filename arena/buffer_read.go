package arena

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Errors of the Unread methods.
var (
	errUnreadByte = errors.New("arena: Buffer.UnreadByte: the last operation did not read a byte")
	errUnreadRune = errors.New("arena: Buffer.UnreadRune: the last operation was not a successful ReadRune")
)

// Read reads the next len(p) unread bytes, or as many as there are; io.EOF if
// there are none and p is not empty.
func (b *Buffer) Read(p []byte) (n int, err error) {
	n = copy(p, b.Bytes())
	if n == 0 && len(p) > 0 {
		err = io.EOF
	}
	b.advance(n)
	return n, err
}

// Next returns the next n unread bytes, or as many as there are, and reads them.
// Panics if n is negative.
func (b *Buffer) Next(n int) []byte {
	if n < 0 {
		panic(fmt.Sprintf("arena: Buffer.Next of %d bytes", n))
	}
	p := b.Bytes()
	if n < len(p) {
		p = p[:n:n]
	}
	b.advance(len(p))
	return p
}

// Peek returns the next n unread bytes without reading them; if there are fewer,
// those and io.EOF. Panics if n is negative.
func (b *Buffer) Peek(n int) ([]byte, error) {
	if n < 0 {
		panic(fmt.Sprintf("arena: Buffer.Peek of %d bytes", n))
	}
	p := b.Bytes()
	if n > len(p) {
		return p, io.EOF
	}
	return p[:n:n], nil
}

// ReadByte reads the next byte; io.EOF if there is none.
func (b *Buffer) ReadByte() (byte, error) {
	if a := b.arena; a != nil {
		// As in Bytes, but inline.
		if v := a.mapping.View(); b.off < min(int(a.length.Load()), v.Cap) {
			c := v.Slice(b.off, 1)[0]
			b.advance(1)
			return c, nil
		}
		a.load()
	}
	b.advance(0)
	return 0, io.EOF
}

// ReadRune reads the next UTF-8-encoded rune and returns it with its size; a byte
// that begins none is U+FFFD of size 1. io.EOF if there are no bytes.
func (b *Buffer) ReadRune() (r rune, size int, err error) {
	p := b.Bytes()
	if len(p) == 0 {
		b.advance(0)
		return 0, 0, io.EOF
	}
	r, size = utf8.DecodeRune(p)
	b.advance(size)
	b.last = lastOp(size)
	return r, size, nil
}

// advance moves the read position over n bytes that have been read.
func (b *Buffer) advance(n int) {
	if n == 0 {
		b.last = opOther
		return
	}
	b.last = opRead
	b.off += n
	if b.off >= rewindMin && b.off == b.end() && !b.kept.Load() {
		b.soft = 0 // The next write starts over at the front: see makeRoom.
	}
}

// noUnread forgets what has been read last, if anything.
func (b *Buffer) noUnread() {
	if b.last != opWrite {
		b.last = opOther
	}
}

// UnreadRune takes back the last ReadRune. It returns an error if that was not
// the last operation, or not successful.
func (b *Buffer) UnreadRune() error {
	if b.last <= opOther {
		return errUnreadRune
	}
	b.off -= int(b.last)
	b.last = opOther
	return nil
}

// UnreadByte takes back the last byte read. It returns an error if the last
// operation did not read any.
func (b *Buffer) UnreadByte() error {
	if b.last == opOther || b.last == opWrite {
		return errUnreadByte
	}
	b.off--
	b.last = opOther
	return nil
}

// ReadBytes reads up to the first delim, inclusive, and returns a copy of what it
// has read; without a delim, all unread bytes and io.EOF.
func (b *Buffer) ReadBytes(delim byte) (line []byte, err error) {
	p, err := b.readTo(delim)
	return append(line, p...), err
}

// ReadString is [Buffer.ReadBytes] with a string as the result.
func (b *Buffer) ReadString(delim byte) (line string, err error) {
	p, err := b.readTo(delim)
	return string(p), err
}

// readTo is ReadBytes without the copy.
func (b *Buffer) readTo(delim byte) (line []byte, err error) {
	line = b.Bytes()
	if i := bytes.IndexByte(line, delim); i >= 0 {
		line = line[:i+1]
	} else {
		err = io.EOF
	}
	b.advance(len(line))
	return line, err
}

// WriteTo writes the unread bytes to w, straight from the arena in one Write, and
// reads as many as w has taken. It returns their number, and w's error, or
// io.ErrShortWrite if w takes fewer and does not say why. Panics if w returns a
// count that is negative or above what it was given.
func (b *Buffer) WriteTo(w io.Writer) (n int64, err error) {
	p := b.Bytes()
	if len(p) == 0 {
		b.advance(0)
		return 0, nil
	}
	took, err := w.Write(p)
	if took < 0 || took > len(p) {
		panic(fmt.Sprintf("arena: Buffer.WriteTo: Write of %d bytes returned a count of %d", len(p), took))
	}
	b.advance(took)
	b.last = opOther
	if took < len(p) && err == nil {
		err = io.ErrShortWrite
	}
	return int64(took), err
}
