package pageheap

import (
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/testutil"
)

func TestMain(m *testing.M) {
	memfile.FixPrices(0, 1) // Else what is prepared depends on the machine.
	testutil.Main(m, func() { _ = addrspace.Default().Trim() })
}
