package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

// Text writes the verdicts as a table of plain text.
func (r *Report) Text(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, v := range r.Verdicts {
		l := r.line(v)
		fmt.Fprintln(t, strings.Join([]string{l.Word, l.Name, l.Ours, l.Peer, l.Ratio, l.Goal}, "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s\n", r.Score())
	return err
}

// Score says how many goals were met.
func (r *Report) Score() string {
	met, open := 0, 0
	for _, v := range r.Verdicts {
		switch {
		case v.Err != nil:
			open++
		case v.Met:
			met++
		}
	}
	s := fmt.Sprintf("%d of %d goals met", met, len(r.Verdicts))
	if open > 0 {
		s += fmt.Sprintf(", %d not decided", open)
	}
	return s
}

// A line is a verdict in words.
type line struct {
	Name, Goal, Word, Case string
	Ours, Peer, Ratio      string
	Met, Open              bool
	Why                    string // nothing can be said
	Experiment             string
	Row                    int
}

func (r *Report) line(v bench.Verdict) line {
	l := line{Name: v.Goal.Name, Goal: v.Goal.Text, Case: v.Case, Met: v.Met, Experiment: v.Goal.Experiment, Row: v.Goal.Row, Word: "missed", Ours: "–", Peer: "–", Ratio: "–"}
	if v.Err != nil {
		l.Word, l.Open, l.Why = "not decided", true, firstLine(v.Err.Error())
		return l
	}
	if v.Met {
		l.Word = "met"
	}
	unit := r.unit(v)
	l.Ours = Humanize(v.Ours, unit)
	if unit == "exponent" {
		l.Ours = exponent(v.Ours)
		l.Ratio = fmt.Sprintf("%s (%s…%s)", exponent(v.Ratio), exponent(v.Spread[0]), exponent(v.Spread[1]))
		return l
	}
	if v.BestPeerName != "" {
		l.Peer = Humanize(v.BestPeer, unit) + ", " + v.BestPeerName
	}
	if v.Ratio != 0 || v.Ours == 0 {
		of := ""
		if v.BestPeerName == "" {
			of = " of the limit"
		}
		l.Ratio = fmt.Sprintf("%s (%s…%s)%s", times(v.Ratio), plain(v.Spread[0]), plain(v.Spread[1]), of)
	}
	return l
}

func exponent(v float64) string { return fmt.Sprintf("n^%.2f", v) }

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}
