// Growbolt makes a copy of the bbolt that a module uses, whose read transactions never
// block growth, and prints how to use it; see package dropin/bbolt.
//
//	growbolt [-C module] [-o folder]
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/growarena/growarena/dropin/bbolt"
)

const (
	theirs = "go.etcd.io/bbolt"
	ours   = "github.com/growarena/growarena"
)

func main() {
	dir := flag.String("C", ".", "folder of the `module` that uses bbolt")
	out := flag.String("o", "bbolt-growarena", "`folder` for the copy, relative to the module's; one that growbolt made is replaced")
	flag.Parse()
	if err := generate(*dir, *out); err != nil {
		fmt.Fprintf(os.Stderr, "growbolt: %v\n", err)
		os.Exit(1)
	}
}

// module is what the go command says of one.
type module struct {
	Version, Dir, GoMod, Error string
	Main                       bool
	Replace                    *module
}

func generate(dir, out string) error {
	at := out
	if !filepath.IsAbs(at) {
		at = filepath.Join(dir, at)
	}
	used, err := list(dir, theirs)
	if err != nil {
		return fmt.Errorf("which bbolt does the module in %s use: %w", dir, err)
	}
	if r := used.Replace; r != nil && !isOurs(r.Dir) {
		return fmt.Errorf("go.mod replaces %s by %s already: only versions of bbolt's own are known here", theirs, r.Dir)
	}
	var source module
	if err := ask(dir, &source, "mod", "download", "-json", theirs+"@"+used.Version); err != nil {
		return fmt.Errorf("download bbolt %s: %w", used.Version, err)
	}
	version := "v0.0.0"
	arena, missing := list(dir, ours)
	if missing == nil && arena.Version != "" {
		version = arena.Version
	}
	temp, err := os.MkdirTemp(filepath.Dir(at), ".growbolt-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	made := filepath.Join(temp, "bbolt")
	if err := bbolt.Generate(source.Dir, made, version); err != nil {
		return err
	}
	if _, err := os.Stat(at); err == nil {
		if !isOurs(at) {
			return fmt.Errorf("%s exists and is not a copy that growbolt made: choose another one with -o", at)
		}
		if err := os.RemoveAll(at); err != nil {
			return err
		}
	}
	if err := os.Rename(made, at); err != nil {
		return err
	}
	if out = filepath.ToSlash(filepath.Clean(out)); filepath.IsLocal(out) {
		out = "./" + out
	}
	fmt.Printf("bbolt %s is in %s. To use it, add to go.mod, and run go mod tidy:\n\nreplace %s => %s\n", used.Version, at, theirs, out)
	if missing != nil {
		fmt.Printf("\nThe module does not require %s yet: go get %[1]s, or replace it by your clone.\n", ours)
	}
	return nil
}

// isOurs reports whether a folder holds a copy that Generate made.
func isOurs(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, bbolt.Marker))
	return err == nil
}

// list asks which version of a module is used.
func list(dir, path string) (module, error) {
	var m module
	err := ask(dir, &m, "list", "-m", "-json", path)
	return m, err
}

// ask runs the go command and decodes what it says.
func ask(dir string, to any, args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return fmt.Errorf("%v: %w: %s%s", cmd, err, failed.Stderr, out)
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(out, to)
}
