package report

import (
	"fmt"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

// A section tells of one experiment.
type section struct {
	Name, Title, Work string
	Rounds            string
	Lines             []line // the goals it is about
	Tables            []table
	Notes             []note // what the contenders are
	Cannot            []note
	Failures          []string
	Charts            []picture
}

type note struct {
	Name, Text, Look string
	Ours             bool
}

// A picture is a chart that was drawn.
type picture struct {
	Title, File, SVG string
}

// sections returns a section for each experiment.
func (r *Report) sections() []section {
	experiments := make([]bench.Experiment, len(r.Results))
	for i, results := range r.Results {
		experiments[i] = results.Experiment
	}
	l := looks(experiments)
	var all []section
	for _, results := range r.Results {
		all = append(all, r.section(results, l))
	}
	return all
}

func (r *Report) section(results *bench.Results, looks map[string]look) section {
	e := results.Experiment
	s := section{Name: e.Name, Title: e.Title, Work: e.Work, Tables: tables(results, looks)}
	s.Rounds = fmt.Sprintf("%d rounds", results.Rounds)
	if results.Rounds == 1 {
		s.Rounds = "1 round"
	}
	if e.Child {
		s.Rounds += ", each sample in a process of its own"
	}
	if results.Trimmed != "" {
		s.Rounds += ". Time was short: " + results.Trimmed
	}
	for _, v := range r.Verdicts {
		if v.Goal.Experiment == e.Name {
			s.Lines = append(s.Lines, r.line(v))
		}
	}
	for _, c := range e.Contenders {
		switch {
		case c.Cannot != "":
			s.Cannot = append(s.Cannot, note{Name: c.Name, Text: c.Cannot})
		case c.Note != "":
			s.Notes = append(s.Notes, note{c.Name, c.Note, looks[c.Name].variable(), c.Ours})
		}
		for _, of := range e.Cases {
			if cell := results.Cell(c.Name, of.Label); cell.Err != nil {
				s.Failures = append(s.Failures, cell.Err.Error())
			}
		}
	}
	for i, c := range charts(results, looks) {
		s.Charts = append(s.Charts, picture{c.title, fmt.Sprintf("%s-%d.svg", e.Name, i+1), c.svg()})
	}
	return s
}
