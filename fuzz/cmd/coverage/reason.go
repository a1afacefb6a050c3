package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// A reason says why a gap is one. It is known by the function and a part of the
// text, not by lines, which move.
type reason struct {
	function, text string
	why            string
	sometimes      bool // the gap is one in some runs only
	used           bool // there is such a gap
}

// parseReasons reads lines of FUNCTION | TEXT | WHY, where an empty TEXT stands for
// every gap in the function, and TEXT may hold bars. A line that begins with ~ is
// about what some runs reach, and others do not. Empty lines and those that begin
// with # say nothing.
func parseReasons(r io.Reader) ([]reason, error) {
	var all []reason
	in := bufio.NewScanner(r)
	for n := 1; in.Scan(); n++ {
		line := strings.TrimSpace(in.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		line, sometimes := strings.CutPrefix(line, "~ ")
		function, rest, _ := strings.Cut(line, " | ")
		rest = " " + rest // An empty text has no space of its own.
		at := strings.LastIndex(rest, " | ")
		if function == "" || strings.Contains(function, "|") || at < 0 || strings.TrimSpace(rest[at+3:]) == "" {
			return nil, fmt.Errorf("line %d: want FUNCTION | TEXT | WHY, have %q", n, line)
		}
		all = append(all, reason{
			function: strings.TrimSpace(function), text: strings.TrimSpace(rest[:at]),
			why: strings.TrimSpace(rest[at+3:]), sometimes: sometimes,
		})
	}
	return all, in.Err()
}

// explain gives gaps their reasons.
func explain(gaps []gap, reasons []reason) {
	for i := range gaps {
		g := &gaps[i]
		for k := range reasons {
			r := &reasons[k]
			if r.function == g.function && strings.Contains(g.text, r.text) {
				g.reason, r.used = r.why, true
				break
			}
		}
	}
}
