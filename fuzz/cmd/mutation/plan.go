package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Environment variables: of the schema's test binary, which change is made, and the file to note
// those that are met in; of the go command that gremlins calls, where the plan is.
const (
	activeVariable = "GROWARENA_MUTATION"
	metVariable    = "GROWARENA_MUTATION_MET"
	planVariable   = "GROWARENA_MUTATION_PLAN"
)

// A plan is how the changes of a package are tried.
type plan struct {
	Go       string // the go command
	Dir      string // of the package
	Binary   string // its tests with the schema
	IDs      map[string]int
	Tests    []test // those that pass, the quickest first
	Patience int
	Short    bool
}

// A test is a top level test of the package.
type test struct {
	Name string
	Took time.Duration
	Met  []byte // by the number of a change: 1 if the test met it
}

// newPlan builds the schema of a package and looks which test meets which change.
func (p *program) newPlan(ctx context.Context, dir, pkg string) (*plan, error) {
	path, err := filepath.Abs(pkg)
	if err != nil {
		return nil, err
	}
	l := &plan{Dir: path, Binary: filepath.Join(dir, "schema.test"), Patience: p.patience, Short: p.short}
	if l.Go, err = exec.LookPath("go"); err != nil {
		return nil, err
	}
	s, err := l.schema(ctx)
	if err != nil {
		return nil, err
	}
	l.IDs = s.ids
	replace := map[string]string{}
	for name, text := range s.files {
		copied := filepath.Join(dir, filepath.Base(name))
		if err := os.WriteFile(copied, []byte(text), 0o600); err != nil {
			return nil, err
		}
		replace[name] = copied
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600)
	}
	if err == nil {
		_, err = l.output(ctx, nil, l.Go, "test", "-c", "-vet=off", "-overlay", filepath.Join(dir, "overlay.json"), "-o", l.Binary, ".")
	}
	if err != nil {
		return nil, err
	}
	return l, l.look(ctx, dir, p.err)
}

// schema makes the schema of the package.
func (l *plan) schema(ctx context.Context) (*schema, error) {
	out, err := l.output(ctx, nil, l.Go, "list", "-export", "-deps", "-json=ImportPath,Export,GoFiles", ".")
	if err != nil {
		return nil, err
	}
	type listed struct {
		ImportPath, Export string
		GoFiles            []string
	}
	exports := map[string]string{}
	var last listed // the package itself
	for in := json.NewDecoder(bytes.NewReader(out)); ; {
		var one listed
		if err := in.Decode(&one); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		last, exports[one.ImportPath] = one, one.Export
	}
	for i, name := range last.GoFiles {
		last.GoFiles[i] = filepath.Join(l.Dir, name)
	}
	return newSchema(last.ImportPath, last.GoFiles, func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
}

// look runs each test by itself with no change made, for how long it takes and what it meets.
func (l *plan) look(ctx context.Context, dir string, told io.Writer) error {
	names, err := l.output(ctx, nil, l.Binary, "-test.list", "^(Test|Example|Fuzz)")
	if err != nil {
		return err
	}
	met := filepath.Join(dir, "met")
	for _, name := range strings.Fields(string(names)) {
		if err := os.WriteFile(met, make([]byte, len(l.IDs)+1), 0o600); err != nil {
			return err
		}
		began := time.Now()
		if _, err := l.output(ctx, []string{metVariable + "=" + met}, l.Binary, l.flags("^"+name+"$")...); err != nil {
			if ctx.Err() != nil {
				return err
			}
			fmt.Fprintf(told, "left out, as it fails with no change made: %v\n", err)
			continue
		}
		t := test{Name: name, Took: time.Since(began)}
		if t.Met, err = os.ReadFile(met); err != nil {
			return err
		}
		l.Tests = append(l.Tests, t)
	}
	if !l.pass(0, l.Tests) {
		return errors.New("the tests pass one by one with no change made, and fail together")
	}
	slices.SortFunc(l.Tests, func(a, b test) int { return int(a.Took - b.Took) })
	fmt.Fprintf(told, "%d changes in one binary, %d tests\n", len(l.IDs), len(l.Tests))
	return nil
}

// flags are those of the test binary.
func (l *plan) flags(run string) []string {
	return []string{"-test.failfast", "-test.short=" + strconv.FormatBool(l.Short), "-test.run", run}
}

// output runs a command in the package's directory and returns what it says.
func (l *plan) output(ctx context.Context, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = l.Dir, append(os.Environ(), env...)
	cmd.WaitDelay = time.Second // for children that keep the output open
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s%s", strings.Join(cmd.Args, " "), err, out.Bytes(), errs.Bytes())
	}
	return out.Bytes(), nil
}

// passes reports whether the tests pass that meet the change with this number, the quick ones
// first.
func (l *plan) passes(id int) bool {
	var quick, slow []test
	for _, t := range l.Tests {
		switch {
		case t.Met[id] == 0:
		case t.Took < 200*time.Millisecond:
			quick = append(quick, t)
		default:
			slow = append(slow, t)
		}
	}
	return l.pass(id, quick) && l.pass(id, slow)
}

// pass reports whether tests pass with the change made that has this number. Who takes far
// longer than without a change hangs.
func (l *plan) pass(id int, tests []test) bool {
	if len(tests) == 0 {
		return true
	}
	took := time.Second
	var names []string
	for _, t := range tests {
		took += t.Took
		names = append(names, t.Name)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(l.Patience)*took)
	defer cancel()
	_, err := l.output(ctx, []string{activeVariable + "=" + strconv.Itoa(id)}, l.Binary, l.flags("^("+strings.Join(names, "|")+")$")...)
	return err == nil
}
