package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/cmd/growarena/internal/ingest"
)

const ingestHead = `Usage: growarena ingest [-readers N] [-pattern RE] [-window SIZE] [-rung NAME] [-json] [PATH...]

Reads all regular files under the paths as one stream into one arena, directories
by name, one file right after the other, while N readers scan through pinned views
what is there already. It begins with a small window, so that the arena moves to
bigger ones while it is being read, and one more reader goes on using the addresses
from before each move. Then it checks itself: the SHA-256 of the arena must be that
of the stream, the lines that the readers found those of a single-threaded count.

A PATH of - is standard input; without PATH it reads the source tree of the Go
toolchain. A symbolic link is followed if it is a PATH. What is found below one and
is neither a regular file nor a directory is skipped, and counted. What cannot be
read is named on standard error, counted, and makes the exit code 3.

Lines and matches are what 'grep -aE' counts in the C locale, but that the
expression is one of Go's (RE2): a character of several bytes is one to it, \s is
without the vertical tab, a word begins at \b and not at \<, and there are no back
references.

`

const ingestFoot = `
SIZE is a number of bytes, or one with a unit: 64KiB, 2MiB, 1GiB.
`

// readersMax bounds -readers: each has a histogram of some 30 KiB.
const readersMax = 1024

// windowSize is the default of -window: the Go source tree makes the arena leave five of them.
const windowSize = "4MiB"

// ingestFlags are the flags of ingest, as given.
type ingestFlags struct {
	readers               int
	pattern, window, rung string
	json                  bool
}

// ingest is the command of that name.
func (p *program) ingest(ctx context.Context, args []string) error {
	var given ingestFlags
	f := p.flags("ingest", ingestHead, ingestFoot)
	f.IntVar(&given.readers, "readers", runtime.GOMAXPROCS(0), "scan with `N` goroutines")
	f.StringVar(&given.pattern, "pattern", "", "count the lines that match `RE`; none match an empty one")
	f.StringVar(&given.window, "window", "", "begin with a window of `SIZE` (default 4MiB; what the library takes, 256MiB,\nif the arena is not to leave it)")
	f.StringVar(&given.rung, "rung", "", "grow beyond the window only by `NAME`: in-window (not at all), extend,\nrehome, alias, or any: whatever is cheapest, as the library itself does\n(default rehome, or alias where there is no rehome, so that the arena moves)")
	f.BoolVar(&given.json, "json", false, "print one JSON object")
	if err := parse(f, args); err != nil {
		return err
	}
	o, err := given.options()
	if err != nil {
		return err
	}
	if o.Paths = f.Args(); len(o.Paths) == 0 {
		src, err := toolchainSource(ctx)
		if err != nil {
			return err
		}
		o.Paths = []string{src}
	}
	return p.runIngest(ctx, o, given.json)
}

// options returns what the flags ask for.
func (f *ingestFlags) options() (o ingest.Options, err error) {
	if f.readers < 1 || f.readers > readersMax {
		return o, usagef("-readers is %d, want 1 to %d", f.readers, readersMax)
	}
	o.Readers = f.readers
	if f.pattern != "" {
		if o.Pattern, err = regexp.Compile(f.pattern); err != nil {
			return o, usagef("-pattern: %v", err)
		}
	}
	if f.window == "" && f.rung != arena.RungInWindow.String() {
		f.window = windowSize
	}
	if f.window != "" {
		n, err := humanize.ParseBytes(f.window)
		if err != nil || n == 0 || n > math.MaxInt {
			return o, usagef("-window is %q, want a size such as 2MiB", f.window)
		}
		o.Window = int(n)
	}
	switch f.rung {
	case "any":
	case "":
		o.Rungs = arena.RungInWindow | arena.RungRehome | arena.RungAlias
	default:
		rung, err := arena.ParseRung(f.rung)
		if err != nil {
			return o, usagef("-rung: no rung named %q, want in-window, extend, rehome, alias or any", f.rung)
		}
		// Within the window every arena grows: the rung is what comes after.
		o.Rungs = arena.RungInWindow | rung
	}
	return o, nil
}

// runIngest ingests, and prints what came of it.
func (p *program) runIngest(ctx context.Context, o ingest.Options, asJSON bool) error {
	bar := newProgress(ctx, p.stderr, o.Paths)
	defer bar.finish()
	o.Stdin = p.stdin
	o.Tamper = p.tamper
	o.Read = bar.read
	o.Checked = bar.checked
	o.Problem = func(name string, err error) {
		bar.hide()
		fmt.Fprintf(p.stderr, "growarena ingest: %v\n", named(name, err))
	}
	r, err := ingest.Run(ctx, o)
	bar.finish()
	switch {
	case err != nil && ctx.Err() != nil:
		fmt.Fprintf(p.stderr, "growarena ingest: interrupted: %s were in the arena; in what had been scanned of it, %s lines of %s matched; nothing was checked\n",
			humanize.IBytes(uint64(r.Bytes)), humanize.Comma(int64(r.Matches)), humanize.Comma(int64(r.Lines)))
		return exitError(exitInterrupted)
	case err != nil && !errors.Is(err, ingest.ErrCheck):
		return err
	}
	if asJSON {
		out := json.NewEncoder(p.stdout)
		out.SetIndent("", "  ")
		if err := out.Encode(r); err != nil {
			return err
		}
	} else if _, err := fmt.Fprint(p.stdout, report(o, r)); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	if r.Unreadable > 0 {
		fmt.Fprintf(p.stderr, "growarena ingest: %d of the files and directories could not be read in full; all else is well\n", r.Unreadable)
		return exitError(exitUnreadable)
	}
	return nil
}

// named returns err with name in front, unless it is in there already.
func named(name string, err error) error {
	if strings.Contains(err.Error(), name) {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// toolchainSource returns the directory of the Go toolchain's sources.
func toolchainSource(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	root := strings.TrimSpace(string(out))
	if err != nil || root == "" {
		return "", usagef("no PATH, and no Go toolchain whose sources could be read instead: 'go env GOROOT': %v", err)
	}
	src := filepath.Join(root, "src")
	if _, err := os.Stat(src); err != nil {
		return "", usagef("no PATH, and the Go toolchain has no sources: %v", err)
	}
	return src, nil
}
