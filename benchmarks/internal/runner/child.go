package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

// A request asks a child process for one sample.
type request struct {
	Experiment, Contender string
	Case                  bench.Case
	Quick                 bool
}

// A reply is what the child answers, on descriptor 3: the standard ones belong to
// the libraries at work.
type reply struct {
	Sample bench.Sample
	Error  string
}

// childTimeout is how long a sample may take in a process of its own. Growing to
// 4 GiB by copying takes half a minute; ten of those are a machine out of memory.
const childTimeout = 5 * time.Minute

// Child answers the request in arg, if this is a process that was started for it.
// Experiments are those of the suite.
func Child(arg string, experiments func(quick bool) []bench.Experiment) error {
	var q request
	if err := json.Unmarshal([]byte(arg), &q); err != nil {
		return fmt.Errorf("the argument of -sample is the runner's to give: %w", err)
	}
	var a reply
	s, err := q.do(experiments(q.Quick))
	if err != nil {
		a.Error = err.Error()
	} else {
		a.Sample = s
	}
	out := os.NewFile(3, "reply")
	if out == nil {
		return fmt.Errorf("no descriptor 3 to reply on")
	}
	defer out.Close()
	return json.NewEncoder(out).Encode(a)
}

func (q request) do(experiments []bench.Experiment) (bench.Sample, error) {
	for _, e := range experiments {
		if e.Name != q.Experiment {
			continue
		}
		c, ok := e.Contender(q.Contender)
		if !ok || c.Run == nil {
			return bench.Sample{}, fmt.Errorf("%s cannot be run in this program", q.Contender)
		}
		return bench.Do(e, c, q.Case)
	}
	return bench.Sample{}, fmt.Errorf("no experiment %s", q.Experiment)
}

// ask has a new process of the program take a sample.
func ask(ctx context.Context, program string, q request) (bench.Sample, error) {
	fail := func(err error) (bench.Sample, error) {
		return bench.Sample{}, fmt.Errorf("%s, %s, %s: %w", q.Experiment, q.Contender, q.Case.Label, err)
	}
	arg, err := json.Marshal(q)
	if err != nil {
		return fail(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return fail(err)
	}
	defer r.Close()
	ctx, cancel := context.WithTimeout(ctx, childTimeout)
	defer cancel()
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, program, "-sample", string(arg))
	cmd.Stderr, cmd.ExtraFiles = &said, []*os.File{w}
	err = cmd.Start()
	w.Close()
	if err != nil {
		return fail(err)
	}
	expendable(cmd.Process.Pid)
	answer, readErr := io.ReadAll(r)
	if err := cmd.Wait(); err != nil {
		return fail(fmt.Errorf("its process: %w: %s", err, tail(said.String())))
	}
	if readErr != nil {
		return fail(readErr)
	}
	var a reply
	if err := json.Unmarshal(answer, &a); err != nil {
		return fail(fmt.Errorf("its process answers %q: %w", answer, err))
	}
	if a.Error != "" {
		return bench.Sample{}, fmt.Errorf("%s", a.Error) // says who and what itself
	}
	return a.Sample, nil
}

// expendable makes the process the one that the kernel kills if memory runs out: a row
// of the table is lost then, not the run.
func expendable(pid int) {
	// Where there is no such file the kernel chooses.
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte("1000"), 0)
}

// tail returns the first lines of what a process said before it died: a runtime
// that crashes says why first, and then shows stacks.
func tail(said string) string {
	lines := strings.SplitN(strings.TrimSpace(said), "\n", 6)
	if len(lines) > 5 {
		lines = append(lines[:5], "…")
	}
	return strings.Join(lines, "\n")
}

// build builds this program in another way, from the sources in the current
// directory, where "go run ." is at work too.
func build(ctx context.Context, dir string, b *bench.Build) (string, error) {
	program := filepath.Join(dir, "benchmarks-"+b.Name)
	args := []string{"build", "-buildvcs=false", "-o", program}
	if b.Flags != nil {
		flags, err := b.Flags(ctx, dir)
		if err != nil {
			return "", fmt.Errorf("building for %s: %w", b.Name, err)
		}
		args = append(args, flags...)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, ".")...)
	cmd.Env = append(os.Environ(), b.Env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building for %s: %w: %s", b.Name, err, tail(string(out)))
	}
	return program, nil
}
