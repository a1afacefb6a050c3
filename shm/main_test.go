//go:build !exploreshm

package shm

import (
	"fmt"
	"os"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/testutil"
)

// roleEnv names what a process that a test has started is to do.
const roleEnv = "GROWARENA_SHM_ROLE"

// roles are what such processes do; each returns its exit code.
var roles = map[string]func() int{}

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		f := roles[role]
		if f == nil {
			fmt.Fprintln(os.Stderr, "no role", role)
			os.Exit(99)
		}
		os.Exit(f())
	}
	testutil.Main(m, trim)
}

// trim gives back what the default space keeps for reuse.
func trim() { _ = addrspace.Default().Trim() }
