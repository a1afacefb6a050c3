package doctor

import "github.com/growarena/growarena/arena"

// Verdict is what a row comes to.
type Verdict string

// The verdicts.
const (
	OK      Verdict = "ok"
	Costs   Verdict = "costs you" // works, but not as it could
	Missing Verdict = "missing"   // does not work here
)

// Row is one thing that was looked at.
type Row struct {
	Group   string  `json:"group"`
	Name    string  `json:"name"`
	Value   string  `json:"value"`
	Verdict Verdict `json:"verdict"`

	// Cost and Change are empty if the verdict is OK.
	Cost   string `json:"cost,omitempty"`   // what it costs
	Change string `json:"change,omitempty"` // what to do about it: a command where there is one
}

// Report is all rows, and the object that -json prints.
type Report struct {
	// Usable says whether arenas can be made and grown here at all.
	Usable bool  `json:"usable"`
	Rows   []Row `json:"rows"`
}

// Examine looks at the machine.
func Examine() Report {
	rungs := rungRows()
	var r Report
	features := arena.Features() // Tried once.
	r.add("machine", append(machineRows(disk), insideRows(disk)...))
	r.add("growth", rungs)
	r.add("kernel features", append(featureRows(features), trackingRow()))
	r.add("memory", memoryRows(disk, features))
	r.add("prices", priceRows())
	r.add("limits", limitRows(disk))
	for _, rung := range rungs {
		// Without the first rung there is nothing; the rest can stand in for each
		// other, but one of them must be there.
		r.Usable = r.Usable || rung.Verdict == OK && rung.Name != "in-window"
	}
	r.Usable = r.Usable && rungs[0].Verdict == OK
	return r
}

func (r *Report) add(group string, rows []Row) {
	for _, row := range rows {
		row.Group = group
		r.Rows = append(r.Rows, row)
	}
}

func ok(name, value string) Row { return Row{Name: name, Value: value, Verdict: OK} }

func costs(name, value, cost, change string) Row {
	return Row{Name: name, Value: value, Verdict: Costs, Cost: cost, Change: change}
}

func missing(name, value, cost, change string) Row {
	return Row{Name: name, Value: value, Verdict: Missing, Cost: cost, Change: change}
}
