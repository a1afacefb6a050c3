package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

// A table has a head and rows, whose first cell is a contender.
type table struct {
	Title string
	Head  []string
	Rows  []row
}

type row struct {
	Name  string
	Ours  bool
	Look  string // the colour of the contender's lines
	Cells []string
}

// fewCases is up to how many cases each has a table of its own, with all columns.
const fewCases = 3

// tables returns the tables of an experiment's results.
func tables(r *bench.Results, looks map[string]look) []table {
	e := r.Experiment
	if len(e.Cases) <= fewCases && len(e.Columns) > 0 {
		var all []table
		for _, of := range e.Cases {
			all = append(all, caseTable(r, of, looks))
		}
		return all
	}
	all := []table{matrix(r, e.Metric, true, looks)}
	for _, metric := range e.Columns {
		all = append(all, matrix(r, metric, false, looks))
	}
	return all
}

// reference returns the contender of ours that others are compared with.
func reference(e bench.Experiment) string {
	for _, c := range e.Contenders {
		if c.Ours {
			return c.Name
		}
	}
	return ""
}

// able are the contenders that can do the work.
func able(e bench.Experiment) []bench.Contender {
	return slices.DeleteFunc(slices.Clone(e.Contenders), func(c bench.Contender) bool { return c.Cannot != "" })
}

func newRow(c bench.Contender, looks map[string]look) row {
	name := c.Name
	if c.Context {
		name += " (context)"
	}
	return row{Name: name, Ours: c.Ours, Look: looks[c.Name].variable()}
}

// caseTable has all columns of one case, the best contender first.
func caseTable(r *bench.Results, of bench.Case, looks map[string]look) table {
	e := r.Experiment
	t := table{Title: of.Label, Head: []string{"", columnTitle(e.Metric), "least … most", "ours = 1"}}
	if len(e.Cases) == 1 {
		t.Title = ""
	}
	for _, metric := range e.Columns {
		t.Head = append(t.Head, columnTitle(metric))
	}
	ours := bench.Summarize(r.Cell(reference(e), of.Label).Values(e.Metric))
	contenders := able(e)
	slices.SortStableFunc(contenders, func(a, b bench.Contender) int {
		x := bench.Summarize(r.Cell(a.Name, of.Label).Values(e.Metric))
		y := bench.Summarize(r.Cell(b.Name, of.Label).Values(e.Metric))
		if x.N == 0 || y.N == 0 {
			return cmp.Compare(min(y.N, 1), min(x.N, 1)) // those without a value last
		}
		if e.More {
			x, y = y, x
		}
		return cmp.Compare(x.Median, y.Median)
	})
	for _, c := range contenders {
		cell, out := r.Cell(c.Name, of.Label), newRow(c, looks)
		s := bench.Summarize(cell.Values(e.Metric))
		if s.N == 0 {
			out.Cells = append(out.Cells, absent(cell))
			for range len(t.Head) - 2 {
				out.Cells = append(out.Cells, "")
			}
			t.Rows = append(t.Rows, out)
			continue
		}
		unit := unitOf(e, e.Metric)
		out.Cells = append(out.Cells, Humanize(s.Median, unit), spread(s, unit), compared(s, ours))
		for _, metric := range e.Columns {
			out.Cells = append(out.Cells, value(bench.Summarize(cell.Values(metric)), unitOf(e, metric)))
		}
		t.Rows = append(t.Rows, out)
	}
	return t
}

// matrix has one metric in all cases.
func matrix(r *bench.Results, metric string, full bool, looks map[string]look) table {
	e := r.Experiment
	unit := unitOf(e, metric)
	t := table{Title: capital(columnTitle(metric)), Head: []string{e.AxisTitle}}
	gs := groups(e)
	fits := full && len(gs) == 1 && len(e.Cases) > 2
	for _, of := range e.Cases {
		t.Head = append(t.Head, of.Label)
	}
	if fits {
		t.Head = append(t.Head, "grows as")
	}
	for _, c := range able(e) {
		out, any := newRow(c, looks), false
		for _, of := range e.Cases {
			cell := r.Cell(c.Name, of.Label)
			s := bench.Summarize(cell.Values(metric))
			text := value(s, unit)
			switch {
			case s.N == 0 && full:
				text = absent(cell)
			case s.N > 0 && full:
				ours := bench.Summarize(r.Cell(reference(e), of.Label).Values(metric))
				text = fmt.Sprintf("%s (%s) %s", text, spread(s, unit), compared(s, ours))
			}
			any = any || s.N > 0 || full
			out.Cells = append(out.Cells, text)
		}
		if fits {
			text := "–"
			if f, err := r.Fit(c.Name, metric, nil); err == nil && f.N > 2 {
				text = fmt.Sprintf("n^%.2f", f.Exponent)
			}
			out.Cells = append(out.Cells, text)
		}
		if any {
			t.Rows = append(t.Rows, out)
		}
	}
	return t
}

func value(s bench.Summary, unit string) string {
	if s.N == 0 {
		return "–"
	}
	return Humanize(s.Median, unit)
}

func spread(s bench.Summary, unit string) string {
	if s.N == 1 {
		return "1 round"
	}
	return Humanize(s.Min, unit) + " … " + Humanize(s.Max, unit)
}

// compared returns how many times ours it is.
func compared(s, ours bench.Summary) string {
	if ours.N == 0 || ours.Median == 0 {
		return ""
	}
	return times(s.Median / ours.Median)
}

// absent says why there is no value.
func absent(c *bench.Cell) string {
	switch {
	case c.Err != nil:
		return "failed: " + firstLine(c.Err.Error())
	case c.Why != "":
		return c.Why
	}
	return "–"
}
