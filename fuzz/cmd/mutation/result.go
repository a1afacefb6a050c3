package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/growarena/growarena/fuzz/internal/reasons"
)

// A mutation is a change that was tried.
type mutation struct {
	file, kind   string
	line, column int
	text         string // of the line
	status       string
	why          string // it is harmless
}

// result is what came of a package.
type result struct {
	pkg  string
	all  []mutation
	dead int // noticed, or hanging the tests
	ran  int
}

// parseReport reads what gremlins has written.
func parseReport(pkg string, text []byte) (*result, error) {
	var report struct {
		Files []struct {
			Name      string `json:"file_name"`
			Mutations []struct {
				Type, Status string
				Line, Column int
			}
		}
	}
	if err := json.Unmarshal(text, &report); err != nil {
		return nil, err
	}
	r := &result{pkg: pkg}
	for _, f := range report.Files {
		name := filepath.Join(pkg, filepath.Base(f.Name))
		source, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		lines := strings.Split(string(source), "\n")
		for _, m := range f.Mutations {
			if m.Line < 1 || m.Line > len(lines) {
				return nil, fmt.Errorf("%s has no line %d", name, m.Line)
			}
			r.add(mutation{
				file: name, kind: m.Type, line: m.Line, column: m.Column,
				text: strings.TrimSpace(lines[m.Line-1]), status: m.Status,
			})
		}
	}
	return r, nil
}

func (r *result) add(m mutation) {
	r.all = append(r.all, m)
	switch m.status {
	case "KILLED", "TIMED OUT":
		r.dead++
		r.ran++
	case "LIVED":
		r.ran++
	}
}

// explain gives those that live their reasons.
func (r *result) explain(known []reasons.Reason) {
	for i := range r.all {
		if m := &r.all[i]; m.status == "LIVED" {
			m.why = reasons.Find(known, m.text, m.file, m.kind)
		}
	}
}

// print prints the result, and reports whether it is good enough.
func (r *result) print(out io.Writer) bool {
	slices.SortFunc(r.all, func(a, b mutation) int {
		if c := strings.Compare(a.file, b.file); c != 0 {
			return c
		}
		return a.line - b.line
	})
	share := 100
	if r.ran > 0 {
		share = 100 * r.dead / r.ran
	}
	good := share >= least
	fmt.Fprintf(out, "%s: %d of %d died, %d %%\n", r.pkg, r.dead, r.ran, share)
	for _, m := range r.all {
		if m.status != "LIVED" {
			continue
		}
		if m.why == "" {
			good = false
		}
		fmt.Fprintf(out, "  lives: %s:%d:%d %s: %s: %s\n", m.file, m.line, m.column, m.kind, m.text, m.why)
	}
	return good
}
