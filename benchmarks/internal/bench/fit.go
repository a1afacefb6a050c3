package bench

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// Fit is a power law through the medians of a metric: y = c · x^Exponent.
type Fit struct {
	Exponent float64
	Spread   [2]float64 // least and most Exponent of one round
	R2       float64    // how well it fits, 1 is exactly
	N        int        // points
}

// Fit fits a power law to a metric of a contender over the experiment's axis, in the
// cases with these labels, or all. It needs two.
func (r *Results) Fit(contender, metric string, labels []string) (Fit, error) {
	var x []float64
	var rounds [][]float64 // of each point
	n := math.MaxInt
	for _, of := range r.Experiment.Cases {
		if len(labels) > 0 && !slices.Contains(labels, of.Label) {
			continue
		}
		values := r.Cell(contender, of.Label).Values(metric)
		if len(values) == 0 || r.Experiment.X(of) <= 0 || slices.Min(values) <= 0 {
			continue
		}
		x, rounds = append(x, math.Log(r.Experiment.X(of))), append(rounds, values)
		n = min(n, len(values))
	}
	if len(x) < 2 {
		return Fit{}, fmt.Errorf("%s: %s of %s is known for %d cases, a fit needs two", r.Experiment.Name, metric, contender, len(x))
	}
	exponent := func(pick func([]float64) float64) (b, r2 float64) {
		y := make([]float64, len(rounds))
		for i := range y {
			y[i] = math.Log(pick(rounds[i]))
		}
		a, b := stat.LinearRegression(x, y, nil, false)
		return b, stat.RSquared(x, y, nil, a, b)
	}
	f := Fit{N: len(x), Spread: [2]float64{math.Inf(1), math.Inf(-1)}}
	f.Exponent, f.R2 = exponent(Median)
	for i := range n {
		b, _ := exponent(func(v []float64) float64 { return v[i] })
		f.Spread[0], f.Spread[1] = min(f.Spread[0], b), max(f.Spread[1], b)
	}
	return f, nil
}
