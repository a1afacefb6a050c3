package stream_test

import (
	"testing"
	"time"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/testutil"
)

func TestMain(m *testing.M) { testutil.Main(m, trim) }

// trim gives back what the default space keeps for reuse.
func trim() { _ = addrspace.Default().Trim() }

// eventually fails t unless f holds soon: what a reaper does takes its time.
func eventually(t testing.TB, f func() bool) {
	t.Helper()
	for range 1000 {
		if f() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("it does not come to be so")
}
