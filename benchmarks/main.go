// Command benchmarks does the work of the table of goals with growarena and with
// its peers, side by side, and reports what came of it.
//
//	go -C benchmarks run . [-quick] [-json] [-o DIR] [-run REGEXP] [-rounds N]
//
// It says on standard error how far it is, prints the verdicts (or, with -json,
// everything as one JSON object) on standard output, and writes report.html,
// report.md and the plots into the directory of -o. Goals that are missed are no
// failure of the program; they are what it is there to find.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"time"

	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/benchmarks/internal/report"
	"github.com/growarena/growarena/benchmarks/internal/runner"
	"github.com/growarena/growarena/benchmarks/internal/suite"
)

// A quick run ends within three minutes, building the programs included. Rounds
// that would not end by the first are left out, and by the second whatever is left.
const (
	quickRounds = 158 * time.Second
	quickLate   = 168 * time.Second
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "benchmarks:", err)
		}
		os.Exit(1)
	}
}

func run(args []string, stdout, stderr io.Writer) error {
	start := time.Now()
	flags := flag.NewFlagSet("benchmarks", flag.ContinueOnError)
	flags.SetOutput(stderr)
	quick := flags.Bool("quick", false, "smaller work, fewer rounds, in under three minutes")
	asJSON := flags.Bool("json", false, "print everything as one JSON object")
	dir := flags.String("o", "", "write report.html, report.md and plots into this `directory`")
	only := flags.String("run", "", "do only the experiments whose names match this `regexp`")
	rounds := flags.Int("rounds", 0, "rounds of each experiment, instead of its own number")
	list := flags.Bool("list", false, "list the experiments and do none")
	sample := flags.String("sample", "", "take one sample for another process of this program, which says which")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("arguments %q: there are only flags", flags.Args())
	}
	if *sample != "" {
		return runner.Child(*sample, suite.Experiments)
	}
	re, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	var experiments []bench.Experiment
	goals := suite.Goals()
	for _, e := range suite.Experiments(*quick) {
		// Those that no goal is about, and those that wait for memory to go cold, are left
		// out of a quick run, unless asked for: the others get more rounds.
		decides := e.Cold == 0 && slices.ContainsFunc(goals, func(g bench.Goal) bool { return g.Experiment == e.Name })
		if re.MatchString(e.Name) && (decides || !*quick || *only != "" || *list) {
			experiments = append(experiments, e)
		}
	}
	if len(experiments) == 0 {
		return fmt.Errorf("no experiment matches %q, or none is for this system", *only)
	}
	if *list {
		for _, e := range experiments {
			fmt.Fprintf(stdout, "%-16s %s\n", e.Name, e.Title)
		}
		return nil
	}
	if *dir != "" { // to know now that it cannot be written to
		if err := os.MkdirAll(*dir, 0o755); err != nil {
			return err
		}
	}

	o := runner.Options{Quick: *quick, Rounds: *rounds, Progress: stderr}
	if *quick {
		o.Deadline, o.Late = start.Add(quickRounds), start.Add(quickLate)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	results, err := runner.Run(ctx, experiments, o)
	if err != nil {
		return err
	}
	machine := report.ThisMachine(args)
	machine.Seconds = time.Since(start).Seconds()
	r := report.New(machine, results, goals, *quick)
	if *dir != "" {
		if err := r.Write(*dir); err != nil {
			return err
		}
	}
	if *asJSON {
		return r.JSON(stdout)
	}
	return r.Text(stdout)
}
