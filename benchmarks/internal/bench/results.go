package bench

import (
	"maps"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/perf/benchmath"
	"gonum.org/v1/gonum/floats"
)

// Cell holds what one contender gave for one case.
type Cell struct {
	Contender, Case string
	Samples         []Sample // one a round
	Why             string   // why there are none, if that is as it should be
	Err             error    // what went wrong; there may be samples of earlier rounds
}

// Results hold what an experiment gave.
type Results struct {
	Experiment Experiment
	Cells      map[string]map[string]*Cell // by contender and case
	Rounds     int                         // that were done
	Trimmed    string                      // why fewer than the experiment wants, or than asked for
	Seconds    float64                     // it took
}

// NewResults returns results without samples.
func NewResults(e Experiment) *Results {
	r := &Results{Experiment: e, Cells: map[string]map[string]*Cell{}}
	for _, c := range e.Contenders {
		r.Cells[c.Name] = map[string]*Cell{}
		for _, of := range e.Cases {
			r.Cells[c.Name][of.Label] = &Cell{Contender: c.Name, Case: of.Label, Why: c.Why(of)}
		}
	}
	return r
}

// Cell returns what the contender gave for the case, nil if there are none such.
func (r *Results) Cell(contender, label string) *Cell { return r.Cells[contender][label] }

// Values returns a metric of all rounds. Percentiles of latencies are metrics too:
// "p50-ns", "p99-ns", "p99.9-ns", "max-ns".
func (c *Cell) Values(metric string) []float64 {
	if c == nil {
		return nil
	}
	var values []float64
	for _, s := range c.Samples {
		v, ok := s.Values[metric]
		if q, is := quantiles[metric]; !ok && is && s.Latencies != nil {
			v, ok = float64(s.Latencies.ValueAtQuantile(q)), true
		}
		if ok {
			values = append(values, v)
		}
	}
	return values
}

var quantiles = map[string]float64{"p50-ns": 50, "p99-ns": 99, "p99.9-ns": 99.9, "max-ns": 100}

// Latencies returns the latencies of all rounds together, nil if there are none.
func (c *Cell) Latencies() *hdrhistogram.Histogram {
	var all *hdrhistogram.Histogram
	if c == nil {
		return nil
	}
	for _, s := range c.Samples {
		if s.Latencies == nil {
			continue
		}
		if all == nil {
			all = NewHistogram()
		}
		all.Merge(s.Latencies)
	}
	return all
}

// Summary is the middle and the ends of several values.
type Summary struct {
	Median, Min, Max float64
	N                int
}

// Summarize returns the summary of values; N is 0 if there are none.
func Summarize(values []float64) Summary {
	if len(values) == 0 {
		return Summary{}
	}
	return Summary{Median: Median(values), Min: floats.Min(values), Max: floats.Max(values), N: len(values)}
}

// Median returns the median of at least one value.
func Median(values []float64) float64 {
	sample := benchmath.NewSample(append([]float64(nil), values...), &benchmath.DefaultThresholds)
	return benchmath.AssumeNothing.Summary(sample, 0.95).Center
}

// Quantiles returns the names of the metrics that latencies give.
func Quantiles() []string { return slices.Sorted(maps.Keys(quantiles)) }
