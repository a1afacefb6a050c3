package pool_test

import (
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/testutil"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

func TestMain(m *testing.M) {
	memfile.FixPrices(0, 1) // Else what is prepared depends on the machine.
	testutil.Main(m, trim)
}

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

// How tests write and look: see testutil.
var pattern, fill, check = testutil.Pattern, testutil.Fill, testutil.Check
