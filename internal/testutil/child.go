package testutil

import (
	"os"
	"os/exec"
	"testing"
)

// childEnv marks a process that InChild has started.
const childEnv = "GROWARENA_TEST_CHILD"

// InChild runs the calling test a second time in a process of its own under
// ulimit options (such as "-v 4000000"), and reports whether this is that
// process: the caller goes on only there. The test fails if the child does,
// be it by a crash.
func InChild(t *testing.T, ulimit string) bool {
	t.Helper()
	if os.Getenv(childEnv) == t.Name() {
		return true
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The limit is set by the shell: the test's own process must not get it.
	cmd := exec.Command("sh", "-c", `ulimit `+ulimit+` && exec "$0" "$@"`,
		self, "-test.run", "^"+t.Name()+"$", "-test.v", "-test.timeout", "2m")
	cmd.Env = append(os.Environ(), childEnv+"="+t.Name())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("child under ulimit %s: %v\n%s", ulimit, err, out)
	}
	return false
}
