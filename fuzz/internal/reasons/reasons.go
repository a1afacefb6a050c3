// Package reasons, for those who change growarena, reads lists of what is known and harmless, each
// with the reason: statements that no test reaches, changes that no test notices.
package reasons

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// A Reason says why something is as it is. It is known by names and a part of its text, not
// by line numbers, which move.
type Reason struct {
	Keys      []string // names, such as that of a file or a function
	Text      string   // a part of the text; "" is a part of any
	Why       string
	Sometimes bool // it is so in some runs only
	Used      bool // Find has found it
}

// Form is how the lines of a list look: KEY | TEXT | WHY, with as many keys as it names. Of
// these all but the first may be empty, which stands for any. TEXT may hold bars.
type Form struct {
	Keys    []string
	AnyText bool // TEXT may be empty
}

// String returns how a line looks.
func (f Form) String() string { return strings.Join(f.Keys, " | ") + " | TEXT | WHY" }

// Parse reads a list. A line that begins with ~ is about what is so in some runs only. Empty
// lines and those that begin with # say nothing.
func (f Form) Parse(r io.Reader) ([]Reason, error) {
	var all []Reason
	in := bufio.NewScanner(r)
	for n := 1; in.Scan(); n++ {
		line := strings.TrimSpace(in.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		line, sometimes := strings.CutPrefix(line, "~ ")
		fields := strings.Split(line, "|")
		keys, last := len(f.Keys), len(fields)-1
		if last < keys+1 {
			return nil, fmt.Errorf("line %d: want %v, have %q", n, f, line)
		}
		one := Reason{
			Text: strings.TrimSpace(strings.Join(fields[keys:last], "|")), Why: strings.TrimSpace(fields[last]), Sometimes: sometimes,
		}
		for _, key := range fields[:keys] {
			one.Keys = append(one.Keys, strings.TrimSpace(key))
		}
		if one.Keys[0] == "" || one.Why == "" || one.Text == "" && !f.AnyText {
			return nil, fmt.Errorf("line %d: want %v, have %q", n, f, line)
		}
		all = append(all, one)
	}
	return all, in.Err()
}

// Find returns the reason of what has these names and this text, and notes that it is used,
// or "" if there is none.
func Find(all []Reason, text string, keys ...string) string {
	for i := range all {
		if r := &all[i]; r.is(keys) && strings.Contains(text, r.Text) {
			r.Used = true
			return r.Why
		}
	}
	return ""
}

// is reports whether r is about these names.
func (r *Reason) is(keys []string) bool {
	for i, key := range r.Keys {
		if key != keys[i] && (key != "" || i == 0) {
			return false
		}
	}
	return true
}
