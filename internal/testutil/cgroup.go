package testutil

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// MemoryGroup makes a memory cgroup of n bytes below the one this process is in, so that
// whatever limits us limits it, too, and skips the test where it cannot. It returns its
// directory; the group is removed in the end.
func MemoryGroup(t *testing.T, n int) (dir string) {
	t.Helper()
	var limit string
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Skipf("cannot make a memory cgroup: %v", err)
	}
	for line := range strings.Lines(string(groups)) {
		field := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(field) < 3:
		case strings.Contains(","+field[1]+",", ",memory,"): // Version 1.
			dir, limit = "/sys/fs/cgroup/memory"+field[2], "memory.limit_in_bytes"
		case field[0] == "0" && dir == "":
			dir, limit = "/sys/fs/cgroup"+field[2], "memory.max"
		}
	}
	if dir, err = os.MkdirTemp(dir, "growarena-test-"); err != nil {
		t.Skipf("cannot make a memory cgroup: %v", err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(dir, limit), []byte(strconv.Itoa(n)), 0); err != nil {
		t.Skipf("cannot limit a memory cgroup: %v", err)
	}
	// Memory that is swapped out is not refused. Where there is no swap there may be no
	// such file.
	for file, value := range map[string]string{"memory.swap.max": "0", "memory.swappiness": "0"} {
		_ = os.WriteFile(filepath.Join(dir, file), []byte(value), 0)
	}
	return dir
}

// EnterGroup is the shell command that enters a group; see ChildOptions.
func EnterGroup(dir string) string { return "echo $$ > '" + dir + "/cgroup.procs'" }
