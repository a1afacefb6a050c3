// Package runner does experiments in rounds.
//
// In each round each contender does each case once. The contenders of a case
// follow one another, so that they see the machine in the same mood, and who is
// first changes from round to round. All experiments do their first round before
// any does its second: what a machine does in the meantime shows as spread.
//
// Against a deadline rounds are left out, never cases: first those that would not
// end in time. Only if even the first round does not fit are there cells without a
// sample; they say so.
package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

// Options say how to run experiments.
type Options struct {
	Quick    bool      // what the experiments were made with
	Rounds   int       // instead of what the experiments say, if above 0
	Deadline time.Time // zero: none
	Late     time.Time // after which not even the first round goes on; zero: none
	Progress io.Writer
}

// run is a run of several experiments.
type run struct {
	Options
	start    time.Time
	self     string            // this program
	programs map[string]string // built otherwise, by the name of the Build
	broken   map[string]error  // that could not be built
}

// Run does the experiments and returns their results in the same order. An
// experiment that fails has errors in its results.
func Run(ctx context.Context, experiments []bench.Experiment, o Options) ([]*bench.Results, error) {
	r := &run{Options: o, start: time.Now(), programs: map[string]string{}, broken: map[string]error{}}
	var err error
	if r.self, err = os.Executable(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "growarena-benchmarks-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	r.build(ctx, dir, experiments)

	results := make([]*bench.Results, len(experiments))
	for i, e := range experiments {
		results[i] = bench.NewResults(e)
	}
	last := make([]time.Duration, len(experiments)) // what a round took
	for round, more := 0, true; more; round++ {
		more = false
		for i, e := range experiments {
			if round >= r.rounds(e) || results[i].Trimmed != "" {
				continue
			}
			if round > 0 && !r.Deadline.IsZero() && time.Now().Add(last[i]).After(r.Deadline) {
				results[i].Trimmed = fmt.Sprintf("%d of %d rounds: the next takes %v and would not end in time", round, r.rounds(e), last[i].Round(time.Second/10))
				continue
			}
			start := time.Now()
			r.round(ctx, round, results[i])
			if err := ctx.Err(); err != nil {
				return results, err
			}
			last[i] = time.Since(start)
			results[i].Rounds++
			results[i].Seconds += last[i].Seconds()
			more = true
		}
	}
	return results, nil
}

func (r *run) rounds(e bench.Experiment) int {
	if r.Rounds > 0 {
		return r.Rounds
	}
	return e.Rounds
}

// build builds the programs that contenders need.
func (r *run) build(ctx context.Context, dir string, experiments []bench.Experiment) {
	for _, e := range experiments {
		for _, c := range e.Contenders {
			if c.Build == nil || c.Run != nil || r.programs[c.Build.Name] != "" || r.broken[c.Build.Name] != nil {
				continue
			}
			r.say("building this program for %s: %s", c.Name, c.Build.Name)
			program, err := build(ctx, dir, c.Build)
			if err != nil {
				r.broken[c.Build.Name] = err
				r.say("%v", err)
				continue
			}
			r.programs[c.Build.Name] = program
		}
	}
}

// round has every contender do every case once.
func (r *run) round(ctx context.Context, round int, results *bench.Results) {
	e := results.Experiment
	for i, of := range e.Cases {
		start, failed := time.Now(), 0
		for k := range e.Contenders {
			c := e.Contenders[(k+round+i)%len(e.Contenders)]
			cell := results.Cell(c.Name, of.Label)
			if cell.Why != "" || cell.Err != nil || ctx.Err() != nil {
				continue
			}
			if !r.Late.IsZero() && time.Now().After(r.Late) {
				if len(cell.Samples) == 0 {
					cell.Err = errors.New("not run: the time was up")
				}
				continue
			}
			s, err := r.sample(ctx, e, c, of)
			if err != nil {
				if ctx.Err() == nil {
					cell.Err = err
					failed++
					r.say("FAILED: %v", err)
				}
				continue
			}
			cell.Samples = append(cell.Samples, s)
		}
		took := time.Since(start).Round(time.Millisecond)
		r.say("round %d/%d  %s  %s  %v", round+1, r.rounds(e), e.Name, of.Label, took)
	}
}

func (r *run) sample(ctx context.Context, e bench.Experiment, c bench.Contender, of bench.Case) (bench.Sample, error) {
	if err := e.Warm(of); err != nil {
		return bench.Sample{}, err
	}
	q := request{Experiment: e.Name, Contender: c.Name, Case: of, Quick: r.Quick}
	switch {
	case c.Run == nil && r.broken[c.Build.Name] != nil:
		return bench.Sample{}, r.broken[c.Build.Name]
	case c.Run == nil:
		return ask(ctx, r.programs[c.Build.Name], q)
	case e.Child:
		return ask(ctx, r.self, q)
	}
	return bench.Do(e, c, of)
}

func (r *run) say(format string, args ...any) {
	fmt.Fprintf(r.Progress, "%4.0fs  %s\n", time.Since(r.start).Seconds(), fmt.Sprintf(format, args...))
}
