package fuzz

import (
	"bytes"
	"io"
	"math"
	"unicode/utf8"
)

// pipeModel is a bytes.Buffer that cannot hold more than limit unread bytes: what
// a Buffer should be before Seek, ReadAt and WriteAt.
type pipeModel struct {
	bytes.Buffer
	limit int
}

// fits reports whether n bytes more can be held. If not it does what a write
// does before it fails.
func (p *pipeModel) fits(n int) bool {
	if n <= p.limit-p.Len() {
		return true
	}
	p.Buffer.Write(nil)
	return false
}

func (p *pipeModel) Write(q []byte) (int, error) {
	if !p.fits(len(q)) {
		return 0, errModel
	}
	return p.Buffer.Write(q)
}

func (p *pipeModel) WriteString(s string) (int, error) { return p.Write([]byte(s)) }

func (p *pipeModel) WriteByte(c byte) error {
	_, err := p.Write([]byte{c})
	return err
}

func (p *pipeModel) WriteRune(r rune) (int, error) { return p.Write(utf8.AppendRune(nil, r)) }

func (p *pipeModel) ReadFrom(r io.Reader) (int64, error) {
	if p.limit == math.MaxInt {
		return p.Buffer.ReadFrom(r)
	}
	p.Buffer.Write(nil)
	return readFrom(r, func() int { return p.limit - p.Len() }, func(q []byte) { p.Buffer.Write(q) })
}

func (p *pipeModel) Grow(n int) {
	if n > p.limit-p.Len() {
		panic("no room")
	}
	p.Buffer.Grow(n)
}
