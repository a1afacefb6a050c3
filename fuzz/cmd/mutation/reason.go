package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// A reason says why a change that lives is harmless. It is known by the file and a part
// of the line, which move less than numbers do.
type reason struct {
	file, kind, text string // kind may be empty: any
	why              string
	used             bool // there is such a change
}

// parseReasons reads lines of FILE | KIND | TEXT | WHY, where an empty KIND stands for
// any, and TEXT may hold bars. Empty lines and those that begin with # say nothing.
func parseReasons(r io.Reader) ([]reason, error) {
	var all []reason
	in := bufio.NewScanner(r)
	for n := 1; in.Scan(); n++ {
		line := strings.TrimSpace(in.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, "|")
		if len(fields) < 4 {
			return nil, fmt.Errorf("harmless.txt, line %d: want FILE | KIND | TEXT | WHY, have %q", n, line)
		}
		last := len(fields) - 1
		h := reason{
			file: strings.TrimSpace(fields[0]), kind: strings.TrimSpace(fields[1]),
			text: strings.TrimSpace(strings.Join(fields[2:last], "|")), why: strings.TrimSpace(fields[last]),
		}
		if h.file == "" || h.text == "" || h.why == "" {
			return nil, fmt.Errorf("harmless.txt, line %d: only KIND may be empty: %q", n, line)
		}
		all = append(all, h)
	}
	return all, in.Err()
}
