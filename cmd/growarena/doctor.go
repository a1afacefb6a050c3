package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/growarena/growarena/cmd/growarena/internal/doctor"
)

const doctorHead = `Usage: growarena doctor [-json]

Finds out what this machine offers, by trying it, and which settings it has. For
each thing that costs you something it says what, and what to change. The exit
code is 1 if no arena can be made and grown here.

`

// errUnusable is the outcome where arenas do not work.
var errUnusable = errors.New("no arena can be made and grown here: see what is missing")

// doctor is the command of that name.
func (p *program) doctor(args []string) error {
	f := p.flags("doctor", doctorHead, "")
	asJSON := f.Bool("json", false, "print one JSON object")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return usagef("unexpected %q", f.Args())
	}
	r := doctor.Examine()
	var err error
	if *asJSON {
		out := json.NewEncoder(p.stdout)
		out.SetIndent("", "  ")
		out.SetEscapeHTML(false) // Commands hold a >.
		err = out.Encode(r)
	} else {
		err = printReport(p.stdout, r)
	}
	if err == nil && !r.Usable {
		err = errUnusable
	}
	return err
}

// textWidth is where text of more than a few words is broken.
const textWidth = 100

// printReport prints the rows group by group, and under each what it costs and
// what to change.
func printReport(w io.Writer, r doctor.Report) error {
	var text strings.Builder
	names := 0
	for _, row := range r.Rows {
		names = max(names, len(row.Name))
	}
	under := strings.Repeat(" ", 2+len(doctor.Costs)+2) // where names begin
	group, bad := "", 0
	for _, row := range r.Rows {
		if row.Group != group {
			group = row.Group
			fmt.Fprintf(&text, "%s\n", group)
		}
		fmt.Fprintf(&text, "  %-*s  %-*s  %s\n", len(doctor.Costs), row.Verdict, names, row.Name, row.Value)
		if row.Verdict != doctor.OK {
			bad++
		}
		if row.Cost != "" {
			fmt.Fprintf(&text, "%s  cost:   %s\n", under, wrap(row.Cost, under+"          "))
		}
		if row.Change != "" {
			// Not broken: it is for copying.
			fmt.Fprintf(&text, "%s  change: %s\n", under, row.Change)
		}
	}
	fmt.Fprintf(&text, "\n%d of %d are as good as they get.\n", len(r.Rows)-bad, len(r.Rows))
	_, err := io.WriteString(w, text.String())
	return err
}

// wrap breaks s into lines, all but the first behind indent.
func wrap(s, indent string) string {
	var text strings.Builder
	n := len(indent)
	for i, word := range strings.Fields(s) {
		switch {
		case i == 0:
		case n+1+len(word) > textWidth:
			text.WriteString("\n" + indent)
			n = len(indent)
		default:
			text.WriteString(" ")
			n++
		}
		text.WriteString(word)
		n += len(word)
	}
	return text.String()
}
