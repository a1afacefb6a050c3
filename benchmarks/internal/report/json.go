package report

import (
	"encoding/json"
	"io"
	"maps"
	"math"
	"slices"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

// goalJSON is a verdict as others read it. Numbers that are not known are null.
type goalJSON struct {
	Name         string     `json:"name"`
	Row          int        `json:"row"`
	Experiment   string     `json:"experiment"`
	Case         string     `json:"case,omitempty"`
	Contender    string     `json:"contender,omitempty"`
	Ours         *float64   `json:"ours"`
	BestPeer     *float64   `json:"best_peer"`
	BestPeerName string     `json:"best_peer_name"`
	Ratio        *float64   `json:"ratio"`
	Interval     []*float64 `json:"interval"` // of the ratio: in which it lies, 9 times in 10
	Rounds       int        `json:"rounds"`
	Goal         string     `json:"goal"`
	Limit        float64    `json:"limit"`
	Unit         string     `json:"unit"`
	Outcome      string     `json:"outcome"` // met, missed, noise, not decided
	Error        string     `json:"error,omitempty"`
}

type summaryJSON struct {
	Median *float64 `json:"median"`
	Min    *float64 `json:"min"`
	Max    *float64 `json:"max"`
	N      int      `json:"n"`
}

type cellJSON struct {
	Case    string                 `json:"case"`
	Values  map[string]summaryJSON `json:"values,omitempty"`
	Skipped string                 `json:"skipped,omitempty"`
	Error   string                 `json:"error,omitempty"`
}

type contenderJSON struct {
	Name    string     `json:"name"`
	Ours    bool       `json:"ours"`
	Context bool       `json:"context,omitempty"`
	Note    string     `json:"note,omitempty"`
	Cannot  string     `json:"cannot,omitempty"`
	Results []cellJSON `json:"results,omitempty"`
	Fits    []fitJSON  `json:"fits,omitempty"`
}

// fitJSON is how a metric grows with what the cases differ by.
type fitJSON struct {
	Group    string   `json:"group,omitempty"`
	Metric   string   `json:"metric"`
	Exponent *float64 `json:"exponent"`
	R2       *float64 `json:"r2"`
	Points   int      `json:"points"`
}

type experimentJSON struct {
	Name       string          `json:"name"`
	Title      string          `json:"title"`
	Work       string          `json:"work"`
	Metric     string          `json:"metric"`
	Unit       string          `json:"unit"`
	More       bool            `json:"more_is_better,omitempty"`
	Rounds     int             `json:"rounds"`
	Trimmed    string          `json:"trimmed,omitempty"`
	Seconds    float64         `json:"seconds"`
	Contenders []contenderJSON `json:"contenders"`
}

// JSON writes all as one object.
func (r *Report) JSON(w io.Writer) error {
	out := struct {
		Goals       []goalJSON       `json:"goals"`
		Experiments []experimentJSON `json:"experiments"`
		Machine     Machine          `json:"machine"`
	}{Goals: []goalJSON{}, Experiments: []experimentJSON{}, Machine: r.Machine}
	for _, v := range r.Verdicts {
		out.Goals = append(out.Goals, encodeGoal(v, r.unit(v)))
	}
	for _, results := range r.Results {
		out.Experiments = append(out.Experiments, encodeExperiment(results))
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

func encodeGoal(v bench.Verdict, unit string) goalJSON {
	g := goalJSON{
		Name: v.Goal.Name, Row: v.Goal.Row, Experiment: v.Goal.Experiment, Case: v.Case, Contender: v.Goal.Ours,
		BestPeerName: v.BestPeerName, Goal: v.Goal.Text, Limit: v.Goal.Limit, Unit: unit, Outcome: v.Outcome.String(), Rounds: v.Rounds,
	}
	if v.Err != nil {
		g.Error = v.Err.Error()
		return g
	}
	g.Ours, g.Ratio, g.Interval = number(v.Ours), number(v.Ratio), []*float64{number(v.Interval[0]), number(v.Interval[1])}
	if v.BestPeerName != "" {
		g.BestPeer = number(v.BestPeer)
	}
	return g
}

func encodeExperiment(r *bench.Results) experimentJSON {
	e := r.Experiment
	out := experimentJSON{
		Name: e.Name, Title: e.Title, Work: e.Work, Metric: e.Metric, Unit: e.Unit, More: e.More,
		Rounds: r.Rounds, Trimmed: r.Trimmed, Seconds: r.Seconds,
	}
	for _, c := range e.Contenders {
		cj := contenderJSON{Name: c.Name, Ours: c.Ours, Context: c.Context, Note: c.Note, Cannot: c.Cannot}
		for _, of := range e.Cases {
			if c.Cannot == "" {
				cj.Results = append(cj.Results, encodeCell(r.Cell(c.Name, of.Label)))
			}
		}
		for _, g := range groups(e) {
			if f, err := r.Fit(c.Name, e.Metric, g.labels()); err == nil && f.N > 2 {
				cj.Fits = append(cj.Fits, fitJSON{Group: g.title, Metric: e.Metric, Exponent: number(f.Exponent), R2: number(f.R2), Points: f.N})
			}
		}
		out.Contenders = append(out.Contenders, cj)
	}
	return out
}

func encodeCell(c *bench.Cell) cellJSON {
	out := cellJSON{Case: c.Case, Skipped: c.Why, Values: map[string]summaryJSON{}}
	if c.Err != nil {
		out.Error = c.Err.Error()
	}
	for _, metric := range metrics(c) {
		s := bench.Summarize(c.Values(metric))
		out.Values[metric] = summaryJSON{number(s.Median), number(s.Min), number(s.Max), s.N}
	}
	return out
}

// metrics returns all the metrics of a cell.
func metrics(c *bench.Cell) []string {
	names := map[string]bool{}
	for _, s := range c.Samples {
		for metric := range s.Values {
			names[metric] = true
		}
		if s.Latencies != nil {
			for _, q := range bench.Quantiles() {
				names[q] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// number returns v, or nil for what JSON has no number for.
func number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
