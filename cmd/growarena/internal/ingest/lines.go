package ingest

import (
	"bytes"
	"regexp"
)

// tally is what a scan counts.
type tally struct{ lines, matches int }

func (t *tally) add(o tally) {
	t.lines += o.lines
	t.matches += o.matches
}

// matcher counts lines and those that match an expression. Safe for concurrent
// use.
type matcher struct {
	re     *regexp.Regexp // nil: no line matches. Immutable.
	prefix []byte         // every match begins with it. Immutable.
}

func newMatcher(re *regexp.Regexp) *matcher {
	m := &matcher{re: re}
	if re != nil {
		prefix, _ := re.LiteralPrefix()
		m.prefix = []byte(prefix)
	}
	return m
}

// count counts the lines of b, which begins where a line does. What follows the
// last '\n' is a line too, unless it is empty.
func (m *matcher) count(b []byte) tally {
	t := tally{lines: bytes.Count(b, newline)}
	if n := len(b); n > 0 && b[n-1] != '\n' {
		t.lines++
	}
	if m.re == nil {
		return t
	}
	for len(b) > 0 {
		// Most lines do not hold the literal text that a match begins with; to
		// look for it in all of b is faster than line by line.
		i := bytes.Index(b, m.prefix)
		if i < 0 {
			break
		}
		start := bytes.LastIndexByte(b[:i], '\n') + 1
		end, next := len(b), len(b)
		if n := bytes.IndexByte(b[i:], '\n'); n >= 0 {
			end, next = i+n, i+n+1
		}
		if m.re.Match(b[start:end]) {
			t.matches++
		}
		b = b[next:]
	}
	return t
}

// recount is count as one would write it first, and shares nothing with it: the
// second opinion of the final check. It gives up when stop says so.
func recount(re *regexp.Regexp, b []byte, stop func() bool) (t tally) {
	for len(b) > 0 {
		line, rest, _ := bytes.Cut(b, newline)
		t.lines++
		if re != nil && re.Match(line) {
			t.matches++
		}
		if b = rest; t.lines%stopEvery == 0 && stop() {
			break
		}
	}
	return t
}

// stopEvery is after how many lines recount asks whether to stop: some
// milliseconds of work.
const stopEvery = 1 << 14

var newline = []byte{'\n'}
