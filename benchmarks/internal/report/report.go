// Package report tells what a run has shown: as JSON, as Markdown, and as a page
// of HTML with plots.
package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

// Report is what a run has shown.
type Report struct {
	Machine  Machine
	Results  []*bench.Results
	Verdicts []bench.Verdict
	Quick    bool
}

// New decides the goals.
func New(m Machine, results []*bench.Results, goals []bench.Goal, quick bool) *Report {
	r := &Report{Machine: m, Results: results, Quick: quick}
	for _, g := range goals {
		r.Verdicts = append(r.Verdicts, g.Check(r.results(g.Experiment)))
	}
	return r
}

// results returns those of an experiment, nil if it was not run.
func (r *Report) results(experiment string) *bench.Results {
	i := slices.IndexFunc(r.Results, func(x *bench.Results) bool { return x.Experiment.Name == experiment })
	if i < 0 {
		return nil
	}
	return r.Results[i]
}

// unit returns the unit of a verdict's values.
func (r *Report) unit(v bench.Verdict) string {
	g := v.Goal
	results := r.results(g.Experiment)
	switch {
	case g.Rule == bench.FlatAtMost:
		return "exponent"
	case g.Per != nil || g.Unit != "":
		return g.Unit
	case results != nil:
		return unitOf(results.Experiment, g.Metric)
	}
	return unitOf(bench.Experiment{}, g.Metric)
}

// A group is the cases of an experiment that differ only in where they lie on its axis:
// what one line of a plot connects.
type group struct {
	title string // what they have in common; empty if there is one group
	cases []bench.Case
}

func (g group) labels() []string {
	labels := make([]string, len(g.cases))
	for i, c := range g.cases {
		labels[i] = c.Label
	}
	return labels
}

// groups returns the cases of an experiment in groups, each along the axis.
func groups(e bench.Experiment) []group {
	if e.Axis == "" {
		return nil
	}
	type common struct {
		size              int64
		goroutines, count int
	}
	var all []group
	index := map[common]int{}
	for _, c := range e.Cases {
		k := common{c.Size, c.Goroutines, c.Count}
		switch e.Axis {
		case "size":
			k.size = 0
		case "goroutines":
			k.goroutines = 0
		default:
			k.count = 0
		}
		i, ok := index[k]
		if !ok {
			i = len(all)
			index[k] = i
			all = append(all, group{title: commonTitle(k.size, k.goroutines, k.count)})
		}
		all[i].cases = append(all[i].cases, c)
	}
	for i := range all {
		slices.SortStableFunc(all[i].cases, func(a, b bench.Case) int { return cmp.Compare(e.X(a), e.X(b)) })
		if len(all) == 1 {
			all[i].title = ""
		}
	}
	return all
}

func commonTitle(size int64, goroutines, count int) string {
	title := ""
	add := func(s string) {
		if title != "" {
			title += ", "
		}
		title += s
	}
	if size != 0 {
		add(Humanize(float64(size), "bytes"))
	}
	if goroutines != 0 {
		add(fmt.Sprintf("%d goroutines", goroutines))
	}
	if count != 0 {
		add("n = " + Humanize(float64(count), ""))
	}
	return title
}
