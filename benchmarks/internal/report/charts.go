package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/HdrHistogram/hdrhistogram-go"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

// charts returns the plots of an experiment's results.
func charts(r *bench.Results, looks map[string]look) []chart {
	e := r.Experiment
	var all []chart
	plotted := false
	for _, g := range groups(e) {
		if len(g.cases) > 1 {
			all, plotted = appendChart(all, scaling(r, g, looks)), true
		}
	}
	if !plotted {
		for _, of := range e.Cases {
			for _, metric := range append([]string{e.Metric}, shown(e)...) {
				all = appendChart(all, rows(r, of, metric, looks))
			}
		}
	}
	for _, of := range ends(e.Cases) {
		all = appendChart(all, latencies(r, of, looks))
		all = appendChart(all, curves(r, of, looks))
	}
	return all
}

// appendChart leaves out charts in which there is nothing.
func appendChart(all []chart, c chart) []chart {
	if len(c.series) == 0 {
		return all
	}
	return append(all, c)
}

// shown are the columns that have a plot of their own where there is one case.
func shown(e bench.Experiment) []string {
	var out []string
	for _, metric := range e.Columns {
		switch metric {
		case "worst-ns", "max-ns", "peak-rss-bytes":
			out = append(out, metric)
		}
	}
	return out
}

// ends returns the first and the last case.
func ends(cases []bench.Case) []bench.Case {
	if len(cases) > 2 {
		return []bench.Case{cases[0], cases[len(cases)-1]}
	}
	return cases
}

func newSeries(c bench.Contender, looks map[string]look) series {
	return series{name: c.Name, look: looks[c.Name], ours: c.Ours}
}

// scaling plots the metric by the axis.
func scaling(r *bench.Results, g group, looks map[string]look) chart {
	e := r.Experiment
	xUnit := ""
	if e.Axis == "size" {
		xUnit = "bytes"
	}
	metric := metricTitle(e)
	c := chart{
		title:  capital(fmt.Sprintf("%s by %s", metric, e.AxisTitle)),
		xTitle: e.AxisTitle, yTitle: metric, xUnit: xUnit, yUnit: unitOf(e, e.Metric),
		logX: true, logY: true, dots: true,
	}
	if g.title != "" {
		c.title += ", " + g.title
	}
	// A logarithmic axis has no zero: it is shown where half the least would be.
	x, least := map[string]float64{}, math.Inf(1)
	for _, of := range g.cases {
		if v := e.X(of); v > 0 {
			least = min(least, v)
		}
	}
	for _, of := range g.cases {
		v := e.X(of)
		tick := plot.Tick{Value: v, Label: Humanize(v, xUnit)}
		if v <= 0 {
			tick.Value = least / 4
		}
		x[of.Label] = tick.Value
		c.xTicks = append(c.xTicks, tick)
	}
	for _, contender := range e.Contenders {
		s := newSeries(contender, looks)
		for _, of := range g.cases {
			if sum := bench.Summarize(r.Cell(contender.Name, of.Label).Values(e.Metric)); sum.N > 0 {
				s.points = append(s.points, plotter.XY{X: x[of.Label], Y: sum.Median})
				s.low, s.high = append(s.low, sum.Min), append(s.high, sum.Max)
			}
		}
		if len(s.points) > 0 {
			c.series = append(c.series, s)
		}
	}
	return c
}

// metricTitle says what an experiment measures.
func metricTitle(e bench.Experiment) string {
	t := columnTitle(e.Metric)
	if e.LatencyTitle != "" && (e.Metric == "max-ns" || e.Metric == "worst-ns") {
		t = "longest: " + e.LatencyTitle
	}
	return t
}

