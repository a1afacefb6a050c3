package bench

import (
	"fmt"
	"math"
	"slices"
)

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

	// Per makes what is compared of a value of Metric: its share of the case's
	// size, say. Unit is that of the result, as at Experiment. Both may be left out.
	Per  func(of Case, v float64) float64
	Unit string

	// Decide takes the place of Rule where that does not say it.
	Decide func(*Results) Verdict
}

// Verdict is what results say of a goal.
type Verdict struct {
	Goal         Goal
	Case         string // the one that decided
	Ours         float64
	BestPeer     float64 // 0 if there is none
	BestPeerName string
	Ratio        float64    // ours / best peer, or ours / limit without one; for FlatAtMost the exponent
	Spread       [2]float64 // least and most of Ratio in one round
	Met          bool
	Err          error // why nothing can be said; Met is false then
}

// Check decides the goal. Results may be nil if the experiment was not done.
func (g Goal) Check(r *Results) Verdict {
	v := g.check(r)
	v.Goal = g
	if v.Err != nil {
		v.Met = false
	}
	return v
}

func (g Goal) check(r *Results) Verdict {
	if r == nil {
		return Verdict{Err: fmt.Errorf("experiment %s was not run", g.Experiment)}
	}
	if g.Decide != nil {
		return g.Decide(r)
	}
	if g.Metric == "" {
		g.Metric = r.Experiment.Metric
	}
	if g.Rule == FlatAtMost {
		return g.flat(r)
	}
	var worst Verdict
	found := false
	for _, of := range r.Experiment.Cases {
		if len(g.Cases) > 0 && !slices.Contains(g.Cases, of.Label) {
			continue
		}
		if cell := r.Cell(g.Ours, of.Label); cell != nil && cell.Why != "" {
			continue
		}
		v := g.checkCase(r, of)
		if v.Err != nil {
			return v
		}
		if !found || g.margin(v) > g.margin(worst) {
			worst, found = v, true
		}
	}
	if !found {
		return Verdict{Err: fmt.Errorf("no case of %v was run", g.Cases)}
	}
	return worst
}

// margin is how far v is from the goal: the more, the worse.
func (g Goal) margin(v Verdict) float64 {
	switch g.Rule {
	case AtMost:
		return v.Ours
	case AtLeast:
		return -v.Ours
	}
	return v.Ratio
}

func (g Goal) checkCase(r *Results, of Case) Verdict {
	ours := g.values(r, g.Ours, of)
	if len(ours) == 0 {
		if cell := r.Cell(g.Ours, of.Label); cell != nil && cell.Err != nil {
			return Verdict{Case: of.Label, Err: cell.Err}
		}
		return Verdict{Case: of.Label, Err: fmt.Errorf("%s has no %s for %s", g.Ours, g.Metric, of.Label)}
	}
	v := Verdict{Case: of.Label, Ours: Median(ours)}
	var best []float64
	for _, c := range r.Experiment.Contenders {
		if len(g.Peers) > 0 && !slices.Contains(g.Peers, c.Name) || len(g.Peers) == 0 && (c.Ours || c.Context) {
			continue
		}
		peer := g.values(r, c.Name, of)
		if len(peer) == 0 {
			continue
		}
		if m := Median(peer); v.BestPeerName == "" || (m > v.BestPeer) == r.Experiment.More {
			v.BestPeer, v.BestPeerName, best = m, c.Name, peer
		}
	}
	switch g.Rule {
	case RatioAtMost, FactorAtLeast:
		if best == nil {
			v.Err = fmt.Errorf("no peer has %s for %s", g.Metric, of.Label)
			return v
		}
		v.Ratio = v.Ours / v.BestPeer
		v.Spread = ratios(ours, best)
		v.Met = g.Rule == RatioAtMost && v.Ratio <= g.Limit || g.Rule == FactorAtLeast && v.Ratio <= 1/g.Limit
	case AtMost, AtLeast:
		v.Met = g.Rule == AtMost && v.Ours <= g.Limit || g.Rule == AtLeast && v.Ours >= g.Limit
		if best != nil && v.BestPeer != 0 {
			v.Ratio, v.Spread = v.Ours/v.BestPeer, ratios(ours, best)
		} else if g.Limit != 0 {
			v.Ratio, v.Spread = v.Ours/g.Limit, ratios(ours, []float64{g.Limit})
		}
	}
	return v
}

// values returns what contender gave for the case, as it is compared.
func (g Goal) values(r *Results, contender string, of Case) []float64 {
	values := r.Cell(contender, of.Label).Values(g.Metric)
	if g.Per != nil {
		for i, v := range values {
			values[i] = g.Per(of, v)
		}
	}
	return values
}

// ratios returns the least and the most of ours/peer, round by round.
func ratios(ours, peer []float64) [2]float64 {
	s := [2]float64{math.Inf(1), math.Inf(-1)}
	for i, o := range ours {
		q := o / peer[min(i, len(peer)-1)]
		s[0], s[1] = min(s[0], q), max(s[1], q)
	}
	return s
}

func (g Goal) flat(r *Results) Verdict {
	fit, err := r.Fit(g.Ours, g.Metric, g.Cases)
	if err != nil {
		return Verdict{Err: err}
	}
	return Verdict{
		Ours: fit.Exponent, Ratio: fit.Exponent, Spread: fit.Spread,
		Met: fit.Exponent <= g.Limit,
	}
}
