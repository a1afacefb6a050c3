package pool_test

import (
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/testutil"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

func TestMain(m *testing.M) { testutil.Main(m, trim) }

// trim gives back what the default space keeps for reuse.
func trim() { _ = addrspace.Default().Trim() }

// sink keeps the compiler from knowing where allocations go.
var sink []byte

// must is for examples, which have nobody to tell.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// pattern is what fill writes at offset i: never zero.
func pattern(i int) byte { return byte(i>>16) ^ byte(i*31) | 1 }

// fill writes the bytes from off on.
func fill(b []byte, off int) {
	for i := range b {
		b[i] = pattern(off + i)
	}
}

// check returns the first offset at which b, the bytes from off on, is not as
// fill left it, or -1.
func check(b []byte, off int) int {
	for i := range b {
		if b[i] != pattern(off+i) {
			return off + i
		}
	}
	return -1
}