// capital makes the first letter a capital.
func capital(s string) string {
	if s == "" {
		return ""
	}
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

// rows plots a metric of one case, the best first.
func rows(r *bench.Results, of bench.Case, metric string, looks map[string]look) chart {
	e := r.Experiment
	unit := unitOf(e, metric)
	title := metricTitle(e)
	if metric != e.Metric {
		title = columnTitle(metric)
		if metric == "worst-ns" || metric == "max-ns" {
			title += ": " + e.LatencyTitle
		}
	}
	c := chart{title: capital(title) + ", " + of.Label, xTitle: title, xUnit: unit, rows: true}
	least, most := math.Inf(1), 0.0
	for _, contender := range e.Contenders {
		sum := bench.Summarize(r.Cell(contender.Name, of.Label).Values(metric))
		if sum.N == 0 {
			continue
		}
		s := newSeries(contender, looks)
		s.points = plotter.XYs{{X: sum.Median}}
		s.low, s.high = []float64{sum.Min}, []float64{sum.Max}
		s.value = Humanize(sum.Median, unit)
		least, most = min(least, sum.Min), max(most, sum.Max)
		c.series = append(c.series, s)
	}
	c.logX = least > 0 && most > 5*least
	slices.SortStableFunc(c.series, func(a, b series) int {
		if e.More && metric == e.Metric {
			a, b = b, a
		}
		return cmp.Compare(a.points[0].X, b.points[0].X)
	})
	return c
}

// latencies plots the distribution of latencies of all rounds.
func latencies(r *bench.Results, of bench.Case, looks map[string]look) chart {
	e := r.Experiment
	c := chart{
		title:  capital(fmt.Sprintf("%s: how long it takes, %s", e.LatencyTitle, of.Label)),
		xTitle: "share that takes no longer", yTitle: e.LatencyTitle, yUnit: "ns", logY: true,
	}
	most := 0.0
	for _, contender := range e.Contenders {
		h := r.Cell(contender.Name, of.Label).Latencies()
		if h == nil || h.TotalCount() == 0 {
			continue
		}
		s := newSeries(contender, looks)
		s.points = distribution(h)
		most = max(most, s.points[len(s.points)-1].X)
		c.series = append(c.series, s)
	}
	c.xTicks = ticks{{Value: 0, Label: "0"}, {Value: math.Log10(2), Label: "50 %"}}
	for k := 1; float64(k) <= most; k++ {
		c.xTicks = append(c.xTicks, plot.Tick{Value: float64(k), Label: nines(k)})
	}
	return c
}

// nines returns a share with k nines as percent.
func nines(k int) string {
	switch k {
	case 1:
		return "90 %"
	case 2:
		return "99 %"
	}
	s := "99."
	for range k - 2 {
		s += "9"
	}
	return s + " %"
}

// distribution returns the latencies that a share of all do not exceed: X is
// -log10 of the others' share, so that each nine has the same room.
func distribution(h *hdrhistogram.Histogram) plotter.XYs {
	end := math.Log10(float64(h.TotalCount()))
	var all plotter.XYs
	for _, b := range h.CumulativeDistributionWithTicks(20) {
		x := end
		if b.Quantile < 100 {
			x = min(end, -math.Log10(1-b.Quantile/100))
		}
		all = append(all, plotter.XY{X: x, Y: float64(max(b.ValueAt, 1))})
	}
	return all
}

// curves plots how the work went on, of the round in the middle.
func curves(r *bench.Results, of bench.Case, looks map[string]look) chart {
	e := r.Experiment
	c := chart{
		title:  capital(fmt.Sprintf("%s by %s, %s", e.CurveY, e.CurveX, of.Label)),
		xTitle: e.CurveX, yTitle: e.CurveY,
		xUnit: unitOf(e, e.CurveXMetric), yUnit: unitOf(e, e.CurveYUnit),
	}
	for _, contender := range e.Contenders {
		cell := r.Cell(contender.Name, of.Label)
		var with []bench.Sample
		for _, s := range cell.Samples {
			if len(s.Curve) > 0 {
				with = append(with, s)
			}
		}
		if len(with) == 0 {
			continue
		}
		slices.SortStableFunc(with, func(a, b bench.Sample) int { return cmp.Compare(a.Values[e.Metric], b.Values[e.Metric]) })
		s := newSeries(contender, looks)
		for _, p := range with[len(with)/2].Curve {
			s.points = append(s.points, plotter.XY{X: p.X, Y: p.Y})
		}
		c.series = append(c.series, s)
	}
	return c
}
