package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// markdown writes the report as Markdown, with the plots in files beside it.
func (r *Report) markdown(w io.Writer, sections []section) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# growarena beside its peers\n\n%s\n\n", r.setting())
	fmt.Fprintf(&b, "## Goals: %s\n\n", r.Score())
	fmt.Fprintf(&b, "| | goal | ours | held against | ratio (where it lies 9 times in 10) | decided by |\n|---|---|---|---|---|---|\n")
	for _, v := range r.Verdicts {
		l := r.line(v)
		fmt.Fprintln(&b, pipes(mark(l), l.Goal, l.Ours, l.Peer, l.Ratio, l.decidedBy()))
	}
	for _, s := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n%s.\n", s.Title, s.Work, s.Rounds)
		for _, t := range s.Tables {
			if t.Title != "" {
				fmt.Fprintf(&b, "\n**%s**\n", t.Title)
			}
			fmt.Fprintf(&b, "\n%s\n%s\n", pipes(t.Head...), pipes(slices.Repeat([]string{"---"}, len(t.Head))...))
			for _, row := range t.Rows {
				name := row.Name
				if row.Ours {
					name = "**" + name + "**"
				}
				fmt.Fprintln(&b, pipes(append([]string{name}, row.Cells...)...))
			}
		}
		for _, p := range s.Charts {
			fmt.Fprintf(&b, "\n![%s](%s)\n", p.Title, p.File)
		}
		if len(s.Notes)+len(s.Cannot)+len(s.Failures) > 0 {
			fmt.Fprintln(&b)
		}
		for _, n := range s.Notes {
			fmt.Fprintf(&b, "- %s: %s.\n", n.Name, n.Text)
		}
		for _, n := range s.Cannot {
			fmt.Fprintf(&b, "- %s **cannot**: %s.\n", n.Name, n.Text)
		}
		for _, f := range s.Failures {
			fmt.Fprintf(&b, "- **failed**: %s\n", firstLine(f))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// pipes returns a row of a table.
func pipes(cells ...string) string {
	var b strings.Builder
	for _, c := range cells {
		b.WriteString("| " + strings.ReplaceAll(c, "|", "\\|") + " ")
	}
	return b.String() + "|"
}

// mark returns the verdict in a word that stands out if it is not met.
func mark(l line) string {
	if l.Word == "met" {
		return l.Word
	}
	return "**" + l.Word + "**"
}

// decidedBy says which experiment and case the verdict is from.
func (l line) decidedBy() string {
	if l.Why != "" {
		return l.Experiment + ": " + l.Why
	}
	if l.Case == "" {
		return l.Experiment
	}
	return l.Experiment + ", " + l.Case
}

// setting says where, when and how.
func (r *Report) setting() string {
	m := r.Machine
	var settings []string
	for _, k := range slices.Sorted(maps.Keys(m.Settings)) {
		settings = append(settings, k+" "+m.Settings[k])
	}
	s := fmt.Sprintf("%s, %d cores, %s of memory; %s; %s; %s. `%s`, %s.",
		m.CPU, m.Cores, Humanize(float64(m.Memory), "bytes"), m.Kernel, m.Go, m.Date, m.Command, Humanize(m.Seconds, "s"))
	if len(settings) > 0 {
		s += " Settings: " + strings.Join(settings, ", ") + "."
	}
	if r.Quick {
		s += " A quick run: smaller work, fewer rounds and contenders; for figures to rely on, run without -quick."
	}
	return s
}
