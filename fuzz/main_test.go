package fuzz

import (
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/testutil"
)

func TestMain(m *testing.M) {
	testutil.Main(m, func() {
		Settle()
		_ = addrspace.Default().Trim() // what stays is reported
	})
}
