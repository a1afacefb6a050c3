//go:build linux && !(386 || arm || mips || mipsle)

package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/growarena/growarena/internal/testutil"
)

// programEnv marks a process that is the program and not its test.
const programEnv = "GROWARENA_SMOKE"

func TestMain(m *testing.M) {
	if os.Getenv(programEnv) != "" {
		main()
		return
	}
	testutil.Main(m, nil)
}

// process is what fails, in a table of failures, if the program itself does: a signal, a
// throw of the runtime, a hang.
const process = "process"

// TestProgram runs the program under everything that a system may refuse. Each step is
// right, or it is refused with an error that says what to change.
func TestProgram(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t)
		})
	}
}

func (c smokeCase) run(t *testing.T) {
	if !c.short && testing.Short() {
		t.Skip("one of many")
	}
	if c.limit != "" && testutil.Race {
		t.Skip("the race detector takes more than any limit leaves")
	}
	r, err := testutil.ParseRestriction(c.deny, c.limit, c.noproc)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Check(); err != nil {
		t.Skipf("cannot be had here: %v", err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := `exec "$0" "$@"`
	args := []string{"-deny=" + c.deny, "-limit=" + c.limit, fmt.Sprintf("-noproc=%t", c.noproc), "-dir=" + t.TempDir()}
	if c.group > 0 {
		if testutil.Race {
			t.Skip("the race detector takes more memory than the limit")
		}
		script = testutil.EnterGroup(testutil.MemoryGroup(t, c.group)) + " && " + script
		args = append(args, "-commit", fmt.Sprintf("-size=%d", c.group/12*5))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", script, self}, args...)...)
	cmd.Env = append(os.Environ(), programEnv+"=1")
	out, err := cmd.CombinedOutput()
	failing, refused, complete := outcomes(out)
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	killed := status.Signaled() && status.Signal() == syscall.SIGKILL && ctx.Err() == nil
	if code := cmd.ProcessState.ExitCode(); c.killed != killed || !killed && (!complete || code != 0 && code != 1) {
		failing[process] = fmt.Sprintf("%v\n%s", err, out)
	}
	if c.right {
		maps.Copy(failing, refused)
	}
	for step, text := range failing {
		t.Errorf("%s: %s", step, text)
	}
	if t.Failed() {
		t.Logf("again: go run ./fuzz/cmd/smoke %s", strings.Join(args, " "))
	}
}

// outcomes reads what the program has printed: the steps that failed, those that were
// refused, and whether it has come to its end.
func outcomes(out []byte) (failing, refused map[string]string, complete bool) {
	failing, refused = map[string]string{}, map[string]string{}
	for line := range bytes.Lines(out) {
		word, rest, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		name, text, _ := strings.Cut(strings.TrimSpace(rest), ": ")
		name, _, _ = strings.Cut(name, ", at the end")
		switch word {
		case "unsaid", "WRONG":
			failing[name] = word + " " + text
		case "refused":
			refused[name] = text
		case "end":
			complete = true
		}
	}
	return failing, refused, complete
}

// TestUnsaid: an error of a system call alone says nothing, one with a remedy does.
func TestUnsaid(t *testing.T) {
	for text, want := range map[string]string{
		`arena: make "smoke": memfd_create: too many open files: RLIMIT_NOFILE is 16 (ulimit -n): raise it`: "refused",
		`arena: make "smoke": memfd_create: operation not permitted`:                                        "unsaid",
		`arena: make "": memfd_create: too many open files (ulimit -n)`:                                     "unsaid",
		`memfd_create: "smoke": too many open files (ulimit -n)`:                                            "unsaid",
		`arena: make "smoke": no (ulimit -n)`:                                                               "unsaid",
	} {
		if got, _ := verdict(fmt.Errorf("%s", text)); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if got, bad := verdict(fmt.Errorf("and: %w", wrongf("byte"))); got != "WRONG" || !bad {
		t.Errorf("a wrong byte is %s", got)
	}
}

// TestContent: a byte that differs, is of another seed, or lies elsewhere, is found.
func TestContent(t *testing.T) {
	b := make([]byte, 300_000)
	var c content
	c.put(b, 0, 1)
	c.put(b[100_000:200_000], 100_000, 2)
	clear(b[150_000:160_000])
	c.set(150_000, 10_000, 0)
	if err := c.check(b, 0); err != nil {
		t.Fatal(err)
	}
	if err := c.check(b[70_000:], 70_000); err != nil {
		t.Fatal(err)
	}
	if c.check(b[4096:], 0) == nil || c.check(b, 4096) == nil {
		t.Error("other places: not noticed")
	}
	for _, i := range []int{0, 99_999, 100_000, 155_000, 299_999} {
		b[i]++
		if c.check(b, 0) == nil {
			t.Errorf("byte %d: not noticed", i)
		}
		b[i]--
	}
	c.cut(50_000)
	if n := c.end(); n != 50_000 {
		t.Errorf("ends at %d", n)
	}
}

// TestSession_Ends: a step that panics is wrong, and one that keeps something bad is
// found in the end.
func TestSession_Ends(t *testing.T) {
	var out bytes.Buffer
	s := session{out: &out, env: env{commit: true}}
	s.run(step{name: "panics", run: func(env) (kept, error) { panic("planted") }})
	s.run(step{name: "keeps", run: func(env) (kept, error) {
		return kept{func() error { return wrongf("planted") }, func() error { return nil }}, nil
	}})
	if s.end() {
		t.Error("no failure")
	}
	failing, _, complete := outcomes(out.Bytes())
	if failing["panics"] == "" || failing["keeps"] == "" || !complete {
		t.Errorf("%s", out.Bytes())
	}
}
