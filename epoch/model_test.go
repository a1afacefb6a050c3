//go:build !explore

package epoch_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestModel lets spin check the model of the algorithm, and that it finds the
// mistakes planted into it. By hand, with the largest models too:
//
//	epoch/model/check.sh
func TestModel(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("takes half a minute, and has nothing of this build in it")
	}
	for _, tool := range []string{"bash", "spin", "cc"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s: %v", tool, err)
		}
	}
	if _, err := os.Stat("model/check.sh"); err != nil {
		t.Skipf("the sources are not here: %v", err)
	}
	t.Parallel()
	out, err := exec.Command("bash", "model/check.sh", "-short").CombinedOutput()
	t.Logf("%s", out)
	if err != nil || !strings.Contains(string(out), "the model is right") {
		t.Errorf("the model: %v", err)
	}
}
