package testutil

// Pattern is what Fill writes at offset i: never zero.
func Pattern(i int) byte { return byte(i>>16) ^ byte(i*31) | 1 }

// Fill writes b, the bytes from off on.
func Fill(b []byte, off int) {
	for i := range b {
		b[i] = Pattern(off + i)
	}
}

// Check returns the first offset at which b, the bytes from off on, is not as Fill left it, or
// -1.
func Check(b []byte, off int) int {
	for i := range b {
		if b[i] != Pattern(off+i) {
			return off + i
		}
	}
	return -1
}
