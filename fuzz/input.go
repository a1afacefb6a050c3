package fuzz

import "math/bits"

// An input is the unread rest of a program. Reading past its end gives zeros.
//
// The first bytes are the weights of the operations (swarm testing: Groce et
// al., ISSTA 2012): programs that leave some operations out, or do one of them
// nearly always, get into corners that evenly mixed ones do not.
type input struct {
	rest    []byte
	weights []int
	total   int
}

// newInput takes the weights of so many operations from a program. Half a byte
// each, squared: some operations often, some rarely, some not at all. Operation
// 0, which is the one that makes things, is never left out.
func newInput(program []byte, operations int) *input {
	in := &input{rest: program, weights: make([]int, operations)}
	for i := 0; i < operations; i += 2 {
		b := in.byte()
		for j, nibble := range [2]int{b & 15, b >> 4} {
			if i+j < operations {
				in.weights[i+j] = nibble * nibble
			}
		}
	}
	in.weights[0]++
	for _, w := range in.weights {
		in.total += w
	}
	return in
}

// more tells whether the program goes on.
func (in *input) more() bool { return len(in.rest) > 0 }

// op reads which operation comes next. It reads a byte also where there is only
// one operation, so that every program ends.
func (in *input) op() int {
	n := in.below(max(in.total, 2)) % in.total
	for i, w := range in.weights {
		if n < w {
			return i
		}
		n -= w
	}
	panic("BUG: weights do not add up")
}

// byte reads one byte.
func (in *input) byte() int {
	if len(in.rest) == 0 {
		return 0
	}
	b := in.rest[0]
	in.rest = in.rest[1:]
	return int(b)
}

// below reads a number from 0 to n-1, in as few bytes as that takes.
func (in *input) below(n int) int {
	if n <= 1 {
		return 0
	}
	x := 0
	for range (bits.Len(uint(n-1)) + 7) / 8 {
		x = x<<8 | in.byte()
	}
	return x % n
}

// size reads a number from 0 to limit: all magnitudes are equally likely, and
// powers of two and their neighbours more likely than others.
func (in *input) size(limit int) int {
	if limit <= 0 {
		return 0
	}
	b := in.byte()
	magnitude := b % (bits.Len(uint(limit)) + 1)
	if magnitude == 0 {
		return 0
	}
	n := 1 << (magnitude - 1)
	switch b >> 6 {
	case 0:
	case 1:
		n--
	case 2:
		n++
	default:
		n += in.below(n)
	}
	return min(n, limit)
}
