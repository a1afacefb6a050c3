package report

import (
	"math"

	"gonum.org/v1/plot"
)

// ticks are marks at places of one's choice.
type ticks []plot.Tick

// Ticks returns those marks.
func (t ticks) Ticks(lo, hi float64) []plot.Tick { return t }

// logTicks marks a logarithmic axis of a unit: with multiples that people use.
type logTicks struct{ unit string }

// Ticks returns the marks between lo and hi.
func (t logTicks) Ticks(lo, hi float64) []plot.Tick {
	if t.unit == "bytes" {
		return binaryTicks(lo, hi)
	}
	decades := math.Log10(hi / lo)
	every := max(1, int(math.Ceil(decades/7)))
	var out []plot.Tick
	for k := int(math.Floor(math.Log10(lo))); k <= int(math.Ceil(math.Log10(hi))); k++ {
		for m := 1; m <= 9; m++ {
			v := float64(m) * math.Pow(10, float64(k))
			tick := plot.Tick{Value: v}
			labelled := m == 1 && k%every == 0 || decades < 2.2 && (m == 2 || m == 5) || decades < 0.6
			if labelled {
				tick.Label = Humanize(v, t.unit)
			}
			if v >= lo*0.999 && v <= hi*1.001 {
				out = append(out, tick)
			}
		}
	}
	return out
}

func binaryTicks(lo, hi float64) []plot.Tick {
	first, last := int(math.Ceil(math.Log2(lo)-1e-9)), int(math.Floor(math.Log2(hi)+1e-9))
	every := 1 + (last-first)/8
	var out []plot.Tick
	for k := first; k <= last; k++ {
		tick := plot.Tick{Value: math.Exp2(float64(k))}
		if k%every == 0 {
			tick.Label = Humanize(tick.Value, "bytes")
		}
		out = append(out, tick)
	}
	return out
}

// linearTicks marks a linear axis from zero on.
type linearTicks struct{ unit string }

// Ticks returns the marks between lo and hi.
func (t linearTicks) Ticks(lo, hi float64) []plot.Tick {
	step := niceStep((hi-lo)/5, t.unit)
	var out []plot.Tick
	for v := math.Ceil(lo/step) * step; v <= hi*1.0001; v += step {
		out = append(out, plot.Tick{Value: v, Label: Humanize(v, t.unit)})
	}
	return out
}

func niceStep(least float64, unit string) float64 {
	if unit == "bytes" {
		return math.Exp2(math.Ceil(math.Log2(least)))
	}
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= least {
			return m * power
		}
	}
	return 10 * power
}

// rangeOf widens a range so that nothing lies on its edge, and makes one of a
// single value.
func logRange(lo, hi float64) (float64, float64) {
	if hi <= lo*1.0001 {
		return lo / 2, hi * 2
	}
	pad := math.Pow(hi/lo, 0.04)
	return lo / pad, hi * pad
}
