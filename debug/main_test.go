package debug

import (
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/testutil"
)

func TestMain(m *testing.M) {
	testutil.Main(m, func() { _ = addrspace.Default().Trim() })
}
