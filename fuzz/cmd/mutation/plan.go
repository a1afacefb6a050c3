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
	Name, Binary string
	Flags        []string
	Took         time.Duration
	Met          []byte // by the number of a change: 1 if the test met it
}

// An explorer is what runs a package's code through all interleavings: some of its tests, under
// a tag.
type explorer struct{ tag, tests, short string }

// explorers are those of packages. By itself such a test builds the package anew, without the change.
var explorers = map[string]explorer{
	"epoch":  {"explore", "^TestExplore$", "-explore.executions=1000"},
	"stream": {"explorestream", "^TestExplore$", ""},
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
		err = l.build(ctx, dir, "", "^(Test|Example|Fuzz)")
	}
	if x, ok := explorers[pkg]; ok && err == nil {
		var flags []string
		if p.short && x.short != "" {
			flags = []string{x.short}
		}
		err = l.build(ctx, dir, x.tag, x.tests, flags...)
	}
	if err != nil {
		return nil, err
	}
	return l, l.look(ctx, dir, p.err)
}

// build builds the package's tests with the schema under a tag, and lists those that match.
func (l *plan) build(ctx context.Context, dir, tag, tests string, flags ...string) error {
	binary := filepath.Join(dir, "schema"+tag+".test")
	overlay := filepath.Join(dir, "overlay.json")
	if _, err := l.output(ctx, nil, l.Go, "test", "-c", "-vet=off", "-tags", tag, "-overlay", overlay, "-o", binary, "."); err != nil {
		return err
	}
	names, err := l.output(ctx, nil, binary, "-test.list", tests)
	for _, name := range strings.Fields(string(names)) {
		l.Tests = append(l.Tests, test{Name: name, Binary: binary, Flags: flags})
	}
	return err
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
	met := filepath.Join(dir, "met")
	all := l.Tests
	l.Tests = nil
	for _, t := range all {
		if err := os.WriteFile(met, make([]byte, len(l.IDs)+1), 0o600); err != nil {
			return err
		}
		began := time.Now()
		if _, err := l.output(ctx, []string{metVariable + "=" + met}, t.Binary, l.flags(t.Flags, "^"+t.Name+"$")...); err != nil {
			if ctx.Err() != nil {
				return err
			}
			fmt.Fprintf(told, "left out, as it fails with no change made: %v\n", err)
			continue
		}
		t.Took = time.Since(began)
		var err error
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

// flags are those of a test binary.
func (l *plan) flags(more []string, run string) []string {
	return append([]string{"-test.failfast", "-test.short=" + strconv.FormatBool(l.Short), "-test.run", run}, more...)
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
	return l.passQuick(id, func(t test) bool { return t.Met[id] != 0 })
}

// passesAs reports whether the tests of a binary of its own pass, which has its change without being told.
func (l *plan) passesAs(binary string) bool {
	own := *l
	own.Tests = nil
	for _, t := range l.Tests {
		if t.Binary == l.Binary {
			t.Binary = binary
			own.Tests = append(own.Tests, t)
		}
	}
	return own.passQuick(0, func(test) bool { return true })
}

// passQuick reports whether those of the tests pass that are wanted, the quick ones first.
func (l *plan) passQuick(id int, wanted func(test) bool) bool {
	var quick, slow []test
	for _, t := range l.Tests {
		switch {
		case !wanted(t):
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
	for len(tests) > 0 {
		first, took := tests[0], time.Second
		var names []string
		var rest []test // those of another binary
		for _, t := range tests {
			if t.Binary != first.Binary {
				rest = append(rest, t)
				continue
			}
			took += t.Took
			names = append(names, t.Name)
		}
		tests = rest
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(l.Patience)*took)
		_, err := l.output(ctx, []string{activeVariable + "=" + strconv.Itoa(id)}, first.Binary,
			l.flags(first.Flags, "^("+strings.Join(names, "|")+")$")...)
		cancel()
		if err != nil {
			return false
		}
	}
	return true
}
