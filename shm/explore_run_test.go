//go:build !exploreshm

package shm

import (
	"sync/atomic"
	"testing"

	"github.com/growarena/growarena/internal/testutil"
)

// explored is set once the explorer ran: with -cpu or -count it need not again.
var explored atomic.Bool

// TestExplorer builds these tests once more under the tag exploreshm and runs the explorer.
func TestExplorer(t *testing.T) {
	if explored.Swap(true) {
		t.Skip("ran already in this process")
	}
	testutil.RunExplorer(t, "exploreshm", "words.go")
}
