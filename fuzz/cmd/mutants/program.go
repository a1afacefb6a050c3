package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// The outcomes of a mutant. All but the first three are failures of the command.
const (
	caught   = "caught"
	late     = "late"     // caught by another run of the test, which is one to make better
	skipped  = "skipped"  // its test does not run on this machine
	survived = "SURVIVED" // the test passed
	broken   = "BROKEN"   // it does not build
	stale    = "STALE"    // its old text is not in the file, or not once
	hung     = "HUNG"     // the test did not end in time, which proves little on a slow machine
	unsound  = "UNSOUND"  // the test fails, or does not exist, on the code as it is
)

// A result is what became of a mutant.
type result struct {
	name    string
	pkg     string // that is wrong
	test    string
	seconds float64
	outcome string
	why     string // what the test said, or what is wrong with the mutant
}

// tries is how often the test is run until it notices.
const tries = 3

// failed tells whether the command has to fail for it.
func (r *result) failed() bool {
	return r.outcome != caught && r.outcome != late && r.outcome != skipped
}

// A program is a run of the command.
type program struct {
	out, err io.Writer
	mutants  []mutant
	root     string        // of the module; "": the one of the current folder
	timeout  time.Duration // for a catching test; 0: testTimeout

	parallel int
	verbose  bool
	work     string // a folder for files

	mu      sync.Mutex
	results []result // Protected by mu.
}

// run is the command, and returns its exit code.
func (p *program) run(ctx context.Context, args []string) int {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	flags.SetOutput(p.err)
	only := flags.String("run", "", "only mutants whose name or package matches this `regexp`")
	part := flags.String("part", "1/1", "of these only `K/N`: every Nth, from the Kth on")
	list := flags.Bool("list", false, "list the mutants, run nothing")
	flags.IntVar(&p.parallel, "p", 2, "how many run at once")
	flags.BoolVar(&p.verbose, "v", false, "say what each catching test complained of")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	match, err := regexp.Compile(*only)
	var k, n int
	if _, scanned := fmt.Sscanf(*part, "%d/%d", &k, &n); scanned != nil || k < 1 || k > n {
		fmt.Fprintf(p.err, "mutants: -part is %q: want K/N with 1 <= K <= N\n", *part)
		return 2
	}
	if err != nil || flags.NArg() > 0 || p.parallel < 1 {
		fmt.Fprintf(p.err, "mutants: what to do is said by flags alone: %v %v\n", flags.Args(), err)
		return 2
	}
	if err := p.findRoot(ctx); err != nil {
		fmt.Fprintf(p.err, "mutants: %v\n", err)
		return 2
	}
	var chosen []mutant
	matched := 0
	for _, m := range p.mutants {
		if !match.MatchString(m.under() + ": " + m.name) {
			continue
		}
		if matched++; (matched-k)%n == 0 {
			chosen = append(chosen, m)
		}
	}
	if *list {
		p.list(chosen)
		return 0
	}
	if len(chosen) == 0 {
		fmt.Fprintf(p.err, "mutants: none matches %q\n", *only)
		return 2
	}
	if p.work, err = os.MkdirTemp("", "mutants"); err != nil {
		fmt.Fprintf(p.err, "mutants: %v\n", err)
		return 2
	}
	defer os.RemoveAll(p.work)
	begin := time.Now()
	p.judge(ctx, chosen)
	return p.report(time.Since(begin))
}

// findRoot finds the module to work on.
func (p *program) findRoot(ctx context.Context) error {
	if p.root != "" {
		return nil
	}
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	p.root = filepath.Dir(strings.TrimSpace(string(out)))
	return nil
}

// list prints what there is.
func (p *program) list(mutants []mutant) {
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for _, m := range mutants {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", m.under(), m.name, m.test, m.mistake)
	}
	w.Flush()
}

// each calls f for all of a list, p.parallel at a time.
func each[T any](parallel int, list []T, f func(T)) {
	var running sync.WaitGroup
	room := make(chan struct{}, parallel)
	for _, x := range list {
		room <- struct{}{}
		running.Go(func() {
			f(x)
			<-room
		})
	}
	running.Wait()
}

