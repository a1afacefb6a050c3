package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// How long things may take.
const (
	// buildTimeout is for a machine that has never built the package, under the
	// race detector.
	buildTimeout = 5 * time.Minute

	// testTimeout is for one catching test. The longest takes some seconds.
	testTimeout = 2 * time.Minute

	// soundTimeout is for all catching tests of a suite, on the code as it is.
	soundTimeout = 3 * time.Minute
)

// A suite is the tests of one package, built in one way.
type suite struct {
	pkg  string // from the root
	args string // further arguments of go test
	long bool   // run without -short
}

func (s suite) String() string {
	text := "./" + s.pkg
	if s.args != "" {
		text += " " + s.args
	}
	if s.long {
		text += " (long)"
	}
	return text
}

// build builds the tests into dir, with the files of an overlay if one is given,
// and returns the binary. An error holds what the compiler said.
func (s suite) build(ctx context.Context, root, dir, overlay string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	binary := filepath.Join(dir, "tests")
	// Without debugging information, which nobody will read, to link faster.
	args := []string{"test", "-c", "-vet=off", "-ldflags=-w", "-o", binary}
	if overlay != "" {
		args = append(args, "-overlay="+overlay)
	}
	args = append(args, strings.Fields(s.args)...)
	cmd := exec.CommandContext(ctx, "go", append(args, "./"+s.pkg)...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	if _, err := os.Stat(binary); err != nil {
		return "", errors.New("the package has no tests")
	}
	return binary, nil
}

// A run is what came of running tests.
type run struct {
	passed   bool              // the process says so
	hung     bool              // the tests were still running when their time was over
	state    map[string]string // PASS, FAIL or SKIP, of each test that ended
	output   string
	duration time.Duration
}

// verdict is how a test reports that another one ended.
var verdict = regexp.MustCompile(`(?m)^ *--- (PASS|FAIL|SKIP): (\S+) \(`)

// run runs the tests of a binary that match the pattern, in the package's folder
// as go test does. With failfast the first failure is enough.
func (s suite) run(ctx context.Context, root, binary, pattern string, timeout time.Duration, failfast bool) run {
	// The process is ended somewhat later than it should end itself, which
	// tells where it hangs.
	ctx, cancel := context.WithTimeout(ctx, timeout+timeout/4)
	defer cancel()
	args := []string{"-test.v", "-test.run=" + pattern, "-test.timeout=" + timeout.String()}
	if failfast {
		args = append(args, "-test.failfast")
	}
	if !s.long {
		args = append(args, "-test.short")
	}
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = filepath.Join(root, filepath.FromSlash(s.pkg))
	cmd.WaitDelay = time.Second // for children that keep the output open
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	begin := time.Now()
	err := cmd.Run()
	r := run{
		passed:   err == nil,
		state:    map[string]string{},
		output:   out.String(),
		duration: time.Since(begin),
	}
	r.hung = ctx.Err() != nil || strings.Contains(r.output, "panic: test timed out after")
	for _, v := range verdict.FindAllStringSubmatch(r.output, -1) {
		r.state[v[2]] = v[1]
	}
	return r
}

// complaint is what a failing test says first: a line of its own, or of a panic.
var complaint = regexp.MustCompile(`(?m)^(\s+\S+\.go:\d+: .*|panic: .*|fatal error: .*|unexpected fault address .*|SIG[A-Z]+: .*|WARNING: DATA RACE|left behind by the tests:.*|goroutines left by the tests:.*)$`)

// why returns what a failed run complains of, in a line.
func (r *run) why() string {
	line := strings.TrimSpace(complaint.FindString(r.output))
	if line == "" {
		line, _, _ = strings.Cut(strings.TrimSpace(r.output), "\n")
	}
	const most = 160
	if len(line) > most {
		line = line[:most] + "…"
	}
	return line
}
