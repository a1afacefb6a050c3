package work

import (
	"encoding/binary"
	"fmt"
)

// word is what Mark writes.
const word = 8

// Mark writes seed into the first and the last word of b, which has at least 16
// bytes: the least that somebody does who has asked for memory.
func Mark(b []byte, seed uint64) {
	binary.NativeEndian.PutUint64(b, seed)
	binary.NativeEndian.PutUint64(b[len(b)-word:], ^seed)
}

// Marked reports whether b is as Mark has left it.
func Marked(b []byte, seed uint64) bool {
	return binary.NativeEndian.Uint64(b) == seed && binary.NativeEndian.Uint64(b[len(b)-word:]) == ^seed
}

// Check returns an error if b is not as Mark has left it.
func Check(b []byte, seed uint64) error {
	if !Marked(b, seed) {
		return fmt.Errorf("an object of %d bytes at %p holds %#x and %#x, want %#x and its complement",
			len(b), b, binary.NativeEndian.Uint64(b), binary.NativeEndian.Uint64(b[len(b)-word:]), seed)
	}
	return nil
}

// page is the unit in which MarkPages writes: of the smallest pages there are.
const page = 4096

// MarkPages writes a word that tells the place into every page of b from offset
// from on, which begins a page.
func MarkPages(b []byte, from int) {
	for i := from; i+word <= len(b); i += page {
		binary.NativeEndian.PutUint64(b[i:], uint64(i)^pageSeed)
	}
}

// CheckPages returns an error unless every page of b is as MarkPages has left it.
func CheckPages(b []byte) error {
	for i := 0; i+word <= len(b); i += page {
		if got := binary.NativeEndian.Uint64(b[i:]); got != uint64(i)^pageSeed {
			return fmt.Errorf("of %d bytes those at %d hold %#x, want %#x", len(b), i, got, uint64(i)^pageSeed)
		}
	}
	return nil
}

// pageSeed makes the word of page 0 differ from that of memory nobody wrote to.
const pageSeed = 0x9e3779b97f4a7c15
