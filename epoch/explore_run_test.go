//go:build !explore

package epoch_test

import (
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
)

// explored is set once the explorer ran: with -cpu or -count it need not again.
var explored atomic.Bool

// TestExplorer builds these tests once more under the tag explore and runs the
// explorer and the stress tests with random yields; under the race detector the
// latter only, which is what the detector can say something about. With -short it
// does so under the race detector only. That the
// explorer notices mistakes is shown by TestSearch, with small ones, and by
// fuzz/cmd/mutants, with those of this package.
//
// By hand, without a bound:
//
//	go test -tags explore -run Explore -explore.executions 0 -timeout 0 -v .
func TestExplorer(t *testing.T) {
	t.Parallel()
	if explored.Swap(true) {
		t.Skip("ran already in this process")
	}
	if testing.Short() && !raceEnabled {
		t.Skip("the tests are built once more: go test -tags explore -short -run Explore .")
	}
	goCmd, err := exec.LookPath("go")
	if err != nil {
		t.Skipf("no go command: %v", err)
	}
	if _, err := os.Stat("sync.go"); err != nil {
		t.Skipf("the sources are not here: %v", err)
	}
	args := []string{"test", "-tags", "explore", "-timeout", "20m", "-count", "1"}
	if raceEnabled {
		args = append(args, "-race", "-run", "^TestStress")
	} else {
		args = append(args, "-run", "^(TestExplore|TestSearch|TestStress)")
	}
	if testing.Short() {
		args = append(args, "-short", ".", "-explore.executions", "200")
	} else {
		args = append(args, ".")
	}
	cmd := exec.Command(goCmd, args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %v\n%s", cmd, err, out)
	}
}
