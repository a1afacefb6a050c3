package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

// Exit codes, as the help documents them.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreadable  = 3
	exitGone        = 4
	exitCorrupt     = 5
	exitInterrupted = 130 // as a shell reports SIGINT; of SIGTERM and SIGHUP, too
)

const overview = `growarena reads real input into an arena that grows while it is being read,
shares what it reads with other processes, and tells what this machine offers for it.

Usage:

	growarena ingest [flags] [PATH...]   read files, scan them meanwhile, check all
	growarena share -name NAME [PATH...] read files into a buffer that others follow
	growarena follow NAME                write what is shared, as it grows
	growarena ls                         which buffers there are
	growarena rm NAME...                 take their names away
	growarena doctor [-json]             what works here, and what to change
	growarena version
	growarena help [command]

Exit codes:

	0    all is well
	1    the self-check failed, or an error ended the work
	2    the command line was wrong
	3    some files could not be read; all else is well
	4    follow: the writer has died; all that it had published is written
	5    follow: the buffer is corrupt
	130  interrupted, by SIGINT (Ctrl-C), SIGTERM or SIGHUP
`

// commands are those that have a help of their own.
var commands = []string{"ingest", "share", "follow", "ls", "rm", "doctor"}

// program is one run of the command, with what it reads from and writes to.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	tamper func(arena []byte) // for tests: see ingest.Options
}

func newProgram(stdin io.Reader, stdout, stderr io.Writer) *program {
	return &program{stdin: stdin, stdout: stdout, stderr: stderr}
}

// usageError is a command line that cannot be understood.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// run does what args say and returns the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	if len(args) == 0 {
		fmt.Fprint(p.stderr, overview)
		return exitUsage
	}
	name, rest := args[0], args[1:]
	switch name {
	case "ingest":
		return p.result(name, p.ingest(ctx, rest))
	case "share":
		return p.result(name, p.share(ctx, rest))
	case "follow":
		return p.result(name, p.follow(ctx, rest))
	case "ls":
		return p.result(name, p.list(rest))
	case "rm":
		return p.result(name, p.remove(rest))
	case "doctor":
		return p.result(name, p.doctor(rest))
	case "version", "-version", "--version":
		fmt.Fprintln(p.stdout, version())
		return exitOK
	case "help", "-h", "-help", "--help":
		return p.help(ctx, rest)
	}
	fmt.Fprintf(p.stderr, "growarena: no command %q: want %s, version or help\n", name, strings.Join(commands, ", "))
	return exitUsage
}

// help prints the overview, or the help of one command.
func (p *program) help(ctx context.Context, args []string) int {
	switch {
	case len(args) == 0:
		fmt.Fprint(p.stdout, overview)
		return exitOK
	case len(args) == 1 && slices.Contains(commands, args[0]):
		return p.run(ctx, []string{args[0], "-h"})
	}
	fmt.Fprintf(p.stderr, "growarena: no help on %q: want %s\n", strings.Join(args, " "), strings.Join(commands, ", "))
	return exitUsage
}

// exitError is an error that has been told already, with its exit code.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// result tells of err, the outcome of a command, and returns the exit code.
func (p *program) result(command string, err error) int {
	var usage usageError
	var exit exitError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.As(err, &exit):
		return int(exit)
	case errors.As(err, &usage):
		fmt.Fprintf(p.stderr, "growarena %s: %v\nRun 'growarena help %s' for usage.\n", command, err, command)
		return exitUsage
	}
	fmt.Fprintf(p.stderr, "growarena %s: %v\n", command, err)
	return exitFailed
}

// flags returns an empty set of flags for a command, with a usage of head, the
// flags, and foot.
func (p *program) flags(command, head, foot string) *flag.FlagSet {
	f := flag.NewFlagSet(command, flag.ContinueOnError)
	f.SetOutput(io.Discard) // result tells of errors.
	f.Usage = func() {
		f.SetOutput(p.stdout)
		fmt.Fprint(p.stdout, head)
		f.PrintDefaults()
		fmt.Fprint(p.stdout, foot)
		f.SetOutput(io.Discard)
	}
	return f
}

// parse parses args into f. Flags come before what is not one.
func parse(f *flag.FlagSet, args []string) error {
	// An error prints the usage as well, which only -h is to do.
	usage := f.Usage
	f.Usage = func() {}
	err := f.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		usage()
		return err
	}
	if err != nil {
		return usageError{err}
	}
	before := args[:len(args)-f.NArg()]
	if n := len(before); n > 0 && before[n-1] == "--" {
		return nil
	}
	for _, arg := range f.Args() {
		if len(arg) > 1 && arg[0] == '-' {
			return usagef("%s stands behind a path: flags come first (a path can follow --, or be written ./%s)", arg, arg)
		}
	}
	return nil
}

// version says which build this is.
func version() string {
	v := "growarena (unknown version)"
	if info, ok := debug.ReadBuildInfo(); ok {
		v = "growarena " + info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v += " " + s.Value[:min(12, len(s.Value))]
			}
		}
	}
	return fmt.Sprintf("%s %s %s/%s", v, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
