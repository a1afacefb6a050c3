package addrspace

import (
	"testing"

	"github.com/growarena/growarena/internal/testutil"
)

func TestMain(m *testing.M) {
	testutil.Main(m, func() { _ = Default().Trim() }) // what stays is reported
}
