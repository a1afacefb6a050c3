package testutil

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// childEnv marks a process that Child has started.
const childEnv = "GROWARENA_TEST_CHILD"

// ChildOptions say how to run a test again in a process of its own. The zero value
// runs it as it is.
type ChildOptions struct {
	// Ulimit are options of the shell's ulimit, such as "-v 4000000"; several
	// limits are separated by semicolons. They hold for the child alone.
	Ulimit string

	// Enter is a shell command that runs in the child's process before it becomes
	// the test, such as one that enters a cgroup: echo $$ > …/cgroup.procs.
	Enter string

	// Files become the child's descriptors 3, 4 and so on.
	Files []*os.File
}

// ChildResult is how a child has ended.
type ChildResult struct {
	State  *os.ProcessState
	Output string // of both streams, verbose
}

// Passed reports whether the child's test passed.
func (r *ChildResult) Passed() bool { return r.State.Success() }

// Child runs the calling test a second time in a process of its own, waits for it,
// and returns how it ended: by a crash, perhaps. In that process it returns nil, and
// the caller goes on. Should the test skip itself there it is skipped here, too.
func Child(t *testing.T, o ChildOptions) *ChildResult {
	t.Helper()
	if IsChild(t) {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The limits are set by the shell: the test's own process must not get them.
	script := `exec "$0" "$@"`
	if o.Enter != "" {
		script = o.Enter + " && " + script
	}
	if o.Ulimit != "" {
		for limit := range strings.SplitSeq(o.Ulimit, ";") {
			script = "ulimit " + limit + " && " + script
		}
	}
	args := []string{"-c", script, self, "-test.run", exactly(t.Name()), "-test.v", "-test.timeout", "2m"}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	cmd := exec.Command("sh", args...)
	cmd.ExtraFiles = o.Files
	cmd.Env = append(os.Environ(), childEnv+"="+t.Name())
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	r := &ChildResult{State: cmd.ProcessState, Output: string(out)}
	if skipped := regexp.MustCompile(`(?m)^ *--- SKIP: ` + regexp.QuoteMeta(t.Name()) + ` .*\n((?: {4}.*\n)*)`).FindStringSubmatch(r.Output); skipped != nil {
		t.Skipf("in the child: %s", strings.TrimSpace(skipped[1]))
	}
	return r
}

// IsChild reports whether this is the process that Child has started for t.
func IsChild(t *testing.T) bool { return os.Getenv(childEnv) == t.Name() }

// exactly returns the pattern of -test.run that runs the test of that name and no
// other.
func exactly(name string) string {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	return strings.Join(parts, "/")
}

// InChild runs the calling test a second time in a process of its own under
// ulimit options (such as "-v 4000000"), and reports whether this is that
// process: the caller goes on only there. The test fails if the child does,
// be it by a crash.
func InChild(t *testing.T, ulimit string) bool {
	t.Helper()
	r := Child(t, ChildOptions{Ulimit: ulimit})
	if r == nil {
		return true
	}
	if !r.Passed() {
		t.Errorf("child under ulimit %s: %v\n%s", ulimit, r.State, r.Output)
	}
	return false
}

// String says how the child ended.
func (r *ChildResult) String() string { return fmt.Sprintf("%v\n%s", r.State, r.Output) }
