package epoch

import "unsafe"

// stackHash returns a number that is nearly always different for goroutines
// that run at the same time, and nearly always the same for one goroutine: a
// hash of where its stack lies. It is a hint for where to look for a free slot
// and nothing depends on it but speed. The high bits are the good ones.
//
// It costs 0.2 ns. Asking the runtime for the processor costs 3 ns and needs a
// linkname; a random number costs 6 ns and sends every pin to a line that
// another core had last.
func stackHash() uint64 {
	var here byte
	// safety: the address is only a number here; it is never turned back
	// into a pointer, so a stack that moves merely changes the hint.
	at := uint64(uintptr(unsafe.Pointer(&here)))
	// 2 KiB is the smallest stack; below that, addresses tell frames of one
	// goroutine apart rather than goroutines. The factor is 2^64 divided by
	// the golden ratio.
	return at >> 11 * 0x9E3779B97F4A7C15
}
