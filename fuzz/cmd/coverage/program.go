package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/growarena/growarena/fuzz/internal/reasons"
)

// The packages whose statements count, and those whose tests reach them.
var (
	counted = []string{"./addrspace", "./arena", "./epoch", "./internal/mapping", "./internal/memfile", "./internal/pageheap", "./pool", "./slab"}
	tested  = append([]string{".", "./fuzz", "./fuzz/faults"}, counted...)
)

// reasonsFile is where the reasons are, from the root.
const reasonsFile = "fuzz/cmd/coverage/reasons.txt"

// form is how they look.
var form = reasons.Form{Keys: []string{"FUNCTION"}, AnyText: true}

// atLeast is the least share of each package, in percent.
const atLeast = 90

// A program is a run of the command.
type program struct {
	out, err io.Writer
	root     string // of the module; "": the one of the current folder
	module   string // its path

	short, markdown bool
}

// run is the command, and returns its exit code.
func (p *program) run(ctx context.Context, args []string) int {
	flags := flag.NewFlagSet("coverage", flag.ContinueOnError)
	flags.SetOutput(p.err)
	flags.BoolVar(&p.short, "short", false, "run the tests with -short, and do not ask for reasons")
	flags.BoolVar(&p.markdown, "markdown", false, "print tables for fuzz/RESULTS.md")
	profile := flags.String("profile", "", "read this `file`, and run no tests")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	good, err := p.work(ctx, *profile)
	if err != nil {
		fmt.Fprintf(p.err, "coverage: %v\n", err)
		return 2
	}
	if !good {
		return 1
	}
	return 0
}

// work does all of it, and reports whether there is nothing to complain of.
func (p *program) work(ctx context.Context, profile string) (bool, error) {
	if err := p.findModule(ctx); err != nil {
		return false, err
	}
	if profile == "" {
		dir, err := os.MkdirTemp("", "coverage")
		if err != nil {
			return false, err
		}
		defer os.RemoveAll(dir)
		profile = filepath.Join(dir, "profile")
		if err := p.test(ctx, profile); err != nil {
			return false, err
		}
	}
	f, err := os.Open(profile)
	if err != nil {
		return false, err
	}
	defer f.Close()
	blocks, err := parseProfile(f, p.module)
	if err != nil {
		return false, fmt.Errorf("%s: %w", profile, err)
	}
	gaps, err := findGaps(p.root, blocks)
	if err != nil {
		return false, err
	}
	file, err := os.Open(filepath.Join(p.root, filepath.FromSlash(reasonsFile)))
	if err != nil {
		return false, err
	}
	defer file.Close()
	known, err := form.Parse(file)
	if err != nil {
		return false, fmt.Errorf("%s: %w", reasonsFile, err)
	}
	for i := range gaps {
		gaps[i].reason = reasons.Find(known, gaps[i].text, gaps[i].function)
	}
	return p.report(shares(blocks), gaps, known), nil
}

// findModule finds out where and what the module is.
func (p *program) findModule(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}\n{{.Path}}")
	cmd.Env = append(os.Environ(), "GOWORK=off") // With a workspace there are several.
	cmd.Dir = p.root
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go list -m: %w", err)
	}
	dir, module, ok := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if !ok {
		return fmt.Errorf("go list -m says %q", out)
	}
	p.root, p.module = dir, module
	return nil
}

// test runs the tests, one package after the other, and writes the profile.
func (p *program) test(ctx context.Context, profile string) error {
	args := []string{"test", "-count=1", "-p=1", "-timeout=20m", "-coverpkg=" + strings.Join(counted, ","), "-coverprofile=" + profile}
	if p.short {
		args = append(args, "-short")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, tested...)...)
	cmd.Dir = p.root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the tests: %w\n%s", err, out)
	}
	return nil
}

// report prints what there is and reports whether it is good.
func (p *program) report(of map[string]share, gaps []gap, known []reasons.Reason) (good bool) {
	good = true
	complain := func(format string, args ...any) {
		good = false
		fmt.Fprintf(p.err, format+"\n", args...)
	}
	p.printShares(of)
	for _, dir := range counted {
		pkg := strings.TrimPrefix(dir, "./")
		if s := of[pkg]; s.percent() < atLeast {
			complain("%s: %d of %d statements are reached, less than %d %%", pkg, s.reached, s.all, atLeast)
		}
	}
	p.printGaps(gaps)
	if p.short {
		return good
	}
	for _, g := range gaps {
		if g.reason == "" {
			complain("%s: %s: not reached, and %s has no reason for it: %s", g.where(), g.function, reasonsFile, g.text)
		}
	}
	for _, r := range known {
		if !r.Used && !r.Sometimes {
			complain("%s: nothing of %s is unreached that has the text %q", reasonsFile, r.Keys[0], r.Text)
		}
	}
	return good
}

func (p *program) printShares(of map[string]share) {
	if p.markdown {
		fmt.Fprintln(p.out, "| package | statements | reached |\n|---|---|---|")
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for _, dir := range counted {
		pkg := strings.TrimPrefix(dir, "./")
		s := of[pkg]
		if p.markdown {
			fmt.Fprintf(p.out, "| `%s` | %d | %.1f %% |\n", pkg, s.all, s.percent())
		} else {
			fmt.Fprintf(w, "%s\t%d of %d statements\t%.1f %%\n", pkg, s.reached, s.all, s.percent())
		}
	}
	w.Flush()
	fmt.Fprintln(p.out)
}

func (p *program) printGaps(gaps []gap) {
	if p.markdown {
		// Functions and not lines: the table is to stay true for longer.
		fmt.Fprintln(p.out, "| function | not reached | why |\n|---|---|---|")
		for _, g := range gaps {
			fmt.Fprintf(p.out, "| `%s` | `%s` | %s |\n", g.function, strings.ReplaceAll(cut(g.text), "|", "\\|"), g.reason)
		}
		return
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for _, g := range gaps {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", g.where(), g.function, cut(g.text), g.reason)
	}
	w.Flush()
}

// cut makes text short enough for a table.
func cut(text string) string {
	const most = 70
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
