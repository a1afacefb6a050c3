package fuzz

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"unicode/utf8"
)

var errModel = errors.New("error")

// readFrom reads from r into room that ends, and panics if r does not return
// how much it has read.
func readFrom(r io.Reader, room func() int, write func([]byte)) (n int64, err error) {
	var space [bytes.MinRead]byte
	for {
		most := min(len(space), room())
		if most <= 0 {
			return n, errModel
		}
		q := space[:most:most]
		got, err := r.Read(q)
		write(q[:got])
		n += int64(got)
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// fileModel is what a Buffer should be once Seek, ReadAt or WriteAt has been used,
// in the simplest words.
type fileModel struct {
	data   []byte
	limit  int
	off    int
	seeked bool
	last   int // Bytes that UnreadRune takes back; -1 if only UnreadByte can; 0 if neither; -2 after a write.
}

func (f *fileModel) noUnread() {
	if f.last != -2 {
		f.last = 0
	}
}

func (f *fileModel) rest() []byte { return f.data[min(f.off, len(f.data)):] }

func (f *fileModel) read(n int) []byte {
	p := f.rest()[:n]
	f.off += n
	f.last = 0
	if n > 0 {
		f.last = -1
	}
	return p
}

func (f *fileModel) put(p []byte, off int) error {
	if len(p) == 0 {
		return nil
	}
	end := off + len(p)
	if end > max(f.limit, len(f.data)) {
		return errModel
	}
	if end > len(f.data) {
		f.data = append(f.data, make([]byte, end-len(f.data))...)
	}
	copy(f.data[off:], p)
	return nil
}

func (f *fileModel) Write(p []byte) (int, error) {
	f.last = -2
	off := len(f.data)
	if f.seeked {
		off = f.off
	}
	if f.put(p, off) != nil {
		return 0, errModel
	}
	if f.seeked {
		f.off += len(p)
	}
	return len(p), nil
}

func (f *fileModel) WriteString(s string) (int, error) { return f.Write([]byte(s)) }

func (f *fileModel) WriteByte(c byte) error {
	_, err := f.Write([]byte{c})
	return err
}

func (f *fileModel) WriteRune(r rune) (int, error) { return f.Write(utf8.AppendRune(nil, r)) }

// ReadFrom needs room behind all bytes and behind the position, also where it
// overwrites: what a reader uses as scratch space must harm nothing.
func (f *fileModel) ReadFrom(r io.Reader) (int64, error) {
	f.last = -2
	room := func() int { return f.limit - max(len(f.data), f.gapEnd()) }
	return readFrom(r, room, func(q []byte) { f.Write(q) })
}

// gapEnd returns where the next byte goes, if that is beyond the end.
func (f *fileModel) gapEnd() int {
	if f.seeked {
		return f.off
	}
	return 0
}

func (f *fileModel) Read(p []byte) (int, error) {
	n := copy(p, f.read(min(len(p), f.Len())))
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (f *fileModel) Next(n int) []byte { return f.read(min(n, f.Len())) }

func (f *fileModel) Peek(n int) ([]byte, error) {
	if n > f.Len() {
		return f.rest(), io.EOF
	}
	return f.rest()[:n], nil
}

func (f *fileModel) ReadByte() (byte, error) {
	if f.Len() == 0 {
		f.last = 0
		return 0, io.EOF
	}
	return f.read(1)[0], nil
}

func (f *fileModel) ReadRune() (rune, int, error) {
	if f.Len() == 0 {
		f.last = 0
		return 0, 0, io.EOF
	}
	r, n := utf8.DecodeRune(f.rest())
	f.read(n)
	f.last = n
	return r, n, nil
}

func (f *fileModel) ReadBytes(delim byte) ([]byte, error) {
	if i := bytes.IndexByte(f.rest(), delim); i >= 0 {
		return slices.Clone(f.read(i + 1)), nil
	}
	return append([]byte(nil), f.read(f.Len())...), io.EOF
}

func (f *fileModel) ReadString(delim byte) (string, error) {
	p, err := f.ReadBytes(delim)
	return string(p), err
}

func (f *fileModel) UnreadByte() error {
	if f.last == 0 || f.last == -2 {
		return errModel
	}
	f.off--
	f.last = 0
	return nil
}

func (f *fileModel) UnreadRune() error {
	if f.last <= 0 {
		return errModel
	}
	f.off -= f.last
	f.last = 0
	return nil
}

func (f *fileModel) WriteTo(w io.Writer) (int64, error) {
	p := f.rest()
	if len(p) == 0 {
		f.last = 0
		return 0, nil
	}
	n, err := w.Write(p)
	if n > len(p) {
		panic("wrong count")
	}
	f.last = 0
	f.off += n
	if n < len(p) && err == nil {
		err = io.ErrShortWrite
	}
	return int64(n), err
}

func (f *fileModel) Grow(n int) {
	if n < 0 || n > f.limit-max(len(f.data), f.gapEnd()) {
		panic("no room")
	}
}

func (f *fileModel) Truncate(n int) {
	if n == 0 {
		f.Reset()
		return
	}
	if n < 0 || n > f.Len() {
		panic("out of range")
	}
	f.noUnread()
	f.data = f.data[:f.off+n]
}

func (f *fileModel) Reset()                  { *f = fileModel{data: f.data[:0], limit: f.limit} }
func (f *fileModel) Len() int                { return len(f.rest()) }
func (f *fileModel) Bytes() []byte           { return f.rest() }
func (f *fileModel) String() string          { return string(f.rest()) }
func (f *fileModel) Cap() int                { return cap(f.data) }
func (f *fileModel) Available() int          { return math.MaxInt }
func (f *fileModel) AvailableBuffer() []byte { return nil }

func (f *fileModel) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		if f.last == -2 && !f.seeked {
			offset += int64(len(f.data))
		} else {
			offset += int64(f.off)
		}
	case io.SeekEnd:
		offset += int64(len(f.data))
	default:
		return 0, errModel
	}
	if offset < 0 {
		return 0, errModel
	}
	f.off, f.seeked, f.last = int(offset), true, 0
	return offset, nil
}

func (f *fileModel) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errModel
	}
	if len(p) == 0 {
		return 0, nil
	}
	n := copy(p, f.data[min(off, int64(len(f.data))):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *fileModel) WriteAt(p []byte, off int64) (int, error) {
	f.noUnread()
	if off < 0 {
		return 0, errModel
	}
	if f.put(p, int(off)) != nil {
		return 0, errModel
	}
	return len(p), nil
}
