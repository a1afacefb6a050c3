package bench

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Fit is a power law through the medians of a metric: y = c · x^Exponent.
type Fit struct {
	Exponent float64
	Error    float64   // half of the interval that Exponent lies in with 95 % confidence; infinite for two points
	Last     float64   // the exponent in the last decade alone, or between the last two points
	Rounds   []float64 // Exponent of each round
	R2       float64   // how well it fits, 1 is exactly
	N        int       // points
}

// Name says in a word what the exponent is. Where a fixed cost hides the growth at
// first, Last says more.
func (f Fit) Name() string { return growthName(f.Exponent) }

func growthName(exponent float64) string {
	switch {
	case exponent < -0.1:
		return "falling"
	case exponent <= 0.1:
		return "flat"
	case exponent < 0.9:
		return "below linear"
	case exponent <= 1.1:
		return "linear"
	}
	return "above linear"
}

// String returns all of it: "n^0.98 ± 0.03, linear; R² 1.00; in the last decade n^1.00,
// linear".
func (f Fit) String() string {
	return fmt.Sprintf("n^%.2f ± %.2f, %s; R² %.2f; in the last decade n^%.2f, %s",
		f.Exponent, f.Error, f.Name(), f.R2, f.Last, growthName(f.Last))
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
	logs := func(pick func([]float64) float64) []float64 {
		y := make([]float64, len(rounds))
		for i := range y {
			y[i] = math.Log(pick(rounds[i]))
		}
		return y
	}
	f := Fit{N: len(x), R2: 1}
	y := logs(Median)
	a, b := stat.LinearRegression(x, y, nil, false)
	f.Exponent, f.Error, f.Last = b, slopeError(x, y, a, b), lastDecade(x, y)
	if stat.Variance(y, nil) > 0 { // or there is nothing to explain
		f.R2 = stat.RSquared(x, y, nil, a, b)
	}
	for i := range n {
		_, b := stat.LinearRegression(x, logs(func(v []float64) float64 { return v[i] }), nil, false)
		f.Rounds = append(f.Rounds, b)
	}
	return f, nil
}

// slopeError returns half the 95 % confidence interval of the slope of the line a + b·x
// through points, by Student's t.
func slopeError(x, y []float64, a, b float64) float64 {
	free := float64(len(x) - 2)
	if free < 1 {
		return math.Inf(1)
	}
	residual, width, middle := 0.0, 0.0, stat.Mean(x, nil)
	for i := range x {
		residual += (y[i] - a - b*x[i]) * (y[i] - a - b*x[i])
		width += (x[i] - middle) * (x[i] - middle)
	}
	return distuv.StudentsT{Sigma: 1, Nu: free}.Quantile(0.975) * math.Sqrt(residual/free/width)
}

// lastDecade returns the slope of a line through the points of the last decade, or the
// last two. The points are by ascending x, which is logarithms.
func lastDecade(x, y []float64) float64 {
	from := len(x) - 2
	for from > 0 && x[from-1] >= x[len(x)-1]-math.Log(10)-1e-9 {
		from--
	}
	_, b := stat.LinearRegression(x[from:], y[from:], nil, false)
	return b
}
