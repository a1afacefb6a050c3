package bolt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

// grown is this program with the copy of bbolt.
var grown = &bench.Build{Name: "growbolt", Env: outside, Flags: growbolt}

// outside is what go commands need here: a workspace allows no -modfile.
var outside = []string{"GOWORK=off"}

// isGrown reports whether the bbolt in this program is the copy.
func isGrown() bool {
	_, ok := reflect.TypeFor[bbolt.DB]().FieldByName("growing")
	return ok
}

// growbolt makes the copy as its users do, by the command in dropin, and a go.mod that replaces bbolt by it.
func growbolt(ctx context.Context, dir string) ([]string, error) {
	mod, err := command(ctx, ".", "env", "GOMOD")
	if err != nil {
		return nil, err
	}
	module := filepath.Dir(mod)
	to := filepath.Join(dir, "growbolt")
	copied := filepath.Join(to, "bbolt")
	if err := os.Mkdir(to, 0o700); err != nil {
		return nil, err
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		b, err := os.ReadFile(filepath.Join(module, name))
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(to, name), b, 0o600); err != nil {
			return nil, err
		}
	}
	mod = filepath.Join(to, "go.mod")
	_, err = command(ctx, filepath.Join(module, "..", "dropin"), "run", "./bbolt/cmd/growbolt", "-C", module, "-o", copied)
	if err == nil {
		_, err = command(ctx, module, "mod", "edit", "-replace=go.etcd.io/bbolt="+copied, mod)
	}
	return []string{"-mod=mod", "-modfile=" + mod}, err
}

// command runs the go command in a directory and returns what it prints.
func command(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), outside...)
	out, err := cmd.Output()
	if failed := new(exec.ExitError); errors.As(err, &failed) {
		err = fmt.Errorf("%v: %w: %s", cmd, err, failed.Stderr)
	}
	return strings.TrimSpace(string(out)), err
}
