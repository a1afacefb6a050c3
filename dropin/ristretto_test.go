package dropin_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	_ "github.com/dgraph-io/ristretto/v2" // The version is that of go.mod.
)

// TestRistretto compiles a program with ristretto as it is, but for the file with
// its functions for memory, which is testdata/ristretto/z/calloc_slab.go: buffers,
// allocators and a cache of the library work with it, and what it says of memory
// adds up.
func TestRistretto(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	work := t.TempDir()
	library := filepath.Join(work, "ristretto")
	mod := filepath.Join(work, "go.mod")
	run(t, "go", "mod", "download", "github.com/dgraph-io/ristretto/v2")
	if err := os.CopyFS(library, os.DirFS(run(t, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/dgraph-io/ristretto/v2"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"calloc_nojemalloc.go", "calloc_jemalloc.go"} {
		if err := os.Remove(filepath.Join(library, "z", name)); err != nil {
			t.Fatal(err)
		}
	}
	copyFile(t, "testdata/ristretto/z/calloc_slab.go", filepath.Join(library, "z/calloc_slab.go"))
	copyFile(t, "go.mod", mod)
	copyFile(t, "go.sum", filepath.Join(work, "go.sum"))
	ours, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	run(t, "go", "mod", "edit", "-replace", "github.com/growarena/growarena="+ours,
		"-replace", "github.com/dgraph-io/ristretto/v2="+library, mod)
	t.Log(run(t, "go", "run", "-modfile", mod, "./testdata/ristretto"))
}

// run runs a command and returns what it printed.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd, err, out, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
