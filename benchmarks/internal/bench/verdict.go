package bench

import (
	"fmt"
	"slices"

	"golang.org/x/perf/benchmath"
)

// Verdict is what results say of a goal.
type Verdict struct {
	Goal         Goal
	Case         string // the one that decided
	Ours         float64
	BestPeer     float64 // 0 if there is none
	BestPeerName string
	Ratio        float64    // ours / best peer, or ours / limit without one; for FlatAtMost the exponent
	Interval     [2]float64 // in which Ratio lies, 9 times in 10: see interval
	Rounds       int        // it was tried
	Outcome      Outcome
	Err          error // why nothing can be said; Outcome is Open then
}

// Outcome says whether a goal is reached.
type Outcome int

// The outcomes. A goal is open if nothing is known of it, or it was tried less than five times.
const (
	Open   Outcome = iota
	Met            // the whole interval is on the good side of the limit
	Missed         // the whole interval is on the other side
	Noise          // the limit lies in the interval: this run cannot tell
)

// String returns the outcome in words.
func (o Outcome) String() string { return [...]string{"not decided", "met", "missed", "noise"}[o] }

// decisive is how many rounds decide a goal. The median of what varies lies between the
// least and the most of five with a probability of 94 %.
const decisive = 5

// decide holds what was found in each round against the limit.
func (g Goal) decide(values []float64, limit float64, atMost bool) Outcome {
	if len(values) < decisive && !(g.Exact && len(values) > 0) {
		return Open
	}
	in := interval(values)
	if !atMost {
		in, limit = [2]float64{-in[1], -in[0]}, -limit
	}
	switch {
	case in[1] <= limit:
		return Met
	case in[0] > limit:
		return Missed
	}
	return Noise
}

// interval returns between what the median lies with a probability of 90 % and more, by
// the order of the values. Of fewer than five it is the least and the most.
func interval(values []float64) [2]float64 {
	if len(values) < decisive {
		return [2]float64{slices.Min(values), slices.Max(values)}
	}
	s := benchmath.AssumeNothing.Summary(benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds), 0.9)
	return [2]float64{s.Lo, s.Hi}
}

// Check decides the goal. Results may be nil if the experiment was not done.
func (g Goal) Check(r *Results) Verdict {
	v := g.check(r)
	v.Goal = g
	if v.Err != nil {
		v.Outcome = Open
	}
	return v
}

func (g Goal) check(r *Results) Verdict {
	if r == nil {
		return Verdict{Err: fmt.Errorf("experiment %s was not run", g.Experiment)}
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
	v := Verdict{Case: of.Label, Ours: Median(ours), Rounds: len(ours)}
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
	if g.Rule == AtMost || g.Rule == AtLeast {
		against := []float64{g.Limit}
		if best != nil && v.BestPeer != 0 {
			against = best
		}
		if against[0] != 0 {
			v.Ratio, v.Interval = v.Ours/Median(against), interval(ratios(ours, against))
		}
		v.Outcome = g.decide(ours, g.Limit, g.Rule == AtMost)
		return v
	}
	if best == nil {
		v.Err = fmt.Errorf("no peer has %s for %s", g.Metric, of.Label)
		return v
	}
	limit := g.Limit
	if g.Rule == FactorAtLeast {
		limit = 1 / limit
	}
	each := ratios(ours, best)
	v.Ratio, v.Interval = v.Ours/v.BestPeer, interval(each)
	v.Outcome = g.decide(each, limit, true)
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

// ratios returns ours/peer, round by round.
func ratios(ours, peer []float64) []float64 {
	each := make([]float64, len(ours))
	for i, o := range ours {
		each[i] = o / peer[min(i, len(peer)-1)]
	}
	return each
}

func (g Goal) flat(r *Results) Verdict {
	fit, err := r.Fit(g.Ours, g.Metric, g.Cases)
	if err != nil {
		return Verdict{Err: err}
	}
	v := Verdict{Rounds: len(fit.Rounds), Ours: fit.Exponent, Ratio: fit.Exponent, Interval: interval(fit.Rounds)}
	v.Outcome = g.decide(fit.Rounds, g.Limit, true)
	return v
}
