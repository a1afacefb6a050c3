package main

import (
	"bytes"
	"math/rand/v2"
)

// content is what should be where: ranges that were filled from a seed. Where none is
// nothing is known.
type content struct{ parts []part }

type part struct {
	off, n int
	seed   uint32 // 0 for zeros
}

// pattern is what bytes are taken from, of a length that no page or extent is a multiple
// of, so that they are right at no other place.
var pattern = func() (p [65521]byte) {
	rng := rand.NewChaCha8([32]byte{})
	_, _ = rng.Read(p[:])
	return p
}()

var zeros [len(pattern)]byte

// each calls f for [off, off+n) in pieces with what seed makes of them.
func each(off, n int, seed uint32, f func(at int, want []byte) bool) {
	for end := off + n; off < end; {
		all := &pattern
		if seed == 0 {
			all = &zeros
		}
		want := all[(off+int(seed)*7919)%len(all):]
		want = want[:min(len(want), end-off)]
		if !f(off, want) {
			return
		}
		off += len(want)
	}
}

// put fills b, which begins at off, and takes note of it.
func (c *content) put(b []byte, off int, seed uint32) {
	each(off, len(b), seed, func(at int, want []byte) bool {
		copy(b[at-off:], want)
		return true
	})
	c.set(off, len(b), seed)
}

// set says that [off, off+n) holds what seed makes.
func (c *content) set(off, n int, seed uint32) {
	var all []part
	for _, p := range c.parts {
		if end := min(p.off+p.n, off); end > p.off {
			all = append(all, part{p.off, end - p.off, p.seed})
		}
		if start := max(p.off, off+n); start < p.off+p.n {
			all = append(all, part{start, p.off + p.n - start, p.seed})
		}
	}
	c.parts = append(all, part{off, n, seed})
}

// cut forgets what is at n and behind.
func (c *content) cut(n int) {
	var all []part
	for _, p := range c.parts {
		if p.n = min(p.n, n-p.off); p.n > 0 {
			all = append(all, p)
		}
	}
	c.parts = all
}

// end is where the last range ends.
func (c *content) end() (n int) {
	for _, p := range c.parts {
		n = max(n, p.off+p.n)
	}
	return n
}

// check compares b, which begins at off, with what was put.
func (c *content) check(b []byte, off int) (err error) {
	for _, p := range c.parts {
		start, end := max(p.off, off), min(p.off+p.n, off+len(b))
		each(start, end-start, p.seed, func(at int, want []byte) bool {
			if got := b[at-off:][:len(want)]; !bytes.Equal(got, want) {
				i := 0
				for got[i] == want[i] {
					i++
				}
				err = wrongf("byte %d is %#x, want %#x (seed %d)", at+i, got[i], want[i], p.seed)
			}
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// zero checks that all of b is zero.
func zero(b []byte, what string) error {
	c := content{[]part{{0, len(b), 0}}}
	if err := c.check(b, 0); err != nil {
		return wrongf("%s: %w", what, err)
	}
	return nil
}
