//go:build !exploreshm

package shm

import (
	"os"
	"os/exec"
	"sync/atomic"
	"testing"

	"github.com/growarena/growarena/internal/testutil"
)

// explored is set once the explorer ran: with -cpu or -count it need not again.
var explored atomic.Bool

// TestExplorer builds these tests once more under the tag exploreshm and runs the explorer.
func TestExplorer(t *testing.T) {
	if testutil.Race {
		t.Skip("what the explorer runs is one goroutine at a time")
	}
	if explored.Swap(true) {
		t.Skip("ran already in this process")
	}
	goCmd, err := exec.LookPath("go")
	if err != nil {
		t.Skipf("no go command: %v", err)
	}
	if _, err := os.Stat("words.go"); err != nil {
		t.Skipf("the sources are not here: %v", err)
	}
	args := []string{"test", "-tags", "exploreshm", "-run", "^TestExplore", "-count", "1", "."}
	cmd := exec.Command(goCmd, args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %v\n%s", cmd, err, out)
	}
}
