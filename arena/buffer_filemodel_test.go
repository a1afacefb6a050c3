package arena_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"unicode/utf8"
)

// fileModel is what a Buffer should be once Seek, ReadAt or WriteAt has been used,
// in the simplest words.
type fileModel struct {
	data   []byte
	off    int
	seeked bool
	last   int // Bytes that UnreadRune takes back; -1 if only UnreadByte can; 0 if neither; -2 after a write.
}

var errModel = errors.New("error")

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

func (f *fileModel) put(p []byte, off int) {
	if len(p) == 0 {
		return
	}
	if end := off + len(p); end > len(f.data) {
		f.data = append(f.data, make([]byte, end-len(f.data))...)
	}
	copy(f.data[off:], p)
}

func (f *fileModel) Write(p []byte) (int, error) {
	f.last = -2
	if !f.seeked {
		f.data = append(f.data, p...)
		return len(p), nil
	}
	f.put(p, f.off)
	f.off += len(p)
	return len(p), nil
}

func (f *fileModel) WriteString(s string) (int, error) { return f.Write([]byte(s)) }

func (f *fileModel) WriteByte(c byte) error {
	f.Write([]byte{c})
	return nil
}

func (f *fileModel) WriteRune(r rune) (int, error) { return f.Write(utf8.AppendRune(nil, r)) }

func (f *fileModel) ReadFrom(r io.Reader) (int64, error) {
	p, err := io.ReadAll(r)
	n, _ := f.Write(p)
	return int64(n), err
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
	f.last = 0
	p := f.rest()
	if len(p) == 0 {
		return 0, nil
	}
	n, err := w.Write(p)
	f.off += n
	if n < len(p) && err == nil {
		err = io.ErrShortWrite
	}
	return int64(n), err
}

func (f *fileModel) Grow(n int) {
	if n < 0 {
		panic("negative")
	}
	f.data = slices.Grow(f.data, n)
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

func (f *fileModel) Reset()                  { *f = fileModel{} }
func (f *fileModel) Len() int                { return len(f.rest()) }
func (f *fileModel) Bytes() []byte           { return f.rest() }
func (f *fileModel) String() string          { return string(f.rest()) }
func (f *fileModel) Cap() int                { return cap(f.data) }
func (f *fileModel) Available() int          { return cap(f.data) - len(f.data) }
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
	f.put(p, int(off))
	return len(p), nil
}
