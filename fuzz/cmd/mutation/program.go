package main

import (
	"context"
	_ "embed"
	"encoding/json"

	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/growarena/growarena/fuzz/internal/reasons"
)

// packages are those that are looked at.
const packages = "internal/align,internal/mapping,internal/memfile,addrspace,epoch,arena,pool,slab"

// least is how many percent of the changes have to die in each package.
const least = 90

// harmless are the changes that may live, in this form.
//
//go:embed harmless.txt
var harmless string

var form = reasons.Form{Keys: []string{"FILE", "KIND"}}

type program struct {
	out, err io.Writer

	short    bool
	workers  int
	patience int
	files    *regexp.Regexp
}

// run does what args say and returns the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	flags := flag.NewFlagSet("mutation", flag.ContinueOnError)
	flags.SetOutput(p.err)
	list := flags.String("packages", packages, "packages, with commas between")
	files := flags.String("files", "", "only files whose name this matches")
	flags.BoolVar(&p.short, "short", false, "only short tests")
	flags.IntVar(&p.workers, "workers", 1, "changes tried at the same time")
	flags.IntVar(&p.patience, "patience", 5, "time limit of tests, as a multiple of a second more than they take with no change made")
	if flags.Parse(args) != nil {
		return 2
	}
	known, err := form.Parse(strings.NewReader(harmless))
	if err == nil {
		p.files, err = regexp.Compile(*files)
	}
	var tool string
	var clean func()
	if err == nil {
		tool, clean, err = build(ctx)
	}
	if err != nil {
		fmt.Fprintln(p.err, "mutation:", err)
		return 1
	}
	defer clean()
	good := true
	for pkg := range strings.SplitSeq(*list, ",") {
		r, err := p.unleash(ctx, tool, pkg)
		if err != nil {
			fmt.Fprintf(p.err, "mutation: %s: %v\n", pkg, err)
			return 1
		}
		r.explain(known)
		good = r.print(p.out) && good
	}
	if *files == "" && *list == packages {
		for _, r := range known {
			if !r.Used {
				good = false
				fmt.Fprintf(p.out, "harmless.txt: about nothing any more: %s | %s\n", strings.Join(r.Keys, " | "), r.Text)
			}
		}
	}
	if !good {
		return 1
	}
	return 0
}

// build builds gremlins from the tools module.
func build(ctx context.Context) (tool string, clean func(), err error) {
	dir, err := os.MkdirTemp("", "growarena-mutation")
	if err != nil {
		return "", nil, err
	}
	clean = func() { _ = os.RemoveAll(dir) }
	tool = filepath.Join(dir, "gremlins")
	cmd := exec.CommandContext(ctx, "go", "-C", "tools", "build", "-o", tool, "github.com/go-gremlins/gremlins/cmd/gremlins")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		clean()
		return "", nil, fmt.Errorf("build gremlins, from the root of the repository: %w\n%s", err, out)
	}
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, filepath.Join(dir, "go"))
	}
	if err != nil {
		clean()
		return "", nil, err
	}
	return tool, clean, nil
}

// unleash runs gremlins over a package.
func (p *program) unleash(ctx context.Context, tool, pkg string) (*result, error) {
	sources, err := filepath.Glob(filepath.Join(pkg, "*.go"))
	if err != nil || len(sources) == 0 {
		return nil, fmt.Errorf("no Go files: %w", err)
	}
	dir := filepath.Join(filepath.Dir(tool), filepath.Base(pkg))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	l, err := p.newPlan(ctx, dir, pkg)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	planned, report := filepath.Join(dir, "plan.json"), filepath.Join(dir, "report.json")
	if err := os.WriteFile(planned, text, 0o600); err != nil {
		return nil, err
	}
	// The time limit of gremlins is of no use here: it counts compiling.
	args := []string{"unleash", "./" + pkg, "--output", report, fmt.Sprintf("--workers=%d", p.workers), "--timeout-coefficient=100"}
	for _, s := range sources {
		if name := filepath.Base(s); !p.files.MatchString(name) {
			args = append(args, "--exclude-files", "^"+regexp.QuoteMeta(name)+"$")
		}
	}
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Env = append(os.Environ(), "GOWORK=off", planVariable+"="+planned, "PATH="+filepath.Dir(tool)+":"+os.Getenv("PATH"))
	cmd.Stdout, cmd.Stderr = p.err, p.err // How far it is.
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	text, err = os.ReadFile(report)
	if err != nil {
		return nil, err
	}
	return parseReport(pkg, text)
}
