package bench

// Rule is how a goal is decided.
type Rule int

// The rules. Where a goal has several cases, the worst decides.
const (
	RatioAtMost   Rule = iota // ours / best peer ≤ Limit
	FactorAtLeast             // best peer / ours ≥ Limit
	AtMost                    // ours ≤ Limit, with or without peers
	AtLeast                   // ours ≥ Limit, with or without peers
	FlatAtMost                // ours grows with the cases' axis to a power ≤ Limit
)

// Goal is a claim about an experiment's results.
type Goal struct {
	Name       string // unique, lower case with dashes
	Row        int    // of the table of goals, from 1
	Experiment string
	Text       string // the claim, for people: "total ≤ 0.4 × the best peer"

	Rule   Rule
	Limit  float64
	Metric string   // the experiment's own if empty
	Ours   string   // name of the contender
	Peers  []string // that it is held against; empty: all that are neither ours nor Context
	Cases  []string // labels; empty: all. Those the run does not have are left out.

	// Exact marks what does not vary from round to round: one round decides.
	Exact bool

	// Per makes what is compared of a value of Metric: its share of the case's
	// size, say. Unit is that of the result, as at Experiment. Both may be left out.
	Per  func(of Case, v float64) float64
	Unit string
}