// judge runs the mutants, after the tests that are to catch them.
func (p *program) judge(ctx context.Context, mutants []mutant) {
	tests := map[suite][]string{}
	var suites []suite
	for i := range mutants {
		s := mutants[i].suite()
		if tests[s] == nil {
			suites = append(suites, s)
		}
		tests[s] = append(tests[s], mutants[i].test)
	}
	var mu sync.Mutex
	sound := map[suite]run{}
	each(p.parallel, suites, func(s suite) {
		r := p.sound(ctx, s, tests[s])
		mu.Lock()
		defer mu.Unlock()
		sound[s] = r
	})
	each(p.parallel, mutants, func(m mutant) {
		p.note(p.try(ctx, &m, sound[m.suite()]))
	})
}

// sound runs tests on the code as it is.
func (p *program) sound(ctx context.Context, s suite, tests []string) run {
	dir, err := os.MkdirTemp(p.work, "")
	if err != nil {
		return run{output: err.Error()}
	}
	defer os.RemoveAll(dir)
	binary, err := s.build(ctx, p.root, dir, "")
	if err != nil {
		return run{output: err.Error()}
	}
	patterns := make([]string, len(tests))
	for i, t := range tests {
		patterns[i] = pattern(t)
	}
	return s.run(ctx, p.root, binary, strings.Join(patterns, "|"), soundTimeout, false)
}

// try finds out whether the test notices m; sound is how it went without m.
func (p *program) try(ctx context.Context, m *mutant, sound run) result {
	r := result{name: m.name, pkg: m.under(), test: m.test}
	end := func(outcome, why string) result {
		r.outcome, r.why = outcome, why
		return r
	}
	dir, err := os.MkdirTemp(p.work, "")
	if err != nil {
		return end(broken, err.Error())
	}
	defer os.RemoveAll(dir)
	overlay, err := m.overlay(p.root, dir)
	if err != nil {
		return end(stale, err.Error())
	}
	switch state := sound.state[m.test]; {
	case state == "SKIP":
		return end(skipped, "its test is skipped on this machine")
	case state == "" && sound.passed:
		return end(unsound, "there is no such test: "+m.command())
	case state != "PASS":
		return end(unsound, "without the mistake: "+m.command()+": "+sound.why())
	}
	begin := time.Now()
	binary, err := m.suite().build(ctx, p.root, dir, overlay)
	if err != nil {
		return end(broken, err.Error())
	}
	for try := 1; try <= tries; try++ {
		got := m.suite().run(ctx, p.root, binary, pattern(m.test), cmp.Or(p.timeout, testTimeout), true)
		r.seconds = time.Since(begin).Seconds()
		switch {
		case got.passed:
			continue
		case got.hung:
			return end(hung, m.command())
		case try > 1:
			return end(late, got.why())
		}
		return end(caught, got.why())
	}
	return end(survived, m.command())
}

// note adds a result, and says at once what has to be looked at.
func (p *program) note(r result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.results = append(p.results, r)
	if r.failed() || r.outcome == late {
		fmt.Fprintf(p.err, "%s: %s: %s: %s\n", r.pkg, r.name, r.outcome, r.why)
	}
}

// report prints the table, with what has to be looked at last, and returns the exit code.
func (p *program) report(took time.Duration) int {
	counts := map[string]int{}
	code := 0
	rank := func(r result) int {
		switch {
		case r.failed():
			return 2
		case r.outcome == late:
			return 1
		}
		return 0
	}
	slices.SortStableFunc(p.results, func(a, b result) int { return rank(a) - rank(b) })
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "package\tmutant\tcatching test\tseconds\toutcome")
	for _, r := range p.results {
		counts[r.outcome]++
		if r.failed() {
			code = 1
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%.1f\t%s", r.pkg, r.name, r.test, r.seconds, r.outcome)
		if p.verbose {
			fmt.Fprintf(w, "\t%s", strings.Join(strings.Fields(r.why), " "))
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	fmt.Fprintf(p.out, "%d mutants in %.0f s:", len(p.results), took.Seconds())
	for _, outcome := range []string{caught, late, skipped, survived, broken, stale, hung, unsound} {
		if counts[outcome] > 0 {
			fmt.Fprintf(p.out, " %d %s", counts[outcome], outcome)
		}
	}
	fmt.Fprintln(p.out)
	return code
}
