package follow_test

import (
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/testutil"
)

func TestMain(m *testing.M) { testutil.Main(m, trim) }

// trim gives back what the default space keeps for reuse.
func trim() { _ = addrspace.Default().Trim() }
