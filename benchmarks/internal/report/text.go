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
	var n [bench.Noise + 1]int
	for _, v := range r.Verdicts {
		n[v.Outcome]++
	}
	s := fmt.Sprintf("%d of %d goals met", n[bench.Met], len(r.Verdicts))
	for _, o := range []bench.Outcome{bench.Missed, bench.Noise, bench.Open} {
		if n[o] > 0 {
			s += fmt.Sprintf(", %d %s", n[o], o)
		}
	}
	return s
}

// A line is a verdict in words.
type line struct {
	Name, Goal, Word, Case string
	Ours, Peer, Ratio      string
	Why                    string // nothing can be said
	Experiment             string
	Row                    int
}

func (r *Report) line(v bench.Verdict) line {
	l := line{Name: v.Goal.Name, Goal: v.Goal.Text, Case: v.Case, Experiment: v.Goal.Experiment, Row: v.Goal.Row, Word: v.Outcome.String(), Ours: "–", Peer: "–", Ratio: "–"}
	if v.Err != nil {
		l.Why = firstLine(v.Err.Error())
		return l
	}
	if v.Outcome == bench.Open {
		l.Why = fmt.Sprintf("done %d times, which is too seldom to tell", v.Rounds)
	}
	unit := r.unit(v)
	l.Ours = Humanize(v.Ours, unit)
	if unit == "exponent" {
		l.Ours = exponent(v.Ours)
		l.Ratio = fmt.Sprintf("%s (%s…%s)", exponent(v.Ratio), exponent(v.Interval[0]), exponent(v.Interval[1]))
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
		l.Ratio = fmt.Sprintf("%s (%s…%s)%s", times(v.Ratio), plain(v.Interval[0]), plain(v.Interval[1]), of)
	}
	return l
}

func exponent(v float64) string { return fmt.Sprintf("n^%.2f", v) }

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}
