package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/growarena/growarena/benchmarks/internal/raw"
	"github.com/growarena/growarena/benchmarks/internal/work"
)

// Case is one size of the work. Which fields mean something depends on the
// experiment.
type Case struct {
	Label      string // unique in the experiment, as short as "1 GiB"
	Size       int64  // in bytes
	Goroutines int
	Count      int // of whatever the experiment counts: windows, readers, objects
}

// Contender is one way to do the work.
type Contender struct {
	Name string
	Ours bool

	// Context marks one that is shown but is no peer: it does less than the
	// work, or is not free of cgo. It never is the best peer of a goal.
	Context bool

	// Note says what a reader must know: a version, an option, what it does not do.
	Note string

	// Cannot says why it cannot do the work at all; Run is nil then.
	Cannot string

	// Skip says why it cannot, or should not be made to, do one case, and "" if
	// it can. May be nil.
	Skip func(Case) string

	// Build is how a program is built that has Run, where that is nil in this one.
	Build *Build

	// Run does the work of a case once, checks that the content is what it should
	// be, and gives back all it took. It must do as much as the others do.
	Run func(Case) (Sample, error)
}

// Build is another way to build this program.
type Build struct {
	Name string   // Unique, in file names and for people: "arenas".
	Env  []string // Beside the environment of this process.

	// Flags returns flags for go build; the files that they name are made in dir. May be nil.
	Flags func(ctx context.Context, dir string) ([]string, error)
}

// Experiment is a piece of work, and who does it.
type Experiment struct {
	Name  string // in commands and file names: lower case, with dashes
	Title string
	Work  string // one or two sentences: exactly what is done, and what is compared

	Metric string // the one that is compared; every sample has it
	Unit   string // of Metric, for people: "ns", "s", "bytes", "" for a count
	More   bool   // more of Metric is better

	// Columns are other metrics that the table shows.
	Columns []string

	// Axis is by what the cases differ: "size", "goroutines", "count"; "" if there
	// is nothing to plot by. AxisTitle names it in plots: "live windows".
	Axis      string
	AxisTitle string

	// LatencyTitle says what one latency is: "one write of 64 KiB".
	LatencyTitle string

	// CurveX and CurveY are the titles of the axes of the samples' curves, with
	// the metric names that give their units.
	CurveX, CurveY           string
	CurveXMetric, CurveYUnit string

	Cases      []Case
	Contenders []Contender

	// Rounds is how often all is done, time permitting.
	Rounds int

	// Child has each sample taken in a process of its own, so that its peak
	// memory is its own.
	Child bool

	// Memory returns how many bytes of memory the hungriest contender takes for a
	// case, where that counts: so much is touched and given back before each sample
	// (raw.Warm), the same for all. Nil for nothing.
	Memory func(Case) int

	// Cold is for how long that memory is left free before the sample, so that the host of a
	// virtual machine has taken it back. 0 for work with memory that is at hand.
	Cold time.Duration
}

// Times returns a Memory of so many times the size of a case.
func Times(n float64) func(Case) int { return func(c Case) int { return int(n * float64(c.Size)) } }

// Fixed returns a Memory of n bytes.
func Fixed(n int) func(Case) int { return func(Case) int { return n } }

// Warm prepares the machine for a sample of the case.
func (e Experiment) Warm(c Case) error {
	if e.Memory == nil {
		return nil
	}
	n := min(e.Memory(c), 12<<30)
	if work.NoRoom(int64(n)+1<<30) != "" {
		return nil // The machine has to stay alive.
	}
	if err := raw.Warm(n); err != nil {
		return err
	}
	time.Sleep(e.Cold)
	return nil
}

// X returns where c lies on the experiment's axis.
func (e Experiment) X(c Case) float64 {
	switch e.Axis {
	case "size":
		return float64(c.Size)
	case "goroutines":
		return float64(c.Goroutines)
	}
	return float64(c.Count)
}

// Only returns e with the contenders of these names alone: for a quick run those that
// goals are about, and the peers that may be the best. It panics if there is no such one.
func (e Experiment) Only(names ...string) Experiment {
	some := make([]Contender, len(names))
	for i, name := range names {
		c, ok := e.Contender(name)
		if !ok {
			panic(fmt.Sprintf("bench: experiment %s has no contender %q", e.Name, name))
		}
		some[i] = c
	}
	e.Contenders = some
	return e
}

// Contender returns the contender of that name.
func (e Experiment) Contender(name string) (Contender, bool) {
	i := slices.IndexFunc(e.Contenders, func(c Contender) bool { return c.Name == name })
	if i < 0 {
		return Contender{}, false
	}
	return e.Contenders[i], true
}

// Why returns why contender c does not do the case, or "" if it does.
func (c Contender) Why(of Case) string {
	switch {
	case c.Cannot != "":
		return c.Cannot
	case c.Skip != nil:
		return c.Skip(of)
	}
	return ""
}
